"""The socket itself: who can reach it, what becomes of an old one, and what a command says when nobody is there."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click.testing
import pytest
import trio

from dnbot.cli import commands
from dnbot.domain.errors import ConfigError
from dnbot.operate import control_client
from dnbot.operate.control import ControlServer
from dnbot.operate.control_client import EXIT_LATE, EXIT_NO_BOT, EXIT_REFUSED, NoBot, ask, ask_status, command
from dnbot.operate.control_socket import PATH_BYTES_MAX, listening, only_bot_of, socket_path
from dnbot.operate.control_words import Done, Late, Reduce, Refused, Reply, Request
from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog


@asynccontextmanager
async def served(home: Path, reply: Reply, *, uid: int | None = None) -> AsyncIterator[list[tuple[Request, str]]]:
    """A control server on a real socket that always answers the same; yields what it was asked."""
    asked: list[tuple[Request, str]] = []

    async def answer(request: Request, who: str) -> Reply:
        await trio.lowlevel.checkpoint()
        asked.append((request, who))
        return reply

    server = ControlServer(answer, EventLog(SystemClock(), []), uid=os.geteuid() if uid is None else uid)
    with listening(socket_path(home)) as listener:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve, listener)
            yield asked
            nursery.cancel_scope.cancel()


async def test_only_our_user_can_reach_the_socket(tmp_path: Path) -> None:
    """The socket has mode 0600, its folder 0700 whatever the umask, and both are gone or empty afterwards."""
    before = os.umask(0)
    try:
        async with served(tmp_path, Refused(text="no")):
            path = socket_path(tmp_path)
            assert path.parent.parent == tmp_path
            assert stat.S_IMODE(path.lstat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.lstat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert not path.exists()


async def test_a_stranger_who_listens_is_asked_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a short name the socket lies in /tmp: another user there could say that everything is cancelled."""
    async with served(tmp_path, Done(text="all is fine", state="X", mode="HALTED")) as asked:
        monkeypatch.setattr(control_client, "peer_uid", lambda _stream: 12_345)
        with pytest.raises(NoBot, match="user 12345"):
            await ask(tmp_path, Reduce())
        assert (await command(tmp_path, Reduce())).exit_code == EXIT_NO_BOT
    assert asked == []


async def test_a_request_goes_through_a_real_socket(tmp_path: Path) -> None:
    """The server hears the request with the name that the kernel vouches for; the command ends with 0."""
    async with served(tmp_path, Done(text="paused", state="S", mode="M")) as asked:
        outcome = await command(tmp_path, Reduce())
    assert outcome.exit_code == 0
    assert outcome.text == "paused; state S, mode M"
    assert [request for request, _ in asked] == [Reduce()]
    assert asked[0][1] != ""


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="this kernel does not name peers")
async def test_another_user_is_turned_away_by_the_kernels_word(tmp_path: Path) -> None:
    """A connection from a user that is not the bot's is refused before anything is read."""
    async with served(tmp_path, Done(text="", state="", mode=""), uid=os.geteuid() + 1) as asked:
        outcome = await command(tmp_path, Reduce())
    assert outcome.exit_code == EXIT_REFUSED
    assert "only user" in outcome.text
    assert asked == []


@pytest.mark.parametrize(
    ("reply", "code"), [(Refused(text="HALTED"), EXIT_REFUSED), (Late(text="slow", state="S", mode="M"), EXIT_LATE)]
)
async def test_what_was_not_done_has_its_own_exit_code(tmp_path: Path, reply: Reply, code: int) -> None:
    """A refusal and an effect that was not seen are told apart."""
    async with served(tmp_path, reply):
        outcome = await command(tmp_path, Reduce())
    assert outcome.exit_code == code


async def test_a_socket_that_a_killed_bot_left_is_replaced(tmp_path: Path) -> None:
    """Nobody answers there any more, so the next bot takes its place."""
    path = socket_path(tmp_path)
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    assert path.is_socket()
    assert (await command(tmp_path, Reduce())).exit_code == EXIT_NO_BOT
    async with served(tmp_path, Done(text="new", state="S", mode="M")):
        assert (await command(tmp_path, Reduce())).exit_code == 0


async def test_a_socket_that_answers_is_never_replaced(tmp_path: Path) -> None:
    """A second listener on the same folder is refused, and the first one is still reached."""
    async with served(tmp_path, Done(text="first", state="S", mode="M")):
        with pytest.raises(ConfigError, match="listens there already"), listening(socket_path(tmp_path)):
            pass
        assert (await command(tmp_path, Reduce())).text.startswith("first")


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """A file under that name, or a folder that is a link, is refused and not touched."""
    path = socket_path(tmp_path / "a")
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(ConfigError, match="no socket"), listening(path):
        pass
    assert path.read_text() == "mine"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "control").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="folder of our own"), listening(socket_path(tmp_path / "b")):
        pass
    assert list(elsewhere.iterdir()) == []


async def test_a_long_path_gets_a_short_name_that_both_sides_find(tmp_path: Path) -> None:
    """A state folder deeper than a socket's address can hold is served all the same."""
    home = tmp_path / ("deep" * 30)
    path = socket_path(home)
    assert len(os.fsencode(home)) > PATH_BYTES_MAX >= len(os.fsencode(path))
    assert path == socket_path(home) != socket_path(home / "other")
    async with served(home, Done(text="found", state="S", mode="M")):
        assert (await ask(home, Reduce())) == Done(text="found", state="S", mode="M")
    path.parent.rmdir()


def test_one_bot_per_folder_even_while_it_starts(tmp_path: Path) -> None:
    """The lock is refused to a second one, free after the first, and gone with a killed process."""
    with only_bot_of(tmp_path), pytest.raises(ConfigError, match="runs there already"), only_bot_of(tmp_path):
        pass
    code = """
import sys, time
from pathlib import Path
from dnbot.operate.control_socket import only_bot_of
with only_bot_of(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(ConfigError), only_bot_of(tmp_path):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with only_bot_of(tmp_path):
        pass


async def test_without_a_bot_there_is_a_sentence_and_a_code(tmp_path: Path) -> None:
    """A command and a status name the socket they looked for."""
    outcome = await command(tmp_path, Reduce())
    assert outcome.exit_code == EXIT_NO_BOT
    assert "no bot runs here" in outcome.text
    assert str(socket_path(tmp_path)) in outcome.text
    with pytest.raises(NoBot, match="no bot runs here"):
        await ask_status(tmp_path, False)


@pytest.mark.parametrize(
    "words",
    [
        ["status"], ["status", "--json"], ["pause", "--why", "x"], ["resume", "--why", "x"], ["reduce"], ["flatten"],
        ["stop"],
    ],
)
def test_every_command_without_a_bot_ends_with_69(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the command line too: one sentence on standard error, nothing on standard output."""
    monkeypatch.setenv("DNBOT_HOME", str(tmp_path))
    ended = click.testing.CliRunner().invoke(commands, words)
    assert ended.exit_code == EXIT_NO_BOT
    assert ended.stdout == ""
    assert "no bot runs here" in ended.stderr


def test_a_reason_is_asked_for() -> None:
    """pause and resume do not run without --why."""
    for word in ("pause", "resume"):
        ended = click.testing.CliRunner().invoke(commands, [word])
        assert ended.exit_code == 2
        assert "--why" in ended.stderr


async def test_a_bot_that_does_not_answer_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """The client has a deadline of its own."""
    with listening(socket_path(tmp_path)), pytest.raises(NoBot, match="did not answer"):
        await ask(tmp_path, Reduce(), within_s=0.05)
