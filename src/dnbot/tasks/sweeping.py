"""Taking our orders away at one venue, and proving that none is left. Foreign orders are never touched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import trio

from dnbot.domain.errors import OperatingError, VenueError
from dnbot.domain.instrument import Venue
from dnbot.domain.order import FINAL_STATUSES, OrderReport, is_ours
from dnbot.tasks.line_orders import cancel_until_gone
from dnbot.tasks.link import Line
from dnbot.tasks.patience import Patience
from dnbot.venues.wire import PrivateCodec

VERIFY_TIMES = 2
"""Complete lists without an order of ours, a match lag apart: one that was on its way shows in the second."""
CANCELS_AT_ONCE = 8
PAUSE_S = 0.1
QUICK_TRIES = 10
PAUSE_S_MAX = 0.8
LIST_MAX = 100
"""A page of Gate's lists: one that is full may hide what comes after it."""

Tell = Callable[[OrderReport], Awaitable[None]]


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one venue. It is empty of us when `verified` is `VERIFY_TIMES`."""

    venue: Venue
    cancelled: tuple[str, ...] = ()
    """Client ids that were open and are gone."""
    left: tuple[str, ...] = ()
    """Client ids that were open when last seen."""
    verified: int = 0
    trouble: str = ""
    """Why it is not verified; empty when it is."""

    @property
    def is_empty(self) -> bool:
        """Whether it was proven that nothing of ours is open."""
        return self.verified >= VERIFY_TIMES


async def open_orders(codec: PrivateCodec, line: Line) -> tuple[OrderReport, ...]:
    """Every open order of the symbol that the venue lists, foreign ones included.

    Raises:
        VenueError: no list, and so nothing known.
    """
    reply = await line.read(codec, codec.open_orders_request(line.venue_now_ms()))
    return tuple(report for report in codec.orders(reply) if report.status not in FINAL_STATUSES)


def ours_of(reports: tuple[OrderReport, ...]) -> tuple[OrderReport, ...]:
    """Those with our prefix, of whatever epoch."""
    return tuple(report for report in reports if is_ours(report.client_order_id))


async def cancel_ours(codec: PrivateCodec, line: Line, reports: tuple[OrderReport, ...], tell: Tell) -> None:
    """Cancel these orders, several at once.

    One that cannot be cancelled does not spare the others: its error is raised when all were tried.
    """
    failures: list[VenueError] = []
    limit = trio.CapacityLimiter(CANCELS_AT_ONCE)

    async def cancel(report: OrderReport) -> None:
        async with limit:
            try:
                await cancel_until_gone(codec, line, report.venue_order_id, tell)
            except VenueError as error:
                failures.append(error)

    async with trio.open_nursery() as nursery:
        for report in reports:
            nursery.start_soon(cancel, report)
    if failures:
        raise failures[0]


async def sweep(codec: PrivateCodec, line: Line, tell: Tell, *, match_lag_s: float, within_s: float) -> Swept:
    """Cancel everything of ours at one venue, and list its open orders until two lists in a row hold none.

    Never raises for what the venue does: what could not be done is in the answer.
    """
    seen: dict[str, None] = {}
    left: tuple[str, ...] = ()
    verified, trouble = 0, "no list of open orders"
    patience = Patience(PAUSE_S, QUICK_TRIES, PAUSE_S_MAX)
    with trio.move_on_after(within_s):
        while verified < VERIFY_TIMES:
            try:
                listed = await open_orders(codec, line)
                patience.after_success()
                ours = ours_of(listed)
                left = tuple(report.client_order_id for report in ours)
                seen.update(dict.fromkeys(left))
                if ours:
                    verified, trouble = 0, "orders of ours are still open"
                    await cancel_ours(codec, line, ours, tell)
                elif len(listed) >= LIST_MAX:
                    verified, trouble = 0, f"{len(listed)} foreign orders fill the list: ours may stand behind them"
                    await trio.sleep(PAUSE_S)
                else:
                    verified, trouble = verified + 1, "only one list without ours"
                    if verified < VERIFY_TIMES:
                        await trio.sleep(match_lag_s)
            except OperatingError as error:
                verified, trouble = 0, str(error)
                await trio.sleep(patience.after_failure())
    gone = tuple(name for name in seen if name not in left)
    done = verified >= VERIFY_TIMES
    return Swept(venue=line.venue, cancelled=gone, left=left, verified=verified, trouble="" if done else trouble)
