"""Channel names of the MEXC stream: which exist, and what each one asks for."""

from __future__ import annotations

import re
from typing import Final

import attrs

from .mexc_intervals import STREAM_INTERVALS, ZONES

__all__ = ["PRIVATE_CHANNELS", "Channel", "parse_channel"]

PRIVATE_CHANNELS: Final = {
    "spot@private.account.v3.api.pb": "account",
    "spot@private.deals.v3.api.pb": "deals",
    "spot@private.orders.v3.api.pb": "orders",
}

_SYMBOL: Final = r"(?P<symbol>[A-Z0-9]+)"
_ZONE: Final = "|".join(re.escape(zone) for zone in ZONES)

# An un-aggregated, unsuffixed or retired name matches nothing, and so do speeds and levels that do not exist.
_PUBLIC: Final[tuple[tuple[str, str], ...]] = (
    ("aggre.depth", rf"spot@public\.aggre\.depth\.v3\.api\.pb@(?P<option>10|100)ms@{_SYMBOL}"),
    ("aggre.bookTicker", rf"spot@public\.aggre\.bookTicker\.v3\.api\.pb@(?P<option>10|100)ms@{_SYMBOL}"),
    ("aggre.deals", rf"spot@public\.aggre\.deals\.v3\.api\.pb@(?P<option>10|100)ms@{_SYMBOL}"),
    ("bookTicker.batch", rf"spot@public\.bookTicker\.batch\.v3\.api\.pb@{_SYMBOL}"),
    ("increase.depth.batch", rf"spot@public\.increase\.depth\.batch\.v3\.api\.pb@{_SYMBOL}"),
    ("limit.depth", rf"spot@public\.limit\.depth\.v3\.api\.pb@{_SYMBOL}@(?P<option>5|10|20)"),
    ("kline", rf"spot@public\.kline\.v3\.api\.pb@{_SYMBOL}@(?P<option>{'|'.join(STREAM_INTERVALS)})"),
    ("miniTicker", rf"spot@public\.miniTicker\.v3\.api\.pb@{_SYMBOL}@(?P<option>{_ZONE})"),
    ("miniTickers", rf"spot@public\.miniTickers\.v3\.api\.pb@(?P<option>{_ZONE})"),
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
        """What frames repeat in `eventType`: the name up to its symbol, as captured (`...pb@100ms`, `...pb`)."""
        return self.name.partition(f"@{self.symbol}")[0] if self.symbol else self.name


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
