#!/usr/bin/env python3
"""latency.py [--runs N]: first attack datagram → UPDATE at a BGP peer, at several strengths of the attack.

One weir with a window of 1 s; every run attacks another host, so that runs do not disturb each other. The least that
can be is the time until the window holds the threshold's volume: window × threshold ÷ attack rate. Prints a table."""
import argparse
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from bgp_receiver import Receiver
from lib import house, namespace, processes
from lib.exporters import Generate
from lib.ports import free_port
from lib.waits import NotSeen, wait_for

THRESHOLD_BPS, WINDOW_MS = 500_000_000, 1000
STRENGTHS = (10, 3, 1.2)
RECORDS_A_SECOND = 2000
POLICY = """  - name: host-udp
    direction: incoming
    where: {protocol: [udp]}
    key: [dst_addr]
    window: 1s
    thresholds:
      - {severity: critical, any: {bps: 500M}, clear: {below: 80%, after: 2s}, mitigate: [{method: limit-dns}]}
"""
METHOD = """  - name: limit-dns
    match: {destination: infer, protocol: [udp], source_port: [53]}
    action: {rate_limit: 10Mbps}
    withdraw_after: 1s
"""


def percentile(values, share):
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def attack(folder, port, receiver, host, strength, seed):
    """ms from the first datagram to the UPDATE, None when there was none."""
    lasts_ms = int(WINDOW_MS / strength + 600)
    sent = Generate(folder, f"attack-{seed}", "--to", f"127.0.0.1:{port}", "--proto", "netflow9", "--rate", 0, "--duration",
                    f"{lasts_ms}ms", "--seed", seed, "--domain", 2, "--attack", "dns-amplification", "--target", host, "--attack-rate",
                    RECORDS_A_SECOND, "--attack-volume", f"{int(THRESHOLD_BPS * strength / 1000)}kbps").wait(60)
    try:
        arrived_ms = wait_for(lambda: receiver.arrived_ms.get(host), 10, "UPDATE")
    except NotSeen:
        return None
    return arrived_ms - sent["first_attack_ms"]


def measure(runs):
    folder = house.work_folder()
    port, receiver = free_port(), Receiver()
    text = house.config(folder, [f"127.0.0.1:{port}"], receiver.port, policies=POLICY, methods=METHOD,
                        networks="  customers: [198.18.0.0/15]", exporters="{address: 127.0.0.1, name: r, active_timeout: 1s}")
    text = text.replace("max_rules: 100", "max_rules: 2000").replace(
        "policy: {name: p1,", "policy: {name: p1, budgets: {rules_per_minute: 1000},")
    its = house.House(folder, text).start().ready()
    if not receiver.established.wait(60):
        sys.exit("no BGP session")
    calm = Generate(folder, "calm", "--to", f"127.0.0.1:{port}", "--proto", "netflow9", "--network", "198.19.0.0/24",
                    "--rate", 1000, "--volume", "100Mbps", "--duration", "0s")
    wait_for(lambda: its.weir("exporters"), 60, "flows come in")
    rows = []
    for number, strength in enumerate(STRENGTHS):
        took = []
        for run in range(runs):
            took.append(attack(folder, port, receiver, f"198.18.{number}.{run + 1}", strength, 1000 * (number + 1) + run))
            if sys.stderr.isatty():
                print(f"\r{strength}×: {run + 1}/{runs} ", end="\n" if run + 1 == runs else "", file=sys.stderr, flush=True)
        rows.append((strength, took))
    if receiver.failure:
        sys.exit(f"the BGP session did not last: {receiver.failure}")
    calm.stop()
    its.stop()
    house.dispose(folder)
    return rows


def table(rows):
    print("| attack, × threshold | runs | limit, ms | p50, ms | p99, ms | p50 over limit | p99 over limit | no UPDATE |")
    print("|---|---|---|---|---|---|---|---|")
    for strength, took in rows:
        seen = [t for t in took if t is not None]
        limit = WINDOW_MS / strength
        if not seen:
            print(f"| {strength} | {len(took)} | {limit:.0f} | | | | | {len(took)} |")
            continue
        p50, p99 = percentile(seen, 0.5), percentile(seen, 0.99)
        print(f"| {strength} | {len(took)} | {limit:.0f} | {p50:.0f} | {p99:.0f} | {p50 - limit:+.0f} | {p99 - limit:+.0f} "
              f"| {len(took) - len(seen)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50, help="attacks at each strength (50)")
    runs = parser.parse_args().runs
    namespace.enter(needed=False)
    try:
        table(measure(runs))
    finally:
        processes.end_all()


if __name__ == "__main__":
    main()
