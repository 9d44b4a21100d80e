"""What must be true of rows on the wire: signs, coins and units, beside what the exchange itself knows.

Typed from Gate API v4 docs ("Futures", "Spot" models) and MEXC spot v3 docs (order, myTrades); each check is called by
the wire suite and by the test that plants defects.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dnbot.fakes.exchange import Exchange
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, UserTrade

Row = dict[str, Any]
S, MS = 1, 1000
UNITS: dict[str, dict[str, int]] = {
    "/spot/orders": {"create_time": S, "update_time": S, "create_time_ms": MS, "update_time_ms": MS},
    "/spot/my_trades": {"create_time": S, "create_time_ms": MS},
    "/spot/order_book": {"current": MS, "update": MS},
    "/futures/usdt/orders": {"create_time": S, "update_time": S, "finish_time": S},
    "/futures/usdt/my_trades": {"create_time": S},
    "/futures/usdt/account_book": {"time": S},
    "/futures/usdt/order_book": {"current": S, "update": S},
    "/futures/usdt/positions": {"update_time": S, "open_time": S},
    "/futures/usdt/contracts": {"funding_next_apply": S},
    "/api/v3/time": {"serverTime": MS},
    "/api/v3/allOrders": {"time": MS, "updateTime": MS},
    "/api/v3/myTrades": {"time": MS},
}
"""Endpoint -> field -> parts of a second."""
NEAR_S = 86_400


def times_are_in_their_units(path: str, rows: list[Row], now_s: float) -> None:
    """Every documented time of a row is of this day when read in its own unit."""
    for row in rows:
        for name, per_second in UNITS[path].items():
            if name == "finish_time" and row["status"] == "open":
                continue
            at_s = Decimal(str(row[name])) / per_second
            assert abs(at_s - Decimal(now_s)) < NEAR_S, f"{path} {name}: {row[name]} is not near {now_s} s"


def futures_sizes_have_the_sign_of_their_side(path: str, rows: list[Row], exchange: Exchange, uid: str) -> None:
    """A sell is negative: sizes and remainders of orders, sizes of fills, sizes of positions."""
    for row in rows:
        if path.endswith("/orders"):
            order = exchange.order(GATE_FUTURES, uid, str(row["id"]))
            assert order is not None
            sign = 1 if order.side == "buy" else -1
            assert (row["size"], row["left"]) == (sign * order.quantity, sign * order.left), f"{row} of a {order.side}"
        elif path.endswith("/my_trades"):
            fill = _fill(exchange, uid, str(row["id"]))
            assert row["size"] == (fill.quantity if fill.side == "buy" else -fill.quantity), f"{row} of a {fill.side}"
        elif path.endswith("/positions"):
            assert row["size"] == exchange.position(uid, row["contract"].replace("_", "/")).contracts, f"{row}"


def amounts_are_of_their_coin(path: str, rows: list[Row], exchange: Exchange, uid: str) -> None:
    """Quantities are in base and values in quote, and price x quantity is the value."""
    for row in rows:
        fill = _fill(exchange, uid, str(row["id"]))
        if fill.venue == MEXC_SPOT:
            amounts = Decimal(row["qty"]), Decimal(row["quoteQty"])
        else:
            amounts = Decimal(row["amount"]), Decimal(row["amount"]) * Decimal(row["price"])
        assert amounts == (fill.quantity, fill.quantity * fill.price), f"{path}: {row} is {fill}"
        asset = row["commissionAsset"] if fill.venue == MEXC_SPOT else row["fee_currency"]
        received = "BTC" if fill.side == "buy" else "USDT"
        assert asset == (received if fill.venue == GATE_SPOT else "USDT"), f"{path}: fee of {row}"


def _fill(exchange: Exchange, uid: str, trade_id: str) -> UserTrade:
    (found,) = [fill for fill in exchange.account(uid).trades if fill.trade_id == trade_id]
    return found
