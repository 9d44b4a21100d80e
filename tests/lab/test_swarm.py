"""Schedules: plain data that follows from a seed, whose parts can be left out one by one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnbot.domain.errors import ConfigError
from dnbot.fakes.faults import Fault
from dnbot.fakes.faults_catalogue import KINDS, checked
from dnbot.fakes.faults_json import SPOILS
from dnbot.lab.schedule import MISHAPS, Schedule
from dnbot.lab.swarm import LIVE_S, draw, kinds_of
from dnbot.lab.swarm_moments import QUIET_S
from dnbot.lab.swarm_table import ALONE, FAULTS

RUN_S = 600.0
BESIDE = ("paused", "drained", "outage", "timed_1", "timed_2", "close_1", "close_2")


def test_every_fault_is_drawn_or_says_why_not() -> None:
    """A fault that the fakes learn is in the swarm from then on, or here with a reason."""
    assert set(FAULTS) | set(ALONE) == set(KINDS)
    assert not set(FAULTS) & set(ALONE)
    assert set(kinds_of("all")) == set(FAULTS) | set(MISHAPS)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**9), st.sampled_from(["swarm", "all", "rest_down,crash", "none"]))
def test_a_schedule_follows_from_its_seed(seed: int, wanted: str) -> None:
    """Twice the same, all of it known to the fakes, all of it over before the healing, and each under its own key."""
    schedule = draw(seed, wanted, RUN_S)
    assert schedule == draw(seed, wanted, RUN_S)
    assert schedule == msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule)
    assert len(set(schedule.keys)) == len(schedule.keys)
    assert schedule.heal_s == RUN_S - LIVE_S
    for fault in schedule.plan().faults:
        checked(fault)
        assert fault.for_s is not None
        assert QUIET_S <= fault.at_s <= fault.at_s + fault.for_s <= schedule.heal_s + 0.001
        places = ("gate_spot", "gate_futures") if fault.venue == "gate" else (fault.venue,)
        assert set(places) <= set(KINDS[fault.name].venues)
    for meeting in schedule.meetings:
        fault = checked(Fault.from_data(meeting.fault))
        assert QUIET_S <= fault.at_s <= schedule.heal_s
    for mishap in schedule.mishaps:
        assert QUIET_S <= mishap.at_s <= mishap.at_s + mishap.for_s <= schedule.heal_s + 0.001


def test_what_is_left_out_moves_nothing_else() -> None:
    """Shrinking relies on it."""
    schedule = draw(7, "swarm", RUN_S)
    kept = schedule.keys[::2]
    part = schedule.only(kept)
    assert part.keys == tuple(key for key in schedule.keys if key in kept)
    assert all(fault in schedule.plan().faults for fault in part.plan().faults)
    assert set(part.mishaps) <= set(schedule.mishaps)
    timed = next(found for found in (draw(seed, "swarm", RUN_S) for seed in range(1, 201)) if found.meetings)
    assert timed.only([]).meetings == ()
    assert timed.only([str(timed.meetings[0].fault["key"])]).meetings == timed.meetings[:1]
    assert (part.heal_s, part.order_path) == (schedule.heal_s, schedule.order_path)


def test_seeds_differ_and_together_have_everything() -> None:
    """Each seed takes a part of the kinds, so that two of them meet alone; many seeds take all."""
    taken = [{key.split(".")[0] for key in draw(seed, "swarm", RUN_S).keys} for seed in range(1, 201)]
    assert set.union(*taken) - set(BESIDE[1:]) == set(kinds_of("all"))
    assert max(map(len, taken)) < 0.6 * len(kinds_of("all"))
    assert len(set(map(frozenset, taken))) == 200


@pytest.mark.parametrize(
    ("word", "least", "most"),
    [("paused", 30, 70), ("drained", 18, 45), ("outage", 2, 15), ("timed_1", 40, 80), ("close_1", 15, 45)],
)
def test_what_is_drawn_beside_all_else_moves_nothing_else(word: str, least: int, most: int) -> None:
    """They are in a part of the seeds, and drawn beside what the seed had before there were any."""
    found = {seed: draw(seed, "swarm", RUN_S).keys for seed in range(1, 201)}
    with_it = [keys for keys in found.values() if any(key.partition(".")[0] == word for key in keys)]
    assert least < len(with_it) < most
    for keys in with_it[:10]:
        numbers = [int(key.rpartition(".")[2]) for key in keys if key.partition(".")[0] not in BESIDE]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_legs_rest_in_a_part_of_the_seeds() -> None:
    """About every sixth of the swarm; what is asked for by name leaves that to the configuration."""
    resting = [draw(seed, "swarm", RUN_S).maker_first for seed in range(1, 201)]
    assert 20 < sum(resting) < 50
    assert not any(draw(seed, "all", RUN_S).maker_first for seed in range(1, 21))
    part = next(found for found in (draw(seed, "swarm", RUN_S) for seed in range(1, 201)) if found.maker_first)
    assert part.only([]).maker_first


def test_answers_are_spoiled_in_every_manner() -> None:
    """That the fakes know."""
    assert set(FAULTS["reply_malformed"].options["manner"]) == set(SPOILS)


def test_half_of_the_drained_bots_may_move_money_back() -> None:
    """By their seed, whatever the configuration says; the others have to make do with less."""
    drained = [draw(seed, "swarm", RUN_S) for seed in range(1, 201)]
    drained = [schedule for schedule in drained if any(key.startswith("drained.") for key in schedule.keys)]
    assert {schedule.margin_top_up for schedule in drained} == {True, False}
    assert all(schedule.margin_top_up is (schedule.seed % 2 == 0) for schedule in drained)


def test_all_has_each_kind_once_and_none_nothing() -> None:
    """The two ends of what can be asked for."""
    assert sorted(key.split(".")[0] for key in draw(3, "all", RUN_S).keys) == sorted(kinds_of("all"))
    assert draw(3, "none", RUN_S).keys == ()


@pytest.mark.parametrize("wanted", ["rest_dwon", "rest_down,nothing", "certificate_wrong"])
def test_an_unknown_name_is_refused(wanted: str) -> None:
    """With what was found and what there is."""
    with pytest.raises(ConfigError, match=r"--faults.*rest_down"):
        kinds_of(wanted)
