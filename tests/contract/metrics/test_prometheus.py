"""Rules and dashboard against a real Prometheus that scrapes the real metric modules."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests.services import CannotBeHad, required_in_ci

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "configs" / "prometheus"
DASHBOARD = ROOT / "configs" / "grafana" / "dashboards" / "kitchen.json"
OURS_OF_PROMETHEUS = {"up", "ALERTS"}

EXPOSITION = """
import sys
import asyncio
import configs, casework.metrics, cli.auditor, cli.metrics, devices.metrics, streams.metrics, web.metrics
from cli.worker import stoppable
from prometheus_client import REGISTRY, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from streams.log.exposition import exposed
from streams.log.metrics import Metrics
class TheLog:
    def collect(self):
        return (each for each in text_string_to_metric_families(exposed(Metrics())) if each.name.startswith("kitchen_log_"))
REGISTRY.register(TheLog())
cli.metrics.present(["vision"])
streams.metrics.FINDINGS.labels("pest_or_pet", "true")
streams.metrics.STREAM_LAG.labels("observations").set(0)
streams.metrics.COMMIT_AGE_SECONDS.labels("observations").set(0)
casework.metrics.present(configs.load(configs.demo_directory()).rules, ["webpush"])
web.metrics.REQUEST_SECONDS.labels("/").observe(0.01)
start_http_server(int(sys.argv[1]), addr="127.0.0.1")
async def work():
    async with stoppable("exposition") as stop:
        print("ready", flush=True)
        await stop.wait()
asyncio.run(work())
"""


def expressions() -> list[tuple[str, str]]:
    """(where, expression) of every rule and every panel."""
    rules = yaml.safe_load((PROMETHEUS / "rules.yml").read_text("utf-8"))
    found = [(rule["alert"], rule["expr"]) for group in rules["groups"] for rule in group["rules"]]
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        found += [(panel["title"], target["expr"]) for target in panel.get("targets", [])]
    return found


def selectors(expression: str) -> list[Any]:
    """Every selector in an expression."""
    found: list[Any] = []

    def walk(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        for attribute in ("expr", "lhs", "rhs", "vector_selector", "param"):
            inner = getattr(node, attribute, None)
            if inner is not None:
                walk(inner)
        for argument in getattr(node, "args", None) or []:
            walk(argument)

    walk(promql_parser.parse(expression))
    return found


def names(expression: str) -> set[str]:
    """Every metric an expression names."""
    return {node.name for node in selectors(expression) if node.name}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, path: str, **parameters: str) -> Any:
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?{query}", timeout=10) as answer:
        return json.load(answer)


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(10)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Prometheus with our rules that has scraped our metrics; its port."""
    with required_in_ci():
        binary = shutil.which("prometheus")
        if binary is None:
            raise CannotBeHad("prometheus is not installed (apt install prometheus)")
        folder = tmp_path_factory.mktemp("prometheus")
        metrics_port, port = free_port(), free_port()
        configuration = yaml.safe_load((PROMETHEUS / "local.yml").read_text("utf-8"))
        configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        configuration["rule_files"] = [str(PROMETHEUS / "rules.yml")]
        targets = folder / "targets.json"
        targets.write_text(
            json.dumps([{"targets": [f"127.0.0.1:{metrics_port}"], "labels": {"job": "kitchen", "process": "casework"}}])
        )
        configuration["scrape_configs"][0]["file_sd_configs"] = [{"files": [str(targets)]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        arguments = (
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        with process(sys.executable, "-c", EXPOSITION, str(metrics_port)) as exposition, process(binary, *arguments):
            assert exposition.stdout is not None
            assert exposition.stdout.readline() == "ready\n"
            wait_for_scrapes(port)
            yield port


def wait_for_scrapes(port: int) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            result = ask(port, "/api/v1/query", query='sum_over_time(up{job="kitchen"}[1m])')["data"]["result"]
        except OSError:
            result = []
        if result and int(result[0]["value"][1]) >= 2 and ask(port, "/api/v1/rules")["data"]["groups"]:
            return
        time.sleep(0.2)
    targets = ask(port, "/api/v1/targets")["data"]["activeTargets"]
    pytest.fail(f"Prometheus did not scrape within 60 s: {[target['lastError'] for target in targets]}")


@pytest.mark.parametrize(("where", "expression"), expressions(), ids=[where for where, _ in expressions()])
def test_every_expression_parses(where: str, expression: str) -> None:
    assert names(expression) or where == "KitchenDeadMan"


@pytest.mark.service
def test_every_expression_evaluates_and_names_only_what_we_export(prometheus: int) -> None:
    exported = set(ask(prometheus, "/api/v1/label/__name__/values")["data"])
    for where, expression in expressions():
        answer = ask(prometheus, "/api/v1/query", query=expression)
        assert answer["status"] == "success", f"{where}: {answer}"
        unknown = {name for name in names(expression) if name not in exported} - OURS_OF_PROMETHEUS
        assert not unknown, f"{where} names {unknown}, which nobody exports"


@pytest.mark.service
def test_no_worker_exports_when_each_of_its_counters_began(prometheus: int) -> None:
    exported = set(ask(prometheus, "/api/v1/label/__name__/values")["data"])
    assert "kitchen_dead_letters_total" in exported
    assert not {name for name in exported if name.endswith("_created")}


@pytest.mark.service
def test_labels_that_rules_choose_by_are_labels_we_give(prometheus: int) -> None:
    for where, expression in expressions():
        for node in selectors(expression):
            for matcher in node.matchers.matchers:
                if matcher.name in {"job", "process"} or str(matcher.op) not in {"MatchOp.Equal", "MatchOp.Re"}:
                    continue
                values = set(ask(prometheus, f"/api/v1/label/{matcher.name}/values", **{"match[]": node.name})["data"])
                wanted = set(matcher.value.split("|")) if str(matcher.op) == "MatchOp.Re" else {matcher.value}
                if any(sign in matcher.value for sign in ".*+[") and str(matcher.op) == "MatchOp.Re":
                    continue
                assert wanted <= values, f"{where}: {node.name} has no {matcher.name} {wanted - values}"


@pytest.mark.service
def test_every_rule_is_loaded_and_healthy(prometheus: int) -> None:
    groups = ask(prometheus, "/api/v1/rules")["data"]["groups"]
    rules = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert set(rules) == {where for where, _ in expressions() if where.startswith("Kitchen")}
    assert set(rules.values()) <= {"ok", "unknown"}, rules


@pytest.mark.service
@pytest.mark.parametrize(
    "arguments", [("check", "config", "prometheus.yml"), ("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")]
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    with required_in_ci():
        binary = shutil.which("promtool")
        if binary is None:
            raise CannotBeHad("promtool is not installed (apt install prometheus)")
        done = subprocess.run([binary, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_unit_test() -> None:
    tests = (PROMETHEUS / "rules_test.yml").read_text("utf-8")
    rules = yaml.safe_load((PROMETHEUS / "rules.yml").read_text("utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    untested = {alert for alert in alerts if alert not in tests}
    assert untested <= {"KitchenAlertsAreSlow", "KitchenSecurityEvents", "KitchenFramesSkipped", "KitchenLogCannotSync"}, untested
