#!/usr/bin/env python3
"""memory.py [--hosts N]: resident memory of each process, idle and while N hosts get traffic. Prints a table."""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from lib import house, namespace, processes
from lib.exporters import Generate
from lib.ports import free_port
from lib.waits import wait_for

RECORDS_A_SECOND = 50000
POLICY = """  - name: host
    direction: incoming
    key: [dst_addr]
    window: 1s
    thresholds:
      - {severity: critical, any: {bps: 500G}, clear: {below: 80%, after: 2s}}
"""


def resident(its):
    return {name: processes.resident_kib(pid) for name, pid in its.pids().items()}


def measure(hosts):
    folder, port = house.work_folder(), free_port()
    text = house.config(folder, [f"127.0.0.1:{port}"], policies=POLICY, dry_run=True, networks="  customers: [10.0.0.0/8]")
    its = house.House(folder, text.replace("  - name: limit-dns", "  - name: spare")).start().ready()
    time.sleep(5)  # first ticks, first heartbeats
    idle = resident(its)
    # Ten records a host, so that next to none is left out.
    lasts_s = max(5, 10 * hosts // RECORDS_A_SECOND)
    load = Generate(folder, "load", "--to", f"127.0.0.1:{port}", "--proto", "netflow9", "--network", "10.0.0.0/12",
                    "--hosts", hosts, "--zipf", 0, "--direction", "in", "--rate", RECORDS_A_SECOND, "--duration", f"{lasts_s}s")
    loaded, until = {}, time.monotonic() + lasts_s + 2
    while time.monotonic() < until:
        loaded = {name: max(kib, loaded.get(name, 0)) for name, kib in resident(its).items()}
        time.sleep(0.2)
    said = load.wait(60)
    wait_for(lambda: its.weir("exporters"), 30, "flows came in")
    its.stop()
    house.dispose(folder)
    print(f"{said['records']} records sent, {said['send_failures']} datagrams not sent", file=sys.stderr)
    return idle, loaded


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=100000)
    hosts = parser.parse_args().hosts
    namespace.enter(needed=False)
    try:
        idle, loaded = measure(hosts)
    finally:
        processes.end_all()
    print(f"| process | idle, MiB | at {hosts:,} hosts, MiB |")
    print("|---|---|---|")
    for name in (*house.PROCESSES, "redis-t1", "redis-state"):
        print(f"| {name} | {idle[name] / 1024:.1f} | {loaded[name] / 1024:.1f} |")


if __name__ == "__main__":
    main()
