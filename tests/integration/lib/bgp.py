"""A BGP peer in this process that takes every session and Flowspec route at once, and remembers to the millisecond what
it was told: the finest clock that a test has for what a router would see."""
import ipaddress
import socket
import struct
import threading

from .waits import now_ms

LOCAL_AS = 64500
MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
MP_REACH, MP_UNREACH = 14, 15
FAMILIES = {1: 4, 2: 6}  # AFI: IP version
HOLD_S = 90


def message(kind, body=b""):
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def open_message(router_id=b"\x0a\x00\x00\x01"):
    capabilities = b"".join(struct.pack("!BBHBB", 1, 4, afi, 0, 133) for afi in FAMILIES)
    capabilities += struct.pack("!BBI", 65, 4, LOCAL_AS)
    return message(OPEN, struct.pack("!BHH4sBBB", 4, LOCAL_AS, HOLD_S, router_id, len(capabilities) + 2, 2, len(capabilities))
                   + capabilities)


def messages(octets):
    """Each message of a stream, with its header; an end inside of one is an error."""
    while octets:
        if octets[:16] != MARKER or not 19 <= (length := int.from_bytes(octets[16:18], "big")) <= len(octets):
            raise ValueError(f"no BGP message: {octets[:32].hex()} … of {len(octets)} octets")
        yield octets[:length]
        octets = octets[length:]


def attributes(body):
    """Each path attribute of an UPDATE without its header: (type, flags, octets)."""
    at = 2 + struct.unpack("!H", body[:2])[0]
    rest = body[at + 2:at + 2 + struct.unpack("!H", body[at:at + 2])[0]]
    while rest:
        flags, kind = rest[:2]
        head = 4 if flags & 0x10 else 3
        length = int.from_bytes(rest[2:head], "big")
        if len(rest) < head + length:
            raise ValueError(f"attribute {kind} is longer than the message: {body.hex()}")
        yield kind, flags, rest[head:head + length]
        rest = rest[head + length:]


def whole_nlris(data):
    """Each Flowspec NLRI as its length and what that covers (RFC 8955, 4.1)."""
    while data:
        length, head = data[0], 1
        if length >= 0xf0:
            length, head = struct.unpack("!H", data[:2])[0] & 0xfff, 2
        if len(data) < head + length:
            raise ValueError(f"an NLRI is longer than what holds it: {data.hex()}")
        yield data[:head], data[head:head + length]
        data = data[head + length:]


def nlris(data):
    return (nlri for _, nlri in whole_nlris(data))


def multiprotocol(kind, value):
    """Of MP_REACH or MP_UNREACH: (AFI, next hop, octets before the NLRI, octets of the NLRI)."""
    head = 5 + value[3] if kind == MP_REACH else 3
    return struct.unpack("!H", value[:2])[0], value[4:head - 1] if kind == MP_REACH else None, value[:head], value[head:]


def destination(version, nlri):
    """The address in component 1, which comes first where it is there; the offset of IPv6 is 0 here."""
    if not nlri or nlri[0] != 1:
        return None
    at = 2 if version == 4 else 3
    octets = nlri[at:at + (nlri[1] + 7) // 8]
    size = 4 if version == 4 else 16
    return str(ipaddress.ip_address(octets + bytes(size - len(octets))))


def changes(body):
    """("announce" or "withdraw", destination) of an UPDATE; ("end", None) of an End-of-RIB (RFC 4724, 2)."""
    for kind, _, value in attributes(body):
        if kind not in (MP_REACH, MP_UNREACH):
            continue
        afi, _, _, rest = multiprotocol(kind, value)
        if kind == MP_UNREACH and not rest:
            yield "end", None
        for nlri in nlris(rest):
            yield "announce" if kind == MP_REACH else "withdraw", destination(FAMILIES[afi], nlri)


class Recorder:
    """Takes any number of sessions. events: [(ms, session, what, destination)], what is up, down, announce or withdraw;
    held: the destinations that it has from anyone."""

    def __init__(self, address, port=0):
        self.events, self.sessions, self.routes, self.lock = [], 0, {}, threading.Lock()
        self.ends_of_rib = []  # how many destinations were held then
        self.listener = socket.create_server((address, port))
        self.address, self.port = self.listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def held(self):
        with self.lock:
            return set().union(*self.routes.values())

    def established(self):
        """How many sessions are."""
        return len(self.routes)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _note(self, session, what, host=None):
        with self.lock:
            self.events.append((now_ms(), session, what, host))
            if what == "up":
                self.routes[session] = set()
            elif what == "down":
                self.routes.pop(session, None)
            elif what == "end":
                self.ends_of_rib.append(len(self.routes[session]))
            elif what == "announce":
                self.routes[session].add(host)
            else:
                self.routes[session].discard(host)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.sessions += 1
            threading.Thread(target=self._serve, args=[connection, self.sessions], daemon=True).start()

    def _serve(self, connection, session):
        with connection:
            try:
                self._talk(connection, session)
            except OSError:
                pass
        self._note(session, "down")

    def _talk(self, connection, session):
        pending, is_up = b"", False
        connection.settimeout(HOLD_S)
        connection.sendall(open_message())
        while part := connection.recv(65536):
            pending += part
            while len(pending) >= 19 and len(pending) >= (length := struct.unpack("!H", pending[16:18])[0]):
                kind, body, pending = pending[18], pending[19:length], pending[length:]
                if kind in (OPEN, KEEPALIVE):
                    connection.sendall(message(KEEPALIVE))
                if kind == KEEPALIVE and not is_up:
                    is_up = True
                    self._note(session, "up")
                if kind == UPDATE:
                    for what, host in changes(body):
                        self._note(session, what, host)
