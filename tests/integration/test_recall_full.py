#!/usr/bin/env python3
"""Recall at a high rate of records and with rings that are full: every worker answers every request, no datagram is lost
meanwhile, and the process has no more memory than collector.recall.memory says."""
import os
import re
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, processes, suite
from lib.exporters import Generate
from lib.ports import free_port
from lib.recall import request
from lib.waits import now_ms, wait_for

NETWORK = "198.51.100.0/24"
WORKERS, EXPORTERS, KEEP_S, MEMORY_MIB = 2, 8, 10, 40
RATE = 20000  # of records a second, of which a chunk of a second holds but a part
QUESTIONS = 200
TARGETS = ([f"{NETWORK[:-4]}45/32"], [NETWORK], [f"{NETWORK[:-4]}{i}/32" for i in range(64)], ["198.0.0.0/8"] * 64)
# Under AddressSanitizer each eight octets have one that tells of them, and what was given back is kept for a while.
SANITIZERS, QUARANTINE_MIB = 9 / 8, 8


class Site:
    """A whole weir with traffic from several exporters, with recall or without."""

    def __init__(self, folder, with_recall):
        self.port, self.metrics_port = free_port(), free_port()
        exporters = ", ".join(f"{{address: 127.0.1.{i}, name: router{i}, active_timeout: 1s}}" for i in range(1, EXPORTERS + 1))
        text = house.config(folder, [f"127.0.0.1:{self.port}"], exporters=exporters).replace(
            "collector: {name: c1,", "collector: {name: c1, workers: %d, recall: {enabled: %s, memory: %dMiB, keep: %ds}," % (
                WORKERS, str(with_recall).lower(), MEMORY_MIB, KEEP_S)).replace("metrics_port: 0}", f"metrics_port: {self.metrics_port}}}", 1)
        self.house = house.House(folder, text).start()
        self.house.ready()
        self.traffic = Generate(folder, "traffic", "--to", f"127.0.0.1:{self.port}", "--proto", "netflow9", "--rate", RATE, "--duration", "0s",
                                "--direction", "in", "--exporters", EXPORTERS)

    def stop(self):
        self.traffic.stop()
        self.house.stop()

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(re.escape(name) + r"[ {]", line))

    def resident_mib(self):
        return processes.resident_kib(self.house.pids()["collector"]) / 1024


class RecallFull(suite.HouseTest):
    @classmethod
    def setUpClass(cls):
        options = os.environ.get("ASAN_OPTIONS")
        os.environ["ASAN_OPTIONS"] = ":".join(filter(None, [options, f"quarantine_size_mb={QUARANTINE_MIB}"]))
        cls.folder_of_all = house.work_folder()
        cls.site = Site(cls.folder_of_all, True)

    @classmethod
    def tearDownClass(cls):
        if cls.site is not None:
            cls.site.stop()
        house.dispose(cls.folder_of_all, keep=cls.any_failed)

    def test_1_all_is_answered_and_nothing_is_lost(self):
        site, took = self.site, []
        wait_for(lambda: site.metric("weir_collector_recall_records_total") > 1.5 * KEEP_S * RATE, 120, "rings that are full")
        records, kept = (site.metric(f"weir_collector_recall_{name}_total") for name in ("records", "kept"))
        self.assertLess(kept, 0.9 * records, "chunks are full, so that not all stays")
        with site.house.redis("telemetry", "operator") as redis:
            last = "0-0"
            for number in range(QUESTIONS):
                id_, began, workers = f"q-{number}", time.monotonic(), set()
                redis("XADD", "weir:recall", "*", "id", id_, "pb", request(id_, now_ms() + 9000, *TARGETS[number % len(TARGETS)], now=2000,
                                                                          before=7000))
                while len(workers) < WORKERS:
                    self.assertLess(time.monotonic() - began, 20, f"{id_}: only {workers} answered")
                    for _, entries in redis("XREAD", "COUNT", 10, "BLOCK", 2000, "STREAMS", "weir:recall:reply", last) or []:
                        for last, fields in entries:
                            entry = dict(zip(fields[::2], fields[1::2]))
                            workers |= {entry[b"worker"]} if entry[b"id"] == id_.encode() else set()
                took.append(1000 * (time.monotonic() - began))
        took.sort()
        drops = site.metric("weir_collector_kernel_drops_total")
        print(f"TABLE: recall, full rings, {RATE} records/s: {QUESTIONS} requests of 1 to 64 targets to {WORKERS} workers, p50 {took[QUESTIONS // 2]:.0f} ms, "
              f"p99 {took[QUESTIONS * 99 // 100]:.0f} ms, {drops:.0f} datagrams dropped, "
              f"{site.metric('weir_collector_recall_open_missing_total'):.0f} answers without the open chunk")
        self.assertEqual(drops, 0)
        self.assertEqual(site.metric("weir_collector_recall_replies_lost_total"), 0)
        self.assertEqual(site.metric("weir_collector_recall_lost_chunks_total"), 0)
        self.assertEqual(site.metric('weir_collector_recall_requests_total{outcome="answered"}'), QUESTIONS)

    def test_2_memory_is_what_was_given(self):
        with_recall, said = self.site.resident_mib(), self.site.metric("weir_collector_recall_memory_bytes") / 2**20
        self.assertEqual(self.site.house.sanitizer_complaints(), [])
        self.site.stop()
        type(self).site = None
        other = Site(self.folder(), False)
        try:
            time.sleep(KEEP_S)  # of the same traffic
            without = other.resident_mib()
        finally:
            other.stop()
        print(f"TABLE: recall: {with_recall - without:.1f} MiB more are resident than without, {MEMORY_MIB} were given, {said:.1f} it says")
        self.assertLessEqual(said, MEMORY_MIB)
        self.assertLessEqual(with_recall - without, SANITIZERS * MEMORY_MIB + QUARANTINE_MIB)


if __name__ == "__main__":
    suite.main(needs_namespace=False)
