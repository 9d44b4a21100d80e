"""docs/security.md names files and tests: all of them are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [row for row in PAGE.splitlines() if row.startswith("| ") and not row.startswith(("| ---", "| point", "| way"))]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def names_in(path: Path) -> set[str]:
    """The names of the tests of a file."""
    return set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_test_that_the_page_names_is_there() -> None:
    """A test that was renamed or deleted leaves no promise behind."""
    named = TEST.findall(PAGE)
    assert len(named) > 80
    known = {file: names_in(ROOT / file) for file, _ in named if (ROOT / file).exists()}
    assert [f"{file}::{name}" for file, name in named if name not in known.get(file, set())] == []


def test_every_path_that_the_page_names_is_there() -> None:
    """Code, locks and scripts."""
    paths = re.findall(r"`((?:src|tests|docs|\.ci|deploy)/[\w/.]+|requirements[\w-]*\.lock|pyproject\.toml)`", PAGE)
    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_what_is_done_has_a_test_and_what_is_not_has_a_reason() -> None:
    """Each row with a verdict: `done` names a test or the linters, the others say why in more than a word."""
    judged = [row.strip("| ").split(" | ") for row in ROWS if row.count(" | ") >= 3]
    assert len(judged) > 40
    for cells in judged:
        verdict, rest = cells[1], " ".join(cells[2:])
        if verdict.startswith("done"):
            assert TEST.search(rest) or "the linters" in rest, cells[0]
        else:
            assert len(verdict) > 40, cells[0]
