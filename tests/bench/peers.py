#!/usr/bin/env python3
"""peers.py [--seconds N] [--rounds N]: the same export from `weir generate` to the collector of `weir up`, to nfcapd and
sfcapd (nfdump), and to nfacctd and sfacctd (pmacct), where they are installed. Prints the CPU time of each as a table.

CPU time is utime and stime of the program and its children; the loopback's own work is the sender's. Programs and sender are kept on CPUs of their own where there are two. The programs do not do the same: nfcapd and sfcapd store each
record, nfacctd and sfacctd sum up by destination address in a table, weir does and sends the sums to its aggregator."""
import argparse
import csv
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from lib import house, namespace, processes
from lib.exporters import Generate
from lib.ports import free_port
from lib.waits import wait_for

HOSTS = 10000
BUFFER_BYTES = 4 << 20
RATES = {"netflow5": 200000, "netflow9": 200000, "ipfix": 200000, "sflow": 100000}
POLICY = """  - name: host
    direction: incoming
    key: [dst_addr]
    window: 1s
    thresholds:
      - {severity: critical, any: {bps: 500G}, clear: {below: 80%, after: 2s}}
"""
CPUS = sorted(os.sched_getaffinity(0))


def keep_on(pids, cpu):
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), {cpu})


def with_children(pid):
    """The process and those that it started."""
    pids = [pid]
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = pathlib.Path(f"/proc/{other}/stat").read_text(errors="replace")
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == pid:
            pids.append(int(other))
    return pids


def socket_state(port):
    """Octets that wait in the sockets of a port, and datagrams that they dropped; None: there is no such socket."""
    found = []
    for name in ("udp", "udp6"):
        for line in pathlib.Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                found.append((int(fields[4].partition(":")[2], 16), int(fields[-1])))
    return tuple(map(sum, zip(*found))) if found else None


class Weir:
    name, programs, package = "weir-collector", None, None

    def __init__(self, folder, proto):
        self.port = free_port()
        text = house.config(folder, [f"127.0.0.1:{self.port}"], policies=POLICY, dry_run=True,
                            networks="  customers: [10.0.0.0/8]")
        self.house = house.House(folder, text.replace("  - name: limit-dns", "  - name: spare")).start().ready()

    def pids(self):
        return [self.house.pids()["collector"]]

    def stop(self):
        counted, before = 0, -1
        while counted != before:  # told once a second
            before = counted
            time.sleep(2)
            counted = sum(exporter["records"] for exporter in self.house.weir("exporters"))
        self.house.stop()
        return counted


class Peer:
    def __init__(self, folder, proto):
        self.port, self.folder, self.log = free_port(), folder, folder / "log"
        folder.mkdir()
        self.process = processes.spawn(self.command(proto), self.log, cwd=folder)
        wait_for(lambda: socket_state(self.port), 30, f"{self.name} listens")

    def pids(self):
        return with_children(self.process.pid)

    def program(self, proto):
        return self.programs[proto == "sflow"]


class Nfdump(Peer):
    name, programs, package = "nfcapd / sfcapd", ("nfcapd", "sfcapd"), "nfdump and nfdump-sflow"

    def command(self, proto):
        return [self.program(proto), "-w", self.folder, "-p", self.port, "-4", "-b", "127.0.0.1", "-B", BUFFER_BYTES,
                "-C", "none", "-t", 3600]

    def stop(self):
        processes.end(self.process)
        return sum(int(flows) for flows in re.findall(r"Flows: (\d+), Packets:", self.log.read_text(errors="replace"))[-1:])


class Pmacct(Peer):
    name, programs, package = "nfacctd / sfacctd", ("nfacctd", "sfacctd"), "pmacct"

    def command(self, proto):
        daemon, self.proto = self.program(proto), proto
        conf = self.folder / "conf"
        conf.write_text(f"daemonize: false\n{daemon}_ip: 127.0.0.1\n{daemon}_port: {self.port}\n{daemon}_pipe_size: {BUFFER_BYTES}\n"
                        f"plugins: memory[h]\naggregate[h]: dst_host, flows\nimt_path[h]: {self.folder}/pipe\n"
                        "imt_mem_pools_number[h]: 8192\nimt_mem_pools_size[h]: 262144\nimt_buckets[h]: 32771\n"
                        "plugin_pipe_size: 67108864\nplugin_buffer_size: 65536\n")
        return [daemon, "-f", conf]

    def stop(self):
        said = subprocess.run(["pmacct", "-p", self.folder / "pipe", "-s", "-O", "csv"], stdout=subprocess.PIPE, text=True,
                              check=False, timeout=60).stdout
        column = "PACKETS" if self.proto == "sflow" else "FLOWS"  # a sample is a packet, where 1 in 1 is sampled
        counted = sum(int(row[column]) for row in csv.DictReader(said.splitlines()) if (row.get(column) or "").isdigit())
        processes.end(self.process)
        return counted


def cpu_seconds(pids):
    return sum(processes.cpu_seconds(pid) for pid in pids)


def settle(port, pids):
    """Until nothing waits in the socket and the program is at rest."""
    wait_for(lambda: socket_state(port)[0] == 0, 60, "the socket is empty")
    last = -1.0
    while cpu_seconds(pids) - last > 0.03:
        last = cpu_seconds(pids)
        time.sleep(1)


def measure(kind, folder, proto, seconds):
    """CPU seconds a million records, counted over sent, and datagrams dropped."""
    program = kind(folder, proto)
    time.sleep(1)
    pids = program.pids()
    keep_on(pids, CPUS[-1])
    before = cpu_seconds(pids)
    load = Generate(folder, "load", "--to", f"127.0.0.1:{program.port}", "--proto", proto, "--network", "10.0.0.0/16",
                    "--hosts", HOSTS, "--zipf", 0, "--direction", "in", "--rate", RATES[proto], "--duration", f"{seconds}s")
    keep_on([load.process.pid], CPUS[0])
    sent = load.wait(seconds + 60)["records"]
    settle(program.port, pids)
    used, dropped = cpu_seconds(pids) - before, socket_state(program.port)[1]
    return used * 1e6 / sent, program.stop() / sent, dropped


def installed():
    found = [Weir]
    for kind in (Nfdump, Pmacct):
        if all(shutil.which(program) for program in kind.programs):
            found.append(kind)
        else:
            print(f"{kind.name} not measured: not installed (package {kind.package})", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    namespace.enter(needed=False)
    kinds, found = installed(), {}
    work = house.work_folder()
    try:
        for proto in RATES:
            for number in range(options.rounds):
                for kind in kinds:  # in turns, so that a busy moment meets all of them
                    folder = work / f"{proto}{number}{kind.__name__}"
                    found.setdefault((proto, kind), []).append(measure(kind, folder, proto, options.seconds))
    finally:
        processes.end_all()
        house.dispose(work)
    print("| format, records a second | program | CPU s a million | over weir's | counted of sent | dropped |")
    print("|---|---|---|---|---|---|")
    for (proto, kind), rounds in found.items():
        cost, ours = (statistics.median(r[0] for r in found[proto, which]) for which in (kind, Weir))
        print(f"| {proto}, {RATES[proto]:,} | {kind.name} | {cost:.2f} | {cost / ours:.1f} | {min(r[1] for r in rounds):.4f} "
              f"| {sum(r[2] for r in rounds)} |")


if __name__ == "__main__":
    main()
