#!/usr/bin/env python3
"""What `weir generate` sends, read back by tshark: nothing malformed, no gap in any sequence, and the
octets, packets and rates that were asked for. Usage: test_generate.py WEIR"""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

FORMATS = {"netflow5": 2055, "netflow9": 2055, "ipfix": 4739, "sflow": 6343}
FAMILIES = {"ipv4": "198.51.100.0/24", "ipv6": "2001:db8::/64"}


def write_pcap(path, datagrams, port):
    """Raw IPv4 packets around the datagrams, so that tshark dissects them by their port."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for i, data in enumerate(datagrams):
            udp = struct.pack(">HHHH", 40000, port, 8 + len(data), 0) + data
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), i & 0xFFFF, 0, 64, 17, 0, bytes([127, 0, 0, 1]), bytes([127, 0, 0, 1]))
            out.write(struct.pack("<IIII", 1, i % 1000000, len(ip + udp), len(ip + udp)) + ip + udp)


def tshark(*args):
    done = subprocess.run(["tshark", *args], capture_output=True, text=True, timeout=120)
    return done.stdout


def run(weir, proto, network, sampling):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(0.5)
    command = [weir, "generate", "--to", "127.0.0.1:%d" % sock.getsockname()[1], "--proto", proto, "--rate", "500",
               "--volume", "80Mbps", "--duration", "2s", "--network", network, "--attack", "dns-amplification",
               "--attack-rate", "500", "--attack-volume", "160Mbps", "--sampling", str(sampling), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    datagrams = []
    while True:
        try:
            datagrams.append(sock.recv(65536))
        except TimeoutError:
            if process.poll() is not None:
                break
    return datagrams, json.loads(process.stdout.read()), process.returncode


def check(weir, folder, proto, family, sampling):
    datagrams, said, code = run(weir, proto, FAMILIES[family], sampling)
    assert code == 0 and said["send_failures"] == 0, said
    assert len(datagrams) == said["datagrams"], (len(datagrams), said)
    pcap = os.path.join(folder, "%s-%s.pcap" % (proto, family))
    write_pcap(pcap, datagrams, FORMATS[proto])
    if proto != "sflow":  # behind the random ports of sampled packets tshark guesses at payload that is not there
        expert = tshark("-r", pcap, "-q", "-z", "expert,warn")
        assert "Frequency" not in expert, expert
        assert tshark("-r", pcap, "-Y", "_ws.malformed") == "", "malformed frames"
    if proto == "sflow":
        fields = tshark("-r", pcap, "-T", "fields", "-e", "sflow.flow_sample.sampling_rate", "-e", "sflow_245.header.frame_length")
        rates = [int(r) for line in fields.splitlines() for r in line.split("\t")[0].split(",")]
        octets = sum(int(n) - 18 for line in fields.splitlines() for n in line.split("\t")[1].split(","))
        assert set(rates) == {sampling}, set(rates)
        records = len(rates)
    else:
        fields = tshark("-r", pcap, "-T", "fields", "-e", "cflow.octets" if proto == "netflow5" else "cflow.octets64")
        values = [int(n) for line in fields.splitlines() for n in line.split(",") if n]
        if not values:
            fields = tshark("-r", pcap, "-T", "fields", "-e", "cflow.octets")
            values = [int(n) for line in fields.splitlines() for n in line.split(",") if n]
        octets, records = sum(values), len(values)
    assert records == said["records"], (records, said)
    wanted = (80e6 + 160e6) / 8 * 2
    got = octets * sampling
    # The run lasts 2 s by the machine's clock; the last turn may be missing, rounding is small.
    assert 0.9 * wanted < got < 1.05 * wanted, (got, wanted)
    return records, got


def main():
    if shutil.which("tshark") is None:
        print("SKIPPED, NOTHING WAS TESTED: tshark is not installed")
        return 77
    weir = sys.argv[1]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="weir-generate-") as folder:
        for proto in FORMATS:
            for family in FAMILIES:
                if proto == "netflow5" and family == "ipv6":
                    continue
                for sampling in (1, 100):
                    try:
                        records, got = check(weir, folder, proto, family, sampling)
                        print("ok    %-9s %s 1 in %-4d %6d records, %.1f MB" % (proto, family, sampling, records, got / 1e6))
                    except AssertionError as why:
                        print("FAIL  %-9s %s 1 in %d: %s" % (proto, family, sampling, why))
                        failed += 1
        refused = subprocess.run([weir, "generate", "--to", "127.0.0.1:9", "--proto", "netflow5", "--network", "2001:db8::/64"], capture_output=True, text=True)
        if refused.returncode != 2 or "NetFlow 5" not in refused.stderr:
            print("FAIL  IPv6 in NetFlow 5 is wrong usage:", refused)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
