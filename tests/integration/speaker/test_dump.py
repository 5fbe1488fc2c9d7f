#!/usr/bin/env python3
"""`weir speaker dump`: what each peer was sent and has as an MRT file, read by bgpdump and by a parser of our own, and
compared with what came over the wire."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import scripted  # noqa: E402
from case import Case  # noqa: E402
from daemons import Bird, GoBgp, wait_for  # noqa: E402
from lib import mrt  # noqa: E402
from scripted import FLOW, Scripted  # noqa: E402
from world import BIN, LOCAL_AS, RULE4_LIMIT, RULE6  # noqa: E402

MANY = 3000  # more than one slice takes (speaker/dump.c)
FLOW6 = b"\x01\x04\0\2\0\x85"
AS_PATH, COMMUNITIES, EXTENDED = 2, 8, 16


@unittest.skipIf(shutil.which("bgpdump") is None, "NOT TESTED, not installed: bgpdump")
class Dump(Case):
    def setUp(self):
        super().setUp()
        w = self.world
        self.path = os.path.join(w.folder, "sent.mrt")
        self.gobgp, self.bird = w.peer(GoBgp, "gobgp"), w.peer(Bird, "bird", own_as=65003)
        self.old = w.peer(Scripted, "old", own_as=65010)  # without 4-octet AS numbers, and down at first
        self.old.mistake.first = scripted.open_message(own_as=65010, capabilities=FLOW + FLOW6)
        self.old.mistake.after_open = scripted.KEEPALIVE
        for peer in (self.gobgp, self.bird, self.old):
            peer.extra = ", max_routes: 20000"
        w.peer(Scripted, "away").up = lambda: None
        w.up()
        for peer in (self.gobgp, self.bird):
            wait_for("it is up", peer.established)

    def dump(self, *more, status=0):
        done = subprocess.run([os.path.join(BIN, "weir"), "speaker", "dump", self.path, "--socket", self.world.socket, *more],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    def sent(self, peer, count):
        wait_for(f"{peer.name} has {count}", lambda: sum(
            int(n) for n in re.findall(rf'weir_flowspec_active_rules{{peer="{peer.name}",family="ipv[46]"}} (\d+)', self.world.metrics())) == count, 60)

    def test_what_was_sent_is_what_is_dumped(self):
        w = self.world
        w.announce("m-1", RULE4_LIMIT)
        w.announce("m-2", RULE6)
        w.announce("m-3", RULE4_LIMIT.replace(".8/32", ".9/32"), peer="bird")
        for peer, count in ((self.gobgp, 2), (self.bird, 3), (self.old, 2)):
            self.sent(peer, count)
        began = int(time.time())
        self.assertEqual(self.dump(), f"{self.path}: 7 routes in 7 messages\n")
        self.assertFalse(os.path.exists(f"{self.path}.part"))
        found = list(mrt.records(self.path))
        nlri = {peer.name: {(r.update.family, n) for r in found for n in r.update.nlri if r.remote == peer.address} for peer in w.peers}
        host = {n: socket.inet_aton(f"198.51.100.{n}") for n in (8, 9)}
        self.assertEqual({len(nlri["gobgp"]), len(nlri["old"])}, {2})
        self.assertEqual(nlri["gobgp"], nlri["old"])
        self.assertEqual(nlri["bird"] - nlri["gobgp"], {(4, n) for f, n in nlri["bird"] if host[9] in n})
        self.assertEqual(nlri["away"], set())
        wire = b"".join(self.old.updates)
        for _, one in nlri["old"]:
            self.assertIn(one, wire)
        for record in found:
            self.assertEqual(record.local_as, LOCAL_AS)
            self.assertEqual(record.local, w.address)
            self.assertIn(record.at_s - began, range(-1, 30))
            ebgp = record.remote_as != LOCAL_AS
            self.assertEqual(record.update.attributes[AS_PATH], b"\2\1" + LOCAL_AS.to_bytes(4, "big") if ebgp else b"")
            self.assertEqual(record.update.attributes[COMMUNITIES], b"\xff\xff\xff\1")
            limited = record.update.family == 4
            self.assertEqual(record.update.attributes[EXTENDED], bytes.fromhex("80060000" + ("49989680" if limited else "00000000")))
        self.bgpdump_agrees(found)

    def bgpdump_agrees(self, found):
        text = subprocess.run(["bgpdump", "-v", self.path], capture_output=True, text=True, timeout=60, check=True).stdout
        read = re.findall(r"TYPE: BGP4MP/MESSAGE_LOCAL/Update\nFROM: (\S+) AS(\d+)\nTO: (\S+) AS(\d+)\nORIGIN: IGP\nASPATH: ?(\d*)\n", text)
        path = {r.remote: "" if r.remote_as == LOCAL_AS else str(LOCAL_AS) for r in found}
        self.assertEqual(read, [(r.local, str(r.local_as), r.remote, str(r.remote_as), path[r.remote]) for r in found])
        self.assertEqual(text.count("UNKNOWN_ATTR(192, 16, 8): 80 06 00 00 49 98 96 80"), sum(r.update.family == 4 for r in found))

    def test_many_routes_come_in_slices_and_changes_between_them_harm_nothing(self):
        w = self.world
        w.state.cli("CONFIG", "SET", "appendfsync", "no")
        w.put("m", 1, "announcing", "match destination 198.51.100.20/32 protocol =udp source-port ={i} then discard", copies=MANY)
        for peer in (self.gobgp, self.bird, self.old):
            self.sent(peer, MANY)
        said = json.loads(self.dump("--json"))
        self.assertEqual(said["routes"], 3 * MANY)
        found = list(mrt.records(self.path))
        self.assertLess(len(found), 3 * MANY / 100, "equal actions share a message")
        for peer in (self.gobgp, self.bird, self.old):
            nlri = [n for r in found for n in r.update.nlri if r.remote == peer.address]
            self.assertEqual((len(nlri), len(set(nlri))), (MANY, MANY))
        first = self.slice({"peer": 0, "nlri": 0})
        self.assertGreater(first["routes"], 0)
        w.command(command="withdraw-all", who="test", why="trial")
        place, count = first["next"], 1
        while place is not None:
            answer = self.slice(place)
            self.assertEqual((answer["routes"], answer["mrt"]), (0, ""), "what is gone is not in it")
            place, count = answer["next"], count + 1
        self.assertGreater(count, 1)

    def slice(self, place):
        answer = self.world.command(command="dump", **place)
        self.assertTrue(answer["ok"])
        self.assertLessEqual(len(answer["mrt"]), 2 * 48 * 1024)
        return answer

    def test_what_cannot_be_is_said(self):
        for place in ({}, {"peer": -1, "nlri": 0}, {"peer": 65, "nlri": 0}, {"peer": 0, "nlri": 1 << 40}, {"peer": "0", "nlri": 0}):
            self.assertFalse(self.world.command(command="dump", **place)["ok"], place)
        self.assertEqual(self.world.command(command="dump", peer=64, nlri=0xffffffff)["mrt"], "")
        self.path = os.path.join(self.world.folder, "no", "folder")
        self.assertIn("cannot write", self.dump(status=1))
        self.path = os.path.join(self.world.folder, "kept")
        with open(self.path, "w", encoding="ascii") as file:
            file.write("before")
        self.world.speaker.end()
        self.assertIn("NOT REACHED", self.dump(status=1))
        with open(self.path, encoding="ascii") as file:
            self.assertEqual(file.read(), "before")
        self.assertFalse(os.path.exists(f"{self.path}.part"))


if __name__ == "__main__":
    unittest.main()
