#!/usr/bin/env python3
"""Every format and address family all the way through: an exporter's real datagrams, an alarm, the route in
GoBGP's table, and its end. softflowd (NetFlow 5, NetFlow 9, IPFIX, and NetFlow 9 sampled) watches packets that the
test puts on interfaces; sFlow comes from `weir generate`. All run at once in one weir; each has tests of its own."""
import ipaddress
import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, namespace, suite
from lib.exporters import Generate, Listener, Softflowd
from lib.gobgp import Gobgp
from lib.packets import Sender, Stream
from lib.ports import free_port
from lib.waits import now_ms, wait_for

THRESHOLD_BPS = 2_000_000
ATTACK_BPS = 4 * THRESHOLD_BPS
WINDOW_MS, CLEAR_AFTER_MS, WITHDRAW_AFTER_MS, GRACE_MS = 1000, 3000, 3000, 2000
PEACE_S, ATTACK_S = 6, 5
CLOCKS_MS = 100  # what a process's idea of the state server's time may be off
LIMIT_BYTES = 1_250_000  # 10 Mbit/s

# Name: softflowd's version, sampling, the last octet of its exporter, the hosts that are attacked.
SOFTFLOWD = {
    "netflow5": ("5", 1, 11, {"ipv4": "198.51.100.5"}),
    "netflow9": ("9", 1, 12, {"ipv4": "198.51.100.9", "ipv6": "2001:db8:100::9"}),
    "ipfix": ("10", 1, 13, {"ipv4": "198.51.100.10", "ipv6": "2001:db8:100::10"}),
    "sampled": ("9", 4, 14, {"ipv4": "198.51.100.14"}),
}
# Host, last octet of the exporter, sampling.
SFLOW = {"ipv4": ("198.51.100.15", 15, 2), "ipv6": ("2001:db8:100::16", 16, 1)}
UDP_SHARE = 0.37  # of the volume that `weir generate` calls ordinary and that comes in; the rest is not counted by the policies here
SOURCES = {"ipv4": [f"11.66.0.{i}" for i in range(1, 9)], "ipv6": [f"2a00:66::{i}" for i in range(1, 9)]}
CALM = {"ipv4": [f"11.1.0.{i}" for i in range(1, 7)], "ipv6": [f"2a00:1::{i}" for i in range(1, 7)]}

POLICIES = "".join(f"""  - name: {family}-udp
    direction: incoming
    where: {{protocol: [udp], dst_network: [{family}]}}
    key: [dst_addr]
    window: {WINDOW_MS}ms
    thresholds:
      - {{severity: critical, any: {{bps: {THRESHOLD_BPS}}}, clear: {{below: 80%, after: {CLEAR_AFTER_MS}ms}},
         mitigate: [{{method: {method}}}]}}
""" for family, method in (("ipv4", "limit-dns"), ("ipv6", "discard-udp")))
METHODS = f"""  - name: limit-dns
    match: {{destination: infer, protocol: [udp], source_port: [53]}}
    action: {{rate_limit: 10Mbps}}
    withdraw_after: {WITHDRAW_AFTER_MS}ms
  - name: discard-udp
    match: {{destination: infer, protocol: [udp]}}
    action: {{discard: true}}
    withdraw_after: {WITHDRAW_AFTER_MS}ms
"""
NETWORKS = "  ipv4: [198.51.100.0/24]\n  ipv6: ['2001:db8:100::/48']"


def targets():
    """{host: its label}"""
    found = {host: f"{name} {family}" for name, (_, _, _, hosts) in SOFTFLOWD.items() for family, host in hosts.items()}
    found.update({host: f"sflow {family}" for family, (host, _, _) in SFLOW.items()})
    return found


class Poll(threading.Thread):
    """Asks GoBGP over and over what it holds: [(when asked, when answered, hosts)]."""

    def __init__(self, gobgp):
        super().__init__(daemon=True)
        self.gobgp, self.seen, self.over = gobgp, [], threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            asked_ms = now_ms()
            try:
                held = {str(r["match"].get("destination")).split("/")[0] for r in self.gobgp.all_routes()}
            except OSError:
                continue
            self.seen.append((asked_ms, now_ms(), held))

    def stop(self):
        self.over.set()
        self.join()


class Story:
    """What happened, once for all tests of the file."""

    def __init__(self):
        self.folder = house.work_folder()
        self.port = free_port()
        self.problem = None
        self.routes, self.last_ms, self.first_ms = {}, {}, {}
        self.stoppable = []

    def run(self):
        try:
            self._set_up()
            self._peace()
            self._attack()
            self._end()
        finally:
            for thing in reversed(self.stoppable):
                thing.stop()

    def _start(self, thing):
        self.stoppable.append(thing)
        if isinstance(thing, threading.Thread):
            thing.start()
        return thing

    def _set_up(self):
        self.gobgp = self._start(Gobgp(self.folder).start())
        exporters = [(name, number) for name, (_, _, number, _) in SOFTFLOWD.items()]
        exporters += [(f"sflow-{family}", number) for family, (_, number, _) in SFLOW.items()]
        listed = ", ".join(f"{{address: 192.0.2.{number}, name: {name}, active_timeout: 2s}}" for name, number in exporters)
        self.house = house.House(self.folder, house.config(
            self.folder, [f"0.0.0.0:{self.port}"], self.gobgp.port, policies=POLICIES, methods=METHODS,
            exporters=listed, networks=NETWORKS))
        self._start(self.house.start())
        marks = {}
        for name, (version, sampling, number, hosts) in SOFTFLOWD.items():
            namespace.send_from(f"192.0.2.{100 + number}", f"192.0.2.{number}")
            namespace.add_link(name)
            self._start(Softflowd(self.folder, name, version, f"192.0.2.{100 + number}", self.port, sampling))
            for family, host in hosts.items():
                # In every format and template of softflowd the destination follows the source.
                marks[host] = [ipaddress.ip_address(s).packed + ipaddress.ip_address(host).packed for s in SOURCES[family]]
        self.listener = self._start(Listener(self.port, marks))
        wait_for(self.gobgp.established, 60, "the BGP session")

    def _sflow(self, family, *more):
        host, number, sampling = SFLOW[family]
        name = f"sflow-{family}{'-attack' if more else ''}"
        return Generate(self.folder, name, "--to", f"192.0.2.{100 + number}:{self.port}", "--proto", "sflow", "--network",
                        f"{host}/{128 if family == 'ipv6' else 32}", "--hosts", 1, "--volume",
                        f"{THRESHOLD_BPS / 2 / UDP_SHARE / 1000:.0f}kbps", "--sampling", sampling, "--duration", "0s",
                        "--direction", "in", "--tail", 10, *more)  # steady: a large flow would be an alarm

    def _peace(self):
        self.streams = {}
        for name, (_, sampling, _, hosts) in SOFTFLOWD.items():
            self.streams[f"{name}-tx"] = list_ = []
            for family, host in hosts.items():
                # Where few packets are sampled, more and smaller ones: chance must not look like an attack.
                ip_bytes = 1400 if sampling == 1 else 700
                list_.append(Stream(THRESHOLD_BPS / 2, CALM[family], host, 443, ip_bytes))
                list_.append(Stream(ATTACK_BPS, SOURCES[family], host, 53, ip_bytes))
                list_[-2].on = True
        self._start(Sender(self.streams))
        self.calm_sflow = {}
        for family, (_, number, _) in SFLOW.items():
            namespace.send_from(f"192.0.2.{100 + number}", f"192.0.2.{number}")
            self.calm_sflow[family] = self._sflow(family)
        # Peace is counted from when weir has counted flows of every exporter.
        wait_for(lambda: len(self.house.weir("exporters")) >= len(SOFTFLOWD) + len(SFLOW), 60, "all exporters known")
        until = time.monotonic() + PEACE_S
        self.rates_in_peace = {host: [] for host in targets()}
        while time.monotonic() < until:
            time.sleep(0.2)
            for policy in self.house.weir("top", "--once"):
                for row in policy["keys"]:
                    self.rates_in_peace[row["key"].removeprefix("dst_addr=")].append(row["bps"])
        self.alarms_in_peace = self.house.alarms()
        self.routes_in_peace = self.gobgp.all_routes()

    def _attack(self):
        self.poll = self._start(Poll(self.gobgp))
        attacks = {}
        for family, (host, _, _) in SFLOW.items():
            self.calm_sflow[family].stop()
            attacks[family] = self._sflow(family, "--attack", "dns-amplification", "--target", host, "--attack-volume",
                                          f"{ATTACK_BPS // 1000}kbps", "--attack-for", f"{ATTACK_S}s")
        for streams in self.streams.values():
            for attack in streams[1::2]:
                attack.on = True
        until = time.monotonic() + ATTACK_S
        for host, label in targets().items():
            self.routes[host] = wait_for(lambda h=host: self.gobgp.route_to(h), 60, f"the route against {label}")
        time.sleep(max(0, until - time.monotonic()))
        # softflowd's flows end together, every two seconds. Soon after that there is little that it has not told, so that
        # its last records cover little time: weir spreads a record over the time that it covers, rightly.
        mine = [host for _, _, _, hosts in SOFTFLOWD.values() for host in hosts.values()]
        wait_for(lambda: all(now_ms() - self.listener.last_ms[host] < 300 for host in mine), 30, "records of all exporters")
        time.sleep(0.3)
        for streams in self.streams.values():
            for attack in streams[1::2]:
                attack.on = False
        self.sflow_attacks = attacks

    def _end(self):
        wait_for(lambda: not self.gobgp.all_routes(), 60, "no route in GoBGP's table any more")
        wait_for(lambda: all(m["state"] == "withdrawn" for m in self.house.mitigations()), 60, "all mitigations withdrawn")
        self.poll.stop()
        self.listener.stop()
        self.first_ms, self.last_ms = dict(self.listener.first_ms), dict(self.listener.last_ms)
        for family, attack in self.sflow_attacks.items():
            said = attack.stop()
            host = SFLOW[family][0]
            self.first_ms[host], self.last_ms[host] = said["first_attack_ms"], said["last_attack_ms"]
        self.alarms, self.mitigations = self.house.alarms(), self.house.mitigations()
        self.still_active = self.house.weir("alarms")
        self.exporters = self.house.weir("exporters")
        self.complaints = self.house.sanitizer_complaints()


class Formats(suite.HouseTest):
    @classmethod
    def setUpClass(cls):
        cls.story = Story()
        try:
            cls.story.run()
        except BaseException:
            house.dispose(cls.story.folder, keep=True)
            raise

    @classmethod
    def tearDownClass(cls):
        house.dispose(cls.story.folder, keep=cls.any_failed)

    def test_half_the_threshold_raises_nothing(self):
        for host, rates in self.story.rates_in_peace.items():
            with self.subTest(host=host):
                self.assertGreater(len(rates), PEACE_S, "not counted during the peace")
                settled = rates[len(rates) // 2:]  # the first records come seconds after the first packets
                self.assertAlmostEqual(statistics.mean(settled) / THRESHOLD_BPS, 0.5, delta=0.15)
        self.assertEqual(self.story.alarms_in_peace, [])
        self.assertEqual(self.story.routes_in_peace, [])

    def test_nothing_but_the_targets_is_mitigated(self):
        self.assertEqual(len(self.story.mitigations), len(targets()))
        self.assertEqual(len(self.story.alarms), len(targets()))
        self.assertEqual(self.story.still_active, [])

    def test_no_sanitizer_complains(self):
        self.assertEqual(self.story.complaints, [])

    def judge(self, host):
        story = self.story
        family, length = ("ipv6", 128) if ":" in host else ("ipv4", 32)
        self.assertEqual(len(story.routes[host]), 1, story.routes[host])
        route = story.routes[host][0]
        wanted = {"destination": f"{host}/{length}", "protocol": [("=", 17)]}
        if family == "ipv4":
            wanted["source_port"] = [("=", 53)]
        self.assertEqual(route["match"], wanted)
        self.assertEqual(route["rate"], LIMIT_BYTES if family == "ipv4" else 0)

        mitigation = [m for m in story.mitigations if f" {host}/" in m["rule"]]
        self.assertEqual(len(mitigation), 1, story.mitigations)
        mitigation = mitigation[0]
        alarm = next(a for a in story.alarms if a["id"] == mitigation["alarm"])
        self.assertEqual(alarm["state"], "ended")
        self.assertEqual(alarm["policy"], f"{family}-udp")
        times, first_ms, last_ms = mitigation["times"], story.first_ms[host], story.last_ms[host]
        self.assertGreaterEqual(times["crossed_ms"], first_ms - CLOCKS_MS, "alarmed before the attack")
        self.assertGreaterEqual(times["withdraw_asked_ms"], alarm["times"]["ended_ms"] + WITHDRAW_AFTER_MS - CLOCKS_MS,
                                "withdrawn sooner than withdraw_after")
        self.assertEqual(alarm["reactivations"], 0, "the attack was over once")
        allowed_ms = WINDOW_MS + CLEAR_AFTER_MS + WITHDRAW_AFTER_MS + GRACE_MS
        self.assertLessEqual(times["ended_ms"], last_ms + allowed_ms, "withdrawn too late")
        # GoBGP had the route all the time until weir took it back.
        gaps = [begun for begun, ended, held in story.poll.seen
                if times["active_ms"] + 500 < begun and ended < times["withdraw_asked_ms"] - CLOCKS_MS and host not in held]
        self.assertEqual(gaps, [])

    def test_netflow5_ipv4(self):
        self.judge(SOFTFLOWD["netflow5"][3]["ipv4"])

    def test_netflow9_ipv4(self):
        self.judge(SOFTFLOWD["netflow9"][3]["ipv4"])

    def test_netflow9_ipv6(self):
        self.judge(SOFTFLOWD["netflow9"][3]["ipv6"])

    def test_ipfix_ipv4(self):
        self.judge(SOFTFLOWD["ipfix"][3]["ipv4"])

    def test_ipfix_ipv6(self):
        self.judge(SOFTFLOWD["ipfix"][3]["ipv6"])

    def test_sampled_netflow9_ipv4(self):
        self.judge(SOFTFLOWD["sampled"][3]["ipv4"])
        shown = next(e for e in self.story.exporters if e["address"] == "192.0.2.14")
        self.assertEqual(int(shown["sampling_rate"]), 4, shown)

    def test_sflow_ipv4(self):
        self.judge(SFLOW["ipv4"][0])

    def test_sflow_ipv6(self):
        self.judge(SFLOW["ipv6"][0])


if __name__ == "__main__":
    suite.main(needs_namespace=True, missing=[Gobgp.missing(), Softflowd.missing()])
