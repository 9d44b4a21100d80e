"""Charts as inline SVG. Floats are for drawing only; every figure that is written out comes as text.

Colours are classes (`s0`.. for series), so that the page's light and dark palettes apply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import escape

import attrs

WIDTH, HEIGHT = 1000, 300
LEFT, RIGHT, TOP, BOTTOM = 96, 16, 14, 40
TICKS = 5
_TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


@attrs.frozen
class Series:
    """One line: `points` are moments and values, in order of time."""

    name: str
    style: str
    points: Sequence[tuple[datetime, Decimal]]
    is_step: bool = True
    """Holds its value until the next point, as money and positions do."""


@attrs.frozen
class Axis:
    """From values to pixels: `low` is drawn at `at_low`."""

    low: float
    high: float
    at_low: float
    at_high: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.at_low + share * (self.at_high - self.at_low)


def value_axis(values: Sequence[float], *, with_zero: bool = True) -> Axis:
    """The vertical axis: all values, and zero, with some air; never of no height."""
    low, high = _span(values, with_zero=with_zero)
    return Axis(low, high, HEIGHT - BOTTOM, TOP)


def _span(values: Sequence[float], *, with_zero: bool) -> tuple[float, float]:
    known = [*values, 0.0] if with_zero or not values else list(values)
    low, high = min(known), max(known)
    air = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - air, high + air


def round_ticks(low: float, high: float, count: int = TICKS) -> list[float]:
    """Values of the form 1, 2 or 5 times a power of ten that lie between, about `count` of them."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """A tick with as many places as the distance between ticks needs."""
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(value) or 1.0
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{places}f}" if round(value, places) else "0"


def time_ticks(first: datetime, last: datetime, count: int = 8) -> tuple[list[datetime], str]:
    """Round moments between, about `count`, and how to write them."""
    span_s = max((last - first).total_seconds(), 1e-3)
    step_s = next((step for step in _TIME_STEPS_S if span_s / step <= count), 0)
    if not step_s:
        step_s = 86_400 * math.ceil(span_s / 86_400 / count)
    start = math.ceil(first.timestamp() / step_s) * step_s
    found = []
    while start <= last.timestamp():
        found.append(datetime.fromtimestamp(start, tz=UTC))
        start += step_s
    form = "%H:%M:%S" if step_s < 60 else "%H:%M" if span_s <= 86_400 else "%d %b %H:%M" if step_s < 86_400 else "%d %b"
    return found, form


def svg(title: str, body: Sequence[str], height: int = HEIGHT) -> str:
    """A picture with a name that a screen reader says."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(body)}</svg>"
    )


def legend(items: Sequence[tuple[str, str, str]]) -> str:
    """Names beside their colours: (style, name, value)."""
    parts = [
        f'<span><i class="key {style}"></i>{escape(name)} <b>{escape(value)}</b></span>' for style, name, value in items
    ]
    return f'<p class="legend">{"".join(parts)}</p>'


def line_chart(
    title: str,
    series: Sequence[Series],
    extent: tuple[datetime, datetime],
    unit: str,
    *,
    band: Decimal | None = None,
    envelopes: Sequence[tuple[datetime, Decimal, Decimal]] = (),
) -> str:
    """Lines over time. `band` shades plus and minus that value; an envelope is a bar from low to high at a moment."""
    x = _time_axis(extent)
    values = [float(value) for line in series for _, value in line.points]
    values += [float(value) for _, low, high in envelopes for value in (low, high)]
    values += [float(band), -float(band)] if band is not None else []
    y = value_axis(values)
    body = [_band(y, float(band))] if band is not None else []
    body += [grid_y(y, unit), _grid_x(x, extent)]
    body += [
        f'<line class="envelope" x1="{_x(x, at)}" x2="{_x(x, at)}" y1="{y(float(low)):.1f}" y2="{y(float(high)):.1f}"/>'
        for at, low, high in envelopes
    ]
    body += [_path(line, x, y, extent[1]) for line in series if line.points]
    return svg(title, body)


def _time_axis(extent: tuple[datetime, datetime]) -> Axis:
    first, last = extent
    if last <= first:
        last = first + timedelta(seconds=1)
    return Axis(first.timestamp(), last.timestamp(), LEFT, WIDTH - RIGHT)


def _x(x: Axis, at: datetime) -> str:
    return f"{min(max(x(at.timestamp()), LEFT), WIDTH - RIGHT):.1f}"


def _path(line: Series, x: Axis, y: Axis, until: datetime) -> str:
    (at, value), *rest = line.points
    words = [f"M{_x(x, at)} {y(float(value)):.1f}"]
    for at, value in rest:
        if line.is_step:
            words.append(f"H{_x(x, at)}")
        words.append(f"L{_x(x, at)} {y(float(value)):.1f}")
    if line.is_step:
        words.append(f"H{_x(x, until)}")
    return f'<path class="line {line.style}" d="{"".join(words)}"><title>{escape(line.name)}</title></path>'


def _band(y: Axis, size: float) -> str:
    top, bottom = y(size), y(-size)
    return (
        f'<rect class="band" x="{LEFT}" width="{WIDTH - LEFT - RIGHT}" y="{top:.1f}" height="{bottom - top:.1f}"/>'
    )


def grid_y(y: Axis, unit: str) -> str:
    """Lines across at round values, each with its figure, and the unit beside them."""
    ticks = round_ticks(y.low, y.high)
    parts = []
    for value in ticks:
        at = f"{y(value):.1f}"
        style = "axis" if abs(value) < 1e-12 else "grid"
        parts.append(f'<line class="{style}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at}" dy="4" text-anchor="end">{tick_text(value, ticks)}</text>')
    parts.append(
        f'<text class="unit" transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" '
        f'text-anchor="middle">{escape(unit)}</text>'
    )
    return "".join(parts)


def _grid_x(x: Axis, extent: tuple[datetime, datetime]) -> str:
    ticks, form = time_ticks(*extent)
    parts = []
    for at in ticks:
        place = _x(x, at)
        parts.append(f'<line class="grid" x1="{place}" x2="{place}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{place}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{at.strftime(form)}</text>')
    parts.append(f'<text class="unit" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">UTC</text>')
    return "".join(parts)


def payment_chart(
    title: str, payments: Sequence[tuple[datetime, Decimal, str]], extent: tuple[datetime, datetime], unit: str
) -> str:
    """One bar per payment, up when received, down when paid; the text is its tooltip."""
    x, y = _time_axis(extent), value_axis([float(amount) for _, amount, _ in payments])
    zero = y(0.0)
    body = [grid_y(y, unit), _grid_x(x, extent)]
    width = max(2.0, min(24.0, (WIDTH - LEFT - RIGHT) / max(1, len(payments)) * 0.7))
    for at, amount, text in payments:
        top, bottom = sorted((y(float(amount)), zero))
        left = float(_x(x, at)) - width / 2
        style = "gain" if amount >= 0 else "loss"
        body.append(
            f'<rect class="{style}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{max(bottom - top, 1.0):.1f}"><title>{escape(text)}</title></rect>'
        )
    return svg(title, body)


def scatter_chart(
    title: str, points: Sequence[tuple[Decimal, Decimal, str, str]], x_unit: str, y_unit: str
) -> str:
    """Points (x, y, style, tooltip) with the diagonal on which both are equal, both axes to the same scale."""
    known = [float(value) for point in points for value in point[:2]]
    low, high = _span(known, with_zero=True)
    x, y = Axis(low, high, LEFT, WIDTH - RIGHT), Axis(low, high, HEIGHT - BOTTOM, TOP)
    ticks = round_ticks(low, high)
    body = [grid_y(y, y_unit)]
    for value in ticks:
        place = f"{x(value):.1f}"
        style = "axis" if abs(value) < 1e-12 else "grid"
        body.append(f'<line class="{style}" x1="{place}" x2="{place}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        body.append(
            f'<text x="{place}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{tick_text(value, ticks)}</text>'
        )
    body.append(
        f'<text class="unit" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"{escape(x_unit)}</text>"
    )
    body.append(f'<line class="diagonal" x1="{x(low):.1f}" y1="{y(low):.1f}" x2="{x(high):.1f}" y2="{y(high):.1f}"/>')
    body += [
        f'<circle class="{escape(style)}" cx="{x(float(across)):.1f}" cy="{y(float(up)):.1f}" r="4">'
        f"<title>{escape(text)}</title></circle>"
        for across, up, style, text in points
    ]
    return svg(title, body)


def bar_chart(title: str, bars: Sequence[tuple[str, int]], written: Callable[[int], str] = "{:,}".format) -> str:
    """Horizontal bars, one per name, with the count behind each."""
    row, left, right = 28, 210, 110
    longest = max((count for _, count in bars), default=0) or 1
    body = []
    for index, (name, count) in enumerate(bars):
        width = max(count / longest * (WIDTH - left - right), 1.0)
        middle = index * row + row / 2
        body.append(f'<text x="{left - 10}" y="{middle:.0f}" dy="4" text-anchor="end">{escape(name)}</text>')
        body.append(f'<rect class="bar" x="{left}" y="{middle - 9:.0f}" width="{width:.1f}" height="18" rx="2"/>')
        body.append(f'<text x="{left + width + 8:.1f}" y="{middle:.0f}" dy="4">{written(count)}</text>')
    return svg(title, body, height=max(row, len(bars) * row))
