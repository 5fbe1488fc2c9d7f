"""Requests of proto/recall.proto, written by hand."""


def varint(n):
    out = b""
    while n > 0x7f:
        out, n = out + bytes([n & 0x7f | 0x80]), n >> 7
    return out + bytes([n])


def request(id_, expires_ms, *prefixes, now=4000, before=4000):
    """A RecallRequest by hand: id, expires_at_ms, now_ms, before_ms, side, prefixes."""
    octets = b""
    for prefix in prefixes:
        address, length = prefix.split("/")
        octets += bytes([4, int(length)]) + bytes(int(part) for part in address.split("."))
    fields = [(1, id_.encode()), (2, expires_ms), (3, now), (4, before), (9, bytes(len(prefixes))), (10, octets)]
    return b"".join(varint(number << 3 | 2) + varint(len(value)) + value if isinstance(value, bytes) else varint(number << 3) + varint(value)
                    for number, value in fields)
