#!/usr/bin/env python3
"""Every component, operator and action, of both families, by `weir announce` to GoBGP, FRR and BIRD: read back from each of
them, and from the wire by tshark, and compared with bytes that were put together here."""
import concurrent.futures
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import dissect, house, readings, suite, witnesses
from lib.flowspec import Rule
from lib.peers import Peers
from lib.ports import free_port
from lib.waits import wait_for

# Each rule gets a host of its own as destination where it names none, so that none shadows another.
# (given, sent): weir sends a simpler form of the same meaning.
DISCARDED_4 = [
    # numbers: each operator, each way to join them, each size of a value
    "protocol =17", "protocol <6", "protocol <=6", "protocol >=132", "port >1023", "port =0", "port >=0",
    ("port <1 ", "port =0"), ("port true", "port >=0"), ("port !=80", "port <80,>80"),
    ("port !=80&!=443", "port <80,>=81&<=442,>443"),
    "destination-port =80,=443,=8080", "destination-port >=8000&<=8999",
    "source-port =53,=123,>=1000&<=1999,>60000", ("source-port =53,40..60", "source-port >=40&<=60"),
    "port =65535 destination-port <1024 source-port >1023",
    "packet-length =64", "packet-length <=100,>=1000&<=1500", "dscp =0,=46", "dscp <=7", ("dscp !=0", "dscp >0"),
    "protocol =1 icmp-type =8 icmp-code =0", "icmp-type =3,=11 icmp-code <=1,>12",
    # bits: each operator, on one bit and on several, joined by AND and OR
    "tcp-flags syn", "tcp-flags !ack", "protocol =6 tcp-flags =syn+ack", "protocol =6 tcp-flags !=syn+ack", "tcp-flags fin+rst",
    "tcp-flags !fin+rst", "tcp-flags syn&!ack", "tcp-flags ece&cwr", "tcp-flags syn&!ack,=fin+urg", "tcp-flags ns",
    ("tcp-flags only syn", "tcp-flags =syn&!fin+rst+psh+ack+urg+ece+cwr"),
    ("tcp-flags null", "tcp-flags !fin+syn+rst+psh+ack+urg+ece+cwr"),
    "fragment is-fragment", "fragment !is-fragment", "fragment first-fragment", "fragment last-fragment",
    "fragment dont-fragment", "fragment =is-fragment", "fragment !=first-fragment+last-fragment",
    "fragment first-fragment+last-fragment&!dont-fragment",
    ("fragment null", "fragment !dont-fragment+is-fragment+first-fragment+last-fragment"),
    # prefixes that end inside an octet; one wider than a host needs a protocol and one thing more
    "destination 198.51.100.224/27 protocol =47 packet-length >1500",
    "destination 198.51.100.128/26 source 10.0.0.0/7 protocol =17 source-port >=1&<=7",
    # all at once; port would say the same as the other two
    "source 203.0.113.64/26 protocol =6 destination-port =443 source-port >=1024 tcp-flags =psh+ack packet-length >=40&<=1500 "
    "dscp =0 fragment !is-fragment"]
DISCARDED_6 = [
    "protocol =17", "protocol >=6&<=17", "source 2001:db8:8000::/33 protocol =6", "protocol =58 icmp-type =128,=129 icmp-code =0",
    "protocol =58 icmp-type >=138", "protocol =17 port =53", "protocol =17 destination-port >=8000&<=8999",
    "protocol =17 source-port <1024", "protocol =6 tcp-flags =syn+ack", "protocol =6 tcp-flags syn&!ack,=fin+urg",
    "protocol =17 packet-length >=100&<=1500", "protocol =17 dscp =46", "protocol =17 fragment is-fragment",
    "protocol =17 fragment first-fragment+last-fragment", "flow-label =74565", "flow-label =0,>=100&<=1048574",
    ("flow-label !=5", "flow-label <5,>5"), "flow-label <=255", "flow-label >65535",
    "destination 2001:db8:100:8000::/49 protocol =17 port =5",
    "source 2001:db8:8000::/33 protocol =6 destination-port =443 source-port >=1024 tcp-flags =psh+ack "
    "packet-length >=60&<=1500 dscp =0 fragment !is-fragment flow-label >=1"]
ACTIONS = [
    "rate-limit 1250000B/s", ("rate-limit 10Gbps", "rate-limit 1250000000B/s"), "rate-limit 1000.5B/s",
    ("rate-limit 100000000001B/s", "rate-limit 99999997952B/s"), "rate-limit-packets 1000", "rate-limit-packets 0.1",
    "sample", "terminal", "sample terminal", "mark 46", "mark 0", "redirect 65001:4000000000", "redirect 4200000001:65535",
    "redirect 100L:5", "redirect 192.0.2.1:100", "redirect [2001:db8::1]:7", "redirect-to-ip 192.0.2.7",
    "redirect-to-ip 192.0.2.7 copy", "redirect-to-ip 2001:db8::7", "redirect-to-ip 2001:db8::7 copy",
    "rate-limit 1250000B/s mark 10 redirect 65001:300 sample terminal",
    "rate-limit 1250000B/s rate-limit-packets 1000 mark 10 redirect [2001:db8::1]:7 sample terminal",
    "discard redirect-to-ip 192.0.2.7 copy sample"]
# Only some profiles can express these: the others refuse, for this reason. No peer's lists redirect-to-next-hop.
LONG = [f"={port}" for port in range(1001, 1157, 2)]
APART = ",".join(f"={port}" for port in range(1001, 1301, 10))
NOT_FOR_ALL = [
    ("198.51.100", f"port {APART} then discard", dict.fromkeys(("frr", "recorder"), "more than 64 rules")),
    ("2001:db8:100:", "source ::1234:5678:9a00:0/64-104 protocol =6 then discard",
     {"frr": "prefix offset", "recorder": "prefix offset", "gobgp": "prefix offset"}),
    ("198.51.100", "protocol =17 then redirect-to-next-hop", dict.fromkeys(("gobgp", "frr", "bird", "recorder"), "next hop"))]


def pieces(before, values, size):
    return [f"{before} {','.join(values[at:at + size])} then discard" for at in range(0, len(values), size)]


# FRR and the recorder's profile take five values, GoBGP 239 octets: they get parts, no packet matches two of them, and each has
# a share of the rate. (given, sent to those that take it as it is, parts of those two, parts of GoBGP)
SPLIT = [
    ("198.51.100", "source-port =1,=3,=5,=7,=9,=11 then discard", "source-port =1,=3,=5,=7,=9,=11 then discard",
     ["source-port =1,=3,=5,=7,=9 then discard", "source-port =11 then discard"]),
    ("198.51.100", "packet-length =1001,=1003,=1005,=1007,=1009,=1011 then rate-limit 5MB/s mark 10",
     "packet-length =1001,=1003,=1005,=1007,=1009,=1011 then rate-limit 5000000B/s mark 10",
     ["packet-length =1001,=1003,=1005,=1007,=1009 then rate-limit 2500000B/s mark 10",
      "packet-length =1011 then rate-limit 2500000B/s mark 10"]),
    ("198.51.100", "protocol =6 destination-port !=80&!=443&!=8080&!=8443 then rate-limit 3000000B/s",
     "protocol =6 destination-port <80,>=81&<=442,>=444&<=8079,>=8081&<=8442,>8443 then rate-limit 3000000B/s",
     ["protocol =6 destination-port <80,>=81&<=442,>=444&<=8079 then rate-limit 1500000B/s",
      "protocol =6 destination-port >=8081&<=8442,>8443 then rate-limit 1500000B/s"]),
    ("2001:db8:100:", "protocol =6 source-port !=80&!=443&!=8080 then rate-limit 1250000B/s",
     "protocol =6 source-port <80,>=81&<=442,>=444&<=8079,>8080 then rate-limit 1250000B/s",
     ["protocol =6 source-port <80,>=81&<=442,>=444&<=8079 then rate-limit 625000B/s",
      "protocol =6 source-port >8080 then rate-limit 625000B/s"]),
    ("198.51.100", *pieces("source-port", LONG, 100) * 2, pieces("source-port", LONG, 5), pieces("source-port", LONG, 39))]
LACKS = {"frr": {"800c", "8208", "000c", "000d"}, "recorder": {"800c", "8208", "000c", "000d", "8108", "010c"}}
# No peer is asked: what the guard or the language refuses in principle.
REFUSED = {"match source 203.0.113.0/24 protocol =17 then discard": "no-destination",
           "match destination 192.0.2.1/32 then discard": "not-ours",
           "match destination 198.51.100.0/24 then discard": "bare-wide",
           "match destination ::100:0:0:0/32-80 protocol =17 port =1 then discard": "its offset leaves the first bits open",
           "match destination 198.51.100.250/32 packet-length >=60000 then discard": "packet-length",
           "match destination 198.51.100.250/32 port false then discard": "matches nothing",
           "match destination 198.51.100.250/32 protocol =17 tcp-flags syn then discard": "matches nothing",
           "match destination 198.51.100.250/32 tcp-flags 0x0 then discard": "mask",
           "match destination 198.51.100.250/32 flow-label =1 then discard": "flow-label",
           "match destination 2001:db8:100::ffff/128 protocol =58 icmp-type =135 then discard": "icmpv6",
           "match destination 2001:db8:100::ffff/128 protocol =17 fragment dont-fragment then discard": "no bit of IPv6",
           "match destination 198.51.100.250/32 then discard rate-limit 10Mbps": "together"}
PEERS = ("gobgp", "frr", "bird", "recorder")
FLAGS = {14: 0x90, 15: 0x90, 1: 0x40, 2: 0x40, 5: 0x40, 8: 0xc0, 16: 0xc0, 25: 0xc0}  # of each attribute


class Case:
    def __init__(self, number, net, given, sent, refused, parts=(), gobgp=()):
        host = f"destination {net}.{number}/32 " if "." in net else f"destination {net}:{number:x}/128 "
        self.given, sent = (f"match {'' if part.startswith('destination ') else host}{part}" for part in (given, sent))
        self.parts = {peer: [Rule(f"match {host}{part}") for part in mine]
                      for peer, mine in (("frr", parts), ("recorder", parts), ("gobgp", gobgp))}
        self.rule, self.refused, self.id = Rule(sent), refused, None
        if not refused:
            kinds = {one[:2].hex() for one in self.rule.communities + self.rule.communities6}
            self.refused = {peer: "does not take" for peer, lacks in LACKS.items() if kinds & lacks}
            if kinds & ({"000c", "000d"} if self.rule.family == 4 else {"010c"}):  # no router is known to do it
                self.refused = dict.fromkeys(PEERS, "of IPv")

    def octets(self):
        return self.rule.nlri.hex(), [one.hex() for one in self.rule.communities + self.rule.communities6]

    def state(self):
        return "active" if any(map(self.goes_to, PEERS)) else "failed"

    def goes_to(self, peer):
        return peer not in self.refused

    def rules_at(self, peer):
        """What it has there: the rule, its parts, or nothing."""
        if not self.goes_to(peer):
            return []
        return self.parts.get(peer) or [self.rule]

    def result_at(self, peer):
        return f"sent: as {len(self.parts[peer])} rules" if self.parts.get(peer) else "sent"


def cases():
    both = []
    for net, matches in (("198.51.100", DISCARDED_4), ("2001:db8:100:", DISCARDED_6)):
        for match in matches:
            both.append((net, *(f"{part} then discard" for part in (match if isinstance(match, tuple) else (match, match))), {}))
        for then in ACTIONS:
            both.append((net, *(f"protocol =17 then {part}" for part in (then if isinstance(then, tuple) else (then, then))), {}))
    both += [(net, text, text, refused) for net, text, refused in NOT_FOR_ALL]
    both += [(net, given, sent, {}, *parts) for net, given, sent, *parts in SPLIT]
    return [Case(number, *one) for number, one in enumerate(both, 1)]


class RuleFormsTest(suite.HouseTest):
    maxDiff = None

    def up(self):
        work = self.folder()
        self.peers = Peers(work)
        peers = self.peers.text().replace("max_rules: 100", "max_rules: 1000")
        self.house = house.House(work, house.config(work, [f"127.0.0.1:{free_port()}"], peers=peers))
        self.addCleanup(lambda: self.assertEqual(self.house.sanitizer_complaints(), []))
        self.addCleanup(self.peers.stop)
        self.capture = dissect.Capture(self.folder(), [(peer.address, peer.port) for peer in self.peers.daemons.values()])
        self.addCleanup(self.capture.end)
        self.peers.start()
        self.addCleanup(self.house.stop)
        self.house.start()
        self.peers.wait_established()

    def test_each_form_arrives_as_it_was_meant(self):
        self.cases = cases()
        self.up()
        before = self.peers.sessions(self.house)
        for text, why in REFUSED.items():
            done = self.house.weir_text("announce", text, "--for", "10m", check=False)
            self.assertNotEqual(done.returncode, 0, text)
            self.assertRegex(done.stderr, why, text)
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            said = list(threads.map(self.announce, self.cases))
        for case, forms in zip(self.cases, said, strict=True):
            with self.subTest("weir rule", rule=case.given):
                self.assertEqual((forms["nlri_hex"], forms["communities"]), case.octets())
        self.check_results()
        self.check_tables()
        self.assertEqual(self.peers.sessions(self.house), before, "no session was reset")
        self.check_replacement()
        self.assertEqual(self.peers.sessions(self.house), before, "no session was reset")
        ids = [case.id for case in self.cases if case.state() == "active"]
        for at in range(0, len(ids), 10):
            self.house.weir_text("stop", *ids[at:at + 10])
        wait_for(lambda: not any(self.peers.tables().values()), 60, "none has a route")
        self.assertEqual([len(readings.READERS[name][0](peer, family)) for name, peer in self.peers.daemons.items()
                          for family in witnesses.FAMILIES], [0] * 6)
        self.assertEqual(self.peers.sessions(self.house), before, "no session was reset")
        self.check_wire()

    def announce(self, case):
        """What `weir rule` says of it."""
        case.id = self.house.weir("announce", case.given, "--for", "10m")["ids"][0]
        return self.house.weir("rule", case.given)

    def check_results(self):
        """Each peer has answered each rule; those whose profile cannot express it have refused it."""
        def answered():
            found = {m["id"]: m for m in self.house.mitigations()}
            return all(len(found[case.id]["results"]) == len(PEERS) and found[case.id]["state"] == case.state()
                       for case in self.cases) and found
        found = wait_for(answered, 60, "each peer has answered")
        for case in self.cases:
            with self.subTest("results", rule=case.given):
                mitigation = found[case.id]
                self.assertEqual((mitigation["nlri"], mitigation["communities"]), case.octets())
                for peer in PEERS:
                    result = mitigation["results"][f"sp1/{peer}"]
                    if case.goes_to(peer):
                        self.assertEqual(result, case.result_at(peer), peer)
                    else:
                        self.assertRegex(result, rf"^refused: profile: .*{case.refused[peer]}", peer)

    def check_tables(self):
        for name, (read, of) in readings.READERS.items():
            for family in witnesses.FAMILIES:
                due = [of(rule) for case in self.cases for rule in case.rules_at(name) if rule.family == family]
                wait_for(lambda read=read, name=name, family=family, due=due:
                         len(read(self.peers.daemons[name], family)) >= len(due), 30, f"{name} has all IPv{family} rules")
                held = read(self.peers.daemons[name], family)
                with self.subTest(name, family=family):
                    self.assertEqual(len(held), len(due))
                for match, actions in due:
                    with self.subTest(name, destination=str(match[1])):
                        self.assertIn((match, actions), [one for one in held if str(one[0][1]) == str(match[1])])

    def check_replacement(self):
        """The same match with other actions, in attribute 25: the route changes in place, and goes from who does not take it."""
        self.replaced = []
        for then in ("redirect-to-ip 2001:db8::7", "mark 46"):
            case = next(case for case in self.cases if case.given.endswith(f"then {then}") and case.rule.family == 6)
            other = case.given.replace("::7", "::8").replace("mark 46", "mark 10 redirect [2001:db8::1]:9")
            self.assertEqual(self.house.weir("announce", other, "--for", "10m")["ids"], [case.id])
            self.replaced.append(Rule(other))
        for name in ("gobgp", "bird"):
            read, of = readings.READERS[name]
            for rule in self.replaced:
                wait_for(lambda read=read, name=name, due=of(rule): due in read(self.peers.daemons[name], 6), 30,
                         f"{name} has '{rule.text}' instead")
        matches = [readings.frr_of(rule)[0] for rule in self.replaced]
        frr = self.peers.daemons["frr"]
        wait_for(lambda: not any(match in matches for match, _ in readings.frr(frr, 6)), 30, "frr has neither")

    def check_wire(self):
        if self.capture.why_not:
            with self.subTest("wire"):
                self.skipTest(self.capture.why_not)
        updates = self.capture.updates()
        for name, peer in self.peers.daemons.items():
            sent = [rule for case in self.cases for rule in case.rules_at(name)]
            due = sorted(rule.nlri.hex() for rule in sent)
            mine = [update for update in updates if update.host == peer.address]
            with self.subTest("wire", peer=name):
                again = [rule.nlri.hex() for rule in self.replaced if name != "frr"]
                self.assertEqual(sorted(octets.hex() for update in mine for octets in update.reach), sorted(due + again))
                self.assertEqual(sorted(octets.hex() for update in mine for octets in update.unreach), due)
            rules = {rule.nlri: rule for rule in sent}
            singles = [(update, *single) for update in mine for single in update.singles()]
            shown = dissect.shown(self.capture.file.parent, [message for _, _, message in singles])
            for (update, octets, _), one in zip(singles, shown, strict=True):
                with self.subTest("wire", peer=name, rule=rules[octets].text):
                    self.assertEqual(one.attributes, update.attributes)
                    self.assertEqual([found for found, _ in one.nlris], [octets])
                    if update.reach:
                        self.check_announcement(one, rules[octets], ibgp=name == "gobgp")
                    else:
                        self.assertEqual(one.attributes, [(15, FLAGS[15])])
                if update.reach:
                    rules.update({rule.nlri: rule for rule in self.replaced if rule.nlri == octets})

    def check_announcement(self, one, rule, ibgp):
        """Attributes in the order of RFC 7606 with their flags, and what tshark finds in the rule and its actions."""
        order = [14, 1, 2, *([5] if ibgp else []), 8, *([16] if rule.communities else []), *([25] if rule.communities6 else [])]
        self.assertEqual(one.attributes, [(kind, FLAGS[kind]) for kind in order])
        self.assertEqual((one.afi, one.next_hop), (1 if rule.family == 4 else 2, b"\0"), "the next hop has no octets")
        if (expected := dissect.dissected_of(rule)) is not None:
            self.assertEqual(dissect.components(one.nlris[0][1], one.afi), expected)
            self.assertFalse(one.malformed)
        self.assertEqual([octets for octets, _, _ in one.communities], rule.communities)
        self.assertEqual(one.communities6, rule.communities6)
        for octets, shown, values in one.communities:
            name, expected = dissect.community_of(octets)
            self.assertTrue(shown.startswith(name), shown)
            self.assertEqual({field: values[field] for field in expected}, expected, shown)


if __name__ == "__main__":
    missing = [*witnesses.MISSING, *dissect.MISSING]
    suite.main(needs_namespace=False, missing=[f"not installed: {' '.join(missing)}" if missing else None])
