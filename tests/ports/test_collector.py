"""What a start leaves behind is never looked through again."""

from __future__ import annotations

import subprocess
import sys

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
