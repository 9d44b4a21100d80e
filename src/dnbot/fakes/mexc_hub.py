"""Outgoing side of the MEXC stream: one bounded queue per connection, and who listens to which feed."""

from __future__ import annotations

import abc
from collections.abc import Iterable

import attrs
import trio

from .alarm import sleep_until
from .mexc_channels import Channel
from .mexc_listen_keys import ListenKey
from .outgoing import Outgoing
from .records import LevelChange, PublicTrade
from .websocket import Message, framed

__all__ = ["Beat", "Feed", "Outbox"]


@attrs.define(eq=False)
class Outbox:
    """The sending half of one connection. Pushing never waits: a client whose queue is full is given up."""

    key: ListenKey | None = None
    channels: dict[str, Channel] = attrs.field(factory=dict)
    last_traffic_s: float = 0.0
    empty_since_s: float = 0.0
    outgoing: Outgoing = attrs.field(factory=Outgoing)

    @property
    def ended(self) -> trio.Event:
        """Set when the connection must be dropped."""
        return self.outgoing.given_up

    def push(self, message: Message, now_s: float) -> None:
        """Queue one binary push or text reply."""
        self.push_frame(framed(message), now_s)

    def push_frame(self, frame: bytes, now_s: float) -> None:
        """Queue what is a whole frame already."""
        self.last_traffic_s = now_s
        self.outgoing.push(frame)


@attrs.define(eq=False)
class Feed(abc.ABC):
    """One public channel that somebody listens to; the kinds of feed say what its frames hold."""

    channel: Channel
    listeners: dict[Outbox, None] = attrs.field(factory=dict, kw_only=True)

    def level_changed(self, change: LevelChange) -> bool:
        """Note a changed level; returns whether something must be pushed."""
        del change
        return False

    def traded(self, trade: PublicTrade) -> bool:
        """Note a trade; returns whether something must be pushed."""
        del trade
        return False

    @abc.abstractmethod
    def frames(self, now_ms: int) -> Iterable[bytes]:
        """What has to be sent now; nothing when nothing changed."""

    def flush(self, now_ms: int, now_s: float) -> None:
        """Push what is due to every listener."""
        for message in self.frames(now_ms):
            frame = framed(message)
            for outbox in self.listeners:
                outbox.push_frame(frame, now_s)


@attrs.define(eq=False)
class Beat:
    """Flushes its dirty feeds on the multiples of an interval, and sleeps while none is dirty."""

    interval_s: float
    _dirty: dict[Feed, None] = attrs.field(factory=dict)
    _wake: trio.Event = attrs.field(factory=trio.Event)

    def mark(self, feed: Feed) -> None:
        """Have this feed flushed at the next multiple."""
        if feed not in self._dirty:
            self._dirty[feed] = None
            self._wake.set()

    def forget(self, feed: Feed) -> None:
        """Nobody listens any more."""
        self._dirty.pop(feed, None)

    def take(self) -> list[Feed]:
        """The dirty feeds, now clean."""
        feeds, self._dirty = list(self._dirty), {}
        self._wake = trio.Event()
        return feeds

    async def wait(self) -> None:
        """Return at the first multiple of the interval after something became dirty."""
        await self._wake.wait()
        now_s = trio.current_time()
        await sleep_until(now_s + (self.interval_s - now_s % self.interval_s))
