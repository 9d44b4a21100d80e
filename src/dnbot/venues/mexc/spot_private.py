"""Private domain of MEXC spot: account, orders, trades, fees, and the stream behind its listen key.

Source: MEXC spot v3 docs, Spot Account and Trade, Wallet, Websocket User Data Streams.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from dnbot.domain.errors import VenueError
from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol
from dnbot.domain.order import Fill, OrderIntent, OrderReport, OrderStatus, Side, TimeInForce
from dnbot.domain.units import ZERO, Price, Quantity, plain
from dnbot.venues.mexc import private_stream, shapes
from dnbot.venues.mexc.absent import WithoutCountdown, WithoutOrderSocket, WithoutPosition, WithoutTransfer
from dnbot.venues.mexc.account_facts import ACCOUNT_PATH, FACT_READS, account_facts
from dnbot.venues.mexc.control import PING_FRAME, PING_INTERVAL_S, STREAM_PATH, Subscriptions
from dnbot.venues.mexc.errors import trouble
from dnbot.venues.mexc.fee_coin import MxFees
from dnbot.venues.mexc.protobuf import decode_push
from dnbot.venues.mexc.shapes import VENUE, amount, read, side_of, symbol_name, unreadable
from dnbot.venues.mexc.signing import Parameters, encode_query, receive_window_ms, signed_request
from dnbot.venues.mexc.trades_paging import AGE_MS_MAX, PAGE_SIZE, TradesPaging
from dnbot.venues.wire import (
    DAY_MS,
    AccountFacts,
    Balance,
    Capability,
    Kept,
    PrivateMessage,
    Reply,
    Request,
    RequestClass,
    Signer,
    SubscriptionRefused,
    Trouble,
)

ORDER_PATH: Final = "/api/v3/order"
LISTEN_KEY_PATH: Final = "/api/v3/userDataStream"
ORDER_TYPES: Final = {
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.GTC: "LIMIT",
    TimeInForce.FOK: "FILL_OR_KILL",
    TimeInForce.POST_ONLY: "LIMIT_MAKER",
}
"""The venue has no timeInForce: how long an order lives is part of its type."""
CLIENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}\Z", re.ASCII)
ORDERS_LISTED_MAX: Final = 1000
FINISHED_AGE_MS_MAX: Final = 7 * DAY_MS - 60_000
"""allOrders looks back seven days; a minute is kept for the journey and the clocks."""
TIME_ROUNDING_MS: Final = 1_000
"""The venue rounds the times of finished orders to a second."""
LISTEN_KEY_REFUSAL: Final = "Invalid listen key"


class MexcSpotPrivate(MxFees, WithoutPosition, WithoutOrderSocket, WithoutTransfer, WithoutCountdown):
    """Private codec of one symbol. Its only state is where the last page of trades began."""

    venue = VENUE
    capabilities = Capability.LISTEN_KEY
    kept = Kept(trades_ms=AGE_MS_MAX, finished_ms=FINISHED_AGE_MS_MAX)
    ping_interval_s = PING_INTERVAL_S

    def __init__(self, symbol: Symbol, signer: Signer) -> None:
        self.symbol = symbol
        self._name = symbol_name(symbol)
        self._signer = signer
        self._subscriptions = Subscriptions(private_stream.CHANNELS)
        self._paging = TradesPaging()

    def learn_instrument(self, instrument: Instrument) -> None:
        """Checks that it is ours; a spot order needs nothing else of it. Raises ValueError."""
        if (instrument.venue, instrument.symbol) != (VENUE, self.symbol):
            raise ValueError(f"{instrument.venue.value} {instrument.symbol} is not {VENUE.value} {self.symbol}")

    # start
    def facts_requests(self, now_ms: int) -> tuple[Request, ...]:
        """The account, the symbols that this key may trade, the identity check, the user id."""
        return tuple(self._read(path, (), now_ms, weight=weight) for path, weight in FACT_READS)

    def facts(self, replies: Sequence[Reply]) -> AccountFacts:
        """Account facts (see `account_facts`). Raises VenueError without a definitive answer, and FrameUnreadable."""
        return account_facts(self.symbol, replies)

    def fees_requests(self, now_ms: int) -> tuple[Request, ...]:
        """This account's rates for the symbol."""
        return (self._read("/api/v3/tradeFee", self._symbol_parameter(), now_ms, weight=20),)

    def fees(self, replies: Sequence[Reply]) -> FeeSchedule:
        """This account's rates, fractions. The coin of each fee is told by each trade. Raises FrameUnreadable."""
        (reply,) = replies
        rates = read(reply.body, shapes.TradeFee).data
        for rate in (rates.maker_commission, rates.taker_commission):
            if not rate.is_finite() or abs(rate) >= 1:
                raise unreadable(f"{rate} is no fee rate", reply.body)
        return FeeSchedule(venue=VENUE, maker=rates.maker_commission, taker=rates.taker_commission)

    # account
    def balances_request(self, now_ms: int) -> Request:
        """GET /api/v3/account"""
        return self._read(ACCOUNT_PATH, (), now_ms, weight=10)

    def balances(self, reply: Reply) -> tuple[Balance, ...]:
        """Every asset that the venue lists: free plus locked. Raises FrameUnreadable."""
        return tuple(shapes.balance(row, reply.body) for row in read(reply.body, shapes.Account).balances)

    def open_orders_request(self, now_ms: int) -> Request:
        """All open orders of the symbol; the venue does not page them and allows 500."""
        return self._read("/api/v3/openOrders", self._symbol_parameter(), now_ms, weight=3)

    def finished_orders_request(self, now_ms: int, since_ms: int) -> Request:
        """Orders of the symbol since `since_ms`, by creation, whatever their status.

        Raises:
            VenueError: further back than the seven days that the venue lists: the answer could not be complete.
        """
        if since_ms < now_ms - FINISHED_AGE_MS_MAX:
            days = (now_ms - since_ms) // DAY_MS
            raise VenueError(VENUE.value, f"finished orders are listed for 7 days, asked for {days}")
        parameters = (
            *self._symbol_parameter(),
            ("startTime", str(max(since_ms - TIME_ROUNDING_MS, now_ms - FINISHED_AGE_MS_MAX))),
            ("endTime", str(now_ms + TIME_ROUNDING_MS)),
            ("limit", str(ORDERS_LISTED_MAX)),
        )
        return self._read("/api/v3/allOrders", parameters, now_ms, weight=10)

    def orders(self, reply: Reply) -> tuple[OrderReport, ...]:
        """Orders of a list reply.

        Raises:
            FrameUnreadable: a row lacks a deciding field, or is of another symbol.
            VenueError: the list is as long as the venue makes lists, so more may exist.
        """
        states = read(reply.body, list[shapes.OrderState])
        if len(states) >= ORDERS_LISTED_MAX:
            raise VenueError(VENUE.value, f"a list of {len(states)} orders is cut: ask for a shorter time")
        return tuple(shapes.order_report(state, self.symbol, reply.body) for state in states)

    def trades_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        """Our trades of the symbol, newest first; a page after the first overlaps its predecessor by a second.

        The venue has no page number, so pages must be asked in order, each after its predecessor was decoded by
        `trades`. Raises VenueError where the answer could not be complete (see `trades_paging`).
        """
        start_ms, end_ms = self._paging.window(now_ms, since_ms, page)
        parameters = (
            *self._symbol_parameter(),
            ("startTime", str(start_ms)), ("endTime", str(end_ms)), ("limit", str(PAGE_SIZE)),
        )
        return self._read("/api/v3/myTrades", parameters, now_ms, weight=10)

    def trades(self, reply: Reply) -> tuple[Fill, ...]:
        """Our trades of one page. Raises FrameUnreadable, and VenueError for a page that cannot be continued."""
        rows = read(reply.body, list[shapes.Trade])
        fills = tuple(shapes.fill(row, self.symbol, reply.body) for row in rows)
        self._paging.decoded(fills)
        return fills

    def trades_page_size(self) -> int:
        """The documented most."""
        return PAGE_SIZE

    # orders
    def place_request(self, intent: OrderIntent, now_ms: int, expires_at_ms: int) -> Request:
        """Create. The venue's expiry is `recvWindow`: a create that arrives after `expires_at_ms` is refused (700003).

        `reduce_only` means nothing on spot. Raises ValueError for an intent that is not for here, or an id that the
        venue would refuse.
        """
        if (intent.venue, intent.symbol) != (VENUE, self.symbol):
            raise ValueError(f"{intent.client_order_id} is for {intent.venue.value} {intent.symbol}")
        if not CLIENT_ID.match(intent.client_order_id):
            raise ValueError(f"not a client order id for MEXC: {intent.client_order_id!r}")
        parameters = (
            *self._symbol_parameter(),
            ("side", "BUY" if intent.side is Side.BUY else "SELL"),
            ("type", ORDER_TYPES[intent.time_in_force]),
            ("quantity", plain(intent.quantity)),
            ("price", plain(intent.price)),
            ("newClientOrderId", intent.client_order_id),
        )
        return signed_request(
            self._signer, "POST", ORDER_PATH, parameters, now_ms=now_ms, budget=RequestClass.CREATE,
            window_ms=receive_window_ms(now_ms, expires_at_ms),
        )

    def placed(self, reply: Reply, intent: OrderIntent) -> OrderReport:
        """The create's answer. It has no status and no fills: OPEN with nothing filled. Raises FrameUnreadable."""
        order = read(reply.body, shapes.PlacedOrder)
        shapes.own_symbol(order.symbol, self.symbol, reply.body)
        side = side_of(order.side, reply.body)
        if side is not intent.side:
            raise unreadable(f"not the answer to {intent.client_order_id}", reply.body)
        return OrderReport(
            venue=VENUE,
            venue_order_id=shapes.identity(order.order_id, "orderId", reply.body),
            client_order_id=intent.client_order_id,
            side=side,
            price=Price(amount(order.price, "price", reply.body)),
            quantity=Quantity(amount(order.orig_qty, "origQty", reply.body)),
            filled=Quantity(ZERO),
            status=OrderStatus.OPEN,
            updated_at_ms=order.transact_time,
        )

    def order_request(self, venue_order_id: str, now_ms: int) -> Request:
        """Read one order."""
        return self._read(ORDER_PATH, self._order_parameters(venue_order_id), now_ms, weight=2)

    def order(self, reply: Reply) -> OrderReport:
        """One order. Raises FrameUnreadable."""
        return shapes.order_report(read(reply.body, shapes.OrderState), self.symbol, reply.body)

    def cancel_request(self, venue_order_id: str, now_ms: int) -> Request:
        """Cancel one order. The answer shows the status *before* the cancel: read the order to know how it ended."""
        return signed_request(
            self._signer, "DELETE", ORDER_PATH, self._order_parameters(venue_order_id), now_ms=now_ms,
            budget=RequestClass.CANCEL,
        )

    # stream
    def stream_target(self, listen_key: str) -> str:
        """The private socket of a listen key."""
        return f"{STREAM_PATH}?{encode_query((('listenKey', listen_key),))}"

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        """None are needed."""
        return ()

    def subscribe_frames(self, now_s: int, user_id: str) -> tuple[str, ...]:
        """Balances, trades and orders; the listen key has logged in already."""
        del now_s, user_id
        return self._subscriptions.frames()

    def ping_frame(self, now_s: int) -> str:
        """The JSON ping: a quiet account sends nothing, and a quiet socket is closed after 60 s."""
        del now_s
        return PING_FRAME

    def decode(self, frame: str | bytes) -> tuple[PrivateMessage, ...]:
        """Words from one frame: text is control, binary is a push. Raises FrameUnreadable."""
        if isinstance(frame, bytes):
            return private_stream.words(decode_push(frame), self.symbol, frame)
        if LISTEN_KEY_REFUSAL.lower() in frame.lower():
            return (SubscriptionRefused("listenKey", frame[:500]),)
        return self._subscriptions.read(frame)

    # listen key
    def listen_key_request(self, now_ms: int) -> Request:
        """Ask for a key: it lives 60 minutes. The venue may hand back one that is still alive."""
        return signed_request(self._signer, "POST", LISTEN_KEY_PATH, (), now_ms=now_ms)

    def listen_key(self, reply: Reply) -> str:
        """The key. Raises FrameUnreadable."""
        key = read(reply.body, shapes.ListenKey).listen_key
        if not key:
            raise unreadable("an empty listen key", reply.body)
        return key

    def renew_listen_key_request(self, listen_key: str, now_ms: int) -> Request:
        """Another 60 minutes from now."""
        return signed_request(self._signer, "PUT", LISTEN_KEY_PATH, (("listenKey", listen_key),), now_ms=now_ms)

    def drop_listen_key_request(self, listen_key: str, now_ms: int) -> Request:
        """End a key, so that restarts do not exhaust the quota."""
        return signed_request(self._signer, "DELETE", LISTEN_KEY_PATH, (("listenKey", listen_key),), now_ms=now_ms)

    def trouble(self, reply: Reply) -> Trouble | None:
        """None for a success; otherwise what kind of no."""
        return trouble(reply)

    def _read(self, path: str, parameters: Parameters, now_ms: int, *, weight: int = 1) -> Request:
        return signed_request(
            self._signer, "GET", path, parameters, now_ms=now_ms, weight=weight, reads_account=path == ACCOUNT_PATH
        )

    def _symbol_parameter(self) -> Parameters:
        return (("symbol", self._name),)

    def _order_parameters(self, venue_order_id: str) -> Parameters:
        if not venue_order_id:
            raise ValueError("an order is named by the venue's id")
        return (*self._symbol_parameter(), ("orderId", venue_order_id))
