"""What deploy/ says to Prometheus and Grafana is true of the figures that a bot and a worker tell."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from promtool_here import PROMTOOL, needs_promtool

from dnbot.operate.fleet_metrics import FLEET
from dnbot.operate.metrics import FAMILIES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

def rules_of(name: str) -> str:
    """A file of rules, or of their tests."""
    return (DEPLOY / "prometheus" / name).read_text(encoding="utf-8")


RULES, FLEET_RULES = rules_of("dnbot.rules.yml"), rules_of("dnbot_fleet.rules.yml")
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dnbot.json").read_text(encoding="utf-8"))
RECORDED = set(re.findall(r"- record: ([\w:]+)", RULES))
PARTS = ("_bucket", "_sum", "_count")
TOLD = {family.name for family in FAMILIES} | {
    f"{family.name}{part}" for family in FAMILIES if family.kind == "histogram" for part in PARTS
}
LABELS = {family.name: {*family.labels} for family in FAMILIES}
FIGURE = re.compile(r"(?<![\w:])(?:\w+:)?(?:dnbot|process)_\w+(?::\w+)?")


def expressions(panel: dict[str, Any]) -> list[str]:
    """The queries of one panel."""
    return [target["expr"] for target in panel.get("targets", [])]


QUERIES = [query for panel in DASHBOARD["panels"] for query in expressions(panel)] + [
    one["expr"] for one in DASHBOARD["annotations"]["list"]
]


def figures(text: str) -> set[str]:
    """Names of figures in a query, without the values of its labels."""
    return set(FIGURE.findall(re.sub(r'"[^"]*"', '""', text)))


@pytest.mark.parametrize(("rules", "told", "asked_min"), [
    (RULES, TOLD | RECORDED, 26), (FLEET_RULES, {family.name for family in FLEET}, 8),
])
def test_rules_ask_for_figures_that_are_told(rules: str, told: set[str], asked_min: int) -> None:
    """Every name in an expression is one of a bot's or a worker's figures, or recorded by a rule."""
    no_expression = re.compile(r"^#|action:|summary:|record:|name:")
    asked = figures("\n".join(line for line in rules.splitlines() if not no_expression.search(line)))
    assert asked - told == set()
    assert len(asked) >= asked_min


@pytest.mark.parametrize("rules", [RULES, FLEET_RULES])
def test_each_alert_says_how_bad_it_is_and_what_to_do(rules: str) -> None:
    """Severity, summary and action."""
    for body in re.split(r"- alert: ", rules)[1:]:
        assert re.search(r"severity: (critical|warning)\}", body), body
        assert "summary: " in body, body
        assert "action: " in body, body


@pytest.mark.parametrize("name", ["dnbot", "dnbot_fleet"])
def test_each_alert_is_tested_both_ways(name: str) -> None:
    """It fires once, and once it does not, beside the healthy bot or fleet on which none does."""
    alerts, tests = re.findall(r"- alert: (\w+)", rules_of(f"{name}.rules.yml")), rules_of(f"{name}.rules.test.yml")
    fires = re.findall(r"- alertname: (\w+)", tests)
    silent = re.findall(r"\{alertname: (\w+), eval_time: \w+, exp_alerts: \[\]\}", tests)
    assert sorted(fires) == sorted(alerts)
    assert {alert: silent.count(alert) for alert in alerts} == dict.fromkeys(alerts, 3)


@needs_promtool
@pytest.mark.slow
def test_the_rules_do_what_their_test_says() -> None:
    """Judged by Prometheus itself, and so is the configuration that reads them."""
    for words in (
        ("check", "config", "prometheus.yml"), ("test", "rules", "dnbot.rules.test.yml"),
        ("check", "config", "prometheus_fleet.yml"), ("test", "rules", "dnbot_fleet.rules.test.yml"),
    ):
        done = subprocess.run(
            [PROMTOOL, *words], cwd=DEPLOY / "prometheus", capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("query", QUERIES)
def test_the_dashboard_asks_for_figures_that_are_told(query: str) -> None:
    """Every name is told or recorded, is of the chosen bot, and is shown by labels that it has."""
    asked = figures(query)
    assert asked
    assert asked - TOLD - RECORDED == set()
    assert query.count('job="$job",instance="$instance"') == len(FIGURE.findall(re.sub(r'"[^"]*"', '""', query)))


def test_the_legends_name_labels_that_are_there() -> None:
    """A legend of a label that a figure does not have would show nothing."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                for name in figures(target["expr"]):
                    plain = re.sub(r"^\w+:|:\w+$", "", name)
                    family = plain if plain in LABELS else re.sub(r"_(bucket|sum|count)$", "", plain)
                    known = {name.partition(":")[0]} if name in RECORDED else LABELS[family]
                    assert label in known, (panel["title"], label, name)


def test_panels_stand_side_by_side() -> None:
    """Ids are unique, nothing overlaps, and nothing stands outside the 24 columns."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 30
    places = [panel["gridPos"] for panel in panels]
    assert [place for place in places if place["x"] + place["w"] > 24] == []
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_nobody_is_told_that_it_was_rendered() -> None:
    """No Grafana was at hand, and the dashboard says so itself."""
    assert "it was not rendered here" in DASHBOARD["description"]
