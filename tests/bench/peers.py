#!/usr/bin/env python3
"""peers.py [--seconds N] [--rounds N] [--formats LIST]: the same export from `weir generate` to the collector of `weir up`, without
recall and with it, to nfcapd and sfcapd (nfdump), to nfacctd and sfacctd (pmacct), and to FastNetMon, where they are installed, in
turns. Prints the CPU time of each as a table.

CPU time is utime and stime of the program and its children, less what it used a second in the two before the load came, for a million
records that it counted, so that who drops half is not cheaper for it; the loopback's own work is the sender's. Programs and sender are
kept on CPUs of their own where there are two. The programs do not do the same: nfcapd and sfcapd store each record, nfacctd and sfacctd
sum up by destination address in a table, FastNetMon adds to an array of the hosts of its networks (connection tracking off), and weir
sums up by address, and by address and protocol, and sends the sums to its aggregator."""
import argparse
import csv
import ctypes
import math
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from lib import house, namespace, processes
from lib.exporters import Generate
from lib.ports import free_port
from lib.waits import wait_for

HOSTS, NETWORK = 100000, "10.0.0.0/15"  # which has room for 131,070
IDLE_S, SETTLE_MAX_S = 2, 30
BUFFER_BYTES = 4 << 20
RATES = {"netflow5": 200000, "netflow9": 200000, "ipfix": 200000, "sflow": 100000}
POLICIES = "".join(f"""  - name: {name}
    direction: incoming
    key: [{key}]
    window: 1s
    thresholds:
      - {{severity: critical, any: {{bps: 500G}}, clear: {{below: 80%, after: 2s}}}}
""" for name, key in (("host", "dst_addr"), ("host-protocol", "dst_addr, protocol")))
SO_RCVBUFFORCE, PIDFD_OPEN, PIDFD_GETFD = 33, 434, 438
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
    name, programs, package, recall = "weir-collector", None, None, "false"

    def __init__(self, folder, proto):
        self.port = free_port()
        text = house.config(folder, [f"127.0.0.1:{self.port}"], policies=POLICIES, dry_run=True, networks=f"  customers: [{NETWORK}]")
        text = text.replace("collector: {", f"collector: {{workers: 1, recall: {{enabled: {self.recall}}}, ")
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


class WeirWithRecall(Weir):
    name, recall = "weir-collector with recall", "true"


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


class FastNetMon(Peer):
    name, programs, package = "fastnetmon", ("fastnetmon",), "fastnetmon"

    def command(self, proto):
        self.metrics_port, self.proto = free_port(), proto
        sflow = proto == "sflow"
        (self.folder / "networks").write_text(f"{NETWORK}\n")
        (self.folder / "none").write_text("")
        settings = {
            "logging_level": "info", "disable_usage_report": "on", "enable_ban": "off", "enable_ban_ipv6": "off", "process_incoming_traffic": "on",
            "process_outgoing_traffic": "on", "networks_list_path": self.folder / "networks", "white_list_path": self.folder / "none",
            "check_period": 1, "enable_connection_tracking": "off", "average_calculation_time": 5, "speed_calculation_delay": 1,
            "netflow": "off" if sflow else "on", "netflow_port": self.port, "netflow_host": "127.0.0.1", "netflow_sampling_ratio": 1,
            "sflow": "on" if sflow else "off", "sflow_port": self.port, "sflow_host": "127.0.0.1", "notify_script_path": "/nonexistent",
            "pid_path": self.folder / "pid", "cli_stats_file_path": self.folder / "stats", "cli_stats_ipv6_file_path": self.folder / "stats6",
            "enable_api": "off", "prometheus": "on", "prometheus_port": self.metrics_port, "prometheus_host": "127.0.0.1",
            "monitor_local_ip_addresses": "off"}
        conf = self.folder / "conf"
        conf.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        return ["fastnetmon", "--configuration_file", conf, "--log_to_console", "--disable_pid_logic"]

    def __init__(self, folder, proto):
        super().__init__(folder, proto)
        widen(self.process.pid, self.port)

    def stop(self):
        time.sleep(1.5)  # told once a second
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            told = dict(line.split() for line in answer.read().decode().splitlines() if len(line.split()) == 2)
        name = {"netflow5": "netflow_v5_total_flows", "netflow9": "netflow_v9_total_flows", "ipfix": "ipfix_total_flows",
                "sflow": "total_simple_packets_processed"}[self.proto]
        processes.end(self.process, 8)
        return float(told[f"fastnetmon_{name}"])


def widen(pid, port):
    """Gives a program that sets no SO_RCVBUF the buffer that the others have: in its own descriptor, so that nothing of the machine's
    is changed."""
    libc = ctypes.CDLL(None, use_errno=True)
    inodes = {line.split()[9] for name in ("udp", "udp6") for line in pathlib.Path(f"/proc/net/{name}").read_text().splitlines()[1:]
              if int(line.split()[1].rpartition(":")[2], 16) == port}
    process = libc.syscall(PIDFD_OPEN, pid, 0)
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        if os.readlink(link) not in {f"socket:[{inode}]" for inode in inodes}:
            continue
        there = libc.syscall(PIDFD_GETFD, process, int(link.name), 0)
        if there < 0:
            print(f"the buffer of process {pid} stays as it is: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
            continue
        with socket.socket(fileno=there) as sock:
            try:
                sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
            except PermissionError:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    os.close(process)


def cpu_seconds(pids):
    return sum(processes.cpu_seconds(pid) for pid in pids)


def settle(port, pids, idle):
    """Until nothing waits in the socket and the program is as busy as it was without a load. Gives when that began."""
    wait_for(lambda: socket_state(port)[0] == 0, 60, "the socket is empty")
    for _ in range(SETTLE_MAX_S):
        began, before = time.monotonic(), cpu_seconds(pids)
        time.sleep(1)
        if cpu_seconds(pids) - before <= idle + 0.03:
            break
    return began, before


def measure(kind, folder, proto, seconds):
    """CPU seconds a million records counted, without what it uses at rest; that, of a second; counted over sent; datagrams dropped."""
    program = kind(folder, proto)
    time.sleep(1)
    pids = program.pids()
    keep_on(pids, CPUS[-1])
    before = cpu_seconds(pids)
    time.sleep(IDLE_S)
    idle, begun, before = (cpu_seconds(pids) - before) / IDLE_S, time.monotonic(), cpu_seconds(pids)
    load = Generate(folder, "load", "--to", f"127.0.0.1:{program.port}", "--proto", proto, "--network", NETWORK, "--hosts", HOSTS, "--zipf", 0,
                    "--direction", "in", "--rate", RATES[proto], "--duration", f"{seconds}s")
    keep_on([load.process.pid], CPUS[0])
    sent = load.wait(seconds + 60)["records"]
    ended, after = settle(program.port, pids, idle)
    used, dropped = after - before - idle * (ended - begun), socket_state(program.port)[1]
    counted = program.stop()
    return used * 1e6 / counted if counted else math.inf, idle, counted / sent, dropped


def installed():
    found = [Weir, WeirWithRecall]
    for kind in (Nfdump, Pmacct, FastNetMon):
        if all(shutil.which(program) for program in kind.programs):
            found.append(kind)
        else:
            print(f"{kind.name} not measured: not installed (package {kind.package})", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--formats", default=",".join(RATES))
    options = parser.parse_args()
    formats = options.formats.split(",")
    namespace.enter(needed=False)
    kinds, found = installed(), {}
    work = house.work_folder()
    try:
        for proto in formats:
            for number in range(options.rounds):
                for kind in kinds:  # in turns, so that a busy moment meets all of them
                    folder = work / f"{proto}{number}{kind.__name__}"
                    found.setdefault((proto, kind), []).append(measure(kind, folder, proto, options.seconds))
    finally:
        processes.end_all()
        house.dispose(work)
    print("| format, records a second | program | CPU s a million counted, net of idle | over weir's | idle CPU s/s | counted of sent | dropped |")
    print("|---|---|---|---|---|---|---|")
    for (proto, kind), rounds in found.items():
        cost, ours = (statistics.median(r[0] for r in found[proto, which]) for which in (kind, Weir))
        print(f"| {proto}, {RATES[proto]:,} | {kind.name} | {cost:.2f} | {cost / ours:.1f} | {statistics.median(r[1] for r in rounds):.3f} "
              f"| {min(r[2] for r in rounds):.4f} | {sum(r[3] for r in rounds)} |")


if __name__ == "__main__":
    main()
