"""Gate spot on the wire: the fields we read, each named as the venue names it.

A field without a default decides something: its absence makes the frame unreadable. Numbers stay literals.
Sources: Gate API v4 docs, "Spot"; spot WebSocket docs, one section per channel.
"""

from __future__ import annotations

import msgspec

from dnbot.venues.gateio.literals import ABSENT, Literal


class Pair(msgspec.Struct):
    """GET /spot/currency_pairs/{pair}."""

    id: str
    amount_precision: Literal
    precision: Literal
    trade_status: str
    min_base_amount: Literal = ABSENT
    min_quote_amount: Literal = ABSENT
    max_base_amount: Literal = ABSENT
    max_quote_amount: Literal = ABSENT
    delisting_time: Literal = ABSENT


class ServerTime(msgspec.Struct):
    """GET /spot/time, milliseconds."""

    server_time: Literal


class Book(msgspec.Struct):
    """GET /spot/order_book with ids; times in milliseconds."""

    id: Literal
    asks: Literal
    bids: Literal
    current: Literal = ABSENT
    update: Literal = ABSENT


class BookUpdate(msgspec.Struct):
    """spot.order_book_update."""

    s: str
    u: Literal
    b: Literal = ABSENT
    a: Literal = ABSENT
    first: Literal = msgspec.field(name="U", default=ABSENT)
    t: Literal = ABSENT
    full: bool = False


class Top(msgspec.Struct):
    """spot.book_ticker and futures.book_ticker: an empty side is an empty string."""

    s: str
    b: Literal
    a: Literal
    t: Literal = ABSENT


class Trade(msgspec.Struct):
    """spot.trades; `side` is the taker's."""

    currency_pair: str
    side: str
    amount: Literal
    price: Literal
    create_time_ms: Literal = ABSENT
    create_time: Literal = ABSENT


class PairTicker(msgspec.Struct):
    """spot.tickers."""

    currency_pair: str
    last: Literal
    quote_volume: Literal


class Holding(msgspec.Struct):
    """A row of GET /spot/accounts."""

    currency: str
    available: Literal
    locked: Literal


class HoldingUpdate(msgspec.Struct):
    """A row of spot.balances."""

    currency: str
    total: Literal
    available: Literal
    timestamp_ms: Literal = ABSENT
    timestamp: Literal = ABSENT


class Receipt(msgspec.Struct):
    """The least that the answer to a create says (action_mode ACK); a full answer has `left`. Spot and futures."""

    id: Literal
    text: str | None = None
    left: Literal = ABSENT


class Moved(msgspec.Struct):
    """The answer to a transfer between wallets."""

    tx_id: Literal


class SpotOrder(msgspec.Struct):
    """An order over REST (`status`), spot.orders (`event`) or the order socket."""

    id: Literal
    currency_pair: str
    side: str
    amount: Literal
    left: Literal
    price: Literal = ABSENT
    text: str | None = None
    type: str = "limit"
    status: str | None = None
    event: str | None = None
    finish_as: str | None = None
    filled_amount: Literal = ABSENT
    filled_total: Literal = ABSENT
    update_time_ms: Literal = ABSENT
    update_time: Literal = ABSENT


class SpotFill(msgspec.Struct):
    """A row of GET /spot/my_trades or spot.usertrades."""

    id: Literal
    order_id: Literal
    side: str
    amount: Literal
    price: Literal
    fee: Literal
    fee_currency: str | None = None
    currency_pair: str | None = None
    gt_fee: Literal = ABSENT
    point_fee: Literal = ABSENT
    text: str | None = None
    role: str | None = None
    create_time_ms: Literal = ABSENT
    create_time: Literal = ABSENT


class Rates(msgspec.Struct):
    """GET /wallet/fee."""

    taker_fee: Literal
    maker_fee: Literal
    gt_discount: bool = False
    debit_fee: Literal = ABSENT


class Detail(msgspec.Struct):
    """GET /account/detail."""

    user_id: Literal
    ip_whitelist: list[str] | None = None
    currency_pairs: list[str] | None = None


class UnifiedMode(msgspec.Struct):
    """GET /unified/unified_mode."""

    mode: str
