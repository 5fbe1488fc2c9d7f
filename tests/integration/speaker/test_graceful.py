"""How sessions end, and what peers keep of them: words to people, and routes over a restart of the speaker."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import scripted  # noqa: E402
from case import Case  # noqa: E402
from daemons import Bird, Frr, wait_for  # noqa: E402
from scripted import Scripted  # noqa: E402
from world import BIN, RULE4  # noqa: E402,F401


class Words(Case):
    """RFC 9003, both ways."""

    def last_error(self, name):
        return self.world.state.cli("HGET", f"weir:peer:sp1:{name}", "last_error")

    def test_what_a_peer_says_is_shown_and_harms_nobody(self):
        w = self.world
        text = "Störung bis 6 Uhr".encode() + b"\x1b[2J\n\xff"
        notice = scripted.message(3, b"\x06\x02" + bytes([len(text)]) + text)
        peer = w.peer(Scripted, "talker")
        peer.mistake = scripted.Mistake(None, then=notice)
        w.up()
        said = "received: cease: administrative shutdown, saying 'Störung bis 6 Uhr?[2J??'"
        wait_for("shown", lambda: self.last_error("talker") == said)
        self.assertIn(said.split(": ", 1)[1], w.speaker.text())
        self.assertNotIn("\x1b", w.speaker.text())

    def test_peers_are_told_why_we_leave(self):
        w = self.world
        bird, frr = w.peer(Bird, "bird"), w.peer(Frr, "frr", own_as=65002)
        peer = w.peer(Scripted, "listener")
        w.settings["shutdown"] = "withdraw"
        w.up()
        bird_log = lambda: bird.cli("show", "protocols", "all", "spk")  # noqa: E731
        wait_for("all are established", lambda: bird.established() and frr.established() and
                 'weir_speaker_peer_up{peer="listener"} 1' in w.metrics())
        w.speaker.end()
        text = b"weir ends, its routes are withdrawn"
        wait_for("told", lambda: peer.last_words is not None)
        self.assertEqual(peer.last_words, b"\x06\x02" + bytes([len(text)]) + text)
        wait_for("bird knows the code", lambda: "Administrative shutdown" in bird_log() or "weir ends" in bird.text(), 5)
        wait_for("frr knows the text", lambda: text.decode() in frr.cli(f"show bgp neighbors {frr.speaker}"), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
