#!/usr/bin/env python3
"""Reads the examples of docs/wire.md with an implementation of its own, which shares no code with weir's.

check_wire.py WIRE_MD           fails where the bytes, ids or slots of an example are not what the text above it says
check_wire.py WIRE_MD --write   puts in what this implementation computes
"""
import ipaddress
import re
import sys

MASK = (1 << 64) - 1
P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
# name: (number, octets of a value; 0 for an address)
DIMENSIONS = {
    "dst_addr": (1, 0), "src_addr": (2, 0), "protocol": (3, 1), "src_port": (4, 2), "dst_port": (5, 2),
    "tcp_flags": (6, 2), "dst_network": (7, 8), "input_if": (8, 4), "exporter": (9, 0), "src_as": (10, 4),
    "dst_as": (11, 4),
}
DIRECTIONS = ["any", "incoming", "outgoing", "internal", "transit"]


def rotate(x, n):
    return ((x << n) | (x >> (64 - n))) & MASK


def xxh64(data):
    def step(acc, lane):
        return rotate((acc + lane * P2) & MASK, 31) * P1 & MASK

    def lane(at):
        return int.from_bytes(data[at:at + 8], "little")

    at = 0
    if len(data) >= 32:
        accs = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        while at + 32 <= len(data):
            accs = [step(acc, lane(at + 8 * i)) for i, acc in enumerate(accs)]
            at += 32
        h = sum(rotate(acc, n) for acc, n in zip(accs, (1, 7, 12, 18))) & MASK
        for acc in accs:
            h = ((h ^ step(0, acc)) * P1 + P4) & MASK
    else:
        h = P5
    h = (h + len(data)) & MASK
    while at + 8 <= len(data):
        h = (rotate(h ^ step(0, lane(at)), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= len(data):
        h = (rotate(h ^ int.from_bytes(data[at:at + 4], "little") * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for octet in data[at:]:
        h = rotate(h ^ octet * P5 & MASK, 11) * P1 & MASK
    h = (h ^ h >> 33) * P2 & MASK
    h = (h ^ h >> 29) * P3 & MASK
    return h ^ h >> 32


def prefixes(texts):
    """Canonical bytes of a list of prefixes: collapsed, IPv4 first, by address."""
    networks = [ipaddress.ip_network(text) for text in texts]
    out = b""
    for version in (4, 6):
        for net in sorted(ipaddress.collapse_addresses(n for n in networks if n.version == version)):
            out += bytes([version, net.prefixlen]) + net.network_address.packed
    return out


def count_prefixes(texts):
    return sum(len(list(ipaddress.collapse_addresses(
        n for n in map(ipaddress.ip_network, texts) if n.version == v))) for v in (4, 6))


def network_text(text):
    return [t for t in text.strip("{}").split(",") if t]


def number(text):
    return int(text, 0)


def count_bytes(example):
    out = bytes([1, DIRECTIONS.index(example["direction"])])
    dims = []
    for text in example["key"].split():
        name, _, lens = text.partition("/")
        lens = [int(n) for n in lens.split(",")] if lens else [255, 255]
        dims.append(bytes([DIMENSIONS[name][0]] + lens))
    out += bytes([len(dims)]) + b"".join(sorted(dims))
    filters = []
    for where in example["where"]:
        name, *values = where.split()
        dim, width = DIMENSIONS[name]
        items = set()
        for text in values:
            negated, text = text.startswith("!"), text.lstrip("!")
            is_prefixes = width == 0 or name == "dst_network"
            value = prefixes(network_text(text)) if is_prefixes else number(text).to_bytes(width, "big")
            items.add((negated, value))
        filters.append(bytes([dim]) + len(items).to_bytes(2, "big") + b"".join(
            bytes([negated]) + len(value).to_bytes(4, "big") + value for negated, value in sorted(items)))
    out += bytes([len(filters)]) + b"".join(sorted(filters))
    if example["direction"] != "any":
        ours = example["ours"].split()
        out += count_prefixes(ours).to_bytes(4, "big") + prefixes(ours)
    return out


def row_bytes(text):
    out = b""
    for item in [] if text == "-" else text.split():
        name, _, value = item.partition("=")
        dim, width = DIMENSIONS[name]
        if width == 0:
            octets = ipaddress.ip_address(value).packed
        elif name == "dst_network" and value.startswith("{"):
            octets = xxh64(prefixes(network_text(value))).to_bytes(8, "big")
        else:
            octets = number(value).to_bytes(width, "big")
        out += bytes([dim, len(octets)]) + octets
    return out


def compute(example):
    count, row = count_bytes(example), row_bytes(example["row"])
    count_id = xxh64(count)
    return {
        "bytes": count.hex(), "id": f"{count_id:016x}", "row_bytes": row.hex() or "-",
        "slot": str(xxh64(count_id.to_bytes(8, "big") + row) % 64),
    }


def main():
    path, write = sys.argv[1], "--write" in sys.argv
    text = open(path, encoding="utf-8").read()
    block = re.search(r"```counts\n(.*?)```", text, re.S)
    examples, out, wrong = 0, [], 0
    for part in block.group(1).strip().split("\n\n"):
        lines = [line.split(" ", 1) for line in part.split("\n")]
        example = {"where": [value for name, value in lines if name == "where"]}
        example.update({name: value for name, value in lines if name != "where"})
        computed = compute(example)
        for line in lines:
            if line[0] in computed and line[1] != computed[line[0]]:
                wrong += 1
                print(f"example {example['example']}: {line[0]} is {line[1]}, computed {computed[line[0]]}")
                line[1] = computed[line[0]]
        out.append("\n".join(" ".join(line) for line in lines))
        examples += 1
    if write:
        start, end = block.span(1)
        open(path, "w", encoding="utf-8").write(text[:start] + "\n\n".join(out) + "\n" + text[end:])
        return 0
    print(f"{examples} examples, {wrong} wrong")
    return 0 if examples == 10 and wrong == 0 else 1


if __name__ == "__main__":
    assert xxh64(b"") == 0xEF46DB3751D8E999 and xxh64(b"abc") == 0x44BC2CF5AD770999
    sys.exit(main())
