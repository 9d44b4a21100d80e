"""The machine's inbox: it never waits for anyone but its inbox, and loses nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.domain.errors import InvariantBroken, StoreUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.market import MarketView
from dnbot.domain.messages import (
    Alert,
    ExecutePair,
    MetricSampled,
    Paused,
    PlaceOrder,
    ReadAccount,
    ResolveOrder,
    SetMode,
    Signal,
    StoreLost,
    Tick,
)
from dnbot.ports.channels import Channels, pipe
from dnbot.ports.latch import UNREADABLE, Halt, MemoryLatch
from dnbot.strategy.machine import Step
from dnbot.strategy.states import TradingMode
from dnbot.tasks import strategist as strategist_module
from dnbot.tasks.gatekeeper import Gatekeeper
from dnbot.tasks.strategist import TICK_S, Strategist

GS = Venue.GATE_SPOT


@attrs.define
class Bench:
    """A strategist whose machine is a function of the test."""

    strategist: Strategist
    channels: Channels
    events: list[Any]
    witnessed: list[Any]

    def tell(self, event: Any) -> None:
        self.channels.inbox.send.send_nowait(event)

    async def run(self, for_s: float) -> None:
        with trio.move_on_after(for_s):
            await self.strategist.run()


@pytest.fixture
def bench(kit: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    """`react` gets each event and says what follows: (commands, records, exit code)."""

    def make(react: Callable[[Any], Any] | None = None, records_limit: int = 100) -> Bench:
        events: list[Any] = []
        witnessed: list[Any] = []

        def step(context: Any, event: Any) -> Step:
            events.append(event)
            commands, records, code = (react(event) if react else None) or ((), (), None)
            now_s = event.now_s if isinstance(event, Tick) else context.now_s
            return Step(msgspec.structs.replace(context, exit_code=code, now_s=now_s), tuple(commands), tuple(records))

        monkeypatch.setattr(strategist_module, "step", step)
        channels = attrs.evolve(Channels.open(), records=pipe(records_limit))
        shown: list[Any] = []
        strategist = Strategist(
            channels, Gatekeeper(kit.clock), kit.clock, kit.log, kit.context(), shown.append, witnessed.append
        )
        return Bench(strategist, channels, events, witnessed)

    return make


def alert(number: int) -> Alert:
    return Alert(level="info", key=str(number), text="", at_ns=0)


async def test_ticks_come_at_least_every_tenth_of_a_second(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Alone, and with an inbox that is never empty."""
    it = bench()

    async def chatter() -> None:
        while True:
            await trio.sleep(0.007)
            it.tell(StoreLost("noise"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, 2.0)
        await trio.sleep(1.0)
        nursery.start_soon(chatter)
        await trio.sleep(1.0)
        nursery.cancel_scope.cancel()
    times = [event.now_s for event in it.events if isinstance(event, Tick)]
    assert len(times) > 20
    assert max(b - a for a, b in pairwise(times)) <= TICK_S + 1e-9


async def test_the_clock_goes_before_each_event(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Facts are folded at the time they are seen."""
    it = bench()
    it.tell(StoreLost("a"))
    it.tell(StoreLost("b"))
    await it.run(0.05)
    facts = [n for n, event in enumerate(it.events) if isinstance(event, StoreLost)]
    assert len(facts) == 2
    assert all(isinstance(it.events[n - 1], Tick) for n in facts)


def market() -> Signal:
    return Signal(market=MarketView(), edges=(), at_s=trio.current_time())


async def test_a_market_is_seen_in_the_turn_that_brings_it(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The clock goes first; who does not run sees nothing."""
    it = bench()
    assert not it.strategist.see_market(market())
    assert it.events == []

    async def bring() -> None:
        await trio.sleep(0.05)
        assert it.strategist.see_market(market())
        assert [type(event).__name__ for event in it.events[-2:]] == ["Tick", "Signal"]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, 0.2)
        nursery.start_soon(bring)


async def test_no_market_overtakes_an_event_and_no_event_another(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """One that was handed over and not seen yet, and those behind it, go first; each with the newest market before."""
    it = bench()
    waiting: list[Signal] = []
    it.strategist.pull = lambda: waiting.pop() if waiting else None

    async def bring() -> None:
        await trio.sleep(0.05)
        before = len(it.events)
        for name in "ab":
            it.tell(StoreLost(name))
        waiting.append(market())
        assert not it.strategist.see_market(waiting[0])
        await trio.sleep(0.01)
        seen = [event for event in it.events[before:] if not isinstance(event, Tick)]
        assert [type(event).__name__ for event in seen] == ["Signal", "StoreLost", "StoreLost"]
        assert [event.what for event in seen[1:]] == ["a", "b"]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, 0.2)
        nursery.start_soon(bring)


async def test_the_newest_market_goes_before_each_event(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A hedge of a fill is priced on what is known now; a market that was seen is not seen again."""
    it = bench()
    waiting = [market()]
    it.strategist.pull = lambda: waiting.pop() if waiting else None
    it.tell(StoreLost("a"))
    it.tell(StoreLost("b"))
    await it.run(0.05)
    names = [type(event).__name__ for event in it.events]
    assert names[:6] == ["Tick", "Signal", "Tick", "StoreLost", "Tick", "StoreLost"]


async def test_what_fails_while_a_market_is_seen_is_the_strategist_s(
    autojump_clock: Any, kit: Any, bench: Any
) -> None:
    """The feed that brought it goes on; records that nobody takes end the strategist, as always."""
    it = bench(lambda event: ((), [alert(n) for n in range(5)] * isinstance(event, Signal), None), records_limit=2)

    async def bring() -> None:
        await trio.sleep(0.05)
        assert it.strategist.see_market(market())
        assert not it.strategist.see_market(market())
        it.tell(StoreLost("a"))

    with pytest.RaisesGroup(StoreUnreachable):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.run, 1.0)
            nursery.start_soon(bring)
    assert sum(isinstance(event, Signal) for event in it.events) == 1
    assert sum(isinstance(event, StoreLost) for event in it.events) == 1, "it was taken, so it is seen"


async def test_no_market_is_seen_after_the_end(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Nothing follows the step that says that everything is done."""
    it = bench(lambda event: ((), (), 0) if isinstance(event, Signal) else None)
    it.strategist.finished = ended = trio.Event()

    async def bring() -> None:
        await trio.sleep(0.05)
        assert it.strategist.see_market(market())
        assert not it.strategist.see_market(market())
        it.tell(StoreLost("a"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, 1.0)
        nursery.start_soon(bring)
    assert ended.is_set()
    assert isinstance(it.events[-1], Signal)


async def test_the_gate_sees_each_context_in_the_same_turn(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """What a desk asks is never older than the last event."""
    it = bench()
    assert it.strategist.gate.context is None
    it.tell(StoreLost("a"))
    await it.run(0.05)
    assert it.strategist.gate.context is it.strategist.context


async def test_commands_go_where_they_belong(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Single orders and reads to the desk of their venue, pairs to execution."""
    intent = kit.intent()
    pair = ExecutePair(execution_id="x1", intents=(intent,), opportunity=None)
    it = bench(lambda e: ((PlaceOrder(intent), ReadAccount(Venue.MEXC_SPOT, "x"), pair), (), 0)
               if isinstance(e, StoreLost) else None)
    it.tell(StoreLost("a"))
    await it.run(0.05)
    assert kit.drain(it.channels.orders[GS].receive) == [PlaceOrder(intent)]
    assert kit.drain(it.channels.orders[Venue.MEXC_SPOT].receive) == [ReadAccount(Venue.MEXC_SPOT, "x")]
    assert kit.drain(it.channels.executions.receive) == [pair]


async def test_whoever_looks_on_waits_for_a_pair_to_leave(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The turn that decides one shows nothing, the clock's step before it included; the next event does."""
    pair = ExecutePair(execution_id="x1", intents=(kit.intent(),), opportunity=None)
    it = bench(lambda e: ((pair,), (), None) if isinstance(e, StoreLost) and e.what == "pair" else None)
    shown: list[list[str]] = []
    it.strategist.publish = lambda _: shown.append([e.what for e in it.events if isinstance(e, StoreLost)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, 0.58)
        await trio.sleep(0.56)  # something is due to be shown since 0.55, and no tick came
        it.tell(StoreLost("pair"))
        await trio.sleep(0.01)
        it.tell(StoreLost("after"))
    assert shown == [[], [], ["pair", "after"]]


async def test_full_records_are_a_fault_and_nothing_is_lost(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """We do not trade what we cannot record: but what happened is kept, in order, over restarts; samples are not."""
    sample = MetricSampled("x", 1.0, 0)
    it = bench(lambda e: ((ReadAccount(GS, e.what),), (sample, alert(int(e.what)), alert(int(e.what) + 1)), None)
               if isinstance(e, StoreLost) else None, records_limit=2)
    for number in (0, 10, 20):
        it.tell(StoreLost(str(number)))
    for _ in range(3):
        with pytest.raises(StoreUnreachable, match="pile up"):
            await it.run(1)
    assert [c.why for c in kit.drain(it.channels.orders[GS].receive)] == ["0", "10", "20"], "commands still leave"
    found = kit.drain(it.channels.records.receive)
    while it.strategist.held:
        with contextlib.suppress(StoreUnreachable):
            await it.run(0.15)
        found += kit.drain(it.channels.records.receive)
    assert [r for r in found if r != sample] == [alert(n) for n in (0, 1, 10, 11, 20, 21)]
    assert it.witnessed.count(sample) == 3


async def test_a_full_desk_is_a_bug_but_for_what_is_asked_again(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A resolution that does not fit is dropped; anything else that does not fit ends the bot."""
    intent = kit.intent()
    it = bench(lambda e: (((ResolveOrder(intent) if e.what == "a" else PlaceOrder(intent)),), (), None)
               if isinstance(e, StoreLost) else None)
    orders = it.channels.orders[GS]
    for _ in range(64):
        orders.send.send_nowait(ReadAccount(GS, "x"))
    it.tell(StoreLost("a"))
    await it.run(0.05)
    it.tell(StoreLost("b"))
    with pytest.raises(InvariantBroken, match="queue of orders is full"):
        await it.run(0.05)


async def test_the_end_is_told(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """With an exit code it finishes, takes no more events and stays."""
    it = bench(lambda e: ((), (alert(1),), 0) if isinstance(e, StoreLost) else None)
    it.tell(StoreLost("a"))
    it.tell(StoreLost("b"))
    await it.run(1.0)
    assert it.strategist.finished.is_set()
    assert [e for e in it.events if isinstance(e, StoreLost)] == [StoreLost("a")]
    assert kit.drain(it.channels.records.receive) == [alert(1)]


async def test_a_halt_from_outside_comes_before_any_event(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Told once each, and again when another arrives; an unreadable one too."""
    it = bench()
    latch = it.strategist.gate.latch = MemoryLatch([Halt(who="ann", reason="first", at_ns=1)])
    it.tell(StoreLost("waited"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, 1.0)
        await trio.sleep(0.5)
        latch.halts.append(UNREADABLE)
    assert [type(event) for event in it.events][:2] == [SetMode, Tick]
    told = [(event.mode, event.by, event.why) for event in it.events if isinstance(event, SetMode)]
    assert told == [("HALTED", "ann", latch.halts[0].why), ("HALTED", "unknown", UNREADABLE.why)]


@pytest.mark.parametrize(
    ("before", "after"), [("the daily loss", "the daily loss; {why}"), ("killed by bob: earlier", "{why}")]
)
async def test_a_machine_that_is_halted_keeps_its_own_reason(
    autojump_clock: Any, kit: Any, bench: Any, before: str, after: str
) -> None:
    """Whoever lifts the halt has both to look at; a restart with the same halt records nothing again."""
    it, halt = bench(), Halt(who="ann", reason="first", at_ns=1)
    it.strategist.gate.latch = MemoryLatch([halt])
    it.strategist.context = kit.context(mode=TradingMode.HALTED, mode_why=before)
    await it.run(0.3)
    assert [event.why for event in it.events if isinstance(event, SetMode)] == [after.format(why=halt.why)]
    again = bench()
    again.strategist.gate.latch = MemoryLatch([halt])
    again.strategist.context = kit.context(mode=TradingMode.HALTED, mode_why=after.format(why=halt.why))
    await again.run(0.3)
    assert again.events
    assert not any(isinstance(event, SetMode) for event in again.events)


async def test_a_pause_is_told_before_the_tick_that_ends_it(
    autojump_clock: Any, kit: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wall clock leaps by a minute: the machine hears of it first, and once."""
    it = bench()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, 2.0)
        await trio.sleep(0.5)
        assert not any(isinstance(event, Paused) for event in it.events)
        kit.clock.skew_ns += 60 * 10**9
    found = [n for n, event in enumerate(it.events) if isinstance(event, Paused)]
    assert len(found) == 1
    assert isinstance(it.events[found[0] + 1], Tick)


async def test_who_keeps_steps_sees_each_in_its_row(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The context before, the event and what came of it, without a hole; the one that fails, too, and it is raised."""
    bug = InvariantBroken("a planted one")

    def react(event: Any) -> Any:
        if isinstance(event, StoreLost):
            raise bug

    it, kept = bench(react), list[Any]()
    it.strategist.keep = lambda *step: kept.append(step)
    first = it.strategist.context
    async with trio.open_nursery() as nursery:

        async def tell() -> None:
            await trio.sleep(0.5)
            it.tell(StoreLost("now"))

        nursery.start_soon(tell)
        with pytest.raises(InvariantBroken, match="a planted one"):
            await it.strategist.run()
    assert [event for _, event, _ in kept] == it.events
    assert kept[0][0] is first
    assert all(after[0] is before[2].context for before, after in pairwise(kept))
    assert isinstance(kept[-1][1], StoreLost)
    assert kept[-1][2] is bug
    assert it.strategist.context is kept[-1][0]
