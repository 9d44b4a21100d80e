"""One seed, one trace, in any process; a defect is found and told; a run in which nothing happens proves nothing."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise

import attrs
import msgspec
import pytest
import trio
import trio.testing

from dnbot.config.reading import load_settings
from dnbot.fakes.config import FakesConfig
from dnbot.lab.schedule import Meeting, Mishap, Schedule
from dnbot.lab.simulation import Run, Simulation, simulate
from dnbot.lab.swarm import draw
from dnbot.lab.tap import NS_PER_S, Tapped
from dnbot.lab.world import deterministic
from dnbot.ports.memory_store import MemoryStore
from dnbot.resources import config_dir
from dnbot.strategy.turn import Turn

PARAMS = load_settings(config_dir() / "demo.toml").strategy
LIVELY = FakesConfig()
RUN_S = 40.0
ONE_SEED = """
import json, sys
from dnbot.config.reading import load_settings
from dnbot.fakes.config import FakesConfig
from dnbot.lab.simulation import simulate
from dnbot.lab.swarm import draw
from dnbot.resources import config_dir
heap = [object() for _ in range(int(sys.argv[1]))]
params, schedule = load_settings(config_dir() / "demo.toml").strategy, draw(5, "crash,reply_lost,private_lost", 40.0)
run = simulate(schedule, params, 40.0, config=FakesConfig())
print(json.dumps([run.trace_hash, run.events, run.struck]))
"""


def in_a_process(hash_seed: str, heap: int) -> list[object]:
    """A seed in a process with its own hash seed and another heap."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_SEED, str(heap)], capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_a_seed_gives_one_trace_in_any_process() -> None:
    """With crashes, lost answers and two lives; another hash seed and another heap change nothing."""
    one, other = in_a_process("1", 10), in_a_process("4242", 100_000)
    assert one == other
    assert one[2]


@pytest.mark.slow
def test_one_changed_default_changes_the_trace() -> None:
    """So the hash does cover what the bot does."""
    schedule = draw(1, "none", 15.0)
    hashes = {
        simulate(schedule, params, 15.0, config=LIVELY).trace_hash
        for params in (PARAMS, PARAMS, msgspec.structs.replace(PARAMS, slippage_reserve_bps=Decimal("2.5")))
    }
    assert len(hashes) == 2


@pytest.mark.slow
def test_the_collector_is_left_as_it_was() -> None:
    """Switched on, and with everything that was set aside for the run."""
    simulate(draw(1, "none", 1.0), PARAMS, 1.0, config=LIVELY)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def silences(schedule: Schedule, run_s: float) -> float:
    """The longest time, seconds, in which the bot said nothing to anybody; the run is judged, and has one life."""
    simulation = Simulation(schedule, PARAMS, run_s, attrs.evolve(LIVELY, seed=schedule.seed))
    moments: list[int] = []

    def hear(event: Tapped) -> None:
        if event.actor.startswith("bot.") and event.port in ("wire", "store") and event.what in ("said", "asked"):
            moments.append(event.time_ns)

    simulation.tap.observers.append(hear)
    deterministic(schedule.seed)
    trio.run(simulation.run, clock=trio.testing.MockClock(autojump_threshold=0))
    run = simulation.outcome(0.0)
    assert run.violations == []
    assert (run.lives, run.struck, run.sometimes["alert paused"]) == (1, {"paused": 1}, 1)
    assert "MONITORING_SPREADS" in run.ended
    return max(later - earlier for earlier, later in pairwise(moments)) / NS_PER_S


def crash_at(at_s: float, how: str) -> Schedule:
    """One crash and nothing else."""
    crash = Mishap(key="crash.1", kind="crash", at_s=at_s, for_s=1.0, how=how)
    return Schedule(seed=3, heal_s=20.0, order_path="rest", mishaps=(crash,))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["power create", "kill intents", "power fill", "kill now"])
def test_a_crash_breaks_nothing(how: str) -> None:
    """Two lives, both judged, a clean end, and figures of both."""
    run = simulate(crash_at(8.0, how), PARAMS, RUN_S, config=LIVELY)
    assert run.violations == []
    assert (run.lives, run.struck) == (2, {"crash": 1})
    assert run.sometimes["life crashed"] == 1
    assert run.by_fault["crash"]["naked_s"] >= 0
    assert run.checks["I23"] > 0
    assert msgspec.json.decode(msgspec.json.encode(run), type=Run) == run


@pytest.mark.slow
def test_a_store_that_forgets_is_found_with_the_events_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted defect: intents are not committed."""

    async def nothing(*_: object, **__: object) -> None:
        return None

    monkeypatch.setattr(MemoryStore, "commit_intents", nothing)
    run = simulate(draw(1, "none", 10.0), PARAMS, 10.0, config=LIVELY)
    assert "I1" in {v["invariant"] for v in run.violations}
    assert run.last_events
    assert "bot.1" in run.last_events[-1]
    assert run.failed


@pytest.mark.slow
def test_a_run_in_which_too_little_happens_is_idle() -> None:
    """Too few executions, or a schedule that struck nothing."""
    run = simulate(crash_at(9.0, "power now"), PARAMS, 22.0)
    assert run.executions < 20
    assert "executions, at least 20 are wanted" in run.idle
    assert run.failed


@pytest.mark.slow
def test_people_and_the_database() -> None:
    """A halt, a kill from outside, a slow and an absent database, a clock that steps: the bot is at work afterwards."""
    mishaps = (
        Mishap(key="a", kind="operator_halts", at_s=6.0, for_s=2.0),
        Mishap(key="b", kind="killed_from_outside", at_s=10.0, for_s=1.0),
        Mishap(key="c", kind="database_down", at_s=14.0, for_s=2.0),
        Mishap(key="d", kind="database_slow", at_s=17.0, for_s=2.0, amount=0.3),
        Mishap(key="e", kind="database_answers_lost", at_s=20.0, amount=2),
        Mishap(key="f", kind="wall_clock_steps", at_s=21.0, for_s=3.0, amount=5000),
        Mishap(key="g", kind="operator_reduces", at_s=25.0, for_s=2.0),
        Mishap(key="h", kind="restart", at_s=28.0, for_s=1.0),
    )
    run = simulate(Schedule(seed=2, heal_s=40.0, order_path="rest", mishaps=mishaps), PARAMS, 90.0, config=LIVELY)
    assert run.violations == []
    assert run.struck == {mishap.kind: 1 for mishap in mishaps}
    assert "MONITORING_SPREADS" in run.ended
    assert {"mode HALTED otherwise", "mode REDUCING otherwise", "life exit 0"} <= set(run.sometimes)


@pytest.mark.slow
def test_states_that_last_for_milliseconds_are_met() -> None:
    """A stop falls into one, and a fault; what waits for a state that has to last passes over shorter stays."""
    hand = {"name": "traded_by_hand", "key": "hand", "venue": "gate_spot", "at": 18.0, "for": 0.5, "side": "buy"}
    schedule = Schedule(
        seed=2, heal_s=50.0, order_path="rest",
        mishaps=(
            Mishap(key="stop", kind="restart", at_s=6.0, for_s=0.5, how="PREPARING_ARBITRAGE"),
            Mishap(key="halt", kind="operator_halts", at_s=14.0, for_s=1.0, how="lasting MONITORING_SPREADS"),
        ),
        meetings=(Meeting(how="MONITORING_SPREADS", fault={**hand, "quantity": 0.001}),),
    )  # fmt: skip
    run = simulate(schedule, PARAMS, 90.0, config=LIVELY)
    assert run.violations == []
    assert run.struck == {"traded_by_hand": 1, "restart": 1, "operator_halts": 1}
    assert run.sometimes["edge PREPARING_ARBITRAGE STOP SHUTDOWN"] == 1


@pytest.mark.slow
def test_a_hand_that_cannot_trade_ends_nothing() -> None:
    """More than the account holds: the exchange says no, and the run goes on."""
    hand = {"name": "traded_by_hand", "key": "hand", "venue": "gate_spot", "at": 1.0, "for": 0.5, "side": "sell"}
    meeting = Meeting(how="now", fault={**hand, "quantity": 1000.0})
    run = simulate(
        Schedule(seed=2, heal_s=5.0, order_path="rest", meetings=(meeting,)), PARAMS, 12.0, config=LIVELY
    )
    assert run.violations == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["intents", "create"])
def test_a_process_that_stood_still_is_late_and_then_at_work(how: str) -> None:
    """For six seconds nothing of it reaches anybody; then it says so, in the same life, and goes on trading."""
    pause = Mishap(key="a", kind="paused", at_s=6.0, for_s=6.0, how=how)
    silent = silences(Schedule(seed=3, heal_s=14.0, order_path="rest", mishaps=(pause,)), 18.0)
    assert 6.0 <= silent < 7.0


@pytest.mark.slow
def test_a_process_that_stands_still_can_be_killed() -> None:
    """Its successor does not wait until the pause would have been over."""
    pause = Mishap(key="a", kind="paused", at_s=5.0, for_s=30.0, how="now")
    kill = Mishap(key="b", kind="crash", at_s=7.0, for_s=1.0, how="kill now")
    run = simulate(Schedule(seed=3, heal_s=12.0, order_path="rest", mishaps=(pause, kill)), PARAMS, 18.0, config=LIVELY)
    assert run.violations == []
    assert (run.lives, run.struck["crash"]) == (2, 1)
    assert "alert paused" not in run.sometimes
    assert "MONITORING_SPREADS" in run.ended


@pytest.mark.slow
def test_the_hedge_budget_outlives_a_crash() -> None:
    """Somebody buys, the bot hedges up to its budget and is killed: its successor sells no more."""
    crash = Mishap(key="crash.1", kind="crash", at_s=11.5, for_s=0.5, how="kill now")
    hand = {"side": "buy", "quantity": 0.05}
    bought = {"name": "traded_by_hand", "key": "bought", "venue": "gate_spot", "at": 9.0, **hand}
    schedule = Schedule(seed=3, heal_s=20.0, order_path="rest", faults=(bought,), mishaps=(crash,))
    params = msgspec.structs.replace(PARAMS, hedge_quantity_per_minute_max=Decimal("0.02"))
    run = simulate(schedule, params, 45.0, config=LIVELY)
    assert run.violations == []
    assert run.lives == 2
    assert run.sometimes["alert hedge_budget"] >= 2


@pytest.mark.slow
def test_legs_that_rest_are_judged_as_all_else_is() -> None:
    """A quiet market, and one in which cancels meet fills, answers are lost and the process dies: what waited is
    answered, and nothing is found.
    """
    params = msgspec.structs.replace(PARAMS, maker_first=True)
    calm = simulate(draw(1, "none", 60.0), params, 60.0)
    rough = simulate(draw(2, "cancel_meets_fill,reply_lost,crash", 120.0), params, 120.0)
    assert (calm.violations, rough.violations) == ([], [])
    assert min(calm.rested, rough.rested) > 3
    assert calm.naked["definite"] < 2.0


@pytest.mark.slow
def test_a_schedule_may_let_legs_rest() -> None:
    """Its seed decides, and the configuration says no."""
    run = simulate(msgspec.structs.replace(draw(1, "none", 60.0), maker_first=True), PARAMS, 60.0)
    assert run.violations == []
    assert run.rested > 3


def waits_for_ever(turn: Turn) -> bool:
    """An answer that is always on its way."""
    execution = turn.context.execution
    return execution is not None and execution.bought != execution.sold


@pytest.mark.slow
@pytest.mark.parametrize("defect", ["nothing is cancelled", "answers are waited for and never sent"])
def test_a_defect_of_legs_that_rest_is_found(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the judge of what rests, and by that of naked time."""
    params = msgspec.structs.replace(PARAMS, maker_first=True)
    if defect == "nothing is cancelled":
        monkeypatch.setattr("dnbot.strategy.resting.take_away", lambda _turn, _why: None)
        found = simulate(draw(1, "none", 60.0), params, 60.0)
        assert "I13" in {violation["invariant"] for violation in found.violations}
    else:
        monkeypatch.setattr("dnbot.strategy.resting._answer", waits_for_ever)
        found = simulate(draw(1, "none", 60.0), params, 60.0)
        assert "I6" in {violation["invariant"] for violation in found.violations}
