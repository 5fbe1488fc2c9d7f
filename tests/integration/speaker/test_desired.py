"""Thousands of mitigations: what must stand is read, sent and taken away without anybody waiting for it."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import wait_for  # noqa: E402
from sinks import Sink  # noqa: E402

# {i} is the number of the copy.
MANY = "match destination 2001:db8:100::{i}/128 protocol =udp then discard"


class Many(Case):
    def test_the_desired_state_is_read_in_pages_and_end_of_rib_comes_after_the_last(self):
        w, count = self.world, 3000
        sink = w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        w.state.up()
        w.telemetry.up()
        w.announce("m", MANY, copies=count)
        w.state.cli("CONFIG", "RESETSTAT")
        w.write_config()
        w.start_speaker()
        wait_for("all routes", lambda: len(sink.held) == count, 60)
        wait_for("End-of-RIB of both families", lambda: len(sink.ends_of_rib) == 2)
        self.assertEqual(sink.ends_of_rib[1], count)
        # A page is of 500 at most, so the server is never blocked for long.
        scripts = w.state.cli("INFO", "commandstats").splitlines()
        calls = sum(int(line.split("calls=")[1].split(",")[0]) for line in scripts if line.startswith(("cmdstat_eval:", "cmdstat_evalsha:")))
        self.assertGreaterEqual(calls, count // 500)
        # What vanished without a word is told apart from what was never there.
        w.state.cli("DEL", "weir:mitigation:m-17")
        w.state.cli("ZREM", "weir:mitigations:active", "m-17", "m-18")
        w.speaker.kill()
        w.start_speaker()
        wait_for("both stand", lambda: len(sink.held) == count, 60)
        wait_for("one is missing", lambda: w.command(command="status")["missing"] == 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
