"""From the perpetual's shapes to our words: contracts become base units here. Raises ValueError for the unreadable.

Sources: Gate API v4 docs, "Futures" (orders, my_trades, positions, accounts, account_book, fee); futures WebSocket docs
(orders, usertrades, positions, balances).
"""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.instrument import FeeSchedule, Symbol, Venue
from dnbot.domain.order import Fill, OrderReport, Side
from dnbot.domain.position import AccountRow
from dnbot.domain.units import ZERO, Price, Quantity
from dnbot.venues.gateio.account import SINGLE
from dnbot.venues.gateio.futures_shapes import ContractRates, FuturesFill, FuturesOrder, Position, WalletRow
from dnbot.venues.gateio.literals import (
    Literal,
    decimal_of,
    decimal_or,
    epoch_ms_of,
    epoch_ns_of,
    given,
    id_of,
    whole_of,
    whole_or,
)
from dnbot.venues.gateio.orders import POINT, client_id_of, fee_of, filled_of, status_for, traded_at_ns
from dnbot.venues.wire import PositionReport

_VENUE = Venue.GATE_FUTURES
_CROSS = "cross"
_POINT_ROWS = "point_"
"""Account-book words that begin so move points, not the wallet's coin."""


def report_of(order: FuturesOrder, multiplier: Decimal, at_ms: int = 0) -> OrderReport | None:
    """An order in base units; `left` has the sign of `size` or none, so both are taken without sign.

    None for a whole-position close by somebody else: its size is 0 and tells neither side nor quantity.
    """
    size = decimal_of(order.size)
    if size == 0:
        return None
    filled = filled_of(abs(size), abs(decimal_of(order.left)))
    times = (order.update_time, order.finish_time_ms, order.finish_time, order.create_time_ms, order.create_time)
    return OrderReport(
        venue=_VENUE,
        venue_order_id=id_of(order.id),
        client_order_id=client_id_of(order.text),
        side=_side(size),
        price=Price(decimal_or(order.price)),
        quantity=Quantity(abs(size) * multiplier),
        filled=Quantity(filled * multiplier),
        status=status_for(abs(size), filled, _is_over(order)),
        reason=order.finish_as or "",
        updated_at_ms=epoch_ms_of(*times) or at_ms,
        filled_value=_filled_value(filled * multiplier, order.fill_price),
    )


def _is_over(order: FuturesOrder) -> bool:
    """An answer without a status is taken as open; open orders may carry a finish time, so that is never asked."""
    if order.status not in (None, "", "open", "finished"):
        raise ValueError(f"unknown order status: {order.status!r}")
    return order.status == "finished"


def _filled_value(base: Decimal, fill_price: Literal) -> Decimal | None:
    if base == 0:
        return ZERO
    average = decimal_or(fill_price)
    return base * average if average > 0 else None


def fill_of(row: FuturesFill, symbol: Symbol, multiplier: Decimal, at_ms: int = 0) -> Fill:
    """One trade of ours in base units; the fee is in the settlement coin or in points, positive when paid."""
    size = decimal_of(row.size)
    if size == 0:
        raise ValueError("a trade of size 0")
    fee, asset = fee_of(decimal_of(row.fee), symbol.quote, ZERO, decimal_or(row.point_fee))
    return Fill(
        venue=_VENUE,
        symbol=symbol,
        trade_id=id_of(row.trade_id if given(row.trade_id) else row.id),
        venue_order_id=id_of(row.order_id),
        client_order_id=client_id_of(row.text),
        side=_side(size),
        price=Price(decimal_of(row.price)),
        quantity=Quantity(abs(size) * multiplier),
        fee=fee,
        fee_asset=asset,
        is_maker=row.role == "maker",
        traded_at_ns=traded_at_ns(at_ms, row.create_time_ms, row.create_time),
    )


def position_of(row: Position, multiplier: Decimal, at_ms: int = 0) -> PositionReport:
    """The position in signed base units. A row of two-sided mode is refused by name."""
    if row.mode != SINGLE:
        raise ValueError(f"position mode is {row.mode!r}; only {SINGLE!r} (one-way) is supported")
    is_cross = _is_cross(row)
    liquidation, mark = decimal_or(row.liq_price), decimal_or(row.mark_price)
    return PositionReport(
        venue=_VENUE,
        base=decimal_of(row.size) * multiplier,
        entry_price=decimal_of(row.entry_price),
        mark_price=mark if mark > 0 else None,
        liquidation_price=liquidation if liquidation > 0 else None,
        leverage=_leverage(row, is_cross),
        is_cross=is_cross,
        adl_rank=whole_of(row.adl_ranking) if given(row.adl_ranking) else None,
        at_ms=epoch_ms_of(row.time_ms, row.time, row.update_time) or at_ms,
        update_id=whole_or(row.update_id, 0),
    )


def no_position() -> PositionReport:
    """The position of a contract that was never touched: the venue has no row for it."""
    return PositionReport(_VENUE, ZERO, ZERO, None, None, None, None, None, 0)


def _is_cross(row: Position) -> bool | None:
    """The margin mode by name where it is given; otherwise a leverage of 0 means cross."""
    if row.pos_margin_mode:
        return row.pos_margin_mode == _CROSS
    for raw in (row.leverage, row.lever):
        if given(raw):
            return decimal_of(raw) == 0
    return None


def _leverage(row: Position, is_cross: bool | None) -> Decimal | None:
    order = (row.lever, row.cross_leverage_limit) if is_cross else (row.leverage, row.lever)
    return next((value for value in map(decimal_or, order) if value > 0), None)


def account_row_of(row: WalletRow, coin: str) -> AccountRow:
    """A row of the account book. One without its id is unreadable: under another name it would be booked again."""
    return AccountRow(
        venue=_VENUE,
        row_id=id_of(row.id),
        asset=POINT if row.type.startswith(_POINT_ROWS) else coin,
        change=decimal_of(row.change),
        balance=decimal_of(row.balance),
        kind=row.type,
        text=row.text,
        at_ns=epoch_ns_of(row.time),
    )


def fees_of(rates: ContractRates) -> FeeSchedule:
    """This account's rates; a rebate is negative."""
    return FeeSchedule(venue=_VENUE, maker=decimal_of(rates.maker_fee), taker=decimal_of(rates.taker_fee))


def _side(size: Decimal) -> Side:
    return Side.BUY if size > 0 else Side.SELL
