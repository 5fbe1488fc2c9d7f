#!/usr/bin/env python3
"""Two speakers of one network, one of which dies: it is named when it does not obey, it holds nothing up, and is forgotten."""
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import bgp, house, processes, suite
from lib.ports import free_port
from lib.waits import wait_for

RULE = "match destination 198.51.100.77/32 protocol =udp source-port =123 then discard"


class Forget(suite.HouseTest):
    def setUp(self):
        super().setUp()
        folder = self.folder()
        self.router = bgp.Recorder("127.0.0.1")
        self.addCleanup(self.router.close)
        text = house.config(folder, [f"127.0.0.1:{free_port()}"], self.router.port)
        self.house = house.House(folder, text)
        self.house.start()
        self.addCleanup(self.house.stop)
        second = folder / "sp2.yaml"
        second.write_text(text.replace("speaker: {name: sp1, router_id: 192.0.2.9,", "speaker: {name: sp2, router_id: 192.0.2.10, "
                                       f"journal: {folder}/sp2.journal, socket: {folder}/sp2.sock,"))
        self.second = processes.spawn([house.BIN / "weir-speaker", "--config", second], folder / "sp2.log", cwd=folder)
        self.addCleanup(processes.end, self.second)
        wait_for(lambda: self.router.established() == 2, 60, "both sessions")
        wait_for(lambda: set(self.speakers()) == {"sp1", "sp2"}, 60, "both are known")

    def speakers(self):
        with self.house.redis("state") as state:
            return state.pairs("HGETALL", "weir:speakers")

    def mitigation(self, name):
        with self.house.redis("state") as state:
            return state.pairs("HGETALL", f"weir:mitigation:{name}")

    def announced(self):
        name = self.house.weir("announce", RULE, "--for", "1h")["ids"][0]
        wait_for(lambda: all(self.mitigation(name).get(f"peer:{speaker}/gobgp") == "sent" for speaker in ("sp1", "sp2")), 60,
                 "both have sent it")
        return name

    def test_a_speaker_that_does_not_obey_is_named_and_one_that_is_forgotten_is_not_waited_for(self):
        self.announced()
        self.assertEqual(self.house.weir("withdraw-all")["speakers"], {"sp1": True, "sp2": True})
        wait_for(lambda: not self.router.held, 10, "no route")
        self.assertIn("obeyed by sp1, sp2", self.house.weir_text("resume").stdout)
        name = self.announced()
        refused = self.house.weir_text("speaker", "forget", "sp2", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("sp2 is alive", refused.stderr)
        self.second.send_signal(signal.SIGSTOP)
        done = self.house.weir_text("withdraw-all", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("obeyed by sp1", done.stdout)
        self.assertIn("the speaker sp2 has NOT OBEYED", done.stderr)
        self.second.kill()
        done = self.house.weir_text("resume", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("weir speaker forget sp2", done.stderr)
        wait_for(lambda: not self.router.held, 30, "withdrawn by the one that lives, and gone with the other")
        wait_for(lambda: not [r for r in self.house.registry() if r["name"] == "sp2"], 30, "its heartbeat is over")
        self.house.weir("speaker", "forget", "sp2")
        wait_for(lambda: self.mitigation(name)["state"] == "withdrawn", 10, "it has ended, without the dead one")
        self.assertEqual(set(self.speakers()), {"sp1"})
        with self.house.redis("state") as state:
            self.assertEqual([key for key in state.keys() if key.startswith("weir:peer:sp2:")], [])
        self.assertEqual(self.house.weir("withdraw-all")["speakers"], {"sp1": True})
        self.assertEqual(self.house.weir("resume")["speakers"], {"sp1": True})


if __name__ == "__main__":
    suite.main(needs_namespace=False)
