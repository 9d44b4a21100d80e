"""Gate spot with a key: balances, orders, trades, and their stream.

Sources: Gate API v4 docs, "Spot", "Wallet" (fee, transfers), "Account" (detail); spot WebSocket docs (orders,
usertrades, balances, WebSocket API).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.order import Fill, OrderIntent, OrderReport
from dnbot.domain.transfer import Transfer
from dnbot.domain.units import plain
from dnbot.venues.gateio import countdown
from dnbot.venues.gateio.absent import WithoutFeeCoin, WithoutListenKey, WithoutPosition
from dnbot.venues.gateio.account import account_facts, account_requests
from dnbot.venues.gateio.envelope import PING_INTERVAL_S, Envelope, ping, subscription
from dnbot.venues.gateio.errors import trouble_of
from dnbot.venues.gateio.literals import Literal, given, id_of, readable
from dnbot.venues.gateio.order_socket import OrderSocket, socket_reply
from dnbot.venues.gateio.orders import KEPT_MS, accepted, check_text, limit_price, text_for
from dnbot.venues.gateio.rest import REST_PREFIX, SignedRest
from dnbot.venues.gateio.signing import channel_auth
from dnbot.venues.gateio.spot_public import WS_PATH
from dnbot.venues.gateio.spot_shapes import Holding, HoldingUpdate, Moved, Rates, Receipt, SpotFill, SpotOrder
from dnbot.venues.gateio.spot_words import balance_of, fees_of, fill_of, pushed_balance_of, report_of
from dnbot.venues.gateio.stream import Reader, ascii_pair, read_frame
from dnbot.venues.wire import (
    DAY_MS,
    AccountFacts,
    Balance,
    Capability,
    FillNews,
    Kept,
    OrderNews,
    PrivateMessage,
    Reply,
    Request,
    Signer,
    Trouble,
)

ORDERS_LIMIT = 100
TRADES_LIMIT = 1000
TRADES_WINDOW_S_MAX = 29 * DAY_MS // 1000
"""A query of trades may span 30 days; without `to` it would end 7 days after `from`."""

_holdings = msgspec.json.Decoder(list[Holding]).decode
_pushed = msgspec.json.Decoder(list[HoldingUpdate]).decode
_order = msgspec.json.Decoder(SpotOrder).decode
_orders = msgspec.json.Decoder(list[SpotOrder]).decode
_fills = msgspec.json.Decoder(list[SpotFill]).decode
_receipt = msgspec.json.Decoder(Receipt).decode
_moved = msgspec.json.Decoder(Moved).decode
_rates = msgspec.json.Decoder(Rates).decode


class GateSpotPrivate(WithoutFeeCoin, WithoutListenKey, WithoutPosition):
    """Private domain of one Gate spot pair."""

    venue: Venue = Venue.GATE_SPOT
    capabilities: Capability = Capability.ORDER_SOCKET | Capability.TRANSFER | Capability.COUNTDOWN
    kept: Kept = Kept(trades_ms=TRADES_WINDOW_S_MAX * 1000, finished_ms=KEPT_MS)
    ping_interval_s: float = PING_INTERVAL_S

    def __init__(
        self, symbol: Symbol, signer: Signer, *, rest_prefix: str = REST_PREFIX, ws_path: str = WS_PATH
    ) -> None:
        self.symbol = symbol
        self.pair = ascii_pair(symbol.base, symbol.quote)
        self._signer = signer
        self._rest = SignedRest(signer, rest_prefix)
        self._socket = OrderSocket("spot", signer)
        self._ws_path = ws_path
        self._readers: dict[str, Reader[PrivateMessage]] = {
            "spot.orders": self._read_orders,
            "spot.usertrades": self._read_fills,
            "spot.balances": self._read_balances,
        }

    def learn_instrument(self, instrument: Instrument) -> None:
        """Spot quantities are base units already; only the identity is checked."""
        if (instrument.venue, instrument.symbol) != (self.venue, self.symbol):
            raise InvariantBroken(f"{self.venue.value} {self.symbol} cannot learn {instrument}")

    # --- start
    def facts_requests(self, now_ms: int) -> tuple[Request, ...]:
        """Account detail and account mode."""
        return account_requests(self._rest, now_ms)

    def facts(self, replies: Sequence[Reply]) -> AccountFacts:
        """Account facts; refusals and unsupported modes are named in `problem`."""
        return account_facts(self.venue, self.pair, replies)

    def fees_requests(self, now_ms: int) -> tuple[Request, ...]:
        """This account's rates for the pair."""
        return (self._rest.get("/wallet/fee", now_ms, (("currency_pair", self.pair),)),)

    def fees(self, replies: Sequence[Reply]) -> FeeSchedule:
        """This account's rates."""
        (reply,) = replies
        with readable(self.venue, "fee rates", reply.body):
            return fees_of(_rates(reply.body))

    # --- account
    def balances_request(self, now_ms: int) -> Request:
        """All coins of the spot account."""
        return self._rest.get("/spot/accounts", now_ms)

    def balances(self, reply: Reply) -> tuple[Balance, ...]:
        """Every coin listed."""
        with readable(self.venue, "balances", reply.body):
            return tuple(balance_of(row) for row in _holdings(reply.body))

    def open_orders_request(self, now_ms: int) -> Request:
        """Open orders of the pair."""
        return self._orders_request(now_ms, (("status", "open"), ("page", 1), ("limit", ORDERS_LIMIT)))

    def finished_orders_request(self, now_ms: int, since_ms: int) -> Request:
        """Orders of the pair that ended since `since_ms`, at most 100."""
        since = ("from", since_ms // 1000)
        return self._orders_request(now_ms, (("status", "finished"), since, ("page", 1), ("limit", ORDERS_LIMIT)))

    def _orders_request(self, now_ms: int, query: tuple[tuple[str, str | int], ...]) -> Request:
        return self._rest.get("/spot/orders", now_ms, (("currency_pair", self.pair), *query))

    def orders(self, reply: Reply) -> tuple[OrderReport, ...]:
        """Orders of a list reply; those of other pairs are left out."""
        with readable(self.venue, "orders", reply.body):
            return tuple(report_of(row) for row in _orders(reply.body) if row.currency_pair == self.pair)

    def trades_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        """Our trades of the pair since `since_ms` (at most 29 days back)."""
        to_s = now_ms // 1000 + 1
        from_s = max(since_ms // 1000, to_s - TRADES_WINDOW_S_MAX)
        query = (
            ("currency_pair", self.pair), ("limit", TRADES_LIMIT), ("page", page + 1), ("from", from_s), ("to", to_s),
        )
        return self._rest.get("/spot/my_trades", now_ms, query)

    def trades(self, reply: Reply) -> tuple[Fill, ...]:
        """Our trades; those of other pairs are left out."""
        with readable(self.venue, "trades", reply.body):
            rows = _fills(reply.body)
            return tuple(fill_of(row, self.symbol) for row in rows if row.currency_pair in (None, self.pair))

    def trades_page_size(self) -> int:
        """A full page means: ask for the next."""
        return TRADES_LIMIT

    # --- orders
    def place_request(self, intent: OrderIntent, now_ms: int, expires_at_ms: int) -> Request:
        """Create a limit order."""
        return self._rest.create("/spot/orders", now_ms, self._body(intent), expires_at_ms)

    def placed(self, reply: Reply, intent: OrderIntent) -> OrderReport:
        """The create's answer; OPEN with nothing filled when it is an id alone."""
        with readable(self.venue, "created order", reply.body):
            receipt = _receipt(reply.body)
            check_text(receipt, intent)
            return self._own(reply.body) if given(receipt.left) else accepted(self.venue, receipt, intent)

    def order_request(self, venue_order_id: str, now_ms: int) -> Request:
        """One order."""
        return self._rest.get(f"/spot/orders/{venue_order_id}", now_ms, (("currency_pair", self.pair),))

    def order(self, reply: Reply) -> OrderReport:
        """One order, also as a cancel answers it."""
        with readable(self.venue, "order", reply.body):
            return self._own(reply.body)

    def cancel_request(self, venue_order_id: str, now_ms: int) -> Request:
        """Cancel one order."""
        return self._rest.cancel(f"/spot/orders/{venue_order_id}", now_ms, (("currency_pair", self.pair),))

    def _body(self, intent: OrderIntent) -> dict[str, object]:
        return {
            "text": text_for(intent.client_order_id),
            "currency_pair": self.pair,
            "type": "limit",
            "account": "spot",
            "side": intent.side.value,
            "amount": plain(intent.quantity),
            "price": limit_price(intent),
            "time_in_force": intent.time_in_force.value,
        }

    def _own(self, raw: bytes | Literal) -> OrderReport:
        order = _order(raw)
        if order.currency_pair != self.pair:
            raise ValueError(f"an order of {order.currency_pair}, not of {self.pair}")
        return report_of(order)

    # --- dead man's switch
    def countdown_request(self, timeout_s: int, now_ms: int) -> Request:
        """Of the pair alone."""
        body = {"timeout": timeout_s, "currency_pair": self.pair}
        return self._rest.post(f"/spot{countdown.PATH}", now_ms, body)

    def countdown_set(self, reply: Reply) -> int:
        """When it triggers."""
        return countdown.trigger_ms(self.venue, reply)

    # --- transfers
    def transfer_request(self, transfer: Transfer, now_ms: int) -> Request:
        """From the spot wallet to that of the perpetual; Gate takes no id of ours for it."""
        if (transfer.source, transfer.target) != (self.venue, Venue.GATE_FUTURES):
            raise InvariantBroken(f"no such way: {transfer}")
        return self._rest.post(
            "/wallet/transfers", now_ms,
            {
                "currency": transfer.asset, "from": "spot", "to": "futures", "amount": plain(transfer.amount),
                "settle": transfer.asset.lower(),
            },
        )

    def transferred(self, reply: Reply) -> str:
        """Gate's number of the transfer."""
        with readable(self.venue, "transfer", reply.body):
            return id_of(_moved(reply.body).tx_id)

    # --- stream
    def stream_target(self, listen_key: str) -> str:
        """Path of the WebSocket; Gate needs no listen key."""
        return self._ws_path

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        """None are needed."""
        return ()

    def subscribe_frames(self, now_s: int, user_id: str) -> tuple[str, ...]:
        """Orders, own trades, balances, each signed by itself; spot does not ask for the user id."""
        return (
            self._subscription("spot.orders", (self.pair,), now_s),
            self._subscription("spot.usertrades", (self.pair,), now_s),
            self._subscription("spot.balances", (), now_s),
        )

    def _subscription(self, channel: str, payload: Sequence[str], now_s: int) -> str:
        return subscription(channel, payload, now_s, channel_auth(self._signer, channel, "subscribe", now_s))

    def ping_frame(self, now_s: int) -> str:
        """The application's own ping."""
        return ping("spot", now_s)

    def decode(self, frame: str | bytes) -> tuple[PrivateMessage, ...]:
        """Words from one frame. Raises FrameUnreadable."""
        return read_frame(self.venue, frame, self._readers, self._read_reply)

    def _read_reply(self, envelope: Envelope) -> tuple[PrivateMessage, ...]:
        return (socket_reply(envelope, self._own),)

    def _read_orders(self, envelope: Envelope) -> tuple[PrivateMessage, ...]:
        rows = _orders(envelope.result)
        return tuple(OrderNews(report_of(row, envelope.at_ms)) for row in rows if row.currency_pair == self.pair)

    def _read_fills(self, envelope: Envelope) -> tuple[PrivateMessage, ...]:
        rows = _fills(envelope.result)
        ours = (row for row in rows if row.currency_pair in (None, self.pair))
        return tuple(FillNews(fill_of(row, self.symbol, envelope.at_ms)) for row in ours)

    def _read_balances(self, envelope: Envelope) -> tuple[PrivateMessage, ...]:
        return tuple(pushed_balance_of(row, envelope.at_ms) for row in _pushed(envelope.result))

    # --- order socket
    def socket_login_frame(self, now_s: int, request_id: str) -> str:
        """Log in for trading over the socket."""
        return self._socket.login(now_s, request_id)

    def socket_place_frame(self, intent: OrderIntent, now_s: int, request_id: str, expires_at_ms: int) -> str:
        """Create over the socket."""
        return self._socket.place(self._body(intent), now_s, request_id, expires_at_ms)

    def socket_cancel_frame(self, venue_order_id: str, now_s: int, request_id: str) -> str:
        """Cancel over the socket."""
        return self._socket.cancel({"order_id": venue_order_id, "currency_pair": self.pair}, now_s, request_id)

    def trouble(self, reply: Reply) -> Trouble | None:
        """None for a success; otherwise what kind of no."""
        return trouble_of(reply)
