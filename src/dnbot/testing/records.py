"""What a fake exchange tells of itself: orders, fills, balances, positions, requests and books, as frozen values.

Prices are quote, amounts of money Decimal. Quantities are base units on spot and contracts on the perpetual. Times are
milliseconds since 1970 on the venue's own clock.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import attrs

from dnbot.fakes.records import VENUES, Role, Side, Venue

VenueName = Literal["gate", "perp", "mexc", "gate_spot", "gate_futures", "mexc_spot"]
"""``gate`` is Gate spot, ``perp`` Gate's USDT perpetuals, ``mexc`` MEXC spot; the long names mean the same."""

_SHORT: dict[str, Venue] = {"gate": "gate_spot", "perp": "gate_futures", "mexc": "mexc_spot"}


def venue_of(name: VenueName) -> Venue:
    """The long name. Raises ValueError for a venue that does not exist."""
    wanted = _SHORT.get(name, name)
    for venue in VENUES:
        if venue == wanted:
            return venue
    raise ValueError(f"venue {name!r} is unknown; known: {', '.join((*_SHORT, *VENUES))}")


@attrs.frozen
class Order:
    """One order that the venue accepted; ``client_id`` is as the client wrote it (with ``t-`` on Gate).

    ``price`` is 0 for a market order. ``status`` is open, closed (filled whole) or cancelled; ``finish_as`` says why it
    ended: filled, cancelled, ioc, fok, poc, reduce_only and so on. ``quote_amount`` is the budget of a spot market buy.
    """

    venue: Venue
    symbol: str
    order_id: str
    client_id: str
    side: Side
    kind: Literal["limit", "market"]
    time_in_force: Literal["gtc", "ioc", "fok", "poc"]
    price: Decimal
    quantity: Decimal
    quote_amount: Decimal | None
    filled: Decimal
    filled_quote: Decimal
    reduce_only: bool
    status: Literal["open", "closed", "cancelled"]
    finish_as: str
    create_ms: int
    update_ms: int

    @property
    def is_open(self) -> bool:
        """Whether it can still be filled or cancelled."""
        return self.status == "open"


@attrs.frozen
class Fill:
    """One fill of one order; ``fee`` is positive when paid, in ``fee_asset``; ``quote`` is the value in quote."""

    venue: Venue
    symbol: str
    trade_id: str
    order_id: str
    client_id: str
    side: Side
    role: Role
    price: Decimal
    quantity: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str
    time_ms: int


@attrs.frozen
class Balance:
    """One asset in one wallet: ``total`` = ``available`` + ``locked``. On the perpetual, margin is not locked."""

    total: Decimal = Decimal(0)
    locked: Decimal = Decimal(0)

    @property
    def available(self) -> Decimal:
        """What no open order holds."""
        return self.total - self.locked


@attrs.frozen
class Position:
    """A perpetual position; ``contracts`` is signed, ``multiplier`` base units per contract, profit in quote."""

    symbol: str
    contracts: Decimal
    multiplier: Decimal
    entry_price: Decimal
    unrealised_pnl: Decimal

    @property
    def base(self) -> Decimal:
        """Signed size in base units."""
        return self.contracts * self.multiplier


@attrs.frozen
class Request:
    """One private request: ``method`` an HTTP verb or ``WS``, ``path`` the path or channel, ``status`` the answer's."""

    venue: Venue
    method: str
    path: str
    client_id: str
    status: int
    time_ms: int


@attrs.frozen
class Book:
    """One order book: (price, quantity) per level, best first. ``book_id`` rises by one with each change of a level."""

    book_id: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]

    @property
    def bid(self) -> Decimal:
        """Best bid. Raises IndexError when nobody bids."""
        return self.bids[0][0]

    @property
    def ask(self) -> Decimal:
        """Best ask. Raises IndexError when nobody asks."""
        return self.asks[0][0]

    @property
    def mid(self) -> Decimal:
        """Between the two. Raises IndexError when a side is empty."""
        return (self.bid + self.ask) / 2


def order_from(row: dict[str, Any]) -> Order:
    """An order of the audit."""
    return Order(
        venue=row["venue"],
        symbol=row["symbol"],
        order_id=row["order_id"],
        client_id=row["client_id"],
        side=row["side"],
        kind=row["kind"],
        time_in_force=row["tif"],
        price=Decimal(row["price"]),
        quantity=Decimal(row["quantity"]),
        quote_amount=None if row["quote_amount"] is None else Decimal(row["quote_amount"]),
        filled=Decimal(row["filled"]),
        filled_quote=Decimal(row["filled_quote"]),
        reduce_only=row["reduce_only"],
        status=row["status"],
        finish_as=row["finish_as"],
        create_ms=row["create_ms"],
        update_ms=row["update_ms"],
    )


def fill_from(row: dict[str, Any]) -> Fill:
    """A fill of the audit."""
    return Fill(
        venue=row["venue"],
        symbol=row["symbol"],
        trade_id=row["trade_id"],
        order_id=row["order_id"],
        client_id=row["client_id"],
        side=row["side"],
        role=row["role"],
        price=Decimal(row["price"]),
        quantity=Decimal(row["quantity"]),
        quote=Decimal(row["quote"]),
        fee=Decimal(row["fee"]),
        fee_asset=row["fee_asset"],
        time_ms=row["time_ms"],
    )


def position_from(contract: str, row: dict[str, Any]) -> Position:
    """A position of the audit, which names it by its contract."""
    return Position(
        symbol=contract.replace("_", "/"),
        contracts=Decimal(row["size"]),
        multiplier=Decimal(row["multiplier"]),
        entry_price=Decimal(row["entry_price"]),
        unrealised_pnl=Decimal(row["unrealised_pnl"]),
    )


def book_from(row: dict[str, Any]) -> Book:
    """A book as the control surface tells it."""
    bids, asks = (tuple((Decimal(p), Decimal(q)) for p, q in row[side]) for side in ("bids", "asks"))
    return Book(row["book_id"], bids, asks)
