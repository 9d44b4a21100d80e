"""What the operating system says of this process and its disk. None where it does not say."""

from __future__ import annotations

import os
import resource
from pathlib import Path

MIB = 1024 * 1024


def disk_free_mib(folder: Path) -> float | None:
    """What this user may still write where the folder is, MiB."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize / MIB


def memory_mib() -> float | None:
    """Resident memory of this process, MiB; Linux alone tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def descriptors_pct() -> float | None:
    """Open file descriptors as a share of the soft limit, percent; Linux alone tells."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit in (0, resource.RLIM_INFINITY):
        return None
    try:
        return len(os.listdir("/proc/self/fd")) * 100 / limit
    except OSError:
        return None
