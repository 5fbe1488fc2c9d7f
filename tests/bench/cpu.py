#!/usr/bin/env python3
"""cpu.py PROGRAM [ROUNDS]: runs bench_collector that often and prints its figures as a table: the least, and how dear the whole was mostly."""
import re
import statistics
import subprocess
import sys

LINE = re.compile(r"^(\S+) +(decode(?: \+ tally)?|receive(?: → tally)?|with recall) +([\d.]+) ns a record, median +([\d.]+)$", re.MULTILINE)
RECORDS = re.compile(r"^(\S+) +a datagram +([\d.]+)$", re.MULTILINE)
WHAT = ("decode", "decode + tally", "receive", "receive → tally", "with recall")


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    least, medians, records = {}, {}, {}
    for _ in range(rounds):
        said = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout
        records.update(RECORDS.findall(said))
        for name, what, ns, median in LINE.findall(said):
            least.setdefault(name, {}).setdefault(what, []).append(float(ns) / 1000)
            medians.setdefault(name, {}).setdefault(what, []).append(float(median) / 1000)
    if not least:
        sys.exit(f"{program} printed no figures")
    print("| format | records a datagram | " + " | ".join(WHAT) + " | its median |")
    print("|---|---|" + "---|" * len(WHAT) + "---|")
    for name, of in least.items():
        print(f"| {name} | {float(records[name]):.0f} | " + " | ".join(f"{min(of[what]):.3f}" for what in WHAT) +
              f" | {statistics.median(medians[name][WHAT[3]]):.3f} |")


if __name__ == "__main__":
    main()
