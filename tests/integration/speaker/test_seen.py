#!/usr/bin/env python3
"""What people and programs see of a peer: `weir peers PEER`, `weir routes --peer --order`, its hash and its metrics, all of
the same session with a real GoBGP."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import GoBgp, wait_for  # noqa: E402
from scripted import FLOW, KEEPALIVE, Scripted, message, open_message  # noqa: E402
from world import BIN, LOCAL_AS, RULE4, RULE4_LIMIT, RULE6  # noqa: E402

OFFSET = "match destination 2001:db8:100::9/128 source ::1234:0:0/64-96 then discard"  # GoBGP takes none
THEIRS = "ipv4-flowspec ipv6-flowspec route-refresh as4"
OURS = "ipv4-flowspec ipv6-flowspec route-refresh enhanced-route-refresh as4 extended-messages"


class Seen(Case):
    def setUp(self):
        super().setUp()
        w = self.world
        self.gobgp = w.peer(GoBgp, "gobgp")
        self.odd = w.peer(Scripted, "odd")  # IPv4 alone, no ROUTE-REFRESH; says an UPDATE that it should not
        self.odd.mistake.first = open_message(hold=9, capabilities=FLOW)
        self.odd.mistake.after_open = KEEPALIVE
        self.odd.mistake.then = message(2, b"\0\0\0\4\x40\1\x09\0")
        w.peer(Scripted, "away").up = lambda: None
        w.up()
        wait_for("it is up", self.gobgp.established)
        w.announce("m-1", RULE4)
        w.announce("m-2", RULE4_LIMIT.replace("198.51.100.8/32", "198.51.100.7/32"))
        w.announce("m-3", RULE6)
        w.announce("m-4", OFFSET, peer="gobgp")
        self.present(self.gobgp, "198.51.100.7/32")
        self.present(self.gobgp, "2001:db8:100::7/128", 6)
        wait_for("the refusal", lambda: w.results("m-4").get("gobgp", "").startswith("refused: profile"))

    def weir(self, *command, status=0):
        done = subprocess.run([os.path.join(BIN, "weir"), *command, "--config", self.world.config], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    def peer(self, name):
        found = json.loads(self.weir("peers", name, "--json"))
        self.assertEqual(len(found), 1)
        return found[0]

    def test_one_peer_as_weir_tells_of_it(self):
        wait_for("its hash has all of it", lambda: self.peer("gobgp")["routes_ipv6"] == self.peer("gobgp")["refused"] == 1)
        peer = self.peer("gobgp")
        self.assertEqual((peer["state"], peer["local_as"], peer["remote_as"], peer["remote_id"], peer["hold_s"]),
                         ("established", LOCAL_AS, LOCAL_AS, self.gobgp.address, 30))
        self.assertEqual((peer["capabilities"], peer["remote_capabilities"]), (OURS, THEIRS))
        self.assertEqual((peer["wanted"], peer["pending"], peer["routes_ipv4"], peer["flaps"], peer["last_error"]), (3, 0, 2, 0, ""))
        text = self.weir("peers", "gobgp")
        for line in ("peer           gobgp\n", "last error     -\n", "families       ipv4-flowspec ipv6-flowspec\n", f"weir offers    {OURS}\n",
                     f"peer offers    {THEIRS}\n", "hold time      30 s\n", "sent           3 UPDATEs: 3 routes announced, 0 withdrawn\n",
                     "routes         3 wanted, 3 announced, 0 pending, 1 refused; 2 ipv4-flowspec; 1 ipv6-flowspec\n",
                     f"speaker        sp1, AS {LOCAL_AS}\n", "sessions lost  0 since"):
            self.assertIn(line, text)

    def test_what_a_peer_lacks_and_does_wrong_is_seen(self):
        wait_for("its mistake", lambda: self.peer("odd")["tolerated_in"] == 1)
        peer = self.peer("odd")
        self.assertEqual((peer["families"], peer["remote_capabilities"], peer["hold_s"], peer["updates_in"]),
                         ("ipv4-flowspec", "ipv4-flowspec as4", 9, 1))
        self.assertIn("received       1 UPDATEs in this session, 1 with a mistake", self.weir("peers", "odd"))
        away = self.peer("away")
        self.assertNotEqual(away["state"], "established")
        self.assertEqual((away["capabilities"], away["remote_capabilities"], away["hold_s"]), (OURS, "", 0))
        self.assertIn("connection refused", self.weir("peers", "away"))
        self.assertIn("there is no peer nobody", self.weir("peers", "nobody", status=1))

    def test_routes_of_a_peer_in_its_order(self):
        routes = json.loads(self.weir("routes", "--peer", "gobgp", "--order", "--json"))
        self.assertEqual([r["mitigation"] for r in routes], ["m-1", "m-2", "m-3", "m-4"])
        self.assertEqual({r["peer"] for r in routes}, {"gobgp"})
        self.assertEqual(len(json.loads(self.weir("routes", "--peer", "odd", "--json"))), 3)

    def test_metrics_of_each_peer(self):
        def says(*lines):
            wait_for(lines, lambda: all(line in self.world.metrics() for line in lines))

        says('weir_speaker_peer_routes{peer="gobgp",state="wanted"} 3', 'weir_speaker_peer_routes{peer="gobgp",state="refused"} 1',
             'weir_speaker_peer_routes{peer="gobgp",state="pending"} 0', 'weir_speaker_sessions_lost_total{peer="gobgp"} 0',
             'weir_flowspec_active_rules{peer="gobgp",family="ipv4"} 2', 'weir_speaker_peer_up{peer="away"} 0')
        self.world.withdraw("m-4", OFFSET)
        says('weir_speaker_peer_routes{peer="gobgp",state="refused"} 0')
        self.gobgp.end()
        says('weir_speaker_sessions_lost_total{peer="gobgp"} 1', 'weir_speaker_peer_routes{peer="gobgp",state="wanted"} 3',
             'weir_flowspec_active_rules{peer="gobgp",family="ipv4"} 0', 'weir_speaker_peer_up{peer="gobgp"} 0')


if __name__ == "__main__":
    unittest.main()
