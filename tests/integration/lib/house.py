"""weir as people run it: `weir up` from the build under test (WEIR_BIN) in a folder of its own, its log, its commands."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from . import processes
from .resp import Redis
from .waits import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("WEIR_BIN", ROOT / "build/dev/bin")).resolve()
PROCESSES = ("collector", "aggregator", "policy", "speaker")
# The build under test may have sanitizers, which makes starting slow on a busy machine.
START_LIMIT_S = 90

LINE = re.compile(r'^(\S+Z) (error|warn|info|debug) (\S+) "((?:[^"\\]|\\.)*)" ?(.*)$')
PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed")


def work_folder():
    """Below /tmp, with a short name: Unix sockets go into it."""
    return pathlib.Path(tempfile.mkdtemp(prefix="weir-test-", dir="/tmp"))


def dispose(folder, keep=False):
    """Removes a work folder, or names it: where what it is needed for failed, or with WEIR_TEST_KEEP=1."""
    if keep or os.environ.get("WEIR_TEST_KEEP") == "1":
        print(f"\nwhat the processes said is in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)


class House:
    def __init__(self, folder, config=None):
        """config: the text of weir.yaml; None: `weir up --state-dir` writes its sample."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state_dir, self.log_file = self.folder / "state", self.folder / "weir.log"
        self.config_file = self.folder / "weir.yaml"
        self.process, self.programs = None, BIN
        self.is_sample = config is None
        if self.is_sample:
            self.config_file = self.state_dir / "weir.yaml"
        else:
            self.write_config(config)

    def write_config(self, text):
        self.config_file.write_text(text)

    # --- its life ---

    def up_args(self):
        where = ["--state-dir", self.state_dir] if self.is_sample else ["--config", self.config_file]
        return [self.programs / "weir", "up", *where]

    def spawn(self):
        environment = {k: v for k, v in os.environ.items() if k != "WEIR_CONFIG"}
        self.process = processes.spawn(self.up_args(), self.log_file, cwd=self.folder, env=environment)

    def start(self):
        begins_at = len(self.log_text())
        self.spawn()
        wait_for(lambda: self.ended() or "weir is up" in self.log_text()[begins_at:], START_LIMIT_S, "weir up starts")
        if self.ended():
            raise RuntimeError(f"weir up ended with {self.process.returncode}:\n{self.log_text()[begins_at:]}")
        return self

    def ended(self):
        return self.process.poll() is not None

    def stop(self, number=signal.SIGTERM):
        return processes.end(self.process, 60, number)

    def ready(self):
        """Each process is in the registry and up."""
        wait_for(lambda: {r["kind"] for r in self.registry()} >= set(PROCESSES), START_LIMIT_S, "all processes registered")
        return self

    def pids(self):
        """{process: pid}, by what `weir up` said last of each."""
        return {line["process"]: int(line["pid"]) for line in self.log("up") if line["message"] == "started"}

    # --- what it says ---

    def log_text(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def log(self, process=None, message=None, level=None):
        """Its lines as {"at", "level", "from", "message", and the line's own fields}."""
        found = []
        for text in self.log_text().splitlines():
            line = LINE.match(text)
            if not line or (process and line[3] != process) or (message and line[4] != message) \
                    or (level and line[2] != level):
                continue
            fields = {name: value.strip('"') for name, value in PAIR.findall(line[5])}
            found.append({**fields, "at": line[1], "level": line[2], "from": line[3], "message": line[4]})
        return found

    def sanitizer_complaints(self):
        return [line for line in self.log_text().splitlines() if SANITIZER.search(line)]

    def weir(self, *args, check=True):
        """A command with --json; its answer."""
        done = self.weir_text("--json", *args, check=check)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def weir_text(self, *args, check=True):
        done = subprocess.run([BIN / "weir", "--config", self.config_file, *map(str, args)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=120, check=False, cwd=self.folder)
        if check and done.returncode != 0:
            raise OSError(f"weir {' '.join(map(str, args))}: exit {done.returncode}: {done.stderr.strip()}")
        return done

    # --- what it has ---

    def run_dir(self):
        """As its configuration names it."""
        found = re.search(r"^run_dir: (.*)$", self.config_file.read_text(), re.MULTILINE)
        return pathlib.Path(json.loads(found[1]))

    def password(self, user):
        """None where there are no passwords; then everybody may do everything."""
        path = self.state_dir / "secrets" / f"{user}.pw"
        return path.read_text().strip() if path.exists() else None

    def redis(self, role, user="admin"):
        """A connection to the "state" or the "telemetry" server, as somebody who may do everything, or as another."""
        redis, password = Redis(str(self.run_dir() / f"{role}.sock")), self.password(user)
        if password:
            redis("AUTH", user, password)
        return redis

    def registry(self):
        with self.redis("telemetry") as redis:
            names = [name for name in redis.keys() if name.startswith("weir:process:")]
            return [{"kind": name.split(":")[2], "name": name.split(":")[3], **redis.pairs("HGETALL", name)} for name in names]

    def alarms(self):
        """All that have been, by key."""
        return self.weir("alarms", "--all")

    def mitigations(self):
        return self.weir("mitigations", "--all")



def config(folder, flow_ports, bgp_port=None, *, dry_run=False, policies="", methods="", exporters="", networks="",
           more="", speaker="", peer="", peers=""):
    """A weir.yaml for a House in this folder: everything on the loopback, no metrics; peers: their section and that of
    platforms, or there is one peer at bgp_port."""
    folder = pathlib.Path(folder)
    udp = ", ".join(f'"{at}"' for at in flow_ports)
    peers = peers or (f"""
peers:
  - {{name: gobgp, address: 127.0.0.1, port: {bgp_port}, remote_as: 64500, profile: gobgp,
     families: [ipv4-flowspec, ipv6-flowspec], timers: {{hold: 30s, connect_retry: 1s}}{peer}}}
platforms:
  - {{name: edge, peers: [gobgp], max_rules: 100, widest: [/24, /48]}}
""" if bgp_port else "")
    return f"""state_dir: {json.dumps(str(folder / "state"))}
run_dir: {json.dumps(str(folder / "run"))}
dry_run: {"true" if dry_run else "false"}
networks:
{networks or "  customers: [198.51.100.0/24, '2001:db8:100::/48']"}
exporters: [{exporters or "{address: 127.0.0.1, name: router, active_timeout: 1s}"}]
collector: {{name: c1, udp: [{udp}], receive_buffer: 2MiB, metrics_port: 0}}
aggregator: {{name: a1, metrics_port: 0}}
policy: {{name: p1, metrics_port: 0}}
speaker: {{name: sp1, router_id: 192.0.2.9, local_as: 64500, metrics_port: 0{speaker}}}
{peers}
policies:
{policies or HOST_UDP}
methods:
{methods or LIMIT_DNS}
{more}
"""


HOST_UDP = """  - name: host-udp
    direction: incoming
    where: {protocol: [udp]}
    key: [dst_addr]
    window: 1s
    thresholds:
      - {severity: critical, any: {bps: 100M}, clear: {below: 80%, after: 2s}, mitigate: [{method: limit-dns}]}
"""
LIMIT_DNS = """  - name: limit-dns
    match: {destination: infer, protocol: [udp], source_port: [53]}
    action: {rate_limit: 10Mbps}
    withdraw_after: 2s
"""
