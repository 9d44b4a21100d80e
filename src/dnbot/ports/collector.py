"""Python's garbage collector, which stops everything while it looks through what there is.

What a start leaves behind (modules, classes, tables: tens of thousands of objects) lives as long as the process. A full
collection that has to look through it stops the loop for tens of milliseconds, again and again. Collected once and then
left out for good, it costs nothing any more; what is made afterwards is collected as ever.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def settle() -> int:
    """Collect what is garbage now, and leave everything else out of every later collection; how many objects."""
    gc.collect()
    gc.freeze()
    return gc.get_freeze_count()


@contextmanager
def collections_told(tell: Callable[[int, float], None]) -> Iterator[None]:
    """Inside the block `tell` hears of every collection, in the middle of whatever ran: its generation and seconds."""
    began_ns = time.perf_counter_ns()

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal began_ns
        if phase == "start":
            began_ns = time.perf_counter_ns()
        else:
            tell(info["generation"], (time.perf_counter_ns() - began_ns) / 1e9)

    gc.callbacks.append(note)
    try:
        yield
    finally:
        gc.callbacks.remove(note)
