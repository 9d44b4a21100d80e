"""Whether the funding of each settlement was booked: it comes from the venue's account book, which may say nothing."""

from __future__ import annotations

from decimal import Decimal

import attrs

LEAST_QUOTE = Decimal("0.001")
"""What a settlement must be about to bring: less may be rounded to nothing."""
SURE_S = 5
"""So long before a settlement what it will meet is no longer looked at: our clock and the venue's differ."""


@attrs.define
class SettlementWatch:
    """Told now and then what the next settlement will bring, and what has been booked so far."""

    _coming: tuple[int, Decimal, bool] | None = None
    """When the next settlement is, what was booked before it, and whether it will bring something."""
    _missing: tuple[int, Decimal] | None = None
    """When the oldest one was whose funding did not come, and what was booked before it."""

    def late_s(self, *, next_at_s: int | None, expected_quote: Decimal, booked_quote: Decimal, now_s: float) -> float:
        """Seconds since the oldest settlement whose funding is not booked; 0.0 when none is missing.

        `next_at_s` and `now_s` are wall-clock seconds; `booked_quote` is all funding ever booked, quote units, and any
        change of it counts as the row that was waited for. One that was seen to be about to bring nothing ends the wait
        for one before it: without a position no row will ever come.
        """
        if self._missing is not None and booked_quote != self._missing[1]:
            self._missing = None
        if self._coming is not None and now_s >= self._coming[0]:
            at_s, before, brings = self._coming
            if not brings:
                self._missing = None
            elif self._missing is None and booked_quote == before:
                self._missing = (at_s, before)
            self._coming = None
        if next_at_s is not None and now_s < next_at_s - SURE_S:
            self._coming = (next_at_s, booked_quote, abs(expected_quote) >= LEAST_QUOTE)
        return now_s - self._missing[0] if self._missing is not None else 0.0
