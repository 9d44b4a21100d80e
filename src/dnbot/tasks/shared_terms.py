"""The instruments of all markets of one venue, read at once by whoever asks first.

Each market alone would spend the address's budget: a contract is looked at every ten seconds, and the rules of one MEXC
symbol cost as much as those of all.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import trio

from dnbot.domain.errors import OperatingError, VenueRefused
from dnbot.tasks.link import Line
from dnbot.venues.sharing import Sharing
from dnbot.venues.wire import PublicCodec, Reply

KEPT_S = 150.0
"""A market that nobody asked about for so long, several polls, is not read any more."""

TRIES_MAX = 3
"""One answer that did not come must not end the feeds of all markets."""
AGAIN_S = 1.0

Terms = tuple[Reply, ...]


@attrs.define
class _Reading:
    """One reading of all."""

    began_s: float
    names: frozenset[str]
    found: dict[str, Terms] = attrs.field(factory=dict)
    error: OperatingError | None = None


@attrs.define(eq=False)
class SharedTerms:
    """The newest answers, and the turn in which newer ones are asked for. One reading at a time."""

    sharing: Sharing
    line: Line
    readings: int = 0
    """Of all at once."""
    single: int = 0
    """Of one market, after the venue refused them all."""
    _asked_s: dict[str, float] = attrs.field(factory=dict, init=False)
    """When each market was last asked about."""
    _apart: set[str] = attrs.field(factory=set, init=False)
    """Markets that the venue refused by themselves: with them in it, a reading of all would be refused as well."""
    _newest: _Reading = attrs.field(factory=lambda: _Reading(float("-inf"), frozenset()), init=False)
    _turn: trio.StrictFIFOLock = attrs.field(factory=trio.StrictFIFOLock, init=False)

    async def of(self, codec: PublicCodec, young_s: float) -> Sequence[Reply]:
        """See `Source.terms`. An error, too, is everybody's for `young_s`."""
        name, since_s = self.sharing.name_of(codec.symbol), trio.current_time() - young_s
        self._asked_s[name] = trio.current_time()
        async with self._turn:
            if name in self._apart:
                return await self._alone(codec)
            if self._newest.began_s < since_s or name not in self._newest.names:
                self._newest = await self._read(codec)
            reading = self._newest
            if isinstance(reading.error, VenueRefused):
                return await self._alone(codec)
        if reading.error is not None:
            raise reading.error
        if name not in reading.found:
            raise VenueRefused(codec.venue.value, "terms", f"the venue does not list {name}")
        return reading.found[name]

    def due_s(self, codec: PublicCodec, every_s: float) -> float:
        """So long after the newest reading began: all whom it told wait for that moment, and one reads for them."""
        newest, name = self._newest, self.sharing.name_of(codec.symbol)
        was_told = name in newest.names and newest.error is None
        return (newest.began_s if was_told else self._asked_s[name]) + every_s

    async def _read(self, codec: PublicCodec) -> _Reading:
        now_s = trio.current_time()
        self._asked_s = {name: at_s for name, at_s in self._asked_s.items() if now_s - at_s <= KEPT_S}
        names = sorted(name for name in self._asked_s if name not in self._apart)
        reading = _Reading(now_s, frozenset(names))
        self.readings += 1
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                replies = [await self.line.read(codec, request) for request in self.sharing.terms_requests(names)]
                reading.found, reading.error = self.sharing.terms(names, replies), None
                break
            except OperatingError as error:
                reading.error = error
                if isinstance(error, VenueRefused) or not tries_left:
                    break
            await trio.sleep(AGAIN_S)
        return reading

    async def _alone(self, codec: PublicCodec) -> Sequence[Reply]:
        """By itself, because the venue refused all together: then it is known which of them it refuses."""
        self.single += 1
        name = self.sharing.name_of(codec.symbol)
        try:
            replies = [await self.line.read(codec, request) for request in codec.instrument_requests()]
            codec.instrument(replies)
        except VenueRefused:
            self._apart.add(name)
            raise
        self._apart.discard(name)
        return replies
