"""The other end of the control channel: ask a running bot, tell its answer, end with an exit code."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import trio

from dnbot.operate.commanding import END_S_MAX
from dnbot.operate.control_socket import peer_uid, socket_path
from dnbot.operate.control_words import (
    REPLY_BYTES_MAX,
    AskStatus,
    Done,
    Killed,
    Late,
    LineReader,
    LineTooLong,
    Reply,
    Request,
    StatusTold,
    read_reply,
    to_line,
)
from dnbot.operate.status import Status

EXIT_REFUSED = 1
EXIT_NO_BOT = 69
"""EX_UNAVAILABLE of sysexits.h."""
EXIT_LATE = 75
"""EX_TEMPFAIL: told, but the effect was not seen in time."""
STATUS_S_MAX = 10.0
ANSWER_S_MAX = END_S_MAX + 10.0


class NoBot(Exception):
    """Nobody answers in this state folder."""


class Outcome(msgspec.Struct, frozen=True):
    """What a command ends with."""

    text: str
    exit_code: int


async def ask(home: Path, request: Request, *, within_s: float = ANSWER_S_MAX) -> Reply:
    """The running bot's answer.

    Raises:
        NoBot: none runs there, it broke off, or it did not answer within the time.
    """
    path = socket_path(home)
    with trio.move_on_after(within_s) as waiting:
        try:
            async with await trio.open_unix_socket(path) as stream:
                _must_be_ours(stream, path)
                return await talk(stream, request)
        except OSError as error:
            raise NoBot(f"no bot runs here (`dnbot run` starts one): {path}: {error.strerror or error}") from None
    assert waiting.cancelled_caught
    raise NoBot(f"the bot of {home} did not answer within {within_s:.0f} s")


def _must_be_ours(stream: trio.SocketStream, path: Path) -> None:
    """Under a short name the socket lies where others may make one, and could say that everything is cancelled."""
    uid = peer_uid(stream)
    if uid is not None and uid != os.geteuid():
        raise NoBot(f"whoever listens at {path} is user {uid}, and no bot of ours: nothing was asked of it")


async def talk(stream: trio.abc.Stream, request: Request) -> Reply:
    """One request and its reply on an open stream.

    Raises:
        NoBot: the other side broke off, or sent something else.
    """
    try:
        await stream.send_all(to_line(request))
        line = await LineReader(stream, REPLY_BYTES_MAX).next()
    except (trio.BrokenResourceError, LineTooLong) as error:
        raise NoBot(f"the bot broke off: {error}") from None
    if line is None:
        raise NoBot("the bot broke off before it answered")
    try:
        return read_reply(line)
    except ValueError as error:
        raise NoBot(f"not an answer of this version of dnbot: {error}") from None


async def ask_status(home: Path, tree: bool) -> Status:
    """The whole picture of the running bot; raises NoBot as `ask`, or when its answer is no status."""
    reply = await ask(home, AskStatus(tree), within_s=STATUS_S_MAX)
    if not isinstance(reply, StatusTold):
        raise NoBot(f"the bot has no status: {reply.text}")
    return reply.status


async def command(home: Path, request: Request, *, within_s: float = ANSWER_S_MAX) -> Outcome:
    """A request that changes something: the sentence to print and the exit code."""
    try:
        reply = await ask(home, request, within_s=within_s)
    except NoBot as error:
        return Outcome(str(error), EXIT_NO_BOT)
    if isinstance(reply, Done):
        return Outcome(f"{reply.text}; state {reply.state}, mode {reply.mode}", 0)
    if isinstance(reply, Late):
        return Outcome(f"not seen in time: {reply.text}; state {reply.state}, mode {reply.mode}", EXIT_LATE)
    assert not isinstance(reply, StatusTold | Killed)
    return Outcome(f"refused: {reply.text}", EXIT_REFUSED)
