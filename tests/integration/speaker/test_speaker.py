"""The speaker against GoBGP, FRR and BIRD: routes stand exactly as long as they must, on every peer."""
import os
import re
import resource
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import Bird, Frr, GoBgp, Program, stays, wait_for  # noqa: E402
from world import BIN, RULE4, RULE4_LIMIT, RULE6  # noqa: E402


class Routes(Case):
    """All three daemons at once: iBGP to GoBGP, eBGP with a 4-octet AS to FRR and BIRD."""

    def setUp(self):
        super().setUp()
        w = self.world
        self.gobgp = w.peer(GoBgp, "gobgp")
        self.frr = w.peer(Frr, "frr", own_as=65002)
        self.bird = w.peer(Bird, "bird", own_as=65003)
        w.up()
        w.all_established()

    def each(self, what, text4, text6=None, limit_s=10):
        for peer in self.world.peers:
            what(peer, text4, limit_s=limit_s)
            if text6:
                what(peer, text6, 6, limit_s)

    def test_match_and_action_arrive_and_go(self):
        w = self.world
        w.announce("m-1", RULE4, crossed_ago_ms=1000)
        w.announce("m-2", RULE4_LIMIT)
        w.announce("m-3", RULE6)
        self.each(self.present, "198.51.100.7/32", "2001:db8:100::7/128")
        self.each(self.present, "198.51.100.8/32")
        one = [r for r in self.gobgp.routes() if "198.51.100.7/32" in r][0]
        for part in ("[protocol: ==udp]", "[source-port: ==53]", "[packet-length: >=500&<=1500]", "{Extcomms: [discard]}",
                     "{LocalPref: 100}", "{Communities: no-export}"):
            self.assertIn(part, one)
        self.assertIn("rate: 1250000", [r for r in self.gobgp.routes() if "198.51.100.8/32" in r][0])
        one = [r for r in self.bird.routes() if "198.51.100.7/32" in r][0]
        for part in ("proto 17", "sport 53", "length 500..1500", "BGP.as_path: 4200000001",
                     "(generic, 0x80060000, 0x0)", "BGP.community: (65535,65281)"):
            self.assertIn(part, one)
        one = [r for r in self.frr.routes() if "198.51.100.7/32" in r][0]
        for part in ("IP Protocol = 17", "Source Port = 53", "Packet Length < 1500" if "< 1500" in one else "Packet Length",
                     "FS:rate 0.000000"):
            self.assertIn(part, one)
        wait_for("results", lambda: w.results("m-1") == {"gobgp": "sent", "frr": "sent", "bird": "sent"})
        metrics = w.metrics()
        self.assertIn('weir_flowspec_active_rules{peer="gobgp",family="ipv4"} 2', metrics)
        self.assertIn('weir_speaker_peer_up{peer="frr"} 1', metrics)
        self.assertIn("weir_flowspec_rules_deployed_total 3", metrics)
        self.assertIn("weir_time_to_mitigate_seconds_count 1", metrics)
        wait_for("peer's hash", lambda: w.state.cli("HGET", "weir:peer:sp1:bird", "state") == "established" and
                 w.state.cli("HGET", "weir:peer:sp1:bird", "routes_ipv4") == "2")
        w.withdraw("m-1", RULE4)
        w.withdraw("m-3", RULE6)
        self.each(self.absent, "198.51.100.7/32", "2001:db8:100::7/128")
        wait_for("results", lambda: w.results("m-1") == {p: "withdrawn" for p in ("gobgp", "frr", "bird")})
        self.each(self.present, "198.51.100.8/32")
        self.assertNotIn("peer down", w.speaker.text())

    def test_peer_restart_brings_the_route_back(self):
        w = self.world
        w.announce("m-1", RULE4)
        self.each(self.present, "198.51.100.7/32")
        for peer in w.peers:
            peer.end()
            wait_for("said so", lambda p=peer: w.results("m-1").get(p.name, "").startswith("peer-down"))
            peer.up()
            self.present(peer, "198.51.100.7/32", limit_s=20)

    def test_killed_speaker_comes_back_with_its_routes(self):
        w = self.world
        w.announce("m-1", RULE4)
        w.announce("m-2", RULE6)
        self.each(self.present, "198.51.100.7/32", "2001:db8:100::7/128")
        w.speaker.kill()
        self.each(self.absent, "198.51.100.7/32")
        w.withdraw("m-2", RULE6)
        w.start_speaker()
        self.each(self.present, "198.51.100.7/32")
        wait_for("what was withdrawn meanwhile is answered", lambda: w.results("m-2").get("bird") == "withdrawn")
        for peer in w.peers:
            self.assertEqual(peer.routes(6), [])

    def test_state_server_away_and_the_way_out(self):
        w = self.world
        w.announce("m-1", RULE4)
        w.announce("m-2", RULE6)
        self.each(self.present, "198.51.100.7/32", "2001:db8:100::7/128")
        wait_for("journal", lambda: os.path.getsize(os.path.join(w.folder, "speaker.journal")) > 400)
        w.state.kill()
        stays("routes with Redis dead", lambda: len(self.gobgp.routes()) == 1 and len(self.bird.routes()) == 1, 2)
        w.speaker.kill()
        self.each(self.absent, "198.51.100.7/32")
        w.start_speaker()
        self.each(self.present, "198.51.100.7/32", "2001:db8:100::7/128")
        status = w.command(command="status")
        self.assertTrue(status["ok"] and not status["state_reached"])
        self.assertEqual(status["standing"], 2)
        begin = time.monotonic()
        answer = w.command(command="withdraw-all", family="ipv4", who="test", why="trial")
        self.assertEqual((answer["ok"], answer["routes_withdrawn"]), (True, 3))
        self.each(self.absent, "198.51.100.7/32", limit_s=1)
        self.assertLess(time.monotonic() - begin, 2)
    
        for peer in w.peers:
            self.present(peer, "2001:db8:100::7/128", 6)
        w.speaker.kill()
        w.start_speaker()
        for peer in w.peers:
            self.present(peer, "2001:db8:100::7/128", 6)
            self.assertEqual(peer.routes(4), [])
        w.state.up()
        wait_for("state reached", lambda: w.command(command="status")["state_reached"])
        stays("the hold of the socket", lambda: self.gobgp.routes() == [], 1)
        self.assertIn("held", w.results("m-1").get("gobgp", ""))
        wait_for("the hold told of in the registry", lambda: w.telemetry.cli("HGET", "weir:process:speaker:sp1", "holds").strip()
                 == "family:ipv4")
        self.assertEqual(w.command(command="resume", scope="all")["ended"], 1)
        self.each(self.present, "198.51.100.7/32")

    def test_an_emptied_state_server_withdraws_nothing_and_is_not_quiet(self):
        w = self.world
        w.announce("m-1", RULE4)
        w.announce("m-2", RULE4_LIMIT)
        w.announce("m-3", RULE6)
        self.each(self.present, "198.51.100.8/32", "2001:db8:100::7/128")
        w.state.cli("HSET", "weir:hold", "peer:bird", "anna: trial")
        w.state.cli("XADD", "weir:stops", "*", "verb", "resume", "scope", "peer:none", "who", "anna", "why", "reads the hash")
        self.absent(self.bird, "198.51.100.8/32")
        self.assertEqual(w.health(), (200, "ok"))
        w.state.cli("FLUSHALL")

        def routes():
            return len(self.gobgp.routes()) == 2 and len(self.gobgp.routes(6)) == 1 and self.bird.routes() == []

        def all_say_so():
            wait_for("metric", lambda: "weir_speaker_missing_mitigations 3" in w.metrics(), 5)
            self.assertIn("3 mitigations stand that the state server has lost", w.health()[1])
            wait_for("registry", lambda: w.telemetry.cli("HGET", "weir:process:speaker:sp1", "missing") == "3")
            self.assertEqual((w.command(command="status")["missing"], w.command(command="status")["standing"]), (3, 3))

        all_say_so()
        self.assertIn(' error speaker "the state server has lost mitigations that stand here', w.speaker.text())
        stays("routes, and the hold", routes, 2)
        w.speaker.kill()
        self.absent(self.gobgp, "198.51.100.8/32")
        w.start_speaker()
        self.present(self.gobgp, "198.51.100.8/32")
        all_say_so()
        # Policy leads anew, knows one of them, and ends another.
        w.announce("m-1", RULE4, revision=2)
        w.withdraw("m-2", RULE4_LIMIT, revision=2)
        self.each(self.absent, "198.51.100.8/32")
        self.each(self.present, "198.51.100.7/32", "2001:db8:100::7/128")
        wait_for("one is left", lambda: "weir_speaker_missing_mitigations 1\n" in w.metrics())
        w.withdraw("m-3", RULE6)
        wait_for("none is left", lambda: w.health() == (200, "ok"))
        self.assertEqual(w.speaker.text().count("the state server is older than what this speaker has seen"), 2)

    def test_a_hash_that_nobody_can_read_withdraws_nothing(self):
        w = self.world
        w.announce("m-1", RULE4)
        self.each(self.present, "198.51.100.7/32")
        w.state.cli("HSET", "weir:mitigation:m-1", "pb", "rubbish")
        w.speaker.end()
        w.start_speaker()
        self.each(self.present, "198.51.100.7/32", limit_s=20)
        wait_for("metric", lambda: "weir_speaker_missing_mitigations 1" in w.metrics(), 5)

    def test_holds_and_stops(self):
        w = self.world
        w.announce("m-1", RULE4)
        self.each(self.present, "198.51.100.7/32")
        w.state.cli("HSET", "weir:hold", "peer:bird", "anna: trial")
        w.state.cli("XADD", "weir:stops", "*", "verb", "withdraw-all", "scope", "peer:bird", "who", "anna", "why", "trial")
        self.absent(self.bird, "198.51.100.7/32", limit_s=2)
        self.present(self.gobgp, "198.51.100.7/32")
        w.state.cli("DEL", "weir:hold")
        w.state.cli("XADD", "weir:stops", "*", "verb", "resume", "scope", "all", "who", "anna", "why", "")
        self.present(self.bird, "198.51.100.7/32", limit_s=3)


class Judgement(Case):
    def test_dry_run_guard_profile_and_time(self):
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp")
        bird = w.peer(Bird, "bird")
        bird.use_profile = "generic"
        w.up()
        w.all_established()
        w.announce("m-dry", RULE4, dry_run="yes")
        wait_for("dry run", lambda: w.results("m-dry").get("bird", "").startswith("dry-run"))
        w.announce("m-guard", "match destination 198.51.100.10/32 protocol =udp then discard")
        wait_for("guard", lambda: w.results("m-guard").get("gobgp", "").startswith("refused: guard: protected"))
        ports = ",".join(f"={port}" for port in range(1, 301, 10))
        w.announce("m-many", f"match destination 198.51.100.9/32 protocol =udp port {ports} then discard")
        wait_for("profile", lambda: w.results("m-many").get("bird", "").startswith("refused: profile: generic"))
        self.assertEqual(w.results("m-many")["gobgp"], "sent")
        self.present(gobgp, "198.51.100.9/32")
        self.assertEqual(bird.routes(), [])
        w.announce("m-one", RULE4_LIMIT, peer="bird")
        self.present(bird, "198.51.100.8/32")
        w.announce("m-until", RULE4, until_in_ms=1500)
        self.present(bird, "198.51.100.7/32")
        self.absent(bird, "198.51.100.7/32", limit_s=5)
        self.assertIn('weir_speaker_ended_total{reason="until"} 1', w.metrics())
        self.assertEqual(len(gobgp.routes()), 1)
        self.assertIn('weir_speaker_refused_total{reason="guard"} 2', w.metrics())

    def test_a_rule_that_cuts_a_session_goes_only_behind_an_accept_rule(self):
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp")
        w.more_config = "bgp_sessions: [[192.0.2.1, 198.51.100.9]]\n"
        w.up()
        w.all_established()
        w.announce("m-cut", "match destination 198.51.100.9/32 protocol =tcp then discard")
        wait_for("guard", lambda: w.results("m-cut").get("gobgp", "").startswith("refused: guard: bgp-session"))
        w.announce("m-accept", "match destination 198.51.100.9/32 source 192.0.2.1/32 protocol =tcp port =179")
        wait_for("both are sent", lambda: w.results("m-cut").get("gobgp") == w.results("m-accept").get("gobgp") == "sent")
        self.assertEqual(len(gobgp.routes()), 2)
        w.withdraw("m-accept", "match destination 198.51.100.9/32 source 192.0.2.1/32 protocol =tcp port =179")
        wait_for("neither is there", lambda: gobgp.routes() == [])
        wait_for("and why", lambda: w.results("m-cut").get("gobgp", "").startswith("refused: guard: bgp-session"))
    def test_a_rule_goes_as_parts_where_a_profile_needs_it_and_none_is_left(self):
        w = self.world
        gobgp, frr = w.peer(GoBgp, "gobgp"), w.peer(Frr, "frr", own_as=65002)
        w.up()
        w.all_established()
        rule = "match destination 198.51.100.9/32 protocol =udp source-port =1,=3,=5,=7,=9,=11 then rate-limit 2500000B/s"
        limits = {2500000: 1, 1250000: 2}

        def has(peer, rate):
            routes = [r for r in peer.routes() if "198.51.100.9/32" in r]
            shown = f"rate: {rate}" if peer is gobgp else f"rate {rate}"
            return len(peer.routes()) == len(routes) == limits[rate] and all(shown in r for r in routes)

        def reload_with(profile):
            gobgp.use_profile = profile
            w.write_config()
            w.speaker.process.send_signal(signal.SIGHUP)

        w.announce("m-1", rule)
        wait_for("the whole", lambda: has(gobgp, 2500000))
        wait_for("its parts", lambda: has(frr, 1250000))
        wait_for("one answer", lambda: w.results("m-1") == {"gobgp": "sent", "frr": "sent: as 2 rules"})
        wait_for("parts count as routes", lambda: w.state.cli("HGET", "weir:peer:sp1:frr", "routes_ipv4") == "2")
        w.speaker.kill()
        self.absent(frr, "198.51.100.9/32")
        w.start_speaker()
        wait_for("its parts again", lambda: has(frr, 1250000) and has(gobgp, 2500000), 20)
        parts = (1250000, "sent: as 2 rules")
        for profile, (rate, said) in (("frr", parts), ("gobgp", (2500000, "sent")), ("frr", parts)):
            reload_with(profile)
            wait_for(f"the form of {profile}, and nothing of the other", lambda r=rate: has(gobgp, r))
            wait_for("said so", lambda s=said: w.results("m-1")["gobgp"] == s)
        w.announce("m-2", "match destination 198.51.100.9/32 protocol =udp source-port =11 then discard")
        wait_for("a part that is another's rule now", lambda: "shadow: m-2" in w.results("m-1")["frr"])
        self.assertEqual(len(frr.routes()), 2)
        w.withdraw("m-2", "match destination 198.51.100.9/32 protocol =udp source-port =11 then discard")
        wait_for("its own again", lambda: has(frr, 1250000))
        w.withdraw("m-1", rule)
        wait_for("nothing is left", lambda: frr.routes() == [] and gobgp.routes() == [])
        wait_for("results", lambda: w.results("m-1") == {"gobgp": "withdrawn", "frr": "withdrawn"})
        self.assertEqual(w.command(command="status")["peers"][1]["wanted"], 0)
        self.assertNotIn("notification received", w.speaker.text())

    def test_dry_run_of_a_platform_a_method_or_a_policy_is_of_it_alone(self):
        """Whatever policy says: who starts a speaker with these lines has its word that nothing is sent."""
        w = self.world
        gobgp, bird = w.peer(GoBgp, "gobgp"), w.peer(Bird, "bird")
        w.more_config = """platforms:
  - {name: edge, peers: [gobgp], widest: [/24, /48]}
  - {name: trial, peers: [bird], widest: [/24, /48], dry_run: true}
methods:
  - {name: live, match: {destination: infer, protocol: [udp]}, action: {discard: true}}
  - {name: tried, match: {destination: infer, protocol: [udp]}, action: {discard: true}, dry_run: true}
policies:
  - name: watched
    direction: incoming
    key: [dst_addr]
    window: 1s
    dry_run: true
    thresholds: [{severity: critical, any: {bps: 1G}, clear: {below: 80%, after: 61s}}]
"""
        w.up()
        w.all_established()
        rule = "match destination 198.51.100.{}/32 protocol =udp source-port =53 then discard".format
        w.announce("m-method", rule(1), method="tried")
        w.announce("m-policy", rule(2), method="live", policy="watched")
        w.announce("m-live", rule(3), method="live", policy="another")
        wait_for("method", lambda: w.results("m-method").get("gobgp") == "dry-run: dry run of the method")
        wait_for("policy", lambda: w.results("m-policy").get("gobgp") == "dry-run: dry run of the policy")
        wait_for("platform", lambda: w.results("m-live").get("bird") == "dry-run: dry run of the peer's platform")
        self.present(gobgp, "198.51.100.3/32")
        self.assertEqual((len(gobgp.routes()), bird.routes()), (1, []))

    def test_dry_run_of_the_configuration_sends_nothing(self):
        w = self.world
        w.settings["dry_run"] = "true"
        gobgp = w.peer(GoBgp, "gobgp")
        w.up()
        w.all_established()
        w.announce("m-1", RULE4)
        wait_for("dry run", lambda: w.results("m-1").get("gobgp", "").startswith("dry-run"))
        self.assertEqual(gobgp.routes(), [])


class Sessions(Case):
    def test_peers_that_connect_to_us(self):
        w = self.world
        bird = w.peer(Bird, "bird", connect="passive", dials=True)
        frr = w.peer(Frr, "frr", own_as=65002, connect="passive", dials=True)
        w.up()
        w.all_established()
        w.announce("m-1", RULE4)
        for peer in (bird, frr):
            self.present(peer, "198.51.100.7/32")

    def test_collisions_end_with_one_session(self):
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp", connect="both", dials=True)
        bird = w.peer(Bird, "bird", connect="both", dials=True)
        w.up()
        w.all_established()
        w.announce("m-1", RULE4)
        for round_number in range(3):
            for peer in (gobgp, bird):
                self.present(peer, "198.51.100.7/32", limit_s=20)
            stays("sessions", lambda: gobgp.established() and bird.established(), 1.5)
            if round_number < 2:
                w.speaker.end()
                w.start_speaker()

    def test_a_peer_that_restarts_is_not_kept_waiting(self):
        w = self.world
        bird = w.peer(Bird, "bird")
        bird.retry = "120s"
        w.up()
        w.all_established()
        w.announce("m-1", RULE4)
        self.present(bird, "198.51.100.7/32")
        bird.kill()
        wait_for("seen", lambda: 'weir_speaker_peer_up{peer="bird"} 0' in w.metrics())
        bird.up()
        self.present(bird, "198.51.100.7/32", limit_s=10)

    def test_reload_touches_only_what_changed(self):
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp")
        w.up()
        w.all_established()
        w.announce("m-1", RULE4)
        self.present(gobgp, "198.51.100.7/32")
        bird = w.peer(Bird, "bird")
        bird.up()
        w.write_config()
        w.speaker.process.send_signal(signal.SIGHUP)
        self.present(bird, "198.51.100.7/32")
        self.assertEqual(w.speaker.text().count("peer=gobgp families="), 1)
        w.peers.remove(bird)
        w.write_config()
        w.speaker.process.send_signal(signal.SIGHUP)
        wait_for("bird lost us", lambda: not bird.established())
        w.peers.append(bird)
        self.assertEqual(len(gobgp.routes()), 1)
        self.assertEqual(w.speaker.text().count("peer=gobgp families="), 1)
        gobgp.extra = ", no_export: false"
        w.write_config()
        w.speaker.process.send_signal(signal.SIGHUP)
        wait_for("new attributes", lambda: gobgp.routes() and "no-export" not in gobgp.routes()[0])

    def test_shutdown_withdraws_where_it_says_so(self):
        w = self.world
        w.settings["shutdown"] = "withdraw"
        bird = w.peer(Bird, "bird")
        w.up()
        w.all_established()
        w.announce("m-1", RULE4)
        self.present(bird, "198.51.100.7/32")
        self.assertEqual(w.speaker.end(), 0)
        self.assertEqual(bird.routes(), [])
        wait_for("said so", lambda: "withdrawing all routes before the end" in w.speaker.text())
        w.start_speaker()
        self.present(bird, "198.51.100.7/32")

    def test_route_refresh_sends_the_routes_again(self):
        w = self.world
        bird = w.peer(Bird, "bird")
        w.up()
        w.all_established()
        w.announce("m-1", RULE4)
        self.present(bird, "198.51.100.7/32")
        counter = 'weir_speaker_routes_sent_total{peer="bird",kind="announce"} '
        self.assertIn(counter + "1", w.metrics())
        bird.cli("reload", "in", "spk")
        wait_for("sent again", lambda: counter + "2" in w.metrics())
        self.present(bird, "198.51.100.7/32")

    def test_a_refresh_has_a_begin_and_an_end_where_both_said_so(self):
        """BIRD counts what is not sent between them as gone (RFC 7313), and so does FRR."""
        w = self.world
        bird, frr = w.peer(Bird, "bird"), w.peer(Frr, "frr", own_as=65002)
        w.up()
        w.all_established()
        bird.cli("debug", "spk", "{ packets }")
        frr.cli("debug bgp neighbor-events")
        w.announce("m-1", RULE4)
        w.announce("m-2", RULE4_LIMIT)
        for peer in (bird, frr):
            self.present(peer, "198.51.100.7/32")
            self.present(peer, "198.51.100.8/32")
        wait_for("End-of-RIB", lambda: "Got END-OF-RIB" in bird.text() or w.health()[0] == 200)
        bird.cli("reload", "in", "spk")
        frr.cli(f"clear bgp ipv4 flowspec {frr.speaker} soft in")
        wait_for("the end", lambda: bird.text().count("Got END-OF-RR") == 2)
        said = re.findall(r"Got (BEGIN-OF-RR|UPDATE|END-OF-RR)", bird.text())[-6:]  # of two families, one of them empty
        self.assertEqual(sorted(said), ["BEGIN-OF-RR"] * 2 + ["END-OF-RR"] * 2 + ["UPDATE"] * 2)
        self.assertEqual((said[0], said[-1]), ("BEGIN-OF-RR", "END-OF-RR"))
        self.assertNotIn("UPDATE", said[said.index("END-OF-RR"):])
        wait_for("FRR has it", lambda: "Enhanced Route Refresh: advertised and received" in frr.cli(f"show bgp neighbors {frr.speaker}"))
        for peer in (bird, frr):
            self.present(peer, "198.51.100.7/32")
            self.present(peer, "198.51.100.8/32")
            self.assertEqual(len(peer.routes()), 2)
        self.assertNotIn("peer down", w.speaker.text())

    def test_a_full_disk_stops_no_route_and_is_made_good(self):
        w = self.world
        gobgp = w.peer(GoBgp, "gobgp")
        w.up()
        w.all_established()
        w.announce("m-1", RULE4)
        self.present(gobgp, "198.51.100.7/32")
        journal = os.path.join(w.folder, "speaker.journal")
        disk = lambda most: resource.prlimit(w.speaker.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        disk(os.path.getsize(journal) + 5)
        w.announce("m-2", RULE4_LIMIT)
        self.present(gobgp, "198.51.100.8/32")
        w.withdraw("m-1", RULE4)
        self.absent(gobgp, "198.51.100.7/32")
        self.assertIn("the journal cannot be written", w.health()[1])
        self.assertNotIn("weir_speaker_journal_errors_total 0", w.metrics())
        self.assertFalse(w.command(command="status")["journal_ok"])
        answer = w.command(command="withdraw-all", peer="nobody", who="test", why="trial")
        self.assertEqual((answer["ok"], answer["survives_restart"]), (True, False))
        disk(resource.RLIM_INFINITY)
        wait_for("made good", lambda: w.health() == (200, "ok"), 15)
        w.speaker.kill()
        w.state.kill()
        w.start_speaker()
        self.present(gobgp, "198.51.100.8/32", limit_s=15)
        self.assertEqual(len(gobgp.routes()), 1, "the withdrawal is not forgotten")
        self.assertEqual([h["scope"] for h in w.command(command="status")["holds"]], ["peer:nobody"])

    def test_a_journal_of_another_version_is_set_aside(self):
        w = self.world
        bird = w.peer(Bird, "bird")
        with open(os.path.join(w.folder, "speaker.journal"), "w", encoding="ascii") as out:
            out.write("weir journal 9\nand what it means by it")
        w.up()
        w.announce("m-1", RULE4)
        self.present(bird, "198.51.100.7/32", limit_s=20)
        self.assertIn("the journal is of another version, or none: moved aside", w.speaker.text())
        self.assertTrue(os.path.exists(os.path.join(w.folder, "speaker.journal.damaged")))

    def test_two_speakers_do_not_share_a_journal(self):
        w = self.world
        w.peer(Bird, "bird")
        w.up()
        w.all_established()
        second = Program("second", w.folder)
        w.metrics_port = 0
        w.write_config()
        second.start(os.path.join(BIN, "weir-speaker"), "--config", w.config)
        wait_for("the second ends", lambda: not second.running())
        self.assertNotEqual(second.end(), 0)
        self.assertIn("another speaker uses", second.text())
        self.assertTrue(w.peers[0].established())


if __name__ == "__main__":
    unittest.main(verbosity=2)
