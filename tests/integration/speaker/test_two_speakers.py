"""Two speakers at one BIRD and one GoBGP: each announces everything, the loss of one loses no route, its return flaps none."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import Bird, GoBgp, Program, free_port, stays, wait_for  # noqa: E402
from world import BIN  # noqa: E402

RULE = "match destination 198.51.100.{}/32 protocol =udp source-port =53 then discard"
RULES = 20


class TwoOfBird(Bird):
    def up(self):
        self.control = os.path.join(self.folder, f"{self.name}.ctl")
        each = "".join(f"""protocol bgp spk{number} {{
  local {self.address} port {self.port} as {self.own_as};
  neighbor {speaker} as {self.speaker_as}; passive on;
  multihop 8; strict bind on; hold time 30; debug {{ routes }};
  flow4 {{ table fs4; import all; export none; validate off; }};
  flow6 {{ table fs6; import all; export none; validate off; }};
}}
""" for number, speaker in enumerate(self.speakers, 1))
        path = self.file("conf", f"log stderr all;\nrouter id {self.address};\nflow4 table fs4;\nflow6 table fs6;\nprotocol device {{}}\n{each}")
        self.start("bird", "-f", "-c", path, "-s", self.control, "-P", os.path.join(self.folder, f"{self.name}.pid"))
        wait_for("bird answers", lambda: self.cli("show", "status"))

    def established_with(self, number):
        return "Established" in self.cli("show", "protocols", f"spk{number}")

    def paths(self, number):
        return self.cli("show", "route", "table", "fs4", "protocol", f"spk{number}").count("flow4 {")

    def destinations(self):
        return len({line.split("dst ")[1].split(";")[0] for line in self.cli("show", "route", "table", "fs4").splitlines() if "flow4 {" in line})


class TwoOfGoBgp(GoBgp):
    def up(self):
        self.api = free_port(self.address)
        each = "".join(f"""[[neighbors]]
[neighbors.config]
neighbor-address = "{speaker}"
peer-as = {self.speaker_as}
[neighbors.transport.config]
local-address = "{self.address}"
passive-mode = true
[neighbors.timers.config]
hold-time = 30
keepalive-interval = 10
""" + "".join(f'[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "ipv{f}-flowspec"\n' for f in (4, 6))
                       for speaker in self.speakers)
        path = self.file("toml", f"""[global.config]
as = {self.own_as}
router-id = "{self.address}"
port = {self.port}
local-address-list = ["{self.address}"]
{each}""")
        self.start("gobgpd", "-t", "toml", "-f", path, "--api-hosts", f"{self.address}:{self.api}", "--pprof-disable")
        wait_for("gobgpd answers", lambda: self.cli("global"))

    def established_with(self, number):
        return "ESTABLISHED" in self.cli("neighbor", self.speakers[number - 1])

    def paths(self, number):
        text = self.cli("neighbor", self.speakers[number - 1], "adj-in", "-a", "ipv4-flowspec")
        return text.count("198.51.100.")

    def destinations(self):
        return len({line.split("[destination: ")[1].split("]")[0] for line in self.routes()})


class TwoSpeakers(Case):
    def setUp(self):
        super().setUp()
        w = self.world
        self.second, self.second_address = Program("speaker2", w.folder), w.addresses.take()
        self.bird, self.gobgp = w.peer(TwoOfBird, "bird", own_as=65003), w.peer(TwoOfGoBgp, "gobgp")
        for peer in w.peers:
            peer.speakers = [w.address, self.second_address]
        w.up()
        self.start_second()
        for peer in w.peers:
            for number in (1, 2):
                wait_for(f"{peer.name} with speaker {number}", lambda p=peer, n=number: p.established_with(n))
        self.monitor = Program("monitor", w.folder)
        self.monitor.start("gobgp", "-u", self.gobgp.address, "-p", str(self.gobgp.api), "monitor", "global", "rib", "-a", "ipv4-flowspec")

    def tearDown(self):
        for program in (self.second, self.monitor):
            program.end()
        if os.path.exists(self.second.log):
            self.second_text = self.second.text()
        super().tearDown()

    def start_second(self):
        """The same network, routers and Redis servers; its own name, router id, address, journal and socket."""
        w = self.world
        folder = os.path.join(w.folder, "second")
        os.makedirs(folder, exist_ok=True)
        with open(w.config, encoding="utf-8") as first:
            text = first.read()
        for old, new in ((f"state_dir: {w.folder}\n", f"state_dir: {folder}\n"), (f"run_dir: {w.folder}\n", f"run_dir: {folder}\n"),
                         ("name: sp1", "name: sp2"), (w.address, self.second_address), (f"metrics_port: {w.metrics_port}", "metrics_port: 0")):
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = os.path.join(folder, "weir.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        self.second.start(os.path.join(BIN, "weir-speaker"), "--config", path)

    def all_there(self):
        return all(peer.destinations() == RULES for peer in self.world.peers)

    def test_one_dies_and_comes_back(self):
        w = self.world
        for i in range(RULES):
            w.announce(f"m-{i}", RULE.format(i + 100))
        for peer in w.peers:
            for number in (1, 2):
                wait_for(f"{peer.name} has all of speaker {number}", lambda p=peer, n=number: p.paths(n) == RULES)
        w.speaker.kill()
        for peer in w.peers:
            wait_for(f"{peer.name} has none of speaker 1", lambda p=peer: p.paths(1) == 0)
        stays("each route", self.all_there, 2)
        log_from = len(self.bird.text())
        w.start_speaker()
        for peer in w.peers:
            wait_for(f"{peer.name} has all of speaker 1 again", lambda p=peer: p.paths(1) == RULES)
        stays("each route", self.all_there, 2)
        log = self.bird.text()[log_from:]
        self.assertIn("added", log)
        self.assertNotIn("removed", log)
        monitored = self.monitor.text()
        self.assertIn("198.51.100.100/32", monitored)
        self.assertNotIn("DELROUTE", monitored)
        # What goes, goes at both.
        w.withdraw("m-0", RULE.format(100))
        for peer in w.peers:
            wait_for(f"{peer.name} has lost one", lambda p=peer: p.destinations() == RULES - 1)
        wait_for("this would have been seen", lambda: "DELROUTE" in self.monitor.text() and "removed" in self.bird.text()[log_from:])

    def test_the_way_out_of_one_is_of_one(self):
        w = self.world
        w.announce("m-0", RULE.format(100))
        for peer in w.peers:
            for number in (1, 2):
                wait_for("all have it", lambda p=peer, n=number: p.paths(n) == 1)
        self.assertTrue(w.command(command="withdraw-all", who="test", why="trial")["ok"])
        for peer in w.peers:
            wait_for("one has taken it back", lambda p=peer: p.paths(1) == 0)
            self.assertEqual(peer.paths(2), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
