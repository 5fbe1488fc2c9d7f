"""Thousands of mitigations: what must stand is read, sent and taken away without anybody waiting for it."""
import contextlib
import json
import os
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import run, stays, wait_for  # noqa: E402
from sinks import Sink, now_ms  # noqa: E402
from world import BIN  # noqa: E402

# {i} is the number of the copy.
MANY = "match destination 2001:db8:100:%d::{i}/128 protocol =udp then discard"
CHUNK = 1000
COUNT = int(os.environ.get("WEIR_TEST_ROUTES", "3000"))  # on each of four peers
# A second where nothing else runs and no sanitizer does; here only far less than a person would wait for.
LIMIT_MS = 15000
SOCKET_CLIENTS = 8  # that it takes at once


class Many(Case):
    def write(self, count):
        """Before the speaker starts."""
        w = self.world
        w.state.up()
        w.telemetry.up()
        w.state.cli("CONFIG", "SET", "appendfsync", "no")
        for chunk in range(count // CHUNK):
            w.announce(f"m{chunk}", MANY % chunk, copies=CHUNK)
        w.write_config()

    def results(self):
        """How many mitigations were said last to be so, as {(peer, result): number}."""
        last, counts = {}, {}
        lines = [line.strip() for line in self.world.state.cli("XRANGE", "weir:results", "-", "+").splitlines()]
        fields = {}
        for name, value in zip(lines, lines[1:]):
            if name in ("peer", "mitigation", "result"):
                fields[name] = value
            if name == "at":
                last[fields["peer"], fields["mitigation"]] = fields["result"]
        for (peer, _), result in last.items():
            counts[peer, result] = counts.get((peer, result), 0) + 1
        return counts

    def missing(self):
        try:
            return self.world.command(command="status")["missing"]
        except OSError:
            return None

    def test_the_desired_state_is_read_in_pages_and_end_of_rib_comes_after_the_last(self):
        w, count = self.world, 3000
        sink = w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        self.write(count)
        w.state.cli("CONFIG", "RESETSTAT")
        w.start_speaker()
        wait_for("all routes", lambda: len(sink.held) == count, 60)
        wait_for("End-of-RIB of both families", lambda: len(sink.ends_of_rib) == 2)
        self.assertEqual(sink.ends_of_rib[1], count)
        # A page is of 500 at most, so the server is never blocked for long.
        scripts = w.state.cli("INFO", "commandstats").splitlines()
        calls = sum(int(line.split("calls=")[1].split(",")[0]) for line in scripts if line.startswith(("cmdstat_eval:", "cmdstat_evalsha:")))
        self.assertGreaterEqual(calls, count // 500)
        # What vanished without a word is told apart from what was never there.
        w.state.cli("DEL", "weir:mitigation:m0-17")
        w.state.cli("ZREM", "weir:mitigations:active", "m0-17", "m0-18")
        w.speaker.kill()
        w.start_speaker()
        wait_for("both stand", lambda: len(sink.held) == count, 60)
        wait_for("one is missing", lambda: self.missing() == 1)  # the sink may not have seen yet that the first one ended

    def test_the_way_out_takes_all_routes_away_and_everybody_hears_of_it_in_the_end(self):
        """More results than the queue holds, and nobody there to hear them."""
        w, count = self.world, COUNT
        sinks = [w.peer(Sink, f"sink{i}", own_as=Sink.OWN_AS) for i in range(4)]
        self.write(count)
        w.start_speaker()
        wait_for("all routes", lambda: all(len(sink.held) == count for sink in sinks), 120)
        sent = {(sink.name, "sent"): count for sink in sinks}
        wait_for("all results", lambda: self.results() == sent, 60)
        w.state.kill()
        w.telemetry.kill()
        began = now_ms()
        answer = w.command(command="withdraw-all", who="test", why="trial")
        self.assertTrue(answer["ok"] and answer["survives_restart"])
        wait_for("no route", lambda: not any(sink.held for sink in sinks), 60)
        took_ms = max(sink.recorder.events[-1][0] for sink in sinks) - began
        print(f"{4 * count} routes were gone after {took_ms} ms")
        self.assertLess(took_ms, LIMIT_MS)
        w.speaker.kill()
        w.start_speaker()
        wait_for("sessions", lambda: all(sink.established() for sink in sinks))
        stays("the hold, over a restart", lambda: not any(sink.held for sink in sinks), 1)
        w.state.up()
        held = {(sink.name, "held"): count for sink in sinks}
        wait_for("what became of them, of all", lambda: self.results() == held, 120)
        self.assertEqual(w.command(command="resume", scope="all")["ended"], 1)
        wait_for("all routes again", lambda: all(len(sink.held) == count for sink in sinks), 120)
        wait_for("all results again", lambda: self.results() == sent, 60)
        wait_for("none waits", lambda: "weir_speaker_results_waiting 0" in w.metrics())

    def test_clients_that_hang_are_not_in_the_way_out(self):
        w = self.world
        w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        w.up()
        wait_for("the local socket", lambda: os.path.exists(w.socket))
        with contextlib.ExitStack() as stack:
            hanging = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(SOCKET_CLIENTS)]
            for client in hanging:
                client.connect(w.socket)
            began = time.monotonic()
            self.assertTrue(w.command(command="withdraw-all", who="test", why="trial")["ok"])
            self.assertLess(time.monotonic() - began, 8)
            self.assertIn("the client that was idle longest is closed", w.speaker.text())
            closed = 0
            for client in hanging:
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    closed += client.recv(1) == b""
            self.assertEqual(closed, 1, "no more than are in the way")
        # Those that come all at once and ask are answered, every one.
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(SOCKET_CLIENTS + 4)]
            for client in crowd:
                client.connect(w.socket)
                client.settimeout(10)
                client.sendall(b'{"command": "status"}\n')
            for client in crowd:
                self.assertEqual(client.recv(1), b"{")

    def test_what_no_job_has_told_is_found_and_counted(self):
        w = self.world
        sink = w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        w.up()
        w.announce("m-1", MANY.replace("{i}", "1") % 0)
        wait_for("a route", lambda: len(sink.held) == 1)
        # Only the hash, which a reading of all finds: each minute, and when a person resumes.
        w.put("m-2", 1, "announcing", MANY.replace("{i}", "2") % 0, job="none")
        stays("nobody has told of it", lambda: len(sink.held) == 1, 0.5)
        w.state.cli("XADD", "weir:stops", "*", "verb", "resume", "scope", "all")
        wait_for("both routes", lambda: len(sink.held) == 2)
        wait_for("metric", lambda: 'weir_speaker_differences_total{what="untold"} 1' in w.metrics())
        for what in ("journal", "routes"):
            self.assertIn('weir_speaker_differences_total{what="%s"} 0' % what, w.metrics())
        self.assertIn("what stood differed from what must", w.speaker.text())

    def test_a_job_whose_record_nobody_can_read_is_set_aside_and_the_next_is_done(self):
        w = self.world
        sink = w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        w.up()
        w.all_established()
        w.announce("m-1", MANY.replace("{i}", "1") % 0)
        wait_for("a route", lambda: len(sink.held) == 1)
        w.speaker.process.send_signal(signal.SIGSTOP)
        w.announce("m-2", MANY.replace("{i}", "2") % 0)
        w.state.cli("HSET", "weir:mitigation:m-2", "pb", "rubbish")
        w.announce("m-3", MANY.replace("{i}", "3") % 0)
        w.speaker.process.send_signal(signal.SIGCONT)
        wait_for("the next", lambda: len(sink.held) == 2)
        failed = wait_for("it is told of", lambda: json.loads(run(os.path.join(BIN, "weir"), "--config", w.config, "--json", "jobs", "--failed")))
        self.assertEqual([job["mitigation"] for job in failed], ["m-2"])
        self.assertIn("set aside: its record in Redis", failed[0]["results"][0]["reason"])

    def test_a_server_that_answers_an_error_is_asked_again(self):
        """As one that is busy or loading does; nothing is set aside for it."""
        w = self.world
        sink = w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        w.up()
        w.all_established()
        w.speaker.process.send_signal(signal.SIGSTOP)
        w.announce("m-1", MANY.replace("{i}", "1") % 0)
        w.state.cli("ACL", "SETUSER", "default", "-hget", "-exists")
        w.speaker.process.send_signal(signal.SIGCONT)
        stays("it cannot be read", lambda: not sink.held, 1)
        w.state.cli("ACL", "SETUSER", "default", "+hget", "+exists")
        wait_for("the route", lambda: len(sink.held) == 1)
        wait_for("it is told of", lambda: "sent" in str(w.results("m-1")))
        self.assertNotIn("set aside", w.state.cli("XRANGE", "weir:results", "-", "+"))

    def test_a_short_lease_that_is_renewed_without_a_job_does_not_end(self):
        w = self.world
        w.more_config = "methods: [{name: m, action: {discard: true}, match: {destination: infer}, lease: 8s}]\n"
        sink = w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        w.up()
        rule = MANY.replace("{i}", "1") % 0
        w.announce("m-1", rule, lease_ms=8000)
        wait_for("a route", lambda: len(sink.held) == 1)
        for revision in range(2, 8):
            w.put("m-1", revision, "announcing", rule, lease_ms=8000, job="none")
            stays("it stands", lambda: len(sink.held) == 1, 2)
        wait_for("it ends with its lease", lambda: not sink.held)


if __name__ == "__main__":
    unittest.main(verbosity=2)
