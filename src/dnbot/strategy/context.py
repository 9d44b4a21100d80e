"""`StrategyContext`: everything that the machine knows, as one frozen value. Each event gives a new one."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.account import AccountFacts, Balance, PositionReport
from dnbot.domain.instrument import SPOT_VENUES, VENUES, FeeSchedule, Instrument, Venue
from dnbot.domain.market import BookView, MarketView
from dnbot.domain.messages import EntryAdvised, FleetRiskTold
from dnbot.domain.order import Fill, Order
from dnbot.domain.pair import Opportunity, Pair, PairEdge
from dnbot.domain.position import Portfolio
from dnbot.domain.transfer import Transfer
from dnbot.domain.units import ZERO
from dnbot.strategy.orders import Orders
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.rest_words import Rest, Resting
from dnbot.strategy.states import StrategyState, TradingMode

CLOSED_S = 60.0
"""A venue that refused an order because the symbol takes none is not asked again for so long: instruments are read as
often.
"""
SYMBOL_REFUSED = "the venue refused an order because the symbol takes none"
SEEN_CHUNK = 512
"""Ids per chunk: adding one copies at most this many."""
SEEN_CHUNKS_MAX = 64
"""32,768 ids are remembered; a REST window overlaps by minutes, never by that many trades."""


class SeenIds(msgspec.Struct, frozen=True):
    """The venue ids already booked, newest chunk last."""

    chunks: tuple[frozenset[str], ...] = ()

    def __contains__(self, key: str) -> bool:
        return any(key in chunk for chunk in reversed(self.chunks))

    def with_id(self, key: str) -> SeenIds:
        """One more; the oldest chunk is forgotten when the limit is reached."""
        if self.chunks and len(self.chunks[-1]) < SEEN_CHUNK:
            return SeenIds((*self.chunks[:-1], self.chunks[-1] | {key}))
        return SeenIds((*self.chunks, frozenset({key}))[-SEEN_CHUNKS_MAX:])


class RecentMove(msgspec.Struct, frozen=True):
    """One change of an asset that we booked: what a late report may not show yet."""

    at_s: float
    asset: str
    amount: Decimal


class OrderAge(msgspec.Struct, frozen=True):
    """When an order was decided and when it last changed, monotonic seconds: the wall clock may step."""

    created_s: float
    changed_s: float


NEVER = OrderAge(0.0, 0.0)
"""The age of an order that an earlier incarnation left."""


class VenueAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue's private side last told us, with its age. The only owner of reported balances and positions."""

    stream_up: bool = False
    stream_since_s: float = 0.0
    """When the private stream last came up."""
    heard_s: float = 0.0
    """When the newest ping left that the stream answered: what it said before that has arrived."""
    proving_s: float = 0.0
    """When such a ping was last asked for."""
    told_s: float = 0.0
    """When the private stream last told of an order, a trade, a balance or the position."""
    untold_since_s: float | None = None
    """Since when it has told nothing of a trade that is booked; None: of no trade that is known."""
    facts: AccountFacts | None = None
    fees: FeeSchedule | None = None
    coin_prices: dict[str, Decimal] = {}
    """Quote units per unit of a coin that fees are taken in, by its name: the newest that was read."""
    coin_prices_s: float = 0.0
    balances: dict[str, Balance] = {}
    balances_s: float = 0.0
    position: PositionReport | None = None
    read_s: float = 0.0
    """When the last complete read began (monotonic); 0 before the first."""
    read_ms: int = 0  # the same by the venue's clock; never stored: its fills may not be on disk yet
    clock_offset_ms: float | None = None
    clock_error_ms: float | None = None
    must_read_after_s: float = 0.0
    """A read counts only if it began after this: the last gap, fault or unknown."""
    asked_s: float = 0.0
    """When a read was last asked for and not yet answered; 0 when none is."""
    unanswered_since_s: float = 0.0
    """When the oldest read was asked for of those since the last answer; 0 when none is outstanding."""
    order_s: float = 0.0
    """Last time an order of ours changed here."""
    fill_ms: int = 0
    """Venue time of the newest booked fill, ms: reads ask from here or from `read_ms`, with overlap."""
    row_ms: int = 0
    opened: bool = False  # whether the ledger has an opening for this venue
    differences: dict[str, Decimal] = {}
    """Asset -> reported minus ledger, at the last undisturbed read."""
    differences_s: float = 0.0
    countdown_until_s: float | None = None
    """Until when the venue is known not to cancel our orders by itself; None: no countdown is kept there."""
    compared_s: float = 0.0
    """When the last read began that was undisturbed, and so compared; 0 before the first."""
    closed_s: float = 0.0
    """When the venue last refused an order because the symbol takes none; 0 when it never did."""
    leverage_s: float = float("-inf")
    """When leverage was last asked to be set again."""
    own_open: int = 0
    """Open orders of ours in the last complete read."""
    recent: tuple[RecentMove, ...] = ()
    """What our own fills and rows moved lately, oldest first: a venue may report a balance from before them."""

    def free(self, asset: str, ledger: Decimal) -> Decimal:
        """What can be spent: our ledger's figure less what the venue reports as locked; never below zero."""
        balance = self.balances.get(asset)
        return max(ZERO, ledger - (balance.total - balance.available if balance else ZERO))


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """A set of orders that were committed together, until its delta is settled."""

    execution_id: str
    kind: str
    """`pair`, `establish`, `shrink` or `flatten`."""
    order_ids: tuple[str, ...]
    opportunity: Opportunity | None = None
    committed: bool = False
    started_ns: int
    started_s: float
    trigger_s: float
    """Monotonic time at which the newest book of the decision had arrived."""
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    """Base units, net of fees taken in base."""
    buy_value: Decimal = ZERO
    sell_value: Decimal = ZERO
    fees_quote: Decimal = ZERO
    moved: dict[Venue, Decimal] = {}
    """Signed base units that its fills moved on each venue, net of fees taken in base."""
    repaired: bool = False
    ambiguous: bool = False
    naked_ms: int = 0
    rest: Rest | None = None  # its leg that rests


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """An ongoing restoration of delta: when it began, when it was last tried, how far its price cap has widened."""

    since_s: float
    tried_s: float | None = None
    steps: int = 0
    execution_id: str = ""


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """One visit to ERROR_RECOVERY."""

    attempt: int
    attempt_since_s: float
    why: str


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """The way out: settle, (flatten), cancel, verify twice, done."""

    phase: str
    since_s: float
    deadline_s: float
    policy: str
    exit_code: int = 0
    verified: int = 0
    """Undisturbed reads of all venues that showed no open order of ours."""
    asked_s: float | None = None
    """When the reads of the running verification were asked for."""
    why: str = ""
    unfinished: bool = False
    """Whether flattening was given up for want of time."""


class Naked(msgspec.Struct, frozen=True, kw_only=True):
    """How long delta has been outside its tolerance, now and at worst."""

    since_s: float | None = None
    ambiguous: bool = False
    worst_definite_ms: int = 0
    worst_ambiguous_ms: int = 0


class RiskLedger(msgspec.Struct, frozen=True, kw_only=True):
    """Counts that latches are judged by. Times are monotonic seconds of events in the last minute."""

    equity_quote: Decimal | None = None
    equity_s: float | None = None
    """When it was last computed; before the first time, when that was first tried."""
    losses_in_a_row: int = 0
    execution_times_s: tuple[float, ...] = ()
    api_error_times_s: tuple[float, ...] = ()
    closed_by_venue: tuple[tuple[float, Decimal], ...] = ()
    """When the venue closed part of the perpetual, as its own trades tell, and how much, base units."""
    settling: tuple[Decimal, float] = (ZERO, float("-inf"))
    """Quote units, and when they last changed: see the module of this name."""


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of this run, for the summary and the view."""

    opportunities_seen: int = 0
    declined: dict[str, int] = {}
    orders_sent: int = 0
    fills: int = 0
    executions: int = 0
    delta_worst: Decimal = ZERO
    tick_to_order_us: tuple[int, ...] = ()
    """Newest 4,096 samples: book received to order bytes handed over."""
    faults: int = 0
    states: tuple[str, ...] = ()
    """States in the order of their first visit."""


class DeclineTally(msgspec.Struct, frozen=True):
    """Repeats of one refusal since its last record, recorded once a second."""

    count: int
    since_s: float


class StrategyContext(msgspec.Struct, frozen=True, kw_only=True):
    """All that decisions depend on. Replaying the inbox from the same start gives the same contexts."""

    params: StrategyParameters
    epoch: int
    current_state: StrategyState = StrategyState.INITIALIZING
    state_since_s: float = 0.0
    mode: TradingMode = TradingMode.ACTIVE
    mode_why: str = "start"
    now_s: float = 0.0
    now_ns: int = 0
    events: int = 0
    transitions: int = 0
    order_sequence: int = 0
    execution_sequence: int = 0
    portfolio: Portfolio
    orders: Orders = msgspec.field(default_factory=Orders.of)
    ages: dict[str, OrderAge] = {}
    """Of orders and of transfers."""
    transfers: tuple[Transfer, ...] = ()
    """Between wallets of ours: those of the last day, and all whose end is not known; what changed last stands last."""
    transfer_sequence: int = 0
    margin_low_s: float | None = None
    """Since when the perpetual's margin is low; None while it is not."""
    venue_order_ids: dict[str, str] = {}
    """`VENUE:venue order id` -> our client id, for reports that leave ours out."""
    parked: tuple[Fill, ...] = ()
    """Fills that name no order we know yet, while an order of ours there still waits for its venue id."""
    accounts: dict[Venue, VenueAccount] = msgspec.field(default_factory=lambda: {v: VenueAccount() for v in VENUES})
    seen: SeenIds = SeenIds()
    market: MarketView = MarketView()
    market_since_s: float = float("-inf")
    """Books that arrived before the end of the last pause of the process are not believed."""
    awake_since_s: float = float("-inf")
    """When the process last went on after it had stood still: waiting for news counts from then on."""
    edges: tuple[PairEdge, ...] = ()
    signal_fresh: bool = False
    """The event being handled brought a new market."""
    preparing: Opportunity | None = None
    refusals: dict[Pair, tuple[float, str, str]] = {}
    """When a risk check last refused a pair, its code and text."""
    advisers: tuple[str, ...] = ()
    """Strategy plugins whose advice every entry needs."""
    advice: dict[str, EntryAdvised] = {}
    """The newest of each."""
    fleet: FleetRiskTold | None = None
    """What limits over several bots say; None: this one belongs to no fleet."""
    resting: Resting = Resting()
    execution: Execution | None = None
    repair: Repair | None = None
    recovery: Recovery | None = None
    recovered_s: float = 0.0
    leaving: Leaving | None = None
    naked: Naked = Naked()
    risk: RiskLedger = RiskLedger()
    counters: Counters = Counters()
    tallies: dict[str, DeclineTally] = {}
    chased_s: dict[str, float] = {}
    """Unsettled order -> when it was last asked after."""
    store_up: bool = True
    checked_s: float | None = None
    """Last unconditional check of delta against the venues; None until the accounts were admitted at start."""
    checking_s: float | None = None
    """Since when such a check waits for its reads."""
    widened_bps: Decimal = ZERO
    """What the oldest carry may lose more by its age, as last told."""
    overdue_ns: int = 0
    """The shift that was last told to be overdue: when it was opened."""
    sampled_s: float = 0.0
    alerted: dict[str, float] = {}
    """Alert key -> when it was last raised: repeats are quiet for a minute."""
    crashes: int = 0
    """Starts of the last minutes that ended without SHUTDOWN, until they were judged."""
    exit_code: int | None = None
    """Set when everything is done; the strategist then ends."""

    # --- derived, never stored ---------------------------------------------------------------------------------------
    @property
    def instruments(self) -> dict[Venue, Instrument]:
        """Instruments as the feeds read them; one whose venue just refused all orders is not tradable."""
        closed = {
            v: msgspec.structs.replace(i, tradable=False, closing_only=False, not_tradable_because=SYMBOL_REFUSED)
            for v, i in self.market.instruments.items()
            if self.takes_no_orders(v)
        }
        return {**self.market.instruments, **closed} if closed else self.market.instruments

    def takes_no_orders(self, venue: Venue) -> bool:
        """Whether the venue lately refused an order because the symbol takes none, whatever its lists say."""
        closed_s = self.accounts[venue].closed_s
        return closed_s > 0 and self.now_s - closed_s < CLOSED_S

    @property
    def fees(self) -> dict[Venue, FeeSchedule]:
        """Fee schedules known so far."""
        return {venue: account.fees for venue, account in self.accounts.items() if account.fees}

    @property
    def perp_lot(self) -> Decimal | None:
        """One contract step in base units, once known."""
        instrument = self.market.instruments.get(Venue.GATE_FUTURES)
        return instrument.lot_size if instrument else None

    @property
    def tolerance(self) -> Decimal | None:
        """Delta that is left alone, base units; None until the contract is known."""
        return self.params.tolerance_base(self.perp_lot) if self.perp_lot else None

    @property
    def hard_limit(self) -> Decimal:
        """Delta above which no new risk is taken, base units; never less than what is left alone anyway."""
        return max(self.params.hard_limit_base, self.tolerance or ZERO)

    def age(self, client_order_id: str) -> OrderAge:
        """Since when an order or transfer of ours exists, and since when it is as it is."""
        return self.ages.get(client_order_id, NEVER)

    @property
    def unsettled(self) -> tuple[Order, ...]:
        """Orders whose effect is not fully booked yet."""
        return self.orders.unsettled

    @property
    def delta_worst_case(self) -> Decimal:
        """|delta| if every unsettled order turned out the worst way, base units."""
        up = down = self.portfolio.delta
        for order in self.unsettled:
            if order.intent.side.sign > 0:
                up += order.remaining
            else:
                down -= order.remaining
        return max(abs(up), abs(down))

    def book(self, venue: Venue) -> BookView | None:
        """The venue's newest book if it is young enough to act on."""
        book = self.market.books.get(venue)
        if book is None or (self.now_s - book.received_s) * 1000 > self.params.market_age_ms_max:
            return None
        return book

    @property
    def market_fresh(self) -> bool:
        """Whether all three books are young enough."""
        return all(map(self.book, VENUES))  # a book that is there is true

    def account_ready(self, venue: Venue) -> bool:
        """Stream proven live, facts fine, and a complete read that began after the last gap."""
        account = self.accounts[venue]
        return (
            account.stream_up
            and account.facts is not None
            and account.facts.problem is None
            and account.read_s > 0
            and account.read_s >= account.must_read_after_s
            and not account.differences
        )

    @property
    def reference_price(self) -> Decimal | None:
        """Mark price, else the perpetual's mid, else any mid."""
        if self.market.mark is not None:
            return self.market.mark.mark
        mids = (self.market.mid(venue) for venue in (Venue.GATE_FUTURES, *SPOT_VENUES))
        return next((mid for mid in mids if mid is not None), None)
