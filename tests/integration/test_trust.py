#!/usr/bin/env python3
"""What anybody can send, through the whole house: two senders in one sequence start no rule, who is not listed is
shown and counted nowhere, and a sweep over a network hides nobody."""
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, netflow, suite
from lib.exporters import Generate
from lib.ports import free_port
from lib.waits import wait_for

DOUBTFUL, SURE = "198.51.100.1", "198.51.100.2"
ELSEWHERE = 1_000_000  # where the second sender's sequence is
ATTACK_BPS, THRESHOLD_BPS = 200e6, 100e6
EVERY_S = 0.02
LISTED = "{address: 127.0.0.1, name: r1, active_timeout: 1s}, {address: 127.0.0.2, name: r2, active_timeout: 1s}"


class Attack(threading.Thread):
    """Records of DNS answers to a host; with two senders, every second datagram is of another sequence."""

    def __init__(self, host, address, port, two_senders=False, bps=ATTACK_BPS, first=0, every_s=EVERY_S):
        super().__init__(daemon=True)
        self.host, self.two_senders, self.every_s = host, two_senders, every_s
        self.numbers = [first, first + ELSEWHERE]
        self.claim(bps)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.connect(("127.0.0.1", port))
        self.over = threading.Event()
        self.start()

    def claim(self, bps):
        self.octets_each = round(bps / 8 * self.every_s)

    def run(self):
        begun, sent = time.monotonic(), 0
        while not self.over.wait(self.every_s):
            while sent < (time.monotonic() - begun) / self.every_s:
                which = sent % 2 if self.two_senders else 0
                self.socket.send(netflow.netflow9(self.host, self.octets_each, self.octets_each // 1000, self.numbers[which]))
                self.numbers[which] += 1
                sent += 1

    def end(self):
        self.over.set()
        self.join(10)
        self.socket.close()


class Trust(suite.HouseTest):
    def open(self, **more):
        folder, port = self.folder(), free_port()
        its = house.House(folder, house.config(folder, [f"127.0.0.1:{port}"], dry_run=True, **more))
        self.addCleanup(its.stop)
        its.start().ready()
        return its, port

    def attack(self, *args, **more):
        sender = Attack(*args, **more)
        self.addCleanup(sender.end)
        return sender

    def alarm(self, its, host):
        return next((a for a in its.alarms() if host in a["key"]), None)

    def test_two_senders_start_no_rule_by_themselves(self):
        its, port = self.open(exporters=LISTED)
        forged = self.attack(DOUBTFUL, "127.0.0.1", port, two_senders=True, bps=THRESHOLD_BPS / 10)
        self.wait_two_senders(its)
        forged.end()
        self.attack(DOUBTFUL, "127.0.0.1", port, two_senders=True)
        self.attack(SURE, "127.0.0.2", port)
        wait_for(lambda: (self.alarm(its, SURE) or {}).get("mitigations"), 30, "one sender's attack is mitigated")
        doubtful = wait_for(lambda: self.alarm(its, DOUBTFUL), 30, "the other is an alarm too")
        self.assertEqual(doubtful["mitigations"], [], doubtful)
        self.assertIn("two senders as 127.0.0.1", doubtful["not_mitigated"])
        self.assertTrue(its.log("collector", "two senders take turns in one exporter's sequence: one may be forged"))
        its.weir("mitigate", "limit-dns", "--destination", DOUBTFUL, "--for", "10m", "--reason", "it is real")
        wait_for(lambda: any(DOUBTFUL in m["rule"] for m in its.mitigations()), 30, "a person's rule stands")
        self.assertEqual(its.sanitizer_complaints(), [])

    def wait_two_senders(self, its):
        wait_for(lambda: any("TWO SENDERS" in line and "127.0.0.1 " in line for line in
                             its.weir_text("exporters").stdout.splitlines()), 30, "weir exporters shows them")

    def test_a_few_forged_datagrams_neither_start_a_rule_nor_keep_one_back(self):
        its, port = self.open(exporters=LISTED)
        real = self.attack(SURE, "127.0.0.1", port, bps=THRESHOLD_BPS / 10)
        time.sleep(2)  # the exporter was there first
        forged = self.attack(DOUBTFUL, "127.0.0.1", port, first=ELSEWHERE, every_s=1, bps=THRESHOLD_BPS / 1000)
        self.wait_two_senders(its)
        forged.claim(5 * ATTACK_BPS)
        wait_for(lambda: "SECOND_SENDER" in str(its.weir("exporters")), 15, "his records are refused")
        real.claim(ATTACK_BPS)
        wait_for(lambda: (self.alarm(its, SURE) or {}).get("mitigations"), 15, "the real attack is mitigated")
        self.assertIsNone(self.alarm(its, DOUBTFUL))
        self.assertEqual(its.sanitizer_complaints(), [])

    def test_who_is_not_listed_is_shown_and_counts_nowhere(self):
        its, port = self.open(exporters=LISTED)
        self.attack(DOUBTFUL, "127.0.0.9", port)
        wait_for(lambda: any("NOT LISTED" in line and line.startswith("127.0.0.9") for line in
                             its.weir_text("exporters").stdout.splitlines()), 30, "weir exporters shows it")
        self.assertTrue(any(e["address"] == "127.0.0.9" and e["listed"] is False for e in its.weir("exporters")))
        status = its.weir_text("status", check=False).stdout
        self.assertRegex(status, r"NOT LISTED: \d+ datagrams, the last from 127\.0\.0\.9 refused by collector c1")
        self.assertIsNone(self.alarm(its, DOUBTFUL))
        with its.redis("telemetry") as redis:
            self.assertEqual(redis("EXISTS", "weir:exporter:127.0.0.9"), 0)

    def test_a_sweep_hides_nobody(self):
        its, port = self.open(exporters=LISTED, networks="  customers: [10.0.0.0/8, 198.51.100.0/24]",
                              more="", policies=house.HOST_UDP.replace("where: {protocol: [udp]}\n", "\n"))
        text = its.config_file.read_text().replace("metrics_port: 0}\naggregator", "metrics_port: 0, workers: 1, tally: {max_keys: 1000}}\naggregator")
        self.assertIn("max_keys: 1000", text)
        its.stop()
        its.write_config(text)
        its.start().ready()
        sweep = Generate(its.folder, "sweep", "--to", f"127.0.0.1:{port}", "--proto", "netflow9", "--network", "10.0.0.0/8",
                         "--hosts", 1000000, "--zipf", 0, "--direction", "in", "--rate", 20000, "--duration", "20s")
        time.sleep(3)
        self.attack(SURE, "127.0.0.2", port)
        wait_for(lambda: (self.alarm(its, SURE) or {}).get("mitigations"), 15, "it is seen")
        time.sleep(3)
        seen = self.alarm(its, SURE)["rates"]["peak"]["bps"]
        self.assertGreater(seen, 0.95 * ATTACK_BPS)
        sweep.stop()
        self.assertEqual(its.sanitizer_complaints(), [])


if __name__ == "__main__":
    suite.main(needs_namespace=True)
