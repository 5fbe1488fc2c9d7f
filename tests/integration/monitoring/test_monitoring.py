#!/usr/bin/env python3
"""etc/monitoring as people use it: a real Prometheus scrapes a real weir with the shipped configuration and rules,
through peace and an attack; it answers every query of the rules and of the dashboard."""
import json
import os
import re
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
from alert_cases import CASES, labels_of, promtool_tests
from lib import house, prometheus, sflow, suite
from lib.exporters import Generate
from lib.gobgp import Gobgp
from lib.ports import free_port
from lib.prometheus import MONITORING, Prometheus, promtool
from lib.waits import NotSeen, wait_for

SCRAPED_LABELS = {"job", "instance", "le"}
# What a healthy run has no data for, and why; every series is there from 0 on.
NO_DATA = {
    "Refused rules, an hour": "neither guard nor speaker refused a rule",
    "NOTIFICATIONs, an hour": "no session ended",
}
# Not within what the rules record, such as job:weir_collector_records:rate1m.
METRIC = re.compile(r"(?<![\w:])(?:weir_\w+|up)\b(?!:)")
SELECTOR = re.compile(METRIC.pattern + r"(?:\{[^}]*\})?|(?<!\w)\{__name__[^}]*\}")
VARIABLES = {"$job": "weir", "$instance": ".*", "$__rate_interval": "10s"}


def panels():
    """[(title, query, legend)] of the dashboard."""
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    return [(panel["title"], target["expr"], target["legendFormat"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]


def dashboard_variables():
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    return [v for v in dashboard["templating"]["list"] if v["type"] == "query"]


def filled_in(expression):
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def without_strings(expression):
    return re.sub(r'"[^"]*"', '""', expression)


def labels_asked(expression):
    """Names of labels in matchers, by, on and group_left."""
    bare = without_strings(expression)
    listed = re.findall(r"\b(?:by|on|without|ignoring|group_left|group_right) *\(([^)]*)\)", bare)
    matched = re.findall(r"(\w+) *(?:=~|!~|!=|=) *\"\"", bare)
    return {name.strip() for names in listed for name in names.split(",") if name.strip()} | set(matched)


class Story:
    """What happened, once for all tests of the file; what it saw on the way are its fields."""

    def __init__(self):
        self.folder = house.work_folder()
        self.flow_port, self.stoppable = free_port(), []
        self.problem = self.prometheus = self.tool = None

    def began(self, what):
        self.stoppable.append(what)
        return what

    def run(self):
        try:
            self._run()
        except (NotSeen, AssertionError, OSError, RuntimeError, ValueError) as error:
            self.problem = error

    def _run(self):
        self.gobgp = self.began(Gobgp(self.folder).start())
        ports = []

        def with_port(_):
            ports.append(free_port())
            return f"metrics_port: {ports[-1]}"

        text = house.config(self.folder, [f"127.0.0.1:{self.flow_port}"], self.gobgp.port)
        self.house = self.began(house.House(self.folder, re.sub("metrics_port: 0", with_port, text)))
        self.house.start().ready()
        wait_for(self.gobgp.established, 60, "the BGP session")
        peace = self.began(self.generate("peace"))
        self.prometheus = self.began(Prometheus(self.folder, ports)).start()
        asked = self.prometheus
        wait_for(lambda: asked.value('sum(up{job="weir"})') == len(house.PROCESSES), 30, "all processes are scraped")
        wait_for(lambda: asked.value("sum(job:weir_collector_records:rate1m)") > 0, 30, "a recorded rate")
        # Each rule has been evaluated on some scrapes.
        wait_for(lambda: asked.value("count_over_time(job:weir_collector_records:rate1m[1m])") > 5, 30, "some evaluations")
        self.alerts_in_peace = asked.alerts()
        self.odds_and_ends()
        # One after the other: both at once look like two senders with one address, which they are.
        peace.stop()
        attack = self.began(self.generate("attack", "--attack", "dns-amplification", "--attack-rate", "500", "--attack-volume", "500Mbps"))
        wait_for(self.gobgp.all_routes, 30, "the route")
        wait_for(lambda: asked.value('sum(weir_flowspec_active_rules{family="ipv4"})') == 1, 30, "the rule is scraped")
        wait_for(lambda: "WeirAttack" in asked.alerts("firing"), 30, "the attack is an alert")
        wait_for(lambda: asked.value("max(count_over_time(weir_collector_refused_total[10s]))") > 1, 30, "what is refused is scraped")
        wait_for(lambda: asked.value("count(weir_collector_rate_mismatches)") == 1, 30, "the interface is scraped")
        wait_for(lambda: asked.value("sum(job:weir_time_to_mitigate_seconds:p50_1h)") > 0, 30, "a time to mitigate")
        self.answers = self.ask_everything()
        self.alerts_in_attack = asked.ask("alerts")["alerts"]
        attack.stop()
        self.gobgp.stop()
        wait_for(lambda: "WeirPeerDown" in asked.alerts("pending"), 30, "the lost session is about to be an alert")

    def generate(self, name, *more):
        return Generate(self.folder, name, "--to", f"127.0.0.1:{self.flow_port}", "--proto", "ipfix", "--rate", "200",
                        "--volume", "5Mbps", "--duration", "0s", *more)

    def odds_and_ends(self):
        """What is refused, by a reason, and what an sFlow agent counts itself."""
        counted = sflow.datagram("127.0.0.1", 1, 1000, [sflow.counters(1, 1, 10**10, (0, 0, 0, 0), (0, 0, 0, 0))])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for datagram in (b"this is no export", counted):
                out.sendto(datagram, ("127.0.0.1", self.flow_port))

    def ask_everything(self):
        """{query: its results, or the error}, while all of it is at work."""
        answers = {}
        rules = self.prometheus.rules()
        queries = {rule["query"] for rule in rules} | {rule["name"] for rule in rules if rule["type"] == "recording"}
        queries |= {filled_in(expression) for _, expression, _ in panels()}
        queries |= {selector for query in list(queries) for selector in SELECTOR.findall(query)}
        for query in queries:
            try:
                answers[query] = self.prometheus.query(query)
            except (OSError, ValueError) as error:
                answers[query] = error
        return answers

    def end(self, keep):
        for what in reversed(self.stoppable):
            what.stop()
        house.dispose(self.folder, keep)


class Files(suite.HouseTest):
    """What can be told of the files alone."""

    @classmethod
    def setUpClass(cls):
        cls.metrics = {}
        for process in house.PROCESSES:
            listed = subprocess.run([house.BIN / f"weir-{process}", "--metrics"], stdout=subprocess.PIPE, text=True, timeout=60, check=True)
            for line in listed.stdout.splitlines():
                name, kind, labels, _ = line.split("\t")
                for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
                    cls.metrics[name + suffix] = set(labels.split())
        cls.metrics["up"] = set()
        text = (MONITORING / "weir.rules.yaml").read_text()
        cls.rules = re.findall(r"- (alert|record): (\S+)\n +expr: \|\n((?: {10}.*\n)+)((?:(?! +- | {2}- ).*\n)*)", text)
        cls.queries = [query for _, _, query, _ in cls.rules] + [query for _, query, _ in panels()]

    def test_promtool_finds_nothing_wrong(self):
        for what, file in (("rules", "weir.rules.yaml"), ("config", "prometheus.yaml")):
            status, said = promtool("check", what, MONITORING / file)
            self.assertEqual(status, 0, said)

    def test_each_alert_fires_when_it_should_and_only_then(self):
        severities = {name: re.search(r"severity: (\w+)", rest)[1] for kind, name, _, rest in self.rules if kind == "alert"}
        self.assertEqual(set(severities), set(CASES), "alerts without a case, or cases without an alert")
        self.assertLessEqual(set(severities.values()), {"critical", "warning", "info"})
        folder = self.folder()
        (folder / "weir.rules.yaml").write_text((MONITORING / "weir.rules.yaml").read_text())
        (folder / "cases.yaml").write_text(json.dumps(promtool_tests(severities)))
        status, said = promtool("test", "rules", "cases.yaml", cwd=folder)
        self.assertEqual(status, 0, said)

    def test_each_alert_says_what_to_do(self):
        for kind, name, _, rest in self.rules:
            if kind == "record":
                continue
            with self.subTest(alert=name):
                found = re.search(r"summary: (.+)\n +description: >-\n((?: {12}.*\n)+) +runbook: (\S+)\n", rest)
                self.assertIsNotNone(found, rest)
                self.assertGreater(len(found[2].split()), 10)
                used = set(re.findall(r"\$labels\.(\w+)", found[1] + found[2]))
                self.assertLessEqual(used, labels_of(name), "a label that the alert does not have")
                self.leads_somewhere(found[3])

    def leads_somewhere(self, runbook):
        file, _, anchor = runbook.partition("#")
        text = (house.ROOT / file).read_text()
        if anchor:
            titles = re.findall(r"(?m)^#+ (.*)$", text)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            self.assertIn(anchor, anchors)

    def test_queries_name_only_what_weir_shows(self):
        recorded = {name for kind, name, _, _ in self.rules if kind == "record"}
        for query in self.queries:
            with self.subTest(query=query):
                bare = without_strings(query)
                names = set(METRIC.findall(bare))
                chosen = re.findall(r'__name__=~"([^"]*)"', query)
                names |= {metric for pattern in chosen for metric in self.metrics if re.fullmatch(pattern, metric)}
                self.assertLessEqual(set(re.findall(r"\b\w+:[\w:]+", bare)), recorded)
                self.assertLessEqual(names, set(self.metrics))
                has = {"__name__"} | SCRAPED_LABELS.union(*(self.metrics[name] for name in names))
                self.assertLessEqual(labels_asked(query), has)


class Live(suite.HouseTest):
    @classmethod
    def setUpClass(cls):
        cls.story = Story()
        cls.story.run()

    @classmethod
    def tearDownClass(cls):
        cls.story.end(cls.any_failed or cls.story.problem is not None)

    def setUp(self):
        super().setUp()
        if self.story.problem:
            raise self.story.problem

    def test_peace_is_quiet(self):
        self.assertEqual(self.story.alerts_in_peace, set())

    def test_an_attack_that_is_answered_is_the_only_alert(self):
        alerts = self.story.alerts_in_attack
        self.assertEqual({a["labels"]["alertname"] for a in alerts}, {"WeirAttack"})
        for alert in alerts:
            self.assertEqual(alert["annotations"]["summary"], "Attacks that are going on: 1")

    def test_each_rule_is_well(self):
        rules = self.story.prometheus.rules()
        self.assertGreaterEqual(len(rules), len(CASES))
        self.assertEqual([(r["name"], r["health"], r.get("lastError")) for r in rules if r["health"] != "ok"], [])
        for rule in rules:
            if rule["type"] == "recording":
                answer = self.story.answers[rule["name"]]
                self.assertTrue(answer and all(value == value for _, value in answer), f"{rule['name']}: {answer}")

    def test_no_query_is_an_error(self):
        self.assertGreater(len(self.story.answers), 100)
        self.assertEqual({q: str(a) for q, a in self.story.answers.items() if isinstance(a, Exception)}, {})

    def test_each_selector_finds_series(self):
        selectors = {s for q in self.story.answers for s in SELECTOR.findall(q)}
        empty = {s for s in selectors if not self.story.answers[s]}
        # A series that begins with what it counts hides it: Prometheus sees no step.
        self.assertEqual(empty, set())

    def test_the_dashboard_shows_data(self):
        for title, expression, legend in panels():
            with self.subTest(panel=title, query=expression):
                answer = self.story.answers[filled_in(expression)]
                if title in NO_DATA:
                    continue
                self.assertTrue(answer)
                self.assertFalse(any(value != value for _, value in answer), f"NaN: {answer}")
                for labels, _ in answer:
                    self.assertLessEqual(set(re.findall(r"\{\{(\w+)\}\}", legend)), set(labels))

    def test_the_dashboard_s_variables_have_values(self):
        for variable in dashboard_variables():
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            values = self.story.prometheus.ask(f"label/{label}/values", **{"match[]": filled_in(selector)})
            self.assertTrue(values, variable["name"])

    def test_time_to_mitigate_is_what_happened(self):
        ((_, count),) = self.story.prometheus.query("sum(weir_time_to_mitigate_seconds_count)")
        ((_, seconds),) = self.story.prometheus.query("sum(weir_time_to_mitigate_seconds_sum)")
        self.assertEqual(count, 1)
        self.assertTrue(0 < seconds < 10, seconds)
        stages = {labels["stage"] for labels, n in self.story.prometheus.query("weir_policy_stage_seconds_count") if n > 0}
        self.assertEqual(stages, {"receive", "decide", "write"})


if __name__ == "__main__":
    suite.main(needs_namespace=False, missing=[prometheus.missing(), Gobgp.missing()])
