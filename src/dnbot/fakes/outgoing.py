"""What stands between a publisher and one client of a socket: a bounded queue of frames that are ready to be sent.

A publisher is a plain function and never waits. A client whose queue is full has stopped reading and is given up, as
an exchange does with a slow consumer. The writer takes everything that waits at once, so a burst costs one send.
"""

from __future__ import annotations

from collections import deque

import attrs
import trio

FRAMES_MAX = 4096
BYTES_MAX = 8 * 1_048_576
BATCH_BYTES = 262_144  # what one send may carry: a slow but living client takes that much within the send's limit


@attrs.define
class Totals:
    """Counts over all queues that were ever given these totals; `frames_waiting_max` is the deepest any one was."""

    frames: int = 0
    bytes: int = 0
    given_up: int = 0
    frames_waiting_max: int = 0
    bytes_waiting_max: int = 0


@attrs.define(eq=False)
class Outgoing:
    """Frames of one connection, oldest first. `given_up` is set when there is no room for another."""

    totals: Totals = attrs.field(factory=Totals)
    given_up: trio.Event = attrs.field(factory=trio.Event)
    _frames: deque[bytes] = attrs.field(factory=deque)
    _bytes: int = 0
    _some: trio.Event = attrs.field(factory=trio.Event)

    def push(self, frame: bytes) -> None:
        """Queue one whole frame, or give the client up."""
        if self.given_up.is_set():
            return
        if len(self._frames) >= FRAMES_MAX or self._bytes + len(frame) > BYTES_MAX:
            self.totals.given_up += 1
            self._frames.clear()
            self._some = trio.Event()
            self.given_up.set()
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        self._some.set()

    async def take(self) -> list[bytes]:
        """Wait for frames; those that wait, as many as one send may carry."""
        await self._some.wait()
        totals = self.totals
        totals.frames_waiting_max = max(totals.frames_waiting_max, len(self._frames))
        totals.bytes_waiting_max = max(totals.bytes_waiting_max, self._bytes)
        taken, size = [], 0
        while self._frames and size < BATCH_BYTES:
            taken.append(self._frames.popleft())
            size += len(taken[-1])
        self._bytes -= size
        totals.frames += len(taken)
        totals.bytes += size
        if not self._frames:
            self._some = trio.Event()
        return taken
