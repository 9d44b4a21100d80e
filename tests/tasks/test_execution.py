"""One pair: one commit, both legs in the same turn, or nothing."""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import trio

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import ExecutePair, PairAborted, PairCommitted, PlaceOrder, StoreLost
from dnbot.strategy.states import StrategyState
from dnbot.tasks.execution import RATE_WAIT_S_MAX, Executor

VENUES = (Venue.GATE_SPOT, Venue.MEXC_SPOT)


@attrs.define
class Ledger:
    """Commits, or fails; `before` is called in the middle of a commit."""

    failure: str = ""
    commits: list[tuple[tuple[str, ...], str, Any]] = attrs.field(factory=list)
    before: Any = None

    async def commit_intents(self, intents: Any, *, execution_id: str, opportunity: Any) -> None:
        await trio.sleep(0.001)
        if self.before is not None:
            self.before()
        if self.failure:
            raise StoreUnreachable(self.failure)
        self.commits.append((tuple(i.client_order_id for i in intents), execution_id, opportunity))


@attrs.define
class Bench:
    """An executor, its pair, and the ends of its channels."""

    executor: Executor
    store: Ledger
    pair: ExecutePair
    orders: dict[Venue, Any]
    inbox: Any
    waits: dict[Venue, float]

    async def run(self, kit: Any) -> tuple[list[Any], list[Any]]:
        """What the machine was told, and the commands of both desks."""
        with trio.move_on_after(1):
            await self.executor.run()
        return kit.drain(self.inbox), [c for venue in VENUES for c in kit.drain(self.orders[venue])]


def bench(kit: Any) -> Bench:
    """A pair on the two spot venues."""
    legs = tuple(kit.intent(f"dnb-1-{n}", venue=venue) for n, venue in enumerate(VENUES))
    pair = ExecutePair(execution_id="x1", intents=legs, opportunity=None)
    pairs, inbox = kit.pipe(), kit.pipe()
    pairs[0].send_nowait(pair)
    desks = {venue: kit.pipe(5) for venue in VENUES}
    store, waits = Ledger(), dict.fromkeys(VENUES, 0.0)
    executor = Executor(
        pairs[1], {v: d[0] for v, d in desks.items()}, inbox[0], kit.gate(*legs), store, kit.clock,
        {venue: partial(waits.__getitem__, venue) for venue in VENUES},
    )
    return Bench(executor, store, pair, {v: d[1] for v, d in desks.items()}, inbox[1], waits)


async def test_one_commit_then_both_legs(autojump_clock: Any, kit: Any) -> None:
    """Both intents in one commit, then both commands, marked as committed, then the machine is told."""
    it = bench(kit)
    told, commands = await it.run(kit)
    assert it.store.commits == [(("dnb-1-0", "dnb-1-1"), "x1", None)]
    assert commands == [PlaceOrder(intent, committed=True) for intent in it.pair.intents]
    assert [type(event) for event in told] == [PairCommitted]


async def test_both_legs_leave_in_the_same_turn(autojump_clock: Any, kit: Any) -> None:
    """Nobody can see one leg handed over and the other not."""
    it = bench(kit)
    seen: list[int] = []

    class Watch(trio.abc.Instrument):
        def after_task_step(self, task: Any) -> None:
            seen.append(sum(it.orders[venue].statistics().current_buffer_used for venue in VENUES))

    watch = Watch()
    trio.lowlevel.add_instrument(watch)
    try:
        with trio.move_on_after(1):
            await it.executor.run()
    finally:
        trio.lowlevel.remove_instrument(watch)
    assert set(seen) == {0, 2}


async def test_no_leg_before_the_commit(autojump_clock: Any, kit: Any) -> None:
    """While the commit is under way no command exists."""
    it = bench(kit)
    seen: list[int] = []
    it.store.before = lambda: seen.append(
        sum(it.orders[venue].statistics().current_buffer_used for venue in VENUES)
    )
    await it.run(kit)
    assert seen == [0]


async def test_an_absent_database_aborts(autojump_clock: Any, kit: Any) -> None:
    """No commit, no order: the machine learns of the loss and of the abort."""
    it = bench(kit)
    it.store.failure = "gone"
    told, commands = await it.run(kit)
    assert commands == []
    assert told[0] == StoreLost("gone")
    assert isinstance(told[1], PairAborted)
    assert (told[1].reason, told[1].text) == ("DB_UNAVAILABLE", "gone")


async def test_the_gate_is_asked_after_the_commit(autojump_clock: Any, kit: Any) -> None:
    """A fault that arrives during the commit stops both legs."""
    it = bench(kit)

    def fault() -> None:
        gate = it.executor.gate
        gate.context = kit.changed(gate.context, current_state=StrategyState.ERROR_RECOVERY)

    it.store.before = fault
    told, commands = await it.run(kit)
    assert it.store.commits
    assert commands == []
    assert [event.reason for event in told] == ["STATE_NOT_TRADING"]


async def test_one_denied_leg_stops_both(autojump_clock: Any, kit: Any) -> None:
    """The second leg is not known to the machine: the first does not leave either."""
    it = bench(kit)
    gate = it.executor.gate
    assert gate.context is not None
    gate.context = kit.changed(gate.context, orders=gate.context.orders.without(["dnb-1-1"]))
    told, commands = await it.run(kit)
    assert commands == []
    assert [event.reason for event in told] == ["DUPLICATE"]


async def test_a_spent_budget_aborts(autojump_clock: Any, kit: Any) -> None:
    """A leg that would have to wait for its rate budget stops both: books would be old."""
    it = bench(kit)
    it.waits[Venue.MEXC_SPOT] = RATE_WAIT_S_MAX * 1.01
    told, commands = await it.run(kit)
    assert commands == []
    assert [event.reason for event in told] == ["RATE"]
