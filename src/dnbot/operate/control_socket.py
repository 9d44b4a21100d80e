"""Where a bot is spoken to: a unix socket that only its own user reaches. And the lock: one bot per state folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from dnbot.domain.errors import ConfigError
from dnbot.operate.state_folder import made_private

SOCKET_NAME = "bot.sock"
LOCK_NAME = "lock"
WORKER = "worker"
"""Behind its number in the lock: the process runs tasks of a fleet, and other folders are its own too."""
PATH_BYTES_MAX = 100
"""A socket's address holds 108 bytes on Linux and 104 on macOS, its closing zero included (unix(7))."""
BACKLOG = 16
PROBE_S = 2.0


def socket_path(home: Path) -> Path:
    """Where the socket of a state folder is: inside it, or under a short name where that path is too long for one."""
    inside = home / "control" / SOCKET_NAME
    if len(os.fsencode(inside)) <= PATH_BYTES_MAX:
        return inside
    short = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"dnbot-{os.geteuid()}-{short}" / SOCKET_NAME


@contextmanager
def only_bot_of(home: Path, *, in_worker: bool = False) -> Iterator[None]:
    """Inside the block no other bot runs on this state folder. The kernel lets go of the lock when the process ends.

    `in_worker`: the process is a worker, and this folder its own or that of one of its tasks.

    Raises:
        ConfigError: one does, or the folder is not private.
    """
    made_private(home)
    descriptor = os.open(home / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(str(home), "state_dir", "a bot that runs there already", "one bot per folder") from None
        os.ftruncate(descriptor, 0)
        who = f"{os.getpid()} {WORKER}\n" if in_worker else f"{os.getpid()}\n"
        os.pwrite(descriptor, who.encode(), 0)  # for whoever has to end a bot that hangs
        yield
    finally:
        os.close(descriptor)


@contextmanager
def listening(path: Path) -> Iterator[trio.SocketListener]:
    """A listening socket of mode 0600 in a folder of mode 0700, both ours; the socket is gone after the block.

    A socket that a killed bot left behind is replaced, one that answers never.

    Raises:
        ConfigError: the folder is not ours alone, or somebody listens there.
    """
    _own_folder(path.parent)
    _clear_stale(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.bind(str(path))
        ours = path.stat().st_ino
        try:
            path.chmod(0o600)
            raw.listen(BACKLOG)
            raw.setblocking(False)
            yield trio.SocketListener(trio.socket.from_stdlib_socket(raw))
        finally:
            if path.exists() and path.stat().st_ino == ours:
                path.unlink()


def _own_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ConfigError(str(folder), "folder", f"owner {found.st_uid}", "a folder of our own for the control socket")
    folder.chmod(0o700)


def _clear_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigError(str(path), "file", "something that is no socket", "nothing, or the socket of an earlier run")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise ConfigError(str(path), "socket", f"no clear answer ({error})", "no bot that listens there") from None
    raise ConfigError(str(path), "socket", "a bot that listens there already", "one bot per state folder")


def peer_uid(stream: trio.SocketStream) -> int | None:
    """The user at the other end, as the kernel says; None where it cannot be asked and file modes alone protect."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    _pid, uid, _gid = struct.unpack("3i", stream.socket.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return int(uid)
