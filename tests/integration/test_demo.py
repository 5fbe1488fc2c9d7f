#!/usr/bin/env python3
"""The demonstration that the README promises: scripts/demo shows the whole story within 90 s and exits 0."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, suite
from lib.gobgp import Gobgp

LIMIT_S = 90
STEPS = (
    r"weir is up: collector, aggregator, policy, speaker, two Redis servers; BGP session with GoBGP established",
    r"no alarm, and no route in GoBGP",
    r"ATTACK: DNS amplification",
    r"alarm   a-\S+: host-udp, .*198\.51\.100\.45.*, bps 500",
    r"rule    match .*198\.51\.100\.45/32.* then .*rate-limit",
    r"GoBGP   .*destination: 198\.51\.100\.45/32.*source-port: ==53.*1250000",
    r"the attack is over",
    r"GoBGP has no route any more",
    r"measured, in ms",
    r"all of it was seen",
)


class Demo(suite.HouseTest):
    def test_the_story_is_seen_in_order(self):
        began = time.monotonic()
        # Its own limit is judged below; a demonstration that hangs must not hang the test.
        done = subprocess.run([house.ROOT / "scripts/demo", house.BIN], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=4 * LIMIT_S, check=False)
        took_s = time.monotonic() - began
        print(done.stdout)
        self.assertEqual(done.returncode, 0)
        at = 0
        for step in STEPS:
            found = re.compile(step).search(done.stdout, at)
            self.assertIsNotNone(found, f"not in the output, or not in order: {step}")
            at = found.end()
        figures = dict(re.findall(r"^  (.*\S) +(-?\d+)$", done.stdout, re.MULTILINE))
        self.assertEqual(len(figures), 6, figures)
        for what, ms in figures.items():
            self.assertGreaterEqual(int(ms), 0, what)
        self.assertLessEqual(took_s, LIMIT_S)


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=[Gobgp.missing()])
