#!/usr/bin/env python3
"""docs/redis.md against common/redis/keys.h, and against the keys that a whole run leaves on the two servers: every
key is in the table, of that type, on that server, and ends as the table says."""
import os
import re
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, processes, suite
from lib.exporters import Generate
from lib.gobgp import Gobgp
from lib.ports import free_port
from lib.waits import wait_for

TARGET = "198.51.100.45"
DOCUMENT = house.ROOT / "docs/redis.md"
HEADER = house.ROOT / "common/redis/keys.h"
UNITS_MS = {"s": 1000, "min": 60000, "h": 3600000, "day": 86400000, "days": 86400000}


def documented():
    """{pattern: (server, type, life)} of the table in docs/redis.md."""
    rows = re.findall(r"^\| `(weir:[^`]+)` \| (\w+) \| (\w+) \| [^|]* \| [^|]* \| ([^|]*?) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return {pattern: (role, kind, life) for pattern, role, kind, life in rows}


def in_header():
    text = re.sub(r"\\\n\s*", " ", HEADER.read_text())
    found = re.findall(r'X\(\w+, "([^"]+)", (\w+), "(\w+)",\s+"([^"]+)"\)', text)
    return {f"weir:{pattern}": (role.lower(), kind, life) for pattern, role, kind, life in found}


def ttl_ms(life):
    """The TTL that such a key has, None where it has none; and whether it has it only once it has ended."""
    found = re.match(r"([\d.]+) (s|min|h|days?)( without| after its end|$)", life)
    if not found:
        return None, False
    return float(found[1]) * UNITS_MS[found[2]], found[3] == " after its end"


def pattern_of(name, patterns):
    """The table's pattern that a key's name fits: the one with the fewest free parts."""
    fits = [p for p in patterns if re.fullmatch(re.sub(r"<\w+>", "[^ ]+", p), name)]
    return min(fits, key=lambda p: (p.count("<"), -len(p)), default=None)


class Collect(threading.Thread):
    """Looks at both servers over and over: {(role, name): (types, TTLs)}."""

    def __init__(self, its):
        super().__init__(daemon=True)
        self.servers = {role: its.redis(role) for role in ("telemetry", "state")}
        self.found, self.over = {}, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.03):
            for role, server in self.servers.items():
                for name, (kind, ttl) in server.keys().items():
                    types, ttls = self.found.setdefault((role, name), (set(), set()))
                    types.add(kind)
                    ttls.add(ttl)

    def stop(self):
        self.over.set()
        self.join()
        for server in self.servers.values():
            server.close()


class Keys(suite.HouseTest):
    def test_the_document_has_what_the_header_has(self):
        self.assertEqual(documented(), in_header())

    def test_a_run_leaves_what_the_document_says(self):
        folder, port = self.folder(), free_port()
        gobgp = Gobgp(folder).start()
        self.addCleanup(gobgp.stop)
        its = house.House(folder, house.config(folder, [f"127.0.0.1:{port}"], gobgp.port)).start()
        self.addCleanup(its.stop)
        wait_for(gobgp.established, 60, "the BGP session")
        collect = Collect(its)
        try:
            self.live(its, gobgp, folder, port)
        finally:
            collect.stop()
        self.judge(its, collect.found)
        self.fields(its)
        self.assertEqual(its.sanitizer_complaints(), [])

    def live(self, its, gobgp, folder, port):
        calm = Generate(folder, "calm", "--to", f"127.0.0.1:{port}", "--proto", "netflow9", "--rate", "500", "--volume",
                        "20Mbps", "--duration", "0s")
        attack = Generate(folder, "attack", "--to", f"127.0.0.1:{port}", "--proto", "netflow9", "--rate", "0", "--duration",
                          "0s", "--seed", 2, "--domain", 2, "--attack", "dns-amplification", "--target", TARGET, "--attack-rate", "500",
                          "--attack-volume", "400Mbps")
        wait_for(lambda: gobgp.route_to(TARGET), 60, "the route")
        its.weir("announce", "match destination 198.51.100.77/32 protocol =udp then discard", "--for", "1h",
                 "--reason", "test")
        wait_for(lambda: gobgp.route_to("198.51.100.77"), 30, "the route of a person")
        its.weir("recall", TARGET)
        self.reply_is_left(its)
        attack.stop()
        wait_for(lambda: not gobgp.route_to(TARGET), 60, "the withdrawal")
        its.weir("withdraw-all", "--reason", "test")
        wait_for(lambda: not gobgp.all_routes(), 30, "everything withdrawn")
        time.sleep(0.5)  # the hold stands for a moment, so that it is looked at
        its.weir("resume")
        calm.stop()

    @staticmethod
    def reply_is_left(its):
        """Whoever asks takes the answer away at once; so the answer to one who is gone by then."""
        with its.redis("state") as redis:
            asked = redis("XLEN", "weir:requests")
            os.kill(its.pids()["policy"], signal.SIGSTOP)
            try:
                asker = processes.spawn([house.BIN / "weir", "--config", its.config_file, "stop", "m-1-0000"])
                wait_for(lambda: redis("XLEN", "weir:requests") > asked, 30, "the request")
                asker.kill()
                asker.wait()
            finally:
                os.kill(its.pids()["policy"], signal.SIGCONT)
            wait_for(lambda: any(name.startswith("weir:reply:") for name in redis.keys()), 30, "the answer")

    def judge(self, its, found):
        table = documented()
        seen = set()
        with its.redis("state") as redis:
            active = {f"weir:{kind}:{id_.decode()}" for kind in ("alarm", "mitigation")
                      for id_ in redis("ZRANGE", f"weir:{kind}s:active", 0, -1)}
        for (role, name), (types, ttls) in sorted(found.items()):
            with self.subTest(key=name):
                pattern = pattern_of(name, table)
                self.assertIsNotNone(pattern, "not in docs/redis.md")
                seen.add(pattern)
                wanted_role, wanted_type, life = table[pattern]
                self.assertEqual((role, types), (wanted_role, {wanted_type}))
                limit_ms, only_ended = ttl_ms(life)
                # -2 is a key that went between two questions.
                ttls = {t for t in ttls if t != -2}
                if limit_ms is None:
                    self.assertEqual(ttls, {-1})
                elif only_ended:
                    self.assertLessEqual(max(ttls), limit_ms)
                    self.assertTrue(name in active or max(ttls) > 0, "it has ended and has no TTL")
                else:
                    self.assertTrue(all(0 <= t <= limit_ms for t in ttls), ttls)
        self.assertEqual(set(table) - seen, set())

    def fields(self, its):
        """Each plain field of a hash and of a stream's entries is explained: in the section of its key, as `name`."""
        text = DOCUMENT.read_text()
        sections = dict(re.findall(r"^### `(weir:[^`]+)`.*?\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
        for role in ("telemetry", "state"):
            with its.redis(role) as redis:
                for name, (kind, _) in redis.keys().items():
                    pattern = pattern_of(name, documented())
                    if kind == "hash":
                        names = [n.decode() for n in redis("HKEYS", name)]
                    elif kind == "stream":
                        names = sorted({n.decode() for _, entry in redis("XRANGE", name, "-", "+", "COUNT", 200)
                                        for n in (entry or [])[::2]})
                    else:
                        continue
                    explained = set(re.findall(r"`([^`]+)`", sections.get(pattern, "")))
                    shapes = [re.sub(r"<\w+>", ".+", re.escape(e).replace(r"\<", "<").replace(r"\>", ">")) for e in explained]
                    missing = [n for n in names if not any(re.fullmatch(s, n) for s in shapes)]
                    with self.subTest(key=pattern):
                        self.assertEqual(missing, [], f"fields of {name} that docs/redis.md does not explain")


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=[Gobgp.missing()])
