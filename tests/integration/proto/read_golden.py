#!/usr/bin/env python3
"""Reads the golden bytes with a protobuf reader of its own and the .proto files, and compares with the .txt beside them.

read_golden.py SOURCE_DIR           fails where a .txt does not say what the bytes mean
read_golden.py SOURCE_DIR --write   writes the .txt files
"""
import json
import pathlib
import re
import struct
import sys

FIELD = re.compile(r"^\s*(repeated )?(\w+) (\w+) = (\d+)( \[packed = true\])?;")


def schema(folder):
    """{message: {number: (name, type, repeated)}}, {enum: {number: name}} of all .proto files."""
    messages, enums, current = {}, {}, None
    for path in sorted(folder.glob("*.proto")):
        for line in path.read_text().splitlines():
            if match := re.match(r"^(message|enum) (\w+) {", line):
                current = (messages if match[1] == "message" else enums).setdefault(match[2], {})
            elif match := re.match(r"^\s+(\w+) = (\d+);", line):
                current[int(match[2])] = match[1]
            elif match := FIELD.match(line):
                assert int(match[4]) not in current, f"{path}: number {match[4]} twice"
                current[int(match[4])] = (match[3], match[2], bool(match[1]))
    return messages, enums


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def scalar(data, at, kind, enums):
    """One value that is not delimited by a length."""
    if kind in ("fixed64", "double"):
        value = struct.unpack_from("<d" if kind == "double" else "<Q", data, at)[0]
        return (repr(value) if kind == "double" else f"0x{value:016x}"), at + 8
    value, at = varint(data, at)
    if kind == "bool":
        return ("true" if value else "false"), at
    return enums[kind][value] if kind in enums else str(value), at


def describe(data, fields, enums):
    seen, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        name, kind, repeated = fields[tag >> 3]
        values = seen.setdefault(tag >> 3, [])
        if tag & 7 == 2:
            length, at = varint(data, at)
            payload, at = data[at:at + length], at + length
            assert len(payload) == length
            if kind == "string":
                values.append(json.dumps(payload.decode()))
            elif kind == "bytes":
                values.append(payload.hex())
            else:
                assert repeated, f"{name} is packed, but not repeated"
                inner = 0
                while inner < len(payload):
                    value, inner = scalar(payload, inner, kind, enums)
                    values.append(value)
        else:
            assert tag & 7 == (1 if kind in ("fixed64", "double") else 0), name
            value, at = scalar(data, at, kind, enums)
            values.append(value)
    lines = []
    for number, (name, _, repeated) in sorted(fields.items()):
        values = seen.get(number, [])
        assert repeated or len(values) <= 1, name
        assert values, f"{name} is not set in the golden bytes"
        lines.append(f"{number} {name} = " + (f"[{', '.join(values)}]" if repeated else values[0]))
    return "\n".join(lines) + "\n"


def main():
    root, write, wrong, count = pathlib.Path(sys.argv[1]), "--write" in sys.argv, 0, 0
    messages, enums = schema(root / "proto")
    vectors = root / "tests/vectors/proto"
    for message, fields in sorted(messages.items()):
        stem = re.sub(r"(?<=.)(?=[A-Z])", "_", message).lower()
        text = describe(bytes.fromhex((vectors / f"{stem}.hex").read_text()), fields, enums)
        path = vectors / f"{stem}.txt"
        if write:
            path.write_text(text)
        elif path.read_text() != text:
            wrong += 1
            print(f"{path} does not say what {stem}.hex means, which is:\n{text}")
        count += 1
    print(f"{count} messages, {wrong} wrong")
    return 0 if wrong == 0 and count >= 10 else 1


if __name__ == "__main__":
    sys.exit(main())
