"""A Redis client of a few lines, so that what weir wrote is read by something that is not weir. Bytes stay bytes."""
import socket


class RedisError(Exception):
    pass


class Loading(RedisError, ConnectionError):
    """A server that has started and still reads its file: whoever waits for it waits on."""


class Redis:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __call__(self, *args):
        parts = [a if isinstance(a, bytes) else str(a).encode() for a in args]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self._read()

    def _read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise (Loading if rest.startswith(b"LOADING ") else RedisError)(rest.decode())
        if kind == b":":
            return int(rest)
        if int(rest) < 0:
            return None
        if kind == b"$":
            data = self.file.read(int(rest) + 2)
            return data[:-2]
        return [self._read() for _ in range(int(rest))]

    def pairs(self, *args):
        """Of a command that gives name, value, name, value: {name: value}, both as text."""
        flat = [v.decode("utf-8", "replace") for v in self(*args)]
        return dict(zip(flat[::2], flat[1::2]))

    def keys(self):
        """{name: (type, TTL in ms, -1: none)} of all keys."""
        found, cursor = {}, b"0"
        while True:
            cursor, names = self("SCAN", cursor, "COUNT", 1000)
            for name in names:
                kind = self("TYPE", name)
                if kind != "none":
                    found[name.decode("utf-8", "replace")] = (kind, self("PTTL", name))
            if cursor == b"0":
                return found
