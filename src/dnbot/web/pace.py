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
    _next_s: float = attrs.field(default=float("-inf"), init=False)

    async def turn(self) -> None:
        """Return when it is the caller's turn; at once, when the one before was long enough ago."""
        now_s = trio.current_time()
        mine_s = max(now_s, self._next_s)
        self._next_s = mine_s + self.every_s
        if mine_s > now_s:
            await trio.sleep_until(mine_s)
