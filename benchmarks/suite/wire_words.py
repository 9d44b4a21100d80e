"""What both contenders of target 10 do alike: how many strokes, how long each may take, and what is told of them."""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal

import attrs

from suite.figures import Figures, quantile
from suite.strokes import Stroke

WARM_UP = 4
"""Strokes that do not count: two of each side."""
PAUSE_S = 0.1
"""Between two strokes, so that a venue's 100 ms of changes are told."""
STROKE_S_MAX = 2.0
START_S_MAX = 90.0


def seconds_max(strokes: int) -> float:
    """By when a contender must be through."""
    return START_S_MAX + (WARM_UP + strokes) * (STROKE_S_MAX + PAUSE_S)


@attrs.define
class Struck:
    """What came of the strokes that count. One that nobody took counts as long as it was waited for."""

    waited_ms: list[float] = attrs.field(factory=list)
    strokes: list[Stroke] = attrs.field(factory=list)
    missed: int = 0
    orders: int = 0
    """Sent altogether, as the contender knows."""

    def note(self, number: int, stroke: Stroke, taken_ns: int | None) -> None:
        """The stroke of that number, and how long it took until both legs were on the wire."""
        if number >= WARM_UP:
            self.missed += taken_ns is None
            self.strokes.append(stroke)
            self.waited_ms.append(STROKE_S_MAX * 1000 if taken_ns is None else taken_ns / 1e6)

    def figures(self, taken: Set[Decimal]) -> Figures:
        """`p50`, `p99`, ms; how many strokes were `missed`; how many `filled`, by these prices of fills at MEXC."""
        return {
            "p50": quantile(self.waited_ms, 0.5), "p99": quantile(self.waited_ms, 0.99), "missed": self.missed,
            "orders": self.orders, "filled": sum(stroke.price in taken for stroke in self.strokes),
        }
