#!/usr/bin/env python3
"""layers.py ROOT: checks every #include against the folder table of docs/architecture.md."""
import os
import re
import subprocess
import sys

COMMON = ["common/base", "common/service", "common/redis", "common/model"]
PROCESSES = ["collector", "aggregator", "policy", "speaker", "console"]
PURE = ["collector/decode", "collector/recall", "collector/tally", "aggregator/window", "policy/engine",
        "speaker/bgp", "speaker/exabgp"]
FOR_PURE = ["common/base", "proto", "flowspec", "common/model"]

# Folder: the folders of ours it may include besides itself, and the libraries. The longest match counts.
MAY_USE = {
    "common/base": ([], ["xxhash"]),
    "common/service": (["common/base"], ["uv", "yaml", "microhttpd"]),
    "common/redis": (["common/base"], ["uv", "hiredis"]),
    "proto": (["common/base"], ["protobuf-c"]),
    "flowspec": (["common/base"], ["jansson"]),
    "common/model": (["common/base", "common/service", "proto", "flowspec"], []),
    "collector/archive": (COMMON + ["proto", "flowspec", "collector"], ["uv", "jansson", "fixbuf", "glib"]),
    "ctl": (COMMON + ["proto", "flowspec"] + PURE, ["uv", "jansson", "pcap", "microhttpd"]),
    "tests": (["*"], ["*"]),
}
for process in PROCESSES:
    MAY_USE[process] = (COMMON + ["proto", "flowspec"], ["uv", "jansson"])
for folder in PURE:
    MAY_USE[folder] = (FOR_PURE, [])
MAY_USE["speaker/exabgp"] = (FOR_PURE, ["jansson"])

# Single files that may use a library which the rest of their folder may not.
EXTRA_LIBRARIES = [
    (r"policy/out_webhook\w*\.[ch]", "curl"),
    (r"ctl/element_names\.c", "fixbuf"),
]

# Header: its library. What is neither here nor in SYSTEM is unknown and refused.
LIBRARIES = [
    (r"uv\.h|uv/.*", "uv"),
    (r"hiredis/.*", "hiredis"),
    (r"yaml\.h", "yaml"),
    (r"microhttpd\.h", "microhttpd"),
    (r"protobuf-c/.*", "protobuf-c"),
    (r"jansson\.h", "jansson"),
    (r"xxhash\.h", "xxhash"),
    (r"pcap\.h|pcap/.*", "pcap"),
    (r"curl/.*", "curl"),
    (r"fixbuf/.*", "fixbuf"),
    (r"glib\.h|glib/.*|glib-.*", "glib"),
    (r"criterion/.*", "criterion"),
]
SYSTEM = (
    r"(arpa|asm|linux|net|netinet|sys)/.*|"
    r"(assert|byteswap|complex|ctype|dirent|dlfcn|elf|endian|errno|execinfo|fcntl|fenv|float|fnmatch|ftw|getopt|glob|"
    r"grp|ifaddrs|inttypes|langinfo|libgen|limits|locale|malloc|math|mqueue|netdb|poll|pthread|pty|pwd|regex|sched|"
    r"search|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|"
    r"string|strings|syslog|termios|tgmath|threads|time|uchar|unistd|utime|utmp|wchar|wctype)\.h"
)

# A pure library has no I/O, no clock and no log: these it may not include even though they are libc's or base's.
NOT_FOR_PURE = (
    r"common/base/(log|clock)\.h|"
    r"(dirent|fcntl|netdb|poll|pthread|signal|spawn|syslog|termios|threads|time|unistd)\.h|"
    r"sys/(epoll|file|inotify|ioctl|mman|random|select|socket|stat|time|timerfd|uio|un|wait)\.h"
)

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def folder_of(path):
    """The folder of the table that the file belongs to, or None."""
    folder = os.path.dirname(path)
    while folder and folder not in MAY_USE:
        folder = os.path.dirname(folder)
    return folder or None


def library_of(header):
    return next((name for pattern, name in LIBRARIES if re.fullmatch(pattern, header)), None)


def read_includes(root, path):
    """[(line, header, whether it is in quotes)]"""
    found = []
    with open(os.path.join(root, path), encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            match = INCLUDE.match(line)
            if match:
                found.append((number, match.group(1) or match.group(2), match.group(1) is not None))
    return found


def judge_ours(path, folder, header, files):
    target = folder_of(header)
    others, _ = MAY_USE[folder]
    if header.endswith(".pb-c.h"):
        beside_its_proto = os.path.dirname(header) == os.path.dirname(path)
        if folder in ("proto", "tests") and beside_its_proto and path.endswith(".c"):
            return None
        return f'"{header}" is generated: only the .c files of proto include it (and tests their own)'
    if header not in files:
        return f'"{header}" is no file of ours by its path from the root'
    if target is None:
        return f'"{header}" is in no folder of the table in tests/lint/layers.py'
    if folder in PURE and re.fullmatch(NOT_FOR_PURE, header):
        return f'"{header}": {folder} is pure: no I/O, no clock, no log'
    if target == folder or "*" in others or target in others:
        return None
    # A process's own folders make one process, except that the pure ones stay pure.
    if folder not in PURE and target in PURE and target.split("/")[0] == folder.split("/")[0]:
        return None
    if folder in PROCESSES and target == folder + "/archive":
        return None
    return f'"{header}": {folder} may not use {target}'


def judge_foreign(path, folder, header):
    _, libraries = MAY_USE[folder]
    library = library_of(header)
    if library is None:
        if not re.fullmatch(SYSTEM, header):
            return f"<{header}> is unknown: say in tests/lint/layers.py whose it is"
        if folder in PURE and re.fullmatch(NOT_FOR_PURE, header):
            return f"<{header}>: {folder} is pure: no I/O, no clock, no log"
        return None
    if "*" in libraries or library in libraries:
        return None
    if any(re.fullmatch(pattern, path) and name == library for pattern, name in EXTRA_LIBRARIES):
        return None
    return f"<{header}>: {folder} may not use {library}"


def reaches(path, includes, seen):
    """Libraries that the file includes through headers of ours, each with the header that does."""
    for _, header, ours in includes.get(path, []):
        if not ours:
            if library_of(header):
                yield library_of(header), path
        elif header in includes and header not in seen:
            seen.add(header)
            yield from reaches(header, includes, seen)


def main():
    root = sys.argv[1]
    lister = os.path.join(os.path.dirname(os.path.abspath(__file__)), "files.sh")
    listed = subprocess.run([lister, root], check=True, capture_output=True, text=True).stdout.splitlines()
    files = {path for path in listed if path.endswith((".c", ".h"))}
    includes = {path: read_includes(root, path) for path in files}
    complaints = []

    for path in sorted(files):
        folder = folder_of(path)
        if folder is None:
            complaints.append(f"{path}: is in no folder of the table in tests/lint/layers.py")
            continue
        for line, header, ours in includes[path]:
            said = judge_ours(path, folder, header, files) if ours else judge_foreign(path, folder, header)
            if said:
                complaints.append(f"{path}:{line}: {said}")
        if folder in PURE:
            for library, through in reaches(path, includes, {path}):
                if through != path and library in ("uv", "hiredis", "microhttpd"):
                    complaints.append(f"{path}: {folder} is pure, but reaches {library} through {through}")
    for complaint in complaints:
        print(f"layers: {complaint}", file=sys.stderr)
    sys.exit(1 if complaints else 0)


main()
