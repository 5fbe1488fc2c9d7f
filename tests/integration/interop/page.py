"""docs/interop.md, made of what cells.py expects; test_interop.py sees that each of it is so."""
from cells import ACTIONS, DAEMONS, FORCED, MATCHES, OPERATIONS, UNICAST_OPERATIONS

TITLES = {"gobgp": "GoBGP 3.10", "frr": "FRR 8.4.4", "bird": "BIRD 2.0.12", "exabgp": "ExaBGP 4.2.21", "openbgpd": "OpenBGPD 7.7"}
HEAD = """# Daemons that weir is tried with

Each cell is a test (`integration.interop`): a mitigation of a real Redis, announced by a real weir-speaker, and read from the daemon's own table.
The daemons are those of Debian 12; ExaBGP has no table, and what it tells its process counts as one. Each peer has the profile of its name.

- *yes*: the table shows exactly that rule and that action. *octets*: likewise, but the daemon has no name for the action, or a wrong one, and shows or hands on its octets.
- *as N rules*: it would not take the whole; weir sends it these, which match the same together ([rules.md](rules.md)).
- *no*: weir sends that daemon no such rule and says so: its profile refuses it. What the daemon does otherwise is below.

Where the families differ, IPv4 stands before the stroke and IPv6 behind it; a rule of one family alone is marked so.
"""
TAIL = """
OpenBGPD 7.7 has no Flowspec (`announce IPv4 flowspec` is a syntax error to it). The session stands all the same, and each rule is answered with `refused: family: the peer did not agree to ipv4-flowspec`.

Other tests try the same daemons: graceful restart with GoBGP, BIRD and FRR ([restarts.md](restarts.md)), and TCP MD5 with these three, both ways, over IPv4 and IPv6
([neighbours.md](neighbours.md)). Neither is tried with ExaBGP and OpenBGPD.

This file is written by `tests/integration/interop/test_interop.py --renew`.
"""


def word(row, daemon, family):
    expected = row.expected(daemon, family)
    if expected is None:
        return "no"
    if row.values and expected != "1":
        return f"as {expected} rules"
    return "octets" if daemon in row.kept else "yes"


def both(row, daemon):
    words = [word(row, daemon, family) for family in row.families]
    return words[0] if len(set(words)) == 1 else " / ".join(words)


def table(head, rows):
    text = f"\n| {head} | {' | '.join(TITLES[d] for d in DAEMONS)} |\n|---{'|---' * len(DAEMONS)}|\n"
    return text + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def rule_rows(rows):
    for row in rows:
        only = f" (IPv{row.families[0]})" if len(row.families) == 1 else ""
        yield [row.name + only, *(both(row, daemon) for daemon in DAEMONS)]


def operation_rows():
    for operation in OPERATIONS:
        yield [operation.name, *("no" if daemon in operation.no or daemon == "openbgpd" else "yes" for daemon in DAEMONS)]


def blackholes():
    """Each of them takes them, in both families: a test fails where one does not."""
    return "\n## Blackholes, IPv4 and IPv6\n" + table("what", [[name] + ["yes"] * len(DAEMONS) for name in UNICAST_OPERATIONS])


def refusals():
    text = "\n## Why not\n\nEach of these rules, sent whole by a peer whose profile was said to be `bird`:\n"
    text += "\n| daemon | rule | what it does with it | what weir does |\n|---|---|---|---|\n"
    for forced in FORCED:
        words = word(forced.row, forced.daemon, forced.family)
        does = "refuses it" if words == "no" else f"sends it {words}" if words != "yes" else "sends it as `<`, `>`"
        text += f"| {TITLES[forced.daemon]} | {forced.row.name} (IPv{forced.family}) | {forced.why} | {does} |\n"
    for operation in OPERATIONS:
        for daemon, why in operation.no.items():
            text += f"| {TITLES[daemon]} | {operation.name} | {why} | |\n"
    return text


def page():
    text = HEAD + "\n## What a rule matches\n" + table("rule", rule_rows(MATCHES))
    text += "\n## What is done\n" + table("action", rule_rows(ACTIONS))
    return text + "\n## The session\n" + table("after", operation_rows()) + blackholes() + refusals() + TAIL
