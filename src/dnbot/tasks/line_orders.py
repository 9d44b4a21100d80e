"""Cancelling one order until the venue says that it is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from dnbot.domain.errors import VenueUnreachable
from dnbot.domain.order import OrderReport, OrderStatus
from dnbot.ports.limiter import Priority
from dnbot.tasks.link import Line, as_error
from dnbot.venues.wire import AskedTooOften, PrivateCodec, Refused

CANCEL_TRIES_MAX = 5
CANCEL_PAUSE_S = 0.2
CANCEL_DEADLINE_S = 2.0


async def cancel_until_gone(
    codec: PrivateCodec, line: Line, venue_order_id: str, tell: Callable[[OrderReport], Awaitable[None]]
) -> None:
    """Cancel, then read the order: "unknown" and "too late" are never taken as "cancelled without fills".

    A cancel that came too often did nothing, so nothing is read after it: the next one waits until its budget may be
    spent again, or never leaves.

    Raises:
        VenueError: it is still open, or nothing certain could be learned, after several tries.
    """
    for _ in range(CANCEL_TRIES_MAX):
        cancel = codec.cancel_request(venue_order_id, line.venue_now_ms())
        reply = await line.ask(cancel, priority=Priority.RESERVED, deadline_s=CANCEL_DEADLINE_S)
        trouble = line.verdict(codec, cancel, reply)
        if isinstance(trouble, AskedTooOften):
            continue
        if isinstance(trouble, Refused) and not trouble.unknown_order:
            raise as_error(line.venue, trouble)
        look = codec.order_request(venue_order_id, line.venue_now_ms())
        after = await line.ask(look, priority=Priority.RESERVED, deadline_s=CANCEL_DEADLINE_S)
        doubt = line.verdict(codec, look, after)
        if doubt is None:
            report = codec.order(after)
            await tell(report)
            if report.status is not OrderStatus.OPEN:
                return
        elif isinstance(doubt, Refused) and doubt.unknown_order:
            return  # a zero-fill cancel may vanish from the venue's memory; the account read is the judge
        await trio.sleep(CANCEL_PAUSE_S)
    raise VenueUnreachable(line.venue.value, f"order {venue_order_id} could not be seen cancelled")
