"""What the processes of a drill cost: seconds of a processor, as Linux counts them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")


def processor_s(pid: int | None, proc: Path = PROC) -> float:
    """What a process and its children that live have used; 0 for one that has ended (proc_pid_stat(5))."""
    rows = {int(words[0]): words for words in _stats(proc)}
    own = [words for number, words in rows.items() if pid in (number, int(words[3]))]
    return sum(int(words[13]) + int(words[14]) for words in own) / os.sysconf("SC_CLK_TCK")


def _stats(proc: Path) -> Iterable[list[str]]:
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            try:
                text = (entry / "stat").read_text()
            except OSError:  # it ended meanwhile
                continue
            head, _, tail = text.rpartition(")")  # a name may hold anything
            yield [head.split(" ", 1)[0], head, *tail.split()]
