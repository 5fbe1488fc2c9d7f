"""A Prometheus from Debian with the configuration and the rules that weir ships, and what it answers."""
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from .house import ROOT
from .ports import free_port
from .processes import end, spawn
from .waits import wait_for

MONITORING = ROOT / "etc/monitoring"


def missing():
    return None if shutil.which("prometheus") and shutil.which("promtool") else "prometheus is not installed"


def promtool(*args, cwd=None):
    """(exit status, all that it said)"""
    done = subprocess.run(["promtool", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False, cwd=cwd)
    return done.returncode, done.stdout


class Running:
    """What a Prometheus on this port of 127.0.0.1 answers."""

    def __init__(self, port):
        self.port = port

    def ask(self, path, **parameters):
        """The data of the answer; ValueError with its own words where it refuses."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{parameters}: {error.read().decode()}") from error

    def query(self, expression):
        """[(labels, value)] of now."""
        return [(one["metric"], float(one["value"][1])) for one in self.ask("query", query=expression)["result"]]

    def value(self, expression):
        """Of a query that has one result."""
        ((_, value),) = self.query(expression)
        return value

    def alerts(self, state=None):
        """{name} of those that are pending or firing."""
        return {a["labels"]["alertname"] for a in self.ask("alerts")["alerts"] if state in (None, a["state"])}

    def rules(self):
        """Each rule as Prometheus read it."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]


class Prometheus(Running):
    """One that is started here, in a folder of its own."""

    def __init__(self, folder, targets):
        """targets: ports of /metrics, which take the places of the shipped ones."""
        super().__init__(free_port())
        self.folder, self.process = folder / "prometheus", None
        self.folder.mkdir()
        shutil.copy(MONITORING / "weir.rules.yaml", self.folder)
        text, count = re.subn(r"targets: \[.*\]", f"targets: {json.dumps([f'127.0.0.1:{p}' for p in targets])}",
                              (MONITORING / "prometheus.yaml").read_text())
        text, intervals = re.subn(r"(?m)^(\s*\w+_interval): \S+", r"\1: 1s", text)
        if (count, intervals) != (1, 2):
            raise ValueError("prometheus.yaml has another form than this test knows")
        (self.folder / "prometheus.yaml").write_text(text)

    def start(self):
        self.process = spawn(["prometheus", f"--config.file={self.folder}/prometheus.yaml",
                              f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address=127.0.0.1:{self.port}"],
                             self.folder / "prometheus.log")
        wait_for(lambda: self.ask("status/buildinfo"), 30, "Prometheus answers")
        return self

    def stop(self):
        end(self.process)
