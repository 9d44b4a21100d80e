"""Channel names of the MEXC stream: which exist, and what each one asks for."""

from __future__ import annotations

import re
from typing import Final

import attrs

__all__ = ["INTERVALS_S", "PRIVATE_CHANNELS", "Channel", "parse_channel"]

PRIVATE_CHANNELS: Final = {
    "spot@private.account.v3.api.pb": "account",
    "spot@private.deals.v3.api.pb": "deals",
    "spot@private.orders.v3.api.pb": "orders",
}

INTERVALS_S: Final[dict[str, int]] = {
    "Min1": 60,
    "Min5": 300,
    "Min15": 900,
    "Min30": 1_800,
    "Min60": 3_600,
    "Hour4": 14_400,
    "Hour8": 28_800,
    "Day1": 86_400,
    "Week1": 604_800,
    "Month1": 2_592_000,
}

# An un-aggregated, unsuffixed or retired name matches nothing, and so do speeds and levels that do not exist.
_PUBLIC: Final[tuple[tuple[str, str], ...]] = (
    ("aggre.depth", r"spot@public\.aggre\.depth\.v3\.api\.pb@(?P<option>10|100)ms@(?P<symbol>[A-Z0-9]+)"),
    ("aggre.bookTicker", r"spot@public\.aggre\.bookTicker\.v3\.api\.pb@(?P<option>10|100)ms@(?P<symbol>[A-Z0-9]+)"),
    ("aggre.deals", r"spot@public\.aggre\.deals\.v3\.api\.pb@(?P<option>10|100)ms@(?P<symbol>[A-Z0-9]+)"),
    ("bookTicker.batch", r"spot@public\.bookTicker\.batch\.v3\.api\.pb@(?P<symbol>[A-Z0-9]+)"),
    ("limit.depth", r"spot@public\.limit\.depth\.v3\.api\.pb@(?P<symbol>[A-Z0-9]+)@(?P<option>5|10|20)"),
    ("kline", rf"spot@public\.kline\.v3\.api\.pb@(?P<symbol>[A-Z0-9]+)@(?P<option>{'|'.join(INTERVALS_S)})"),
    ("miniTicker", r"spot@public\.miniTicker\.v3\.api\.pb@(?P<symbol>[A-Z0-9]+)@(?P<option>24H|UTC[+-]\d{1,2})"),
    ("miniTickers", r"spot@public\.miniTickers\.v3\.api\.pb@(?P<option>24H|UTC[+-]\d{1,2})"),
)
_PATTERNS: Final = tuple((kind, re.compile(pattern)) for kind, pattern in _PUBLIC)


@attrs.frozen
class Channel:
    """A channel that exists: `option` is the speed in ms, the number of levels, the interval or the time zone."""

    name: str
    kind: str
    symbol: str = ""
    option: str = ""

    @property
    def private(self) -> bool:
        """Whether it carries the account of a listen key."""
        return self.name in PRIVATE_CHANNELS

    @property
    def event_type(self) -> str:
        """The name without its symbol, as frames repeat it in `eventType`."""
        return self.name.removesuffix(f"@{self.symbol}") if self.symbol else self.name


def parse_channel(name: str) -> Channel | None:
    """The channel of that name, or None when the venue would refuse it."""
    if name in PRIVATE_CHANNELS:
        return Channel(name, PRIVATE_CHANNELS[name])
    for kind, pattern in _PATTERNS:
        match = pattern.fullmatch(name)
        if match is not None:
            groups = match.groupdict()
            return Channel(name, kind, groups.get("symbol", ""), groups.get("option", ""))
    return None
