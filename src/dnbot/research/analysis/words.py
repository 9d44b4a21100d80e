"""What every analysis speaks of: a period, how much of it was observed, and who answers questions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.units import TEN_THOUSAND, ZERO, divide
from dnbot.operate.progress import Tell, nothing
from dnbot.operate.report_data import BEGINNING
from dnbot.operate.report_reader import Read, Reader, Row, book_of
from dnbot.research.analysis import queries

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PLACES = 4
"""To which quotients are rounded: basis points, percents and shares."""
HUNDRED = Decimal(100)


class Period(msgspec.Struct, frozen=True):
    """Later than `since`, at or before `until`; UTC."""

    since: datetime
    until: datetime

    @property
    def length_s(self) -> Decimal:
        """Seconds."""
        return Decimal((self.until - self.since) // timedelta(microseconds=1)) / 1_000_000

    def pieces(self, length: timedelta) -> Iterator[Period]:
        """Cut where multiples of `length` since 1970 lie: at the full hours, or at 00:00 UTC."""
        since = self.since
        while since < self.until:
            until = min(BEGINNING + ((since - BEGINNING) // length + 1) * length, self.until)
            yield Period(since, until)
            since = until


class Hour(msgspec.Struct, frozen=True):
    """One hour of the clock, of which something was sampled."""

    at: datetime
    """Its beginning, UTC."""
    samples: int
    observed_s: Decimal


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a period was sampled. A sample stands until the next one, at most two seconds."""

    period: Period
    samples: int = 0
    observed_s: Decimal = ZERO
    first: datetime | None = None
    last: datetime | None = None
    hours: tuple[Hour, ...] = ()
    """Those that were sampled; of one that is absent nothing is known."""

    @property
    def share_pct(self) -> Decimal:
        """Of the period."""
        return share_pct(self.observed_s, self.period.length_s) or ZERO


@attrs.frozen
class Asked:
    """One analysis' questions about one symbol."""

    read: Read
    symbol: Symbol
    period: Period
    head: int
    """The book's sequence when the analysis began: what is booked later is left out."""
    tell: Tell = nothing
    """Shows how far it is."""

    @property
    def reader(self) -> Reader:
        """As the report asks."""
        return Reader(self.read, self.symbol, self.period.since, self.period.until, self.head)

    async def ask(self, sql: str, piece: Period, *more: object) -> list[Row]:
        """The rows of one query about a piece of the period."""
        self.tell(f"{piece.since:%Y-%m-%d %H:%M}")
        return await self.read(sql, str(self.symbol), piece.since, piece.until, *more)

    async def settings(self) -> dict[str, Any]:
        """Those that the newest run of the period recorded; empty when it recorded none."""
        found = await self.reader.one(queries.NEWEST_SETTINGS, self.period.until)
        text = found["settings"] if found else ""
        return msgspec.json.decode(text, type=dict[str, Any]) if text.startswith("{") else {}


async def asked_of(read: Read, symbol: Symbol, period: Period, tell: Tell = nothing) -> Asked:
    """Look the symbol up; a period from `BEGINNING` begins where its first run did.

    Raises:
        ConfigError: the period is none, or the database has never heard of the symbol.
        StoreUnreachable: it did not answer.
    """
    if period.since >= period.until:
        raise ConfigError("period", "since", period.since.isoformat(), f"earlier than {period.until.isoformat()}")
    book = await book_of(read, symbol, "symbol")
    if period.since <= BEGINNING:
        first = (await read(queries.FIRST_RUN, str(symbol)))[0]["at"]
        if first is not None:
            period = Period(min(first, period.until - HOUR), period.until)
    return Asked(read, symbol, period, book["sequence"], tell)


async def clipped(asked: Asked, extent: str) -> Period | None:
    """The part of the period between the first and the last sample; None where there is none."""
    found = (await asked.ask(extent, asked.period))[0]
    if found["first"] is None:
        return None
    return Period(found["first"] - timedelta(microseconds=1), found["last"] + timedelta(seconds=2))


async def read_coverage(asked: Asked) -> Coverage:
    """Of the samples that the bot takes once a second while it runs."""
    within = await clipped(asked, queries.EXTENT)
    if within is None:
        return Coverage(period=asked.period)
    until = min(within.until, asked.period.until)
    rows = [row for day in Period(within.since, until).pieces(DAY) for row in await asked.ask(queries.COVERED, day)]
    hours = tuple(Hour(row["hour"], row["samples"], row["observed_s"]) for row in rows)
    return Coverage(
        period=asked.period, samples=sum(hour.samples for hour in hours),
        observed_s=sum((hour.observed_s for hour in hours), ZERO), first=within.since + timedelta(microseconds=1),
        last=within.until - timedelta(seconds=2), hours=hours,
    )


def share_pct(part: Decimal, whole: Decimal) -> Decimal | None:
    """Percent, rounded; None of nothing."""
    return round(divide(part * HUNDRED, whole), PLACES) if whole else None


def per_ten_thousand(part: Decimal, whole: Decimal) -> Decimal | None:
    """Basis points, rounded; None of nothing."""
    return round(divide(part * TEN_THOUSAND, whole), PLACES) if whole else None


def hour_of(at: datetime) -> int:
    """Of the day, UTC."""
    return at.astimezone(UTC).hour
