#!/usr/bin/env python3
"""announce.py [--rules N] [--rounds N] [--many N]: so many distinct rules from the announcer to present in the table of BIRD and of GoBGP.
In turns: weir (from the job stream in Redis), ExaBGP (its process API), and a sender that writes prepared octets, whose time is
the receiver's own. The receiver's table is asked every 20 ms. CPU time says whose part it is. Then the larger number once, from the
start of the speaker."""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from speaking import AS, BLAST, RULE, Speaking, busy, cpu_seconds, wait_for  # noqa: E402
from daemons import Bird, GoBgp, Program  # noqa: E402

LIMIT_S = 300


def count_of(receiver):
    if isinstance(receiver, Bird):
        found = re.search(r"^(\d+) of \d+ routes", receiver.cli("show", "route", "count", "table", "fs4"), re.MULTILINE)
    else:
        found = re.search(r"Path: (\d+)", receiver.cli("global", "rib", "summary", "-a", "ipv4-flowspec"))
    return int(found[1]) if found else 0


def until_present(receiver, rules, began):
    while (count := count_of(receiver)) < rules:
        if time.monotonic() > began + LIMIT_S:
            raise AssertionError(f"{count} of {rules} after {LIMIT_S} s")
        time.sleep(0.02)
    return time.monotonic() - began


class Weir:
    name = "weir, from the job stream"

    def __init__(self, speaking, receiver, rules):
        self.speaking, self.receiver = speaking, receiver
        speaking.servers_up()
        speaking.put("m", RULE, rules)
        redis = self.client = speaking.client()
        self.jobs = [entry[1] for entry in redis("XRANGE", "weir:jobs", "-", "+")]
        assert len(self.jobs) == rules, f"the stream keeps {len(self.jobs)} jobs"
        # Not seen by the speaker until it is told.
        redis("RENAME", "weir:mitigations:active", "bench:active")
        redis("XTRIM", "weir:jobs", "MAXLEN", 0)
        speaking.start([("r", receiver.address, receiver.port, receiver.profile)])
        wait_for("the session", lambda: speaking.up_count() == 1, 60)
        time.sleep(1)

    def go(self):
        self.client("RENAME", "bench:active", "weir:mitigations:active")
        commands = []
        for fields in self.jobs:
            parts = [b"XADD", b"weir:jobs", b"*", *fields]
            commands.append(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        began = time.monotonic()
        self.client.socket.sendall(b"".join(commands))
        return began

    def pids(self):
        return [self.speaking.speaker.process.pid]

    def end(self):
        self.client.close()


class ExaBgp:
    name = "ExaBGP, process API"

    def __init__(self, speaking, receiver, rules):
        self.trigger = os.path.join(speaking.folder, "go")
        script = os.path.join(speaking.folder, "rules.py")
        with open(script, "w", encoding="utf-8") as out:
            out.write(f"""import os, sys, time
lines = "".join("announce flow route {{ match {{ destination 10.%d.%d.%d/32; protocol =udp; source-port =53; }} then {{ discard; }} }}\\n"
                % (i >> 16, i >> 8 & 255, i & 255) for i in range({rules}))
while not os.path.exists({self.trigger!r}):
    time.sleep(0.002)
sys.stdout.write(lines)
sys.stdout.flush()
while True:
    time.sleep(60)
""")
        conf = os.path.join(speaking.folder, "exabgp.conf")
        with open(conf, "w", encoding="utf-8") as out:
            out.write(f"""process rules {{ run {sys.executable} {script}; encoder text; }}
neighbor {receiver.address} {{
  router-id {speaking.address}; local-address {speaking.address}; local-as {AS}; peer-as {AS}; hold-time 90; connect {receiver.port};
  family {{ ipv4 flow; }}
  api {{ processes [ rules ]; }}
}}
""")
        self.program = Program("exabgp", speaking.folder)
        settings = {"exabgp.api.ack": "false", "exabgp.daemon.user": "root", "exabgp.daemon.drop": "false", "exabgp.log.destination": "stdout",
                    "exabgp.log.level": "WARNING", "exabgp.api.cli": "false", "exabgp.tcp.bind": "", "exabgp.tcp.delay": "0"}
        self.program.start("exabgp", conf, env={**os.environ, **settings})
        wait_for("the session", receiver.established, 60)
        time.sleep(1)

    def go(self):
        began = time.monotonic()
        open(self.trigger, "w", encoding="utf-8").close()
        return began

    def pids(self):
        return [self.program.process.pid]

    def end(self):
        self.program.end()


class Blast:
    name = "prepared octets: the receiver's floor"

    def __init__(self, speaking, receiver, rules):
        self.process = subprocess.Popen([BLAST, "send", speaking.address, receiver.address, str(receiver.port), str(AS), str(rules)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "established\n"
        time.sleep(1)

    def go(self):
        began = time.monotonic()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return began

    def pids(self):
        return [self.process.pid]

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


def with_receiver(kind, measure):
    speaking = Speaking()
    receiver = kind("receiver", speaking.folder, speaking.addresses.take(), speaking.address, AS, AS)
    try:
        receiver.up()
        return measure(speaking, receiver)
    finally:
        receiver.end()
        speaking.done()


def announced(sender_kind, rules, speaking, receiver):
    """Seconds until all are present, CPU seconds of the sender, and of the receiver."""
    sender = sender_kind(speaking, receiver, rules)
    try:
        pids, theirs = sender.pids(), receiver.process.pid
        before = sum(map(cpu_seconds, pids)), cpu_seconds(theirs)
        took = until_present(receiver, rules, sender.go())
        return took, sum(map(cpu_seconds, pids)) - before[0], cpu_seconds(theirs) - before[1]
    finally:
        sender.end()


def from_the_start(rules, speaking, receiver):
    speaking.servers_up()
    speaking.put("m", RULE, rules)
    began = time.monotonic()
    speaking.start([("r", receiver.address, receiver.port, receiver.profile)])
    return until_present(receiver, rules, began)


def senders():
    if shutil.which("exabgp") is None:
        print("ExaBGP not measured: not installed", file=sys.stderr)
        return Blast, Weir
    return Blast, Weir, ExaBgp


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=100000)
    options = parser.parse_args()
    receivers, found = (("BIRD", Bird), ("GoBGP", GoBgp)), {}
    for _ in range(options.rounds):
        for to, kind in receivers:
            for sender in senders():  # in turns, so that a busy moment meets all of them
                found.setdefault((to, sender), []).append(
                    with_receiver(kind, lambda speaking, receiver, sender=sender: announced(sender, options.rules, speaking, receiver)))
    print(f"| {options.rules:,} rules from | to | median, s | over the floor | CPU of the sender, s | CPU of the receiver, s |\n|---|---|---|---|---|---|")
    for (to, sender), rounds in found.items():
        took, ours, theirs = (statistics.median(part) for part in zip(*rounds))
        floor = statistics.median(r[0] for r in found[to, Blast])
        print(f"| {sender.name} | {to} | {took:.2f} | {took / floor:.2f} | {ours:.2f} | {theirs:.2f} |")
    for to, kind in receivers:
        took = with_receiver(kind, lambda speaking, receiver: from_the_start(options.many, speaking, receiver))
        print(f"\n{options.many:,} rules from the start of weir-speaker to present in {to}: {took:.1f} s.")
    print(busy(), end="")


if __name__ == "__main__":
    main()
