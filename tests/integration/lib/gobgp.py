"""A GoBGP from Debian as BGP peer on the loopback, and what its table holds."""
import json
import shutil
import subprocess

from .ports import free_port
from .processes import end, spawn
from .waits import wait_for

LOCAL_AS = 64500
COMPONENTS = {1: "destination", 2: "source", 3: "protocol", 4: "port", 5: "destination_port", 6: "source_port",
              7: "icmp_type", 8: "icmp_code", 9: "tcp_flags", 10: "packet_length", 11: "dscp", 12: "fragment"}
OPERATORS = {1: "=", 2: ">", 3: ">=", 4: "<", 5: "<=", 6: "!="}
RATE_BYTES = (0x80, 0x06)


def _match(components):
    """{"destination": "198.51.100.7/32", "protocol": [("=", 17)]}"""
    result = {}
    for component in components:
        name, value = COMPONENTS[component["type"]], component["value"]
        if isinstance(value, dict):
            result[name] = value["prefix"]
        else:
            result[name] = [(OPERATORS[item["op"] & 7], item.get("value", 0)) for item in value]
    return result


def _rate(attributes):
    """Octets a second of the rate-limit action, None where there is none; 0 is discard."""
    for attribute in attributes:
        for community in attribute.get("value", []) if attribute["type"] == 16 else []:
            if (community["type"], community["subtype"]) == RATE_BYTES:
                return community.get("rate", 0)
    return None


class Gobgp:
    def __init__(self, folder):
        self.folder = folder
        self.port, self.api_port = free_port(), free_port()
        self.process = None

    @staticmethod
    def missing():
        return None if shutil.which("gobgpd") and shutil.which("gobgp") else "gobgpd is not installed"

    def _config(self):
        families = "".join(f'[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "{family}"\n'
                           for family in ("ipv4-flowspec", "ipv6-flowspec"))
        return f"""[global.config]
as = {LOCAL_AS}
router-id = "192.0.2.1"
port = {self.port}
local-address-list = ["127.0.0.1"]
[[neighbors]]
[neighbors.config]
neighbor-address = "127.0.0.1"
peer-as = {LOCAL_AS}
[neighbors.transport.config]
passive-mode = true
[neighbors.timers.config]
idle-hold-time-after-reset = 1
{families}"""

    def start(self):
        file = self.folder / "gobgpd.toml"
        file.write_text(self._config())
        self.process = spawn(["gobgpd", "-t", "toml", "-f", file, "--api-hosts", f"127.0.0.1:{self.api_port}",
                              "--pprof-disable"], self.folder / "gobgpd.log")
        wait_for(lambda: self._ask("global"), 30, "gobgpd answers")
        return self

    def stop(self):
        end(self.process)

    def _ask(self, *args):
        done = subprocess.run(["gobgp", "-u", "127.0.0.1", "-p", str(self.api_port), *args], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise OSError(f"gobgp: {done.stderr.strip()} {done.stdout.strip()}")
        return done.stdout

    def established(self):
        return json.loads(self._ask("neighbor", "-j"))[0]["state"].get("session_state") == 6

    def routes(self, family="ipv4"):
        """[{"match": {…}, "rate": octets a second or None, "stale": …}]"""
        table = json.loads(self._ask("global", "rib", "-a", f"{family}-flowspec", "-j") or "{}")
        return [{"match": _match(path["nlri"]["value"]), "rate": _rate(path["attrs"]), "stale": path.get("stale", False)}
                for paths in table.values() for path in paths]

    def all_routes(self):
        return self.routes("ipv4") + self.routes("ipv6")

    def route_to(self, address):
        """The routes whose destination is this host."""
        family, length = ("ipv6", 128) if ":" in address else ("ipv4", 32)
        return [r for r in self.routes(family) if r["match"].get("destination") == f"{address}/{length}"]
