"""PREPARING: what an opportunity waits for, and each reason for which it is refused."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from machine_kit import GS, MS, Bench, S

from dnbot.domain.messages import (
    Alert,
    ExecutePair,
    FeesChanged,
    FillReported,
    OpportunityDeclined,
    OpportunityTaken,
    ReadAccount,
    SetMode,
    StateChanged,
    StoreFound,
    StoreLost,
)
from dnbot.domain.order import OrderStatus, Side
from dnbot.strategy.trading import PREPARE_PATIENCE_S, REFUSED_S


def reasons(bench: Bench) -> list[str]:
    """Every recorded refusal's code."""
    return [record.declined.reason for record in bench.all(OpportunityDeclined)]


def why(bench: Bench) -> str:
    """What the newest edge says."""
    return bench.last(StateChanged).why


def test_stale_balances_are_read_first() -> None:
    """Too old a read is not traded on: both venues are asked, PREPARING waits, and the trade follows the reads."""
    bench = Bench(balance_age_ms_max=60_000).boot()
    bench.context = msgspec.structs.replace(
        bench.context, params=msgspec.structs.replace(bench.context.params, balance_age_ms_max=500)
    )
    bench.signal(ms=60_200, after_ms=600)
    assert bench.state is S.PREPARING_ARBITRAGE
    assert {c.venue for c in bench.all(ReadAccount) if c.why == "prepare"} <= {GS, MS}
    assert not bench.all(ExecutePair)
    bench.answer_reads()
    assert len(bench.all(ExecutePair)) == 1
    assert bench.state is S.PREPARING_ARBITRAGE


def prepared_without_account(bench: Bench) -> Bench:
    """PREPARING, while MEXC's private stream is down."""
    bench.down(MS)
    bench.signal(ms=60_200)
    assert bench.state is S.PREPARING_ARBITRAGE
    assert not bench.all(ExecutePair)
    return bench


def test_reads_that_do_not_come_refuse() -> None:
    """Patience ends after a second: refused as BALANCE_STALE, recorded with the estimate."""
    bench = prepared_without_account(Bench().boot())
    bench.wait(PREPARE_PATIENCE_S)
    assert bench.state is S.PREPARING_ARBITRAGE
    bench.tick(1)
    assert bench.triggers()[-1] == "MARKET_STALE", "the books aged as long: that is told first"
    bench = prepared_without_account(Bench(market_age_ms_max=5000).boot())
    bench.wait(PREPARE_PATIENCE_S + 0.1)
    assert bench.triggers()[-1] == "REFUSED"
    assert reasons(bench)[-1] == "BALANCE_STALE"
    assert bench.last(OpportunityDeclined).declined.estimate is not None
    assert bench.context.preparing is None


def test_an_edge_that_goes_while_it_waits() -> None:
    """When the accounts are known again, the newest books decide: GONE, or the reason that stands in the way now."""
    for mid, code in ((60_000, "GONE"), (60_550, "COLLAR")):
        bench = prepared_without_account(Bench(price_collar_bps=90).boot())
        bench.up(MS)
        bench.signal(ms=mid)
        assert bench.state is S.PREPARING_ARBITRAGE
        bench.answer_reads()
        assert bench.triggers()[-1] == "REFUSED"
        assert why(bench).startswith(f"{code}: ")


def test_the_mode_changes_while_it_waits() -> None:
    """An entry that waits is dropped when a person reduces; MODE_CHANGED leads back to MONITORING."""
    bench = prepared_without_account(Bench().boot())
    bench.give(SetMode("REDUCING", "test"))
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", "MODE_CHANGED", "MONITORING_SPREADS")
    assert bench.context.preparing is None


def test_a_market_goes_stale_while_it_waits() -> None:
    """MARKET_STALE leads back to DELTA_NEUTRAL_ACTIVE."""
    bench = prepared_without_account(Bench(market_age_ms_max=700).boot())
    bench.tick(800)
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", "MARKET_STALE", "DELTA_NEUTRAL_ACTIVE")


@pytest.mark.parametrize(("quantity", "trigger"), [("0.01", "DELTA_DRIFTED"), ("0.06", "HARD_LIMIT")])
def test_delta_drifts_while_it_waits(quantity: str, trigger: str) -> None:
    """Somebody sells on Gate by hand: what waits is dropped, and delta is repaired."""
    bench = prepared_without_account(Bench().boot())
    stranger = msgspec.structs.replace(Bench().boot().opportunity().intents[0], side=Side.SELL)
    fill = bench.trade(stranger, quantity, client_order_id="", venue_order_id="77")
    bench.give(FillReported(fill))
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", trigger, "REBALANCING_DELTA")
    assert bench.context.preparing is None


def test_the_margin_sinks_while_it_waits() -> None:
    """A mark that jumps eats the margin: MARGIN_LOW, back to DELTA_NEUTRAL_ACTIVE, REDUCING."""
    bench = prepared_without_account(Bench(quote="50000", max_drawdown_pct=50).boot())
    bench.mark = Decimal(68_000)
    bench.give(bench.market_signal())
    assert ("PREPARING_ARBITRAGE", "MARGIN_LOW", "DELTA_NEUTRAL_ACTIVE") in bench.path()
    assert bench.context.mode.name == "REDUCING"


def test_a_risk_check_refuses() -> None:
    """With the database away no pair is committed: DB_UNAVAILABLE, and nothing is stored as an order."""
    bench = Bench().boot()
    bench.give(StoreLost("test"))
    bench.signal(ms=60_200)
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", "REFUSED", "MONITORING_SPREADS")
    assert reasons(bench)[-1] == "DB_UNAVAILABLE"
    assert bench.context.orders == {}
    assert bench.all(Alert)[-1].key == "store"
    bench.give(StoreFound())
    bench.signal(ms=60_200, after_ms=1_000 * REFUSED_S)
    assert bench.state is S.PREPARING_ARBITRAGE


def test_what_refuses_stands_for_a_second() -> None:
    """Ten markets a second give two edges, not twenty; each market is counted, and other pairs are free."""
    bench = Bench().boot()
    bench.give(StoreLost("test"))
    before = len(bench.path())
    for _ in range(25):
        bench.signal(ms=60_200, after_ms=100)
    assert [trigger for _, trigger, _ in bench.path()[before:]] == ["OPPORTUNITY_FOUND", "REFUSED"] * 3
    assert bench.context.counters.declined["DB_UNAVAILABLE"] >= 25
    bench.give(StoreFound())
    bench.signal(ms=60_200)
    assert bench.state is S.MONITORING_SPREADS, "the pair waits for its second"
    bench.signal(gs=60_200, ms=60_000)
    assert bench.state is S.PREPARING_ARBITRAGE, "and another one does not"


def test_a_pair_that_is_not_sent_is_refused() -> None:
    """PairAborted: both orders end as not sent, nothing is in flight, the reason is the executor's."""
    bench = Bench().boot()
    pair = bench.opportunity()
    bench.aborted("RATE", "a create would wait")
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", "REFUSED", "MONITORING_SPREADS")
    assert why(bench) == "RATE: a create would wait"
    assert {bench.context.orders[i.client_order_id].status for i in pair.intents} == {OrderStatus.NOT_SENT}
    assert bench.context.unsettled == ()
    assert bench.context.execution is None


def test_a_spent_rate_budget_stands_for_a_second() -> None:
    """The same pair is not decided on thirty times a second, each time with two orders that are not sent."""
    bench = Bench().boot()
    bench.opportunity()
    bench.aborted("RATE", "a create would wait")
    before = len(bench.path())
    for _ in range(8):
        bench.signal(ms=60_200, after_ms=100)
    assert bench.path()[before:] == []
    assert bench.context.counters.declined["RATE"] >= 8
    bench.signal(ms=60_200, after_ms=1_000 * REFUSED_S)
    assert bench.state is S.PREPARING_ARBITRAGE


def test_a_refusal_falls_with_news_of_the_pair_alone() -> None:
    """When its time is over, a third venue's book does not have the pair traded on what it showed a while ago."""
    bench = Bench().boot()
    bench.opportunity()
    bench.aborted("RATE", "a create would wait")
    bench.signal(ms=60_200, after_ms=1_000 * REFUSED_S - 50)
    before = len(bench.path())
    bench.signal(gs=None, ms=None)
    assert bench.path()[before:] == [], "its books are older than the end of the refusal"
    assert bench.context.counters.declined["RATE"] == 2
    bench.signal(gs=None, gf=None, ms=60_200, after_ms=0)
    assert bench.state is S.PREPARING_ARBITRAGE


def test_an_abort_after_the_commit_is_impossible_and_ignored() -> None:
    """What is with the desks cannot be taken back by a late message."""
    bench = Bench().boot()
    bench.executing()
    bench.aborted()
    assert bench.state is S.EXECUTING_ARBITRAGE
    assert len(bench.context.unsettled) == 2
    bench.committed()
    assert len(bench.all(OpportunityTaken)) == 1, "a commit that is told twice counts once"


def test_prepared_waits_for_its_commit() -> None:
    """While the commit is under way nothing else is decided: not by markets, not by time."""
    bench = Bench().boot()
    bench.opportunity()
    for _ in range(5):
        bench.signal(ms=60_200)
    bench.tick(3000)
    assert bench.state is S.PREPARING_ARBITRAGE
    assert len(bench.all(ExecutePair)) == 1


@pytest.mark.parametrize(("mode", "told"), [("REDUCING", True), ("HALTED", True), ("ACTIVE", False)])
def test_a_mode_declines_before_a_state_is_left(mode: str, told: bool) -> None:
    """In REDUCING and HALTED an entry is declined with reason MODE where it is seen: no edge is taken for it."""
    bench = Bench().boot()
    bench.give(SetMode(mode, "test"))
    edges = len(bench.path())
    bench.signal(ms=60_200)
    assert ("MODE" in reasons(bench)) is told
    assert (len(bench.path()) == edges) is told


def test_reducing_lets_exits_through() -> None:
    """What takes inventory back may be traded in REDUCING, and not in HALTED."""
    for mode, state in (("REDUCING", S.PREPARING_ARBITRAGE), ("HALTED", S.MONITORING_SPREADS)):
        bench = Bench("1", "-2").boot()
        bench.give(SetMode(mode, "test"))
        bench.signal(gf=59_700)
        assert bench.state is state


def test_repeats_of_a_refusal_are_merged() -> None:
    """One record at once, then one a second with the number of repeats; the counters know each."""
    bench = Bench().boot()
    bench.give(SetMode("HALTED", "test"))
    for _ in range(21):
        bench.signal(ms=60_200)
    told = [r for r in bench.all(OpportunityDeclined) if r.declined.reason == "MODE"]
    assert [record.count for record in told] == [1, 10, 10]
    assert bench.context.counters.declined["MODE"] == 21
    assert bench.context.counters.opportunities_seen >= 21


def test_nothing_is_looked_at_without_fees() -> None:
    """Fees come with the session: before all three are known no edge is judged."""
    bench = Bench().boot()
    accounts = {**bench.context.accounts, MS: msgspec.structs.replace(bench.context.accounts[MS], fees=None)}
    bench.context = msgspec.structs.replace(bench.context, accounts=accounts)
    bench.signal(ms=60_200)
    assert bench.state is S.MONITORING_SPREADS
    assert bench.context.counters.opportunities_seen == 0


def test_fees_that_change_count_at_once() -> None:
    """MEXC begins to charge while its stream lives: what paid a moment ago is not taken."""
    bench = Bench().boot()
    assert bench.opportunity().opportunity is not None
    bench.aborted("TEST", "not sent")
    bench.fees[MS] = Decimal("0.0030")
    bench.give(FeesChanged(venue=MS, fees=bench.schedules()[MS]))
    bench.signal(ms=60_200)
    assert bench.state is S.MONITORING_SPREADS
    assert len(bench.all(ExecutePair)) == 1
