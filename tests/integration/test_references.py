#!/usr/bin/env python3
"""docs/configuration.md and docs/metrics.md are what the programs themselves say; `--renew` writes them anew."""
import difflib
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, suite

UNITS = ("seconds", "bytes")
RENEW = f"WEIR_BIN={house.BIN} {os.path.abspath(__file__)} --renew"
HEAD = """# Metrics

What each process shows at `/metrics` in the text form of Prometheus, by default on ports 9401 (collector), 9402 (aggregator), 9403
(policy) and 9404 (speaker) of `listen`; `/healthz` on the same port answers 200 or 503 and says why. A counter only grows, and begins at
0 when its process starts. No label is ever the address of a victim. Each metric has a maximum of series; what comes past it goes to one
whose labels are `other`, counted in `weir_metrics_overflow_total`. What to do when one of them moves: [troubleshooting.md](troubleshooting.md).

This file is written by `tests/integration/test_references.py --renew`, from what `weir-collector --metrics` and the others list.
"""
PARTS = (("Every process", house.PROCESSES), *((f"weir-{name}", (name,)) for name in house.PROCESSES))


def output_of(*args):
    return subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout


def declared(process):
    """{name: (type, labels, help)}"""
    lines = (line.split("\t") for line in output_of(house.BIN / f"weir-{process}", "--metrics").splitlines())
    return {name: (kind, labels.split(), meaning) for name, kind, labels, meaning in lines}


def unit_of(name):
    """By the end of the name, as Prometheus wants it: counters end in _total, and count what their name says."""
    return next((unit for unit in UNITS if name.removesuffix("_total").endswith(f"_{unit}")), "")


def metrics():
    by_process = {process: declared(process) for process in house.PROCESSES}
    text = HEAD
    for title, processes in PARTS:
        text += f"\n## {title}\n\n| metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n"
        for name, (kind, labels, meaning) in sorted(by_process[processes[0]].items()):
            if {p for p, its in by_process.items() if name in its} == set(processes):
                shown = " ".join(f"`{label}`" for label in labels)
                text += f"| `{name}` | {kind} | {shown} | {unit_of(name)} | {meaning[0].upper()}{meaning[1:]} |\n"
    return text


def configuration():
    return output_of(house.BIN / "weir", "check", "--reference")


REFERENCES = {"configuration.md": configuration, "metrics.md": metrics}


class References(unittest.TestCase):
    def test_the_documents_are_what_the_programs_say(self):
        for name, make in REFERENCES.items():
            with self.subTest(document=name):
                path = house.ROOT / "docs" / name
                have = path.read_text() if path.exists() else ""
                lines = difflib.unified_diff(have.splitlines(), make().splitlines(), f"docs/{name}", "the programs", lineterm="", n=0)
                self.assertEqual(list(lines), [], f"docs/{name} is stale; renew it: {RENEW}")

    def test_each_metric_is_listed_once(self):
        for process in house.PROCESSES:
            text = metrics()
            for name in declared(process):
                self.assertEqual(text.count(f"| `{name}` |"), 1, name)

    def test_names_say_whose_they_are_and_counters_that_they_are(self):
        for process in house.PROCESSES:
            for name, (kind, _, meaning) in declared(process).items():
                self.assertRegex(name, rf"^weir_({process}|redis|process|metrics|build|flowspec|time)_")
                self.assertEqual(name.endswith("_total"), kind == "counter", name)
                self.assertGreater(len(meaning), 5, name)


if __name__ == "__main__":
    if sys.argv[1:] == ["--renew"]:
        for document, maker in REFERENCES.items():
            (house.ROOT / "docs" / document).write_text(maker())
        sys.exit(0)
    suite.main(needs_namespace=False)
