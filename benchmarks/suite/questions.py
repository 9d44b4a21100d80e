"""Every question that the product asks of the specification's five tables, with arguments at a random moment."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import attrs

from dnbot.domain.pair import PAIRS
from dnbot.operate import report_queries as report
from dnbot.research.analysis import queries as analysis
from dnbot.research.analysis.funding import ESTIMATED_WITHIN
from suite.big_tables import SAMPLED, SYMBOLS, UNTIL

NAMED = ("symbols", "arbitrage_opportunities", "funding_rate_snapshots", "position_snapshots", "trade_executions")
"""The tables of the specification; opportunities are a view of those that were taken and those that were declined."""
PERIOD, DAY = timedelta(minutes=10), timedelta(days=1)
BUCKET_S = 2.0
_STANDS_FOR = {"opportunities_taken": "arbitrage_opportunities", "opportunities_declined": "arbitrage_opportunities"}

Arguments = Callable[[str, datetime, datetime], tuple[object, ...]]


@attrs.frozen
class Question:
    """One statement; `period` says that it is about one."""

    name: str
    sql: str
    arguments: Arguments
    period: bool = True

    @property
    def table(self) -> str:
        """The named table that it is about; the first one of several."""
        return tables_in(self.sql)[0]

    def drawn(self, rng: Random, length: timedelta = PERIOD) -> tuple[object, ...]:
        """Arguments for a symbol and a period that ends some time in what is kept."""
        until = UNTIL - timedelta(seconds=rng.uniform(0, (SAMPLED - length).total_seconds()))
        return self.arguments(rng.choice(SYMBOLS), until - length, until)


def tables_in(sql: str) -> list[str]:
    """The named tables that a statement reads, the big ones first."""
    names = {_STANDS_FOR.get(word, word) for word in re.findall(r"\b[a-z_]+\b", sql)}
    return [name for name in reversed(NAMED) if name in names]


def _csv(name: str) -> str:
    columns, rest = report.CSV_TABLES[name]
    return f"select {', '.join(columns)} {rest} limit $4 offset $5"


def _paged(symbol: str, since: datetime, until: datetime) -> tuple[object, ...]:
    return symbol, since, until, report.PAGE_ROWS, 0


def _between(symbol: str, since: datetime, until: datetime) -> tuple[object, ...]:
    return symbol, since, until


def _charted(symbol: str, since: datetime, until: datetime) -> tuple[object, ...]:
    return symbol, since, until, BUCKET_S


def _from_a_peak(symbol: str, since: datetime, until: datetime) -> tuple[object, ...]:
    return symbol, since, until, Decimal(300_000)


def _of_pairs(symbol: str, since: datetime, until: datetime) -> tuple[object, ...]:
    return symbol, since, until, list(PAIRS)


def _since_an_hour_before(symbol: str, since: datetime, until: datetime) -> tuple[object, ...]:
    return symbol, since, until, since - ESTIMATED_WITHIN


def _at(symbol: str, _: datetime, until: datetime) -> tuple[object, ...]:
    return symbol, until


QUESTIONS = (
    Question("START_SAMPLE", report.START_SAMPLE, _at, period=False),
    Question("FIRST_SAMPLE_AFTER", report.FIRST_SAMPLE_AFTER, _at, period=False),
    Question("NEWEST_SAMPLE", report.NEWEST_SAMPLE, _at, period=False),
    Question("DELTA_SAMPLED", report.DELTA_SAMPLED, _between),
    Question("PROFIT_SERIES", report.PROFIT_SERIES, _charted),
    Question("PROFIT_DAYS", report.PROFIT_DAYS, _between),
    Question("INVENTORY_SERIES", report.INVENTORY_SERIES, _charted),
    Question("DELTA_SERIES", report.DELTA_SERIES, _charted),
    Question("EXTENT", report.EXTENT, _between),
    Question("EXECUTIONS", report.EXECUTIONS, _paged),
    Question("UNCLOSED", report.UNCLOSED, _between),
    Question("NAKED", report.NAKED, _between),
    Question("executions.csv", _csv("executions"), _paged),
    Question("DECLINED", report.DECLINED, _between),
    Question("TAKEN", report.TAKEN, _between),
    Question("opportunities.csv", _csv("opportunities"), _paged),
    Question("EXTENT of analyses", analysis.EXTENT, _between),
    Question("COVERED", analysis.COVERED, _between),
    Question("FALL_OF_EQUITY", analysis.FALL_OF_EQUITY, _from_a_peak),
    Question("FALL_OF_REALISED", analysis.FALL_OF_REALISED, _from_a_peak),
    Question("PAIR_TIMES", analysis.PAIR_TIMES, _between),
    Question("TAKEN_BY_HOUR", analysis.TAKEN_BY_HOUR, _between),
    Question("DECLINED_EPISODES", analysis.DECLINED_EPISODES, _of_pairs),
    Question("SETTLEMENTS", analysis.SETTLEMENTS, _since_an_hour_before),
    Question("TOLERANCE", report.TOLERANCE, lambda symbol, *_: (symbol,), period=False),
    # The product only writes this table; so a person asks it.
    Question(
        "the newest rate", "select at, rate, next_at from funding_rate_snapshots where symbol = $1 and at <= $2 "
        "order by at desc limit 1", _at, period=False,
    ),
    Question(
        "rates of a period", "select at, venue, rate, mark from funding_rate_snapshots "
        "where symbol = $1 and at > $2 and at <= $3 order by at", _between,
    ),
)
