"""The dead man's switch: a URL elsewhere that is asked for while all is well; somebody there rings when it is not."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from dnbot.domain.errors import OperatingError
from dnbot.ports.http import HttpClient
from dnbot.ports.log import EventLog

DEADLINE_S = 10.0


@attrs.define
class Heartbeat:
    """`run` asks for the URL every `every_s`, unless something is not well."""

    client: HttpClient
    target: str
    """Path and query; a secret, as it names the check."""
    every_s: float
    is_well: Callable[[], bool]
    log: EventLog
    beats: int = 0
    """Answered with a status below 400."""
    skipped: int = 0
    """Left out because something was not well."""
    beaten_s: float | None = None
    """When the last one was answered, monotonic seconds."""

    async def run(self) -> None:
        """Never returns. Resource handling: the connection is closed at the end."""
        async with self.client:
            while True:
                if self.is_well():
                    await self._beat()
                else:
                    self.skipped += 1
                await trio.sleep(self.every_s)

    async def _beat(self) -> None:
        try:
            reply = await self.client.request("GET", self.target, deadline_s=DEADLINE_S)
        except OperatingError as error:
            self.log.warning("heartbeat_not_heard", what=str(error))
            return
        if reply.status >= 400:
            self.log.warning("heartbeat_refused", status=reply.status)
            return
        self.beats, self.beaten_s = self.beats + 1, trio.current_time()
