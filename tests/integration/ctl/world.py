"""What the tests of the commands share: two Redis servers of their own, a configuration, and the program itself."""
import json
import os
import shutil
import subprocess
import tempfile
import time

WEIR = os.environ["WEIR"]
PUT_STATE = os.environ["PUT_STATE"]
LIMIT_S = 20

CONFIG = """
state_dir: "{folder}"
run_dir: "{folder}"
redis:
  password_dir: none
  telemetry: [{{name: t1, address: "unix:{folder}/t1.sock"}}]
  state: {{address: "unix:{folder}/state.sock"}}
dry_run: true
networks: {{customers: [198.51.100.0/24, "2001:db8::/32"]}}
protected: [198.51.100.10/32]
exporters: [{{address: 192.0.2.1, name: mx1, sampling: 1000}}, {{address: 192.0.2.7, name: silent}}]
speaker: {{name: sp1, router_id: 192.0.2.9, local_as: 64500}}
peers:
  - {{name: mx1, address: 192.0.2.1, remote_as: 64500, profile: gobgp, families: [ipv4-flowspec, ipv6-flowspec]}}
  - {{name: mx2, address: 192.0.2.2, remote_as: 64501, profile: junos, families: [ipv4-flowspec]}}
platforms: [{{name: edge, peers: [mx1], widest: [/24, /48]}}]
policies:
  - name: host-udp
    direction: incoming
    where: {{protocol: [udp]}}
    key: [dst_addr]
    window: 1s
    thresholds: [{{severity: critical, any: {{bps: 1G, pps: 5k}}, clear: {{below: 80%, after: 61s}}, mitigate: [{{method: limit-udp}}]}}]
methods: [{{name: limit-udp, match: {{destination: infer, protocol: [udp]}}, action: {{rate_limit: 100Mbps}}}}]
"""


def wait_until(condition, what):
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit, f"not true within {LIMIT_S} s: {what}"
        time.sleep(0.02)


class World:
    """A folder with a configuration and, where asked, the servers that it names."""

    def __init__(self, servers=("t1", "state")):
        self.folder = tempfile.mkdtemp(prefix="weir-ctl.", dir="/tmp")
        self.empty = os.path.join(self.folder, "empty")  # where no weir.yaml is found
        os.mkdir(self.empty)
        self.config = os.path.join(self.folder, "weir.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=self.folder))
        self.servers = {}
        for name in servers:
            self.start(name)

    def socket(self, name):
        return f"{self.folder}/{name}.sock"

    def start(self, name):
        self.servers[name] = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket(name), "--save", "", "--dir", self.folder,
             "--daemonize", "no"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.redis(name, "PING") == "PONG", f"redis {name} answers")

    def stop(self, name):
        server = self.servers.pop(name)
        server.terminate()
        server.wait(LIMIT_S)

    def close(self):
        for name in list(self.servers):
            self.stop(name)
        shutil.rmtree(self.folder)

    def redis(self, name, *command):
        return subprocess.run(["redis-cli", "-s", self.socket(name), *command], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False).stdout.decode(errors="surrogateescape").strip()

    def put_state(self):
        subprocess.run([PUT_STATE, "write", f"unix:{self.socket('state')}"], check=True)

    def weir(self, *arguments, stdin=None, config=True):
        """(exit status, standard output, standard error)"""
        environment = {key: value for key, value in os.environ.items() if key != "WEIR_CONFIG"}
        run = subprocess.run([WEIR, *(["--config", self.config] if config else []), *arguments], cwd=self.empty,
                             input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                             env=environment, check=False)
        return run.returncode, run.stdout.decode("utf-8"), run.stderr.decode("utf-8")

    def json(self, *arguments, want=0):
        code, out, err = self.weir("--json", *arguments)
        assert code == want, (code, out, err)
        return json.loads(out)

    def text(self, *arguments, want=0):
        code, out, err = self.weir(*arguments)
        assert code == want, (code, out, err)
        return out
