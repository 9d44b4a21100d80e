"""The private domain: account, orders, fills. A request is signed over its time, method, target and body."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from dnbot.domain.errors import FrameUnreadable, VenueError
from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol
from dnbot.domain.order import Fill, OrderIntent, OrderReport
from dnbot.domain.units import plain
from dnbot.venues import wire
from dnbot.venues.plugin import VENUE, Number, read
from dnbot.venues.wire import Request
from dnbot_venue_example import words

ORDERS_MAX, PAGE_ROWS = 1_000, 100


class Account(msgspec.Struct):
    id: str
    may_trade: bool


class Fees(msgspec.Struct):
    maker: Number
    taker: Number


class ExamplePrivate:
    venue, ping_interval_s = VENUE, words.PING_S
    trouble = staticmethod(words.trouble)

    def __init__(self, symbol: Symbol, signer: wire.Signer) -> None:
        self.symbol, self.market, self._signer = symbol, words.market_of(symbol), signer

    def learn_instrument(self, instrument: Instrument) -> None:
        """Its numbers are base units already."""

    def facts_requests(self, now_ms: int) -> tuple[Request, ...]:
        return (self._get("/account", now_ms),)

    def facts(self, replies: Sequence[wire.Reply]) -> wire.AccountFacts:
        told = words.trouble(replies[0])
        if isinstance(told, wire.Refused):  # the account's problem; without an answer nothing is known of it
            return wire.AccountFacts(venue=VENUE, user_id="", mode="unknown", problem=f"{told.code}: {told.text}")
        if told is not None:
            raise VenueError(VENUE.value, told.text)
        row = read(replies[0].body, Account)
        no = None if row.may_trade else "this key may not trade"
        return wire.AccountFacts(venue=VENUE, user_id=row.id, mode="spot", problem=no)

    def fees_requests(self, now_ms: int) -> tuple[Request, ...]:
        return (self._get("/fees", now_ms),)

    def fees(self, replies: Sequence[wire.Reply]) -> FeeSchedule:
        row = read(replies[0].body, Fees)
        return FeeSchedule(venue=VENUE, maker=Decimal(row.maker), taker=Decimal(row.taker))

    def balances_request(self, now_ms: int) -> Request:
        return self._get("/balances", now_ms)

    def balances(self, reply: wire.Reply) -> tuple[wire.Balance, ...]:
        return tuple(map(words.balance_of, read(reply.body, list[words.Wallet])))

    def open_orders_request(self, now_ms: int) -> Request:
        return self._get(f"/orders?market={self.market}&state=open", now_ms)

    def finished_orders_request(self, now_ms: int, since_ms: int) -> Request:
        return self._get(f"/orders?market={self.market}&since={since_ms}", now_ms)

    def orders(self, reply: wire.Reply) -> tuple[OrderReport, ...]:
        rows = read(reply.body, list[words.Order])
        if len(rows) >= ORDERS_MAX:  # as long as lists are made: more may exist
            raise VenueError(VENUE.value, f"a list of {len(rows)} orders is cut")
        return tuple(words.report_of(self._own(row)) for row in rows)

    def trades_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        return self._get(f"/fills?market={self.market}&since={since_ms}&page={page}", now_ms)

    def trades(self, reply: wire.Reply) -> tuple[Fill, ...]:
        return tuple(words.fill_of(self._own(row), self.symbol) for row in read(reply.body, list[words.Trade]))

    def trades_page_size(self) -> int:
        return PAGE_ROWS

    def place_request(self, intent: OrderIntent, now_ms: int, expires_at_ms: int) -> Request:
        body = msgspec.json.encode({
            "market": self.market, "side": intent.side.value, "price": plain(intent.price),
            "quantity": plain(intent.quantity), "life": intent.time_in_force.value,
            "client_id": intent.client_order_id, "expires": expires_at_ms,
        })  # fmt: skip
        return self._signed("POST", "/orders", now_ms, wire.RequestClass.CREATE, body)

    def placed(self, reply: wire.Reply, intent: OrderIntent) -> OrderReport:
        return self.order(reply)

    def order_request(self, venue_order_id: str, now_ms: int) -> Request:
        return self._get(f"/orders/{venue_order_id}", now_ms)

    def order(self, reply: wire.Reply) -> OrderReport:
        return words.report_of(self._own(read(reply.body, words.Order)))

    def cancel_request(self, venue_order_id: str, now_ms: int) -> Request:
        return self._signed("DELETE", f"/orders/{venue_order_id}", now_ms, wire.RequestClass.CANCEL)

    def stream_target(self, listen_key: str) -> str:
        return "/stream"

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        return ()

    def subscribe_frames(self, now_s: int, user_id: str) -> tuple[str, ...]:
        time_ms = now_s * 1_000
        frame = {"do": "login", "key": self._signer.key_id, "time": time_ms, "sign": self._sign(f"{time_ms}login")}
        return (msgspec.json.encode(frame).decode(),)

    def ping_frame(self, now_s: int) -> str:
        return words.PING

    def decode(self, frame: str | bytes) -> tuple[wire.PrivateMessage, ...]:
        head = read(frame, words.Frame)
        match head.on:  # rows come of every market of the account
            case "order":
                order = read(frame, words.Order)
                return (wire.OrderNews(words.report_of(order)),) if order.market == self.market else ()
            case "fill":
                fill = read(frame, words.Trade)
                return (wire.FillNews(words.fill_of(fill, self.symbol)),) if fill.market == self.market else ()
            case "balance":
                return (words.balance_of(read(frame, words.Wallet)),)
            case _:
                return (words.control(head),)

    def _own(self, row: words.T) -> words.T:
        if row.market != self.market:
            raise FrameUnreadable(VENUE.value, "a row of another market", row.market)
        return row

    def _get(self, target: str, now_ms: int) -> Request:
        return self._signed("GET", target, now_ms, wire.RequestClass.READ)

    def _signed(self, method: str, target: str, at_ms: int, spends: wire.RequestClass, body: bytes = b"") -> Request:
        sign = self._sign(f"{at_ms}{method}{target}{body.decode()}")
        headers = (("EX-KEY", self._signer.key_id), ("EX-TIME", str(at_ms)), ("EX-SIGN", sign))
        return Request(method=method, target=target, headers=headers, body=body, budget=spends)

    def _sign(self, text: str) -> str:
        return self._signer.hmac_hex("sha256", text.encode())
