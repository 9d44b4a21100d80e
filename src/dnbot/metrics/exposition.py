"""Figures as text for Prometheus: the text exposition format 0.0.4, told family by family.

Source: prometheus.io, "Exposition formats", text-based format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Generic, TypeVar

import attrs

from dnbot.metrics.histogram import SECONDS, Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Value = int | float | Decimal | Histogram | None
"""None: not known now, and then not told."""
Labels = tuple[str, ...]
S = TypeVar("S")
"""What a family is read from."""


@attrs.frozen
class Family(Generic[S]):
    """One metric with all its series, and how it is read from whatever knows it."""

    name: str
    kind: str
    """`counter`, `gauge` or `histogram`."""
    text: str
    """One sentence for a person; it names the unit where the name does not."""
    labels: Labels
    read: Callable[[S], Mapping[Labels, Value]]


def gauge(name: str, text: str, read: Callable[[S], Value]) -> Family[S]:
    """A figure that goes up and down."""
    return Family(name, "gauge", text, (), lambda source: {(): read(source)})


def gauges(name: str, text: str, label: str, read: Callable[[S], Mapping[str, Value]]) -> Family[S]:
    """The same for each value of a label."""
    return Family(name, "gauge", text, (label,), lambda source: {(key,): v for key, v in read(source).items()})


def counter(name: str, text: str, read: Callable[[S], Value]) -> Family[S]:
    """A figure that only rises while the process lives."""
    return Family(name, "counter", text, (), lambda source: {(): read(source)})


def counters(name: str, text: str, label: str, read: Callable[[S], Mapping[str, Value]]) -> Family[S]:
    """The same for each value of a label."""
    return Family(name, "counter", text, (label,), lambda source: {(key,): v for key, v in read(source).items()})


def histogram(name: str, text: str, read: Callable[[S], Value]) -> Family[S]:
    """Durations in buckets."""
    return Family(name, "histogram", text, (), lambda source: {(): read(source)})


def histograms(name: str, text: str, label: str, read: Callable[[S], Mapping[str, Value]]) -> Family[S]:
    """The same for each value of a label."""
    return Family(name, "histogram", text, (label,), lambda source: {(key,): v for key, v in read(source).items()})


def exposition(families: Iterable[Family[S]], source: S) -> bytes:
    """All families as Prometheus reads them; one whose series are all unknown keeps its help and type."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escape_help(family.text)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for values, value in family.read(source).items():
            if isinstance(value, Histogram):
                _tell_histogram(lines, family, values, value)
            elif value is not None:
                lines.append(f"{family.name}{_braces(family.labels, values)} {number(value)}")
    lines.append("")
    return "\n".join(lines).encode()


def number(value: float | Decimal) -> str:
    """A number in Prometheus' words, which are those of Go: +Inf, -Inf, NaN; whole numbers without a point."""
    if isinstance(value, int):
        return str(int(value))  # a bool is 0 or 1
    told = float(value)
    if told != told:
        return "NaN"
    if told in {float("inf"), float("-inf")}:
        return "+Inf" if told > 0 else "-Inf"
    return repr(told)


def _bounds_of(bounds: tuple[float, ...]) -> tuple[str, ...]:
    return (*(number(bound) for bound in bounds), "+Inf")


_SECONDS = _bounds_of(SECONDS)


def _tell_histogram(lines: list[str], family: Family[S], values: Labels, told: Histogram) -> None:
    pairs = _pairs(family.labels, values)
    begin = f"{family.name}_bucket{{{pairs},le=\"" if pairs else f"{family.name}_bucket{{le=\""
    bounds = _SECONDS if told.bounds is SECONDS else _bounds_of(told.bounds)
    below = 0
    for bound, count in zip(bounds, told.counts, strict=True):
        below += count
        lines.append(f'{begin}{bound}"}} {below}')
    braces = f"{{{pairs}}}" if pairs else ""
    lines.append(f"{family.name}_sum{braces} {number(told.total)}")
    lines.append(f"{family.name}_count{braces} {below}")


def _braces(names: Labels, values: Labels) -> str:
    return f"{{{_pairs(names, values)}}}" if names else ""


def _pairs(names: Labels, values: Labels) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))


def _escape(text: str) -> str:
    return _escape_help(text).replace('"', '\\"')


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
