"""The order task of one venue: intent first, gate last, one send per id, and honest outcomes."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
import trio.testing

from dnbot.domain.errors import FrameUnreadable, PluginFault, RequestAmbiguous, RequestNotSent, VenueUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import (
    AccountRead,
    CancelAll,
    CancelOrder,
    OrderAnswered,
    OrderReported,
    OrderSent,
    PlaceOrder,
    ReadAccount,
    SetLeverage,
)
from dnbot.domain.order import OrderStatus, Purpose
from dnbot.ports.limiter import RateLimiter
from dnbot.strategy.states import StrategyState
from dnbot.tasks.budgets import own_budgets
from dnbot.tasks.desk import QUEUE_S_MAX, Desk
from dnbot.tasks.resolver import Resolver
from dnbot.venues.wire import AskedTooOften, Refused, RequestClass, Unclear

CREATE = "POST /order"


@attrs.define
class Bench:
    """A desk on a scripted venue, and its story: commits and requests in the order in which they happened."""

    desk: Desk
    store: Any
    inbox: Any
    story: list[str]

    def told(self, kit: Any) -> list[Any]:
        found: list[Any] = kit.drain(self.inbox)
        return found

    async def answer(self, kit: Any, intent: Any, *, committed: bool = False) -> OrderAnswered:
        """Place one order; what the machine is told of it in the end."""
        await self.desk.perform(PlaceOrder(intent, committed=committed))
        answers = [event for event in self.told(kit) if isinstance(event, OrderAnswered)]
        assert len(answers) == 1, answers
        return answers[0]


@pytest.fixture
def bench(kit: Any) -> Any:
    """Makes a desk whose gate waits for the given intents."""

    def make(*intents: Any, **context: Any) -> Bench:
        story: list[str] = []
        kit.script.on_request = story.append
        inbox, orders, line = kit.pipe(), kit.pipe(), kit.line()
        store = kit.ledger(story)
        resolver = Resolver(kit.codec, line, inbox[0], kit.clock, kit.log, 250, 30.0)
        desk = Desk(
            kit.codec, line, orders[1], inbox[0], kit.gate(*intents, **context), store, kit.clock, kit.log, resolver,
            lambda: story.append("stream proven"), lambda why: story.append(f"stream opened anew: {why}"),
            lambda: story.append("instrument read"),
        )
        return Bench(desk, store, inbox[1], story)

    return make


async def test_the_intent_is_durable_before_the_first_byte(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Commit, then the machine hears that it leaves, then the request, then report and answer."""
    intent = kit.intent()
    it = bench(intent)
    kit.script.answers[CREATE] = [kit.report()]
    await it.desk.perform(PlaceOrder(intent))
    assert it.story == ["committed dnb-1-1", CREATE]
    told = it.told(kit)
    assert [type(event) for event in told] == [OrderSent, OrderReported, OrderAnswered]
    assert told[2].outcome == "accepted"
    assert told[2].sent_to_answer_us in range(999, 1002)


async def test_a_committed_intent_is_not_committed_again(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """What execution committed goes straight to the gate."""
    intent = kit.intent()
    it = bench(intent)
    kit.script.answers[CREATE] = [kit.report()]
    assert (await it.answer(kit, intent, committed=True)).outcome == "accepted"
    assert it.story == [CREATE]


async def test_an_order_leaves_before_anybody_else_has_a_turn(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Between its commit and the client nothing waits: what the others would do meanwhile makes it no better."""
    intent = kit.intent()
    it = bench(intent)
    it.desk.line.budgets[RequestClass.CREATE] = own_budgets()(Venue.GATE_SPOT)[RequestClass.CREATE]
    kit.script.answers[CREATE] = [kit.report()]

    async def onlooker() -> None:
        it.story.append("a turn")

    async with trio.open_nursery() as nursery:
        for _ in range(100):  # who of all runs first is drawn
            nursery.start_soon(onlooker)
        await it.desk.perform(PlaceOrder(intent, committed=True))
    assert it.story == [CREATE, *["a turn"] * 100]


async def test_a_full_inbox_is_waited_for_before_an_order_leaves(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The machine hears that it leaves, whatever else it has to hear."""
    intent = kit.intent()
    it = bench(intent)
    sending, receiving = trio.open_memory_channel[Any](0)
    it.desk.inbox = sending
    kit.script.answers[CREATE] = [kit.report()]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.desk.perform, PlaceOrder(intent, committed=True))
        await trio.testing.wait_all_tasks_blocked()
        assert it.story == []
        assert isinstance(await receiving.receive(), OrderSent)
        await trio.testing.wait_all_tasks_blocked()
        assert it.story == [CREATE]
        assert [type(await receiving.receive()) for _ in range(2)] == [OrderReported, OrderAnswered]


async def test_an_absent_store_means_not_sent(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """No byte leaves without a committed intent."""
    intent = kit.intent()
    it = bench(intent)
    it.store.failure = "gone"
    answer = await it.answer(kit, intent)
    assert (answer.outcome, answer.code, answer.text) == ("not_sent", "DB_UNAVAILABLE", "gone")
    assert kit.script.asked == []


async def test_the_gate_is_asked_after_the_commit(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A fault during the commit stops the order, which provably never left."""
    intent = kit.intent()
    it = bench(intent)

    def fault() -> None:
        it.desk.gate.context = kit.changed(it.desk.gate.context, current_state=StrategyState.ERROR_RECOVERY)

    it.store.on_commit = fault
    answer = await it.answer(kit, intent)
    assert (answer.outcome, answer.code) == ("not_sent", "STATE_NOT_TRADING")
    assert it.story == ["committed dnb-1-1"]


async def test_one_send_per_id_whatever_happens(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The same command again, also after the desk was restarted, is refused here."""
    intent = kit.intent()
    it = bench(intent)
    kit.script.answers[CREATE] = [RequestAmbiguous("stub", "lost")]
    orders = kit.pipe()
    it.desk.orders = orders[1]
    for _ in range(3):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.desk.run)
            orders[0].send_nowait(PlaceOrder(intent, committed=True))
            await trio.sleep(0.1)
            nursery.cancel_scope.cancel()
    answers = [event for event in it.told(kit) if isinstance(event, OrderAnswered)]
    assert [(a.outcome, a.code) for a in answers] == [
        ("ambiguous", "NO_ANSWER"), ("not_sent", "DUPLICATE"), ("not_sent", "DUPLICATE")
    ]
    assert kit.script.count(CREATE) == 1


@pytest.mark.parametrize(
    ("reply", "outcome", "code"),
    [
        (Refused("BALANCE", "too little"), "refused", "BALANCE"),
        (AskedTooOften(2.0, "slow down"), "refused", "RATE"),
        (Unclear("HTTP 500"), "ambiguous", "UNCLEAR"),
        (FrameUnreadable("stub", "no id", b"{}"), "ambiguous", "UNREADABLE"),
        (RequestNotSent("stub", "refused"), "not_sent", "UNREACHABLE"),
        (RequestAmbiguous("stub", "reset"), "ambiguous", "NO_ANSWER"),
    ],
)
async def test_each_outcome_has_its_class(
    autojump_clock: Any, kit: Any, bench: Any, reply: Any, outcome: str, code: str
) -> None:
    """Refused and not sent are definitive; everything unclear is ambiguous. After a refusal the terms are read anew."""
    intent = kit.intent()
    it = bench(intent)

    kit.script.answers[CREATE] = [kit.unreadable(reply) if isinstance(reply, FrameUnreadable) else reply]
    answer = await it.answer(kit, intent)
    assert (answer.outcome, answer.code) == (outcome, code)
    assert ("instrument read" in it.story) is (code == "BALANCE")


@pytest.mark.parametrize(
    ("call", "outcome", "code", "creates"),
    [("place_request", "not_sent", "CODEC", 0), ("trouble", "ambiguous", "UNREADABLE", 1)],
)
async def test_a_codec_at_fault_is_told_as_it_is(
    autojump_clock: Any, kit: Any, bench: Any, monkeypatch: pytest.MonkeyPatch, call: str, outcome: str, code: str,
    creates: int,
) -> None:
    """Before the request nothing left; at its answer whatever was done is unknown."""
    intent = kit.intent()
    it = bench(intent)

    def at_fault(*_given: Any) -> Any:
        raise PluginFault("stub", "plugin x: KeyError")

    kit.script.answers[CREATE] = [Unclear("HTTP 500")]
    monkeypatch.setattr(type(kit.codec), call, at_fault)
    answer = await it.answer(kit, intent)
    assert (answer.outcome, answer.code) == (outcome, code)
    assert "plugin x: KeyError" in answer.text
    assert kit.script.count(CREATE) == creates


async def test_a_rate_refusal_pauses_the_budget(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The next create would wait for as long as the venue asked."""
    intent = kit.intent()
    it = bench(intent)
    kit.script.answers[CREATE] = [AskedTooOften(7.0, "slow down")]
    await it.answer(kit, intent)
    assert 6.9 < it.desk.line.create_wait_s() <= 7.01


async def test_cancelled_while_the_answer_is_awaited(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A kill in the middle of a send leaves an ambiguous order, and the machine is told even so."""
    intent = kit.intent()
    it = bench(intent)
    kit.script.answers[CREATE] = [trio.sleep_forever]
    with trio.move_on_after(0.1):
        await it.desk.perform(PlaceOrder(intent, committed=True))
    told = it.told(kit)
    assert [type(event) for event in told] == [OrderSent, OrderAnswered]
    assert (told[1].outcome, told[1].code) == ("ambiguous", "CANCELLED")


async def test_an_unmeasured_clock_means_not_sent(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Without the venue's time an order would have no expiry that means anything."""
    intent = kit.intent()
    it = bench(intent)
    kit.venue_clock._offsets.clear()
    answer = await it.answer(kit, intent, committed=True)
    assert (answer.outcome, answer.code) == ("not_sent", "CLOCK")
    assert kit.script.asked == []


@pytest.mark.parametrize("purpose", [Purpose.HEDGE, Purpose.UNWIND])
async def test_ways_out_have_the_reserved_budget(autojump_clock: Any, kit: Any, bench: Any, purpose: Purpose) -> None:
    """With the entries' share spent, a hedge leaves at once and an entry does not."""
    way_out, entry = kit.intent("dnb-1-1", purpose), kit.intent("dnb-1-2")
    it = bench(way_out, entry)
    limiter = it.desk.line.budgets[RequestClass.CREATE] = RateLimiter(0.001, 10)
    while limiter.try_acquire():
        pass
    kit.script.answers[CREATE] = [kit.report()]
    answers: dict[str, Any] = {}

    async def place(intent: Any) -> None:
        await it.desk._send(intent)
        answers[intent.client_order_id] = trio.current_time()

    began_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place, entry)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(place, way_out)
    assert answers["dnb-1-1"] - began_s < 0.01
    assert kit.script.count(CREATE) == 1
    late = [e for e in it.told(kit) if isinstance(e, OrderAnswered) and e.client_order_id == "dnb-1-2"]
    assert [(e.outcome, e.code) for e in late] == [("not_sent", "UNREACHABLE")], "it did not wait past its life"


async def test_cancel_all_touches_only_what_is_ours(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Foreign orders and finished ones are left alone."""
    it = bench()
    kit.script.answers |= {
        "GET /open": [(
            kit.report("dnb-1-1", OrderStatus.OPEN, venue_id="a"), kit.report("web-7", OrderStatus.OPEN, venue_id="b"),
            kit.report("dnb-1-2", OrderStatus.FILLED, venue_id="c"),
        )],
        "DELETE /order/a": [None],
        "GET /order/a": [kit.report("dnb-1-1", OrderStatus.CANCELLED, venue_id="a")],
    }
    await it.desk.perform(CancelAll(kit.codec.venue))
    assert kit.script.asked == ["GET /open", "DELETE /order/a", "GET /order/a"]


async def test_one_failed_cancel_spares_no_other(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The second order is cancelled although the first could not be; the failure is in the log."""
    it = bench()
    kit.script.answers |= {
        "GET /open": [tuple(kit.report(f"dnb-1-{n}", OrderStatus.OPEN, venue_id=n) for n in "ab")],
        "DELETE /order/a": [Refused("RISK", "not now")],
        "DELETE /order/b": [None],
        "GET /order/b": [kit.report("dnb-1-b", OrderStatus.CANCELLED, venue_id="b")],
    }
    await it.desk.perform(CancelAll(kit.codec.venue))
    assert "DELETE /order/b" in kit.script.asked
    kit.log.flush_now()
    assert [line["event"] for line in kit.lines.lines] == ["command_failed"]


async def test_a_cancel_that_came_too_often_waits_as_long_as_the_venue_says(
    autojump_clock: Any, kit: Any, bench: Any
) -> None:
    """However often it is asked for meanwhile: at MEXC, who does not wait is banned for minutes or days."""
    it = bench()
    kit.script.answers |= {
        "DELETE /order/v1": [AskedTooOften(8.0, "slow down"), None],
        "GET /order/v1": [kit.report(status=OrderStatus.CANCELLED)],
    }
    left: list[tuple[str, float]] = []
    kit.script.on_request = lambda name: left.append((name, trio.current_time()))
    while len(left) < 3:
        await it.desk.perform(CancelOrder(kit.codec.venue, "v1", "dnb-1-1"))
    assert [name for name, _ in left] == ["DELETE /order/v1", "DELETE /order/v1", "GET /order/v1"]
    assert left[1][1] - left[0][1] >= 8.0


async def test_reads_that_a_later_one_answered_are_skipped(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Ten requests for a read while one is under way make one more read, not ten."""
    it = bench()
    kit.script.answers |= {"GET /balances": [()], "GET /open": [()], "GET /trades/0": [()]}
    async with trio.open_nursery() as nursery:
        for number in range(11):
            nursery.start_soon(it.desk.perform, ReadAccount(kit.codec.venue, f"{number}"))
            await trio.sleep(0.0001)
    reads = [event for event in it.told(kit) if isinstance(event, AccountRead)]
    assert len(reads) == 2
    assert reads[1].began_s >= 0.001


async def test_a_read_that_failed_answers_nobody(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Whoever waited behind it gets a read of his own."""
    it = bench()
    kit.script.answers |= {
        "GET /balances": [VenueUnreachable("stub", "gone"), ()], "GET /open": [()], "GET /trades/0": [()]
    }
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.desk.perform, ReadAccount(kit.codec.venue, "first"))
        await trio.sleep(0.0001)
        nursery.start_soon(it.desk.perform, ReadAccount(kit.codec.venue, "second"))
    assert [event.why for event in it.told(kit)] == ["second"]


@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.HEDGE])
async def test_an_order_does_not_queue_for_a_connection(
    autojump_clock: Any, kit: Any, bench: Any, purpose: Purpose
) -> None:
    """When every connection waits for a reply it is not sent, and soon: its pair's other leg is on its way."""
    intent = kit.intent(purpose=purpose)
    state = StrategyState.EXECUTING_ARBITRAGE if purpose is Purpose.ENTRY else StrategyState.REBALANCING_DELTA
    it = bench(intent, current_state=state)
    kit.script.answers[CREATE] = [kit.report()]
    await it.answer(kit, intent)
    assert kit.script.queues == [QUEUE_S_MAX]


async def test_leverage_is_set_and_read_back(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """What was asked for, and then a reading that tells whether it is so."""
    it = bench()
    kit.script.answers |= {
        "POST /leverage/2/cross": [None], "GET /balances": [()], "GET /open": [()], "GET /trades/0": [()]
    }
    await it.desk.perform(SetLeverage(kit.codec.venue, 2, "cross"))
    assert it.story[0] == "POST /leverage/2/cross"
    assert [type(event) for event in it.told(kit)] == [AccountRead]
