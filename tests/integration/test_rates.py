#!/usr/bin/env python3
"""A wrong rate is a customer cut off: what routers were told to send, in every format, sampled and not, IPv4 and IPv6,
is what the rollups say, within a hundredth; and who stands still for a while makes neither a spike nor a hole."""
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, netflow, suite
from lib.ports import free_port
from lib.rollups import Watch
from lib.sflow import IP_BYTES, Router
from lib.waits import wait_for

OCTETS_A_SECOND = 1_000_000
EVERY_S, CATCH_UP_S = 0.01, 0.2
FLOW_S, STILL_S, WINDOW_S = 8, 2, 1
FRAME_OCTETS = IP_BYTES + 14  # an sFlow sample says what was on the wire
ERROR = 0.03  # of the volume, of which the two ends of a few seconds are one part
SPIKE = 1.5   # times the rate: what a late sender may look like, and far below what standing still once made of it
POLICY = """  - name: host
    direction: incoming
    key: [dst_addr]
    window: 1s
    thresholds:
      - {severity: critical, any: {bps: 1M}, clear: {below: 80%, after: 10s}}
"""
# Name: format, sampling, host.
NETFLOW = {
    "netflow5": (netflow.netflow5, 1, "198.51.100.1"),
    "netflow5 sampled": (netflow.netflow5, 100, "198.51.100.2"),
    "netflow9": (netflow.netflow9, 1, "2001:db8:100::3"),
    "netflow9 sampled": (netflow.netflow9, 100, "198.51.100.4"),
    "ipfix": (netflow.ipfix, 1, "198.51.100.5"),
    "ipfix sampled": (netflow.ipfix, 100, "2001:db8:100::6"),
}
SFLOW = {"sflow": (1, "198.51.100.7"), "sflow sampled": (100, "2001:db8:100::8")}


class Exporter(threading.Thread):
    """One flow's share of the rate again and again; `octets` is what it stands for so far."""

    def __init__(self, make, sampling, host, address, port):
        super().__init__(daemon=True)
        self.make, self.sampling, self.host = make, sampling, host
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.connect(("127.0.0.1", port))
        self.octets, self.over = 0, threading.Event()
        # A sampled packet of 1000 octets stands for as many as the sampling says, so it comes that much less often.
        self.octets_each = 1000 * sampling if sampling > 1 else round(OCTETS_A_SECOND * EVERY_S)
        self.start()

    def run(self):
        last, due, number = time.monotonic(), 0.0, 0
        while not self.over.wait(EVERY_S):
            now = time.monotonic()
            # After a pause no more than this is made up for: a burst would be another traffic than what was asked.
            due, last = due + min(now - last, CATCH_UP_S) * OCTETS_A_SECOND, now
            while due >= self.octets_each:
                octets, packets = (1000, 1) if self.sampling > 1 else (self.octets_each, self.octets_each // 1000)
                self.socket.send(self.make(self.host, octets, packets, number, self.sampling))
                due, number, self.octets = due - self.octets_each, number + 1, self.octets + self.octets_each

    def end(self):
        self.over.set()
        self.join(10)
        self.socket.close()


class Rates(suite.HouseTest):
    def open(self):
        folder, port = self.folder(), free_port()
        exporters = ", ".join(f"{{address: 127.0.0.{i}, name: r{i}, active_timeout: 1s}}" for i in range(1, 9))
        its = house.House(folder, house.config(folder, [f"127.0.0.1:{port}"], dry_run=True, exporters=exporters, policies=POLICY))
        self.addCleanup(its.stop)
        its.start().ready()
        redis = its.redis("telemetry")
        self.addCleanup(redis.close)
        watch = Watch(redis)
        self.addCleanup(watch.end)
        wait_for(lambda: watch.ticks, 30, "a tick")
        return its, watch, port

    def drained(self, watch, hosts):
        """The last window is over; hosts with an alarm have a row nevertheless."""
        time.sleep(2 * WINDOW_S)
        wait_for(lambda: not any(watch.ticks[-1].rates.get(host) for host in hosts), 30, "all windows empty")

    def compare(self, name, said, sent):
        self.assertGreater(sent, OCTETS_A_SECOND, f"{name}: something was sent")
        print(f"{name}: {said / sent:.4f}")
        self.assertAlmostEqual(said / sent, 1, delta=ERROR, msg=f"{name}: {said:.0f} octets of {sent}")

    def test_every_format_is_what_it_says(self):
        its, watch, port = self.open()
        exporters = {name: Exporter(*how, f"127.0.0.{i}", port) for i, (name, how) in enumerate(NETFLOW.items(), 1)}
        routers = {}
        for i, (name, (sampling, host)) in enumerate(SFLOW.items(), 7):
            routers[name] = Router(port, f"127.0.0.{i}", sampling)
            routers[name].to = ("127.0.0.1", port)
            routers[name].start()
            routers[name].start_stream(host, OCTETS_A_SECOND * 8)
        time.sleep(FLOW_S)
        for sender in [*exporters.values(), *routers.values()]:
            sender.end()
        self.drained(watch, [how[2] for how in NETFLOW.values()] + [how[1] for how in SFLOW.values()])
        for name, exporter in exporters.items():
            with self.subTest(name):
                self.compare(name, watch.octets(exporter.host), exporter.octets)
        for name, (sampling, host) in SFLOW.items():
            with self.subTest(name):
                self.compare(name, watch.octets(host), routers[name].samples * FRAME_OCTETS * sampling)
        self.assertFalse(any(tick.blind for tick in watch.ticks))
        self.assertEqual(its.sanitizer_complaints(), [])

    def still(self, pid_of):
        its, watch, port = self.open()
        exporter = Exporter(*NETFLOW["netflow5"], "127.0.0.1", port)
        pid = pid_of(its)
        wait_for(lambda: exporter.host in watch.ticks[-1].rates, 30, "its row")
        time.sleep(2 * WINDOW_S)
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(STILL_S)
        finally:
            os.kill(pid, signal.SIGCONT)
        time.sleep(3 * WINDOW_S)
        exporter.end()
        self.drained(watch, [exporter.host])
        self.assertLess(watch.highest(exporter.host), SPIKE * OCTETS_A_SECOND, "a spike")
        return watch, exporter

    def test_a_collector_that_stands_still_makes_no_spike(self):
        self.still(lambda its: its.pids()["collector"])

    def test_a_telemetry_server_that_stands_still_makes_no_spike(self):
        self.still(lambda its: its.pids()["redis-t1"])


if __name__ == "__main__":
    suite.main(needs_namespace=True)
