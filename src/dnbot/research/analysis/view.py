"""An analysis as people get it: tables for the terminal, a page, CSV files and JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import attrs

from dnbot import __version__
from dnbot.operate.report_csv import field
from dnbot.operate.report_format import Column, Figure, Kind, Table, duration, moment, number
from dnbot.operate.report_html import page_html, sections_html
from dnbot.operate.report_svg import Series
from dnbot.operate.report_text import table_text
from dnbot.research.analysis.words import HOUR, Coverage, Period, hour_of

FOOT = (
    "Rounded for reading: pointing at a figure shows every digit, and so do the CSV and JSON files. A dash is what is "
    "not known, never zero. All times are UTC."
)


@attrs.frozen
class View:
    """One analysis to be looked at. `charts` are HTML by the name of the table that they stand above."""

    kind: str
    symbol: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...]
    charts: dict[str, str] = attrs.field(factory=dict)

    @property
    def text(self) -> str:
        """For the terminal."""
        return "\n".join(self.lines) + "\n\n" + "\n\n".join(table_text(table) for table in self.tables) + "\n"

    @property
    def page(self) -> str:
        """One page that needs nothing else."""
        title = f"dnbot analyze {self.kind} {self.symbol}"
        figures = {name: f"<figure>{chart}</figure>" for name, chart in self.charts.items() if chart}
        foot = (FOOT, f"dnbot {__version__}")
        body = sections_html(self.tables, figures)
        return page_html(title, f"{self.symbol}: {self.kind}", self.lines, body, foot=foot)

    def write_csv(self, folder: Path) -> list[Path]:
        """A file per table, with every digit, into a folder that is there; their paths."""
        return [_write_table(folder / f"{self.kind}-{table.name}.csv", table) for table in self.tables]


def _write_table(path: Path, table: Table) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.title for column in table.columns])
        writer.writerows([field(value.value if isinstance(value, Figure) else value) for value in row]
                         for row in table.rows)
    return path


def period_text(symbol: str, period: Period) -> str:
    """What an analysis is of."""
    return f"{symbol}, from {moment(period.since)} to {moment(period.until)} UTC ({duration(_length(period))})"


def _length(period: Period) -> timedelta:
    return period.until - period.since


def coverage_text(coverage: Coverage) -> str:
    """How much of the period was sampled, and that the rest is not told."""
    if coverage.first is None or coverage.last is None:
        return "nothing was sampled in this period: the bot did not run, or its samples are no longer kept"
    observed = duration(timedelta(seconds=float(coverage.observed_s)))
    return (
        f"sampled: {observed}, {number(coverage.share_pct, 2)} % of the period, between {moment(coverage.first)} and "
        f"{moment(coverage.last)} UTC; nothing is said of the rest"
    )


def hour_table(
    name: str, title: str, columns: Sequence[Column], rows: Mapping[int, tuple[object, ...]], period: Period, note: str
) -> Table:
    """A row per hour of the day that the period touches; an hour that was never sampled has dashes."""
    blank = (None,) * len(columns)
    touched = {hour_of(piece.since) for piece in period.pieces(HOUR)}
    return Table(
        name, title, (Column("hour, UTC"), *columns),
        tuple((f"{hour:02}", *rows.get(hour, blank)) for hour in sorted(touched)) if rows else (),
        note=note, empty="nothing was sampled in this period",
    )


def hours_column() -> Column:
    """How long something was observed."""
    return Column("observed", Kind.BPS, "h")


def in_hours(seconds: Decimal | None) -> Decimal | None:
    """Hours."""
    return None if seconds is None else seconds / 3600


def unbroken(name: str, style: str, points: Iterable[tuple[datetime, Decimal]], gap: timedelta) -> list[Series]:
    """One line as its parts: nothing is drawn where points are further apart than `gap`, because nothing is known.

    A point by itself is a short line, which is seen.
    """
    parts: list[list[tuple[datetime, Decimal]]] = []
    for at, value in points:
        if not parts or at - parts[-1][-1][0] > gap:
            parts.append([])
        parts[-1].append((at, value))
    for part in parts:
        if len(part) == 1:
            part.append((part[0][0] + gap / 6, part[0][1]))
    return [Series(name, style, part, is_step=False) for part in parts]
