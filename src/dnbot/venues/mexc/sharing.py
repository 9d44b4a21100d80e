"""Several markets on one public connection of MEXC, and several instruments in one read.

Source: MEXC spot v3 docs, Exchange Information (`symbols`), Websocket Market Streams: a connection carries thirty
subscriptions, and an answer names its channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Symbol
from dnbot.venues.mexc.control import named_in
from dnbot.venues.mexc.protobuf import symbol_of
from dnbot.venues.mexc.shapes import symbol_name
from dnbot.venues.mexc.spot_public import CHANNELS, MexcSpotPublic, public_request
from dnbot.venues.wire import Reply, Request

SUBSCRIPTIONS_MAX: Final = 30
_MINI_TICKER: Final = "spot@public.miniTicker"


@attrs.frozen
class MexcSharing:
    """Of spot symbols."""

    markets_max: int = SUBSCRIPTIONS_MAX // len(CHANNELS)

    def name_of(self, symbol: Symbol) -> str:
        """See `Sharing.name_of`."""
        return symbol_name(symbol)

    def farewell(self, symbol: Symbol, now_s: int) -> tuple[str, ...]:
        """See `Sharing.farewell`."""
        return MexcSpotPublic(symbol).unsubscribe_frames(now_s)

    def markets(self, frame: str | bytes) -> tuple[str, ...] | None:
        """See `Sharing.markets`."""
        if isinstance(frame, bytes):
            try:
                return (symbol_of(frame),)
            except FrameUnreadable:
                return None
        names = tuple(dict.fromkeys(map(_symbol, named_in(frame))))
        return names or None

    def part(self, frame: str | bytes, name: str) -> str | bytes:
        """See `Sharing.part`: no frame of ours is about several; an answer that is says the same to each."""
        del name
        return frame

    def terms_requests(self, names: Sequence[str]) -> tuple[Request, ...]:
        """The rules of these symbols, and the list of symbols that are open to the API."""
        return (
            public_request(f"/api/v3/exchangeInfo?symbols={','.join(names)}", weight=25),
            public_request("/api/v3/defaultSymbols"),
        )

    def terms(self, names: Sequence[str], replies: Sequence[Reply]) -> dict[str, tuple[Reply, ...]]:
        """See `Sharing.terms`: each codec finds its own symbol in them, or says that it is not listed."""
        return dict.fromkeys(names, tuple(replies))


def _symbol(channel: str) -> str:
    """`spot@public.NAME.v3.api.pb@100ms@BTCUSDT`, or `...miniTicker...@BTCUSDT@UTC+0`."""
    parts = channel.split("@")
    return parts[-2] if channel.startswith(_MINI_TICKER) else parts[-1]
