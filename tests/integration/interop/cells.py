"""What is tried with each daemon, and what each was seen to print of it. A row's rule goes out for IPv4 and for IPv6."""

DAEMONS = ("gobgp", "frr", "bird", "exabgp", "openbgpd")
FIVE = [10000 + 7 * i for i in range(5)]
SIX = [10000 + 7 * i for i in range(6)]
NINETY = [10000 + 7 * i for i in range(90)]


def alternatives(values):
    return ",".join(f"={value}" for value in values)


class Row:
    """match: behind the destination; shown: what each daemon prints, {4: …, 6: …} where the families differ, and None
    where weir refuses the rule for its profile. values: those that must each stand in exactly one of the routes,
    instead of a text, where it may go as several rules. kept: daemons that hold the octets without a name for them."""

    def __init__(self, name, match=None, then="discard", shown=None, families=(4, 6), values=None, kept=(), prefix=None):
        self.name, self.then, self.shown, self.families = name, then, shown or {}, families
        self.match, self.values, self.kept, self.prefix = match, values, kept, prefix or {}

    def of(self, what, family):
        return what[family] if isinstance(what, dict) and family in what else what

    def rule(self, destination, family):
        return f"match destination {destination} {self.of(self.match, family)} then {self.of(self.then, family)}".replace("  ", " ")

    def expected(self, daemon, family):
        """None: refused."""
        text = self.shown.get(daemon)
        return in_ipv6(daemon, text) if isinstance(text, str) and family == 6 else self.of(text, family)


def in_ipv6(daemon, text):
    """Two of them have other words for it."""
    if daemon == "bird":
        return text.replace("proto ", "next header ")
    if daemon == "exabgp":
        return text.replace("protocol ", "next-header ").replace("dscp ", "traffic-class ")
    return text


def shown(gobgp, frr, bird, exabgp):
    return {"gobgp": gobgp, "frr": frr, "bird": bird, "exabgp": exabgp}


ICMP = {4: "=icmp", 6: "=ipv6-icmp"}
ECHO = {4: 8, 6: 128}

# What is done is `discard` in all of these, which they print so:
DISCARDS = shown("[discard]", "FS:rate 0.000000", "(generic, 0x80060000, 0x0)", "rate-limit:0")
MATCHES = [
    Row("destination", "", shown=shown("", "", "", "")),
    Row("destination, wider than a host", "protocol =udp source-port =19", prefix={4: "198.51.100.128/26", 6: "2001:db8:100:1::/64"},
        shown=shown("[protocol: ==udp][source-port: ==19]", "IP Protocol = 17 Source Port = 19", "proto 17; sport 19;",
                    "protocol =udp source-port =19")),
    Row("source", {4: "source 203.0.113.0/24", 6: "source 2001:db8:bad::/48"}, shown=shown(
        {4: "[source: 203.0.113.0/24]", 6: "[source: 2001:db8:bad::/48/0]"},
        {4: "Source Address 203.0.113.0/24", 6: "Source Address 2001:db8:bad::/48/off 0"},
        {4: "src 203.0.113.0/24;", 6: "src 2001:db8:bad::/48;"},
        {4: "source-ipv4 203.0.113.0/24", 6: "source-ipv6 2001:db8:bad::/48/0"})),
    Row("source with an offset", "source ::1234:0:0/64-96", families=(6,), shown=shown(None, None, "src ::1234:0:0/96 offset 64;", None)),
    Row("protocol", "protocol =udp", shown=shown("[protocol: ==udp]", "IP Protocol = 17", "proto 17;", "protocol =udp")),
    Row("port", "port =53", shown=shown("[port: ==53]", "Port = 53", "port 53;", "port =53")),
    Row("destination-port", "destination-port =443",
        shown=shown("[destination-port: ==443]", "Destination Port = 443", "dport 443;", "destination-port =443")),
    Row("source-port", "source-port =123", shown=shown("[source-port: ==123]", "Source Port = 123", "sport 123;", "source-port =123")),
    Row("icmp-type", {4: "protocol =icmp icmp-type =8", 6: "protocol =ipv6-icmp icmp-type =128"}, shown=shown(
        {4: "[protocol: ==icmp][icmp-type: ==8]", 6: "[protocol: ==58][icmp-type: ==128]"},
        {4: "IP Protocol = 1 ICMP Type = 8", 6: "IP Protocol = 58 ICMP Type = 128"},
        {4: "proto 1; icmp type 8;", 6: "next header 58; icmp type 128;"},
        {4: "protocol =icmp icmp-type =echo-request",
         6: "next-header =unknown protocol type 58 icmp-type =unknown icmp type type 128"})),
    Row("icmp-code", {4: "protocol =icmp icmp-type =8 icmp-code =0", 6: "protocol =ipv6-icmp icmp-type =128 icmp-code =0"}, shown=shown(
        {4: "[protocol: ==icmp][icmp-type: ==8][icmp-code: ==0]", 6: "[protocol: ==58][icmp-type: ==128][icmp-code: ==0]"},
        {4: "IP Protocol = 1 ICMP Type = 8 ICMP Code = 0", 6: "IP Protocol = 58 ICMP Type = 128 ICMP Code = 0"},
        {4: "proto 1; icmp type 8; icmp code 0;", 6: "next header 58; icmp type 128; icmp code 0;"},
        {4: "protocol =icmp icmp-type =echo-request icmp-code =0",
         6: "next-header =unknown protocol type 58 icmp-type =unknown icmp type type 128 icmp-code =0"})),
    Row("tcp-flags, any of them, and not", "tcp-flags syn&!ack",
        shown=shown("[tcp-flags: S&!A]", "TCP Flags ∋ 2,&∋ ! 16", "tcp flags !0x0/0x2 && 0x0/0x10;", "tcp-flags [ syn&!ack ]")),
    Row("tcp-flags, all of them", "tcp-flags =syn+ack",
        shown=shown("[tcp-flags: =SA]", "TCP Flags = 18", "tcp flags 0x12/0x12;", "tcp-flags =syn+ack")),
    Row("packet-length", "packet-length >=500&<=1500",
        shown=shown("[packet-length: >=500&<=1500]", "Packet Length >= 500 , <= 1500", "length 500..1500;", "packet-length [ >=500&<=1500 ]")),
    Row("dscp", "dscp =46", shown=shown("[dscp: ==46]", "DSCP field = 46", "dscp 46;", "dscp =46")),
    Row("fragment: is-fragment", "fragment is-fragment",
        shown=shown("[fragment: is-fragment]", "Packet Fragment ∋ 2", "fragment !!is_fragment;", "fragment is-fragment")),
    Row("fragment: first-fragment", "fragment first-fragment",
        shown=shown("[fragment: first-fragment]", "Packet Fragment ∋ 4", "fragment !!first_fragment;", "fragment first-fragment")),
    Row("fragment: dont-fragment", "fragment dont-fragment", families=(4,),
        shown=shown("[fragment: dont-fragment]", "Packet Fragment ∋ 1", "fragment !!dont_fragment;", "fragment dont-fragment")),
    Row("flow-label", "flow-label =12345", families=(6,),
        shown=shown("[label: ==12345]", "Packet Flow Label = 12345", "label 12345;", "flow-label =12345")),
    Row("alternatives", "protocol =udp,=tcp",
        shown=shown("[protocol: ==udp ==tcp]", "IP Protocol = 17 , = 6", "proto 17,6;", "protocol [ =udp =tcp ]")),
    Row("less, greater", "protocol =udp source-port >1023 packet-length <100",
        shown=shown("[protocol: ==udp][source-port: >1023][packet-length: <100]", "IP Protocol = 17 Source Port > 1023 Packet Length < 100",
                    "proto 17; sport > 1023; length < 100;", "protocol =udp source-port >1023 packet-length <100")),
    Row("not equal", "protocol =udp source-port !=53",
        shown=shown("[protocol: ==udp][source-port: !=53]", "IP Protocol = 17 Source Port < 53 , > 53", "proto 17; sport != 53;",
                    "protocol =udp source-port !=53")),
    Row("five values of a component", f"protocol =udp source-port {alternatives(FIVE)}", values=FIVE, shown=shown("1", "1", "1", "1")),
    Row("six values", f"protocol =udp source-port {alternatives(SIX)}", values=SIX, shown=shown("1", "2", "1", "1")),
    Row("ninety values, 240 octets and more", f"protocol =udp source-port {alternatives(NINETY)}", values=NINETY, shown=shown("2", "18", "1", "2")),
]

# What is matched is `protocol =udp` in all of these, which they print as in the row above.
UDP = next(row for row in MATCHES if row.name == "protocol")
IPV6_COMMUNITIES = "attribute-0x19-0xC0"
OCTETS = ("bird",)  # communities of Flowspec have no names there
ACTIONS = [
    Row("discard", then="discard", kept=OCTETS, shown=DISCARDS),
    Row("rate-limit", then="rate-limit 1250000B/s", kept=OCTETS,
        shown=shown("[rate: 1250000.000000]", "FS:rate 1250000.000000", "(generic, 0x80060000, 0x49989680)", "rate-limit:1250000")),
    Row("rate-limit-packets", then="rate-limit-packets 1000", kept=("gobgp", *OCTETS),
        shown=shown(f"[{0x0c0000447a0000}]", None, "(generic, 0x800c0000, 0x447a0000)", None)),
    Row("sample", then="sample", kept=("frr", *OCTETS),
        shown=shown("[action: sample]", "FS:action eval stops", "(generic, 0x80070000, 0x2)", "action sample")),
    Row("terminal", then="terminal", kept=OCTETS,
        shown=shown("[action: terminal]", "FS:action eval stops", "(generic, 0x80070000, 0x1)", "action terminal")),
    Row("sample terminal", then="sample terminal", kept=("frr", *OCTETS),
        shown=shown("[action: terminal-sample]", "FS:action eval stops", "(generic, 0x80070000, 0x3)", "action sample-terminal")),
    Row("mark", then="mark ef", kept=OCTETS, shown=shown("[remark: 46]", "FS:marking 46", "(generic, 0x80090000, 0x2e)", "mark 46")),
    Row("redirect to a 2-octet AS", then="redirect 64999:100", kept=OCTETS,
        shown=shown("[redirect: 64999:100]", "FS:redirect VRF RT:64999:100", "(generic, 0x8008fde7, 0x64)", "redirect:64999:100")),
    Row("redirect to a 4-octet AS", then="redirect 4200000009:100", kept=OCTETS,
        shown=shown("[redirect: 64086.59913:100]", None, "(generic, 0x8208fa56, 0xea090064)", None)),
    Row("redirect to an IPv4 target", then="redirect 192.0.2.7:100", kept=OCTETS,  # FRR prints it cut
        shown=shown("[redirect: 192.0.2.7:100]", "FS:redirect VRF RT:192.0.2.7:10", "(generic, 0x8108c000, 0x2070064)", None)),
    Row("redirect to an IPv6 target", then="redirect [2001:db8:9::7]:100", kept=OCTETS, families=(6,),
        shown=shown("[2001:db8:9::7:100]", None, "00 0d 20 01 0d b8 00 09 00 00 00 00 00 00 00 00 00 07 00 64", None)),
    Row("redirect-to-ip", then={4: "redirect-to-ip 192.0.2.9", 6: "redirect-to-ip 2001:db8:9::9"}, kept=OCTETS, shown=shown(
        {4: "[192.0.2.9:0]", 6: "[2001:db8:9::9:0]"}, {4: "NH:192.0.2.9:0", 6: None},
        {4: "(unknown 0x10c, 192.0.2.9, 0)", 6: "00 0c 20 01 0d b8 00 09 00 00 00 00 00 00 00 00 00 09 00 00"},
        {4: "redirect-to-nexthop-ietf 192.0.2.9", 6: f"{IPV6_COMMUNITIES}: redirect-to-nexthop-ietf 2001:db8:9::9"})),
    Row("redirect-to-ip, a copy", then={4: "redirect-to-ip 192.0.2.9 copy", 6: "redirect-to-ip 2001:db8:9::9 copy"}, kept=OCTETS, shown=shown(
        {4: "[192.0.2.9:1]", 6: "[2001:db8:9::9:1]"}, {4: "NH:192.0.2.9:1", 6: None},
        {4: "(unknown 0x10c, 192.0.2.9, 1)", 6: "00 0c 20 01 0d b8 00 09 00 00 00 00 00 00 00 00 00 09 00 01"},
        {4: "copy-to-nexthop-ietf 192.0.2.9 (with copy)", 6: f"{IPV6_COMMUNITIES}: copy-to-nexthop-ietf 2001:db8:9::9 (with copy)"})),
]
for action in ACTIONS:
    action.match = UDP.match


class Cell:
    """One row, one family: a rule with a destination of its own."""

    def __init__(self, number, row, family):
        self.number, self.row, self.family, self.is_action = number, row, family, row in ACTIONS
        host = f"198.51.100.{20 + number}/32" if family == 4 else f"2001:db8:100::{number:x}/128"
        self.destination = row.prefix.get(family, host)
        self.mitigation = f"m-{number}"
        self.rule = row.rule(self.destination, family)

    def printed(self, daemon):
        """(match, action) as the daemon prints them; None: weir refuses it for that daemon."""
        expected = self.row.expected(daemon, self.family)
        if expected is None:
            return None
        return (UDP.expected(daemon, self.family), expected) if self.is_action else (expected, DISCARDS[daemon])


CELLS = [Cell(i, row, family) for i, (row, family) in enumerate(
    (row, family) for row in MATCHES + ACTIONS for family in row.families)]
assert len(CELLS) < 100  # the hosts end before the wider destination begins


class Forced:
    """A rule that a profile refuses or splits, sent whole all the same, as if the daemon were a BIRD: this is why.
    One of falls: the text of the NOTIFICATION that ends the session, or of the connection's end; logs: what its log says;
    prints: what it has of the action; dumps: what GoBGP's table in JSON says; none: it has no route, and says nothing."""

    def __init__(self, daemon, row, why, family=None, falls=None, logs=None, prints=None, dumps=None):
        self.daemon, self.why, self.falls, self.logs, self.prints, self.dumps = daemon, why, falls, logs, prints, dumps
        self.row = next(r for r in MATCHES + ACTIONS if r.name == row)
        self.family = family or self.row.families[0]


ATTRIBUTE_ERROR = "received: update: optional attribute error"
OFFSET, IPV6_TARGET, LONG = "source with an offset", "redirect to an IPv6 target", "ninety values, 240 octets and more"
FORCED = [
    Forced("frr", "not equal", "ends the session (3/9)", falls=ATTRIBUTE_ERROR),
    Forced("frr", "six values", "ends the session (3/9)", falls=ATTRIBUTE_ERROR),
    Forced("frr", LONG, "ends the session (3/9)", falls=ATTRIBUTE_ERROR),
    Forced("frr", OFFSET, "ends the session (3/9)", falls=ATTRIBUTE_ERROR),
    Forced("frr", "rate-limit-packets", "does not know it: `UNK:128, 12`", prints="UNK:128, 12"),
    Forced("frr", "redirect to a 4-octet AS", "has another target: `RT:4200000009:1`", prints="FS:redirect VRF RT:4200000009:1"),
    Forced("frr", IPV6_TARGET, "does not know it: `UNK:0, 13`", prints="UNK:0, 13"),
    Forced("frr", "redirect-to-ip", "does not know it: `UNK:0, 12`", 6, prints="UNK:0, 12"),
    Forced("frr", "redirect-to-ip, a copy", "does not know it: `UNK:0, 12`", 6, prints="UNK:0, 12"),
    Forced("exabgp", LONG, "ends the session (3/10)", falls="received: update: invalid network field"),
    Forced("exabgp", "redirect to a 4-octet AS", "hangs up", falls="connection: "),
    Forced("exabgp", OFFSET, "has no route, and says nothing"),
    Forced("exabgp", "rate-limit-packets", "has the route, and nothing to do with it", prints=""),
    Forced("exabgp", "redirect to an IPv4 target", "has the route, and nothing to do with it", prints=""),
    Forced("exabgp", IPV6_TARGET, "has octets that it does not know", prints=f"{IPV6_COMMUNITIES}: 0xD20010DB80009000000000000000000070064"),
    Forced("gobgp", OFFSET, "has the source as `unknown`, and its `global rib` prints no rule any more", dumps="[unknown:[2 96 64 0 0 18 52]]"),
    Forced("gobgp", LONG, "ends the family in silence: `not all flowspec component bytes available`",
           logs='"Cap":"ipv4-flowspec","Error":"not all flowspec component bytes available"'),
]


def rounds():
    """FORCED by turns, one of each daemon at a time."""
    of = [[f for f in FORCED if f.daemon == daemon] for daemon in DAEMONS]
    return [[mine[i] for mine in of if i < len(mine)] for i in range(max(map(len, of)))]


class Operation:
    """What is done to a session, and whether the daemon has each route afterwards; no: {daemon: why not}."""

    def __init__(self, name, no=None):
        self.name, self.no = name, no or {}


WITHDRAWN, SPEAKER_KILLED = Operation("withdrawn, all gone"), Operation("weir-speaker killed and started, all back")
DAEMON_STARTED = Operation("the daemon stopped and started, all back")
REFRESH = Operation("route refresh (RFC 2918), all sent anew",
                    {"gobgp": "never asks: `gobgp neighbor softresetin` goes through what it has kept"})
OPERATIONS = [DAEMON_STARTED, SPEAKER_KILLED, REFRESH, WITHDRAWN]
NO_FLOWSPEC = "syntax error"  # OpenBGPD's word for `announce IPv4 flowspec`

# A blackhole as each shows it: host and next hop of each family; to all but GoBGP it is eBGP.
BLACKHOLES = {4: ("198.51.100.45", "192.0.2.254"), 6: ("2001:db8:100::45", "100::1")}
SHOWS_BLACKHOLE = {"gobgp": r"{host}/.* {hop} .*Communities: blackhole, no-export", "frr": r"{host}/.* {hop} .*Community: .*(blackhole|65535:666).*no-export",
                   "bird": r"{host}/.*BGP\.next_hop: {hop} .*BGP\.community: \(65535,666\) \(65535,65281\)",
                   "exabgp": r"{host}/.* next-hop {hop} .*\[65535, 666\], \[65535, 65281\]",
                   "openbgpd": r"{host}/.*{hop}.*Communities: (BLACKHOLE|65535:666).*NO_EXPORT"}
UNICAST_OPERATIONS = ["blackhole (RTBH): host, next hop, 65535:666, NO_EXPORT", "the daemon stopped and started, it is back",
                      "weir-speaker killed and started, it is back", "withdrawn, it is gone"]
