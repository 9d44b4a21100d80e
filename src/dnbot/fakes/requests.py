"""A record of what clients asked, in order, so that a checker can see what a bot did before it did something else."""

from __future__ import annotations

from collections import deque

import attrs
import trio

from .clock import FakeClock
from .records import Venue

TAIL_MAX = 20_000
COUNTERS_MAX = 500  # a client that invents paths is counted together beyond that
TEXT_MAX = 200


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

    @property
    def is_create(self) -> bool:
        """Whether it asked for a new order, over REST or a socket."""
        if self.method == "POST":
            return self.path.endswith(("/orders", "/order"))
        return self.method == "WS" and self.path.endswith("order_place")


@attrs.define
class RequestLog:
    """Counters for ever, and the newest requests in order. Fronts call ``note`` once per private request."""

    clock: FakeClock
    counters: dict[str, int] = attrs.field(factory=dict)
    tail: deque[RequestNote] = attrs.field(factory=lambda: deque(maxlen=TAIL_MAX))
    count: int = 0
    """How many were noted since the start: the number of the next one."""
    changed: trio.Event = attrs.field(factory=trio.Event)
    """Set at the next note; then another one takes its place."""

    def note(
        self, uid: str, venue: Venue, method: str, path: str, *, client_id: str = "", status: int = 0
    ) -> RequestNote:
        """Remember one request; ``status`` is what was answered (HTTP status), 0 when not known."""
        path, client_id = path[:TEXT_MAX], client_id[:TEXT_MAX]
        entry = RequestNote(self.clock.ms(), uid, venue, method, path, client_id, status)
        self.tail.append(entry)
        self.count += 1
        name = (
            f"{venue} {method} {path.rsplit('/', 1)[0] if any(c.isdigit() for c in path.rsplit('/', 1)[-1]) else path}"
        )
        if name not in self.counters and len(self.counters) >= COUNTERS_MAX:
            name = "others"
        self.counters[name] = self.counters.get(name, 0) + 1
        changed, self.changed = self.changed, trio.Event()
        changed.set()
        return entry

    def since(self, number: int) -> list[tuple[int, RequestNote]]:
        """The requests from that number on, each with its number; those that the tail has forgotten are missing."""
        first = self.count - len(self.tail)
        start = max(0, number - first)
        return [(first + at, self.tail[at]) for at in range(start, len(self.tail))]
