"""Python's garbage collector, which stops everything while it looks through what there is.

What a start leaves behind (modules, classes, tables: tens of thousands of objects) lives as long as the process. A full
collection that has to look through it stops the loop for tens of milliseconds, again and again. Collected once and then
left out for good, it costs nothing any more; what is made afterwards is collected as ever.
"""

from __future__ import annotations

import gc


def settle() -> int:
    """Collect what is garbage now, and leave everything else out of every later collection; how many objects."""
    gc.collect()
    gc.freeze()
    return gc.get_freeze_count()
