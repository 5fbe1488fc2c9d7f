"""Real flow export: softflowd on an interface, `weir generate` for sFlow, and a listener that notes when which
datagram went to the collector."""
import json
import shutil
import socket
import struct
import threading

from . import processes
from .house import BIN

SO_TIMESTAMPNS = 35


class Softflowd:
    """One softflowd: {interface NAME-rx} → NetFlow 5, NetFlow 9 or IPFIX to address:port."""

    def __init__(self, folder, name, version, to, port, sampling=1):
        self.name = name
        args = ["softflowd", "-d", "-6", "-i", f"{name}-rx", "-n", f"{to}:{port}", "-v", version,
                "-p", folder / f"{name}.pid", "-c", folder / f"{name}.ctl"]
        for timeout in ("maxlife=1", "udp=1", "general=1", "expint=0"):
            args += ["-t", timeout]
        if sampling > 1:
            args += ["-s", sampling]
        self.process = processes.spawn(args, folder / f"{name}.log")

    @staticmethod
    def missing():
        return None if shutil.which("softflowd") else "softflowd is not installed"

    def stop(self):
        processes.end(self.process)


class Generate:
    """`weir generate`; what it says at its end is the result of stop()."""

    def __init__(self, folder, name, *args):
        self.out, self.log = folder / f"{name}.json", folder / f"{name}.log"
        with open(self.out, "wb") as out:
            self.process = processes.spawn([BIN / "weir", "generate", "--json", *args], self.log, stdout=out)

    def wait(self, limit_s):
        self.process.wait(limit_s)
        return self.result()

    def stop(self):
        processes.end(self.process)
        return self.result()

    def result(self):
        if self.process.returncode != 0:
            raise RuntimeError(f"weir generate: exit {self.process.returncode}: {self.log.read_text()}")
        return json.loads(self.out.read_text())


class Listener(threading.Thread):
    """Hears every UDP datagram to a port of this machine, and notes by the kernel's clock the first and the last
    that holds one of the marks: octet strings, such as the address of an attack's source."""

    def __init__(self, port, marks):
        super().__init__(daemon=True)
        self.port, self.marks = port, marks  # {name: [octets]}
        self.first_ms, self.last_ms, self.datagrams = {}, {}, 0
        self.over = threading.Event()
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        self.raw.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.raw.settimeout(0.2)

    def run(self):
        while not self.over.is_set():
            try:
                packet, extra, _, _ = self.raw.recvmsg(65535, 64)
            except TimeoutError:
                continue
            head = (packet[0] & 15) * 4
            if struct.unpack_from("!H", packet, head + 2)[0] != self.port:
                continue
            seconds, nanoseconds = struct.unpack_from("@ll", extra[0][2])
            at_ms = seconds * 1000 + nanoseconds // 1000000
            self.datagrams += 1
            for name, marks in self.marks.items():
                if any(mark in packet for mark in marks):
                    self.first_ms.setdefault(name, at_ms)
                    self.last_ms[name] = at_ms

    def stop(self):
        self.over.set()
        self.join()
        self.raw.close()
