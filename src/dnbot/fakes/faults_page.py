"""The tables of docs/faults.md, made from the catalogues: ``python -m dnbot.fakes.faults_page docs/faults.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from .faults_catalogue import ELSEWHERE, KINDS
from .faults_kinds import FaultKind
from .faults_targets import TARGETS
from .records import VENUES
from .scenarios_catalogue import ELSEWHERE as TESTED_ELSEWHERE
from .scenarios_catalogue import SCENARIOS

SHORT = {"gate_spot": "spot", "gate_futures": "futures", "mexc_spot": "MEXC"}


def with_tables(text: str) -> str:
    """The page with every table between its markers made anew."""
    tables = {
        "faults": _table(("fault", "code", "scope", "venues", "what it does", "options"), map(_fault, KINDS.values())),
        "targets": _table(("`path`", "venues"), ((f"`{name}`", _venues(globs)) for name, globs in TARGETS.items())),
        "fault codes elsewhere": _table(("code", "where"), ELSEWHERE.items()),
        "scenarios": _table(
            ("scenario", "what the venue does", "faults"),
            ((f"`{name}`", row.venue_does, _code(row.faults)) for name, row in SCENARIOS.items()),
        ),
        "scenarios elsewhere": _table(("scenario", "where"), ((f"`{n}`", w) for n, w in TESTED_ELSEWHERE.items())),
    }
    for name, table in tables.items():
        begin, end = f"<!-- table: {name} -->", "<!-- end -->"
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    return text


def _fault(kind: FaultKind) -> tuple[str, ...]:
    options = ", ".join(f"`{name}={value}`" for name, value in kind.options.items())
    return (f"`{kind.name}`", kind.code, kind.scope, _venues(kind.venues), kind.what, options)


def _venues(venues: Iterable[str]) -> str:
    found = [venue for venue in VENUES if venue in set(venues)]
    return "all" if len(found) == len(VENUES) else ", ".join(SHORT[venue] for venue in found)


def _code(lines: Iterable[str]) -> str:
    return "<br>".join(f"`{line}`" for line in lines)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
