"""A ledger belongs to one set of accounts: a database that knew other exchanges is refused before anything is sent.

A rehearsal against fakes and the first live day share every default, the state folder too; balances of the one would be
booked as adjustments of the other, and its profit with them.

And a run has one symbol: a position in another one, that an earlier run left, would be seen by nobody.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from dnbot.config import Settings
from dnbot.config.settings import GateSettings, MexcSettings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.position import Portfolio
from dnbot.domain.units import ZERO, divide, plain
from dnbot.operate.state_folder import spill_place
from dnbot.ports.net import is_loopback

NEWEST_RUN = "select settings from runs where symbol = $1 order by epoch desc limit 1"
# Where a fleet shares the database, the books of other symbols are those of its other tasks.
OTHER_BOOKS = """
select b.base, b.quote, p.portfolio::text as portfolio,
    coalesce((select max(s.lot_size) from symbols s where s.symbol = b.symbol), 0)::text as lot,
    coalesce((select sum(s.min_notional) from symbols s where s.symbol = b.symbol), 0)::text as minima,
    coalesce((select r.settings from runs r where r.symbol = b.symbol order by r.epoch desc limit 1), '{}') as settings
from books b cross join lateral (
    select portfolio from portfolio_snapshots where symbol = b.symbol order by sequence desc limit 1
) p
where b.symbol <> $1 and not exists (select from tasks)
order by b.symbol
"""
DUST_LOTS = 4
"""What a position that was flattened leaves: less than the smallest order on each spot venue, each rounded up by lots,
and as much of the perpetual."""


class Reads(Protocol):
    """The part of the database that is asked."""

    async def read(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """Rows; raises StoreUnreachable."""
        ...


class _Place(msgspec.Struct, frozen=True):
    rest_url: str = ""


class _Strategy(msgspec.Struct, frozen=True):
    delta_tolerance_base: Decimal | None = None


class _Known(msgspec.Struct, frozen=True):
    """What an earlier run, of whatever version, recorded of its settings."""

    mode: str = ""
    strategy: _Strategy = _Strategy()
    gate: _Place = _Place()
    mexc: _Place = _Place()
    second_spot: _Place = _Place()


def world_of(settings: Settings | _Known) -> str:
    """Whose accounts these settings trade."""
    if settings.mode == "paper":
        return "a pretended account (mode paper)"
    if settings.mode != "live":
        return "fakes of mode sim"
    plugin = settings.second_spot.rest_url
    is_mexc = settings.mexc.rest_url == MexcSettings().rest_url
    is_second_real = not is_loopback(urlsplit(plugin).hostname or "") if plugin else is_mexc
    is_real = is_second_real and settings.gate.rest_url == GateSettings().rest_url
    return "the real exchanges" if is_real else "exchanges on loopback"


async def refuse_another_world(settings: Settings, store: Reads) -> None:
    """Compare with the newest run that this database has seen.

    Raises:
        ConfigError: it traded other exchanges.
    """
    rows = await store.read(NEWEST_RUN, str(settings.strategy.symbol))
    known = msgspec.json.decode(rows[0]["settings"], type=_Known) if rows else _Known()
    if not known.mode or (known.mode == "live" and not (known.gate.rest_url and known.mexc.rest_url)):
        return  # none yet, or one that recorded nothing that can be compared
    before, now = world_of(known), world_of(settings)
    if before != now:
        found = f"the ledger of {before}, and this run trades {now}"
        raise ConfigError("database", "state_dir or database.dsn_env", found, "a state folder or database of its own")


async def refuse_to_abandon(settings: Settings, store: Reads, home: Path) -> None:
    """Look for a position in another symbol that an earlier run of this state folder left: this run would not see it.

    In a database of one's own the books of other symbols may be those of other bots, with folders of their own.

    Raises:
        ConfigError: there is one.
        StoreUnreachable: the database does not answer.
    """
    for row in await store.read(OTHER_BOOKS, str(settings.strategy.symbol)):
        symbol = Symbol(row["base"], row["quote"])
        if settings.database.dsn_env and not spill_place(home, symbol).exists():
            continue
        book = msgspec.json.decode(row["portfolio"], type=Portfolio)
        tolerance = msgspec.json.decode(row["settings"], type=_Known).strategy.delta_tolerance_base or ZERO
        if _is_position(book, Decimal(row["lot"]), Decimal(row["minima"]), tolerance):
            found = (
                f"{settings.strategy.symbol}, while the book of {symbol} holds {plain(book.delta - book.perp_base)} "
                f"{symbol.base} and {plain(book.perp_base)} on the perpetual"
            )
            allowed = (
                f"{symbol}, until its position is closed (`dnbot flatten`, without a bot `dnbot kill --flatten`), or a "
                "state folder of its own"
            )
            raise ConfigError("database", "strategy.symbol", found, allowed)


def _is_position(book: Portfolio, lot: Decimal, minima: Decimal, tolerance: Decimal) -> bool:
    """Whether the book has more than is left when everything was closed that can be; `minima` quote units.

    What no perpetual stands against is inside `tolerance`, base units, and there the minima say nothing more.
    """
    price = divide(book.perp_cost, book.perp_base) if book.perp_base else ZERO
    least = DUST_LOTS * lot + tolerance + (divide(minima, price) if price > ZERO else ZERO)
    return max(abs(book.delta - book.perp_base), abs(book.perp_base)) > least
