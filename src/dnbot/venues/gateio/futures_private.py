"""Gate's USDT perpetual with a key: wallet, position, account book, orders, trades, and their stream.

Sources: Gate API v4 docs, "Futures", "Account" (detail); futures WebSocket docs (orders, usertrades, positions,
balances, WebSocket API).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from dnbot.domain.errors import FrameUnreadable, InvariantBroken
from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.order import Fill, OrderIntent, OrderReport, Side
from dnbot.domain.position import AccountRow
from dnbot.venues.gateio import countdown
from dnbot.venues.gateio.absent import WithoutFeeCoin, WithoutListenKey, WithoutTransfer
from dnbot.venues.gateio.account import account_facts, account_requests
from dnbot.venues.gateio.envelope import PING_INTERVAL_S, Envelope, ping, subscription
from dnbot.venues.gateio.errors import POSITION_NOT_FOUND, trouble_of
from dnbot.venues.gateio.futures_public import WS_PATH, contract_name
from dnbot.venues.gateio.futures_shapes import (
    ContractRates,
    FuturesFill,
    FuturesOrder,
    FuturesResult,
    Position,
    Wallet,
    WalletRow,
    WalletUpdate,
)
from dnbot.venues.gateio.futures_words import account_row_of, fees_of, fill_of, no_position, position_of, report_of
from dnbot.venues.gateio.literals import Literal, given, readable
from dnbot.venues.gateio.order_socket import OrderSocket, socket_reply
from dnbot.venues.gateio.orders import KEPT_MS, accepted, check_text, limit_price, text_for
from dnbot.venues.gateio.rest import REST_PREFIX, SIZE_DECIMAL, SignedRest
from dnbot.venues.gateio.signing import channel_auth
from dnbot.venues.gateio.spot_shapes import Receipt
from dnbot.venues.gateio.stream import Reader, read_frame
from dnbot.venues.gateio.wallet import WalletView
from dnbot.venues.wire import (
    AccountFacts,
    Balance,
    Capability,
    FillNews,
    Kept,
    OrderNews,
    PositionReport,
    PrivateMessage,
    Refused,
    Reply,
    Request,
    Signer,
    Trouble,
)

OPEN_ORDERS_LIMIT = 100
PAGE_LIMIT = 1000
"""The documented maximum of the futures lists."""

NOTHING_LEFT = msgspec.Raw(b"0")

_wallet = msgspec.json.Decoder(Wallet).decode
_wallet_updates = msgspec.json.Decoder(list[WalletUpdate]).decode
_position = msgspec.json.Decoder(Position).decode
_positions = msgspec.json.Decoder(list[Position]).decode
_order = msgspec.json.Decoder(FuturesOrder).decode
_orders = msgspec.json.Decoder(list[FuturesOrder]).decode
_result = msgspec.json.Decoder(FuturesResult).decode
_fills = msgspec.json.Decoder(list[FuturesFill]).decode
_rows = msgspec.json.Decoder(list[WalletRow]).decode
_receipt = msgspec.json.Decoder(Receipt).decode
_rates = msgspec.json.Decoder(dict[str, ContractRates]).decode


class GateFuturesPrivate(WithoutFeeCoin, WithoutListenKey, WithoutTransfer):
    """Private domain of one Gate USDT perpetual."""

    venue: Venue = Venue.GATE_FUTURES
    capabilities: Capability = Capability.POSITION | Capability.ORDER_SOCKET | Capability.COUNTDOWN
    kept: Kept = Kept(trades_ms=KEPT_MS, finished_ms=KEPT_MS)
    ping_interval_s: float = PING_INTERVAL_S

    def __init__(
        self, symbol: Symbol, signer: Signer, *, rest_prefix: str = REST_PREFIX, ws_path: str = WS_PATH
    ) -> None:
        self.symbol = symbol
        self.contract = contract_name(symbol)
        self._signer = signer
        self._rest = SignedRest(signer, rest_prefix, SIZE_DECIMAL)
        self._socket = OrderSocket("futures", signer)
        self._ws_path = ws_path
        self._instrument: Instrument | None = None
        self._wallet = WalletView(symbol.quote)
        self._readers: dict[str, Reader[PrivateMessage]] = {
            "futures.orders": self._read_orders,
            "futures.usertrades": self._read_fills,
            "futures.positions": self._read_positions,
            "futures.balances": self._read_balances,
        }

    def learn_instrument(self, instrument: Instrument) -> None:
        """Learn the multiplier; required before anything that is counted in contracts."""
        if (instrument.venue, instrument.symbol) != (self.venue, self.symbol):
            raise InvariantBroken(f"{self.venue.value} {self.symbol} cannot learn {instrument}")
        self._instrument = instrument

    def _learned(self) -> Instrument:
        if self._instrument is None:
            raise InvariantBroken(f"{self.contract}: learn the instrument before any order, trade or position")
        return self._instrument

    @property
    def _multiplier(self) -> Decimal:
        return self._learned().multiplier

    # --- start
    def facts_requests(self, now_ms: int) -> tuple[Request, ...]:
        """Account detail, account mode, and the wallet with its position mode."""
        return (*account_requests(self._rest, now_ms), self.balances_request(now_ms))

    def facts(self, replies: Sequence[Reply]) -> AccountFacts:
        """Account facts; refusals and unsupported modes are named in `problem`."""
        return account_facts(self.venue, None, replies)

    def fees_requests(self, now_ms: int) -> tuple[Request, ...]:
        """This account's rates; the rates inside a contract's description are placeholders."""
        return (self._rest.get("/futures/usdt/fee", now_ms, (("contract", self.contract),)),)

    def fees(self, replies: Sequence[Reply]) -> FeeSchedule:
        """This account's rates."""
        (reply,) = replies
        with readable(self.venue, "fee rates", reply.body):
            rates = _rates(reply.body)
            if self.contract not in rates:
                raise ValueError(f"no rates for {self.contract}")
            return fees_of(rates[self.contract])

    # --- account
    def balances_request(self, now_ms: int) -> Request:
        """The futures wallet."""
        return self._rest.get("/futures/usdt/accounts", now_ms)

    def balances(self, reply: Reply) -> tuple[Balance, ...]:
        """The wallet's total and what is free of margin."""
        with readable(self.venue, "futures wallet", reply.body):
            return (self._wallet.read(_wallet(reply.body)),)

    def position_request(self, now_ms: int) -> Request:
        """The position of the contract."""
        return self._rest.get(f"/futures/usdt/positions/{self.contract}", now_ms)

    def position(self, reply: Reply) -> PositionReport:
        """The position; a contract that was never touched is zero."""
        refusal = trouble_of(reply)
        if isinstance(refusal, Refused) and refusal.code == POSITION_NOT_FOUND:
            return no_position()
        with readable(self.venue, "position", reply.body):
            row = _position(reply.body)
            if row.contract != self.contract:
                raise ValueError(f"a position in {row.contract}, not in {self.contract}")
            return position_of(row, self._multiplier)

    def account_rows_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        """The account book; without a contract filter, which would hide transfers."""
        return self._rest.get("/futures/usdt/account_book", now_ms, self._window(now_ms, since_ms, page))

    def account_rows(self, reply: Reply) -> tuple[AccountRow, ...]:
        """Rows of the account book."""
        with readable(self.venue, "account book", reply.body):
            return tuple(account_row_of(row, self.symbol.quote) for row in _rows(reply.body))

    def leverage_requests(self, now_ms: int, leverage: int, margin_mode: str) -> tuple[Request, ...]:
        """Set leverage and margin mode in one: a leverage of 0 means cross, with its limit beside it."""
        if leverage < 1 or margin_mode not in ("cross", "isolated"):
            raise InvariantBroken(f"leverage {leverage}, margin mode {margin_mode!r}")
        cross: tuple[tuple[str, str | int], ...] = (("leverage", 0), ("cross_leverage_limit", leverage))
        query = cross if margin_mode == "cross" else (("leverage", leverage),)
        return (self._rest.post_query(f"/futures/usdt/positions/{self.contract}/leverage", now_ms, query),)

    def open_orders_request(self, now_ms: int) -> Request:
        """Open orders of the contract."""
        query = (("contract", self.contract), ("status", "open"), ("limit", OPEN_ORDERS_LIMIT))
        return self._rest.get("/futures/usdt/orders", now_ms, query)

    def finished_orders_request(self, now_ms: int, since_ms: int) -> Request:
        """Orders of the contract since `since_ms`, at most 1000; unfilled ones vanish 10 minutes after their end."""
        query = (("contract", self.contract), *self._window(now_ms, since_ms, 0))
        return self._rest.get("/futures/usdt/orders_timerange", now_ms, query)

    def orders(self, reply: Reply) -> tuple[OrderReport, ...]:
        """Orders of a list reply; those of other contracts are left out."""
        with readable(self.venue, "orders", reply.body):
            return self._reports(_orders(reply.body), 0)

    def trades_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        """Our trades of the contract since `since_ms`."""
        query = (("contract", self.contract), *self._window(now_ms, since_ms, page))
        return self._rest.get("/futures/usdt/my_trades_timerange", now_ms, query)

    def trades(self, reply: Reply) -> tuple[Fill, ...]:
        """Our trades in base units; those of other contracts are left out."""
        with readable(self.venue, "trades", reply.body):
            return self._fills_of(_fills(reply.body), 0)

    def trades_page_size(self) -> int:
        """A full page means: ask for the next."""
        return PAGE_LIMIT

    def _window(self, now_ms: int, since_ms: int, page: int) -> tuple[tuple[str, str | int], ...]:
        return (
            ("from", since_ms // 1000),
            ("to", now_ms // 1000 + 1),
            ("limit", PAGE_LIMIT),
            ("offset", page * PAGE_LIMIT),
        )

    # --- dead man's switch
    def countdown_request(self, timeout_s: int, now_ms: int) -> Request:
        """Of the contract alone."""
        body = {"timeout": timeout_s, "contract": self.contract}
        return self._rest.post(f"/futures/usdt{countdown.PATH}", now_ms, body)

    def countdown_set(self, reply: Reply) -> int:
        """When it triggers."""
        return countdown.trigger_ms(self.venue, reply)

    # --- orders
    def place_request(self, intent: OrderIntent, now_ms: int, expires_at_ms: int) -> Request:
        """Create a limit order of whole contracts."""
        return self._rest.create("/futures/usdt/orders", now_ms, self._body(intent), expires_at_ms)

    def placed(self, reply: Reply, intent: OrderIntent) -> OrderReport:
        """The create's answer; OPEN with nothing filled when it is an id alone."""
        with readable(self.venue, "created order", reply.body):
            receipt = _receipt(reply.body)
            check_text(receipt, intent)
            return self._own(reply.body) if given(receipt.left) else accepted(self.venue, receipt, intent)

    def order_request(self, venue_order_id: str, now_ms: int) -> Request:
        """One order."""
        return self._rest.get(f"/futures/usdt/orders/{venue_order_id}", now_ms)

    def order(self, reply: Reply) -> OrderReport:
        """One order, also as a cancel answers it."""
        with readable(self.venue, "order", reply.body):
            return self._own(reply.body)

    def cancel_request(self, venue_order_id: str, now_ms: int) -> Request:
        """Cancel one order."""
        return self._rest.cancel(f"/futures/usdt/orders/{venue_order_id}", now_ms)

    def _body(self, intent: OrderIntent) -> dict[str, object]:
        contracts = self._learned().to_contracts(intent.quantity)
        if contracts <= 0 or contracts != contracts.to_integral_value():
            raise InvariantBroken(f"{intent.client_order_id}: {contracts} contracts cannot be ordered")
        return {
            "text": text_for(intent.client_order_id),
            "contract": self.contract,
            "size": int(contracts) if intent.side is Side.BUY else -int(contracts),
            "price": limit_price(intent),
            "tif": intent.time_in_force.value,
            "reduce_only": intent.reduce_only,
        }

    def _own(self, raw: bytes | Literal) -> OrderReport:
        return self._own_report(_order(raw))

    def _own_report(self, order: FuturesOrder) -> OrderReport:
        if order.contract != self.contract:
            raise ValueError(f"an order of {order.contract}, not of {self.contract}")
        report = report_of(order, self._multiplier)
        if report is None:
            raise ValueError("an order of size 0")
        return report

    def _reports(self, rows: Sequence[FuturesOrder], at_ms: int) -> tuple[OrderReport, ...]:
        ours = (report_of(row, self._multiplier, at_ms) for row in rows if row.contract == self.contract)
        return tuple(report for report in ours if report is not None)

    def _fills_of(self, rows: Sequence[FuturesFill], at_ms: int) -> tuple[Fill, ...]:
        ours = (row for row in rows if row.contract == self.contract)
        return tuple(fill_of(row, self.symbol, self._multiplier, at_ms) for row in ours)

    # --- stream
    def stream_target(self, listen_key: str) -> str:
        """Path of the WebSocket; Gate needs no listen key."""
        return self._ws_path

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        """Sizes as exact strings."""
        return SIZE_DECIMAL

    def subscribe_frames(self, now_s: int, user_id: str) -> tuple[str, ...]:
        """Orders, own trades, position, wallet, each signed by itself. A wrong user id would be silent for ever."""
        if not user_id.isdecimal():
            raise FrameUnreadable(self.venue.value, "no numeric user id, which futures channels need", user_id)
        ours = (user_id, self.contract)
        return (
            self._subscription("futures.orders", ours, now_s),
            self._subscription("futures.usertrades", ours, now_s),
            self._subscription("futures.positions", ours, now_s),
            self._subscription("futures.balances", (user_id,), now_s),
        )

    def _subscription(self, channel: str, payload: Sequence[str], now_s: int) -> str:
        return subscription(channel, payload, now_s, channel_auth(self._signer, channel, "subscribe", now_s))

    def ping_frame(self, now_s: int) -> str:
        """The application's own ping."""
        return ping("futures", now_s)

    def decode(self, frame: str | bytes) -> tuple[PrivateMessage, ...]:
        """Words from one frame. Raises FrameUnreadable."""
        return read_frame(self.venue, frame, self._readers, self._read_reply)

    def _read_reply(self, envelope: Envelope) -> tuple[PrivateMessage, ...]:
        return (socket_reply(envelope, self._own_result),)

    def _own_result(self, raw: Literal) -> OrderReport:
        order = _result(raw)
        if not given(order.left):
            if (order.status, order.finish_as) != ("finished", "filled"):
                raise ValueError(f"no `left` in an order that is {order.status} {order.finish_as}")
            order.left = NOTHING_LEFT
        return self._own_report(order)

    def _read_orders(self, envelope: Envelope) -> tuple[PrivateMessage, ...]:
        return tuple(OrderNews(report) for report in self._reports(_orders(envelope.result), envelope.at_ms))

    def _read_fills(self, envelope: Envelope) -> tuple[PrivateMessage, ...]:
        return tuple(FillNews(fill) for fill in self._fills_of(_fills(envelope.result), envelope.at_ms))

    def _read_positions(self, envelope: Envelope) -> tuple[PrivateMessage, ...]:
        ours = (row for row in _positions(envelope.result) if row.contract == self.contract)
        return tuple(position_of(row, self._multiplier, envelope.at_ms) for row in ours)

    def _read_balances(self, envelope: Envelope) -> tuple[PrivateMessage, ...]:
        told = (self._wallet.pushed(row, envelope.at_ms) for row in _wallet_updates(envelope.result))
        return tuple(balance for balance in told if balance is not None)

    # --- order socket
    def socket_login_frame(self, now_s: int, request_id: str) -> str:
        """Log in for trading over the socket."""
        return self._socket.login(now_s, request_id)

    def socket_place_frame(self, intent: OrderIntent, now_s: int, request_id: str, expires_at_ms: int) -> str:
        """Create over the socket."""
        return self._socket.place(self._body(intent), now_s, request_id, expires_at_ms)

    def socket_cancel_frame(self, venue_order_id: str, now_s: int, request_id: str) -> str:
        """Cancel over the socket."""
        return self._socket.cancel({"order_id": venue_order_id}, now_s, request_id)

    def trouble(self, reply: Reply) -> Trouble | None:
        """None for a success, and for the answer that a contract has no position yet: `position` reads it as zero."""
        trouble = trouble_of(reply)
        if isinstance(trouble, Refused) and trouble.code == POSITION_NOT_FOUND:
            return None
        return trouble
