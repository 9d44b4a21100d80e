"""The table of invariants is complete, and the judge stays outside."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from dnbot.lab.oracle_orders import ORDERS_IN_FLIGHT_MAX
from dnbot.strategy.risk_standing import OPEN_ORDERS_MAX

ROOT = Path(__file__).parents[3]
DOCS = (ROOT / "docs" / "simulation-invariants.md").read_text()
EVERY = {f"I{number}" for number in range(1, 32)}
SOURCES = sorted((ROOT / "src" / "dnbot" / "lab").glob("oracle*.py"))
JUDGES_OF_FLEETS = ("fleet_gap", "fleet_judge")


def rows(text: str) -> set[str]:
    """The invariants that have a row in a table."""
    return set(re.findall(r"^\| (I\d+) \|", text, re.MULTILINE))


def test_every_invariant_is_judged_or_has_a_reason() -> None:
    """I1 to I31, each in one of the two tables, and judged in the code when the first says so."""
    judged, left_out = map(rows, DOCS.split("## Not judged here"))
    assert judged | left_out == EVERY
    assert not judged & left_out
    in_code = set(re.findall(r"check\(\s*\"(I\d+)\"", "".join(path.read_text() for path in SOURCES)))
    assert in_code == judged


def test_every_judged_invariant_has_a_planted_defect() -> None:
    """By name, in the scenes that a test plays with and without it."""
    judged = rows(DOCS.split("## Not judged here")[0])
    scenes = (Path(__file__).parent / "test_planted.py").read_text()
    planted = set(re.findall(r"^@play\(\"(I\d+)\"", scenes, re.MULTILINE))
    assert planted == judged


def test_the_import_contract_covers_every_module_of_the_judge() -> None:
    """None of them can reach a task, a decision, the bot or its codecs, however indirectly."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    contract = next(c for c in contracts if "judge" in c["name"])
    judges = [*JUDGES_OF_FLEETS, *(path.stem for path in SOURCES)]
    assert contract["source_modules"] == [f"dnbot.lab.{name}" for name in judges]
    forbidden = {"bot", "operate", "tasks", "testing", "venues", "strategy.context", "strategy.view"}
    assert {f"dnbot.{name}" for name in forbidden} <= set(contract["forbidden_modules"])
    assert "allow_indirect_imports" not in contract
    assert "ignore_imports" not in contract


def test_the_limit_of_orders_in_flight_is_the_bots() -> None:
    """Written twice, because the judge must not import the control that it judges."""
    assert ORDERS_IN_FLIGHT_MAX == OPEN_ORDERS_MAX
