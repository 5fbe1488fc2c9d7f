#!/usr/bin/env python3
"""docker/ for real: builds the images of this working tree, brings the demonstration up, sees its attack become a route in
GoBGP's container, kills and loses each container in turn, ends the attack, and takes everything down. For --long."""
import os
import pathlib
import re
import shlex
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import containers, house, namespace, processes, prometheus, suite
from lib.waits import wait_for

TARGET = "destination: 198.51.100.45/32"
KNOWN_BY_HEALTH = ("redis-state", "redis-telemetry", "collector", "aggregator", "policy", "speaker", "gobgp", "prometheus")
ALL = KNOWN_BY_HEALTH + ("generator",)
LIMIT_S = 90
# Rows of the table of commands; its head has one too, which stands before all of them.
TABLE = [re.findall(r"`([^`]+)`", line.split("|")[2]) for line in (house.ROOT / "docs/containers.md").read_text().splitlines()
         if line.startswith("| ") and not line.startswith("| to do |")]
DOCUMENTED = {command for row in TABLE for command in row}
# Another part of the test does these.
DONE_ELSEWHERE = {"up -d --build", "down", "-v"}
FOLDER = "WEIR_TEST_CONTAINERS"  # where the images were built, for the part inside the namespace
CGROUPS = "libpod_parent"  # what podman leaves of itself


def is_route(lines):
    return len(lines) == 1 and TARGET in lines[0] and "rate: 1250000" in lines[0]


class Containers(suite.HouseTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine = containers.Engine(os.environ[FOLDER])
        cls.engine.start()

    def setUp(self):
        super().setUp()
        self.deployment = None
        self.addCleanup(self.take_down)

    def take_down(self):
        if self.deployment is None:
            return
        if self.failed_so_far():
            print(self.deployment.compose("logs", "--tail=30", "--no-color", check=False))
        self.deployment.compose("down", "-v", "-t", "10", "--remove-orphans", check=False)

    def name(self, service):
        return self.deployment.container(service)

    def wait_healthy(self, *services):
        for service in services:
            if service in KNOWN_BY_HEALTH:
                wait_for(lambda s=service: self.engine.healthy(self.name(s)), LIMIT_S, f"{service} is healthy")

    def wait_route(self, what):
        wait_for(lambda: is_route(self.deployment.routes()), LIMIT_S, f"the route in GoBGP's container {what}")

    def test_the_demonstration_survives_each_of_its_containers(self):
        self.deployment = containers.Deployment(self.engine, "5s")
        self.deployment.up()
        self.wait_healthy(*KNOWN_BY_HEALTH)
        self.wait_route("in the beginning")
        for service in ALL:
            with self.subTest(what="rights", service=service):
                self.see_rights(service)
        self.see_secrets()
        self.see_commands()
        self.see_monitoring()
        for service in ALL:
            with self.subTest(what="killed", service=service):
                self.kill(service)
            with self.subTest(what="lost", service=service):
                self.lose(service)
        self.see_the_end()
        self.see_nothing_left()

    def test_a_network_s_own_configuration_runs_dry_as_it_comes(self):
        """compose.yaml alone, on a copy of etc/weir.yaml in a folder of its own."""
        etc = pathlib.Path(os.environ[FOLDER]) / "srv"
        etc.mkdir(mode=0o755)
        text = (house.ROOT / "etc/weir.yaml").read_text()
        (etc / "weir.yaml").write_text(text + "\n# ours\n")
        self.deployment = containers.Deployment(self.engine, names=containers.YOUR_NETWORK, etc=etc)
        self.deployment.up()
        self.wait_healthy("redis-state", "redis-telemetry", "collector", "aggregator", "policy", "speaker")
        self.assertIn("dry run: nothing is announced", self.deployment.compose("run", "--rm", "-T", "weir", "status"))
        (etc / "weir.yaml").write_text(text + "\nno_such_key: 1\n")
        self.deployment.compose("kill", "-s", "HUP", "policy")
        wait_for(lambda: "no_such_key" in self.logs("policy"), LIMIT_S, "policy reads this folder's file")
        self.see_nothing_left()

    def see_rights(self, service):
        """What compose.yaml asks for is so in the running process."""
        status = pathlib.Path(f"/proc/{self.engine.pid(self.name(service))}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        self.assertNotEqual(fields["Uid"].split()[1], "0")
        self.assertEqual((int(fields["CapEff"], 16), int(fields["CapBnd"], 16), fields["NoNewPrivs"]), (0, 0, "1"))
        self.assertTrue(self.engine.inspect(self.name(service))["HostConfig"]["ReadonlyRootfs"])
        with self.assertRaises(OSError, msg="a shell in the image"):
            self.engine.podman("exec", self.name(service), "/bin/sh", "-c", ":")

    def see_secrets(self):
        """Each program reads its own password, and no other's; nobody comes to Redis without one."""
        folder = containers.STORAGE / "volumes" / f"{self.deployment.project}_secrets" / "_data"
        owners = {path.name: (path.stat().st_uid, path.stat().st_mode & 0o777) for path in folder.iterdir()}
        users = {"collector.pw": 10001, "aggregator.pw": 10002, "policy.pw": 10003, "speaker.pw": 10004, "operator.pw": 10006,
                 "admin.pw": 0, "state.acl": 10005, "telemetry.acl": 10005}
        self.assertEqual(owners, {name: (user, 0o400) for name, user in users.items()})
        for role in ("state", "telemetry"):
            said = self.engine.podman("exec", self.name(f"redis-{role}"), "/usr/bin/redis-cli", "-s", f"/run/weir/{role}.sock",
                                      "dbsize")
            self.assertIn("NOAUTH", said)

    def documented(self, command):
        """Runs a command of the table in docs/containers.md, without a terminal."""
        self.assertIn(command, DOCUMENTED)
        self.undone.discard(command)
        return self.deployment.compose(*shlex.split(re.sub(r"^(run|exec)", r"\1 -T", command)))

    def see_commands(self):
        """Every command of the table: looking, both ways out and back, reading the configuration again."""
        self.undone = DOCUMENTED - DONE_ELSEWHERE
        for process in ("collector c1", "aggregator a1", "policy p1", "speaker sp1"):
            self.assertRegex(self.documented("run --rm weir status"), process.replace(" ", " +"))
        self.assertIn(TARGET.split()[1], self.documented("run --rm weir mitigations"))
        self.assertRegex(self.documented("ps"), r"speaker.*Up")
        for out, back in (("run --rm weir withdraw-all --reason 'alice: wrong rules'", "run --rm weir resume"),
                          ("exec speaker weir speaker withdraw-all", "exec speaker weir speaker resume")):
            began = time.monotonic()
            self.assertIn("hold on all is set", self.documented(out))
            wait_for(lambda: not self.deployment.routes(), 5, f"no route after {out}")
            print(f"{out}: no route after {time.monotonic() - began:.1f} s, the command itself with it", flush=True)
            if out.startswith("run"):
                self.assertRegex(self.documented("run --rm weir status"), "ON HOLD: all, by operator@.*: alice: wrong rules;")
            self.documented(back)
            self.wait_route(f"after {back}")
        processes_of_ours = ("collector", "aggregator", "policy", "speaker")
        self.documented("kill -s HUP collector aggregator policy speaker")
        for service in processes_of_ours:
            wait_for(lambda s=service: "configuration reloaded" in self.logs(s), LIMIT_S, f"{service} reads its file again")
        self.assertEqual(self.undone, set(), "commands of docs/containers.md that were not run")

    def see_monitoring(self):
        """Prometheus has the shipped rules, and every process of ours answers it."""
        asked = prometheus.Running(9090)
        wait_for(lambda: asked.query('sum(up{job="weir"})') and asked.value('sum(up{job="weir"})') == 4, LIMIT_S, "all are scraped")
        wanted = re.findall(r"(?m)^ *- (?:alert|record): (\S+)", (prometheus.MONITORING / "weir.rules.yaml").read_text())
        self.assertCountEqual([rule["name"] for rule in asked.rules()], wanted)
        wait_for(lambda: {rule["health"] for rule in asked.rules()} == {"ok"}, LIMIT_S, "every rule is evaluated")
        wait_for(lambda: "WeirAttack" in asked.alerts(), LIMIT_S, "the attack is an alert")

    def logs(self, service):
        return self.deployment.compose("logs", "--no-color", service)

    def kill(self, service):
        """kill -9, as a crash is: the restart policy brings it back."""
        before = self.engine.pid(self.name(service))
        began = time.monotonic()
        os.kill(before, 9)
        wait_for(lambda: self.engine.pid(self.name(service)) not in (0, before), LIMIT_S, f"{service} runs again")
        self.see_back(service, "killed", began)

    def lose(self, service):
        """The container is gone with all that was in it but its volumes."""
        self.engine.podman("rm", "-f", "-t", "0", self.name(service))
        began = time.monotonic()
        self.deployment.up()
        self.see_back(service, "lost", began)

    def see_back(self, service, what, began):
        self.wait_healthy(service, "policy", "speaker", "gobgp")
        self.wait_route(f"after {service} was {what}")
        print(f"{service} {what}: all well and the route there after {time.monotonic() - began:.1f} s", flush=True)

    def see_the_end(self):
        self.deployment.attack_after("24h")
        self.deployment.up()
        wait_for(lambda: not self.deployment.routes(), LIMIT_S, "the withdrawal from GoBGP's container")
        wait_for(lambda: {m["state"] for m in self.deployment.weir("mitigations", "--all")} == {"withdrawn"}, LIMIT_S,
                 "each mitigation withdrawn")
        self.assertEqual(self.deployment.weir("alarms"), [])

    def see_nothing_left(self):
        self.deployment.compose("down", "-v", "-t", "20")
        self.assertEqual(self.engine.podman("ps", "-a", "-q"), "")
        self.assertEqual(self.engine.podman("volume", "ls", "-q"), "")
        networks = self.engine.podman("network", "ls", "--format", "{{.Name}}").split()
        self.assertEqual([name for name in networks if name != "podman"], [])


def cgroups():
    return set(pathlib.Path("/sys/fs/cgroup").glob(f"*/{CGROUPS}")) | set(pathlib.Path("/sys/fs/cgroup").glob(CGROUPS))


def remove_cgroup(path):
    """With those in it, once the kernel has seen the last of their processes end."""
    for folder, _, _ in os.walk(path, topdown=False):
        os.rmdir(folder)
    return True


def outside():
    """Builds with the machine's network, runs the test in a network of its own, and tidies up after both."""
    folder, before = house.work_folder(), cgroups()
    engine, done = containers.Engine(folder), None
    try:
        began = time.monotonic()
        engine.build_all()
        print(f"images built in {time.monotonic() - began:.0f} s", flush=True)
        done = processes.spawn([sys.executable, __file__], env={**os.environ, FOLDER: str(folder)}, stdout=None, stderr=None)
        done.wait()
    finally:
        if done:
            processes.end(done)
        engine.remove_images()
        for path in cgroups() - before:
            wait_for(lambda p=path: remove_cgroup(p), 20, f"{path} can be removed")
        house.dispose(folder, keep=done is None or done.returncode not in (0, namespace.SKIPPED))
    sys.exit(done.returncode)


if __name__ == "__main__":
    if os.geteuid() != 0:
        namespace.skip("containers are built and run as root here")
    if containers.MISSING:
        namespace.skip(f"not installed: {' '.join(containers.MISSING)}")
    if FOLDER not in os.environ:
        outside()
    suite.main(needs_namespace=True)
