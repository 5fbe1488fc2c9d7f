#!/usr/bin/env python3
"""What .dockerignore lets into an image's build is enough for the programs: a copy of that and nothing else is configured,
and ninja has a way to each target that docker/Dockerfile asks for. The images themselves are built by --long."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import house, suite


class Context(suite.HouseTest):
    def copy(self):
        """Everything is left out but what a line with "!" names."""
        lines = [line for line in (house.ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
        self.assertEqual(lines[0], "*")
        folder = self.folder() / "src"
        for line in lines[1:]:
            if line.startswith("!"):
                source, target = house.ROOT / line[1:], folder / line[1:]
                target.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        return folder

    def test_the_programs_can_be_built_from_it(self):
        folder, dockerfile = self.copy(), (house.ROOT / "docker/Dockerfile").read_text()
        (targets,) = re.findall(r"cmake --build --preset release --target ([a-z -]+)$", dockerfile, re.MULTILINE)
        for command in (["cmake", "--preset", "release"], ["ninja", "-C", "build/release", "-n", *targets.split()]):
            done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
            self.assertEqual(done.returncode, 0, done.stdout[-2000:])
        for name in re.findall(r"build/release/bin/(weir[\w-]*)", dockerfile.replace("$program", "policy")):
            self.assertIn(name, targets.split())

    def test_what_the_dockerfile_takes_from_it_is_there(self):
        folder, dockerfile = self.copy(), (house.ROOT / "docker/Dockerfile").read_text()
        copied = re.findall(r"^COPY (?!--from)(\S+) ", dockerfile, re.MULTILINE)
        run = re.findall(r"\b(docker/image-root|etc/redis)\b", dockerfile)
        self.assertTrue(copied and run)
        for path in (*copied, *run):
            self.assertTrue(pathlib.Path(folder, path).exists(), path)


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=[None if shutil.which("ninja") else "ninja is not installed"])
