#!/usr/bin/env python3
"""The commands that need no server: check, rule, decode, replay; help and wrong usage of all. Needs $WEIR."""
import gzip
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
import unittest

from world import WEIR, World


def netflow5(records, source="198.51.100.1"):
    """A NetFlow 5 datagram of so many equal records."""
    header = struct.pack("!HHIIIIBBH", 5, records, 60000, 1767323045, 0, 7, 0, 3, 0x4000 | 100)
    record = socket.inet_aton(source) + socket.inet_aton("203.0.113.9") + bytes(4) + struct.pack(
        "!HHIIIIHHBBBBHHBBH", 1, 2, 10, 15000, 58000, 59000, 53, 4444, 0, 0, 17, 0, 64500, 64501, 24, 32, 0)
    return header + record * records


def udp(payload, sport=5000, dport=2055, length=None):
    return struct.pack("!HHHH", sport, dport, len(payload) + 8 if length is None else length, 0) + payload


def ipv4(payload, protocol=17, fragment=0, options=b"", source="192.0.2.1", number=1):
    return struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), number, fragment, 64,
                       protocol, 0, socket.inet_aton(source), socket.inet_aton("192.0.2.99")) + options + payload


def ipv4_fragments(payload, size, number=1):
    return [ipv4(payload[at:at + size], fragment=at // 8 | (0x2000 if at + size < len(payload) else 0), number=number)
            for at in range(0, len(payload), size)]


def ipv6(payload, following=17):
    return struct.pack("!IHBB", 6 << 28, len(payload), following, 64) + socket.inet_pton(
        socket.AF_INET6, "2001:db8::1") + socket.inet_pton(socket.AF_INET6, "2001:db8::2") + payload


def ipv6_fragments(payload, size, number=1):
    return [ipv6(struct.pack("!BBHI", 17, 0, at | (at + size < len(payload)), number) + payload[at:at + size], 44)
            for at in range(0, len(payload), size)]


def ethernet(payload, kind=0x0800, tags=()):
    return bytes(12) + b"".join(struct.pack("!HH", t, 5) for t in tags) + struct.pack("!H", kind) + payload


def pcap(frames, link=1, step_us=1000, order="<"):
    out = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for i, frame in enumerate(frames):
        us = 1767323045000000 + i * step_us
        out += struct.pack(order + "IIII", us // 1000000, us % 1000000, len(frame), len(frame)) + frame
    return out


def pcapng(frames, link=1):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", link, 0, 65535))
    for frame in frames:
        us = 1767323045000000
        out += block(6, struct.pack("<IIIII", 0, us >> 32, us & 0xFFFFFFFF, len(frame), len(frame)) + frame)
    return out


def ipfix_file(messages):
    """A template and one record a message."""
    template = struct.pack("!HHHHHHHHHH", 2, 20, 256, 3, 8, 4, 12, 4, 1, 4)
    out = b""
    for i in range(messages):
        data = struct.pack("!HH", 256, 16) + socket.inet_aton("192.0.2.7") + socket.inet_aton("203.0.113.9") + struct.pack(
            "!I", 1000 + i)
        body = template + data
        out += struct.pack("!HHIII", 10, 16 + len(body), 1767323045 + i, i, 9) + body
    return out


class Tools(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(servers=())

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def file(self, content, name="capture"):
        path = os.path.join(self.world.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def decode(self, content, *arguments, want=0):
        code, out, err = self.world.weir("decode", self.file(content), *arguments, config=False)
        self.assertEqual(code, want, err)
        return [json.loads(line) for line in out.splitlines()], err


class Usage(Tools):
    def test_help_of_each_command(self):
        code, out, _ = self.world.weir("--help", config=False)
        self.assertEqual(code, 0)
        commands = re.findall(r"^  ([a-z-]+) +\S", out, re.M)
        wanted = ("up check status decode replay generate top exporters alarms alarm mitigations mitigation mitigate announce "
                  "stop withdraw-all resume jobs job peers routes rule speaker").split()
        self.assertEqual(sorted(set(wanted) - set(commands)), [])
        for command in wanted:
            code, out, err = self.world.weir(command, "--help", config=False)
            self.assertEqual((code, err), (0, ""), command)
            self.assertTrue(out.startswith(f"usage: weir {command}"), out)
            self.assertIn("--json", out)

    def test_wrong_usage_exits_2_and_says_how(self):
        cases = [[], ["--json"], ["nonsense"], ["announce", "match", "destination", "--for", "1h"], ["alarms", "x"], ["alarms", "--alll"], ["alarm"], ["alarm", "a", "b"], ["mitigation"],
                 ["mitigate"], ["mitigate", "m", "--destination", "nowhere"], ["mitigate", "m", "--for", "10"],
                 ["mitigate", "m", "--for"], ["mitigate", "m", "--reason", "x" * 300], ["announce", "match"],
                 ["announce", "--for", "1h"], ["stop"], ["stop", *["m"] * 17], ["withdraw-all", "x"],
                 ["withdraw-all", "--peer", "a", "--method", "b"], ["withdraw-all", "--family", "ipv5"],
                 ["withdraw-all", "--peer", "a b"], ["resume", "--peer", ""], ["jobs", "--limit", "0"], ["job"], ["peers", "x", "y"],
                 ["routes", "x"], ["rule"], ["rule", "a", "b", "c"], ["rule", "--family", "ipv5", "x"], ["rule", "--names", "x"],
                 ["speaker"], ["speaker", "dance"], ["speaker", "status", "--peer", "a"], ["decode"],
                 ["decode", "--text", "--json", "a"], ["replay", "a"], ["replay", "--to", "127.0.0.1:1"],
                 ["replay", "a", "--to", "nowhere"], ["replay", "a", "--to", "127.0.0.1:0"],
                 ["replay", "a", "--to", "127.0.0.1:1", "--speed", "fast"], ["top", "x"], ["exporters", "x"], ["status", "x"],
                 ["replay", "a", "--to", "127.0.0.1:1", "--speed", "1x", "--rate", "1"], ["check", "a", "b"], ["--config"]]
        for arguments in cases:
            code, out, err = self.world.weir(*arguments, config=False)
            self.assertEqual((code, out), (2, ""), arguments)
            self.assertIn("weir", err, arguments)

    def test_help_is_a_command_too(self):
        self.assertEqual(self.world.weir("help", config=False), self.world.weir("--help", config=False))
        self.assertEqual(self.world.weir("help", "stop", config=False), self.world.weir("stop", "--help", config=False))
        self.assertTrue(self.world.weir("help", "peers", config=False)[1].startswith("usage: weir peers [PEER]\n"))

    def test_a_slip_is_told_what_was_meant(self):
        rule = "match destination 198.51.100.7/32 then discard"
        for arguments, wanted in ((["chek"], "there is no command chek, is it weir check; see weir --help"),
                                  (["x" * 300], f"there is no command {'x' * 300}; see weir --help"),
                                  (["announce", rule], "needs --for TIME"), (["announce", "--for", "1h"], "needs a rule"),
                                  (["announce", *rule.split(), "--for", "1h"], "the rule is one argument: put it in quotes"),
                                  (["redis-cli"], "state or telemetry")):
            code, _, err = self.world.weir(*arguments, config=False)
            self.assertEqual(code, 2, arguments)
            self.assertIn(wanted, err, arguments)

    def test_standard_output_that_is_full_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            run = subprocess.run([WEIR, "rule", "--names"], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"cannot write", run.stderr)

    def test_without_a_configuration(self):
        environment = {k: v for k, v in os.environ.items() if k != "WEIR_CONFIG"}
        if os.path.exists("/etc/weir/weir.yaml"):
            self.skipTest("this machine has a configuration")
        run = subprocess.run([WEIR, "alarms"], cwd="/", env=environment, stderr=subprocess.PIPE, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"there is no configuration", run.stderr)


class Check(Tools):
    def test_a_valid_file(self):
        answer = self.world.json("check")
        self.assertTrue(answer["ok"])
        mx1, silent = answer["exporters"]
        threshold = mx1["thresholds"][0]
        self.assertEqual((mx1["name"], mx1["sampling"], silent["sampling"]), ("mx1", 1000, None))
        # 1.645² × 999 packets a second show at all; 5k pps pass from where x - 1.645 sqrt(999 x) is 5k.
        self.assertAlmostEqual(threshold["lowest_pps"], 2702.8, delta=1)
        self.assertAlmostEqual(threshold["lowest_bps"], 2702.8 * 12000, delta=12000)
        x = threshold["passes_from"]["pps"]
        self.assertAlmostEqual(x - 1.6448536 * (999 * x) ** 0.5, 5000, delta=1)
        warnings = "\n".join(answer["warnings"])
        for part in ("mx2 is eBGP", "no-validate", "dry_run: true"):
            self.assertIn(part, warnings)
        self.assertNotIn("TCP", warnings)
        out = self.world.text("check")
        self.assertIn("exporter mx1, sampling 1 in 1000:", out)
        self.assertIn("host-udp critical: shows from 2.7k pps", out)

    def test_an_ebgp_peer_is_told_of_as_its_own_profile_is(self):
        with open(self.world.config, encoding="utf-8") as old:
            text = old.read()
        own = "profiles: [{name: edge, based_on: junos}, {name: lab, based_on: frr}, {name: quiet, based_on: bird}]\n"
        for profile, words in (("edge", "validates Flowspec routes"), ("edge", "no-validate POLICY"),
                               ("lab", "no bgp ebgp-requires-policy"), ("generic", "may validate")):
            path = self.file((own + text.replace("profile: junos", "profile: " + profile)).encode(), profile + ".yaml")
            self.assertIn(words, self.world.weir("check", path, config=False)[1])
        path = self.file((own + text.replace("profile: junos", "profile: quiet")).encode(), "quiet.yaml")
        self.assertNotIn("mx2 is eBGP", self.world.weir("check", path, config=False)[1])

    def test_every_error_with_line_and_column(self):
        path = self.file(b"dry_run: perhaps\nlog: {level: loud}\nnonsense: 1\n", "bad.yaml")
        code, out, err = self.world.weir("check", path, config=False)
        self.assertEqual((code, out), (1, ""))
        self.assertEqual(re.findall(r"bad\.yaml:(\d+):(\d+): ", err), [("1", "10"), ("2", "14"), ("3", "1")])
        self.assertIn("has 3 errors", err)
        code, out, _ = self.world.weir("--json", "check", path, config=False)
        answer = json.loads(out)
        self.assertEqual((code, answer["ok"], [(e["line"], e["column"]) for e in answer["errors"]]),
                         (1, False, [(1, 10), (2, 14), (3, 1)]))
        self.assertEqual(self.world.weir("check", "/nowhere.yaml", config=False)[0], 1)

    def test_what_only_the_model_sees_is_an_error_too(self):
        with open(self.world.config, encoding="utf-8") as file:
            text = file.read().replace("key: [dst_addr]", "key: [protocol]")
        code, _, err = self.world.weir("check", self.file(text.encode(), "model.yaml"), config=False)
        self.assertEqual(code, 1)
        self.assertRegex(err, r"model\.yaml:\d+:\d+: .*infers destination")

    def test_tcp_without_passwords_is_warned_of(self):
        path = self.file(b"redis: {password_dir: none, state: {address: \"192.0.2.5:6379\"}}\n", "tcp.yaml")
        code, out, err = self.world.weir("check", path, config=False)
        self.assertEqual(code, 0, err)
        self.assertIn("TCP", out)
        self.assertIn("who reaches it can announce routes", out)
        self.assertIn("exporters: is empty", out)


class Rule(Tools):
    TEXT = "match destination 198.51.100.45/32 protocol =udp source-port =53 then rate-limit 10Mbps"

    def rule(self, *arguments, config=True):
        code, out, err = self.world.weir("rule", "--json", *arguments, config=config)
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def test_all_forms(self):
        a = self.rule(self.TEXT)
        self.assertEqual((a["family"], a["nlri_hex"], a["communities"], a["simplified"]),
                         ("ipv4", "0c0120c633642d038111068135", ["8006000049989680"], []))
        self.assertEqual(a["text"], self.TEXT.replace("10Mbps", "1250000B/s"))
        self.assertEqual(a["json"]["announce"]["flow"]["match"]["source-port"], 53)
        self.assertEqual(a["guard"], {"ok": True, "refusals": []})
        self.assertEqual(a["profiles"]["gobgp"], "ok")
        self.assertNotEqual(a["profiles"]["openbgpd"], "ok")
        for again in (json.dumps(a["json"]), a["text"]):
            self.assertEqual(self.rule(again), a)
        bare = self.rule(a["nlri_hex"])
        self.assertEqual((bare["nlri_hex"], bare["communities"], bare["order_key"]), (a["nlri_hex"], [], a["order_key"]))
        self.assertEqual(list(bare["json"]), ["withdraw"])

    def test_the_guard_needs_a_configuration(self):
        if not os.path.exists("/etc/weir/weir.yaml"):
            self.assertIsNone(self.rule(self.TEXT, config=False)["guard"])
        refused = self.rule("match destination 192.0.0.0/16 then discard")
        self.assertFalse(refused["guard"]["ok"])
        self.assertIn("not-ours", [r["invariant"] for r in refused["guard"]["refusals"]])
        protected = self.rule("match destination 198.51.100.10/32 then discard")
        self.assertIn("protected", [r["invariant"] for r in protected["guard"]["refusals"]])

    def test_what_was_simplified_is_said(self):
        a = self.rule("match destination 198.51.100.45/32 packet-length >=0 source-port >=53&<=53 then discard")
        self.assertEqual(len(a["simplified"]), 2)
        self.assertTrue(any("packet-length" in line and "dropped" in line for line in a["simplified"]))
        # The same port in two octets.
        self.assertEqual(len(self.rule("0a0120c633642d06910035")["simplified"]), 1)

    def warnings(self, *given):
        return self.rule(*given)["warnings"]

    def test_warnings(self):
        established = "match destination 198.51.100.45/32 protocol =tcp tcp-flags ack then discard"
        self.assertIn("SYN-ACK", self.warnings(established)[0])
        self.assertEqual(self.warnings(established.replace("tcp-flags ack", "tcp-flags syn&!ack")), [])
        self.assertNotIn("established", self.warnings(established.replace("tcp-flags ack", "tcp-flags only syn+ack"))[0])
        # Nothing in it says TCP, and it hits TCP all the same.
        self.assertIn("SYN-ACK", self.warnings("match destination 198.51.100.45/32 destination-port =443 then discard")[0])
        self.assertEqual(self.warnings("match destination 198.51.100.45/32 icmp-type =8 then discard"), [])
        everything = self.warnings("match destination 198.51.100.45/32 then discard")
        self.assertIn("matches everything to the host 198.51.100.45/32", everything[1])
        self.assertIn("no destination", self.warnings("match protocol =udp then discard")[0])
        self.assertIn("T bit", self.warnings(self.TEXT + " terminal")[0])
        self.assertIn("each router limits on its own: 1250000 B/s (10", self.warnings(self.TEXT)[0])

    def test_what_matches_nothing_is_an_error_but_in_what_a_peer_sent(self):
        for text, part in (("port <5&>7", "port <5 and >7 contradict"), ("port =80,<5&>7", "port <5 and >7 contradict"),
                           ("protocol =udp tcp-flags syn", "protocol =udp and tcp-flags syn contradict")):
            code, out, err = self.world.weir("rule", "--json", f"match destination 198.51.100.45/32 {text} then discard")
            self.assertEqual((code, out), (1, ""), text)
            self.assertIn(part, err)
        self.assertIn("matches nothing", self.warnings("060381110981 02".replace(" ", ""))[0])

    def test_a_rate_that_no_float_holds_is_rounded_down_and_said(self):
        a = self.rule(self.TEXT.replace("10Mbps", "16777217B/s"))
        self.assertIn("then rate-limit 16777216B/s", a["text"])
        self.assertIn("rounded down to 16777216B/s", a["simplified"][0])
        self.assertIn("rounded down", a["warnings"][-1])
        for rate in ("0.1B/s", "1e-3bps", "3.3kbps", "123456789.7B/s"):
            a = self.rule(self.TEXT.replace("10Mbps", rate))
            for again in (json.dumps(a["json"]), a["text"]):
                self.assertEqual(self.rule(again)["communities"], a["communities"], rate)
                self.assertEqual(self.rule(again)["simplified"], [], rate)
        code, _, err = self.world.weir("rule", self.TEXT.replace("10Mbps", "1e-60B/s"))
        self.assertEqual(code, 1)
        self.assertIn("rounds to 0, which is discard", err)

    def test_what_becomes_of_it_at_each_profile(self):
        ports = ",".join(f"={port}" for port in range(80, 98, 2))
        a = self.rule(f"match destination 198.51.100.45/32 source-port {ports} then rate-limit 1000B/s")
        self.assertEqual(a["profiles"]["gobgp"], "ok")
        self.assertRegex(a["profiles"]["generic"], r"^as 2 rules: match .* then rate-limit 500B/s; match .* \(generic takes 5 values")
        a = self.rule("match destination 198.51.100.45/32 then redirect-to-ip 2001:db8::1")
        self.assertIn("no redirect of IPv4 to an IPv6 address", a["profiles"]["gobgp"])
        with open(self.world.config, encoding="utf-8") as old:
            text = old.read()
        path = self.file(("profiles: [{name: mx, rate_step: 64kbps}]\n" + text).encode(), "step.yaml")
        a = self.rule("--config", path, "match destination 198.51.100.45/32 then rate-limit 100kbps", config=False)
        self.assertEqual(a["profiles"]["mx"], "ok")
        self.assertIn("profile mx: rate-limit is rounded down to 8000 B/s (64.0 kbps), a multiple of its step", a["warnings"])

    def test_numbers_that_no_packet_has_are_shown_all_the_same(self):
        a = self.rule("0a04015021000111708150")
        self.assertEqual((a["text"], a["nlri_hex"]), ("match port =80,false,=80", "0704015000008150"))
        self.assertIn("70000 is above 65535", a["deviations"][0])

    def test_octets_of_others_are_listed_with_what_is_put_right(self):
        a = self.rule("f00f0118c63364 03d90011 0b81c1 0c8112".replace(" ", ""), "--communities",
                      "8006fde9c9989680,8007000000000001,000c20010db8000000000000000000000001" + "0001")
        self.assertEqual([line.split(":")[0] for line in a["deviations"]],
                         ["octet at offset 0"] + ["octet at offset 8"] * 3 + ["octet at offset 13", "octet at offset 16"]
                         + ["community 0", "community 0"])
        self.assertIn("then discard redirect-to-ip 2001:db8::1 copy terminal", a["text"])
        self.assertEqual(self.rule(self.TEXT)["deviations"], [])
        code, _, err = self.world.weir("rule", "0c0120c633642d038111068135", "--communities", "80060000")
        self.assertEqual((code, "character 1: 16 hex digits" in err), (1, True), err)
        code, _, err = self.world.weir("rule", "0c0120c633642d038111068135", "--communities", "800600007fc00000")
        self.assertEqual((code, "RFC 8955, 7.1" in err), (1, True), err)

    def test_a_rule_that_does_not_show_its_family_takes_the_one_given(self):
        self.assertEqual(self.rule("--family", "ipv6", "match icmp-type =echo-request")["nlri_hex"], "03078180")
        self.assertEqual(self.rule("match icmp-type =echo-request")["nlri_hex"], "03078108")
        given = '{"withdraw": {"flow": {"match": {"icmp-type": "echo-request"}}}}'
        self.assertEqual(self.rule("--family", "ipv6", given)["nlri_hex"], "03078180")

    def test_malformed_input_fails_with_its_place(self):
        cases = {"0701210506070809": "octet at offset 2: destination: prefix length 33", "070": "half an octet",
                 "0b02200a0b0c0d0118050607": r"RFC 8955", "060120c633642d99": "octets behind the NLRI",
                 "match nonsense": "character 7", "{": "character", "": "character 1", "ff": "cut short",
                 "match destination 198.51.100.45/33 then discard": "character"}
        for given, part in cases.items():
            code, out, err = self.world.weir("rule", "--json", given)
            self.assertEqual((code, out), (1, ""), given)
            self.assertRegex(err, part, given)
        self.assertEqual(self.world.weir("rule", "--family", "ipv6", self.TEXT)[0], 1)

    def test_which_of_two_goes_first(self):
        def order(a, b):
            answer = self.rule(a, b)
            return answer["first"], answer["why"]
        host, network = "match destination 198.51.100.45/32", "match destination 198.51.100.0/24 protocol =udp"
        self.assertEqual(order(network, host)[0], 1)
        self.assertIn("more specific", order(network, host)[1])
        self.assertEqual(order(host, host + " protocol =udp")[0], 1)
        self.assertIn("protocol", order(host, host + " protocol =udp")[1])
        self.assertIsNone(order(host, host)[0])
        self.assertIsNone(order(host, "match destination 2001:db8::1/128")[0])
        self.assertIn("rule 1 goes first", self.world.text("rule", host, network))
        for a, b, first, why, draft_first, draft_why in (
                ("destination 198.51.100.0/24", "destination 198.51.0.0/16", 0, "more specific", 1, "less specific"),
                ("destination 10.0.0.0/8", "destination 9.0.0.0/9", 1, "lower address", 0, "less specific"),
                ("protocol =udp", "destination 10.0.0.0/8", 1, "component missing", 1, "component missing"),
                ("protocol =udp", "protocol =udp dscp =1", 1, "with dscp =1 before without", 0, "component missing"),
                ("protocol =udp", "protocol =tcp", 1, "protocol =tcp before protocol =udp: lower octets", 1, "lower octets"),
                ("source 2001:db8::/32", "source ::/16-64", 0, "smaller offset", 0, "less specific")):
            answer = self.rule("match " + a, "match " + b)
            draft = answer["draft6"]
            self.assertEqual((answer["first"], draft["first"]), (first, draft_first), (a, b, answer))
            self.assertIn(why, answer["why"])
            self.assertIn(draft_why, draft["why"])

    def test_the_rules_of_the_documents_are_rules(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
        with open(os.path.join(root, "docs/rules.md"), encoding="utf-8") as file:
            blocks = re.findall(r"(?ms)^```(?:rules|json)\n(.*?)^```", file.read())
        rules = [line for block in blocks for line in block.splitlines()]
        self.assertGreaterEqual(len(rules), 8)
        for given in rules:
            form = self.rule(given)
            self.assertEqual(self.rule(form["text"])["nlri_hex"], form["nlri_hex"], given)
            self.assertEqual(self.rule(json.dumps(form["json"])), self.rule(form["text"]), given)

    def test_names(self):
        names = self.rule("--names")
        self.assertIn({"component": "protocol", "name": "udp", "value": 17, "family": "both"}, names)
        self.assertIn("af41", self.world.text("rule", "--names"))


class Decode(Tools):
    def test_a_packed_file_says_how_to_unpack_it(self):
        path = self.file(gzip.compress(pcap([ethernet(ipv4(udp(netflow5(1))))])), "capture.pcap.gz")
        code, out, err = self.world.weir("decode", path, config=False)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("gzip -dc FILE | weir", err)
        self.assertNotIn("0 records", err)

    def test_a_record_as_documented(self):
        records, err = self.decode(pcap([ethernet(ipv4(udp(netflow5(1))))]))
        self.assertEqual(records, [{
            "format": "netflow5", "exporter": "192.0.2.1", "domain": 3, "time": "2026-01-02T03:04:04.000Z",
            "src_addr": "198.51.100.1", "dst_addr": "203.0.113.9", "src_port": 53, "dst_port": 4444, "protocol": 17, "tos": 0,
            "octets": 15000, "packets": 10, "sampling_rate": 100, "sampling_source": "header", "input_if": 1,
            "output_if": 2, "src_as": 64500, "dst_as": 64501, "src_mask": 24, "dst_mask": 32, "next_hop": "0.0.0.0",
            "duration_ms": 1000}])
        self.assertEqual(err, "1 records in 1 datagrams\n")

    def test_every_way_a_frame_may_come(self):
        packet4, packet6 = ipv4(udp(netflow5(1))), ipv6(udp(netflow5(1)))
        cases = {
            "vlan": pcap([ethernet(packet4, tags=(0x8100,))]), "two tags": pcap([ethernet(packet6, 0x86DD, (0x88A8, 0x8100))]),
            "padding": pcap([ethernet(packet4 + bytes(9))]), "options": pcap([ethernet(ipv4(udp(netflow5(1)), options=bytes(8)))]),
            "big endian": pcap([ethernet(packet4)], order=">"), "cooked": pcap([bytes(14) + b"\x08\x00" + packet4], 113),
            "cooked 2": pcap([b"\x86\xdd" + bytes(18) + packet6], 276), "raw": pcap([packet4, packet6][1:], 101),
            "raw 12": pcap([packet4], 12), "loopback": pcap([b"\x1e\x00\x00\x00" + packet6], 0), "loop": pcap([b"\x00\x00\x00\x02" + packet4], 108),
            "hop-by-hop": pcap([ethernet(ipv6(b"\x11\x00" + bytes(6) + udp(netflow5(1)), 0), 0x86DD)]),
            "atomic fragment": pcap([ethernet(ipv6(b"\x11\x00\x00\x00" + bytes(4) + udp(netflow5(1)), 44), 0x86DD)]),
            "pcapng": pcapng([ethernet(packet4)])}
        for name, content in cases.items():
            records, err = self.decode(content)
            self.assertEqual(len(records), 1, (name, err))
            self.assertEqual(records[0]["octets"], 15000)

    def test_pcapng_of_several_interfaces(self):
        """Each with a link type, a snapshot length and a clock of its own, in either byte order, over several sections."""
        def section(order, interfaces, frames):
            def block(kind, body):
                body += bytes(-len(body) % 4)
                return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)
            out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
            for link, snap, resolution in interfaces:
                option = struct.pack(order + "HHB3xHH", 9, 1, resolution, 0, 0) if resolution else b""
                out += block(1, struct.pack(order + "HHI", link, 0, snap) + option)
            out += block(4, b"\0\0\0\0") + block(0xBAD, bytes(40))
            for interface, time, frame in frames:
                out += block(6, struct.pack(order + "IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(frame), len(frame)) + frame)
            return out
        packet = ipv4(udp(netflow5(1)))
        s = 1767323045
        for order in "<>":
            one = section(order, [(1, 262144, 0), (113, 65535, 9), (101, 0, 0x80 | 20), (105, 100, 0)],
                          [(0, s * 10**6, ethernet(packet)), (1, s * 10**9, bytes(14) + b"\x08\x00" + packet),
                           (2, s << 20, packet), (3, 0, b"wireless")])
            records, err = self.decode(one + section("<", [(12, 0, 0)], [(0, 7, packet)]))
            self.assertEqual(len(records), 4, err)
            self.assertIn("1 frames that are no IP", err)
        for bad, what in ((one[:-3], "ends inside a block"), (one + b"\n\r\r\n" + bytes(12), "no section"),
                          (one + struct.pack(">II", 6, 13), "impossible length"), (one + struct.pack(">II", 6, 16) + bytes(8), "makes no sense"),
                          (one + struct.pack(">II", 6, 1 << 30), "longer than any"), (one[:28] + struct.pack(">II", 1, 16) + bytes(8), "too short")):
            _, err = self.decode(bad, want=1)
            self.assertIn(what, err)
        _, err = self.decode(section("<", [(105, 0, 0)], [(0, 0, b"wireless")]), want=1)
        self.assertIn("(105) are not read", err)

    def test_fragments_are_put_together(self):
        """Exporters send datagrams that are longer than a packet; a capture has their parts, in any order."""
        datagram = udp(netflow5(30))
        parts = [(at, datagram[at:at + 496]) for at in range(0, len(datagram), 496)]
        more = [at + 496 < len(datagram) for at, _ in parts]
        four = [ethernet(ipv4(part, fragment=at // 8 | (0x2000 if m else 0))) for (at, part), m in zip(parts, more)]
        six = [ethernet(ipv6(b"\x11\x00" + (at | m).to_bytes(2, "big") + b"\0\0\0\7" + part, 44), 0x86DD)
               for (at, part), m in zip(parts, more)]
        self.assertEqual(len(four), 3)
        for frames in (four, four[::-1], six, [six[1], six[0], six[2]], [four[0], four[0], four[1], four[2]]):
            records, err = self.decode(pcap(frames))
            self.assertEqual(len(records), 30, err)
            self.assertIn("30 records in 1 datagrams", err)
            self.assertNotIn("fragments", err)
        records, err = self.decode(pcap(four[:2] + six[1:] + four[2:]))
        self.assertEqual(len(records), 30)
        self.assertIn("2 IP fragments of datagrams that are not whole", err)

    def test_what_is_skipped_is_counted(self):
        frames = [ethernet(b"", 0x0806), ethernet(ipv4(b"x", protocol=6)), ethernet(ipv4(udp(netflow5(1)), fragment=0x2000)),
                  ethernet(ipv4(udp(netflow5(1)), fragment=7)), ethernet(ipv4(b"short")), ethernet(b"\x45"),
                  ethernet(ipv6(b"\x11\x00\x00\x01" + bytes(4), 44), 0x86DD), ethernet(ipv4(udp(b"\x00\x05", length=900))),
                  ethernet(ipv4(udp(b"\xff" * 40))), b"", ethernet(ipv4(udp(netflow5(2)[:-1])))]
        records, err = self.decode(pcap(frames))
        self.assertEqual(len(records), 0)
        for part in ("1 frames that are no IP", "1 packets that are no UDP", "3 IP fragments", "3 packets that break",
                     "1 datagrams that the capture does not hold whole", "(VERSION)", "(COUNT)", "0 records in 3 datagrams"):
            self.assertIn(part, err)

    def test_an_ipfix_file(self):
        records, err = self.decode(ipfix_file(3))
        self.assertEqual([r["octets"] for r in records], [1000, 1001, 1002])
        self.assertEqual((records[0]["format"], records[0]["domain"], "exporter" in records[0]), ("ipfix", 9, False))
        records, err = self.decode(ipfix_file(2) + b"\x00\x0a\x00", want=1)
        self.assertEqual(len(records), 2)
        self.assertIn("octet 104: the file ends inside a message", err)
        records, err = self.decode(ipfix_file(1) + b"\x00" * 40, want=1)
        self.assertIn("octet 52: no IPFIX message begins here", err)
        self.assertEqual(len(records), 1)

    def test_names_that_one_file_tells_are_not_another_s(self):
        def message(*sets):
            body = b"".join(struct.pack("!HH", number, len(content) + 4) + content for number, content in sets)
            return struct.pack("!HHIII", 10, 16 + len(body), 1767323045, 0, 9) + body
        own = (2, struct.pack("!HHHHHHI", 256, 2, 8, 4, 0x8000 | 57, 3, 35632)), (256, socket.inet_aton("192.0.2.7") + b"DNS")
        told = ((3, struct.pack("!HHHHHHHHHHH", 257, 4, 2, 346, 4, 303, 2, 339, 1, 341, 65535)),
                (257, struct.pack("!IHB", 35632, 57, 13) + b"\x07L7_NAME"))
        one, other = self.file(message(*told, *own), "one"), self.file(message(*own), "other")
        captured = self.file(pcap([ethernet(ipv4(udp(message(*told, *own))))]), "captured")
        for first in (one, captured):
            code, out, err = self.world.weir("decode", first, other, "--all-fields", config=False)
            self.assertEqual(code, 0, err)
            fields = [json.loads(line)["fields"] for line in out.splitlines()]
            self.assertEqual([f.get("L7_NAME") for f in fields], ["DNS", None], out)
            self.assertEqual(fields[1]["e35632id57"], "444e53")

    def test_data_before_its_template(self):
        whole = ipfix_file(2)
        message, template = whole[:52], whole[16:36]
        early = struct.pack("!HH", 10, 32) + message[4:16] + message[36:]
        told = struct.pack("!HH", 10, 36) + message[4:16] + template
        records, err = self.decode(early + told)
        self.assertEqual(records, [])
        self.assertIn("(NO_TEMPLATE)", err)
        records, err = self.decode(early + told, "--hold-back")
        self.assertEqual([r["octets"] for r in records], [1000])
        self.assertIn("1 data sets before their template that were decoded when it came", err)

    def test_cut_and_foreign_files(self):
        whole = pcap([ethernet(ipv4(udp(netflow5(1))))] * 2)
        records, err = self.decode(whole[:-10], want=1)
        self.assertEqual(len(records), 1)
        self.assertIn("after frame 1", err)
        for content, part in ((b"", "empty"), (b"#!/bin/sh\n", "unknown file format"), (b"\xd4\xc3\xb2\xa1", "truncated"),
                              (pcap([b"x"], link=105), "link type")):
            records, err = self.decode(content, want=1)
            self.assertEqual(records, [])
            self.assertIn(part, err)
        self.assertEqual(self.world.weir("decode", "/nowhere.pcap", config=False)[0], 1)
        self.assertEqual(self.world.weir("decode", "/", config=False)[0], 1)

    def test_every_cut_of_a_capture_is_survived(self):
        whole = pcap([ethernet(ipv4(udp(netflow5(1))))])
        for cut in range(0, len(whole), 7):
            code, out, err = self.world.weir("decode", "-", stdin=whole[:cut], config=False)
            self.assertIn(code, (0, 1), err)
            self.assertEqual(out, "")

    def test_standard_input_and_text(self):
        code, out, _ = self.world.weir("decode", "-", "--text", stdin=pcap([ethernet(ipv4(udp(netflow5(2))))]), config=False)
        self.assertEqual(code, 0)
        self.assertEqual(len(out.splitlines()), 2)
        self.assertIn("198.51.100.1:53 > 203.0.113.9:4444 protocol 17 15000 octets 10 packets if 1>2 1:100 (header)", out)

    def test_a_named_configuration_overrides_sampling(self):
        path = self.file(pcap([ethernet(ipv4(udp(netflow5(1))))]))
        record = json.loads(self.world.text("decode", path))
        self.assertEqual((record["sampling_rate"], record["sampling_source"]), (1000, "override"))


class Replay(Tools):
    def setUp(self):
        self.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.receiver.bind(("127.0.0.1", 0))
        self.receiver.settimeout(20)
        self.addCleanup(self.receiver.close)
        self.to = f"127.0.0.1:{self.receiver.getsockname()[1]}"

    def replay(self, content, *arguments):
        return self.world.json("replay", self.file(content), "--to", self.to, *arguments)

    def received(self, count):
        """[(datagram, address of its sender)]"""
        got = [self.receiver.recvfrom(65536) for _ in range(count)]
        return [data for data, _ in got], [sender[0] for _, sender in got]

    def test_datagrams_arrive_as_they_were(self):
        sent = [netflow5(i + 1) for i in range(4)]
        answer = self.replay(pcap([ethernet(ipv4(udp(d))) for d in sent] + [ethernet(b"", 0x0806)]))
        self.assertGreater(answer.pop("seconds"), 0.003)
        self.assertGreaterEqual(answer.pop("most_late_us"), 0)
        self.assertEqual(answer, {"sent": 4, "octets": sum(map(len, sent)), "send_failures": 0, "refused": 0, "skipped": 1, "cut": 0,
                                  "fragments": 0, "reassembled": 0, "exporters": 1})
        self.assertEqual(self.received(4)[0], sent)

    def test_their_times_are_kept(self):
        sent = [netflow5(i % 30 + 1, f"198.51.100.{i}") for i in range(41)]
        at = []
        path = self.file(pcap([ethernet(ipv4(udp(d))) for d in sent], step_us=25_000))
        process = subprocess.Popen([WEIR, "replay", path, "--to", self.to, "--json"], stdout=subprocess.PIPE, text=True)
        for data in sent:
            self.assertEqual(self.receiver.recv(65536), data)
            at.append(time.monotonic())
        answer = json.loads(process.communicate(timeout=60)[0])
        # This machine may be busy: its kernel can make any of them late, and none early.
        off = sorted(abs(t - at[0] - i * 0.025) for i, t in enumerate(at))
        self.assertLess(off[len(off) // 2], 0.010, off)
        self.assertGreaterEqual(answer["seconds"], 1.0)

    def test_speed_and_rate(self):
        content = pcap([ethernet(ipv4(udp(netflow5(1))))] * 3, step_us=20_000_000)
        self.assertEqual(self.replay(content, "--speed", "1000x")["sent"], 3)
        self.assertEqual(self.replay(content, "--rate", "1k")["sent"], 3)
        self.assertIn("sent 3 datagrams", self.world.text("replay", self.file(content), "--to", self.to, "--rate", "10k"))
        many = pcap([ethernet(ipv4(udp(netflow5(1))))] * 500, step_us=20_000_000)
        self.assertGreater(self.replay(many, "--rate", "1k")["seconds"], 0.499)
        fast = self.replay(many, "--rate", "max")
        self.assertEqual((fast["sent"], fast["send_failures"]), (500, 0))

    def test_it_is_played_several_times(self):
        sent = [netflow5(i + 1) for i in range(3)]
        answer = self.replay(pcap([ethernet(ipv4(udp(d))) for d in sent]), "--loop", "4")
        self.assertEqual(answer["sent"], 12)
        self.assertEqual(self.received(12)[0], sent * 4)

    def test_standard_input_is_played_as_it_comes(self):
        process = subprocess.Popen([WEIR, "replay", "-", "--to", self.to], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        content = pcap([ethernet(ipv4(udp(netflow5(n)))) for n in (1, 2)])
        process.stdin.write(content[:-20])
        process.stdin.flush()
        self.assertEqual(self.received(1)[0], [netflow5(1)])  # though the second is not whole yet
        process.stdin.write(content[-20:])
        process.stdin.close()
        self.assertEqual(self.received(1)[0], [netflow5(2)])
        self.assertIn(b"sent 2 datagrams", process.stdout.read())
        process.stdout.close()
        self.assertEqual(process.wait(60), 0)

    def test_exporters_stay_apart(self):
        frames = [ethernet(ipv4(udp(netflow5(n), sport=sport), source=source)) for n, (source, sport) in enumerate(
            (("192.0.2.1", 5000), ("192.0.2.7", 5000), ("192.0.2.1", 6000), ("192.0.2.8", 5000), ("192.0.2.7", 5000)), 1)]
        content, want = pcap(frames), [netflow5(n) for n in range(1, 6)]
        path = self.file(content)
        for arguments, wanted in ((("--exporters-as", "127.0.9.0/29"), [1, 2, 1, 3, 2]),
                                  (("--exporters-as", "127.0.9.0/29", "--map", "192.0.2.7=127.0.9.1"), [2, 1, 2, 3, 1]),
                                  (("--from", "127.0.9.4"), [4] * 5),
                                  (("--from", "127.0.9.4", "--map", "192.0.2.7=127.0.9.6,192.0.2.9=127.0.9.5"), [4, 6, 4, 4, 6])):
            code, out, err = self.world.weir("replay", path, "--to", self.to, "--json", *arguments)
            self.assertEqual((code, json.loads(out)["exporters"]), (0, 3), err)
            self.assertEqual(self.received(5), (want, [f"127.0.9.{n}" for n in wanted]))
            self.assertEqual("3 exporters of the capture came from one address" in err, arguments == ("--from", "127.0.9.4"), err)
        for arguments, words in ((("--exporters-as", "127.0.9.0/31"), "more exporters than 127.0.9.0/31 has addresses"),
                                 (("--from", "192.0.2.250"), "cannot send from 192.0.2.250")):
            code, _, err = self.world.weir("replay", path, "--to", self.to, *arguments)
            self.assertEqual(code, 1)
            self.assertIn(words, err)

    def test_thousands_of_exporters_stay_apart(self):
        count = 4200
        frames = [ethernet(ipv4(udp(netflow5(1)), source=f"10.1.{n >> 8}.{n & 255}")) for n in range(count)]
        path = self.file(pcap(frames, step_us=200))
        process = subprocess.Popen([WEIR, "replay", path, "--to", self.to, "--json", "--exporters-as", "127.77.0.0/16"], stdout=subprocess.PIPE,
                                   text=True)
        senders = set(self.received(count)[1])
        answer = json.loads(process.communicate(timeout=60)[0])
        self.assertEqual((process.returncode, answer["exporters"], len(senders)), (0, count, count))

    def test_a_long_pause_is_kept_and_said(self):
        path = self.file(pcap([ethernet(ipv4(udp(netflow5(1))))] * 2, step_us=3_600_000_000))
        process = subprocess.Popen([WEIR, "replay", path, "--to", self.to, "--json", "--speed", "2x"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.received(1)
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        self.assertIn("after 1 datagrams the capture pauses for 30m", said)
        self.assertEqual((process.returncode, json.loads(out)["sent"]), (0, 1))

    def test_what_could_not_be_sent_is_a_failure(self):
        # An IPFIX file may have messages that no UDP datagram holds.
        big = struct.pack("!HHIII", 10, 65528, 1767323045, 1, 9) + struct.pack("!HH", 256, 65512) + bytes(65508)
        code, out, err = self.world.weir("replay", self.file(ipfix_file(1) + big * 9), "--to", self.to, "--json")
        self.assertEqual((code, json.loads(out)["sent"], json.loads(out)["send_failures"]), (1, 1, 9), err)
        self.assertIn("weir replay: 9 of 10 datagrams could not be sent: Message too long", err)

    def test_nobody_who_listens_is_a_failure(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            to = f"127.0.0.1:{free.getsockname()[1]}"
        path = self.file(pcap([ethernet(ipv4(udp(netflow5(1))))] * 200))
        code, out, err = self.world.weir("replay", path, "--to", to, "--rate", "max", "--json")
        self.assertEqual(code, 1)
        self.assertGreaterEqual(json.loads(out)["refused"], 190)
        self.assertRegex(err, "nobody listened there for (1[0-9]{2}|200) of 200 datagrams")

    def test_nobody_who_listens_is_known_of_the_last_datagram(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            to = f"127.0.0.1:{free.getsockname()[1]}"
        for exporters in (1, 300):
            frames = [ethernet(ipv4(udp(netflow5(1)), source=f"192.0.{n >> 8}.{n & 255}")) for n in range(exporters)]
            for arguments in ((), ("--exporters-as", "127.0.8.0/22")):
                with self.subTest(exporters=exporters, arguments=arguments):
                    code, out, err = self.world.weir("replay", self.file(pcap(frames)), "--to", to, "--rate", "max", "--json", *arguments)
                    answer = json.loads(out)
                    self.assertEqual((code, answer["sent"]), (1, exporters), err)
                    # A kernel that is busy keeps some of many refusals to itself.
                    self.assertIn(answer["refused"], range(exporters - exporters // 30, exporters + 1), err)
                    self.assertIn(f"nobody listened there for {answer['refused']} of {exporters} datagrams", err)

    def test_other_ports_are_left_out(self):
        frames = [ethernet(ipv4(udp(netflow5(n), dport=port))) for n, port in enumerate((2055, 53, 2055), 1)]
        answer = self.replay(pcap(frames), "--port", "2055")
        self.assertEqual((answer["sent"], answer["skipped"]), (2, 1))
        self.assertEqual(self.received(2)[0], [netflow5(1), netflow5(3)])

    def test_fragments_are_put_together(self):
        big, small = netflow5(30) * 3, netflow5(1)
        for version, wrap, kind in ((4, ipv4_fragments, 0x0800), (6, ipv6_fragments, 0x86DD)):
            with self.subTest(version=version):
                parts = wrap(udp(big), 1480)
                frames = [ethernet(f, kind) for f in (parts[1], parts[0], *parts[2:])] + [ethernet(ipv4(udp(small)))]
                lost = [ethernet(f, kind) for f in wrap(udp(big), 1480, number=9)[:-1]]
                answer = self.replay(pcap(lost[:1] + frames + lost[1:]))
                self.assertEqual((answer["sent"], answer["reassembled"], answer["fragments"]), (2, 1, len(lost)))
                self.assertEqual(self.received(2)[0], [big, small])

    def test_ipfix_files(self):
        content = ipfix_file(3)
        self.assertEqual(self.replay(content, "--rate", "max")["sent"], content_messages := len(self.messages(content)))
        self.assertEqual(self.received(content_messages)[0], self.messages(content))

    @staticmethod
    def messages(content):
        found, at = [], 0
        while at < len(content):
            length = struct.unpack_from("!H", content, at + 2)[0]
            found.append(content[at:at + length])
            at += length
        return found

    def test_an_interrupt_ends_it_with_its_report(self):
        path = self.file(pcap([ethernet(ipv4(udp(netflow5(1))))] * 2, step_us=50_000_000))
        process = subprocess.Popen([WEIR, "replay", path, "--to", self.to, "--json", "--loop", "0"], stdout=subprocess.PIPE, text=True)
        self.received(1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        self.assertEqual((process.returncode, json.loads(out)["sent"]), (0, 1))

    def test_what_is_wrong_is_said(self):
        self.assertEqual(self.world.weir("replay", self.file(b"rubbish"), "--to", self.to)[0], 1)
        path = self.file(pcap([ethernet(ipv4(udp(netflow5(1))))]))
        for arguments, words in ((("--loop", "often"), "--loop often"), (("--map", "192.0.2.1"), "FROM=AS"),
                                 (("--map", "192.0.2.1=there"), "two addresses"), (("--port", "0"), "from 1 to 65535"),
                                 (("--exporters-as", "x"), "a prefix"), (("--rate", "fast"), "or max"),
                                 (("--from", "127.0.0.1", "--exporters-as", "127.0.1.0/24"), "exclude each other")):
            code, _, err = self.world.weir("replay", path, "--to", self.to, *arguments)
            self.assertEqual(code, 2)
            self.assertIn(words, err)
        code, _, err = self.world.weir("replay", "-", "--to", self.to, "--loop", "2", stdin=b"")
        self.assertEqual(code, 2)
        self.assertIn("a file, which can be read again", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
