"""`step` is pure: the same inbox gives the same contexts, commands and records; and some things never happen."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest
from machine_kit import SYMBOL, Bench, S, adventure, in_state

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import (
    Command,
    ExecutePair,
    FillBooked,
    FillReported,
    InboxEvent,
    OrderReported,
    PairAborted,
    PairCommitted,
    PlaceOrder,
    Record,
    RowBooked,
    SetMode,
    StoreFound,
    StoreLost,
    Tick,
)
from dnbot.domain.order import Fill, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.strategy import deciding, machine
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.machine import step
from dnbot.strategy.states import StrategyState, TradingMode, Trigger, allows
from dnbot.strategy.turn import Turn

COMMANDS_MAX = 60
"""Three accounts times (cancel, read), and one question for each order in doubt."""
MODES = [TradingMode.ACTIVE, TradingMode.REDUCING, TradingMode.HALTED]


def replay(start: StrategyContext, events: list[InboxEvent]) -> tuple[StrategyContext, list[Command], list[Record]]:
    """Fold the events once more."""
    context, commands, records = start, list[Command](), list[Record]()
    for event in events:
        result = step(context, event)
        context = result.context
        commands.extend(result.commands)
        records.extend(result.records)
    return context, commands, records


def test_replaying_gives_the_same() -> None:
    """The recorded inbox from the same start: equal contexts, commands and records, to the last field."""
    bench = adventure()
    assert len(bench.path()) > 15
    assert replay(bench.start, bench.events) == (bench.context, bench.commands, bench.records)


def test_the_inbox_survives_json() -> None:
    """Every event written as JSON and read back replays to the same: the inbox is the audit log."""
    bench = adventure()
    text = msgspec.json.encode(bench.events)
    events = msgspec.json.decode(text, type=list[InboxEvent])
    assert events == bench.events
    assert replay(bench.start, events) == (bench.context, bench.commands, bench.records)


def test_a_context_is_never_changed() -> None:
    """A step leaves the context that it was given as it was: two continuations of one context do not meet."""
    bench = Bench().boot()
    before, copy = bench.context, msgspec.structs.replace(bench.context)
    bench.opportunity()
    assert before == copy
    assert bench.context != before
    with pytest.raises(AttributeError):
        bench.context.epoch = 2


def test_an_illegal_trigger_changes_nothing() -> None:
    """A handler that takes an edge the table does not have is a bug: it raises, and the turn is as before."""
    bench = Bench()
    turn = Turn(bench.context)
    with pytest.raises(InvariantBroken, match="INITIALIZING has no edge for COMMITTED"):
        turn.fire(Trigger.COMMITTED)
    assert turn.context == bench.context
    assert (turn.commands, turn.records) == ([], [])


def test_handlers_that_chase_each_other_are_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that does not come to rest within one event raises instead of turning for ever."""
    bench = in_state(S.MONITORING_SPREADS)

    def stale(turn: Turn) -> None:
        turn.fire(Trigger.MARKET_STALE)

    def fresh(turn: Turn) -> None:
        turn.fire(Trigger.MARKET_FRESH)

    monkeypatch.setitem(deciding.HANDLERS, StrategyState.MONITORING_SPREADS, stale)
    monkeypatch.setitem(deciding.HANDLERS, StrategyState.DELTA_NEUTRAL_ACTIVE, fresh)
    with pytest.raises(InvariantBroken, match="does not come to rest"):
        step(bench.context, Tick(bench.now_ns, bench.now_s))
    assert machine.HANDLERS is deciding.HANDLERS


def test_every_state_has_a_handler() -> None:
    """No state is without its handler."""
    assert set(deciding.HANDLERS) == set(StrategyState)


def test_time_never_goes_back() -> None:
    """A tick or signal that is older than what was seen does not turn monotonic time back."""
    bench = Bench().boot()
    seen = bench.context.now_s
    bench.give(Tick(bench.now_ns, seen - 10))
    assert bench.context.now_s == seen


def test_a_wall_clock_that_steps_changes_no_decision() -> None:
    """An hour forward or back in the middle: the same edges, the same orders, the same questions."""
    def run(step_s: int) -> Bench:
        bench = Bench().boot()
        bench.give(Tick(bench.now_ns + step_s * 10**9, bench.now_s))
        bench.wall_ns += step_s * 10**9
        bench.residual()
        first = bench.context.unsettled[0].intent
        bench.sent(first)
        bench.quiet(2)
        bench.told(first, OrderStatus.CANCELLED, 0)
        bench.quiet(1)
        bench.filled(bench.context.unsettled[0].intent)
        bench.quiet(2)
        return bench

    def seen(bench: Bench) -> list[tuple[str, object]]:
        orders = [("order", (i.client_order_id, i.venue, i.side, i.quantity, i.price)) for i in bench.intents()]
        others = [(type(c).__name__, getattr(c, "venue", None)) for c in bench.commands]
        return [*orders, *others, *[("edge", edge) for edge in bench.path()]]

    assert any(name == "ResolveOrder" for name, _ in seen(run(0)))
    assert seen(run(3600)) == seen(run(0)) == seen(run(-3600))


def test_transitions_are_numbered_without_gaps() -> None:
    """StateChanged records carry 1, 2, 3, ... and each begins where the last one ended."""
    bench = adventure()
    edges = [r for r in bench.records if type(r).__name__ == "StateChanged"]
    assert [edge.sequence for edge in edges] == list(range(1, len(edges) + 1))
    path = bench.path()
    assert path[0][0] == "INITIALIZING"
    assert [start for start, _, _ in path[1:]] == [end for _, _, end in path[:-1]]
    assert path[-1][2] == bench.state.name


# --- random inboxes ---------------------------------------------------------------------------------------------------
Action = Callable[[Bench, int], object]


def _pick(bench: Bench, number: int) -> OrderIntent | None:
    intents = bench.intents()[-6:]
    return intents[number % len(intents)] if intents else None


def _done(bench: Bench, intent: OrderIntent) -> Decimal:
    mine = (fill for fill in bench.truth[intent.venue].fills if fill.venue_order_id == f"v-{intent.client_order_id}")
    return sum((fill.quantity for fill in mine), Decimal(0))


def _fill(bench: Bench, number: int) -> object:
    intent = _pick(bench, number)
    if intent is None:
        return None
    done = _done(bench, intent)
    lot = bench.instruments[intent.venue].lot_size
    left = intent.quantity - done
    part = left if number % 2 else left / 2 // lot * lot
    if part <= 0:
        return None
    name = "" if number % 5 == 0 else intent.client_order_id
    fill = bench.trade(intent, part, client_order_id=name)
    return bench.give(FillReported(fill)) if number % 7 else None


def _report(bench: Bench, number: int) -> object:
    intent = _pick(bench, number)
    if intent is None:
        return None
    done = _done(bench, intent)
    whole = done == intent.quantity
    status = OrderStatus.FILLED if whole else (OrderStatus.OPEN, OrderStatus.CANCELLED)[number % 2]
    return bench.told(intent, status, done)


def _answer(bench: Bench, number: int) -> object:
    intent = _pick(bench, number)
    outcomes = ("accepted", "refused", "not_sent", "ambiguous", "no_effect")
    return bench.answered(intent, outcomes[number % len(outcomes)]) if intent is not None else None


def _send(bench: Bench, number: int) -> object:
    intent = _pick(bench, number)
    return bench.sent(intent) if intent is not None else None


def _pair(bench: Bench, number: int) -> object:
    pairs = bench.all(ExecutePair)
    if not pairs:
        return None
    name = pairs[-1].execution_id
    if number % 3:
        return bench.give(PairCommitted(name, bench.now_ns))
    return bench.give(PairAborted(name, "RATE", "test", bench.now_ns))


def _stranger(bench: Bench, number: int) -> object:
    venue = VENUES[number % 3]
    bench.trades += 1
    fill = Fill(
        venue=venue, symbol=SYMBOL, trade_id=f"x{bench.trades}", venue_order_id=f"x{bench.trades}", client_order_id="",
        side=(Side.BUY, Side.SELL)[number % 2], price=Price(Decimal(60_000)), quantity=Quantity(Decimal("0.001")),
        fee=Decimal(0), fee_asset="USDT", traded_at_ns=bench.now_ns,
    )
    bench.truth[venue].fills.append(fill)
    return bench.give(FillReported(fill))


def _market(bench: Bench, number: int) -> object:
    shift = (0, 0, 0, 200, -200, 60, -60)[number % 7]
    return bench.signal(ms=60_000 + shift, after_ms=(50, 100, 700)[number % 3])


def _repeat(bench: Bench, number: int) -> object:
    old = [event for event in bench.events if isinstance(event, FillReported | OrderReported)]
    return bench.give(old[number % len(old)]) if old else None


def _life(bench: Bench, number: int) -> object:
    """The newest pair, or the newest single order, goes its usual way."""
    pairs = bench.all(ExecutePair)
    if pairs and bench.context.execution is not None and not bench.context.execution.committed:
        bench.committed()
    for order in bench.context.unsettled:
        intent = order.intent
        if order.filled == 0 and intent in bench.intents():
            lot = bench.instruments[intent.venue].lot_size
            bench.filled(intent, (intent.quantity, intent.quantity / 2 // lot * lot, 0)[number % 3])
            number //= 3
    return None


ACTIONS: list[Action] = [
    _market, _market, _market, _market, _life, _life, _life,
    lambda b, n: b.tick((10, 100, 300, 2500)[n % 4]),
    lambda b, _: b.answer_reads(),
    lambda b, n: b.give(b.read(VENUES[n % 3])),
    _fill, _fill, _report, _report, _answer, _send, _pair, _pair, _stranger, _repeat,
    lambda b, n: b.up(VENUES[n % 3]),
    lambda b, n: b.down(VENUES[n % 3]),
    lambda b, n: b.fault(),
    lambda b, n: b.give(SetMode(MODES[n % 3].name, "test")),
    lambda b, n: b.give(StoreLost("test") if n % 2 else StoreFound()),
    lambda b, n: b.row(("fund", "dnw", "odd")[n % 3], n % 5 - 2),
    lambda b, n: b.stop(("", "flatten")[n % 2]) if n % 9 == 0 else None,
]


def judge(bench: Bench, first: int, before: StrategyContext) -> None:
    """What holds after every event, whatever happened: `first` commands were there before it."""
    new = bench.commands[first:]
    assert len(new) <= COMMANDS_MAX
    for command in new:
        intents = command.intents if isinstance(command, ExecutePair) else ()
        intents = (command.intent,) if isinstance(command, PlaceOrder) else intents
        for intent in intents:
            assert allows(bench.state, bench.context.mode, intent.purpose)
            if intent.purpose is Purpose.ENTRY:
                assert bench.state is S.PREPARING_ARBITRAGE
    event = bench.events[-1] if bench.events else None
    if MODES.index(bench.context.mode) < MODES.index(before.mode):
        assert isinstance(event, SetMode), "a mode was raised, and not by a person"


def ledger(bench: Bench) -> dict[str, Decimal]:
    """Σ of everything that was recorded as booked."""
    total: dict[str, Decimal] = {}
    for record in bench.records:
        for entry in record.entries if isinstance(record, FillBooked | RowBooked) else ():
            key = f"{entry.venue.value}:{entry.asset}"
            total[key] = total.get(key, Decimal(0)) + entry.amount
    return total


def wander(seed: int, moves: int, **parameters: object) -> Bench:
    """A random life, judged after every event."""
    random = Random(seed)
    bench = Bench(**parameters).boot() if seed % 4 else Bench(**parameters)  # type: ignore[arg-type]
    for _ in range(moves):
        first, before, count = len(bench.commands), bench.context, len(bench.events)
        random.choice(ACTIONS)(bench, random.randrange(1001))
        if len(bench.events) <= count + 2:  # one event, perhaps with its tick
            judge(bench, first, before)
    return bench


@hypothesis.settings(max_examples=80)
@hypothesis.given(seed=st.integers(0, 10**6), rests=st.booleans())
def test_random_inboxes(seed: int, rests: bool) -> None:
    """Any order of events, whether legs may rest or not: nothing raises, the gate holds, no id leaves twice, and the
    ledger is its own records.
    """
    bench = wander(seed, 100, maker_first=rests)
    names = [intent.client_order_id for intent in bench.intents()]
    assert len(names) == len(set(names)), "an id was handed over twice"
    told = {key: amount for key, amount in ledger(bench).items() if amount}
    assert told == {key: amount for key, amount in bench.context.portfolio.balances.items() if amount}
    for venue in VENUES:
        booked = [r.fill.trade_id for r in bench.records if isinstance(r, FillBooked) and r.fill.venue is venue]
        assert len(booked) == len(set(booked)), "a trade was booked twice"


@hypothesis.settings(max_examples=8)
@hypothesis.given(seed=st.integers(0, 10**6), rests=st.booleans())
def test_random_inboxes_replay(seed: int, rests: bool) -> None:
    """Any order of events replays to the same, through JSON too."""
    bench = wander(seed, 60, maker_first=rests)
    events: Any = msgspec.json.decode(msgspec.json.encode(bench.events), type=list[InboxEvent])
    assert replay(bench.start, events) == (bench.context, bench.commands, bench.records)
