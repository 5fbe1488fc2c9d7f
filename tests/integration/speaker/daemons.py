"""Real daemons for tests of the speaker, each in the test's own folder, on a loopback address and port of its own.

Nothing here is shared with another run: addresses are drawn from 127.0.0.0/8 and ports are free ones. What was started
is ended by its process id.
"""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time

os.environ["PATH"] += ":/usr/sbin"  # where daemons are, also for who is not root


def wait_for(what, condition, limit_s=20.0):
    """The condition's first true value; fails the test when the limit passes."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit_s} s: {what}")
        time.sleep(0.05)


def stays(what, condition, for_s):
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        if not condition():
            raise AssertionError(f"did not stay: {what}")
        time.sleep(0.05)


class Addresses:
    """A network of the test's own in 127.0.0.0/8."""

    def __init__(self):
        self.base = f"127.{random.randint(16, 239)}.{random.randint(0, 255)}"
        self.last = 0

    def take(self):
        self.last += 1
        return f"{self.base}.{self.last}"


def free_port(address):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def accepts(address, port):
    try:
        with socket.create_connection((address, port), 0.5):
            return True
    except OSError:
        return False


class Program:
    """A child process with its output in a file; ended by its own id only. `inside`: what it is run by."""

    def __init__(self, name, folder):
        self.name, self.folder, self.process, self.inside = name, folder, None, ()
        self.log = os.path.join(folder, f"{name}.log")

    def start(self, *command, env=None):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.inside, *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            start_new_session=True, env=env)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def end(self, how=signal.SIGTERM, limit_s=10):
        if self.process is None:
            return None
        if self.running():
            self.process.send_signal(how)
        try:
            self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        status, self.process = self.process.returncode, None
        return status

    def kill(self):
        self.end(signal.SIGKILL)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()


def run(*command):
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=20,
                          check=False)
    return done.stdout


class Redis(Program):
    def __init__(self, name, folder):
        super().__init__(name, folder)
        self.socket = os.path.join(folder, f"{name}.sock")
        self.address = f"unix:{self.socket}"

    def up(self):
        data = os.path.join(self.folder, f"{self.name}.d")
        os.makedirs(data, exist_ok=True)
        self.start("redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", data, "--appendonly", "yes",
                   "--appendfsync", "always", "--save", "")
        wait_for(f"{self.name} answers", lambda: self.cli("PING") == "PONG")

    def cli(self, *args):
        return run("redis-cli", "-s", self.socket, *args).strip()


class Peer(Program):
    """A BGP daemon that waits for the speaker, or (dials) connects to it."""

    def __init__(self, name, folder, address, speaker, speaker_as, own_as, dials_port=None):
        super().__init__(name, folder)
        self.address, self.speaker, self.speaker_as, self.own_as = address, speaker, speaker_as, own_as
        self.port = free_port(address)
        self.dials_port = dials_port
        self.router_id = address if "." in address else f"10.9.9.{random.randint(2, 250)}"
        self.password, self.gtsm = None, False

    def file(self, suffix, text):
        path = os.path.join(self.folder, f"{self.name}.{suffix}")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path


class GoBgp(Peer):
    profile = "gobgp"

    keeps = ""  # "RFC 4724": routes over a restart of the speaker; "RFC 8538": over a NOTIFICATION as well

    def up(self):
        self.api = getattr(self, "api", None) or free_port(self.api_host())
        dial = f"passive-mode = false\nremote-port = {self.dials_port}" if self.dials_port else "passive-mode = true"
        keep = "[neighbors.afi-safis.mp-graceful-restart.config]\nenabled = true\n" if self.keeps else ""
        families = "".join(f'[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "{f}"\n{keep}'
                           for f in ("ipv4-flowspec", "ipv6-flowspec"))
        graceful = ""
        if self.keeps:
            graceful = (f"[neighbors.graceful-restart.config]\nenabled = true\nrestart-time = 120\n"
                        f"notification-enabled = {str(self.keeps == 'RFC 8538').lower()}\n")
        multihop = ""
        if self.gtsm:
            multihop = "[neighbors.ttl-security.config]\nenabled = true\nttl-min = 255\n"
        elif self.own_as != self.speaker_as:
            multihop = "[neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 8\n"
        password = f'auth-password = "{self.password}"' if self.password else ""
        path = self.file("toml", f"""[global.config]
as = {self.own_as}
router-id = "{self.router_id}"
port = {self.port}
local-address-list = ["{self.address}"]
[[neighbors]]
[neighbors.config]
neighbor-address = "{self.speaker}"
peer-as = {self.speaker_as}
{password}
[neighbors.transport.config]
local-address = "{self.address}"
{dial}
{multihop}[neighbors.timers.config]
connect-retry = 1
hold-time = 30
keepalive-interval = 10
idle-hold-time-after-reset = 1
{graceful}{families}""")
        self.start("gobgpd", "-t", "toml", "-f", path, "--api-hosts", f"{self.api_host()}:{self.api}", "--pprof-disable")
        wait_for("gobgpd answers", lambda: self.cli("global"))

    def api_host(self):
        return self.address if "." in self.address else "127.0.0.1"

    def cli(self, *args):
        return run("gobgp", "-u", self.api_host(), "-p", str(self.api), *args)

    def established(self):
        return "ESTABLISHED" in self.cli("neighbor", self.speaker)

    def routes(self, family=4):
        text = self.cli("global", "rib", "-a", f"ipv{family}-flowspec")
        return [line.strip() for line in text.splitlines() if "[" in line]


class Bird(Peer):
    profile = "bird"
    extended = False  # messages of up to 65,535 octets

    def up(self):
        self.control = os.path.join(self.folder, f"{self.name}.ctl")
        neighbor = f"neighbor {self.speaker} as {self.speaker_as}; passive on;"
        if self.dials_port:
            neighbor = f"neighbor {self.speaker} port {self.dials_port} as {self.speaker_as};"
        if self.password:
            neighbor += f' password "{self.password}";'
        if self.gtsm:
            neighbor += " ttl security on;"
        path = self.file("conf", f"""log stderr all;
router id {self.router_id};
flow4 table fs4;
flow6 table fs6;
protocol device {{}}
protocol bgp spk {{
  local {self.address} port {self.port} as {self.own_as};
  {neighbor}
  {getattr(self, "hops", "multihop 1" if self.gtsm else "multihop 8")};
  {'enable extended messages on;' if self.extended else ''}
  strict bind on; hold time 30; connect delay time 1; connect retry time 1; error wait time 1,2;
  flow4 {{ table fs4; import all; export none; validate off; }};
  flow6 {{ table fs6; import all; export none; validate off; }};
}}
""")
        self.start("bird", "-f", "-c", path, "-s", self.control, "-P", os.path.join(self.folder, f"{self.name}.pid"))
        wait_for("bird answers", lambda: self.cli("show", "status"))

    def cli(self, *args):
        return run("birdc", "-s", self.control, *args)

    def established(self):
        return "Established" in self.cli("show", "protocols", "spk")

    def routes(self, family=4):
        text = self.cli("show", "route", "table", f"fs{family}", "all")
        routes = []
        for line in text.splitlines():
            if f"flow{family} {{" in line:
                routes.append(line.strip())
            elif routes:
                routes[-1] += " " + line.strip()
        return routes


class Frr(Peer):
    profile = "frr"
    keeps = False

    def up(self):
        self.vty = os.path.join(self.folder, f"{self.name}.vty")
        os.makedirs(self.vty, exist_ok=True)
        if os.geteuid() == 0:
            for path in (self.folder, self.vty):
                shutil.chown(path, "frr", "frr")
        dial = f"neighbor {self.speaker} port {self.dials_port}" if self.dials_port else f"neighbor {self.speaker} passive"
        multihop = f"neighbor {self.speaker} ebgp-multihop 8" if self.own_as != self.speaker_as else "!"
        if self.gtsm:
            multihop = f"neighbor {self.speaker} ttl-security hops 1"
        password = f"neighbor {self.speaker} password {self.password}" if self.password else "!"
        families = "".join(f" address-family {f} flowspec\n  neighbor {self.speaker} activate\n exit-address-family\n"
                           for f in ("ipv4", "ipv6"))
        path = self.file("conf", f"""hostname frr
router bgp {self.own_as}
 bgp router-id {self.router_id}
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 neighbor {self.speaker} remote-as {self.speaker_as}
 neighbor {self.speaker} update-source {self.address}
 neighbor {self.speaker} timers 10 30
 neighbor {self.speaker} timers connect 1
 {'bgp graceful-restart' if self.keeps else '!'}
 {dial}
 {multihop}
 {password}
{families}""")
        os.chmod(path, 0o644)
        self.start("/usr/lib/frr/bgpd", "-Z", "-n", "-S", "-p", str(self.port), "-l", self.address, "-P", "0", "-f",
                   path, "-i", os.path.join(self.folder, f"{self.name}.pid"), "--vty_socket", self.vty, "-z",
                   os.path.join(self.vty, "zserv.api"))
        wait_for("frr answers", lambda: "FRRouting" in self.cli("show version"))

    def cli(self, *commands):
        each = [part for command in commands for part in ("-c", command)]
        return run("vtysh", "--vty_socket", self.vty, "-d", "bgpd", *each)

    def established(self):
        return "BGP state = Established" in self.cli(f"show bgp neighbors {self.speaker}")

    def routes(self, family=4):
        text = self.cli(f"show bgp ipv{family} flowspec detail")
        routes = []
        for line in text.splitlines():
            if line.startswith("BGP flowspec entry"):
                routes.append(line.strip())
            elif routes:
                routes[-1] += " " + line.strip()
        return routes


def control(path, **command):
    """One command at the speaker's local socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        s.sendall(json.dumps(command).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            part = s.recv(65536)
            if not part:
                break
            answer += part
        return json.loads(answer)
