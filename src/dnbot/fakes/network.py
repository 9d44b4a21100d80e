"""A network in memory: hosts that can be dialled, links with latency that can be cut, stalled or refused."""

from __future__ import annotations

import fnmatch
import math
import random
from collections import deque
from collections.abc import Awaitable, Callable

import attrs
import trio

from .alarm import Alarm

Listener = Callable[[trio.abc.Stream], Awaitable[None]]
RECEIVE_BYTES = 65_536
WINDOW_BYTES = 4 * 1_048_576  # what one direction holds before sending waits, about what two kernels would


@attrs.define
class LinkRule:
    """How links to matching hosts behave; of several rules that match, the newest holds."""

    pattern: str
    latency_s: tuple[float, float] = (0.001, 0.003)  # uniform between these, per chunk, without reordering
    refuse: bool = False  # new connections fail
    stalled: bool = False  # a half-open link: sending works, nothing arrives until the stall ends


class _Pipe:
    """One direction of a link: bytes arrive in order, each chunk after its latency, none while stalled."""

    def __init__(self, link: _Link) -> None:
        self.link = link
        self.buffer = bytearray()
        self.open = True
        self.broken = False
        self.arrival = Alarm()  # where the reader waits for what comes next
        self.drained = trio.Event()
        self.size = 0
        self.queue: deque[tuple[float, bytes | None]] = deque()

    def push(self, data: bytes | None, due_s: float) -> None:
        if self.queue:
            due_s = max(due_s, self.queue[-1][0])
        else:
            self.arrival.move(due_s)
        self.queue.append((due_s, data))
        self.size += len(data or b"")

    def take(self, size: int) -> bytes:
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        was_full = self.size >= WINDOW_BYTES
        self.size -= len(taken)
        if was_full:
            self.make_room()
        return taken

    def make_room(self) -> None:
        self.drained.set()
        self.drained = trio.Event()

    def settle(self) -> float:
        """Move what is due into the buffer; returns when the next chunk is due (infinity for never)."""
        if self.link.rule.stalled:
            return math.inf
        now = trio.current_time()
        while self.queue and self.queue[0][0] <= now:
            _, data = self.queue.popleft()
            if data is None:
                self.open = False
            else:
                self.buffer += data
        return self.queue[0][0] if self.queue else math.inf


class _Link:
    """Both directions between one client and one host."""

    def __init__(self, host: str, rule: LinkRule, rng: random.Random) -> None:
        self.host, self.rule, self.rng = host, rule, rng
        self.pipes = (_Pipe(self), _Pipe(self))

    def due_s(self) -> float:
        return trio.current_time() + self.rng.uniform(*self.rule.latency_s)

    def use(self, rule: LinkRule) -> None:
        self.rule = rule
        for pipe in self.pipes:
            pipe.arrival.wake()

    def cut(self) -> None:
        for pipe in self.pipes:
            pipe.broken = True
            pipe.arrival.wake()
            pipe.make_room()


class LinkStream(trio.abc.HalfCloseableStream):
    """One end of a link; behaves like a TCP stream whose peer may vanish."""

    def __init__(self, link: _Link, end: int) -> None:
        self._out, self._in, self._link = link.pipes[end], link.pipes[1 - end], link
        self._closed = self._ended = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand bytes to the network; a stalled link takes a window full without complaint, as a real one does."""
        await self.wait_send_all_might_not_block()
        if self._ended:
            raise trio.ClosedResourceError("sending was ended")
        if not self._out.open:
            raise trio.BrokenResourceError("the peer is gone")
        self._out.push(bytes(data), self._link.due_s())

    async def wait_send_all_might_not_block(self) -> None:
        """Sending waits while a whole window of earlier bytes has not been read."""
        await trio.lowlevel.checkpoint()
        self._check()
        while self._out.size >= WINDOW_BYTES:
            await self._out.drained.wait()
            self._check()

    async def send_eof(self) -> None:
        """Send no more; the peer can still be heard."""
        await trio.lowlevel.checkpoint()
        self._check()
        self._said_end()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Bytes that have arrived; empty at the end."""
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while True:
            self._check()
            due_s = self._in.settle()
            if self._in.buffer or not self._in.open:
                break
            await self._in.arrival.wait(due_s)
            waited = True
        data = self._in.take(min(max_bytes or RECEIVE_BYTES, len(self._in.buffer)))
        if not waited:
            await trio.lowlevel.cancel_shielded_checkpoint()
        return data

    async def aclose(self) -> None:
        """Say goodbye; the peer reads what is under way and then the end."""
        self.end()
        await trio.lowlevel.checkpoint()

    def end(self) -> None:
        """`aclose` at once, which is what a kernel does for a process that was killed."""
        if not self._closed:
            self._closed = True
            self._said_end()
            self._in.arrival.wake()
            self._out.make_room()

    def cut(self) -> None:
        """Break the link: what is under way is lost in both directions, as in a power cut."""
        self._link.cut()

    def _said_end(self) -> None:
        if not self._ended:
            self._ended = True
            self._out.push(None, self._link.due_s())

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        if self._in.broken:
            raise trio.BrokenResourceError("the link was cut")


@attrs.define(eq=False)
class MemoryNetwork:
    """Hosts by name and port; ``open_stream`` dials them like TCP. All chance comes from the generator given."""

    nursery: trio.Nursery
    rng: random.Random
    dial_s: tuple[float, float] = (0.001, 0.005)
    _listeners: dict[tuple[str, int], Listener] = attrs.field(factory=dict)
    _refuses: dict[tuple[str, int], Callable[[], bool]] = attrs.field(factory=dict)
    _rules: list[LinkRule] = attrs.field(factory=lambda: [LinkRule("*")])
    _links: list[_Link] = attrs.field(factory=list)
    _changed: trio.Event = attrs.field(factory=trio.Event)

    def listen(self, host: str, port: int, handler: Listener, refuses: Callable[[], bool] = lambda: False) -> None:
        """Run ``handler`` in the network's nursery for every connection to that address, unless it ``refuses``."""
        self._listeners[(host, port)] = handler
        self._refuses[(host, port)] = refuses

    async def open_stream(self, host: str, port: int) -> LinkStream:
        """Connect. Raises ConnectionRefusedError for an unknown or refusing host; hangs when the host is stalled."""
        rule = self._rule(host)
        await trio.sleep(self.rng.uniform(*self.dial_s))
        while self._rule(host).stalled:
            await self._changed.wait()
        handler = self._listeners.get((host, port))
        if handler is None or rule.refuse or self._refuses[(host, port)]():
            raise ConnectionRefusedError(f"{host}:{port} refuses connections")
        link = _Link(host, self._rule(host), self.rng)
        self._links.append(link)
        self.nursery.start_soon(self._serve, handler, link)
        return LinkStream(link, 0)

    def set_rule(self, rule: LinkRule) -> None:
        """From now on links to hosts that match the rule's pattern behave so, the existing ones too."""
        self._rules.append(rule)
        self._apply_rules()

    def clear_rules(self) -> None:
        """Back to the default for every link; what a stall held back is delivered."""
        self._rules = self._rules[:1]
        self._apply_rules()

    def cut(self, pattern: str = "*") -> int:
        """Break every existing link to matching hosts at once; returns how many."""
        hit = [link for link in self._links if fnmatch.fnmatchcase(link.host, pattern)]
        for link in hit:
            link.cut()
        self._links = [link for link in self._links if link not in hit]
        return len(hit)

    async def _serve(self, handler: Listener, link: _Link) -> None:
        try:
            await handler(LinkStream(link, 1))
        finally:
            if link in self._links:
                self._links.remove(link)

    def _apply_rules(self) -> None:
        for link in self._links:
            link.use(self._rule(link.host))
        self._changed.set()
        self._changed = trio.Event()

    def _rule(self, host: str) -> LinkRule:
        return next(rule for rule in reversed(self._rules) if fnmatch.fnmatchcase(host, rule.pattern))
