"""Reading more of our trades than one page of myTrades holds.

The venue has no page number: it returns the newest trades of a time window, 100 at most, with times rounded to a
second. So the next page is the same window, ended where the last page began, and overlaps it by some seconds (the
caller drops known trade ids): by the rounding, and by as much as the venue's clock may have stepped back between two
trades, which then are newest first by their ids but not by their times. That needs memory of the last page, and memory
can be wrong: whatever would make a reading silently incomplete raises instead. Source: MEXC spot v3 docs, Account Trade
List.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from dnbot.domain.errors import VenueError
from dnbot.domain.order import Fill
from dnbot.venues.mexc.shapes import NS_PER_MS, VENUE
from dnbot.venues.wire import DAY_MS

PAGE_SIZE: Final = 100
ROUNDING_MS: Final = 1_000
"""Wider than the rounding of times, half a second to either side."""
STEP_BACK_MS: Final = 2_000
"""A clock of the venue that steps back by no more than this between two trades hides none of them."""
OVERLAP_MS: Final = ROUNDING_MS + STEP_BACK_MS
AGE_MS_MAX: Final = 28 * DAY_MS - 60_000
"""The venue keeps one month, and does not say of how many days; a minute is left for the journey and the clocks."""


def _incomplete(why: str) -> VenueError:
    return VenueError(VENUE.value, f"our trades cannot be read completely: {why}")


@attrs.define
class TradesPaging:
    """The window of each page: pages of one reading are asked one after the other, each after the last was decoded."""

    _since_ms: int = -1
    _page: int = -1
    _end_ms: int = 0
    _next_end_ms: int | None = None
    """None: the last page was not full, or has not been decoded."""
    _awaited: bool = False
    _overtaken: bool = False

    def window(self, now_ms: int, since_ms: int, page: int) -> tuple[int, int]:
        """(startTime, endTime) of a page.

        Raises:
            VenueError: the trades are too old, too many in one second, or another reading came between.
        """
        if since_ms < now_ms - AGE_MS_MAX:
            raise _incomplete(f"the venue keeps a month, asked for {(now_ms - since_ms) // DAY_MS} days")
        end_ms = now_ms + OVERLAP_MS if page == 0 else self._continued(since_ms, page)
        self._overtaken = self._awaited and page == 0
        self._since_ms, self._page, self._end_ms = since_ms, page, end_ms
        self._next_end_ms, self._awaited = None, True
        return max(since_ms - ROUNDING_MS, now_ms - AGE_MS_MAX), end_ms

    def _continued(self, since_ms: int, page: int) -> int:
        if self._overtaken or since_ms != self._since_ms or page != self._page + 1 or self._next_end_ms is None:
            raise _incomplete(f"page {page} does not continue the last page read; begin again at page 0")
        if self._next_end_ms >= self._end_ms:
            raise _incomplete(f"more than {PAGE_SIZE} within seconds, or a page that is not newest first")
        return self._next_end_ms

    def decoded(self, fills: Sequence[Fill]) -> None:
        """Remember where a page began. Where its times go up and down, by twice as much may they beyond its end; a page
        in another order thus leads nowhere, and the next one raises.
        """
        self._awaited = False
        self._next_end_ms = None
        if len(fills) < PAGE_SIZE:
            return
        times = [fill.traded_at_ns // NS_PER_MS for fill in fills]
        oldest, stepped_ms = times[0], 0
        for at_ms in times:
            oldest, stepped_ms = min(oldest, at_ms), max(stepped_ms, at_ms - oldest)
        self._next_end_ms = oldest + ROUNDING_MS + max(STEP_BACK_MS, 2 * stepped_ms)
