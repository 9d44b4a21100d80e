"""The verdicts on a drilled fleet pass on sound evidence, and each speaks up when exactly its own promise is broken."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import attrs
import pytest
import trio
from click.testing import CliRunner
from trio.testing import MockClock

from dnbot.cli import commands
from dnbot.config import parse_settings
from dnbot.domain.order import client_order_id
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT
from dnbot.fleet.leases import LeaseTerms
from dnbot.lab.drills_fleet import LOOK_EVERY_S, TRADES_S_MAX, until_all_trade
from dnbot.lab.drills_fleet import RUNS as RUNS_OF_ALL
from dnbot.lab.drills_fleet_checks import Event, Run, Strike
from dnbot.lab.drills_fleet_cost import processor_s
from dnbot.lab.drills_fleet_report import Evidence, FleetReport, StageResult, judge, table_of
from dnbot.lab.drills_fleet_stage import FleetStage
from dnbot.lab.drills_fleet_world import fakes_options, fleet_tasks
from dnbot.operate.fleet_commands import DSN_ENV
from dnbot.operate.places import FakesAddress
from dnbot.operate.task_settings import accounts_of, task_settings

T = 1_000_000
"""When the first worker was struck, ms."""
LOTS = {"a": ("AAA", Decimal(1)), "b": ("BBB", Decimal(1))}
STRIKES = (
    Strike("worker_killed", T, T + 60_000, ("w1-1",), (T,), (("a",),), away_s_max=26.0),
    Strike("database_restarted", T + 60_000, T + 90_000, away_s_max=4.0),
    Strike("workers_rolled", T + 90_000, T + 200_000, ("w2-1",), (T + 90_000,), (("a", "b"),), away_s_max=15.0),
)
RUNS = (
    Run("a", 1, 1, "w1-1", T - 50_000), Run("b", 1, 1, "w2-1", T - 50_000),
    Run("a", 2, 2, "w2-1", T + 23_000), Run("a", 3, 3, "w1-2", T + 92_000), Run("b", 2, 2, "w1-2", T + 93_000),
)
EVENTS = (
    Event("a", "started", T - 49_000, "w1-1"), Event("b", "started", T - 49_000, "w2-1"),
    Event("a", "taken_over", T + 22_000, "w2-1"), Event("a", "started", T + 25_000, "w2-1"),
    Event("a", "started", T + 94_000, "w1-2"), Event("b", "started", T + 95_000, "w1-2"),
)


def order(epoch: int, at_ms: int, number: int = 1, status: str = "closed") -> dict[str, Any]:
    """An order that a venue accepted."""
    return {"client_id": f"t-{client_order_id(epoch, number)}", "create_ms": at_ms, "status": status}


def legs(at_ms: int, hedged_ms: int) -> list[dict[str, Any]]:
    """A purchase of five, and its hedge so much later."""
    spot = {"venue": GATE_SPOT, "side": "buy", "quantity": "5", "fee": "0", "fee_asset": "USDT", "time_ms": at_ms}
    return [spot, spot | {"venue": GATE_FUTURES, "side": "sell", "time_ms": at_ms + hedged_ms}]


def audit(*orders: dict[str, Any], fills: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """What the fakes say of one account."""
    return {"orders": list(orders), "open_orders": [], "fills": fills or [], "time": T + 300_000}


def sound() -> Evidence:
    """A worker died and its task went on elsewhere, a database was away, every worker was rolled."""
    audits = {
        "a": audit(order(1, T - 10_000), order(2, T + 26_000), order(3, T + 95_000), fills=legs(T - 500, 27_000)),
        "b": audit(order(1, T + 1_000), order(2, T + 96_000), fills=legs(T + 1_000, 900)),
    }
    residual = {task: {"GATEIO_SPOT": {"USDT": "0", "AAA": "0.000"}} for task in audits}
    return Evidence(audits, RUNS, EVENTS, residual, LOTS)


def spoken(evidence: Evidence, least: int = 4) -> dict[str, str]:
    """Every check that speaks up; those of a stage with its name."""
    report = FleetReport(seed=1, tasks=2, workers=2, ttl_s=21.0)
    report.stages = [StageResult(stage=strike.stage, checks={}) for strike in STRIKES]
    judge(report, evidence, STRIKES, least)
    found = dict(report.checks)
    for stage in report.stages:
        found |= {f"{stage.stage}:{name}": text for name, text in stage.checks.items()}
    return {name: text for name, text in found.items() if text}


def with_orders(task: str, *orders: dict[str, Any]) -> Evidence:
    """Sound evidence, and more orders of a task."""
    evidence = sound()
    evidence.audits[task]["orders"].extend(orders)
    return evidence


def test_sound_evidence_passes() -> None:
    """And what it came to is told: how many moved, how long that took, what was naked meanwhile."""
    report = FleetReport(seed=1, tasks=2, workers=2, ttl_s=21.0)
    report.stages = [StageResult(stage=strike.stage, checks={}) for strike in STRIKES]
    judge(report, sound(), STRIKES, 4)
    assert report.passed
    assert [(s.moved, s.back_after_s, s.orders, s.naked_ms) for s in report.stages] == [
        (1, 25.0, 2, 27_000), (0, None, 0, 0), (2, 5.0, 2, 0),
    ]
    assert report.orders == 4
    assert table_of(report).endswith("passed")


@pytest.mark.parametrize(
    ("late", "says"),
    [
        (order(1, T + 23_003, 9), "accepted 3 ms after a newer one began"), (order(2, T + 22_000, 9), "before its"),
        (order(7, T + 24_000, 9), "no incarnation of it"), ({"client_id": "by-hand", "create_ms": T}, "no incarnation"),
    ],
)  # fmt: skip
def test_an_order_of_who_does_not_own_the_task(late: dict[str, Any], says: str) -> None:
    """Of an older incarnation after the newer began, of one before it began, of none."""
    assert says in spoken(with_orders("a", late))["one_owner"]


def test_a_rounded_millisecond_is_no_second_owner() -> None:
    """The database's clock and the fakes' are the same one, read to the millisecond."""
    assert spoken(with_orders("a", order(1, T + 23_002, 9))) == {}


def test_an_incarnation_on_an_older_lease() -> None:
    """Epochs of leases grow with those of the book."""
    evidence = attrs.evolve(sound(), runs=(*RUNS[:3], attrs.evolve(RUNS[3], lease_epoch=1), RUNS[4]))
    assert set(spoken(evidence)) == {"one_owner"}


def test_too_few_orders_prove_nothing() -> None:
    """Only those of the stages count."""
    assert spoken(sound(), least=5) == {"orders": "4 orders were accepted, 5 are wanted"}


def test_a_task_that_was_taken_over_late_or_never() -> None:
    """Of those that the struck worker held; that it started the task itself again does not count."""
    late = attrs.evolve(EVENTS[3], at_ms=T + 26_001)
    assert spoken(attrs.evolve(sound(), events=(*EVENTS[:3], late, *EVENTS[4:]))) == {
        "worker_killed:taken_over": "allowed 26 s: a after 26.0 s"
    }
    own = attrs.evolve(EVENTS[5], worker="w2-1")
    assert spoken(attrs.evolve(sound(), events=(*EVENTS[:5], own))) == {
        "workers_rolled:taken_over": "never started again: b"
    }


def test_a_task_that_was_begun_anew_because_the_database_was_away() -> None:
    """An absence within the margin has no consequence."""
    again = Run("b", 2, 1, "w2-1", T + 70_000), attrs.evolve(RUNS[4], epoch=3)
    found = spoken(attrs.evolve(with_orders("b", order(3, T + 97_000)), runs=(*RUNS[:4], *again)))
    assert found.pop("one_owner"), "its order of incarnation 2 came late then"
    assert found == {"database_restarted:undisturbed": "started again: b"}


@pytest.mark.parametrize("event", [Event("b", "failure", T + 5), Event("b", "taken_over", T + 5, "w1-1")])
def test_a_failure_of_a_task_that_nobody_struck(event: Event) -> None:
    """Neither of its bot nor of its lease."""
    assert spoken(attrs.evolve(sound(), events=(*EVENTS, event))) == {
        "none_failed": f"b: {event.kind} during worker_killed"
    }
    told = attrs.evolve(event, text="no account was read")
    assert spoken(attrs.evolve(sound(), events=(*EVENTS, told))) == {
        "none_failed": f"b: {event.kind} during worker_killed: no account was read"
    }
    before = attrs.evolve(event, at_ms=T - 1)
    assert spoken(attrs.evolve(sound(), events=(before, *EVENTS))) == {}, "what went before is not judged"


def test_a_task_that_was_unhedged_for_too_long() -> None:
    """Longer than it may be without an owner and ten seconds; also one that is not hedged at the end."""
    evidence = sound()
    evidence.audits["b"]["fills"] = legs(T + 100, 36_001)
    assert spoken(evidence) == {"worker_killed:hedged": "allowed 36000 ms: b 36001 ms"}
    evidence.audits["b"]["fills"] = legs(T + 150_000, 0)[:1]
    assert spoken(evidence) == {"workers_rolled:hedged": "allowed 25000 ms: b 150000 ms"}


def test_a_task_whose_newest_incarnation_does_not_trade() -> None:
    """An order of its last owner but one does not count, however late it came."""
    late = Run("b", 3, 3, "w2-2", T + 150_000)
    assert spoken(attrs.evolve(sound(), runs=(*RUNS, late))) == {
        "all_trade": "no order of their newest incarnation: b"
    }


def test_a_task_that_does_not_trade_at_the_end() -> None:
    """What it ordered before the last stage does not count."""
    evidence = sound()
    evidence.audits["b"]["orders"][1]["create_ms"] = T + 89_000
    evidence = attrs.evolve(evidence, runs=(*RUNS[:4], attrs.evolve(RUNS[4], began_ms=T + 80_000)))
    found = spoken(evidence)
    assert found.pop("database_restarted:undisturbed")
    assert found == {"all_trade": "no order of their newest incarnation: b"}


@attrs.define
class Waiting:
    """A fleet of `a` and `b` as a wait for their trades sees it."""

    newest: list[dict[str, tuple[int, int]]]
    """By account, the epoch and the time of its newest order: at each question; the last one stays."""
    asked: list[str] = attrs.field(factory=list)
    tasks: tuple[Any, ...] = (SimpleNamespace(name="a", uid="1"), SimpleNamespace(name="b", uid="2"))

    @property
    def controls(self) -> Waiting:
        return self

    async def ask(self, control: str) -> dict[str, Any]:
        self.asked.append(control)
        found = self.newest[min(len(self.asked), len(self.newest)) - 1]
        return {"orders": {uid: order(epoch, at_ms) for uid, (epoch, at_ms) in found.items()}}

    async def read(self, sql: str) -> list[dict[str, Any]]:
        assert sql == RUNS_OF_ALL
        return [
            {"task_id": r.task, "run_epoch": r.epoch, "lease_epoch": 1, "worker_id": "", "ms": r.began_ms} for r in RUNS
        ]


async def test_the_wait_for_trades_asks_one_question_for_all_tasks(autojump_clock: MockClock) -> None:
    """Never for an audit: thirty of them every three seconds keep the fakes from answering the bots. An order of an
    older incarnation, and one from before the last stage, is waited beyond."""
    since_ms = T + 90_000
    on = Waiting([
        {"1": (2, T + 95_000)}, {"1": (3, T + 95_000), "2": (2, since_ms - 1)},
        {"1": (3, T + 95_000), "2": (2, T + 96_000)},
    ])  # fmt: skip
    assert await until_all_trade(cast("FleetStage", on), since_ms) == []
    assert on.asked == ["newest"] * 3
    assert trio.current_time() == 2 * LOOK_EVERY_S


async def test_who_does_not_trade_in_time_is_named(autojump_clock: MockClock) -> None:
    """The wait has an end, and what is judged then is judged by the audits."""
    on = Waiting([{"1": (3, T + 95_000)}])
    assert await until_all_trade(cast("FleetStage", on), T + 90_000) == ["b"]
    assert trio.current_time() == TRADES_S_MAX


def test_what_idle_bots_said_stands_below_the_verdict() -> None:
    """Where to look; it makes no drill pass or fail."""
    report = FleetReport(seed=1, tasks=2, workers=2, ttl_s=30.0, idle={"b": "MONITORING_SPREADS HALTED by hand"})
    assert report.passed
    assert "b: MONITORING_SPREADS HALTED by hand" in table_of(report)


@pytest.mark.parametrize(("left", "says"), [({"USDT": "0.00000001"}, "unexplained"), ({}, "nothing was compared")])
def test_a_ledger_that_does_not_close(left: dict[str, str], says: str) -> None:
    """To the last digit; one without a figure proves nothing."""
    found = spoken(attrs.evolve(sound(), residual={**sound().residual, "b": {"GATEIO_SPOT": left}}))
    assert set(found) == {"ledger"}
    assert says in found["ledger"]


def test_an_order_that_is_left_open() -> None:
    """Of ours."""
    evidence = sound()
    evidence.audits["a"]["open_orders"] = [order(3, T + 95_000, status="open")]
    assert set(spoken(evidence)) == {"nothing_open"}


def test_a_verdict_shows_in_the_table() -> None:
    """Beside its stage, and at the end."""
    report = FleetReport(seed=1, tasks=2, workers=2, ttl_s=21.0, checks={"orders": "too few"})
    report.stages = [StageResult(stage="worker_killed", checks={"hedged": "too long"})]
    text = table_of(report)
    assert text.endswith("FAILED")
    assert "hedged: too long" in text and "orders: too few" in text  # noqa: PT018 (one table)


def test_thirty_tasks_fit_the_markets_of_every_seed() -> None:
    """Each on a market of its own that is listed everywhere and quoted seldom, with an account of its own, and with
    settings that a fleet takes."""
    for seed in (1, 2):
        tasks = fleet_tasks(30, seed)
        assert len({task.symbol for task in tasks}) == len({task.uid for task in tasks}) == 30
        assert {task.market.venues for task in tasks} == {(GATE_SPOT, GATE_FUTURES, MEXC_SPOT)}
        assert max(task.market.character.steps_per_s for task in tasks) <= 1.5
        folder = Path("/nowhere")
        settings = [task_settings(t.name, t.settings(folder), DSN_ENV, LeaseTerms(ttl_s=21.0)) for t in tasks]
        assert len({accounts_of(own) for own in settings}) == 30
        for task, own in zip(tasks, settings, strict=True):
            assert own.strategy.base_position_size % task.lot == 0
            assert 500 <= own.strategy.base_position_size * task.market.price <= 700
        assert f"--account={tasks[29].account}" in fakes_options(tasks)


def test_each_task_has_a_key_of_its_own(tmp_path: Path) -> None:
    """In the file that its settings name."""
    task = fleet_tasks(1, 1)[0]
    here = FakesAddress("https://x", "wss://x", "wss://x", "https://y", "wss://y", "other", "secret", "10001")
    task.written(tmp_path, here)
    named = Path(parse_settings("task", task.settings(tmp_path)).fakes.address_file)
    assert f"{task.name}-key-of-fakes".encode() in named.read_bytes()
    assert b"other" not in named.read_bytes()


def test_the_cost_of_a_process_is_its_own_and_its_childrens(tmp_path: Path) -> None:
    """As the kernel counts it, whatever a process calls itself; 1.5 and 0.25 s at 100 ticks in a second."""
    for pid, name, parent, ticks in ((7, "post) gres", 1, (100, 50)), (8, "b", 7, (20, 5)), (9, "c", 8, (900, 900))):
        folder = tmp_path / str(pid)
        folder.mkdir()
        rest = " ".join(["0"] * 9)
        (folder / "stat").write_text(f"{pid} ({name}) S {parent} {rest} {ticks[0]} {ticks[1]} 0 0\n")
    (tmp_path / "10").mkdir()
    assert processor_s(7, tmp_path) == pytest.approx(1.75)
    assert processor_s(None, tmp_path) == 0


def test_a_stage_that_there_is_not_is_refused() -> None:
    """Before anything is started, with those that there are."""
    found = CliRunner().invoke(commands, ["drill", "fleet", "--only", "worker_killed,worker_scared"])
    assert found.exit_code == 2
    assert "worker_scared" in found.output
    assert "worker_killed, worker_stopped, database_restarted, workers_rolled" in found.output
