"""The words of the fake exchange: orders, fills, balances, positions, refusals and what is published about them."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Literal, NamedTuple

import attrs
import msgspec

Venue = Literal["gate_spot", "gate_futures", "mexc_spot"]
Side = Literal["buy", "sell"]
Kind = Literal["limit", "market"]
TimeInForce = Literal["gtc", "ioc", "fok", "poc"]
Role = Literal["maker", "taker"]
# Where a fee is taken: from what is received (base on a buy, quote on a sell), always from quote, or in MX.
FeePolicy = Literal["received", "quote", "MX"]
GATE_SPOT: Venue = "gate_spot"
GATE_FUTURES: Venue = "gate_futures"
MEXC_SPOT: Venue = "mexc_spot"
VENUES: tuple[Venue, ...] = (GATE_SPOT, GATE_FUTURES, MEXC_SPOT)
ZERO = Decimal(0)
HOUSE = "house"  # receives fees and is the counterparty of realised profit and funding
EXTERNAL = "external"  # everybody else: owner of all orders that did not come through the API
INSURANCE = "insurance"  # the fund that takes over what a liquidation could not sell


def opposite(side: Side) -> Side:
    """The other side."""
    return "sell" if side == "buy" else "buy"


class RefusalKind(enum.Enum):
    """Why the exchange said no; each wire front has a table from these to its labels or codes."""

    BALANCE = "balance"
    MARGIN = "margin"
    MIN_NOTIONAL = "min_notional"
    MAX_NOTIONAL = "max_notional"
    MIN_SIZE = "min_size"
    MAX_SIZE = "max_size"
    PRECISION = "precision"
    PRICE_BAND = "price_band"
    POC_WOULD_TAKE = "poc_would_take"
    FOK_NOT_FILLED = "fok_not_filled"
    NO_COUNTER = "no_counter"
    REDUCE_ONLY = "reduce_only"
    UNKNOWN_SYMBOL = "unknown_symbol"
    SYMBOL_CLOSED = "symbol_closed"
    TOO_MANY_ORDERS = "too_many_orders"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    BAD_REQUEST = "bad_request"
    ORDER_NOT_FOUND = "order_not_found"
    ORDER_FINISHED = "order_finished"
    NO_CHANGE = "no_change"
    RISK_LIMIT = "risk_limit"
    LIQUIDATION = "liquidation"
    CROSS_MARGIN = "cross_margin"


@attrs.frozen
class Refusal:
    """A definite no; ``detail`` holds what a message may quote (``was``, ``allowed``, ``asset`` ...), as text."""

    kind: RefusalKind
    detail: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen
class OrderRequest:
    """What a client asked for; ``quantity`` in base (spot) or contracts (perp), always positive.

    ``price`` is None for market orders, unless the front passes a protection price as the limit of a market order.
    ``quote_amount`` is the spend of a spot market buy, ``close`` means "flatten this perp position".
    """

    symbol: str
    side: Side
    kind: Kind = "limit"
    tif: TimeInForce = "gtc"
    quantity: Decimal | None = None
    price: Decimal | None = None
    quote_amount: Decimal | None = None
    client_id: str = ""
    reduce_only: bool = False
    close: bool = False


@attrs.frozen
class FeeRates:
    """Fractions of the traded value; negative would be a rebate."""

    maker: Decimal
    taker: Decimal


@attrs.frozen
class FeeTerms:
    """Where fees of an order are taken, and at which rates."""

    policy: FeePolicy
    rates: FeeRates


@attrs.define(eq=False)
class OrderState:
    """One order of an API account, from acceptance to its end. Mutable; events carry copies (``copy()``)."""

    order_id: str
    client_id: str
    venue: Venue
    uid: str
    symbol: str
    side: Side
    kind: Kind
    tif: TimeInForce
    price: Decimal  # 0 for a market order without a protection price
    quantity: Decimal  # base or contracts; for a market buy by quote amount the base filled so far
    quote_amount: Decimal | None
    reduce_only: bool
    close: bool
    create_ms: int
    update_ms: int
    status: Literal["open", "closed", "cancelled"] = "open"
    # open filled cancelled ioc fok poc depth_not_enough reduce_only reduce_out liquidated auto_deleveraged
    finish_as: str = "open"
    filled: Decimal = ZERO
    filled_quote: Decimal = ZERO
    fees: dict[str, Decimal] = attrs.field(factory=dict)  # asset -> sum paid
    fills: int = 0
    update_id: int = 1
    locked: Decimal = ZERO
    locked_asset: str = ""
    maker: bool = False  # some quantity rested or was filled as a maker
    last_filled: Decimal = ZERO  # quantity of the newest fill
    amend_text: str = "-"
    finish_ms: int = 0
    multiplier: Decimal = Decimal(1)
    fee_terms: FeeTerms | None = None  # spot: those it was accepted on, for which it holds its money; perp: none

    @property
    def left(self) -> Decimal:
        """What is unfilled: base or contracts; of a market buy by quote amount, quote."""
        if self.quote_amount is not None:
            return self.quote_amount - self.filled_quote
        return self.quantity - self.filled

    @property
    def average_price(self) -> Decimal:
        """Mean price of the fills, 0 before the first."""
        if not self.filled:
            return ZERO
        mean = self.filled_quote / (self.filled * self.multiplier)
        return mean.quantize(Decimal("1e-12")).normalize() + ZERO

    @property
    def is_open(self) -> bool:
        """Whether it can still be filled or cancelled."""
        return self.status == "open"

    def copy(self) -> OrderState:
        """An independent copy, safe to hand to a subscriber."""
        return attrs.evolve(self, fees=dict(self.fees))


@attrs.frozen
class UserTrade:
    """One fill of one API order. ``quantity`` in base or contracts, ``fee`` positive when paid."""

    trade_id: str
    order_id: str
    client_id: str
    venue: Venue
    uid: str
    symbol: str
    side: Side
    role: Role
    price: Decimal
    quantity: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str
    time_ms: int
    close_quantity: Decimal = ZERO  # perp: contracts of this fill that reduced the position
    self_trade: bool = False


@attrs.frozen
class BalanceChange:
    """One change of one asset in one wallet; ``total = available + locked`` after the change.

    ``kind``: order_create, order_match, order_release, fee, pnl, fund, dnw (deposit/withdrawal), transfer.
    """

    uid: str
    venue: Venue
    asset: str
    kind: str
    change: Decimal
    locked_change: Decimal
    total: Decimal
    locked: Decimal
    time_ms: int
    symbol: str = ""
    order_id: str = ""
    trade_id: str = ""

    @property
    def available(self) -> Decimal:
        """What can be spent after the change."""
        return self.total - self.locked


@attrs.frozen
class LedgerRow:
    """One line of an account's book; every change of a total makes exactly one, so ``balance`` is an unbroken chain."""

    row_id: int
    uid: str
    venue: Venue
    asset: str
    change: Decimal
    balance: Decimal
    kind: str
    time_ms: int
    symbol: str = ""
    order_id: str = ""
    trade_id: str = ""


@attrs.define(eq=False)
class PositionState:
    """Perp position of one account in one contract; ``contracts`` signed, ``cost`` = signed entry value in quote."""

    uid: str
    symbol: str
    contracts: Decimal = ZERO
    cost: Decimal = ZERO
    leverage: Decimal = ZERO  # 0 = cross
    cross_leverage: Decimal = Decimal(10)
    margin: Decimal = ZERO  # isolated only: the part of the wallet that this position can lose
    realised_pnl: Decimal = ZERO  # of the position that is open now, fees and funding included
    pnl_pnl: Decimal = ZERO
    pnl_fund: Decimal = ZERO
    pnl_fee: Decimal = ZERO
    history_pnl: Decimal = ZERO
    last_close_pnl: Decimal = ZERO
    open_ms: int = 0
    update_ms: int = 0
    update_id: int = 0
    multiplier: Decimal = Decimal(1)

    @property
    def isolated(self) -> bool:
        """Whether it has a margin of its own; otherwise the whole wallet stands behind it."""
        return self.leverage > 0

    @property
    def leverage_in_force(self) -> Decimal:
        """The leverage that margins are computed with."""
        return self.leverage or self.cross_leverage

    def value(self, price: Decimal) -> Decimal:
        """Quote value at a price, positive."""
        return abs(self.contracts) * self.multiplier * price

    @property
    def entry_price(self) -> Decimal:
        """Average entry, 0 when flat."""
        if not self.contracts:
            return ZERO
        return (self.cost / (self.contracts * self.multiplier)).quantize(Decimal("1e-12")).normalize() + ZERO

    def unrealised_pnl(self, mark: Decimal) -> Decimal:
        """Value at that mark less what was paid for it, in quote."""
        return mark * self.contracts * self.multiplier - self.cost

    def copy(self) -> PositionState:
        """An independent copy, safe to hand to a subscriber."""
        return attrs.evolve(self)


@attrs.frozen
class OrderEvent:
    """An order was created (``put``), filled in part or amended (``update``), or ended (``finish``)."""

    kind: Literal["put", "update", "finish"]
    order: OrderState


PrivateEvent = OrderEvent | UserTrade | BalanceChange | PositionState


class LevelChange(msgspec.Struct, frozen=True):
    """One price level has a new absolute quantity (0 = gone); ``book_id`` rises by one per change of that market."""

    book_id: int
    side: Side
    price: Decimal
    quantity: Decimal


class PublicTrade(NamedTuple):
    """A trade as everybody sees it; ``side`` is the taker's."""

    venue: Venue
    symbol: str
    trade_id: int
    side: Side
    price: Decimal
    quantity: Decimal
    time_ms: int


@attrs.frozen
class BookSnapshot:
    """The newest ``book_id`` of a market and its best levels: bids descending, asks ascending."""

    book_id: int
    time_ms: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


@attrs.frozen
class MarkState:
    """Mark, index and funding of one contract. ``funding_rate_shown`` lags the estimate after a settlement."""

    symbol: str
    mark: Decimal
    index: Decimal
    funding_rate: Decimal
    funding_rate_shown: Decimal
    funding_interval_s: int
    funding_next_s: int


@attrs.frozen
class FundingSettled:
    """One settlement of one contract, as the public funding history shows it."""

    symbol: str
    rate: Decimal
    mark: Decimal
    time_s: int
