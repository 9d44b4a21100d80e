"""A probe is trusted only when an expired order was refused as expired; whatever else it met, its end is found out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.market import BookView, MarketView
from dnbot.domain.messages import Alert, FillReported, InboxEvent, OrderChanged, OrderReported, Record
from dnbot.domain.order import Fill, OrderIntent, OrderReport, OrderStatus, Side
from dnbot.domain.position import Portfolio
from dnbot.domain.units import Price, Quantity
from dnbot.ports.channels import Cell
from dnbot.ports.clock import VenueClock, VirtualClock
from dnbot.ports.latch import Halt, MemoryLatch
from dnbot.ports.limiter import RateLimiter
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.memory_store import MemoryStore
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.tasks import order_probe
from dnbot.tasks.gatekeeper import Gatekeeper
from dnbot.tasks.link import Line
from dnbot.tasks.order_probe import UNCLEAR_MAX, Prober
from dnbot.venues.gateio.spot_private import GateSpotPrivate
from dnbot.venues.wire import AskedTooOften, Refused, RequestClass, SocketReply, Unclear

D = Decimal
BTC = Symbol("BTC", "USDT")
EPOCH_NS = 1_800_000_000_000_000_000
EXPIRED = SocketReply("x", False, None, Refused("REQUEST_EXPIRED", "late", clock=True))
QUIET = StrategyState.MONITORING_SPREADS


class Key:
    """A signer of no consequence."""

    key_id = "key"

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return "00"


def report(intent: OrderIntent, filled: str = "0") -> SocketReply:
    """The venue took it, and it has ended."""
    told = OrderReport(
        venue=intent.venue, venue_order_id="9", client_order_id=intent.client_order_id, side=intent.side,
        price=intent.price, quantity=intent.quantity, filled=Quantity(D(filled)), status=OrderStatus.CANCELLED,
    )
    return SocketReply(intent.client_order_id, False, told, None)


def fill_of(intent: OrderIntent, trade_id: str, quantity: str) -> Fill:
    """One trade of the probe."""
    return Fill(
        venue=intent.venue, symbol=BTC, trade_id=trade_id, venue_order_id="9", client_order_id=intent.client_order_id,
        side=Side.BUY, price=intent.price, quantity=Quantity(D(quantity)), fee=D(0), fee_asset="BTC", traded_at_ns=1,
    )


@attrs.define
class Bench:
    """A prober before a machine that stands still."""

    prober: Prober
    store: MemoryStore
    gate: Gatekeeper
    records: trio.MemoryReceiveChannel[Record]
    inbox: trio.MemoryReceiveChannel[InboxEvent]
    asked: list[tuple[OrderIntent, int, int]] = attrs.field(factory=list)

    def be(self, **changes: Any) -> None:
        """Change what the machine shows."""
        assert self.gate.context is not None
        self.gate.context = msgspec.structs.replace(self.gate.context, **changes)

    async def prove(self, answer: Callable[[OrderIntent], SocketReply | str]) -> bool:
        """One connection's probe, answered like this."""

        async def ask(intent: OrderIntent, now_ms: int, expires_at_ms: int, deadline_s: float) -> SocketReply | str:
            assert intent.client_order_id in self.store.database.books[BTC].committed, "intent first"
            self.asked.append((intent, now_ms, expires_at_ms))
            return answer(intent)

        return await self.prober.prove(ask)

    def told(self) -> list[Record]:
        """Records since last asked."""
        return [self.records.receive_nowait() for _ in range(self.records.statistics().current_buffer_used)]

    def last_status(self) -> OrderStatus:
        """The probe as last recorded."""
        return [record.order.status for record in self.told() if isinstance(record, OrderChanged)][-1]


@pytest.fixture
async def bench(autojump_clock: Any) -> Bench:
    """Quiet, with a book and an instrument."""
    clock = VirtualClock(EPOCH_NS)
    venue_clock = VenueClock(clock)
    venue_clock.observe(Venue.GATE_SPOT.value, clock.monotonic_s(), EPOCH_NS // 1_000_000, clock.monotonic_s())
    line = Line(Venue.GATE_SPOT, {}, {RequestClass.CREATE: RateLimiter(10, 10)}, venue_clock)
    cell: Cell[Instrument] = Cell()
    cell.put(
        Instrument(
            venue=Venue.GATE_SPOT, symbol=BTC, tick_size=D("0.1"), lot_size=D("0.00001"), min_notional=D(3),
            price_deviation_max=D("0.1"),
        )
    )
    store = MemoryStore()
    epoch = await store.begin_run(BTC, version="", settings="{}", started_at_ns=0)
    params = StrategyParameters(symbol=BTC, base_position_size=D(1), max_order_notional_quote=D(1000))
    level = ((Price(D(60000)), Quantity(D(1))),)
    book = BookView(
        venue=Venue.GATE_SPOT, bids=level, asks=((Price(D(60001)), Quantity(D(1))),), update_id=1, venue_ms=0,
        received_s=0.0,
    )
    gate = Gatekeeper(clock)
    gate.context = StrategyContext(
        params=params, epoch=epoch, portfolio=Portfolio(symbol=BTC), market=MarketView(books={Venue.GATE_SPOT: book}),
        current_state=QUIET,
    )
    records_send, records = trio.open_memory_channel[Record](100)
    inbox_send, inbox = trio.open_memory_channel[InboxEvent](100)
    prober = Prober(
        GateSpotPrivate(BTC, Key()), line, cell, gate, store, inbox_send, records_send, clock,
        EventLog(clock, [MemorySink()]), 250, 30.0,
    )
    return Bench(prober, store, gate, records, inbox)


async def test_refused_as_expired_is_proof(autojump_clock: Any, bench: Bench) -> None:
    """The least valid size, half of the band below the bid, two seconds late; recorded as rejected and done with."""
    assert await bench.prove(lambda _: EXPIRED)
    ((intent, now_ms, expires_at_ms),) = bench.asked
    assert (intent.side, intent.price, intent.quantity) == (Side.BUY, D(57000), D("0.00006"))
    assert (now_ms - expires_at_ms, intent.created_at_ns - intent.expires_at_ns) == (2_000, 2_000_000_000)
    assert bench.last_status() is OrderStatus.REJECTED
    assert not bench.prober.given_up
    await bench.prober.settle()
    assert bench.told() == []


@pytest.mark.parametrize("code", ["BALANCE_NOT_ENOUGH", "INVALID_PARAM_VALUE", "PRICE_TOO_DEVIATED"])
async def test_refused_for_another_reason_is_no_proof(autojump_clock: Any, bench: Bench, code: str) -> None:
    """The stamp may not have been looked at: the path is given up, and an alert says so."""
    assert not await bench.prove(lambda _: SocketReply("x", False, None, Refused(code, "no")))
    assert code in bench.prober.given_up
    told = bench.told()
    assert [record.level for record in told if isinstance(record, Alert)] == ["critical"]
    assert [r.order.status for r in told if isinstance(r, OrderChanged)] == [OrderStatus.REJECTED]


async def test_accepted_is_the_opposite_of_proof(autojump_clock: Any, bench: Bench) -> None:
    """The venue ignores the stamp: given up at once; the order had ended by itself."""
    assert not await bench.prove(report)
    assert "accepted" in bench.prober.given_up
    assert bench.last_status() is OrderStatus.CANCELLED
    await bench.prober.settle()
    assert bench.last_status() is OrderStatus.CANCELLED


@pytest.mark.parametrize(
    "answer", ["no result in 3 s", SocketReply("x", False, None, Unclear("status 500"))], ids=["silence", "500"]
)
async def test_no_clear_answer_is_no_proof(
    autojump_clock: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    """Each is recorded as ambiguous and resolved; after a few in a row the path is given up."""
    monkeypatch.setattr(order_probe, "Resolver", resolver_that_tells(lambda intent: [report(intent).report]))
    for number in range(1, UNCLEAR_MAX + 1):
        assert not bench.prober.given_up
        assert not await bench.prove(lambda _: answer)
        assert bench.last_status() is OrderStatus.AMBIGUOUS
        await bench.prober.settle()
        assert bench.last_status() is OrderStatus.CANCELLED
        assert len(bench.asked) == number
    assert bench.prober.given_up
    assert len({intent.client_order_id for intent, *_ in bench.asked}) == UNCLEAR_MAX


async def test_throttled_is_no_proof_and_no_verdict(autojump_clock: Any, bench: Bench) -> None:
    """Nothing was looked at: the next connection asks again, and proof ends the count."""
    throttled = SocketReply("x", False, None, AskedTooOften(1.0, "slow down"))
    for answer, proven in ((throttled, False), (throttled, False), (EXPIRED, True), (throttled, False)):
        assert await bench.prove(lambda _, answer=answer: answer) is proven  # type: ignore[misc]  # a default binds it
    assert not bench.prober.given_up


async def test_a_connection_that_ends_around_a_probe(
    autojump_clock: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled while its result is awaited: it is unknown, and settled as that."""
    monkeypatch.setattr(order_probe, "Resolver", resolver_that_tells(lambda intent: [report(intent).report]))

    async def ask(*_: Any) -> str:
        await trio.sleep_forever()
        raise AssertionError

    with trio.move_on_after(1):
        await bench.prober.prove(ask)
    await bench.prober.settle()
    statuses = [record.order.status for record in bench.told() if isinstance(record, OrderChanged)]
    assert statuses == [OrderStatus.AMBIGUOUS, OrderStatus.CANCELLED]


async def test_fills_of_a_probe_are_told_and_counted_once(
    autojump_clock: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every pass over the lists tells the same trades: the order is settled by their sum, the machine books each."""
    steps = iter(["a", "ab"])

    def lists(intent: OrderIntent) -> list[Any]:
        fills = [fill_of(intent, name, "0.00002") for name in next(steps)]
        return [report(intent, "0.00004").report, *fills]

    monkeypatch.setattr(order_probe, "Resolver", resolver_that_tells(lists))
    assert not await bench.prove(lambda _: "no result")
    await bench.prober.settle()
    last = [record.order for record in bench.told() if isinstance(record, OrderChanged)][-1]
    assert (last.filled, last.is_settled) == (D("0.00004"), True)
    events = [bench.inbox.receive_nowait() for _ in range(bench.inbox.statistics().current_buffer_used)]
    assert [event.fill.trade_id for event in events if isinstance(event, FillReported)] == ["a", "a", "b"]


@pytest.mark.parametrize(
    "change",
    [
        {"current_state": StrategyState.INITIALIZING}, {"current_state": StrategyState.EXECUTING_ARBITRAGE},
        {"current_state": StrategyState.ERROR_RECOVERY}, {"current_state": StrategyState.SHUTDOWN},
        {"mode": TradingMode.HALTED}, {"store_up": False}, {"market": MarketView()},
    ],
    ids=["initializing", "executing", "recovering", "leaving", "halted", "store away", "no book"],
)
async def test_a_probe_waits_for_a_quiet_moment(autojump_clock: Any, bench: Bench, change: dict[str, Any]) -> None:
    """Not before the accounts are known, not while anything is under way, not when halted, not without a market."""
    before = {name: getattr(bench.gate.context, name) for name in change}
    bench.be(**change)
    with trio.move_on_after(0.5):
        await bench.prove(lambda _: EXPIRED)
    assert bench.asked == []
    bench.be(**before)
    assert await bench.prove(lambda _: EXPIRED)


async def test_a_probe_does_not_leave_under_a_halt_from_outside(autojump_clock: Any, bench: Bench) -> None:
    """Also before the machine has heard of it; when the halt is lifted, it leaves."""
    latch = bench.gate.latch = MemoryLatch([Halt(who="ann", reason="now", at_ns=1)])
    with trio.move_on_after(0.5):
        await bench.prove(lambda _: EXPIRED)
    assert bench.asked == []
    latch.clear(latch.newest())
    assert await bench.prove(lambda _: EXPIRED)


async def test_without_a_commit_there_is_no_probe(autojump_clock: Any, bench: Bench) -> None:
    """The store fails: what was decided is recorded as never sent, and a later probe has another id."""
    bench.store.fail_next(1)
    bench.be(now_s=0.0)
    with trio.move_on_after(0.9):
        await bench.prove(lambda _: EXPIRED)
    assert bench.asked == []
    assert bench.last_status() is OrderStatus.NOT_SENT


def resolver_that_tells(lists: Callable[[OrderIntent], list[Any]]) -> Any:
    """A resolver whose passes find this."""

    class Telling:
        def __init__(self, _codec: Any, _line: Any, told: trio.MemorySendChannel[InboxEvent], *_: Any) -> None:
            self.told = told

        async def resolve(self, intent: OrderIntent, venue_order_id: str) -> None:
            for found in lists(intent):
                await self.told.send(FillReported(found) if isinstance(found, Fill) else OrderReported(found))

    return Telling
