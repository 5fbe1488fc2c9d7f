"""Flowspec rules as RFC 8955, RFC 8956 and draft-ietf-idr-flowspec-redirect-ip write them, put together from the text form
without any of weir's code: the bytes that must be on the wire, and what a reader of them must find."""
import ipaddress
import re
import socket
import struct

COMPONENTS = {"destination": 1, "source": 2, "protocol": 3, "port": 4, "destination-port": 5, "source-port": 6, "icmp-type": 7,
              "icmp-code": 8, "tcp-flags": 9, "packet-length": 10, "dscp": 11, "fragment": 12, "flow-label": 13}
BITS = (9, 12)
FLOW_LABEL = 13
RELATIONS = {"=": 1, ">": 2, ">=": 3, "<": 4, "<=": 5}
AND, NOT, MATCH, END = 0x40, 0x02, 0x01, 0x80
FLAGS = {9: {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128, "ns": 256},
         12: {"dont-fragment": 1, "is-fragment": 2, "first-fragment": 4, "last-fragment": 8}}
UNITS = {"B/s": 1, "bps": 1 / 8, "Mbps": 1e6 / 8, "Gbps": 1e9 / 8}


def _prefix(text):
    """(network, length, offset); "::1234:5678:9a00:0/64-104" has an offset."""
    address, length = text.split("/")
    offset, length = ([0, *map(int, length.split("-"))])[-2:]
    return ipaddress.ip_address(address), length, offset


def _operators(component, text):
    """[(operator with its AND bit, value)], without end of list and length."""
    found = []
    for joined, term in re.findall(r"(^|[,&])([^,&]+)", text):
        bits = AND if joined == "&" else 0
        if component in BITS:
            negated, matches, names = re.fullmatch(r"(!?)(=?)(.*)", term).groups()
            bits |= (NOT if negated else 0) | (MATCH if matches else 0)
            value = sum(FLAGS[component][name] for name in names.split("+"))
        else:
            relation, value = re.fullmatch(r"([<>=]+)(\d+)", term).groups()
            bits |= RELATIONS[relation]
        found.append((bits, int(value)))
    return found


def _float_below(number):
    """Four octets: the largest IEEE single that is not above it."""
    octets = struct.pack("!f", number)
    if struct.unpack("!f", octets)[0] > number:
        octets = struct.pack("!I", struct.unpack("!I", octets)[0] - 1)
    return octets


def _redirect(target):
    """Its community: ASN:N, ASN of four octets with N, A.B.C.D:N or [IPv6 address]:N."""
    place, number = target.rsplit(":", 1)
    number = int(number)
    if place.startswith("["):
        return b"\x00\x0d" + socket.inet_pton(socket.AF_INET6, place[1:-1]) + struct.pack("!H", number)
    if "." in place:
        return b"\x81\x08" + socket.inet_aton(place) + struct.pack("!H", number)
    if place.endswith("L") or int(place) > 65535:
        return struct.pack("!HIH", 0x8208, int(place.rstrip("L")), number)
    return struct.pack("!HHI", 0x8008, int(place), number)


def _to_ip(address, copy):
    if ":" in address:
        return b"\x00\x0c" + socket.inet_pton(socket.AF_INET6, address) + struct.pack("!H", copy)
    return b"\x01\x0c" + socket.inet_aton(address) + struct.pack("!H", copy)


def _communities(words):
    """All of the actions' extended communities, by their types; those of 20 octets belong into attribute 25."""
    found, traffic_action = [], 0
    words = list(words)
    while words:
        action = words.pop(0)
        if action == "discard":
            found.append(struct.pack("!HHf", 0x8006, 0, 0))
        elif action == "rate-limit":
            number, unit = re.fullmatch(r"([\d.]+)(.*)", words.pop(0)).groups()
            found.append(struct.pack("!HH", 0x8006, 0) + _float_below(float(number) * UNITS[unit]))
        elif action == "rate-limit-packets":
            found.append(struct.pack("!HH", 0x800c, 0) + _float_below(float(words.pop(0))))
        elif action == "mark":
            found.append(struct.pack("!H5xB", 0x8009, int(words.pop(0))))
        elif action == "redirect":
            found.append(_redirect(words.pop(0)))
        elif action == "redirect-to-next-hop":
            found.append(struct.pack("!H6x", 0x0800))
        elif action == "redirect-to-ip":
            address = words.pop(0)
            copy = words[:1] == ["copy"]
            del words[:1 if copy else 0]
            found.append(_to_ip(address, copy))
        else:
            traffic_action |= {"sample": 2, "terminal": 1}[action]
    if traffic_action:
        found.append(struct.pack("!H5xB", 0x8007, traffic_action))
    return sorted(found)


class Rule:
    """text: 'match … then …' with numbers for values, in the form that is sent. match: {component: (network, length,
    offset) or [(operator, value)]}; communities: of attribute 16; communities6: of attribute 25."""

    def __init__(self, text):
        match, then = re.fullmatch(r"match (.*) then (.*)", text).groups()
        words = match.split()
        self.text, self.match = text, {}
        for name, value in zip(words[::2], words[1::2]):
            component = COMPONENTS[name]
            self.match[component] = _prefix(value) if component <= 2 else _operators(component, value)
        self.family = self.match[1][0].version
        found = _communities(then.split())
        self.communities = [one for one in found if len(one) == 8]
        self.communities6 = [one for one in found if len(one) == 20]

    def _component(self, component):
        value = self.match[component]
        if component > 2:
            return b"".join(self._operator(component, *one, is_last=at == len(value) - 1) for at, one in enumerate(value))
        address, length, offset = value
        bits = int(address) << offset & (1 << address.max_prefixlen) - 1  # the offset's bits are left out
        octets = bits.to_bytes(address.max_prefixlen // 8, "big")[:(length - offset + 7) // 8]
        return bytes([length] if self.family == 4 else [length, offset]) + octets

    @staticmethod
    def _operator(component, bits, value, is_last):
        size = 2 if component == FLOW_LABEL or value > 65535 else 1 if value > 255 else 0
        return bytes([bits | size << 4 | (END if is_last else 0)]) + value.to_bytes(1 << size, "big")

    @property
    def nlri(self):
        body = b"".join(bytes([component]) + self._component(component) for component in sorted(self.match))
        return (bytes([len(body)]) if len(body) < 240 else struct.pack("!H", 0xf000 | len(body))) + body
