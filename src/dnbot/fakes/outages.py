"""REST outages: for a while one venue's REST does not answer, and what is asked meanwhile has no effect, ever.

Sockets stay up. Gate spot and Gate futures share a host, so the path of a request says whose it is.
"""

from __future__ import annotations

from typing import Literal

import attrs
import trio

from .records import Venue

Manner = Literal["refuse", "silent"]
"""`refuse` cuts the connection at once; `silent` says nothing until the outage is over, and then cuts it."""


@attrs.define
class Outages:
    """Which venues' REST is down, and until when on the loop's clock."""

    _until_s: dict[Venue, float] = attrs.field(factory=dict)
    _manners: dict[Venue, Manner] = attrs.field(factory=dict)
    struck: int = 0
    """Requests that met an outage."""

    def begin(self, venue: Venue, down_s: float, manner: Manner) -> None:
        """Take one venue's REST down for so long; a new outage replaces the running one."""
        self._until_s[venue] = trio.current_time() + down_s
        self._manners[venue] = manner

    def is_down(self, venue: Venue) -> bool:
        """Whether that venue's REST is down now."""
        return trio.current_time() < self._until_s.get(venue, float("-inf"))

    async def strikes(self, venue: Venue) -> bool:
        """True when a request that arrives now must be dropped without any effect; a silent outage is sat out first."""
        if not self.is_down(venue):
            return False
        self.struck += 1
        if self._manners[venue] == "silent":
            await trio.sleep_until(self._until_s[venue])
        return True
