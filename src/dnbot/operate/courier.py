"""Brings notices to the services, one after the other, in a task of its own: who has something to tell never waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
import trio

from dnbot.monitor.book import Notice
from dnbot.ports.log import EventLog
from dnbot.ports.notifier import Message, Notifier
from dnbot.ports.redaction import Redactor

T = TypeVar("T")
R = TypeVar("R")

NOTICES_MAX = 64
TRIES_PAUSES_S = (2.0, 10.0)
"""Before the second and the third try; then the next notice is more worth telling."""
FAILING_S = 120.0
"""Longer without a notice taken by anybody while there are some: nobody hears of anything."""


@attrs.define
class Courier:
    """A bounded queue and whoever empties it. The newest critical notice is never dropped; what is, is counted."""

    notifier: Notifier
    redactor: Redactor
    log: EventLog
    untold: Callable[[Notice, float], None] | None = None
    """Gets back, with the time, what no service took or the queue had no room for."""
    sent: int = 0
    """Notices that at least one service took."""
    failed: int = 0
    """Notices that no service took."""
    dropped: int = 0
    """Notices that found the queue full, or made room in it."""
    _queue: deque[Notice] = attrs.field(factory=deque, init=False)
    _busy: bool = attrs.field(default=False, init=False)
    _filled: trio.Event = attrs.field(factory=trio.Event, init=False)
    _down: frozenset[int] = attrs.field(default=frozenset(), init=False)
    """Services that did not take the last notice in any try: they get the next one once, and hold up nobody."""
    _failing_since_s: float | None = attrs.field(default=None, init=False)

    @property
    def waiting(self) -> int:
        """Notices that are not told yet."""
        return len(self._queue) + self._busy

    def put(self, notice: Notice) -> None:
        """Take a notice; returns at once. When full, the oldest that is not critical goes, else the oldest."""
        if len(self._queue) >= NOTICES_MAX:
            self.dropped += 1
            victim = next((one for one in self._queue if one.level != "critical"), None)
            if victim is None and notice.level != "critical":
                self._give_back(notice)
                return
            lost = victim if victim is not None else self._queue[0]
            self._queue.remove(lost)
            self._give_back(lost)
        self._queue.append(notice)
        self._filled.set()

    async def run(self) -> None:
        """Never returns. Resource handling: the notifier is closed at the end."""
        try:
            if self.notifier.services:  # the first alert is not to wait until whatever tells it has been started
                await self._safely(self.notifier.send, Message(level="info", title="", body="", to=[]))
            while True:
                while not self._queue:
                    self._filled = trio.Event()
                    await self._filled.wait()
                notice, self._busy = self._queue.popleft(), True
                try:
                    if not await self._safely(self._tell, notice):
                        self._give_back(notice)
                finally:
                    self._busy = False
        finally:
            await self.notifier.aclose()

    def _give_back(self, notice: Notice) -> None:
        if self.untold is not None:
            self.untold(notice, trio.current_time())

    async def _safely(self, do: Callable[[T], Awaitable[R]], what: T) -> R | None:
        try:
            return await do(what)
        except Exception as error:  # noqa: BLE001 (bugs here must not end the bot; they are told and counted)
            self.failed += 1
            self.log.error("courier_failed", error=type(error).__name__)
            return None

    async def finish(self, s_max: float) -> None:
        """Wait until everything is told, but no longer than this."""
        with trio.move_on_after(s_max):
            while self.waiting:  # noqa: ASYNC110 (asked once, at the end of a run)
                await trio.sleep(0.05)

    def is_failing(self, now_s: float) -> bool:
        """Whether nobody has taken a notice for long."""
        return self._failing_since_s is not None and now_s - self._failing_since_s >= FAILING_S

    async def _tell(self, notice: Notice) -> bool:
        """Whether any service took it."""
        left, services = list(range(self.notifier.services)), self.notifier.services
        left = await self.notifier.send(self._message(notice, left))
        for pause_s in TRIES_PAUSES_S:
            again = [number for number in left if number not in self._down]
            if not again:
                break
            await trio.sleep(pause_s)
            failed = await self.notifier.send(self._message(notice, again))
            left = [number for number in left if number in failed or number in self._down]
        self._down = frozenset(left)
        if left:  # numbers alone: a service's name is part of its URL
            self.log.warning("notice_not_told", title=notice.title, services=[number + 1 for number in left])
        if len(left) == services:
            self.failed += 1
            if self._failing_since_s is None:
                self._failing_since_s = trio.current_time()
        else:
            self.sent += 1
            self._failing_since_s = None
        return len(left) < services

    def _message(self, notice: Notice, to: list[int]) -> Message:
        title, body = (self.redactor.redact(text.encode()).decode() for text in (notice.title, "\n".join(notice.lines)))
        return Message(level=notice.level, title=title, body=body, to=to)
