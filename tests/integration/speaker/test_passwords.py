"""TCP MD5 with GoBGP, FRR and BIRD: who has the password has the session, who has not is not heard, and nobody reads it."""
import os
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import Case  # noqa: E402
from daemons import Bird, Frr, GoBgp, run, stays, wait_for  # noqa: E402
from test_neighbours import enter_namespace, ip  # noqa: E402
from world import BIN, RULE4, RULE6  # noqa: E402

DAEMONS = ((GoBgp, "gobgp"), (Frr, "frr"), (Bird, "bird"))
WAYS = (("out", {}), ("in", {"connect": "passive", "dials": True}))


class Passwords(Case):
    def write(self, name, text, mode=0o600):
        path = os.path.join(self.world.folder, f"{name}.md5")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def give(self, peer, ours, theirs, mode=0o600):
        peer.password, peer.secret = theirs, ours
        peer.extra = f", password_file: {self.write(peer.name, ours + chr(10), mode)}"

    def said(self, peer):
        return [p for p in self.world.command(command="status")["peers"] if p["peer"] == peer.name][0]["last_error"]

    def reload(self):
        self.world.write_config()
        self.world.speaker.process.send_signal(signal.SIGHUP)

    def nobody_tells(self):
        """What a person or a process reads has no password."""
        w = self.world
        shown = run(os.path.join(BIN, "weir"), "--config", w.config, "peers")
        shown += run(os.path.join(BIN, "weir"), "--config", w.config, "check")
        shown += str(w.command(command="status")) + w.metrics() + w.speaker.text()
        for key in w.state.cli("KEYS", "weir:peer:*").split():
            shown += w.state.cli("HGETALL", key)
        self.assertIn(w.peers[0].name, shown)
        for peer in w.peers:
            self.assertNotIn(peer.secret, shown)

    def test_ipv4_both_ways_with_each_daemon(self):
        w = self.world
        for kind, name in DAEMONS:
            for way, options in WAYS:
                peer = w.peer(kind, f"{name}-{way}", **options)
                self.give(peer, f"k3y-{name}-{way}", f"k3y-{name}-{way}")
        w.up()
        w.all_established(30)
        w.announce("m-1", RULE4)
        for peer in w.peers:
            self.present(peer, "198.51.100.7/32")
        self.nobody_tells()

    def test_ipv6_both_ways_with_each_daemon(self):
        w = self.world
        own = "2001:db8:ffff::1"
        ip("address", "replace", f"{own}/128", "dev", "lo", "nodad")
        w.more_listen = [f"[{own}]:{w.bgp_port}"]
        for number, (kind, name) in enumerate(DAEMONS):
            for way, options in WAYS:
                address = f"2001:db8:ffff::{number + 5}{'a' if way == 'in' else 'b'}"
                ip("address", "replace", f"{address}/128", "dev", "lo", "nodad")
                peer = w.peer(kind, f"{name}-{way}", address=address, **options)
                peer.speaker = peer.local = own
                self.give(peer, f"k3y-{name}-{way}", f"k3y-{name}-{way}")
        w.up()
        w.all_established(30)
        w.announce("m-1", RULE6)
        for peer in w.peers:
            self.present(peer, "2001:db8:100::7/128", 6)

    def test_another_password_or_none_is_no_session_and_a_reload_makes_it_one(self):
        w = self.world
        other, none = w.peer(Bird, "other"), w.peer(Bird, "none")
        comes, bare = (w.peer(Bird, name, connect="passive", dials=True) for name in ("comes", "bare"))
        good = w.peer(GoBgp, "good")
        for peer, theirs in ((other, "th3irs"), (none, None), (comes, "th3irs"), (bare, None), (good, "0urs-good")):
            self.give(peer, f"0urs-{peer.name}", theirs)
        w.up()
        wait_for("the one with the right password", good.established)
        for peer in (other, none):
            wait_for("said", lambda p=peer: "a neighbour with another password, or none, is silent" in self.said(p))
            self.assertIn("no answer in time", w.state.cli("HGET", f"weir:peer:sp1:{peer.name}", "last_error"))
        with socket.socket() as unsigned:
            unsigned.bind((comes.address, 0))
            unsigned.settimeout(2)
            self.assertRaises(TimeoutError, unsigned.connect, (w.address, w.bgp_port))
        stays("no session", lambda: not any(p.established() for p in (other, none, comes, bare)), 3)
        self.nobody_tells()
        self.write("other", "th3irs\n")
        self.write("comes", "th3irs\n")
        none.extra = bare.extra = ""
        self.reload()
        w.all_established()
        self.assertEqual(w.speaker.text().count("peer=good families="), 1, "who was up is not touched")

    def test_a_file_that_cannot_be_used_is_said_and_ends_nothing(self):
        w = self.world
        peers = [w.peer(Bird, name, connect="both") for name in ("everybody", "missing", "long", "good")]
        everybody, missing, long, good = peers
        self.give(everybody, "k3y", "k3y", 0o644)
        self.give(missing, "k3y", "k3y")
        os.unlink(os.path.join(w.folder, "missing.md5"))
        self.give(long, "k" * 81, "k3y")
        self.give(good, "k3y", "k3y")
        w.up()
        wait_for("the good one", good.established)
        for peer, words in ((everybody, "everybody may read or write it"), (missing, "No such file"), (long, "is longer than its use allows")):
            wait_for("said", lambda p=peer, t=words: t in self.said(p))
            self.assertFalse(peer.established())
        warned = subprocess.run([os.path.join(BIN, "weir"), "--config", w.config, "check"], capture_output=True, text=True, check=False)
        self.assertIn("peer missing has no session while its password_file is so", warned.stdout + warned.stderr)
        # While keys are changed, a slip of the hand ends no session.
        self.write("good", "one\ntwo\n")
        self.reload()
        wait_for("said", lambda: "the password that the peer had stays" in w.speaker.text())
        os.chmod(os.path.join(w.folder, "everybody.md5"), 0o600)
        for name in ("missing", "long"):
            self.write(name, "k3y\n")
        self.reload()
        w.all_established()
        self.assertEqual(w.speaker.text().count("peer=good families="), 1)
        # A new password on both sides.
        self.write("good", "n3w\n")
        self.reload()
        wait_for("the old one is not enough", lambda: not good.established())
        good.end()
        good.password = "n3w"
        good.up()
        wait_for("the new one is", good.established)


if __name__ == "__main__":
    enter_namespace()
    unittest.main(verbosity=2)
