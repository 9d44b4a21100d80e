"""What the machine tells the journal: past tense, frozen, tagged; each becomes rows of the database."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.market import FundingRate, MarkPrice
from dnbot.domain.order import Fill, Order
from dnbot.domain.pair import Declined, Opportunity
from dnbot.domain.position import LedgerEntry, Portfolio
from dnbot.domain.transfer import Transfer

REPAIR_WINDOW_S = 60
"""Hedges and unwinds younger than this count against the hedge budget, those before a restart too."""
TRANSFER_WINDOW_S = 86_400
"""Transfers younger than this count against what may be moved in a day, those before a restart too."""
CRASH_WINDOW_S = 600
"""Starts younger than this that ended without SHUTDOWN are counted at the next start."""


class InstrumentChanged(msgspec.Struct, frozen=True, tag=True):
    """The instrument as read now: at start, and whenever a poll finds it different."""

    instrument: Instrument


class StateChanged(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """An edge of the state table was taken."""

    sequence: int
    from_state: str
    to_state: str
    trigger: str
    why: str
    at_ns: int


class ModeChanged(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The trading mode changed."""

    from_mode: str
    to_mode: str
    why: str
    by: str
    at_ns: int


class OpportunityTaken(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """An opportunity went to execution."""

    execution_id: str
    opportunity: Opportunity
    at_ns: int


class OpportunityDeclined(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """An edge above its requirement was not traded; `count` merges repeats of the same reason within a second."""

    declined: Declined
    count: int
    at_ns: int


class OrderChanged(msgspec.Struct, frozen=True, tag=True):
    """The order as it is now."""

    order: Order
    at_ns: int


class FillBooked(msgspec.Struct, frozen=True, tag=True):
    """A new fill with the ledger entries it caused."""

    fill: Fill
    entries: tuple[LedgerEntry, ...]
    execution_id: str
    at_ns: int


class RowBooked(msgspec.Struct, frozen=True, tag=True):
    """Ledger entries that come from no fill: account-book rows, opening balances, adjustments."""

    entries: tuple[LedgerEntry, ...]
    at_ns: int


class TransferChanged(msgspec.Struct, frozen=True, tag=True):
    """The transfer between wallets of ours as it is now."""

    transfer: Transfer
    at_ns: int


class PortfolioSaved(msgspec.Struct, frozen=True, tag=True):
    """The fold so far: written in the same transaction as the fills before it, read at the next start."""

    portfolio: Portfolio
    at_ns: int


class ExecutionClosed(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """One pair came to its end: trade record, position tracking and metrics go in one transaction."""

    execution_id: str
    pair_name: str
    purpose: str
    status: str
    """complete, partial, repaired, failed."""
    bought: Decimal
    sold: Decimal
    """Base units filled on the two legs."""
    gross_quote: Decimal
    fees_quote: Decimal
    net_quote: Decimal
    """Σ sells - Σ buys, fees valued in quote, and their difference, over this execution's own fills."""
    estimate_net_quote: Decimal
    residual_base: Decimal
    started_at_ns: int
    ended_at_ns: int
    naked_ms: int
    ambiguous: bool
    delta_base: Decimal
    spot_base: Decimal
    perp_base: Decimal


class BalancesSampled(msgspec.Struct, frozen=True, tag=True):
    """What the venue reported, with our own figure beside it."""

    venue: Venue
    asset: str
    reported: Decimal
    ledger: Decimal
    at_ns: int


class PositionSampled(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Inventory, perpetual and delta at one moment."""

    spot_gate: Decimal
    spot_mexc: Decimal
    perp_base: Decimal
    delta_base: Decimal
    mark: Decimal | None
    liquidation_price: Decimal | None
    equity_quote: Decimal | None
    realised_quote: Decimal
    at_ns: int


class FundingSampled(msgspec.Struct, frozen=True, tag=True):
    """The funding estimate as read."""

    funding: FundingRate
    mark: MarkPrice | None
    at_ns: int


class BookTopSampled(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Best bid and ask of one venue."""

    venue: Venue
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal
    update_id: int
    at_ns: int


class MetricSampled(msgspec.Struct, frozen=True, tag=True):
    """One figure of performance."""

    name: str
    value: float
    at_ns: int


class Alert(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Something a person should know. `key` de-duplicates; level is info, warning or critical."""

    level: str
    key: str
    text: str
    at_ns: int


Record = (
    StateChanged | ModeChanged | OpportunityTaken | OpportunityDeclined | OrderChanged | FillBooked | RowBooked
    | PortfolioSaved | ExecutionClosed | BalancesSampled | PositionSampled | FundingSampled | BookTopSampled
    | MetricSampled | Alert | InstrumentChanged | TransferChanged
)
