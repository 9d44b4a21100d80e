"""Whom the parts of a report ask: one symbol, one period, one head of the book; that book, and the portfolio there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.order import Fill
from dnbot.domain.position import LedgerEntry, Portfolio
from dnbot.operate import report_queries as queries
from dnbot.ports.postgres_rows import entry_of, fill_of
from dnbot.ports.store_rebuild import rebuilt

Row = dict[str, Any]
Read = Callable[..., Awaitable[list[Row]]]
"""`PostgresStore.read`."""
SYMBOLS_TOLD = 20
"""So many are named to whoever asks about one that the database does not know."""


@attrs.frozen
class Reader:
    """One report's questions about one symbol, later than `since`, at or before `until`."""

    read: Read
    symbol: Symbol
    since: datetime
    until: datetime
    head: int
    """The book's sequence when the report began: what is booked later is left out."""

    async def ask(self, sql: str, *more: object) -> list[Row]:
        """The rows of one period query."""
        return await self.read(sql, str(self.symbol), self.since, self.until, *more)

    async def one(self, sql: str, *arguments: object) -> Row | None:
        """The first row of a query."""
        found = await self.read(sql, str(self.symbol), *arguments)
        return found[0] if found else None


async def book_of(read: Read, symbol: Symbol, key: str = "strategy.symbol") -> Row:
    """The symbol's book: base, quote, epoch, sequence.

    Raises:
        ConfigError: the database has never heard of it, which `key` named; an empty answer would say too little.
    """
    found = await read(queries.SYMBOL, str(symbol))
    if found:
        return found[0]
    known = [row["symbol"] for row in await read(queries.SOME_SYMBOLS, SYMBOLS_TOLD + 1)]
    some = ", ".join(known[:SYMBOLS_TOLD]) + (" and others" if len(known) > SYMBOLS_TOLD else "")
    raise ConfigError("database", key, str(symbol), some or "a symbol that a bot has run with")


async def portfolio_of(reader: Reader) -> Portfolio | None:
    """The fold of everything up to the head: the newest saved portfolio, and the rows after it."""
    saved = await reader.one(queries.SNAPSHOT, reader.head)
    after = saved["sequence"] if saved else 0
    symbol = str(reader.symbol)
    fills = await reader.read(queries.FILLS_BETWEEN, symbol, after, reader.head)
    entries = await reader.read(queries.ENTRIES_BETWEEN, symbol, after, reader.head)
    later: list[tuple[int, Fill | LedgerEntry]] = [
        *((row["sequence"], fill_of(row)) for row in fills), *((row["sequence"], entry_of(row)) for row in entries),
    ]
    portfolio = msgspec.json.decode(saved["portfolio"], type=Portfolio) if saved else None
    return rebuilt(reader.symbol, portfolio, [item for _, item in sorted(later, key=lambda pair: pair[0])])
