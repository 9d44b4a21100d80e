"""What a start leaves behind is never looked through again."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from dnbot.ports.collector import collections_told

IN_A_PROCESS = """
import gc
from dnbot.ports.collector import settle
kept = [[number] for number in range(10_000)]
settled = settle()
young = [[]]
print(settled >= 10_000, len(gc.get_objects()) < 1_000, gc.is_tracked(young), gc.isenabled())
loop = []
loop.append(loop)
del loop
print(gc.collect())
"""


def test_what_there_is_is_left_out_and_what_comes_is_collected() -> None:
    """In a process of its own: nothing thaws again."""
    done = subprocess.run([sys.executable, "-c", IN_A_PROCESS], capture_output=True, text=True, check=True, timeout=60)
    first, collected = done.stdout.splitlines()
    assert first == "True True True True"
    assert int(collected) >= 1


@pytest.mark.slow
def test_every_collection_is_told() -> None:
    """Inside the block alone, with its generation and how long it took."""
    told: list[tuple[int, float]] = []
    with collections_told(lambda generation, seconds: told.append((generation, seconds))):
        gc.collect(1)
        gc.collect()
    asked = [generation for generation, _ in told]
    gc.collect()
    assert [generation for generation in asked if generation] == [1, 2]
    assert len(told) == len(asked)
    assert all(0 < seconds < 10 for _, seconds in told)
