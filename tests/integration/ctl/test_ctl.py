#!/usr/bin/env python3
"""The commands that talk to Redis, each on a known state: what they print for people and for programs, and how they
end. Needs $WEIR and $PUT_STATE, redis-server and redis-cli."""
import json
import os
import re
import socket
import signal
import struct
import sys
import time
import subprocess
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lib.resp import Redis
from world import PUT_STATE, World

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class KnownState(unittest.TestCase):
    """Nothing here changes what is in Redis."""

    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.world.put_state()
        redis = cls.world.redis
        redis("state", "SET", "weir:epoch:policy", "41")
        redis("state", "SET", "weir:lease:policy", "p1:run-7")
        redis("state", "HSET", "weir:peer:sp1:mx1", "speaker", "sp1", "peer", "mx1", "address", "192.0.2.1:179", "state",
              "established", "routes_ipv4", "2", "routes_ipv6", "0", "wanted", "2", "last_error", "x\x1b[2J", "profile",
              "gobgp")
        for kind, name, config in (("policy", "p1", "aaaa"), ("collector", "c1", "bbbb"), ("aggregator", "a1", "aaaa")):
            redis("t1", "HSET", f"weir:process:{kind}:{name}", "version", "0.1.0", "config", config, "epoch",
                  "1767323045000", "pid", "77", "offset_ms", "-3")
        redis("t1", "HSET", "weir:exporter:192.0.2.1", "name", "mx1", "collector", "c1", "formats", "netflow9 ipfix",
              "sampling_rate", "1000", "sampling_source", "override", "templates", "4", "records", "123456",
              "sequence_lost", "2", "refused", "0", "two_senders", "1", "last_seen", "1767323045000")
        redis("t1", "HSET", "weir:exporter:2001:db8::7", "collector", "c1\x1b[31m", "formats", "sflow5", "sampling_rate",
              "333.3", "sampling_source", "sample")

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def test_alarms_newest_first(self):
        alarms = self.world.json("alarms")
        self.assertEqual([a["id"] for a in alarms], ["a-2", "a-1"])
        a = alarms[1]
        self.assertEqual((a["policy"], a["key"], a["state"], a["severity"], a["threshold"], a["window_ms"]),
                         ("host-udp", "dst_addr=198.51.100.45", "active", "critical", "bps 1.00 Gbps", 1000))
        self.assertEqual(a["rates"]["now"],
                         {"bps": 2e9, "pps": 500000, "fps": 1000, "bps_low": 1.9e9, "bps_high": 2.1e9})
        self.assertEqual((a["rates"]["peak"]["bps"], a["rates"]["at_crossing"]["bps"]), (2.5e9, 1.2e9))
        self.assertEqual((a["times"]["crossed_ms"], a["times"]["active_ms"], a["times"]["ended_ms"]),
                         (1767323045000, 1767323045005, None))
        self.assertEqual(a["contributors"], [{"exporter": "192.0.2.1", "share": 0.625}])
        self.assertEqual((a["mitigations"], a["not_mitigated"]), (["m-1"], None))
        self.assertEqual((alarms[0]["mitigations"], alarms[0]["not_mitigated"]), ([], "protected"))

    def test_alarms_all_has_ended_ones(self):
        self.assertEqual([a["id"] for a in self.world.json("alarms", "--all")], ["a-2", "a-1", "a-0"])
        self.assertIn("a-0", self.world.text("alarms", "--all"))

    def test_alarm_text(self):
        out = self.world.text("alarm", "a-1")
        for part in ("a-1", "active, critical", "2.00 Gbps (1.90 Gbps to 2.10 Gbps)", "192.0.2.1 62.5%", "m-1",
                     "2026-01-02T03:04:05.000Z"):
            self.assertIn(part, out)
        self.assertEqual(self.world.json("alarm", "a-1")["revision"], 7)

    def test_what_is_not_there(self):
        for arguments in (("alarm", "a-77"), ("mitigation", "m-77"), ("job", "m-77"), ("job", "1-1"),
                          ("routes", "--peer", "mx9")):
            code, out, err = self.world.weir(*arguments)
            self.assertEqual((code, out), (1, ""))
            self.assertIn(arguments[-1], err)

    def test_mitigations(self):
        all_of_them = self.world.json("mitigations", "--all")
        self.assertEqual([m["id"] for m in all_of_them], ["m-3", "m-2", "m-1", "m-0"])
        self.assertEqual([m["id"] for m in self.world.json("mitigations")], ["m-3", "m-2", "m-1"])
        m = all_of_them[2]
        self.assertEqual((m["state"], m["dry_run"], m["alarm"], m["origin"], m["who"], m["method"], m["revision"]),
                         ("active", False, "a-1", "alarm", None, "limit-udp", 3))
        self.assertEqual(m["nlri"], "0b0118c63364038111068135")
        self.assertEqual(m["communities"], ["8006000049989680"])
        self.assertEqual((m["peers"], all_of_them[1]["peers"]), ([], ["mx1"]))
        self.assertEqual(m["results"], {"sp1/mx1": "sent"})
        self.assertEqual((m["times"]["crossed_ms"], m["times"]["decided_ms"], m["times"]["active_ms"]),
                         (1767323045000, 1767323045008, 1767323045022))
        self.assertEqual(all_of_them[1]["results"], {"sp1/mx1": "refused: too wide"})
        out = self.world.text("mitigations")
        for part in ("1 sent", "1 refused", "1 dry-run", "active (dry run)", "alice@noc"):
            self.assertIn(part, out)
        self.assertIn("refused: too wide", self.world.text("mitigation", "m-2"))

    def test_hostile_strings_are_shown_and_not_obeyed(self):
        for arguments in (("alarms",), ("alarm", "a-2"), ("mitigations", "--all"), ("mitigation", "m-2"), ("peers",),
                          ("exporters",), ("status",)):
            code, out, err = self.world.weir(*arguments)
            self.assertEqual(code, 0, err)
            self.assertIsNone(CONTROL.search(out + err), arguments)
        self.assertIn("evil\\x1b]0;x\\x07", self.world.text("alarms"))
        self.assertIn("red\\x1b[31mtext\ufffd", self.world.text("mitigation", "m-2"))
        self.assertEqual(self.world.json("mitigation", "m-2")["reason"], "red\x1b[31mtext\ufffd")

    def test_jobs_with_their_results(self):
        jobs = self.world.json("jobs")
        self.assertEqual([(j["id"], j["mitigation"], j["verb"]) for j in jobs],
                         [("1767323045020-0", "m-2", "announce"), ("1767323045008-0", "m-1", "announce"), ("1767323045006-0", "m-2", "announce")])
        self.assertEqual(jobs[1]["results"], [{"speaker": "sp1", "peer": "mx1", "result": "sent", "reason": None,
                                               "at_ms": 1767323045012, "since_crossed_ms": 12.5}])
        # An answer belongs to the last job before it, whatever the revision was by then.
        self.assertEqual([[(r["result"], r["reason"]) for r in jobs[i]["results"]] for i in (0, 2)], [[("refused", "too wide")], [("held", "drill")]])
        self.assertEqual([j["id"] for j in self.world.json("jobs", "--failed")], ["1767323045020-0"])
        self.assertEqual(self.world.json("job", "1767323045006-0"), [jobs[2]])
        self.assertEqual(self.world.json("job", "m-2"), [jobs[0], jobs[2]])
        self.assertEqual(len(self.world.json("jobs", "--limit", "1")), 1)
        self.assertIn("sp1/mx1 refused: too wide", self.world.text("jobs"))
        self.assertEqual(self.world.json("job", "1767323045008-0"), self.world.json("job", "m-1"))
        self.assertIn("12.5 ms after the threshold", self.world.text("job", "m-1"))

    def test_peers_and_those_nobody_tells_of(self):
        peers = {p["peer"]: p for p in self.world.json("peers")}
        self.assertEqual((peers["mx1"]["state"], peers["mx1"]["routes_ipv4"], peers["mx1"]["address"]),
                         ("established", 2, "192.0.2.1:179"))
        self.assertEqual((peers["mx2"]["state"], peers["mx2"]["speaker"]), ("unknown", None))
        self.assertIn("established", self.world.text("peers"))

    def test_routes_in_rule_order(self):
        def ids(*arguments):
            return [(r["peer"], r["mitigation"]) for r in self.world.json("routes", *arguments)]
        self.assertEqual(ids("--peer", "mx1"), [("mx1", "m-3"), ("mx1", "m-2"), ("mx1", "m-1")])
        # A host goes before its network, and IPv4 is shown before IPv6.
        self.assertEqual(ids("--peer", "mx1", "--order"), [("mx1", "m-2"), ("mx1", "m-1"), ("mx1", "m-3")])
        self.assertEqual(ids()[3:], [("mx2", "m-3"), ("mx2", "m-1")])
        route = self.world.json("routes", "--peer", "mx1", "--order")[0]
        self.assertEqual((route["results"], route["dry_run"]), ({"sp1": "refused: too wide"}, False))
        self.assertIn("draft-ietf-idr-flow-spec-06", self.world.weir("routes", "--order")[2])
        # A router of that profile, or of one's own with that order, has the network before its host.
        for profile, own in (("junos", ""), ("edge", "profiles: [{name: edge, based_on: gobgp, order: draft-6}]\n")):
            path = os.path.join(self.world.folder, profile + ".yaml")
            with open(self.world.config, encoding="utf-8") as old, open(path, "w", encoding="utf-8") as new:
                new.write(own + old.read().replace("profile: gobgp", "profile: " + profile))
            code, out, err = self.world.weir("--config", path, "--json", "routes", "--peer", "mx1", "--order", config=False)
            self.assertEqual((code, [r["mitigation"] for r in json.loads(out)]), (0, ["m-1", "m-2", "m-3"]), err)
            self.assertIn("that of profile " + profile, err)

    def test_exporters_heard_and_not(self):
        exporters = {e["address"]: e for e in self.world.json("exporters")}
        e = exporters["192.0.2.1"]
        self.assertEqual((e["heard"], e["sampling_rate"], e["templates"], e["sequence_lost"], e["two_senders"]),
                         (True, 1000, 4, 2, 1))
        self.assertEqual(exporters["2001:db8::7"]["sampling_rate"], 333.3)
        self.assertEqual(exporters["192.0.2.7/32"], {"address": "192.0.2.7/32", "name": "silent", "heard": False})
        out = self.world.text("exporters")
        for part in ("1:1000 (override)", "netflow9 ipfix", "123k", "NOT HEARD", "TWO SENDERS"):
            self.assertIn(part, out)

    def test_a_rate_that_nobody_says_is_not_shown_as_known_and_two_that_differ_are(self):
        self.world.redis("t1", "HSET", "weir:exporter:192.0.2.78", "sampling_rate", "1", "sampling_source", "default",
                         "sampling_contradictions", "3", "sampling_contradiction", "override 100, options 1000")
        out, listed = self.world.text("exporters"), {e["address"]: e for e in self.world.json("exporters")}
        self.world.redis("t1", "DEL", "weir:exporter:192.0.2.78")
        row = next(line for line in out.splitlines() if line.startswith("192.0.2.78"))
        for part in ("unknown, as 1:1", "RATES CONTRADICT: override 100, options 1000"):
            self.assertIn(part, row)
        self.assertEqual((listed["192.0.2.78"]["sampling_known"], listed["192.0.2.1"]["sampling_known"]), (False, True))
        self.assertEqual(listed["192.0.2.78"]["sampling_contradictions"], 3)

    def test_the_domains_of_an_exporter(self):
        domains = [{"format": "ipfix", "domain": 7, "sampling_rate": 512, "sampling_source": "options", "records": 12, "sequence_lost": 3,
                    "sequence_unit": "records", "templates": 1, "last_seen": 1767323045000, "refused": {"NO_TEMPLATE": 2},
                    "template_list": [{"id": 256, "options": False, "fields": 9, "told": 1767323000000}]}]
        for text, want in ((json.dumps(domains), domains), ("[{", None), ("7", None)):
            self.world.redis("t1", "HSET", "weir:exporter:192.0.2.79", "formats", "ipfix", "domain_list", text)
            out, listed = self.world.text("exporters", "--domains"), {e["address"]: e for e in self.world.json("exporters")}
            self.world.redis("t1", "DEL", "weir:exporter:192.0.2.79")
            self.assertEqual(listed["192.0.2.79"].get("domain_list"), want)
            if want:
                for part in ("ipfix", "1:512 (options)", "3 records", "NO_TEMPLATE 2"):
                    self.assertIn(part, next(line for line in out.splitlines() if line.startswith("192.0.2.79")))

    def test_the_interfaces_of_an_exporter(self):
        interfaces = [{"agent": "192.0.2.80", "sub_agent": 0, "interface": 3, "up": True, "speed_bps": 10**10, "restarts": 0,
                       "in_bps": 2.5e9, "out_bps": 1e6, "in_pps": 250000, "out_pps": 100, "in_errors": 0.5, "out_errors": 0.25,
                       "in_discards": 7, "out_discards": 0, "sampled_in": {"share": 0.1, "error": 0.02, "verdict": "low"},
                       "read": 1767323045000},
                      {"agent": "10.0.0.1", "sub_agent": 2, "interface": 4, "up": False, "speed_bps": 0, "restarts": 1,
                       "read": 1767323045000}]
        warning = "interface 3 in: samples show 0.10 of what it counted"
        for text, want in ((json.dumps(interfaces), interfaces), ("[{", None), ("7", None), ("[7, null, {}]", [7, None, {}])):
            self.world.redis("t1", "HSET", "weir:exporter:192.0.2.80", "formats", "sflow5", "interfaces", "2", "interfaces_wrong", "1",
                             "interface_warning", warning if want == interfaces else "", "interface_list", text)
            out, listed = self.world.text("exporters", "--interfaces"), {e["address"]: e for e in self.world.json("exporters")}
            plain = self.world.text("exporters")
            self.world.redis("t1", "DEL", "weir:exporter:192.0.2.80")
            self.assertEqual(listed["192.0.2.80"].get("interface_list"), want)
            self.assertEqual(f"RATE IN DOUBT: {warning}" in plain, want == interfaces)
            if want == interfaces:
                rows = [line for line in out.splitlines() if line.startswith("192.0.2.80")]
                self.assertRegex(rows[0], r"- +3 +up +10.0 Gbps +2.50 Gbps +250k +1.00 Mbps +100 +0.75 +7 +0.10 \+-0.02 +- +\S+ +RATE IN DOUBT$")
                self.assertRegex(rows[1], r"10.0.0.1 2 +4 +down +\? +\? +\? +\? +\? +\? +\? +- +- +\S+ +-$")
            else:
                self.assertNotIn("interface_warning", listed["192.0.2.80"])
        self.assertEqual(self.world.weir("exporters", "--domains", "--interfaces")[0], 2)

    def test_an_sflow_agent_s_lost_samples(self):
        domains = [{"format": "sflow5", "domain": 0, "agent": "192.0.2.9", "records": 12, "sequence_lost": 3, "sequence_unit": "datagrams",
                    "sources": 2, "samples_lost": 40, "source_list": [{"class": 0, "index": 7, "rate": 1000, "samples_lost": 40}],
                    "last_seen": 1767323045000, "refused": {}, "template_list": []}]
        self.world.redis("t1", "HSET", "weir:exporter:192.0.2.81", "formats", "sflow5", "samples_lost", "40", "restarts", "1",
                         "domain_list", json.dumps(domains))
        out, listed = self.world.text("exporters", "--domains"), {e["address"]: e for e in self.world.json("exporters")}
        self.world.redis("t1", "DEL", "weir:exporter:192.0.2.81")
        self.assertIn("3 datagrams, 40 samples", next(line for line in out.splitlines() if line.startswith("192.0.2.81")))
        got = listed["192.0.2.81"]
        self.assertEqual((got["domain_list"], got["samples_lost"], got["restarts"]), (domains, 40, 1))

    def test_what_an_exporter_s_hash_does_not_say_is_unknown(self):
        for fields in (("records", "7"), ("sampling_rate", "often", "last_seen", "never")):
            self.world.redis("t1", "HSET", "weir:exporter:192.0.2.77", *fields)
            out = self.world.text("exporters")
            self.world.redis("t1", "DEL", "weir:exporter:192.0.2.77")
            row = next(line.split() for line in out.splitlines() if line.startswith("192.0.2.77"))
            records = "7" if "records" in fields else "?"
            self.assertEqual(row, ["192.0.2.77", "-", "?", "?", "?", "?", records, "?", "?", "?", "-"])

    def test_status_tells_what_differs(self):
        status = self.world.json("status")
        self.assertEqual((status["leader"], status["epoch"], status["alarms"], status["mitigations"]),
                         ("p1", 41, 2, 3))
        self.assertEqual([(r["role"], r["name"], r["up"]) for r in status["redis"]],
                         [("state", "state", True), ("telemetry", "t1", True)])
        self.assertEqual(sorted((p["kind"], p["name"], p["pid"]) for p in status["processes"]),
                         [("aggregator", "a1", 77), ("collector", "c1", 77), ("policy", "p1", 77)])
        warnings = "\n".join(status["warnings"])
        self.assertIn("no speaker is alive", warnings)
        self.assertIn("collector c1 RUNS ANOTHER CONFIGURATION: bbbb", warnings)
        self.assertIn("! no speaker is alive", self.world.text("status"))
        self.assertNotIn("STATE LOST", self.world.text("status"))

    def test_status_tells_of_routes_that_the_state_server_has_lost(self):
        self.world.redis("t1", "HSET", "weir:process:speaker:sp1", "version", "0.1.0", "epoch", "1767323045000", "missing", "3")
        out = self.world.text("status")
        self.world.redis("t1", "DEL", "weir:process:speaker:sp1")
        self.assertIn("! STATE LOST: 3 mitigations stand at speaker sp1 and are not in the state Redis; their routes are "
                      "kept", out)

    def test_top(self):
        count = self.world.json("top")[0]["count"]
        self.assertEqual(len(count), 16)
        self.world.redis("t1", "ZADD", f"weir:top:{count}", "125000000", "dst_addr=198.51.100.45", "62500000",
                         "dst_addr=198.51.100.46\x1b[2J")
        top = self.world.json("top", "--policy", "host-udp")
        self.assertEqual([(k["key"], k["bps"], k["share_of_threshold"]) for k in top[0]["keys"]],
                         [("dst_addr=198.51.100.45", 1e9, 1.0), ("dst_addr=198.51.100.46\x1b[2J", 5e8, 0.5)])
        out = self.world.text("top", "--once")
        self.assertLess(out.index("198.51.100.45"), out.index("198.51.100.46\\x1b[2J"))
        self.assertEqual(self.world.weir("top", "--policy", "none")[0], 1)

    def test_a_damaged_hash_is_told_and_the_rest_shown(self):
        self.world.redis("state", "HSET", "weir:alarm:a-9", "pb", "rubbish")
        self.world.redis("state", "ZADD", "weir:alarms:active", "1", "a-9", "2", "a-gone")
        try:
            code, out, err = self.world.weir("--json", "alarms")
            self.assertEqual(([a["id"] for a in json.loads(out)], code), (["a-2", "a-1"], 1))
            self.assertIn("alarm a-9 cannot be read", err)
        finally:
            self.world.redis("state", "ZREM", "weir:alarms:active", "a-9", "a-gone")
            self.world.redis("state", "DEL", "weir:alarm:a-9")

    def test_keys_of_another_type_are_errors(self):
        self.world.redis("t1", "SET", "weir:exporter:x", "text")
        try:
            code, _, err = self.world.weir("exporters")
            self.assertEqual(code, 1)
            self.assertIn("WRONGTYPE", err)
        finally:
            self.world.redis("t1", "DEL", "weir:exporter:x")


class Empty(unittest.TestCase):
    def test_an_empty_state_is_no_error(self):
        world = World()
        try:
            for command in ("alarms", "mitigations", "jobs", "routes", "exporters", "peers", "status", "top"):
                self.assertEqual(world.weir(command)[0], 0, command)
                self.assertEqual(world.weir("--json", command)[0], 0, command)
            self.assertEqual((world.json("alarms"), world.json("mitigations", "--all"), world.json("jobs")), ([], [], []))
        finally:
            world.close()

    def test_top_without_policies_says_so(self):
        world = World(servers=())
        try:
            with open(world.config, "w", encoding="utf-8") as file:
                file.write(f'state_dir: "{world.folder}"\n')
            self.assertIn("has no policies", world.text("top"))
            self.assertEqual(world.json("top"), [])
        finally:
            world.close()

    def test_a_server_that_is_away_is_said(self):
        world = World(servers=())
        try:
            for command in ("alarms", "mitigations", "jobs", "peers", "routes", "exporters", "top", "status",
                            "withdraw-all", "resume"):
                code, _, err = world.weir(command)
                self.assertEqual(code, 1, command)
                if command != "status":
                    self.assertIn("away", err, command)
            self.assertIn(f"weir speaker withdraw-all --socket {world.folder}/speaker.sock --peer mx1\n",
                          world.weir("withdraw-all", "--peer", "mx1")[2])
            self.assertIn("AWAY", world.weir("status")[1])
            self.assertFalse(any(r["up"] for r in world.json("status", want=1)["redis"]))
        finally:
            world.close()


    def test_a_server_that_hangs_is_said_within_three_seconds(self):
        world = World(servers=("state",))
        try:
            world.servers["state"].send_signal(signal.SIGSTOP)
            for command in (("alarms",), ("withdraw-all",), ("stop", "m-1")):
                begun = time.monotonic()
                code, _, err = world.weir(*command)
                self.assertLess(time.monotonic() - begun, 5, command)  # 2.5 s, and a slow machine
                self.assertEqual(code, 1, command)
                self.assertRegex(err, "away|timed out|did not answer", command)
        finally:
            world.servers["state"].send_signal(signal.SIGCONT)
            world.close()

    def test_people_come_as_the_user_operator(self):
        world = World()
        try:
            secrets = os.path.join(world.folder, "secrets")
            os.mkdir(secrets)
            with open(world.config, encoding="utf-8") as file:
                text = file.read().replace("password_dir: none", f'password_dir: "{secrets}"')
            with open(world.config, "w", encoding="utf-8") as file:
                file.write(text)
            world.redis("state", "ACL", "SETUSER", "operator", "on", ">se cret", "~*", "+@all")
            world.redis("state", "CONFIG", "SET", "requirepass", "other")
            self.assertIn("NOAUTH", world.weir("alarms")[2])
            with open(os.path.join(secrets, "operator.pw"), "w", encoding="utf-8") as file:
                file.write("se cret\n")
            self.assertEqual(world.weir("alarms")[0], 0)
            with open(os.path.join(secrets, "operator.pw"), "w", encoding="utf-8") as file:
                file.write("wrong\n")
            self.assertIn("WRONGPASS", world.weir("alarms")[2])
        finally:
            world.close()


class Requests(unittest.TestCase):
    def setUp(self):
        self.world = World(servers=("state",))

    def tearDown(self):
        self.world.close()

    def ask(self, answer, *arguments):
        """The command's end, and what policy was asked."""
        policy = subprocess.Popen([PUT_STATE, "answer", f"unix:{self.world.socket('state')}", *answer],
                                  stdout=subprocess.PIPE)
        result = self.world.weir(*arguments)
        asked = policy.communicate(timeout=30)[0].decode().splitlines()
        return result, asked

    def test_mitigate(self):
        (code, out, _), asked = self.ask(("yes", "m-9: match …"), "mitigate", "limit-udp", "--destination", "198.51.100.7",
                                         "--platform", "edge", "--for", "10m", "--reason", "a test", "--dry-run")
        self.assertEqual((code, out), (0, "m-9: match …\n"))
        self.assertEqual([line for line in asked if line.startswith("arg ")],
                         ["arg method=limit-udp", "arg destination=198.51.100.7", "arg platform=edge", "arg for_ms=600000",
                          "arg reason=a test", "arg dry_run=1"])
        fields = dict(line.split("=", 1) for line in asked if "=" in line and not line.startswith("arg "))
        self.assertEqual(fields["verb"], "mitigate")
        self.assertRegex(fields["who"], r"^[^@]+@[^@]+$")
        self.assertEqual(asked[-1], f"pb {fields['id']} mitigate {fields['expires_at']}")

    def test_announce_sends_the_rule_in_its_text_form(self):
        rule = {"announce": {"flow": {"match": {"destination": "198.51.100.7/32", "protocol": "udp"},
                                      "then": {"discard": True}}}}
        (code, out, _), asked = self.ask(("yes", "done"), "--json", "announce", json.dumps(rule), "--for", "1h", "--peer",
                                         "mx1", "--peer=mx2")
        self.assertEqual((code, json.loads(out)), (0, {"ok": True, "text": "done", "ids": ["m-9"]}))
        self.assertIn("arg rule=match destination 198.51.100.7/32 protocol =udp then discard", asked)
        self.assertEqual([a for a in asked if a.startswith("arg peer")], ["arg peer=mx1", "arg peer=mx2"])

    def test_a_refusal_is_a_failure(self):
        (code, out, err), _ = self.ask(("no", "no such \x1b[1m mitigation"), "stop", "m-1", "m-2")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("policy: no such \\x1b[1m mitigation", err)
        (code, out, _), asked = self.ask(("no", "why"), "--json", "stop", "m-1", "--reason", "over")
        self.assertEqual((code, json.loads(out)["ok"]), (1, False))
        self.assertEqual([a for a in asked if a.startswith("arg")], ["arg id=m-1", "arg reason=over"])

    def test_nobody_answers(self):
        code, _, err = self.world.weir("stop", "m-1")
        self.assertEqual(code, 1)
        self.assertIn("policy did not answer within 5 s; is it running? (weir status)", err)

    def test_wrong_rules_go_nowhere(self):
        for arguments in (("announce", "match nothing", "--for", "1h"),
                          ("announce", "match destination 1.2.3.4/32", "--for", "1h")):
            self.assertEqual(self.world.weir(*arguments)[0], 1)
        self.assertEqual(self.world.redis("state", "EXISTS", "weir:requests"), "0")


class Recall(unittest.TestCase):
    """Answers of workers that the test plays itself."""
    def setUp(self):
        self.world = World(servers=("t1",))
        self.world.redis("t1", "HSET", "weir:process:collector:c1", "workers", "2", "recall", "on")

    def tearDown(self):
        self.world.close()

    @staticmethod
    def answer(id_, worker, octets):
        """A RecallReply of one tuple by hand; its columns by their numbers in recall.proto."""
        def field(number, value):
            return (bytes([number << 3 & 0x7f | 0x82, number >> 4]) if number > 15 else bytes([number << 3 | 2])) + bytes([len(value)]) + value

        small = {number: b"\0" for number in (7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 23, 24)}
        doubles = {number: struct.pack("<d", 0) for number in (20, 26, 27, 28, 29, 30, 31, 32, 33, 34)}
        columns = {1: id_, 2: b"c1", **small, **doubles, 9: b"\x11", 19: struct.pack("<d", octets), 22: b"\1", 25: b"\0"}
        numbers = b"\x18" + bytes([worker]) + b"\xb8\x02\x02" + b"\x20\x90\x4e"  # worker, workers, covers_now_ms 10 s
        return b"".join(field(number, value) for number, value in columns.items() if value) + numbers

    def ask(self, answers):
        """What `weir recall` ends with, where these answers come to what it asks: a function of the request's id each."""
        def play():
            with Redis(self.world.socket("t1")) as redis:
                asked = redis("XREAD", "BLOCK", 20000, "STREAMS", "weir:recall", "0-0")
                id_ = asked[0][1][0][1][1]
                for answer in answers:
                    redis("XADD", "weir:recall:reply", "*", "id", id_, "pb", answer(id_))
        player = threading.Thread(target=play)
        player.start()
        result = self.world.weir("--json", "recall", "198.51.100.7")
        player.join()
        return result

    def test_an_answer_that_comes_again_counts_once(self):
        first, second = (lambda id_: self.answer(id_, 0, 1000.0)), (lambda id_: self.answer(id_, 1, 500.0))
        code, out, err = self.ask((first, first, second))
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(json.loads(out)[0]["now"]["bytes"]["estimate"], 1500)

    def test_what_is_missing_is_said(self):
        for answers, words in (((lambda id_: self.answer(id_, 0, 7.0),) * 2, "1 of 2 workers answered"),
                               ((lambda id_: self.answer(id_, 0, 7.0), lambda _: b"\xff"), "1 answers cannot be read")):
            self.world.redis("t1", "DEL", "weir:recall", "weir:recall:reply")
            code, out, err = self.ask(answers)
            self.assertEqual((code, json.loads(out)[0]["now"]["bytes"]["estimate"]), (0, 7))
            self.assertIn(words, err)


class Holds(unittest.TestCase):
    def setUp(self):
        self.world = World(servers=("state",))
        self.world.put_state()
        self.world.redis("state", "HSET", "weir:speakers", "sp1", "9999999999999-0")  # it has obeyed whatever comes

    def tearDown(self):
        self.world.close()

    def stops(self):
        return self.world.redis("state", "XREVRANGE", "weir:stops", "+", "-", "COUNT", "1").split("\n")[1:]

    def test_withdraw_all_and_resume(self):
        answer = self.world.json("withdraw-all", "--reason", "fire")
        self.assertEqual(answer, {"scope": "all", "mitigations": 2, "dry_runs": 1, "alarms_active": 2,
                                  "alarms_unprotected": 1, "share": 0.5, "speakers": {"sp1": True}})
        hold = json.loads(self.world.redis("state", "HGET", "weir:hold", "all"))
        self.assertEqual(hold["why"], "fire")
        self.assertIn("@", hold["who"])
        self.assertGreater(hold["at_ms"], 1767323045000)
        self.assertEqual(self.stops(), ["verb", "withdraw-all", "scope", "all", "who", hold["who"], "why", "fire"])
        self.assertIn("ON HOLD: all, by", "\n".join(self.world.json("status", want=1)["warnings"]))
        self.assertEqual(self.world.json("resume"), {"scope": "all", "ended": 1, "holds_left": [], "speakers": {"sp1": True}})
        self.assertEqual(self.world.redis("state", "EXISTS", "weir:hold"), "0")
        self.assertEqual(self.stops()[:4], ["verb", "resume", "scope", "all"])

    def test_scopes(self):
        self.assertEqual(self.world.json("withdraw-all", "--peer", "mx2")["mitigations"], 1)
        self.assertEqual(self.world.json("withdraw-all", "--platform", "edge")["mitigations"], 2)
        self.assertEqual(self.world.json("withdraw-all", "--family", "ipv6")["mitigations"], 0)
        self.assertEqual(self.world.json("withdraw-all", "--alarm", "a-1")["alarms_unprotected"], 1)
        out = self.world.text("withdraw-all", "--platform", "edge")
        self.assertIn("it takes the routes of 2 announced mitigations", out)
        self.assertIn("of 1 dry run nothing was announced", out)
        code, out, err = self.world.weir("withdraw-all", "--method", "typo")
        self.assertEqual(code, 0)
        self.assertIn("knows no method called typo, so this holds nothing; it knows limit-udp", err)
        self.assertIn("weir resume --method typo", out)
        self.assertEqual(self.world.weir("withdraw-all", "--alarm", "a-1")[2], "")
        code, out, err = self.world.weir("withdraw-all", "--alarm", "a-999")
        self.assertEqual(code, 0)
        self.assertIn("warning: Redis has no alarm a-999, so this holds nothing", err)
        self.assertEqual(self.world.text("resume", "--alarm", "a-999").splitlines()[0], "1 hold ended")
        answer = self.world.json("resume", "--peer", "mx2")
        self.assertEqual((answer["scope"], answer["ended"], len(answer["holds_left"])), ("peer:mx2", 1, 4))
        self.assertIn("no hold on peer:mx2 stood in Redis", self.world.text("resume", "--peer", "mx2"))
        self.assertEqual(self.world.json("resume")["ended"], 4)

    def test_where_no_speaker_is_known_nobody_has_obeyed(self):
        self.world.redis("state", "DEL", "weir:speakers")
        for command in ("withdraw-all", "resume"):
            code, out, err = self.world.weir(command)
            self.assertEqual(code, 1)
            self.assertIn("no speaker is known", err)
            self.assertIn(f"weir speaker {command}", err)
            self.assertNotIn("obeyed by", out)
        self.assertEqual(self.world.json("withdraw-all", want=1)["speakers"], {})
        self.assertEqual(self.world.redis("state", "HEXISTS", "weir:hold", "all"), "1", "it is set all the same")

    def test_a_state_that_cannot_be_read_does_not_stop_the_way_out(self):
        self.world.redis("state", "DEL", "weir:mitigations:active")
        self.world.redis("state", "SET", "weir:mitigations:active", "rubbish")
        code, out, err = self.world.weir("--json", "withdraw-all")
        self.assertEqual((code, json.loads(out)["mitigations"]), (0, None))
        self.assertIn("WRONGTYPE", err)
        self.assertEqual(self.world.redis("state", "HEXISTS", "weir:hold", "all"), "1")


class Speaker(unittest.TestCase):
    """A speaker's socket, played by the test."""

    def setUp(self):
        self.world = World(servers=())
        self.path = os.path.join(self.world.folder, "sp.sock")
        self.lines = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(4)
        self.answer = b"{}\n"
        threading.Thread(target=self.serve, daemon=True).start()

    def tearDown(self):
        self.server.close()
        self.world.close()

    def serve(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            with client:
                self.lines.append(client.makefile().readline())
                try:
                    client.sendall(self.answer)
                except OSError:
                    pass

    def weir(self, *arguments):
        return self.world.weir(*arguments, config=False)

    def test_withdraw_all_without_anything_else(self):
        self.answer = b'{"ok": true, "scope": "peer:mx1", "routes_withdrawn": 3, "peers": 1, "survives_restart": false}\n'
        code, out, err = self.weir("speaker", "withdraw-all", "--peer", "mx1", "--reason", "now", "--socket", self.path)
        self.assertEqual(code, 0, err)
        self.assertIn("3 routes are gone from 1 peers", out)
        self.assertIn("JOURNAL CANNOT BE WRITTEN", out)
        line = json.loads(self.lines[0])
        self.assertEqual((line["command"], line["scope"], line["why"]), ("withdraw-all", "peer:mx1", "now"))

    def test_those_not_reached_are_named(self):
        self.answer = b'{"ok": true, "scope": "all", "ended": 1, "holds_left": 0}\n'
        code, out, err = self.weir("--json", "speaker", "resume", "--socket", self.path, "--socket", "/nowhere/sp2.sock")
        self.assertEqual(code, 1)
        self.assertEqual([(s["socket"], s["reached"]) for s in json.loads(out)],
                         [(self.path, True), ("/nowhere/sp2.sock", False)])
        self.assertIn("/nowhere/sp2.sock was NOT REACHED", err)

    def test_status(self):
        self.answer = json.dumps({"ok": True, "speaker": "sp1", "state_reached": False, "epoch": 4, "standing": 2,
                                  "journal_ok": True, "holds": [{"scope": "all", "source": "socket", "why": "x: \x1b[1m"}],
                                  "peers": [{"peer": "mx1", "state": "established", "routes_ipv4": 2, "routes_ipv6": 0,
                                             "wanted": 2, "last_error": ""}]}).encode() + b"\n"
        code, out, _ = self.weir("speaker", "status", "--socket", self.path)
        self.assertEqual(code, 0)
        for part in ("state Redis AWAY", "on hold: all (socket), x: \\x1b[1m", "established"):
            self.assertIn(part, out)
        self.assertEqual(json.loads(self.lines[0]), {"command": "status"})
        self.assertNotIn("LOST", out)
        self.answer = self.answer.replace(b'"standing": 2', b'"standing": 2, "missing": 1')
        self.assertIn("1 OF THEM THE STATE REDIS HAS LOST", self.weir("speaker", "status", "--socket", self.path)[1])

    def test_answers_that_are_none(self):
        for answer in (b"", b"rubbish\n", b"[1]\n", b'{"ok": false, "error": "journal"}\n', b"x" * (2 << 20)):
            self.answer = answer
            code, _, err = self.weir("speaker", "status", "--socket", self.path)
            self.assertEqual(code, 1, answer[:20])
            self.assertIn(self.path, err)

    def test_the_socket_of_the_configuration(self):
        code, _, err = self.world.weir("speaker", "status")
        self.assertEqual(code, 1)
        self.assertIn(f"{self.world.folder}/speaker.sock was NOT REACHED", err)
        self.assertEqual(self.weir("speaker", "status")[0], 1)


class Terminal(unittest.TestCase):
    def test_generate_says_what_it_does(self):
        import pty
        master, slave = pty.openpty()
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sink.bind(("127.0.0.1", 0))
        to = f"127.0.0.1:{sink.getsockname()[1]}"
        arguments = ["generate", "--to", to, "--proto", "netflow9", "--duration", "600ms", "--attack", "udp-flood",
                     "--attack-after", "200ms", "--attack-for", "200ms"]
        for stderr in (subprocess.PIPE, slave):
            done = subprocess.run([os.environ["WEIR"], *arguments], stdout=subprocess.PIPE, stderr=stderr, timeout=60, check=True)
            self.assertRegex(done.stdout, rb"^sent \d+ records")
            self.assertIn(done.stderr, (b"", None))
        said = os.read(master, 65536).decode()
        sink.close()
        os.close(slave)
        os.close(master)
        wanted = (f"generate: netflow9 to {to}, 600ms; Ctrl-C ends it", "the attack begins after 200ms", r"0\.\d s: the attack begins",
                  r"0\.\d s: the attack is over")
        self.assertRegex(said, "(?s)" + ".*".join(wanted))

    def test_top_redraws_until_q(self):
        import pty
        world = World()
        try:
            master, slave = pty.openpty()
            process = subprocess.Popen([os.environ["WEIR"], "--config", world.config, "top"], stdin=slave, stdout=slave,
                                       stderr=slave, env={**os.environ, "TERM": "xterm"})
            os.close(slave)
            seen = b""
            while seen.count(b"\x1b[H") < 2:
                seen += os.read(master, 65536)
            os.write(master, b"q")
            try:
                while chunk := os.read(master, 65536):
                    seen += chunk
            except OSError:
                pass
            self.assertEqual(process.wait(20), 0)
            self.assertIn(b"host-udp", seen)
            self.assertTrue(seen.rstrip().endswith(b"\x1b[?25h\x1b[?1049l"), seen[-60:])
        finally:
            os.close(master)
            world.close()


if __name__ == "__main__":
    unittest.main()
