"""A PostgreSQL of our own: created, started and ended with the bot, on a Unix socket only.

It dies with us, also after `kill -9` (the kernel sends it SIGINT when our main thread ends); committed rows stay,
because fsync stays on. One lock file per state folder keeps two bots from sharing a server; whoever holds it may
end a server that an earlier owner left behind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import quote

import attrs
import trio

from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.ports.log import EventLog
from dnbot.ports.postgres_binaries import (
    PostgresBinaries,
    clean_environment,
    die_with_parent,
    find_binaries,
    run_as_allowed_user,
)

USER = "dnbot"
DATABASE = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_NOTE = "postgres.socket"
"""Names the folder of the socket while a server runs."""
SOCKET_FOLDER_PREFIX = "dnbot-pg-"
START_S_MAX = 60.0  # a replay of the write-ahead log after a crash may take long
INITDB_S_MAX = 120.0
STOP_FAST_S_MAX = 10.0
STOP_IMMEDIATE_S_MAX = 5.0
STOP_KILL_S_MAX = 5.0
STOP_S_MAX = STOP_FAST_S_MAX + STOP_IMMEDIATE_S_MAX + STOP_KILL_S_MAX
LOCK_S_MAX = 5.0
AGAIN_FIRST_S = 0.5  # before a server that ended is started again; doubled until one lasts for the longest
AGAIN_S_MAX = 30.0
POLL_S = 0.01
SERVER_LOG_BYTES_MAX = 16 * 1024 * 1024
SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "unix_socket_permissions": "0700",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@attrs.define
class EmbeddedServer:
    """One server on one state folder. `host`, `user` and `database` are what a client connects with; no password:
    only our own user can enter the socket's folder."""

    state_dir: Path
    binaries: PostgresBinaries
    log: EventLog
    host: str
    user: str = USER
    database: str = DATABASE
    _process: subprocess.Popen[bytes] | None = attrs.field(init=False, default=None)
    _is_wanted: bool = attrs.field(init=False, default=False)
    """Whether an end would be one that nobody asked for."""

    @property
    def dsn(self) -> str:
        """The same as a URI."""
        return _dsn_of(self.user, self.database, self.host)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    async def start(self) -> None:
        """Starts the server and returns when it accepts connections; does nothing when it runs.

        Raises StoreUnreachable with the server's last words when it ends or is not ready within START_S_MAX.
        """
        self._is_wanted = True
        if self.is_running:
            return
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the server would end with this thread: start it from the main thread")
        began_s = trio.current_time()
        self._roll_log()
        log_size = self._log_path.stat().st_size
        self._process = process = self._launch()
        with trio.move_on_after(START_S_MAX):
            await _until(lambda: process.poll() is not None or self._is_ready())
        if process.poll() is not None:
            raise StoreUnreachable(f"PostgreSQL ended while starting: {self._last_words(log_size)}")
        if not self._is_ready():
            raise StoreUnreachable(f"PostgreSQL not ready in {START_S_MAX} s: {self._last_words(log_size)}")
        self.log.info("postgres_started", pid=process.pid, seconds=round(trio.current_time() - began_s, 3))

    async def stop(self) -> None:
        """Ends the server: a fast shutdown, then an immediate one, then SIGKILL. Shielded, with deadlines."""
        self._is_wanted = False
        process = self._process
        if process is None:
            return
        with trio.move_on_after(STOP_S_MAX, shield=True):
            for number, limit_s in (
                (signal.SIGINT, STOP_FAST_S_MAX),
                (signal.SIGQUIT, STOP_IMMEDIATE_S_MAX),
                (signal.SIGKILL, STOP_KILL_S_MAX),
            ):
                if process.poll() is None:
                    process.send_signal(number)
                    with trio.move_on_after(limit_s):
                        await _until_ended(process)
        self._process = None
        self.log.info("postgres_stopped", code=process.poll())

    async def crash(self) -> None:
        """Ends the server as a power cut would, without a shutdown, for drills: the next start replays its log."""
        self._is_wanted = False
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGQUIT)
            with trio.move_on_after(STOP_IMMEDIATE_S_MAX, shield=True):
                await _until_ended(process)
        self._process = None

    async def wait_ended(self) -> int:
        """Waits until the running server ends, for whatever reason, and gives its exit code; 0 when none runs."""
        return 0 if self._process is None else await _until_ended(self._process)

    async def keep_up(self) -> None:
        """Starts the server again, on the same socket, whenever it ends, and again when it does not start: what is left
        of a killed one may use the data for a while. Returns when the end was asked for."""
        pause_s = AGAIN_FIRST_S
        while True:
            began_s = trio.current_time()
            code = await self.wait_ended()
            if not self._is_wanted:
                return
            if trio.current_time() - began_s > AGAIN_S_MAX:
                pause_s = AGAIN_FIRST_S
            self.log.critical("postgres_ended", code=code, again_in_s=pause_s)
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, AGAIN_S_MAX)
            try:
                if self._is_wanted:  # still, after the pause
                    await self.start()
            except (OSError, StoreUnreachable) as error:
                self.log.error("postgres_not_started", what=str(error))

    @property
    def _data_dir(self) -> Path:
        return self.state_dir / "postgres"

    @property
    def _log_path(self) -> Path:
        return self.state_dir / "postgres.log"

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        server = [self.binaries.path("postgres"), "-D", str(self._data_dir), "-k", self.host, *settings]
        descriptor = os.open(self._log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Not trio's process support: that starts from a worker thread, and the server would end with it.
            return subprocess.Popen(
                [*run_as_allowed_user(), *die_with_parent(), *server],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the bot first, which still needs its database
                env=clean_environment(),
            )
        finally:
            os.close(descriptor)

    def _is_ready(self) -> bool:
        assert self._process is not None
        lines = _pid_file_lines(self._data_dir)
        return len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"

    def _last_words(self, since: int) -> str:
        with self._log_path.open("rb") as file:
            file.seek(since)
            tail = file.read()[-600:].decode(errors="replace").strip()
        return f"{tail!r} (more in {self._log_path})"

    def _roll_log(self) -> None:
        self._log_path.touch(mode=0o600)
        if self._log_path.stat().st_size > SERVER_LOG_BYTES_MAX:
            self._log_path.replace(self._log_path.with_suffix(".log.1"))
            self._log_path.touch(mode=0o600)


@asynccontextmanager
async def embedded_postgres(
    state_dir: Path, log: EventLog, *, binaries: Path | None = None
) -> AsyncGenerator[EmbeddedServer, None]:
    """A running server on `state_dir`, created at first use; on leaving it has ended, and its data stays.

    Raises ConfigError when the binaries, the user or the state folder will not do, and StoreUnreachable when the
    server does not start.
    """
    found = find_binaries(binaries)
    state_dir = _made(state_dir)
    with await _locked(state_dir):
        await _end_left_over_server(state_dir / "postgres", log)
        _remove_left_over_folders(state_dir)
        await _create_data(found, state_dir, log)
        with _socket_folder(state_dir) as host:
            server = EmbeddedServer(state_dir, found, log, host)
            try:
                await server.start()
                yield server
            finally:
                with trio.move_on_after(STOP_S_MAX, shield=True):
                    await server.stop()


def _made(state_dir: Path) -> Path:
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return state_dir.resolve()


async def _locked(state_dir: Path) -> _Lock:
    lock = _Lock(state_dir / "postgres.lock")
    with trio.move_on_after(LOCK_S_MAX):
        await _until(lock.take)
        return lock
    lock.close()
    raise ConfigError("embedded postgres", "state folder", f"{state_dir} is in use", "one bot per state folder")


class _Lock:
    """An advisory lock that the kernel gives back when its holder ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> None:
        """Taken already."""

    def __exit__(self, *_: object) -> None:
        self.close()


async def _create_data(binaries: PostgresBinaries, state_dir: Path, log: EventLog) -> None:
    """The data folder: made beside its place and moved there complete, so that a crash leaves all of it or nothing."""
    data = state_dir / "postgres"
    version = data / "PG_VERSION"
    if version.exists():
        if (made_by := version.read_text().strip()) != str(binaries.major):
            raise ConfigError(str(data), "PG_VERSION", made_by, f"{binaries.major}, or dump and restore the data")
        return
    making = Path(tempfile.mkdtemp(dir=state_dir, prefix=".initdb-"))
    options = ["-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums"]
    command = [*run_as_allowed_user(), binaries.path("initdb"), "-D", str(making), *options]
    with trio.move_on_after(INITDB_S_MAX) as scope:
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, env=clean_environment()
        )
        if done.returncode != 0:
            said = (done.stderr or b"").decode(errors="replace").strip()[-600:]
            raise StoreUnreachable(f"initdb failed with {done.returncode}: {said!r}")
    if scope.cancelled_caught:
        raise StoreUnreachable(f"initdb did not finish in {INITDB_S_MAX} s")
    _move_durably(making, data)
    log.info("postgres_created", folder=str(data), major=binaries.major)


@contextmanager
def _socket_folder(state_dir: Path) -> Iterator[str]:
    """A short path (a socket's may have 107 bytes), noted so that the next start can remove what a crash left."""
    folder = Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_PREFIX, dir="/tmp"))
    note = state_dir / SOCKET_NOTE
    note.write_text(str(folder))
    try:
        yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        note.unlink(missing_ok=True)


def _remove_left_over_folders(state_dir: Path) -> None:
    for folder in state_dir.glob(".initdb-*"):
        shutil.rmtree(folder, ignore_errors=True)
    note = state_dir / SOCKET_NOTE
    if note.exists():
        folder = Path(note.read_text())
        if folder.name.startswith(SOCKET_FOLDER_PREFIX) and folder.is_dir() and folder.stat().st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)
        note.unlink()


async def _end_left_over_server(data: Path, log: EventLog) -> None:
    """Waits for the server of an earlier owner, which should be ending by itself; after a while it is told to.

    We hold the lock, so nobody uses it. Raises StoreUnreachable when it will not end.
    """
    for number, limit_s in (
        (None, STOP_IMMEDIATE_S_MAX),
        (signal.SIGINT, STOP_FAST_S_MAX),
        (signal.SIGQUIT, STOP_KILL_S_MAX),
    ):
        pid = _left_over_pid(data)
        if pid is None:
            return
        log.warning("postgres_left_over", pid=pid, signal=number.name if number is not None else "none")
        if number is not None:
            os.kill(pid, number)
        with trio.move_on_after(limit_s):
            await _until(lambda: _left_over_pid(data) is None)
    if (pid := _left_over_pid(data)) is not None:
        raise StoreUnreachable(f"an earlier PostgreSQL (process {pid}) still uses {data}; end it and start again")


def _left_over_pid(data: Path) -> int | None:
    """The process named in the pid file, if it is a server on this folder. A file that names another is removed."""
    lines = _pid_file_lines(data)
    if not lines or not lines[0].strip().isdecimal():
        return None
    pid = int(lines[0])
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        words = []
    if str(data).encode() in words:
        return pid
    if Path("/proc/self").exists():  # elsewhere PostgreSQL itself judges the file
        (data / "postmaster.pid").unlink(missing_ok=True)
    return None


def _pid_file_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().split("\n")
    except FileNotFoundError:
        return []


def _dsn_of(user: str, database: str, host: str) -> str:
    return f"postgresql://{user}@/{database}?host={quote(host, safe='')}"


def running_dsn(state_dir: Path) -> str | None:
    """How to reach the server that somebody else runs on a state folder now; None when none seems to run."""
    try:
        host = (state_dir / SOCKET_NOTE).read_text()
    except OSError:
        return None
    return _dsn_of(USER, DATABASE, host) if (Path(host) / SOCKET_NAME).exists() else None


async def _until_ended(process: subprocess.Popen[bytes]) -> int:
    await _until(lambda: process.poll() is not None)
    return process.returncode


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 (files and other people's processes set no event)
        await trio.sleep(POLL_S)


def _move_durably(making: Path, data: Path) -> None:
    making.rename(data)
    descriptor = os.open(data.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
