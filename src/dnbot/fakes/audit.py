"""The venue's own truth about one account, for checkers: what it had, did, paid, was paid, and asked for."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

from .exchange import Exchange
from .records import GATE_FUTURES, VENUES, ZERO, LedgerRow, OrderState, UserTrade, Venue
from .requests import RequestLog

Opening = dict[Venue, dict[str, Decimal]]


def audit(exchange: Exchange, requests: RequestLog, uid: str, opening_this_start: dict[str, Any]) -> dict[str, Any]:
    """Everything the exchange knows about an account; money is decimal text, times are venue milliseconds."""
    account = exchange.account(uid)
    opening: dict[str, dict[str, str]] = {venue: {} for venue in VENUES}
    for (venue, asset), amount in account.opening.items():
        opening[venue][asset] = text(amount)
    return {
        "uid": uid,
        "time": exchange.clock.ms(),
        "opening": opening,
        "opening_this_start": opening_this_start,
        "balances": balances(exchange, uid),
        "locked": {v: {a: text(b.locked) for a, b in exchange.balances(v, uid).items()} for v in VENUES},
        "positions": positions(exchange, uid, account.opening_positions),
        "fills": [_fill(fill) for fill in account.trades],
        "fees": _fees(account.trades),
        "funding": [_row(row) for row in account.ledger if row.kind == "fund"],
        "transfers": [
            {
                "id": moved.transfer_id,
                "asset": moved.asset,
                "from": moved.source,
                "to": moved.target,
                "amount": moved.amount,
                "time_ms": moved.time_ms,
            }
            for moved in exchange.state.transfers
            if moved.uid == uid
        ],
        "ledger": [_row(row) for row in account.ledger],
        "orders": [_order(order) for venue in VENUES for order in exchange.orders(venue, uid)],
        "open_orders": [_order(order) for venue in VENUES for order in exchange.open_orders(venue, uid)],
        "requests": _requests(requests, uid),
        "round_trips": {venue: round_trips(exchange.trades(venue, uid)) for venue in VENUES},
    }


def balances(exchange: Exchange, uid: str) -> dict[str, dict[str, str]]:
    """Totals by venue and asset."""
    return {venue: {a: text(b.total) for a, b in exchange.balances(venue, uid).items()} for venue in VENUES}


def positions(exchange: Exchange, uid: str, opening: dict[str, Decimal]) -> dict[str, dict[str, str]]:
    """Perp positions by contract name."""
    found = {}
    for symbol, position in exchange.account(uid).positions.items():
        instrument = exchange.instrument(GATE_FUTURES, symbol)
        name = instrument.name if instrument is not None else symbol
        found[name] = {
            "size": text(position.contracts),
            "size_opening": text(opening.get(symbol, ZERO)),
            "multiplier": text(position.multiplier),
            "cost": text(position.cost),
            "entry_price": text(position.entry_price),
            "unrealised_pnl": text(position.unrealised_pnl(exchange.mark(symbol).mark)),
        }
    return found


def round_trips(fills: list[UserTrade]) -> int:
    """How many orders of one account on one venue were opened and wholly closed again.

    Per symbol, first in, first out: fills of one side build a queue of orders; fills of the other side consume it from
    the front. An order whose whole filled quantity has been consumed counts one round trip. What is left of a closing
    fill when the queue is empty opens the other way.
    """
    queues: dict[str, deque[list[Any]]] = {}
    done = 0
    for fill in fills:
        queue = queues.setdefault(fill.symbol, deque())
        left = fill.quantity
        while left and queue and queue[0][0] != fill.side:
            consumed = min(left, queue[0][2])
            queue[0][2] -= consumed
            left -= consumed
            if not queue[0][2]:
                queue.popleft()
                done += 1
        if left and queue and queue[-1][1] == fill.order_id:
            queue[-1][2] += left
        elif left:
            queue.append([fill.side, fill.order_id, left])
    return done


def text(value: Decimal) -> str:
    """A decimal as plain digits, never in exponent form."""
    return f"{value:f}"


def _fees(fills: list[UserTrade]) -> dict[str, dict[str, str]]:
    sums: dict[str, dict[str, Decimal]] = {venue: {} for venue in VENUES}
    for fill in fills:
        paid = sums[fill.venue]
        paid[fill.fee_asset] = paid.get(fill.fee_asset, ZERO) + fill.fee
    return {venue: {asset: text(amount) for asset, amount in paid.items()} for venue, paid in sums.items()}


def _fill(fill: UserTrade) -> dict[str, Any]:
    return {
        "venue": fill.venue,
        "symbol": fill.symbol,
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "client_id": fill.client_id,
        "side": fill.side,
        "price": text(fill.price),
        "quantity": text(fill.quantity),
        "quote": text(fill.quote),
        "fee": text(fill.fee),
        "fee_asset": fill.fee_asset,
        "time_ms": fill.time_ms,
        "role": fill.role,
    }


def _row(row: LedgerRow) -> dict[str, Any]:
    return {
        "id": row.row_id,
        "time_ms": row.time_ms,
        "venue": row.venue,
        "asset": row.asset,
        "change": text(row.change),
        "balance": text(row.balance),
        "type": row.kind,
        "symbol": row.symbol,
        "order_id": row.order_id,
        "trade_id": row.trade_id,
    }


def _order(order: OrderState) -> dict[str, Any]:
    return {
        "venue": order.venue,
        "symbol": order.symbol,
        "order_id": order.order_id,
        "client_id": order.client_id,
        "side": order.side,
        "kind": order.kind,
        "tif": order.tif,
        "price": text(order.price),
        "quantity": text(order.quantity),
        "quote_amount": None if order.quote_amount is None else text(order.quote_amount),
        "filled": text(order.filled),
        "filled_quote": text(order.filled_quote),
        "reduce_only": order.reduce_only,
        "status": order.status,
        "finish_as": order.finish_as,
        "create_ms": order.create_ms,
        "update_ms": order.update_ms,
    }


def _requests(log: RequestLog, uid: str) -> dict[str, Any]:
    tail = [
        {
            "time_ms": note.time_ms,
            "venue": note.venue,
            "method": note.method,
            "path": note.path,
            "client_id": note.client_id,
            "status": note.status,
        }
        for note in log.tail
        if note.uid in (uid, "")
    ]
    return {"counters": dict(log.counters), "tail": tail}
