"""The parts of a simulated fleet: schedules, a host that sleeps, figures of a campaign."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import trio
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from dnbot.cli import commands
from dnbot.domain.errors import ConfigError
from dnbot.fleet.leases import LeaseTerms
from dnbot.lab.campaign import CampaignOptions
from dnbot.lab.fleet_campaign import FleetEvidence, line_of, lost_fleet, summarised_fleet, told_fleet
from dnbot.lab.fleet_run import FleetRun
from dnbot.lab.fleet_schedule import KINDS, SLOTS, TTLS_S, FleetSchedule, draw_fleet, kinds_of
from dnbot.lab.fleet_sleep import HostSleep
from dnbot.lab.standstill import Standstill


# --- schedules --------------------------------------------------------------------------------------------------------
@given(st.integers(0, 10_000), st.sampled_from(["swarm", "all", "none", "worker_killed"]), st.floats(30, 2000))
def test_a_schedule_follows_from_its_seed(seed: int, wanted: str, run_s: float) -> None:
    """It is plain data, strikes workers that there are before it heals, and loses no key when others are left out."""
    schedule = draw_fleet(seed, wanted, run_s)
    assert schedule == draw_fleet(seed, wanted, run_s)
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=FleetSchedule) == schedule
    assert len(set(schedule.keys)) == len(schedule.keys)
    assert {m.kind for m in schedule.mishaps} <= set(kinds_of(wanted))
    assert all(0 <= m.slot < SLOTS and 0 < m.at_s < schedule.heal_s < run_s for m in schedule.mishaps)
    for mishap in schedule.mishaps:
        assert schedule.only([mishap.key]).mishaps == (mishap,)


def test_every_lease_that_is_drawn_can_be() -> None:
    """None contradicts the margin."""
    for ttl_s in TTLS_S:
        LeaseTerms(ttl_s=ttl_s)


def test_all_takes_every_kind() -> None:
    """At least once, however short the run."""
    assert {m.kind for m in draw_fleet(1, "all", 60.0).mishaps} == set(KINDS)


def test_a_kind_that_is_none_is_named() -> None:
    """With those that there are."""
    with pytest.raises(ConfigError, match=r"meteor.*worker_killed"):
        kinds_of("worker_killed,meteor")


# --- a host that sleeps -----------------------------------------------------------------------------------------------
async def test_a_host_that_slept_finds_its_deadlines_as_far_away_as_before(autojump_clock: MockClock) -> None:
    """Of every task below the scope; a process that was only stopped finds that they have passed."""
    fired: dict[str, float] = {}

    async def wait(name: str, seconds: float) -> None:
        await trio.sleep(seconds)
        fired[name] = trio.current_time()

    async def process(name: str, scope: trio.CancelScope, standstills: list[Standstill]) -> None:
        standstills.append(Standstill(trio.lowlevel.current_task()))
        with scope, trio.move_on_after(1000):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait, name, 10)
                nursery.start_soon(wait, f"{name} far", 40)

    for asleep in (True, False):
        fired.clear()
        scope, standstills = trio.CancelScope(), list[Standstill]()
        began_s = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process, "it", scope, standstills)
            nursery.start_soon(wait, "other", 12)
            await trio.sleep(5)
            host = HostSleep(scope)
            standstills[0].begin()
            if asleep:
                host.begin()
            await trio.sleep(30)
            host.end()
            standstills[0].end()
        expected = (40, 70) if asleep else (35, 40)
        assert fired["other"] == began_s + 12
        assert (fired["it"], fired["it far"]) == (began_s + expected[0], began_s + expected[1])


# --- figures ----------------------------------------------------------------------------------------------------------
def made(seed: int, **changes: object) -> FleetRun:
    """A run without any simulation."""
    run = msgspec.structs.replace(lost_fleet(seed, ""), violations=[], trace_hash=f"{seed:064}")
    return msgspec.structs.replace(run, **changes)


OPTIONS = CampaignOptions(seeds=(), run_s=60.0, params=None)


def test_runs_add_up_and_the_worst_has_its_seed() -> None:
    """What has to strike and did not is named."""
    bad = [{"invariant": "I8", "at_s": 1.0, "text": "two writers"}]
    runs = [
        made(1, orders=30, gap_s=0.5, struck={"worker_killed": 2}),
        made(2, orders=50, gap_s=3.25, struck={"host_sleeps": 1}, violations=bad),
        made(3, idle="nothing happened"),
    ]
    summary = summarised_fleet(runs, OPTIONS)
    assert (summary["orders"], summary["failed"], summary["idle"]) == (80, [2], [3])
    assert summary["worst"]["gap_s"] == (3.25, 2)
    assert set(summary["never"]) == set(KINDS) - {"worker_killed", "host_sleeps"}
    text = told_fleet(summary)
    assert "gap_s 3.250 (seed 2)" in text
    assert "never seen: " in text
    assert [line_of(run).split()[2] for run in runs] == ["ok", "FAILED", "idle"]


def test_nothing_adds_up_to_nothing() -> None:
    """A campaign that had no time is told all the same."""
    assert told_fleet(summarised_fleet([], OPTIONS)).startswith("0 runs")


# --- the command ------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_small_campaign_leaves_its_evidence_and_goes_on(tmp_path: Path) -> None:
    """A seed, its line, the JSON that says the same; a second time it has passed already."""
    file = tmp_path / "fleet.json"
    arguments = ["simulate", "--fleet", "--seeds", "2", "--minutes", "0.5", "--faults", "none", "--json", str(file)]
    ended = CliRunner().invoke(commands, arguments)
    assert ended.exit_code == 0, ended.output
    (run,) = msgspec.json.decode(file.read_bytes(), type=FleetEvidence).runs
    assert (run.seed, run.violations, run.idle, run.struck) == (2, [], "", {})
    assert run.incarnations == run.tasks
    assert run.trace_hash[:12] in ended.output
    again = CliRunner().invoke(commands, [*arguments, "--resume"])
    assert again.exit_code == 0, again.output
    assert "1 seeds have passed" in again.output


def test_a_fleet_takes_no_configuration() -> None:
    """Its tasks have settings of their own, and the command says so."""
    ended = CliRunner().invoke(commands, ["simulate", "--fleet", "--config", __file__])
    assert ended.exit_code == 2
    assert "--fleet takes no --config" in ended.output
