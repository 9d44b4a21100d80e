"""How much counters that only grow have grown lately."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import attrs


@attrs.define
class Growth:
    """Growth of named counters within a window of seconds. A counter's first value is where it begins."""

    window_s: float
    _totals: dict[str, int] = attrs.field(factory=dict, init=False)
    _steps: deque[tuple[float, str, int]] = attrs.field(factory=deque, init=False)

    def note(self, totals: dict[str, int], now_s: float, excused: Collection[str] = ()) -> dict[str, int]:
        """The counters as they are now; returns how much each of them grew within the window.

        What those that are excused have grown by since they were last noted does not count.
        """
        for name, total in totals.items():
            grown = total - self._totals.get(name, total)
            self._totals[name] = total
            if grown > 0 and name not in excused:
                self._steps.append((now_s, name, grown))
        while self._steps and now_s - self._steps[0][0] >= self.window_s:
            self._steps.popleft()
        found = dict.fromkeys(totals, 0)
        for _, name, grown in self._steps:
            if name in found:
                found[name] += grown
        return found
