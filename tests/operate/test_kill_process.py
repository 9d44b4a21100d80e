"""The command around it: what is left when nothing can be reached, and ending exactly the process that hangs."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
import trio

from dnbot.config import Settings
from dnbot.config.settings import DatabaseSettings, FakesSettings, GateSettings, MexcSettings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import VENUES, Symbol, Venue
from dnbot.operate import kill as kill_module
from dnbot.operate import kill_hung
from dnbot.operate.control_socket import LOCK_NAME, only_bot_of
from dnbot.operate.database_place import external_dsn
from dnbot.operate.kill import EXIT_CONFIG, EXIT_NOT_FLAT, EXIT_NOT_PROVEN, KillOptions, KillReport, kill
from dnbot.operate.kill_hung import Holder, end_holder, holder_of
from dnbot.operate.kill_text import text_of
from dnbot.operate.places import of_live
from dnbot.operate.run import RunOptions
from dnbot.ports.latch import FileLatch, Halt
from dnbot.strategy.parameters import StrategyParameters
from dnbot.tasks.sweeping import Swept

pytestmark = pytest.mark.slow

HOLD = """
import sys, time
from pathlib import Path
from dnbot.operate.control_socket import only_bot_of
with only_bot_of(Path(sys.argv[1]), in_worker=sys.argv[2:] == ["worker"]):
    print("held", flush=True)
    sys.stdin.read()
"""
PARAMS = StrategyParameters(
    symbol=Symbol("BTC", "USDT"), base_position_size=Decimal("0.06"), max_order_notional_quote=Decimal(400)
)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has the lock of `tmp_path` and answers nobody."""
    with holding(tmp_path) as process:
        yield process


@contextmanager
def holding(home: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has the lock of a folder: a bot, or, with the word, a worker."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def settings(home: Path, tmp_path: Path, port: int) -> Settings:
    """Fakes that nobody serves: connections to that port are refused."""
    address = tmp_path / "address"
    http, ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    words = {"gate_rest": http, "gate_ws_spot": ws, "gate_ws_futures": ws, "mexc_rest": http, "mexc_ws": ws}
    address.write_text(json.dumps(words | {"key": "a-key-of-nobody", "secret": "a-secret-of-nobody", "uid": "1"}))
    return Settings(strategy=PARAMS, state_dir=str(home), fakes=FakesSettings(address_file=str(address)))


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of loopback that refuses: bound, and nobody listens."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def test_the_process_that_has_the_lock_is_known_and_ended(
    tmp_path: Path, held: subprocess.Popen[bytes]
) -> None:
    """By its own number in the lock; afterwards nobody has it."""
    holder = holder_of(tmp_path)
    assert holder == Holder(tmp_path, held.pid)
    await end_holder(holder)
    assert held.wait(5) == -signal.SIGKILL
    assert holder_of(tmp_path) is None


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours that has nothing to do with a bot."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate(b"\n")


async def test_no_process_is_ended_that_does_not_have_the_lock_open(
    tmp_path: Path, held: subprocess.Popen[bytes], bystander: subprocess.Popen[bytes]
) -> None:
    """A number that came to mean another process, our own, or none that can be read."""
    for pid in (bystander.pid, None):
        with pytest.raises(ConfigError):
            await end_holder(Holder(tmp_path, pid))
    (tmp_path / LOCK_NAME).write_text("")
    assert holder_of(tmp_path) == Holder(tmp_path, None)
    assert bystander.poll() is None
    assert held.poll() is None


@pytest.mark.parametrize("end_hung", [True, False])
async def test_a_worker_is_not_ended_for_one_of_its_tasks(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch, end_hung: bool
) -> None:
    """Its other tasks would end with it: the text says who it is and what ends this bot; nothing is sold beside it."""
    monkeypatch.setattr(kill_module, "SWEEP_S_MAX", 0.2)
    monkeypatch.setattr(kill_module, "run_settings", None)
    home = tmp_path / "tasks" / "btc"
    with holding(home, "worker") as worker:
        assert holder_of(home) == Holder(home, worker.pid, is_worker=True)
        found = await kill(
            settings(home, tmp_path, closed_port),
            KillOptions("x", flatten=True, end_hung=end_hung, ask_bot=False),
        )
        assert worker.poll() is None
    assert found.bot.startswith(f"worker process {worker.pid} ")
    assert f"worker process {worker.pid} still has the state folder" in (found.flatten or "")
    assert "`dnbot task stop TASK --why TEXT`" in (found.flatten or "")
    assert "--end-hung" not in (found.flatten or "")
    assert ("could not be ended" in found.bot) == end_hung


def test_the_kernels_list_tells_who_has_the_lock(tmp_path: Path, held: subprocess.Popen[bytes]) -> None:
    """A bot keeps other processes of its user from looking inside: then /proc/locks alone names it."""
    inode = (tmp_path / LOCK_NAME).stat().st_ino
    assert kill_hung._has_locked(held.pid, inode)
    assert not kill_hung._has_locked(held.pid + 1, inode)
    assert not kill_hung._has_locked(held.pid, inode + 1)
    listed = tmp_path / "locks"
    for line, holds in (
        ("1: FLOCK  ADVISORY  WRITE 7 00:1f:99 0 EOF", True), ("1: FLOCK  ADVISORY  READ 7 00:1f:99 0 EOF", False),
        ("1: POSIX  ADVISORY  WRITE 7 00:1f:99 0 EOF", False), ("1: FLOCK  ADVISORY  WRITE 77 00:1f:99 0 EOF", False),
        ("1: -> FLOCK  ADVISORY  WRITE 7 00:1f:99 0 EOF", False), ("1: FLOCK  ADVISORY  WRITE 7 00:1f:9 0 EOF", False),
        ("nonsense", False),
    ):  # fmt: skip
        listed.write_text(f"{line}\n")
        assert kill_hung._has_locked(7, 99, listed) is holds, line
    assert not kill_hung._has_locked(7, 99, tmp_path / "none")


async def test_a_bot_that_keeps_to_itself_is_ended_all_the_same(
    tmp_path: Path, held: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its descriptors cannot be listed by another process of its user."""
    iterdir = Path.iterdir

    def kept(path: Path) -> Iterator[Path]:
        if path == Path(f"/proc/{held.pid}/fd"):
            raise PermissionError(13, "Permission denied")
        return iter(iterdir(path))

    monkeypatch.setattr(Path, "iterdir", kept)
    await end_holder(Holder(tmp_path, held.pid))
    assert held.wait(5) == -signal.SIGKILL


Seen = list[tuple[str, Holder | None, bool]]


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Who has the state folder in the sweep and in the run that closes the position, and whether that run is told."""
    found: Seen = []

    async def sweep(*_: object, **__: object) -> tuple[Swept, ...]:
        found.append(("sweep", holder_of(tmp_path), False))
        return tuple(Swept(venue=venue, verified=2) for venue in Venue)

    async def run(_settings: Settings, options: RunOptions) -> int:
        found.append(("run", holder_of(tmp_path), options.has_folder))
        return 0

    monkeypatch.setattr(kill_module, "sweep_venues", sweep)
    monkeypatch.setattr(kill_module, "run_settings", run)
    return found


@pytest.mark.parametrize("hangs", [True, False])
async def test_nobody_starts_a_bot_between_the_end_of_one_and_the_close_of_its_position(
    tmp_path: Path, closed_port: int, seen: Seen, hangs: bool
) -> None:
    """The folder is ours from the death on, or from the first look where no bot ran: in the sweep and in the run."""
    ours = Holder(tmp_path, os.getpid())
    with holding(tmp_path) if hangs else nullcontext():
        found = await kill(
            settings(tmp_path, tmp_path, closed_port),
            KillOptions("it hangs", flatten=True, end_hung=True, ask_bot=False),
        )
    assert found.bot.endswith("did not answer and was ended") == hangs
    assert (found.flatten, found.exit_code) == ("", 0)
    assert seen == [("sweep", ours, False), ("run", ours, True)]
    assert holder_of(tmp_path) is None


async def test_a_lock_that_cannot_be_had_holds_up_no_sweep(
    tmp_path: Path, closed_port: int, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full, say: the run that closes the position asks for the lock again, and says what is wrong."""

    @contextmanager
    def refuse(_home: Path) -> Iterator[None]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield

    monkeypatch.setattr(kill_module, "only_bot_of", refuse)
    found = await kill(
        settings(tmp_path, tmp_path, closed_port), KillOptions("x", flatten=True, ask_bot=False)
    )
    assert found.flatten == ""
    assert seen == [("sweep", None, False), ("run", None, False)]


def test_a_lock_that_cannot_be_tried_may_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS refuses an exclusive lock to a descriptor that may not write (flock(2)); no other refusal ends a kill."""
    (tmp_path / LOCK_NAME).touch()
    modes: list[int] = []

    def refuse(descriptor: int, _how: int) -> NoReturn:
        modes.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE)
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert holder_of(tmp_path) == Holder(tmp_path, None)
    assert modes == [os.O_RDWR]


async def test_closing_the_position_after_a_sweep_still_finds_the_keys(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a key deletes its variable: the sweep before must not leave the run behind it without keys."""
    here = f"127.0.0.1:{closed_port}"
    live = Settings(
        strategy=PARAMS, mode="live", state_dir=str(tmp_path), database=DatabaseSettings(dsn_env="LEDGER_DSN"),
        gate=GateSettings(
            rest_url=f"http://{here}/api/v4", ws_spot_url=f"ws://{here}/ws/v4/",
            ws_futures_url=f"ws://{here}/v4/ws/usdt",
        ),
        mexc=MexcSettings(rest_url=f"http://{here}", ws_url=f"ws://{here}/ws"),
    )  # fmt: skip
    names = [live.gate.key, live.gate.secret, live.mexc.key, live.mexc.secret]
    for name in names:
        monkeypatch.setenv(name, f"canary-{name}")
    monkeypatch.setenv("LEDGER_DSN", f"postgresql://u:canary-of-the-ledger@{here}/x")
    monkeypatch.setattr(kill_module, "SWEEP_S_MAX", 0.2)
    seen: list[RunOptions] = []

    async def run(_settings: Settings, options: RunOptions) -> int:
        seen.append(options)
        of_live(live, options.registry)
        external_dsn("LEDGER_DSN", options.registry)
        return 0

    monkeypatch.setattr(kill_module, "run_settings", run)
    found = await kill(live, KillOptions("all", flatten=True))
    assert found.flatten == ""
    assert "canary" not in found.latch_database
    assert [name for name in (*names, "LEDGER_DSN") if name in os.environ] == []
    assert {f"canary-{names[0]}", "canary-of-the-ledger"} <= set(seen[0].registry.known_secrets())


def test_a_lock_that_nobody_has_names_nobody(tmp_path: Path) -> None:
    """Whatever number is left in it, and without a folder."""
    assert holder_of(tmp_path / "never") is None
    with only_bot_of(tmp_path):
        assert holder_of(tmp_path) is not None
    assert holder_of(tmp_path) is None


async def test_with_nothing_in_reach_the_halt_is_there_and_every_venue_is_named(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch, held: subprocess.Popen[bytes]
) -> None:
    """No database, no venue, and a bot that hangs: exit code 75; the position is not touched beside it."""
    monkeypatch.setattr(kill_module, "SWEEP_S_MAX", 0.3)
    found = await kill(settings(tmp_path, tmp_path, closed_port), KillOptions("all is gone", flatten=True))
    assert found.trouble == ""
    assert (found.exit_code, found.latch_file, found.latch_database) == (EXIT_NOT_PROVEN, "", "it does not run")
    assert [swept.venue for swept in found.venues] == sorted(VENUES, key=lambda venue: venue.value)
    assert all(swept.trouble and not swept.is_empty for swept in found.venues)
    assert found.flatten is not None
    assert "--end-hung" in found.flatten
    halt = FileLatch.of(tmp_path).newest()
    assert halt is not None
    assert halt.reason == "all is gone"
    text = text_of(found)
    assert text.count("NOT PROVEN EMPTY") == 3
    assert "NOT every venue" in text.splitlines()[-1]
    assert held.poll() is None


async def test_a_state_folder_that_cannot_be_written_is_told(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is halted then, and the report says so first."""
    monkeypatch.setattr(kill_module, "SWEEP_S_MAX", 0.1)
    (tmp_path / "file").touch()
    found = await kill(settings(tmp_path / "file", tmp_path, closed_port), KillOptions("x", ask_bot=False))
    assert not found.is_halted
    assert text_of(found).startswith("NOT HALTED")


async def test_fakes_that_end_with_their_bot_cannot_be_swept(tmp_path: Path) -> None:
    """The sentence says what is missing."""
    found = await kill(Settings(strategy=PARAMS, state_dir=str(tmp_path)), KillOptions("demo"))
    assert found.exit_code == EXIT_CONFIG
    assert "fakes.address_file" in found.trouble
    assert "NOT SWEPT" in text_of(found)


@pytest.mark.parametrize("reason", ["", " ", "a\nb", "x" * 301])
async def test_a_kill_has_a_reason(tmp_path: Path, reason: str) -> None:
    """Nothing is done without one that can be read."""
    with pytest.raises(ConfigError, match="--reason"):
        await kill(Settings(strategy=PARAMS, state_dir=str(tmp_path)), KillOptions(reason))
    assert not FileLatch.of(tmp_path).is_set()


def report(**changes: Any) -> KillReport:
    """All went well, but for this."""
    venues = tuple(Swept(venue=venue, verified=2) for venue in Venue)
    fields: dict[str, Any] = {"who": "me", "reason": "r", "latch_file": "", "latch_database": "", "venues": venues}
    return KillReport(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0), ({"flatten": ""}, 0), ({"latch_file": "full disk"}, 0), ({"latch_database": "away"}, 0),
        ({"flatten": "no market"}, EXIT_NOT_FLAT), ({"latch_file": "x", "latch_database": "y"}, EXIT_NOT_PROVEN),
        ({"venues": (Swept(venue=Venue.MEXC_SPOT, verified=2),)}, EXIT_NOT_PROVEN),
        ({"venues": tuple(Swept(venue=venue, verified=1) for venue in Venue)}, EXIT_NOT_PROVEN),
        ({"venues": (), "trouble": "no keys", "flatten": "no keys"}, EXIT_CONFIG),
    ],
)
def test_the_exit_code_says_the_worst(changes: dict[str, Any], code: int) -> None:
    """As docs/operations.md lists them."""
    assert kill_module._exit_code(report(**changes)) == code


def test_the_latch_is_ours_alone(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask leaves."""
    kill_module._latched(tmp_path, Halt(who="me", reason="r", at_ns=1))
    assert stat.S_IMODE((tmp_path / "halt.latch").stat().st_mode) == 0o600


async def test_a_bot_that_hangs_costs_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody listens on the socket and never answers: after 0.8 s the kill goes on alone."""
    from dnbot.operate.control_socket import listening, socket_path

    with only_bot_of(tmp_path), listening(socket_path(tmp_path)):
        began_s = trio.current_time()
        found = await kill(Settings(strategy=PARAMS, state_dir=str(tmp_path)), KillOptions("silent"))
        assert trio.current_time() - began_s < 1.5
    assert found.bot.startswith(f"process {os.getpid()} has the state folder; the bot of")
