"""From Gate spot's shapes to our words: orders, fills and balances. Raises ValueError for what cannot be read.

Sources: Gate API v4 docs, "Spot" (orders, my_trades, accounts); spot WebSocket docs (orders, usertrades, balances).
"""

from __future__ import annotations

from dnbot.domain.instrument import FeeSchedule, Symbol, Venue
from dnbot.domain.order import Fill, OrderReport, OrderStatus, Side
from dnbot.domain.units import Price, Quantity
from dnbot.venues.gateio.literals import decimal_of, decimal_or, epoch_ms_of, given, id_of, text_of
from dnbot.venues.gateio.orders import client_id_of, fee_of, filled_of, status_for, traded_at_ns
from dnbot.venues.gateio.spot_shapes import Holding, HoldingUpdate, Rates, SpotFill, SpotOrder
from dnbot.venues.wire import Balance

_VENUE = Venue.GATE_SPOT
_OPEN = {"status": frozenset({"open"}), "event": frozenset({"put", "update"})}
_OVER = {"status": frozenset({"closed", "cancelled"}), "event": frozenset({"finish"})}
_FEES_OUTSIDE_BASE = frozenset({"1", "2"})
"""`debit_fee`: 1 pays in GT, 2 in points, 3 in what is received."""


def report_of(order: SpotOrder, at_ms: int = 0) -> OrderReport:
    """An order in base units; what is filled is the amount minus what is left."""
    if order.type != "limit" and order.side == "buy":
        return _market_buy(order, at_ms)
    quantity = decimal_of(order.amount)
    filled = filled_of(quantity, decimal_of(order.left))
    return OrderReport(
        venue=_VENUE,
        venue_order_id=id_of(order.id),
        client_order_id=client_id_of(order.text),
        side=Side(order.side),
        price=Price(decimal_or(order.price)),
        quantity=Quantity(quantity),
        filled=Quantity(filled),
        status=status_for(quantity, filled, _is_over(order)),
        reason=order.finish_as or "",
        updated_at_ms=epoch_ms_of(order.update_time_ms, order.update_time) or at_ms,
        filled_value=decimal_of(order.filled_total) if given(order.filled_total) else None,
    )


def _market_buy(order: SpotOrder, at_ms: int) -> OrderReport:
    """Somebody else's order: its amount is in quote, so only the base that it got is known in base units."""
    filled = Quantity(decimal_or(order.filled_amount))
    over = OrderStatus.FILLED if filled else OrderStatus.CANCELLED
    return OrderReport(
        venue=_VENUE, venue_order_id=id_of(order.id), client_order_id=client_id_of(order.text), side=Side.BUY,
        price=Price(decimal_or(order.price)), quantity=filled, filled=filled,
        status=over if _is_over(order) else OrderStatus.OPEN, reason=order.finish_as or "",
        updated_at_ms=epoch_ms_of(order.update_time_ms, order.update_time) or at_ms,
    )


def _is_over(order: SpotOrder) -> bool:
    """REST names a status, the stream an event; an answer with neither is taken as open."""
    told = [("status", order.status), ("event", order.event)]
    for field, word in told:
        if word and word not in _OPEN[field] | _OVER[field]:
            raise ValueError(f"unknown order {field}: {word!r}")
    return any(word in _OVER[field] for field, word in told if word)


def fill_of(row: SpotFill, symbol: Symbol, at_ms: int = 0) -> Fill:
    """One trade of ours with the fee in the asset that really paid it."""
    coin = row.fee_currency or _received(row, symbol)
    fee, asset = fee_of(decimal_of(row.fee), coin, decimal_or(row.gt_fee), decimal_or(row.point_fee))
    return Fill(
        venue=_VENUE,
        symbol=symbol,
        trade_id=id_of(row.id),
        venue_order_id=id_of(row.order_id),
        client_order_id=client_id_of(row.text),
        side=Side(row.side),
        price=Price(decimal_of(row.price)),
        quantity=Quantity(decimal_of(row.amount)),
        fee=fee,
        fee_asset=asset,
        is_maker=row.role == "maker",
        traded_at_ns=traded_at_ns(at_ms, row.create_time_ms, row.create_time),
    )


def _received(row: SpotFill, symbol: Symbol) -> str:
    """Gate charges the coin that is received; old stream frames leave its name out (docs, spot.usertrades)."""
    return symbol.base if Side(row.side) is Side.BUY else symbol.quote


def balance_of(row: Holding) -> Balance:
    """Everything of one coin: free and locked."""
    available = decimal_of(row.available)
    return Balance(_VENUE, row.currency, available + decimal_of(row.locked), available)


def pushed_balance_of(row: HoldingUpdate, at_ms: int) -> Balance:
    """A coin's balance from the stream."""
    told_at_ms = epoch_ms_of(row.timestamp_ms, row.timestamp) or at_ms
    return Balance(_VENUE, row.currency, decimal_of(row.total), decimal_of(row.available), told_at_ms)


def fees_of(rates: Rates) -> FeeSchedule:
    """This account's rates. They stay undiscounted when GT pays: the discount ends when the GT does."""
    outside = rates.gt_discount or text_of(rates.debit_fee) in _FEES_OUTSIDE_BASE
    return FeeSchedule(
        venue=_VENUE, maker=decimal_of(rates.maker_fee), taker=decimal_of(rates.taker_fee), buy_fee_in_base=not outside
    )
