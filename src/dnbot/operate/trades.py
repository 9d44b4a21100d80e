"""`dnbot trades`: executions as rows, and one of them with its decision, orders, fills and timings."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from dnbot.config import Settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.pair import Pair
from dnbot.domain.units import bps, plain
from dnbot.operate.readings import BEGINNING, END, Cursor, Readings
from dnbot.operate.report import opened_store
from dnbot.operate.report_reader import book_of
from dnbot.operate.second_spot import names_of

PAIRS = (*(pair.name for pair in Pair), "ESTABLISH", "SHRINK", "FLATTEN")
"""What an execution may be called: a directed pair, or a slice of building and closing the position."""
Row = dict[str, Any]


@attrs.frozen
class TradesWanted:
    """Which executions: begun or ended at or after `since` and before `until`; an empty pair is every pair."""

    since: datetime = BEGINNING
    until: datetime = END
    pair: str = ""
    limit: int = 50


@attrs.frozen
class TradeList:
    """The newest executions that were asked for, the newest first, and the symbol's words."""

    base: str
    quote: str
    rows: tuple[Row, ...]
    more: bool
    """Whether there are older ones that `limit` left out."""


async def list_trades(settings: Settings, wanted: TradesWanted) -> TradeList:
    """Ask the database, also while a bot runs.

    Raises:
        ConfigError: there is no database, it knows nothing of the symbol, or the pair is none.
        StoreUnreachable: it cannot be reached.
    """
    pairs = tuple(map(names_of(settings).text, PAIRS))
    if wanted.pair and wanted.pair not in pairs:
        raise ConfigError("command line", "--pair", wanted.pair, " | ".join(pairs))
    symbol = settings.strategy.symbol
    async with opened_store(settings) as store:
        await book_of(store.read, symbol)
        asked = Readings(store.read_as_written, symbol)
        chosen: dict[str, Any] = {"pair": wanted.pair, "since": wanted.since, "limit": wanted.limit + 1}
        closed = await asked.trades(Cursor(wanted.until, ""), **chosen)
        unclosed = await asked.unclosed(wanted.until, **chosen)
    rows = sorted([*closed, *unclosed], key=_newest_first, reverse=True)
    shown = tuple(with_edge(row) for row in rows[: wanted.limit])
    return TradeList(symbol.base, symbol.quote, shown, len(rows) > wanted.limit)


async def read_trade(settings: Settings, execution_id: str) -> Row:
    """One execution with everything that is stored of it.

    Raises:
        ConfigError: as `list_trades`, or there is no such execution; the newest ids are named.
        StoreUnreachable: the database cannot be reached.
    """
    symbol = settings.strategy.symbol
    async with opened_store(settings) as store:
        await book_of(store.read, symbol)
        asked = Readings(store.read_as_written, symbol)
        found = await asked.trade(execution_id)
        if found is None:
            newest = ", ".join(row["execution_id"] for row in await asked.trades(Cursor(), limit=3))
            allowed = f"an id of `dnbot trades`, such as {newest}" if newest else "none: nothing was executed yet"
            raise ConfigError("database", "execution", execution_id, allowed)
    return {**found, "execution": with_edge(found["execution"]), "timings": timings_of(found)}


def _newest_first(row: Row) -> tuple[datetime, str]:
    return datetime.fromisoformat(row.get("ended_at") or row["started_at"]), row["execution_id"]


def with_edge(row: Row) -> Row:
    """The row with its realised edge: net of its fills per value that it bought, bps; None without a buy."""
    bought, net = row.get("bought_quote"), row.get("net_quote")
    if not bought or not Decimal(bought) or net is None:
        return {**row, "realised_bps": None}
    return {**row, "realised_bps": plain(round(bps(Decimal(net), Decimal(bought)), 4))}


def timings_of(found: Row) -> list[Row]:
    """Moments of one execution in the order in which they came, with milliseconds since the decision or first order.

    `traded` is told by the venue's clock, `committed` by the database's; everything else by ours.
    """
    moments = [("found", row["found_at"], "decision") for row in found["evidence"]]
    for order in found["orders"]:
        name = order["client_order_id"]
        moments += [("created", _iso(order["created_at_ms"]), name), ("committed", order["committed_at"], name)]
        moments += [("sent", _iso(order["sent_at_ms"]), name), (order["status"], _iso(order["changed_at_ms"]), name)]
    for fill in found["fills"]:
        name = fill["client_order_id"] or f"{fill['venue']} trade {fill['trade_id']}"
        moments += [("traded", fill["traded_at"], name), ("booked", fill["booked_at"], name)]
    if found["execution"]["ended_at"]:
        moments.append(("ended", found["execution"]["ended_at"], found["execution"]["execution_id"]))
    known = sorted(
        ((datetime.fromisoformat(at), what, name) for what, at, name in moments if at), key=lambda moment: moment[0]
    )
    return [
        {"at": at.isoformat(), "after_ms": (at - known[0][0]) / timedelta(milliseconds=1), "what": what, "of": name}
        for at, what, name in known
    ]


def _iso(at_ms: float | None) -> str | None:
    return None if not at_ms else (BEGINNING + timedelta(milliseconds=at_ms)).isoformat()
