#!/usr/bin/env python3
"""etc/redis/*.acl on real servers: each process may do what it does, in a whole run and in every way out, and nothing of
what is another's to do. What the servers refused to anybody is in their ACL LOG, which says whether a right is missing."""
import os
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, suite
from lib.exporters import Generate
from lib.gobgp import Gobgp
from lib.ports import free_port
from lib.resp import RedisError
from lib.waits import wait_for

TARGET = "198.51.100.45"
RULE = "match destination 198.51.100.77/32 protocol =udp source-port =123 then discard"
USERS = ("collector", "aggregator", "policy", "speaker", "operator", "admin")
ADD = ("XADD", "weir:jobs", "*", "verb", "announce", "mitigation", "m-1-0000")
SCRIPT = ("EVAL", "return redis.call('XADD', KEYS[1], '*', 'verb', 'announce')", 1, "weir:jobs")
LOOK = ("HGETALL", "weir:hold")

# What must be refused: (server, user, command). "default" is whoever opens the socket without a word.
REFUSED = [
    *[("state", user, command) for user in ("collector", "aggregator", "speaker", "operator", "default") for command in (
        ADD, SCRIPT, ("HSET", "weir:mitigation:m-1-0000", "state", "active"), ("ZADD", "weir:mitigations:active", 1, "m-1-0000"),
        ("SET", "weir:epoch:policy", 1), ("SET", "weir:lease:policy", "me:1"), ("DEL", "weir:jobs"), ("HDEL", "weir:alarm:a-1", "pb"),
        ("FLUSHALL",), ("CONFIG", "SET", "appendonly", "no"), ("ACL", "SETUSER", "me", "+@all"), ("SHUTDOWN",), ("REPLICAOF", "NO", "ONE"),
        ("XTRIM", "weir:audit", "MAXLEN", 0), ("SET", "other", 1))],
    *[("state", "collector", command) for command in (LOOK, ("KEYS", "*"), ("XREAD", "STREAMS", "weir:jobs", 0), ("TIME",), ("INFO",))],
    *[("state", "aggregator", command) for command in (LOOK, ("HSET", "weir:alarm:a-1", "pb", ""), ("XADD", "weir:audit", "*", "a", 1))],
    *[("state", "policy", command) for command in (
        ("XADD", "weir:requests", "*", "a", 1), ("XADD", "weir:stops", "*", "a", 1), ("XADD", "weir:results", "*", "a", 1),
        ("HSET", "weir:peer:sp1:mx1", "a", 1), ("FLUSHALL",), ("CONFIG", "GET", "dir"))],
    *[("state", "speaker", command) for command in (
        ("HSET", "weir:hold", "all", "{}"), ("DEL", "weir:hold"), ("XADD", "weir:requests", "*", "a", 1), ("XADD", "weir:audit", "*", "a", 1),
        ("EVAL", "return redis.call('DEL', KEYS[1])", 1, "weir:hold"), ("EVAL", "return redis.call('DEL', KEYS[1])", 1, "weir:mitigations:active"))],
    *[("state", "operator", command) for command in (
        ("EVAL", "return 1", 0), ("HSET", "weir:peer:sp1:mx1", "a", 1), ("XADD", "weir:results", "*", "a", 1), ("XADD", "weir:alarms:log", "*", "a", 1))],
    *[("state", "default", command) for command in (
        LOOK, ("PING",), ("HSET", "weir:hold", "all", "{}"), ("XADD", "weir:requests", "*", "a", 1))],
    *[("telemetry", user, ("XADD", "weir:delta:s0", "*", "a", 1)) for user in ("aggregator", "policy", "speaker", "operator", "default")],
    *[("telemetry", user, ("XADD", "weir:rollup:s0", "*", "a", 1)) for user in ("collector", "policy", "speaker", "operator", "default")],
    *[("telemetry", user, ("DEL", "weir:exporter:127.0.0.1")) for user in ("collector", "aggregator", "policy", "speaker", "operator", "default")],
    *[("telemetry", user, ("HSET", "weir:process:policy:p1", "leads", "yes"))
      for user in ("collector", "aggregator", "speaker", "operator", "default")],
    *[("telemetry", user, ("FLUSHALL",)) for user in ("collector", "aggregator", "policy", "speaker", "operator", "default")],
]
# What people may do, beside what the run shows of the processes.
ALLOWED = [
    *[(role, user, command) for role in ("telemetry", "state") for user in ("operator",)
      for command in (("KEYS", "weir:*"), ("SCAN", 0), ("PING",), ("INFO", "memory"), ("TYPE", "weir:audit"))],
    *[("state", user, command) for user in ("operator",) for command in (
        ("XRANGE", "weir:jobs", "-", "+"), LOOK, ("ZRANGE", "weir:alarms:active", 0, -1), ("XREVRANGE", "weir:audit", "+", "-"))],
    ("state", "operator", ("XADD", "weir:audit", "*", "what", "note", "who", "me")),
    ("state", "policy", ("HSETNX", "weir:hold", "peer:gobgp", "{}")),  # as it is written back
    ("state", "operator", ("HDEL", "weir:hold", "peer:gobgp")),
]


class Acl(suite.HouseTest):
    @classmethod
    def setUpClass(cls):
        cls.folder_of_all = house.work_folder()
        cls.port = free_port()
        cls.gobgp = Gobgp(cls.folder_of_all).start()
        cls.house = house.House(cls.folder_of_all, house.config(cls.folder_of_all, [f"127.0.0.1:{cls.port}"], cls.gobgp.port)).start()
        wait_for(cls.gobgp.established, 60, "the BGP session")

    @classmethod
    def tearDownClass(cls):
        cls.house.stop()
        cls.gobgp.stop()
        house.dispose(cls.folder_of_all, keep=cls.any_failed)

    def refusals(self):
        """What the two servers have refused so far, and forgotten by this."""
        found = []
        for role in ("telemetry", "state"):
            with self.house.redis(role) as redis:
                for entry in redis("ACL", "LOG", 100):
                    said = dict(zip([e.decode() for e in entry[::2]], entry[1::2]))
                    found.append(f"{role}: {said['username'].decode()} {said['reason'].decode()} {said['object'].decode()}")
                redis("ACL", "LOG", "RESET")
        return found

    def answer(self, role, user, command):
        """What the server says to somebody who has this password, or as "default" none."""
        if user == "default":
            with house.Redis(str(self.house.run_dir() / f"{role}.sock")) as redis:
                return redis(*command)
        with self.house.redis(role, user) as redis:
            return redis(*command)

    def test_1_nobody_lacks_a_right(self):
        """Every kind of write: an attack from alarm to withdrawal, requests, holds, commands that look, a restart of
        each process, a state server that was emptied."""
        its = self.house
        its.ready()
        attack = Generate(its.folder, "attack", "--to", f"127.0.0.1:{self.port}", "--proto", "ipfix", "--rate", "100", "--duration", "0s",
                          "--attack", "dns-amplification", "--target", TARGET, "--attack-rate", "500", "--attack-volume", "1Gbps")
        wait_for(lambda: self.gobgp.route_to(TARGET), 60, "the route")
        its.weir("announce", RULE, "--for", "1h", "--reason", "test")
        wait_for(lambda: self.gobgp.route_to("198.51.100.77"), 30, "the route by hand")
        for command in (("status",), ("exporters",), ("alarms",), ("mitigations", "--all"), ("peers",), ("routes",), ("jobs",), ("top", "--once")):
            with self.subTest(command=command):
                self.assertIsNotNone(its.weir(*command))
        for name in house.PROCESSES:
            before = its.pids()[name]
            os.kill(before, 9)
            wait_for(lambda its_name=name, old=before: its.pids()[its_name] != old, 60, f"{name} starts again")
            its.ready()
        wait_for(self.gobgp.established, 60, "the BGP session")
        wait_for(lambda: self.gobgp.route_to(TARGET) and self.gobgp.route_to("198.51.100.77"), 60, "both routes again")
        its.weir("withdraw-all", "--reason", "test")
        wait_for(lambda: not self.gobgp.all_routes(), 30, "everything withdrawn")
        its.weir("resume")
        wait_for(lambda: self.gobgp.route_to(TARGET), 60, "the route, after the hold")
        with its.redis("state") as redis:
            redis("FLUSHALL")
            wait_for(lambda: redis("EXISTS", "weir:alarms:active"), 60, "policy writes back what it has")
        attack.stop()
        for mitigation in its.weir("mitigations"):
            its.weir("stop", mitigation["id"])
        wait_for(lambda: not self.gobgp.all_routes(), 60, "the end of all routes")
        self.assertEqual(self.refusals(), [])
        said = [line for line in its.log_text().splitlines() if "NOPERM" in line or "WRONGPASS" in line or "NOAUTH" in line]
        self.assertEqual(said, [])

    def test_2_nobody_does_what_is_anothers(self):
        for role, user, command in REFUSED:
            with self.subTest(server=role, user=user, command=command):
                with self.assertRaisesRegex(RedisError, "NOPERM|NOAUTH|The user executing the script can't"):
                    self.answer(role, user, command)
        self.assertGreater(len(self.refusals()), 0)
        with self.house.redis("state") as redis:
            for name in ("weir:mitigation:m-1-0000", "other"):
                self.assertEqual(redis("EXISTS", name), 0, name)

    def test_2_people_may_look(self):
        for role, user, command in ALLOWED:
            with self.subTest(server=role, user=user, command=command):
                self.answer(role, user, command)

    def test_2_a_wrong_password_is_nobody(self):
        for role in ("telemetry", "state"):
            with house.Redis(str(self.house.run_dir() / f"{role}.sock")) as redis:
                for user in (*USERS, "someone"):
                    with self.assertRaisesRegex(RedisError, "WRONGPASS"):
                        redis("AUTH", user, "wrong")

    def test_2_passwords_are_for_their_owner(self):
        secrets = self.house.state_dir / "secrets"
        self.assertEqual(stat.S_IMODE(secrets.stat().st_mode), 0o700)
        self.assertEqual({p.name for p in secrets.iterdir()}, {f"{user}.pw" for user in USERS})
        self.assertEqual(len({p.read_text() for p in secrets.iterdir()}), len(USERS))
        for path in (*secrets.glob("*.pw"), *self.house.state_dir.glob("redis-*/users.acl")):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o027, 0, path)

    def test_3_a_server_that_starts_again_has_what_it_had(self):
        """It reads its file back as the user `default`, and leaves out without failing what that user may not do."""
        its = self.house
        with its.redis("state") as redis:
            redis("EVAL", "redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 1)", 2, "weir:a", "weir:b")
            before = sorted(redis.keys())
        old = its.pids()["redis-state"]
        os.kill(old, 9)
        wait_for(lambda: its.pids()["redis-state"] != old, 60, "the server starts again")
        after = wait_for(self.keys, 60, "the server answers")
        self.assertLessEqual({k for k in before if not k.startswith(("weir:lease:", "weir:peer:", "weir:reply:"))}, set(after))

    def keys(self):
        with self.house.redis("state") as redis:
            return list(redis.keys())

    def test_4_without_passwords_there_are_no_users(self):
        folder = self.folder()
        text = house.config(folder, [f"127.0.0.1:{free_port()}"], dry_run=True, more="redis: {password_dir: none}\n")
        its = house.House(folder, text)
        self.addCleanup(its.stop)
        its.start().ready()
        self.assertFalse((its.state_dir / "secrets").exists())
        with its.redis("state") as redis:
            self.assertEqual(redis("ACL", "WHOAMI"), b"default")
            self.assertEqual(redis("SET", "x", 1), "OK")


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=[Gobgp.missing()])
