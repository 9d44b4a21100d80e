"""Whether the process was stopped, starved or suspended between two looks at the clocks.

A stopped process (SIGSTOP, a moved virtual machine, a starved loop) shows as a gap of the monotonic clock. A suspended
host stops that clock too, and shows as wall time that ran ahead of it; a stepped wall clock looks the same.
"""

from __future__ import annotations

import attrs

from dnbot.domain.messages import Paused

GAP_S_MAX = 2.0
"""The strategist looks every 100 ms; a loop that was away this long acted on nothing it knew."""
APART_S_MAX = 1.0
"""NTP slews by 0.5 ms a second at most: what moves further between two looks is a step or a suspension."""


@attrs.define
class PauseWatch:
    """Remembers the last look."""

    _seen: tuple[int, float] | None = None

    def look(self, now_ns: int, now_s: float) -> Paused | None:
        """What happened since the last look, if anything did; wall nanoseconds and monotonic seconds."""
        seen, self._seen = self._seen, (now_ns, now_s)
        if seen is None:
            return None
        gap_s, apart_s = now_s - seen[1], (now_ns - seen[0]) / 1e9 - (now_s - seen[1])
        if gap_s > GAP_S_MAX:
            return Paused(f"the process stood still for {gap_s:.1f} s", now_s, stood_still=True)
        if abs(apart_s) > APART_S_MAX:
            return Paused(f"the wall clock moved {apart_s:+.1f} s against the monotonic one", now_s, stood_still=False)
        return None
