"""A router that exports sFlow from this process, so that a test can say to the millisecond what flows and what does not."""
import ipaddress
import socket
import struct
import threading
import time

from .packets import udp_frame
from .waits import now_ms

TICK_S = 0.025
HEADER_BYTES = 128
SAMPLES_MAX = 6  # a datagram, so that none is fragmented
IP_BYTES = 1400


def sample(sequence, sampling, frame, into=1, out=2):
    """One packet, sampled where it came in."""
    header = frame[:HEADER_BYTES]
    raw = struct.pack("!IIII", 1, len(frame), 4, len(header)) + header + bytes(-len(header) % 4)
    record = struct.pack("!II", 1, len(raw)) + raw
    body = struct.pack("!IIIIIIII", sequence, into, sampling, sequence * sampling & 0xffffffff, 0, into, out, 1) + record
    return struct.pack("!II", 1, len(body)) + body


def counters(sequence, interface, speed_bps, into, out, up=True):
    """A counter sample; into, out: octets, packets, discards and errors since the switch started."""
    sides = b"".join(struct.pack("!QIIIIII", octets, packets & 0xffffffff, 0, 0, discards, errors, 0)
                     for octets, packets, discards, errors in (into, out))
    record = struct.pack("!IIQII", interface, 6, speed_bps, 1, 3 if up else 0) + sides
    body = struct.pack("!IIIII", sequence, interface, 1, 1, len(record)) + record
    return struct.pack("!II", 2, len(body)) + body


def datagram(agent, number, uptime_ms, samples):
    return struct.pack("!II4sIIII", 5, 1, ipaddress.ip_address(agent).packed, 0, number, uptime_ms & 0xffffffff,
                       len(samples)) + b"".join(samples)


class Router(threading.Thread):
    """Exports to port from address, which is its agent address too. Streams are UDP from source_port to a host; `start`
    and `stop` them by the host's address, and what was sent when is remembered: {host: ms}."""

    def __init__(self, port, address="127.0.0.1", sampling=100):
        super().__init__(daemon=True)
        self.to, self.address, self.sampling = (address, port), address, sampling
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.lock, self.over, self.silent = threading.Lock(), threading.Event(), False
        self.streams, self.first_ms, self.last_ms = {}, {}, {}
        self.datagrams = self.samples = 0

    def start_stream(self, host, bps, source_port=53, sources=20):
        family = ipaddress.ip_address(host).version
        outside = "203.0.113." if family == 4 else "2001:db8:f::"
        frames = [udp_frame(f"{outside}{i + 1}", host, source_port, 20000 + i, IP_BYTES) for i in range(sources)]
        with self.lock:
            self.streams[host] = [bps / 8 / IP_BYTES / self.sampling, 0.0, frames]

    def stop_stream(self, host):
        with self.lock:
            self.streams.pop(host, None)

    def _due(self, passed_s):
        frames = []
        with self.lock:
            for host, stream in self.streams.items():
                stream[1] += passed_s * stream[0]
                count = int(stream[1])
                stream[1] -= count
                frames += [stream[2][(self.samples + i) % len(stream[2])] for i in range(count)]
                if count:
                    self.first_ms.setdefault(host, now_ms())
                    self.last_ms[host] = now_ms()
        return frames

    def _send(self, frames):
        for at in range(0, len(frames), SAMPLES_MAX):
            part = frames[at:at + SAMPLES_MAX]
            self.datagrams += 1
            samples = []
            for frame in part:
                self.samples += 1
                samples.append(sample(self.samples, self.sampling, frame))
            try:
                self.socket.sendto(datagram(self.address, self.datagrams, int(time.monotonic() * 1000), samples), self.to)
            except ConnectionError:
                pass  # the collector is away; a router does not care

    def run(self):
        last = time.monotonic()
        while not self.over.wait(TICK_S):
            now = time.monotonic()
            # After a pause no more than this is made up for: a burst would be another traffic than what was asked.
            passed, last = min(now - last, 0.2), now
            if not self.silent:
                self._send(self._due(passed))

    def end(self):
        self.over.set()
        self.join()
        self.socket.close()
