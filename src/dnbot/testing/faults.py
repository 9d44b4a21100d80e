"""What can go wrong with the fake exchanges, by name: the same in memory and on sockets."""

from __future__ import annotations

from typing import Literal

import attrs

from .doors import Door
from .records import VenueName, venue_of

Domain = Literal["public", "private"]
FOR_S_MAX = 3600.0


@attrs.frozen
class Faults:
    """Switches faults on and off. Each raises HarnessError for a value that cannot be, and then changes nothing."""

    _door: Door

    def rest_down(
        self, venue: VenueName, *, for_s: float = FOR_S_MAX, manner: Literal["refuse", "silent"] = "refuse"
    ) -> None:
        """That venue's REST answers nobody for so long; what is asked meanwhile never takes effect. Sockets stay up.

        ``refuse`` cuts connections at once, ``silent`` hangs until the outage is over and cuts them then.
        """
        self._door.ask("rest", venue=venue_of(venue), down_s=for_s, manner=manner)

    def rest_up(self, venue: VenueName) -> None:
        """End an outage of REST."""
        self._door.ask("rest", venue=venue_of(venue), down_s=0)

    def cut(self, venue: VenueName, domain: Domain) -> int:
        """Cut the WebSockets of one venue and domain at once, without a close frame; returns how many."""
        found: int = self._door.ask("cut", venue=venue_of(venue), domain=domain)["cut"]
        return found

    def clock_ahead(self, venue: VenueName, *, by_ms: int) -> None:
        """Move that venue's clock so far ahead of the world's; negative: behind; 0: back to true time."""
        self._door.ask("clock", venue=venue_of(venue), ahead_ms=by_ms)
