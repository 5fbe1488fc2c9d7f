#!/usr/bin/env python3
"""keys.py [--hosts N]: resident memory of a collector that holds two rows for each of N destination hosts: NetFlow 9 from
`weir generate` under keys of a host, and of a host and protocol. It flushes once a second only, so that next to all
rows are there at once, and recall is off. Prints a table."""
import argparse
import os
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from lib import house, namespace, processes
from lib.exporters import Generate
from lib.ports import free_port

RECORDS_A_SECOND = 200000
RECORDS_A_HOST = 4
POLICY = """  - name: {name}
    direction: incoming
    key: {key}
    window: 1s
    thresholds:
      - {{severity: critical, any: {{bps: 500G}}, clear: {{below: 80%, after: 2s}}}}
"""


def rows_held(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines if line.startswith("weir_collector_keys{"))


def measure(hosts):
    folder, port, metrics = house.work_folder(), free_port(), free_port()
    policies = POLICY.format(name="host", key="[dst_addr]") + POLICY.format(name="kind", key="[dst_addr, protocol]")
    text = house.config(folder, [f"127.0.0.1:{port}"], policies=policies, dry_run=True, networks="  customers: [10.0.0.0/8]")
    text = text.replace("  - name: limit-dns", "  - name: spare").replace(
        "receive_buffer: 2MiB, metrics_port: 0", f"receive_buffer: 2MiB, metrics_port: {metrics}, workers: 1, "
        f"flush: {{every: 1s}}, recall: {{enabled: false}}, tally: {{max_keys: {max(1000, 4 * hosts)}}}")
    its = house.House(folder, text).start().ready()
    pid = its.pids()["collector"]
    seconds = max(3, RECORDS_A_HOST * hosts // RECORDS_A_SECOND)
    load = Generate(folder, "load", "--to", f"127.0.0.1:{port}", "--proto", "netflow9", "--network", "10.0.0.0/8",
                    "--hosts", hosts, "--zipf", 0, "--direction", "in", "--rate", RECORDS_A_SECOND, "--duration", f"{seconds}s")
    rows, kib, until = 0, 0, time.monotonic() + seconds + 2
    while time.monotonic() < until:
        rows, kib = max(rows, rows_held(metrics)), max(kib, processes.resident_kib(pid))
        time.sleep(0.2)
    load.wait(60)
    its.stop()
    house.dispose(folder)
    return rows, kib


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1000000)
    hosts = parser.parse_args().hosts
    namespace.enter(needed=False)
    try:
        rows, kib = measure(hosts)
    finally:
        processes.end_all()
    print("| destination hosts | rows at once | resident, MiB |")
    print("|---|---|---|")
    print(f"| {hosts:,} | {rows:,} | {kib / 1024:.0f} |")


if __name__ == "__main__":
    main()
