#!/usr/bin/env python3
"""check_decode_command.py WEIR SOURCE-DIR: `weir decode` on every capture of the open corpus, compared with what
independent decoders read there, by the rules of the corpus's FORMAT.md. A line a file; exits 1 when a strict file
disagrees that corpus_open_pending.txt does not name, 77 where the corpus is missing."""
import glob
import json
import os
import subprocess
import sys

FORMATS = {5: "netflow5", 9: "netflow9", 10: "ipfix"}
REVERSE = {"rev_octets": "octets", "rev_packets": "packets", "rev_octets_total": "octets",
           "rev_packets_total": "packets", "responder_octets": "octets", "responder_packets": "packets"}
SHOWN_MAX = 3


def pending(source):
    with open(os.path.join(source, "tests/vectors/corpus_open_pending.txt"), encoding="utf-8") as names:
        return {line.split()[0] for line in names if line.strip() and not line.startswith("#")}


def wanted(line, sflow):
    """The expectation in the words of `weir decode`."""
    want = dict(line)
    for key, value in (want.get("header" if sflow else "embedded_packet") or {}).items():
        want.setdefault("ip_length" if key == "ip_len" else key, value)
    want["format"] = "sflow5" if sflow else FORMATS[want.pop("version")]
    if want.get("icmp_from_dst_port"):
        want.pop("icmp_type", None)
        want.pop("icmp_code", None)
    if "sampling_rate" in want and "sampling_src" in want:
        want["sampling_source"] = want["sampling_src"].split(":")[0]
    for key in ("input_if", "output_if"):
        if want.get(key + "_format"):
            want.pop(key, None)
    for key in want.get("ambiguous", []):
        want.pop(key, None)
    return want


def same(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return abs(a - b) <= 1e-6 * max(abs(a), abs(b))
    return a == b


def differences(got, back, want):
    found = [f"{key}={got[key]!r} want {want[key]!r}" for key in got if key in want and not same(got[key], want[key])]
    if "sampling_rate" in want and "sampling_rate" not in got:
        found.append("sampling_rate is missing")
    if back is not None:
        found += [f"reverse {ours}={back[ours]!r} want {want[key]!r}" for key, ours in REVERSE.items()
                  if key in want and ours in back and not same(back[ours], want[key])]
    return found


def compare(capture, weir):
    run = subprocess.run([weir, "decode", capture], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    got = [json.loads(line) for line in run.stdout.splitlines()]
    forward = [i for i, record in enumerate(got) if not record.get("reverse")]
    with open(capture[:-5] + ".expected.jsonl", encoding="utf-8") as lines:
        want = [wanted(json.loads(line), "/sflow/" in capture) for line in lines]
    complaints = []
    if run.returncode != 0:
        complaints.append(f"exit status {run.returncode}: {run.stderr.decode(errors='replace').strip()}")
    if len(forward) != len(want):
        complaints.append(f"{len(forward)} records, want {len(want)}")
    for number, (at, expected) in enumerate(zip(forward, want), 1):
        back = got[at + 1] if at + 1 < len(got) and got[at + 1].get("reverse") else None
        complaints += [f"line {number}: {text}" for text in differences(got[at], back, expected)]
    return len(got), complaints


def main():
    weir, source = sys.argv[1:]
    root = os.path.join(os.environ.get("WEIR_SHARED", os.path.join(source, "../shared")), "corpus/open")
    captures = sorted(glob.glob(root + "/*/*.pcap"))
    if not captures:
        print(f"SKIPPED, NOTHING WAS TESTED: no captures at {root} (set WEIR_SHARED)")
        return 77
    known, failed = pending(source), 0
    for capture in captures:
        name = capture[len(root) + 1:-5]
        with open(capture[:-5] + ".meta.json", encoding="utf-8") as meta:
            strict = json.load(meta).get("strict", True)
        records, complaints = compare(capture, weir)
        crashed = any(text.startswith("exit status") for text in complaints)
        bad = crashed or (strict and bool(complaints) != (name in known))
        failed += bad
        verdict = "FAILED" if bad else "survived" if not strict else "pending" if complaints else "agrees"
        print(f"{verdict:10} {name:45} {records:5} records {len(complaints):5} differences")
        for text in complaints[:SHOWN_MAX] if bad else []:
            print(f"    {text}")
    print(f"{len(captures)} files, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
