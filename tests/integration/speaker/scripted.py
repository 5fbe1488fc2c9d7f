"""A BGP peer that makes one mistake on purpose, and writes down what the speaker says to it."""
import socket
import struct
import threading

from daemons import free_port

MARKER = b"\xff" * 16
KEEPALIVE = MARKER + b"\x00\x13\x04"


def message(kind, body, length=None):
    return MARKER + struct.pack("!HB", 19 + len(body) if length is None else length, kind) + body


def open_message(own_as=None, version=4, hold=30, router_id=b"\x0a\x00\x00\x01", capabilities=b"", parameters=None):
    """own_as None: as the speaker's, AS_TRANS and the capability."""
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
    """want: (code, subcode) of the NOTIFICATION; first: instead of our OPEN; then: after the session is established."""

    def __init__(self, want, first=None, after_open=None, then=None):
        self.want, self.first, self.after_open, self.then = want, first, after_open, then


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
}


class Scripted:
    profile = "generic"

    def __init__(self, name, folder, address, speaker, speaker_as, own_as, dials_port=None):
        del folder, speaker, speaker_as, dials_port
        self.name, self.address, self.own_as = name, address, own_as
        self.port = free_port(address)
        self.mistake = CASES.get(name, Mistake(None))
        self.said, self.count, self.listener, self.updates = None, 0, None, []

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
            with connection:
                connection.settimeout(15)
                try:
                    self.talk(connection)
                except OSError:
                    pass

    def talk(self, connection):
        silent = self.mistake.then == b""
        connection.sendall(self.mistake.first or open_message())
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
                if kind == 2:
                    self.updates.append(body)
                if kind == 3 and self.said is None:
                    self.said = (body[0], body[1])
                if kind == 1 and (self.mistake.first is None or silent or self.mistake.after_open):
                    connection.sendall(self.mistake.after_open or KEEPALIVE)
                if kind == 4 and self.mistake.then and not answered:
                    answered = True
                    connection.sendall(self.mistake.then)

    def heard(self):
        return self.said

    def connections(self):
        return self.count

    def established(self):
        return self.said is None and self.count > 0

    def end(self):
        if self.listener is not None:
            self.listener.close()
