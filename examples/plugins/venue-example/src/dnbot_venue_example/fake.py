"""The fake of Example Exchange, for `dnbot fakes`: the wire alone, before the engine that keeps books and accounts.

Written from what the exchange is said to be, and not from the codecs: one mistake must not hide in both.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from dnbot.fakes import records
from dnbot.fakes.front import Asked, Client, JsonFront, Refusing
from dnbot.fakes.instruments import Instrument
from dnbot.fakes.records import RefusalKind
from dnbot.fakes.web import HttpRequest

LATE_MS_MAX, ORDERS_MAX, PAGE_ROWS, BOOK_ROWS = 5_000, 1_000, 100, 1_000
CODES = {
    RefusalKind.BALANCE: "BALANCE", RefusalKind.SYMBOL_CLOSED: "CLOSED", RefusalKind.PRICE_BAND: "PRICE",
    RefusalKind.NO_COUNTER: "PRICE", RefusalKind.ORDER_NOT_FOUND: "NO_ORDER", RefusalKind.ORDER_FINISHED: "ENDED",
}


def no(status: int, error: str, text: str = "") -> Refusing:
    return Refusing(status, {"on": "refused", "channel": "", "error": error, "text": text})


class Front(JsonFront):
    def answer(self, request: HttpRequest) -> Asked:
        try:
            if request.path == "/time":
                return Asked({"ms": self._now_ms()})
            if request.path.startswith("/markets/"):
                return Asked(self._market_row(*request.path.split("/")[2:]))
            return self._private(request, self._authenticated(request), dict(parse_qsl(request.query)))
        except (msgspec.MsgspecError, ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise no(400, "FORM", f"{type(error).__name__}: {error}") from None

    def _private(self, request: HttpRequest, uid: str, asked: dict[str, str]) -> Asked:
        venue, exchange = self.venue, self.exchange
        since = int(asked.get("since", "0"))
        match (request.method, *request.path.split("/")[1:]):
            case "GET", "account":
                return Asked({"id": uid, "may_trade": True}, uid)
            case "GET", "fees":
                rates = exchange.fee_rates(venue, uid)
                return Asked({"maker": f"{rates.maker:f}", "taker": f"{rates.taker:f}"}, uid)
            case "GET", "balances":
                held = exchange.balances(venue, uid).items()
                return Asked([_wallet(asset, one.total, one.locked) for asset, one in held], uid)
            case "GET", "orders":
                find = exchange.open_orders if asked.get("state") == "open" else exchange.orders
                found = find(venue, uid, self._market(asked["market"]).symbol)
                return Asked([_order(one) for one in found if one.create_ms >= since][-ORDERS_MAX:], uid)
            case "GET", "fills":
                fills = exchange.trades(venue, uid, self._market(asked["market"]).symbol)
                first = int(asked["page"]) * PAGE_ROWS
                return Asked([_fill(one) for one in fills if one.time_ms >= since][first : first + PAGE_ROWS], uid)
            case "GET", "orders", order_id:
                order = exchange.order(venue, uid, order_id)
                if order is None:
                    raise no(404, "NO_ORDER")
                return Asked(_order(order), uid)
            case "DELETE", "orders", order_id:
                return Asked(_done(exchange.cancel_order(venue, uid, order_id)), uid)
            case "POST", "orders":
                row = msgspec.json.decode(request.body, type=dict[str, Any])
                if self._now_ms() > int(row["expires"]):
                    raise no(400, "EXPIRED")
                wanted = records.OrderRequest(
                    self._market(row["market"]).symbol, row["side"], tif=row["life"], client_id=row["client_id"],
                    quantity=Decimal(row["quantity"]), price=Decimal(row["price"]),
                )
                return Asked(_done(exchange.place_order(venue, uid, wanted)), uid, wanted.client_id)
            case _:
                raise no(404, "FORM", "no such path")

    def _market_row(self, name: str, part: str = "") -> Any:
        one = self._market(name)
        if part == "book":
            book = self.exchange.depth(self.venue, one.symbol, BOOK_ROWS)
            bids, asks = ([[f"{price:f}", f"{size:f}"] for price, size in side] for side in (book.bids, book.asks))
            return {"first": book.book_id, "last": book.book_id, "at": book.time_ms, "bids": bids, "asks": asks}
        return {
            "tick": f"{one.price_tick:f}", "lot": f"{one.lot:f}", "quantity_min": f"{one.quantity_min:f}",
            "value_min": f"{one.notional_min:f}", "value_max": f"{one.notional_max:f}", "is_open": one.tradable,
        }

    def _authenticated(self, request: HttpRequest) -> str:
        key, at, sign = (request.header(name) or "" for name in ("ex-key", "ex-time", "ex-sign"))
        query = f"?{request.query}" if request.query else ""
        return self._who(key, at, f"{at}{request.method}{request.path}{query}{request.body.decode('latin-1')}", sign)

    def _who(self, key: str, at: str, text: str, sign: str) -> str:
        if (account := self.exchange.account_by_key(key)) is None:
            raise no(401, "KEY")
        if abs(int(at) - self._now_ms()) > LATE_MS_MAX:
            raise no(401, "TIME")
        wanted = hmac.digest(account.secret.encode(), text.encode("latin-1"), "sha256").hex()
        if not hmac.compare_digest(wanted.encode(), sign.encode()):
            raise no(401, "SIGNATURE")
        return account.uid

    def heard(self, client: Client, message: str | bytes) -> Any:
        try:
            frame = msgspec.json.decode(message, type=dict[str, Any])
            if frame["do"] == "ping":
                return {"on": "pong"}
            if frame["do"] == "login":
                at = str(frame["time"])
                client.uid = self._who(frame["key"], at, f"{at}login", frame["sign"])
                return {"on": "subscribed", "channel": "account"}
            client.channels.add((self._market(frame["market"]).symbol, frame["channel"]))
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise no(400, "FORM", f"{type(error).__name__}: {error}") from None
        return {"on": "subscribed", "channel": frame["channel"]}

    def book_frame(self, changes: Sequence[records.LevelChange]) -> Any:
        bids, asks = ([[f"{c.price:f}", f"{c.quantity:f}"] for c in changes if c.side == s] for s in ("buy", "sell"))
        ids = {"first": changes[0].book_id, "last": changes[-1].book_id}
        return {"on": "book", "at": self._now_ms(), "bids": bids, "asks": asks, **ids}

    def trade_frame(self, trade: records.PublicTrade) -> Any:
        price, quantity = f"{trade.price:f}", f"{trade.quantity:f}"
        return {"on": "trade", "at": trade.time_ms, "price": price, "quantity": quantity, "taker": trade.side}

    def private_frame(self, event: records.PrivateEvent) -> Any:
        match event:
            case records.OrderEvent():
                return {"on": "order", **_order(event.order)}
            case records.UserTrade():
                return {"on": "fill", **_fill(event)}
            case records.BalanceChange():
                return {"on": "balance", **_wallet(event.asset, event.total, event.locked)}
            case _:
                return None

    def _now_ms(self) -> int:
        return self.exchange.clock.ms(self.venue)

    def _market(self, name: str) -> Instrument:
        found = self.exchange.instrument(self.venue, name.replace("-", "/"))
        if found is None:
            raise no(404, "CLOSED", f"no market {name}")
        return found


def _wallet(asset: str, total: Decimal, locked: Decimal) -> dict[str, Any]:
    return {"asset": asset, "total": f"{total:f}", "free": f"{total - locked:f}"}


def _done(found: records.OrderState | records.Refusal) -> dict[str, Any]:
    if isinstance(found, records.Refusal):
        raise no(400, CODES.get(found.kind, "SIZE"), " ".join(found.detail.values()))
    return _order(found)


def _order(one: records.OrderState) -> dict[str, Any]:
    ended = "filled" if one.finish_as == "filled" else "cancelled"
    return {
        "id": one.order_id, "client_id": one.client_id, "market": one.symbol.replace("/", "-"), "side": one.side,
        "price": f"{one.price:f}", "quantity": f"{one.quantity:f}", "filled": f"{one.filled:f}",
        "state": "open" if one.is_open else ended, "at": one.update_ms,
    }


def _fill(one: records.UserTrade) -> dict[str, Any]:
    return {
        "id": one.trade_id, "order": one.order_id, "client_id": one.client_id, "market": one.symbol.replace("/", "-"),
        "side": one.side, "price": f"{one.price:f}", "quantity": f"{one.quantity:f}", "fee": f"{one.fee:f}",
        "coin": one.fee_asset, "is_maker": one.role == "maker", "at": one.time_ms,
    }
