"""Counters within a window, and what the operating system says of us."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given

from dnbot.monitor.windows import Growth
from dnbot.ports.machine import descriptors_pct, disk_free_mib, memory_mib


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


def test_the_machine_is_asked(tmp_path: Path) -> None:
    """Free space, memory and descriptors are positive figures; a folder that is not there is not known."""
    free, memory, share = disk_free_mib(tmp_path), memory_mib(), descriptors_pct()
    assert free is not None
    assert free > 1
    assert memory is None or 5 < memory < 100_000
    before = share
    files = [(tmp_path / "f").open("w") for _ in range(50)]
    after = descriptors_pct()
    for file in files:
        file.close()
    assert before is None or (after is not None and after > before)
    assert disk_free_mib(tmp_path / "nowhere" / "at all") is None
