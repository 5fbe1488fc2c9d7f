"""How sessions end, and what peers keep of them: words to people, and routes over a restart of the speaker."""
import datetime
import os
import re
import signal
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import scripted  # noqa: E402
from case import Case  # noqa: E402
from daemons import Bird, Frr, GoBgp, stays, wait_for  # noqa: E402
from lib import witnesses  # noqa: E402
from lib.waits import now_ms  # noqa: E402
from scripted import Scripted  # noqa: E402
from world import RULE4, RULE4_LIMIT, RULE6  # noqa: E402

STANDS4, ENDS, STANDS6 = "198.51.100.7", "198.51.100.8", "2001:db8:100::7"


class Words(Case):
    """RFC 9003, both ways."""

    def last_error(self, name):
        return self.world.state.cli("HGET", f"weir:peer:sp1:{name}", "last_error")

    def test_what_a_peer_says_is_shown_and_harms_nobody(self):
        w = self.world
        text = "Störung bis 6 Uhr".encode() + b"\x1b[2J\n\xff"
        notice = scripted.message(3, b"\x06\x02" + bytes([len(text)]) + text)
        peer = w.peer(Scripted, "talker")
        peer.mistake = scripted.Mistake(None, then=notice)
        w.up()
        said = "received: cease: administrative shutdown, saying 'Störung bis 6 Uhr?[2J??'"
        wait_for("shown", lambda: said in self.last_error("talker"))
        self.assertIn(said.split(": ", 1)[1], w.speaker.text())
        self.assertNotIn("\x1b", w.speaker.text())

    def test_peers_are_told_why_we_leave(self):
        w = self.world
        bird, frr = w.peer(Bird, "bird"), w.peer(Frr, "frr", own_as=65002)
        peer = w.peer(Scripted, "listener")
        w.settings["shutdown"] = "withdraw"
        w.up()
        wait_for("all are established", lambda: bird.established() and frr.established() and
                 'weir_speaker_peer_up{peer="listener"} 1' in w.metrics())
        w.speaker.end()
        text = b"weir ends, its routes are withdrawn"
        wait_for("told", lambda: peer.last_words is not None)
        self.assertEqual(peer.last_words, b"\x06\x02" + bytes([len(text)]) + text)
        shown = bird.cli("show", "protocols", "all", "spk")
        self.assertIn("Administrative shutdown", shown)
        self.assertIn(text.decode(), shown)
        wait_for("frr", lambda: "(Cease/Administrative Shutdown)" in frr.cli(f"show bgp neighbors {frr.speaker}"), 5)

    def test_what_daemons_say_when_their_operators_end_a_session(self):
        w = self.world
        bird, gobgp, frr = w.peer(Bird, "bird"), w.peer(GoBgp, "gobgp"), w.peer(Frr, "frr", own_as=65002)
        w.up()
        w.all_established()
        bird.cli("disable", "spk", '"new cards at 6"')
        gobgp.cli("neighbor", w.address, "disable")
        frr.cli("configure terminal", f"router bgp {frr.own_as}", f"neighbor {w.address} shutdown message new paint at 8")
        for name, said in (("bird", ", saying 'new cards at 6'"), ("gobgp", ""), ("frr", ", saying 'new paint at 8'")):
            told = f"before: received: cease: administrative shutdown{said}"
            wait_for(f"{name}: an attempt to connect, and {told}", lambda n=name, t=told: self.last_error(n).endswith(t), 10)


class Restart(Case):
    """The routes that stand do so throughout; one that has ended meanwhile goes after End-of-RIB."""

    def setUp(self):
        super().setUp()
        w = self.world
        self.gobgp, self.gobgp_n = w.peer(GoBgp, "gobgp"), w.peer(GoBgp, "gobgp-n")
        self.gobgp.keeps, self.gobgp_n.keeps = "RFC 4724", "RFC 8538"
        self.bird, self.frr = w.peer(Bird, "bird", own_as=65003), w.peer(Frr, "frr", own_as=65002)
        self.frr.keeps = True
        for peer in w.peers:
            peer.graceful_restart = "60s"
        w.up()
        w.all_established()
        self.keepers = (self.gobgp, self.gobgp_n, self.bird)
        self.seen = {peer: kind(peer) for peer, kind in (
            (self.gobgp, witnesses.GobgpWitness), (self.gobgp_n, witnesses.GobgpWitness),
            (self.bird, witnesses.BirdWitness), (self.frr, witnesses.FrrWitness))}
        w.announce("m-1", RULE4)
        w.announce("m-2", RULE4_LIMIT)
        w.announce("m-3", RULE6)
        self.all_have({STANDS4, ENDS, STANDS6})

    def tearDown(self):
        for witness in self.seen.values():
            witness.stop()
        super().tearDown()

    def all_have(self, hosts, limit_s=20):
        for peer, witness in self.seen.items():
            wait_for(f"{peer.name} has {hosts}", lambda x=witness: x.history.held == hosts, limit_s)

    def up_ms(self, name):
        """When the speaker last said that this session is up."""
        said = re.findall(rf'(?m)^(\S+)Z info speaker "peer up" peer={name} ', self.world.speaker.text())[-1]
        return int(datetime.datetime.fromisoformat(said + "+00:00").timestamp() * 1000)

    def comes_back(self):
        """After an end of the process: what stands has no gap but on FRR, where it is short, what ended is gone."""
        w, ended_ms = self.world, now_ms()
        for peer in self.keepers:
            wait_for(f"{peer.name} sees the end", lambda p=peer: not p.established(), 10)
        w.withdraw("m-2", RULE4_LIMIT)
        stays("routes of a speaker that is gone", lambda: all(
            self.seen[p].history.held == {STANDS4, ENDS, STANDS6} for p in self.keepers), 2)
        w.start_speaker()
        w.all_established(30)
        self.all_have({STANDS4, STANDS6})
        for peer in self.keepers:
            for host in (STANDS4, STANDS6):
                gaps = self.seen[peer].history.gaps(host, ended_ms - 5000, now_ms())
                self.assertEqual(gaps, [], f"{peer.name} {host}")
        for host in (STANDS4, STANDS6):
            since_ms, gap_ms = self.seen[self.frr].history.gaps(host, ended_ms - 5000, now_ms())[0]
            back_ms = since_ms + gap_ms - self.up_ms("frr")
            print(f"frr: {host} away for {gap_ms} ms, there {back_ms} ms after the session")
            if os.getloadavg()[0] < os.cpu_count():  # else it is the machine that is measured
                self.assertLess(back_ms, 1000)
        self.assertTrue(all(p.established() for p in w.peers))

    def test_after_kill(self):
        self.world.speaker.kill()
        self.comes_back()

    def test_after_a_planned_stop_that_keeps(self):
        self.world.speaker.end()
        self.comes_back()
        self.assertNotIn("hard reset", self.gobgp_n.text())

    def test_a_stop_that_withdraws_and_a_peer_that_is_deconfigured_keep_nothing(self):
        w = self.world
        w.peers.remove(self.gobgp_n)
        w.write_config()
        w.speaker.process.send_signal(signal.SIGHUP)
        wait_for("gobgp-n keeps nothing", lambda: self.seen[self.gobgp_n].history.held == frozenset(), 5)
        self.assertEqual(len(self.seen[self.gobgp].history.held), 3)
        w.peers.append(self.gobgp_n)
        w.settings["shutdown"] = "withdraw"
        w.write_config()
        w.speaker.process.send_signal(signal.SIGHUP)
        self.all_have({STANDS4, ENDS, STANDS6})
        w.speaker.end()
        self.all_have(set(), 5)

    def test_another_setting_of_a_session_costs_no_route(self):
        w, before_ms = self.world, now_ms()
        for peer in w.peers:
            peer.graceful_restart = "50s"
        w.write_config()
        w.speaker.process.send_signal(signal.SIGHUP)
        wait_for("new sessions", lambda: all(w.speaker.text().count(f"peer={p.name} families=") == 2 for p in w.peers), 20)
        self.all_have({STANDS4, ENDS, STANDS6})
        for peer in self.keepers:
            self.assertEqual(self.seen[peer].history.gaps(STANDS4, before_ms, now_ms()), [], peer.name)


BOTH = scripted.FLOW + b"\x01\x04\0\2\0\x85"
GRACEFUL = b"\x40\x02\x00\x78"  # 120 s; the peer announces nothing that could be kept
OVER_NOTIFICATION = b"\x40\x02\x40\x78"


def offered(body):
    """(restarted, over notification, seconds, [(AFI, SAFI, flags)]) of an OPEN's capability 64, or None."""
    capabilities = body[12:]
    while capabilities:
        code, length = capabilities[:2]
        value, capabilities = capabilities[2:2 + length], capabilities[2 + length:]
        if code == 64:
            head = struct.unpack("!H", value[:2])[0]
            families = [struct.unpack("!HBB", value[at:at + 4]) for at in range(2, len(value), 4)]
            return bool(head & 0x8000), bool(head & 0x4000), head & 0xfff, families
    return None


class Octets(Case):
    """What the wire shows, to a peer that speaks by hand."""

    def peer(self, name, capabilities=GRACEFUL, restart="60s"):
        peer = self.world.peer(Scripted, name)
        peer.graceful_restart = restart
        peer.mistake = scripted.Mistake(None, first=scripted.open_message(capabilities=BOTH + capabilities),
                                        after_open=scripted.KEEPALIVE)
        return peer

    def up(self, name, times=1):
        wait_for(f"{name} is up", lambda: self.world.speaker.text().count(f'"peer up" peer={name} ') == times, 20)

    def end_of_rib(self, peer):
        return [u for u in peer.updates if u in (b"\0\0\0\x07\x90\x0f\0\x03\0\x01\x85", b"\0\0\0\x07\x90\x0f\0\x03\0\x02\x85")]

    def test_open_says_what_is_kept_and_a_restart_only_once(self):
        w = self.world
        peer, off = self.peer("graceful"), self.peer("off", restart="0s")
        w.more_config = "methods: [{name: m, action: {discard: true}, match: {destination: infer}, lease: 30s}]\n"
        w.up()
        self.up("graceful")
        families = [(1, 133, 0x80), (2, 133, 0x80)]
        self.assertEqual(offered(peer.opens[-1]), (False, True, 30, families), "no longer than the shortest lease")
        self.assertIsNone(offered(off.opens[-1]))
        w.announce("m-1", RULE4)
        wait_for("announced", lambda: any(b"\xc6\x33\x64\x07" in u for u in peer.updates))
        w.speaker.kill()
        peer.updates.clear()
        w.start_speaker()
        wait_for("End-of-RIB", lambda: len(self.end_of_rib(peer)) == 2)
        self.assertEqual(offered(peer.opens[-1]), (True, True, 30, families))
        self.assertIn(b"\xc6\x33\x64\x07", peer.updates[0], "routes come before End-of-RIB")
        opens = len(peer.opens)
        peer.connection.shutdown(socket.SHUT_RDWR)
        wait_for("again", lambda: len(peer.opens) > opens)
        self.assertEqual(offered(peer.opens[-1])[0], False, "it has restarted once")

    def ends(self, name, capabilities, settings=None, restart="60s"):
        """The last words that a peer hears when the speaker is ended."""
        w = self.world
        peer = self.peer(name, capabilities, restart)
        w.settings.update(settings or {})
        w.up()
        self.up(name)
        w.speaker.end()
        wait_for("closed", lambda: peer.closed)
        return peer.last_words

    def test_a_stop_that_keeps_says_nothing_to_a_peer_that_would_drop_all(self):
        self.assertIsNone(self.ends("plain", GRACEFUL))

    def test_a_stop_that_keeps_says_why_where_that_keeps(self):
        text = b"weir restarts"
        self.assertEqual(self.ends("n", OVER_NOTIFICATION), b"\x06\x04" + bytes([len(text)]) + text)

    def test_a_stop_that_keeps_says_why_where_nothing_is_kept(self):
        text = b"weir restarts"
        self.assertEqual(self.ends("none", b""), b"\x06\x04" + bytes([len(text)]) + text)

    def test_a_stop_that_withdraws_is_a_hard_reset(self):
        text = b"weir ends, its routes are withdrawn"
        self.assertEqual(self.ends("n", OVER_NOTIFICATION, {"shutdown": "withdraw"}),
                         b"\x06\x09\x06\x02" + bytes([len(text)]) + text)

    def test_end_of_rib_comes_in_the_end_without_the_state_server(self):
        w = self.world
        peer = self.peer("waits", restart="6s")
        w.up()
        w.announce("m-1", RULE4)
        wait_for("End-of-RIB", lambda: len(self.end_of_rib(peer)) == 2)
        wait_for("journal", lambda: os.path.getsize(os.path.join(w.folder, "speaker.journal")) > 200)
        w.speaker.kill()
        w.state.kill()
        peer.updates.clear()
        w.start_speaker()
        wait_for("the route of the journal", lambda: any(b"\xc6\x33\x64\x07" in u for u in peer.updates))
        begin = time.monotonic()
        self.assertEqual(self.end_of_rib(peer), [], "not all is known")
        wait_for("End-of-RIB", lambda: len(self.end_of_rib(peer)) == 2)
        self.assertGreater(time.monotonic() - begin, 1.5)

    def test_a_peer_that_begins_anew_is_not_kept_waiting(self):
        """A router that lost its power says no goodbye: its new connection is the first that is heard of it."""
        w = self.world
        peer = self.peer("rebooted")
        peer.connect = "both"
        w.up()
        w.announce("m-1", RULE4)
        wait_for("announced", lambda: any(b"\xc6\x33\x64\x07" in u for u in peer.updates))
        with self.connect(peer):
            stays("a connection that comes right away is not that", lambda: not peer.closed, 1)
        time.sleep(5)
        with self.connect(peer) as bare, self.connect(peer) as s:
            self.assertEqual([scripted.next_message(bare) for _ in range(3)][1:], [(3, b"\x06\x07"), None], "there is a newer one")
            stays("nor is one on which nothing is said", lambda: not peer.closed, 1)
            self.begin_anew(s)
        wait_for("the old one is closed", lambda: peer.closed)
        self.assertIsNone(peer.last_words)

    def connect(self, peer):
        s = socket.socket()
        s.bind((peer.address, 0))
        s.settimeout(10)
        s.connect((self.world.address, self.world.bgp_port))
        return s

    def begin_anew(self, s):
        """Until the route and End-of-RIB of both families are there."""
        s.sendall(scripted.open_message(capabilities=BOTH + b"\x40\x02\x80\x78") + scripted.KEEPALIVE)
        heard = []
        while not any(kind == 2 and b"\xc6\x33\x64\x07" in body for kind, body in heard):
            heard.append(scripted.next_message(s))
        while len([body for kind, body in heard if kind == 2 and len(body) == 11]) < 2:
            heard.append(scripted.next_message(s))

    def test_one_that_opens_its_sessions_itself_is_not_kept_waiting(self):
        w = self.world
        peer = self.peer("rebooted")
        peer.connect = "passive"
        w.up()
        wait_for("it listens", lambda: "listening for peers" in w.speaker.text())
        w.announce("m-1", RULE4)
        with self.connect(peer) as lost, self.connect(peer) as first:
            self.begin_anew(first)  # in place of a connection that was lost before its OPEN
            self.assertEqual([scripted.next_message(lost) for _ in range(3)][1:], [(3, b"\x06\x07"), None])
            for times in (2, 3):
                time.sleep(5.5)
                with self.connect(peer) as bare:
                    self.assertEqual(scripted.next_message(bare)[0], 1)
                    bare.sendall(scripted.open_message(own_as=64999))
                    self.assertEqual(scripted.next_message(bare)[1][:2], b"\x02\x02", "an OPEN of another")
                self.assertNotIn("peer down", self.world.speaker.text().split("peer up")[-1])
                second = self.connect(peer)
                self.addCleanup(second.close)
                self.begin_anew(second)
                self.up("rebooted", times)
                while (said := scripted.next_message(first)) is not None:
                    self.assertNotEqual(said[0], 3, "it is gone, and told nothing")
                first.close()
                first = second


if __name__ == "__main__":
    unittest.main(verbosity=2)
