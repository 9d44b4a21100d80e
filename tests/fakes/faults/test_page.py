"""docs/faults.md says what the code does."""

from __future__ import annotations

import tomllib
from pathlib import Path

from dnbot.fakes.faults import FaultPlan
from dnbot.fakes.faults_catalogue import KINDS, checked
from dnbot.fakes.faults_page import with_tables
from dnbot.fakes.scenarios_catalogue import SCENARIOS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "faults.md"


def test_the_tables_are_those_of_the_code() -> None:
    """Making them again changes nothing, and each name is in one."""
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("<!-- table: ") == text.count("<!-- end -->") == 5
    assert with_tables(text) == text
    assert [name for name in (*KINDS, *SCENARIOS) if f"| `{name}` |" not in text] == []


def test_the_plan_of_the_page_is_one() -> None:
    """The example in TOML is read, and every word of it is known."""
    example = PAGE.read_text(encoding="utf-8").split("```toml")[1].split("```")[0]
    plan = FaultPlan.from_data(tomllib.loads(example))
    assert [checked(fault).name for fault in plan.faults] == ["reply_lost", "server_error"]
    assert (plan.faults[0].at_s, plan.faults[0].for_s) == (5.0, 60.0)
