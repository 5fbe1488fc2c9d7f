#!/usr/bin/env python3
"""kill -9 of each process, of each Redis server and of both, of all at once and of `weir up`, at random instants before, during and
after an attack: the peers keep the route or have it back soon, none is left behind, no job is lost or done twice, and the
audit says what happened. Two instants each; thirty with WEIR_TEST_LONG=1 (scripts/test --long).

What is random comes from a seed, which is printed. test_kill.py --seed SEED [--cycle N] does the same again, or one cycle."""
import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, killing, processes, suite, witnesses

# At a time: each keeps a quarter of a core busy.
HOUSES = min(4, 2 * len(os.sched_getaffinity(0)))
ROUNDS = 30 if os.environ.get("WEIR_TEST_LONG") == "1" else 2  # in all; each has an instant for each victim and phase
DEFAULT_SEED = "weir"
COLUMNS = (*killing.GAP_LIMITS_MS, "to_route_ms", "late_ms")
ROW = "TABLE: {:<12} {:<7} {:>5} {:>9} {:>6} {:>6} {:>6} {:>9} {:>6}"


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", default=os.environ.get("WEIR_KILL_SEED", DEFAULT_SEED))
    parser.add_argument("--cycle", type=int, default=os.environ.get("WEIR_KILL_CYCLE"))
    parser.add_argument("--house", help="first,last cycle: one house, for the test itself; answers in JSON")
    return parser.parse_known_args()[0]


def table(cases):
    """The worst of each case, in ms."""
    lines = [ROW.format("victim", "phase", "kills", *killing.GAP_LIMITS_MS, "to route", "late")]
    for victim in killing.VICTIMS:
        for phase in killing.PHASES:
            these = [c for c in cases if (c["victim"], c["phase"]) == (victim, phase)]
            if these:
                worst = [max(c[column] for c in these) for column in COLUMNS]
                lines.append(ROW.format(victim, phase, len(these), *worst))
    return "\n".join(lines)


NOTE = f"""TABLE:
TABLE: ms, the longest of each case. recorder to gobgp: how long a route was away there (limits {killing.GAP_LIMITS_MS});
TABLE: the recorder takes each session at once, the others refuse for a while after one is lost, GoBGP for 5 s.
TABLE: to route: from the attack's first datagram; late: gone after policy asked for it (both without GoBGP)."""


class Kill(suite.HouseTest):
    def houses(self, seed):
        cycles = ROUNDS * len(killing.VICTIMS)
        folder, running = self.folder(), []
        for i in range(HOUSES):
            first, last = cycles * i // HOUSES, cycles * (i + 1) // HOUSES
            out = folder / f"house-{i}.json"
            with open(out, "wb") as answer:
                running.append((out, processes.spawn([sys.executable, __file__, "--seed", seed, "--house", f"{first},{last}"],
                                                     folder / f"house-{i}.log", stdout=answer)))
        for out, process in running:
            process.wait()
            self.assertEqual(process.returncode, 0, (folder / f"{out.stem}.log").read_text()[-3000:])
            yield json.loads(out.read_text())

    def test_at_random_instants(self):
        seed = OPTIONS.seed
        print(f"\nseed {seed}; the same again: {sys.argv[0]} --seed {seed}", flush=True)
        if OPTIONS.cycle is not None:
            answers = [killing.run(seed, [OPTIONS.cycle])]
        else:
            answers = list(self.houses(seed))
        cases = [case for answer in answers for case in answer[0]]
        failures = [failure for answer in answers for failure in answer[1]]
        print(f"{table(cases)}\n{NOTE}", flush=True)
        self.assertEqual(failures, [], "\n\n".join(failures))
        for case in cases:
            with self.subTest(**case):
                for name, limit_ms in {**killing.GAP_LIMITS_MS, **killing.OTHER_LIMITS_MS}.items():
                    self.assertLessEqual(case[name], limit_ms, name)


OPTIONS = arguments()

if __name__ == "__main__":
    if OPTIONS.house:
        first, last = map(int, OPTIONS.house.split(","))
        print(json.dumps(killing.run(OPTIONS.seed, range(first, last))))
        sys.exit(0)
    # suite.main() may start this program anew, in a namespace.
    os.environ["WEIR_KILL_SEED"] = OPTIONS.seed
    if OPTIONS.cycle is not None:
        os.environ["WEIR_KILL_CYCLE"] = str(OPTIONS.cycle)
    del sys.argv[1:]
    suite.main(needs_namespace=False, missing=[f"not installed: {' '.join(witnesses.MISSING)}" if witnesses.MISSING else None])
