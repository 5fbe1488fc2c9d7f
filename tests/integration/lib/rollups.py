"""What the aggregator publishes, read by something that is not weir: rollup ticks from their stream, with the field
numbers of proto/rollup.proto."""
import ipaddress
import re
import struct
import threading

from .house import ROOT

NUMBERS = {match[1]: int(match[2]) for match in
           re.finditer(r"^\s*(?:repeated )?\w+ (\w+) = (\d+)", (ROOT / "proto/rollup.proto").read_text(), re.MULTILINE)}


def _varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def _fields(data):
    found, at = {}, 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
        else:
            length, at = (8, at) if tag & 7 == 1 else _varint(data, at)
            value, at = data[at:at + length], at + length
        found[tag >> 3] = value
    return found


class Tick:
    """rates: {address of the row's key: octets a second in the first window}; of keys that are one address."""

    def __init__(self, data):
        fields = _fields(data)

        def column(name):
            packed, at, values = fields.get(NUMBERS[name], b""), 0, []
            while at < len(packed):
                value, at = _varint(packed, at)
                values.append(value)
            return values

        self.covers_ms = fields.get(NUMBERS["covers_until_ms"], 0)
        self.blind = bool(fields.get(NUMBERS["blind"], 0))
        windows, octets = column("count_window_count"), fields.get(NUMBERS["rate_bytes"], b"")
        rates, keys = struct.unpack(f"<{len(octets) // 8}d", octets), fields.get(NUMBERS["row_keys"], b"")
        self.rates, key_at, rate_at = {}, 0, 0
        for count, length in zip(column("row_count"), column("row_key_len")):
            # A key is dimension, length, value; and here there is one dimension.
            self.rates[str(ipaddress.ip_address(keys[key_at + 2:key_at + length]))] = rates[rate_at]
            key_at, rate_at = key_at + length, rate_at + windows[count]


class Watch(threading.Thread):
    """Keeps every tick of a shard from now on; end() before the house goes."""

    def __init__(self, redis, shard="s0"):
        super().__init__(daemon=True)
        self.redis, self.key, self.ticks, self.over = redis, f"weir:rollup:{shard}", [], False
        redis.socket.settimeout(60)
        self.start()

    def run(self):
        last = "$"
        while not self.over:
            for _, entries in self.redis("XREAD", "COUNT", 1000, "BLOCK", 200, "STREAMS", self.key, last) or []:
                for last, pairs in entries:
                    self.ticks.append(Tick(pairs[pairs.index(b"pb") + 1]))

    def end(self):
        self.over = True
        self.join(30)

    def octets(self, address):
        """The integral of its rate: what a key was said to have had in all, as a window of a second slides over
        everything once. Between two ticks the rate is taken to have gone straight from one to the other."""
        ticks = sorted(self.ticks, key=lambda tick: tick.covers_ms)
        return sum((before.rates.get(address, 0) + tick.rates.get(address, 0)) / 2 * (tick.covers_ms - before.covers_ms) / 1000
                   for before, tick in zip(ticks, ticks[1:]))

    def highest(self, address):
        return max((tick.rates.get(address, 0) for tick in self.ticks), default=0)
