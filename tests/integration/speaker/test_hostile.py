"""Peers and strangers that do what they should not: each gets its answer, and nobody else notices."""
import os
import random
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import scripted  # noqa: E402
from case import Case  # noqa: E402
from daemons import GoBgp, stays, wait_for  # noqa: E402
from scripted import Scripted  # noqa: E402
from test_neighbours import refusals  # noqa: E402
from world import LOCAL_AS, RULE4, RULE6  # noqa: E402


class Hostile(Case):
    def test_each_mistake_gets_its_notification_and_others_are_untouched(self):
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp")
        cases = {name: w.peer(Scripted, name) for name in scripted.CASES}
        w.up()
        wait_for("gobgp is established", gobgp.established)
        w.announce("m-1", RULE4)
        self.present(gobgp, "198.51.100.7/32")
        for name, peer in cases.items():
            want = scripted.CASES[name].want
            wait_for(f"{name}: {want}", lambda p=peer: p.heard() is not None, 15)
            self.assertEqual(peer.heard(), want, name)
        for name, peer in cases.items():
            wait_for(f"{name}: the speaker tries again", lambda p=peer: p.connections() >= 2, 30)
        self.assertEqual(w.speaker.text().count("peer=gobgp families="), 1)
        self.assertEqual(len(gobgp.routes()), 1)
        self.assertTrue(w.speaker.running())

    def test_odd_peers_get_their_routes(self):
        w = self.world
        peers = {name: w.peer(Scripted, name) for name in scripted.ODD}
        w.up()
        w.announce("m-1", RULE4)
        for name, peer in peers.items():
            wait_for(f"{name} has the route", lambda p=peer: any(b"\xc6\x33\x64\x07" in u for u in p.updates), 15)
        stays("sessions", lambda: all(f'weir_speaker_peer_up{{peer="{n}"}} 1' in w.metrics() for n in peers if n != "hold-3"), 2)
        self.assertEqual([(n, p.heard()) for n, p in peers.items() if p.heard() and n != "hold-3"], [])

    def test_a_notification_is_not_answered(self):
        w = self.world
        peers = {name: w.peer(Scripted, name) for name in scripted.QUIET}
        w.up()
        for name, peer in peers.items():
            wait_for(f"{name}: the speaker tries again", lambda p=peer: p.connections() >= 2, 30)
            self.assertNotIn(3, peer.kinds, name)

    def collide(self, router_id, own_as=LOCAL_AS, ours_stays=None):
        """Both connections have seen an OPEN; the one of the higher identifier, or AS where they are the same, stays."""
        w = self.world
        peer = w.peer(Scripted, "collider", connect="both", own_as=own_as)
        greeting = scripted.open_message(own_as if own_as < 65536 else None, router_id=router_id)
        with socket.create_server((peer.address, peer.port)) as listener:
            listener.settimeout(20)
            w.state.up()
            w.telemetry.up()
            w.write_config()
            w.start_speaker()
            theirs, _ = listener.accept()
            with theirs, socket.socket() as ours:
                for connection in (theirs, ours):
                    connection.settimeout(10)
                self.assertEqual(scripted.next_message(theirs)[0], 1)
                theirs.sendall(greeting)
                self.assertEqual(scripted.next_message(theirs)[0], 4)
                ours.bind((peer.address, 0))
                ours.connect((w.address, w.bgp_port))
                self.assertEqual(scripted.next_message(ours)[0], 1)
                ours.sendall(greeting)
                loser, winner = (theirs, ours) if ours_stays else (ours, theirs)
                self.assertEqual(scripted.next_message(loser), (3, b"\x06\x07"))
                self.assertEqual(scripted.next_message(loser), None, "closed")
                if winner is ours:
                    self.assertEqual(scripted.next_message(ours)[0], 4)
                winner.sendall(scripted.KEEPALIVE)
                wait_for("the other is up", lambda: "peer up" in w.speaker.text())

    def test_collision_keeps_the_connection_of_the_higher_identifier(self):
        self.collide(b"\xdf\x00\x00\x01", ours_stays=True)

    def test_collision_keeps_ours_when_the_peers_identifier_is_lower(self):
        self.collide(b"\x01\x00\x00\x01", ours_stays=False)

    def test_collision_of_the_same_identifier_keeps_the_connection_of_the_higher_as(self):
        # RFC 6286, 2.3: ours is 4200000001.
        self.collide(socket.inet_aton(self.world.address), own_as=65002, ours_stays=False)

    def test_who_refuses_our_connections_may_still_connect_to_us(self):
        w = self.world
        peer = w.peer(Scripted, "notification-for-open", connect="both")
        w.up()
        wait_for("it has refused us four times", lambda: peer.connections() >= 4, 30)
        with socket.create_connection((w.address, w.bgp_port), 5, (peer.address, 0)) as ours:
            self.assertEqual(scripted.next_message(ours)[0], 1)
            ours.sendall(scripted.open_message(capabilities=scripted.FLOW) + scripted.KEEPALIVE)
            wait_for("it is up", lambda: "peer up" in w.speaker.text())

    def test_who_falls_again_and_again_is_left_alone_for_a_while(self):
        w = self.world
        peer = w.peer(Scripted, "flaps", connect="passive")
        w.up(peers_first=False)
        wait_for("it listens", lambda: "listening for peers" in w.speaker.text())

        words = []

        def comes():
            """Whether it was let in, to break the session at once."""
            with socket.create_connection((w.address, w.bgp_port), 5, (peer.address, 0)) as s:
                try:
                    said = scripted.next_message(s)
                    if said is None or said[0] != 1:
                        words.append(said)
                        return False
                    s.sendall(scripted.open_message(own_as=64999))
                    return scripted.next_message(s) == (3, b"\x02\x02")
                except ConnectionResetError:
                    return False

        self.assertEqual([comes() for _ in range(10)], [True] * 3 + [False] * 7)
        self.assertEqual(words, [(3, b"\x06\x05")] * 7, "connection rejected")
        before = refusals(w, "not-now")
        wait_for("it is let in again", comes, 10)
        self.assertGreaterEqual(before, 7)

    def test_a_session_over_ipv6(self):
        w = self.world
        peer = w.peer(Scripted, "good6", own_as=65010, address="::1")
        peer.mistake.first = scripted.open_message(own_as=65010, capabilities=bytes.fromhex("010400010085"))
        peer.mistake.after_open = scripted.KEEPALIVE
        w.up()
        w.announce("m-1", RULE4)
        w.announce("m-2", RULE6)
        wait_for("the route of the family that it has", lambda: any(b"\xc6\x33\x64\x07" in u for u in peer.updates))
        wait_for("the other", lambda: w.results("m-2").get("good6", "").startswith("refused: family"))
        self.assertIn("the peer did not agree to every family", w.speaker.text())
        # A peer without 4-octet AS numbers sees AS_TRANS in AS_PATH and the real one in AS4_PATH.
        update = [u for u in peer.updates if b"\xc6\x33\x64\x07" in u][0]
        self.assertIn(bytes.fromhex("40020402015ba0"), update)
        self.assertIn(bytes.fromhex("c011060201fa56ea01"), update)
        wait_for("end of RIB", lambda: bytes.fromhex("00000007900f0003000185") in peer.updates)
        self.assertEqual(len(peer.updates), 2)

    def test_a_peer_that_dribbles_is_no_better_than_a_silent_one(self):
        """One octet a second of a KEEPALIVE is no KEEPALIVE: the hold timer ends the session."""
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp")
        peer = w.peer(Scripted, "dribbler")
        with socket.create_server((peer.address, peer.port)) as listener:
            listener.settimeout(20)
            gobgp.up()
            w.up(peers_first=False)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(1)
                connection.sendall(scripted.open_message(hold=3) + scripted.KEEPALIVE)
                wait_for("it is up", lambda: 'weir_speaker_peer_up{peer="dribbler"} 1' in w.metrics())
                said, begin = b"", time.monotonic()
                for octet in scripted.KEEPALIVE:
                    connection.sendall(bytes([octet]))
                    try:
                        while not said.endswith(scripted.message(3, b"\x04\x00")):
                            part = connection.recv(4096)
                            said += part
                            if not part:
                                break
                    except TimeoutError:
                        continue
                    break
                self.assertTrue(said.endswith(scripted.message(3, b"\x04\x00")), said[-40:])
                self.assertLess(time.monotonic() - begin, 5)
        wait_for("gobgp is established", gobgp.established)

    def test_a_peer_that_never_reads_costs_nobody_anything(self):
        """What it costs the speaker is bounded (test_conn.c); here, that all others are served meanwhile."""
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp")
        peer = w.peer(Scripted, "deaf")
        peer.profile = gobgp.profile
        for each in (gobgp, peer):
            each.extra = ", max_routes: 20000"
        with socket.create_server((peer.address, peer.port)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            listener.settimeout(20)
            gobgp.up()
            w.up(peers_first=False)
            connection, _ = listener.accept()
            with connection:
                # No hold time: nothing but its silence is tried here, however slow the machine.
                connection.sendall(scripted.open_message(hold=0, capabilities=scripted.FLOW) + scripted.KEEPALIVE)
                wait_for("it is up", lambda: 'weir_speaker_peer_up{peer="deaf"} 1' in w.metrics())
                wait_for("gobgp is established", gobgp.established)
                w.state.cli("CONFIG", "SET", "appendfsync", "no")
                ports = ",".join(f"={port}" for port in range(10001, 10061, 2))
                for i in range(4):
                    w.put(f"m-{i}", 1, "announcing", f"match destination 198.51.100.{20 + i}/32 protocol =udp source-port ={{i}} "
                          f"destination-port {ports} then rate-limit 1250000B/s", copies=2500)
                routes = 'weir_flowspec_active_rules{peer="gobgp",family="ipv4"} 10000'
                wait_for("gobgp was sent all", lambda: routes in w.metrics(), 90)
                metrics = w.metrics()
                self.assertIn('weir_speaker_peer_up{peer="deaf"} 1', metrics)
                begin = time.monotonic()
                self.assertTrue(w.command(command="withdraw-all", who="test", why="trial")["ok"])
                wait_for("gobgp has none", lambda: 'active_rules{peer="gobgp",family="ipv4"} 0' in w.metrics(), 10)
                self.assertLess(time.monotonic() - begin, 5)

    def test_garbage_of_all_kinds_on_many_sessions(self):
        """Forty peers, each with its own damage to what a good peer says; the numbers decide, so a failure repeats."""
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp")
        peers = []
        for seed in range(40):
            chance = random.Random(seed)
            good = bytearray(scripted.open_message(capabilities=scripted.FLOW) + scripted.KEEPALIVE +
                             scripted.message(2, b"\0\0\0\0") + scripted.message(5, b"\0\1\0\x85") + scripted.KEEPALIVE * 3)
            for _ in range(chance.randint(1, 6)):
                at = chance.randrange(len(good))
                kind = chance.randrange(4)
                if kind == 0:
                    good[at] = chance.randrange(256)
                elif kind == 1:
                    del good[at:at + chance.randint(1, 30)]
                elif kind == 2:
                    good[at:at] = chance.randbytes(chance.randint(1, 300))
                else:
                    good[at] ^= 1 << chance.randrange(8)
            peer = w.peer(Scripted, f"garbage-{seed}")
            peer.mistake = scripted.Mistake(None, first=bytes(good))
            peers.append(peer)
        w.up()
        wait_for("gobgp is established", gobgp.established)
        w.announce("m-1", RULE4)
        self.present(gobgp, "198.51.100.7/32")
        wait_for("each was tried", lambda: all(p.connections() > 0 for p in peers), 20)
        stays("the speaker and gobgp", lambda: w.speaker.running() and gobgp.established(), 8)
        self.assertEqual(w.speaker.text().count("peer=gobgp families="), 1)

    def test_a_full_table_costs_no_memory(self):
        """100 MB of routes that nobody asked for; rules go out all the same."""
        w = self.world
        peer, gobgp = w.peer(Scripted, "full"), w.peer(GoBgp, "gobgp")
        prefixes = b"".join(bytes([24, 10 + i // 256, i % 256, 0]) for i in range(1000))
        attributes = b"\x40\1\1\0\x40\2\6\2\1\xfa\x56\xea\2\x40\3\4\xc0\0\2\1\x40\5\4\0\0\0\x64"
        update = scripted.message(2, b"\0\0" + len(attributes).to_bytes(2, "big") + attributes + prefixes)
        peer.mistake = scripted.Mistake(None, first=scripted.open_message(capabilities=scripted.FLOW), after_open=scripted.KEEPALIVE)
        w.up()
        wait_for("it is up", lambda: 'weir_speaker_peer_up{peer="full"} 1' in w.metrics())
        wait_for("gobgp is established", gobgp.established)
        before, times = w.resident_kib(), 100_000_000 // len(update)
        for _ in range(times // 100):
            peer.connection.sendall(update * 100)
        wait_for("all were read", lambda: f'{times // 100 * 100}' == w.state.cli("HGET", "weir:peer:sp1:full", "updates_in"), 60)
        w.announce("m-1", RULE4)
        self.present(gobgp, "198.51.100.7/32")
        wait_for("it has the route, too", lambda: any(b"\xc6\x33\x64\x07" in u for u in peer.updates))
        self.assertLess(w.resident_kib() - before, 8192)
        self.assertIsNone(peer.heard())
        self.assertIn('weir_speaker_updates_tolerated_total{peer="full",mistake="flags"} 0', w.metrics())

    def test_a_thousand_strangers_at_once(self):
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp")
        w.up()
        w.all_established()
        before = w.resident_kib()
        sockets = []
        for i in range(1000):
            s = socket.socket()
            s.setblocking(False)
            s.bind((f"{w.addresses.base.rsplit('.', 1)[0]}.{i // 200 + 1}.{i % 200 + 20}", 0))
            s.connect_ex((w.address, w.bgp_port))
            sockets.append(s)
        wait_for("counted", lambda: "weir_speaker_strangers_total 1000" in w.metrics())
        for s in sockets:
            s.close()
        self.assertLessEqual(w.speaker.text().count("connection from no peer"), 64, "the log is bounded too")
        self.assertLess(w.resident_kib() - before, 65536, "a sanitizer keeps what was freed for a while")
        self.assertTrue(gobgp.established())
        w.announce("m-1", RULE4)
        self.present(gobgp, "198.51.100.7/32")

    def test_a_thousand_connections_from_a_peer(self):
        """Its session stands; what it opens beside it is turned away, each at once."""
        w = self.world
        peer = w.peer(Scripted, "many", connect="both")
        w.up()
        wait_for("it is up", lambda: 'weir_speaker_peer_up{peer="many"} 1' in w.metrics())
        for _ in range(1000):
            with socket.socket() as s:
                s.bind((peer.address, 0))
                s.settimeout(5)
                s.connect((w.address, w.bgp_port))
        self.assertEqual(peer.connections(), 1)
        self.assertIn('weir_speaker_peer_up{peer="many"} 1', w.metrics())
        self.assertLess(len(os.listdir(f"/proc/{w.speaker.process.pid}/fd")), 100)

    def test_strangers_and_silence(self):
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp")
        w.up()
        w.all_established()
        stranger = w.addresses.take()
        for _ in range(20):
            with socket.socket() as s:
                s.bind((stranger, 0))
                s.settimeout(5)
                s.connect((w.address, w.bgp_port))
                try:
                    self.assertEqual(s.recv(100), b"")
                except ConnectionResetError:
                    pass
        wait_for("counted", lambda: "weir_speaker_strangers_total 20" in w.metrics())
        self.assertEqual(w.speaker.text().count("connection from no peer"), 1)
        self.assertTrue(gobgp.established())


if __name__ == "__main__":
    unittest.main(verbosity=2)
