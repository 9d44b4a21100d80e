"""A ledger belongs to one set of accounts: a database that knew other exchanges is refused before anything is sent.

A rehearsal against fakes and the first live day share every default, the state folder too; balances of the one would be
booked as adjustments of the other, and its profit with them.
"""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from dnbot.config import Settings
from dnbot.config.settings import GateSettings, MexcSettings
from dnbot.domain.errors import ConfigError
from dnbot.ports.net import is_loopback

NEWEST_RUN = "select settings from runs where symbol = $1 order by epoch desc limit 1"


class Reads(Protocol):
    """The part of the database that is asked."""

    async def read(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """Rows; raises StoreUnreachable."""
        ...


class _Place(msgspec.Struct, frozen=True):
    rest_url: str = ""


class _Known(msgspec.Struct, frozen=True):
    """What an earlier run, of whatever version, recorded of its settings."""

    mode: str = ""
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
