#!/usr/bin/env python3
"""cpu.py PROGRAM [ROUNDS]: runs bench_collector that often and prints its figures as a table, the median of the rounds."""
import re
import statistics
import subprocess
import sys

LINE = re.compile(r"^(\S+) +(decode(?: \+ tally)?|receive(?: → tally)?) +([\d.]+) ns a record +([\d.]+) CPU s a million", re.MULTILINE)
RECORDS = re.compile(r"^(\S+) +a datagram +([\d.]+)$", re.MULTILINE)
WHAT = ("decode", "decode + tally", "receive", "receive → tally")


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    figures, records = {}, {}
    for _ in range(rounds):
        said = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout
        records.update(RECORDS.findall(said))
        for name, what, _, seconds in LINE.findall(said):
            figures.setdefault(name, {}).setdefault(what, []).append(float(seconds))
    if not figures:
        sys.exit(f"{program} printed no figures")
    print("| format | records a datagram | " + " | ".join(WHAT) + " |")
    print("|---|---|" + "---|" * len(WHAT))
    for name, of in figures.items():
        print(f"| {name} | {float(records[name]):.0f} | " + " | ".join(f"{statistics.median(of[what]):.3f}" for what in WHAT) + " |")


if __name__ == "__main__":
    main()
