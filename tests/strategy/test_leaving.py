"""SHUTDOWN: from every state, with every policy, to a documented code; and honest when it ends badly."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from machine_kit import GF, GS, MS, Bench, S, in_state, instrument

from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import (
    Alert,
    CancelAll,
    ExecutePair,
    ExecutionClosed,
    OpportunityDeclined,
    PlaceOrder,
    ReadAccount,
    ResolveOrder,
    SetMode,
)
from dnbot.domain.order import OrderStatus, Purpose, Side
from dnbot.strategy.leaving import SHUTDOWN_S, SHUTDOWN_SHORT_S
from dnbot.strategy.states import StrategyState


def settle(bench: Bench, s: float = 3) -> None:
    """Whatever is open is answered: pairs aborted, orders dead, reads given."""
    for _ in range(round(s * 10)):
        if bench.context.exit_code is not None:
            return
        for order in bench.context.unsettled:
            bench.nothing(order.intent)
        bench.signal()
        bench.answer_reads()


@pytest.mark.parametrize("state", [state for state in StrategyState if state is not S.SHUTDOWN])
def test_a_stop_in_every_state_leads_to_shutdown(state: StrategyState) -> None:
    """The STOP edge, then settle, cancel, verify; where nothing is naked it ends with code 0."""
    bench = in_state(state)
    bench.stop()
    assert bench.path()[-1] == (state.name, "STOP", "SHUTDOWN")
    assert bench.context.preparing is None
    settle(bench, 25)
    naked = state is S.REBALANCING_DELTA
    assert bench.context.exit_code == (75 if naked else 0)
    assert bench.state is S.SHUTDOWN


def test_a_clean_way_out() -> None:
    """Cancel everywhere, read everything twice, one round after the other, and end: no order leaves."""
    bench = Bench().boot()
    first = len(bench.commands)
    bench.stop()
    new = bench.commands[first:]
    assert [c.venue for c in new if isinstance(c, CancelAll)] == list(VENUES)
    assert [(c.venue, c.why) for c in new if isinstance(c, ReadAccount)] == [(venue, "final") for venue in VENUES]
    bench.read_all()
    assert bench.context.exit_code is None
    bench.tick(1)
    assert len([c for c in bench.all(ReadAccount) if c.why == "final"]) == 6
    bench.read_all()
    assert bench.context.exit_code == 0
    assert bench.intents() == []
    assert bench.context.mode.name == "ACTIVE"
    assert bench.all(Alert) == []


def test_after_the_end_nothing_moves() -> None:
    """Events that arrive after the code is set change no command."""
    bench = Bench().boot()
    bench.stop()
    settle(bench)
    count = len(bench.commands)
    bench.stop()
    bench.fault()
    bench.tick(1000)
    bench.signal(ms=60_200)
    assert len(bench.commands) == count
    assert bench.context.exit_code == 0


def test_signals_and_faults_in_shutdown_are_only_recorded() -> None:
    """No trade is begun however good the market is."""
    bench = in_state(S.SHUTDOWN)
    edges = len(bench.path())
    for _ in range(5):
        bench.signal(ms=60_200)
    bench.fault()
    assert len(bench.path()) == edges
    assert bench.intents() == []


def test_an_open_execution_is_settled_and_hedged_first() -> None:
    """The residual is hedged in SHUTDOWN; only then is it verified; the execution is closed as repaired."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    bench.stop()
    assert not bench.all(CancelAll)
    buy, sell = bench.last(ExecutePair).intents
    bench.filled(buy)
    assert not bench.all(PlaceOrder)
    bench.nothing(sell)
    hedge = bench.last(PlaceOrder).intent
    assert (hedge.venue, hedge.purpose) == (GF, Purpose.HEDGE)
    bench.filled(hedge)
    assert bench.last(ExecutionClosed).status == "repaired"
    settle(bench)
    assert bench.context.exit_code == 0


def test_an_order_in_doubt_is_waited_for() -> None:
    """Ambiguous, and pending ones whose desk says nothing: asked after until they are known."""
    bench = in_state(S.PREPARING_ARBITRAGE)
    bench.stop()
    bench.wait(2)
    assert {c.intent.venue for c in bench.all(ResolveOrder)} == {GS, MS}
    assert not bench.all(CancelAll)
    for order in bench.context.unsettled:
        bench.answered(order.intent, "no_effect")
    settle(bench)
    assert bench.context.exit_code == 0


def test_a_read_that_shows_an_order_of_ours_does_not_count() -> None:
    """Verified means empty: while a read lists an order of ours it is cancelled again, and the count starts anew."""
    bench = Bench().boot()
    orphan = in_state(S.PREPARING_ARBITRAGE).intents()[0]
    bench.stop()
    bench.read_all()
    bench.tick(1)
    bench.truth[GS].open_orders = [bench.report(orphan, OrderStatus.OPEN, client_order_id="dnb-0-3")]
    bench.read_all()
    assert bench.context.exit_code is None
    assert bench.context.leaving is not None
    assert bench.context.leaving.verified == 0
    assert bench.all(CancelAll)[3:] == [CancelAll(GS), CancelAll(GS)], "as an orphan, and as what still stands"
    bench.truth[GS].open_orders = []
    settle(bench)
    assert bench.context.exit_code == 0


def test_a_difference_is_cleared_up_before_the_end() -> None:
    """Two reads that differ are not the end: the ledger is adjusted and verified again."""
    bench = Bench().boot()
    bench.stop()
    bench.truth[GS].balances["USDT"] -= 5
    bench.read_all()
    bench.tick(1)
    bench.read_all()
    assert bench.context.exit_code is None
    settle(bench)
    assert bench.context.exit_code == 0
    assert bench.context.portfolio.balance(GS, "USDT") == bench.truth[GS].balances["USDT"]


def test_a_fill_found_while_verifying_is_hedged() -> None:
    """The last reads show a trade that nobody told: back to settling, hedged, verified twice again."""
    bench = Bench().boot()
    stray = in_state(S.PREPARING_ARBITRAGE).intents()[0]
    bench.stop()
    bench.read_all()
    bench.trade(stray, "0.01", client_order_id="dnb-0-9-b")
    bench.tick(1)
    bench.read_all()
    assert bench.context.exit_code is None
    hedge = bench.last(PlaceOrder).intent
    assert (hedge.side, hedge.quantity) == (Side.SELL, Decimal("0.010"))
    bench.filled(hedge)
    settle(bench)
    assert bench.context.exit_code == 0


def test_reads_that_do_not_come_are_asked_for_again() -> None:
    """A lost final read does not cost the whole deadline."""
    bench = Bench().boot()
    bench.stop()
    bench.wait(5)
    assert len([c for c in bench.all(ReadAccount) if c.why == "final" and c.venue is MS]) == 3


def test_a_second_stop_shortens() -> None:
    """Three seconds instead of twenty; a third changes nothing more."""
    bench = Bench().boot()
    bench.stop()
    began_s = bench.now_s
    bench.tick(1000)
    bench.stop()
    assert bench.context.leaving is not None
    assert bench.context.leaving.deadline_s == pytest.approx(began_s + 1 + SHUTDOWN_SHORT_S)
    bench.tick(1000)
    bench.stop()
    assert bench.context.leaving.deadline_s == pytest.approx(began_s + 1 + SHUTDOWN_SHORT_S)
    bench.wait(2.2)
    assert bench.context.exit_code == 75
    assert bench.now_s - began_s < 5


def test_the_deadline_ends_it_and_says_so() -> None:
    """Nothing answers for twenty seconds: unverified, critical, code 75; the mode stays, for nothing is naked."""
    bench = Bench().boot()
    bench.stop()
    bench.wait(SHUTDOWN_S - 0.1)
    assert bench.context.exit_code is None
    bench.wait(0.3)
    assert bench.context.exit_code == 75
    assert bench.context.mode.name == "ACTIVE"
    assert [(alert.level, alert.key) for alert in bench.all(Alert)][-1] == ("critical", "shutdown")


def test_an_unresolved_order_at_the_deadline_halts() -> None:
    """What is unknown when it ends must be looked at by a person: HALTED, named, code 75."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    names = [order.intent.client_order_id for order in bench.context.unsettled]
    bench.stop()
    bench.wait(SHUTDOWN_S + 0.2, answer=True)
    assert bench.context.exit_code == 75
    assert bench.context.mode.name == "HALTED"
    assert all(name in bench.context.mode_why for name in names)


def test_ending_naked_halts_even_when_verified() -> None:
    """Nobody takes the hedge: verified, but naked: HALTED, critical, code 75, never 0."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    bench.stop()
    buy, sell = bench.last(ExecutePair).intents
    bench.filled(buy)
    bench.nothing(sell)
    settle(bench, 22)
    assert bench.context.exit_code == 75
    assert bench.now_s < bench.context.leaving.deadline_s
    assert bench.context.mode.name == "HALTED"
    purposes = {intent.purpose for intent in bench.intents()[2:]}
    assert purposes == {Purpose.HEDGE, Purpose.UNWIND}


def test_a_venue_that_never_answered_is_not_waited_for() -> None:
    """A stop during a failed start: what was never reached holds nothing of this run."""
    bench = Bench()
    bench.tick()
    bench.up(GS)
    bench.stop()
    bench.wait(1, answer=True)
    assert bench.context.exit_code == 0


def restarted() -> Bench:
    """A bot that began over the hedged position of an earlier run, and has heard nothing yet."""
    bench, earlier = Bench(), Bench().boot().context
    opened = {venue: msgspec.structs.replace(known, opened=True) for venue, known in bench.context.accounts.items()}
    bench.context = msgspec.structs.replace(bench.context, portfolio=earlier.portfolio, accounts=opened)
    bench.tick()
    return bench


def test_a_position_from_before_is_read_or_named() -> None:
    """A stop during a failed start over a hedged position: nobody saw it, and the end does not say that all is well."""
    bench = restarted()
    bench.stop()
    assert {c.venue for c in bench.all(ReadAccount) if c.why == "final"} == set(VENUES)
    bench.wait(SHUTDOWN_S, answer=False)
    assert bench.context.exit_code == 75
    (alert,) = [a for a in bench.all(Alert) if a.key == "shutdown"]
    assert "never read in this run ['GATEIO_SPOT', 'GATEIO_FUTURES', 'MEXC_SPOT']" in alert.text


def test_a_position_from_before_that_is_read_ends_well() -> None:
    """The same stop where every venue answers."""
    bench = restarted()
    for venue in VENUES:
        bench.up(venue)
    bench.stop()
    settle(bench, 5)
    assert bench.context.exit_code == 0


# --- flatten ----------------------------------------------------------------------------------------------------------
def flatten(bench: Bench, steps: int = 200) -> None:
    """Fill every slice until the end."""
    for _ in range(steps):
        if bench.context.exit_code is not None:
            return
        execution = bench.context.execution
        if execution is not None and not execution.committed:
            for intent in bench.committed().intents:
                bench.filled(intent)
        else:
            for order in bench.context.unsettled:
                bench.filled(order.intent)
            bench.signal()
            bench.answer_reads()


def test_flatten_takes_the_position_down() -> None:
    """Spot is sold and the short bought back in slices, reduce-only, until neither is left; then the ordinary end."""
    bench = Bench(max_order_notional_quote=60_000).boot()
    bench.stop("flatten")
    flatten(bench)
    assert bench.context.exit_code == 0
    assert bench.context.portfolio.perp_base == 0
    assert bench.context.portfolio.spot_base < Decimal("0.0005")
    assert {intent.purpose for intent in bench.intents()} <= {Purpose.FLATTEN, Purpose.HEDGE}
    for pair in bench.all(ExecutePair):
        spot, perp = pair.intents
        assert (spot.side, perp.side, perp.reduce_only) == (Side.SELL, Side.BUY, True)
        assert pair.opportunity is None


def test_the_configured_policy_is_used_when_none_is_given() -> None:
    """shutdown_policy = flatten; a stop that says hold holds."""
    bench = Bench(shutdown_policy="flatten").boot()
    bench.stop()
    bench.signal()
    assert bench.last(ExecutePair).intents[0].purpose is Purpose.FLATTEN
    bench = Bench(shutdown_policy="flatten").boot()
    bench.stop("hold")
    settle(bench)
    assert bench.intents() == []
    assert bench.context.exit_code == 0


def test_flatten_in_halted() -> None:
    """A person who halts and flattens gets flat: the gate lets FLATTEN through in every mode."""
    bench = Bench().boot()
    bench.give(SetMode("HALTED", "test"))
    bench.stop("flatten")
    bench.signal()
    assert bench.last(ExecutePair).intents[0].purpose is Purpose.FLATTEN


def test_flatten_waits_for_a_fresh_market() -> None:
    """A stale book at the moment of the stop is no reason to keep the position."""
    bench = in_state(S.DELTA_NEUTRAL_ACTIVE)
    bench.stop("flatten")
    bench.wait(1)
    assert bench.all(CancelAll) == []
    bench.signal()
    assert bench.last(ExecutePair).intents[0].purpose is Purpose.FLATTEN


def test_flatten_that_is_not_sent_waits_for_the_next_market() -> None:
    """An aborted slice is not tried again with every event."""
    bench = Bench().boot()
    bench.stop("flatten")
    bench.signal()
    bench.aborted()
    bench.wait(0.5)
    assert len(bench.all(ExecutePair)) == 1
    bench.signal()
    assert len(bench.all(ExecutePair)) == 2


def test_a_spot_leg_that_fails_is_sold_first_and_hedged_in_time() -> None:
    """What flattening leaves of spot is sold; when nobody takes it, it is hedged again within the hedge deadline."""
    bench = Bench(max_order_notional_quote=60_000).boot()
    bench.stop("flatten")
    bench.signal()
    spot, perp = bench.committed().intents
    bench.filled(perp)
    bench.nothing(spot)
    naked_s = bench.now_s
    while bench.last(PlaceOrder).intent.purpose is not Purpose.HEDGE:
        bench.nothing(bench.last(PlaceOrder).intent)
        bench.signal(after_ms=100)
    asked = [c.intent for c in bench.all(PlaceOrder)]
    assert {(i.venue.is_spot, i.side, i.purpose) for i in asked[:-1]} == {(True, Side.SELL, Purpose.UNWIND)}
    assert (asked[-1].venue, asked[-1].side, asked[-1].quantity) == (GF, Side.SELL, perp.quantity)
    assert bench.now_s - naked_s <= bench.context.params.hedge_deadline_ms / 1000 * 0.6
    bench.filled(asked[-1])
    assert abs(bench.context.portfolio.delta) <= bench.context.tolerance


def test_each_slice_that_fails_is_repaired_in_its_own_time() -> None:
    """A repair that ended well, of an earlier slice, does not count against the next one."""
    bench = Bench(max_order_notional_quote=6_000, base_position_size="0.4").boot()
    bench.stop("flatten")
    bench.signal()
    for _ in range(2):
        sent = len(bench.all(PlaceOrder))
        spot, perp = bench.committed().intents
        bench.filled(perp)
        bench.nothing(spot)
        bench.signal(after_ms=100)
        unwind = bench.all(PlaceOrder)[sent:]
        assert [c.intent.purpose for c in unwind] == [Purpose.UNWIND]
        bench.filled(unwind[0].intent)
        for _ in range(7):
            bench.tick(1000)
            bench.answer_reads()
        bench.signal()


def test_flatten_that_spot_refuses_ends_hedged_and_says_what_is_left() -> None:
    """Every sale of spot fails: nothing is left naked, whatever the hedge budget, and the end says what is held."""
    bench = Bench(max_order_notional_quote=60_000).boot()
    bench.stop("flatten")
    for _ in range(300):
        if bench.context.exit_code is not None:
            break
        if bench.context.execution is not None and not bench.context.execution.committed:
            bench.committed()
        for order in bench.context.unsettled:
            (bench.nothing if order.intent.venue.is_spot else bench.filled)(order.intent)
        bench.signal()
        bench.answer_reads()
    portfolio = bench.context.portfolio
    assert bench.context.exit_code == 75
    assert portfolio.perp_base < 0
    assert abs(portfolio.delta) <= bench.context.tolerance
    assert f"not flat: spot {portfolio.spot_base}" in bench.all(Alert)[-1].text
    assert bench.context.mode.name == "ACTIVE"


def test_no_slice_is_sent_that_could_not_be_repaired_before_the_deadline() -> None:
    """In a hurry nothing is begun: cancelled, verified, and told as not flat."""
    bench = Bench(max_order_notional_quote=60_000).boot()
    bench.give(SetMode("HALTED", "test"))
    bench.stop("flatten")
    bench.stop()
    settle(bench)
    assert bench.all(ExecutePair) == []
    assert bench.context.exit_code == 75
    assert "not flat" in bench.all(Alert)[-1].text


def test_flatten_that_is_declined_is_recorded_and_ends_at_the_deadline() -> None:
    """No quantity is possible: the reason is recorded, and the end is not called clean."""
    bench = Bench(max_order_notional_quote=7)
    bench.instruments[GF] = instrument(GF, min_notional=Decimal(50))
    bench.boot()
    bench.stop("flatten")
    settle(bench, 21)
    assert any(r.declined.pair_name == "" for r in bench.all(OpportunityDeclined))
    assert bench.context.exit_code == 75


def test_flatten_that_a_control_refuses_is_counted() -> None:
    """A venue that is closed: FLATTEN is refused by its control and recorded under that name."""
    bench = Bench().boot()
    bench.instruments[MS] = instrument(MS, tradable=False, not_tradable_because="maintenance")
    bench.instruments[GS] = instrument(GS, tradable=False, not_tradable_because="maintenance")
    bench.stop("flatten")
    bench.signal()
    told = [r.declined for r in bench.all(OpportunityDeclined) if r.declined.pair_name == "FLATTEN"]
    assert [declined.reason for declined in told] == ["SYMBOL_INELIGIBLE"]
