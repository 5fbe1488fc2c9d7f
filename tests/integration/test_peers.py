#!/usr/bin/env python3
"""GoBGP, FRR and BIRD at once as peers of one weir, with routes of both families from attack to withdrawal; with rules that
one of them dislikes; and beside peers that do everything wrong, of which they notice nothing."""
import os
import random
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, suite, witnesses
from lib.bgp import KEEPALIVE, LOCAL_AS, MARKER, UPDATE, message, open_message
from lib.peers import Peers
from lib.ports import free_port
from lib.sflow import Router
from lib.waits import now_ms, wait_for

ATTACK_BPS, CALM_BPS, CALM_HOST = 400e6, 20e6, "198.51.100.3"
# What each daemon shows of "udp from port 53, limited to 1.25 MB/s".
SHOWN = {"gobgp": (r"\[protocol: ==udp\]", r"\[source-port: ==53\]", r"rate: 1250000"),
         "frr": (r"IP Protocol = 17|Next Header = 17", r"Source Port = 53", r"FS:rate 1250000"),
         "bird": (r"proto 17|next header 17", r"sport 53", r"0x80060000, 0x49989680|0x8006fbf4, 0x49989680")}


def values(count):
    return ",".join(f"={10000 + 7 * i}" for i in range(count))


# What resets which, as seen of these versions: (family, what a rule adds to its destination, who may get it). FRR ends its session
# over !=, a sixth value, 240 octets and an offset; GoBGP drops 240 octets in silence and spoils an offset; the recorder's profile
# is `generic`.
EVERYBODY = {"gobgp", "frr", "bird", "recorder"}
EDGES = [
    (4, f"protocol =udp source-port {values(5)}", EVERYBODY),
    (6, f"protocol =udp source-port {values(5)}", EVERYBODY),
    (4, f"protocol =udp source-port {values(6)}", EVERYBODY),  # some as two parts
    (6, f"protocol =udp source-port {values(6)}", EVERYBODY),
    (4, "protocol !=tcp", EVERYBODY),  # as below and above it
    (6, "protocol =tcp destination-port !=443", EVERYBODY),
    (4, f"protocol =udp source-port {values(90)}", EVERYBODY),  # as 18 rules of five values, or two of 239 octets
    (4, "protocol =udp fragment is-fragment packet-length >=1000&<=1500", EVERYBODY),
    (6, "protocol =udp fragment is-fragment packet-length >=1000&<=1500", EVERYBODY),
    (6, "source ::1234:0:0/64-96 protocol =udp", {"bird"}),
]


class Bad(threading.Thread):
    """A peer that gives each connection to `behave`, and then hangs up."""

    def __init__(self, name, address, behave):
        super().__init__(daemon=True)
        self.bad_name, self.address, self.behave, self.connections = name, address, behave, 0
        self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        if behave is None:
            self.listener.close()  # so that it refuses
        else:
            self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(60)
                try:
                    self.behave(connection)
                except OSError:
                    pass

    def close(self):
        if self.behave:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def establish(connection):
    connection.sendall(open_message(b"\x0a\x00\x00\x02") + message(KEEPALIVE))
    connection.recv(4096)


def resets_at_once(connection):
    reset(connection)


def resets_later(connection):
    establish(connection)
    time.sleep(0.3)
    reset(connection)


def talks_garbage(connection):
    establish(connection)
    connection.sendall(random.Random(connection.fileno()).randbytes(5000))
    while connection.recv(65536):
        pass


def sends_bad_routes(connection):
    """Flowspec routes that are cut, empty and longer than they are, in UPDATEs whose lengths are right."""
    establish(connection)
    for nlri in (b"\x05\x01\x20\xc6", b"\x00", b"\xff\xff\x01", b"\x02\x0e\x00", b"\x03\x03\x81"):
        attribute = struct.pack("!BBHHBBB", 0x90, 14, 5 + len(nlri), 1, 133, 0, 0) + nlri
        connection.sendall(message(UPDATE, struct.pack("!HH", 0, len(attribute)) + attribute))
    while connection.recv(65536):
        pass


def floods(connection):
    """Routes and withdrawals that are well-formed, as fast as they are taken, and never a pause."""
    establish(connection)
    nlri = bytes((6, 1, 32, 198, 51, 100, 9))
    reach = struct.pack("!BBHHBBB", 0x90, 14, 5 + len(nlri), 1, 133, 0, 0) + nlri
    attributes = bytes((0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100)) + reach
    burst = message(UPDATE, struct.pack("!HH", 0, len(attributes)) + attributes) * 1000
    while True:
        connection.sendall(burst)


def drips(connection):
    """Its OPEN an octet at a time, and then each KEEPALIVE."""
    for octet in open_message(b"\x0a\x00\x00\x04") + message(KEEPALIVE) * 100:
        connection.sendall(bytes((octet,)))
        time.sleep(0.05)


def is_another_as(connection):
    connection.sendall(open_message(b"\x0a\x00\x00\x05").replace(struct.pack("!I", LOCAL_AS), struct.pack("!I", 64999)))
    connection.recv(4096)
    connection.recv(4096)


def says_nothing(connection):
    time.sleep(60)


def never_reads(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.sendall(open_message(b"\x0a\x00\x00\x03") + message(KEEPALIVE))
    for _ in range(12):
        time.sleep(5)
        connection.sendall(message(KEEPALIVE))


def notifies(connection):
    connection.sendall(MARKER + struct.pack("!HBBB", 21, 3, 6, 2))


BEHAVIOURS = {"refuses": None, "resets": resets_at_once, "resets-later": resets_later, "garbage": talks_garbage,
              "bad-routes": sends_bad_routes, "mute": says_nothing, "deaf": never_reads, "notifies": notifies,
              "floods": floods, "drips": drips, "another-as": is_another_as}
COMES_AGAIN = ("resets", "resets-later", "garbage", "notifies", "another-as")


class PeersTest(suite.HouseTest):
    def up(self, behaviours=()):
        work = self.folder()
        self.peers = Peers(work)
        self.bad = [Bad(name, self.peers.addresses.take(), BEHAVIOURS[name]) for name in behaviours]
        port = free_port()
        self.house = house.House(work, house.config(work, [f"127.0.0.1:{port}"], peers=self.peers.text(
            [(bad.bad_name, bad.address, bad.port) for bad in self.bad])))
        self.router = Router(port)
        self.addCleanup(lambda: self.assertEqual(self.house.sanitizer_complaints(), []))
        for bad in self.bad:
            self.addCleanup(bad.close)
        self.addCleanup(self.peers.stop)
        self.peers.start()
        self.addCleanup(self.house.stop)
        self.house.start()
        self.addCleanup(self.router.end)
        self.router.start()
        self.router.start_stream(CALM_HOST, CALM_BPS)
        self.peers.wait_established()

    def attack(self, hosts):
        for host in hosts:
            self.router.start_stream(host, ATTACK_BPS)
        wait_for(lambda: all(set(hosts) == table for table in self.peers.tables().values()), 30, "each has the routes, only these")

    def over(self, hosts):
        for host in hosts:
            self.router.stop_stream(host)
        wait_for(lambda: not any(self.peers.tables().values()), 30, "none has a route")

    def test_routes_of_both_families_from_attack_to_withdrawal(self):
        self.up()
        hosts = ["198.51.100.44", "2001:db8:100::44"]
        self.attack(hosts)
        for name, patterns in SHOWN.items():
            for family in witnesses.FAMILIES:
                routes = self.peers.daemons[name].routes(family)
                self.assertEqual(len(routes), 1, routes)
                for pattern in patterns:
                    self.assertRegex(routes[0], pattern)
        for peer in self.house.weir("peers"):
            self.assertEqual((peer["state"], peer["flaps"]), ("established", 0), peer)
        before = self.peers.sessions(self.house)
        self.over(hosts)
        self.assertEqual(self.peers.sessions(self.house), before)

    def test_no_peer_gets_what_would_end_its_session(self):
        """What one router dislikes the others get all the same, and weir says why it does not."""
        self.up()
        before, taken_by = self.peers.sessions(self.house), {}
        for i, (family, match, takers) in enumerate(EDGES):
            host = f"198.51.100.{80 + i}" if family == 4 else f"2001:db8:100::{80 + i}"
            rule = f"match destination {host}/{32 if family == 4 else 128} {match} then discard"
            self.house.weir_text("announce", rule, "--for", "1h", "--reason", "test")
            taken_by[host] = takers
        wanted = {name: {host for host, takers in taken_by.items() if name in takers} for name in EVERYBODY}
        wait_for(lambda: self.peers.tables() == wanted, 30, "each has what it takes")
        for m in self.house.mitigations():
            takers = taken_by[m["rule"].split()[2].split("/")[0]]
            for name in EVERYBODY:
                self.assertRegex(m["results"][f"sp1/{name}"], "^sent(: as [0-9]+ rules)?$" if name in takers else "^refused: profile: .* takes ", m["rule"])
        self.assertEqual(self.peers.sessions(self.house), before)

    def test_bad_peers_leave_the_others_alone(self):
        self.up(BEHAVIOURS)
        first = ["198.51.100.50", "2001:db8:100::50"]
        self.attack(first)
        before = self.peers.sessions(self.house)
        for bad in self.bad:
            if bad.bad_name in COMES_AGAIN:  # later it is tried more and more seldom
                wait_for(lambda bad=bad: bad.connections >= 4, 60, f"{bad.bad_name} is tried again")
        second = [f"198.51.100.{60 + i}" for i in range(4)] + [f"2001:db8:100::{60 + i}" for i in range(4)]
        self.attack_beside(first, second)
        self.assertEqual(self.peers.sessions(self.house), before)
        for name, witness in self.peers.witnesses.items():
            for host in first:
                self.assertEqual(witness.history.gaps(host, 0, now_ms()), [], f"{host} at {name}")
        self.over(first)
        self.assertEqual(self.peers.sessions(self.house), before)
        weirs = {peer["peer"]: peer for peer in self.house.weir("peers")}
        for name in ("refuses", "resets", "mute", "notifies", "another-as"):
            self.assertNotEqual(weirs[name]["state"], "established", weirs[name])
        for name in ("resets-later", "garbage"):
            self.assertGreater(weirs[name]["flaps"], 2, weirs[name])

    def attack_beside(self, standing, hosts):
        for host in hosts:
            self.router.start_stream(host, ATTACK_BPS)
        wait_for(lambda: self.peers.all_hold([*standing, *hosts]), 30, "each has all routes")
        for name, witness in self.peers.witnesses.items():
            for host in hosts:
                self.assertLess(witness.history.first_ms(host) - self.router.first_ms[host], 3000, f"{host} at {name}")
        for host in hosts:
            self.router.stop_stream(host)
        wait_for(lambda: all(table == set(standing) for table in self.peers.tables().values()), 30, "each has the first ones only")


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=[f"not installed: {' '.join(witnesses.MISSING)}" if witnesses.MISSING else None])
