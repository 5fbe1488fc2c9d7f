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
RUN = ("getting-started", "test-peers", "trying", "going-live", "inspecting-jobs", "troubleshooting", "under-attack")
ROUTERS = ("junos", "iosxr", "eos", "sros", "routeros", "frr", "bird")
OURS = ("console", "yaml", "toml")
ROUTER, WEIR = "192.0.2.1", "192.0.2.9"
# As the documents name them.
ALARM, MITIGATION = "a-1795359755894-4264f7dddd", "m-1795359770331-dec835425d"
LOOKS = ("status", "exporters", "peers", "check", "alarms", "mitigations", "jobs", "routes")
ATTACK_LIMIT_S = 30
# What counts what goes well, or only says how much there is; of every other metric docs/troubleshooting.md says what to do.
NO_TROUBLE = {
    "weir_aggregator_batches_total", "weir_aggregator_bytes_total", "weir_aggregator_rows_published_total", "weir_aggregator_rows_total",
    "weir_collector_archive_bytes", "weir_collector_archive_files", "weir_collector_archive_records_total", "weir_collector_counter_samples_total", "weir_collector_delta_batches_total", "weir_collector_delta_rows_total",
    "weir_collector_options_records_total", "weir_collector_recall_kept_total", "weir_collector_recall_memory_bytes",
    "weir_collector_recall_records_total", "weir_collector_recall_replies_total", "weir_collector_restored_total", "weir_collector_snapshots_total",
    "weir_collector_templates_total", "weir_flowspec_rules_deployed_total",
    "weir_speaker_mitigations", "weir_speaker_routes_sent_total", "weir_speaker_updates_sent_total"}
# Lines at most, of a document that has more than the usual to say: a part for each vendor.
LINES_MAX, LINES_MAX_OF = 150, {"getting-started": 170}
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
            self.assertLessEqual(len(text_of(name).splitlines()), LINES_MAX_OF.get(name, LINES_MAX), name)
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

    def test_every_metric_that_can_mean_trouble_has_what_to_do(self):
        said = set(re.findall(r"weir_[a-z_]+[a-z]", text_of("troubleshooting")))
        all_of_them = set(re.findall(r"(?m)^\| `(weir_\w+)`", text_of("metrics")))
        self.assertGreater(len(all_of_them), 50)
        self.assertEqual(all_of_them - said, NO_TROUBLE)

    def test_every_vendor_has_what_a_router_needs(self):
        """Export, the session, how a rule is shown, and, where the vendor does Flowspec, its maximum, validation, and the way
        out without weir."""
        parts = re.split(r"(?m)^## ", text_of("getting-started"))
        for language, maximum in (("junos", "prefix-limit"), ("iosxr", "maximum-prefix"), ("eos", "maximum-routes"), ("sros", "prefix-limit")):
            (part,) = [part for part in parts if f"```{language}" in part]
            for wanted in (maximum, WEIR, "To see a rule: `show ", "alidat"):
                self.assertIn(wanted, part, language)
            self.assertIn(f"```{language}", text_of("under-attack"))
        self.assertIn("```routeros", text_of("getting-started"))

    def test_bird_and_frr_take_what_is_written_for_them(self):
        # OpenBGPD has a bgpd too, in /usr/sbin.
        folder, path = self.folder(), "/usr/lib/frr:" + os.environ["PATH"] + ":/usr/sbin"
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
        self.names, self.attack, self.ran = documents.Names(), None, []
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
        # Whatever looks like a command was one: none stood outside of a block that is run.
        shown = [line[2:] for name in RUN for line in text_of(name).splitlines() if line.startswith("$ ")]
        self.assertEqual([command.split("\n")[0] for command in self.ran], shown)
        self.looks_within_sentences()
        self.every_metric_that_is_shown_is_in_the_reference()

    def looks_within_sentences(self):
        """`weir exporters --json` and its like, between the lines that are run."""
        found = {c for name in RUN for c in re.findall(r"`(weir (?:%s)[^`]*)`" % "|".join(LOOKS), text_of(name))
                 if not re.search(r"\b(ID|PEER)\b", c)}
        found |= {f"weir {kind} {self.names.ours[name]}" for kind, name in (("alarm", ALARM), ("mitigation", MITIGATION))}
        self.assertGreater(len(found), 7)
        for command in sorted(found):
            with self.subTest(command=command):
                self.assertTrue(self.bash(command))

    def every_metric_that_is_shown_is_in_the_reference(self):
        for port in (9401, 9402, 9403, 9404):
            shown = [line.split()[2] for line in self.bash(f"curl -s 127.0.0.1:{port}/metrics") if line.startswith("# TYPE")]
            self.assertGreater(len(shown), 10)
            for metric in shown:
                self.assertIn(f"| `{metric}` |", text_of("metrics"))

    def run_one(self, command, expected):
        """Changes are asked for once; a look is repeated until it shows what the document shows."""
        self.ran.append(command)
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
