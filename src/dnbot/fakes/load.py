"""How the fakes bear their load: queues of their clients, how late the event loop wakes, how far the market is behind.

Maxima are of the time since the last question; counts are since the start.
"""

from __future__ import annotations

from typing import Any

import attrs
import trio

from .running import World

BEAT_S = 0.02


@attrs.define(eq=False)
class LoadMeter:
    """Measures while `run` runs; `take` answers and starts the maxima anew."""

    world: World
    loop_late_s_max: float = 0.0

    async def run(self) -> None:
        """Notice, for ever, how much later than asked this task is woken."""
        while True:
            due_s = trio.current_time() + BEAT_S
            await trio.sleep_until(due_s)
            self.loop_late_s_max = max(self.loop_late_s_max, trio.current_time() - due_s)

    def take(self) -> dict[str, Any]:
        """The figures, times in milliseconds."""
        gate, mexc = self.world.gate_app.totals, self.world.mexc_app.stream.totals
        found = {
            "loop_late_ms_max": round(self.loop_late_s_max * 1000, 1),
            "market_behind_ms_max": round(self.world.behind_s_max * 1000, 1),
            "frames": gate.frames + mexc.frames,
            "bytes": gate.bytes + mexc.bytes,
            "given_up": gate.given_up + mexc.given_up,
            "frames_waiting_max": max(gate.frames_waiting_max, mexc.frames_waiting_max),
            "bytes_waiting_max": max(gate.bytes_waiting_max, mexc.bytes_waiting_max),
        }
        self.loop_late_s_max = self.world.behind_s_max = 0.0
        for totals in (gate, mexc):
            totals.frames_waiting_max = totals.bytes_waiting_max = 0
        return found
