"""JSON bodies of MEXC spot v3, and the words in them.

Fields that decide have no default: a body without one is unreadable. All other fields of the venue are ignored.
Source: MEXC spot v3 docs, Market Data, Spot Account and Trade, Wallet (trade fee, selfSymbols).
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation, localcontext
from typing import Final, TypeVar

import msgspec

from dnbot.domain.book import Level
from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import Fill, OrderReport, OrderStatus, Side
from dnbot.domain.units import DIGITS_MAX, Price, Quantity, parse_decimal
from dnbot.venues.wire import Balance

VENUE: Final = Venue.MEXC_SPOT
NS_PER_MS: Final = 1_000_000
_IDENTITY: Final = re.compile(r"(?![0-9]*[eE][0-9]+$)(?=.*[0-9])[0-9A-Za-z_]{1,64}")
SUM_DIGITS: Final = 400
"""More than the sum of any two numbers that `parse_decimal` accepts."""

ORDER_STATUSES: Final = {
    "NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.OPEN,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "PARTIALLY_CANCELED": OrderStatus.CANCELLED,  # final, with fills
}
SIDES: Final = {"BUY": Side.BUY, "SELL": Side.SELL}

_T = TypeVar("_T")


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """A JSON object whose keys are written in camel case."""


class ServerTime(Shape, frozen=True):
    """GET /api/v3/time"""

    server_time: int


class PriceTicker(Shape, frozen=True):
    """GET /api/v3/ticker/price with a symbol"""

    symbol: str
    price: str


class Depth(Shape, frozen=True):
    """GET /api/v3/depth"""

    last_update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    timestamp: int = 0


class Filter(Shape, frozen=True):
    """An entry of `filters`; the multipliers belong to PERCENT_PRICE_BY_SIDE."""

    filter_type: str
    bid_multiplier_up: str | None = None
    ask_multiplier_down: str | None = None


class SymbolInfo(Shape, frozen=True):
    """A symbol of GET /api/v3/exchangeInfo. The names deceive: `base_size_precision` is the least quantity and
    `quote_amount_precision` the least value of an order; precisions are counts of decimals."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    base_asset_precision: int
    quote_precision: int
    base_size_precision: str
    quote_amount_precision: str
    is_spot_trading_allowed: bool
    trade_side_type: int | str
    max_quote_amount: str | None = None
    filters: list[Filter] = []


class ExchangeInfo(Shape, frozen=True):
    """GET /api/v3/exchangeInfo"""

    symbols: list[SymbolInfo]


class SymbolList(Shape, frozen=True):
    """GET /api/v3/defaultSymbols and /api/v3/selfSymbols"""

    data: list[str]


class FeeRates(Shape, frozen=True):
    """Fractions, JSON numbers on the wire: msgspec reads them from their text, no float comes between."""

    maker_commission: Decimal
    taker_commission: Decimal


class TradeFee(Shape, frozen=True):
    """GET /api/v3/tradeFee"""

    data: FeeRates


class AssetBalance(Shape, frozen=True):
    """One asset; `free` excludes `locked`."""

    asset: str
    free: str
    locked: str


class Account(Shape, frozen=True):
    """GET /api/v3/account"""

    can_trade: bool
    balances: list[AssetBalance]
    can_withdraw: bool = False
    account_type: str = "SPOT"


class KycStatus(Shape, frozen=True):
    """GET /api/v3/kyc/status: 1 none, 2 primary, 3 advanced, 4 institutional"""

    status: int | str


class Uid(Shape, frozen=True):
    """GET /api/v3/uid"""

    uid: int | str


class ListenKey(Shape, frozen=True):
    """POST /api/v3/userDataStream"""

    listen_key: str


class PlacedOrder(Shape, frozen=True):
    """POST /api/v3/order: it has no status."""

    symbol: str
    order_id: int | str
    price: str
    orig_qty: str
    side: str
    transact_time: int = 0


class OrderState(Shape, frozen=True):
    """GET /api/v3/order, and the rows of openOrders and allOrders."""

    symbol: str
    order_id: int | str
    price: str
    orig_qty: str
    executed_qty: str
    status: str
    side: str
    cummulative_quote_qty: str | None = None
    client_order_id: str | None = None
    cancel_reason: str | None = None
    time: int | None = None
    update_time: int | None = None


class Trade(Shape, frozen=True):
    """A row of GET /api/v3/myTrades; its time is rounded to a second."""

    symbol: str
    id: int | str
    order_id: int | str
    price: str
    qty: str
    commission: str
    commission_asset: str | None
    time: int
    is_buyer: bool
    is_maker: bool = False
    client_order_id: str | None = None


def unreadable(what: str, raw: bytes | str) -> FrameUnreadable:
    """The error for a body or frame that does not say what it must."""
    return FrameUnreadable(VENUE.value, what, raw)


def read(body: bytes, shape: type[_T]) -> _T:
    """Decode JSON into `shape`.

    Raises:
        FrameUnreadable: not JSON, nested too deeply, or a deciding field is missing or of another type.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(str(error), body) from error


def number(text: str, name: str, raw: bytes | str) -> Decimal:
    """A decimal of either sign. Raises FrameUnreadable."""
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise unreadable(f"{name}: {error}", raw) from error


def amount(text: str, name: str, raw: bytes | str) -> Decimal:
    """A decimal that cannot be negative: a price or a quantity. Raises FrameUnreadable."""
    value = number(text, name, raw)
    if value < 0:
        raise unreadable(f"{name} is negative", raw)
    return value


def exact_sum(first: Decimal, second: Decimal) -> Decimal:
    """The sum with every digit: balances of cheap coins have more than the 28 that a plain `+` keeps."""
    with localcontext() as context:
        context.prec = SUM_DIGITS
        return first + second


def version(text: str, name: str, raw: bytes | str) -> int:
    """A book version, written as decimal text. Raises FrameUnreadable."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise unreadable(f"{name} is no version: {text!r}", raw)
    return int(text)


_NO_PLAIN = str.maketrans("", "", "0123456789.")


def levels(rows: list[tuple[str, str]], raw: bytes | str) -> tuple[Level, ...]:
    """Price levels, in the venue's order. Raises FrameUnreadable.

    The hottest content of the stream: texts of nothing but digits and dots go straight to `Decimal`.
    """
    texts = [text for row in rows for text in row]
    joined = "".join(texts)
    if not joined.translate(_NO_PLAIN) and (len(joined) <= DIGITS_MAX or max(map(len, texts)) <= DIGITS_MAX):
        try:
            return tuple([(Decimal(price), Decimal(quantity)) for price, quantity in rows])
        except InvalidOperation:
            pass  # dots without digits, or too many: told by name below
    return tuple((amount(price, "price", raw), amount(quantity, "quantity", raw)) for price, quantity in rows)


def side_of(name: str, raw: bytes | str) -> Side:
    """BUY or SELL. Raises FrameUnreadable."""
    if name not in SIDES:
        raise unreadable(f"unknown side {name!r}", raw)
    return SIDES[name]


def own_symbol(found: str, symbol: Symbol, raw: bytes | str) -> None:
    """Raises FrameUnreadable when a reply is about another symbol than was asked for."""
    if found != symbol_name(symbol):
        raise unreadable(f"asked for {symbol_name(symbol)}, answered for {found!r}", raw)


def symbol_name(symbol: Symbol) -> str:
    """BTC/USDT is BTCUSDT here."""
    return symbol.base + symbol.quote


def order_report(state: OrderState, symbol: Symbol, raw: bytes) -> OrderReport:
    """The report of a queried or listed order. Raises FrameUnreadable."""
    own_symbol(state.symbol, symbol, raw)
    status = ORDER_STATUSES.get(state.status)
    if status is None:
        raise unreadable(f"unknown order status {state.status!r}", raw)
    value = state.cummulative_quote_qty
    return OrderReport(
        venue=VENUE,
        venue_order_id=identity(state.order_id, "orderId", raw),
        client_order_id=state.client_order_id or "",
        side=side_of(state.side, raw),
        price=Price(amount(state.price, "price", raw)),
        quantity=Quantity(amount(state.orig_qty, "origQty", raw)),
        filled=Quantity(amount(state.executed_qty, "executedQty", raw)),
        status=status,
        reason=state.cancel_reason or (state.status if status is OrderStatus.CANCELLED else ""),
        updated_at_ms=state.update_time or state.time or 0,
        filled_value=None if value is None else amount(value, "cummulativeQuoteQty", raw),
    )


def identity(value: int | str, name: str, raw: bytes) -> str:
    """An order's or a trade's id as text, of letters, digits and underscores.

    A spoiled one is refused (`1e400`, `NaN`): taken for an id, it would be booked as another trade.

    Raises:
        FrameUnreadable: it is none.
    """
    text = str(value)
    if not _IDENTITY.fullmatch(text):
        raise unreadable(f"{name} is no id: {text[:40]!r}", raw)
    return text


def fill(trade: Trade, symbol: Symbol, raw: bytes) -> Fill:
    """One trade of ours. Raises FrameUnreadable."""
    own_symbol(trade.symbol, symbol, raw)
    fee = number(trade.commission, "commission", raw)
    return Fill(
        venue=VENUE,
        symbol=symbol,
        trade_id=identity(trade.id, "id", raw),
        venue_order_id=identity(trade.order_id, "orderId", raw),
        client_order_id=trade.client_order_id or "",
        side=Side.BUY if trade.is_buyer else Side.SELL,
        price=Price(amount(trade.price, "price", raw)),
        quantity=Quantity(amount(trade.qty, "qty", raw)),
        fee=fee,
        fee_asset=fee_asset(fee, trade.commission_asset or "", symbol, raw),
        is_maker=trade.is_maker,
        traded_at_ns=trade.time * NS_PER_MS,
    )


def fee_asset(fee: Decimal, named: str, symbol: Symbol, raw: bytes | str) -> str:
    """The coin of a fee; only a fee of zero may be without one. Raises FrameUnreadable."""
    if fee and not named:
        raise unreadable("a fee without its coin", raw)
    return named or symbol.quote


def balance(row: AssetBalance, raw: bytes) -> Balance:
    """One asset of the account. Raises FrameUnreadable."""
    free, locked = number(row.free, "free", raw), number(row.locked, "locked", raw)
    return Balance(VENUE, row.asset, total=exact_sum(free, locked), available=free)
