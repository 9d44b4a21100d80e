"""Gate's dead man's switch: orders of an account are cancelled unless the client renews its countdown in time.

Source: Gate API v4 docs, "Countdown cancel orders" of spot and of futures: seconds, at least 5, 0 disarms.
"""

from __future__ import annotations

from typing import Any

import attrs
import trio

from . import gateio_errors as errors
from .gateio_context import GateContext
from .gateio_json import NS_PER_SECOND
from .records import Venue

TIMEOUT_S_MIN = 5
TIMEOUT_S_MAX = (1 << 63) // 10**9  # the trigger time must stay a 64-bit number in any unit

Scope = tuple[Venue, str, str]


@attrs.define(eq=False)
class Countdowns:
    """Armed countdowns by venue, account and symbol ("" = every symbol), with their deadlines in loop seconds."""

    context: GateContext
    _deadline_s: dict[Scope, float] = attrs.field(factory=dict)
    _changed: trio.Event = attrs.field(factory=trio.Event)

    def arm(self, venue: Venue, uid: str, symbol: str | None, timeout: Any) -> dict[str, str | int]:
        """Arm, renew or (0) disarm one countdown; answers the trigger time in ms, 0 when disarmed."""
        if isinstance(timeout, bool) or not isinstance(timeout, int) or not _allowed(timeout):
            raise errors.invalid_value(f"Invalid parameter `timeout` with value: {timeout}")
        scope = (venue, uid, symbol or "")
        if timeout:
            self._deadline_s[scope] = trio.current_time() + timeout
        else:
            self._deadline_s.pop(scope, None)
        self._changed.set()
        trigger_ms = (self.context.now_ns(venue) + timeout * NS_PER_SECOND) // 1_000_000 if timeout else 0
        return {"triggerTime": str(trigger_ms) if self.context.settings.trigger_time == "text" else trigger_ms}

    async def run(self) -> None:
        """Cancel when a countdown ends; never returns."""
        while True:
            self._changed = trio.Event()
            nearest_s = min(self._deadline_s.values(), default=float("inf"))
            with trio.move_on_at(nearest_s):
                await self._changed.wait()
            self._strike(trio.current_time())

    def _strike(self, now_s: float) -> None:
        for (venue, uid, symbol), deadline_s in list(self._deadline_s.items()):
            if deadline_s <= now_s:
                del self._deadline_s[venue, uid, symbol]
                self.context.exchange.cancel_all(venue, uid, symbol or None)


def _allowed(timeout_s: int) -> bool:
    return timeout_s == 0 or TIMEOUT_S_MIN <= timeout_s <= TIMEOUT_S_MAX
