"""A speaker that starts announces what must stand now, not what its journal remembers; and what the state server has lost
it keeps and offers."""
import os
import signal
import sys
import time
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


    def test_withdraw_all_after_a_start_waits_for_nothing(self):
        """What the routers keep of before goes with End-of-RIB."""
        w = self.world
        w.state.process.send_signal(signal.SIGSTOP)
        self.addCleanup(w.state.process.send_signal, signal.SIGCONT)
        w.start_speaker()
        wait_for("the session", self.sink.established)
        self.sink.ends_of_rib.clear()
        self.assertTrue(w.command(command="withdraw-all", who="test", why="trial")["ok"])
        wait_for("End-of-RIB", lambda: self.sink.ends_of_rib, 2)
        self.assertNotIn("could not be read", w.speaker.text(), "nor for the end of the wait")
        self.assertEqual(self.announced(), set())
        w.speaker.kill()
        wait_for("the end", lambda: not self.sink.established())
        self.sink.ends_of_rib.clear()
        w.start_speaker()  # the hold is in the journal
        wait_for("End-of-RIB", lambda: self.sink.ends_of_rib, 30)
        self.assertNotIn("could not be read", w.speaker.text().split("restart")[-1])
        self.assertEqual(self.announced(), set())


class Lost(Case):
    """The state server is emptied while three routes stand, and there is no policy that knows them."""

    def setUp(self):
        super().setUp()
        w = self.world
        self.sink = w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        w.settings["shutdown"] += "\n  orphan_max: 20s"
        w.up()
        w.announce("m-1", RULE4)
        w.announce("m-2", RULE4_LIMIT)
        w.announce("m-3", RULE6)
        wait_for("all routes", lambda: self.stands() and "sent" in str(w.results("m-3")))
        w.state.cli("FLUSHALL")
        self.lost_at = time.monotonic()
        wait_for("it is known", lambda: "weir_speaker_missing_mitigations 3" in w.metrics())

    def stands(self):
        return self.sink.held == {STANDS, ENDS, HELD}

    def leads(self, epoch):
        self.world.state.cli("SET", "weir:epoch:policy", str(epoch))
        self.world.state.cli("SET", "weir:lease:policy", "another")

    def offers(self):
        """[(epoch, mitigation)] so far."""
        lines = [line.strip() for line in self.world.state.cli("XRANGE", "weir:results", "-", "+").splitlines()]
        fields, offers = {}, []
        for name, value in zip(lines, lines[1:]):
            fields[name] = value
            if name == "epoch" and fields.get("result") == "offered":
                offers.append((int(value), fields["mitigation"]))
        return sorted(offers)

    def test_each_leader_is_offered_once_what_was_lost(self):
        w, epoch = self.world, now_ms() + 1000000
        names = ["m-1", "m-2", "m-3"]
        stays("nobody leads, nobody is offered anything", lambda: not self.offers(), 1.5)
        self.leads(epoch)
        wait_for("offers", lambda: self.offers() == [(epoch, name) for name in names])
        self.assertIn("what the state server has lost is offered to policy", w.speaker.text())
        # One is adopted, with the next leader's fewer revisions; the others are offered to that one again, and to a
        # third when the server was away.
        w.state.cli("DEL", "weir:lease:policy")
        w.announce("m-2", RULE4_LIMIT)
        wait_for("it is known again", lambda: "weir_speaker_missing_mitigations 2" in w.metrics())
        self.leads(epoch + 5)
        both = [(epoch + 5, name) for name in ("m-1", "m-3")]
        wait_for("offers again", lambda: [o for o in self.offers() if o[0] == epoch + 5] == both)
        stays("once", lambda: [o for o in self.offers() if o[0] == epoch + 5] == both, 2)
        self.assertTrue(self.stands())
        self.assertEqual([what for _, _, what, _ in self.sink.recorder.events].count("withdraw"), 0)

    def test_without_policy_it_stands_until_orphan_max(self):
        stays("all routes", self.stands, 15 - (time.monotonic() - self.lost_at))
        wait_for("they go", lambda: not self.sink.held, 15)
        self.assertGreater(time.monotonic() - self.lost_at, 18)
        self.assertIn("orphan_max: no contact", self.world.speaker.text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
