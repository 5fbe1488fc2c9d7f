"""Messages of proto/recall.proto, written by hand."""


def varint(n):
    out = b""
    while n > 0x7f:
        out, n = out + bytes([n & 0x7f | 0x80]), n >> 7
    return out + bytes([n])


def message(fields):
    """Of numbers and octets: [(field's number, value)]."""
    return b"".join(varint(number << 3 | 2) + varint(len(value)) + value if isinstance(value, bytes) else varint(number << 3) + varint(value)
                    for number, value in fields)


def request(id_, expires_ms, *prefixes, now=4000, before=4000):
    """A RecallRequest by hand: id, expires_at_ms, now_ms, before_ms, side, prefixes."""
    octets = b""
    for prefix in prefixes:
        address, length = prefix.split("/")
        octets += bytes([4, int(length)]) + bytes(int(part) for part in address.split("."))
    fields = [(1, id_.encode()), (2, expires_ms), (3, now), (4, before), (9, bytes(len(prefixes))), (10, octets)]
    return message(fields)


def reply(id_, collector, worker, workers, covers_ms, open_missing=False):
    """A RecallReply that has nothing to tell: id, collector, worker, workers, covers_now_ms, covers_before_ms, open_missing."""
    return message([(1, id_), (2, collector.encode()), (3, worker), (39, workers), (4, covers_ms), (5, covers_ms), (40, int(open_missing))])
