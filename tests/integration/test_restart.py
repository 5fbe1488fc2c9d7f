#!/usr/bin/env python3
"""kill -9 of each process, and FLUSHALL, also both at once, while a mitigation stands: the route is never lost for long,
there is no second mitigation, and the withdrawal comes all the same."""
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, suite
from lib.exporters import Generate
from lib.gobgp import Gobgp
from lib.ports import free_port
from lib.waits import now_ms, wait_for

TARGET = "198.51.100.45"
# How long the route may be away. Sessions, and with them the routes, outlive everything but their speaker. After a lost
# connection GoBGP closes every new one for 5 s: a constant of its own (holdtimeIdle in its fsm.go), which no setting
# changes; idle-hold-time-after-reset is for its administrator's resets. Then the speaker, which tries at least once a
# second here, needs its next attempt, the session and the route.
LOST_MS = {"policy": 0, "aggregator": 0, "collector": 0, "speaker": 5000 + 1000 + 500}
WITHDRAW_AFTER_MS = 2000
CLOCKS_MS = 100  # what a process's idea of the state server's time may be off


class Watch(threading.Thread):
    """Asks GoBGP over and over whether the route is there: [(when asked, when answered, whether)]."""

    def __init__(self, gobgp):
        super().__init__(daemon=True)
        self.gobgp, self.answers, self.over = gobgp, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            asked = now_ms()
            try:
                there = bool(self.gobgp.route_to(TARGET))
            except OSError:
                continue
            self.answers.append((asked, now_ms(), there))

    def stop(self):
        self.over.set()
        self.join()

    def longest_gap_ms(self, until_ms):
        """How long the route was away at a stretch, at least: from the first answer without it to the last."""
        longest, since = 0, None
        for asked, answered, there in self.answers:
            if asked >= until_ms:
                break
            if there:
                since = None
            else:
                since = answered if since is None else since
                longest = max(longest, asked - since)
        return longest


class Stories(suite.HouseTest):
    policy = house.HOST_UDP

    @classmethod
    def setUpClass(cls):
        cls.work = house.work_folder()
        cls.port = free_port()
        cls.gobgp = Gobgp(cls.work).start()
        text = house.config(cls.work, [f"127.0.0.1:{cls.port}"], cls.gobgp.port, policies=cls.policy)
        cls.house = house.House(cls.work, text).start()
        wait_for(cls.gobgp.established, 60, "the BGP session")

    @classmethod
    def tearDownClass(cls):
        cls.house.stop()
        cls.gobgp.stop()
        complaints = cls.house.sanitizer_complaints()
        house.dispose(cls.work, keep=cls.any_failed or complaints)
        if complaints:
            raise AssertionError(f"sanitizers complained: {complaints}")

    def generate(self, name, *more):
        """One exporter: templates at its start and then every 10 s."""
        return Generate(self.work, name, "--to", f"127.0.0.1:{self.port}", "--proto", "netflow9", "--rate", 500, "--volume",
                        "20Mbps", "--duration", "0s", *more)

    def is_back(self, alarm):
        """The killed one has a successor, and the attack goes on: what else is to be seen."""

    def story(self, process, seed):
        """An attack; the process is killed while the mitigation stands; the attack ends."""
        before = {m["id"] for m in self.house.mitigations()}
        attack = self.generate(f"attack-{process}", "--seed", seed, "--attack", "dns-amplification", "--target", TARGET,
                               "--attack-rate", 500, "--attack-volume", "400Mbps")
        wait_for(lambda: self.gobgp.route_to(TARGET), 60, "the route")
        mine = lambda: [m for m in self.house.mitigations() if m["id"] not in before]
        wait_for(lambda: mine()[0]["state"] == "active", 30, "the mitigation active")
        watch = Watch(self.gobgp)
        victim = self.house.pids()[process]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: self.house.pids()[process] != victim, 60, f"{process} started again")
        # Its successor works: it is in the registry again, and the session stands.
        wait_for(lambda: any(r["kind"] == process and int(r["pid"]) == self.house.pids()[process]
                             for r in self.house.registry()), 90, f"{process} registered again")
        wait_for(self.gobgp.established, 60, "the BGP session again")
        self.is_back(mine()[0]["alarm"])
        time.sleep(2)  # what a restart might lose, it loses now
        said = attack.stop()
        calm = self.generate(f"calm-{process}")  # silence would freeze the alarm
        wait_for(lambda: not self.gobgp.route_to(TARGET), 60, f"the withdrawal after {process} was killed")
        wait_for(lambda: mine()[0]["state"] == "withdrawn", 60, "the mitigation withdrawn")
        watch.stop()
        calm.stop()
        found = mine()
        self.assertEqual(len(found), 1, "a second mitigation")
        times = found[0]["times"]
        alarms = [a for a in self.house.alarms() if a["id"] == found[0]["alarm"]]
        self.assertEqual([a["state"] for a in alarms], ["ended"])
        self.assertGreaterEqual(times["withdraw_asked_ms"], alarms[0]["times"]["ended_ms"] + WITHDRAW_AFTER_MS - CLOCKS_MS)
        self.assertGreater(times["withdraw_asked_ms"], said["last_attack_ms"], "withdrawn during the attack")
        self.assertLessEqual(watch.longest_gap_ms(times["withdraw_asked_ms"]), LOST_MS[process])
        if process != "speaker":
            away = [answer for answer in watch.answers if not answer[2] and answer[1] < times["withdraw_asked_ms"] - CLOCKS_MS]
            self.assertEqual(away, [], times)
        self.assertTrue(any(l["process"] == process and l["signal"] == "9" for l in self.house.log("up", "process died", "error")))


class Restart(Stories):
    def test_policy(self):
        self.story("policy", 11)

    def test_speaker(self):
        self.story("speaker", 12)

    def test_aggregator(self):
        self.story("aggregator", 13)

    def test_a_state_server_that_is_emptied(self):
        """The route stays, policy writes back what it holds, and the withdrawal comes as if nothing had been."""
        attack = self.generate("attack-flush", "--seed", 15, "--attack", "dns-amplification", "--target", TARGET,
                               "--attack-rate", 500, "--attack-volume", "400Mbps")
        wait_for(lambda: self.gobgp.route_to(TARGET), 60, "the route")
        standing = lambda: [m for m in self.house.mitigations() if m["state"] == "active"]
        before = wait_for(standing, 30, "the mitigation active")[0]
        watch = Watch(self.gobgp)
        with self.house.redis("state") as redis:
            redis("FLUSHALL")
        again = wait_for(standing, 30, "written back")[0]
        self.assertEqual(again["id"], before["id"])
        time.sleep(3)  # what the loss might bring about, it has now
        lost = [w for w in self.house.weir("status")["warnings"] if "STATE LOST" in w]
        self.assertEqual(len(lost), 1, lost)
        self.assertIn("has written back what it knew", lost[0])  # and no speaker has a route that nobody knows
        attack.stop()
        calm = self.generate("calm-flush")
        wait_for(lambda: not self.gobgp.route_to(TARGET), 60, "the withdrawal")
        wait_for(lambda: not standing(), 30, "the mitigation withdrawn")
        watch.stop()
        calm.stop()
        found = [m for m in self.house.mitigations() if m["id"] == before["id"]][0]
        self.assertEqual(found["state"], "withdrawn")
        self.assertEqual(watch.longest_gap_ms(found["times"]["withdraw_asked_ms"]), 0)

    def test_a_state_server_and_a_policy_that_lost_all_of_it(self):
        """Only the speaker remembers: what it offers is adopted. The alarm is raised anew and finds its rule, or has made it
        before the offer came; a person's rule keeps its time. Routers see nothing of it."""
        attack = self.generate("attack-both", "--seed", 16, "--attack", "dns-amplification", "--target", TARGET,
                               "--attack-rate", 500, "--attack-volume", "400Mbps")
        wait_for(lambda: self.gobgp.route_to(TARGET), 60, "the route")
        asked = self.house.weir("announce", "match destination 198.51.100.99/32 protocol =udp then discard", "--for", "1h")["ids"][0]
        standing = lambda: {m["id"]: m for m in self.house.mitigations() if m["state"] == "active"}
        before = wait_for(lambda: standing() if len(standing()) == 2 else None, 60, "both active")
        watch = Watch(self.gobgp)
        victim = self.house.pids()["policy"]
        os.kill(victim, signal.SIGSTOP)
        with self.house.redis("state") as redis:
            redis("FLUSHALL")
        os.kill(victim, signal.SIGKILL)
        again = wait_for(lambda: standing().get(asked), 90, "the person's rule adopted")
        self.assertEqual(again["until_ms"], before[asked]["until_ms"])
        with self.house.redis("state") as redis:
            self.assertIn("speaker sp1 had it, state Redis had lost it", str(redis("XRANGE", "weir:audit", "-", "+")))
        theirs = lambda: [m for m in standing().values() if m["id"] != asked]
        wait_for(lambda: [m["until_ms"] for m in theirs()] in ([None], [0]), 60, "one rule of the alarm")
        ours = theirs()[0]
        self.assertEqual(ours["rule"], next(m["rule"] for m in before.values() if m["id"] != asked))
        wait_for(lambda: not [w for w in self.house.weir("status")["warnings"] if "not in the state Redis" in w], 30, "nobody misses it")
        said = attack.stop()
        calm = self.generate("calm-both")
        wait_for(lambda: not self.gobgp.route_to(TARGET), 90, "the withdrawal")
        watch.stop()
        self.assertIn(asked, standing())
        self.house.weir("stop", asked)
        wait_for(lambda: not standing(), 30, "the person's rule withdrawn")
        calm.stop()
        found = {m["id"]: m for m in self.house.mitigations()}
        asked_ms = found[ours["id"]]["times"]["withdraw_asked_ms"]
        self.assertGreater(asked_ms, said["last_attack_ms"], "withdrawn during the attack")
        self.assertEqual(watch.longest_gap_ms(asked_ms), 0)


class RestartOfCollector(Stories):
    # Longer than an exporter may be silent (5 s), so that an alarm whose exporters fall silent freezes before it has
    # cleared.
    policy = house.HOST_UDP.replace("after: 2s", "after: 7s")

    def is_back(self, alarm):
        """Not understood is not peace. A collector that starts knows no templates: until they come again it hears its
        exporters, and understands nothing. The alarm freezes instead of clearing, and goes on when they are
        understood."""
        state = lambda: self.house.weir("alarm", alarm)["state"]
        wait_for(lambda: state() == "frozen", 60, "the alarm frozen while templates are missing")
        wait_for(lambda: state() == "active", 60, "the alarm active when they have come")

    def test_collector(self):
        self.story("collector", 14)


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=[Gobgp.missing()])
