#!/usr/bin/env python3
"""`weir up`: what it starts, says and leaves behind."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, namespace, processes, suite
from lib.exporters import Generate
from lib.gobgp import Gobgp
from lib.ports import free_port
from lib.waits import wait_for

SERVERS = ("redis-state", "redis-t1")
EVERYONE = SERVERS + house.PROCESSES
RULE = "match destination 198.51.100.77/32 protocol =udp source-port =123 then discard"


class UpTest(suite.HouseTest):
    def up(self, folder=None, config=None, programs=house.BIN):
        """A started House that is stopped, and searched for sanitizers' complaints, at the end."""
        its = house.House(folder or self.folder(), config)
        its.programs = programs
        self.addCleanup(lambda: self.assertEqual(its.sanitizer_complaints(), []))
        self.addCleanup(its.stop)
        return its.start()

    def small(self, folder, **options):
        return house.config(folder, [f"127.0.0.1:{free_port()}"], **{"dry_run": True, **options})

    def all_end(self, pids, limit_s=30):
        wait_for(lambda: not any(processes.alive(p) for p in pids), limit_s, f"all of {pids} end")


class Sample(UpTest):
    """The embedded sample takes the usual ports, so it needs a network of its own."""

    def setUp(self):
        super().setUp()
        if not namespace.inside():
            self.skipTest("the sample's ports may be in use on this machine; needs a network namespace")

    def test_first_start_says_what_to_do_and_watches_without_acting(self):
        up = self.up()
        wait_for(lambda: "Ctrl-C" in up.log_text(), 10, "the last line of what to do next")
        for wanted in (r"dry run: nothing is announced", r"6343", r"2055", r"4739", r"\btop\b", r"Add a BGP peer",
                       r"Leave dry run", r"dry_run: false", re.escape(str(up.config_file))):
            self.assertRegex(up.log_text(), wanted)
        self.assertRegex(up.config_file.read_text(), r"(?m)^dry_run: true")
        with up.redis("telemetry") as redis:
            self.assertEqual(redis.pairs("CONFIG", "GET", "save"), {"save": ""})
            self.assertEqual(redis.pairs("CONFIG", "GET", "appendonly"), {"appendonly": "no"})
        with up.redis("state") as redis:
            self.assertEqual(redis.pairs("CONFIG", "GET", "appendonly"), {"appendonly": "yes"})
            self.assertEqual(redis.pairs("CONFIG", "GET", "appendfsync"), {"appendfsync": "always"})
        up.ready()
        self.attack_is_decided_dry(up)
        self.second_start_is_refused(up)

    def attack_is_decided_dry(self, up):
        attack = Generate(up.folder, "attack", "--to", "127.0.0.1:2055", "--proto", "ipfix", "--rate", "100", "--duration",
                          "0s", "--attack", "udp-flood", "--attack-rate", "500", "--attack-volume", "3Gbps")
        try:
            found = wait_for(lambda: [m for m in up.mitigations() if m["state"] == "active"], 60, "a mitigation, dry")
        finally:
            attack.stop()
        self.assertTrue(found[0]["dry_run"])

    def second_start_is_refused(self, up):
        second = subprocess.run(up.up_args(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                                check=False, cwd=up.folder)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"pid {up.process.pid}", second.stdout)
        self.assertTrue(all(processes.alive(pid) for pid in up.pids().values()))


class Life(UpTest):
    def test_children_have_their_sessions_and_end_in_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name):
                folder = self.folder()
                up = self.up(folder, self.small(folder)).ready()
                pids = up.pids()
                self.assertEqual(set(pids), set(EVERYONE))
                for name, pid in pids.items():
                    self.assertEqual(processes.session_of(pid), pid, f"{name} is not in a session of its own")
                self.assertEqual(up.stop(number), 0)
                ended = [line["process"] for line in up.log("up", "ended")]
                self.assertEqual(ended[:4], ["policy", "collector", "aggregator", "speaker"])
                self.assertEqual(set(ended[4:]), set(SERVERS))
                self.assertEqual(up.log("up", "does not end: killed"), [])
                self.all_end(pids.values(), 5)

    def test_no_orphan_after_kill_9(self):
        folder = self.folder()
        up = self.up(folder, self.small(folder)).ready()
        pids = up.pids()
        up.process.kill()
        up.process.wait()
        self.all_end(pids.values())
        up.start().ready()  # neither the lock nor a socket file is in the way
        self.assertFalse(set(up.pids().values()) & set(pids.values()))

    def test_no_orphan_after_kill_9_where_the_kernel_forgets_to_tell(self):
        """As it does for a speaker with file capabilities: its exec clears the signal of the parent's death."""
        folder = self.folder()
        programs = folder / "programs"
        programs.mkdir()
        for path in house.BIN.iterdir():
            if path.name.startswith("weir"):
                shutil.copy(path, programs)
        (programs / "weir-speaker").write_text(
            f"#!{sys.executable}\nimport ctypes, os, sys\nctypes.CDLL(None).prctl({processes.PR_SET_PDEATHSIG}, 0)\n"
            f"os.execv('{house.BIN / 'weir-speaker'}', sys.argv)\n")
        up = self.up(folder, self.small(folder), programs=programs).ready()
        pids = up.pids()
        up.process.kill()
        up.process.wait()
        self.all_end(pids.values())
        self.assertTrue(any(l.get("reason") == "weir up is gone" for l in up.log("speaker", "stopping", "error")))

    def test_who_dies_is_started_again_loudly_and_later_each_time(self):
        folder = self.folder()
        up = self.up(folder, self.small(folder)).ready()
        for name in EVERYONE:
            with self.subTest(process=name):
                self.kill_and_see(up, name, others=EVERYONE)
        delays = [self.kill_and_see(up, "speaker") for _ in range(3)]
        self.assertEqual(delays, sorted(set(delays)), "the delay does not grow")
        up.ready()

    def kill_and_see(self, up, name, others=()):
        victim, before = up.pids()[name], up.pids()
        deaths = len(up.log("up", "process died", "error"))
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: up.pids()[name] != victim, 60, f"{name} started again")
        died = up.log("up", "process died", "error")[deaths:]
        self.assertEqual([(d["process"], d["pid"], d["signal"]) for d in died], [(name, str(victim), "9")])
        self.assertGreater(int(died[0]["restart_in_ms"]), 0)
        for other in set(others) - {name}:
            self.assertEqual(up.pids()[other], before[other], f"{other} was started again too")
        return int(died[0]["restart_in_ms"])


class Ready(UpTest):
    """`weir is up` is a promise: it is said when every process has said that it is ready."""

    def test_a_taken_port_is_said_with_what_to_do_and_tried_again(self):
        folder, taken = self.folder(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        up = house.House(folder, house.config(folder, [f"127.0.0.1:{taken.getsockname()[1]}"], dry_run=True))
        self.addCleanup(lambda: self.assertEqual(up.sanitizer_complaints(), []))
        self.addCleanup(up.stop)
        self.begin(up)
        wait_for(lambda: "ss -tulpn" in up.log_text(), 60, "what to do")
        self.assertRegex(up.log_text(), rf"collector +is not ready: .*{taken.getsockname()[1]}.*Address already in use")
        self.assertIn(str(up.config_file), up.log_text())
        for name in ("aggregator", "policy", "speaker"):
            wait_for(lambda its=name: [r for r in up.log("up", "ready") if r["process"] == its], 60, f"{name} is ready")
        self.assertRegex(up.log("up", "process died")[-1]["reason"], "Address already in use|no UDP socket")
        self.assertNotIn("weir is up", up.log_text())
        taken.close()
        wait_for(lambda: "weir is up" in up.log_text(), 60, "it is up once the port is free")
        self.assertEqual(up.log_text().count("weir is not up"), 1)
        self.assertEqual(up.stop(), 0)

    def test_an_address_of_another_machine_is_said_with_what_to_do(self):
        folder = self.folder()
        up = house.House(folder, house.config(folder, ["192.0.2.77:2055"], dry_run=True))
        self.addCleanup(up.stop)
        self.begin(up)
        wait_for(lambda: "This machine does not have that address" in up.log_text(), 60, "what to do")
        self.assertEqual(up.stop(), 1)

    def test_never_up_is_a_failure(self):
        folder, taken = self.folder(), socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        text = house.config(folder, [f"127.0.0.1:{free_port()}"], dry_run=True)
        text = text.replace("name: p1, metrics_port: 0", f"name: p1, metrics_port: {taken.getsockname()[1]}")
        up = house.House(folder, text)
        self.addCleanup(up.stop)
        self.begin(up)
        wait_for(lambda: re.search("policy +is not ready: cannot listen for /metrics", up.log_text()), 60, "who is not ready, and why")
        self.assertEqual(up.stop(), 1)
        self.assertNotIn("weir is up", up.log_text())

    @staticmethod
    def begin(up):
        up.process = processes.spawn(up.up_args(), up.log_file, cwd=up.folder)


class Folders(UpTest):
    def test_long_and_spaced_paths(self):
        for name in ("x" * 150, "a folder  with 'spaces' and ünicode"):
            with self.subTest(name=name[:20]):
                state = self.folder() / name
                work = self.folder()
                if namespace.inside():
                    up = house.House(work)
                    up.state_dir, up.config_file = state, state / "weir.yaml"
                else:
                    up = house.House(work, self.small(work))
                self.addCleanup(lambda its=up: self.assertEqual(its.sanitizer_complaints(), []))
                self.addCleanup(up.stop)
                up.start().ready()
                self.assertTrue((state / "weir.yaml").exists() or not namespace.inside())
                self.assertIsNotNone(up.weir("status"))
                self.hints_can_be_pasted(up)
                self.assertEqual(up.stop(), 0)

    def hints_can_be_pasted(self, up):
        wait_for(lambda: "Ctrl-C" in up.log_text(), 10, "the last line of what to do next")
        export = re.search(r"export WEIR_CONFIG=.*", up.log_text())[0]
        for hint in re.findall(r"weir (?:exporters|top|alarms|mitigations|peers)(?: --all)?", up.log_text()):
            done = subprocess.run(["bash", "-c", f"{export}\n{hint}"], cwd="/", env={"PATH": "/usr/bin:/bin"}, text=True,
                                  capture_output=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), hint)

    def test_the_state_folder_of_another_user_is_refused_and_said(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to give a folder to somebody else")
        state = self.folder() / "state"
        state.mkdir()
        os.chown(state, 65534, 65534)
        done = subprocess.run([house.BIN / "weir", "up", "--state-dir", state], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"{state}: it belongs to another user: start weir as that user", done.stderr)
        self.assertEqual(list(state.iterdir()), [])

    def test_the_run_dir_of_another_is_not_taken_from_it(self):
        """A redis-server that starts takes a socket's name away from the one that listens there."""
        folder, elsewhere = self.folder(), self.folder()
        up = self.up(folder, self.small(folder)).ready()
        second = elsewhere / "weir.yaml"
        text, count = re.subn(r"(?m)^state_dir: .*$", f'state_dir: "{elsewhere}/state"', up.config_file.read_text())
        self.assertEqual(count, 1)
        second.write_text(text)
        refused = subprocess.run([*up.up_args()[:-1], second], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
                                 cwd=elsewhere)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("listens at", refused.stdout)
        self.assertNotIn("started", refused.stdout)
        self.assertIsNotNone(up.weir("status"))


class Reload(UpTest):
    def test_an_invalid_file_changes_nothing_and_says_why(self):
        folder = self.folder()
        up = self.up(folder, self.small(folder)).ready()
        good, pids, hashes = up.config_file.read_text(), up.pids(), self.hashes(up)
        up.write_config(good.replace("bps: 100M", "bps: 100parsec"))
        line = 1 + good[:good.index("bps: 100M")].count("\n")
        begins_at = len(up.log_text())
        up.process.send_signal(signal.SIGHUP)
        told = re.compile(rf"{line}:\d+.*(bps|100parsec)")
        wait_for(lambda: len(told.findall(up.log_text()[begins_at:])) >= len(house.PROCESSES), 30, "each says which line is wrong")
        self.assertEqual((up.pids(), self.hashes(up)), (pids, hashes))

        up.write_config(good.replace("bps: 100M", "bps: 200M"))
        up.process.send_signal(signal.SIGHUP)
        wait_for(lambda: not set(self.hashes(up).values()) & set(hashes.values()), 30, "the new file taken by all")
        self.assertEqual(up.pids(), pids)

    @staticmethod
    def hashes(up):
        return {r["kind"]: r["config"] for r in up.registry()}


class Memory(UpTest):
    def test_what_stands_survives_stop_and_start(self):
        if Gobgp.missing():
            self.skipTest(Gobgp.missing())
        folder = self.folder()
        gobgp = Gobgp(folder).start()
        self.addCleanup(gobgp.stop)
        up = self.up(folder, self.small(folder, bgp_port=gobgp.port, dry_run=False)).ready()
        wait_for(gobgp.established, 60, "the BGP session")
        up.weir("announce", RULE, "--for", "1h", "--reason", "test")
        route = wait_for(lambda: gobgp.route_to("198.51.100.77"), 30, "the route")
        self.assertEqual(route[0]["match"], {"destination": "198.51.100.77/32", "protocol": [("=", 17)],
                                             "source_port": [("=", 123)]})
        self.assertEqual(route[0]["rate"], 0)
        before = up.mitigations()
        self.assertEqual(up.stop(), 0)
        wait_for(lambda: not gobgp.route_to("198.51.100.77"), 30, "the end of the session takes the route away")
        up.start().ready()
        wait_for(lambda: gobgp.route_to("198.51.100.77"), 60, "the route again")
        after = up.mitigations()
        self.assertEqual([m["id"] for m in after], [m["id"] for m in before])
        self.assertEqual(after[0]["times"]["created_ms"], before[0]["times"]["created_ms"])
        self.assertEqual(after[0]["until_ms"], before[0]["until_ms"])
        up.weir("stop", after[0]["id"])
        wait_for(lambda: not gobgp.route_to("198.51.100.77"), 30, "the end of the route")


if __name__ == "__main__":
    suite.main(needs_namespace=False)
