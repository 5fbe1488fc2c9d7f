"""Neighbours of a prefix: who connects from there with the right AS is a peer NAME@ADDRESS, as many as may be, and as long as needed."""
import os
import signal
import socket
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import Bird, Frr, GoBgp, run, stays, wait_for  # noqa: E402
from scripted import next_message  # noqa: E402
from test_graceful import offered  # noqa: E402
from test_neighbours import refusals  # noqa: E402
from world import BIN, LOCAL_AS, RULE4, RULE4_LIMIT  # noqa: E402


class Dynamic(Case):
    def setUp(self):
        super().setUp()
        self.more = ""

    def edge(self, *kinds):
        """Daemons that connect from the prefix; the first of them has the line of all in the configuration."""
        w = self.world
        peers = [w.peer(kind, name, dials=True) for kind, name in kinds]
        for peer in peers:
            peer.line = ""
        peers[0].line = self.line()
        return peers

    def line(self, prefix=None, **changes):
        self.prefix = prefix or f"{self.world.addresses.base}.0/24"
        return (f"  - {{name: edge, address: {self.prefix}, remote_as: {LOCAL_AS}, connect: passive, max_sessions: 3, "
                f"families: [ipv4-flowspec, ipv6-flowspec], timers: {{hold: 30s, connect_retry: 1s}}, graceful_restart: 0s{self.more}}}\n")

    def names(self):
        return sorted(p["peer"] for p in self.world.command(command="status")["peers"])

    def reload(self):
        self.world.write_config()
        self.world.speaker.process.send_signal(signal.SIGHUP)

    def test_each_is_a_peer_of_its_own_and_what_is_said_of_the_name_is_of_all(self):
        w = self.world
        peers = self.edge((GoBgp, "gobgp"), (Bird, "bird"), (Frr, "frr"))
        w.more_config = "platforms:\n  - {name: border, peers: [edge], widest: [/24, /48]}\n"
        w.up(peers_first=False)
        wait_for("it listens", lambda: "listening for peers" in w.speaker.text())
        self.assertIn("nobody of its prefix has come", run(os.path.join(BIN, "weir"), "--config", w.config, "peers"))
        for peer in peers:
            peer.up()
        w.all_established()
        self.assertEqual(self.names(), sorted(f"edge@{p.address}" for p in peers))
        w.announce("m-1", RULE4)
        w.announce("m-2", RULE4_LIMIT, peer="edge")
        for peer in peers:
            self.present(peer, "198.51.100.7/32")
            self.present(peer, "198.51.100.8/32")
        wait_for("results", lambda: w.results("m-2") == {f"edge@{p.address}": "sent" for p in peers})
        wait_for("hash", lambda: w.state.cli("HGET", f"weir:peer:sp1:edge@{peers[0].address}", "state") == "established")
        shown = run(os.path.join(BIN, "weir"), "--config", w.config, "peers")
        self.assertIn(f"edge@{peers[1].address}", shown)
        self.assertNotIn("nobody of its prefix has come", shown)
        self.assertIn(f'weir_speaker_peer_up{{peer="edge@{peers[2].address}"}} 1', w.metrics())
        self.assertTrue(w.command(command="withdraw-all", peer="edge", who="test", why="trial")["ok"])
        for peer in peers:
            self.absent(peer, "198.51.100.7/32")
        # Its line goes, and they with it.
        w.command(command="resume", scope="all")
        self.present(peers[0], "198.51.100.7/32")
        peers[0].line = f"  - {{name: other, address: 192.0.2.77, remote_as: {LOCAL_AS}}}\n"
        w.more_config = ""
        self.reload()
        wait_for("they are gone", lambda: self.names() == ["other"])
        wait_for("told so", lambda: "Received: Peer de-configured" in peers[1].text())
        stays("nobody comes back", lambda: self.names() == ["other"], 2)

    def test_no_more_than_max_sessions_and_who_never_opens_makes_room_soon(self):
        w = self.world
        bird = self.edge((Bird, "bird"))[0]
        idlers = []

        def idle():
            s = socket.socket()
            s.bind((w.addresses.take(), 0))
            s.connect((w.address, w.bgp_port))
            idlers.append(s)

        w.up(peers_first=False)
        wait_for("it listens", lambda: "listening for peers" in w.speaker.text())
        for _ in range(4):
            idle()
        wait_for("three have a place", lambda: len(self.names()) == 3)
        wait_for("one has none", lambda: refusals(w, "limit") == 1)
        idlers[-1].settimeout(5)
        self.assertEqual(next_message(idlers[-1]), (3, b"\x06\x08"), "out of resources")
        stays("no series for who may be anybody", lambda: "edge@" not in w.metrics(), 1.5)
        self.assertIn("max_sessions neighbours are there", w.speaker.text())
        bird.up()  # they stay, and say nothing
        wait_for("there is room again", bird.established, 30)
        wait_for("those who never opened are gone", lambda: self.names() == [f"edge@{bird.address}"], 30)
        for s in idlers:
            s.close()

    def test_a_password_is_of_the_whole_prefix_and_a_peer_of_its_own_goes_before(self):
        w = self.world
        path = os.path.join(w.folder, "edge.md5")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as out:
            out.write("pr3fix\n")
        self.more = f", password_file: {path}"
        gobgp, bird, none = self.edge((GoBgp, "gobgp"), (Bird, "bird"), (Bird, "none"))
        own = w.peer(Bird, "own", dials=True, connect="passive")
        with open(os.open(f"{path}.own", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as out:
            out.write("0wn\n")
        own.extra, own.password = f", password_file: {path}.own", "0wn"
        gobgp.password = bird.password = "pr3fix"
        w.up()
        for peer in (gobgp, bird, own):
            wait_for(f"{peer.name} is up", peer.established)
        stays("who does not sign is not heard", lambda: not none.established(), 2)
        self.assertEqual(self.names(), sorted([f"edge@{gobgp.address}", f"edge@{bird.address}", "own"]))

    def test_a_peer_of_its_own_and_a_narrower_prefix_take_over_who_came_before(self):
        w = self.world
        peers = self.edge((Bird, "bird"), (GoBgp, "gobgp"))
        bird, gobgp = peers
        gobgp.address = gobgp.router_id = f"{w.addresses.base}.20"
        w.up(peers_first=False)
        wait_for("it listens", lambda: "listening for peers" in w.speaker.text())
        for peer in peers:
            peer.up()
        w.all_established()
        w.announce("m-1", RULE4)
        for peer in peers:
            self.present(peer, "198.51.100.7/32")
        bird.line = (self.line() + self.line().replace(f"address: {self.prefix}", f"address: {gobgp.address}/31")
                     .replace("name: edge", "name: near"))
        gobgp.line = self.line().replace(f"address: {self.prefix}", f"address: {bird.address}").replace("name: edge", "name: own")
        self.reload()
        wait_for("they have taken over", lambda: self.names() == sorted([f"near@{gobgp.address}", "own"]))
        w.all_established()
        for peer in peers:
            self.present(peer, "198.51.100.7/32")
        stays("no other", lambda: self.names() == sorted([f"near@{gobgp.address}", "own"]), 1.5)

    def test_a_narrower_prefix_without_its_password_leaves_its_routers_to_no_wider_one(self):
        w = self.world
        path = os.path.join(w.folder, "near.md5")
        bird, far = self.edge((Bird, "bird"), (Bird, "far"))
        bird.address = bird.router_id = f"{w.addresses.base}.20"
        bird.line = (self.line() + self.line().replace(f"address: {self.prefix}", f"address: {bird.address}/31")
                     .replace("name: edge", "name: near").replace("}}", "}").replace("graceful_restart: 0s", f"graceful_restart: 0s, password_file: {path}"))
        w.up()
        wait_for("the one of the wider prefix", far.established)
        wait_for("the other is turned away", lambda: refusals(w, "unsigned") > 0)
        self.assertIn("No such file", [l for l in w.speaker.text().splitlines() if "connection of a peer refused" in l][0])
        stays("nobody of the narrower one", lambda: self.names() == [f"edge@{far.address}"], 2)
        self.assertFalse(bird.established())

    def test_who_comes_after_a_restart_is_told_of_it(self):
        w = self.world
        bird = self.edge((Bird, "bird"))[0]
        bird.line = bird.line.replace("graceful_restart: 0s", "graceful_restart: 60s")

        def restarted():
            with socket.create_connection((w.address, w.bgp_port), 5, (w.addresses.take(), 0)) as s:
                return offered(next_message(s)[1])[0]

        w.up(peers_first=False)
        wait_for("it listens", lambda: "listening for peers" in w.speaker.text())
        self.assertIs(restarted(), False)
        w.speaker.end()  # the journal has what a restart is known by
        w.start_speaker()
        wait_for("it listens again", lambda: w.speaker.text().count("listening for peers") == 2)
        self.assertIs(restarted(), True)

    def test_another_as_is_no_neighbour(self):
        w = self.world
        peers = self.edge((Bird, "bird"))
        other = w.peer(Bird, "other", own_as=65009, dials=True)
        other.line = ""
        w.up()
        wait_for("the right one", peers[0].established)
        wait_for("the other is told", lambda: "Bad peer AS" in other.text())
        stays("no session", lambda: not other.established(), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
