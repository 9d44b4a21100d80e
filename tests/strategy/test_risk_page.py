"""docs/risk-controls.md says what the code does: codes, places and tests, in both directions."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from dnbot.lab.sometimes import DENIALS, NEVER

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "dnbot"
PAGE = (ROOT / "docs" / "risk-controls.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## Controls and latches")[2].partition("## Controls of conduct")[0]
LINES = [line.strip("|") for line in TABLE.splitlines() if re.match(r"\| \w+\d", line)]
ROWS = [[cell.strip() for cell in line.split("|")] for line in LINES]
CODE = re.compile(r"[A-Z][A-Z_]{2,}")
CHECKS = ("strategy/risk_orders.py", "strategy/risk_standing.py")
SENDERS = ("tasks/gatekeeper.py", "tasks/execution.py", "tasks/desk.py")
OUTCOMES = {"ambiguous", "CANCELLED", "UNREADABLE"}
"""What came of an order that was sent: no denials."""


def calls(path: str, *names: str) -> list[ast.Call]:
    """Calls of functions of these names in a module."""
    found = ast.walk(ast.parse((SOURCE / path).read_text(encoding="utf-8")))
    return [
        node for node in found
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in names
    ]


def texts(node: ast.AST) -> list[str]:
    """Literal text in a piece of code."""
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def denials() -> set[str]:
    """Every code with which an order can be refused before it is sent."""
    codes = {call.args[0].value for path in CHECKS for call in calls(path, "refused", "unknown")
             if isinstance(call.args[0], ast.Constant)}
    module = ast.parse((SOURCE / CHECKS[0]).read_text(encoding="utf-8"))
    table = next(n for n in module.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "_DOUBT_CODES")
    assert isinstance(table.value, ast.Dict)
    codes |= {text for value in table.value.values for text in texts(value)}
    codes |= {"KILLED", "REDUCING_ONLY"}  # chosen by an expression in `gate`
    instrument = (SOURCE / "domain" / "instrument.py").read_text(encoding="utf-8")
    codes |= set(re.findall(r'^ +return "([A-Z_]+)"$', instrument, re.MULTILINE))
    for path in SENDERS:
        source = (SOURCE / path).read_text(encoding="utf-8")
        codes |= set(re.findall(r'"([A-Z][A-Z_]{2,})(?:: |", )', source))
    return codes - OUTCOMES


def latched() -> set[str]:
    """Every latch that has a code: from `latches`, and from those who lower the mode themselves."""
    source = (SOURCE / "strategy" / "risk.py").read_text(encoding="utf-8")
    first = [call.args[0] for call in calls("strategy/risk.py", "_latch")]
    codes = {word.value for word in first if isinstance(word, ast.Constant)}
    codes |= set(re.findall(r'\(\s*"([A-Z_]+)", inputs\.', source))
    for path in ("strategy/observing.py", "strategy/shrinking.py"):
        codes |= set(re.findall(r'f"([A-Z_]+): ', (SOURCE / path).read_text(encoding="utf-8")))
    return codes


def test_every_code_has_its_row_and_every_row_its_code() -> None:
    """Denials and latches that the code knows are those of the page."""
    assert len(ROWS) > 15
    told = {code for row in ROWS for code in CODE.findall(row[4])}
    assert told == denials() | latched()
    bold = {code for row in ROWS for code in re.findall(r"\*\*([A-Z_]+)\*\*", row[4])}
    assert bold == latched() - {"PNL_UNKNOWN"}


def test_a_campaign_looks_for_every_denial() -> None:
    """The list that a campaign of the simulator goes by is the page's."""
    assert sorted(denials()) == sorted(DENIALS)
    assert all(name.removeprefix("denial ") in DENIALS for name in NEVER if name.startswith("denial "))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_places_settings_and_tests_exist(row: list[str]) -> None:
    """A function, class or test that is named is there under that name."""
    for place in re.findall(r"`([\w.]+)`", row[2]):
        module, _, name = place.rpartition(".")
        assert hasattr(importlib.import_module(f"dnbot.{module}"), name), place
    (test,) = re.findall(r"`([\w/.]+::\w+)`", row[5])
    path, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), test
