"""docs/fidelity.md: one row for each claim that the fakes make about a venue, and one for each of their switches."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import attrs
import pytest

import dnbot.fakes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fidelity.md"
STATUSES = ("confirmed", "assumed", "not modelled")
SWITCH_CLASSES = re.compile(r"(Settings|Limits|Rules|Faults)$")  # a class ...Fault says when and where one strikes
SWITCH = re.compile(r"`([A-Z]\w+\.\w+)`")


def rows() -> list[list[str]]:
    """The cells of every row of every table with the columns claim, status, evidence."""
    found, inside = [], False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("|"):
            inside = False
        elif cells == ["claim", "status", "evidence"]:
            inside = True
        elif inside and not set(line) <= set("|- "):
            found.append(cells)
    return found


ROWS = rows()


def fields_of_the_fakes() -> set[str]:
    """Every public field of every attrs class of the fakes, as `Class.field`."""
    found = set()
    for module in pkgutil.iter_modules(dnbot.fakes.__path__, "dnbot.fakes."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, type) and attrs.has(value):
                found |= {f"{name}.{field.name}" for field in attrs.fields(value) if not field.name.startswith("_")}
    return found


FIELDS = fields_of_the_fakes()
SWITCHES = {name for name in FIELDS if SWITCH_CLASSES.search(name.split(".")[0])}
NAMED = {name for row in ROWS for name in SWITCH.findall(" ".join(row))}


def test_there_is_a_table_to_check() -> None:
    """The page is read as it is written: each row has its three cells."""
    assert len(ROWS) > 150
    assert [row for row in ROWS if len(row) != 3] == []


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_used(status: str) -> None:
    """No kind of claim is passed over."""
    assert status in {row[1] for row in ROWS}


def test_every_row_says_what_its_status_asks_for() -> None:
    """Confirmed names a source, assumed a switch, not modelled says what happens instead; there is no fourth."""
    assert [row[0] for row in ROWS if row[1] not in STATUSES] == []
    assert [row[0] for row in ROWS if row[1] == "confirmed" and not re.search(r"\[[A-Za-z0-9 .-]+\]", row[2])] == []
    assert [row[0] for row in ROWS if row[1] == "assumed" and not SWITCH.search(row[2])] == []
    assert [row[0] for row in ROWS if row[1] == "not modelled" and (SWITCH.search(row[2]) or len(row[2]) < 10)] == []


def test_no_claim_is_made_twice() -> None:
    """Two rows of one wording would be two truths."""
    claims = [row[0] for row in ROWS]
    assert sorted({claim for claim in claims if claims.count(claim) > 1}) == []


def test_every_source_is_explained() -> None:
    """A source in brackets is one of the list at the head of the page."""
    text = PAGE.read_text(encoding="utf-8")
    known = set(re.findall(r"^- \[([^\]]+)\]", text, flags=re.MULTILINE))
    named = {name for row in ROWS for name in re.findall(r"\[([^\]]+)\]", row[2])}
    assert named - known == set()
    assert known - named == set()


def test_every_switch_has_a_row() -> None:
    """Whoever adds a switch says here what it stands for."""
    assert len(SWITCHES) > 40
    assert sorted(SWITCHES - NAMED) == []


def test_every_switch_that_is_named_exists() -> None:
    """A row that outlived its switch is found."""
    assert sorted(NAMED - FIELDS) == []
