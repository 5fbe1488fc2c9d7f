"""Frames that a test puts on an interface: UDP over IPv4 and IPv6 at steady rates, from one thread."""
import ipaddress
import random
import socket
import struct
import threading
import time

TICK_S = 0.005
MACS = bytes.fromhex("020000000001020000000002")
# libpcap hands packets over when a block of 256 KiB is full, at these rates seconds late. Frames of an
# experimental type, which exporters do not count, fill the blocks.
FILLER = MACS + b"\x88\xb5" + bytes(60000)
FILLERS, FILLER_EVERY_S = 5, 0.1


def udp_frame(source, destination, source_port, destination_port, ip_bytes):
    src, dst = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    head = 20 if src.version == 4 else 40
    udp = struct.pack("!HHHH", source_port, destination_port, ip_bytes - head, 0) + bytes(ip_bytes - head - 8)
    if src.version == 4:
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, ip_bytes, 0, 0, 64, 17, 0, src.packed, dst.packed)
        return MACS + b"\x08\x00" + ip + udp
    return MACS + b"\x86\xdd" + struct.pack("!IHBB16s16s", 6 << 28, ip_bytes - 40, 17, 64, src.packed, dst.packed) + udp


class Stream:
    """Packets of one kind to one host at a rate, while it is on."""
    def __init__(self, bps, sources, destination, source_port, ip_bytes=1400):
        """A flow from each source, which lasts: exporters tell it again and again, each time with the time it covers."""
        self.per_second = bps / 8 / ip_bytes
        self.frames = [udp_frame(source, destination, source_port, 20000 + i, ip_bytes)
                       for i, source in enumerate(sources)]
        self.on, self.due = False, 0.0

    def frame(self):
        return random.choice(self.frames)


class Sender(threading.Thread):
    """Sends streams on interfaces until stop(): {interface: [stream]}."""

    def __init__(self, streams):
        super().__init__(daemon=True)
        self.streams, self.sent, self.over = [], 0, threading.Event()
        self.fill_at = 0.0
        for interface, list_ in streams.items():
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            raw.bind((interface, 0))
            self.streams.append((raw, list_))

    def _fill(self, now):
        if now < self.fill_at:
            return
        self.fill_at = now + FILLER_EVERY_S
        for raw, _ in self.streams:
            for _ in range(FILLERS):
                raw.send(FILLER)

    def run(self):
        last = time.monotonic()
        while not self.over.wait(TICK_S):
            now = time.monotonic()
            # After a pause no more than this is made up for: a burst would be another traffic than what was asked.
            passed, last = min(now - last, 0.05), now
            for raw, streams in self.streams:
                for stream in streams:
                    stream.due = stream.due + passed * stream.per_second if stream.on else 0
                    while stream.due >= 1:
                        stream.due -= 1
                        raw.send(stream.frame())
                        self.sent += 1
            self._fill(now)

    def stop(self):
        self.over.set()
        self.join()
        for raw, _ in self.streams:
            raw.close()
