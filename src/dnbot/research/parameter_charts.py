"""Charts of a parameter study: train against test, each figure over each setting, and pairs of settings as a map."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape
from statistics import median

from dnbot.operate.report_format import number
from dnbot.operate.report_svg import HEIGHT, LEFT, RIGHT, WIDTH, grid_y, legend, scatter_chart, svg, value_axis
from dnbot.research.comparison import CellOutcome, Side
from dnbot.research.parameter_study import Study
from dnbot.research.parameter_tables import PER_HOUR, values_of

LABELS_MAX = 12
MAPS_MAX = 6
_FIGURES = (
    ("per_hour", "Profit", PER_HOUR), ("drawdown_worst", "Worst drawdown", "quote"),
    ("naked_ms_worst", "Worst naked time", "ms"), ("round_trips", "Round trips", "count"),
)
_SIDES = (("train", "s0"), ("test", "s1"))
Dot = tuple[int, float, str]
"""Which value of the setting, the figure, and what is said of it."""


def charts_of(study: Study) -> dict[str, str]:
    """By the name of the table that they stand above."""
    dots = "".join(_dots(study, key, *figure) for key in study.varied for figure in _FIGURES)
    pairs = list(itertools.combinations(study.varied, 2))[:MAPS_MAX]
    return {"cells": _train_and_test(study), "sensitivity": dots + "".join(_map(study, *pair) for pair in pairs)}


def _figure(caption: str, chart: str, keys: str = "") -> str:
    return f"<figure><figcaption>{escape(caption)}</figcaption>{keys}{chart}</figure>"


def _train_and_test(study: Study) -> str:
    best = study.comparison.best
    points = []
    for cell in study.comparison.cells:
        if cell.train is not None and cell.test is not None:
            train, test = cell.train.per_hour, cell.test.per_hour
            style = "s3" if cell.number == best else "s0" if cell.number else "s1"
            told = f"{number(train, 4, signed=True)} in train, {number(test, 4, signed=True)} in test"
            points.append((train, test, style, f"{cell.name}: {told}"))
    if not points:
        return ""
    title = "Each cell in all test windows against the first train window; below the diagonal it did worse"
    keys = legend([("s3", "best in train", ""), ("s1", "as configured", ""), ("s0", "others", "")])
    return _figure(title, scatter_chart(title, points, f"train, {PER_HOUR}", f"test, {PER_HOUR}"), keys)


def _dots(study: Study, key: str, name: str, title: str, unit: str) -> str:
    values = values_of(study, key)
    drawn = {side: _of_side(study, key, side, name, values) for side, _ in _SIDES}
    if not any(drawn.values()):
        return ""
    heading = f"{title} over {key}"
    keys = legend([(style, side, "") for side, style in _SIDES if drawn[side]])
    dots = {style: drawn[side] for side, style in _SIDES}
    return _figure(heading, dot_chart(heading, values, dots, unit), keys)


def _of_side(study: Study, key: str, side: str, name: str, values: Sequence[str]) -> list[Dot]:
    found = []
    for cell in study.comparison.cells:
        figures: Side | None = getattr(cell, side)
        if figures is not None and key in cell.values:
            value = getattr(figures, name)
            found.append((values.index(cell.values[key]), float(value), f"{cell.name}: {value:,.4f} in {side}"))
    return found


def dot_chart(title: str, values: Sequence[str], dots: Mapping[str, Sequence[Dot]], unit: str) -> str:
    """A dot per cell above its value, and a line through the middle ones; `dots` by style."""
    y = value_axis([height for of_style in dots.values() for _, height, _ in of_style])
    body = [grid_y(y, unit), _value_labels(values)]
    for style, of_style in dots.items():
        middles = [
            (index, median(height for at, height, _ in of_style if at == index))
            for index in sorted({at for at, _, _ in of_style})
        ]
        path = "L".join(f"{_x(index, len(values)):.1f} {y(height):.1f}" for index, height in middles)
        body.append(f'<path class="line {style}" d="M{path}"/>' if middles else "")
        body += [
            f'<circle class="{style}" cx="{_x(index, len(values)):.1f}" cy="{y(height):.1f}" r="4">'
            f"<title>{escape(text)}</title></circle>" for index, height, text in of_style
        ]
    return svg(title, body)


def _x(index: int, count: int) -> float:
    """The middle of the column of one of so many values."""
    return LEFT + (index + 0.5) * (WIDTH - LEFT - RIGHT) / max(count, 1)


def _value_labels(values: Sequence[str]) -> str:
    every = -(-len(values) // LABELS_MAX)
    return "".join(
        f'<text x="{_x(index, len(values)):.1f}" y="{HEIGHT - 20}" text-anchor="middle">{escape(value)}</text>'
        for index, value in enumerate(values) if index % every == 0
    )


def _map(study: Study, across: str, up: str) -> str:
    columns, rows = values_of(study, across), values_of(study, up)
    found: dict[tuple[str, str], list[Decimal]] = {}
    for cell in study.comparison.cells:
        spot = _spot(cell, across, up)
        if spot is not None and cell.train is not None:
            found.setdefault(spot, []).append(cell.train.per_hour)
    if not found:
        return ""
    title = (
        f"Profit in the first train window, {PER_HOUR}, over {across} (across) and {up} (up); the middle of the cells "
        "there"
    )
    return _figure(title, map_chart(title, columns, rows, {spot: median(scores) for spot, scores in found.items()}))


def _spot(cell: CellOutcome, across: str, up: str) -> tuple[str, str] | None:
    return (cell.values[across], cell.values[up]) if {across, up} <= cell.values.keys() else None


def map_chart(
    title: str, columns: Sequence[str], rows: Sequence[str], scores: Mapping[tuple[str, str], Decimal]
) -> str:
    """A box per pair of values: gain or loss by its colour, how much of the greatest by its strength."""
    greatest = max(map(abs, scores.values())) or Decimal(1)
    wide, high = (WIDTH - LEFT - RIGHT) / len(columns), max(24.0, min(60.0, 300 / len(rows)))
    is_told = wide >= 60 and high >= 20
    body = [_value_labels(columns).replace(f'y="{HEIGHT - 20}"', f'y="{high * len(rows) + 18:.0f}"')]
    for index, value in enumerate(rows):
        middle = high * (len(rows) - index - 0.5)
        body.append(f'<text x="{LEFT - 8}" y="{middle:.1f}" dy="4" text-anchor="end">{escape(value)}</text>')
    for (column, row), score in scores.items():
        left, top = LEFT + columns.index(column) * wide, high * (len(rows) - 1 - rows.index(row))
        told, strength = number(score, 2, signed=True), 0.15 + 0.85 * float(abs(score) / greatest)
        body.append(
            f'<rect class="{"gain" if score >= 0 else "loss"}" fill-opacity="{strength:.2f}" '
            f'x="{left + 1:.1f}" y="{top + 1:.1f}" width="{wide - 2:.1f}" height="{high - 2:.1f}">'
            f"<title>{escape(f'{column}, {row}: {told}')}</title></rect>"
        )
        if is_told:
            place = f'x="{left + wide / 2:.1f}" y="{top + high / 2:.1f}"'
            body.append(f'<text {place} dy="4" text-anchor="middle">{escape(told)}</text>')
    return svg(title, body, height=round(high * len(rows) + 30))
