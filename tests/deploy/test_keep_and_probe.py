"""What starts a bot again inside a container, and what asks it how it is."""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import attrs
import pytest
import trio

CONTAINER = Path(__file__).resolve().parents[2] / "deploy" / "container"
ENDED_S_MAX = 20.0


@attrs.define
class Keeper:
    """`keep` on a program that notes each of its lives in a file, and ends each as it was told."""

    folder: Path
    process: subprocess.Popen[str] | None = None

    @property
    def held(self) -> Path:
        return self.folder / "held"

    @property
    def lives(self) -> int:
        """How often the program began."""
        path = self.folder / "lives"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def start(self, lives: list[str], *options: str, pause_s: str = "0") -> None:
        """Each life is a statement of Python; the last one is that of all later lives."""
        program = self.folder / "program.py"
        program.write_text(
            "import os, signal, sys, time\n"
            f"path, lives = {str(self.folder / 'lives')!r}, {lives!r}\n"
            "open(path, 'a').write('one\\n')\n"
            "exec(lives[min(len(open(path).read().splitlines()), len(lives)) - 1])\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-IS", str(CONTAINER / "keep"), *options, sys.executable, "-IS", str(program)],
            stderr=subprocess.PIPE, text=True, env=os.environ | {
                "DNBOT_KEEP_PAUSE_S": pause_s, "DNBOT_HELD": str(self.held), "DNBOT_HOME": str(self.folder),
            },
        )  # fmt: skip

    def ended(self) -> int:
        """Its exit code."""
        assert self.process is not None
        return self.process.wait(ENDED_S_MAX)

    def says(self) -> str:
        """Its next sentence."""
        assert self.process is not None
        assert self.process.stderr is not None
        return self.process.stderr.readline()


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    """Ended with the test, and its program with it."""
    made = Keeper(tmp_path)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait(ENDED_S_MAX)
        assert made.process.stderr is not None
        made.process.stderr.close()


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """`keep` as a module, on a state folder whose lock nobody has."""
    spec = importlib.util.spec_from_loader("keep", SourceFileLoader("keep", str(CONTAINER / "keep")))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    for name in ("HELD", "LOCK"):
        monkeypatch.setattr(module, name, tmp_path / name.lower())
    module.LOCK.touch()
    return module


@pytest.mark.parametrize("code", [0, 2, 70, 1])
def test_what_is_not_started_again(keeper: Keeper, code: int) -> None:
    """A clean end, a configuration, a bug, and what no table knows: one life, and its code."""
    keeper.start([f"sys.exit({code})"])
    assert (keeper.ended(), keeper.lives) == (code, 1)


def test_what_is_started_again(keeper: Keeper) -> None:
    """75 and a death by a signal; the code of the last life is the code of all."""
    keeper.start(["sys.exit(75)", "os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(2)"])
    assert (keeper.ended(), keeper.lives) == (2, 3)
    assert "ended with 75: started again" in keeper.says()
    assert "ended with 137: started again" in keeper.says()


@pytest.mark.parametrize("options", [(), ("--hold",)])
def test_not_for_ever(keeper: Keeper, options: tuple[str, ...]) -> None:
    """Six starts in ten minutes, and then the engine or a person has to look: an engine that starts every container
    again does so with --hold, too, or a bot whose database was away for minutes would be held for good.
    """
    keeper.start(["sys.exit(75)"], *options)
    assert (keeper.ended(), keeper.lives) == (75, 6)
    assert not keeper.held.exists()


def test_a_request_goes_on_to_the_bot_and_ends_it_all(keeper: Keeper) -> None:
    """Whatever code the bot ends with then: it is not started again. A second request reaches it, too."""
    waits = (
        "heard = []\nsignal.signal(signal.SIGTERM, lambda *_: heard.append(os.write(2, b'heard\\n')))\n"
        "os.write(2, b'waits\\n')\nfor _ in range(500): len(heard) < 2 and time.sleep(0.01)\nsys.exit(75)"
    )
    keeper.start([waits])
    assert keeper.process is not None
    assert keeper.says() == "waits\n"
    keeper.process.send_signal(signal.SIGTERM)
    assert keeper.says() == "heard\n"
    keeper.process.send_signal(signal.SIGTERM)
    assert (keeper.ended(), keeper.lives) == (75, 1)


def test_a_request_in_the_pause(keeper: Keeper) -> None:
    """It ends at once; until then probes do not end the container, for that there is no bot."""
    keeper.start(["sys.exit(75)"], pause_s="600")
    assert keeper.process is not None
    assert "started again in 60 s" in keeper.says()
    asked = {what: ask(what, held=keeper.held).returncode for what in ("livez", "readyz")}
    assert asked == {"livez": 0, "readyz": 1}
    keeper.process.send_signal(signal.SIGTERM)
    assert (keeper.ended(), keeper.lives) == (75, 1)
    assert not keeper.held.exists()


@pytest.mark.parametrize("code", [0, 2, 70])
def test_a_container_that_is_held(keeper: Keeper, code: int) -> None:
    """With --hold it stays after a life that no other may follow, one that was stopped or flattened as well, alive and
    not ready, until somebody asks for its end.
    """
    keeper.start([f"sys.exit({code})"], "--hold")
    assert keeper.process is not None
    assert f"ended with {code}" in keeper.says()
    assert "held until SIGTERM" in keeper.says()
    asked = {what: ask(what, held=keeper.held).returncode for what in ("livez", "startupz", "readyz")}
    assert asked == {"livez": 0, "startupz": 0, "readyz": 1}
    keeper.process.send_signal(signal.SIGTERM)
    assert (keeper.ended(), keeper.lives) == (code, 1)


def test_a_request_is_not_held(keeper: Keeper) -> None:
    """With --hold, too: who asked for the end gets it."""
    keeper.start(["os.write(2, b'waits\\n')\nsignal.pause()"], "--hold")
    assert keeper.process is not None
    assert keeper.says() == "waits\n"
    keeper.process.send_signal(signal.SIGTERM)
    assert (keeper.ended(), keeper.lives) == (128 + signal.SIGTERM, 1)


def test_who_closes_the_position_of_a_bot_that_was_killed_is_waited_for(keeper: Keeper) -> None:
    """`dnbot kill --end-hung --flatten` has the state folder then: no second life and no end before it is free."""
    with (keeper.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keeper.start(["os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(2)"])
        assert keeper.process is not None
        assert "ended with 137: started again" in keeper.says()
        assert "another process has the state folder" in keeper.says()
        asked = {what: ask(what, held=keeper.held).returncode for what in ("livez", "readyz")}
        assert asked == {"livez": 0, "readyz": 1}
        assert (keeper.process.poll(), keeper.lives) == (None, 1)
    assert (keeper.ended(), keeper.lives) == (2, 2)
    assert not keeper.held.exists()


def test_a_request_while_somebody_has_the_state_folder(keeper: Keeper) -> None:
    """It ends at once."""
    with (keeper.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keeper.start(["sys.exit(75)"])
        assert keeper.process is not None
        assert "started again" in keeper.says()
        assert "another process" in keeper.says()
        keeper.process.send_signal(signal.SIGTERM)
        assert (keeper.ended(), keeper.lives) == (75, 1)


def test_who_closes_the_position_is_waited_for_after_the_last_life_too(keeper: Keeper) -> None:
    """The kill would end with the container, whether a bot is started again or not."""
    last = "os.write(2, f'{os.getpid()}\\n'.encode())\nsignal.pause()"
    keeper.start([*["sys.exit(75)"] * 5, last], "--hold")
    assert keeper.process is not None
    for _ in range(5):
        assert "ended with 75: started again" in keeper.says()
    bot = int(keeper.says())
    with (keeper.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.kill(bot, signal.SIGKILL)
        assert "ended with 137: 6 starts within 600 s, no more" in keeper.says()
        assert "another process has the state folder" in keeper.says()
        assert ask("livez", held=keeper.held).returncode == 0
        assert keeper.process.poll() is None
    assert (keeper.ended(), keeper.lives) == (137, 6)


def test_a_state_folder_that_is_taken_in_the_pause(keep: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held for the probes from the death of the bot until the folder is free, without a moment between."""
    seen: list[tuple[float, bool]] = []
    with keep.LOCK.open("w") as lock:

        def wait(pause_s: float) -> bool:
            seen.append((pause_s, keep.HELD.exists()))
            fcntl.flock(lock, fcntl.LOCK_UN if len(seen) == 3 else fcntl.LOCK_EX)
            return False

        monkeypatch.setattr(keep, "asked_within", wait)
        assert not keep.asked_until_free("ended with 137: started again in 5 s", 5.0)
    assert seen == [(5.0, True), (keep.LOOK_S, True), (keep.LOOK_S, True)]
    assert not keep.HELD.exists()


def test_a_lock_that_cannot_be_tried(keep: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS refuses an exclusive lock to a descriptor that may not write (flock(2)). No other refusal ends `keep`."""
    modes: list[int] = []

    def refuse(descriptor: int, _how: int) -> NoReturn:
        modes.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE)
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert not keep.is_taken()
    assert modes == [os.O_RDWR]


def test_probes_that_cannot_be_told(
    keep: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk, for one: the bot is started again all the same."""
    monkeypatch.setattr(keep, "HELD", keep.LOCK.parent / "none" / "held")
    assert not keep.asked_until_free("ended with 75: started again in 0 s", 0.0)
    assert "the probes do not know" in capsys.readouterr().err


def ask(*words: str, port: int = 1, held: Path = Path("/nowhere")) -> subprocess.CompletedProcess[str]:
    """`probe`, as an engine starts it."""
    return subprocess.run(
        [sys.executable, "-IS", str(CONTAINER / "probe"), *words], capture_output=True, text=True, timeout=ENDED_S_MAX,
        env=os.environ | {"DNBOT_PROBE": f"127.0.0.1:{port}", "DNBOT_HELD": str(held)},
    )  # fmt: skip


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
async def test_what_the_bot_says_is_what_the_probe_says(status: int, code: int) -> None:
    """It asks for the path of that name, and 200 alone is well."""
    asked: list[bytes] = []

    async def answer(stream: trio.SocketStream) -> None:
        asked.append(await stream.receive_some(4096))
        phrase = HTTPStatus(status).phrase
        await stream.send_all(f"HTTP/1.1 {status} {phrase}\r\nContent-Length: 2\r\n\r\n{{}}".encode())

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, answer, 0)
        port = listeners[0].socket.getsockname()[1]
        done = await trio.run_process(
            [sys.executable, "-IS", str(CONTAINER / "probe"), "readyz"], check=False, capture_stdout=True,
            env=os.environ | {"DNBOT_PROBE": f"127.0.0.1:{port}", "DNBOT_HELD": "/nowhere"},
        )  # fmt: skip
        nursery.cancel_scope.cancel()
    assert done.returncode == code
    assert asked[0].startswith(b"GET /readyz HTTP/1.1\r\n")


def test_nobody_answers() -> None:
    """Not well, and it says where it asked; a word that is no probe is not well either."""
    done = ask("livez")
    assert done.returncode == 1
    assert "no answer from 127.0.0.1:1" in done.stdout
    assert ask("health").returncode == 1
