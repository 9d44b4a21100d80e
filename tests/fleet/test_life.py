"""The life of a task: every edge, and what a wish or a claim means in every state."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dnbot.domain.errors import InvariantBroken
from dnbot.fleet.life import (
    AT_REST,
    TASK_TRANSITIONS,
    Desired,
    TaskState,
    TaskTrigger,
    asked_by,
    by_person,
    needs_holder,
    next_state,
)

EDGES = """
CREATED     CLAIMED      STARTING
CREATED     STOP_ASKED   STOPPED
STARTING    STARTED      RUNNING
STARTING    CLAIMED      STARTING
STARTING    STOP_ASKED   STOPPING
STARTING    FAILURE      FAILED
RUNNING     PAUSE_ASKED  PAUSING
RUNNING     CLAIMED      STARTING
RUNNING     STOP_ASKED   STOPPING
RUNNING     FAILURE      FAILED
PAUSING     PAUSE_DONE   PAUSED
PAUSING     RESUME_ASKED RUNNING
PAUSING     CLAIMED      STARTING
PAUSING     STOP_ASKED   STOPPING
PAUSING     FAILURE      FAILED
PAUSED      RESUME_ASKED RUNNING
PAUSED      CLAIMED      STARTING
PAUSED      STOP_ASKED   STOPPING
PAUSED      FAILURE      FAILED
STOPPING    CLAIMED      STARTING
STOPPING    ENDED        STOPPED
STOPPING    HANDED_OVER  STARTING
STOPPING    FAILURE      FAILED
STOPPED     RESUME_ASKED CREATED
FAILED      CLAIMED      STARTING
FAILED      RETRIED      STARTING
FAILED      SPENT        QUARANTINED
QUARANTINED RESUME_ASKED CREATED
QUARANTINED STOP_ASKED   STOPPED
"""


def test_the_edges_are_these_and_no_others() -> None:
    """All pairs of state and trigger: those listed lead where the list says, the others raise."""
    listed = {tuple(line.split()[:2]): line.split()[2] for line in EDGES.split("\n") if line}
    for state in TaskState:
        for trigger in TaskTrigger:
            to = listed.get((state.name, trigger.name))
            if to is None:
                with pytest.raises(InvariantBroken, match=state.value):
                    next_state(state, trigger)
            else:
                assert next_state(state, trigger).name == to


def test_every_state_is_reached_and_every_trigger_used() -> None:
    """From CREATED one gets anywhere; nothing in the table is dead."""
    reached, left = {TaskState.CREATED}, [TaskState.CREATED]
    while left:
        new = set(TASK_TRANSITIONS[left.pop()].values()) - reached
        reached |= new
        left.extend(new)
    assert reached == set(TaskState)
    assert {trigger for edges in TASK_TRANSITIONS.values() for trigger in edges} == set(TaskTrigger)


def test_whoever_needs_a_holder_can_be_claimed_and_nobody_else() -> None:
    """A claim is an edge of every state but those at rest; what is to stop needs one until it has stopped."""
    for state in TaskState:
        claimable = TaskTrigger.CLAIMED in TASK_TRANSITIONS[state]
        assert claimable is (state not in AT_REST)
        for desired in Desired:
            never_began = state is TaskState.CREATED and desired is Desired.STOPPED
            assert needs_holder(state, desired) is (claimable and not never_began)


def test_a_person_moves_only_what_rests() -> None:
    """A wish about a task that nobody holds: stop what never began or failed for good, begin again what rests."""
    moved = {
        (state.name, desired.name): by_person(state, desired).name
        for state in TaskState for desired in Desired if by_person(state, desired) is not state
    }
    assert moved == {
        ("CREATED", "STOPPED"): "STOPPED", ("QUARANTINED", "STOPPED"): "STOPPED",
        ("STOPPED", "RUNNING"): "CREATED", ("STOPPED", "PAUSED"): "CREATED",
        ("QUARANTINED", "RUNNING"): "CREATED", ("QUARANTINED", "PAUSED"): "CREATED",
    }


def test_a_holder_follows_the_wish_by_edges_alone() -> None:
    """Whatever is wanted, what the holder is asked for exists; once it is so, nothing is asked."""
    for state in TaskState:
        for desired in Desired:
            trigger = asked_by(state, desired)
            assert trigger is None or trigger in TASK_TRANSITIONS[state]
    assert asked_by(TaskState.RUNNING, Desired.RUNNING) is None
    assert asked_by(TaskState.PAUSED, Desired.PAUSED) is None
    assert asked_by(TaskState.PAUSING, Desired.RUNNING) is TaskTrigger.RESUME_ASKED
    assert asked_by(TaskState.STOPPED, Desired.RUNNING) is None


def test_the_page_names_every_state() -> None:
    """docs/fleet.md explains each, and no other."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "fleet.md").read_text(encoding="utf-8")
    table = page.partition("| state | means |")[2].partition("\n\n")[0]
    named = [word for cell in re.findall(r"^\| ([a-z, ]+) \|", table, re.MULTILINE) for word in cell.split(", ")]
    assert named == [state.value for state in TaskState]
