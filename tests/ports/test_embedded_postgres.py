"""Our own PostgreSQL: it starts from nothing, keeps what was committed, and never outlives its bot."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio
from postgres_here import why_not

from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.ports import embedded_postgres as subject
from dnbot.ports import postgres_binaries
from dnbot.ports.clock import SystemClock
from dnbot.ports.embedded_postgres import EmbeddedServer, embedded_postgres
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.postgres_binaries import find_binaries, run_as_allowed_user

HOLDER = """
import sys, pathlib, trio
from dnbot.ports.clock import SystemClock
from dnbot.ports.embedded_postgres import embedded_postgres
from dnbot.ports.log import EventLog
async def main():
    async with embedded_postgres(pathlib.Path(sys.argv[1]), EventLog(SystemClock(), [])) as server:
        print(server.host, flush=True)
        await trio.sleep_forever()
trio.run(main)
"""


WHY_NOT = why_not()
needs_server = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "runs here")


def log() -> EventLog:
    """A log in memory."""
    return EventLog(SystemClock(), [MemorySink()])


async def query(server: EmbeddedServer, sql: str) -> str:
    """The answer of psql, connected as a client would be."""
    psql = server.binaries.path("psql")
    command = [psql, "-XAtq", "-h", server.host, "-U", server.user, "-d", server.database, "-c", sql]
    done = await trio.run_process(command, capture_stdout=True, env={"PATH": os.defpath})
    return done.stdout.decode().strip()


def servers_on(state_dir: Path) -> list[int]:
    """Processes whose command line names the data folder, and those whose parent is one of them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(state_dir / "postgres").encode() in words:
                found.append(int(entry.name))
    return found


async def until_gone(state_dir: Path) -> None:
    """Waits until no server runs on the folder."""
    with trio.fail_after(60):
        while servers_on(state_dir):  # noqa: ASYNC110 (processes set no event)
            await trio.sleep(0.02)


@contextmanager
def holding(state_dir: Path, search_path: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a server on the folder, once it has started; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state_dir)],
        env={"PATH": search_path, "PYTHONPATH": str(Path(subject.__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def folder_without_setpriv(place: Path) -> str:
    """A folder of commands like that of a system whose util-linux is too old."""
    place.mkdir()
    for name in ("unshare", "true"):
        (place / name).symlink_to(shutil.which(name) or "")
    return str(place)


def leave_a_server(server: EmbeddedServer, sockets: str) -> subprocess.Popen[bytes]:
    """Starts a server on the same data that does not die with anybody; its socket is in that folder."""
    binary, data = server.binaries.path("postgres"), str(server.state_dir / "postgres")
    return subprocess.Popen(
        [*run_as_allowed_user(), binary, "-D", data, "-k", sockets, "-c", "listen_addresses="],
        env=postgres_binaries.clean_environment(),
        stderr=subprocess.DEVNULL,
    )


async def until_ready(data: Path) -> None:
    """Waits until the server on the folder says that it takes connections."""
    note = data / "postmaster.pid"
    with trio.fail_after(60):
        while not is_there(note) or "ready" not in note.read_text():  # noqa: ASYNC110 (files set no event)
            await trio.sleep(0.02)


def is_there(path: str | Path) -> bool:
    """Whether the path exists."""
    return Path(path).exists()


@needs_server
@pytest.mark.slow
async def test_data_survives_stop_crash_and_restart(tmp_path: Path) -> None:
    """What was committed is there after a clean stop, after a crash of the server, and in the next run."""
    async with embedded_postgres(tmp_path, log()) as server:
        await query(server, "create table t(i int); insert into t values (1)")
        assert await query(server, "select current_setting('fsync') || current_setting('listen_addresses')") == "on"
        await server.stop()
        assert not server.is_running
        assert servers_on(tmp_path) == []
        await server.start()
        await query(server, "insert into t values (2)")
        first_pid = server.pid
        await server.crash()
        await server.start()
        assert server.pid != first_pid
        assert await query(server, "select count(*) from t") == "2"
        host = server.host
    await until_gone(tmp_path)
    assert not is_there(host)
    async with embedded_postgres(tmp_path, log()) as server:
        assert await query(server, "select count(*) from t") == "2"


@needs_server
@pytest.mark.slow
async def test_a_server_that_ends_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, it is there again on the same socket with what was committed; told to end, it stays away."""
    monkeypatch.setattr(subject, "AGAIN_FIRST_S", 0.05)
    memory = MemorySink()
    events = EventLog(SystemClock(), [memory])
    async with embedded_postgres(tmp_path, events) as server, trio.open_nursery() as nursery:
        nursery.start_soon(server.keep_up)
        await query(server, "create table t(i int); insert into t values (1)")
        host, killed = server.host, server.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        with trio.fail_after(60):
            while len(memory.named("postgres_started")) < 2:
                await trio.sleep(0.02)
                events.flush_now()
        assert (server.host, server.pid == killed) == (host, False)
        assert await query(server, "select count(*) from t") == "1"
        assert memory.named("postgres_ended")[0]["code"] == -signal.SIGKILL
        await server.stop()
        await trio.sleep(0.2)
        assert not server.is_running
    assert servers_on(tmp_path) == []


@needs_server
@pytest.mark.slow
@pytest.mark.parametrize("with_setpriv", [True, False])
async def test_nothing_is_left_after_the_holder_is_killed(tmp_path: Path, with_setpriv: bool) -> None:
    """After kill -9 of the process that holds it the server ends by itself, and the next bot starts at once."""
    state_dir = tmp_path / "state"
    search_path = os.environ["PATH"] if with_setpriv else folder_without_setpriv(tmp_path / "bin")
    with holding(state_dir, search_path) as holder:
        assert holder.stdout is not None
        host = holder.stdout.readline().strip()
        assert servers_on(state_dir)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    await until_gone(state_dir)
    async with embedded_postgres(state_dir, log()) as server:
        assert await query(server, "select 1") == "1"
        assert not is_there(host), "the folder that the killed process left was removed"
    await until_gone(state_dir)


@needs_server
@pytest.mark.slow
async def test_second_bot_on_the_same_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bots never share a server: the second is told which folder is in use."""
    monkeypatch.setattr(subject, "LOCK_S_MAX", 0.1)
    async with embedded_postgres(tmp_path, log()) as server:
        with pytest.raises(ConfigError, match="in use"):
            async with embedded_postgres(tmp_path, log()):
                raise AssertionError("must not start")
        assert await query(server, "select 1") == "1"


@needs_server
@pytest.mark.slow
async def test_left_over_server_is_ended_and_foreign_pid_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that its owner left running is ended; a pid file that names some other process is not believed."""
    monkeypatch.setattr(subject, "STOP_IMMEDIATE_S_MAX", 0.2)
    memory = MemorySink()
    events = EventLog(SystemClock(), [memory])
    async with embedded_postgres(tmp_path, log()) as server:
        await server.stop()
    with TemporaryDirectory(prefix="dnbot-test-", dir="/tmp") as sockets:
        left_over = leave_a_server(server, sockets)
        await until_ready(tmp_path / "postgres")
        async with embedded_postgres(tmp_path, events) as server:
            assert left_over.wait(60) == 0
            assert await query(server, "select 1") == "1"
    events.flush_now()
    assert [line["signal"] for line in memory.named("postgres_left_over")] == ["none", "SIGINT"]
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")
    async with embedded_postgres(tmp_path, log()) as server:
        assert await query(server, "select 1") == "1"


@needs_server
@pytest.mark.slow
async def test_interrupted_creation_is_cleaned_and_started_again(tmp_path: Path) -> None:
    """A creation that was cut short leaves nothing that looks like data; a cancelled start leaves no process."""
    (tmp_path / ".initdb-cut").mkdir()
    (tmp_path / ".initdb-cut" / "PG_VERSION").write_text("18")
    for limit_s in (0.05, 0.15, 0.4):
        with trio.move_on_after(limit_s):
            async with embedded_postgres(tmp_path, log()):
                pass
        await until_gone(tmp_path)
    async with embedded_postgres(tmp_path, log()) as server:
        assert await query(server, "select 1") == "1"
    assert [name for name in os.listdir(tmp_path) if name.startswith(".initdb")] == []


@needs_server
@pytest.mark.slow
async def test_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The last words of the server are in the error; data of another major version is refused before starting."""
    async with embedded_postgres(tmp_path, log()):
        pass
    (tmp_path / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(StoreUnreachable, match="no_such_setting"):
        async with embedded_postgres(tmp_path, log()):
            raise AssertionError("must not start")
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigError, match="found '9'"):
        async with embedded_postgres(tmp_path, log()):
            raise AssertionError("must not start")


def test_setting_comes_first_and_a_bad_one_is_named(tmp_path: Path) -> None:
    """A folder in the configuration is used alone: a wrong one is an error, not a reason to look elsewhere."""
    with pytest.raises(ConfigError, match=str(tmp_path)):
        find_binaries(tmp_path)
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/bin/sh\necho nonsense\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(ConfigError, match="nonsense"):
        find_binaries(tmp_path)
    (tmp_path / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.2'\n")
    assert find_binaries(tmp_path).major == 17


def test_package_comes_before_the_system_and_none_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a package the newest system version is taken; without both the error says what to do."""
    monkeypatch.setattr(postgres_binaries, "WHEEL_PACKAGE", "no_such_package")
    monkeypatch.setattr(postgres_binaries, "SYSTEM_ROOT", tmp_path)
    with pytest.raises(ConfigError, match="external DSN"):
        find_binaries()
    for major in ("9", "15", "16"):
        folder = tmp_path / major / "bin"
        folder.mkdir(parents=True)
        for name in ("postgres", "initdb"):
            (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.1'\n")
            (folder / name).chmod(0o755)
    assert find_binaries().folder == tmp_path / "16" / "bin"


def test_server_inherits_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the server is made, not copied."""
    monkeypatch.setenv("DNBOT_GATE_SECRET", "canary")
    monkeypatch.setenv("PGDATA", "/elsewhere")
    assert sorted(postgres_binaries.clean_environment()) == ["LC_ALL", "PATH", "TZ"]
