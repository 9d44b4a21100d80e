"""Who listens to what on one Gate socket address, and the bounded queue that stands between a push and a slow client.

A publisher is a plain function and never waits: a client whose queue is full is dropped, as an exchange does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import trio

from .gateio_ws_frames import update
from .outgoing import Outgoing
from .websocket import framed_text

Topic = tuple[str, ...]


@attrs.define(eq=False)
class Subscriber:
    """The sending half of one connection."""

    conn_id: str
    decimal_sizes: bool
    outgoing: Outgoing = attrs.field(factory=Outgoing)
    topics: dict[Topic, None] = attrs.field(factory=dict)

    @property
    def dropped(self) -> trio.Event:
        """Set when the connection must be cut."""
        return self.outgoing.given_up

    def push(self, text: bytes) -> None:
        """Queue one JSON text, or give the client up when it has stopped reading."""
        self.outgoing.push(framed_text(text))


@attrs.define
class StreamFault:
    """Loses (`copies` 0) or repeats (`copies` 2) pushes of a channel: `count` of them, after the first `skip`.

    A large `count` is a socket that answers pings and tells nothing.
    """

    channel: str
    copies: int = 0
    skip: int = 0
    count: int = 1

    def copies_of(self, channel: str) -> int:
        """How often this push leaves; counts it."""
        if channel != self.channel or self.count <= 0:
            return 1
        if self.skip > 0:
            self.skip -= 1
            return 1
        self.count -= 1
        return self.copies


@attrs.define
class Hub:
    """Subscriptions of all connections of one product; delivery order is subscription order."""

    now_ns: Callable[[], int]
    faults: list[StreamFault] = attrs.field(factory=list)
    _by_topic: dict[Topic, dict[Subscriber, None]] = attrs.field(factory=dict)

    def add(self, subscriber: Subscriber, topic: Topic) -> None:
        self._by_topic.setdefault(topic, {})[subscriber] = None
        subscriber.topics[topic] = None

    def remove(self, subscriber: Subscriber, topic: Topic) -> None:
        subscriber.topics.pop(topic, None)
        listeners = self._by_topic.get(topic, {})
        listeners.pop(subscriber, None)
        if not listeners:
            self._by_topic.pop(topic, None)

    def remove_all(self, subscriber: Subscriber) -> None:
        for topic in list(subscriber.topics):
            self.remove(subscriber, topic)

    def listens(self, topic: Topic) -> bool:
        return topic in self._by_topic

    def publish(self, topics: tuple[Topic, ...], result: Callable[[bool], Any], event: str = "update") -> None:
        """Push one update to everybody on any of `topics`, once each.

        `result(decimal_sizes)` builds the result object; it is called and encoded at most once per form.
        """
        listeners: dict[Subscriber, None] = {}
        for topic in topics:
            listeners |= self._by_topic.get(topic, {})
        if not listeners:
            return
        name = topics[0][0]
        copies = 1
        for fault in self.faults:
            copies *= fault.copies_of(name)
        frames: dict[bool, bytes] = {}
        for subscriber in listeners:
            form = subscriber.decimal_sizes
            if form not in frames:
                frames[form] = framed_text(update(name, self.now_ns(), result(form), event))
            for _ in range(copies):
                subscriber.outgoing.push(frames[form])
