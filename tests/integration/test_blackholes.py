#!/usr/bin/env python3
"""Blackholes and diversions, by hand and by alarm, as BIRD, FRR, GoBGP and OpenBGPD have them."""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, suite
from lib.bgp import LOCAL_AS
from lib.ports import free_port
from lib.sflow import Router
from lib.waits import wait_for
from lib.witnesses import daemons

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "interop"))
import receivers  # noqa: E402

HOST4, HOST6 = "198.51.100.45", "2001:db8:100::45"
METHODS = """  - name: rtbh
    automatic: true
    withdraw_after: 1s
    blackhole:
      ipv4: {next_hop: 192.0.2.1}
      ipv6: {next_hop: "100::1"}
      communities: ["65535:666", "64500:1:2", "rt:64500:7"]
      peers:
        bird: {communities: ["65003:666"], no_export: false}
  - {name: scrub, divert: {next_hop: 192.0.2.200, communities: ["64500:200"]}}
"""
POLICY = """  - name: host-udp
    direction: incoming
    where: {protocol: [udp]}
    key: [dst_addr]
    window: 1s
    thresholds:
      - {severity: critical, any: {bps: 100M}, clear: {below: 80%, after: 2s}, mitigate: [{method: rtbh}]}
"""


class GoBgp(daemons.GoBgp):
    """Of unicast alone."""

    def file(self, suffix, text):
        return super().file(suffix, text.replace("ipv4-flowspec", "ipv4-unicast").replace("ipv6-flowspec", "ipv6-unicast"))

    def unicast(self, host):
        return self.cli("global", "rib", "-a", "ipv6" if ":" in host else "ipv4", host)


class Bird(daemons.Bird):
    def file(self, suffix, text):
        return super().file(suffix, text.replace("  flow4 {", "  ipv4 { import all; export none; };\n  ipv6 { import all; export none; };\n"
                                                 "  flow4 {"))

    def unicast(self, host):
        return self.cli("show", "route", "all", "for", host)


class Frr(daemons.Frr):
    def file(self, suffix, text):
        return super().file(suffix, text.replace(" flowspec\n", " unicast\n"))

    def unicast(self, host):
        return self.cli(f"show bgp {'ipv6' if ':' in host else 'ipv4'} unicast {host}")


class OpenBgpd(receivers.OpenBgpd):
    def unicast(self, host):
        return self.cli("show", "rib", "detail", host)


# What each shows of the blackhole, and of the diversion. To FRR and BIRD it is eBGP, where there is no local preference.
BLACKHOLE = {
    "gobgp": (r"198.51.100.45/32", r"192\.0\.2\.1\b", r"Communities: blackhole, no-export", r"LocalPref: 120",
              r"LargeCommunity: \[ ?64500:1:2\]", r"64500:7"),
    "frr": (r"198.51.100.45/32", r"192\.0\.2\.1 ", r"Community: blackhole no-export|Community: .*65535:666.*no-export",
            r"Large Community: 64500:1:2", r"RT:64500:7"),
    "bird": (r"198.51.100.45/32", r"BGP\.next_hop: 192\.0\.2\.1", r"BGP\.community: \(65003,666\)\s", r"BGP\.as_path: 64500"),
    "openbgpd": (r"198.51.100.45/32", r"192\.0\.2\.1\b", r"Communities: .*(BLACKHOLE|65535:666)", r"NO_EXPORT",
                 r"Large Communities: 64500:1:2", r"rt 64500:7", r"[Ll]ocalpref 120"),
}
DIVERT = {"gobgp": (r"192\.0\.2\.77", r"Communities: 64500:200, no-export"), "frr": (r"192\.0\.2\.77", r"64500:200"),
          "bird": (r"BGP\.next_hop: 192\.0\.2\.77", r"\(64500,200\)", r"\(65535,65281\)"),
          "openbgpd": (r"192\.0\.2\.77", r"64500:200", r"NO_EXPORT")}
BLACKHOLE6 = {"gobgp": r"100::1", "frr": r"100::1", "bird": r"BGP\.next_hop: 100::1", "openbgpd": r"100::1"}
BUILDERS = {"gobgp": (GoBgp, LOCAL_AS), "frr": (Frr, 65002), "bird": (Bird, 65003), "openbgpd": (OpenBgpd, LOCAL_AS)}


# A redirect to an address whose route has it as its next hop.
BY_NEXT_HOP = """profiles:
  - {name: hop-gobgp, based_on: gobgp, redirect_to_ip: next-hop}
  - {name: hop-frr, based_on: frr, redirect_to_ip: next-hop}
  - {name: hop-bird, based_on: bird, redirect_to_ip: next-hop}
"""
FLOW = {"gobgp": (daemons.GoBgp, LOCAL_AS), "frr": (daemons.Frr, LOCAL_AS), "bird": (daemons.Bird, LOCAL_AS)}
REDIRECTED = {"gobgp": (r"198\.51\.100\.45/32", r'"type":8,"subtype":0,"value":"AAAAAAAAAA=="'),
              "frr": (r"198\.51\.100\.45/32", r"FS:redirect IP 0x0", r"NLRI NH:? ?192\.0\.2\.77"),
              "bird": (r"198\.51\.100\.45/32", r"0x8000000, 0x0|0x08000000, 0x0")}


class BlackholesTest(suite.HouseTest):
    def up(self, builders=None, families="ipv4-unicast, ipv6-unicast", profile="", more=""):
        work = self.folder()
        os.chmod(work, 0o755)  # FRR's bgpd gives up root
        addresses = daemons.Addresses()
        speaker = addresses.take()
        self.peers = {name: kind(name, str(work), addresses.take(), speaker, LOCAL_AS, own_as)
                      for name, (kind, own_as) in (builders or BUILDERS).items()}
        lines = "".join(f"  - {{name: {name}, address: {p.address}, port: {p.port}, remote_as: {p.own_as}, local_address: {speaker}, "
                        f"families: [{families}], timers: {{hold: 30s, connect_retry: 1s}}, local_preference: 120"
                        f"{profile and f', profile: {profile}-{name}'}}}\n"
                        for name, p in self.peers.items())
        port = free_port()
        methods = METHODS if builders is None else house.LIMIT_DNS
        self.house = house.House(work, house.config(work, [f"127.0.0.1:{port}"], peers=f"peers:\n{lines}{more}", methods=methods,
                                                    policies=POLICY if builders is None else ""))
        self.router = Router(port)
        self.addCleanup(lambda: self.assertEqual(self.house.sanitizer_complaints(), []))
        for peer in self.peers.values():
            self.addCleanup(peer.end)
            peer.up()
        self.addCleanup(self.house.stop)
        self.house.start()
        self.addCleanup(self.router.end)
        self.router.start()
        self.router.start_stream("198.51.100.3", 20e6)
        wait_for(lambda: all(p.established() for p in self.peers.values()), 90, "all BGP sessions")

    def shown(self, host, patterns, limit_s=30):
        for name, wanted in patterns.items():
            wanted = (wanted,) if isinstance(wanted, str) else wanted
            peer = self.peers[name]
            try:
                wait_for(lambda: all(re.search(p, peer.unicast(host)) for p in wanted), limit_s, f"{name} has {host}")
            except AssertionError as error:
                raise AssertionError(f"{error}: {[p for p in wanted if not re.search(p, peer.unicast(host))]} not in\n"
                                     f"{peer.unicast(host)}") from error

    def gone(self, host, limit_s=30):
        for name, peer in self.peers.items():
            wait_for(lambda peer=peer: not re.search(r"(?m)192\.0\.2\.|100::1", peer.unicast(host)), limit_s, f"{name} has no {host}")

    def test_the_document_is_a_configuration(self):
        text = (house.ROOT / "docs/blackholes.md").read_text()
        work = self.folder()
        yaml = re.search(r"(?s)```yaml\n(.*?)```", text)[1]
        peers, methods = yaml.split("methods:\n")
        checked = house.House(work, house.config(work, ["127.0.0.1:2055"], peers=peers, methods=methods + house.LIMIT_DNS))
        said = checked.weir_text("check", check=False)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertLessEqual(len(text.splitlines()), 150)

    def test_by_hand(self):
        self.up()
        said = self.house.weir_text("mitigate", HOST4, "--blackhole", "--for", "10m", "--reason", "test").stdout
        self.assertIn("all traffic to the prefix is dropped, not the attack alone", said)
        self.shown(HOST4, BLACKHOLE)
        self.assertNotIn("65281", self.peers["bird"].unicast(HOST4), "no NO_EXPORT where the method says so")
        standing = self.house.weir("mitigations")[0]
        self.assertEqual((standing["route"], standing["next_hop"]), ("blackhole", "192.0.2.1"))
        self.assertIn("65535:666", standing["communities"])
        wait_for(lambda: {r for r in self.house.weir("mitigations")[0]["results"].values()} == {"sent"}, 20, "each was sent it")
        self.house.weir_text("mitigate", HOST6, "--blackhole")
        self.shown(HOST6, BLACKHOLE6)
        self.house.weir_text("mitigate", HOST4, "--divert", "192.0.2.77")
        self.shown(HOST4, DIVERT)
        self.assertRegex(self.house.weir_text("routes", "--peer", "gobgp", "--order").stdout,
                         r"(?s)route 198\.51\.100\.45/32 then divert.*route 2001:db8:100::45/128 then blackhole")
        self.assertEqual({p["peer"]: (p["routes_ipv4_unicast"], p["routes_ipv6_unicast"]) for p in self.house.weir("peers")},
                         {name: (1, 1) for name in self.peers})
        refused = self.house.weir_text("mitigate", "203.0.113.9", "--blackhole", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("not-ours", refused.stdout + refused.stderr)
        before = {name: self.house.weir("peers") for name in ("flaps",)}
        self.house.weir_text("stop", next(m["id"] for m in self.house.weir("mitigations") if m["family"] == "ipv4"))
        self.gone(HOST4)
        self.shown(HOST6, BLACKHOLE6)
        self.house.weir_text("withdraw-all", "--reason", "test")
        self.gone(HOST6)
        self.assertEqual([p["flaps"] for p in self.house.weir("peers")], [p["flaps"] for p in before["flaps"]])

    def test_a_redirect_by_the_next_hop(self):
        self.up(FLOW, "ipv4-flowspec, ipv6-flowspec", "hop", BY_NEXT_HOP)
        self.house.weir_text("announce", f"match destination {HOST4}/32 protocol =udp then redirect-to-ip 192.0.2.77", "--for", "10m")
        for name, wanted in REDIRECTED.items():
            peer = self.peers[name]
            wait_for(lambda peer=peer: peer.routes(), 30, f"{name} has the rule")
            for pattern in wanted:
                shown = peer.cli("global", "rib", "-a", "ipv4-flowspec", "-j") if name == "gobgp" else peer.routes()[0]
                self.assertRegex(shown, pattern, name)
        self.assertEqual([p["flaps"] for p in self.house.weir("peers")], [0, 0, 0])

    def test_from_attack_to_withdrawal(self):
        self.up()
        self.router.start_stream(HOST4, 400e6)
        self.shown(HOST4, BLACKHOLE)
        self.router.stop_stream(HOST4)
        self.gone(HOST4, 60)


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=[f"not installed: {daemon}" if shutil.which(daemon) is None else None
                                               for daemon in ("gobgpd", "bird", "bgpctl", "vtysh")])
