"""What every contender of the tick path tells."""

from __future__ import annotations

from typing import Any

import attrs

from dnbot.domain.market import MarketView

ENDS_WITH = '{"frames"'
"""How the server's last message begins."""


class Done(Exception):
    """The server has said its last word."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__()
        self.told = told


@attrs.define
class Decided:
    """One run: per frame, ns from its read to the decision that it was part of; our CPU; the server's last word."""

    waited_ns: list[int] = attrs.field(factory=list)
    cpu_s: float = 0.0
    server: dict[str, Any] = attrs.field(factory=dict)

    def note(self, now_ns: int, read_ns: list[int]) -> None:
        """Frames that were read then are decided now."""
        self.waited_ns += [now_ns - at_ns for at_ns in read_ns]

    def judged(self, market: MarketView) -> None:
        """The machine has seen a market."""
