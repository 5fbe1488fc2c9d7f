#!/usr/bin/env python3
"""A peer that breaks every rule of BGP in turn: each gets the right NOTIFICATION, or is borne with; a peer beside it notices
nothing; and each has its session and its routes back afterwards. Zero windows, strangers and an octet a second are in
test_hostile.py. WEIR_TEST_LONG=1 says all of it an octet at a time too, and waits for who never says an OPEN."""
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from breakers import HANGS_UP, LONG, STAYS, Breaker, all_broken  # noqa: E402
from case import Case  # noqa: E402
from daemons import GoBgp, wait_for  # noqa: E402

AT_ONCE = 60  # peers of one speaker beside the two that are good; DESIRED_PEERS_MAX is 64
WITHIN_S = 1


def rule(number):
    return f"match destination 198.51.100.{number}/32 protocol =udp then discard"


def host(number):
    return socket.inet_aton(f"198.51.100.{number}")


class Conformance(Case):
    def test_each_rule_that_is_broken(self):
        cases = all_broken()
        self.assertEqual(len({case.name for case in cases}), len(cases))
        for first in range(0, len(cases), AT_ONCE):
            if first > 0:
                self.world.done()
                self.setUp()
            self.run_some(cases[first:first + AT_ONCE])

    def run_some(self, cases):
        w = self.world
        gobgp, witness = w.peer(GoBgp, "gobgp"), w.peer(Breaker, "witness")
        breakers = []
        for case in cases:
            breakers.append(w.peer(Breaker, case.name))
            breakers[-1].case = case
        w.up()
        w.announce("m-1", rule(21))
        wait_for("the good peers have the route", lambda: witness.has(host(21)) and gobgp.established(), 30)
        times = [self.time_to(witness, number) for number in range(22, 25)]
        for breaker in breakers:
            with self.subTest(case=breaker.name):
                self.check(breaker)
        self.assertLess(min(times), WITHIN_S, times)
        w.announce("m-last", rule(30))
        for breaker in breakers:
            with self.subTest(case=breaker.name, after="the last route"):
                session = 1 if breaker.case.want == STAYS else None
                wait_for("it has the route", lambda b=breaker, s=session: b.has(host(30), s), 30)
        self.present(gobgp, "198.51.100.30/32")
        self.assertEqual([witness.sessions, witness.answer], [1, None])
        self.assertEqual(w.speaker.text().count("peer=gobgp families="), 1, "its session never fell")
        self.assertTrue(w.speaker.running())

    def time_to(self, witness, number):
        """Seconds from the job to the route at a good peer, while the others do their worst."""
        began = time.monotonic()
        self.world.announce(f"m-{number}", rule(number))
        wait_for("the witness has it", lambda: witness.has(host(number)))
        return next(when for when, _, body in witness.came if host(number) in body) - began

    def check(self, breaker):
        want = breaker.case.want
        if want == STAYS:
            wait_for("it has the route", lambda: breaker.has(host(21), 1))
            self.assertEqual((breaker.answer, breaker.sessions), (None, 1))
            return
        wait_for("it is answered", lambda: breaker.answer is not None, 260 if LONG else 20)
        if want == HANGS_UP:
            self.assertEqual(breaker.answer, HANGS_UP)
        else:
            self.assertEqual(breaker.answer[:2], want[:2])
            if want[2] is not None:
                self.assertEqual(breaker.answer[2], want[2])
        wait_for("its session is back, with the route", lambda: breaker.sessions > 1 and breaker.has(host(21), breaker.sessions), 30)


if __name__ == "__main__":
    unittest.main()
