"""`dnbot orders`: what was ordered, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs

from dnbot.config import Settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import VENUES
from dnbot.operate.readings import BEGINNING, END, Cursor, Readings
from dnbot.operate.report import opened_store
from dnbot.operate.report_reader import book_of
from dnbot.operate.second_spot import names_of
from dnbot.ports.clock import SystemClock

VENUE_NAMES = tuple(venue.value for venue in VENUES)


@attrs.frozen
class OrdersWanted:
    """Which orders: created at or after `since` and before `until`; an empty venue is every venue."""

    since: datetime = BEGINNING
    until: datetime = END
    venue: str = ""
    is_open: bool = False
    """Only those of which something is still to come."""
    limit: int = 50


@attrs.frozen
class OrderList:
    """The newest orders that were asked for, the newest first."""

    rows: tuple[dict[str, Any], ...]
    is_open: bool
    more: bool
    """Whether there are older ones that `limit` left out."""
    now: datetime


async def list_orders(settings: Settings, wanted: OrdersWanted) -> OrderList:
    """Ask the database, also while a bot runs.

    Raises:
        ConfigError: there is no database, it knows nothing of the symbol, or the venue is none.
        StoreUnreachable: it cannot be reached.
    """
    venues = tuple(map(names_of(settings).text, VENUE_NAMES))
    if wanted.venue and wanted.venue not in venues:
        raise ConfigError("command line", "--venue", wanted.venue, " | ".join(venues))
    symbol = settings.strategy.symbol
    async with opened_store(settings) as store:
        await book_of(store.read, symbol)
        asked, limit = Readings(store.read_as_written, symbol), wanted.limit + 1
        if wanted.is_open:
            rows = await asked.unsettled(wanted.venue, before=wanted.until, since=wanted.since, limit=limit)
        else:
            rows = await asked.orders(Cursor(wanted.until, ""), wanted.venue, since=wanted.since, limit=limit)
    now = datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC)
    return OrderList(tuple(rows[: wanted.limit]), wanted.is_open, len(rows) > wanted.limit, now)
