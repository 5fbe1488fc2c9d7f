#!/usr/bin/env python3
"""When something is away: a test for each row of that table in docs/architecture.md. Here nobody starts again what has
ended, so that it stays away until the test brings it back."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import suite, witnesses
from lib.parts import GONE_S, Parts
from lib.waits import now_ms, wait_for

A, B = "198.51.100.71", "2001:db8:100::72"
STANDBY_MS = 2000


class Away(suite.HouseTest):
    def parts(self, **options):
        its = Parts(self.folder(), **options)
        self.addCleanup(lambda: self.assertEqual(its.sanitizer_complaints(), []))
        self.addCleanup(its.down)
        return its.up()

    def stands(self, its, host):
        """An attack on host, and its route."""
        its.attack(host)
        wait_for(lambda: its.has(host), 30, f"the route to {host}")
        wait_for(lambda: [m["state"] for m in its.mitigations_of(host)] == ["active"], 30, "its mitigation active")

    def stays(self, its, host, for_s=GONE_S):
        time.sleep(for_s)  # for so long nothing may happen
        self.assertTrue(its.has(host), f"the route to {host}")

    def ends(self, its, host):
        """The route goes as it should, and has never been away before, and there was one alarm and one mitigation."""
        wait_for(lambda: not its.has(host), 30, f"the withdrawal of {host}")
        wait_for(lambda: [m["state"] for m in its.mitigations_of(host)] == ["withdrawn"], 30, "its mitigation withdrawn")
        self.assertEqual(its.witness.history.gaps(host, 0, its.mitigations_of(host)[0]["times"]["withdraw_asked_ms"] - 100), [])

    def frozen(self, its, host):
        wait_for(lambda: its.alarm_of(host)["state"] == "frozen", 30, "the alarm frozen")

    def warned(self, its, *texts):
        for text in texts:
            wait_for(lambda text=text: any(text in w for w in its.warnings()), 15, f"the warning: {text}")

    def test_telemetry_redis(self):
        its = self.parts()
        self.stands(its, A)
        its.kill("redis-telemetry")
        self.frozen(its, A)
        its.over(A)
        self.stays(its, A)
        self.warned(its, "telemetry Redis t1 is away")
        # What collectors hold is bounded: a few seconds of batches, then the oldest merge.
        wait_for(lambda: its.metric("weir_collector_delta_merged_total") > 0, 30, "merged batches")
        self.assertLessEqual(its.metric("weir_collector_batches_waiting"), 32 * os.cpu_count())
        its.begin("redis-telemetry")
        self.ends(its, A)
        self.stands(its, B)

    def test_state_redis(self):
        its = self.parts()
        self.stands(its, A)
        its.kill("redis-state")
        its.attack(B)
        self.stays(its, A)
        self.assertFalse(its.has(B), "a new mitigation without the state server")
        its.over(B)
        self.stays(its, A, 4)  # B's attack is seen to be over
        its.begin("redis-state")
        wait_for(lambda: its.weir("status")["leader"] == "p1", 30, "policy leads again")
        self.stays(its, A, 3)
        self.assertEqual((its.mitigations_of(B), its.alarm_of(B)), ([], None), "what was decided meanwhile is stale")
        its.over(A)
        self.ends(its, A)
        self.stands(its, B)

    def test_state_redis_comes_back_in_an_attack(self):
        """What began meanwhile, and goes on, is judged anew on return."""
        its = self.parts()
        its.kill("redis-state")
        its.attack(A)
        time.sleep(2)
        self.assertFalse(its.has(A), "a new mitigation without the state server")
        its.begin("redis-state")
        wait_for(lambda: its.has(A), 30, "the route on return")
        its.over(A)
        self.ends(its, A)

    def test_state_redis_longer_than_orphan_max(self):
        its = self.parts(speaker=", orphan_max: 4s")
        self.stands(its, A)
        its.kill("redis-state")
        killed_ms = now_ms()
        wait_for(lambda: not its.has(A), 30, "the speaker lets go")
        self.assertGreaterEqual(its.witness.history.gone_ms(A) - killed_ms, 3000)
        its.begin("redis-state")
        wait_for(lambda: its.has(A), 30, "the route again: the attack goes on")

    def test_a_collector(self):
        its = self.parts()
        self.stands(its, A)
        its.kill("collector")
        self.frozen(its, A)
        its.over(A)
        self.stays(its, A)
        self.warned(its, "no collector is alive")
        its.begin("collector")
        self.ends(its, A)

    def test_an_aggregator(self):
        its = self.parts()
        self.stands(its, A)
        its.kill("aggregator")
        self.frozen(its, A)
        its.over(A)
        self.stays(its, A)
        self.warned(its, "aggregator a1 is not alive: shard s0 is blind")
        its.begin("aggregator")
        self.ends(its, A)

    def test_policy_and_nobody_stands_by(self):
        its = self.parts()
        self.stands(its, A)
        its.kill("policy")
        its.over(A)
        self.stays(its, A)
        self.warned(its, "no policy is alive", "no policy leads")
        its.begin("policy")
        self.ends(its, A)

    def test_policy_and_another_stands_by(self):
        its = self.parts()
        its.begin("policy", second=True)
        wait_for(lambda: len([r for r in its.registry() if r["kind"] == "policy"]) == 2, 30, "two of them")
        self.stands(its, A)
        its.kill("policy")
        killed_ms = now_ms()
        its.attack(B)
        wait_for(lambda: its.has(B), 30, "the other acts")
        its.over(A)
        self.ends(its, A)
        with its.redis("state") as redis:
            leads = [(int(entry.split(b"-")[0]), fields[fields.index(b"who") + 1]) for entry, fields in
                     redis("XRANGE", "weir:audit", "-", "+") if fields[1] == b"leads"]
        self.assertEqual([who for _, who in leads], [b"p1", b"p2"])
        self.assertLessEqual(leads[1][0] - killed_ms, STANDBY_MS)

    def test_a_speaker_of_two(self):
        its = self.parts()
        its.begin("speaker", second=True)
        wait_for(lambda: its.recorder.established() == 2, 30, "two sessions")
        self.stands(its, A)
        wait_for(lambda: all(A in held for held in its.recorder.routes.values()), 30, "the route from both")
        its.kill("speaker")
        wait_for(lambda: its.recorder.established() == 1, 30, "one session")
        self.stands(its, B)
        its.begin("speaker")
        wait_for(lambda: its.recorder.established() == 2 and all({A, B} <= held for held in its.recorder.routes.values()), 30,
                 "both routes from both")
        its.over(A)
        self.ends(its, A)

    def test_everything_but_a_speaker(self):
        its = self.parts()
        self.stands(its, A)
        self.stands(its, B)
        for part in ("collector", "aggregator", "policy", "redis-telemetry", "redis-state"):
            its.kill(part)
        self.stays(its, A, 2)
        socket = its.run_dir() / "speaker.sock"
        said = its.weir_text("speaker", "withdraw-all", "--socket", socket, "--reason", "trial").stdout
        self.assertIn("2 routes are gone", said)
        wait_for(lambda: not its.recorder.held, 1, "all routes are gone")
        its.weir_text("speaker", "resume", "--socket", socket)
        wait_for(lambda: {A, B} <= its.recorder.held, 10, "the routes are back")


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=[f"not installed: {' '.join(witnesses.MISSING)}" if witnesses.MISSING else None])
