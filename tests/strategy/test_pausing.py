"""A process that stood still knows nothing fresh; one that keeps crashing waits for a person; a day outlives both."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from machine_kit import Bench, in_state

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import Alert, ModeChanged, Paused, ReadAccount, SetMode
from dnbot.domain.position import EntryKind, LedgerEntry, Portfolio, post
from dnbot.strategy.doubting import Belief, belief, wait_ms
from dnbot.strategy.observing import CRASHES_MAX
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.tasks.pausing import APART_S_MAX, GAP_S_MAX, PauseWatch

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
S = StrategyState
DAY_NS = 86_400 * 10**9


# --- seeing it --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wall_s", "monotonic_s", "told"),
    [
        (0.1, 0.1, ""), (GAP_S_MAX, GAP_S_MAX, ""), (30.0, 30.0, "stood still for 30.0 s"),
        (3600.1, 0.1, "moved +3600.0 s"), (-3599.9, 0.1, "moved -3600.0 s"), (0.1 + APART_S_MAX, 0.1, ""),
        (31.0, 30.0, "stood still"),
    ],
)
def test_a_gap_or_clocks_that_part_are_a_pause(wall_s: float, monotonic_s: float, told: str) -> None:
    """Beyond the bounds, not at them; the first look has nothing to compare with, and each pause is told once."""
    watch = PauseWatch()
    base_ns, base_s = 1_700_000_000 * 10**9, 50.0
    assert watch.look(base_ns, base_s) is None
    found = watch.look(base_ns + round(wall_s * 1e9), base_s + monotonic_s)
    assert (found is not None) == bool(told)
    assert found is None or told in found.what
    assert watch.look(base_ns + round(wall_s * 1e9) + 10**8, base_s + monotonic_s + 0.1) is None


# --- acting on it -----------------------------------------------------------------------------------------------------
def test_after_a_pause_nothing_is_entered_before_new_reads() -> None:
    """Books are forgotten and every account is asked for; new books alone do not bring entries back, reads do."""
    bench = Bench().boot()
    assert bench.state is S.MONITORING_SPREADS
    bench.tick(50)
    step = bench.give(Paused("test", bench.now_s, stood_still=False))
    assert step.context.market.books == {}
    assert {command.venue for command in step.commands if isinstance(command, ReadAccount)} == set(VENUES)
    assert any(alert.key == "paused" for alert in bench.all(Alert))
    for _ in range(3):
        bench.signal(ms=60_200, after_ms=110)
    assert bench.state is not S.EXECUTING_ARBITRAGE
    assert bench.context.execution is None
    bench.read_all()
    bench.signal(after_ms=110)
    bench.opportunity()


def test_a_book_from_before_the_pause_stays_forgotten() -> None:
    """The analyst still has it; its age by the monotonic clock says nothing after a suspension."""
    bench = Bench().boot()
    old = bench.market_signal()
    bench.give(Paused("test", bench.now_s + 0.001, stood_still=True))
    bench.give(old)
    assert bench.context.market.books == {}


@pytest.mark.parametrize("stood_still", [True, False])
def test_time_asleep_is_no_time_that_a_venue_was_given_to_answer(stood_still: bool) -> None:
    """Both legs had just left: after a standstill their news are waited for as if they left now, and nothing halts.

    When only the wall clock stepped, monotonic time went by awake, and the wait is not lengthened.
    """
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    for leg in (buy, sell):
        bench.sent(leg)
    bench.tick(200)
    bench.now_s += 30 if stood_still else 0.05
    bench.give(Paused("test", bench.now_s, stood_still=stood_still))
    patience_s = (wait_ms(bench.context.params) - (0 if stood_still else 250)) / 1000
    bench.wait(patience_s - 0.1)
    assert [belief(bench.context, order) for order in bench.context.unsettled] == [Belief.AWAITED] * 2
    assert not [change for change in bench.all(ModeChanged) if change.to_mode == TradingMode.HALTED.name]
    bench.wait(0.2)
    assert bench.context.mode is TradingMode.HALTED, "the wait has an end, too"


@pytest.mark.parametrize("state", [S.REBALANCING_DELTA, S.ERROR_RECOVERY])
def test_repair_recovery_and_unanswered_reads_have_their_time_after_a_standstill(state: StrategyState) -> None:
    """None of them had any while the process stood still."""
    bench = in_state(state)
    bench.wait(1)
    bench.now_s += 30
    bench.give(Paused("test", bench.now_s, stood_still=True))
    assert bench.state is state
    repair, recovery = bench.context.repair, bench.context.recovery
    begun = [repair.since_s] if repair is not None else [recovery.attempt_since_s] if recovery is not None else []
    assert begun == [bench.now_s]
    assert {account.unanswered_since_s for account in bench.context.accounts.values()} == {bench.now_s}


def test_a_venue_is_not_called_silent_for_the_time_asleep() -> None:
    """A read that is overdue because nobody asked is no sign of a dead venue; one that stays unanswered then is."""
    bench = Bench().boot()
    bench.now_s += 60
    bench.give(Paused("test", bench.now_s, stood_still=True))
    bench.tick(100)
    states = [bench.state]
    bench.wait(30)
    assert [*states, bench.state] == [S.DELTA_NEUTRAL_ACTIVE, S.ERROR_RECOVERY]


# --- crash loops ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("crashes", [CRASHES_MAX - 1, CRASHES_MAX])
def test_a_crash_loop_ends_in_reducing_until_a_person_looked(crashes: int) -> None:
    """The third unclean end within the window: nothing is built or entered; a person's word is not taken back."""
    bench = Bench()
    bench.context = msgspec.structs.replace(bench.context, crashes=crashes)
    bench.boot()
    latched = [change.why for change in bench.all(ModeChanged)]
    assert [why.partition(":")[0] for why in latched] == ["CRASH_LOOP"] * (crashes == CRASHES_MAX)
    bench.give(SetMode("ACTIVE", "looked at the log"))
    bench.quiet(3)
    assert bench.context.mode.name == "ACTIVE"


# --- the day ----------------------------------------------------------------------------------------------------------
def test_the_day_s_start_survives_a_restart() -> None:
    """A loss from before a restart is still a loss of this day; the next day begins anew."""
    bench = Bench(max_drawdown_pct=90).boot()
    start = bench.context.portfolio.day_equity
    assert start is not None
    again = Bench(max_drawdown_pct=90)
    earlier = msgspec.structs.replace(again.context.portfolio, day=bench.now_ns // DAY_NS, day_equity=start + 1_000)
    again.context = msgspec.structs.replace(again.context, portfolio=earlier)
    again.boot()
    assert again.context.portfolio.day_equity == start + 1_000


@pytest.mark.parametrize(
    ("kind", "amount", "moved"),
    [
        (EntryKind.TRANSFER, 500, 500), (EntryKind.TRANSFER, -500, -500), (EntryKind.ADJUSTMENT, 500, 500),
        (EntryKind.ADJUSTMENT, -500, 0), (EntryKind.PNL, -500, 0), (EntryKind.FUNDING, 5, 0), (EntryKind.FEE, -5, 0),
    ],
)
def test_money_from_outside_is_no_profit_of_the_day(kind: EntryKind, amount: int, moved: int) -> None:
    """A deposit may not hide a loss; what is gone and unexplained stays a loss."""
    symbol = Bench().context.params.symbol
    before = Portfolio(symbol=symbol, day=1, day_equity=Decimal(10_000))
    entry = LedgerEntry(entry_id="x", venue=GF, asset="USDT", amount=Decimal(amount), kind=kind, at_ns=0)
    assert post(before, (entry,)).day_equity == 10_000 + moved
    assert post(Portfolio(symbol=symbol), (entry,)).day_equity is None
