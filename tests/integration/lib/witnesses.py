"""What BIRD, FRR, GoBGP and a recorder have seen of routes: each change of each table with its time, from which a gap is
read. The daemons are those of the speaker's tests; their tables are asked through the sockets that birdc and vtysh use,
many times a second, and GoBGP tells its changes itself."""
import os
import re
import socket
import sys
import threading

from . import processes
from .waits import now_ms

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "speaker"))
import daemons  # noqa: E402

ASKED_EVERY_S = 0.1
FAMILIES = (4, 6)
MISSING = [path for path in ("redis-server", "gobgpd", "gobgp", "bird", "birdc", "/usr/lib/frr/bgpd", "vtysh")
           if daemons.shutil.which(path) is None]


class History:
    """The changes of one table: [(ms, host, whether it is there)]."""

    def __init__(self):
        self.changes, self.held = [], frozenset()

    def take(self, held, at_ms):
        held = frozenset(held)
        for host in held ^ self.held:
            self.changes.append((at_ms, host, host in held))
        self.held = held

    def of(self, host, since_ms=0):
        return [(at, there) for at, one, there in self.changes if one == host and at >= since_ms]

    def first_ms(self, host, since_ms=0):
        return next((at for at, there in self.of(host, since_ms) if there), None)

    def gone_ms(self, host):
        """When it went for the last time; None while it is there."""
        of = self.of(host)
        return of[-1][0] if of and not of[-1][1] else None

    def gaps(self, host, since_ms, until_ms):
        """[(since when, ms)] that it was away until then, once it had been there."""
        found, since = [], None
        for at, there in [*self.of(host, since_ms), (until_ms, True)]:
            if there and since is not None and since < until_ms:
                found.append((since, min(at, until_ms) - since))
            since = None if there else at
        return found


class Asked(threading.Thread):
    """Keeps a History by asking a daemon's own socket over and over, and on the same connection."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.peer, self.history, self.over, self.connection = peer, History(), threading.Event(), None
        self.start()

    def run(self):
        while not self.over.wait(ASKED_EVERY_S):
            try:
                if self.connection is None:
                    self.connection = self.connect()
                self.history.take(self.hosts(), now_ms())
            except OSError:
                self.connection = None
        if self.connection is not None:
            self.connection.close()

    def stop(self):
        self.over.set()
        self.join()

    def answer(self, question, is_whole):
        self.connection.sendall(question)
        said = b""
        while not is_whole(said):
            part = self.connection.recv(65536)
            if not part:
                raise ConnectionError("the daemon hung up")
            said += part
        return said.decode()


def unix_connection(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(path)
    return connection


class BirdWitness(Asked):
    END = re.compile(rb"(?m)^(0\d\d\d|[89]\d\d\d) .*\n\Z")

    def connect(self):
        connection = unix_connection(self.peer.control)
        connection.recv(65536)  # its greeting
        return connection

    def hosts(self):
        text = "".join(self.answer(b"show route table fs%d\n" % family, self.END.search) for family in FAMILIES)
        return re.findall(r"flow[46] { dst ([0-9a-f.:]+)/", text)


class FrrWitness(Asked):
    def connect(self):
        return unix_connection(os.path.join(self.peer.vty, "bgpd.vty"))

    def hosts(self):
        text = "".join(self.answer(b"show bgp ipv%d flowspec detail\0" % family, lambda said: said[-4:-1] == b"\0\0\0")
                       for family in FAMILIES)
        return re.findall(r"Destination Address ([0-9a-f.:]+)/", text)


class GobgpWitness:
    """`gobgp monitor`, a process a family, each line of which is a change."""

    LINE = re.compile(r"\[(ROUTE|DELROUTE)\].*?\[destination: ([0-9a-f.:]+)/")

    def __init__(self, peer):
        self.peer, self.history, self.lock, self.programs = peer, History(), threading.Lock(), []
        for family in FAMILIES:
            program = processes.spawn(["gobgp", "-u", peer.address, "-p", peer.api, "monitor", "global", "rib", "-a",
                                       f"ipv{family}-flowspec"], stdout=processes.subprocess.PIPE)
            self.programs.append(program)
            threading.Thread(target=self.read, args=[program], daemon=True).start()

    def read(self, program):
        for line in program.stdout:
            found = self.LINE.search(line.decode())
            if found:
                with self.lock:
                    held = self.history.held
                    self.history.take(held | {found[2]} if found[1] == "ROUTE" else held - {found[2]}, now_ms())

    def stop(self):
        for program in self.programs:
            processes.end(program)


class RecorderWitness:
    """What lib/bgp.py's recorder remembers, as a History."""

    def __init__(self, peer):
        self.peer = peer

    @property
    def history(self):
        history, routes = History(), {}
        for at_ms, session, what, host in list(self.peer.events):
            held = routes.setdefault(session, set())
            if what == "announce":
                held.add(host)
            elif what == "withdraw":
                held.discard(host)
            elif what == "down":
                held.clear()
            history.take(set().union(*routes.values()), at_ms)
        return history

    def stop(self):
        pass


def ask_for_routes(peer):
    """All destinations that a daemon has, asked by its own command line."""
    text = "\n".join(route for family in FAMILIES for route in peer.routes(family))
    return set(re.findall(r"(?:destination: |dst |Destination Address )([0-9a-f.:]+)/", text))
