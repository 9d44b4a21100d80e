"""Work that may wait takes turns: what many browsers ask at once is begun one after the other, with time between."""

from __future__ import annotations

import attrs
import trio


@attrs.define
class Pace:
    """Turns that are at least `every_s` apart, given in the order in which they were asked for.

    Trio runs everything that is ready before it looks at its sockets again. Twenty requests that are read at once would
    be one long turn of the loop, in which the bytes of a venue wait.
    """

    every_s: float
    _last_s: float = attrs.field(default=float("-inf"), init=False)
    """When the last one was given."""
    _next: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    """Held by who is next, so that a loop that was held up for many turns gives one of them, not all at once."""

    async def turn(self) -> None:
        """Return when it is the caller's turn; at once, when the one before was long enough ago."""
        async with self._next:
            await trio.sleep_until(self._last_s + self.every_s)
            self._last_s = trio.current_time()
