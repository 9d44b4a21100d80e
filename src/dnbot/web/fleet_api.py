"""The addresses of the fleet's page. It shows; whoever wants something of a task says `dnbot task`."""

from __future__ import annotations

import attrs
import trio
from starlette.requests import Request
from starlette.responses import Response

from dnbot.domain.errors import StoreUnreachable
from dnbot.fleet.words import Worker
from dnbot.operate.fleet_readings import FleetReadings
from dnbot.operate.manager import TaskManager
from dnbot.web.guard import refusal
from dnbot.web.sessions import Sessions, json_answer

FRESH_S = 1.0
"""However many look, the database is asked once in so long."""
SEEN_S_MAX = 15.0
"""A worker that has not seen its fleet for so long is not ready."""


@attrs.define
class FleetApi:
    """What a worker answers. `readings` is None while the database of the pages cannot be reached."""

    sessions: Sessions
    manager: TaskManager
    readings: FleetReadings | None = None
    _page: bytes = attrs.field(default=b"", init=False, repr=False)
    _read_s: float = attrs.field(default=float("-inf"), init=False)
    _reading: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    async def me(self, request: Request) -> Response:
        """`/api/me`."""
        worker: Worker = self.manager.worker
        return json_answer(self.sessions.me(request) | {"worker": worker.worker_id})

    async def fleet(self, _request: Request) -> Response:
        """`/api/fleet`: workers, tasks and the newest events, at most `FRESH_S` old."""
        async with self._reading:
            if trio.current_time() - self._read_s >= FRESH_S:
                try:
                    if self.readings is None:
                        raise StoreUnreachable("no connection yet")
                    page = await self.readings.page()
                except StoreUnreachable as error:
                    return refusal(503, f"the database does not answer: {error}")
                page |= {"at_ms": self.sessions.clock.now_ns() // 1_000_000, "ttl_s": self.manager.terms.ttl_s}
                self._page, self._read_s = bytes(json_answer(page).body), trio.current_time()
        return Response(self._page, media_type="application/json")

    async def livez(self, _request: Request) -> Response:
        """`/livez`: the loop serves. A restart would mend no database."""
        return json_answer({"loop": True})

    async def readyz(self, _request: Request) -> Response:
        """`/readyz`: it saw the fleet lately, and takes tasks."""
        checks = {
            "fleet_seen": trio.current_time() - self.manager.picture_s <= SEEN_S_MAX,
            "not_draining": not self.manager.draining,
        }
        return json_answer(checks, 200 if all(checks.values()) else 503)
