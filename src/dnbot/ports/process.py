"""What the operating system says of this process. Sources: proc(5), getrusage(2)."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import attrs

_PROC = Path("/proc/self")


@attrs.frozen
class ProcessFigures:
    """Of this moment; None where the system does not tell."""

    cpu_s: float
    """User and system time."""
    resident_bytes: int | None
    virtual_bytes: int | None
    open_fds: int | None
    max_fds: int | None


def process_figures() -> ProcessFigures:
    """Read them; a few pseudo-files, no disk."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    virtual, resident = _memory()
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ProcessFigures(
        cpu_s=used.ru_utime + used.ru_stime,
        resident_bytes=resident,
        virtual_bytes=virtual,
        open_fds=_open_fds(),
        max_fds=soft if soft != resource.RLIM_INFINITY else None,
    )


def _memory() -> tuple[int | None, int | None]:
    """Virtual and resident memory, bytes."""
    try:
        pages = (_PROC / "statm").read_text().split()
    except OSError:
        return None, None
    size = resource.getpagesize()
    return int(pages[0]) * size, int(pages[1]) * size


def _open_fds() -> int | None:
    try:
        return len(os.listdir(_PROC / "fd")) - 1  # the listing's own is among them
    except OSError:
        return None
