"""The adapter socket: tools of ExaBGP's shape announce and withdraw rules by it, through policy while that lives."""
import json
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import Bird, Program, run, wait_for  # noqa: E402
from world import BIN  # noqa: E402

NOBODY = 65534


def flow(match, then=None):
    return {"flow": {"match": match, **({"then": then} if then is not None else {})}}


DNS = {"destination": "198.51.100.45/32", "protocol": "udp", "source-port": 53, "packet-length": "500..1500"}
NTP = {"destination": "198.51.100.45/32", "protocol": "udp", "source-port": 123}
LIMIT = {"rate-limit": 10000000}


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.read = self.socket.makefile("rb")

    def send(self, **line):
        self.socket.sendall(json.dumps(line).encode() + b"\n")

    def answer(self):
        line = self.read.readline()
        return json.loads(line) if line else None

    def ask(self, **line):
        self.send(**line)
        return self.answer()

    def close(self):
        self.read.close()
        self.socket.close()


class Adapter(Case):
    units = "bits"

    def setUp(self):
        super().setUp()
        w = self.world
        self.path = os.path.join(w.folder, "adapter.sock")
        w.more_speaker = f"  adapter_socket: {{enabled: true, units: {self.units}}}\n"
        w.more_config = "policy: {name: p1, metrics_port: 0}\n"
        self.bird = w.peer(Bird, "bird")
        self.policy, self.clients = Program("policy", w.folder), []
        w.up()
        w.all_established()

    def tearDown(self):
        for client in self.clients:
            client.close()
        self.policy.end()
        super().tearDown()

    def start_policy(self):
        self.policy.start(os.path.join(BIN, "weir-policy"), "--config", self.world.config)
        wait_for("policy leads", lambda: self.world.state.cli("GET", "weir:lease:policy"))
        time.sleep(3)  # the speaker looks once a second; more, for a machine that is busy

    def client(self):
        client = Client(self.path)
        self.clients.append(client)
        return client

    def metric(self, name):
        return sum(float(line.split()[-1]) for line in self.world.metrics().splitlines() if line.startswith(name))

    def audit(self):
        return self.world.state.cli("XRANGE", "weir:audit", "-", "+")


class WithPolicy(Adapter):
    def setUp(self):
        super().setUp()
        self.start_policy()

    def test_announce_and_withdraw(self):
        client = self.client()
        answer = client.ask(announce=flow(DNS, LIMIT), ttl="5m", reason="a tool says so")
        self.assertTrue(answer["ok"], answer)
        self.assertEqual((answer["by"], answer["rate-limit"], answer["rate-limit-unit"], answer["rate-limit-bytes"], answer["ttl"]),
                         ("policy", 10000000, "bps", 1250000, 300))
        self.assertEqual(answer["flow"]["match"], DNS)
        self.present(self.bird, "198.51.100.45")
        stands = self.world.state.cli("HGETALL", f"weir:mitigation:{answer['id']}")
        self.assertIn("adapter@sp1", stands)
        self.assertIn("a tool says so", stands)
        # What is already there is no failure, and no second route.
        self.assertEqual(client.ask(announce=flow(DNS, LIMIT), ttl="5m")["id"], answer["id"])
        gone = client.ask(withdraw=flow(DNS))
        self.assertEqual((gone["ok"], gone["ids"]), (True, [answer["id"]]))
        self.absent(self.bird, "198.51.100.45")
        self.assertIn("adapter@sp1", self.audit())

    def test_withdraw_by_a_part_of_the_match(self):
        client = self.client()
        dns, ntp = (client.ask(announce=flow(match, {"discard": True})) for match in (DNS, NTP))
        self.assertTrue(dns["ok"] and ntp["ok"], (dns, ntp))
        self.assertEqual((dns["ttl"], dns["rate-limit"], dns["rate-limit-bytes"]), (600, 0, 0))
        part = {key: DNS[key] for key in ("destination", "protocol", "source-port")}
        answer = client.ask(withdraw=flow(part), exact=True)
        self.assertEqual((answer["ok"], answer["error"], answer["nearest"]["id"]), (False, "no such route", dns["id"]))
        self.assertEqual(answer["nearest"]["flow"]["match"], DNS)
        both = client.ask(withdraw=flow({"destination": DNS["destination"]}))
        self.assertIn("no such route", both["error"])
        other = client.ask(withdraw=flow({**part, "source-port": 54}))
        self.assertEqual((other["error"], other["nearest"]["id"]), ("no such route", ntp["id"]))
        self.assertEqual(client.ask(withdraw=flow(part))["ids"], [dns["id"]])
        # And now it is the only one.
        self.assertEqual(client.ask(withdraw=flow({"destination": DNS["destination"]}))["ids"], [ntp["id"]])
        nothing = client.ask(withdraw=flow(DNS))
        self.assertEqual((nothing["error"], nothing["nearest"]), ("no such route", None))

    def test_what_others_announced_is_not_withdrawn(self):
        rule = "match destination 198.51.100.45/32 protocol =udp source-port =123 then discard"
        run(os.path.join(BIN, "weir"), "announce", rule, "--for", "5m", "--config", self.world.config)
        self.present(self.bird, "198.51.100.45")
        self.assertEqual(self.client().ask(withdraw=flow(NTP))["error"], "no such route")

    def test_refusals_of_policy_come_back(self):
        client = self.client()
        outside = client.ask(announce=flow({"destination": "192.0.2.1/32", "protocol": "udp", "source-port": 53}, LIMIT))
        self.assertFalse(outside["ok"])
        self.assertIn("not-ours", outside["error"])
        guarded = client.ask(announce=flow({"destination": "198.51.100.10/32", "protocol": "udp", "source-port": 53}, LIMIT))
        self.assertIn("protected", guarded["error"])
        for line in ({"announce": flow(DNS)}, {"announce": flow(DNS, {"discard": True, "rate-limit": 5})}, {"announce": flow(DNS, LIMIT), "ttl": "1x"},
                     {"announce": flow(DNS, LIMIT), "ttl": 0}, {"announce": flow({"destination": "198.51.100.45/33"}, LIMIT)}, {"forget": flow(DNS)}):
            answer = client.ask(**line)
            self.assertFalse(answer["ok"], line)
            self.assertIn("at character", answer["error"])
        self.assertEqual(self.metric('weir_speaker_adapter_lines_total{verb="announce",outcome="refused"}'), 2)
        self.assertEqual(self.metric('weir_speaker_adapter_lines_total{verb="other",outcome="refused"}'), 6)

    def test_over_a_restart_it_knows_its_routes(self):
        answer = self.client().ask(announce=flow(DNS, LIMIT))
        self.present(self.bird, "198.51.100.45")
        self.world.speaker.kill()
        self.world.start_speaker()
        wait_for("the socket is there again", lambda: self.world.metrics() != "")
        self.world.all_established()
        self.assertEqual(self.client().ask(withdraw=flow(DNS))["ids"], [answer["id"]])

    def test_lines_that_come_together_are_answered_in_turn(self):
        client = self.client()
        hosts = range(20, 30)
        lines = [json.dumps({"announce": flow({"destination": f"198.51.100.{i}/32", "protocol": "udp", "source-port": 53}, LIMIT)}) for i in hosts]
        client.socket.sendall("\n\r\n".join(lines).encode() + b"\n")
        client.socket.shutdown(socket.SHUT_WR)  # as a pipe into nc does
        for i in hosts:
            self.assertEqual(client.answer()["flow"]["match"]["destination"], f"198.51.100.{i}/32")
        self.assertIsNone(client.answer())


class Bytes(Adapter):
    units = "bytes"

    def test_a_bare_rate_counts_bytes(self):
        self.start_policy()
        answer = self.client().ask(announce=flow(DNS, LIMIT))
        self.assertEqual((answer["rate-limit"], answer["rate-limit-unit"], answer["rate-limit-bytes"]), (10000000, "B/s", 10000000))


class WithoutPolicy(Adapter):
    """Nobody leads: guard, budget, time and record are the speaker's own."""

    def setUp(self):
        super().setUp()
        time.sleep(4.5)  # until the speaker takes policy for dead

    def refused(self, client, **line):
        answer = client.ask(**line)
        self.assertFalse(answer["ok"], answer)
        return answer["error"]

    def test_a_rule_has_to_name_its_time(self):
        client = self.client()
        self.assertIn("has to name its time", self.refused(client, announce=flow(DNS, LIMIT)))
        self.assertIn("4h", self.refused(client, announce=flow(DNS, LIMIT), ttl="5h"))
        answer = client.ask(announce=flow(DNS, LIMIT), ttl=3)
        self.assertTrue(answer["ok"], answer)
        self.assertEqual((answer["by"], answer["ttl"], answer["rate-limit-bytes"]), ("speaker", 3, 1250000))
        self.present(self.bird, "198.51.100.45")
        self.absent(self.bird, "198.51.100.45")
        wait_for("the record of it", lambda: "its time is over" in self.audit())
        audit = self.audit()
        for said in ("announce", "expired", "adapter@sp1", "without policy", answer["id"]):
            self.assertIn(said, audit)
        self.assertIn(answer["id"], self.world.state.cli("XRANGE", "weir:results", "-", "+"))

    def test_withdraw_replace_and_restart(self):
        client = self.client()
        first = client.ask(announce=flow(DNS, LIMIT), ttl="10m", reason="a tool says so")
        self.assertTrue(first["ok"], first)
        again = client.ask(announce=flow(DNS, {"rate-limit": 20000000}), ttl="10m")
        self.assertEqual((again["ok"], again["id"]), (True, first["id"]))
        self.present(self.bird, "198.51.100.45")
        self.world.speaker.kill()
        self.world.start_speaker()
        wait_for("the socket is there again", lambda: self.world.metrics() != "")
        self.world.all_established()
        self.present(self.bird, "198.51.100.45")
        part = {key: DNS[key] for key in ("destination", "protocol")}
        client = self.client()
        self.assertEqual(client.ask(withdraw=flow(part), exact=True)["nearest"]["rate-limit-bytes"], 2500000)
        gone = client.ask(withdraw=flow(part))
        self.assertEqual((gone["ok"], gone["by"], gone["ids"]), (True, "speaker", [first["id"]]))
        self.absent(self.bird, "198.51.100.45")
        wait_for("the record", lambda: all(what in self.audit() for what in ("announce", "replace", "withdraw")))

    def test_guard_and_budget_are_the_speakers_own(self):
        client = self.client()
        ttl = {"ttl": "10m"}
        outside = {"destination": "192.0.2.1/32", "protocol": "udp", "source-port": 53}
        self.assertIn("not-ours", self.refused(client, announce=flow(outside, LIMIT), **ttl))
        self.assertIn("protected", self.refused(client, announce=flow({**outside, "destination": "198.51.100.10/32"}, LIMIT), **ttl))
        self.assertIn("wide", self.refused(client, announce=flow({"destination": "198.51.100.0/24"}, LIMIT), **ttl))
        self.world.announce("m-of-people", "match destination 198.51.100.45/32 protocol =udp source-port >=100&<=200 then discard")
        self.world.state.cli("DEL", "weir:lease:policy")  # who put it there led
        time.sleep(4.5)
        self.present(self.bird, "198.51.100.45")
        self.assertIn("shadow", self.refused(client, announce=flow(NTP, LIMIT), **ttl))
        same = {**NTP, "source-port": "100..200"}
        self.assertIn("m-of-people has this match", self.refused(client, announce=flow(same, LIMIT), **ttl))
        self.assertIn("no such route", self.refused(client, withdraw=flow(same)))
        for port in (1001, 1002, 1003, 1004):
            self.assertTrue(client.ask(announce=flow({"destination": "198.51.100.46/32", "protocol": "udp", "source-port": port}, LIMIT), **ttl)["ok"])
        self.assertIn("4 allowed", self.refused(client, announce=flow({"destination": "198.51.100.46/32", "protocol": "udp", "source-port": 9}, LIMIT), **ttl))
        for host in range(100, 156):
            self.assertTrue(client.ask(announce=flow({"destination": f"198.51.100.{host}/32", "protocol": "udp", "source-port": 53}, LIMIT), **ttl)["ok"])
        self.assertIn("60 rules started in the last minute",
                      self.refused(client, announce=flow({"destination": "198.51.100.200/32", "protocol": "udp", "source-port": 53}, LIMIT), **ttl))

    def test_blackholes_have_their_budget(self):
        client = self.client()
        hosts = [client.ask(announce=flow({"destination": f"198.51.100.{i}/32"}, {"discard": True}), ttl="10m") for i in (20, 21, 22)]
        self.assertEqual([host["ok"] for host in hosts], [True, True, False], hosts)  # 1 % of 256
        self.assertIn("3 of 256 hosts", hosts[2]["error"])
        limited = flow({"destination": "198.51.100.23/32"}, LIMIT)
        self.assertTrue(client.ask(announce=limited, ttl="10m")["ok"])
        self.assertIn("3 of 256 hosts", self.refused(client, announce=flow({"destination": "198.51.100.23/32"}, {"discard": True}), ttl="10m"))

    def test_withdraw_all_holds_these_too(self):
        client = self.client()
        self.assertTrue(client.ask(announce=flow(DNS, LIMIT), ttl="10m")["ok"])
        self.present(self.bird, "198.51.100.45")
        self.assertTrue(self.world.command(command="withdraw-all", who="test", why="trial")["ok"])
        self.absent(self.bird, "198.51.100.45")
        self.assertIn("on hold", self.refused(client, announce=flow(NTP, LIMIT), ttl="10m"))

    def test_policy_that_comes_back_is_asked_again(self):
        client = self.client()
        first = client.ask(announce=flow(DNS, LIMIT), ttl="10m")
        self.assertEqual(first["by"], "speaker")
        self.present(self.bird, "198.51.100.45")
        self.start_policy()
        answer = client.ask(announce=flow(DNS, LIMIT))
        self.assertEqual((answer["ok"], answer["by"]), (True, "policy"), answer)
        gone = client.ask(withdraw=flow(DNS))
        self.assertTrue(gone["ok"], gone)
        self.absent(self.bird, "198.51.100.45")
        self.assertIn("no such route", self.refused(client, withdraw=flow(DNS)))


    def test_policy_takes_up_what_it_finds(self):
        client = self.client()
        first = client.ask(announce=flow(DNS, LIMIT), ttl="10m", reason="a tool says so")
        self.assertEqual(first["by"], "speaker")
        self.present(self.bird, "198.51.100.45")
        self.start_policy()
        stands = wait_for("it is policy's", lambda: self.world.state.cli("HGETALL", f"weir:mitigation:{first['id']}"), 30)
        self.assertIn("a tool says so", stands)
        wait_for("nothing is missing", lambda: self.metric("weir_speaker_missing_mitigations") == 0)
        self.present(self.bird, "198.51.100.45")
        self.assertNotIn("removed", self.bird.text())
        gone = client.ask(withdraw=flow(DNS))
        self.assertEqual((gone["ok"], gone["by"], gone["ids"]), (True, "policy", [first["id"]]), gone)
        self.absent(self.bird, "198.51.100.45")


class WithoutRedis(Adapter):
    def test_the_record_comes_when_the_server_is_back(self):
        w = self.world
        w.state.kill()
        client = self.client()
        wait_for("it is seen to be away", lambda: w.health()[0] != 200)
        answer = client.ask(announce=flow(DNS, LIMIT), ttl="10m")
        self.assertEqual((answer["ok"], answer["by"]), (True, "speaker"), answer)
        self.present(self.bird, "198.51.100.45")
        self.assertEqual(self.metric("weir_speaker_adapter_audit_waiting"), 1)
        # Over a restart, too.
        w.speaker.kill()
        w.start_speaker()
        wait_for("the socket is there again", lambda: w.metrics() != "")
        self.present(self.bird, "198.51.100.45", limit_s=20)
        self.assertEqual(self.metric("weir_speaker_adapter_audit_waiting"), 1)
        w.state.up()
        wait_for("the record", lambda: answer["id"] in self.audit())
        wait_for("it has gone", lambda: self.metric("weir_speaker_adapter_audit_waiting") == 0)
        self.assertEqual(self.audit().count(answer["id"]), 1)
        self.present(self.bird, "198.51.100.45")
        self.assertEqual(self.client().ask(withdraw=flow(DNS))["ids"], [answer["id"]])
        self.absent(self.bird, "198.51.100.45")


    def test_the_record_that_waits_has_its_bound(self):
        self.world.state.kill()
        client = self.client()
        wait_for("it is seen to be away", lambda: self.world.health()[0] != 200)
        count = 1024 + 10
        for i in range(count):
            self.assertTrue(client.ask(announce=flow(DNS, {"rate-limit": 10000000 + 8 * i}), ttl="10m")["ok"])
        self.assertEqual(self.metric("weir_speaker_adapter_audit_waiting"), 1024)
        self.assertEqual(self.metric("weir_speaker_adapter_audit_lost_total"), count - 1024)
        self.world.state.up()
        wait_for("all of it has gone", lambda: self.metric("weir_speaker_adapter_audit_waiting") == 0, 60)
        self.assertEqual(self.world.state.cli("XLEN", "weir:audit"), "1024")


class Hostile(Adapter):
    """No policy is needed for these."""

    def lives(self):
        self.assertIn("no such route", self.client().ask(withdraw=flow(DNS))["error"])

    def test_only_the_same_user_and_root(self):
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        if os.geteuid() != 0:
            self.skipTest("another user is tried as root alone")
        os.chmod(self.path, 0o666)
        os.seteuid(NOBODY)
        try:
            stranger = self.client()
        finally:
            os.seteuid(0)
        self.assertEqual(stranger.read.readline(), b"")
        wait_for("it is counted", lambda: self.metric('weir_speaker_adapter_turned_away_total{reason="uid"}') == 1)
        self.lives()

    def test_a_line_of_a_megabyte(self):
        client = self.client()
        client.socket.sendall(b'{"announce": "' + b"x" * (1 << 20))
        self.assertIn("longer than 16384", client.answer()["error"])
        client.socket.sendall(b'"}\n')
        self.assertIn("no such route", client.ask(withdraw=flow(DNS))["error"])

    def test_who_never_reads_holds_nobody_up(self):
        client = self.client()
        line = json.dumps({"withdraw": flow(DNS)}).encode() + b"\n"
        client.socket.setblocking(False)
        before, sent = self.world.resident_kib(), 0
        with self.assertRaises(BlockingIOError):
            while sent < 64 << 20:
                sent += client.socket.send(line * 100)
                time.sleep(0.001)
        self.lives()
        self.assertLess(self.world.resident_kib() - before, 32 << 10)  # with a sanitizer, which keeps what is freed

    def test_who_is_idle_makes_room(self):
        idle = [self.client() for _ in range(64)]
        wait_for("64 clients", lambda: self.metric("weir_speaker_adapter_clients") == 64)
        for client in idle[1:]:
            self.assertIn("no such route", client.ask(withdraw=flow(DNS))["error"])
        self.lives()
        self.assertEqual(idle[0].read.readline(), b"")
        self.assertEqual(self.metric('weir_speaker_adapter_turned_away_total{reason="idle"}'), 1)
        self.assertIn("no such route", idle[1].ask(withdraw=flow(DNS))["error"])

    def test_64_clients_at_once_are_read_in_turns(self):
        line = json.dumps({"withdraw": flow(DNS)}).encode() + b"\n"
        clients = [self.client() for _ in range(64)]
        began = time.monotonic()
        for client in clients:
            client.socket.sendall(line * 10)
        for client in clients:
            for _ in range(10):
                self.assertIn("no such route", client.answer()["error"])
        # 200 at once, and then 200 a second.
        self.assertGreater(time.monotonic() - began, (640 - 200) / 200 - 0.5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
