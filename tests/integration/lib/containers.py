"""The images and the compose files of docker/, for real, without a Docker engine: buildah makes the images, podman runs
them, docker-compose asks podman. All of it is in one folder, build/containers; what stays there is a cache of what comes
from Debian's mirror."""
import json
import os
import pathlib
import re
import shutil
import subprocess

from . import processes
from .house import ROOT
from .waits import wait_for

CACHE = ROOT / "build/containers"
STORAGE = CACHE / "storage"
DEBIAN = "docker.io/library/debian:bookworm-slim"
TOOLS = "localhost/weir-tools:cache"  # Debian with the compiler and the libraries
TARGETS = ("init", "redis", "collector", "aggregator", "policy", "speaker", "weir", "gobgp", "prometheus")
PROGRAMS = ("buildah", "podman", "runc", "debootstrap", "docker-compose")
MISSING = [name for name in PROGRAMS if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
# crun and systemd are not asked for: a machine without either will do.
CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_config_dir = "{folder}/networks"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def image_of(target):
    return f"docker.io/library/{'weir' if target == 'weir' else 'weir-' + target}:latest"


def call(*args, check=True, limit_s=600, **options):
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=limit_s, check=False, **options)
    if check and done.returncode != 0:
        raise OSError(f"{' '.join(map(str, args))}: exit {done.returncode}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done


class Engine:
    """folder: for sockets and what runs, of this test alone."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        conf = self.folder / "containers.conf"
        conf.write_text(CONTAINERS_CONF.format(folder=folder))
        (self.folder / "networks").mkdir(exist_ok=True)
        self.environment = {**os.environ, "CONTAINERS_CONF": str(conf), "STORAGE_DRIVER": "overlay",
                            "BUILDAH_ISOLATION": "chroot", "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        self.where = ("--root", STORAGE, "--runroot", self.folder / "run")
        self.service = None

    # --- images ---

    def buildah(self, *args, **options):
        return call("buildah", *self.where, *args, env=self.environment, **options).stdout.strip()

    def has_image(self, name):
        return call("buildah", *self.where, "inspect", "--type", "image", name, check=False, env=self.environment).returncode == 0

    def make_debian(self):
        """What everybody else pulls, from the mirror that apt is set to."""
        found = call("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages").stdout
        mirror = re.findall(r"^(\S+) bookworm main$", found, re.MULTILINE)[0]
        base = self.folder / "debian"
        call("debootstrap", "--variant=minbase", "bookworm", base, mirror, env=self.environment, limit_s=1200)
        container = self.buildah("from", "scratch")
        self.buildah("add", "-q", container, base, "/")
        self.buildah("commit", "-q", container, DEBIAN)
        self.buildah("rm", container)
        shutil.rmtree(base)

    def build(self, target, name):
        self.buildah("build", "--pull-never", "--layers", "--format", "docker", "-f", ROOT / "docker/Dockerfile", "--target",
                     target, "-t", name, ROOT, limit_s=1800)

    def build_all(self):
        STORAGE.mkdir(parents=True, exist_ok=True)
        # What podman knows is bound to the folder of the run before, and whatever that left behind goes with it.
        for what in ("libpod", "volumes", "overlay-containers"):
            shutil.rmtree(STORAGE / what, ignore_errors=True)
        if not self.has_image(DEBIAN):
            self.make_debian()
        self.build("tools", TOOLS)
        for target in TARGETS:
            self.build(target, image_of(target))

    def remove_images(self):
        """All but the cache."""
        for target in TARGETS:
            self.buildah("rmi", "-f", image_of(target), check=False)
        self.podman("image", "prune", "-f")

    # --- containers ---

    def podman(self, *args, **options):
        return call("podman", *self.where, *args, env=self.environment, **options).stdout

    def start(self):
        socket = self.folder / "podman.sock"
        self.service = processes.spawn(["podman", *self.where, "system", "service", "--time=0", f"unix://{socket}"],
                                       self.folder / "podman.log", env=self.environment)
        wait_for(socket.exists, 60, "podman answers")

    def inspect(self, name):
        return json.loads(self.podman("inspect", name))[0]

    def pid(self, name):
        """Of its first process; 0 while there is none."""
        return int(self.podman("inspect", "--format", "{{.State.Pid}}", name, check=False) or 0)

    def healthy(self, name):
        """Asked now: who asks every few seconds is systemd with podman, and the engine with Docker."""
        return call("podman", *self.where, "healthcheck", "run", name, check=False, env=self.environment).returncode == 0


DEMONSTRATION = ("compose.yaml", "compose.demo.yaml", "compose.monitoring.yaml")
YOUR_NETWORK = ("compose.yaml",)


class Deployment:
    """Compose files of docker/, as a compose project of its own; the demonstration, unless said otherwise."""

    def __init__(self, engine, attack_after="0s", names=DEMONSTRATION, etc=ROOT / "etc"):
        self.engine, self.project, self.names = engine, "weirtest", names
        self.environment = {**engine.environment, "DOCKER_HOST": f"unix://{engine.folder}/podman.sock", "COMPOSE_HTTP_TIMEOUT": "300",
                            "WEIR_ETC": str(etc)}
        self.attack_after(attack_after)

    def attack_after(self, time):
        self.environment.update(DEMO_ATTACK_AFTER=time, DEMO_ATTACK_FOR="0s")

    def compose(self, *args, **options):
        files = [f"-f{ROOT}/docker/{name}" for name in self.names]
        return call("docker-compose", "-p", self.project, *files, *args, env=self.environment, **options).stdout

    def container(self, service):
        return f"{self.project}_{service}_1"

    def up(self):
        self.compose("up", "-d", "--no-build")

    def weir(self, *args):
        return json.loads(self.compose("run", "--rm", "-T", "weir", "--json", *args))

    def routes(self):
        """Of GoBGP's container; its words, a route a line."""
        said = self.engine.podman("exec", self.container("gobgp"), "/usr/bin/gobgp", "global", "rib", "-a", "ipv4-flowspec")
        return [line for line in said.splitlines() if "destination:" in line]
