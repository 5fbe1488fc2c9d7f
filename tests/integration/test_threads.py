#!/usr/bin/env python3
"""The whole collector under ThreadSanitizer: two workers, recall and archive, four formats of export, a Redis server that goes and
comes back, questions to recall, metrics that are read, and a reload each second that switches parts off and on. It must not
report anything. It is built for this, in build/threads (preset threads). For --long."""
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, namespace, processes, suite
from lib.exporters import Generate
from lib.ports import free_port
from lib.recall import request
from lib.resp import Redis
from lib.waits import now_ms, wait_for

COLLECTOR = house.ROOT / "build/threads/bin/weir-collector"
SECONDS = 30
LIMIT_S = 120  # of waits: everything is ten times slower so
RATES = {"netflow5": "4k", "netflow9": "4k", "ipfix": "4k", "sflow": "2k"}
# libuv closes descriptors by a system call of its own, which ThreadSanitizer does not see: when another thread gets the number anew,
# it takes the two files for one.
OF_LIBUV = re.compile(r"Location is file descriptor \d+ created by .*\n(?:\s+#\d+ .*\n)*?\s+#\d+ uv_")
HOST = """  - name: host
    direction: incoming
    key: [dst_addr]
    window: 1s
    thresholds: [{severity: critical, any: {bps: 500M}, clear: {below: 80%, after: 65s}}]
"""
SOURCES = """  - name: source
    direction: incoming
    key: [src_addr]
    window: 2s
    thresholds: [{severity: major, any: {pps: 1M}, clear: {below: 80%, after: 65s}}]
"""
# What each reload changes, over and over: archive, policies (with them what recall keeps), networks and exporters.
VARIANTS = (("{enabled: true, file: 1m}", HOST, "[198.51.100.0/24]", ""),
            ("{enabled: false}", HOST + SOURCES, "[198.51.100.0/24]", ""),
            ("{enabled: true, file: 2m, max_size: 64MiB}", HOST, "[198.51.0.0/16]", "{address: 127.0.1.1, sampling: 10}"),
            ("{enabled: true, file: 1m}", SOURCES, "[198.51.100.0/24]", ""))


class Threads(suite.HouseTest):
    def setUp(self):
        super().setUp()
        self.at = self.folder()
        self.port, self.metrics_port = free_port(), free_port()
        self.config, self.reports = self.at / "weir.yaml", self.at / "tsan"
        for name in ("state", "run"):
            (self.at / name).mkdir()

    def configure(self, variant):
        archive, policies, networks, exporters = variant
        beside = self.at / "next.yaml"
        beside.write_text(f"""state_dir: {self.at}/state
run_dir: {self.at}/run
redis: {{password_dir: none, telemetry: [{{name: t1, address: "unix:{self.at}/t1.sock"}}]}}
dry_run: true
networks: {{customers: {networks}}}
exporters: [{exporters}]
collector: {{name: c1, udp: ["127.0.0.1:{self.port}"], workers: 2, receive_buffer: 4MiB, metrics_port: {self.metrics_port},
            archive: {archive}, recall: {{enabled: true, memory: 64MiB}}}}
policies:
{policies}""")
        beside.rename(self.config)

    def start_redis(self):
        server = processes.spawn(["redis-server", "--port", 0, "--unixsocket", self.at / "t1.sock", "--save", "", "--dir", self.at,
                                  "--daemonize", "no"], self.at / "redis.log")

        def answers():
            done = subprocess.run(["redis-cli", "-s", self.at / "t1.sock", "PING"], capture_output=True, check=False)
            return done.stdout.strip() == b"PONG"
        wait_for(answers, LIMIT_S, "Redis answers")
        return server

    def metrics(self):
        """{name with its labels: value}; None: not yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=30) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return None
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def sum(self, name):
        return sum(value for key, value in (self.metrics() or {}).items() if key.split("{")[0] == name)

    def at_rest(self, name):
        """A metric's sum once it has not grown for two seconds: what waited in sockets is read, and a stop is in time."""
        last, since = -1, time.monotonic()

        def is_steady():
            nonlocal last, since
            now = self.sum(name)
            if now != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > 2
        wait_for(is_steady, LIMIT_S, f"{name} is at rest")
        return last

    def reported(self):
        texts = [path.read_text(errors="replace") for path in sorted(self.at.glob("tsan.*"))]
        reports = [part for text in texts for part in re.split(r"^=+$", text, flags=re.MULTILINE) if "WARNING: " in part]
        return [report for report in reports if not OF_LIBUV.search(report)]

    def test_nothing_is_reported(self):
        self.configure(VARIANTS[0])
        redis = self.start_redis()
        collector = processes.spawn([COLLECTOR, "--config", self.config], self.at / "log",
                                    env={**os.environ, "TSAN_OPTIONS": f"log_path={self.reports} halt_on_error=0 exitcode=0 history_size=4"})
        wait_for(lambda: self.metrics() is not None or collector.poll() is not None, LIMIT_S, "the collector starts")
        loads = [Generate(self.at, proto, "--to", f"127.0.0.1:{self.port}", "--proto", proto, "--rate", rate, "--duration", "0s", "--sampling", 10,
                          "--exporters", 8, "--from", ",".join(f"127.0.{at}.{n}" for n in range(1, 9)))
                 for at, (proto, rate) in enumerate(RATES.items(), 1)]
        asked, reloads, ends = 0, 0, time.monotonic() + SECONDS
        while time.monotonic() < ends:
            reloads += 1
            self.configure(VARIANTS[reloads % len(VARIANTS)])
            collector.send_signal(signal.SIGHUP)
            until = time.monotonic() + 1
            with Redis(str(self.at / "t1.sock")) as client:
                while time.monotonic() < until:
                    asked += 1
                    client("XADD", "weir:recall", "*", "id", f"q-{asked}", "pb", request(f"q-{asked}", now_ms() + 60000, "198.51.100.0/24"))
                    self.metrics()
                    time.sleep(0.05)
            if reloads == SECONDS // 3:
                processes.end(redis)
                redis = self.start_redis()
        self.configure(VARIANTS[0])
        collector.send_signal(signal.SIGHUP)
        sent = sum(load.stop()["records"] for load in loads)
        counted = self.at_rest("weir_collector_records_total")
        answered = self.metrics().get('weir_collector_recall_requests_total{outcome="answered"}', 0)
        kept = self.sum("weir_collector_archive_records_total")
        status = processes.end(collector, LIMIT_S)
        print(f"TABLE: {reloads} reloads, {answered:.0f} answers to {asked} questions of recall, {counted:.0f} of {sent} records counted, {kept:.0f} archived, "
              f"{len(self.reported())} reports", flush=True)
        self.assertEqual(self.reported(), [])
        self.assertEqual(status, 0, (self.at / "log").read_text()[-3000:])
        self.assertGreater(reloads, SECONDS // 4)
        self.assertGreater(answered, 10)
        self.assertGreater(counted, sent / 10)
        self.assertGreater(kept, 1000)
        log = (self.at / "log").read_text()
        self.assertEqual(log.count('"configuration reloaded"'), reloads + 1, log[-3000:])


def build():
    """Why it cannot be tested here, or None."""
    if shutil.which("redis-server") is None:
        return "redis-server is not installed"
    for command in (["cmake", "--preset", "threads"], ["cmake", "--build", "--preset", "threads", "--target", "weir-collector"]):
        done = subprocess.run(command, cwd=house.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1500, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {done.returncode}:\n{done.stdout[-3000:]}")
    if b"__tsan_init" not in COLLECTOR.read_bytes():
        sys.exit(f"{COLLECTOR} has no ThreadSanitizer in it")
    return None


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=() if namespace.inside() else (build(),))
