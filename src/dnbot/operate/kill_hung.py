"""The process that holds a state folder: who it is, and ending exactly that one when it hangs."""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path

import attrs
import trio

from dnbot.domain.errors import ConfigError
from dnbot.operate.control_socket import LOCK_NAME, WORKER

LOCKS = Path("/proc/locks")
GONE_S_MAX = 5.0
POLL_S = 0.01


@attrs.frozen
class Holder:
    """Whoever has the lock of a state folder."""

    home: Path
    pid: int | None
    """As it wrote into the lock; None when it did not."""
    is_worker: bool = False
    """It runs tasks of a fleet; the folder is its own or that of one of them."""

    def __str__(self) -> str:
        if self.pid is None:
            return "a process that left no number"
        return f"{'worker ' if self.is_worker else ''}process {self.pid}"

    @property
    def how_to_end(self) -> str:
        """What a person can do so that no bot runs on the folder."""
        if self.is_worker:
            return "`dnbot task stop TASK --why TEXT` ends the bot of this task alone"
        return "--end-hung ends it, if it hangs"


def holder_of(home: Path) -> Holder | None:
    """Who holds the lock now, or None when nobody does. What cannot be looked at may be held."""
    try:
        descriptor = os.open(home / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)  # NFS locks for nobody who may not write
    except FileNotFoundError:
        return None
    except OSError:
        return Holder(home, None)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        number, _, word = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip().partition(" ")
        return Holder(home, int(number) if number.isdecimal() else None, is_worker=word == WORKER)
    except OSError:
        return Holder(home, None)
    finally:
        os.close(descriptor)
    return None


async def end_holder(holder: Holder) -> None:
    """SIGKILL the holder, after making sure that the process of that number has this very lock open; wait for its end.

    Raises:
        ConfigError: it cannot be told apart from another process, may not be ended, or does not end; or it is a worker,
            whose other tasks would lose their bots.
    """
    if holder.is_worker:
        raise ConfigError(str(holder), "SIGKILL", "a worker, which may run other tasks", holder.how_to_end)
    if holder.pid is None or holder.pid == os.getpid():
        raise ConfigError(str(holder.home / LOCK_NAME), "pid", str(holder), "the number of the bot that hangs")
    try:
        handle = os.pidfd_open(holder.pid)  # from here on the number cannot come to mean another process
    except ProcessLookupError:
        return
    except (OSError, AttributeError) as error:
        raise ConfigError(str(holder), "pid", str(error), "a process that can be looked at: end it by hand") from None
    try:
        if not _has_open(holder.pid, holder.home / LOCK_NAME):
            raise ConfigError(
                str(holder), "lock", "a process that does not hold it", "the bot itself: end it by hand"
            )
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except (ProcessLookupError, PermissionError) as error:
        raise ConfigError(str(holder), "SIGKILL", error.strerror, "a process of this user") from None
    finally:
        os.close(handle)
    with trio.move_on_after(GONE_S_MAX):
        while holder_of(holder.home) is not None:  # noqa: ASYNC110 (another process sets no event)
            await trio.sleep(POLL_S)
        return
    raise ConfigError(str(holder), "SIGKILL", "it still holds the lock", "a process that ends")


def _has_open(pid: int, path: Path) -> bool:
    """Whether a process has a file open (proc(5), /proc/PID/fd), or holds its lock where only root may look inside."""
    wanted = path.stat()
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if os.path.samestat(entry.stat(), wanted):
                    return True
    except PermissionError:
        return _has_locked(pid, wanted.st_ino)
    except OSError:
        pass
    return False


def _has_locked(pid: int, inode: int, locks: Path = LOCKS) -> bool:
    """Whether the kernel's list (proc_locks(5)) has an exclusive flock of this process on a file of this number."""
    with suppress(OSError):
        for line in locks.read_text(encoding="ascii", errors="replace").splitlines():
            words = line.split()
            is_flock = len(words) >= 6 and words[1] == "FLOCK" and words[3] == "WRITE"
            if is_flock and words[4] == str(pid) and words[5].rpartition(":")[2] == str(inode):
                return True
    return False
