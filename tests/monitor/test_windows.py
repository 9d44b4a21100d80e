"""Counters within a window, and what the operating system says of us."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given

from dnbot.monitor.windows import Growth
from dnbot.operate.sampling import machine_figures
from dnbot.ports.process import disk_free_bytes


@given(st.lists(st.tuples(st.floats(0.1, 20.0), st.integers(0, 5)), max_size=40))
def test_growth_is_what_was_added_within_the_window(steps: list[tuple[float, int]]) -> None:
    """Whatever the first value was, which counts for nothing."""
    growth, now_s, total = Growth(30.0), 0.0, 17
    assert growth.note({"n": total}, now_s) == {"n": 0}
    added: list[tuple[float, int]] = []
    for wait_s, more in steps:
        now_s += wait_s
        total += more
        added.append((now_s, more))
        assert growth.note({"n": total}, now_s) == {"n": sum(part for at_s, part in added if now_s - at_s < 30.0)}


def test_counters_come_and_start_again() -> None:
    """A new counter begins at its first value; one that fell (a new object) counts on from there; others do not mix."""
    growth = Growth(30.0)
    growth.note({"a": 5}, 0.0)
    assert growth.note({"a": 7, "b": 100}, 1.0) == {"a": 2, "b": 0}
    assert growth.note({"a": 0, "b": 101}, 2.0) == {"a": 2, "b": 1}
    assert growth.note({"a": 1, "b": 101}, 3.0) == {"a": 3, "b": 1}
    assert growth.note({"b": 101}, 4.0) == {"b": 1}


def test_what_is_excused_does_not_count() -> None:
    """Growth meanwhile is forgotten, and what grows afterwards counts again; others are not touched."""
    growth = Growth(30.0)
    growth.note({"a": 5, "b": 5}, 0.0)
    assert growth.note({"a": 9, "b": 6}, 1.0, {"a"}) == {"a": 0, "b": 1}
    assert growth.note({"a": 10, "b": 6}, 2.0) == {"a": 1, "b": 1}


def test_the_machine_is_asked(tmp_path: Path) -> None:
    """Free space, memory and descriptors in their units; a folder that is not there is not known."""
    before = machine_figures(tmp_path)
    assert before.disk_free_mib is not None
    assert before.disk_free_mib > 1
    assert before.memory_mib is None or 5 < before.memory_mib < 100_000
    files = [(tmp_path / "f").open("w") for _ in range(50)]
    after = machine_figures(tmp_path)
    for file in files:
        file.close()
    if before.descriptors_pct is not None:
        assert after.descriptors_pct is not None
        assert 100 >= after.descriptors_pct > before.descriptors_pct > 0
    assert disk_free_bytes(tmp_path / "nowhere" / "at all") is None
