"""A record of what clients asked, in order, so that a checker can see what a bot did before it did something else."""

from __future__ import annotations

from collections import deque

import attrs

from .clock import FakeClock
from .records import Venue

TAIL_MAX = 20_000


@attrs.frozen
class RequestNote:
    """One private request: ``method`` is an HTTP verb or ``WS``, ``path`` the path or channel."""

    time_ms: int
    uid: str
    venue: Venue
    method: str
    path: str
    client_id: str = ""
    status: int = 0


@attrs.define
class RequestLog:
    """Counters for ever, and the newest requests in order. Fronts call ``note`` once per private request."""

    clock: FakeClock
    counters: dict[str, int] = attrs.field(factory=dict)
    tail: deque[RequestNote] = attrs.field(factory=lambda: deque(maxlen=TAIL_MAX))

    def note(
        self, uid: str, venue: Venue, method: str, path: str, *, client_id: str = "", status: int = 0
    ) -> RequestNote:
        """Remember one request; ``status`` is what was answered (HTTP status), 0 when not known."""
        entry = RequestNote(self.clock.ms(), uid, venue, method, path, client_id, status)
        self.tail.append(entry)
        name = (
            f"{venue} {method} {path.rsplit('/', 1)[0] if any(c.isdigit() for c in path.rsplit('/', 1)[-1]) else path}"
        )
        self.counters[name] = self.counters.get(name, 0) + 1
        return entry


def _without_ids(path: str) -> str:
    """The path with every segment that looks like an order id or client id replaced, so that counters stay few."""
    segments = path.split("/")
    return "/".join(":id" if len(s) > 6 and any(c.isdigit() for c in s) else s for s in segments)
