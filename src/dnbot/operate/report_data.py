"""What a report holds: figures from fills, fees, funding and ledger rows; estimates only where their name says so."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from dnbot.domain.units import ZERO
from dnbot.operate.report_quality_data import DayTotal, Quality, VenueTotal

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""A period that began then holds everything."""


class Run(msgspec.Struct, frozen=True):
    """One incarnation of the bot."""

    epoch: int
    version: str
    started_at: datetime
    mode: str = ""
    """`sim`, `paper` or `live`; empty where that was not recorded."""


class PairTotal(msgspec.Struct, frozen=True, kw_only=True):
    """Executions of one pair, summed from their own fills. Quote units unless named otherwise."""

    pair_name: str
    count: int = 0
    complete: int = 0
    partial: int = 0
    repaired: int = 0
    failed: int = 0
    traded_base: Decimal = ZERO
    """Both legs and repairs: Σ quantity of the fills."""
    gross_quote: Decimal = ZERO
    fees_quote: Decimal = ZERO
    net_quote: Decimal = ZERO
    winning: int = 0
    """Executions whose net is above zero."""
    estimate_net_quote: Decimal | None = None
    """What the decisions expected; None where there was none (building or leaving the position)."""

    @property
    def against_estimate_quote(self) -> Decimal | None:
        """Outcome less estimate."""
        return None if self.estimate_net_quote is None else self.net_quote - self.estimate_net_quote


class ExecutionPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a pair."""

    at: datetime
    execution_id: str
    pair_name: str
    purpose: str
    status: str
    traded_base: Decimal
    gross_quote: Decimal
    fees_quote: Decimal
    net_quote: Decimal
    estimate_net_quote: Decimal | None
    naked_ms: int
    ambiguous: bool


class Profit(msgspec.Struct, frozen=True):
    """Realised profit of a period by source, quote units: realised = spread - fees + funding."""

    spread_quote: Decimal = ZERO
    fees_quote: Decimal = ZERO
    funding_quote: Decimal = ZERO

    @property
    def realised_quote(self) -> Decimal:
        """What the sources make together."""
        return self.spread_quote - self.fees_quote + self.funding_quote


class ProfitPoint(msgspec.Struct, frozen=True):
    """Cumulative profit of the period at one moment."""

    at: datetime
    profit: Profit


class InventoryPoint(msgspec.Struct, frozen=True):
    """Base units at one moment."""

    at: datetime
    spot_gate: Decimal
    spot_mexc: Decimal
    perp_base: Decimal


class DeltaPoint(msgspec.Struct, frozen=True):
    """The smallest and largest sampled delta of a stretch of time, base units."""

    at: datetime
    low: Decimal
    high: Decimal


class Moment(msgspec.Struct, frozen=True):
    """A delta and when it was."""

    at: datetime
    delta_base: Decimal


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What we hold at the end of the period, by the ledger and the fills; prices as last sampled."""

    spot_gate: Decimal
    spot_mexc: Decimal
    perp_base: Decimal
    delta_base: Decimal
    """With what is under way between the exchanges."""
    under_way_base: Decimal
    open_legs_base: Decimal
    """Base units whose opposite has not been traded yet, signed: their profit is not realised."""
    sampled_at: datetime | None = None
    mark: Decimal | None = None
    liquidation_price: Decimal | None = None
    equity_quote: Decimal | None = None


class FeeTotal(msgspec.Struct, frozen=True, kw_only=True):
    """Fees of one venue in one asset; negative is a rebate."""

    venue: str
    asset: str
    fills: int
    amount: Decimal
    """Native units."""
    quote: Decimal
    """Valued at each fill's own price, a third coin at the one known then; without one it counts zero."""
    unpriced: int = 0
    """Fills whose fee is in a third coin of which no price was known."""
    turnover_quote: Decimal


class FundingPayment(msgspec.Struct, frozen=True):
    """One row of the venue's own book; negative was paid."""

    at: datetime
    venue: str
    asset: str
    amount: Decimal
    entry_id: str


class DeclinedTotal(msgspec.Struct, frozen=True):
    """Edges above their requirement that were not traded."""

    reason: str
    pair_name: str
    times: int
    edge_bps_best: float


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something that should be looked at. `kind`: start, state, mode, info, warning or critical."""

    at: datetime
    kind: str
    what: str
    why: str


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True):
    """All-time entries of one venue and asset, and what the venue last reported. Native units."""

    venue: str
    asset: str
    opening: Decimal
    trades: Decimal
    fees: Decimal
    pnl: Decimal
    funding: Decimal
    transfers: Decimal
    adjusted: Decimal
    adjustments: int
    balance: Decimal
    """Openings and all entries."""
    reported: Decimal | None = None
    reported_at: datetime | None = None
    difference: Decimal | None = None
    """What the venue reported less what the ledger held at that moment."""


class Check(msgspec.Struct, frozen=True):
    """One promise, looked at: does it hold?"""

    name: str
    holds: bool
    text: str


class Tolerance(msgspec.Struct, frozen=True):
    """How much delta is left alone, base units, and where that is known from."""

    base: Decimal
    source: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol over one period (later than `since`, at or before `until`, UTC)."""

    symbol: str
    base: str
    quote: str
    since: datetime
    until: datetime
    made_at: datetime
    version: str
    runs: tuple[Run, ...] = ()
    """Those that began before the period ended; the last of them may have begun before it."""
    profit: Profit = Profit()
    profit_from: datetime | None = None
    profit_note: str = ""
    turnover_quote: Decimal = ZERO
    fills: int = 0
    pairs: tuple[PairTotal, ...] = ()
    executions: tuple[ExecutionPoint, ...] = ()
    """The newest ones of the period; `execution_count` counts all."""
    execution_count: int = 0
    unclosed: int = 0
    """Committed and never closed: nothing of them was sent, as far as is known."""
    unclosed_live: int = 0
    """Committed and not closed, of which something may have been sent."""
    inventory: Inventory | None = None
    tolerance: Tolerance | None = None
    delta_sampled_worst: Moment | None = None
    delta_between_fills_worst: Moment | None = None
    naked_ms_worst_definite: int = 0
    naked_ms_worst_ambiguous: int = 0
    declined: tuple[DeclinedTotal, ...] = ()
    taken: dict[str, int] = {}
    funding: tuple[FundingPayment, ...] = ()
    fees: tuple[FeeTotal, ...] = ()
    incidents: tuple[Incident, ...] = ()
    """The newest ones; `incident_counts` counts all."""
    incident_counts: dict[str, int] = {}
    ledger: tuple[LedgerLine, ...] = ()
    checks: tuple[Check, ...] = ()
    profit_series: tuple[ProfitPoint, ...] = ()
    inventory_series: tuple[InventoryPoint, ...] = ()
    delta_series: tuple[DeltaPoint, ...] = ()
    delta_between_fills: tuple[Moment, ...] = ()
    """Per stretch of time the largest delta after a fill."""
    charted: tuple[datetime, datetime] | None = None
    """First and last moment that anything is known of inside the period."""
    days: tuple[DayTotal, ...] = ()
    venues: tuple[VenueTotal, ...] = ()
    quality: Quality = Quality()
