"""kill -9 at random instants before, during and after an attack, in one house with GoBGP, FRR, BIRD and a recorder as
peers: what test_kill.py runs several of. A round kills each victim once in each phase; all that is random comes from a
seed, and a cycle (one attack, one kill a phase) can be run again alone."""
import os
import random
import re
import signal
import time

from . import house, processes
from .peers import Peers
from .ports import free_port
from .sflow import Router
from .waits import NotSeen, now_ms, wait_for

SERVERS = ("redis-state", "redis-t1")
CHILDREN = (*SERVERS, *house.PROCESSES)
# Some are several at once: everyone is all of them, below a `weir up` that lives.
TOGETHER = {"both servers": SERVERS, "everyone": CHILDREN}
VICTIMS = (*house.PROCESSES, *SERVERS, *TOGETHER, "weir up")
PHASES = ("before", "during", "after")
# How long before the attack's begin, after it, and after its end at most.
WITHIN_S = {"before": 1.5, "during": 2.5, "after": 4.5}
CLEAR_AFTER_S, WITHDRAW_AFTER_MS = 2, 1000
POLICY = house.HOST_UDP.replace("after: 2s", f"after: {CLEAR_AFTER_S}s")
METHOD = house.LIMIT_DNS.replace("withdraw_after: 2s", f"withdraw_after: {WITHDRAW_AFTER_MS}ms")
ATTACK_BPS, CALM_BPS, CALM_HOST = 400e6, 20e6, "198.51.100.3"
LASTS_S = 1.0       # an attack goes on after the kill, at least
LIMIT_S = 60        # for what must come in the end; how fast is judged apart
# How long a route may be away. After a lost connection GoBGP closes every new one for 5 s: a constant of its own
# (holdtimeIdle in its fsm.go). Then the speaker, which tries at least once a second here, needs its next attempt, the
# session and the route. BIRD waits for 1 to 2 s as it is configured here, FRR for 1 s and more; the recorder takes every
# session at once, so that it shows what is weir's own part.
GAP_LIMITS_MS = {"recorder": 5000, "frr": 5000, "bird": 5000, "gobgp": 5000 + 1000 + 500}
# From an attack's first datagram to the route, and from the wish to withdraw it to its end: also when somebody is killed.
OTHER_LIMITS_MS = {"to_route_ms": 6000, "late_ms": 5000}
CLOCKS_MS = 100     # what a process's idea of the state server's time may be off


def plan(seed, number):
    """What a cycle does: {phase: (victim, seconds)}."""
    chosen = {}
    for phase in PHASES:
        order = list(VICTIMS)
        random.Random(f"{seed} {number // len(VICTIMS)} {phase}").shuffle(order)
        chance = random.Random(f"{seed} {number} {phase}")
        chosen[phase] = (order[number % len(VICTIMS)], round(chance.uniform(0, WITHIN_S[phase]), 3))
    return chosen


class Killing:
    def __init__(self, seed):
        self.seed = seed
        self.work = house.work_folder()
        self.peers = Peers(self.work)
        port = free_port()
        self.house = house.House(self.work, house.config(self.work, [f"127.0.0.1:{port}"], policies=POLICY, methods=METHOD,
                                                         peers=self.peers.text()))
        self.router = Router(port)
        self.read_bytes, self.pids, self.deaths = 0, {}, set()
        self.kills, self.killed = [], set()  # of this cycle: [(ms, phase, victim)]; all: {(process, pid)}

    def start(self):
        self.peers.start()
        self.house.start()
        self.router.start()
        self.router.start_stream(CALM_HOST, CALM_BPS)
        self.peers.wait_established()
        return self

    def stop(self, keep):
        self.router.end()
        self.house.stop()
        self.peers.stop()
        complaints = self.house.sanitizer_complaints()
        house.dispose(self.work, keep or complaints)
        return [f"sanitizers complained: {complaints[:5]}"] if complaints else []

    # --- killing ---

    def read_log(self):
        with open(self.house.log_file, encoding="utf-8", errors="replace") as log:
            log.seek(self.read_bytes)
            text = log.read()
        whole = text[:text.rfind("\n") + 1]
        self.read_bytes += len(whole.encode())
        for name, pid in re.findall(r' info up "started" process=(\S+) pid=(\d+)', whole):
            self.pids[name] = int(pid)
        self.deaths |= {(name, int(pid)) for name, pid in
                        re.findall(r' error up "process died" process=(\S+) pid=(\d+) signal=9', whole)}

    def lives(self, name):
        self.read_log()
        return processes.alive(self.pids.get(name, 0)) and self.pids[name]

    def kill(self, phase, victim):
        if victim == "weir up":
            children = [self.lives(name) for name in CHILDREN]
            self.kills.append((now_ms(), phase, victim))
            self.house.process.kill()
            self.house.process.wait()
            wait_for(lambda: not any(pid and processes.alive(pid) for pid in children), 10, "its children end")
            self.house.spawn()
            return
        names = TOGETHER.get(victim, [victim])
        for name in names:  # who is just being started is waited for: a second death needs a second life
            wait_for(lambda name=name: self.lives(name), 15, f"{name} is started again")
        self.kills.append((now_ms(), phase, victim))
        for name in names:
            self.killed.add((name, self.pids[name]))
            os.kill(self.pids[name], signal.SIGKILL)

    # --- one attack ---

    def cycle(self, number):
        """Gives [{"phase", "victim", "to_route_ms", "late_ms", and for each peer the gap}], all in ms; AssertionError where
        something went wrong."""
        wanted = plan(self.seed, number)
        self.kills = []
        hosts = [f"198.51.100.{20 + number % 200}", f"2001:db8:100::{20 + number:x}"]
        victim, before_s = wanted["before"]
        self.kill("before", victim)
        time.sleep(before_s)
        for host in hosts:
            self.router.first_ms.pop(host, None)
            self.router.start_stream(host, ATTACK_BPS)
        victim, during_s = wanted["during"]
        time.sleep(during_s)
        self.kill("during", victim)
        time.sleep(LASTS_S)
        wait_for(lambda: self.peers.all_hold(hosts), LIMIT_S, f"each peer has the routes; {self.peers_say()}")
        for host in hosts:
            self.router.stop_stream(host)
        victim, after_s = wanted["after"]
        time.sleep(after_s)
        self.kill("after", victim)
        mine = lambda: [m for m in self.house.mitigations() if any(f"destination {host}/" in m["rule"] for host in hosts)]
        none_left = lambda: not any(w.history.held for w in self.peers.witnesses.values())
        wait_for(none_left, LIMIT_S, f"no peer has a route; {self.peers_say()}")
        wait_for(lambda: mine() and all(m["state"] == "withdrawn" for m in mine()), LIMIT_S, "the mitigations are withdrawn")
        self.wait_whole()
        found = mine()
        self.check(hosts, found)
        return self.measure(hosts, found)

    def peers_say(self):
        return {name: sorted(witness.history.held) for name, witness in self.peers.witnesses.items()}

    def wait_whole(self):
        """All processes live and answer, policy leads and has said so, and all sessions but GoBGP's, which keeps everybody
        waiting, stand."""
        wait_for(lambda: all(self.lives(name) for name in CHILDREN), LIMIT_S, "all processes are started again")
        wait_for(lambda: {int(r["pid"]) for r in self.house.registry()} >= {self.pids[name] for name in house.PROCESSES},
                 LIMIT_S, "all processes are in the registry")
        ends = [at for at, _, victim in self.kills if victim in ("policy", "everyone", "weir up")]
        if ends:
            wait_for(lambda: self.led_since(ends[-1]), LIMIT_S, "the audit tells who leads")
        wait_for(lambda: self.peers.recorder.established() and all(self.peers.daemons[name].established()
                                                                  for name in ("frr", "bird")), LIMIT_S, "the sessions")

    def led_since(self, at_ms):
        with self.house.redis("state") as redis:
            return any(fields[1] == b"leads" for _, fields in redis("XRANGE", "weir:audit", at_ms, "+"))

    # --- what must be so ---

    def check(self, hosts, found):
        wrong = []

        def same(got, want, what):
            if got != want:
                wrong.append(f"{what}: {got}, not {want}")

        same(sorted(m["rule"].split()[2].split("/")[0] for m in found), sorted(hosts), "mitigations")
        tables = self.peers.tables()
        for name, held in tables.items():
            same(held, set(), f"routes left at {name}")
        self.read_log()
        for name, pid in self.killed - self.deaths:
            wrong.append(f"the log of weir up does not tell of the death of {name}, pid {pid}")
        with self.house.redis("state") as redis:
            jobs, audit = self.stream(redis, "weir:jobs"), self.stream(redis, "weir:audit")
            results = self.stream(redis, "weir:results", self.kills[0][0])
        again = {r["mitigation"] for r in results} - {m["id"] for m in found}
        same(again, set(), "what had ended before, and is told of again in weir:results")
        alarms = {a["id"]: a for a in self.house.alarms()}
        for m in found:
            last_attack_ms = max(self.router.last_ms[host] for host in hosts)
            alarm = alarms.get(m["alarm"], {"state": "missing"})
            same(alarm["state"], "ended", f"alarm {m['alarm']}")
            same([j["verb"] for j in jobs if j["mitigation"] == m["id"]], ["announce", "withdraw"], f"jobs of {m['id']}")
            if m["times"]["withdraw_asked_ms"] < last_attack_ms:
                wrong.append(f"{m['id']} was withdrawn {last_attack_ms - m['times']['withdraw_asked_ms']} ms before the end of the attack")
            said = [a["what"] for a in audit if a.get("mitigation") == m["id"]]
            for what in ("announce", "withdrawal planned", "withdraw", "withdrawn"):
                same(said.count(what), 1, f"times that the audit says {what!r} of {m['id']}: {said}")
            if "active" not in said:
                wrong.append(f"the audit does not say that {m['id']} was active: {said}")
            said = [a["what"] for a in audit if a.get("alarm") == m["alarm"] and not a.get("mitigation")]
            same((said.count("alarm"), said.count("alarm ended")), (1, 1), f"what the audit says of {m['alarm']}: {said}")
        for host in hosts:
            wrong += self.twice(host)
        if wrong:
            raise AssertionError("\n".join(wrong))

    @staticmethod
    def stream(redis, name, since="-"):
        entries = redis("XRANGE", name, since, "+")
        return [{k.decode(): v.decode() for k, v in zip(fields[::2], fields[1::2]) if k != b"pb"} for _, fields in entries]

    def twice(self, host):
        """Of one session the recorder hears of a route once, and once that it is gone."""
        told = [(session, what) for at, session, what, one in self.peers.recorder.events
                if one == host and at >= self.kills[0][0]]
        return [f"{what} of {host} {told.count((session, what))} times in one session" for session, what in set(told)
                if told.count((session, what)) > 1]

    # --- how long it took ---

    def blame(self, at_ms):
        """The last kill before then."""
        return [phase for at, phase, _ in self.kills if at <= at_ms][-1]

    def measure(self, hosts, found):
        cases = {phase: {"phase": phase, "victim": victim, "to_route_ms": 0, "late_ms": 0, **dict.fromkeys(GAP_LIMITS_MS, 0)}
                 for _, phase, victim in self.kills}

        def note(phase, what, ms):
            cases[phase][what] = max(cases[phase][what], ms)

        for m in found:
            host = next(host for host in hosts if f"destination {host}/" in m["rule"])
            # Where policy or the state server is away at its end, the speaker keeps to the planned time by itself.
            asked_ms = min(m["times"]["withdraw_asked_ms"], m["until_ms"]) - CLOCKS_MS
            for name, witness in self.peers.witnesses.items():
                history = witness.history
                for since, ms in history.gaps(host, self.kills[0][0], asked_ms):
                    note(self.blame(since), name, ms)
                if name == "gobgp":
                    continue
                first_ms = history.first_ms(host, self.kills[0][0])
                note(self.blame(first_ms), "to_route_ms", first_ms - self.router.first_ms[host])
                note(self.blame(history.gone_ms(host)), "late_ms", history.gone_ms(host) - m["times"]["withdraw_asked_ms"])
        return list(cases.values())


def run(seed, numbers, failures_max=3):
    """The cycles of these numbers. Gives (cases, failures)."""
    cases, failures, killing = [], [], None
    for number in numbers:
        if killing is None:
            killing = Killing(seed).start()
        try:
            cases += [{**case, "cycle": number} for case in killing.cycle(number)]
        except (AssertionError, NotSeen, OSError) as error:
            failures.append(f"seed {seed} cycle {number} {plan(seed, number)} in {killing.work}:\n{error}")
            killing.stop(keep=True)
            killing = None
            if len(failures) >= failures_max:
                break
    if killing is not None:
        failures += killing.stop(keep=False)
    return cases, failures
