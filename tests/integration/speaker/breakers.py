"""Every rule of BGP broken in turn: what is said to the speaker, and what it must answer by RFC 4271, 5492, 6608, 6793, 7606
and 9072. Each breaker breaks one rule on its first connection, and is a good peer on those that follow."""
import os
import socket
import struct
import threading
import time

from daemons import free_port
from scripted import AS4, FLOW, KEEPALIVE, message, next_message, open_message

OPEN, UPDATE, NOTIFICATION, REFRESH = 1, 2, 3, 5
GOOD = open_message(capabilities=FLOW)
# What the speaker does beside saying a NOTIFICATION: goes on with the session; ends the connection without a word.
STAYS, HANGS_UP = "stays", "hangs up"
EXTENDED = b"\x06\0"
LONG = os.environ.get("WEIR_TEST_LONG") == "1"


class Broken:
    """at: where in the session (open: instead of our OPEN, confirm: instead of the KEEPALIVE after it, established). ends:
    how the peer itself ends the connection: rst or fin. piecewise: an octet a write (a few, of a long message). more: capabilities of its OPEN."""

    def __init__(self, name, at, says, want, ends=None, hold=30, piecewise=False, more=b""):
        self.name, self.at, self.says, self.want, self.ends, self.hold = name, at, says, want, ends, hold
        self.piecewise, self.more = piecewise, more


def length_of(data):
    return data[16:18]


def headers():
    for i in range(16):
        marker = b"\xff" * i + b"\x7f" + b"\xff" * (15 - i)
        yield Broken(f"marker-{i}", "open", marker + GOOD[16:], (1, 1, b""))
    for kind, length in ((4, 0), (4, 18), (2, 4097), (4, 65535), (4, 20), (1, 28), (2, 22), (3, 20), (5, 22), (5, 24)):
        says = message(kind, b"\0" * max(0, min(length, 100) - 19), length=length)
        yield Broken(f"length-{length}-of-{kind}", "open", says, (1, 2, length_of(says)))
    for length in (4097, 65535):  # this peer has not said that it takes or sends long ones
        says = message(UPDATE, b"\0" * 81, length=length)
        yield Broken(f"length-{length}-late", "established", says, (1, 2, length_of(says)))
    for kind in (0, 6, 77, 255):
        yield Broken(f"type-{kind}", "open", message(kind, b""), (1, 3, bytes([kind])))
    for kind in (0, 6):
        yield Broken(f"type-{kind}-late", "established", message(kind, b"x" * 30), (1, 3, bytes([kind])))


def opens():
    for version in (0, 3, 5, 255):
        yield Broken(f"version-{version}", "open", open_message(version=version), (2, 1, b"\0\4"))
    for own_as in (0, 64999, 65535):
        yield Broken(f"as-{own_as}", "open", open_message(own_as=own_as), (2, 2, b""))
    for hold in (1, 2):
        yield Broken(f"hold-{hold}", "open", open_message(hold=hold), (2, 6, b""))
    yield Broken("identifier-0", "open", open_message(router_id=b"\0\0\0\0"), (2, 3, b""))
    yield Broken("our-identifier", "open", None, (2, 3, b""))
    for parameter in (0, 1, 3, 254):
        yield Broken(f"parameter-{parameter}", "open", open_message(parameters=bytes([parameter, 1, 0])), (2, 4, b""))
    body = GOOD[19:]
    for cut in range(len(body)):  # the header's length is right; the list of parameters says more than is there
        says = message(OPEN, body[:cut])
        yield Broken(f"open-cut-{cut}", "open", says, (1, 2, length_of(says)) if cut < 10 else (2, 0, b""))
    capabilities = FLOW + AS4
    parameters = bytes([2, len(capabilities)]) + capabilities
    for cut in range(1, len(parameters)):  # and here that list's length is right
        yield Broken(f"parameters-cut-{cut}", "open", open_message(own_as=23456, parameters=parameters[:cut]), (2, 0, b""))
    for cut in range(1, len(capabilities)):  # and the parameter's too; a whole capability alone lacks the AS number
        cut_list = bytes([2, cut]) + capabilities[:cut]
        yield Broken(f"capabilities-cut-{cut}", "open", open_message(own_as=23456, parameters=cut_list),
                     (2, 2, b"") if cut == len(FLOW) else (2, 0, b""))


def odd_opens():
    """Rubbish that is allowed (RFC 5492, 3 and 4)."""
    for name, capabilities in (("unknown", b"\xc8\x03abc"), ("empty", b"\xc8\0"), ("reserved", b"\0\0"), ("doubled", FLOW * 9),
                               ("mp-empty", b"\x01\0"), ("mp-long", b"\x01\x05\0\1\0\x85\0"), ("refresh-long", b"\x02\x02xx"),
                               ("of-255-octets", b"\xc8\xc8" + b"x" * 200), ("as-empty", b"\x41\0"), ("family-0", b"\x01\x04\0\0\0\0")):
        yield Broken(f"capability-{name}", "open", open_message(capabilities=capabilities + FLOW), STAYS)


ORIGIN, AS_PATH, NEXT_HOP = b"\x40\1\1\0", b"\x40\2\0", b"\x40\3\4\xc0\0\2\1"
LOCAL_PREF = b"\x40\5\4\0\0\0\x64"
MP_REACH = b"\x80\x0e\x0c\0\1\x85\0\0" + b"\x06\1\x20\xc6\x33\x64\x09"
PREFIX = b"\x18\xc0\0\2"


def update(attributes=b"", nlri=b"", withdrawn=b""):
    return message(UPDATE, struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes)) + attributes + nlri)


def prefixes_are_whole(octets):
    while octets:
        if octets[0] > 32 or len(octets) < 1 + (octets[0] + 7) // 8:
            return False
        octets = octets[1 + (octets[0] + 7) // 8:]
    return True


def judged(says):
    """What RFC 4271, 6.1 and 6.3, and RFC 7606, 3 (j) say of an UPDATE of IPv4 routes whose attributes are good."""
    body = says[19:]
    if len(body) < 4:
        return 1, 2, length_of(says)
    withdrawn = struct.unpack("!H", body[:2])[0]
    if len(body) < 4 + withdrawn:
        return 3, 1, b""
    attributes = struct.unpack("!H", body[2 + withdrawn:4 + withdrawn])[0]
    if len(body) < 4 + withdrawn + attributes:
        return 3, 1, b""
    whole = prefixes_are_whole(body[2:2 + withdrawn]) and prefixes_are_whole(body[4 + withdrawn + attributes:])
    return STAYS if whole else (3, 10, b"")


def updates():
    whole = update(ORIGIN + AS_PATH + NEXT_HOP, PREFIX + b"\x08\x0a", withdrawn=PREFIX)
    for cut in range(len(whole) - 19):
        says = message(UPDATE, whole[19:19 + cut])
        yield Broken(f"update-cut-{cut}", "established", says, judged(says))
    for bits in (33, 64, 255):
        yield Broken(f"prefix-of-{bits}", "established", update(ORIGIN + AS_PATH + NEXT_HOP, bytes([bits]) + b"\1" * 32), (3, 10, b""))
        yield Broken(f"withdrawn-of-{bits}", "established", update(withdrawn=bytes([bits]) + b"\1" * 32), (3, 10, b""))
    for flags in (0x40, 0x00):
        unknown = bytes([flags]) + b"\xfa\3abc"
        yield Broken(f"unknown-well-known-{flags:02x}", "established", update(ORIGIN + AS_PATH + NEXT_HOP + unknown, PREFIX), (3, 2, unknown))
    yield Broken("two-mp-reach", "established", update(MP_REACH * 2 + ORIGIN + AS_PATH), (3, 1, b""))


def odd_updates():
    """What spoils its routes and not the session (RFC 7606, 3 and 4)."""
    first = MP_REACH + ORIGIN + AS_PATH + LOCAL_PREF
    for cut in range(len(MP_REACH) + 1, len(first)):
        yield Broken(f"attributes-cut-{cut}", "established", update(first[:cut]), STAYS)
    rest = AS_PATH + NEXT_HOP
    for flags in (0x00, 0x80, 0xc0, 0x60, 0x50):  # of ORIGIN, which is 0x40; 0x50 makes the length two octets
        yield Broken(f"origin-flags-{flags:02x}", "established", update(bytes([flags]) + ORIGIN[1:] + rest, PREFIX), STAYS)
    for name, attributes in (("origin-of-2", b"\x40\1\2\0\0" + rest), ("origin-empty", b"\x40\1\0" + rest), ("origin-9", b"\x40\1\1\x09" + rest),
                             ("origin-twice", ORIGIN * 2 + rest), ("none", b""), ("no-origin", rest), ("no-path", ORIGIN + NEXT_HOP),
                             ("no-next-hop", ORIGIN + AS_PATH), ("next-hop-of-3", ORIGIN + AS_PATH + b"\x40\3\3\xc0\0\2"),
                             ("path-of-unknown-segment", ORIGIN + b"\x40\2\6\x09\1\0\0\xfd\xe8" + NEXT_HOP),
                             ("path-over-its-end", ORIGIN + b"\x40\2\6\2\7\0\0\xfd\xe8" + NEXT_HOP),
                             ("local-pref-of-3", ORIGIN + rest + b"\x40\5\3\0\0\x64"), ("med-of-2", ORIGIN + rest + b"\x80\4\2\0\1"),
                             ("communities-of-3", ORIGIN + rest + b"\xc0\x08\3\0\0\1"), ("extended-of-7", ORIGIN + rest + b"\xc0\x10\7" + b"\0" * 7),
                             ("unknown-transitive", ORIGIN + rest + b"\xc0\xfa\3abc"), ("unknown-optional", ORIGIN + rest + b"\x80\xfa\3abc"),
                             ("aggregator-of-5", ORIGIN + rest + b"\xc0\7\5" + b"\0" * 5)):
        yield Broken(f"attributes-{name}", "established", update(attributes, PREFIX), STAYS)
    for name, says in (("nothing", update()), ("refresh-of-another-family", message(REFRESH, b"\0\x63\0\x63")),
                       ("refresh-of-subtype-9", message(REFRESH, b"\0\1\x09\x85")), ("keepalives", KEEPALIVE * 500)):
        yield Broken(f"odd-{name}", "established", says, STAYS)


def unexpected():
    """RFC 6608, 3: the state is the subcode, and the type the data."""
    good = {1: GOOD, 2: update(), 4: KEEPALIVE, 5: message(REFRESH, b"\0\1\0\x85")}
    for subcode, (at, kinds) in enumerate((("open", (2, 4, 5)), ("confirm", (1, 2, 5)), ("established", (1,))), start=1):
        for kind in kinds:
            yield Broken(f"unexpected-{kind}-{at}", at, good[kind], (5, subcode, bytes([kind])))
        yield Broken(f"notification-{at}", at, message(NOTIFICATION, b"\x06\x04"), HANGS_UP)


def cuts():
    """The connection ends within a message, at each of its octets: by turns in a good way and by a reset."""
    whole = update(ORIGIN + AS_PATH + NEXT_HOP, PREFIX)
    for at, says in (("open", GOOD), ("confirm", KEEPALIVE), ("established", whole)):
        for cut in range(len(says)):
            yield Broken(f"ends-{at}-{cut}", at, says[:cut], HANGS_UP, ends="rst" if cut % 2 else "fin")


def long_messages():
    """RFC 8654: what both have offered is taken, but for OPEN and KEEPALIVE; else 4096 octets are the most."""
    for octets in (4096, 4100, 65535):
        prefixes = (octets - 23) // 4
        says = update(withdrawn=PREFIX * prefixes + b"\0" * (octets - 23 - 4 * prefixes))
        assert len(says) == octets
        yield Broken(f"update-of-{octets}-offered", "established", says, STAYS, more=EXTENDED)
        yield Broken(f"update-of-{octets}", "established", says, STAYS if octets <= 4096 else (1, 2, length_of(says)))
    for kind in (1, 4):
        says = message(kind, b"\0" * 4081)
        yield Broken(f"long-{kind}-offered", "established", says, (1, 2, length_of(says)), more=EXTENDED)


def silences():
    yield Broken("silent-confirm", "confirm", b"", (4, 0, b""), hold=3)
    yield Broken("silent-established", "established", b"", (4, 0, b""), hold=3)
    yield Broken("silent-within-a-message", "established", update(ORIGIN)[:25], (4, 0, b""), hold=3)
    if LONG:  # RFC 4271, 8.2.2: four minutes until an OPEN has come
        yield Broken("silent-open", "open", b"", (4, 0, b""))


def all_broken():
    kinds = (headers, opens, odd_opens, updates, odd_updates, unexpected, cuts, long_messages, silences)
    cases = [case for kind in kinds for case in kind()]
    if LONG:
        cases += [Broken(f"{c.name}-piecewise", c.at, c.says, c.want, c.ends, c.hold, True, c.more) for c in cases if c.says]
    return cases


class Breaker:
    """Listens for the speaker, as a peer of the world."""

    profile = "generic"

    def __init__(self, name, folder, address, speaker, speaker_as, own_as, dials_port=None):
        del folder, speaker_as, dials_port
        self.name, self.address, self.own_as, self.speaker = name, address, own_as, speaker
        self.port, self.listener, self.case = free_port(address), None, None
        self.answer, self.sessions, self.came = None, 0, []  # came: (when, number of the connection, UPDATE)

    def up(self):
        self.listener = socket.create_server((self.address, self.port))
        threading.Thread(target=self.serve, daemon=True).start()

    def end(self):
        if self.listener is not None:
            self.listener.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.sessions += 1
            with connection:
                connection.settimeout(300 if LONG else 60)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    self.talk(connection, self.case if self.sessions == 1 else None)
                except OSError:
                    pass
            if self.answer is None:
                self.answer = HANGS_UP

    def talk(self, connection, case):
        at, hold = (case.at, case.hold) if case else ("never", 30)
        if at == "open":
            self.break_it(connection, case)
        else:
            connection.sendall(open_message(hold=hold, capabilities=FLOW + (case.more if case else b"")))
            if at != "confirm":
                connection.sendall(KEEPALIVE)
        stays = case is None or case.want == STAYS
        while (said := next_message(connection)) is not None:
            kind, body = said
            if kind == NOTIFICATION and self.answer is None:
                self.answer = (body[0], body[1], body[2:])
            if kind == UPDATE:
                self.came.append((time.monotonic(), self.sessions, body))
            if (kind, at) in ((4, "confirm"), (UPDATE, "established")):
                at = "done"
                self.break_it(connection, case)
            if kind == 4 and stays:  # for the first it is the answer to the OPEN that was broken
                connection.sendall(KEEPALIVE)

    def break_it(self, connection, case):
        says = open_message(router_id=socket.inet_aton(self.speaker)) if case.says is None else case.says
        step = 1 + len(says) // 4097 if case.piecewise else 65535  # 65,535 writes outlast what waits for the answer to be read
        pieces = [says[i:i + step] for i in range(0, len(says), step)]
        for piece in pieces:
            connection.sendall(piece)
        if case.ends == "rst":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if case.ends:
            raise ConnectionAbortedError

    def has(self, octets, session=None):
        return any(octets in body and session in (None, number) for _, number, body in list(self.came))
