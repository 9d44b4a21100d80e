"""A tap at the ports of a simulated bot: every byte, every call of the store and every record, each with its time.

One hash covers it all, so that two runs can be compared; whoever judges gets the events. Nothing here asks the bot.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Awaitable, Callable

import attrs
import msgspec
import trio

from dnbot.fakes.network import LinkStream
from dnbot.lab.wire_reader import Said, WireReader

EVENTS_KEPT = 50
NS_PER_S = 1_000_000_000


@attrs.frozen
class Tapped:
    """One event at a port, at virtual nanoseconds since the run began, of an actor: ``bot.1``, ``world``, ``lab``.

    ``what`` by ``port``: *wire* opened, said (host, `Said`); *store* asked, done, failed (method, its argument);
    *record* the name of a record's type (data: its fields); *life* started, crashed, ended, and what the lab does.
    """

    time_ns: int
    actor: str
    port: str
    what: str
    data: tuple[object, ...] = ()

    def text(self) -> str:
        """One line for a person."""
        shown = ", ".join(str(part)[:120] for part in self.data)
        return f"{self.time_ns / NS_PER_S:.6f} {self.actor} {self.port}.{self.what} {shown}"


Observer = Callable[[Tapped], None]


class Tap:
    """Hashes and hands on what passes; observers are called at once, in order, and must change nothing."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.observers: list[Observer] = []
        self.newest: deque[Tapped] = deque(maxlen=EVENTS_KEPT)
        self.events = 0
        self.chunks = 0

    def tell(self, actor: str, port: str, what: str, *data: object) -> None:
        """Add one event. Its data goes into the hash by its structure, never by an object's text."""
        event = Tapped(round(trio.current_time() * NS_PER_S), actor, port, what, data)
        self._hash.update(msgspec.msgpack.encode((event.time_ns, actor, port, what, data), enc_hook=_plain))
        self.events += 1
        self.newest.append(event)
        for observer in self.observers:
            observer(event)

    def bytes_passed(self, actor: str, host: str, *, outward: bool, data: bytes) -> None:
        """Add raw bytes of a connection to the hash: no observer gets them, `WireReader` made their messages."""
        head = f"{round(trio.current_time() * NS_PER_S)} {actor} {host} {outward} {len(data)}|"
        self._hash.update(head.encode())
        self._hash.update(data)
        self.chunks += 1

    def hexdigest(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Said):
        return (value.verb, value.target, value.body)
    raise NotImplementedError(f"not a value that a trace holds: {type(value).__name__}")


class TappedStream(trio.abc.HalfCloseableStream):
    """A connection of the bot, read as it goes by. Revoked, it is a dead process's: every call fails."""

    def __init__(self, tap: Tap, actor: str, host: str, inner: LinkStream) -> None:
        self._tap, self._actor, self._host, self._inner = tap, actor, host, inner
        self._reader = WireReader()
        self.revoked = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`; the messages that this completes are told before a byte of them leaves."""
        self._check()
        sent = bytes(data)
        self._tap.bytes_passed(self._actor, self._host, outward=True, data=sent)
        for said in self._reader.read(sent):
            self._tap.tell(self._actor, "wire", "said", self._host, said)
        await self._inner.send_all(sent)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        self._check()
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """See `trio.abc.ReceiveStream`."""
        self._check()
        data = bytes(await self._inner.receive_some(max_bytes))
        self._check()
        self._tap.bytes_passed(self._actor, self._host, outward=False, data=data)
        return data

    async def send_eof(self) -> None:
        """See `trio.abc.HalfCloseableStream`."""
        self._check()
        await self._inner.send_eof()

    async def aclose(self) -> None:
        """See `trio.abc.AsyncResource`."""
        await self._inner.aclose()

    def hang_up(self, *, cut: bool) -> None:
        """End it as a kernel does for a process that is gone: a reset, or what was sent and then the end."""
        if cut:
            self._inner.cut()
        else:
            self._inner.end()

    def _check(self) -> None:
        if self.revoked:
            raise trio.BrokenResourceError("this process is dead")


@attrs.define(eq=False)
class TappedOpener:
    """A bot's way to the network; `revoke` makes it a dead process's."""

    tap: Tap
    actor: str
    opener: Callable[[str, int], Awaitable[LinkStream]]
    revoked: bool = False
    _streams: list[TappedStream] = attrs.field(factory=list)

    async def __call__(self, host: str, port: int) -> trio.abc.Stream:
        """Open a connection. Raises OSError when the host refuses, or when this process is dead."""
        if self.revoked:
            raise OSError("this process is dead")
        inner = await self.opener(host, port)
        stream = TappedStream(self.tap, self.actor, host, inner)
        self._streams.append(stream)
        self.tap.tell(self.actor, "wire", "opened", host)
        return stream

    def revoke(self, *, cut: bool) -> None:
        """From now on nothing leaves and nothing arrives. `cut`: what is on its way is lost as well."""
        self.revoked = True
        for stream in self._streams:
            stream.revoked = True
            stream.hang_up(cut=cut)
