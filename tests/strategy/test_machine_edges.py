"""Every edge of the table is really taken by the machine: one short way to each, by events alone."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from machine_kit import MS, Bench, S, in_state

from dnbot.domain.messages import FillReported, SetMode
from dnbot.domain.order import Side
from dnbot.strategy.states import TRANSITIONS, StrategyState, Trigger

T = Trigger
Edge = tuple[StrategyState, Trigger]


def sell_by_hand(bench: Bench, quantity: str) -> Bench:
    """Somebody sells spot on Gate."""
    template = in_state(S.PREPARING_ARBITRAGE).intents()[0]
    intent = msgspec.structs.replace(template, side=Side.SELL)
    bench.give(FillReported(bench.trade(intent, quantity, 60_000, client_order_id="", venue_order_id="web")))
    return bench


def waiting() -> Bench:
    """PREPARING, waiting for MEXC's account."""
    bench = Bench(market_age_ms_max=700, max_drawdown_pct=50, quote="50000").boot()
    bench.down(MS)
    bench.signal(ms=60_200)
    return bench


def poor() -> Bench:
    """MONITORING, with a perpetual account that a jump of the mark brings near its floor."""
    bench = Bench(quote="50000", max_drawdown_pct=50).boot()
    bench.mark = Decimal(68_000)
    return bench


def poor_for_long() -> Bench:
    """The same, a second later: no single mark."""
    bench = poor()
    bench.quiet(1.5)
    return bench


def jumped(bench: Bench) -> Bench:
    """The mark is where it is, with the same books."""
    bench.mark = Decimal(68_000)
    bench.give(bench.market_signal())
    return bench


def signalled(bench: Bench, **mids: object) -> Bench:
    """One more market."""
    bench.signal(**mids)
    return bench


def ticked(bench: Bench, ms: float) -> Bench:
    """Time passes."""
    bench.tick(ms)
    return bench


def read(bench: Bench) -> Bench:
    """All three accounts answer."""
    bench.read_all()
    return bench


def stuck_slice() -> Bench:
    """A slice whose perpetual leg can be hedged by nobody."""
    bench = in_state(S.ESTABLISHING_DELTA_NEUTRAL)
    spot, perp = bench.committed().intents
    bench.filled(spot)
    bench.nothing(perp)
    bench.nothing(bench.context.unsettled[0].intent)
    return ticked(bench, 1100)


def repaired() -> Bench:
    """A residual, hedged."""
    bench = in_state(S.REBALANCING_DELTA)
    bench.filled(bench.context.unsettled[0].intent)
    return bench


def broken() -> Bench:
    """A residual, and no perpetual book to price from."""
    bench = in_state(S.REBALANCING_DELTA)
    bench.nothing(bench.context.unsettled[0].intent)
    return ticked(bench, 1100)


def spent() -> Bench:
    """A recovery with one attempt, and no answer."""
    bench = Bench(recovery_attempts_max=1).boot()
    bench.fault()
    return ticked(bench, 5100)


def committed() -> Bench:
    """A pair on its way."""
    return in_state(S.EXECUTING_ARBITRAGE)


def both_filled() -> Bench:
    """A round trip."""
    bench = Bench().boot()
    bench.round_trip()
    return bench


def refused() -> Bench:
    """A pair that its executor did not send."""
    bench = in_state(S.PREPARING_ARBITRAGE)
    bench.aborted()
    return bench


def reduced() -> Bench:
    """The mode changes while an opportunity waits."""
    bench = waiting()
    bench.give(SetMode("REDUCING", "test"))
    return bench


def unbuilt() -> Bench:
    """A fault before the position was built."""
    bench = in_state(S.ESTABLISHING_DELTA_NEUTRAL)
    bench.aborted()
    bench.fault()
    return read(bench)


def filled_slices() -> Bench:
    """The position is inside its band."""
    return Bench().boot()


WAYS: dict[Edge, Callable[[], Bench]] = {
    (S.INITIALIZING, T.RECONCILED): lambda: Bench().boot(),
    (S.ESTABLISHING_DELTA_NEUTRAL, T.HEDGED): filled_slices,
    (S.ESTABLISHING_DELTA_NEUTRAL, T.REPAIR_FAILED): stuck_slice,
    (S.DELTA_NEUTRAL_ACTIVE, T.MARKET_FRESH): lambda: signalled(in_state(S.DELTA_NEUTRAL_ACTIVE)),
    (S.DELTA_NEUTRAL_ACTIVE, T.MARGIN_LOW): lambda: signalled(poor_for_long()),
    (S.DELTA_NEUTRAL_ACTIVE, T.DELTA_DRIFTED): lambda: sell_by_hand(in_state(S.DELTA_NEUTRAL_ACTIVE), "0.01"),
    (S.DELTA_NEUTRAL_ACTIVE, T.HARD_LIMIT): lambda: sell_by_hand(in_state(S.DELTA_NEUTRAL_ACTIVE), "0.1"),
    (S.MONITORING_SPREADS, T.OPPORTUNITY_FOUND): lambda: in_state(S.PREPARING_ARBITRAGE),
    (S.MONITORING_SPREADS, T.DELTA_DRIFTED): lambda: sell_by_hand(Bench().boot(), "0.01"),
    (S.MONITORING_SPREADS, T.HARD_LIMIT): lambda: sell_by_hand(Bench().boot(), "0.1"),
    (S.MONITORING_SPREADS, T.MARKET_STALE): lambda: in_state(S.DELTA_NEUTRAL_ACTIVE),
    (S.MONITORING_SPREADS, T.MARGIN_LOW): lambda: signalled(poor()),
    (S.PREPARING_ARBITRAGE, T.COMMITTED): committed,
    (S.PREPARING_ARBITRAGE, T.REFUSED): refused,
    (S.PREPARING_ARBITRAGE, T.MODE_CHANGED): reduced,
    (S.PREPARING_ARBITRAGE, T.MARKET_STALE): lambda: ticked(waiting(), 800),
    (S.PREPARING_ARBITRAGE, T.MARGIN_LOW): lambda: jumped(waiting()),
    (S.PREPARING_ARBITRAGE, T.DELTA_DRIFTED): lambda: sell_by_hand(waiting(), "0.01"),
    (S.PREPARING_ARBITRAGE, T.HARD_LIMIT): lambda: sell_by_hand(waiting(), "0.1"),
    (S.EXECUTING_ARBITRAGE, T.LEGS_DONE): both_filled,
    (S.EXECUTING_ARBITRAGE, T.RESIDUAL_LEFT): lambda: in_state(S.REBALANCING_DELTA),
    (S.REBALANCING_DELTA, T.DELTA_RESTORED): repaired,
    (S.REBALANCING_DELTA, T.REPAIR_FAILED): broken,
    (S.ERROR_RECOVERY, T.RECONCILED): lambda: read(in_state(S.ERROR_RECOVERY)),
    (S.ERROR_RECOVERY, T.INVENTORY_OUT_OF_BAND): unbuilt,
    (S.ERROR_RECOVERY, T.RECOVERY_SPENT): spent,
}
ANYWHERE = {
    (state, trigger) for state in StrategyState if state is not S.SHUTDOWN for trigger in (T.FAULT, T.STOP)
}


def test_no_edge_is_without_its_way() -> None:
    """The ways here, and Fault and Stop from everywhere, are the whole table."""
    assert set(WAYS) | ANYWHERE == {(state, trigger) for state, edges in TRANSITIONS.items() for trigger in edges}


@pytest.mark.parametrize("edge", WAYS, ids=lambda edge: f"{edge[0].name}-{edge[1].name}")
def test_each_edge_is_taken(edge: Edge) -> None:
    """The edge stands in the records of a machine that only got events."""
    state, trigger = edge
    assert (state.name, trigger.name, TRANSITIONS[state][trigger].name) in WAYS[edge]().path()
