"""A BGP peer that makes one mistake on purpose, and writes down what the speaker says to it."""
import socket
import struct
import threading

from daemons import free_port

MARKER = b"\xff" * 16
KEEPALIVE = MARKER + b"\x00\x13\x04"


def message(kind, body, length=None):
    return MARKER + struct.pack("!HB", 19 + len(body) if length is None else length, kind) + body


FLOW = b"\x01\x04\0\1\0\x85"
AS4 = b"\x41\x04\xfa\x56\xea\x01"


def open_message(own_as=None, version=4, hold=30, router_id=b"\x0a\x00\x00\x01", capabilities=b"", parameters=None,
                 extended=None, told=255):
    """own_as None: as the speaker's, AS_TRANS and the capability. extended: capabilities in the long form of RFC 9072;
    told: what stands where the short form has its length."""
    if extended is not None:
        capabilities = extended + AS4
        parameters = struct.pack("!BH", 2, len(capabilities)) + capabilities
        parameters = b"\xff" + struct.pack("!H", len(parameters)) + parameters
        return message(1, struct.pack("!BHH4sB", version, 23456, hold, router_id, told) + parameters)
    if own_as is None:
        capabilities += struct.pack("!BBI", 65, 4, 4200000001)
        own_as = 23456
    if parameters is None:
        parameters = bytes([2, len(capabilities)]) + capabilities
    return message(1, struct.pack("!BHH4sB", version, own_as, hold, router_id, len(parameters)) + parameters)


def take(connection, length):
    taken = b""
    while len(taken) < length:
        part = connection.recv(length - len(taken))
        if not part:
            return None
        taken += part
    return taken


def next_message(connection):
    """(type, body), or None at the end of the connection."""
    head = take(connection, 19)
    if head is None:
        return None
    length, kind = struct.unpack("!HB", head[16:])
    return kind, take(connection, length - 19)


class Mistake:
    """want: (code, subcode) of the NOTIFICATION; first: instead of our OPEN; then: after the session is established;
    piecewise: one octet a write."""

    def __init__(self, want, first=None, after_open=None, then=None, piecewise=False):
        self.want, self.first, self.after_open, self.then, self.piecewise = want, first, after_open, then, piecewise


CASES = {
    "bad-marker": Mistake((1, 1), first=b"\xff" * 15 + b"\xfe" + b"\x00\x13\x04"),
    "short-length": Mistake((1, 2), first=message(4, b"", length=18)),
    "long-length": Mistake((1, 2), first=message(2, b"", length=4097)),
    "keepalive-with-body": Mistake((1, 2), first=message(4, b"x")),
    "bad-type": Mistake((1, 3), first=message(77, b"")),
    "version-3": Mistake((2, 1), first=open_message(version=3)),
    "wrong-as": Mistake((2, 2), first=open_message(own_as=64999)),
    "identifier-0": Mistake((2, 3), first=open_message(router_id=b"\0\0\0\0")),
    "old-parameter": Mistake((2, 4), first=open_message(parameters=b"\x01\x00")),
    "cut-capability": Mistake((2, 0), first=open_message(parameters=b"\x02\x02\x01\x09")),
    "hold-1": Mistake((2, 6), first=open_message(hold=1)),
    "keepalive-for-open": Mistake((5, 1), first=KEEPALIVE),
    "update-for-keepalive": Mistake((5, 2), after_open=message(2, b"\0\0\0\0")),
    "open-again": Mistake((5, 3), then=open_message()),
    "withdrawn-over-end": Mistake((3, 1), then=message(2, b"\x00\x09\x00\x00")),
    "attributes-over-end": Mistake((3, 1), then=message(2, b"\x00\x00\x00\x05")),
    "prefix-of-33-bits": Mistake((3, 10), then=message(2, b"\0\0\0\0\x21\1\2\3\4\5")),
    "silence": Mistake((4, 0), first=open_message(hold=3), then=b""),
    "hold-2": Mistake((2, 6), first=open_message(hold=2)),
    "as-trans-alone": Mistake((2, 2), first=open_message(own_as=23456)),
    "as4-of-another": Mistake((2, 2), first=open_message(own_as=23456, capabilities=b"\x41\x04\xfa\x56\xea\x02")),
    "as4-zero": Mistake((2, 2), first=open_message(own_as=23456, capabilities=b"\x41\x04\0\0\0\0")),
    "our-identifier": Mistake((2, 3), first="our identifier"),
    "rfc-9072-cut": Mistake((2, 0), first=open_message(parameters=b"\xff\x00")),
    "rfc-9072-too-long": Mistake((2, 0), first=open_message(parameters=b"\xff\x00\x09\x02\x00\x00")),
    "open-of-28": Mistake((1, 2), first=message(1, b"\x04" + b"\0" * 8)),
    "update-of-22": Mistake((1, 2), then=message(2, b"\0\0\0")),
    "notification-of-20": Mistake((1, 2), first=message(3, b"\x06")),
    "refresh-of-22": Mistake((1, 2), then=message(5, b"\0\1\0")),
    "refresh-of-24": Mistake((1, 2), then=message(5, b"\0\1\0\x85\0")),
    "refresh-for-open": Mistake((5, 1), first=message(5, b"\0\1\0\x85")),
    "two-mp-unreach": Mistake((3, 1), then=message(2, b"\0\0\0\x0c" + b"\x80\x0f\x03\0\1\x85" * 2)),
}

# Nothing is said to these: the speaker hangs up, or waits, and tries again.
QUIET = {
    "notification-for-open": Mistake(None, first=message(3, b"\x06\x05")),
    "notification-for-keepalive": Mistake(None, after_open=message(3, b"\x06\x05")),
    "notification-of-4096": Mistake(None, first=message(3, b"\x06\x02" + b"x" * 4075)),
}

# Odd, and still a session.
ODD = {
    "hold-0": Mistake(None, first=open_message(hold=0, capabilities=FLOW)),
    "hold-3": Mistake(None, first=open_message(hold=3, capabilities=FLOW)),
    "hold-65535": Mistake(None, first=open_message(hold=65535, capabilities=FLOW)),
    "unknown-capabilities": Mistake(None, first=open_message(capabilities=FLOW + bytes(
        b for code in (0, 3, 64, 69, 73, 128, 254, 255) for b in (code, 2, 9, 9)))),
    "capabilities-of-wrong-lengths": Mistake(None, first=open_message(capabilities=FLOW + b"\x01\0\x02\x01\0\x41\x02\0\1")),
    "many-capabilities": Mistake(None, first=open_message(capabilities=FLOW + b"\xc8\0" * 100)),
    "rfc-9072": Mistake(None, first=open_message(extended=FLOW + b"\xc8\xff" + b"x" * 255 + b"\xc9\xff" + b"y" * 255)),
    "rfc-9072-where-none-is-needed": Mistake(None, first=open_message(extended=FLOW, told=1)),
    "as-of-two-octets-lies": Mistake(None, first=open_message(own_as=64999, capabilities=FLOW + AS4)),
    "refresh-of-no-family": Mistake(None, first=open_message(capabilities=FLOW), then=message(5, b"\0\x63\0\x63")),
    "unicast-of-others": Mistake(None, first=open_message(capabilities=FLOW), then=message(2, b"\0\0\0\x0e\x40\1\1\0\x40\2\0\x40\3\4\xc0\0\2\1\x18\xc0\0\2")),
    "attribute-over-its-list": Mistake(None, first=open_message(capabilities=FLOW), then=message(2, b"\0\0\0\4\x40\1\x09\0")),
    "long-message": Mistake(None, first=open_message(capabilities=FLOW + b"\x06\0"),
                            then=message(2, b"\0\0\0\0" + b"\x18\xc0\0\2" * 16378) + message(2, b"\0\0\0\0" + b"\x18\xc0\0\2" * 1019)),
    "octet-by-octet": Mistake(None, first=open_message(capabilities=FLOW), piecewise=True),
}


class Scripted:
    profile = "generic"

    def __init__(self, name, folder, address, speaker, speaker_as, own_as, dials_port=None):
        del folder, speaker_as, dials_port
        self.name, self.address, self.own_as, self.speaker = name, address, own_as, speaker
        self.port = free_port(address)
        self.mistake = {**CASES, **QUIET, **ODD}.get(name, Mistake(None))
        if self.mistake.first == "our identifier":
            self.mistake.first = open_message(router_id=socket.inet_aton(speaker))
        self.said, self.count, self.listener, self.updates, self.kinds = None, 0, None, [], []
        self.last_words, self.opens, self.connection, self.closed = None, [], None, False

    def up(self):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.listener = socket.create_server((self.address, self.port), family=family)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            self.connection, self.closed = connection, False
            with connection:
                connection.settimeout(15)
                try:
                    self.talk(connection)
                except OSError:
                    pass
            self.closed = True

    def talk(self, connection):
        silent = self.mistake.then == b""
        self.send(connection, self.mistake.first or open_message())
        answered = False
        pending = b""
        while True:
            part = connection.recv(65536)
            if not part:
                return
            pending += part
            while len(pending) >= 19 and len(pending) >= struct.unpack("!H", pending[16:18])[0]:
                length = struct.unpack("!H", pending[16:18])[0]
                kind, body, pending = pending[18], pending[19:length], pending[length:]
                self.kinds.append(kind)
                if kind == 2:
                    self.updates.append(body)
                if kind == 1:
                    self.opens.append(body)
                if kind == 3:
                    self.last_words = body
                if kind == 3 and self.said is None:
                    self.said = (body[0], body[1])
                if kind == 1 and (self.mistake.first is None or silent or self.mistake.after_open or self.name in ODD):
                    self.send(connection, self.mistake.after_open or KEEPALIVE)
                if kind == 4 and self.mistake.then and not answered:
                    answered = True
                    connection.sendall(self.mistake.then)

    def send(self, connection, data):
        if not self.mistake.piecewise:
            connection.sendall(data)
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(data)):
            connection.sendall(data[at:at + 1])

    def heard(self):
        return self.said

    def connections(self):
        return self.count

    def established(self):
        return self.said is None and self.count > 0

    def end(self):
        if self.listener is not None:
            self.listener.close()
