"""One speaker with its Redis servers and its peers, in a folder that goes with the test."""
import os
import shutil
import tempfile
import urllib.error
import urllib.request

from daemons import Addresses, Program, Redis, control, free_port, run, wait_for

LOCAL_AS = 4200000001
BIN = os.environ["WEIR_BIN"]

RULE4 = "match destination 198.51.100.7/32 protocol =udp source-port =53 packet-length >=500&<=1500 then discard"
RULE4_LIMIT = "match destination 198.51.100.8/32 protocol =udp source-port =123 then rate-limit 1250000B/s"
RULE6 = "match destination 2001:db8:100::7/128 protocol =udp source-port =19 then discard"


class World:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="weir-speaker-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.addresses = Addresses()
        self.address = self.addresses.take()
        self.bgp_port = free_port(self.address)
        self.metrics_port = free_port("127.0.0.1")
        self.state, self.telemetry = Redis("state", self.folder), Redis("telemetry", self.folder)
        self.speaker = Program("speaker", self.folder)
        self.socket = os.path.join(self.folder, "speaker.sock")
        self.config = os.path.join(self.folder, "weir.yaml")
        self.more_config, self.more_speaker, self.more_listen = "", "", []
        self.peers, self.settings = [], {"shutdown": "keep", "dry_run": "false"}

    # --- parts ---

    def peer(self, kind, name, own_as=LOCAL_AS, connect="active", dials=False, address=None):
        peer = kind(name, self.folder, address or self.addresses.take(), self.address, LOCAL_AS, own_as,
                    self.bgp_port if dials else None)
        peer.local = address or self.address
        peer.connect = connect
        self.peers.append(peer)
        return peer

    def peer_lines(self, peer):
        if hasattr(peer, "line"):
            return peer.line
        extra = getattr(peer, "extra", "")
        return (f"  - {{name: {peer.name}, address: \"{peer.address}\", port: {peer.port}, remote_as: {peer.own_as}, "
                f"local_address: \"{peer.local}\", profile: {getattr(peer, 'use_profile', peer.profile)}, "
                f"families: [{getattr(peer, 'families', 'ipv4-flowspec, ipv6-flowspec')}], connect: {peer.connect}, "
                f"timers: {{hold: 30s, connect_retry: {getattr(peer, 'retry', '1s')}}}, updates_per_second: 1000, "
                f"graceful_restart: {getattr(peer, 'graceful_restart', '0s')}{extra}}}\n")

    def write_config(self):
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(f"""state_dir: {self.folder}
run_dir: {self.folder}
dry_run: {self.settings['dry_run']}
log: {{level: debug}}
redis:
  telemetry: [{{name: t1, address: "{self.telemetry.address}"}}]
  state: {{address: "{self.state.address}"}}
networks: {{customers: [198.51.100.0/24, "2001:db8:100::/48"]}}
protected: [198.51.100.10/32]
exporters: [{{address: 192.0.2.1, name: r1}}]
speaker:
  name: sp1
  router_id: {self.address}
  local_as: {LOCAL_AS}
  listen: [{', '.join(f'"{at}"' for at in [f'{self.address}:{self.bgp_port}', *self.more_listen])}]
  metrics_port: {self.metrics_port}
  shutdown: {self.settings['shutdown']}
{self.more_speaker}peers:
{''.join(self.peer_lines(p) for p in self.peers)}{self.more_config}""")

    def up(self, peers_first=True):
        self.state.up()
        self.telemetry.up()
        self.write_config()
        if peers_first:
            for peer in self.peers:
                peer.up()
        self.start_speaker()
        return self

    def start_speaker(self):
        self.speaker.start(os.path.join(BIN, "weir-speaker"), "--config", self.config)

    def all_established(self, limit_s=20):
        for peer in self.peers:
            wait_for(f"{peer.name} is established", peer.established, limit_s)

    def done(self, failed=False):
        for program in [self.speaker, *self.peers, self.state, self.telemetry]:
            program.end()
        if failed:
            print(f"--- speaker's log\n{self.speaker.text()[-6000:]}")
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- what policy and people do ---

    def put(self, mitigation, revision, state, rule, **options):
        args = [f"{k}={v}" for k, v in options.items()]
        job = run(os.path.join(BIN, "put_mitigation"), self.state.address, mitigation, str(revision), state, rule, *args)
        assert job.strip() or options.get("job") == "none", "nothing was written"

    def announce(self, mitigation, rule, revision=1, **options):
        self.put(mitigation, revision, "announcing", rule, **options)

    def withdraw(self, mitigation, rule, revision=2, **options):
        self.put(mitigation, revision, "withdrawing", rule, **options)

    def command(self, **command):
        return control(self.socket, **command)

    def results(self, mitigation):
        """{peer: "result: reason"} as said last."""
        last = {}
        text = self.state.cli("XRANGE", "weir:results", "-", "+")
        lines = [line.strip() for line in text.splitlines()]
        fields = dict()
        for name, value in zip(lines, lines[1:]):
            if name in ("peer", "mitigation", "result", "reason"):
                fields[name] = value
            if name == "at" and fields.get("mitigation") == mitigation:
                last[fields["peer"]] = fields["result"] + (": " + fields["reason"] if fields.get("reason") else "")
        return last

    def resident_kib(self):
        """Memory of the speaker."""
        with open(f"/proc/{self.speaker.process.pid}/status", encoding="ascii") as status:
            return int([line for line in status if line.startswith("VmRSS:")][0].split()[1])

    def health(self):
        """(status, what it says) of /healthz."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/healthz", timeout=10) as answer:
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode().strip()

    def metrics(self):
        """"" while it does not answer yet."""
        try:
            return self.ask_metrics()
        except urllib.error.URLError:
            return ""

    def ask_metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            return answer.read().decode()
