"""Messages to people, through apprise in a process of its own: whatever a service does, the bot's loop never waits.

apprise works with blocking sockets and threads; in our process it would take the interpreter from the loop. The child
gets the services' URLs, which are secrets, over its standard input: never in arguments, environment or files. It
answers with numbers alone, so that nothing of a URL or of a service's answer can come back.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Protocol

import attrs
import msgspec
import trio

from dnbot.ports.credentials import Secret

SEND_S_MAX = 60.0
"""Above what the child gives all its services together."""
ANSWER_BYTES_MAX = 4096
WORKER = (sys.executable, "-m", "dnbot.ports.notifier_worker")
_PASSED_ON = ("PATH", "HOME", "LANG", "PYTHONPATH", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


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
    _child: trio.Process | None = attrs.field(default=None, init=False)

    @property
    def services(self) -> int:
        """How many services there are."""
        return len(self.urls)

    async def send(self, message: Message) -> list[int]:
        """One message. A child that dies, hangs or talks nonsense is ended, and counts as a failure of all."""
        done: list[int] | None = None
        try:
            with trio.move_on_after(self.send_s_max):
                done = await self._asked(message)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, msgspec.MsgspecError):
            done = None
        finally:
            if done is None:
                await self.aclose()
        return message.to if done is None else done

    async def aclose(self) -> None:
        """End the child at once."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 2.0):
            await child.wait()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            await trio.aclose_forcefully(pipe)

    async def _asked(self, message: Message) -> list[int]:
        if self._child is None:
            self._child = await self._started()
        assert self._child.stdin is not None
        await self._child.stdin.send_all(msgspec.json.encode(message) + b"\n")
        failed = msgspec.json.decode(await self._line(self._child), type=Outcome).failed
        return [number for number in failed if 0 <= number < len(self.urls)]

    async def _started(self) -> trio.Process:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        child = await trio.lowlevel.open_process(
            list(self.command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True,  # Ctrl-C is the bot's: its last words are still to be sent
        )
        assert child.stdin is not None
        self._child = child
        await child.stdin.send_all(msgspec.json.encode(Services([url.reveal() for url in self.urls])) + b"\n")
        return child

    async def _line(self, child: trio.Process) -> bytes:
        """Raises BrokenResourceError when the child ends without an answer, or answers too much."""
        assert child.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            chunk = await child.stdout.receive_some(ANSWER_BYTES_MAX)
            line += chunk
            if not chunk or len(line) > ANSWER_BYTES_MAX:
                raise trio.BrokenResourceError("no answer from the notifier")
        return line
