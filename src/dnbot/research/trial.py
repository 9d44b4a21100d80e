"""One trial: some settings on one window of a recording, and the figures that are compared. Money is quote units."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from dnbot.domain.order import Purpose
from dnbot.domain.units import ZERO, plain
from dnbot.research.result import Result
from dnbot.research.windows import Window
from dnbot.strategy.parameters import StrategyParameters

DIGEST_DIGITS = 16
TRADES = frozenset({Purpose.ENTRY.value, Purpose.EXIT.value})
"""What an execution is for when it is a trade: not the building, mending or leaving of the position."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a backtest came to, of which there are many here."""

    total: Decimal | None
    """What the account gained, with what is held at the last books; None when a book was not known at the end."""
    realised: Decimal
    fees: Decimal
    funding: Decimal
    traded: Decimal
    """Net of the trades alone, by their own fills: what building and mending the position costs is not in it."""
    traded_squares: Decimal
    """The sum of the squares of each trade's net: how much they differ."""
    trades: int
    round_trips: int
    fills: int
    opportunities_seen: int
    drawdown: Decimal
    naked_ms_worst: int
    naked_ms: int
    virtual_s: float
    mode: str
    """The trading mode at the end, and why where it was lowered."""
    partial: str
    """Why it ended before its window did; empty when it did not."""
    trace_hash: str


class Trial(msgspec.Struct, frozen=True, kw_only=True, tag="trial", tag_field="kind"):
    """One line of the evidence. `figures` or else `failure` is there."""

    digest: str
    """Of all settings of the strategy: see `settings_digest`."""
    values: dict[str, str]
    """Those of them that were varied."""
    window: Window
    figures: Figures | None = None
    failure: str = ""
    cpu_s: float = 0.0

    @property
    def key(self) -> tuple[str, Window]:
        """What it is a trial of."""
        return self.digest, self.window


class Job(msgspec.Struct, frozen=True):
    """A trial that is still to be made."""

    digest: str
    values: dict[str, str]
    params: dict[str, Any]
    """All settings of the strategy, in JSON's types."""
    window: Window

    @property
    def key(self) -> tuple[str, Window]:
        """As that of its trial."""
        return self.digest, self.window

    def failed(self, why: str) -> Trial:
        """A trial without figures."""
        return Trial(digest=self.digest, values=self.values, window=self.window, failure=why)

    def done(self, figures: Figures, cpu_s: float) -> Trial:
        """A trial with figures."""
        return Trial(digest=self.digest, values=self.values, window=self.window, figures=figures, cpu_s=cpu_s)


def settings_digest(params: StrategyParameters) -> str:
    """The first digits of SHA-256 over all settings; 3 and 3.0 are the same."""
    values: Mapping[str, Any] = {name: getattr(params, name) for name in params.__struct_fields__}
    told = {name: plain(value) if isinstance(value, Decimal) else str(value) for name, value in values.items()}
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()[:DIGEST_DIGITS]


def figures_of(result: Result) -> Figures:
    """The figures of a backtest. Raises ValueError when its ledger does not explain the venues' balances."""
    if result.unexplained:
        raise ValueError(f"the ledger leaves {result.unexplained} unexplained")
    nets = [one.net_quote for one in result.executions if one.purpose in TRADES]
    return Figures(
        total=result.profit.total, realised=result.profit.realised, fees=result.profit.fees,
        funding=result.profit.funding, traded=sum(nets, ZERO), traded_squares=sum((net * net for net in nets), ZERO),
        trades=len(nets), round_trips=result.round_trips, fills=len(result.fills),
        opportunities_seen=result.opportunities_seen, drawdown=result.drawdown,
        naked_ms_worst=max(result.naked_ms_worst.values(), default=0), naked_ms=result.naked_ms,
        virtual_s=result.virtual_s, mode=result.mode, partial=result.ended if result.partial else "",
        trace_hash=result.trace_hash,
    )
