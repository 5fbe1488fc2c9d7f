#!/usr/bin/env python3
"""The archive: what captures hold and what the archive of it holds are the same records, other programs read its files,
and the collector keeps, rotates, recovers and gives up files as docs/archive.md says. ARCHIVE_OF is the program beside
this file, which writes captures to an archive without a collector."""
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import unittest
import urllib.request
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lib import house, netflow, processes, suite
from lib.ports import free_port
from lib.waits import wait_for

BIN, ROOT = house.BIN, house.ROOT
ARCHIVE_OF = os.environ.get("ARCHIVE_OF")
CORPUS = pathlib.Path(os.environ.get("WEIR_SHARED", ROOT.parent / "shared")) / "corpus/open"
FORMATS = ("sflow", "netflow5", "netflow9", "ipfix")
NETWORKS = ("198.51.100.0/24", "2001:db8:100::/48")
EXPORTER = "127.0.0.2"


def decode(*files, check=True):
    """[record], and what it says of them"""
    done = subprocess.run([BIN / "weir", "decode", *files], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout.splitlines(), done.stderr


def kept(line):
    """A record without what the archive does not keep of it: what a NAT or a firewall made of its packets."""
    return {key: value for key, value in json.loads(line).items()
            if not key.startswith("post_") and key not in ("nat_event", "firewall_event")}


def files_of(folder, end=".ipfix"):
    return sorted(path for path in folder.glob("weir-*") if path.name.endswith(end)) if folder.exists() else []


def generate(proto, network, datagrams_max=200, sampling=100):
    """Datagrams of `weir generate`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        heard.bind(("127.0.0.1", 0))
        heard.settimeout(20)
        args = ["--to", f"127.0.0.1:{heard.getsockname()[1]}", "--proto", proto, "--network", network, "--rate", "4k",
                "--duration", "1s", "--sampling", str(sampling), "--attack", "icmp-flood", "--attack-rate", "500"]
        maker = processes.spawn([BIN / "weir", "generate", *args])
        found = []
        while len(found) < datagrams_max and (maker.poll() is None or found):
            try:
                found.append(heard.recv(65535))
            except TimeoutError:
                break
            heard.settimeout(1)
        processes.end(maker)
        return found


def write_pcap(path, datagrams, exporter=EXPORTER):
    with open(path, "wb") as pcap:
        pcap.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))  # link type: raw IP
        for at, datagram in enumerate(datagrams):
            udp = struct.pack("!HHHH", 40000, 2055, 8 + len(datagram), 0) + datagram
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(exporter),
                             socket.inet_aton("127.0.0.1")) + udp
            pcap.write(struct.pack("<IIII", 1700000000 + at // 1000, at % 1000 * 1000, len(ip), len(ip)) + ip)


class Files(suite.HouseTest):
    def archive_of(self, folder, *captures):
        done = subprocess.run([ARCHIVE_OF, folder, *captures], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return files_of(folder)

    def same(self, folder, capture):
        said = [kept(line) for line in decode(capture, check=False)[0]]
        files = self.archive_of(folder, capture)
        read = [json.loads(line) for line in decode(*files)[0]] if files else []
        self.assertEqual(read, said, capture)
        return len(said)

    def test_the_archive_of_a_capture_is_its_records_in_every_format(self):
        folder = self.folder()
        for proto in FORMATS:
            for network in NETWORKS:
                if proto == "netflow5" and ":" in network:
                    continue
                with self.subTest(proto=proto, network=network):
                    name = f"{proto}-{network[:4]}"
                    write_pcap(folder / f"{name}.pcap", generate(proto, network))
                    self.assertGreater(self.same(folder / name, folder / f"{name}.pcap"), 300)

    def test_the_archive_of_each_capture_of_routers_is_its_records(self):
        if not CORPUS.is_dir():
            self.skipTest(f"SKIPPED, NOTHING WAS TESTED: no captures at {CORPUS} (set WEIR_SHARED)")
        folder, captures = self.folder(), sorted(CORPUS.glob("*/*.pcap*"))
        with ThreadPoolExecutor(2) as pool:
            counts = list(pool.map(lambda c: self.same(folder / f"{c.parent.name}-{c.name}", c), captures))
        self.assertGreater(len(captures), 50)
        self.assertGreater(sum(counts), 1000)

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_another_program_reads_what_is_there(self):
        folder = self.folder()
        write_pcap(folder / "x.pcap", generate("netflow9", NETWORKS[0]))
        (file, *more) = self.archive_of(folder / "a", folder / "x.pcap")
        self.assertEqual(more, [])
        ours = [json.loads(line) for line in decode(file)[0]]
        fields = [f"cflow.{name}" for name in ("srcaddr", "dstaddr", "octets", "packets", "protocol", "exporter_addr")]
        said = subprocess.run(["tshark", "-r", file, "-Y", "cflow.exporter_addr", "-T", "fields", "-E", "occurrence=a"] +
                              [part for field in fields for part in ("-e", field)], capture_output=True, text=True, check=True)
        columns = [[], [], [], [], [], []]
        for line in said.stdout.splitlines():
            for column, values in zip(columns, line.split("\t")):
                column += values.split(",") if values else []
        keys = ("src_addr", "dst_addr", "octets", "packets", "protocol", "exporter")
        for key, column in zip(keys, columns):
            self.assertEqual(column, [str(record[key]) for record in ours], key)

    def test_a_file_cut_anywhere_is_read_up_to_its_last_whole_message(self):
        folder = self.folder()
        write_pcap(folder / "x.pcap", generate("netflow9", NETWORKS[0], 20))
        (file,) = self.archive_of(folder / "a", folder / "x.pcap")
        whole, octets = decode(file)[0], file.read_bytes()
        for part in (1, 15, 16, 17, 40, 200, len(octets) // 2, len(octets) - 1):
            (folder / "cut").write_bytes(octets[:part])
            said, why = decode(folder / "cut", check=False)
            self.assertEqual(said, whole[:len(said)])
            self.assertRegex(why, "ends inside a message|\\d+ records in")

    def test_standard_input_and_several_files_of_which_one_is_bad(self):
        folder = self.folder()
        files = []
        for proto in ("netflow9", "sflow"):
            write_pcap(folder / f"{proto}.pcap", generate(proto, NETWORKS[0], 20))
            files += self.archive_of(folder / proto, folder / f"{proto}.pcap")
        alone = [decode(file)[0] for file in files]
        self.assertEqual(decode(*files)[0], alone[0] + alone[1])
        with open(files[0], "rb") as file:
            said = subprocess.run([BIN / "weir", "decode", "-"], stdin=file, capture_output=True, text=True, check=True)
        self.assertEqual(said.stdout.splitlines(), alone[0])
        said, why = decode(files[0], folder / "none", files[1], check=False)
        self.assertEqual(said, alone[0] + alone[1])
        self.assertIn("No such file", why)


CONFIG = """state_dir: {folder}/state
run_dir: {folder}/run
redis: {{telemetry: [{{name: t1, address: "unix:{folder}/none.sock"}}]}}
networks: {{customers: [198.51.100.0/24]}}
exporters: [{{address: 127.0.0.2}}]
collector:
  name: c1
  udp: ["127.0.0.1:{port}"]
  workers: 2
  receive_buffer: 8MiB
  metrics_port: {metrics}
  archive: {archive}
"""


class Collector(suite.HouseTest):
    def setUp(self):
        self.at = self.folder()
        self.port, self.metrics_port = free_port(), free_port()
        (self.at / "state").mkdir()
        (self.at / "run").mkdir()
        self.archive = self.at / "state/archive"
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.sender.close)
        self.sender.bind((EXPORTER, 0))
        self.process = None

    def configure(self, archive="{enabled: true}"):
        text = CONFIG.format(folder=self.at, port=self.port, metrics=self.metrics_port, archive=archive)
        (self.at / "weir.yaml").write_text(text)

    def start(self):
        self.process = processes.spawn([BIN / "weir-collector", "--config", self.at / "weir.yaml"], self.at / "log")
        wait_for(lambda: self.metric("weir_collector_datagrams_total") is not None, 60, "the collector starts")

    def stop(self, number=signal.SIGTERM):
        status = processes.end(self.process, 30, number)
        self.assertNotRegex((self.at / "log").read_text(), house.SANITIZER.pattern)
        return status

    def metric(self, name):
        """The sum over its labels; None: there is none."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            values = [float(line.rsplit(" ", 1)[1]) for line in answer.read().decode().splitlines()
                      if line.split("{")[0].split(" ")[0] == name]
        return sum(values) if values else None

    def send(self, datagrams):
        before = self.metric("weir_collector_datagrams_total")
        for datagram in datagrams:
            self.sender.sendto(datagram, ("127.0.0.1", self.port))
        wait_for(lambda: self.metric("weir_collector_datagrams_total") == before + len(datagrams), 30, "all is received")

    def archived(self):
        return self.metric("weir_collector_archive_records_total")

    def test_what_exporters_send_is_in_the_files_in_every_format(self):
        self.configure()
        self.start()
        datagrams = [datagram for proto in FORMATS for datagram in generate(proto, NETWORKS[0], 60, 1)]
        self.send(datagrams)
        self.send([netflow.netflow9("198.51.100.7", 4_000_000_000, 1, 99999, sampling=10)])  # more than a packet holds
        self.assertEqual(self.stop(), 0)
        write_pcap(self.at / "sent.pcap", datagrams)
        said, _ = decode(self.at / "sent.pcap")
        read, _ = decode(*files_of(self.archive))
        self.assertEqual(files_of(self.archive, ".part"), [])
        self.assertEqual(sorted(read), sorted(said))
        self.assertGreater(len(read), 1000)

    def test_what_arrived_outlives_a_kill_and_the_next_start_goes_on(self):
        self.configure()
        self.start()
        datagrams = generate("netflow9", NETWORKS[0], 60, 1)
        self.send(datagrams)
        write_pcap(self.at / "sent.pcap", datagrams)
        said, _ = decode(self.at / "sent.pcap")
        wait_for(lambda: self.archived() == len(said), 30, "it is written within seconds")
        self.assertEqual(self.metric("weir_collector_archive_files"), 1)
        (part,) = files_of(self.archive, ".part")
        self.assertEqual(decode(part)[0], said)
        self.stop(signal.SIGKILL)
        with open(part, "ab") as file:
            file.write(struct.pack("!HHIIIH", 10, 1000, 0, 0, 0, 7))  # half a message
        self.start()
        wait_for(lambda: files_of(self.archive), 30, "what was left behind is closed")
        self.send(datagrams)
        self.assertEqual(self.stop(), 0)
        self.assertEqual(files_of(self.archive, ".part"), [])
        self.assertEqual(len(files_of(self.archive)), 2)
        self.assertEqual(sorted(decode(*files_of(self.archive))[0]), sorted(said + said))

    def test_files_rotate_and_a_reload_changes_everything(self):
        self.configure("{enabled: false}")
        self.start()
        datagrams = generate("netflow9", NETWORKS[0], 20, 1)
        self.send(datagrams)
        self.assertFalse(self.archive.exists())
        self.reload("{enabled: true, file: 1s}")
        for count in (1, 2):
            wait_for(lambda: (self.send(datagrams[:3]), len(files_of(self.archive)) >= count)[1], 60, "files rotate")
        self.reload(f"{{enabled: true, dir: {self.at}/other, file: 1h, max_size: 1MiB}}")
        while self.metric("weir_collector_archive_deleted_total") == 0:
            self.send(datagrams)
            self.assertLessEqual(sum(f.stat().st_size for f in (self.at / "other").glob("*")), 1 << 20)
        self.reload("{enabled: false}")
        wait_for(lambda: not files_of(self.at / "other", ".part"), 30, "the file is closed")
        before = self.archived()
        self.send(datagrams)
        self.assertEqual(self.archived(), before)
        self.assertEqual(self.metric("weir_collector_archive_dropped_total"), 0)
        self.assertEqual(self.stop(), 0)
        for folder in (self.archive, self.at / "other"):
            self.assertEqual(files_of(folder, ".part"), [])
            decode(*files_of(folder))

    def reload(self, archive):
        self.configure(archive)
        before = (self.at / "log").read_text().count("configuration")
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: (self.at / "log").read_text().count("configuration") > before, 30, "the configuration is read again")

    def test_without_a_folder_everything_else_goes_on(self):
        blocked = self.at / "state/archive"
        blocked.write_text("a file where the folder should be")
        self.configure()
        self.start()
        datagrams = generate("netflow9", NETWORKS[0], 20, 1)
        self.send(datagrams)
        wait_for(lambda: self.metric("weir_collector_archive_dropped_total") > 0, 30, "it is counted")
        self.send(datagrams)
        log = (self.at / "log").read_text()
        self.assertEqual(log.count("the archive cannot be written"), 1)
        self.assertIn("Not a directory", log)
        blocked.unlink()
        wait_for(lambda: (self.send(datagrams[:2]), self.archived() > 0)[1], 30, "it is tried again")
        self.assertEqual(self.stop(), 0)


if __name__ == "__main__":
    suite.main(False, [None if ARCHIVE_OF else "ARCHIVE_OF is not set: run it through ctest"])
