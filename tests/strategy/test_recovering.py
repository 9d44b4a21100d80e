"""ERROR_RECOVERY: what a fault does in every state, what must be true before it is left, and when it gives up."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from machine_kit import GF, GS, MS, Bench, S, in_state

from dnbot.domain.account import Balance
from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import (
    Alert,
    CancelAll,
    ExecutePair,
    ExecutionClosed,
    FillReported,
    PlaceOrder,
    ReadAccount,
    ResolveOrder,
    SetMode,
)
from dnbot.domain.order import OrderStatus, Purpose, Side
from dnbot.strategy.recovering import RECOVERY_HEALTHY_S
from dnbot.strategy.standing import inventory_of
from dnbot.strategy.states import StrategyState


@pytest.mark.parametrize("state", [state for state in StrategyState if state is not S.SHUTDOWN])
def test_a_fault_in_every_state_leads_to_recovery(state: StrategyState) -> None:
    """The FAULT edge, then: cancel everywhere, read everything, ask after each order in doubt."""
    bench = in_state(state)
    first, unsettled = len(bench.commands), bench.context.unsettled
    attempt = bench.context.recovery
    bench.fault()
    assert bench.state is S.ERROR_RECOVERY
    assert bench.path()[-1] == (state.name, "FAULT", "ERROR_RECOVERY")
    new = bench.commands[first:]
    if state is S.ERROR_RECOVERY:
        assert bench.context.recovery == attempt, "the running attempt keeps its patience"
    else:
        assert [c.venue for c in new if isinstance(c, CancelAll)] == list(VENUES)
        assert [(c.venue, c.why) for c in new if isinstance(c, ReadAccount)] == [(v, "recovery") for v in VENUES]
        assert [c.intent for c in new if isinstance(c, ResolveOrder)] == [order.intent for order in unsettled]
    assert not any(bench.context.account_ready(venue) for venue in VENUES)
    assert bench.context.counters.faults == (2 if state is S.ERROR_RECOVERY else 1)
    assert "fault:feed:MEXC_SPOT" in {alert.key for alert in bench.all(Alert)}


def test_a_fault_in_shutdown_is_recorded_and_changes_nothing() -> None:
    """Counted and told; the way out goes on."""
    bench = in_state(S.SHUTDOWN)
    leaving = bench.context.leaving
    bench.fault()
    assert bench.state is S.SHUTDOWN
    assert bench.context.leaving == leaving
    assert bench.context.counters.faults == 1


def test_recovery_is_left_when_the_venues_agree() -> None:
    """Three reads that began after the fault, no order in doubt, delta within tolerance: RECONCILED."""
    bench = in_state(S.ERROR_RECOVERY)
    bench.signal()
    for venue in VENUES:
        assert bench.state is S.ERROR_RECOVERY
        bench.give(bench.read(venue))
    assert bench.triggers()[-2:] == ["RECONCILED", "MARKET_FRESH"]


def test_reads_from_before_the_fault_do_not_count() -> None:
    """A read that began earlier and ends later proves nothing."""
    bench = Bench().boot()
    began_s = bench.now_s
    bench.tick(10)
    bench.fault()
    for venue in VENUES:
        bench.give(bench.read(venue, began_s=began_s))
    assert bench.state is S.ERROR_RECOVERY
    bench.read_all()
    assert bench.state is not S.ERROR_RECOVERY


def test_a_second_fault_makes_the_reads_so_far_worthless() -> None:
    """Two venues were read, then something fails again: all three are read anew."""
    bench = in_state(S.ERROR_RECOVERY)
    bench.tick(10)
    bench.give(bench.read(GS))
    bench.give(bench.read(GF))
    bench.tick(10)
    bench.fault("desk:GATEIO_SPOT")
    bench.give(bench.read(MS))
    assert bench.state is S.ERROR_RECOVERY
    bench.tick(2500)
    assert {c.venue for c in bench.commands[-3:] if isinstance(c, ReadAccount)} >= {GS, GF}
    bench.read_all()
    assert bench.state is S.DELTA_NEUTRAL_ACTIVE


def test_recovery_waits_for_every_unknown_order() -> None:
    """With reads in place and an order in doubt it stays, and asks after the order."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    buy, sell = bench.context.unsettled[0].intent, bench.context.unsettled[1].intent
    bench.answered(buy, "ambiguous")
    bench.answered(sell, "ambiguous")
    bench.fault()
    bench.read_all()
    assert bench.state is S.ERROR_RECOVERY
    bench.answered(buy, "no_effect")
    assert bench.state is S.ERROR_RECOVERY
    bench.answered(sell, "no_effect")
    bench.read_all()
    assert bench.path()[-2] == ("ERROR_RECOVERY", "RECONCILED", "DELTA_NEUTRAL_ACTIVE")
    assert bench.last(ExecutionClosed).status == "failed"


def test_orders_that_never_left_their_desk_are_asked_after() -> None:
    """A pair whose commit nobody answers: in recovery even pending orders are resolved."""
    bench = in_state(S.PREPARING_ARBITRAGE)
    bench.fault("execution")
    assert len(bench.all(ResolveOrder)) == 2
    bench.wait(1.2)
    assert len(bench.all(ResolveOrder)) >= 4
    for order in bench.context.unsettled:
        bench.answered(order.intent, "no_effect")
    bench.read_all()
    assert bench.state is S.DELTA_NEUTRAL_ACTIVE


def naked_in_recovery() -> Bench:
    """A fault arrives with a residual that is not hedged yet."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    buy, sell = (order.intent for order in bench.context.unsettled)
    bench.filled(buy)
    bench.fault()
    bench.nothing(sell)
    assert bench.state is S.ERROR_RECOVERY
    return bench


def test_what_is_naked_is_hedged_inside() -> None:
    """Once reconciled the residual is hedged in ERROR_RECOVERY, read once more, and only then is it left."""
    bench = naked_in_recovery()
    bench.read_all()
    hedge = bench.last(PlaceOrder).intent
    assert (hedge.venue, hedge.side, hedge.purpose) == (GF, Side.SELL, Purpose.HEDGE)
    bench.filled(hedge)
    assert bench.state is S.ERROR_RECOVERY, "as the venues report it: after the hedge, not before"
    bench.tick(10)
    bench.read_all()
    assert bench.triggers()[-1] in {"RECONCILED", "MARKET_FRESH"}
    assert bench.last(ExecutionClosed).status == "repaired"


def test_a_venue_that_cannot_be_read_does_not_keep_us_naked() -> None:
    """MEXC answers nothing: half a hedge deadline later the residual is hedged on what our own fills say."""
    bench = naked_in_recovery()
    bench.down(MS)
    assert not any(isinstance(command, PlaceOrder) for command in bench.commands)
    for _ in range(12):
        bench.signal()
        for venue in (GS, GF):
            bench.give(bench.read(venue))
    assert bench.last(PlaceOrder).intent.purpose is Purpose.HEDGE
    bench.filled(bench.last(PlaceOrder).intent)
    assert bench.state is S.ERROR_RECOVERY
    assert bench.context.naked.since_s is None


@pytest.mark.parametrize(("asset", "hedges"), [("USDT", True), ("BTC", False)])
def test_a_difference_in_quote_does_not_keep_us_naked(asset: str, hedges: bool) -> None:
    """MEXC was read once, differs, and is not read again: that is waited for if the difference may be one of delta."""
    bench = naked_in_recovery()
    bench.truth[MS].balances[asset] += Decimal("0.01")
    bench.tick(1)
    bench.give(bench.read(MS))
    assert set(bench.context.accounts[MS].differences) == {asset}
    unread_mexc(bench, 1.2)
    assert any(isinstance(command, PlaceOrder) for command in bench.commands) is hedges


def unread_mexc(bench: Bench, s: float) -> None:
    """Markets go on and MEXC answers no account read."""
    for _ in range(round(s * 10)):
        bench.signal()
        for venue in (GS, GF):
            bench.give(bench.read(venue))


def deleveraged(bench: Bench, base: str) -> None:
    """The venue closes a part of the perpetual."""
    template = in_state(S.PREPARING_ARBITRAGE).intents()[0]
    template = msgspec.structs.replace(template, side=Side.BUY, venue=GF)
    bench.truth[GF].base += Decimal(base)
    bench.give(FillReported(bench.trade(template, base, client_order_id="", venue_order_id=f"closed {bench.now_s}")))


def test_what_becomes_naked_after_a_repair_has_a_time_of_its_own() -> None:
    """A repair that ended well, earlier in the same attempt, does not count against what a venue takes away now."""
    bench = in_state(S.ERROR_RECOVERY)
    bench.down(MS)
    unread_mexc(bench, 16)
    for _ in range(2):
        sent = len(bench.all(PlaceOrder))
        deleveraged(bench, "0.01")
        unread_mexc(bench, 1.2)
        assert [(c.intent.venue, c.intent.side) for c in bench.all(PlaceOrder)[sent:]] == [(GF, Side.SELL)]
        bench.filled(bench.last(PlaceOrder).intent)
        unread_mexc(bench, 8)
        assert bench.state is S.ERROR_RECOVERY


def test_a_repair_that_failed_in_recovery_begins_anew() -> None:
    """Nobody takes the other side: after a pause as long as the repair was, it is tried again."""
    bench = naked_in_recovery()
    bench.down(MS)
    tried: list[float] = []
    for _ in range(300):
        sent = len(bench.all(PlaceOrder))
        bench.signal()
        for order in bench.context.unsettled:
            bench.nothing(order.intent)
        if len(bench.all(PlaceOrder)) > sent:
            tried.append(bench.now_s)
    pauses = [after - before for before, after in pairwise(tried) if after - before > 1]
    assert pauses
    assert max(pauses) == pytest.approx(6, abs=0.5)


def test_halted_hedges_in_recovery() -> None:
    """The mode does not keep an open leg open."""
    bench = naked_in_recovery()
    bench.give(SetMode("HALTED", "test"))
    bench.read_all()
    assert bench.last(PlaceOrder).intent.purpose is Purpose.HEDGE


def test_inventory_outside_its_band_goes_to_establishing() -> None:
    """Base was taken away and the short with it: after recovery the position is built up again."""
    bench = Bench().boot()
    bench.truth[GS].balances["BTC"] -= Decimal("0.3")
    bench.truth[GF].base += Decimal("0.3")
    bench.fault()
    for _ in range(8):
        bench.signal(after_ms=700)
        bench.answer_reads()
    assert "INVENTORY_OUT_OF_BAND" in bench.triggers()
    assert {intent.purpose for intent in bench.intents()} == {Purpose.ESTABLISH}, "half of the change is not hedged"
    assert bench.state is S.ESTABLISHING_DELTA_NEUTRAL


def test_base_that_an_order_of_somebody_elses_locks_is_not_bought_again() -> None:
    """It is held: after recovery nothing is established."""
    bench = Bench().boot()
    quote = Balance(GS, "USDT", Decimal(100_000), Decimal(100_000))
    locked = (Balance(GS, "BTC", Decimal("0.5"), Decimal("0.2")), quote)
    bench.fault()
    bench.tick(1)
    bench.give(bench.read(GS, balances=locked))
    for venue in (GF, MS):
        bench.give(bench.read(venue))
    assert inventory_of(bench.context).total_base == Decimal("0.7")
    assert bench.state is S.MONITORING_SPREADS
    assert bench.intents() == []


def test_a_stale_market_does_not_hide_a_missing_position() -> None:
    """Without fresh books the band is judged all the same: nothing has been established yet."""
    bench = Bench("0", "0")
    bench.tick()
    for venue in VENUES:
        bench.up(venue)
    bench.signal()
    bench.fault()
    bench.tick(3000)
    bench.read_all()
    assert bench.state is S.ESTABLISHING_DELTA_NEUTRAL
    assert bench.path()[-1] == ("ERROR_RECOVERY", "INVENTORY_OUT_OF_BAND", "ESTABLISHING_DELTA_NEUTRAL")


def test_without_instruments_it_is_not_left() -> None:
    """A feed that failed before its instrument was read: nothing can be judged in lots."""
    bench = Bench()
    del bench.instruments[MS]
    bench.tick()
    for venue in VENUES:
        bench.up(venue)
    bench.signal()
    bench.fault()
    bench.read_all()
    assert bench.state is S.ERROR_RECOVERY
    bench.instruments = Bench().instruments
    bench.signal()
    assert bench.state is S.MONITORING_SPREADS


def test_reducing_does_not_establish() -> None:
    """Outside the band, but nothing may be built: DELTA_NEUTRAL_ACTIVE."""
    bench = Bench("0.1", "-0.2", max_position_multiplier=3).boot()
    bench.aborted()
    bench.give(SetMode("REDUCING", "test"))
    bench.fault()
    bench.read_all()
    assert "INVENTORY_OUT_OF_BAND" not in bench.triggers()


# --- attempts ---------------------------------------------------------------------------------------------------------
def test_attempts_double_and_end_in_shutdown() -> None:
    """5, 10, 20, 40, 60 seconds; each begins anew; then RECOVERY_SPENT: HALTED, shortfall named, code 75."""
    bench = in_state(S.ERROR_RECOVERY)
    began_s, seen = bench.now_s, {1: 0.0}
    while bench.state is S.ERROR_RECOVERY and bench.now_s - began_s < 300:
        bench.tick(100)
        recovery = bench.context.recovery
        assert recovery is not None
        seen.setdefault(recovery.attempt, round(bench.now_s - began_s, 3))
    assert list(seen.values()) == pytest.approx([0, 5, 15, 35, 75], abs=0.5)
    assert bench.now_s - began_s == pytest.approx(135, abs=1)
    assert bench.path()[-1] == ("ERROR_RECOVERY", "RECOVERY_SPENT", "SHUTDOWN")
    assert bench.context.mode.name == "HALTED"
    assert "recovery attempts are spent; delta 0" in bench.context.mode_why
    bench.wait(25, answer=True)
    assert bench.context.exit_code == 75
    assert len([c for c in bench.all(CancelAll) if c.venue is GS]) >= 5


def test_the_number_of_attempts_is_a_parameter() -> None:
    """One attempt: five seconds."""
    bench = Bench(recovery_attempts_max=1).boot()
    bench.fault()
    bench.wait(5.1)
    assert bench.state is S.SHUTDOWN


def test_faults_soon_after_a_recovery_keep_the_count() -> None:
    """A second visit within a minute goes on with its attempt's patience; after a healthy minute it starts at one."""
    for healthy, attempt in ((False, 2), (True, 1)):
        bench = in_state(S.ERROR_RECOVERY)
        bench.wait(6)
        bench.read_all()
        assert bench.state is not S.ERROR_RECOVERY
        bench.quiet(RECOVERY_HEALTHY_S + 1 if healthy else 5, every_ms=900)
        bench.fault()
        assert bench.context.recovery is not None
        assert bench.context.recovery.attempt == attempt


def test_a_read_that_does_not_come_is_asked_for_again() -> None:
    """Every two seconds, not every event."""
    bench = in_state(S.ERROR_RECOVERY)
    first = len(bench.all(ReadAccount))
    bench.wait(4.5)
    assert 6 <= len(bench.all(ReadAccount)) - first <= 9


def test_an_account_that_is_not_ready_is_read_once_a_second() -> None:
    """Its stream is down and every read is answered at once: the venue's budget of reads is for more than this."""
    bench = in_state(S.ERROR_RECOVERY)
    bench.down(MS)
    bench.read_all()
    first = len(bench.all(ReadAccount))
    for _ in range(100):
        bench.tick(100)
        for venue in VENUES:
            if bench.context.accounts[venue].asked_s:
                bench.give(bench.read(venue))
    asked = Counter(command.venue for command in bench.all(ReadAccount)[first:])
    assert 8 <= asked[MS] <= 11
    assert asked.total() <= 20


def test_while_it_hedges_without_reads_none_is_asked_for() -> None:
    """What is hedged on our own fills goes on slice by slice; accounts are read when it is done."""
    bench = naked_in_recovery()
    bench.down(MS)
    bench.wait(3.0)
    first = len(bench.all(ReadAccount))
    while not any(isinstance(command, PlaceOrder) for command in bench.commands):
        bench.signal()
    asked = len(bench.all(ReadAccount))
    assert asked == first
    bench.filled(bench.last(PlaceOrder).intent)
    bench.tick(100)
    assert len(bench.all(ReadAccount)) > asked


# --- limbo ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", [S.EXECUTING_ARBITRAGE, S.ESTABLISHING_DELTA_NEUTRAL])
def test_an_order_in_limbo_leads_to_recovery(state: StrategyState) -> None:
    """Past execution, expiry and resolve deadlines no order may keep a state waiting: critical, ERROR_RECOVERY."""
    bench = in_state(state)
    if state is S.ESTABLISHING_DELTA_NEUTRAL:
        bench.committed()
    for order in bench.context.unsettled:
        bench.answered(order.intent, "ambiguous")
    began_s = bench.now_s
    while bench.state is state and bench.now_s - began_s < 60:
        bench.signal(after_ms=500)
        bench.answer_reads()
    assert bench.state is S.ERROR_RECOVERY
    assert bench.now_s - began_s == pytest.approx(33.8, abs=0.6)
    assert ("critical", "limbo") in [(alert.level, alert.key) for alert in bench.all(Alert)]


def test_a_claim_that_no_trade_explains_leads_to_recovery() -> None:
    """A report claims more than ever traded: drift could not be judged for ever; recovery is, and it is bounded."""
    bench = Bench().boot()
    pair = bench.round_trip()
    late = msgspec.structs.replace(pair.intents[0], quantity=pair.intents[0].quantity * 2)
    bench.told(late, OrderStatus.CANCELLED, pair.intents[0].quantity + Decimal("0.01"))
    assert bench.context.unsettled
    assert bench.state is S.MONITORING_SPREADS
    bench.quiet(40, every_ms=900)
    assert bench.state is S.ERROR_RECOVERY


def test_a_commit_during_recovery_is_noted_and_not_followed() -> None:
    """The pair's commit arrives after the fault: the state stays, the execution is known as committed."""
    bench = in_state(S.PREPARING_ARBITRAGE)
    bench.fault()
    bench.committed()
    assert bench.state is S.ERROR_RECOVERY
    assert bench.context.execution is not None
    assert bench.context.execution.committed
    for intent in bench.last(ExecutePair).intents:
        bench.filled(intent)
    bench.read_all()
    assert bench.state is not S.ERROR_RECOVERY
    assert bench.last(ExecutionClosed).status == "complete"


def test_a_read_that_nobody_answers_is_a_fault() -> None:
    """A stream that is up while REST is silent: after the schedule and some patience, ERROR_RECOVERY."""
    bench = Bench().boot()
    for _ in range(40):
        bench.signal(after_ms=500)
        for venue in (GS, GF):
            bench.give(bench.read(venue))
    assert bench.state is S.ERROR_RECOVERY
    assert bench.context.recovery is not None
    assert "MEXC_SPOT has answered no account read" in bench.context.recovery.why


def test_a_stranger_in_recovery_is_booked() -> None:
    """Facts are folded in every state."""
    bench = in_state(S.ERROR_RECOVERY)
    intent = in_state(S.PREPARING_ARBITRAGE).intents()[0]
    bench.give(FillReported(bench.trade(intent, "0.01", client_order_id="", venue_order_id="web")))
    assert bench.context.portfolio.delta == Decimal("0.01")
