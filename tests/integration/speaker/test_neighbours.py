"""How a session reaches its neighbour: TTL, device, IPv6, against GoBGP, FRR and BIRD, in a network namespace of its own."""
import os
import shutil
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import Bird, Frr, GoBgp, run, stays, wait_for  # noqa: E402
from world import RULE4, RULE6  # noqa: E402

TCP_SAVE_SYN, TCP_SAVED_SYN = 27, 28
OWN_NAMESPACE = "WEIR_OWN_NAMESPACE"


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def refusals(world, reason):
    line = f'weir_speaker_connections_refused_total{{reason="{reason}"}} '
    return int([l for l in world.metrics().splitlines() if l.startswith(line)][0].split()[-1])


class Listener:
    """Waits for one connection and shows the headers of its SYN."""

    def __init__(self, address, ttl):
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.socket.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)
        if ":" not in address:
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)  # of its answers
        self.socket.bind((address, 0))
        self.socket.listen()
        self.socket.settimeout(20)
        self.address, self.port = address, self.socket.getsockname()[1]

    def syn(self):
        with self.socket, self.socket.accept()[0] as taken:
            return taken.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, 512)


class Silent:
    """A neighbour that this test plays itself."""
    profile = "generic"

    def __init__(self, name, listener, own_as, extra=""):
        self.name, self.address, self.port, self.own_as = name, listener.address, listener.port, own_as
        self.extra, self.connect = extra, "active"

    def up(self):
        pass

    def end(self):
        pass


class Distance(Case):
    def test_syn_shows_the_ttl_and_cs6(self):
        w = self.world
        cases = [("ibgp", w.addresses.take(), 4200000001, "", 64), ("ebgp", w.addresses.take(), 65001, "", 1),
                 ("far", w.addresses.take(), 65002, ", multihop: 5", 5),
                 ("gtsm", w.addresses.take(), 65003, ", gtsm_hops: 2", 255), ("six", "::1", 65004, ", multihop: 7", 7)]
        listeners = {}
        for name, address, own_as, extra, ttl in cases:
            listeners[name] = Listener(address, ttl)
            peer = Silent(name, listeners[name], own_as, extra)
            peer.local = "::1" if ":" in address else w.address
            w.peers.append(peer)
        w.up()
        for name, address, _, _, ttl in cases:
            syn = listeners[name].syn()
            if ":" in address:
                self.assertEqual((syn[7], (syn[0] & 15) << 4 | syn[1] >> 4), (ttl, 0xc0), name)
            else:
                self.assertEqual((syn[8], syn[1]), (ttl, 0xc0), name)

    def test_gtsm_both_ways_with_each_daemon(self):
        w = self.world
        for kind, name, own_as in ((GoBgp, "gobgp", 65001), (Frr, "frr", 65002), (Bird, "bird", 65003)):
            for way, options in (("out", {}), ("in", {"connect": "passive", "dials": True})):
                peer = w.peer(kind, f"{name}-{way}", own_as=own_as, **options)
                peer.gtsm, peer.extra = True, ", gtsm_hops: 1"
        w.up()
        w.all_established(30)
        w.announce("m-1", RULE4)
        for peer in w.peers:
            self.present(peer, "198.51.100.7/32")

    def test_who_demands_gtsm_does_not_meet_who_has_it_not(self):
        w = self.world
        bird = w.peer(Bird, "bird", own_as=65003)
        bird.gtsm = True
        w.up()
        stays("no session", lambda: not bird.established(), 4)

    def test_a_neighbour_from_farther_away_than_gtsm_hops_says_is_refused(self):
        w = self.world
        peer = w.peer(Bird, "near", own_as=65003, connect="passive")
        peer.extra = ", gtsm_hops: 2"
        w.up(peers_first=False)
        wait_for("it listens", lambda: "listening for peers" in w.speaker.text())

        def dial(ttl):
            s = socket.socket()
            s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            s.bind((peer.address, 0))
            s.settimeout(5)
            s.connect((w.address, w.bgp_port))
            return s

        with dial(253) as far:
            try:
                self.assertEqual(far.recv(1), b"")
            except ConnectionResetError:
                pass
        wait_for("counted", lambda: refusals(w, "too-far") == 1)
        self.assertIn("it comes from farther away than gtsm_hops says", w.speaker.text())
        with dial(254) as near:
            self.assertEqual(near.recv(19)[18], 1, "an OPEN")
            # What comes from farther away later is not heard: a message of rubbish gets no answer.
            near.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 253)
            near.sendall(b"\0" * 19)
            near.settimeout(1.5)
            try:
                rest = near.recv(4096)
                while rest[-21:-2] != b"" and len(rest) < 60:
                    rest += near.recv(4096)
            except TimeoutError:
                rest = b""
            self.assertNotIn(b"\x00\x15\x03", rest, "no NOTIFICATION")
            near.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 254)
            wait_for("heard now", lambda: "notification sent" in w.speaker.text())


class Transport(Case):
    def test_ipv6_both_ways_with_each_daemon(self):
        w = self.world
        own = "2001:db8:ffff::1"
        ip("address", "add", f"{own}/128", "dev", "lo", "nodad")
        w.more_listen = [f"[{own}]:{w.bgp_port}"]
        for number, (kind, name) in enumerate(((GoBgp, "gobgp"), (Frr, "frr"), (Bird, "bird"))):
            for way, options in (("out", {}), ("in", {"connect": "passive", "dials": True})):
                address = f"2001:db8:ffff::{number + 2}{'a' if way == 'in' else 'b'}"
                ip("address", "add", f"{address}/128", "dev", "lo", "nodad")
                peer = w.peer(kind, f"{name}-{way}", address=address, **options)
                peer.speaker = peer.local = own
        w.up()
        w.all_established(30)
        w.announce("m-1", RULE6)
        for peer in w.peers:
            self.present(peer, "2001:db8:100::7/128", 6)

    def test_a_link_local_neighbour_by_its_device_both_ways(self):
        w = self.world
        far = subprocess.Popen(["unshare", "--net", "sleep", "600"])
        try:
            wait_for("the other namespace", lambda: os.readlink(f"/proc/{far.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
            inside = ("nsenter", "--target", str(far.pid), "--net")
            ip("link", "add", "near0", "type", "veth", "peer", "name", "far0", "netns", str(far.pid))
            ip("address", "add", "fe80::1/64", "dev", "near0", "nodad")
            ip("link", "set", "near0", "up")
            for command in (["link", "set", "lo", "up"], ["address", "add", "fe80::2/64", "dev", "far0", "nodad"],
                            ["link", "set", "far0", "up"]):
                subprocess.run([*inside, "ip", *command], check=True)
            w.more_listen = [f"[::]:{w.bgp_port}"]
            out, back = w.peer(Bird, "out", own_as=65001), w.peer(Bird, "back", own_as=65002, connect="passive", dials=True)
            back.port = out.port
            ways = (out, w), (back, None)
            for peer, _ in ways:
                peer.hops = "direct"
                peer.inside, peer.address, peer.local, peer.speaker = inside, "fe80::2", "fe80::1", "fe80::1%far0"
                peer.extra = ", device: near0"
            w.peers.remove(back)
            w.up()
            w.all_established()
            w.announce("m-1", RULE4)
            self.present(out, "198.51.100.7/32")
            out.end()
            w.peers[:] = [back]
            w.write_config()
            w.speaker.process.send_signal(1)
            back.up()
            wait_for("it comes by its device", back.established)
            self.present(back, "198.51.100.7/32")
            self.assertIn("device=near0", w.speaker.text())
        finally:
            far.kill()
            far.wait()

    def test_a_device_that_is_not_there_is_said_and_waited_for(self):
        w = self.world
        bird = w.peer(Bird, "bird", connect="both", dials=False)
        bird.extra = ", device: later0"
        other = w.peer(GoBgp, "gobgp")
        w.up()
        wait_for("the other peer is up", other.established)
        wait_for("said", lambda: "device later0: No such device" in
                 [p for p in w.command(command="status")["peers"] if p["peer"] == "bird"][0]["last_error"])
        self.assertIn("cannot listen for peers", w.speaker.text())
        ip("link", "add", "later0", "type", "veth", "peer", "name", "later1")
        ip("link", "set", "later0", "up")
        wait_for("it listens there", lambda: "device=later0" in [l for l in w.speaker.text().splitlines() if "listening for peers" in l][-1])
        self.assertTrue(other.established())


    def test_a_device_that_is_made_again_is_listened_at_again(self):
        w = self.world
        far = subprocess.Popen(["unshare", "--net", "sleep", "600"])
        inside = ("nsenter", "--target", str(far.pid), "--net")

        def make():
            ip("link", "add", "again0", "type", "veth", "peer", "name", "far0", "netns", str(far.pid))
            ip("address", "add", "10.77.7.1/24", "dev", "again0")
            ip("link", "set", "again0", "up")
            for command in (["address", "add", "10.77.7.2/24", "dev", "far0"], ["link", "set", "far0", "up"]):
                subprocess.run([*inside, "ip", *command], check=True)

        try:
            wait_for("the other namespace", lambda: os.readlink(f"/proc/{far.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
            subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
            make()
            w.more_listen = [f"0.0.0.0:{w.bgp_port + 1}"]
            bird = w.peer(Bird, "bird", own_as=65001, connect="passive", dials=True)
            bird.inside, bird.address, bird.local, bird.speaker = inside, "10.77.7.2", "10.77.7.1", "10.77.7.1"
            bird.dials_port, bird.extra, bird.router_id = w.bgp_port + 1, ", device: again0", "10.77.7.2"
            bird.graceful_restart = "60s"  # its next OPEN ends the session that went with the device
            w.up()
            w.all_established()
            before = w.speaker.text().count("listening for peers")
            ip("link", "delete", "again0")
            make()
            wait_for("it listens at the new one", lambda: w.speaker.text().count("listening for peers") == before + 1)
            self.assertIn("listening anew for peers", w.speaker.text())
            bird.end()
            bird.up()
            wait_for("it comes by it", lambda: w.speaker.text().count("peer=bird families=") == 2)
            wait_for("and has its session", bird.established)
        finally:
            far.kill()
            far.wait()


class Opening(Case):
    def connections(self, peer):
        """Of TCP between the speaker and this peer, as the kernel has them."""
        shown = run("ss", "-Htn", "state", "established", "dst", peer.address)
        return len([line for line in shown.splitlines() if f"{self.world.address}:" in line])

    def test_collisions_are_decided_alike_on_both_sides_whatever_the_router_ids(self):
        """Both ends dial at once: with a higher, a lower and (RFC 6286) the same router id one connection is left."""
        w = self.world
        ids = {"lower": "1.1.1.1", "higher": "223.255.255.254", "same": w.address}
        own_as = 65010
        for kind, name in ((GoBgp, "gobgp"), (Bird, "bird")):
            for which, router_id in ids.items():
                own_as += 1
                peer = w.peer(kind, f"{name}-{which}", own_as=own_as, connect="both", dials=True)
                peer.router_id = router_id
        w.up()
        for round_number in range(2):
            w.all_established(30)
            for peer in w.peers:
                wait_for(f"one connection with {peer.name}", lambda p=peer: self.connections(p) == 1)
            stays("sessions", lambda: all(p.established() for p in w.peers), 2)
            if round_number == 0:
                w.speaker.kill()
                w.start_speaker()

    def test_who_is_not_to_connect_is_told_and_has_the_session_that_we_open(self):
        w = self.world
        for number, (kind, name) in enumerate(((GoBgp, "gobgp"), (Frr, "frr"), (Bird, "bird"))):
            w.peer(kind, name, own_as=65001 + number, connect="active", dials=True)
        w.up()
        w.all_established(30)
        stays("sessions", lambda: all(p.established() for p in w.peers), 3)

    def test_two_peers_of_one_address_are_told_apart_by_local_address(self):
        w = self.world
        second, router = w.addresses.take(), w.addresses.take()
        w.more_listen = [f"{second}:{w.bgp_port}"]
        peers = []
        for name, ours, own_as in (("one", w.address, 65001), ("two", second, 65002)):
            peer = w.peer(Bird, name, own_as=own_as, connect="passive", dials=True, address=router)
            peer.speaker = peer.local = ours
            peer.router_id = f"10.9.9.{own_as - 65000}"
            peers.append(peer)
        w.up()
        w.all_established()
        w.announce("m-1", RULE4)
        for peer in peers:
            self.present(peer, "198.51.100.7/32")
            self.assertEqual(w.speaker.text().count(f"peer={peer.name} families="), 1)
        # To the address of neither: it is of a peer's address, and no stranger's.
        w.more_listen.append(f"{w.addresses.take()}:{w.bgp_port}")
        w.speaker.end()
        w.write_config()
        w.start_speaker()
        w.all_established()
        with socket.create_connection((w.more_listen[-1].split(":")[0], w.bgp_port), 5, (router, 0)) as other:
            self.assertEqual(other.recv(100)[18:], b"\x03\x06\x05", "connection rejected")
        wait_for("counted", lambda: refusals(w, "elsewhere") == 1)
        self.assertIn("it comes to another address than local_address", w.speaker.text())

    def test_who_is_deconfigured_or_changed_is_told_so(self):
        w = self.world
        gone, changed = w.peer(Bird, "gone"), w.peer(Bird, "changed")
        w.up()
        w.all_established()
        w.peers.remove(gone)
        changed.extra = ", local_preference: 50"
        w.write_config()
        w.speaker.process.send_signal(1)
        w.peers.append(gone)
        wait_for("de-configured", lambda: "Received: Peer de-configured" in gone.text())
        wait_for("another configuration", lambda: "Received: Other configuration change" in changed.text())
        wait_for("and it is back", changed.established)


def enter_namespace():
    """Runs this file again where addresses and links are its own."""
    if OWN_NAMESPACE in os.environ:
        ip("link", "set", "lo", "up")
        return
    way = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    if shutil.which("ip") is None or subprocess.run([*way, "true"], check=False, capture_output=True).returncode != 0:
        print("NOT TESTED: no network namespace of its own is allowed here", file=sys.stderr)
        sys.exit(0)
    os.environ[OWN_NAMESPACE] = "yes"
    os.execvp(way[0], [*way, sys.executable, *sys.argv])


if __name__ == "__main__":
    enter_namespace()
    unittest.main(verbosity=2)
