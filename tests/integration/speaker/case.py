"""What every test of the speaker has: a world of its own, and its peers' tables asked until they say so."""
import shutil
import unittest

from daemons import wait_for
from world import World

MISSING = [name for name in ("redis-server", "gobgpd", "gobgp", "bird", "birdc", "/usr/lib/frr/bgpd", "vtysh")
           if shutil.which(name) is None]


@unittest.skipIf(MISSING, f"NOT TESTED, these are not installed: {' '.join(MISSING)}")
class Case(unittest.TestCase):
    def setUp(self):
        self.world = World()

    def tearDown(self):
        outcome = self._outcome.result if hasattr(self._outcome, "result") else self._outcome
        failed = any(test is self for test, _ in outcome.failures + outcome.errors)
        self.world.done(failed)

    def present(self, peer, text, family=4, limit_s=10):
        wait_for(f"{peer.name} has {text}", lambda: any(text in r for r in peer.routes(family)), limit_s)

    def absent(self, peer, text, family=4, limit_s=10):
        wait_for(f"{peer.name} has no {text}", lambda: not any(text in r for r in peer.routes(family)), limit_s)
