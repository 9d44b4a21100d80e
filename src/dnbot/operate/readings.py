"""What the dashboard's pages, `dnbot trades` and `dnbot orders` ask the database: the same rows for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from dnbot.domain.instrument import Symbol
from dnbot.domain.units import plain
from dnbot.operate import reading_queries as queries

Read = Callable[..., Awaitable[list[dict[str, Any]]]]
"""`PostgresStore.read`. Raises StoreUnreachable."""

HOURS_MAX = 24 * 366
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 1, 1, tzinfo=UTC)
LAST_ID = "\U0010ffff"
"""Above every id."""


@attrs.frozen
class Cursor:
    """Where a page of rows goes on: below this time and id."""

    at: datetime = END
    key: str = LAST_ID


def cursor_of(text: str) -> Cursor:
    """Read `TIME~ID` as the pages send it back; empty: from the newest. Raises ValueError."""
    if not text:
        return Cursor()
    at, _, key = text.partition("~")
    found = datetime.fromisoformat(at)
    if found.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone")
    return Cursor(found, key)


@attrs.frozen
class Readings:
    """Questions about one symbol. Everything comes back as JSON has it: money as strings, times in UTC."""

    read: Read
    symbol: Symbol

    async def trades(
        self, below: Cursor, status: str = "", *, pair: str = "", since: datetime = BEGINNING, limit: int | None = None
    ) -> list[Any]:
        """Executions that are closed, the newest first; empty words choose nothing."""
        return await self._rows(
            queries.TRADES, below.at, below.key, status, limit or queries.PAGE_ROWS, since, pair
        )

    async def unclosed(
        self, before: datetime = END, *, pair: str = "", since: datetime = BEGINNING, limit: int | None = None
    ) -> list[Any]:
        """Executions that were committed and never closed, the newest first; `started_at` is that of their orders."""
        return await self._rows(queries.UNCLOSED, before, limit or queries.PAGE_ROWS, since, pair)

    async def trade(self, execution_id: str) -> dict[str, Any] | None:
        """One execution with its evidence, orders and fills; None when there is none."""
        found = await self._rows(queries.TRADE, execution_id)
        if not found:
            return None
        return {
            "execution": found[0],
            "evidence": await self._rows(queries.EVIDENCE, execution_id),
            "orders": await self._rows(queries.TRADE_ORDERS, execution_id),
            "fills": await self._rows(queries.TRADE_FILLS, execution_id),
        }

    async def orders(
        self, below: Cursor, venue: str = "", *, since: datetime = BEGINNING, limit: int | None = None
    ) -> list[Any]:
        """Orders of every purpose, the newest first."""
        return await self._rows(queries.ORDERS, below.at, below.key, venue, limit or queries.ORDERS_ROWS, since)

    async def unsettled(
        self, venue: str = "", *, before: datetime = END, since: datetime = BEGINNING, limit: int | None = None
    ) -> list[Any]:
        """Orders of which something is still to come, the newest first."""
        return await self._rows(queries.UNSETTLED, limit or queries.ORDERS_ROWS, venue, before, since)

    async def profit(self, now: datetime, hours: float) -> dict[str, Any]:
        """The curves and sums of the last hours."""
        since = now - timedelta(hours=hours)
        first = await self.read(queries.FIRST_SAMPLE, str(self.symbol), since)
        began = first[0]["at"] - timedelta(seconds=1) if first else now
        bucket_s = max(1.0, (now - began).total_seconds() / queries.POINTS)
        return {
            "since": since.isoformat(), "until": now.isoformat(),
            "equity": await self._rows(queries.EQUITY, began, now, bucket_s),
            "pairs": await self._rows(queries.PAIRS, since, now),
            "fees": await self._rows(queries.FEES, since, now),
            "funding": await self._rows(queries.FUNDING, since, now),
        }

    async def alerts(self, below: int, level: str) -> list[Any]:
        """Alerts, the newest first; those with a sequence below this one, 0: all."""
        return await self._rows(queries.ALERTS, below, level, queries.PAGE_ROWS)

    async def modes(self) -> list[Any]:
        """Every change of the trading mode, and by whom, the newest first."""
        return await self._rows(queries.MODES, queries.PAGE_ROWS)

    async def _rows(self, sql: str, *arguments: object) -> list[Any]:
        return [builtins_of(row) for row in await self.read(sql, str(self.symbol), *arguments)]


def builtins_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON has it. Nanoseconds since 1970 become milliseconds, which a browser can hold exactly."""
    found = {}
    for name, value in row.items():
        if name.endswith("_ns"):
            found[f"{name.removesuffix('_ns')}_ms"] = value / 1e6 if value else None
        elif isinstance(value, Decimal):
            found[name] = plain(value)
        elif isinstance(value, datetime):
            found[name] = value.astimezone(UTC).isoformat()
        else:
            found[name] = value
    return found
