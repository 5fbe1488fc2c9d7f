"""What GoBGP, FRR and BIRD say that they have, read back into (components, communities) that compare with a Rule of
flowspec.py. Where a daemon's own words lose something, its function says what, and loses the same of the rule."""
import base64
import ipaddress
import json
import re
import socket
import struct

from .flowspec import AND, BITS, COMPONENTS, FLAGS, MATCH, NOT, RELATIONS

# --- GoBGP: JSON that has all of it ---

_TYPES = {(128, 6): lambda c: struct.pack("!Hf", c["as"], c["rate"]),
          (128, 7): lambda c: struct.pack("!5xB", 2 * c["sample"] + c["terminal"]),
          (128, 8): lambda c: struct.pack("!HI", *map(int, c["value"].split(":"))),
          (128, 9): lambda c: struct.pack("!5xB", c["value"]),
          (128, 12): lambda c: base64.b64decode(c["value"])[1:],  # it repeats the subtype
          (1, 12): lambda c: _ipv4_and_number(c["value"]),
          (129, 8): lambda c: _ipv4_and_number(c["value"]),
          (130, 8): lambda c: struct.pack("!HHH", *map(int, re.split("[.:]", c["value"]))),
          (0, 12): lambda c: _ipv6_and_number(c["value"]),
          (0, 13): lambda c: _ipv6_and_number(c["value"])}


def _ipv4_and_number(text):
    address, number = text.rsplit(":", 1)
    return socket.inet_aton(address) + struct.pack("!H", int(number))


def _ipv6_and_number(text):
    address, number = text.rsplit(":", 1)
    return socket.inet_pton(socket.AF_INET6, address) + struct.pack("!H", int(number))


def _gobgp_component(item):
    if item["type"] > 2:
        return [(one["op"] & 0x4f, one.get("value", 0)) for one in item["value"]]
    address, length = item["value"]["prefix"].split("/")
    return ipaddress.ip_address(address), int(length), item.get("offset", 0)


def gobgp(peer, family):
    found = []
    for paths in json.loads(peer.cli("global", "rib", "-a", f"ipv{family}-flowspec", "-j") or "{}").values():
        for path in paths:
            communities = [bytes([c["type"], c["subtype"]]) + _TYPES[c["type"], c["subtype"]](c)
                           for attribute in path["attrs"] if attribute["type"] in (16, 25) for c in attribute["value"]]
            found.append(({item["type"]: _gobgp_component(item) for item in path["nlri"]["value"]}, communities))
    return found


def gobgp_of(rule):
    return rule.match, [*rule.communities, *rule.communities6]


# --- BIRD: text; communities of Flowspec are octets to it ---

_BIRD_NAMES = {"dst": 1, "src": 2, "proto": 3, "next header": 3, "port": 4, "dport": 5, "sport": 6, "icmp type": 7,
               "icmp code": 8, "tcp flags": 9, "length": 10, "dscp": 11, "fragment": 12, "label": 13}


def _bird_prefix(text):
    address, length, offset = re.fullmatch(r"(\S+)/(\d+)(?: offset (\d+))?", text).groups()
    return ipaddress.ip_address(address), int(length), int(offset or 0)


def _bird_numbers(text):
    found = []
    for term in re.split(r" \|\| |,", text):
        for at, part in enumerate(term.split(" && ")):
            joined = AND if at else 0
            relation, low, high = re.fullmatch(r"([<>=]*) ?(\d+)(?:\.\.(\d+))?", part).groups()
            if high:
                found += [(joined | RELATIONS[">="], int(low)), (AND | RELATIONS["<="], int(high))]
            else:
                found.append((joined | RELATIONS[relation or "="], int(low)))
    return found


def _bird_bits(component, text):
    """value/mask: value 0 is "none of these bits", the mask itself "all of them", and "!" the contrary of either. One bit
    of a fragment has a name instead, and then any and all of them are the same."""
    found = []
    for term in re.split(r" \|\| |,", text):
        for at, part in enumerate(term.split(" && ")):
            bits = AND if at else 0
            negated, what = re.fullmatch(r"(!*)(.*)", part).groups()
            if "/" in what:
                value, mask = (int(number, 16) for number in what.split("/"))
                contrary = len(negated) % 2 == 1
                bits |= (MATCH | (NOT if contrary else 0)) if value else 0 if contrary else NOT
            else:
                mask = FLAGS[component][what.replace("_", "-")]
                bits |= NOT if len(negated) % 2 == 1 else 0
            found.append((bits, mask))
    return found


def _bird_communities(text):
    found = []
    for kind, first, second in re.findall(r"\(([^,()]+), ([^,()]+), ([^,()]+)\)",
                                          "".join(re.findall(r"BGP\.ext_community: (.*)", text))):
        if kind == "generic":
            found.append(struct.pack("!II", int(first, 16), int(second, 16)))
        else:
            found.append(struct.pack("!H", int(kind.split()[1], 16)) + socket.inet_aton(first) + struct.pack("!H", int(second)))
    octets = bytes.fromhex("".join(re.findall(r"BGP\.19 \[t\]: (.*)", text)))
    return found + [octets[at:at + 20] for at in range(0, len(octets), 20)]


class Cut(list):
    """The first values of a component: BIRD ends a long text with "...". Equal to what begins with them."""

    def __eq__(self, other):
        return len(self) > 20 and other[:len(self)] == list(self)


def _bird_component(component, text):
    if component <= 2:
        return _bird_prefix(text)
    if component in BITS:
        return _bird_bits(component, text)
    return Cut(_bird_numbers(text[:text.rindex(",")])) if text.endswith("...") else _bird_numbers(text)


def bird(peer, family):
    found = []
    for route in re.split(rf"(?m)^flow{family} ", peer.cli("show", "route", "table", f"fs{family}", "all"))[1:]:
        match = {}
        for part in route[1:route.index("}")].strip().rstrip(";").split("; "):
            name, value = re.fullmatch(r"(next header|icmp type|icmp code|tcp flags|\w+) (.*)", part).groups()
            match[_BIRD_NAMES[name]] = _bird_component(_BIRD_NAMES[name], value)
        found.append((match, _bird_communities(route)))
    return found


def bird_of(rule):
    match = dict(rule.match)
    if 12 in match:
        match[12] = [(bits if mask & mask - 1 else bits & ~MATCH, mask) for bits, mask in match[12]]
    return match, [*rule.communities, *rule.communities6]


# --- FRR: JSON of texts ---

_FRR_NAMES = {"to": 1, "from": 2, "proto": 3, "port": 4, "dstp": 5, "srcp": 6, "type": 7, "code": 8, "tcp": 9, "pktlen": 10,
              "dscp": 11, "pktfrag": 12, "flwlbl": 13}


def _frr_prefix(text):
    address, length, *offset = text.split("/")
    return ipaddress.ip_address(address), int(length), int(offset[0].split()[1]) if offset else 0


def _frr_numbers(text):
    return [(RELATIONS[relation], int(value)) for relation, value in re.findall(r"([<>=]+) (\d+)", text)]


def _frr_bits(text):
    return [((AND if joined == "&" else 0) | (MATCH if relation == "=" else 0) | (NOT if negated else 0), int(value))
            for joined, relation, negated, value in re.findall(r"([&|]?)([∋=]) (! )?(\d+)", text)]


def frr(peer, family):
    text, at, found = peer.cli(f"show bgp ipv{family} flowspec detail json"), 0, []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        route, at = json.JSONDecoder().raw_decode(text, at)
        if not route:
            continue  # it ends its table with []
        match = {}
        for name, value in route[0].items():
            component = _FRR_NAMES[name]
            match[component] = (_frr_prefix(value) if component <= 2 else
                                _frr_bits(value) if component in BITS else _frr_numbers(value))
        found.append((match, next((part["ecomlist"] for part in route if "ecomlist" in part), "")))
    return found


def _frr_words(community):
    """A traffic action looks the same with any of its bits, and a target is cut at 15 letters."""
    kind, value = community[:2].hex(), community[2:]
    if kind == "8006":
        return f"FS:rate {struct.unpack('!f', value[2:])[0]:.6f}"
    if kind == "8007":
        return "FS:action eval stops"
    if kind == "8008":
        return "FS:redirect VRF " + "RT:{}:{}".format(*struct.unpack("!HI", value))[:15]
    if kind == "8108":
        return "FS:redirect VRF " + f"RT:{socket.inet_ntoa(value[:4])}:{struct.unpack('!H', value[4:])[0]}"[:15]
    if kind == "8009":
        return f"FS:marking {value[5]}"
    assert kind == "010c", kind
    return f"NH:{socket.inet_ntoa(value[:4])}:{struct.unpack('!H', value[4:])[0]}"


def frr_of(rule):
    """FRR writes AND between numbers as it writes OR."""
    match = {component: value if component <= 2 or component in BITS else [(bits & ~AND, number) for bits, number in value]
             for component, value in rule.match.items()}
    return match, " ".join(_frr_words(one) for one in rule.communities)


READERS = {"gobgp": (gobgp, gobgp_of), "frr": (frr, frr_of), "bird": (bird, bird_of)}
assert set(_BIRD_NAMES.values()) == set(_FRR_NAMES.values()) == set(COMPONENTS.values())
