#!/usr/bin/env python3
"""etc/systemd as systemd-analyze sees it, and what must hold for every unit. systemd itself does not run here."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lib import house, suite, units

FOLDER = house.ROOT / "etc/systemd"
REDIS = ("redis-state", "redis-telemetry")
# Of 10, by systemd 252; "OK" ends at 5.
EXPOSURE_MAX = 1.5
EVERYBODYS = {"User": "weir", "Type": "notify", "Restart": "always", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
              "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "RestrictNamespaces": "yes",
              "MemoryDenyWriteExecute": "yes", "SystemCallArchitectures": "native"}


def unit(name):
    return units.read(FOLDER / f"weir-{name}.service")


class Units(suite.HouseTest):
    def analyzed(self, *args, drop_in=None):
        """On copies that name the programs of this build, as the installed ones need not be there. A drop-in is the speaker's."""
        folder = self.folder()
        if drop_in:
            (folder / "weir-speaker.service.d").mkdir()
            (folder / "weir-speaker.service.d/override.conf").write_text(drop_in)
        (folder / "bin").symlink_to(house.BIN)  # whose own name may have a space
        for path in (*FOLDER.glob("*.service"), *FOLDER.glob("*.target")):
            text = path.read_text().replace("=/usr/bin/weir", f"={folder}/bin/weir")
            if not shutil.which("redis-server"):
                text = text.replace("=/usr/bin/redis-server", "=/bin/true")
            (folder / path.name).write_text(text)
        files = sorted(str(p) for p in folder.iterdir() if p.suffix in (".service", ".target"))
        done = subprocess.run(["systemd-analyze", "--no-pager", *args, *files], env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        return done.returncode, done.stdout

    def test_systemd_finds_nothing_wrong(self):
        self.assertEqual(self.analyzed("verify", "--man=no"), (0, ""))

    def test_systemd_finds_little_exposed(self):
        _, said = self.analyzed("security", "--offline=yes", f"--threshold={int(EXPOSURE_MAX * 10)}")
        scores = dict(re.findall(r"Overall exposure level for (weir-\S+)\.service: (\S+)", said))
        print(*(f"{name}: exposure {score}" for name, score in scores.items()), sep="\n", file=sys.stderr)
        self.assertEqual(set(scores), {f"weir-{name}" for name in house.PROCESSES + REDIS}, said)
        self.assertLessEqual(max(map(float, scores.values())), EXPOSURE_MAX)

    def test_every_unit_is_hardened(self):
        for name in house.PROCESSES + REDIS:
            service = unit(name)["Service"]
            for key, value in EVERYBODYS.items():
                self.assertEqual(service.get(key), [value], f"{name}: {key}")
            self.assertEqual(unit(name)["Unit"]["StartLimitIntervalSec"], ["0"], "it is tried for ever")

    def test_only_the_speaker_has_a_capability(self):
        for name in house.PROCESSES + REDIS:
            wanted = ["CAP_NET_BIND_SERVICE"] if name == "speaker" else [""]
            for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
                self.assertEqual(unit(name)["Service"][key], wanted, f"{name}: {key}")

    def test_the_drop_in_for_a_vrf_adds_its_capability_and_no_other(self):
        path = FOLDER / "weir-speaker.service"
        self.assertEqual(self.analyzed("verify", "--man=no", drop_in=units.shown_drop_in(path)), (0, ""))
        # It does read the drop-in.
        wrong = units.shown_drop_in(path).replace("AmbientCapabilities", "AmbientCapability")
        self.assertIn("Unknown key 'AmbientCapability'", self.analyzed("verify", "--man=no", drop_in=wrong)[1])
        with_it = units.read(path, units.shown_drop_in(path))["Service"]
        for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
            self.assertEqual(units.capabilities(with_it, key), {"CAP_NET_BIND_SERVICE", "CAP_NET_RAW"})

    def test_nothing_takes_the_speaker_with_it(self):
        speaker = unit("speaker")["Unit"]
        self.assertFalse({"PartOf", "BindsTo", "Requires", "Requisite", "Conflicts", "StopPropagatedFrom", "JoinsNamespaceOf"} & set(speaker))
        for name in house.PROCESSES + REDIS:
            self.assertFalse({"BindsTo", "Requires", "Conflicts", "PropagatesStopTo"} & set(unit(name)["Unit"]), name)
            if name != "speaker":
                self.assertEqual(unit(name)["Unit"]["PartOf"], ["weir.target"])
        target = units.read(FOLDER / "weir.target")["Unit"]
        self.assertEqual(set(" ".join(target["Wants"]).split()), {f"weir-{name}.service" for name in house.PROCESSES + REDIS})
        self.assertFalse({"Requires", "BindsTo", "PropagatesStopTo"} & set(target))

    def test_a_process_sees_its_own_password_only(self):
        for name in house.PROCESSES:
            service = unit(name)["Service"]
            self.assertEqual(service["TemporaryFileSystem"], ["/var/lib/weir/secrets:ro"])
            self.assertEqual(service["BindReadOnlyPaths"], [f"-/var/lib/weir/secrets/{name}.pw"])


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=[None if shutil.which("systemd-analyze") else "systemd-analyze is not installed (package systemd)"])
