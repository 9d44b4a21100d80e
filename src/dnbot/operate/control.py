"""The control channel's server: who is heard, for how long, and one answer a line.

What comes in is judged before anything is done: size, time, user, form. What a request does is in `commanding.py`.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Awaitable, Callable
from contextlib import suppress

import attrs
import trio

from dnbot.operate.control_socket import peer_uid
from dnbot.operate.control_words import (
    REQUEST_BYTES_MAX,
    LineReader,
    LineTooLong,
    Refused,
    Reply,
    Request,
    read_request,
    to_line,
)
from dnbot.ports.log import EventLog

CLIENTS_MAX = 8
"""A person and a few scripts; more are turned away, so that a loop gone wrong costs nothing."""
IDLE_S_MAX = 10.0
"""How long a client may take to send its next whole line."""
WRITE_S_MAX = 5.0
"""How long a client may take to read its answer."""
REFUSAL_S_MAX = 0.5

Answer = Callable[[Request, str], Awaitable[Reply]]
"""(request, who asks) -> reply. It has deadlines of its own."""


@attrs.define
class ControlServer:
    """Serves any number of connections one after the other, at most `CLIENTS_MAX` at once."""

    answer: Answer
    log: EventLog
    uid: int = attrs.field(factory=os.geteuid)
    """Whose processes are heard."""
    clients: int = 0
    turned_away: int = 0
    _idle: trio.Event = attrs.field(factory=trio.Event, init=False)

    async def serve(self, listener: trio.SocketListener) -> None:
        """Never returns; a client that misbehaves ends its own connection and nothing else."""
        await trio.serve_listeners(self._welcome, [listener])

    async def finish(self, within_s: float) -> None:
        """Wait until everyone who waits for an answer has it, or the time is over."""
        with trio.move_on_after(within_s):
            while self.clients:
                await self._idle.wait()

    async def _welcome(self, stream: trio.SocketStream) -> None:
        uid = peer_uid(stream)
        if uid is not None and uid != self.uid:
            self.turned_away += 1
            self.log.warning("control_refused", uid=uid)
            await self._turn_away(stream, f"only user {self.uid} may speak to this bot; you are user {uid}")
            return
        await self.converse(stream, name_of(self.uid if uid is None else uid))

    async def converse(self, stream: trio.abc.Stream, who: str) -> None:
        """Answer one client until it leaves, falls silent, sends no request, or does not read."""
        if self.clients >= CLIENTS_MAX:
            self.turned_away += 1
            await self._turn_away(stream, f"{CLIENTS_MAX} clients are being served; try again")
            return
        self.clients += 1
        try:
            # A client that left needs no answer.
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                async with stream:
                    await self._talk(stream, who)
        finally:
            self.clients -= 1
            if not self.clients:
                self._idle.set()
                self._idle = trio.Event()

    async def _talk(self, stream: trio.abc.Stream, who: str) -> None:
        lines = LineReader(stream, REQUEST_BYTES_MAX)
        while True:
            line: bytes | None = None
            try:
                with trio.move_on_after(IDLE_S_MAX):
                    line = await lines.next()
            except LineTooLong as error:
                await self._turn_away(stream, str(error))
                return
            if line is None:
                return
            reply = await self._reply(line, who)
            with trio.move_on_after(WRITE_S_MAX) as writing:
                await stream.send_all(to_line(reply))
            if writing.cancelled_caught:
                return  # part of a line may be out: this stream is of no more use

    async def _reply(self, line: bytes, who: str) -> Reply:
        try:
            request = read_request(line)
        except ValueError as error:
            self.log.warning("control_garbage", who=who, what=str(error))
            return Refused(text=str(error))
        return await self.answer(request, who)

    async def _turn_away(self, stream: trio.abc.Stream, why: str) -> None:
        with trio.move_on_after(REFUSAL_S_MAX):
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await stream.send_all(to_line(Refused(text=why)))
        await trio.aclose_forcefully(stream)


def name_of(uid: int) -> str:
    """The user's name for the record, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
