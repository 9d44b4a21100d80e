"""What a backtest came to: one struct, from which text, JSON and page are made. Money is quote units unless named."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from dnbot.domain.messages import ExecutionClosed
from dnbot.domain.order import Fill
from dnbot.domain.position import LedgerEntry
from dnbot.research.latency import LatencyModel
from dnbot.research.recorded import DataFile


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The account once a second, and the books that it was valued at."""

    at_ns: int
    equity: Decimal | None
    delta_base: Decimal
    mids: dict[str, Decimal]
    """By venue."""


class Profit(msgspec.Struct, frozen=True, kw_only=True):
    """By the ledger that a live run keeps. total = equity at the end less the opening balances."""

    spread: Decimal
    fees: Decimal
    funding: Decimal
    realised: Decimal
    """spread + funding - fees."""
    slippage: Decimal
    """Outcome less estimate, over the executions that had one; a part of spread and fees, not beside them."""
    total: Decimal | None
    """With what is held valued at `marks`; None when a book was not known at the end."""


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """At the end. Keys of balances are VENUE:ASSET, native units."""

    opening: dict[str, Decimal]
    balances: dict[str, Decimal]
    perp_base: Decimal
    perp_cost: Decimal
    mids: dict[str, Decimal]
    mark: Decimal | None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One backtest. Equal inputs give an equal result but for `wall_s`, `cpu_s`, `speed` and `from_disk`."""

    version: str
    source: str
    """The first digits of the digest of every module that decides the result."""
    trace_hash: str
    """Over every byte at the bot's ports, each call of its store and each record: as `dnbot simulate` has it."""
    events: int
    symbol: str
    data: tuple[DataFile, ...]
    shown: Mapping[str, str]
    """What each venue showed, and how funding and speed were."""
    latency: LatencyModel
    fees: Mapping[str, tuple[Decimal, Decimal]]
    """Maker and taker of each venue, fractions."""
    assumptions: tuple[str, ...]
    seed: int
    settings: dict[str, Any]
    begin_ns: int
    virtual_s: float
    wall_s: float
    cpu_s: float
    speed: float
    """Virtual seconds per second of one core."""
    from_disk: bool
    """Whether what the recording makes the venues do was kept from an earlier run, which took its time then."""
    partial: bool
    """Interrupted, or ended before the data did."""
    ended: str
    mode: str
    opportunities_seen: int
    declined: dict[str, int]
    round_trips: int
    """Orders that were opened and wholly closed again, first in first out, over all venues; counted by the fakes."""
    executions: tuple[ExecutionClosed, ...]
    fills: tuple[Fill, ...]
    rows: tuple[LedgerEntry, ...]
    """Ledger entries that no fill caused: openings, realised profit and funding of the account book, transfers."""
    profit: Profit
    holdings: Holdings
    drawdown: Decimal
    """The worst fall of the equity from a peak, of what was sampled once a second."""
    naked_ms_worst: dict[str, int]
    naked_ms: int
    """Over all executions."""
    delta_worst_base: Decimal
    ledger_residual: dict[str, dict[str, str]]
    """What our ledger leaves unexplained of the venues' own balances: zero."""
    levels_checked: int | None
    """Levels that were held against the recording for look-ahead; None when nobody looked."""
    moments: tuple[Moment, ...]

    @property
    def unexplained(self) -> str:
        """What of `ledger_residual` is not zero, as text; empty when nothing is."""
        return ", ".join(
            f"{left} {asset} on {venue}" for venue, assets in self.ledger_residual.items()
            for asset, left in assets.items() if left != "0"
        )


def drawdown(equities: list[Decimal]) -> Decimal:
    """The worst fall from a peak; zero when it never fell."""
    peak, worst = None, Decimal(0)
    for equity in equities:
        peak = equity if peak is None else max(peak, equity)
        worst = max(worst, peak - equity)
    return worst
