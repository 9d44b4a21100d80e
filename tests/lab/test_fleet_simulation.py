"""A fleet in virtual time: one seed, one trace; what must hold holds; and each defect that is planted is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.sharing import Plan
from dnbot.lab import fleet_gap
from dnbot.lab.fleet_database import FleetDatabase, LeasedStore
from dnbot.lab.fleet_run import FleetRun
from dnbot.lab.fleet_schedule import FleetMishap, FleetSchedule, Kind
from dnbot.lab.fleet_simulation import simulate_fleet
from dnbot.lab.oracle_reads import ReadJudge
from dnbot.operate import manager
from dnbot.operate.budgets import Budgets
from dnbot.ports.memory_store import MemoryStore
from dnbot.tasks.budgets import BudgetsOf, own_budgets

pytestmark = pytest.mark.slow

TTL_S = 15.0
HEAL_S, RUN_S = 58.0, 60.0
ONE_SEED = """
import json, sys
from dnbot.lab.fleet_schedule import draw_fleet
from dnbot.lab.fleet_simulation import simulate_fleet
heap = [object() for _ in range(int(sys.argv[1]))]
kinds = "worker_killed,host_sleeps,database_fails_over,leases_slow"
run = simulate_fleet(draw_fleet(5, kinds, 70.0), 70.0)
print(json.dumps([run.trace_hash, run.events, run.struck, run.incarnations]))
"""


def mishap(kind: Kind, at_s: float, **changes: float) -> FleetMishap:
    """One that strikes the first worker at once."""
    return FleetMishap(key=f"{kind}.{at_s}", kind=kind, at_s=at_s, **changes)  # type: ignore[arg-type]


KILLED = (mishap("worker_killed", 22.0, for_s=30.0),)
SLEPT = (mishap("host_sleeps", 22.0, for_s=28.0),)
FAILED_OVER = (mishap("database_fails_over", 24.0, for_s=2.0, amount=30.0),)
UNRENEWED = (
    mishap("leases_slow", 20.0, for_s=38.0, amount=-4.9), mishap("renewals_fail", 27.0, for_s=30.0),
)
STEPPED = (
    mishap("orders_delayed", 20.0, for_s=40.0, amount=0.5),
    *(mishap("database_clock_jumps", at_s, amount=300.0) for at_s in (25.0, 34.137, 43.274)),
)

SEEDS = {STEPPED: 10}
"""Where an order of the one before still arrives."""


def run_of(*mishaps: FleetMishap, seed: int = 4, tasks: int = 2, ttl_s: float = TTL_S) -> FleetRun:
    """A short run with these alone."""
    return simulate_fleet(
        FleetSchedule(seed=seed, heal_s=HEAL_S, tasks=tasks, ttl_s=ttl_s, mishaps=mishaps), RUN_S
    )


def found_in(run: FleetRun) -> set[str]:
    """Which invariants it broke."""
    return {v["invariant"] for v in run.violations}


def in_a_process(hash_seed: str, heap: int) -> list[object]:
    """A seed in a process with its own hash seed and another heap."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_SEED, str(heap)], capture_output=True, text=True, check=True, timeout=600,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    found: list[object] = json.loads(done.stdout)
    return found


def test_a_seed_gives_one_trace_in_any_process() -> None:
    """With kills, a host that slept and a failover; another hash seed and another heap change nothing."""
    one, other = in_a_process("1", 10), in_a_process("4242", 100_000)
    assert one == other
    assert one[2]


# --- what must hold ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mishaps", "ttl_s", "incarnations"),
    [(KILLED, TTL_S, 3), (SLEPT, TTL_S, 3), (FAILED_OVER, TTL_S, 4), (UNRENEWED, 21.0, 3), (STEPPED, TTL_S, 6)],
    ids=["killed", "slept", "failed over", "unrenewed", "stepped"],
)
def test_whatever_happens_a_task_has_one_writer(
    mishaps: tuple[FleetMishap, ...], ttl_s: float, incarnations: int
) -> None:
    """Every task is at work again, and the ledger explains every digit."""
    run = run_of(*mishaps, ttl_s=ttl_s)
    assert run.violations == []
    assert not run.idle
    assert run.incarnations >= incarnations
    assert run.checks["I8"] > run.orders


# --- planted defects --------------------------------------------------------------------------------------------------
Plant = Callable[[pytest.MonkeyPatch], None]


def nobody_is_fenced(patch: pytest.MonkeyPatch) -> None:
    """A claim leaves the book alone, and the book takes what anybody writes."""
    patch.setattr(FleetDatabase, "fence", lambda *_: None)
    patch.setattr(LeasedStore, "_fence", lambda *_: None)


def a_lease_counts_from_its_answer(patch: pytest.MonkeyPatch) -> None:
    """And not from before it was asked for."""
    patch.setattr(
        LeaseTerms, "deadline", lambda terms, _asked_s: trio.current_time() + terms.ttl_s - terms.margin_s
    )


def a_successor_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    """It acts when its claim is answered."""
    patch.setattr(LeaseTerms, "may_act_at", lambda _terms, answered_s, **_: answered_s)


def a_failover_is_not_noticed(patch: pytest.MonkeyPatch) -> None:
    """An append takes the book as it is."""
    patch.setattr(LeasedStore, "_check", MemoryStore._check)


def nobody_claims(patch: pytest.MonkeyPatch) -> None:
    """What its holder lost stays without one."""
    share_out = manager.share_out

    def first_claims(*pictured: object) -> Plan:
        plan: Plan = share_out(*pictured)  # type: ignore[arg-type]
        return plan if trio.current_time() < 20.0 else attrs.evolve(plan, claims={})

    patch.setattr(manager, "share_out", first_claims)


def nothing_is_read(patch: pytest.MonkeyPatch) -> None:
    """The judge of reads hears of none, as if the bot made none."""
    patch.setattr(ReadJudge, "_ask", lambda *_: None)


def no_time_to_hedge(patch: pytest.MonkeyPatch) -> None:
    """A bound that no pair of orders keeps."""
    patch.setattr(fleet_gap, "AFTER_LEASE_S", -TTL_S)


def tasks_share_no_budget(patch: pytest.MonkeyPatch) -> None:
    """Each asks for as much as if it were alone at its address."""

    @asynccontextmanager
    async def alone(*_: object) -> AsyncIterator[BudgetsOf]:
        yield own_budgets()

    patch.setattr(Budgets, "of_task", alone)


@pytest.mark.parametrize(
    ("plant", "mishaps", "ttl_s", "broken", "told"),
    [
        (nobody_is_fenced, SLEPT, TTL_S, "I8", "wrote"),
        (a_lease_counts_from_its_answer, UNRENEWED, 21.0, "I8", "after the last moment"),
        (a_successor_does_not_wait, STEPPED, TTL_S, "I8", "accepted"),
        (a_successor_does_not_wait, KILLED, TTL_S, "I8", "after its claim"),
        (a_failover_is_not_noticed, FAILED_OVER, TTL_S, "I3", "never booked"),
        (nobody_claims, KILLED, TTL_S, "I23", "not at work"),
        (nothing_is_read, (), TTL_S, "I16", "was read"),
        (no_time_to_hedge, (), TTL_S, "I6", "bound 0 s"),
        (tasks_share_no_budget, (), TTL_S, "I32", "of 300 ip in 10 s at MEXC"),
    ],
)
def test_a_planted_defect_is_found(
    plant: Plant, mishaps: tuple[FleetMishap, ...], ttl_s: float, broken: str, told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each by the invariant that it breaks."""
    plant(monkeypatch)
    tasks, seed = 4 if plant is tasks_share_no_budget else 2, SEEDS.get(mishaps, 4)
    run = run_of(*mishaps, seed=seed, ttl_s=ttl_s, tasks=tasks)
    assert broken in found_in(run)
    assert any(v["invariant"] == broken and told in v["text"] for v in run.violations), run.violations[:5]
