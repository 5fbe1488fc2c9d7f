"""A speaker that starts announces what must stand now, not what its journal remembers."""
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import stays, wait_for  # noqa: E402
from sinks import Sink, now_ms  # noqa: E402
from world import RULE4, RULE4_LIMIT, RULE6  # noqa: E402

STANDS, ENDS, HELD = "2001:db8:100::7", "198.51.100.8", "198.51.100.7"


class Starts(Case):
    def setUp(self):
        super().setUp()
        w = self.world
        self.sink = w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        w.up()
        w.announce("m-1", RULE4)
        w.announce("m-2", RULE4_LIMIT)
        w.announce("m-3", RULE6)
        wait_for("all routes", lambda: self.sink.held == {STANDS, ENDS, HELD})
        wait_for("journal", lambda: "sent" in str(w.results("m-3")))
        w.speaker.kill()
        wait_for("the end", lambda: not self.sink.established())
        self.sink.recorder.events.clear()

    def announced(self):
        return {host for _, _, what, host in list(self.sink.recorder.events) if what == "announce"}

    def test_what_ended_or_was_held_meanwhile_is_never_announced(self):
        w = self.world
        w.withdraw("m-2", RULE4_LIMIT)
        w.state.cli("HSET", "weir:hold", "family:ipv4", "anna: trial")
        w.state.process.send_signal(signal.SIGSTOP)
        w.start_speaker()
        wait_for("the session", self.sink.established)
        stays("the state server is waited for", lambda: not self.announced(), 1)
        w.state.process.send_signal(signal.SIGCONT)
        wait_for("what stands", lambda: self.sink.held == {STANDS})
        wait_for("End-of-RIB", lambda: self.sink.ends_of_rib[-2:] == [1, 1])
        stays("nothing else comes", lambda: self.announced() == {STANDS}, 1)
        self.assertNotIn("could not be read", w.speaker.text())

    def test_without_the_state_server_the_journal_does_after_three_seconds(self):
        w = self.world
        w.state.kill()
        began_ms = now_ms()
        w.start_speaker()
        wait_for("all routes", lambda: self.sink.held == {STANDS, ENDS, HELD})
        first_ms = min(ms for ms, _, what, _ in list(self.sink.recorder.events) if what == "announce")
        self.assertGreaterEqual(first_ms - began_ms, 3000)
        self.assertIn("routes are announced as the journal has them", w.speaker.text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
