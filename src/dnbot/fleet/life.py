"""The life of a task: one table and nothing else. A trigger that a state does not list raises and changes nothing."""

from __future__ import annotations

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.word import Word


class TaskState(Word):
    """Where a task is. What its bot does meanwhile is the bot's own state."""

    CREATED = "created"  # nobody has run it since a person began it
    STARTING = "starting"  # also between two workers
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"  # its bot runs, keeps the hedge and takes no new risk
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"  # its bot ended unasked; waits for the next start
    QUARANTINED = "quarantined"  # failed too often: a person must look


class Desired(Word):
    """What a person wants of a task."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class TaskTrigger(Word):
    """Why a state is left."""

    CLAIMED = "claimed"
    STARTED = "started"
    PAUSE_ASKED = "pause_asked"
    PAUSE_DONE = "pause_done"
    RESUME_ASKED = "resume_asked"
    STOP_ASKED = "stop_asked"
    ENDED = "ended"
    HANDED_OVER = "handed_over"
    FAILURE = "failure"
    RETRIED = "retried"
    SPENT = "spent"


_S, _T = TaskState, TaskTrigger
_HELD = {_T.CLAIMED: _S.STARTING, _T.STOP_ASKED: _S.STOPPING, _T.FAILURE: _S.FAILED}
"""A lease that ran out leaves any of these states behind, and the next holder claims from there."""

TASK_TRANSITIONS: dict[TaskState, dict[TaskTrigger, TaskState]] = {
    _S.CREATED: {_T.CLAIMED: _S.STARTING, _T.STOP_ASKED: _S.STOPPED},
    _S.STARTING: {_T.STARTED: _S.RUNNING, **_HELD},
    _S.RUNNING: {_T.PAUSE_ASKED: _S.PAUSING, **_HELD},
    _S.PAUSING: {_T.PAUSE_DONE: _S.PAUSED, _T.RESUME_ASKED: _S.RUNNING, **_HELD},
    _S.PAUSED: {_T.RESUME_ASKED: _S.RUNNING, **_HELD},
    _S.STOPPING: {
        _T.CLAIMED: _S.STARTING, _T.ENDED: _S.STOPPED, _T.HANDED_OVER: _S.STARTING, _T.FAILURE: _S.FAILED,
    },
    _S.STOPPED: {_T.RESUME_ASKED: _S.CREATED},
    _S.FAILED: {_T.CLAIMED: _S.STARTING, _T.RETRIED: _S.STARTING, _T.SPENT: _S.QUARANTINED},
    _S.QUARANTINED: {_T.RESUME_ASKED: _S.CREATED, _T.STOP_ASKED: _S.STOPPED},
}

AT_REST = frozenset({_S.STOPPED, _S.QUARANTINED})
"""Nobody claims a task that is in one of these."""


def next_state(state: TaskState, trigger: TaskTrigger) -> TaskState:
    """Where a trigger leads.

    Raises:
        InvariantBroken: the state does not know the trigger.
    """
    try:
        return TASK_TRANSITIONS[state][trigger]
    except KeyError:
        raise InvariantBroken(f"a task that is {state.value} has no edge for {trigger.value}") from None


def needs_holder(state: TaskState, desired: Desired) -> bool:
    """Whether some worker should hold the task.

    One that is to stop needs a holder until it has: its orders are swept and its position is settled by a bot.
    """
    return state not in AT_REST and not (state is TaskState.CREATED and desired is Desired.STOPPED)


def by_person(state: TaskState, desired: Desired) -> TaskState:
    """The state of a task that nobody holds, after a person has said what is wanted; all else is left to a holder."""
    trigger = _T.STOP_ASKED if desired is Desired.STOPPED else _T.RESUME_ASKED
    if state in {*AT_REST, TaskState.CREATED} and trigger in TASK_TRANSITIONS[state]:
        return TASK_TRANSITIONS[state][trigger]
    return state


def asked_by(state: TaskState, desired: Desired) -> TaskTrigger | None:
    """What the holder has to do about the wish, None while nothing; a task that starts is asked once it runs."""
    wishes = {
        Desired.STOPPED: _T.STOP_ASKED, Desired.PAUSED: _T.PAUSE_ASKED, Desired.RUNNING: _T.RESUME_ASKED,
    }
    trigger = wishes[desired]
    return trigger if state not in AT_REST and trigger in TASK_TRANSITIONS[state] else None
