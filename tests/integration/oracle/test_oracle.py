#!/usr/bin/env python3
"""Our IPFIX decoder beside libfixbuf's: the same records with the same values, of messages from a seed and of captures of
routers. libfixbuf runs in a child with a time limit, as some input crashes it and other holds it for ever. What is
libfixbuf's own fault is in FAULTS, each with why, and shown to be so.

Each run has another seed, which is printed; WEIR_TEST_SEED=N does the same again, WEIR_TEST_LONG=1 does more."""
import datetime
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lib import house, suite

FIXBUF_READ, MESSAGES_OF = os.environ.get("FIXBUF_READ"), os.environ.get("MESSAGES_OF")
CORPUS = pathlib.Path(os.environ.get("WEIR_SHARED", house.ROOT.parent / "shared")) / "corpus/open"
LONG = os.environ.get("WEIR_TEST_LONG") == "1"
SEED = int(os.environ.get("WEIR_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
FILES, MESSAGES = (300 if LONG else 30), 25
LIMIT_S = 60
VARIABLE = 0xffff
REVERSE = 29305

# What libfixbuf 2.4.1 makes of valid input and should not: (why, messages, how its child ends).
HEADER = struct.pack("!HHIII", 10, 24, 1700000000, 0, 1)
PLAIN = (struct.pack("!HHIII", 10, 28, 1700000000, 0, 1) + struct.pack("!HHHHHH", 2, 12, 256, 1, 4, 1) +
         struct.pack("!HHIII", 10, 21, 1700000000, 0, 1) + struct.pack("!HHB", 256, 5, 17))
FAULTS = (
    ("all templates withdrawn (RFC 7011, 8.1), then any message: it crashes",
     HEADER + struct.pack("!HHHH", 2, 8, 2, 0) + PLAIN, "crash"),
    ("a template withdrawn, then data of it: it reads the set for ever",
     PLAIN + HEADER + struct.pack("!HHHH", 2, 8, 256, 0) + PLAIN[28:], "loop"),
)



def widened_with_zeros(value):
    """What libfixbuf makes of a negative number in fewer octets than its type has: it loses the sign, which reduced-size
    encoding preserves (RFC 7011, 6.2)."""
    return {value + (1 << 8 * octets) for octets in range(1, 8)}


# Element, its type, its octets where it has a fixed number.
UNSIGNED, SIGNED, FLOAT, ADDRESS, MAC, STRING, OCTETS, TIME, BOOLEAN = range(9)
ELEMENTS = [
    (0, 1, UNSIGNED, 8), (0, 2, UNSIGNED, 8), (0, 4, UNSIGNED, 1), (0, 5, UNSIGNED, 1), (0, 6, UNSIGNED, 2), (0, 7, UNSIGNED, 2),
    (0, 11, UNSIGNED, 2), (0, 10, UNSIGNED, 4), (0, 14, UNSIGNED, 4), (0, 16, UNSIGNED, 4), (0, 17, UNSIGNED, 4),
    (0, 9, UNSIGNED, 1), (0, 13, UNSIGNED, 1), (0, 21, UNSIGNED, 4), (0, 22, UNSIGNED, 4), (0, 25, UNSIGNED, 8), (0, 34, UNSIGNED, 4),
    (0, 58, UNSIGNED, 2), (0, 61, UNSIGNED, 1), (0, 85, UNSIGNED, 8), (0, 86, UNSIGNED, 8), (0, 148, UNSIGNED, 8), (0, 161, UNSIGNED, 4),
    (0, 224, UNSIGNED, 8), (0, 302, UNSIGNED, 8), (0, 305, UNSIGNED, 4), (0, 306, UNSIGNED, 4), (0, 352, UNSIGNED, 8),
    (0, 434, SIGNED, 4), (0, 311, FLOAT, 8), (0, 276, BOOLEAN, 1),
    (0, 8, ADDRESS, 4), (0, 12, ADDRESS, 4), (0, 15, ADDRESS, 4), (0, 27, ADDRESS, 16), (0, 28, ADDRESS, 16), (0, 62, ADDRESS, 16),
    (0, 130, ADDRESS, 4), (0, 56, MAC, 6), (0, 80, MAC, 6),
    (0, 150, TIME, 4), (0, 151, TIME, 4), (0, 152, TIME, 8), (0, 153, TIME, 8), (0, 154, TIME, 8), (0, 157, TIME, 8), (0, 323, TIME, 8),
    (0, 82, STRING, None), (0, 96, STRING, None), (0, 236, STRING, None), (0, 335, STRING, None), (0, 90, OCTETS, None),
    (0, 95, OCTETS, None), (0, 313, OCTETS, None), (0, 314, OCTETS, None), (0, 12345, OCTETS, None), (9, 8, OCTETS, None),
    (6871, 40, OCTETS, None), (35632, 32767, OCTETS, None),
    (REVERSE, 1, UNSIGNED, 8), (REVERSE, 2, UNSIGNED, 8), (REVERSE, 6, UNSIGNED, 2), (REVERSE, 153, TIME, 8),
]


class Maker:
    """Valid messages of two observation domains, whose templates come, change and come again."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.templates = {1: {}, 2: {}}  # domain: {id: (fields, scopes)}
        self.sequence = {1: 0, 2: 0}

    def field(self):
        enterprise, element, kind, octets = self.random.choice(ELEMENTS)
        if kind in (UNSIGNED, SIGNED):
            octets = self.random.choice((octets, octets, self.random.randint(1, octets)))
        elif kind == FLOAT:
            octets = self.random.choice((4, 8))
        elif octets is None:
            octets = self.random.choice((VARIABLE, VARIABLE, self.random.randint(1, 40)))
        return enterprise, element, kind, octets

    def template(self, domain):
        number = self.random.randint(256, 263)
        scopes = self.random.choice((0, 0, 0, 1, 2))
        fields = [self.field() for _ in range(scopes + self.random.randint(1, 14))]
        if len({field[:2] for field in fields}) != len(fields) and self.random.random() < 0.7:
            fields = list({field[:2]: field for field in fields}.values())
        scopes = min(scopes, len(fields) - 1)
        self.templates[domain][number] = (fields, scopes)
        specs = b"".join(struct.pack("!HH", element | (0x8000 if enterprise else 0), octets) +
                         (struct.pack("!I", enterprise) if enterprise else b"") for enterprise, element, _, octets in fields)
        head = struct.pack("!HHH", number, len(fields), scopes) if scopes else struct.pack("!HH", number, len(fields))
        return (3 if scopes else 2), head + specs

    def octets(self, kind, count):
        if kind == BOOLEAN:
            return bytes([self.random.choice((1, 2))])
        if kind == FLOAT:
            value = self.random.choice((0.0, 1.0, 0.001, -3.25, self.random.uniform(-1e6, 1e6)))
            return struct.pack("!f" if count == 4 else "!d", value)
        if kind == TIME and count == 4:
            return struct.pack("!I", self.random.randint(0, 0xffffffff))
        if kind == TIME:  # of milliseconds and of NTP: both sound
            return struct.pack("!Q", self.random.randint(0, 4 * 10 ** 12))
        if kind == STRING:
            text = "".join(self.random.choice("abc äß \"\\\n€") for _ in range(count)).encode()[:count]
            return text.decode(errors="ignore").encode().ljust(count, b"\0")
        return self.random.choice((bytes(count), b"\xff" * count, self.random.randbytes(count), self.random.randbytes(count)))

    def value(self, kind, octets):
        if octets != VARIABLE:
            return self.octets(kind, octets)
        count = self.random.choice((0, 1, 5, 30, 254, 255, 300))
        content = self.octets(kind, count)
        if count < 255 and self.random.random() < 0.8:
            return bytes([count]) + content
        return b"\xff" + struct.pack("!H", count) + content

    def data(self, domain):
        number = self.random.choice(list(self.templates[domain]))
        fields, _ = self.templates[domain][number]
        count = self.random.randint(1, 4)
        body = b"".join(self.value(kind, octets) for _ in range(count) for _, _, kind, octets in fields)
        self.sequence[domain] += count
        shortest = sum(1 if octets == VARIABLE else octets for _, _, _, octets in fields)
        padding = -len(body) % 4
        return number, body + bytes(padding if padding < shortest else 0)

    def message(self):
        domain = self.random.choice((1, 2))
        sequence, sets = self.sequence[domain], []
        for _ in range(self.random.randint(1, 6)):
            make = self.template if not self.templates[domain] or self.random.random() < 0.25 else self.data
            number, body = make(domain)
            sets.append(struct.pack("!HH", number, 4 + len(body)) + body)
        body = b"".join(sets)
        return struct.pack("!HHIII", 10, 16 + len(body), 1700000000, sequence & 0xffffffff, domain) + body


def ms_of(text):
    """Of ISO 8601 with any number of digits behind the second."""
    whole, digits = text.rstrip("Z").split(".")
    at = datetime.datetime.fromisoformat(whole + "+00:00")
    return int(at.timestamp()) * 1000 + int(digits[:3]), digits


def same_time(ours, theirs):
    (kind, value), = theirs.items()
    ms, digits = ms_of(ours)
    if kind in ("s", "ms"):
        return ms == value * (1000 if kind == "s" else 1)
    seconds, fraction = value >> 32, value & 0xffffffff
    unix = seconds - 2208988800 if seconds >= 2208988800 else seconds + (1 << 32) - 2208988800
    return ms // 1000 == unix and int(digits) == fraction * 10 ** len(digits) >> 32


def same(ours, theirs):
    if isinstance(theirs, dict) and "hex" in theirs:
        octets = bytes.fromhex(theirs["hex"])
        return ours in (theirs["hex"], octets.rstrip(b"\0").decode(errors="replace"))
    if isinstance(theirs, dict):
        return same_time(ours, theirs)
    if isinstance(theirs, float) and isinstance(ours, (int, float)):
        return float(ours) == theirs
    if isinstance(theirs, int) and isinstance(ours, int) and ours < 0 <= theirs:
        return theirs in widened_with_zeros(ours)
    return ours == theirs and isinstance(ours, type(theirs))


# What a flow record takes from a field, where the record has but one that it could take.
KEYS = {"protocolIdentifier": "protocol", "ingressInterface": "input_if", "egressInterface": "output_if", "bgpSourceAsNumber": "src_as",
        "bgpDestinationAsNumber": "dst_as", "ipClassOfService": "tos", "flowDirection": "direction"}


def complaint(ours, theirs):
    """What differs between a record of ours and its fields as libfixbuf has them; None: nothing."""
    fields, seen = ours.get("fields", {}), {}
    if len(fields) != len(theirs):
        return f"{len(fields)} fields, {len(theirs)} there"
    for (key, value), (name, there) in zip(fields.items(), theirs):
        seen[name] = seen.get(name, 0) + 1
        if key != (name if seen[name] == 1 else f"{name}#{seen[name]}"):
            return f"{key} is {name} there"
        if not same(value, there):
            return f"{key}: {value!r}, {there!r} there"
    for name, key in KEYS.items():
        if seen.get(name) == 1 and not ours.get("reverse") and ours.get(key) != dict(theirs)[name]:
            return f"{key}: {ours.get(key)!r}, {dict(theirs)[name]!r} there"
    if seen.get("octetDeltaCount") == 1 and ours.get("octets") != dict(theirs)["octetDeltaCount"]:
        return f"octets: {ours.get('octets')}, {dict(theirs)['octetDeltaCount']} there"
    return None


class Oracle(suite.HouseTest):
    def read(self, path):
        """Both: [record], [fields]."""
        ours = subprocess.run([house.BIN / "weir", "decode", "--all-fields", path], capture_output=True, text=True, check=False,
                              timeout=LIMIT_S)
        theirs = subprocess.run([FIXBUF_READ, path], capture_output=True, text=True, check=False, timeout=LIMIT_S)
        self.assertEqual(ours.returncode, 0, ours.stderr)
        self.assertEqual(theirs.returncode, 0, f"libfixbuf: {theirs.stderr[-300:]}")
        records = [json.loads(line) for line in ours.stdout.splitlines()]
        return [record for record in records if not record.get("reverse")], [json.loads(line) for line in theirs.stdout.splitlines()]

    def compare(self, path, what):
        ours, theirs = self.read(path)
        self.assertEqual(len(ours), len(theirs), f"{what}: other records")
        for at, (record, fields) in enumerate(zip(ours, theirs)):
            if fields == "lists":
                continue  # of RFC 6313: we step over them, libfixbuf takes them apart
            self.assertIsNone(complaint(record, fields), f"{what}: record {at}: {record}")
        return len(ours)

    def test_messages_of_a_seed_are_the_same_records_with_the_same_values(self):
        print(f"WEIR_TEST_SEED={SEED}", file=sys.stderr)
        folder = self.folder()

        def one(number):
            maker, path = Maker(SEED + number), folder / f"{number}.ipfix"
            path.write_bytes(b"".join(maker.message() for _ in range(MESSAGES)))
            count = self.compare(path, f"WEIR_TEST_SEED={SEED} file {number}")
            path.unlink()
            return count

        with ThreadPoolExecutor(2) as pool:
            self.assertGreater(sum(pool.map(one, range(FILES))), FILES * MESSAGES)

    def test_captures_of_routers_are_the_same_records_with_the_same_values(self):
        if not CORPUS.is_dir():
            self.skipTest(f"SKIPPED, NOTHING WAS TESTED: no captures at {CORPUS} (set WEIR_SHARED)")
        folder, total = self.folder(), 0
        for capture in sorted((CORPUS / "ipfix").glob("*.pcap*")):
            path = folder / "messages.ipfix"
            path.write_bytes(subprocess.run([MESSAGES_OF, capture], capture_output=True, check=True).stdout)
            if path.stat().st_size > 0:
                with self.subTest(capture=capture.name):
                    total += self.compare(path, capture.name)
        self.assertGreater(total, 100)

    def test_what_libfixbuf_cannot_read_we_can(self):
        folder = self.folder()
        for why, octets, end in FAULTS:
            with self.subTest(why=why):
                (folder / "x.ipfix").write_bytes(octets)
                said = subprocess.run([house.BIN / "weir", "decode", folder / "x.ipfix"], capture_output=True, text=True, check=False,
                                      timeout=LIMIT_S)
                self.assertEqual(said.returncode, 0, said.stderr)
                self.assertEqual([json.loads(line)["protocol"] for line in said.stdout.splitlines()], [17])
                self.assertEqual(self.end_of(folder / "x.ipfix"), end)

    @staticmethod
    def end_of(path):
        try:
            done = subprocess.run([FIXBUF_READ, path], capture_output=True, check=False, timeout=5)
        except subprocess.TimeoutExpired:
            return "loop"
        return "crash" if done.returncode != 0 else "read"


if __name__ == "__main__":
    suite.main(False, [None if FIXBUF_READ else "FIXBUF_READ is not set: run it through ctest"])
