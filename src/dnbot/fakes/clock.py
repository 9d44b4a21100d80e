"""Time inside the fake world: one wall clock driven by the event loop, with a skew per venue."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs
import trio

NS_PER_S = 1_000_000_000


@attrs.define
class FakeClock:
    """Wall time of the venues: a fixed epoch plus the loop's monotonic time, so it runs under MockClock as well.

    ``skew_ns`` maps a venue name to how far that venue's clock is ahead (negative: behind).
    ``monotonic_s`` is injectable so that synchronous code can be driven without an event loop.
    """

    epoch_ns: int
    origin_s: float = 0.0
    skew_ns: dict[str, int] = attrs.field(factory=dict)
    monotonic_s: Callable[[], float] = trio.current_time

    @classmethod
    def real(cls) -> FakeClock:
        """The true time of the machine, read once, here; call it inside the event loop."""
        return cls(time.time_ns(), trio.current_time())

    def wall_ns(self, venue: str | None = None) -> int:
        """Nanoseconds since 1970 as that venue sees them; without a venue, the true time of the world."""
        elapsed_ns = round((self.monotonic_s() - self.origin_s) * NS_PER_S)
        return self.epoch_ns + elapsed_ns + (self.skew_ns.get(venue, 0) if venue else 0)

    def ms(self, venue: str | None = None) -> int:
        """Whole milliseconds since 1970 as that venue sees them."""
        return self.wall_ns(venue) // 1_000_000

    def seconds(self, venue: str | None = None) -> int:
        """Whole seconds since 1970 as that venue sees them."""
        return self.wall_ns(venue) // NS_PER_S
