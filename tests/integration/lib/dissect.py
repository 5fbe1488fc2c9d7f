"""A capture of BGP on the loopback by dumpcap, its UPDATEs as our own reader finds them, and what tshark shows of each."""
import ipaddress
import os
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ElementTree

from . import bgp, processes
from .flowspec import BITS, FLOW_LABEL
from .waits import wait_for

MISSING = [name for name in ("dumpcap", "tshark") if shutil.which(name) is None]
USER0 = 147  # a link type for what one likes
VALUES = tuple(f"bgp.flowspec_nlri.{name}" for name in ("dec_val_8", "dec_val_16", "val_tcp.flags", "val_frag", "val_dsfield"))
# What tshark calls each community, and the fields in which it shows the value.
COMMUNITIES = {
    "8006": ("Flow spec traffic-rate", ["value_as2", "rate_limit"]),
    "8007": ("Flow spec traffic-action", ["sample", "traff_act"]),
    "8008": ("Flow spec redirect AS 2 bytes", ["value_as2", "value_an4"]),
    "8009": ("Flow spec traffic-remarking", ["value_fs_dscp"]),
    "8108": ("Flow spec redirect IPv4 format", ["value_IP4", "value_an2"]),
    "8208": ("Flow spec redirect AS-4byte format", ["value_as4", "value_an2"]),
    # Not known to tshark 4.0 as actions of Flowspec; it shows their values all the same.
    "800c": ("Unknown subtype 0x0c", ["value_raw"]),
    "010c": ("Unknown subtype 0x0c", ["value_IP4", "value_an2"])}


class Capture:
    """Of everything to and from these ends, each an address and its port: others may have the port at another address. The
    folder must be of the user that runs this: dumpcap gives up the right to write anywhere else."""

    def __init__(self, folder, ends):
        self.file, self.ends, self.log = folder / "bgp.pcapng", ends, folder / "dumpcap.log"
        self.process = processes.spawn(["dumpcap", "-q", "-i", "lo", "-w", self.file, "-f",
                                        " or ".join(f"(host {host} and tcp port {port})" for host, port in ends)], self.log)
        wait_for(lambda: self.process.poll() is not None or self.file.exists() and self.file.stat().st_size, 30, "dumpcap runs")

    @property
    def why_not(self):
        """Why it does not run; None while it does."""
        return None if self.process.poll() is None else f"dumpcap cannot capture: {self.log.read_text().strip()[-300:]}"

    def end(self):
        processes.end(self.process)

    def updates(self):
        """Of each connection to these ends, as they are on the wire."""
        self.end()
        data = [word for _, port in self.ends for word in ("-d", f"tcp.port=={port},data")]
        names = [word for name in ("tcp.stream", "ip.dst", "tcp.dstport", "tcp.seq_raw", "tcp.payload") for word in ("-e", name)]
        connections = {}
        for line in tshark("-r", self.file, *data, "-Y", "tcp.len > 0", "-T", "fields", *names).decode().splitlines():
            stream, host, port, at, octets = line.split("\t")
            if (host, int(port)) in self.ends:
                connections.setdefault((int(stream), host), []).append((int(at), bytes.fromhex(octets)))
        return [Update(host, message) for (_, host), segments in connections.items()
                for message in bgp.messages(joined(segments)) if message[18] == bgp.UPDATE]


def tshark(*args):
    return subprocess.run(["tshark", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout


def joined(segments):
    """The octets of one direction of a connection; segments: [(sequence number, octets)], some of them sent twice."""
    first, octets = segments[0][0], b""
    for at, more in segments:
        known = len(octets) - (at - first) % 2 ** 32
        if known < 0:
            raise ValueError("the capture lacks a segment")
        octets += more[known:]
    return octets


class Update:
    """What our own reader finds in one. attributes: [(type, flags)] in their order; reach, unreach: NLRI with their length."""

    def __init__(self, host, message):
        self.host, self.reach, self.unreach = host, [], []
        self._all = list(bgp.attributes(message[19:]))
        self.attributes = [(kind, flags) for kind, flags, _ in self._all]
        for kind, _, value in self._all:
            if kind in (bgp.MP_REACH, bgp.MP_UNREACH):
                found = self.reach if kind == bgp.MP_REACH else self.unreach
                found += [b"".join(both) for both in bgp.whole_nlris(bgp.multiprotocol(kind, value)[3])]

    def singles(self):
        """[(NLRI, message)]: this message, with each NLRI alone where it holds more."""
        return [(nlri, self._with(nlri)) for nlri in self.reach + self.unreach]

    def _with(self, nlri):
        octets = b""
        for kind, flags, value in self._all:
            if kind in (bgp.MP_REACH, bgp.MP_UNREACH):
                value = bgp.multiprotocol(kind, value)[2] + nlri
            octets += bytes([flags, kind]) + len(value).to_bytes(2 if flags & 0x10 else 1, "big") + value
        return bgp.message(bgp.UPDATE, struct.pack("!HH", 0, len(octets)) + octets)


def shown(folder, messages):
    """What tshark shows of each message; each is a packet of its own, without TCP around it. A message must hold one NLRI at
    most: tshark stops at a flow label and never comes to the NLRI behind it."""
    file = folder / "messages.pcap"
    with open(file, "wb") as out:
        out.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, USER0))
        for message in messages:
            out.write(struct.pack("=IIII", 0, 0, len(message), len(message)) + message)
    done = tshark("-r", file, "-o", f'uat:user_dlts:"User 0 (DLT={USER0})","bgp","0","","0",""', "-T", "pdml")
    return [Shown(packet.find("proto[@name='bgp']"), message)
            for packet, message in zip(ElementTree.fromstring(done).iter("packet"), messages, strict=True)]


class Shown:
    """attributes: [(type, flags)] in their order; nlris: [(octets, what components() takes)]; communities: [(octets, name,
    values)]; communities6: octets, as this tshark does not look into attribute 25."""

    def __init__(self, message, octets):
        self.octets, self.attributes, self.communities, self.communities6 = octets, [], [], []
        self.nlris, self.next_hop, self.afi = [], None, None
        self.malformed = any("malformed" in (field.get("name") or "") for field in message.iter())
        for attribute in message.iter("field"):
            if attribute.get("name") == "bgp.update.path_attribute":
                self._attribute(attribute)

    def _raw(self, field):
        at = int(field.get("pos"))
        return self.octets[at:at + int(field.get("size"))]

    def _attribute(self, attribute):
        shown = {field.get("name"): field for field in attribute}
        kind = int(shown["bgp.update.path_attribute.type_code"].get("show"))
        self.attributes.append((kind, int(shown["bgp.update.path_attribute.flags"].get("show"), 16)))
        for word in ("reach", "unreach"):
            afi = shown.get(f"bgp.update.path_attribute.mp_{word}_nlri.afi")
            if afi is not None:
                self.afi = int(afi.get("show"))
                self.nlris += [(bytes.fromhex(nlri.get("value")), nlri)
                               for nlri in attribute.iter("field") if nlri.get("name") == "bgp.flowspec_nlri"]
        if kind == 14:
            self.next_hop = self._raw(shown["bgp.update.path_attribute.mp_reach_nlri.next_hop"])
        for community in attribute.iter("field") if kind == 16 else []:
            if community.get("name") == "bgp.ext_community":
                values = {field.get("name").split(".")[-1]: field.get("show") for field in community.iter("field")}
                self.communities.append((self._raw(community), community.get("showname"), values))
        if kind == 25:
            value = self._raw(shown["bgp.update.path_attributes.unknown"])
            self.communities6 += [value[at:at + 20] for at in range(0, len(value), 20)]


def components(nlri, afi):
    """{component: (network, length, offset) or [(operator, value)]} as in flowspec.py; [] where tshark found nothing."""
    found = {}
    for part in nlri.findall("field[@name='bgp.flowspec_nlri.filter']"):
        component = int(part.find("field[@name='bgp.flowspec_nlri.filter_type']").get("show"))
        if component <= 2:
            shown = {field.get("name"): field.get("show") for field in part.iter("field")}
            names = [f"bgp.flowspec_nlri.{'dst' if component == 1 else 'src'}_{kind}" for kind in ("prefix_filter", "ipv6_pref")]
            length = shown["bgp.prefix_length" if afi == 1 else "bgp.flowspec_nlri.ipv6_pref_length"]
            found[component] = (ipaddress.ip_address(shown[names[afi - 1]]), int(length),
                                int(shown.get("bgp.flowspec_nlri.ipv6_pref_offset", 0)))
            continue
        operators = [int(field.get("show"), 16) & 0x4f for field in part if field.get("name") == "bgp.flowspec_nlri.opflags"]
        values = [int(field.get("show"), 0) for field in part if field.get("name") in VALUES]
        found[component] = list(zip(operators, values, strict=True))
    return found


def dissected_of(rule):
    """What tshark 4.0 should find in the rule's NLRI; None where it cannot read them, so that only their octets compare:
    of a prefix with an offset it takes also the octets that are left out, and so loses its place, and of two octets of
    TCP flags it shows the second. At a flow label, which it does not know, it stops."""
    if any(value[2] for component, value in rule.match.items() if component <= 2):
        return None
    if any(mask > 255 for component in BITS for _, mask in rule.match.get(component, [])):
        return None
    return {component: value if component != FLOW_LABEL else [] for component, value in rule.match.items()}


def community_of(community):
    """(name, {field: what it shows}) that tshark should give."""
    kind, value = community[:2].hex(), community[2:]
    number = {"value_as2": lambda: str(int.from_bytes(value[:2], "big")), "value_as4": lambda: str(int.from_bytes(value[:4], "big")),
              "value_an4": lambda: str(int.from_bytes(value[2:], "big")), "value_an2": lambda: str(int.from_bytes(value[4:], "big")),
              "value_IP4": lambda: str(ipaddress.ip_address(value[:4])), "value_fs_dscp": lambda: f"0x{value[5]:02x}",
              "sample": lambda: str(value[5] >> 1 & 1), "traff_act": lambda: str(value[5] & 1),
              "rate_limit": lambda: f"{struct.unpack('!f', value[2:])[0]:g}", "value_raw": lambda: f"0x{value.hex():0>16}"}
    name, fields = COMMUNITIES[kind]
    return name, {field: number[field]() for field in fields}
