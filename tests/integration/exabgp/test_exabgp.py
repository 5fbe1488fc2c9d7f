#!/usr/bin/env python3
"""Routes go out through a real ExaBGP: it runs the speaker, or the speaker writes into its pipes; a GoBGP stands behind it.

What the same GoBGP has of a BGP session with the speaker itself is what it must have of ExaBGP, octet for octet.
"""
import getpass
import os
import re
import shutil
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "speaker"))
from daemons import GoBgp, Program, run, stays, wait_for  # noqa: E402
from world import BIN, LOCAL_AS, World  # noqa: E402

MISSING = [name for name in ("redis-server", "gobgpd", "gobgp", "exabgp") if shutil.which(name) is None]
MANY = "match destination 198.51.100.9/32 protocol =udp source-port ={i} then discard"
BLACKHOLE4, BLACKHOLE6 = "blackhole 198.51.100.77/32 192.0.2.1", "blackhole 2001:db8:100::77/128 2001:db8::1"
RULES = {
    4: ["match destination 198.51.100.{n}/32 protocol =udp source-port =53 packet-length >=500&<=1500 then discard",
        "match destination 198.51.100.{n}/32 source 203.0.113.0/24 protocol =tcp tcp-flags =syn&!ack then rate-limit 1250000.5B/s",
        "match destination 198.51.100.{n}/32 protocol =icmp icmp-type =8 icmp-code =0 then rate-limit 9600B/s terminal",
        "match destination 198.51.100.{n}/32 fragment is-fragment,first-fragment dscp =46 then mark 10",
        "match destination 198.51.100.{n}/32 port !=443,=80,>=1000&<=2000 then redirect 64500:100",
        "match destination 198.51.100.{n}/32 destination-port <1024 then redirect-to-ip 192.0.2.99"],
    6: ["match destination 2001:db8:100::{n}/128 protocol =udp source-port =19 then discard",
        "match destination 2001:db8:100::{n}/128 source 2001:db8:1::/48 protocol =tcp destination-port =80,=443 then rate-limit 125000B/s",
        "match destination 2001:db8:100::{n}/128 flow-label =5 dscp =4 packet-length >1280 then sample",
        "match destination 2001:db8:100::{n}/128 protocol =58 icmp-type =128 then redirect-to-ip 2001:db8::99"],
}


class Behind(GoBgp):
    """With the families of unicast beside those of Flowspec."""

    def file(self, suffix, text):
        return super().file(suffix, text + "".join(
            f'[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "ipv{f}-unicast"\n' for f in (4, 6)))

    def hosts(self, family):
        return self.cli("global", "rib", "-a", f"ipv{family}")

    def all_routes(self):
        """Without their age."""
        return sorted(re.sub(r"\s+\d\d:\d\d:\d\d\s+", " ", re.sub(r"\s+", " ", r)) for f in (4, 6) for r in self.routes(f))


class ExaBgp(Program):
    """runs: what its process runs; None: it has its named pipes."""

    def __init__(self, world, behind, runs=None, encoder="json", neighbor_changes=True):
        super().__init__("exabgp", world.folder)
        self.world, self.behind, self.runs, self.encoder = world, behind, runs, encoder
        self.api = f"api {{ processes [ weir ]; {'neighbor-changes;' if neighbor_changes else ''} }}" if runs else ""
        self.pipes = os.path.join(world.folder, "run", os.path.basename(world.folder))

    def up(self):
        address = self.world.address
        process = f"process weir {{ run {self.runs}; encoder {self.encoder}; }}" if self.runs else ""
        path = os.path.join(self.folder, "exabgp.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"""{process}
neighbor {self.behind.address} {{
  router-id {address}; local-address {address}; local-as {LOCAL_AS}; peer-as {LOCAL_AS}; hold-time 30; connect {self.behind.port};
  family {{ ipv4 flow; ipv6 flow; ipv4 unicast; ipv6 unicast; }}
  capability {{ asn4 enable; route-refresh enable; }}
  {self.api}
}}
""")
        if not self.runs and not os.path.exists(f"{self.pipes}.in"):
            os.makedirs(os.path.dirname(self.pipes))
            os.mkfifo(f"{self.pipes}.in", 0o600)
            os.mkfifo(f"{self.pipes}.out", 0o600)
        settings = {"exabgp.daemon.user": getpass.getuser(), "exabgp.log.destination": "stderr", "exabgp.log.level": "INFO",
                    "exabgp.api.cli": str(not self.runs).lower(), "exabgp.api.pipename": os.path.basename(self.pipes)}
        self.start("exabgp", "--root", self.folder, path, env={**os.environ, **settings})
        return self

    def speakers(self):
        """Ids of the speakers that it runs."""
        children = run("ps", "--ppid", str(self.process.pid), "-o", "pid=,args=").splitlines()
        return [int(line.split()[0]) for line in children if "weir-speaker" in line]


@unittest.skipIf(MISSING, f"NOT TESTED, these are not installed: {' '.join(MISSING)}")
class Case(unittest.TestCase):
    by_process = True
    encoder = "json"

    def setUp(self):
        self.world = World()
        self.exabgp = None
        self.programs = []

    def tearDown(self):
        outcome = self._outcome.result if hasattr(self._outcome, "result") else self._outcome
        failed = any(test is self for test, _ in outcome.failures + outcome.errors)
        for program in self.programs:
            program.end()
            if failed:
                print(f"--- {program.name}'s log\n{program.text()[-8000:]}")
        self.world.done(failed)

    def begin(self, **options):
        """A speaker whose one peer is ExaBGP, with a GoBGP behind it."""
        world = self.world
        self.behind = Behind("behind", world.folder, world.addresses.take(), world.address, LOCAL_AS, LOCAL_AS)
        os.symlink(BIN, f"{world.folder}/bin")  # ExaBGP takes a program's path up to the first space
        runs = f"{world.folder}/bin/weir-speaker --exabgp {world.config}" if self.by_process else None
        self.exabgp = ExaBgp(world, self.behind, runs, self.encoder, **options)
        self.programs = [self.exabgp, self.behind]
        peer = world.peer(Behind, "exa", address=self.behind.address)
        world.peers.remove(peer)
        peer.line = (f"  - {{name: exa, address: {self.behind.address}, remote_as: {LOCAL_AS}, profile: exabgp, max_routes: 20000, updates_per_second: 10000, "
                "families: [ipv4-flowspec, ipv6-flowspec, ipv4-unicast, ipv6-unicast]}\n")
        pipes = "" if self.by_process else f", pipes: {self.exabgp.pipes}"
        plain = world.write_config

        def write_config():
            world.peers = [peer]
            plain()
            world.peers = []
            with open(world.config, encoding="utf-8") as file:
                text = file.read()
            with open(world.config, "w", encoding="utf-8") as file:
                file.write(text.replace("speaker:\n", f"speaker:\n  exabgp: {{enabled: true, peer: exa{pipes}}}\n"))

        world.write_config = write_config
        world.state.up()
        world.telemetry.up()
        world.write_config()
        with open(world.speaker.log, "w", encoding="utf-8"):
            pass
        self.behind.up()
        self.exabgp.up()
        if not self.by_process:
            world.start_speaker()
        self.is_up()

    def field(self, name):
        return self.world.state.cli("HGET", "weir:peer:sp1:exa", name)

    def is_up(self, limit_s=60):
        wait_for("ExaBGP's neighbour is up", lambda: self.field("state") == "established", limit_s)

    def result(self, mitigation, text, limit_s=60):
        wait_for(f"{mitigation} is {text}", lambda: self.world.results(mitigation).get("exa", "").startswith(text), limit_s)

    def has(self, text, family=4, limit_s=60):
        wait_for(f"GoBGP has {text}", lambda: any(text in r for r in self.behind.routes(family)), limit_s)

    def has_not(self, text, family=4, limit_s=60):
        wait_for(f"GoBGP has no {text}", lambda: not any(text in r for r in self.behind.routes(family)), limit_s)

    def count(self, number, family=4, limit_s=120):
        wait_for(f"GoBGP has {number}", lambda: len(self.behind.routes(family)) == number, limit_s)

    def metric(self, answer):
        found = re.search(rf'^weir_speaker_exabgp_answers_total{{answer="{answer}"}} (\d+)', self.world.metrics(), re.M)
        return int(found[1]) if found else None


class Process(Case):
    """ExaBGP runs the speaker."""

    def test_routes_come_change_and_go(self):
        self.begin()
        world = self.world
        world.put("many", 1, "announcing", MANY, copies=100)
        self.count(100)
        self.result("many-99", "sent")
        world.put("many-5", 2, "announcing", MANY.replace("{i}", "5").replace("discard", "rate-limit 1250000B/s"))
        wait_for("GoBGP has its rate", lambda: any("[source-port: ==5]" in r and "rate: 1250000" in r for r in self.behind.routes()))
        world.put("many-7", 2, "withdrawing", MANY.replace("{i}", "7"), job="withdraw")
        self.has_not("[source-port: ==7]")
        self.result("many-7", "withdrawn")
        self.assertEqual(len(self.behind.routes()), 99)

    def test_each_rule_arrives_as_of_a_session(self):
        self.begin()
        for family, rules in RULES.items():
            for n, rule in enumerate(rules):
                self.world.announce(f"r{family}-{n}", rule.replace("{n}", str(20 + n)))
        for family, rules in RULES.items():
            for n in range(len(rules)):
                self.result(f"r{family}-{n}", "sent")
            self.count(len(rules), family)
        through = self.behind.all_routes()
        # The same by a session of our own: the speaker is another one, with the same Redis.
        own = World()
        try:
            own.state, own.telemetry = self.world.state, self.world.telemetry
            peer = own.peer(Behind, "direct")
            peer.use_profile = "exabgp"
            own.write_config()
            with open(own.config, encoding="utf-8") as file:
                text = file.read().replace("name: sp1", "name: sp2")
            with open(own.config, "w", encoding="utf-8") as file:
                file.write(text)
            peer.up()
            own.start_speaker()
            for family, rules in RULES.items():
                wait_for("GoBGP has them of a session", lambda f=family, r=rules: len(peer.routes(f)) == len(r), 60)
            self.assertEqual(peer.all_routes(), through)
        finally:
            for program in (own.speaker, *own.peers):
                program.end()
            shutil.rmtree(own.folder, ignore_errors=True)

    def test_blackholes(self):
        self.begin()
        self.world.announce("b4", BLACKHOLE4)
        self.world.announce("b6", BLACKHOLE6)
        for family, host, hop in ((4, "198.51.100.77/32", "192.0.2.1"), (6, "2001:db8:100::77/128", "2001:db8::1")):
            wait_for(f"GoBGP has {host}", lambda h=host, p=hop, f=family: re.search(
                rf"{h} +{p} .*LocalPref: 100.*Communities: blackhole, no-export", self.behind.hosts(f)), 60)
        self.result("b4", "sent")
        self.world.withdraw("b4", BLACKHOLE4)
        wait_for("GoBGP has it no more", lambda: "198.51.100.77" not in self.behind.hosts(4), 60)
        self.assertIn("2001:db8:100::77", self.behind.hosts(6))

    def test_what_has_no_words_is_refused_and_nothing_else(self):
        self.begin()
        self.world.announce("nowhere", "match ipv6 protocol =udp source-port =19 then discard")
        self.world.announce("other", RULES[4][0].replace("{n}", "20"))
        self.result("other", "sent")
        self.has("198.51.100.20/32")
        self.assertIn("refused", self.world.results("nowhere")["exa"])

    def test_exabgp_restarts(self):
        self.begin()
        self.world.put("many", 1, "announcing", MANY, copies=100)
        self.count(100)
        self.exabgp.end()
        wait_for("GoBGP lost it", lambda: not self.behind.established(), 60)
        if not self.by_process:
            wait_for("the peer is down", lambda: self.field("state") != "established", 60)
        self.world.put("many-7", 2, "withdrawing", MANY.replace("{i}", "7"), job="withdraw")
        self.exabgp.up()
        self.is_up()
        self.count(99)
        self.has_not("[source-port: ==7]")

    def kill_speaker(self):
        for pid in self.exabgp.speakers():
            os.kill(pid, signal.SIGKILL)

    def restart_speaker(self):
        """ExaBGP does it."""

    def test_the_speaker_is_killed(self):
        """What was withdrawn while none was there goes, and nothing else flaps."""
        self.begin()
        self.world.put("many", 1, "announcing", MANY, copies=100)
        self.count(100)
        self.result("many-99", "sent")
        if self.by_process:
            # ExaBGP starts another one at once: it must find the withdrawal in Redis alone.
            os.kill(self.exabgp.process.pid, signal.SIGSTOP)
        self.kill_speaker()
        self.world.put("many-7", 2, "withdrawing", MANY.replace("{i}", "7"), job="withdraw")
        if self.by_process:
            os.kill(self.exabgp.process.pid, signal.SIGCONT)
        self.restart_speaker()
        self.has_not("[source-port: ==7]")
        self.assertEqual(len(self.behind.routes()), 99)
        self.assertTrue(self.behind.established())


class ProcessText(Process):
    encoder = "text"

    test_each_rule_arrives_as_of_a_session = None
    test_blackholes = None
    test_what_has_no_words_is_refused_and_nothing_else = None


class Pipes(Process):
    """The speaker writes into ExaBGP's named pipes."""

    by_process = False

    test_each_rule_arrives_as_of_a_session = None

    def kill_speaker(self):
        self.world.speaker.kill()

    def restart_speaker(self):
        self.world.start_speaker()


class Neighbor(Case):
    def test_a_neighbour_that_is_away_is_a_peer_that_is_down(self):
        self.begin()
        self.world.announce("one", RULES[4][0].replace("{n}", "20"))
        self.result("one", "sent")
        self.behind.end()
        self.result("one", "peer-down")
        wait_for("its state says so", lambda: self.field("state") == "active", 60)
        self.assertIn("no neighbour", self.field("last_error"))
        self.world.announce("two", RULES[4][0].replace("{n}", "21"))
        self.world.withdraw("one", RULES[4][0].replace("{n}", "20"))
        self.result("two", "peer-down")
        self.result("one", "withdrawn")
        self.behind.up()
        self.result("two", "sent")
        self.has("198.51.100.21/32")
        self.assertFalse(any("198.51.100.20/32" in r for r in self.behind.routes()))

    def test_withdraw_all_and_resume(self):
        self.begin()
        self.world.put("many", 1, "announcing", MANY, copies=100)
        self.count(100)
        self.world.command(command="withdraw-all", who="test", why="trial")
        self.count(0)
        stays("held", lambda: not self.behind.routes(), 2)
        self.world.command(command="resume", scope="all")
        self.count(100)


class Answers(Case):
    """What ExaBGP says, and what it does not."""

    def test_its_error_is_a_refusal_until_it_has_begun_anew(self):
        """Its neighbour does not know the process: it answers each announcement with an error."""
        knows = ExaBgp.up

        def does_not_know(exabgp):
            exabgp.api, kept = "", exabgp.api
            try:
                return knows(exabgp)
            finally:
                exabgp.api = kept

        ExaBgp.up = does_not_know
        try:
            self.begin()
        finally:
            ExaBgp.up = knows
        self.world.announce("one", RULES[4][0].replace("{n}", "20"))
        self.result("one", "refused: exabgp: error")
        self.assertGreaterEqual(self.metric("error"), 1)
        self.assertEqual(self.behind.routes(), [])
        self.exabgp.end()
        self.exabgp.up()
        self.result("one", "sent")
        self.has("198.51.100.20/32")
        self.assertEqual((self.metric("error"), self.metric("lost")), (0, 0))

    def test_without_events_its_table_tells_who_is_up(self):
        self.begin(neighbor_changes=False)
        self.behind.end()
        wait_for("its state says so", lambda: self.field("state") == "active", 60)
        self.behind.up()
        self.is_up()

    def test_one_that_says_nothing_is_away_and_has_all_again_when_it_speaks(self):
        self.begin()
        self.world.put("many", 1, "announcing", MANY, copies=100)
        self.count(100)
        os.kill(self.exabgp.process.pid, signal.SIGSTOP)
        try:
            self.world.put("many-7", 2, "withdrawing", MANY.replace("{i}", "7"), job="withdraw")
            wait_for("the peer is down", lambda: self.field("state") == "connect", 60)
            self.assertIn("has not answered for 20 s", self.field("last_error"))
            self.assertEqual(self.world.results("many-5")["exa"].split(":")[0], "peer-down")
        finally:
            os.kill(self.exabgp.process.pid, signal.SIGCONT)
        self.is_up()
        self.count(99)
        self.has_not("[source-port: ==7]")
        self.result("many-5", "sent")


if __name__ == "__main__":
    unittest.main(verbosity=2)
