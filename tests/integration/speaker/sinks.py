"""Peers in this process that take every route at once, so that thousands of them cost a test little."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lib import bgp  # noqa: E402
from lib.waits import now_ms  # noqa: E402, F401


class Sink:
    """Made as the daemons are. It remembers what it holds and, to the millisecond, what it was told."""
    profile = "gobgp"
    extra = ", max_routes: 100000"
    OWN_AS = bgp.LOCAL_AS

    def __init__(self, name, folder, address, speaker, speaker_as, own_as, dials_port=None):
        del folder, speaker, speaker_as, own_as, dials_port
        self.name, self.address, self.own_as = name, address, self.OWN_AS
        self.recorder = bgp.Recorder(address)
        self.port = self.recorder.port

    def up(self):
        pass

    def established(self):
        return self.recorder.established() == 1

    @property
    def held(self):
        return self.recorder.held

    @property
    def ends_of_rib(self):
        """How many routes it held when each End-of-RIB came."""
        return self.recorder.ends_of_rib

    def end(self):
        self.recorder.close()
