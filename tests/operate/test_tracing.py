"""Every execution is one trace, made of the stamps of its stages; nothing is guessed, nothing outlives its end."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any, cast

import attrs
import pytest
import trio

from dnbot.bot import Bot, BotParts
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.market import BookView, MarketView
from dnbot.domain.messages import ExecutePair, OrderAnswered, OrderSent, PairAborted, StoreFound
from dnbot.domain.order import Fill, Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.pair import Opportunity
from dnbot.domain.records import ExecutionClosed, FillBooked, OrderChanged, Record
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults_text import parse_fault
from dnbot.lab import world
from dnbot.lab.drills_alerts_stage import PARAMS
from dnbot.lab.still_clock import still_clock
from dnbot.metrics.measures import Measures
from dnbot.operate.tracing import DRAFTS_MAX, FILLS_MAX, TracedStages
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.spans import Span, Trace
from dnbot.strategy.orders import Orders

BEGAN_NS = 1_700_000_000_000_000_000
BUY, SELL = Venue.GATE_SPOT, Venue.MEXC_SPOT
SYMBOL = Symbol("BTC", "USDT")


def intent(name: str, venue: Venue, execution_id: str) -> OrderIntent:
    """One leg."""
    return OrderIntent(
        client_order_id=name, epoch=1, venue=venue, symbol=SYMBOL, side=Side.BUY, quantity=Decimal("0.5"),
        price=Decimal(100), purpose=Purpose.ENTRY, execution_id=execution_id, created_at_ns=0, expires_at_ns=0,
    )


def closed(execution_id: str, status: str = "complete") -> ExecutionClosed:
    """Its end."""
    return ExecutionClosed(
        execution_id=execution_id, pair_name="GATE_TO_MEXC", purpose="entry", status=status, bought=Decimal("0.50"),
        sold=Decimal("0.5"), gross_quote=Decimal(2), fees_quote=Decimal("0.5"), net_quote=Decimal("1.5"),
        estimate_net_quote=Decimal(1), residual_base=Decimal(0), started_at_ns=0, ended_at_ns=0, naked_ms=7,
        ambiguous=False, delta_base=Decimal(0), spot_base=Decimal(0), perp_base=Decimal(0),
    )


def fill(name: str, venue: Venue, trade_id: str = "t1") -> Fill:
    """A trade of a leg."""
    return Fill(
        venue=venue, symbol=SYMBOL, trade_id=trade_id, venue_order_id="v", client_order_id=name, side=Side.BUY,
        price=Decimal(100), quantity=Decimal("0.5"), fee=Decimal("0.01"), fee_asset="USDT", traded_at_ns=5,
    )


@attrs.define
class Bench:
    """Stages that make traces, and what tells them."""

    traces: list[Trace] = attrs.field(factory=list)
    stages: TracedStages = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        began_s = trio.current_time()
        now_ns = lambda: BEGAN_NS + round((trio.current_time() - began_s) * 1e9)  # noqa: E731 (a wall clock)
        self.stages = TracedStages(take=self.traces.append, now_ns=now_ns)

    def note(self, *records: Record, event: Any = None) -> None:
        """The machine saw something and wrote this down."""
        self.stages.note(event or StoreFound(), records, Orders.of())

    def decide(self, execution_id: str, opportunity: bool = True) -> tuple[Order, Order]:
        """A pair by a book that was read 4 ms, decoded 3 ms and evaluated 1 ms ago."""
        now_s = trio.current_time()
        legs = intent(f"{execution_id}b", BUY, execution_id), intent(f"{execution_id}s", SELL, execution_id)
        book = BookView(
            venue=BUY, bids=((Decimal(1), Decimal(1)),), asks=((Decimal(1), Decimal(1)),), update_id=1, venue_ms=0,
            received_s=now_s - 0.003,
        )
        self.stages.moved(BUY, now_s - 0.004, now_s - 0.003)
        self.stages._evaluated_s = now_s - 0.001
        orders = Order(intent=legs[0]), Order(intent=legs[1])
        self.note(*(OrderChanged(order, 0) for order in orders))
        known = cast("Opportunity", object()) if opportunity else None
        pair = ExecutePair(execution_id=execution_id, intents=legs, opportunity=known)
        self.stages.decided(pair, MarketView(books={BUY: book}))
        return orders

    def send(self, order: Order) -> None:
        """Its bytes leave."""
        self.note(event=OrderSent(order.intent.client_order_id, 0, trio.current_time()))

    def answer(self, order: Order, outcome: str, waited_us: int) -> None:
        """What came of it."""
        event = OrderAnswered(
            client_order_id=order.intent.client_order_id, outcome=outcome, at_ns=0, sent_to_answer_us=waited_us
        )
        self.note(event=event)

    def settle(self, order: Order, status: OrderStatus, *fills: Fill) -> None:
        """It ended so."""
        filled = Decimal("0.5") if fills else Decimal(0)
        order = ended(order, status=status, filled=filled, reported_filled=filled)
        name = order.intent.execution_id
        self.note(OrderChanged(order, 0), *(FillBooked(one, (), name, 0) for one in fills))


def ended(order: Order, **fields: Any) -> Order:
    """The order with these fields."""
    return Order(intent=order.intent, **fields)


def times(trace: Trace) -> list[tuple[str, int | None, float, float]]:
    """Name, parent, begin and end of each span, milliseconds since the first began."""
    first_ns = trace.spans[0].begin_ns
    return [
        (one.name, one.parent, (one.begin_ns - first_ns) / 1e6, (one.end_ns - first_ns) / 1e6) for one in trace.spans
    ]


async def test_a_pair_is_one_trace(autojump_clock: Any) -> None:
    """From the bytes of its book to its end: evaluate, decide, commit, and per leg send, ack and each fill."""
    here = Bench()
    await trio.sleep(1.0)
    buy, sell = here.decide("x1")
    await trio.sleep(0.002)
    here.stages.committed("x1")
    await trio.sleep(0.001)
    here.send(buy)
    here.send(sell)
    await trio.sleep(0.020)
    here.answer(buy, "accepted", 20_000)
    here.settle(buy, OrderStatus.FILLED, fill("x1b", BUY))
    await trio.sleep(0.010)
    here.answer(sell, "refused", 25_000)
    here.settle(sell, OrderStatus.REJECTED)
    await trio.sleep(0.005)
    here.note(closed("x1"))
    (trace,) = here.traces
    rounded = [(name, parent, round(begin, 3), round(end, 3)) for name, parent, begin, end in times(trace)]
    assert rounded == [
        ("execution GATE_TO_MEXC", None, 0.0, 42.0),
        ("evaluate", 0, 0.0, 3.0),
        ("decide", 0, 3.0, 4.0),
        ("commit", 0, 4.0, 6.0),
        ("order GATEIO_SPOT", 0, 4.0, 27.0),
        ("send", 4, 6.0, 7.0),
        ("ack", 4, 7.0, 27.0),
        ("fill", 4, 7.0, 27.0),
        ("order MEXC_SPOT", 0, 4.0, 37.0),
        ("send", 8, 6.0, 7.0),
        ("ack", 8, 7.0, 32.0),
    ]
    assert abs(trace.spans[0].begin_ns - (BEGAN_NS + 996_000_000)) < 1_000
    whole, leg, lost = trace.spans[0], trace.spans[4], trace.spans[10]
    assert (whole.failed, leg.failed, lost.failed) == (False, False, True)
    assert whole.attributes["dnbot.execution_id"] == "x1"
    assert whole.attributes["dnbot.bought_base"] == "0.5"
    assert whole.attributes["dnbot.naked_ms"] == 7
    assert (leg.attributes["dnbot.status"], leg.attributes["dnbot.price_quote"]) == ("filled", "100")
    assert trace.spans[7].attributes["dnbot.traded_at_ns"] == 5
    assert here.stages.answers[BUY].count == 0  # the stages are told as ever; these orders are in no book of theirs
    assert here.stages.stages["decided_to_committed"].count == 1


async def test_what_has_no_stamp_has_no_span(autojump_clock: Any) -> None:
    """A slice follows no book; what was never sent has no ack; what is not settled ends with the whole, and an answer
    that comes later is waited for.
    """
    here = Bench()
    await trio.sleep(1.0)
    buy, _ = here.decide("x1", opportunity=False)
    await trio.sleep(0.003)
    here.send(buy)
    await trio.sleep(0.004)
    here.note(closed("x1", "failed"))
    assert here.traces == []  # the desk tells of every order what came of it
    await trio.sleep(0.002)
    here.answer(buy, "ambiguous", 0)
    (trace,) = here.traces
    assert [(name, parent, round(begin), round(end)) for name, parent, begin, end in times(trace)] == [
        ("execution GATE_TO_MEXC", None, 0, 7), ("order GATEIO_SPOT", 0, 0, 9), ("send", 1, 0, 3), ("ack", 1, 3, 9),
        ("order MEXC_SPOT", 0, 0, 7),
    ]
    assert trace.spans[0].failed


async def test_a_fill_under_the_venues_own_id_is_found(autojump_clock: Any) -> None:
    """Where the venue does not tell ours; one of an order that nobody follows is in no trace."""
    here = Bench()
    buy, _ = here.decide("x1")
    here.send(buy)
    here.note(OrderChanged(ended(buy, status=OrderStatus.OPEN, venue_order_id="v"), 0))
    here.answer(buy, "accepted", 1_000)
    here.note(FillBooked(fill("", BUY), (), "x1", 0), FillBooked(fill("", SELL, "t2"), (), "x1", 0))
    here.note(closed("x1"))
    (trace,) = here.traces
    assert [(one.name, one.parent, one.attributes["dnbot.trade_id"]) for one in trace.spans if one.name == "fill"] == [
        ("fill", trace.spans.index(next(one for one in trace.spans if one.name == "order GATEIO_SPOT")), "t1")
    ]


async def test_a_pair_that_was_not_sent_is_a_failed_trace(autojump_clock: Any) -> None:
    """With the code of why."""
    here = Bench()
    here.decide("x1")
    here.note(event=PairAborted("x1", "DB_UNAVAILABLE", "it is away", 0))
    (trace,) = here.traces
    assert trace.spans[0].failed
    assert trace.spans[0].attributes == {
        "dnbot.execution_id": "x1", "dnbot.status": "aborted", "dnbot.reason": "DB_UNAVAILABLE"
    }


async def test_what_is_kept_is_bounded(autojump_clock: Any) -> None:
    """Executions that never close make room, fills beyond so many are left out, and what comes too late is nobody's."""
    here = Bench()
    for number in range(DRAFTS_MAX + 5):
        buy, _ = here.decide(f"x{number}")
    assert here.stages.forgotten == 5
    assert len(here.stages._drafts) == DRAFTS_MAX
    here.send(buy)
    here.answer(buy, "accepted", 1_000)
    here.settle(buy, OrderStatus.FILLED, *(fill(buy.intent.client_order_id, BUY, f"t{n}") for n in range(60)))
    here.note(closed("x0"))
    here.note(closed(buy.intent.execution_id))
    here.note(closed(buy.intent.execution_id))
    here.settle(buy, OrderStatus.FILLED)
    (trace,) = here.traces
    assert [one.name for one in trace.spans].count("fill") == FILLS_MAX
    assert len(here.stages._drafts) == DRAFTS_MAX - 1


# --- a whole bot ------------------------------------------------------------------------------------------------------
def traded(monkeypatch: pytest.MonkeyPatch, seconds: float, fault: str = "") -> tuple[list[Trace], list[Record]]:
    """What a bot on a market that pays often leaves, after so many seconds."""
    traces, records = list[Trace](), list[Record]()

    async def main() -> None:
        async with world.stage(FakesConfig(market="lively", symbols=("BTC/USDT",))) as on:
            stages = TracedStages(take=traces.append, now_ns=on.clock.now_ns)
            monkeypatch.setattr(world, "BotParts", partial(BotParts, measures=Measures(stages=stages)))
            bot = await on.bot(PARAMS_OF_DEMO, MemoryStore(), witness=records.append)
            if fault:
                on.world.faults.switch_on(parse_fault(fault))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_stopped, bot, seconds)
                await bot.run()
                nursery.cancel_scope.cancel()
            assert stages._drafts == {}

    trio.run(main, clock=still_clock())
    return traces, records


PARAMS_OF_DEMO = type(PARAMS)(
    symbol=PARAMS.symbol, base_position_size=Decimal("0.02"), establish_slice_base=Decimal("0.02"),
    max_order_notional_quote=Decimal(1500), arbitrage_entry_threshold_bps=Decimal(3),
    max_daily_loss_quote=Decimal(5000), round_trips_per_minute_max=240, consecutive_loss_limit=20,
)


async def _stopped(bot: Bot, seconds: float) -> None:
    await trio.sleep(seconds)
    bot.stop("the test is over")


@pytest.mark.slow
def test_every_execution_of_a_bot_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as were closed, spans inside their parents, every order sent and answered, every fill of the ledger."""
    traces, records = traded(monkeypatch, 12.0)
    ends = [one for one in records if isinstance(one, ExecutionClosed)]
    assert len(ends) >= 8
    assert sorted(trace.execution_id for trace in traces) == sorted(end.execution_id for end in ends)
    by_id = {trace.execution_id: trace for trace in traces}
    traces = [by_id[end.execution_id] for end in ends]
    booked = [one.fill.trade_id for one in records if isinstance(one, FillBooked) and one.execution_id]
    assert sorted(fills_of(traces)) == sorted(booked)
    for trace, end in zip(traces, ends, strict=True):
        assert abs(trace.spans[0].end_ns - end.ended_at_ns) < 150_000_000  # the machine is told the time every 0.1 s
        names = [one.name for one in trace.spans]
        assert names.count("send") == names.count("ack") == sum(name.startswith("order ") for name in names) > 1
        assert names.count("commit") == 1
        for one in trace.spans[1:]:
            assert is_inside(one, trace.spans[one.parent or 0])
    of_pairs = [trace for trace, end in zip(traces, ends, strict=True) if end.purpose in ("entry", "exit")]
    assert sum("evaluate" in [one.name for one in trace.spans] for trace in of_pairs) > len(of_pairs) / 2


@pytest.mark.slow
def test_a_lost_answer_is_a_failed_ack(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order's span tells that it is in doubt, and what became of it."""
    traces, _ = traded(monkeypatch, 12.0, "reply_lost:venue=mexc_spot,path=creates,on_nth=2")
    acks = [one for trace in traces for one in trace.spans if one.name == "ack" and one.failed]
    assert [one.attributes["dnbot.outcome"] for one in acks] == ["ambiguous"]


def fills_of(traces: list[Trace]) -> list[str]:
    """Trade ids."""
    return [str(one.attributes["dnbot.trade_id"]) for trace in traces for one in trace.spans if one.name == "fill"]


def is_inside(one: Span, parent: Span) -> bool:
    """Whether it neither begins before its parent nor ends after it; an answer that the stream overtook may."""
    may_outlast = one.name == "ack" or one.name.startswith("order ")
    return parent.begin_ns <= one.begin_ns <= one.end_ns and (one.end_ns <= parent.end_ns or may_outlast)
