"""A BGP peer that keeps what it is sent, and whose session falls over what it dislikes, in the way that it is told to."""
import random
import socket
import struct
import threading
import time

from daemons import free_port
from scripted import FLOW, KEEPALIVE, message, open_message

NOTIFICATION = "NOTIFICATION"
RESET = "TCP reset"


def flow_nlri(body):
    """(those announced, those withdrawn) of IPv4 Flowspec in an UPDATE, as octets without their length."""
    at = 4 + struct.unpack("!H", body[:2])[0]
    announced, withdrawn = [], []
    while at < len(body):
        flags, kind = body[at], body[at + 1]
        length, head = (struct.unpack("!H", body[at + 2:at + 4])[0], 4) if flags & 0x10 else (body[at + 2], 3)
        value = body[at + head:at + head + length]
        at += head + length
        if kind == 14:
            rest, into = value[5 + value[3]:], announced
        elif kind == 15:
            rest, into = value[3:], withdrawn
        else:
            continue
        while rest:
            size, width = (rest[0], 1) if rest[0] < 0xf0 else (struct.unpack("!H", rest[:2])[0] & 0xfff, 2)
            into.append(rest[width:width + size])
            rest = rest[width + size:]
    return announced, withdrawn


class Dislikes:
    """dislikes: octets that an NLRI of an UPDATE must not contain; how: what happens then."""

    profile = "generic"

    def __init__(self, name, folder, address, speaker, speaker_as, own_as, dials_port=None):
        del folder, speaker, speaker_as, own_as, dials_port
        self.name, self.address, self.own_as = name, address, 4200000001
        self.port = free_port(address)
        self.dislikes, self.how, self.lives_s, self.hold = [], NOTIFICATION, None, 30
        self.error = (3, 1)
        self.has, self.sessions, self.falls, self.listener, self.standing = set(), 0, 0, None, False
        self.messages = []  # of each session the numbers of routes in its UPDATEs

    def up(self):
        self.listener = socket.create_server((self.address, self.port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.talk(connection)
                except OSError:
                    pass
            self.has, self.standing = set(), False

    def fall(self, connection, how):
        self.falls += 1
        if how == NOTIFICATION:
            connection.sendall(message(3, bytes(self.error)))
        else:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def talk(self, connection):
        connection.sendall(open_message(capabilities=FLOW, hold=self.hold))
        connection.settimeout(0.02)
        pending, end, alive = b"", None, time.monotonic()
        while True:
            try:
                part = connection.recv(65536)
                if not part:
                    return
                pending += part
            except TimeoutError:
                pass
            if self.standing and time.monotonic() > alive + 1:
                alive = time.monotonic()
                connection.sendall(KEEPALIVE)
            if end is not None and time.monotonic() > end:
                self.fall(connection, self.how)
                return
            while len(pending) >= 19 and len(pending) >= struct.unpack("!H", pending[16:18])[0]:
                length = struct.unpack("!H", pending[16:18])[0]
                kind, body, pending = pending[18], pending[19:length], pending[length:]
                if kind == 1:
                    connection.sendall(KEEPALIVE)
                    self.sessions += 1
                    self.standing = True
                    self.messages.append([])
                    end = time.monotonic() + random.uniform(*self.lives_s) if self.lives_s else None
                if kind == 2 and self.take(body):
                    self.fall(connection, self.how)
                    return

    def take(self, body):
        announced, withdrawn = flow_nlri(body)
        if announced:
            self.messages[-1].append(len(announced))
        if any(octets in nlri for nlri in announced for octets in self.dislikes):
            return True
        self.has = self.has - set(withdrawn) | set(announced)
        return False

    def established(self):
        return self.standing

    def end(self):
        if self.listener is not None:
            self.listener.close()
