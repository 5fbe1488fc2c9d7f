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
PROCESS_USERS = (*house.PROCESSES, "operator")
USERS = (*PROCESS_USERS, "admin")
LOOK = ("HGETALL", "weir:hold")

# What must not even be looked at: (server, user, command). "default" is whoever opens the socket without a word.
NOT_SEEN = [
    *[("state", "collector", command) for command in (LOOK, ("KEYS", "*"), ("XREAD", "STREAMS", "weir:jobs", 0), ("TIME",), ("INFO",))],
    *[("state", user, ("HGETALL", "weir:mitigation:m-1")) for user in ("collector", "aggregator", "default")],
    *[("state", user, ("XRANGE", "weir:audit", "-", "+")) for user in ("collector", "aggregator", "speaker", "default")],
    ("state", "aggregator", LOOK),
    *[(role, "default", command) for role in ("state", "telemetry") for command in (LOOK, ("PING",), ("INFO",), ("KEYS", "*"))],
    *[("telemetry", user, ("XRANGE", "weir:delta:s0", "-", "+")) for user in ("policy", "speaker")],
]
# Who writes each key, by the table in docs/architecture.md. Everybody else may not change it in any way.
WRITERS = {
    "state": {"weir:alarm:a-1": ["policy"], "weir:alarms:active": ["policy"], "weir:alarms:log": ["policy"], "weir:mitigation:m-1": ["policy"],
              "weir:mitigations:active": ["policy"], "weir:jobs": ["policy"], "weir:results": ["speaker"], "weir:peer:sp1:mx1": ["speaker", "operator"],
              "weir:speakers": ["speaker", "operator"],
              "weir:requests": ["operator"], "weir:reply:r-1": ["policy", "operator"], "weir:hold": ["policy", "operator"],
              "weir:stops": ["operator"], "weir:epoch:policy": ["policy"], "weir:lease:policy": ["policy"], "weir:audit": ["policy", "operator"],
              "weir:baseline:c:0": [], "weir:protected": [], "weir:of nobody": [], "of nobody": []},
    "telemetry": {"weir:delta:s0": ["collector"], "weir:rollup:s0": ["aggregator"], "weir:top:0": ["aggregator"],
                  "weir:exporter:192.0.2.1": ["collector"], "weir:recall": ["operator"], "weir:recall:reply": ["collector"], **{f"weir:process:{kind}:one": [kind] for kind in house.PROCESSES},
                  "weir:of nobody": [], "of nobody": []},
}
# KEY is the key; of a script it is a key that is named to the server, or one that is not.
CHANGES = [command.split() for command in (
    "SET KEY 1", "GETSET KEY 1", "GETDEL KEY", "GETEX KEY PERSIST", "APPEND KEY 1", "SETRANGE KEY 0 1", "INCR KEY", "SETBIT KEY 0 1", "DEL KEY",
    "UNLINK KEY", "EXPIRE KEY 1", "PEXPIRE KEY 1", "PERSIST KEY", "RENAME KEY KEY", "MOVE KEY 1", "COPY KEY KEY REPLACE", "RESTORE KEY 0 1 REPLACE",
    "SORT KEY STORE KEY", "HSET KEY a 1", "HSETNX KEY a 1", "HDEL KEY a", "HINCRBY KEY a 1", "XADD KEY * a 1", "XADD KEY MAXLEN 0 * a 1", "XTRIM KEY MAXLEN 0",
    "XDEL KEY 0-1", "XSETID KEY 9-9", "XGROUP CREATE KEY g $ MKSTREAM", "ZADD KEY 1 a", "ZREM KEY a", "ZPOPMIN KEY", "ZRANGESTORE KEY KEY 0 -1",
    "LPUSH KEY a", "RPUSH KEY a", "LPOP KEY", "BLPOP KEY 0.01", "SADD KEY a", "PFADD KEY a", "BITOP NOT KEY KEY", "MIGRATE h 1 KEY 0 1")] + [
        ["EVAL", "return redis.call('SET', KEYS[1], 1)", 1, "KEY"], ["EVAL", "return redis.call('XADD', ARGV[1], '*', 'a', 1)", 0, "KEY"],
        ["EVAL", "return redis.call('DEL', ARGV[1])", 0, "KEY"], ["EVAL", "return redis.call('HSET', KEYS[1], 'a', 1)", 1, "KEY"]]
# What is no key's: the server itself, its users, its scripts, its other clients.
OF_THE_SERVER = [command.split() for command in (
    "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "CONFIG GET dir", "CONFIG SET appendonly no", "ACL SETUSER me +@all", "ACL LIST", "SHUTDOWN", "SAVE",
    "BGREWRITEAOF", "REPLICAOF NO ONE", "CLIENT KILL TYPE normal", "CLIENT LIST", "SCRIPT FLUSH", "FUNCTION FLUSH", "MODULE LIST", "MONITOR", "SLOWLOG GET",
    "PUBLISH a b", "SUBSCRIBE a", "SELECT 1", "LATENCY RESET", "SYNC", "PSYNC ? -1", "CLUSTER RESET", "FAILOVER")]

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

    def connection(self, role, user):
        """That of somebody who has this password, or as "default" none."""
        return house.Redis(str(self.house.run_dir() / f"{role}.sock")) if user == "default" else self.house.redis(role, user)

    def answer(self, role, user, command):
        with self.connection(role, user) as redis:
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
        for command in (("status",), ("exporters",), ("alarms",), ("mitigations", "--all"), ("peers",), ("routes",), ("jobs",), ("top", "--once"),
                        ("recall", TARGET)):
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

    def test_2_nobody_sees_what_is_not_for_him(self):
        for role, user, command in NOT_SEEN:
            with self.subTest(server=role, user=user, command=command):
                with self.assertRaisesRegex(RedisError, "NOPERM|NOAUTH"):
                    self.answer(role, user, command)

    def test_2_nobody_changes_what_another_writes(self):
        """Every user, every key that is another's, every way to change one, and what is the server's own."""
        for role, keys in WRITERS.items():
            for user in (*PROCESS_USERS, "default"):
                with self.connection(role, user) as redis:
                    for command in OF_THE_SERVER:
                        self.refused(redis, role, user, command)
                    for key in [key for key, writers in keys.items() if user not in writers]:
                        for command in CHANGES:
                            self.refused(redis, role, user, [key if word == "KEY" else word for word in command])
        self.assertGreater(len(self.refusals()), 0)

    def refused(self, redis, role, user, command):
        with self.subTest(server=role, user=user, command=command):
            with self.assertRaisesRegex(RedisError, "NOPERM|NOAUTH|The user executing the script can't"):
                redis(*command)

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
