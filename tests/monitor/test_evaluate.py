"""Hysteresis and hold times: what is raised, what is resolved, and that nothing flaps."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from dnbot.monitor.evaluate import RANK, State, judge
from dnbot.monitor.readings import Reading, over, under, when

HOLD_S, CLEAR_S = 2.0, 5.0

kinds = st.sampled_from(["bad", "between", "clear", "unknown"])
steps = st.lists(
    st.tuples(st.floats(0.1, 4.0), kinds, st.sampled_from(["warning", "critical"])), min_size=1, max_size=60
)


def reading(kind: str, level: str = "warning", hold_s: float = HOLD_S) -> list[Reading]:
    """One condition in one of the four ways that it can look."""
    if kind == "unknown":
        return []
    return [
        Reading(level=level, key="k", text=f"is {kind}", bad=kind == "bad", clear=kind == "clear", hold_s=hold_s)
    ]


def run(history: list[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """(time, `raised` or `resolved`, level) of a history of (seconds before the look, kind, level)."""
    state: State = {}
    now_s, found = 0.0, []
    for wait_s, kind, level in history:
        now_s += wait_s
        done = judge(reading(kind, level), state, now_s=now_s, at_ns=round(now_s * 1e9), clear_s=CLEAR_S)
        state = done.state
        found += [(now_s, "raised", alert.level) for alert in done.raised]
        found += [(now_s, "resolved", resolved.level) for resolved in done.resolved]
    return found


@given(steps)
def test_every_alert_has_one_end_and_only_rises(history: list[tuple[float, str, str]]) -> None:
    """Between two ends there is one alert, told again only at a higher level; an end follows an alert, at its level."""
    level = ""
    for _, what, told in run(history):
        if what == "raised":
            assert level == "" or RANK[told] > RANK[level]
            level = told
        else:
            assert told == level != ""
            level = ""


@given(steps)
def test_an_alert_needs_its_whole_hold_and_an_end_its_whole_clearance(history: list[tuple[float, str, str]]) -> None:
    """Raised: every known look of the last HOLD_S was bad. Resolved: every known look of the last CLEAR_S was clear."""
    times, now_s = [], 0.0
    for wait_s, kind, _ in history:
        now_s += wait_s
        times.append((now_s, kind))
    for at_s, what, _ in run(history):
        wanted, length_s = ("bad", HOLD_S) if what == "raised" else ("clear", CLEAR_S)
        seen = [(s, kind) for s, kind in times if s <= at_s and kind != "unknown"]
        run_of = []
        for moment in reversed(seen):
            if moment[1] != wanted:
                break
            run_of.append(moment[0])
        assert run_of
        assert at_s - run_of[-1] >= length_s


@given(steps)
def test_what_stays_bad_is_told(history: list[tuple[float, str, str]]) -> None:
    """Whatever came before: a condition that is bad for its hold is open afterwards, and one that is clear is not."""
    tail = [(3.0, "bad", "critical"), (3.0, "bad", "critical")]
    told = run([*history, *tail])
    assert told[-1][1:] == ("raised", "critical")
    ended = run([*history, *tail, (6.0, "clear", "critical"), (6.0, "clear", "critical")])
    assert [what for _, what, _ in ended[-2:]] == ["raised", "resolved"]


def test_flapping_is_one_alert() -> None:
    """A condition that comes and goes faster than it may clear is raised once, and resolved once."""
    flaps = [(1.0, "bad" if number % 4 < 3 else "clear", "warning") for number in range(40)]
    told = run([*flaps, *[(1.0, "clear", "warning")] * 8])
    assert [what for _, what, _ in told] == ["raised", "resolved"]


def test_the_end_tells_what_the_alert_said() -> None:
    """An end has the words of its alert and how long it lasted."""
    state: State = {}
    for now_s, kind in ((0.0, "bad"), (2.0, "bad"), (3.0, "clear")):
        state = judge(reading(kind), state, now_s=now_s, at_ns=0, clear_s=CLEAR_S).state
    (end,) = judge(reading("clear"), state, now_s=8.0, at_ns=7, clear_s=CLEAR_S).resolved
    assert (end.text, end.lasted_s, end.at_ns) == ("is bad", 6.0, 7)


@given(st.floats(0, 1000), st.floats(1, 1000))
def test_a_threshold_has_a_middle(value: float, limit: float) -> None:
    """No figure is bad and clear at once; a figure at its threshold is neither; one that is not known is no reading."""
    for made in (over("warning", "k", value, limit, "x"), under("warning", "k", value, limit, "x")):
        assert made is not None
        assert not (made.bad and made.clear)
    for at in (over("warning", "k", limit, limit, "x"), under("warning", "k", limit, limit, "x")):
        assert at is not None
        assert (at.bad, at.clear) == (False, False)
    assert over("warning", "k", None, limit, "x") is None
    assert under("warning", "k", None, limit, "x") is None


def test_a_reading_says_figure_and_limit() -> None:
    """The text has what was found and what is allowed."""
    made = over("warning", "loop_lag", 312.5, 250, "ms that a timer came late:")
    assert made is not None
    assert made.text == "ms that a timer came late: 312.5; the limit is 250"
    assert when("info", "k", True, "so").clear is False
