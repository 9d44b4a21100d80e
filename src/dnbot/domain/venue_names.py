"""What people and the database call the second spot venue while a plugin speaks for another exchange there.

In the code `Venue.MEXC_SPOT` is a role. A plugin's exchange has that role under a name of its own, and each of the two
names stands for the other in all that leaves and comes back: that is its own inverse, so what was written is read as it
was, whatever ids an exchange gives.
"""

from __future__ import annotations

import re

import attrs

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.pair import Pair

ROLE = "MEXC"
TAKEN = frozenset({ROLE, "GATE", "GATEIO", "SPOT", "FUTURES", "OPEN", "CLOSE", "TO"})
"""Parts of our own words, which would mean two things."""
_WORDS = (Venue.MEXC_SPOT.value, *(pair.name for pair in Pair if ROLE in pair.name.split("_")), f"{ROLE} spot")
_SPOT = "_SPOT"


@attrs.frozen
class VenueNames:
    """`exchange` in capital letters and digits, without one nothing is changed."""

    exchange: str = ""
    _swapped: dict[bytes, bytes] = attrs.field(init=False, repr=False, eq=False)
    _pattern: re.Pattern[bytes] = attrs.field(init=False, repr=False, eq=False)

    @_swapped.default
    def _both_ways(self) -> dict[bytes, bytes]:
        ours = [word.encode() for word in _WORDS]
        theirs = [word.replace(ROLE, self.exchange).encode() for word in _WORDS]
        return dict(zip([*ours, *theirs], [*theirs, *ours], strict=True))

    @_pattern.default
    def _any_word(self) -> re.Pattern[bytes]:
        return re.compile(rb"(?<![A-Z0-9_])(?:%b)(?![A-Z0-9_])" % b"|".join(map(re.escape, self._swapped)))

    @property
    def second_spot(self) -> str:
        """As rows and labels have it: `EXAMPLE_SPOT`."""
        return self.text(Venue.MEXC_SPOT.value)

    def data(self, data: bytes) -> bytes:
        """The same bytes, when neither name is in them."""
        if not self.exchange:
            return data
        return self._pattern.sub(lambda found: self._swapped[found[0]], data)

    def text(self, text: str) -> str:
        """The same for text."""
        if not self.exchange:
            return text
        return self.data(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def value(self, value: object) -> object:
        """The same for a value of a row: text, or a list of texts."""
        if isinstance(value, str):
            return self.text(value)
        return [self.value(one) for one in value] if isinstance(value, list) and self.exchange else value


AS_THEY_ARE = VenueNames()
"""MEXC's codecs speak for it."""


def names_of(venues: list[str]) -> VenueNames:
    """From the venues that a database knows: whichever of them is none of ours is the second spot venue's."""
    known = {venue.value for venue in VENUES}
    strange = [venue.removesuffix(_SPOT) for venue in venues if venue not in known]
    return VenueNames(strange[0]) if strange else AS_THEY_ARE
