"""The trading mode beside the state: latches lower it, a person raises it, and it survives everything else."""

from __future__ import annotations

import pytest
from machine_kit import MS, Bench, S, in_state

from dnbot.domain.messages import Alert, ExecutePair, ModeChanged, SetMode, StoreFound, StoreLost
from dnbot.domain.order import OrderStatus
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.strategy.turn import ALERT_QUIET_S, Turn


@pytest.mark.parametrize("mode", TradingMode)
def test_a_person_sets_any_mode(mode: TradingMode) -> None:
    """Up or down, with the reason and who it was, recorded."""
    bench = Bench(context={"mode": TradingMode.REDUCING}).boot()
    bench.give(SetMode(mode.name, "because", "alice"))
    assert (bench.context.mode, bench.context.mode_why) == (mode, "because")
    changed = bench.last(ModeChanged)
    assert (changed.from_mode, changed.to_mode, changed.why, changed.by) == ("REDUCING", mode.name, "because", "alice")
    assert bench.all(Alert) == [], "a person knows what he did"


@pytest.mark.parametrize(("was", "wanted", "becomes"), [
    ("ACTIVE", "REDUCING", "REDUCING"), ("ACTIVE", "HALTED", "HALTED"), ("REDUCING", "HALTED", "HALTED"),
    ("REDUCING", "ACTIVE", "REDUCING"), ("HALTED", "ACTIVE", "HALTED"), ("HALTED", "REDUCING", "HALTED"),
    ("HALTED", "HALTED", "HALTED"),
])
def test_a_latch_only_lowers(was: str, wanted: str, becomes: str) -> None:
    """A looser or equal mode is ignored, without a record."""
    turn = Turn(Bench(context={"mode": TradingMode[was]}).context)
    turn.lower_mode(TradingMode[wanted], "test")
    assert turn.context.mode.name == becomes
    assert bool(turn.records) is (was != becomes)


def test_a_word_on_a_mode_that_has_changed_meanwhile_is_ignored() -> None:
    """A person who saw ACTIVE and resumes does not undo a latch that he has not seen."""
    bench = Bench().boot()
    bench.give(SetMode("HALTED", "latched"))
    bench.give(SetMode("ACTIVE", "resume", seen="REDUCING"))
    assert bench.context.mode is TradingMode.HALTED
    bench.give(SetMode("ACTIVE", "resume", seen="HALTED"))
    assert bench.context.mode is TradingMode.ACTIVE


@pytest.mark.parametrize("state", StrategyState)
def test_a_mode_never_moves_a_state_that_does_not_wait_for_it(state: StrategyState) -> None:
    """Only PREPARING without a commit under way, and ESTABLISHING at rest, follow the mode."""
    bench = in_state(state)
    bench.give(SetMode("HALTED", "test"))
    assert bench.state is state


def test_a_halt_while_the_commit_is_under_way() -> None:
    """The pair is in the store: its gate will refuse it, and the abort brings the machine back."""
    bench = in_state(S.PREPARING_ARBITRAGE)
    bench.give(SetMode("HALTED", "test"))
    assert bench.state is S.PREPARING_ARBITRAGE
    bench.aborted("STATE_NOT_TRADING", "ENTRY in PREPARING_ARBITRAGE/HALTED")
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", "REFUSED", "MONITORING_SPREADS")
    assert {order.status for order in bench.context.orders.values()} == {OrderStatus.NOT_SENT}


def test_a_halt_while_legs_are_out() -> None:
    """What is open is finished: filled, hedged if need be; then nothing new."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    bench.give(SetMode("HALTED", "test"))
    buy, sell = bench.last(ExecutePair).intents
    bench.filled(buy)
    bench.filled(sell, "0.05")
    assert bench.state is S.REBALANCING_DELTA
    bench.filled(bench.intents()[-1])
    bench.quiet(1)
    bench.signal(ms=60_200)
    assert bench.state is S.MONITORING_SPREADS
    assert len(bench.all(ExecutePair)) == 1


@pytest.mark.parametrize("mode", ["REDUCING", "HALTED"])
def test_the_stored_mode_is_where_it_begins(mode: str) -> None:
    """It survives restarts: a new incarnation boots into it and enters nothing."""
    bench = Bench(context={"mode": TradingMode[mode], "mode_why": "yesterday"}).boot()
    bench.signal(ms=60_200)
    assert bench.context.mode.name == mode
    assert bench.intents() == []


def test_an_alert_is_quiet_for_a_minute() -> None:
    """The same key once a minute; another key at once."""
    bench = Bench().boot()
    turn = Turn(bench.context)
    turn.alert("warning", "a", "first")
    turn.alert("warning", "a", "again")
    turn.alert("warning", "b", "another")
    assert [(record.key, record.text) for record in turn.records if isinstance(record, Alert)] == [
        ("a", "first"), ("b", "another"),
    ]
    turn.change(now_s=turn.context.now_s + ALERT_QUIET_S)
    turn.alert("warning", "a", "later")
    assert len(turn.records) == 3


def test_the_database_goes_and_comes() -> None:
    """Known in the context, told as critical; entries are refused meanwhile (trading tests that)."""
    bench = Bench().boot()
    bench.give(StoreLost("timeout"))
    assert not bench.context.store_up
    assert bench.all(Alert)[-1].level == "critical"
    bench.give(StoreFound())
    assert bench.context.store_up


def test_a_problem_of_an_account_in_the_middle_of_a_run_is_told() -> None:
    """A session that comes back as dual mode: critical, and nothing is traded there until it is in order."""
    bench = Bench().boot()
    bench.up(MS, problem="the key lost its permission")
    bench.answer_reads()
    assert [(a.level, a.key) for a in bench.all(Alert)] == [("critical", "account:MEXC_SPOT")]
    assert not bench.context.account_ready(MS)
    bench.signal(ms=60_200)
    bench.answer_reads()
    assert bench.intents() == []
    bench.up(MS)
    bench.answer_reads()
    bench.quiet(1)
    bench.opportunity()
