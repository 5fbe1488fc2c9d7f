#!/usr/bin/env python3
"""What `weir generate` sends and writes, read back by tshark and by nfdump: nothing malformed, no gap in any sequence, and
the records, packets and octets that it says at its end. Usage: test_generate.py WEIR"""
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

WEIR = os.path.abspath(sys.argv.pop(1))
PORTS = {"netflow5": 2055, "netflow9": 2055, "ipfix": 4739, "sflow": 6343}
FAMILIES = {"ipv4": "198.51.100.0/24", "ipv6": "2001:db8::/64"}
CASES = [(proto, family) for proto in PORTS for family in FAMILIES if (proto, family) != ("netflow5", "ipv6")]
SO_RCVBUFFORCE = 33
FRAME = 18  # octets of Ethernet, which sFlow's frame lengths have and IP's have not


def generate(*args, want=0):
    """Its JSON, or what it says when it is to fail."""
    done = subprocess.run([WEIR, "generate", "--json", *map(str, args)], capture_output=True, text=True, timeout=200)
    assert done.returncode == want, (args, done.returncode, done.stderr)
    return json.loads(done.stdout) if want == 0 else done.stderr


def tshark(*args):
    return subprocess.run(["tshark", *args], capture_output=True, text=True, timeout=300, check=True).stdout


def datagrams(path):
    """[(seconds, source address, payload)] of a pcap that weir wrote."""
    found = []
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at < len(data):
        seconds, micros, length, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16:at + 16 + length]
        assert frame[12:14] == b"\x08\x00"
        found.append((seconds + micros / 1e6, socket.inet_ntoa(frame[26:30]), frame[42:]))
        at += 16 + length
    return found


def decoded(path, *more):
    """Records by weir decode, and what it says on standard error."""
    done = subprocess.run([WEIR, "decode", path, *more], capture_output=True, text=True, timeout=200, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def numbers(text):
    return [int(n, 0) for n in re.split(r"[,\s]+", text) if n]


class Written(unittest.TestCase):
    """Captures, in a time of their own."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-generate-")
        self.addCleanup(self.folder.cleanup)

    def write(self, proto, *more, name="a.pcap"):
        path = os.path.join(self.folder.name, name)
        return path, generate("--proto", proto, "--write", path, *more)

    @unittest.skipUnless(shutil.which("tshark"), "NOT TESTED: tshark is not installed")
    def test_tshark_reads_what_was_said(self):
        for proto, family in CASES:
            for sampling in (1, 50):
                with self.subTest(proto=proto, family=family, sampling=sampling):
                    path, said = self.write(proto, "--rate", 500, "--duration", "4s", "--network", FAMILIES[family], "--sampling",
                                            sampling, "--attack", "dns-amplification", "--attack-rate", 300)
                    self.read_by_tshark(proto, path, said, sampling)

    def read_by_tshark(self, proto, path, said, sampling):
        # What a sampled header carries is cut: that is no fault of the export, and so not looked into.
        quiet = ["-o", "sflow.enable_dissection:FALSE"] if proto == "sflow" else []
        self.assertEqual(tshark("-r", path, *quiet, "-Y", "_ws.malformed || _ws.expert.severity >= 0x600000"), "")
        self.assertEqual(said["datagrams"], len(tshark("-r", path, *quiet, "-Y", "cflow || sflow", "-T", "fields", "-e",
                                                       "frame.number").split()))
        exported = said["exported"]
        if proto == "sflow":
            rates = numbers(tshark("-r", path, *quiet, "-T", "fields", "-e", "sflow.flow_sample.sampling_rate"))
            frames = numbers(tshark("-r", path, *quiet, "-T", "fields", "-e", "sflow_245.header.frame_length"))
            self.assertEqual(set(rates), {sampling})
            self.assertEqual((len(frames), sum(frames) - FRAME * len(frames)), (exported["records"], exported["octets"]))
            return
        octets = numbers(tshark("-r", path, "-T", "fields", "-e", "cflow.octets"))
        packets = numbers(tshark("-r", path, "-T", "fields", "-e", "cflow.packets"))
        self.assertEqual((len(octets), sum(octets), sum(packets)), (exported["records"], exported["octets"], exported["packets"]))

    def test_weir_decodes_it_with_the_rate_that_was_told(self):
        told = {"netflow5": {a: "header" for a in ("sampler", "exporter", "record")},
                "netflow9": {"sampler": "options", "exporter": "options", "record": "record"},
                "ipfix": {"sampler": "options", "exporter": "options", "record": "record"},
                "sflow": {a: "sample" for a in ("sampler", "none")}}
        for proto, sources in told.items():
            for announce, source in sources.items():
                with self.subTest(proto=proto, announce=announce):
                    path, said = self.write(proto, "--rate", 500, "--duration", "5s", "--sampling", 20, "--announce", announce,
                                            "--exporters", 4, "--domains", 2)
                    records, log = decoded(path)
                    self.assertNotRegex(log, "refused|missing")
                    self.assertEqual({(r["sampling_rate"], r["sampling_source"]) for r in records}, {(20, source)})
                    self.assertEqual(len(records), said["records"])
                    self.assertEqual(sum(r["packets"] for r in records), said["exported"]["packets"])
                    by_exporter = collections.Counter(r["exporter"] for r in records)
                    self.assertEqual(by_exporter, {x["address"]: x["exported"]["records"] for x in said["exporters"]})

    def test_sequences_have_no_gap(self):
        for proto in PORTS:
            with self.subTest(proto=proto):
                path, said = self.write(proto, "--rate", 2000, "--duration", "30s", "--exporters", 5, "--domains", 3, "--sampling", 4)
                seen = {}
                for _, source, data in datagrams(path):
                    key, number, counts = sequence(proto, data)
                    if (source, key) in seen:
                        self.assertEqual(number, seen[source, key])
                    seen[source, key] = number + counts
                self.assertEqual(len(seen), 5 * 3)
                self.assertEqual(sum(x["datagrams"] for x in said["exporters"]), said["datagrams"])

    def test_domains_are_counted_from_the_one_asked_for(self):
        for proto in PORTS:
            path, said = self.write(proto, "--rate", 2000, "--duration", "2s", "--exporters", 2, "--domains", 2, "--domain", 7)
            domains = {int.from_bytes(sequence(proto, data)[0], "big") for _, _, data in datagrams(path)}
            self.assertEqual(domains, {"netflow5": {6, 7, 8, 9}, "sflow": {6, 7}}.get(proto, {7, 8, 9, 10}), proto)
            self.assertEqual([x["domain"] for x in said["exporters"]], [7, 9])

    def test_templates_come_again(self):
        for proto, set_id in (("netflow9", 0), ("ipfix", 2)):
            path, _ = self.write(proto, "--rate", 1000, "--duration", "21s", "--template-interval", "4s")
            head = 20 if proto == "netflow9" else 16
            at = [seconds for seconds, _, data in datagrams(path) if struct.unpack_from("!H", data, head)[0] == set_id]
            self.assertEqual(len(at), 6, at)
            self.assertTrue(all(4 <= b - a < 4.3 for a, b in zip(at, at[1:])), at)

    def test_the_same_seed_gives_the_same_file(self):
        for proto in PORTS:
            args = (proto, "--rate", 2000, "--duration", "3s", "--sampling", 7, "--exporters", 3, "--day", "2s", "--attack", "mixed")
            paths = [self.write(*args, "--seed", seed, name=f"{number}.pcap")[0] for number, seed in enumerate((4, 4, 5))]
            first, again, other = (pathlib.Path(path).read_bytes() for path in paths)
            self.assertEqual(first, again, proto)
            self.assertNotEqual(first, other, proto)

    def test_rates_and_volumes_are_exact_and_a_day_has_its_mean(self):
        for proto in PORTS:
            said = self.write(proto, "--rate", 3000, "--duration", "20s", "--day", "10s", "--day-swing", "80%")[1]
            self.assertAlmostEqual(said["records"], 60000, delta=2500 if proto == "sflow" else 60)
            said = self.write(proto, "--rate", 500, "--volume", "80Mbps", "--attack", "ntp-amplification", "--attack-rate", 200,
                              "--attack-volume", "40Mbps", "--duration", "20s", "--sampling", 10)[1]
            self.assertAlmostEqual(said["truth"]["octets"] / (120e6 / 8 * 20), 1, delta=0.02)
            self.assertAlmostEqual(said["attack_truth"]["octets"] / (40e6 / 8 * 20), 1, delta=0.002)
            self.assertAlmostEqual(said["exported"]["packets"] * 10 / said["truth"]["packets"], 1, delta=0.04)
            self.assertAlmostEqual(said["exported"]["octets"] * 10 / said["truth"]["octets"], 1, delta=0.04)

    def test_attacks_have_their_shape_in_time(self):
        for shape, shares in (("constant", (1, 1, 1, 1)), ("ramp", (0.25, 0.75, 1, 1)), ("pulse", (1, 0, 1, 0))):
            path, _ = self.write("netflow9", "--rate", 0, "--attack", "syn-flood", "--attack-rate", 1000, "--duration", "20s",
                                 "--attack-after", "4s", "--attack-for", "8s", "--attack-shape", shape, "--attack-period", "4s")
            counts = [0] * 10
            for record in decoded(path)[0]:
                counts[int(float(record["time"][17:23]) / 2)] += 1
                self.assertEqual((record["dst_addr"], record["tcp_flags"], record["dst_port"]), ("198.51.100.1", 2, 443))
            wanted = [0, 0, *(2000 * share for share in shares), 0, 0, 0, 0]
            for got, want in zip(counts, wanted):
                self.assertAlmostEqual(got, want, delta=60, msg=f"{shape}: {counts}")

    def test_later_fragments_have_no_ports(self):
        for proto in PORTS:
            path, _ = self.write(proto, "--rate", 0, "--attack", "cldap-amplification", "--attack-rate", 1000, "--duration", "5s")
            records = decoded(path)[0]
            # NetFlow 5 says nothing of fragments, and has a 0 for a port that is not there.
            later = [r for r in records if ("is-fragment" in r.get("fragment", []) if proto != "netflow5" else r.get("src_port") != 389)]
            self.assertGreater(len(later), 1000, proto)
            self.assertLessEqual({r.get("src_port") for r in later}, {None, 0})
            self.assertEqual({r["src_port"] for r in records if r not in later}, {389})

    def test_a_carpet_covers_its_prefix(self):
        path, _ = self.write("ipfix", "--rate", 0, "--attack", "carpet-bombing", "--attack-rate", 2000, "--duration", "5s",
                             "--network", "203.0.113.0/25,2001:db8:7::/48", "--target", "203.0.113.0/26,203.0.113.99")
        hit = {r["dst_addr"] for r in decoded(path)[0]}
        self.assertEqual(hit, {f"203.0.113.{n}" for n in [*range(64), 99]})

    def test_counters_of_sflow_agree_with_its_samples(self):
        path, said = self.write("sflow", "--rate", 3000, "--duration", "41s", "--sampling", 25, "--counter-interval", "10s")
        last, pool = {}, {}
        for _, _, data in datagrams(path):
            for kind, body in sflow_samples(data):
                if kind == 2:
                    index, packets = struct.unpack_from("!I", body, 20)[0], struct.unpack_from("!I", body, 52)[0]
                    self.assertGreaterEqual(packets, last.get(index, (0, 0))[0])
                    last[index] = packets, struct.unpack_from("!Q", body, 44)[0]
                    # The pool is told with samples: of the packets behind the last one nothing is known.
                    self.assertLessEqual(pool.get(index, 0), packets)
                    self.assertGreater(pool.get(index, 0), packets - 5000)
                else:
                    source, = struct.unpack_from("!I", body, 4)
                    pool[source] = struct.unpack_from("!I", body, 12)[0]
        self.assertEqual(set(last), {501, 502, 601, 602})
        self.assertAlmostEqual(sum(packets for packets, _ in last.values()) / said["truth"]["packets"], 40 / 41, delta=0.03)
        self.assertAlmostEqual(sum(octets for _, octets in last.values()) /
                               (said["truth"]["octets"] + FRAME * said["truth"]["packets"]), 40 / 41, delta=0.03)

    def test_a_network_comes_from_the_configuration(self):
        config = os.path.join(self.folder.name, "weir.yaml")
        shutil.copy(os.path.join(os.path.dirname(__file__), "../../../etc/weir.yaml"), config)
        with open(config, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("\nnetworks:", text)
        head, _, rest = text.partition("\nnetworks:")
        rest = re.sub(r"\A[^\n]*\n(?:[ \t#][^\n]*\n)*", "", rest)
        with open(config, "w", encoding="utf-8") as file:
            file.write(head + "\nnetworks:\n  homes: [192.0.2.0/25]\n  shops: [203.0.113.0/24]\n" + rest)
        for args, wanted in (((), {"192.0.2", "203.0.113"}), (("--network", "shops"), {"203.0.113"})):
            path = os.path.join(self.folder.name, "a.pcap")
            done = subprocess.run([WEIR, "--config", config, "generate", "--proto", "netflow5", "--write", path, *args], check=False,
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            inside = {(r["dst_addr"] if r["src_addr"].startswith("11.") else r["src_addr"]).rpartition(".")[0] for r in decoded(path)[0]}
            self.assertEqual(inside, wanted)

    def test_what_is_wrong_is_said(self):
        file = ("--proto", "ipfix", "--write", "/dev/null")
        for args, words in (((), "needs --proto"), (("--proto", "ipfix"), "--to HOST:PORT or --write FILE"),
                            ((*file, "--attack", "nothing"), "expected protocol-N-flood, or one of qotd-amplification"),
                            ((*file, "--rate", "max"), "--rate max"), ((*file, "--duration", "0s"), "an end"),
                            ((*file, "--from", "192.0.2.1,192.0.2.2", "--exporters", 3), "2 addresses, and there are 3 exporters"),
                            ((*file, "--network", "2001:db8::/64", "--proto", "netflow5"), "NetFlow 5 has no other"),
                            ((*file, "--target", "198.51.100.1"), "--attack NAME"), ((*file, "--start", "now"), "a time such as"),
                            ((*file, "--attack", "mixed", "--target", "198.51.100.1/24"), "an address or a prefix"),
                            ((*file, "--proto", "netflow5", "--volume", "1Tbps"), "a higher --rate with it"),
                            ((*file, "--proto", "netflow5", "--attack", "udp-flood", "--attack-volume", "90Tbps"), "a higher --attack-rate"),
                            ((*file, "--zipf", "-1"), "a number from 0 to 4"), ((*file, "--domains", 9), "from 1 to 4"),
                            ((*file, "--announce", "loudly"), "sampler, exporter, record or none")):
            self.assertIn(words, generate(*args, want=2))
        self.assertIn("cannot write", generate("--proto", "ipfix", "--write", "/nowhere/at/all", want=1))
        self.assertIn("cannot send from 192.0.2.77", generate("--proto", "ipfix", "--to", "127.0.0.1:9", "--from", "192.0.2.77", want=1))
        self.assertIn("could not be written whole", generate("--proto", "ipfix", "--write", "/dev/full", "--rate", "100k", want=1))


def sequence(proto, data):
    """(domain, sequence number, what the datagram counts)."""
    if proto == "netflow5":
        return data[20:22], struct.unpack_from("!I", data, 16)[0], struct.unpack_from("!H", data, 2)[0]
    if proto == "netflow9":
        return data[16:20], struct.unpack_from("!I", data, 12)[0], 1
    if proto == "sflow":
        return data[12:16], struct.unpack_from("!I", data, 16)[0], 1
    at, records = 16, 0
    while at < len(data):
        kind, length = struct.unpack_from("!HH", data, at)
        size = {256: 64, 257: 88, 258: 14}.get(kind)  # of a record: IPv4, IPv6, the sampler's options
        records += (length - 4) // size if size else 0
        at += length
    return data[12:16], struct.unpack_from("!I", data, 8)[0], records


def sflow_samples(data):
    """(kind, body behind the length) of each sample of a datagram with an IPv4 agent."""
    at = 28
    for _ in range(struct.unpack_from("!I", data, 24)[0]):
        kind, length = struct.unpack_from("!II", data, at)
        yield kind, data[at + 8:at + 8 + length]
        at += 8 + length
    assert at == len(data)


class Sent(unittest.TestCase):
    def test_every_datagram_arrives_from_its_exporter_at_the_rate_asked(self):
        for proto in PORTS:
            with self.subTest(proto=proto), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
                sink.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE if os.geteuid() == 0 else socket.SO_RCVBUF, 32 << 20)
                sink.bind(("127.0.0.1", 0))
                sink.settimeout(0.5)
                began = time.monotonic()
                args = [WEIR, "generate", "--json", "--to", "127.0.0.1:%d" % sink.getsockname()[1], "--proto", proto, "--rate", "20k",
                        "--duration", "2s", "--exporters", "7"]
                process = subprocess.Popen(args, stdout=subprocess.PIPE, text=True)
                senders = collections.Counter()
                while True:
                    try:
                        senders[sink.recvfrom(65536)[1][0]] += 1
                    except TimeoutError:
                        if process.poll() is not None:
                            break
                said = json.loads(process.stdout.read())
                process.stdout.close()
                self.assertEqual(process.returncode, 0)
                self.assertLess(time.monotonic() - began, 20)
                self.assertEqual(senders, {x["address"]: x["datagrams"] for x in said["exporters"]})
                self.assertEqual(set(senders), {f"127.0.1.{n}" for n in range(1, 8)})
                if said["behind_ms"] == 0:
                    self.assertAlmostEqual(said["records"], 40000, delta=400 if proto == "sflow" else 10)

    def test_an_interrupt_ends_it_with_its_report(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
            sink.bind(("127.0.0.1", 0))
            sink.settimeout(60)
            process = subprocess.Popen([WEIR, "generate", "--json", "--to", "127.0.0.1:%d" % sink.getsockname()[1], "--proto", "ipfix",
                                        "--duration", "0s", "--rate", "max"], stdout=subprocess.PIPE, text=True)
            sink.recv(65536)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0)
            self.assertGreater(json.loads(out)["records"], 0)

    def test_nobody_who_listens_is_a_failure(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        done = subprocess.run([WEIR, "generate", "--json", "--to", f"127.0.0.1:{port}", "--proto", "ipfix", "--rate", "20k", "--duration", "1s"],
                              check=False, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        said = json.loads(done.stdout)
        self.assertGreater(said["refused"], said["datagrams"] * 0.9)
        self.assertIn(f"nobody listened there for {said['refused']} of {said['datagrams']} datagrams", done.stderr)

    def test_nfdump_counts_the_same(self):
        for proto, family in CASES:
            program = "sfcapd" if proto == "sflow" else "nfcapd"
            if shutil.which(program) is None:
                self.skipTest(f"NOT TESTED: {program} is not installed")
            for sampling in (1, 10):
                with self.subTest(proto=proto, family=family, sampling=sampling), tempfile.TemporaryDirectory() as folder:
                    self.read_by_nfdump(program, folder, proto, FAMILIES[family], sampling)

    def read_by_nfdump(self, program, folder, proto, network, sampling):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        capturer = subprocess.Popen([program, "-w", folder, "-p", str(port), "-b", "127.0.0.1", "-C", "none", "-t", "3600", "-B", "4000000"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            bound = f"0100007F:{port:04X}"
            until = time.monotonic() + 20
            while bound not in pathlib.Path("/proc/net/udp").read_text(encoding="ascii"):
                self.assertLess(time.monotonic(), until, f"{program} listens")
                time.sleep(0.05)
            said = generate("--to", f"127.0.0.1:{port}", "--proto", proto, "--rate", "2k", "--duration", "1s", "--network", network,
                            "--sampling", sampling, "--attack", "dns-amplification", "--attack-rate", 300)
            while queued(bound) > 0:
                self.assertLess(time.monotonic(), until + 20, f"{program} reads")
                time.sleep(0.05)
        finally:
            capturer.send_signal(signal.SIGTERM)
            capturer.wait(30)
        told = subprocess.run(["nfdump", "-R", folder, "-I"], capture_output=True, text=True, timeout=60, check=True).stdout
        flows, packets, octets = (int(re.search(rf"^{name}: (\d+)", told, re.M).group(1)) for name in ("Flows", "Packets", "Bytes"))
        exported = dict(said["exported"])
        if proto == "sflow":  # frames, of which each record is one
            exported["octets"] += FRAME * exported["packets"]
        # It scales by what NetFlow 5 and sFlow say in each datagram, and does not look at options.
        scale = sampling if proto in ("netflow5", "sflow") else 1
        self.assertEqual((flows, packets, octets), (exported["records"], exported["packets"] * scale, exported["octets"] * scale))


def queued(local):
    for line in pathlib.Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1] == local:
            return int(fields[4].partition(":")[2], 16)
    return 0


if __name__ == "__main__":
    unittest.main(verbosity=2)
