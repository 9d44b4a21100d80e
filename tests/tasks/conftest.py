"""A venue of one page: a codec whose words need no bytes, an HTTP client and a socket that follow a script."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.domain.account import AccountFacts
from dnbot.domain.book import BookDelta, BookSnapshot
from dnbot.domain.errors import OperatingError, StoreUnreachable, VenueUnreachable
from dnbot.domain.instrument import VENUES, FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.market import BookView, MarketView
from dnbot.domain.order import Fill, Order, OrderIntent, OrderReport, OrderStatus, Purpose, Side
from dnbot.domain.position import Portfolio
from dnbot.domain.transfer import Transfer
from dnbot.domain.units import Price, Quantity
from dnbot.ports.channels import Cell
from dnbot.ports.clock import VenueClock, VirtualClock
from dnbot.ports.http import HttpReply
from dnbot.ports.limiter import RateLimiter
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.strategy.context import StrategyContext, VenueAccount
from dnbot.strategy.orders import Orders
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.tasks.gatekeeper import Gatekeeper
from dnbot.tasks.link import Line
from dnbot.venues.wire import (
    AskedTooOften,
    Capability,
    Delta,
    Kept,
    Pong,
    Refused,
    Reply,
    Request,
    RequestClass,
    Trouble,
    Unclear,
)

EPOCH_NS = 1_800_000_000_000_000_000
BTC = Symbol("BTC", "USDT")
D = Decimal


class Words:
    """Replies carry the number of a word instead of bytes."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def keep(self, word: Any) -> bytes:
        self.kept.append(word)
        return str(len(self.kept) - 1).encode()

    def of(self, reply: Reply) -> Any:
        return self.kept[int(reply.body)]


@attrs.frozen
class Unreadable:
    """A success whose body the codec cannot read."""

    error: OperatingError


@attrs.define
class Script:
    """An HTTP client. `answers` holds, per `METHOD /path`, words, errors to raise, or functions to await; the last of a
    list stays."""

    words: Words
    answers: dict[str, list[Any]] = attrs.field(factory=dict)
    asked: list[str] = attrs.field(factory=list)
    queues: list[float | None] = attrs.field(factory=list)
    """So long each request would have waited for a connection."""
    on_request: Callable[[str], None] | None = None
    took_s: float = 0.001

    async def request(
        self, method: str, target: str, headers: dict[str, str], body: bytes, *, deadline_s: float,
        queue_s_max: float | None = None,
    ) -> HttpReply:
        name = f"{method} {target}"
        self.asked.append(name)
        self.queues.append(queue_s_max)
        if self.on_request is not None:
            self.on_request(name)
        await trio.sleep(self.took_s)
        queue = self.answers[name]
        answer = queue[0] if len(queue) == 1 else queue.pop(0)
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Exception):
            raise answer
        return HttpReply(
            status=200, headers={}, body=self.words.keep(answer), sent_at_ns=EPOCH_NS, received_at_ns=EPOCH_NS
        )

    def count(self, name: str) -> int:
        return self.asked.count(name)


def get(path: str, budget: RequestClass = RequestClass.READ, method: str = "GET") -> Request:
    return Request(method=method, target=path, budget=budget)


@attrs.define
class Codec:
    """Public and private codec in one: every reply is already a word, every frame a tuple of words."""

    words: Words
    venue: Venue = Venue.GATE_SPOT
    capabilities: Capability = Capability.NONE
    symbol: Symbol = BTC
    ping_interval_s: float = 5.0
    fee_coin: str = ""
    kept: Kept = attrs.field(factory=Kept)
    page_size: int = 3
    instruments: list[Instrument] = attrs.field(factory=list)
    windows: dict[str, list[int]] = attrs.field(factory=dict)
    """From when on each list was asked for, ms."""

    def word(self, reply: Reply) -> Any:
        return self.words.of(reply)

    def trouble(self, reply: Reply) -> Trouble | None:
        word = self.words.of(reply)
        return word if isinstance(word, AskedTooOften | Refused | Unclear) else None

    # public
    def instrument_requests(self) -> tuple[Request, ...]:
        return (get("/instrument", RequestClass.PUBLIC),)

    def instrument(self, replies: Sequence[Reply]) -> Any:
        return self.word(replies[0])

    def server_time_request(self) -> Request:
        return get("/time", RequestClass.PUBLIC)

    def server_time_ms(self, reply: Reply) -> int:
        return int(self.word(reply))

    def snapshot_request(self) -> Request:
        return get("/snapshot", RequestClass.PUBLIC)

    snapshot = word

    def stream_target(self, listen_key: str = "") -> str:
        return f"/stream{listen_key and '?' + listen_key}"

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        return ()

    def subscribe_frames(self, now_s: int, user_id: str = "") -> tuple[str, ...]:
        return ("login", "orders", "fills") if user_id else ("books",)

    def ping_frame(self, now_s: int) -> str:
        return "ping"

    def decode(self, frame: Any) -> Any:
        return frame

    # private
    def learn_instrument(self, instrument: Instrument) -> None:
        self.instruments.append(instrument)

    def facts_requests(self, now_ms: int) -> tuple[Request, ...]:
        return (get("/facts"),)

    def facts(self, replies: Sequence[Reply]) -> Any:
        return self.word(replies[0])

    def fees_requests(self, now_ms: int) -> tuple[Request, ...]:
        return (get("/fees"),)

    def fees(self, replies: Sequence[Reply]) -> Any:
        return self.word(replies[0])

    def leverage_requests(self, now_ms: int, leverage: int, margin_mode: str) -> tuple[Request, ...]:
        return (get(f"/leverage/{leverage}/{margin_mode}", method="POST"),)

    def balances_request(self, now_ms: int) -> Request:
        return get("/balances")

    def open_orders_request(self, now_ms: int) -> Request:
        return get("/open")

    def finished_orders_request(self, now_ms: int, since_ms: int) -> Request:
        self.windows.setdefault("finished", []).append(since_ms)
        return get("/finished")

    def trades_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        self.windows.setdefault("trades", []).append(since_ms)
        return get(f"/trades/{page}")

    def trades_page_size(self) -> int:
        return self.page_size

    def position_request(self, now_ms: int) -> Request:
        return get("/position")

    def account_rows_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        self.windows.setdefault("rows", []).append(since_ms)
        return get(f"/rows/{page}")

    def fee_coin_request(self) -> Request:
        return get("/coin", RequestClass.PUBLIC)

    balances = orders = trades = position = account_rows = order = listen_key = fee_coin_price = word

    def place_request(self, intent: OrderIntent, now_ms: int, expires_at_ms: int) -> Request:
        return get("/order", RequestClass.CREATE, "POST")

    def placed(self, reply: Reply, intent: OrderIntent | None) -> Any:
        word = self.word(reply)
        if isinstance(word, Unreadable):
            raise word.error
        return word

    def order_request(self, venue_order_id: str, now_ms: int) -> Request:
        return get(f"/order/{venue_order_id}")

    def cancel_request(self, venue_order_id: str, now_ms: int) -> Request:
        return get(f"/order/{venue_order_id}", RequestClass.CANCEL, "DELETE")

    def countdown_request(self, timeout_s: int, now_ms: int) -> Request:
        return get(f"/countdown/{timeout_s}", RequestClass.CANCEL, "POST")

    def countdown_set(self, reply: Reply) -> Any:
        return self.placed(reply, None)

    def transfer_request(self, transfer: Transfer, now_ms: int) -> Request:
        return get("/transfers", RequestClass.CANCEL, "POST")

    def transferred(self, reply: Reply) -> Any:
        return self.placed(reply, None)

    def listen_key_request(self, now_ms: int) -> Request:
        return get("/key", method="POST")

    def renew_listen_key_request(self, listen_key: str, now_ms: int) -> Request:
        return get("/key", method="PUT")

    def drop_listen_key_request(self, listen_key: str, now_ms: int) -> Request:
        return get("/key", method="DELETE")


@attrs.define
class FakeSocket:
    """A WebSocket of words. It answers pings with pongs while `pongs` is true, and judges silence like the real one."""

    silence_s_max: float = 15.0
    pongs: bool = True
    read_s: float = 0.0
    sent: list[Any] = attrs.field(factory=list)
    halves: list[Any] = attrs.field(factory=list)
    """Of which a part may have left when the sender was cancelled."""
    send_s: float = 0.0
    on_send: Callable[[Any], None] | None = None
    _send: Any = attrs.field(init=False)
    _receive: Any = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Any](10_000)

    def say(self, *words: Any) -> None:
        """Let the venue send one frame."""
        self._send.send_nowait(words)

    def hang_up(self) -> None:
        """Let the venue end the connection."""
        self._send.close()

    async def receive(self) -> Any:
        with trio.move_on_after(self.silence_s_max):
            try:
                return await self._receive.receive()
            except trio.EndOfChannel:
                raise VenueUnreachable("stub", "connection ended") from None
        raise VenueUnreachable("stub", "silent")

    async def deliver(self, take: Callable[[Any], None], conclude: Callable[[], None]) -> None:
        """As the port: every message in turn, and a word after each burst."""
        while True:
            message = await self.receive()
            self.read_s = trio.current_time()
            take(message)
            while self._receive.statistics().current_buffer_used:
                take(self._receive.receive_nowait())
            conclude()

    async def send(self, message: Any) -> None:
        try:
            await trio.sleep(self.send_s)
        except trio.Cancelled:
            self.halves.append(message)
            raise
        self.sent.append(message)
        if message == "ping" and self.pongs:
            self.say(Pong())
        if self.on_send is not None:
            self.on_send(message)


@attrs.define
class Ledger:
    """Commits, or fails, and writes down when."""

    story: list[str]
    failure: str = ""
    on_commit: Any = None
    takes_s: float = 0.01

    async def commit_intents(self, intents: Any, *, execution_id: str, opportunity: Any) -> None:
        await self._commit(intents[0].client_order_id)

    async def commit_transfer(self, transfer: Any) -> None:
        await self._commit(transfer.transfer_id)

    async def _commit(self, name: str) -> None:
        await trio.sleep(self.takes_s)
        if self.failure:
            raise StoreUnreachable(self.failure)
        self.story.append(f"committed {name}")
        if self.on_commit is not None:
            self.on_commit()


@attrs.define
class Kit:
    """Everything that one task needs, and builders for what it meets."""

    words: Words = attrs.field(factory=Words)
    clock: VirtualClock = attrs.field(factory=lambda: VirtualClock(EPOCH_NS))
    lines: MemorySink = attrs.field(factory=MemorySink)
    sockets: list[FakeSocket] = attrs.field(factory=list)
    urls: list[str] = attrs.field(factory=list)
    script: Script = attrs.field(init=False)
    log: EventLog = attrs.field(init=False)
    codec: Codec = attrs.field(init=False)
    venue_clock: VenueClock = attrs.field(init=False)
    instrument_cell: Cell[Instrument] = attrs.field(factory=Cell)
    fees_cell: Cell[FeeSchedule] = attrs.field(factory=Cell)
    opener: Any = attrs.field(factory=lambda: dial_nothing)
    unreadable: Callable[[OperatingError], Unreadable] = Unreadable

    def __attrs_post_init__(self) -> None:
        self.log = EventLog(self.clock, [self.lines])
        self.script = Script(self.words)
        self.codec = Codec(self.words)
        self.venue_clock = VenueClock(self.clock)

    def line(self, rate_per_s: float = 1000, burst: int = 1000) -> Line:
        """All classes on the one script; the venue's clock is measured already."""
        now_s, now_ms = self.clock.monotonic_s(), self.clock.now_ns() // 1_000_000
        self.venue_clock.observe(self.codec.venue.value, now_s, now_ms, now_s)
        return Line(
            self.codec.venue, dict.fromkeys(RequestClass, self.script),  # type: ignore[arg-type]
            {budget: RateLimiter(rate_per_s, burst) for budget in RequestClass}, self.venue_clock,
        )

    def changed_line(self, line: Line, **changes: Any) -> Line:
        """The same line with other parts."""
        return attrs.evolve(line, **changes)

    def pipe(self, limit: int = 1000) -> tuple[Any, Any]:
        """A memory channel."""
        return trio.open_memory_channel[Any](limit)

    @asynccontextmanager
    async def open_websocket(self, opener: Any, url: str, **_: Any) -> AsyncIterator[FakeSocket]:
        """Stands in for the port: the next scripted socket, or a fresh one."""
        self.urls.append(url)
        if len(self.sockets) < len(self.urls):
            self.sockets.append(FakeSocket())
        await trio.lowlevel.checkpoint()
        yield self.sockets[len(self.urls) - 1]

    def drain(self, channel: Any) -> list[Any]:
        """Everything that waits in a channel."""
        found: deque[Any] = deque()
        while True:
            try:
                found.append(channel.receive_nowait())
            except trio.WouldBlock:
                return list(found)

    # --- builders -----------------------------------------------------------------------------------------------------
    def instrument(self, venue: Venue = Venue.GATE_SPOT, lot: str = "0.0001") -> Instrument:
        return Instrument(venue=venue, symbol=BTC, tick_size=D("0.1"), lot_size=D(lot))

    def snapshot(self, update_id: int, bid: int = 100, ask: int = 101) -> BookSnapshot:
        return BookSnapshot(
            venue=Venue.GATE_SPOT, update_id=update_id, bids=((D(bid), D(1)),), asks=((D(ask), D(1)),), at_ms=1
        )

    def delta(self, first: int, last: int | None = None, bid: int | None = None) -> Delta:
        bids = () if bid is None else ((D(bid), D(2)),)
        return Delta(BookDelta(
            venue=Venue.GATE_SPOT, first_id=first, last_id=last or first, bids=bids, asks=(), at_ms=2
        ))

    def intent(self, name: str = "dnb-1-1", purpose: Purpose = Purpose.ENTRY, **changes: Any) -> OrderIntent:
        now_ns = self.clock.now_ns()
        fields: dict[str, Any] = {
            "client_order_id": name, "epoch": 1, "venue": self.codec.venue, "symbol": BTC, "side": Side.BUY,
            "quantity": D("0.01"), "price": D(60_000), "purpose": purpose, "created_at_ns": now_ns,
            "expires_at_ns": now_ns + 800_000_000, "execution_id": "x1",
        }
        return OrderIntent(**{**fields, **changes})

    def report(
        self, name: str = "dnb-1-1", status: OrderStatus = OrderStatus.FILLED, filled: str = "0.01",
        venue_id: str = "v1",
    ) -> OrderReport:
        return OrderReport(
            venue=self.codec.venue, venue_order_id=venue_id, client_order_id=name, side=Side.BUY,
            price=Price(D(60_000)), quantity=Quantity(D("0.01")), filled=Quantity(D(filled)), status=status,
        )

    def fill(self, trade: str = "t1", name: str = "dnb-1-1", at_s: float = 0.0, venue_id: str = "v1") -> Fill:
        return Fill(
            venue=self.codec.venue, symbol=BTC, trade_id=trade, venue_order_id=venue_id, client_order_id=name,
            side=Side.BUY, price=Price(D(60_000)), quantity=Quantity(D("0.01")), fee=D(0), fee_asset="USDT",
            traded_at_ns=EPOCH_NS + int(at_s * 1e9),
        )

    def facts(self, problem: str | None = None) -> AccountFacts:
        return AccountFacts(venue=self.codec.venue, user_id="10001", mode="classic", problem=problem)

    def fee_schedule(self, taker: str = "0.001") -> FeeSchedule:
        return FeeSchedule(venue=self.codec.venue, maker=D(0), taker=D(taker))

    def book(self, venue: Venue, age_s: float = 0.0, bid: int = 60_000) -> BookView:
        return BookView(
            venue=venue, bids=((D(bid), D(1)),), asks=((D(bid + 1), D(1)),), update_id=1, venue_ms=0,
            received_s=trio.current_time() - age_s,
        )

    def context(self, *intents: OrderIntent, **changes: Any) -> StrategyContext:
        """A machine in the middle of a trade that waits for these orders; books are fresh."""
        fields: dict[str, Any] = {
            "params": StrategyParameters(symbol=BTC, base_position_size=D(1), max_order_notional_quote=D(1000)),
            "epoch": 1, "current_state": StrategyState.EXECUTING_ARBITRAGE, "mode": TradingMode.ACTIVE,
            "portfolio": Portfolio(symbol=BTC), "accounts": {venue: VenueAccount(opened=True) for venue in VENUES},
            "orders": Orders.of(Order(intent=intent) for intent in intents),
            "market": MarketView(books={venue: self.book(venue) for venue in VENUES}),
            "now_s": trio.current_time(), "now_ns": self.clock.now_ns(),
        }
        return StrategyContext(**{**fields, **changes})

    def gate(self, *intents: OrderIntent, **changes: Any) -> Gatekeeper:
        """The gate of such a machine."""
        return Gatekeeper(self.clock, self.context(*intents, **changes))

    def ledger(self, story: list[str]) -> Ledger:
        return Ledger(story)

    def changed(self, value: Any, **changes: Any) -> Any:
        return msgspec.structs.replace(value, **changes)


async def dial_nothing(host: str, port: int) -> trio.abc.Stream:
    """An opener for tasks whose sockets are scripted."""
    raise AssertionError(f"nobody may dial {host}:{port}")


@pytest.fixture
def kit() -> Kit:
    """The page."""
    return Kit()
