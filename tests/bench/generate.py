#!/usr/bin/env python3
"""generate.py [--seconds N]: how fast `weir generate` and `weir replay` are, to a socket of the loopback that nobody reads. Prints
a table: records a second as they went, and as one core would do them of which they had all (the machine may be shared)."""
import argparse
import json
import os
import pathlib
import resource
import socket
import subprocess
import tempfile

WEIR = os.environ.get("WEIR_BIN", "build/bench/bin") + "/weir"
FORMATS = ("netflow5", "netflow9", "ipfix", "sflow")


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(*args):
    """What it says at its end, and its CPU seconds."""
    before = cpu_seconds()
    done = subprocess.run([WEIR, *map(str, args), "--json"], stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return json.loads(done.stdout), cpu_seconds() - before


def row(name, records, seconds, cpu):
    print(f"| {name} | {records / seconds / 1e6:.2f} | {records / cpu / 1e6:.2f} | {cpu / records * 1e9:.0f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=5)
    seconds = parser.parse_args().seconds
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    to = f"127.0.0.1:{sink.getsockname()[1]}"
    print("| | million records/s | the same of a whole core | ns a record |\n|---|---|---|---|")
    for proto in FORMATS:
        said, cpu = measure("generate", "--to", to, "--proto", proto, "--rate", "max", "--duration", f"{seconds}s")
        row(f"generate, {proto}", said["records"], seconds, cpu)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        path = pathlib.Path(folder) / "a.pcap"
        said, cpu = measure("generate", "--write", path, "--proto", "netflow9", "--rate", "500k", "--duration", f"{seconds}s")
        row("generate, netflow9 into a capture", said["records"], cpu, cpu)
        for proto in ("netflow9", "sflow"):
            said, _ = measure("generate", "--write", path, "--proto", proto, "--rate", "200k", "--duration", f"{seconds}s")
            again, cpu = measure("replay", path, "--to", to, "--rate", "max", "--loop", 4)
            row(f"replay, {proto}", said["records"] * 4, again["seconds"], cpu)
    sink.close()


if __name__ == "__main__":
    main()
