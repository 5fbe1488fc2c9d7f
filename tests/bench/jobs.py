#!/usr/bin/env python3
"""jobs.py [--standing N] [--jobs N] [--peers N] [--table N]: one job at a time, read to written to all peers, by the speaker's own clock
(weir_speaker_job_seconds), with N routes that stand at each of so many peers: all of which read, and with one that takes no bytes. Then
the memory of the speaker with a table of N routes for all of them."""
import argparse
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from speaking import AS, BLAST, LATE, RULE, Speaking, busy, free_port, wait_for  # noqa: E402


class Sinks:
    def __init__(self, speaking, count, deaf):
        first = speaking.addresses.take()
        self.addresses = [first] + [speaking.addresses.take() for _ in range(count - 1)]
        self.port = free_port(first)
        self.process = subprocess.Popen([BLAST, "sink", first, str(count), str(self.port), str(AS), str(deaf)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "listening\n"

    def peers(self):
        return [(f"p{n}", address, self.port, "generic") for n, address in enumerate(self.addresses)]

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


def quantile(buckets, share):
    """Milliseconds, between the bounds of its bucket as if those in it lay evenly."""
    rank, low, before = share * buckets[-1][1], 0.0, 0
    for bound, count in buckets:
        if count >= rank:
            return 1000 * (low + (bound - low) * (rank - before) / max(1, count - before)) if bound != float("inf") else float("inf")
        low, before = bound, count
    return float("inf")


def with_peers(count, deaf, standing, measure):
    speaking = Speaking()
    sinks = None
    try:
        speaking.servers_up()
        sinks = Sinks(speaking, count, deaf)
        speaking.put("m", RULE, standing)
        speaking.start(sinks.peers())
        wait_for("all sessions", lambda: speaking.up_count() == count, 120)
        wait_for("all routes", lambda: speaking.routes_announced() >= (count - deaf) * standing, 600)
        return measure(speaking)
    finally:
        speaking.done()
        if sinks is not None:
            sinks.end()


def lone_jobs(speaking, jobs, reading, standing):
    before = speaking.job_times()
    speaking.put("late", LATE, jobs, "gap_us=5000")
    wait_for("all jobs", lambda: speaking.routes_announced() >= reading * (standing + jobs), 60)
    return [(bound, count - was) for (bound, count), (_, was) in zip(speaking.job_times(), before)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--standing", type=int, default=10000)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--peers", type=int, default=50)
    parser.add_argument("--table", type=int, default=100000)
    options = parser.parse_args()
    print("| routes standing, peers | jobs | p50, ms | p99, ms |\n|---|---|---|---|")
    for deaf, said in ((0, ""), (1, ", one of which takes no bytes")):
        took = with_peers(options.peers, deaf, options.standing,
                          lambda speaking, deaf=deaf: lone_jobs(speaking, options.jobs, options.peers - deaf, options.standing))
        print(f"| {options.standing:,}, {options.peers}{said} | {took[-1][1]:,} | {quantile(took, 0.5):.2f} | {quantile(took, 0.99):.2f} |",
              flush=True)
    now, most = with_peers(options.peers, 0, options.table, Speaking.resident_mib)
    print(f"\nWith {options.table:,} routes at each of {options.peers} peers the speaker holds {now:.0f} MiB, and held {most:.0f} MiB at the most."
          f"\n{busy()}", end="")


if __name__ == "__main__":
    main()
