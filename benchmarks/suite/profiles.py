"""Where the time of a missed target goes: the functions that cost most by themselves."""

from __future__ import annotations

import cProfile
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType

FUNCTIONS_SHOWN = 6


def top_lines(work: Callable[[], object]) -> tuple[str, ...]:
    """`share calls name (file:line)` of what took most CPU. The profiler makes many small calls look dearer."""
    profile = cProfile.Profile(time.process_time)
    profile.runcall(work)
    found = profile.getstats()
    total_s = sum(entry.inlinetime for entry in found) or 1.0
    dearest = sorted(found, key=lambda entry: entry.inlinetime, reverse=True)[:FUNCTIONS_SHOWN]
    return tuple(
        f"{entry.inlinetime / total_s:4.0%} {entry.callcount:>8} {_name(entry.code)}" for entry in dearest
    )


def _name(code: CodeType | str) -> str:
    if isinstance(code, str):  # not written in Python
        return code
    return f"{code.co_qualname} ({Path(code.co_filename).name}:{code.co_firstlineno})"
