"""The five daemons as peers of one speaker, each asked for its own table: {destination: [what it shows of a route]}.

GoBGP, FRR and BIRD are those of the speaker's tests. ExaBGP has no table: what it tells its process is made into one.
OpenBGPD has no Flowspec in this version.
"""
import getpass
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "speaker"))
import daemons  # noqa: E402
from daemons import Peer, accepts, run, wait_for  # noqa: E402

FAMILIES = (4, 6)


class ExaBgp(Peer):
    profile = "exabgp"

    def up(self):
        self.events = os.path.join(self.folder, f"{self.name}.events")
        self.commands = os.path.join(self.folder, f"{self.name}.commands")
        for path in (self.events, self.commands):
            with open(path, "w", encoding="utf-8"):
                pass
        # Writes down what ExaBGP says, and says to ExaBGP what is written into the file of commands.
        script = self.file("sh", f"tail --pid=$$ -s 0.1 -n +1 -f {self.commands} &\nexec cat >> {self.events}\n")
        path = self.file("conf", f"""process rx {{
  run /bin/sh {script};
  encoder json;
}}
neighbor {self.speaker} {{
  router-id {self.address}; local-address {self.address}; local-as {self.own_as}; peer-as {self.speaker_as}; hold-time 30; passive;
  family {{ ipv4 flow; ipv6 flow; }}
  capability {{ asn4 enable; route-refresh enable; extended-message enable; }}
  api {{ processes [ rx ]; receive {{ parsed; update; notification; open; }} neighbor-changes; }}
}}
""")
        settings = {"exabgp.tcp.bind": self.address, "exabgp.tcp.port": str(self.port), "exabgp.api.cli": "false",
                    "exabgp.daemon.user": getpass.getuser(), "exabgp.log.destination": "stderr",
                    "exabgp.log.level": "INFO", "exabgp.api.ack": "false"}
        self.start("exabgp", path, env={**os.environ, **settings})
        wait_for("exabgp listens", lambda: accepts(self.address, self.port))

    def command(self, text):
        with open(self.commands, "a", encoding="utf-8") as out:
            out.write(text + "\n")

    def messages(self):
        with open(self.events, encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield json.loads(line)

    def states(self):
        return [m["neighbor"]["state"] for m in self.messages() if m["type"] == "state"]

    def established(self):
        return self.states()[-1:] == ["up"]

    @staticmethod
    def actions(attributes):
        """The communities, and what it keeps as octets (attribute-0x19-…)."""
        said = [c["string"] for c in attributes.get("extended-community", [])]
        said += [f"{name}: {value}" for name, value in attributes.items() if name.startswith("attribute-")]
        return " ".join(said)

    def routes(self, family=4):
        table, flow = {}, f"ipv{family} flow"
        for m in self.messages():
            if m["type"] == "state" and m["neighbor"]["state"] == "down":
                table.clear()
            update = m["neighbor"].get("message", {}).get("update", {}) if m["type"] == "update" else {}
            for routes in update.get("announce", {}).get(flow, {}).values():
                for route in routes:
                    table[route["string"]] = f"{route['string']} then {self.actions(update['attribute'])}"
            for route in update.get("withdraw", {}).get(flow, []):
                table.pop(route["string"], None)
        return list(table.values())


class OpenBgpd(Peer):
    profile = "openbgpd"

    def up(self):
        self.control = os.path.join(self.folder, f"{self.name}.ctl")
        path = self.file("conf", f"""AS {self.own_as}
router-id {self.address}
fib-update no
listen on {self.address} port {self.port}
socket "{self.control}"
neighbor {self.speaker} {{
  remote-as {self.speaker_as}
  local-address {self.address}
  holdtime 30
  passive
  announce IPv4 unicast
  announce IPv6 unicast
  enforce neighbor-as no
}}
allow from any
deny to any
""")
        os.chmod(path, 0o600)
        os.makedirs("/run/openbgpd", exist_ok=True)
        self.start("/usr/sbin/bgpd", "-d", "-v", "-f", path)
        wait_for("openbgpd answers", lambda: self.cli("show"))

    def cli(self, *args):
        return run("bgpctl", "-s", self.control, *args)

    def established(self):
        return "BGP state = Established" in self.cli("show", "neighbor", self.speaker)

    def routes(self, family=4):
        del family
        return []


# How each daemon prints one route: what it matches behind the destination, and what is done with it.
PRINTED = {
    "gobgp": re.compile(r"\[destination: (?P<destination>[0-9a-f.:]+/\d+)(?:/0)?\](?P<match>\S.*?)? fictitious .*?"
                        r"\{Extcomms: (?P<action>\[.*?\])\}\]"),
    "frr": re.compile(r"Destination Address (?P<destination>[0-9a-f.:]+/\d+)(?:/off 0)? (?P<match>.*?) ?"
                      r"(?P<action>(?:FS:|NH:|UNK:).*) received for"),
    "bird": re.compile(r"flow[46] \{ dst (?P<destination>[0-9a-f.:]+/\d+); (?P<match>.*?) ?\} .*"
                       r"BGP\.(?:ext_community: |19 \[t\]: )(?P<action>.*)"),
    "exabgp": re.compile(r"flow destination-ipv[46] (?P<destination>[0-9a-f.:]+/\d+)(?:/0)?(?P<match>.*?) then (?P<action>.*)"),
}
ANYWHERE = re.compile(r"[0-9a-f.:]{2,}/\d+")


def table_of(peer):
    """{destination: [(match, action)]} of both families; what it cannot be read from stands as (the text, None)."""
    table = {}
    for family in FAMILIES:
        for text in peer.routes(family):
            text = re.sub(r"\s+", " ", text)
            found = PRINTED[peer.profile].search(text)
            key = found["destination"] if found else (ANYWHERE.findall(text) or ["unreadable"])[0]
            route = ((found["match"] or "").strip(), found["action"].strip()) if found else (text, None)
            table.setdefault(key, []).append(route)
    return {key: sorted(routes, key=str) for key, routes in table.items()}


class OfUnicast:
    """A daemon with the families of unicast instead: blackholes."""

    families = "ipv4-unicast, ipv6-unicast"
    use_profile = "generic"

    def blackhole(self, host):
        """What it shows of the host's route; "" where there is none."""
        text = re.sub(r"\s+", " ", self.unicast(host))
        return text if f"{host}/" in text else ""


class UnicastGoBgp(OfUnicast, daemons.GoBgp):
    def file(self, suffix, text):
        return super().file(suffix, text.replace("ipv4-flowspec", "ipv4-unicast").replace("ipv6-flowspec", "ipv6-unicast"))

    def unicast(self, host):
        return self.cli("global", "rib", "-a", "ipv6" if ":" in host else "ipv4", host)


class UnicastFrr(OfUnicast, daemons.Frr):
    def file(self, suffix, text):
        return super().file(suffix, text.replace(" flowspec\n", " unicast\n"))

    def unicast(self, host):
        return self.cli(f"show bgp {'ipv6' if ':' in host else 'ipv4'} unicast {host}")


class UnicastBird(OfUnicast, daemons.Bird):
    def file(self, suffix, text):
        return super().file(suffix, text.replace("  flow4 {", "  ipv4 { import all; export none; };\n  ipv6 { import all; export none; };\n  flow4 {"))

    def unicast(self, host):
        return self.cli("show", "route", "all", "for", host)


class UnicastExaBgp(OfUnicast, ExaBgp):
    def file(self, suffix, text):
        return super().file(suffix, text.replace("ipv4 flow; ipv6 flow;", "ipv4 unicast; ipv6 unicast;"))

    def unicast(self, host):
        said, family = "", f"ipv{6 if ':' in host else 4} unicast"
        for m in self.messages():
            if m["type"] == "state" and m["neighbor"]["state"] == "down":
                said = ""
            update = m["neighbor"].get("message", {}).get("update", {}) if m["type"] == "update" else {}
            routes = [(r["nlri"], f"next-hop {hop}") for hop, all_of_it in update.get("announce", {}).get(family, {}).items() for r in all_of_it]
            for nlri, hop in routes + [(r["nlri"], None) for r in update.get("withdraw", {}).get(family, [])]:
                if nlri.startswith(f"{host}/"):
                    said = f"{nlri} {hop} {update['attribute']}" if hop else ""
        return said


class UnicastOpenBgpd(OfUnicast, OpenBgpd):
    def unicast(self, host):
        return self.cli("show", "rib", "detail", host)
