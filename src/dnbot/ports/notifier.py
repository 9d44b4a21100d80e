"""Messages to people, through apprise in a process of its own: whatever a service does, the bot's loop never waits.

apprise works with blocking sockets and threads; in our process it would take the interpreter from the loop. The child
gets the services' URLs, which are secrets, over its standard input: never in arguments, environment or files. It
answers with numbers alone, so that nothing of a URL or of a service's answer can come back.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol

import attrs
import msgspec
import trio

from dnbot.ports.credentials import Secret
from dnbot.ports.line_child import LineChild

SEND_S_MAX = 60.0
"""Above what the child gives all its services together."""
WORKER = (sys.executable, "-m", "dnbot.ports.notifier_worker")


class Services(msgspec.Struct, frozen=True):
    """The first line to the child."""

    urls: list[str]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Every further line: one message, and the numbers of the services that are to get it."""

    level: str
    title: str
    body: str
    to: list[int]


class Outcome(msgspec.Struct, frozen=True):
    """The child's answer: the numbers of the services that did not take it."""

    failed: list[int]


class Notifier(Protocol):
    """Where notices go."""

    @property
    def services(self) -> int:
        """How many there are; they are numbered from 0."""
        ...

    async def send(self, message: Message) -> list[int]:
        """Hand a message over; returns the numbers of the services that did not take it. Never raises."""
        ...

    async def aclose(self) -> None:
        """Let go of everything."""
        ...


@attrs.define
class AppriseProcess:
    """apprise in a child process, started with the first message and again after a failure.

    Resource handling: `aclose` ends the child. One message at a time.
    """

    urls: Sequence[Secret]
    command: Sequence[str] = WORKER
    send_s_max: float = SEND_S_MAX
    _child: LineChild = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._child = LineChild(
            self.command, lambda: msgspec.json.encode(Services([url.reveal() for url in self.urls]))
        )

    @property
    def services(self) -> int:
        """How many services there are."""
        return len(self.urls)

    async def send(self, message: Message) -> list[int]:
        """One message. A child that dies, hangs or talks nonsense is ended, and counts as a failure of all."""
        done: list[int] | None = None
        try:
            with trio.move_on_after(self.send_s_max):
                answer = await self._child.ask(msgspec.json.encode(message))
                failed = msgspec.json.decode(answer, type=Outcome).failed
                done = [number for number in failed if 0 <= number < len(self.urls)]
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, msgspec.MsgspecError):
            done = None
        finally:
            if done is None:
                await self._child.aclose()
        return message.to if done is None else done

    async def aclose(self) -> None:
        """End the child at once."""
        await self._child.aclose()
