#!/usr/bin/env python3
"""The documents for operators, as they stand: their configuration is what weir and its peer run on, their commands are
run in the order of reading while an attack goes on, and what they say must look as it is printed there. With
WEIR_TEST_SHOW=1 what is said now is printed, and compared with nothing."""
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import documents, house, namespace, processes, suite
from lib.exporters import Generate
from lib.gobgp import Gobgp
from lib.waits import wait_for

SHOW = os.environ.get("WEIR_TEST_SHOW") == "1"
DOCS = house.ROOT / "docs"
RUN = ("getting-started", "test-peers", "going-live", "inspecting-jobs", "troubleshooting", "under-attack")
ROUTERS = ("junos", "iosxr", "eos", "sros", "routeros", "frr", "bird")
OURS = ("console", "yaml", "toml")
ROUTER, WEIR = "192.0.2.1", "192.0.2.9"
ATTACK_LIMIT_S = 30
# What a command asks of a process that needs a moment is asked again.
SAYS_LIMIT_S = 15


def text_of(name):
    return (DOCS / f"{name}.md").read_text()


def sections(yaml):
    """{top-level key: its text}"""
    parts = re.split(r"(?m)^(?=[a-z_]+:)", yaml)
    return {part.split(":")[0]: part for part in parts if re.match(r"[a-z_]+:", part)}


def configuration(folder):
    """The sample with the sections that getting-started.md says to write."""
    sample = sections(re.sub(r"(?m)^#.*\n", "", (house.ROOT / "etc/weir.yaml").read_text()))
    for language, block in documents.blocks(text_of("getting-started")):
        if language == "yaml":
            sample.update(sections(block))
    where = {"state_dir": f"{folder}/state", "run_dir": f"{folder}/state/run"}
    return "".join(f'{key}: "{path}"\n' for key, path in where.items()) + "".join(sample.values())


def block_of(name, language):
    return next(block for its, block in documents.blocks(text_of(name)) if its == language)


class Written(suite.HouseTest):
    """What can be seen without running anything."""

    def test_what_is_not_said_is_seen_and_what_varies_is_not(self):
        said = ["MITIGATION  STATE", "m-1795359776977-a264ecfa25  active  match destination 198.51.100.7/32 then rate-limit 12500000B/s  2s"]
        for good in ("m-1795000000000-0123456789  active  match destination 192.0.2.1/32 then rate-limit 1B/s", "MITIGATION …", "…", said[1]):
            self.assertLessEqual(len(documents.compare([good], said)), 1)
        for bad in ("m-1795000000000-0123456789  withdrawn  match", "MITIGATION  STATE  RULE", "then match"):
            with self.assertRaises(LookupError):
                documents.compare([bad], said)
        with self.assertRaises(LookupError):
            documents.compare(list(reversed(said)), said)

    def test_every_block_is_run_or_a_routers(self):
        for name in RUN:
            for language, _ in documents.blocks(text_of(name)):
                self.assertIn(language, ROUTERS + OURS, f"a block in docs/{name}.md")

    def test_documents_are_short_and_the_readme_leads_to_them(self):
        readme = (house.ROOT / "README.md").read_text()
        for name in RUN:
            self.assertLessEqual(len(text_of(name).splitlines()), 150, name)
            self.assertIn(f"docs/{name}.md", readme)
            for target in re.findall(r"\]\(([^)#:]+)\)", text_of(name)):
                self.assertTrue((DOCS / target).exists(), f"docs/{name}.md leads to {target}")

    def test_metrics_and_commands_that_are_named_are_there(self):
        metrics = set(re.findall(r"`(weir_\w+)`", text_of("metrics")))
        for name in RUN:
            for metric in re.findall(r"\bweir_[a-z_]+[a-z]", text_of(name)):
                self.assertIn(metric, metrics, f"docs/{name}.md")
            for command, rest in re.findall(r"`weir ([a-z-]+)([^`]*)`", text_of(name)):
                usage = subprocess.run([house.BIN / "weir", command, "--help"], stdout=subprocess.PIPE, text=True, timeout=30, check=False)
                self.assertEqual(usage.returncode, 0, f"docs/{name}.md: weir {command}")
                for option in re.findall(r"--[a-z-]+", rest):
                    self.assertIn(option, usage.stdout, f"docs/{name}.md: weir {command}")

    def test_bird_and_frr_take_what_is_written_for_them(self):
        folder, path = self.folder(), os.environ["PATH"] + ":/usr/sbin:/usr/lib/frr"
        for language, args in (("bird", ["bird", "-p", "-c"]), ("frr", ["bgpd", "-C", "-f"])):
            with self.subTest(daemon=language):
                program = shutil.which(args[0], path=path)
                if program is None:
                    self.skipTest(f"{args[0]} is not installed")
                file = folder / language
                file.write_text(block_of("test-peers", language))
                done = subprocess.run([program, *args[1:], file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False)
                self.assertEqual((done.returncode, [l for l in done.stdout.splitlines() if "rror" in l]), (0, []), done.stdout)


class Run(suite.HouseTest):
    def setUp(self):
        super().setUp()
        self.work = self.folder()
        for address in (ROUTER, WEIR):
            namespace.add_address(address)
        self.names, self.attack = documents.Names(), None
        peer = self.work / "gobgpd.toml"
        peer.write_text(block_of("test-peers", "toml"))
        gobgpd = processes.spawn(["gobgpd", "-t", "toml", "-f", peer, "--pprof-disable"], self.work / "gobgpd.log")
        self.addCleanup(lambda: processes.end(gobgpd))
        (self.work / "state").mkdir()
        self.house = house.House(self.work)
        self.house.config_file.write_text(configuration(self.work))
        self.addCleanup(lambda: self.assertEqual(self.house.sanitizer_complaints(), []))
        self.addCleanup(self.house.stop)
        self.house.start().ready()
        self.attack = Generate(self.work, "attack", "--from", ROUTER, "--to", f"{WEIR}:2055", "--proto", "netflow9", "--rate", "500",
                               "--volume", "200Mbps", "--duration", "0s", "--attack", "dns-amplification", "--target", "198.51.100.45",
                               "--attack-rate", "500", "--attack-volume", "3Gbps", "--attack-after", "3s")
        self.addCleanup(self.attack.stop)

    def test_what_the_documents_say(self):
        wait_for(lambda: self.house.weir("peers")[0]["state"] == "established", 30, "the session")
        for name in RUN:
            began = time.monotonic()
            if name == "going-live":
                wait_for(self.house.mitigations, ATTACK_LIMIT_S, "the attack is answered")
            for language, block in documents.blocks(text_of(name)):
                for command, expected in documents.commands(block) if language == "console" else ():
                    with self.subTest(document=name, command=command):
                        self.run_one(command, expected)
            print(f"{name}: {time.monotonic() - began:.1f} s", file=sys.stderr)
        self.every_metric_that_is_shown_is_in_the_reference()

    def every_metric_that_is_shown_is_in_the_reference(self):
        for port in (9401, 9402, 9403, 9404):
            shown = [line.split()[2] for line in self.bash(f"curl -s 127.0.0.1:{port}/metrics") if line.startswith("# TYPE")]
            self.assertGreater(len(shown), 10)
            for metric in shown:
                self.assertIn(f"| `{metric}` |", text_of("metrics"))

    def run_one(self, command, expected):
        """Changes are asked for once; a look is repeated until it shows what the document shows."""
        once, pairs = not is_a_look(command), None
        until = time.monotonic() + SAYS_LIMIT_S
        while pairs is None:
            said = self.bash(self.names.put(command))
            try:
                pairs = documents.compare(expected, said)
            except LookupError as line:
                if once or time.monotonic() > until:
                    if not SHOW:
                        self.fail(f"{line} is not in the output of {command}:\n" + "\n".join(said))
                    pairs = []
                time.sleep(0.1)
        self.names.learn(pairs)
        if SHOW:
            time.sleep(1)
            print(f"$ {command}", *self.bash(self.names.put(command)) if not once else said, "", sep="\n")

    def bash(self, command):
        path = f"{house.BIN}:{os.environ['PATH']}:/usr/sbin"
        environment = {"PATH": path, "WEIR_CONFIG": str(self.house.config_file), "HOME": str(self.work), "USER": "noc"}
        done = subprocess.run(["bash", "-c", command], cwd=self.work, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        said = done.stdout.decode(errors="replace").splitlines()
        self.assertEqual(done.returncode, 0, "\n".join(said))
        return said


def is_a_look(command):
    changes = ("weir announce", "weir mitigate ", "weir stop", "weir withdraw-all", "weir resume", "weir speaker withdraw-all",
               "weir speaker resume", "sed ", "kill ")
    return not command.startswith(changes)


if __name__ == "__main__":
    missing = [Gobgp.missing()] + [None if shutil.which(p) else f"{p} is not installed" for p in ("curl", "redis-cli")]
    suite.main(needs_namespace=True, missing=missing)
