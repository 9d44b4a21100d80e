"""Which legs may rest, and the bounds of whoever decides that they do: settings and execution plugins."""

from __future__ import annotations

from dnbot.domain.instrument import Venue
from dnbot.domain.pair import Pair

MAKER = Venue.MEXC_SPOT
"""Where legs rest: the maker fee is lowest there, and no other venue of ours is beside it in a pair."""
PAIRS_THAT_REST = tuple(pair for pair in Pair if MAKER in (pair.buy_venue, pair.sell_venue))
TICKS_MOST = 1_000
"""Steps of the price inside the book."""
REST_MS_LEAST, REST_MS_MOST = 500, 20_000
"""Shorter, and it is cancelled before anybody could have met it; longer, and an order whose end is not known would be
looked for while it simply rests.
"""
