"""What goes out in one turn: jobs that are read together share UPDATEs, one alone goes at once, and a peer that takes no bytes is
nobody's business but its own."""
import os
import re
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import free_port, wait_for  # noqa: E402
from sinks import Sink  # noqa: E402
from lib import bgp  # noqa: E402

MANY = "match destination 2001:db8:100::{i}/128 protocol =udp then discard"
LIMITED = "match destination 2001:db8:100::{i}/128 protocol =udp then rate-limit 125000B/s"
LONG = "match destination 198.51.100.9/32 protocol =udp destination-port " + ",".join(f"={n}" for n in range(1000, 1060)) + \
    " packet-length ={i} then discard"
ALONE = "match destination 198.51.100.7/32 protocol =udp source-port =53 then discard"


class Deaf:
    """Reads until its session stands, and then nothing any more; its buffer is the smallest."""
    profile, extra, OWN_AS = Sink.profile, Sink.extra, Sink.OWN_AS

    def __init__(self, name, folder, address, speaker, speaker_as, own_as, dials_port=None):
        del folder, speaker, speaker_as, own_as, dials_port
        self.name, self.address, self.own_as, self.port = name, address, self.OWN_AS, free_port(address)
        self.listener, self.is_up, self.connection = socket.socket(), False, None
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, self.port))
        self.listener.listen()

    def up(self):
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            self.connection, _ = self.listener.accept()
            self.connection.sendall(bgp.open_message())
            pending = b""
            while not pending.endswith(bgp.message(bgp.KEEPALIVE)):
                pending += self.connection.recv(64)
                if len(pending) > 60 and not self.is_up:
                    self.connection.sendall(bgp.message(bgp.KEEPALIVE))
                    self.is_up = True
            while True:
                time.sleep(5)
                self.connection.sendall(bgp.message(bgp.KEEPALIVE))
        except OSError:
            pass

    def established(self):
        return self.is_up

    def end(self):
        self.listener.close()
        if self.connection is not None:
            self.connection.close()


class Turns(Case):
    def sent(self, kind, peer="sink", what="updates"):
        found = re.search(rf'weir_speaker_{what}_sent_total{{peer="{peer}",kind="{kind}"}} (\d+)', self.world.metrics())
        return int(found[1]) if found else 0

    def while_it_stands_still(self, change):
        """The change's jobs are all read at once."""
        self.world.speaker.process.send_signal(19)  # SIGSTOP
        change()
        self.world.speaker.process.send_signal(18)  # SIGCONT

    def test_jobs_that_are_read_together_share_messages(self):
        w, count = self.world, 200
        sink = w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        w.up()
        w.all_established()
        # Two actions, mixed.
        def announce():
            w.announce("a", MANY, copies=count)
            w.announce("b", LIMITED.replace("::{i}", ":1::{i}"), copies=count)
        self.while_it_stands_still(announce)
        wait_for("all routes", lambda: len(sink.held) == 2 * count)
        # What is told of them gives way to the jobs behind, and comes.
        wait_for("a result of each", lambda: w.state.cli("XLEN", "weir:results") == str(2 * count))
        # 256 jobs are read at a time; hashes of those may come in some pieces.
        self.assertLessEqual(self.sent("announce"), 16)
        def change():
            w.withdraw("a", MANY, copies=count)
            w.announce("c", ALONE)
        before = len(sink.recorder.events)
        self.while_it_stands_still(change)
        wait_for("what was withdrawn is gone", lambda: len(sink.held) == count + 1)
        self.assertLessEqual(self.sent("withdraw"), 8)
        self.assertEqual(self.sent("withdraw", what="routes"), count)
        told = [what for _, _, what, _ in sink.recorder.events[before:]]
        self.assertEqual((told.count("withdraw"), told.count("announce")), (count, 1))

    def test_a_job_alone_goes_at_once(self):
        w = self.world
        sinks = [w.peer(Sink, f"sink{n}", own_as=Sink.OWN_AS) for n in range(3)]
        w.up()
        w.all_established()
        w.announce("many", MANY, copies=300)
        wait_for("all routes", lambda: all(len(sink.held) == 300 for sink in sinks))
        before = self.job_times()
        for number in range(20):
            w.announce(f"alone-{number}", ALONE.replace("=53", f"={number}"))
        wait_for("all of them", lambda: all(self.sent("announce", sink.name, "routes") == 320 for sink in sinks))
        # By the speaker's own clock, from the entry read to the UPDATEs written: nothing waits for a tick of 50 ms.
        took = {le: n - before[le] for le, n in self.job_times().items()}
        self.assertEqual(took["+Inf"], 20)
        self.assertGreater(took["0.02"], 10, took)

    def job_times(self):
        """{seconds: jobs that took no longer}"""
        return {le: int(n) for le, n in re.findall(r'weir_speaker_job_seconds_bucket{le="([^"]+)"} (\d+)', self.world.metrics())}

    def test_a_peer_that_takes_no_bytes_keeps_nothing_from_the_others(self):
        w, count = self.world, 2000
        sink = w.peer(Sink, "sink", own_as=Sink.OWN_AS)
        deaf = w.peer(Deaf, "deaf", own_as=Sink.OWN_AS)
        w.up()
        w.all_established()
        before = w.resident_kib()
        w.announce("m", LONG, copies=count)
        wait_for("all of them at the one that listens", lambda: self.sent("announce", what="routes") >= count, 60)
        # Changed to and fro until it has no room for more; then only the last change counts there.
        revision = 1
        while self.peer_field("deaf", "pending") == "0":
            revision += 1
            self.assertLess(revision, 20, "it takes everything")
            w.announce("m", LONG.replace("discard", "rate-limit 125000B/s" if revision % 2 == 0 else "discard"), revision=revision, copies=count)
            wait_for("the change", lambda: self.sent("announce", what="routes") >= revision * count, 60)
        self.assertLessEqual(int(self.peer_field("deaf", "pending")), count)
        self.assertTrue(deaf.is_up)
        # One more goes at once.
        began = bgp.now_ms()
        w.announce("alone", ALONE)
        wait_for("it is there", lambda: "198.51.100.7" in sink.held and self.sent("announce", what="routes") > revision * count)
        arrived = [at for at, _, what, host in sink.recorder.events if what == "announce" and host == "198.51.100.7"][-1]
        self.assertLess(arrived - began, 1000)
        self.assertLess(w.resident_kib() - before, 200 * 1024)
        self.assertEqual(self.peer_field("deaf", "flaps"), "0")

    def peer_field(self, peer, name):
        def ask():
            return self.world.state.cli("HGET", f"weir:peer:sp1:{peer}", name)
        time.sleep(0.2)  # of out_results: what changed is told with the next tick
        return ask()


if __name__ == "__main__":
    unittest.main(verbosity=2)
