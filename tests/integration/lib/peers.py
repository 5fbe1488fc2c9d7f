"""GoBGP, FRR, BIRD and a recorder as the peers of one weir, each on a loopback address of its own."""
import json
import os
import re

from . import witnesses
from .bgp import LOCAL_AS, Recorder
from .waits import wait_for
from .witnesses import daemons

BUILDERS = {"gobgp": (daemons.GoBgp, witnesses.GobgpWitness, LOCAL_AS), "frr": (daemons.Frr, witnesses.FrrWitness, 65002),
            "bird": (daemons.Bird, witnesses.BirdWitness, 65003)}


class Moment(float):
    """Of a day, in seconds. BIRD works it out from another clock each time: a few milliseconds are no difference."""

    def __eq__(self, other):
        return abs(self - other) < 0.1


class Peers:
    def __init__(self, folder):
        os.chmod(folder, 0o755)  # FRR's bgpd gives up root
        self.addresses = daemons.Addresses()
        self.speaker = self.addresses.take()
        self.daemons, self.witnesses = {}, {}
        for name, (kind, _, own_as) in BUILDERS.items():
            self.daemons[name] = kind(name, str(folder), self.addresses.take(), self.speaker, LOCAL_AS, own_as)
        address = self.addresses.take()
        self.recorder = Recorder(address, daemons.free_port(address))

    def start(self):
        for name, peer in self.daemons.items():
            peer.up()
            self.witnesses[name] = BUILDERS[name][1](peer)
        self.witnesses["recorder"] = witnesses.RecorderWitness(self.recorder)
        return self

    def stop(self):
        for witness in self.witnesses.values():
            witness.stop()
        self.recorder.close()
        for peer in self.daemons.values():
            peer.end()

    def line(self, name, address, port, remote_as, profile, more=""):
        return (f"  - {{name: {name}, address: {address}, port: {port}, remote_as: {remote_as}, profile: {profile}, "
                f"local_address: {self.speaker}, families: [ipv4-flowspec, ipv6-flowspec], graceful_restart: 0s, "
                f"timers: {{hold: 30s, connect_retry: 1s}}{more}}}\n")

    def text(self, more=()):
        """peers: and platforms: of weir.yaml; more: (name, address, port) of further peers of our own AS."""
        lines = [self.line(name, p.address, p.port, p.own_as, p.profile) for name, p in self.daemons.items()]
        lines += [self.line(name, address, port, LOCAL_AS, "generic")
                  for name, address, port in (("recorder", self.recorder.address, self.recorder.port), *more)]
        names = ", ".join([*self.daemons, "recorder", *(name for name, _, _ in more)])
        return f"peers:\n{''.join(lines)}platforms:\n  - {{name: edge, peers: [{names}], max_rules: 100, widest: [/24, /48]}}\n"

    def established(self):
        return self.recorder.established() and all(peer.established() for peer in self.daemons.values())

    def sessions(self, house):
        """What tells a session from a later one, asked of each daemon and of weir."""
        p = self.daemons
        gobgp = json.loads(p["gobgp"].cli("neighbor", "-j"))[0]
        frr = json.loads(p["frr"].cli("show bgp neighbors json"))[p["frr"].speaker]
        bird = re.search(r"(?m)^spk +BGP +\S+ +up +(\d+):(\d+):(\S+) +Established", p["bird"].cli("show", "protocols"))
        weirs = {peer["peer"]: (peer["since"], peer["flaps"]) for peer in house.weir("peers") if peer["peer"] in (*p, "recorder")}
        return {"gobgp": (gobgp["timers"]["state"]["uptime"], gobgp["state"].get("flops", 0)),
                "frr": (frr["connectionsEstablished"], frr["connectionsDropped"]),
                "bird": Moment(60 * (60 * int(bird[1]) + int(bird[2])) + float(bird[3])),
                "recorder": self.recorder.sessions, "weir": weirs}

    def all_hold(self, hosts):
        """By what the witnesses saw last."""
        return all(set(hosts) <= w.history.held for w in self.witnesses.values())

    def tables(self):
        """{peer: its destinations}, each daemon asked by its own command line."""
        held = {name: witnesses.ask_for_routes(peer) for name, peer in self.daemons.items()}
        return {**held, "recorder": set(self.recorder.held)}

    def wait_established(self, limit_s=60):
        wait_for(self.established, limit_s, "all BGP sessions")
