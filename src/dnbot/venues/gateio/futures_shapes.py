"""Gate's USDT perpetual on the wire: sizes in contracts, prices strings over REST and numbers on private channels.

A field without a default decides something: its absence makes the frame unreadable. Numbers stay literals.
Sources: Gate API v4 docs, "Futures"; futures WebSocket docs, one section per channel.
"""

from __future__ import annotations

import msgspec

from dnbot.venues.gateio.literals import ABSENT, Literal


class Contract(msgspec.Struct):
    """GET /futures/usdt/contracts/{name}."""

    name: str
    quanto_multiplier: Literal
    order_price_round: Literal
    order_size_min: Literal
    order_size_max: Literal
    order_price_deviate: Literal
    maintenance_rate: Literal
    in_delisting: bool
    type: str = "direct"
    status: str | None = None
    """Absent in recordings before 2024."""
    enable_decimal: bool = False


class FuturesBook(msgspec.Struct):
    """GET /futures/usdt/order_book with ids; times in seconds with a fraction."""

    id: Literal
    asks: Literal
    bids: Literal
    current: Literal = ABSENT
    update: Literal = ABSENT


class FuturesBookUpdate(msgspec.Struct):
    """futures.order_book_update."""

    s: str
    u: Literal
    b: Literal = ABSENT
    a: Literal = ABSENT
    first: Literal = msgspec.field(name="U", default=ABSENT)
    t: Literal = ABSENT
    full: bool = False


class FuturesTrade(msgspec.Struct):
    """A row of futures.trades; a negative size means that the taker sold."""

    contract: str
    size: Literal
    price: Literal
    create_time_ms: Literal = ABSENT
    create_time: Literal = ABSENT


class ContractTicker(msgspec.Struct):
    """A row of futures.tickers: the only channel with mark, index and funding."""

    contract: str
    last: Literal
    volume_24h_quote: Literal
    mark_price: Literal
    index_price: Literal
    funding_rate: Literal = ABSENT
    funding_interval: Literal = ABSENT
    funding_next_apply: Literal = ABSENT
    t: Literal = ABSENT


class Wallet(msgspec.Struct):
    """GET /futures/usdt/accounts; `total` excludes unrealised profit."""

    total: Literal
    available: Literal
    currency: str = "USDT"
    in_dual_mode: bool = False
    position_mode: str | None = None
    margin_mode: Literal = ABSENT
    margin_mode_name: str | None = None


class WalletUpdate(msgspec.Struct):
    """A row of futures.balances; one row per cause."""

    balance: Literal
    type: str
    currency: str = "usdt"
    time_ms: Literal = ABSENT
    time: Literal = ABSENT


class Position(msgspec.Struct):
    """GET /futures/usdt/positions/{contract} and futures.positions."""

    contract: str
    size: Literal
    entry_price: Literal
    mode: str
    mark_price: Literal = ABSENT
    liq_price: Literal = ABSENT
    leverage: Literal = ABSENT
    lever: Literal = ABSENT
    cross_leverage_limit: Literal = ABSENT
    pos_margin_mode: str | None = None
    adl_ranking: Literal = ABSENT
    update_time: Literal = ABSENT
    time_ms: Literal = ABSENT
    time: Literal = ABSENT
    update_id: Literal = ABSENT


class FuturesOrder(msgspec.Struct):
    """An order over REST, futures.orders or the order socket; default-valued keys may be left out."""

    id: Literal
    contract: str
    size: Literal
    left: Literal
    price: Literal = ABSENT
    text: str | None = None
    status: str | None = None
    finish_as: str | None = None
    fill_price: Literal = ABSENT
    update_time: Literal = ABSENT
    finish_time_ms: Literal = ABSENT
    finish_time: Literal = ABSENT
    create_time_ms: Literal = ABSENT
    create_time: Literal = ABSENT


class FuturesResult(FuturesOrder, kw_only=True):
    """An order as the order socket answers it: `left` is missing when it is 0, that is when the order was filled."""

    left: Literal = ABSENT


class FuturesFill(msgspec.Struct):
    """A row of my_trades (`id`), my_trades_timerange (`trade_id`) or futures.usertrades; fee positive when paid."""

    contract: str
    order_id: Literal
    size: Literal
    price: Literal
    fee: Literal
    id: Literal = ABSENT
    trade_id: Literal = ABSENT
    point_fee: Literal = ABSENT
    text: str | None = None
    role: str | None = None
    create_time_ms: Literal = ABSENT
    create_time: Literal = ABSENT


class WalletRow(msgspec.Struct):
    """A row of GET /futures/usdt/account_book; `id` is missing in answers of years ago."""

    time: Literal
    change: Literal
    balance: Literal
    type: str
    text: str = ""
    id: Literal = ABSENT


class ContractRates(msgspec.Struct):
    """One entry of GET /futures/usdt/fee."""

    taker_fee: Literal
    maker_fee: Literal
