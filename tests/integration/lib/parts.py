"""weir without `weir up`: each process and each Redis server is started and ended by the test, so that one can stay away,
and there may be two of a kind."""
import json
import signal
import urllib.request

from . import house, processes
from .bgp import LOCAL_AS, Recorder
from .ports import free_port
from .sflow import Router
from .waits import wait_for
from .witnesses import RecorderWitness, daemons

KINDS = ("redis-telemetry", "redis-state", *house.PROCESSES)
# After the end of an attack a route would be gone by then, were nobody away: window, clear.after, withdraw_after, and
# some time for a busy machine.
GONE_S = 1 + 2 + 1 + 2


class Parts(house.House):
    """One recorder as peer; `second` is a configuration for a second policy and a second speaker, which share all else."""

    def __init__(self, folder, speaker=""):
        self.addresses = daemons.Addresses()
        self.flow_port, self.metrics_port = free_port(), free_port()
        self.recorder = Recorder(self.addresses.take(), 0)
        self.witness = RecorderWitness(self.recorder)
        text = self.text(folder, speaker)
        super().__init__(folder, text)
        self.run_dir().mkdir()
        (self.folder / "state").mkdir()
        self.second_file = self.folder / "second.yaml"
        self.second_file.write_text(text.replace("policy: {name: p1", "policy: {name: p2").replace(
            "speaker: {name: sp1, router_id: 192.0.2.9", "speaker: {name: sp2, socket: second.sock, journal: second.journal, "
            "router_id: 192.0.2.8"))
        self.servers = {role: daemons.Redis(role, str(self.run_dir())) for role in ("telemetry", "state")}
        self.running = {}
        self.router = Router(self.flow_port)

    def text(self, folder, speaker):
        peers = f"""peers:
  - {{name: recorder, address: {self.recorder.address}, port: {self.recorder.port}, remote_as: {LOCAL_AS}, profile: generic,
     families: [ipv4-flowspec, ipv6-flowspec], graceful_restart: 0s, timers: {{hold: 30s, connect_retry: 1s}}}}
platforms:
  - {{name: edge, peers: [recorder], max_rules: 100, widest: [/24, /48]}}
"""
        methods = house.LIMIT_DNS.replace("withdraw_after: 2s", "withdraw_after: 1s")
        text = house.config(folder, [f"127.0.0.1:{self.flow_port}"], methods=methods, peers=peers, speaker=speaker)
        return text.replace("receive_buffer: 2MiB, metrics_port: 0", f"receive_buffer: 2MiB, metrics_port: {self.metrics_port}")

    def up(self):
        for part in KINDS:
            self.begin(part)
        self.router.start()
        self.router.start_stream("198.51.100.3", 20e6)
        wait_for(self.recorder.established, house.START_LIMIT_S, "the BGP session")
        return self.ready()

    def begin(self, part, second=False):
        """part: one of KINDS; second: with the second configuration."""
        if part.startswith("redis-"):
            self.servers[part[len("redis-"):]].up()
            return
        file = self.second_file if second else self.config_file
        self.running[part, second] = processes.spawn([house.BIN / f"weir-{part}", "--config", file], self.log_file,
                                                     cwd=self.folder)

    def kill(self, part, second=False):
        if part.startswith("redis-"):
            self.servers[part[len("redis-"):]].kill()
            return
        process = self.running.pop((part, second))
        process.kill()
        process.wait()

    def down(self):
        self.router.end()
        for process in [*self.running.values()][::-1]:
            processes.end(process, number=signal.SIGTERM)
        for server in self.servers.values():
            server.end()
        self.recorder.close()

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def warnings(self):
        return self.weir("status", check=False)["warnings"]

    # --- attacks ---

    def attack(self, host):
        self.router.start_stream(host, 400e6)

    def over(self, host):
        self.router.stop_stream(host)

    def has(self, host):
        return host in self.recorder.held

    def alarm_of(self, host):
        return next((a for a in self.alarms() if host in json.dumps(a)), None)

    def mitigations_of(self, host):
        return [m for m in self.mitigations() if f"destination {host}/" in m["rule"]]
