#!/usr/bin/env python3
"""GoBGP, FRR, BIRD, ExaBGP and OpenBGPD × each component × each action × restart × route refresh, a subtest a cell: what
weir announces stands in each daemon's own table as cells.py says, and docs/interop.md says the same."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import receivers  # noqa: E402
from receivers import ExaBgp, OpenBgpd, daemons, table_of  # noqa: E402
from cells import BLACKHOLES, CELLS, DAEMONS, DISCARDS, FORCED, NO_FLOWSPEC, REFRESH, SHOWS_BLACKHOLE, UDP, rounds  # noqa: E402
from page import page  # noqa: E402
from case import Case  # noqa: E402
from daemons import wait_for  # noqa: E402

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3, "docs", "interop.md")
KINDS = {"gobgp": (daemons.GoBgp, None), "frr": (daemons.Frr, 65002), "bird": (daemons.Bird, 65003),
         "exabgp": (ExaBgp, 65004), "openbgpd": (OpenBgpd, 65005)}
UNICAST = {"gobgp": receivers.UnicastGoBgp, "frr": receivers.UnicastFrr, "bird": receivers.UnicastBird,
           "exabgp": receivers.UnicastExaBgp, "openbgpd": receivers.UnicastOpenBgpd}
MISSING = [name for name in ("exabgp", "/usr/sbin/bgpd", "bgpctl") if shutil.which(name) is None]
# Its processes give up root, and so cannot be started without it.
HERE = [name for name in DAEMONS if name != "openbgpd" or os.geteuid() == 0]
FLOWSPEC = [name for name in HERE if name != "openbgpd"]


@unittest.skipIf(MISSING, f"NOT TESTED, these are not installed: {' '.join(MISSING)}")
class Interop(Case):
    def start(self, names, kinds=None):
        for name in names:
            kind, own_as = KINDS[name]
            kind = kinds[name] if kinds else kind
            self.world.peer(kind, name, **({"own_as": own_as} if own_as else {}))
        self.peers = {peer.name: peer for peer in self.world.peers}
        return self.peers

    def up(self):
        self.world.up()
        self.world.all_established()

    def all_results(self):
        """{(mitigation, peer): result} of what was said last."""
        entries = json.loads(daemons.run("redis-cli", "-s", self.world.state.socket, "--json", "XRANGE", "weir:results", "-", "+"))
        said = (dict(zip(fields[::2], fields[1::2])) for _, fields in entries)
        return {(s["mitigation"], s["peer"]): s["result"] + (f": {s['reason']}" if s.get("reason") else "")
                for s in said if "peer" in s}

    def tables(self):
        return {name: table_of(self.peers[name]) for name in FLOWSPEC}

    def tables_become(self, wanted, limit_s=30):
        """Fails with the difference."""
        end = time.monotonic() + limit_s
        while (have := self.tables()) != wanted and time.monotonic() < end:
            time.sleep(0.2)
        self.assertEqual(have, wanted)

    def settled_tables(self):
        """Once each cell is answered, and what is sent has come."""
        wait_for("each cell is answered at each peer", lambda: len(self.all_results()) == len(CELLS) * len(HERE), 60)
        results = self.all_results()
        want = {name: sum(self.routes_of(result) for (_, peer), result in results.items() if peer == name) for name in FLOWSPEC}
        wait_for("each daemon has as many routes as it was sent",
                 lambda: {name: sum(map(len, table.values())) for name, table in self.tables().items()} == want, 30)
        return self.tables(), results

    @staticmethod
    def routes_of(result):
        parts = re.fullmatch(r"sent(?:: as (\d+) rules?)?", result)
        return int(parts[1] or 1) if parts else 0


class Matrix(Interop):
    def test_each_cell_stands_in_the_daemons_own_table(self):
        self.start(HERE)
        self.up()
        for cell in CELLS:
            self.world.announce(cell.mitigation, cell.rule)
        tables, results = self.settled_tables()
        for cell in CELLS:
            for name in HERE:
                with self.subTest(cell=cell.row.name, family=cell.family, daemon=name, rule=cell.rule):
                    have = tables.get(name, {}).pop(cell.destination, [])
                    self.check(cell, name, have, results[cell.mitigation, name])
        self.assertEqual(tables, {name: {} for name in FLOWSPEC}, "nothing else stands")
        whole = self.tables()
        with self.subTest(operation="no session has fallen"):
            self.assertNotIn("peer down", self.world.speaker.text())
        self.refreshed(whole)
        self.speaker_killed(whole)
        self.daemons_started(whole)
        self.withdrawn()

    def check(self, cell, name, have, result):
        if name == "openbgpd":
            self.assertEqual(result, f"refused: family: the peer did not agree to ipv{cell.family}-flowspec")
            return
        wanted = cell.printed(name)
        if wanted is None:
            self.assertRegex(result, f"^refused: profile: {name}: ")
            self.assertEqual(have, [])
        elif cell.row.values:
            self.assertEqual(len(have), int(wanted[0]))
            self.assertEqual(self.routes_of(result), len(have))
            self.assertEqual({action for _, action in have}, {wanted[1]})
            if name != "bird" or len(cell.row.values) < 40:  # BIRD cuts what is longer, and says so: " ..."
                ports = [int(port) for match, _ in have for port in re.findall(r"\b1\d{4}\b", match)]
                self.assertEqual(sorted(ports), cell.row.values)
        else:
            self.assertEqual(have, [wanted])
            self.assertRegex(result, "^sent")

    def sent(self, name):
        found = re.search(rf'weir_speaker_routes_sent_total{{peer="{name}",kind="announce"}} (\d+)', self.world.metrics())
        return int(found[1]) if found else 0

    def refreshed(self, whole):
        p, before = self.peers, {name: self.sent(name) for name in FLOWSPEC}
        p["gobgp"].cli("neighbor", p["gobgp"].speaker, "softresetin")
        for family in ("ipv4", "ipv6"):
            p["frr"].cli(f"clear bgp {family} flowspec {p['frr'].speaker} soft in")
            p["exabgp"].command(f"announce route-refresh {family} flow")
        p["bird"].cli("reload", "in", "spk")
        for name in FLOWSPEC:
            with self.subTest(operation="route refresh", daemon=name):
                count = 0 if name in REFRESH.no else sum(map(len, whole[name].values()))
                wait_for("all is sent again", lambda: self.sent(name) - before[name] == count, 20)
        with self.subTest(operation="route refresh changes no table"):
            self.assertEqual(self.tables(), whole)

    def speaker_killed(self, whole):
        with self.subTest(operation="the speaker is killed and started"):
            self.world.speaker.kill()
            self.world.start_speaker()
            self.tables_become(whole)

    def daemons_started(self, whole):
        for name in FLOWSPEC:
            self.peers[name].end()
        for name in FLOWSPEC:
            self.peers[name].up()
        for name in FLOWSPEC:
            with self.subTest(operation="the daemon is stopped and started", daemon=name):
                wait_for("all is back", lambda: table_of(self.peers[name]) == whole[name], 30)

    def withdrawn(self):
        for cell in CELLS:
            self.world.withdraw(cell.mitigation, cell.rule)
        with self.subTest(operation="withdrawn"):
            self.tables_become({name: {} for name in FLOWSPEC})


class Unicast(Interop):
    """Blackholes of both families, which OpenBGPD takes too."""

    def test_blackholes_stand_in_each_table(self):
        self.start(HERE, UNICAST)
        self.up()
        for family, (host, hop) in BLACKHOLES.items():
            self.world.announce(f"b-{family}", f"blackhole {host}/{32 if family == 4 else 128} {hop}")
        self.all_have_them("announced")
        self.world.speaker.kill()
        self.world.start_speaker()
        self.world.all_established()
        self.all_have_them("the speaker was killed and started")
        for name in HERE:
            self.peers[name].end()
        for name in HERE:
            self.peers[name].up()
        self.all_have_them("the daemons were stopped and started")
        for family, (host, hop) in BLACKHOLES.items():
            self.world.withdraw(f"b-{family}", f"blackhole {host}/{32 if family == 4 else 128} {hop}")
        for name in HERE:
            with self.subTest(daemon=name, after="withdrawn"):
                wait_for("it has none", lambda: not any(self.peers[name].blackhole(host) for host, _ in BLACKHOLES.values()))

    def all_have_them(self, after):
        for name in HERE:
            for family, (host, hop) in BLACKHOLES.items():
                with self.subTest(daemon=name, family=family, after=after):
                    shows = re.compile(SHOWS_BLACKHOLE[name].format(host=re.escape(host), hop=re.escape(hop)))
                    try:
                        wait_for("it has the route", lambda: shows.search(self.peers[name].blackhole(host)), 30)
                    except AssertionError:
                        self.fail(f"{shows.pattern} is not in {self.peers[name].blackhole(host)!r}")


class Reasons(Interop):
    """What each daemon does with the rules that weir refuses it, so that no profile refuses more than it must."""

    def test_what_weir_refuses_the_daemon_does_not_take(self):
        for peer in self.start(sorted({forced.daemon for forced in FORCED})).values():
            peer.use_profile = "bird"
        self.up()
        for number, turn in enumerate(rounds()):
            self.force(number, turn)
            if any(forced.falls or forced.logs for forced in turn):  # so that no session waits for having fallen often
                self.world.speaker.end()
                self.world.start_speaker()
                self.world.all_established()

    def force(self, number, turn):
        tried = []
        for forced in turn:
            destination = f"198.51.100.{20 + number}/32" if forced.family == 4 else f"2001:db8:100::{20 + number:x}/128"
            mitigation, rule = f"f-{number}-{forced.daemon}", forced.row.rule(destination, forced.family)
            since = len(self.world.speaker.text()), len(self.peers[forced.daemon].text())
            self.world.announce(mitigation, rule, peer=forced.daemon)
            tried.append((forced, mitigation, rule, destination, since))
        for forced, mitigation, rule, destination, since in tried:
            with self.subTest(daemon=forced.daemon, rule=rule):
                self.check(forced, mitigation, destination, since)
        for forced, mitigation, rule, *_ in tried:
            self.world.withdraw(mitigation, rule, peer=forced.daemon)

    def check(self, forced, mitigation, destination, since):
        peer = self.peers[forced.daemon]
        if forced.falls:
            fall = f'"peer down" peer={forced.daemon} reason="{forced.falls}'
            wait_for("the session falls", lambda: fall in self.world.speaker.text()[since[0]:])
            return
        wait_for("it is sent", lambda: self.all_results().get((mitigation, forced.daemon)) == "sent")
        if forced.logs:
            wait_for("it says so", lambda: forced.logs in peer.text()[since[1]:])
        if forced.dumps:
            wait_for("it has it so", lambda: forced.dumps in peer.cli("global", "rib", "-a", f"ipv{forced.family}-flowspec", "-j"))
        if forced.prints is not None:
            wanted = [(UDP.expected(forced.daemon, forced.family), forced.prints)]
            wait_for(f"it has {wanted}", lambda: table_of(peer).get(destination) == wanted)
            return
        self.assertNotIn(destination, table_of(peer))
        if not forced.logs and not forced.dumps:
            self.other_rules_stand(forced, mitigation)

    def other_rules_stand(self, forced, mitigation):
        """So that the rule has come, as what was sent behind it has."""
        destination = "2001:db8:100::ff/128" if forced.family == 6 else "198.51.100.9/32"
        rule = UDP.rule(destination, forced.family)
        self.world.announce(f"{mitigation}-next", rule, peer=forced.daemon)
        wanted = {destination: [(UDP.expected(forced.daemon, forced.family), DISCARDS[forced.daemon])]}
        wait_for("it has the next, and this alone", lambda: table_of(self.peers[forced.daemon]) == wanted)
        self.world.withdraw(f"{mitigation}-next", rule, peer=forced.daemon)

    @unittest.skipIf("openbgpd" not in HERE, "OpenBGPD runs as root only")
    def test_openbgpd_has_no_flowspec(self):
        path = os.path.join(self.world.folder, "flowspec.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write("AS 65005\nneighbor 127.0.0.1 {\n remote-as 65001\n announce IPv4 flowspec\n}\n")
        os.chmod(path, 0o600)
        done = subprocess.run(["/usr/sbin/bgpd", "-n", "-f", path], capture_output=True, text=True, timeout=20, check=False)
        self.assertIn(f":4: {NO_FLOWSPEC}", done.stdout + done.stderr)
        self.assertNotEqual(done.returncode, 0)


class Page(unittest.TestCase):
    def test_the_page_says_what_was_seen(self):
        with open(PAGE, encoding="utf-8") as have:
            self.assertEqual(have.read(), page(), f"docs/interop.md is stale; renew it: {os.path.abspath(__file__)} --renew")


if __name__ == "__main__":
    if sys.argv[1:] == ["--renew"]:
        with open(PAGE, "w", encoding="utf-8") as renewed:
            renewed.write(page())
        sys.exit(0)
    unittest.main()
