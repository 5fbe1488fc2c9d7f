#!/usr/bin/env python3
"""The Debian package, in a Debian that debootstrap made: installed by apt, each unit's commands run as its user with its
capabilities, an attack through all of it to a route in GoBGP's table, removed and purged, and what is left. systemd itself
does not run there. The first run makes build/debian-base, which later ones copy."""
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lib import house, namespace, processes, suite, units
from lib.gobgp import Gobgp
from lib.resp import Redis
from lib.waits import wait_for

BUILD = house.ROOT / "build"
BASE = BUILD / "debian-base"
RELEASE = BUILD / "release"
INSTALLED = "WEIR_TEST_DEBIAN"  # the folder of the Debian it was installed into, before the network was left
TARGETS = ("198.51.100.45", "198.51.100.46")  # of the dry run, and after it
REDIS = ("redis-state", "redis-telemetry")
CAP_NET_BIND_SERVICE, CAP_NET_RAW = 1 << 10, 1 << 13
MONITORING = ("prometheus.yaml", "weir.rules.yaml", "grafana-dashboard.json")
# What a package manager itself keeps, and what a user that stays is written into.
NOT_OURS = re.compile(r"^/(proc|sys|dev|tmp|run|var/(lib/dpkg|lib/apt|cache|log)|etc/(passwd|group|shadow|gshadow)-?$)(/|$)?")


def run(*args, **options):
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          stdin=subprocess.DEVNULL, **{"timeout": 600, **options})
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, args))}: exit {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


# --- a Debian, and weir in it; with the machine's network ---

def sources():
    """The mirror that this machine installs from."""
    for path in (*pathlib.Path("/etc/apt/sources.list.d").glob("*.sources"), pathlib.Path("/etc/apt/sources.list")):
        found = re.search(r"^(?:URIs: |deb )(?:\[.*?\] )?(\S*/debian/?)(?:\s|$)", path.read_text() if path.exists() else "", re.MULTILINE)
        if found:
            return found[1]
    return "http://deb.debian.org/debian"


def make_base():
    if BASE.exists():
        return
    debian = house.work_folder() / "base"  # debootstrap cannot stand a space in its path, which BASE may have
    unfinished = pathlib.Path(f"{BASE}.{os.getpid()}")
    try:
        run("debootstrap", "--variant=minbase", "bookworm", debian, sources())
        apt = pathlib.Path("/etc/apt")
        for path in (*apt.glob("apt.conf.d/*"), *apt.glob("sources.list.d/*"), apt / "sources.list"):
            if path.is_file() and (path.parent.name != "apt.conf.d" or "Acquire" in path.read_text()):
                shutil.copy(path, debian / path.relative_to("/"))
        run("cp", "-a", debian, unfinished)
        os.rename(unfinished, BASE)
    finally:
        shutil.rmtree(debian.parent, ignore_errors=True)
        shutil.rmtree(unfinished, ignore_errors=True)


def in_debian(root, *args):
    """With a /proc that goes when the command ends."""
    return run("unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc", "chroot", root,
               "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", *args)


def build():
    run("cmake", "--preset", "release", cwd=house.ROOT)
    run("cmake", "--build", "--preset", "release", cwd=house.ROOT, timeout=1500)
    folder = house.work_folder()
    run("cpack", "--config", RELEASE / "CPackConfig.cmake", "-B", folder, cwd=house.ROOT)
    package = next(folder.glob("*.deb"))
    if shutil.which("lintian"):
        run("lintian", "--fail-on", "error,warning", package)
    else:
        print("note: lintian is not installed, so the package is not judged by it", file=sys.stderr)
    return package


def install():
    """Gives the Debian's folder. What the package depends on is there before, so that its own files are told from theirs."""
    package = build()
    make_base()
    root = house.work_folder() / "debian"
    run("cp", "-a", BASE, root)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    in_debian(root, "apt-get", "update", "-q")
    needs = run("dpkg-deb", "-f", package, "Depends").strip()
    in_debian(root, "apt-get", "satisfy", "-qy", "--no-install-recommends", needs)
    (root / "before").write_text("\n".join(files(root)))
    (root / "package-contents").write_text(run("dpkg-deb", "-c", package))
    shutil.move(package, root / "weir.deb")
    shutil.rmtree(package.parent)
    (root / "said").write_text(in_debian(root, "apt-get", "install", "-qy", "--no-install-recommends", "/weir.deb"))
    return root


def files(root):
    """Every path in the Debian but those that are the package manager's."""
    found = []
    for folder, folders, names in os.walk(root):
        below = "/" + os.path.relpath(folder, root) if folder != str(root) else ""
        folders[:] = [f for f in folders if not NOT_OURS.match(f"{below}/{f}")]
        found += [f"{below}/{name}" for name in (*folders, *names) if not NOT_OURS.match(f"{below}/{name}")]
    return sorted(found)


# --- a unit, as systemd would run it ---

class Unit:
    """The commands of one unit's ExecStartPre and ExecStart, as its user, with its capabilities; and what it notifies."""

    def __init__(self, root, name):
        self.root, self.name = root, name
        self.file = root / f"lib/systemd/system/weir-{name}.service"
        self.service = units.read(self.file)["Service"]
        self.log, self.process, self.ready = root / f"log-{name}", None, threading.Event()

    def add_drop_in(self):
        """What the unit's comment shows, as `systemctl edit` would add it."""
        self.service = units.read(self.file, units.shown_drop_in(self.file))["Service"]

    def command(self, line):
        capabilities = sorted(c.lower().removeprefix("cap_") for c in units.capabilities(self.service, "AmbientCapabilities"))
        (umask,) = self.service["UMask"]
        only = ",".join(f"+{c}" for c in capabilities)
        caps = [f"--inh-caps=-all,{only}", f"--ambient-caps=-all,{only}", f"--bounding-set=-all,{only}"] if only \
            else ["--inh-caps=-all", "--bounding-set=-all"]
        user, group = self.service["User"][0], self.service["Group"][0]
        return ["chroot", self.root, "setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups", "--no-new-privs", *caps,
                "sh", "-c", f"umask {umask}; exec {line}"]

    def start(self):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": f"/run/notify-{self.name}"}
        self.ready.clear()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.root / f"run/notify-{self.name}"
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o777)
        threading.Thread(target=self.hear, args=(listener,), daemon=True).start()
        for line in self.service.get("ExecStartPre", ()):
            run(*self.command(line), env=environment)
        (line,) = self.service["ExecStart"]
        self.process = processes.spawn(self.command(line), self.log, env=environment)
        wait_for(lambda: self.ready.is_set() or self.process.poll() is not None, 30, f"{self.name} is ready")
        assert self.process.poll() is None, f"{self.name} ended:\n{self.log.read_text()[-2000:]}"

    def hear(self, listener):
        """As long as this test lives; what is said first after a start is enough."""
        while True:
            if b"READY=1" in listener.recv(4096):
                self.ready.set()

    def stop(self):
        if self.process:
            processes.end(self.process)

    def status(self):
        """Of the process itself, from /proc."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return dict(re.findall(r"^(\w+):\s*(.*)$", text, re.MULTILINE))


class Package(suite.HouseTest):
    """In the order of the numbers: one life of the package."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(os.environ[INSTALLED])
        run("mount", "-t", "proc", "proc", cls.root / "proc")  # in this test's own mount namespace
        run("mount", "--bind", "/dev", cls.root / "dev")
        cls.units = {name: Unit(cls.root, name) for name in (*REDIS, "speaker", "aggregator", "collector", "policy")}
        cls.gobgp = Gobgp(cls.root / "tmp").start()

    @classmethod
    def tearDownClass(cls):
        for unit in reversed(cls.units.values()):
            unit.stop()
        cls.gobgp.stop()
        run("umount", cls.root / "dev", cls.root / "proc")

    def chroot(self, *args):
        return run("chroot", self.root, *args)

    def weir(self, *args):
        return self.chroot("weir", *args)

    def start_all(self):
        for unit in self.units.values():
            unit.start()

    def stop_all(self):
        for unit in reversed(self.units.values()):
            unit.stop()

    def registry(self):
        path = self.root / "run/weir/telemetry.sock"
        with Redis(str(path)) as redis:
            redis("AUTH", "admin", (self.root / "var/lib/weir/secrets/admin.pw").read_text().strip())
            return {name.split(":")[2] for name in redis.keys() if name.startswith("weir:process:")}

    def attack(self, target, *more):
        process = processes.spawn(["chroot", self.root, "weir", "generate", "--to", "127.0.0.1:2055", "--proto", "netflow9", "--rate", "200",
                                   "--volume", "50Mbps", "--duration", "0s", "--attack", "dns-amplification", "--target", target,
                                   "--attack-rate", "500", "--attack-volume", "3Gbps", *more], self.root / "log-attack")
        self.addCleanup(lambda: processes.end(process))
        return process

    def test_1_installed_and_not_started(self):
        self.assertIn("systemctl enable --now weir.target", (self.root / "usr/share/doc/weir/install.md").read_text())
        self.assertEqual(self.chroot("dpkg-query", "-W", "-f=${db:Status-Abbrev}", "weir").strip(), "ii")
        self.assertRegex(self.chroot("id", "weir"), r"uid=\d+\(weir\) gid=\d+\(weir\)")
        modes = self.chroot("stat", "-c", "%n %U %a", "/var/lib/weir", "/var/lib/weir/secrets", "/var/lib/weir/redis-state", "/run/weir")
        self.assertEqual(modes.splitlines(), ["/var/lib/weir weir 750", "/var/lib/weir/secrets weir 750", "/var/lib/weir/redis-state weir 700",
                                              "/run/weir weir 750"])
        enabled = [p for p in (self.root / "etc/systemd/system").rglob("weir*")]
        self.assertEqual(enabled, [])
        self.assertIn("@weir.invalid>" if "DEBEMAIL" not in os.environ else os.environ["DEBEMAIL"],
                      self.chroot("dpkg-query", "-W", "-f=${Maintainer}", "weir"))
        for name in MONITORING:
            self.assertEqual((self.root / "usr/share/weir/monitoring" / name).read_bytes(), (house.ROOT / "etc/monitoring" / name).read_bytes())
        owners = {line.split()[1] for line in (self.root / "package-contents").read_text().splitlines()}
        self.assertEqual(owners, {"root/root"})

    def test_2_systemd_takes_the_units(self):
        names = [p.name for p in (self.root / "lib/systemd/system").glob("weir*")]
        self.assertEqual(len(names), len(self.units) + 1)
        self.assertEqual(self.chroot("systemd-analyze", "verify", "--man=no", *sorted(names)), "")
        self.chroot("systemctl", "enable", "weir.target", "weir-speaker.service")
        self.assertTrue((self.root / "etc/systemd/system/multi-user.target.wants/weir.target").is_symlink())

    def test_3_every_unit_runs_as_its_user_on_the_configuration_as_it_comes(self):
        self.start_all()
        wait_for(lambda: self.registry() == set(house.PROCESSES), 30, "all four registered")
        uid = self.chroot("id", "-u", "weir").strip()
        for name, unit in self.units.items():
            status = unit.status()
            self.assertEqual(set(status["Uid"].split()), {uid}, name)
            self.assertEqual(status["NoNewPrivs"], "1", name)
            for kind in ("CapPrm", "CapEff", "CapAmb", "CapBnd"):
                self.assertEqual(int(status[kind], 16), CAP_NET_BIND_SERVICE if name == "speaker" else 0, f"{name}: {kind}")
        attack = self.attack(TARGETS[0])
        wait_for(lambda: "active" in self.weir("mitigations"), 60, "a mitigation, dry")
        self.assertIn("dry", self.weir("status"))
        self.see_the_ways_out()
        processes.end(attack)
        self.stop_all()
        for name, unit in self.units.items():
            self.assertEqual(unit.process.returncode, 0, f"{name}:\n{unit.log.read_text()[-2000:]}")

    def see_the_ways_out(self):
        """Whom docs/install.md lets in: the group `weir` by Redis, root at the speaker's socket, nobody else anywhere."""
        self.assertIn("hold on all is set", self.as_somebody("weir", "withdraw-all", "--reason", "rehearsal"))
        self.assertIn("ON HOLD: all, by nobody@", self.as_somebody("weir", "status"))
        self.as_somebody("weir", "resume")
        at_socket = ("speaker", "withdraw-all", "--socket", "/run/weir/speaker.sock")
        self.assertIn("hold on all is set", self.weir(*at_socket))
        self.weir("speaker", "resume", "--socket", "/run/weir/speaker.sock")
        for group, command in (("weir", at_socket), ("nogroup", at_socket), ("nogroup", ("status",)), ("nogroup", ("withdraw-all",))):
            with self.assertRaises(OSError, msg=f"{group}: {command}"):
                self.as_somebody(group, *command)
        self.assertNotIn("ON HOLD", self.weir("status"))

    def as_somebody(self, group, *args):
        return self.chroot("setpriv", "--reuid=nobody", f"--regid={group}", "--clear-groups", "weir", *args)

    def test_4_an_attack_becomes_a_route_and_goes(self):
        """On a configuration that announces; the speaker listens on the port that only its capability lets it have, and has
        the drop-in for a VRF."""
        self.units["speaker"].add_drop_in()
        path = self.root / "etc/weir/weir.yaml"
        text = path.read_text()
        for was, becomes in (("dry_run: true", "dry_run: false"), ("exporters: []", "exporters: [{address: 127.0.0.1, active_timeout: 1s}]"),
                             ("after: 61s", "after: 2s"), ("withdraw_after: 120s", "withdraw_after: 2s")):
            self.assertIn(was, text)
            text = text.replace(was, becomes)
        path.write_text(text + f"""
speaker: {{name: sp1, router_id: 192.0.2.9, local_as: 64500, listen: ["127.0.0.1:179"]}}
peers:
  - {{name: gobgp, address: 127.0.0.1, port: {self.gobgp.port}, remote_as: 64500, profile: gobgp,
     families: [ipv4-flowspec, ipv6-flowspec], timers: {{hold: 30s, connect_retry: 1s}}}}
""")
        self.weir("check")
        self.start_all()
        for kind in ("CapPrm", "CapEff", "CapAmb", "CapBnd"):
            self.assertEqual(int(self.units["speaker"].status()[kind], 16), CAP_NET_BIND_SERVICE | CAP_NET_RAW, kind)
        wait_for(self.gobgp.established, 60, "the BGP session")
        with socket.create_connection(("127.0.0.1", 179), 10):
            pass
        self.attack(TARGETS[1], "--attack-for", "15s")  # ordinary traffic goes on: silence would not be peace
        wait_for(lambda: self.gobgp.route_to(TARGETS[1]), 60, "the route")
        # What systemd does when another one stops: nothing, to the speaker.
        for name in ("policy", "redis-state", "redis-telemetry"):
            self.units[name].stop()
        self.assertTrue(self.gobgp.route_to(TARGETS[1]))
        for name in ("redis-state", "redis-telemetry", "policy"):
            self.units[name].start()
        wait_for(lambda: not self.gobgp.all_routes(), 90, "the withdrawal")
        self.stop_all()
        # Installed over itself, as an upgrade is, it leaves alone what people have written.
        written = path.read_text()
        self.chroot("dpkg", "--install", "/weir.deb")
        self.assertEqual(path.read_text(), written)

    def test_5_removed_and_purged(self):
        before = set((self.root / "before").read_text().split("\n"))
        kept = {"/before", "/said", "/package-contents", "/weir.deb", "/log-attack", *(f"/log-{name}" for name in self.units)}
        self.chroot("dpkg", "--remove", "weir")
        left = set(files(self.root)) - before - kept
        self.assertEqual({p for p in left if not p.startswith("/var/lib/weir/")},
                         {"/etc/weir", "/etc/weir/redis", "/etc/weir/weir.yaml", "/etc/weir/redis/state.conf", "/etc/weir/redis/telemetry.conf",
                          "/var/lib/weir"})
        self.chroot("dpkg", "--purge", "weir")
        left = set(files(self.root)) - before - kept
        print(f"left after purge: {sorted(left) or 'no file'}; the user weir stays", file=sys.stderr)
        self.assertEqual(left, set())
        self.assertFalse((self.root / "run/weir").exists())
        self.assertIn("weir", self.chroot("id", "weir"))


def missing():
    if os.geteuid() != 0:
        return "needs root, for debootstrap and chroot"
    programs = [p for p in ("debootstrap", "unshare", "cpack", "dpkg-shlibdeps") if not shutil.which(p)]
    return f"not installed: {' '.join(programs)}" if programs else Gobgp.missing()


def main():
    if not namespace.inside() and not missing():
        root = install()
        os.environ[INSTALLED] = str(root)
        child = os.fork()
        if child:  # stays outside, to remove the Debian when all that was mounted in it has gone
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            house.dispose(root.parent, keep=status not in (0, namespace.SKIPPED))
            sys.exit(status)
    suite.main(needs_namespace=True, missing=[missing()])


if __name__ == "__main__":
    main()
