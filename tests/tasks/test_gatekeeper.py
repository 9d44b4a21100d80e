"""The gate between a commit and a send: each denial."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.domain.instrument import Venue
from dnbot.domain.order import Order, OrderStatus, Purpose
from dnbot.ports.latch import Halt, MemoryLatch
from dnbot.strategy.orders import Orders
from dnbot.strategy.states import StrategyState, TradingMode, gate_code
from dnbot.tasks.gatekeeper import Gatekeeper


async def test_what_is_expected_and_fresh_may_leave(autojump_clock: Any, kit: Any) -> None:
    """An entry that the machine waits for, in a trading state, on fresh books, before its expiry."""
    intent = kit.intent()
    assert kit.gate(intent).denial(intent) is None


async def test_before_the_first_step_nothing_may_leave(autojump_clock: Any, kit: Any) -> None:
    """Without a context the gate is closed."""
    denial = Gatekeeper(kit.clock).denial(kit.intent())
    assert denial == "STATE_NOT_TRADING: the machine has not started"


@pytest.mark.parametrize(
    ("state", "mode", "purpose", "code"),
    [
        (StrategyState.ERROR_RECOVERY, TradingMode.ACTIVE, Purpose.ENTRY, "STATE_NOT_TRADING"),
        (StrategyState.SHUTDOWN, TradingMode.HALTED, Purpose.EXIT, "STATE_NOT_TRADING"),
        (StrategyState.EXECUTING_ARBITRAGE, TradingMode.REDUCING, Purpose.ENTRY, "REDUCING_ONLY"),
        (StrategyState.EXECUTING_ARBITRAGE, TradingMode.HALTED, Purpose.EXIT, "KILLED"),
        (StrategyState.INITIALIZING, TradingMode.ACTIVE, Purpose.HEDGE, "STATE_NOT_TRADING"),
    ],
)
async def test_state_and_mode_decide(
    autojump_clock: Any, kit: Any, state: StrategyState, mode: TradingMode, purpose: Purpose, code: str
) -> None:
    """The table of states, modes and purposes is asked at the last moment, and says which of them it was."""
    intent = kit.intent(purpose=purpose)
    denial = kit.gate(intent, current_state=state, mode=mode).denial(intent)
    assert denial == f"{code}: {purpose.name} in {state.name}/{mode.name}"


async def test_an_expired_intent_stays(autojump_clock: Any, kit: Any) -> None:
    """At its own expiry an intent may no longer leave, and a moment before it may."""
    intent = kit.intent(purpose=Purpose.HEDGE)
    gate = kit.gate(intent, current_state=StrategyState.REBALANCING_DELTA)
    await trio.sleep(0.799)
    assert gate.denial(intent) is None
    await trio.sleep(0.001)
    assert gate.denial(intent).startswith("EXPIRED")


@pytest.mark.parametrize("status", [None, *(s for s in OrderStatus if s.is_final)])
async def test_what_nobody_waits_for_stays(autojump_clock: Any, kit: Any, status: OrderStatus | None) -> None:
    """An order that the machine does not know, or that is over, is not sent."""
    intent = kit.intent()
    orders = Orders.of([] if status is None else [Order(intent=intent, status=status)])
    assert kit.gate(intent, orders=orders).denial(intent).startswith("DUPLICATE")


@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.EXIT])
async def test_old_books_stop_what_need_not_be(autojump_clock: Any, kit: Any, purpose: Purpose) -> None:
    """A book older than allowed, or none, denies entries and exits."""
    intent = kit.intent(purpose=purpose)
    gate = kit.gate(intent)
    old = {**gate.context.market.books, Venue.GATE_SPOT: kit.book(Venue.GATE_SPOT, age_s=1.001)}
    gate.context = kit.changed(gate.context, market=kit.changed(gate.context.market, books=old))
    assert gate.denial(intent).startswith("DATA_STALE")
    del old[Venue.GATE_SPOT]
    assert gate.denial(intent).startswith("DATA_STALE")


async def test_old_books_do_not_stop_a_way_out(autojump_clock: Any, kit: Any) -> None:
    """A hedge may leave on an old book: its price cap is its protection."""
    intent = kit.intent(purpose=Purpose.HEDGE)
    gate = kit.gate(intent, current_state=StrategyState.REBALANCING_DELTA)
    gate.context = kit.changed(gate.context, market=kit.changed(gate.context.market, books={}))
    assert gate.denial(intent) is None


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_a_halt_from_outside_counts_before_the_machine_knows(
    autojump_clock: Any, kit: Any, purpose: Purpose
) -> None:
    """With the latch set, an ACTIVE machine may send what a HALTED one may, in every state, and nothing else."""
    intent = kit.intent(purpose=purpose)
    for state in StrategyState:
        gate = kit.gate(intent, current_state=state)
        gate.latch = MemoryLatch([Halt(who="ann", reason="now", at_ns=1)])
        denial = gate.denial(intent)
        code = gate_code(state, TradingMode.HALTED, purpose)
        assert denial == (None if code is None else f"{code}: {purpose.name} in {state.name}/HALTED")


@pytest.mark.parametrize(
    ("purpose", "code"),
    [(Purpose.ENTRY, "COUNTDOWN"), (Purpose.EXIT, "COUNTDOWN"), (Purpose.HEDGE, ""), (Purpose.UNWIND, "")],
)
async def test_while_a_venue_may_be_cancelling_only_repairs_leave(
    autojump_clock: Any, kit: Any, purpose: Purpose, code: str
) -> None:
    """From the moment on at which a countdown may have run out, whatever the machine has heard since."""
    intent = kit.intent(purpose=purpose)
    state = StrategyState.REBALANCING_DELTA if not code else StrategyState.EXECUTING_ARBITRAGE
    gate = kit.gate(intent, current_state=state)
    account = kit.changed(gate.context.accounts[Venue.GATE_FUTURES], countdown_until_s=trio.current_time() + 0.5)
    gate.context = kit.changed(gate.context, accounts={**gate.context.accounts, Venue.GATE_FUTURES: account})
    assert gate.denial(intent) is None
    await trio.sleep(0.5)
    assert (gate.denial(intent) or "").partition(":")[0] == code
