"""One venue's dead man's switch: renewed at a third of its time, and let go when nothing of ours is left.

If this process dies, hangs or loses its line, the venue cancels what rests there. The machine is told until when the
venue is known to hold its hand; a renewal without an answer is no renewal.
"""

from __future__ import annotations

import attrs
import trio

from dnbot.domain.errors import VenueError
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import CountdownSet, InboxEvent
from dnbot.ports.limiter import Priority
from dnbot.ports.log import EventLog
from dnbot.tasks.link import Line, as_error
from dnbot.tasks.patience import Patience
from dnbot.venues.wire import PrivateCodec

RENEWALS = 3
"""So many renewals fit into the time: two may fail before the venue cancels."""
RETRY_S = 1.0
QUICK_TRIES = 10
RETRY_S_MAX = 4.0
DISARM_S_MAX = 2.0
CLOCK_LOOK_S = 0.05


@attrs.define
class Countdown:
    """`run` is supervised; it never fails, because what it cannot do is told."""

    codec: PrivateCodec
    line: Line
    inbox: trio.MemorySendChannel[InboxEvent]
    log: EventLog
    timeout_s: int
    renewed: int = 0

    @property
    def venue(self) -> Venue:
        """Whose orders would be cancelled."""
        return self.codec.venue

    async def run(self) -> None:
        """Never returns. Until the first renewal nothing is armed, and the machine knows."""
        await self.inbox.send(CountdownSet(self.venue))
        await self._clock_known()
        patience = Patience(RETRY_S, QUICK_TRIES, RETRY_S_MAX)
        while True:
            asked_s = trio.current_time()
            failure = await self._set(self.timeout_s, self.timeout_s / RENEWALS)
            until_s = 0.0 if failure else asked_s + self.timeout_s
            await self.inbox.send(CountdownSet(self.venue, until_s, failure))
            self.renewed += not failure
            if not failure:
                patience.after_success()
            await trio.sleep_until(asked_s + (patience.after_failure() if failure else self.timeout_s / RENEWALS))

    async def _clock_known(self) -> None:
        """The session measures it; a signature is in the venue's time."""
        while True:
            if self.line.clock.now_ms(self.venue.value) is not None:
                return
            await trio.sleep(CLOCK_LOOK_S)

    async def disarm(self) -> None:
        """Nothing of ours is open any more: others' orders shall stay. What fails only costs them their orders."""
        failure = await self._set(0, DISARM_S_MAX)
        if failure:
            self.log.warning("countdown_not_disarmed", venue=self.venue.value, what=failure)

    async def _set(self, timeout_s: int, deadline_s: float) -> str:
        """Why it is not known to be set; empty when it is."""
        try:
            request = self.codec.countdown_request(timeout_s, self.line.venue_now_ms())
            reply = await self.line.ask(request, priority=Priority.RESERVED, deadline_s=deadline_s)
            trouble = self.line.verdict(self.codec, request, reply)
            if trouble is not None:
                raise as_error(self.venue, trouble)
            trigger_ms = self.codec.countdown_set(reply)
        except VenueError as error:
            return str(error) or type(error).__name__
        if bool(trigger_ms) is not bool(timeout_s):
            return f"asked for {timeout_s} s, the venue says that it triggers at {trigger_ms}"
        return ""
