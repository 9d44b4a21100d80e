"""Several markets on one public connection of Gate, and all instruments in one read.

Sources: Gate API v4 docs, "Spot" (currency_pairs), "Futures" (contracts); WebSocket docs, "Requests" and "Responses":
an answer repeats the payload that it answers. Gate publishes no limit of subscriptions per connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import msgspec

from dnbot.domain.instrument import Symbol, Venue
from dnbot.venues.gateio.futures_public import GateFuturesPublic, contract_name
from dnbot.venues.gateio.literals import readable
from dnbot.venues.gateio.rest import REST_PREFIX, SIZE_DECIMAL, PublicRest
from dnbot.venues.gateio.spot_public import GateSpotPublic
from dnbot.venues.gateio.stream import ascii_pair
from dnbot.venues.wire import Reply, Request

MARKETS_MAX = 50
"""Ours: what a lost connection takes with it, and has to read again."""


class _Row(msgspec.Struct):
    s: str | None = None
    currency_pair: str | None = None
    contract: str | None = None

    @property
    def market(self) -> str | None:
        return self.s or self.currency_pair or self.contract


class _Frame(msgspec.Struct):
    event: str | None = None
    payload: list[str] | None = None
    result: _Row | list[_Row] | None = None


class _Listed(msgspec.Struct):
    id: str = ""
    name: str = ""


_frame = msgspec.json.Decoder(_Frame).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_row = msgspec.json.Decoder(_Row).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_listed = msgspec.json.Decoder(_Listed).decode


@attrs.frozen
class GateSharing:
    """Spot or perpetuals."""

    venue: Venue
    path: str
    """Of the list of all instruments."""
    rest: PublicRest
    name_of: Callable[[Symbol], str]
    """See `Sharing.name_of`."""
    codec: Callable[[Symbol], GateSpotPublic | GateFuturesPublic]
    markets_max: int = MARKETS_MAX

    def farewell(self, symbol: Symbol, now_s: int) -> tuple[str, ...]:
        """See `Sharing.farewell`."""
        return self.codec(symbol).unsubscribe_frames(now_s)

    def markets(self, frame: str | bytes) -> tuple[str, ...] | None:
        """See `Sharing.markets`. That a subscription has ended is nobody's news."""
        try:
            told = _frame(frame)
        except (msgspec.MsgspecError, RecursionError):
            return None
        if told.event == "unsubscribe":
            return ()
        if told.event == "subscribe":  # each of ours is about one market, which its payload begins with
            return (told.payload[0],) if told.payload else None
        if isinstance(told.result, list):
            found = {row.market for row in told.result}
            return None if None in found else tuple(filter(None, found))
        name = told.result.market if told.result is not None else None
        return None if name is None else (name,)

    def part(self, frame: str | bytes, name: str) -> str:
        """See `Sharing.part`: the frame with the rows of one market alone."""
        told: dict[str, object] = dict(_fields(frame))
        told["result"] = [row for row in _list(_fields(frame)["result"]) if _row(row).market == name]
        return msgspec.json.encode(told).decode()

    def terms_requests(self, names: Sequence[str]) -> tuple[Request, ...]:
        """The list of all instruments, whichever are asked for: one request of the address's budget."""
        del names
        return (self.rest.get(self.path),)

    def terms(self, names: Sequence[str], replies: Sequence[Reply]) -> dict[str, tuple[Reply, ...]]:
        """See `Sharing.terms`."""
        (reply,) = replies
        wanted = frozenset(names)
        found: dict[str, tuple[Reply, ...]] = {}
        with readable(self.venue, "list of instruments", reply.body):
            for row in _list(reply.body):
                listed = _listed(row)
                name = listed.id if self.venue.is_spot else listed.name
                if name in wanted:
                    found[name] = (Reply(status=reply.status, headers=reply.headers, body=bytes(row)),)
        return found


def spot_sharing() -> GateSharing:
    """Of spot pairs."""
    rest = PublicRest(REST_PREFIX)
    return GateSharing(Venue.GATE_SPOT, "/spot/currency_pairs", rest, _pair_name, GateSpotPublic)


def futures_sharing() -> GateSharing:
    """Of USDT perpetuals."""
    rest = PublicRest(REST_PREFIX, SIZE_DECIMAL)
    return GateSharing(Venue.GATE_FUTURES, "/futures/usdt/contracts", rest, contract_name, GateFuturesPublic)


def _pair_name(symbol: Symbol) -> str:
    return ascii_pair(symbol.base, symbol.quote)
