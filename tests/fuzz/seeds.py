#!/usr/bin/env python3
"""seeds.py NAME CORPUS FOLDER: inputs of tests/fuzz/datagrams.h for the fuzzer NAME, from the captures and the hostile files of CORPUS."""
import pathlib
import struct
import sys

FOLDERS = {"netflow5": "nf5", "netflow9": "nf9", "ipfix": "ipfix", "sflow": "sflow"}
DATAGRAMS_MAX, OCTETS_MAX = 16, 8000


def payloads(path):
    """The UDP payloads of a pcap file of Ethernet frames, with the last octet of their sender."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + size]
        at += 16 + size
        if frame[12:14] == b"\x08\x00":
            yield frame[29], frame[14 + (frame[14] & 15) * 4 + 8 :]
        elif frame[12:14] == b"\x86\xdd":
            yield frame[37], frame[14 + 40 + 8 :]


def pack(sender, step, payload):
    return struct.pack(">BH", (sender & 3) | (step & 3) << 2, len(payload)) + payload


def main():
    name, corpus, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    if name not in FOLDERS:
        return
    for path in sorted((corpus / "open" / FOLDERS[name]).glob("*.pcap")):
        out = b""
        for i, (sender, payload) in enumerate(payloads(path)):
            if i == DATAGRAMS_MAX or len(out) + len(payload) > OCTETS_MAX:
                break
            out += pack(sender, i % 2, payload)
        if out:
            (folder / path.stem).write_bytes(out)
    for path in sorted((corpus / "hostile").glob(FOLDERS[name] + "-*.bin")):
        payload = path.read_bytes()
        if len(payload) <= OCTETS_MAX:
            (folder / path.stem).write_bytes(pack(1, 0, payload) * 2)


if __name__ == "__main__":
    main()
