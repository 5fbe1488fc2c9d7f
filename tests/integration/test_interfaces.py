#!/usr/bin/env python3
"""What sFlow agents count of their interfaces is shown, and a sampling rate that does not go with it is told: switches made
octet by octet, whose clocks run faster than ours so that minutes pass in seconds."""
import os
import socket
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, netflow, sflow, suite
from lib.packets import udp_frame
from lib.ports import free_port
from lib.waits import wait_for

TURN_S, TURN_MS = 0.6, 5000  # ours and the switch's
SAMPLES, FRAME_OCTETS, SAMPLING = 42, sflow.IP_BYTES + 14, 100
OCTETS = SAMPLES * FRAME_OCTETS * SAMPLING  # a turn, at the rate that is said
SPEED_BPS = 10**10
LIMIT_S = 150
INTERFACES_MOST = 4
POLICY = """  - name: host
    direction: incoming
    key: [dst_addr]
    window: 1s
    thresholds:
      - {severity: critical, any: {bps: 10G}, clear: {below: 80%, after: 10s}}
"""


class Switch(threading.Thread):
    """Samples what enters by interface 1, at `factor` times the rate that it says, and counts at all interfaces."""

    def __init__(self, address, port, factor, interfaces):
        super().__init__(daemon=True)
        self.address, self.factor, self.interfaces = address, factor, interfaces
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.connect(("127.0.0.1", port))
        self.frame = udp_frame("203.0.113.1", "198.51.100.7", 53, 20000, sflow.IP_BYTES)
        self.over, self.datagrams, self.turns = threading.Event(), 0, 0
        self.start()

    def send(self, samples):
        self.datagrams += 1
        try:
            self.socket.send(sflow.datagram(self.address, self.datagrams, 1000000 + self.turns * TURN_MS, samples))
        except ConnectionError:
            pass  # the collector is not there yet

    def run(self):
        while not self.over.wait(TURN_S):
            for _ in range(SAMPLES // 6):
                self.send([sflow.sample(self.datagrams, SAMPLING, self.frame)] * 6)
            self.turns += 1
            octets = 2**40 + round(self.turns * OCTETS * self.factor)
            into = (octets, self.turns * SAMPLES * SAMPLING, self.turns * 10, self.turns * 5)
            for interface in range(1, self.interfaces + 1):
                self.send([sflow.counters(self.turns, interface, SPEED_BPS, into, (octets // 2, self.turns, 0, 0), interface != 2)])

    def end(self):
        self.over.set()
        self.join(10)
        self.socket.close()


class Interfaces(suite.HouseTest):
    def open(self):
        folder, self.port, self.metrics_port = self.folder(), free_port(), free_port()
        exporters = ", ".join(f"{{address: 127.0.0.{i}, name: r{i}, active_timeout: 1s}}" for i in range(1, 5))
        text = house.config(folder, [f"127.0.0.1:{self.port}"], dry_run=True, exporters=exporters, policies=POLICY)
        text = text.replace("metrics_port: 0}", f"metrics_port: {self.metrics_port}, limits: {{interfaces_per_exporter: {INTERFACES_MOST}}}}}", 1)
        its = house.House(folder, text)
        self.addCleanup(its.stop)
        return its.start().ready()

    def switch(self, number, factor, interfaces):
        made = Switch(f"127.0.0.{number}", self.port, factor, interfaces)
        self.addCleanup(made.end)

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            return dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[:1] != "#")

    def test_counters_are_shown_and_a_wrong_rate_is_told(self):
        its = self.open()
        self.switch(1, 1, 2)
        self.switch(2, 10, 1)
        self.switch(4, 1, INTERFACES_MOST + 2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
            router.bind(("127.0.0.3", 0))
            router.sendto(netflow.netflow5("198.51.100.9", 1000, 1, 0), ("127.0.0.1", self.port))
        exporters = lambda: {e["address"]: e for e in its.weir("exporters")}
        told = wait_for(lambda: exporters() if exporters()["127.0.0.2"].get("interface_warning") else None, LIMIT_S, "the warning")

        wrong = told["127.0.0.2"]
        self.assertEqual((wrong["interfaces"], wrong["interfaces_wrong"]), (1, 1))
        self.assertRegex(wrong["interface_warning"], r"^interface 1 in: samples show 0\.\d+ of what it counted: sampling rate is "
                                                     r"probably wrong \(said 100, counters suggest ~\d+\)$")
        self.assertAlmostEqual(wrong["interface_list"][0]["sampled_in"]["share"], 0.1, delta=0.02)
        self.assertNotIn("sampled_out", wrong["interface_list"][0], "nothing is sampled on its way out")
        self.assertIn("RATE IN DOUBT: interface 1 in: samples show 0.", its.weir_text("exporters").stdout)

        def right():
            one = exporters()["127.0.0.1"]
            by_index = {i["interface"]: i for i in one["interface_list"]}
            self.assertAlmostEqual(by_index[1]["in_bps"], OCTETS * 8000 / TURN_MS, delta=2)
            self.assertAlmostEqual(by_index[1]["out_bps"], OCTETS * 4000 / TURN_MS, delta=2)
            self.assertAlmostEqual(by_index[1]["in_pps"], SAMPLES * SAMPLING * 1000 / TURN_MS, delta=1)
            self.assertEqual((by_index[1]["in_discards"], by_index[1]["in_errors"]), (2, 1))
            self.assertEqual((by_index[1]["up"], by_index[2]["up"], by_index[1]["speed_bps"]), (True, False, SPEED_BPS))
            self.assertAlmostEqual(by_index[1]["sampled_in"]["share"], 1, delta=0.1)
            self.assertEqual((by_index[1]["sampled_in"]["verdict"], one["interfaces_wrong"]), ("fits", 0))
            self.assertNotIn("interface_warning", one)
            return True
        wait_for(right, LIMIT_S, "the rates of the one that is right")
        lines = [line.split() for line in its.weir_text("exporters", "--interfaces").stdout.splitlines()]
        (line,) = [line for line in lines if line[:2] == ["127.0.0.1", "-"] and line[2] == "1"]
        for part in ("up", "10.0", "Gbps", "9.50", "Mbps", "840"):
            self.assertIn(part, line)

        self.assertNotIn("interfaces", exporters()["127.0.0.3"], "NetFlow has no such counters")
        self.assertNotIn("interface_list", exporters()["127.0.0.3"])
        many = exporters()["127.0.0.4"]
        self.assertEqual((many["interfaces"], len(many["interface_list"])), (INTERFACES_MOST, INTERFACES_MOST))
        metrics = self.metrics()
        self.assertEqual(metrics['weir_collector_rate_mismatches{exporter="127.0.0.2"}'], "1")
        self.assertEqual(metrics['weir_collector_rate_mismatches{exporter="127.0.0.1"}'], "0")
        self.assertNotIn('weir_collector_rate_mismatches{exporter="127.0.0.3"}', metrics)
        self.assertGreater(float(metrics['weir_collector_evicted_total{what="interface"}']), 1)
        self.assertEqual(len(its.log("collector", "samples do not show what interfaces counted", "warn")), 1)
        self.assertEqual(its.sanitizer_complaints(), [])


if __name__ == "__main__":
    suite.main(needs_namespace=True)
