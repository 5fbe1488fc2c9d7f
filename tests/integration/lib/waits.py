"""Waiting on a condition, never for a time."""
import time


class NotSeen(AssertionError):
    """A condition did not come true within its limit."""


def wait_for(condition, limit_s, what):
    """Calls the condition until it gives something true, which is returned; NotSeen after limit_s. What it
    raises of AssertionError, LookupError, OSError and ValueError means: not yet."""
    until = time.monotonic() + limit_s
    last = None
    while True:
        try:
            result = condition()
            if result:
                return result
        except (AssertionError, LookupError, OSError, ValueError) as error:
            last = error
        if time.monotonic() > until:
            raise NotSeen(f"not seen within {limit_s} s: {what}" + (f" (last: {last})" if last else ""))
        time.sleep(0.05)


def now_ms():
    return time.time_ns() // 1000000
