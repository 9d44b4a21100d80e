"""Every struct that travels on a channel. Events are past tense, commands imperative; all frozen and tagged.

Channels: market (feeds to analytics), inbox (everything to the machine), orders (machine to desks and execution),
records (machine to journal), alerts, view.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.account import AccountFacts, Balance, PositionReport
from dnbot.domain.advice import Advice as Advice
from dnbot.domain.advice import EntryAdvised as EntryAdvised
from dnbot.domain.advice import FleetRiskTold as FleetRiskTold
from dnbot.domain.advice import PairAdvice as PairAdvice
from dnbot.domain.advice import PairTactic as PairTactic
from dnbot.domain.advice import TacticAdvised as TacticAdvised
from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import FundingRate, MarketView, MarkPrice, PublicTrade, Ticker
from dnbot.domain.order import Fill, OrderIntent, OrderReport
from dnbot.domain.pair import Opportunity, PairEdge
from dnbot.domain.position import AccountRow
from dnbot.domain.records import Alert as Alert
from dnbot.domain.records import BalancesSampled as BalancesSampled
from dnbot.domain.records import BookTopSampled as BookTopSampled
from dnbot.domain.records import ExecutionClosed as ExecutionClosed
from dnbot.domain.records import FillBooked as FillBooked
from dnbot.domain.records import FundingSampled as FundingSampled
from dnbot.domain.records import InstrumentChanged as InstrumentChanged
from dnbot.domain.records import MetricSampled as MetricSampled
from dnbot.domain.records import ModeChanged as ModeChanged
from dnbot.domain.records import OpportunityDeclined as OpportunityDeclined
from dnbot.domain.records import OpportunityTaken as OpportunityTaken
from dnbot.domain.records import OrderChanged as OrderChanged
from dnbot.domain.records import PortfolioSaved as PortfolioSaved
from dnbot.domain.records import PositionSampled as PositionSampled
from dnbot.domain.records import Record as Record
from dnbot.domain.records import RowBooked as RowBooked
from dnbot.domain.records import StateChanged as StateChanged
from dnbot.domain.records import TransferChanged as TransferChanged
from dnbot.domain.transfer import Transfer


# --- market: feeds -> analytics ---------------------------------------------------------------------------------------
class FeedUp(msgspec.Struct, frozen=True, tag=True):
    """A venue's book is synced and its stream delivers."""

    venue: Venue


class FeedDown(msgspec.Struct, frozen=True, tag=True):
    """A venue's book may not be used."""

    venue: Venue
    why: str


MarketEvent = FeedUp | FeedDown | InstrumentChanged | PublicTrade | Ticker | MarkPrice | FundingRate


# --- inbox: everyone -> machine ---------------------------------------------------------------------------------------
class Signal(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The market as analytics sees it after one batch: one view, six edges (fewer while a book is missing)."""

    market: MarketView
    edges: tuple[PairEdge, ...]
    at_s: float


class SessionUp(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A private stream is proven live."""

    venue: Venue
    facts: AccountFacts
    fees: FeeSchedule


class SessionDown(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A private stream is gone; what it would have said must be read over REST."""

    venue: Venue
    why: str


class FeesChanged(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What a venue charges is another than this session told before."""

    venue: Venue
    fees: FeeSchedule


class AccountRead(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """One complete REST read of one venue's account: every list answered, all pages. A partial read is never sent."""

    venue: Venue
    balances: tuple[Balance, ...]
    position: PositionReport | None
    open_orders: tuple[OrderReport, ...]
    fills: tuple[Fill, ...]
    """Our trades in the window since the last booked one (overlapping; deduplicated by trade id)."""
    rows: tuple[AccountRow, ...]
    """Account-book rows in the window (perpetual only)."""
    began_s: float
    """Monotonic clock before the first of its requests left: nothing known later than this is contradicted by it."""
    ended_s: float
    clock_offset_ms: float
    """The venue's clock less ours, as measured."""
    clock_error_ms: float | None
    """How far that may be wrong; None: unknown."""
    why: str
    """`connect`, `recovery`, `schedule`, `prepare`, `doubt`, `final`."""
    began_ms: int = 0
    """The venue's time at `began_s`: nothing from long before it is missing now. 0: not told."""
    fills_since_ms: int = 0
    """The venue's time from which on `fills` are complete. 0: not told."""
    coin_prices: dict[str, Decimal] = {}
    """Quote units per unit of the venue's own coin, while we hold some that fees may be taken in; empty when it was not
    asked for or not told."""


class StreamProven(msgspec.Struct, frozen=True, tag=True):
    """A private stream answered a ping: what it said before has arrived. `asked_s`: when the ping left, monotonic."""

    venue: Venue
    asked_s: float


class CountdownSet(msgspec.Struct, frozen=True, tag=True):
    """A venue that cancels by itself will not do so before `until_s` (monotonic; 0: nothing new is known of it);
    `failure`: why it was not renewed.
    """

    venue: Venue
    until_s: float = 0.0
    failure: str = ""


class BalanceChanged(msgspec.Struct, frozen=True, tag=True):
    """A private stream's word on a balance."""

    balance: Balance
    received_s: float


class PositionChanged(msgspec.Struct, frozen=True, tag=True):
    """A private stream's word on the position."""

    position: PositionReport
    received_s: float


class OrderReported(msgspec.Struct, frozen=True, tag=True):
    """News of one order, from whatever source; folded by client id, or by venue id when that is missing."""

    report: OrderReport
    streamed: bool = False
    """Whether the private stream told it."""


class FillReported(msgspec.Struct, frozen=True, tag=True):
    """One trade of ours, from whatever source; deduplicated by (venue, trade id)."""

    fill: Fill
    streamed: bool = False
    """Whether the private stream told it."""


class OrderSent(msgspec.Struct, frozen=True, tag=True):
    """The desk is about to hand the bytes over. `at_s` is our monotonic clock."""

    client_order_id: str
    at_ns: int
    at_s: float


SYMBOL_CLOSED = "SYMBOL_CLOSED"
"""The code of a refused order that says that the venue takes no orders of this symbol now."""


FORGOTTEN = "FORGOTTEN"
"""The code of a `no_effect` that nothing proves: the order is older than what its venue lists of our trades."""


class OrderAnswered(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What came of a create. `outcome`: accepted, refused, not_sent, ambiguous, no_effect."""

    client_order_id: str
    outcome: str
    code: str = ""
    text: str = ""
    at_ns: int
    sent_to_answer_us: int = 0


class TransferAnswered(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What came of a transfer. `outcome`: accepted, refused, not_sent, ambiguous."""

    transfer_id: str
    outcome: str
    venue_id: str = ""
    code: str = ""
    text: str = ""
    at_ns: int


class PairCommitted(msgspec.Struct, frozen=True, tag=True):
    """Both intents are durable and were handed to the desks."""

    execution_id: str
    at_ns: int


class PairAborted(msgspec.Struct, frozen=True, tag=True):
    """Nothing was sent: the store or the gate refused."""

    execution_id: str
    reason: str
    text: str
    at_ns: int


class Fault(msgspec.Struct, frozen=True, tag=True):
    """A supervised child failed; it is being restarted."""

    child: str
    what: str
    error: str
    """The error's class name."""


class Tick(msgspec.Struct, frozen=True, tag=True):
    """The clock: wall nanoseconds and monotonic seconds."""

    now_ns: int
    now_s: float


class Paused(msgspec.Struct, frozen=True, tag=True):
    """The process stood still, or the wall clock and the monotonic one went apart: nothing from before is fresh."""

    what: str
    at_s: float
    stood_still: bool
    """Whether monotonic time went by in which the process saw nothing; not so when only the clocks went apart."""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Leave: settle, cancel, hold or flatten, persist, exit."""

    why: str
    policy: str = ""
    """`hold`, `flatten`, or empty for the configured one."""


class SetMode(msgspec.Struct, frozen=True, tag=True):
    """A person changes the trading mode, with a reason."""

    mode: str
    why: str
    by: str = "operator"
    seen: str = ""
    """The mode that the person saw: if a latch changed it meanwhile, nothing happens. Empty: whatever it is."""


class DeclareShipment(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A person will move funds between exchanges. `leaves` and `arrives` are native units of `asset`."""

    source: Venue
    target: Venue
    asset: str
    leaves: Decimal
    arrives: Decimal
    why: str
    by: str = "operator"


class GiveUpShipment(msgspec.Struct, frozen=True, tag=True):
    """A person says that what is left of a declared shipment will neither leave nor arrive."""

    shipment_id: str
    why: str
    by: str = "operator"


class StoreLost(msgspec.Struct, frozen=True, tag=True):
    """The journal or a commit met a database that does not answer: no new risk until `StoreFound`."""

    what: str


class StoreFound(msgspec.Struct, frozen=True, tag=True):
    """The database answers again."""


Control = Stop | SetMode | DeclareShipment | GiveUpShipment
AccountEvent = (
    SessionUp | SessionDown | StreamProven | FeesChanged | CountdownSet | AccountRead | BalanceChanged | PositionChanged
    | OrderReported | FillReported | OrderSent | OrderAnswered | PairCommitted | PairAborted | TransferAnswered
)
InboxEvent = Signal | AccountEvent | Fault | Control | Tick | Paused | StoreLost | StoreFound | Advice


# --- orders: machine -> execution and desks ---------------------------------------------------------------------------
class ExecutePair(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Commit both intents with their evidence, then hand both to their desks in the same turn."""

    execution_id: str
    intents: tuple[OrderIntent, ...]
    opportunity: Opportunity | None
    """None when both legs establish or flatten the position."""


class PlaceOrder(msgspec.Struct, frozen=True, tag=True):
    """Send this intent, once. `committed` tells that the intent is durable already."""

    intent: OrderIntent
    committed: bool = False


class CancelOrder(msgspec.Struct, frozen=True, tag=True):
    """Cancel one order by the venue's id; repeated until the venue says that it is gone."""

    venue: Venue
    venue_order_id: str
    client_order_id: str


class CancelAll(msgspec.Struct, frozen=True, tag=True):
    """Cancel every open order with our prefix on one venue, whatever its epoch; foreign orders are never touched."""

    venue: Venue


class ResolveOrder(msgspec.Struct, frozen=True, tag=True):
    """Find out what became of an intent: lists and trades, until the evidence is complete."""

    intent: OrderIntent
    venue_order_id: str = ""


class MoveMoney(msgspec.Struct, frozen=True, tag=True):
    """Commit this transfer between wallets of ours, then ask the venue for it, once."""

    transfer: Transfer


class ProveStream(msgspec.Struct, frozen=True, tag=True):
    """Ping the private stream of one venue now."""

    venue: Venue


class ReopenStream(msgspec.Struct, frozen=True, tag=True):
    """Open the private stream of one venue anew: it can no longer be believed."""

    venue: Venue
    why: str


class SetLeverage(msgspec.Struct, frozen=True, tag=True):
    """Set the perpetual's leverage and margin mode (cross or isolated), and read the account."""

    venue: Venue
    leverage: int
    margin_mode: str


class ReadAccount(msgspec.Struct, frozen=True, tag=True):
    """Read the whole account of one venue over REST."""

    venue: Venue
    why: str


Command = (
    ExecutePair | PlaceOrder | CancelOrder | CancelAll | ResolveOrder | MoveMoney | ProveStream | ReopenStream
    | SetLeverage | ReadAccount
)
