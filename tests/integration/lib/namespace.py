"""A network, process and mount namespace for the test alone: ports and interfaces are its own, and when the
test ends, in whatever way, the kernel ends everything that ran in it and drops the network. Nothing to tidy up."""
import os
import subprocess
import sys

INSIDE = "WEIR_TEST_NAMESPACE"
SKIPPED = 77  # what ctest takes for "skipped"


def skip(reason):
    print(f"SKIPPED, NOTHING WAS TESTED: {reason}", file=sys.stderr, flush=True)
    sys.exit(SKIPPED)


def _flags():
    """unshare's options that work here, or None: directly as root, or as root of a user namespace."""
    wanted = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    for more in ([], ["--user", "--map-root-user"]):
        try:
            tried = subprocess.run(["unshare", *more, *wanted, "ip", "link", "set", "lo", "up"], timeout=30,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if tried.returncode == 0:
            return more + wanted
    return None


def inside():
    return INSIDE in os.environ


def enter(needed):
    """Runs this program again inside, and ends with its status. Where the machine does not allow it: skipped
    when it is needed, else the test goes on outside."""
    if inside():
        run("ip", "link", "set", "lo", "up")
        return
    flags = _flags()
    if flags is None:
        why = "no namespaces here: needs root (CAP_SYS_ADMIN) or user namespaces, and unshare and ip"
        if needed:
            skip(why)
        print(f"note: {why}; on the machine's own loopback instead", file=sys.stderr, flush=True)
        return
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL)


def add_address(address):
    run("ip", "address", "add", f"{address}/32", "dev", "lo")


def send_from(destination, source):
    """What goes to one of our own addresses leaves from another one: so each exporter has an address of its own."""
    add_address(destination)
    add_address(source)
    run("ip", "route", "replace", "table", "local", "local", destination, "dev", "lo", "src", source)


def add_link(name):
    """A pair NAME-tx and NAME-rx that carries what a test sends and nothing else; frames of any size."""
    run("ip", "link", "add", f"{name}-tx", "mtu", "65535", "type", "veth", "peer", "name", f"{name}-rx", "mtu", "65535")
    for end in (f"{name}-tx", f"{name}-rx"):
        with open(f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6", "w", encoding="ascii") as setting:
            setting.write("1")
        run("ip", "link", "set", end, "up")
