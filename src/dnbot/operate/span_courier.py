"""Brings traces to the collector in a task of its own: who makes one never waits, and what finds no room is dropped."""

from __future__ import annotations

from collections import deque

import attrs
import trio

from dnbot.ports.log import EventLog
from dnbot.ports.spans import SpanExporter, Trace

QUEUE_MAX = 256
TOGETHER_MAX = 32
"""Traces in one request."""
GATHER_S = 1.0
"""What is closed within this is sent together."""
FAILED_PAUSE_S = 30.0
"""After a failure; what comes meanwhile waits, as far as there is room."""


@attrs.define
class SpanCourier:
    """A bounded queue and whoever empties it. Nothing is sent twice: what a collector did not take is lost."""

    exporter: SpanExporter
    log: EventLog
    exported: int = 0
    lost: int = 0
    """Traces that found no room, or that the collector did not take."""
    _queue: deque[Trace] = attrs.field(factory=deque, init=False)
    _busy: bool = attrs.field(default=False, init=False)
    _filled: trio.Event = attrs.field(factory=trio.Event, init=False)
    _failing: bool = attrs.field(default=False, init=False)

    def put(self, trace: Trace) -> None:
        """Take a trace; returns at once. When full, the oldest goes."""
        if len(self._queue) >= QUEUE_MAX:
            self._queue.popleft()
            self.lost += 1
        self._queue.append(trace)
        self._filled.set()

    async def run(self) -> None:
        """Never returns. Resource handling: the exporter is closed at the end."""
        try:
            while True:
                while not self._queue:
                    self._filled = trio.Event()
                    await self._filled.wait()
                await trio.sleep(GATHER_S)
                await self._send()
        finally:
            await self.exporter.aclose()

    async def finish(self, s_max: float) -> None:
        """Send what is left, but wait no longer than this."""
        with trio.move_on_after(s_max):
            while self._queue or self._busy:  # noqa: ASYNC110 (asked once, at the end of a run)
                await trio.sleep(0.05)

    async def _send(self) -> None:
        traces = [self._queue.popleft() for _ in range(min(TOGETHER_MAX, len(self._queue)))]
        self._busy = True
        try:
            taken = await self.exporter.send(traces)
        except Exception as error:  # noqa: BLE001 (bugs here must not end the bot; they are told and counted)
            self.log.error("span_courier_failed", error=type(error).__name__)
            taken = False
        finally:
            self._busy = False
        if taken:
            self.exported += len(traces)
            self._failing = False
            return
        self.lost += len(traces)
        if not self._failing:
            self._failing = True
            self.log.warning("traces_not_taken", traces=len(traces))
        await trio.sleep(FAILED_PAUSE_S)
