"""A disk of its own for the drilled database, which can be full: a tmpfs that only the drill and its children see.

It is mounted in a private mount namespace, so the kernel takes it away with the last of those processes.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from dnbot.domain.errors import ConfigError

CLONE_NEWNS = 0x0002_0000
"""unshare(2): a mount namespace."""
SIZE_BYTES = 1024 * 1024 * 1024
PAGE_BYTES = 4096
COMMAND_S_MAX = 10.0


def take_own_mounts() -> str:
    """Give this process, and every thread and child that it starts from now on, mounts of their own; or say why not."""
    if os.geteuid() != 0:
        return "only root may mount a small disk"
    if missing := [word for word in ("mount", "umount") if shutil.which(word) is None]:
        return f"{missing[0]} is not installed"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        return f"no mount namespace: {os.strerror(ctypes.get_errno())}"
    try:
        _run("mount", "--make-rprivate", "/")
    except ConfigError as error:
        return str(error)
    return ""


@attrs.frozen
class SmallDisk:
    """A mounted tmpfs."""

    folder: Path

    def fill(self) -> int:
        """Leave no page free; how many bytes are used."""
        state = os.statvfs(self.folder)
        used = (state.f_blocks - state.f_bfree) * state.f_frsize
        self._size(used)
        return used

    def free(self) -> None:
        """Give the space back."""
        self._size(SIZE_BYTES)

    def bytes_free(self) -> int:
        """What can still be written."""
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def _size(self, size_bytes: int) -> None:
        _run("mount", "-o", f"remount,size={max(PAGE_BYTES, size_bytes)}", str(self.folder))


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount one there, in mounts that `take_own_mounts` has made ours.

    Raises:
        ConfigError: the system refuses.
    """
    folder.mkdir(parents=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES},mode=0700,nosuid,nodev", "dnbot-drill", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*words: str) -> None:
    done = subprocess.run(  # noqa: S603 (our own words)
        words, capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False
    )
    if done.returncode != 0:
        raise ConfigError("drill", " ".join(words[:-1]), done.stderr.strip(), "a system that lets root mount a tmpfs")
