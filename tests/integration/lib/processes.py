"""Processes that a test starts. Each ends with the test, whatever becomes of the test: at exit by pid, by the
kernel when this process is killed, and inside a process namespace (namespace.py) together with it."""
import atexit
import ctypes
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)
_running = []


def _die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(args, log_path=None, **options):
    """Starts it in a session of its own, so that a signal to the test's group does not reach it. Only from the
    main thread: the kernel's promise to end it is tied to the thread that started it."""
    out = open(log_path, "ab") if log_path else subprocess.DEVNULL
    try:
        options.setdefault("stdout", out)
        options.setdefault("stderr", out)
        process = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, start_new_session=True,
                                   preexec_fn=_die_with_parent, **options)
    finally:
        if log_path:
            out.close()
    _running.append(process)
    return process


def end(process, limit_s=30, number=signal.SIGTERM):
    """Asks it to end and waits; killed after limit_s. Gives its exit status, None when it had to be killed."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
    return process.returncode


def end_all():
    while _running:
        end(_running.pop(), limit_s=20)


atexit.register(end_all)


def alive(pid):
    """A zombie is not alive: nobody else may reap the orphans of a process that was killed."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def session_of(pid):
    return os.getsid(pid)


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def started_at(pid):
    """Clock ticks after boot: tells a process from a later one with its pid."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return int(stat.read().rpartition(")")[2].split()[19])


def on_terminate(_number, _frame):
    raise SystemExit("terminated")


signal.signal(signal.SIGTERM, on_terminate)
