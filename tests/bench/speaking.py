"""A speaker with its Redis servers, for benchmarks: on addresses of its own, in a folder that goes with it."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../integration"), os.path.join(HERE, "../integration/speaker")]
from daemons import Addresses, Program, Redis, free_port, run, wait_for  # noqa: E402
from lib.resp import Redis as Client  # noqa: E402

BIN = os.environ["WEIR_BIN"]
BLAST = os.path.join(BIN, "../bench/bgp_blast")
AS = 64500
RULE = "match destination {a}/32 protocol =udp source-port =53 then discard"
LATE = "match destination 10.200.0.7/32 protocol =udp source-port ={i} then discard"


class Speaking:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="weir-bench-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.addresses = Addresses()
        self.address = self.addresses.take()
        self.metrics_port = free_port("127.0.0.1")
        self.state, self.telemetry = Redis("state", self.folder), Redis("telemetry", self.folder)
        self.speaker = Program("speaker", self.folder)

    def servers_up(self):
        self.state.up()
        self.telemetry.up()

    def start(self, peers):
        """peers: [(name, address, port, profile)]"""
        lines = "".join(f"  - {{name: {name}, address: {address}, port: {port}, remote_as: {AS}, local_address: {self.address}, "
                        f"profile: {profile}, families: [ipv4-flowspec], connect: active, timers: {{hold: 90s, connect_retry: 1s}}, "
                        f"updates_per_second: 100000, max_routes: 100000, graceful_restart: 0s}}\n" for name, address, port, profile in peers)
        path = pathlib.Path(self.folder, "weir.yaml")
        path.write_text(f"""state_dir: {self.folder}
run_dir: {self.folder}
dry_run: false
redis:
  telemetry: [{{name: t1, address: "{self.telemetry.address}"}}]
  state: {{address: "{self.state.address}"}}
networks: {{customers: [10.0.0.0/8]}}
exporters: [{{address: 192.0.2.1, name: r1}}]
speaker: {{name: sp1, router_id: {self.address}, local_as: {AS}, listen: ["{self.address}:{free_port(self.address)}"],
  metrics_port: {self.metrics_port}, shutdown: keep}}
peers:
{lines}""")
        self.speaker.start(os.path.join(BIN, "weir-speaker"), "--config", str(path))

    def put(self, name, rule, copies, *options, limit_s=900):

        subprocess.run([os.path.join(BIN, "put_mitigation"), self.state.address, name, "1", "announcing", rule, f"copies={copies}",
                        *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=limit_s)

    def client(self):
        return Client(self.state.socket)

    def metrics(self):
        return run("curl", "-s", f"http://127.0.0.1:{self.metrics_port}/metrics")

    def up_count(self):
        return len(re.findall(r"weir_speaker_peer_up\{[^}]*\} 1\b", self.metrics()))

    def routes_announced(self):
        """Over all peers."""
        return sum(int(n) for n in re.findall(r'weir_speaker_routes_sent_total\{[^}]*kind="announce"\} (\d+)', self.metrics()))

    def job_times(self):
        """[(seconds, jobs that took no longer)], the last without a bound."""
        return [(float(le), int(n)) for le, n in re.findall(r'weir_speaker_job_seconds_bucket\{le="([^"]+)"\} (\d+)', self.metrics())]

    def resident_mib(self):
        text = pathlib.Path(f"/proc/{self.speaker.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024, int(re.search(r"VmHWM:\s+(\d+)", text)[1]) / 1024

    def done(self):
        for program in (self.speaker, self.state, self.telemetry):
            program.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy():
    """What a reader must know of a machine that others use."""
    load = os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0))
    return f"\nA busy machine: load {load:.0f} on {cores} cores.\n" if load > 1.5 * cores else ""
