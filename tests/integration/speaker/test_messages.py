#!/usr/bin/env python3
"""How long the messages are that go out: UPDATEs of up to 65,535 octets where both sides have said so and the profile has
it, and of up to 4,096 to all others."""
import os
import re
import struct
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

from case import Case  # noqa: E402
from daemons import Bird, Frr, stays, wait_for  # noqa: E402

MANY = 1500  # rules with one action: 21 octets each, so 31,500 in all
RULE = "match destination 198.51.100.7/32 protocol =udp source-port ={i} packet-length >=500&<=1500 then discard"
# With the destination and the protocol, 4,093 octets: a mitigation holds 4,094 at the most.
PORTS = [10000 + 7 * i for i in range(1361)]
NLRI = (bytes([0xff, 0xfd, 1, 32, 198, 51, 100, 7, 3, 0x81, 17, 6])
        + b"".join(struct.pack("!BH", 0x91 if port == PORTS[-1] else 0x11, port) for port in PORTS))
LONGEST = f"match destination 198.51.100.7/32 protocol =udp source-port {','.join(f'={port}' for port in PORTS)} then discard"


class Messages(Case):
    def start(self, *kinds):
        w = self.world
        for name, kind, extended, profile in kinds:
            peer = w.peer(kind, name, own_as=65002)
            peer.extended, peer.use_profile, peer.extra = extended, profile, ", max_routes: 20000"
        w.up()
        w.all_established()
        return w.peers

    def sent(self, peer, what, kind):
        found = re.search(rf'weir_speaker_{what}_sent_total{{peer="{peer.name}",kind="{kind}"}} (\d+)', self.world.metrics())
        return int(found[1]) if found else 0

    def begun_anew(self, peer):
        """How many UPDATEs it takes to tell it all at once."""
        before = self.sent(peer, "updates", "announce")
        peer.end()
        peer.up()
        wait_for("it has all again", lambda: len(peer.routes()) == MANY, 60)
        return self.sent(peer, "updates", "announce") - before

    def test_a_peer_that_takes_long_messages_gets_few(self):
        short, long = self.start(("short", Bird, False, "bird"), ("long", Bird, True, "bird"))
        self.world.announce("m", RULE, copies=MANY)
        for peer in (short, long):
            wait_for("it has all", lambda p=peer: len(p.routes()) == MANY, 60)
        self.assertGreater(self.begun_anew(short), 7)
        self.assertEqual(self.begun_anew(long), 1)
        self.assertEqual(sorted(self.table(short)), sorted(self.table(long)))
        self.world.withdraw("m", RULE, copies=MANY)
        for peer in (short, long):
            wait_for("it has none", lambda p=peer: not p.routes(), 60)
        self.assertNotIn("received: update", self.world.speaker.text())

    @staticmethod
    def table(peer):
        return [match for route in peer.routes() for match in re.findall(r"flow4 \{[^}]*\}", route)]

    def test_the_longest_rule_goes_whole_where_it_can(self):
        short, long = self.start(("short", Bird, False, "bird"), ("long", Bird, True, "bird"))
        self.world.announce("m-1", LONGEST)
        wait_for("it has it whole", lambda: len(long.routes()) == 1)
        wait_for("it has its parts", lambda: len(short.routes()) == 2)
        for peer in (short, long):
            self.assertTrue(any("sport 10000,10007," in r for r in peer.routes()))  # it prints no more than 300 characters
        sent = bytes.fromhex(self.world.command(command="dump", peer=0, nlri=0)["mrt"])
        self.assertEqual(len(NLRI), 4093 + 2)
        self.assertEqual(sent.count(NLRI), 1)
        self.world.withdraw("m-1", LONGEST)
        for peer in (short, long):
            wait_for("it has none", lambda p=peer: not p.routes())
        self.assertNotIn("peer down", self.world.speaker.text())

    def test_frr_says_that_it_takes_them_and_is_spared(self):
        """It resets the session over 4,095 octets of rules in one UPDATE, as the second of them shows."""
        frr, fells = self.start(("frr", Frr, False, "frr"), ("fells", Frr, False, "bird"))
        self.world.announce("m", RULE, copies=MANY)
        wait_for("it has all", lambda: len(frr.routes()) == MANY, 60)
        frr.end()
        frr.up()
        wait_for("it has all again", lambda: len(frr.routes()) == MANY, 60)
        stays("its session", frr.established, 2)
        fells.end()
        fells.up()
        wait_for("it resets", lambda: '"peer down" peer=fells reason="received: update' in self.world.speaker.text())
        self.assertNotIn('"peer down" peer=frr reason="received: update', self.world.speaker.text())


if __name__ == "__main__":
    unittest.main()
