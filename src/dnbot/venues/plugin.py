"""What a venue plugin is: a codec for the second spot venue, in a package of its own; docs/extending.md shows one.

The entry point (group `dnbot.venues`) names a class. It is called once with a `VenueContext`, in the process that
trades, and gives the codecs, which are pure: they turn words into requests and frames into words. Sockets, keys, rate
budgets, intents, the gate and one-send stay with the core, and every call goes through `guarded.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol, TypeVar

import attrs
import msgspec

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.venues.wire import PublicCodec, Signer, SpotPrivateCodec

PROTOCOLS = (1,)
"""The versions that this dnbot speaks."""
VENUE = Venue.MEXC_SPOT
"""The role that a plugin takes: the second spot venue."""
Rate = tuple[float, int]
"""Requests per second, and burst."""
Number = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,20})?$")]
"""A plain decimal number as text, for the structs of a wire: `Decimal` itself would also take NaN and infinities."""
T = TypeVar("T")


@attrs.frozen
class VenueContext:
    """What a plugin is called with."""

    symbol: Symbol
    options: Mapping[str, str | int | bool] = {}
    """`[second_spot] options`: the plugin's own. Whatever it raises about them is told to the person who wrote them."""
    venue: Venue = VENUE
    """What every word that it makes has in `venue`."""


@attrs.frozen
class VenueLimits:
    """What the venue allows one account, in weights of `Request.weight`; the core waits, the plugin never does."""

    public: Rate
    read: Rate
    create: Rate
    cancel: Rate | None = None
    """None: cancels spend the budget of creates."""


class VenuePlugin(Protocol):
    """Kind `venues`, version 1."""

    protocol: int
    limits: VenueLimits
    fake: str
    """`module:name` of a function of the fakes' exchange and request log that returns a front for `dnbot fakes`;
    empty: there is none, and mode sim cannot be had. It is imported by the process of the fakes alone."""

    def public(self) -> PublicCodec:
        """A new codec that cannot sign."""
        ...

    def private(self, signer: Signer) -> SpotPrivateCodec:
        """A new codec that has its bytes signed: it is never given the secret."""
        ...


def read(body: bytes | str, kind: type[T]) -> T:
    """A body or frame of JSON as a struct; raises FrameUnreadable where a deciding field is missing or is another."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameUnreadable(VENUE.value, str(error), body) from error
