"""A BGP peer that takes one session, and notes when an UPDATE with a route to which host arrived."""
import ipaddress
import socket
import struct
import threading
import time

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
MP_REACH = 14


def _message(kind, body=b""):
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def _open(local_as, router_id, hold_s):
    families = b"".join(struct.pack("!BBHBB", 1, 4, afi, 0, 133) for afi in (1, 2))
    capabilities = families + struct.pack("!BBI", 65, 4, local_as)
    parameters = struct.pack("!BB", 2, len(capabilities)) + capabilities
    return _message(OPEN, struct.pack("!BHH4sB", 4, min(local_as, 23456) if local_as > 65535 else local_as, hold_s,
                                      ipaddress.IPv4Address(router_id).packed, len(parameters)) + parameters)


def announced(update):
    """The IPv4 hosts of the Flowspec routes that an UPDATE announces."""
    withdrawn = struct.unpack_from("!H", update, 0)[0]
    at = 2 + withdrawn
    end = at + 2 + struct.unpack_from("!H", update, at)[0]
    at += 2
    while at < end:
        flags, kind = update[at], update[at + 1]
        length, at = (struct.unpack_from("!H", update, at + 2)[0], at + 4) if flags & 0x10 else (update[at + 2], at + 3)
        if kind == MP_REACH:
            yield from _hosts(update[at:at + length])
        at += length


def _hosts(mp_reach):
    afi, safi, next_hop = struct.unpack_from("!HBB", mp_reach, 0)
    nlri = mp_reach[4 + next_hop + 1:]
    while afi == 1 and safi == 133 and nlri:
        length, head = (nlri[0], 1) if nlri[0] < 240 else (struct.unpack_from("!H", nlri, 0)[0] & 0xfff, 2)
        rule, nlri = nlri[head:head + length], nlri[head + length:]
        if rule[:2] == b"\x01\x20":
            yield str(ipaddress.IPv4Address(rule[2:6]))


class Receiver(threading.Thread):
    def __init__(self, local_as=64500, router_id="192.0.2.1", hold_s=90):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = _open(local_as, router_id, hold_s)
        self.established, self.arrived_ms, self.failure = threading.Event(), {}, None
        self.hold_s = hold_s
        self.start()

    def _read(self, link, length):
        data = b""
        while len(data) < length:
            part = link.recv(length - len(data))
            if not part:
                raise ConnectionError("the session closed")
            data += part
        return data

    def _keep(self, link, its_hold_s):
        try:
            while True:
                link.sendall(_message(KEEPALIVE))
                time.sleep(min(self.hold_s, its_hold_s) / 3)
        except OSError:
            return

    def run(self):
        link, _ = self.listener.accept()
        try:
            link.sendall(self.open)
            while True:
                length, kind = struct.unpack("!16xHB", self._read(link, 19))
                body = self._read(link, length - 19)
                at_ms = time.time() * 1000
                if kind == OPEN:
                    threading.Thread(target=self._keep, args=(link, *struct.unpack_from("!H", body, 3)), daemon=True).start()
                elif kind == KEEPALIVE:
                    self.established.set()
                elif kind == NOTIFICATION:
                    raise ConnectionError(f"notification {body[0]}/{body[1]}")
                elif kind == UPDATE:
                    for host in announced(body):
                        self.arrived_ms.setdefault(host, at_ms)
        except OSError as error:
            self.failure = error
