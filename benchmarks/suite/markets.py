"""Three books of twenty levels, in as many variants as a benchmark wants, and the fees of their venues."""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.instrument import VENUES, FeeSchedule, Venue
from dnbot.domain.market import BookView, MarketView

LEVELS = 20
VARIANTS = 64
QUANTITY = Decimal("3.7")
"""Base units: a walk of three to six levels."""
FEES = {
    venue: FeeSchedule(venue=venue, maker=Decimal(0), taker=rate, buy_fee_in_base=venue is Venue.GATE_SPOT)
    for venue, rate in zip(VENUES, (Decimal("0.0005"), Decimal("0.0002"), Decimal("0.0003")), strict=True)
}


def book(venue: Venue, variant: int) -> BookView:
    """A book around 60,000 whose mid and sizes depend on the variant; every venue's moves by another amount."""
    place = VENUES.index(venue)
    mid = Decimal(60_000) + Decimal((variant * (7 + 4 * place)) % 301 - 150) * Decimal("0.4")
    sizes = [Decimal(70 + (variant * 13 + level * 29 + place * 11) % 60).scaleb(-2) for level in range(LEVELS)]
    steps = [Decimal(5 + 10 * level).scaleb(-2) for level in range(LEVELS)]
    return BookView(
        venue=venue, update_id=variant + 1, venue_ms=0, received_s=0.0,
        bids=tuple((mid - step, size) for step, size in zip(steps, sizes, strict=True)),
        asks=tuple((mid + step, size) for step, size in zip(steps, sizes, strict=True)),
    )


def all_changed() -> list[MarketView]:
    """A cycle of views of which each has three new books."""
    return [MarketView(books={venue: book(venue, variant) for venue in VENUES}) for variant in range(VARIANTS)]


def one_changed() -> list[MarketView]:
    """A cycle of views of which each has one new book, from one venue after the other."""
    books = {venue: [book(venue, variant) for variant in range(VARIANTS)] for venue in VENUES}
    count = len(VENUES)
    return [
        MarketView(books={v: books[v][(number - place) // count % VARIANTS] for place, v in enumerate(VENUES)})
        for number in range(count * VARIANTS)
    ]
