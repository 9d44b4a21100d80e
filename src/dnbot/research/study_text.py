"""A study for the terminal and for files."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from dnbot.operate.report_format import Column, Kind, Table
from dnbot.operate.report_text import table_text
from dnbot.research.study import SetFigures, Study
from dnbot.research.study_funding import FundingFigures, moment

PLACES = 5
"""Digits of a figure after the point, in files: far beyond what the data bear."""
_NUMBERS = re.compile(r"\[\s+([-+\d.e,\s]+?)\s+\]")
_PCT = "% of capital a year"
_SHARE = Kind.BPS
"""Two places."""


def text_of(study: Study) -> str:
    """The few figures that are looked for first; the JSON has all."""
    tables = [
        *(_cases(name, found, study) for name, found in (("2023-24", study.bars), ("gate", study.gate)) if found),
        *(_histories(study.funding) for _ in range(bool(study.funding))),
        *(_books(study) for _ in range(bool(study.books))),
    ]
    return "\n\n".join(table_text(table) for table in tables) + "\n"


def _cases(name: str, found: SetFigures, study: Study) -> Table:
    rows = tuple(
        (one.case, one.profit_median, one.profit_least, one.profit_most, one.drawdown_most, one.executions_per_year)
        for one in found.summed
    )
    columns = (
        Column("case"), Column("profit, median", _SHARE, _PCT, signed=True), Column("least", _SHARE, signed=True),
        Column("most", _SHARE, signed=True), Column("worst fall", _SHARE, "% of capital"),
        Column("executions a year", _SHARE),
    )
    title = f"Bars {moment(found.begin_s)} to {moment(found.end_s)} UTC, {len(found.series)} series, seed {study.seed}"
    return Table(name, title, columns, rows)


def _histories(found: tuple[FundingFigures, ...]) -> Table:
    rows = tuple((one.name, one.first, one.last, one.pct_year, 100 * one.negative_share) for one in found)
    columns = (
        Column("contract"), Column("first"), Column("last"),
        Column("a short received", _SHARE, "% a year", signed=True), Column("rates below zero", _SHARE, "%"),
    )
    return Table("funding", "Funding histories", columns, rows)


def _books(study: Study) -> Table:
    rows = tuple(
        (one.base, one.seconds, one.open_gross_bps[-1], one.close_gross_bps[-1], 100 * one.resting.fill_share,
         one.resting.loss_bps_mean) for one in study.books
    )
    columns = (
        Column("coin"), Column("looks", Kind.COUNT), Column("best carry to open", Kind.BPS, "gross bps", signed=True),
        Column("to close", Kind.BPS, "gross bps", signed=True), Column("resting legs filled", _SHARE, "%"),
        Column("loss of the filled", Kind.BPS, "bps", signed=True),
    )
    return Table("books", "Raw books", columns, rows)


def json_of(study: Study) -> str:
    """Every figure, rounded to `PLACES`; a list of numbers is one line."""
    text = json.dumps(_rounded(msgspec.to_builtins(study)), indent=1, ensure_ascii=False)
    return _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, PLACES)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value
