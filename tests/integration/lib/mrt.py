"""MRT files (RFC 6396) with BGP messages of ours, and the routes of their UPDATEs."""
import ipaddress
import struct
from collections import namedtuple

BGP4MP, MESSAGE_AS4_LOCAL, UPDATE = 16, 7, 2
MP_REACH = 14
Record = namedtuple("Record", "at_s remote_as local_as remote local update")
Update = namedtuple("Update", "attributes family nlri")


def take(octets, length):
    assert len(octets) >= length, "cut"
    return octets[:length], octets[length:]


def attributes_of(octets):
    """{type: value}, each once."""
    found = {}
    while octets:
        flags, kind = octets[0], octets[1]
        size = 2 if flags & 0x10 else 1
        length = int.from_bytes(octets[2:2 + size], "big")
        value, octets = take(octets[2 + size:], length)
        assert kind not in found, kind
        found[kind] = value
    return found


def nlri_of(octets):
    """Of Flowspec: each with its length octets."""
    found = []
    while octets:
        length = octets[0] + 1 if octets[0] < 240 else (int.from_bytes(octets[:2], "big") & 0xfff) + 2
        nlri, octets = take(octets, length)
        found.append(nlri)
    return found


def flowspec(message):
    """Of an UPDATE that announces Flowspec routes."""
    assert message[:16] == b"\xff" * 16 and message[18] == UPDATE
    assert int.from_bytes(message[16:18], "big") == len(message)
    body = message[19:]
    assert body[:2] == b"\0\0", "nothing is withdrawn"
    attributes = attributes_of(body[4:])
    assert int.from_bytes(body[2:4], "big") == len(body) - 4, "nothing behind the attributes"
    reach = attributes.pop(MP_REACH)
    afi, safi, next_hop = struct.unpack("!HBB", reach[:4])
    assert safi == 133
    return Update(attributes, {1: 4, 2: 6}[afi], nlri_of(reach[4 + next_hop + 1:]))


def records(path):
    with open(path, "rb") as file:
        octets = file.read()
    while octets:
        at_s, kind, subtype, length = struct.unpack("!IHHI", octets[:12])
        assert (kind, subtype) == (BGP4MP, MESSAGE_AS4_LOCAL)
        body, octets = take(octets[12:], length)
        remote_as, local_as, interface, afi = struct.unpack("!IIHH", body[:12])
        size = {1: 4, 2: 16}[afi]
        assert interface == 0
        remote, rest = take(body[12:], size)
        local, message = take(rest, size)
        yield Record(at_s, remote_as, local_as, str(ipaddress.ip_address(remote)), str(ipaddress.ip_address(local)), flowspec(message))
