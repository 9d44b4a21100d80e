"""Whether prices may be believed: age, skew, identity, distance from mark and index; and how far a limit may go."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.market import BookView, MarketView, MarkPrice
from dnbot.domain.order import Side
from dnbot.domain.units import ZERO, bps, divide, of_bps
from dnbot.strategy.parameters import StrategyParameters

MARK_AGE_S_MAX = 60.0
"""Mark and index are a reference, not a price we trade at; a minute without one is no reference any more."""

BAND_SHARE = Decimal("0.8")
"""How much of a venue's own price band is used: it measures from a price of its own (last trade, mark of that moment)
that we do not see, and what lies at the very edge is refused every second time.
"""

Doubt = tuple[str, str]
"""(reason code, text)"""


def age_ms(book: BookView, now_s: float) -> int:
    """Milliseconds since the last update of a book arrived."""
    return round((now_s - book.received_s) * 1000)


def stale(books: tuple[BookView, ...], params: StrategyParameters, now_s: float) -> Doubt | None:
    """A book that is too old, or two that are too far apart in time."""
    ages = [age_ms(book, now_s) for book in books]
    oldest = max(ages)
    if oldest > params.market_age_ms_max:
        venue = books[ages.index(oldest)].venue.value
        return "STALE", f"{venue} book is {oldest} ms old, allowed {params.market_age_ms_max}"
    if oldest - min(ages) > params.market_skew_ms_max:
        return "SKEW", f"books are {oldest - min(ages)} ms apart, allowed {params.market_skew_ms_max}"
    return None


def crossed(books: tuple[BookView, ...]) -> Doubt | None:
    """A book whose bid reaches its ask."""
    for book in books:
        if book.bids[0][0] >= book.asks[0][0]:
            return "CROSSED", f"{book.venue.value} book is crossed: bid {book.bids[0][0]}, ask {book.asks[0][0]}"
    return None


def different_coin(books: dict[Venue, BookView], params: StrategyParameters) -> Doubt | None:
    """Mids so far apart that equal tickers must be different coins. All known books take part."""
    mids = [book.mid for book in books.values()]
    if not mids or max(mids) <= min(mids) * params.identity_price_ratio_max:
        return None
    ratio = divide(max(mids), min(mids))
    return "IDENTITY", f"mids differ by a factor of {ratio:.3f}, allowed {params.identity_price_ratio_max}"


def without_old_mark(market: MarketView, now_s: float) -> MarketView:
    """The market, whose mark and index are unknown once nothing was heard of them for too long.

    Their stream may be silent while the books go on: what a hedge may pay, and what a position is worth, would stand
    still.
    """
    if market.mark is None or now_s - market.mark_received_s <= MARK_AGE_S_MAX:
        return market
    return msgspec.structs.replace(market, mark=None)


def off_reference(
    books: tuple[BookView, ...], market: MarketView, params: StrategyParameters, now_s: float
) -> Doubt | None:
    """A mid that departs from mark or index; also a reference that is missing or old."""
    mark = without_old_mark(market, now_s).mark
    if mark is None:
        return "COLLAR", f"no mark and index price within {MARK_AGE_S_MAX:.0f} s to compare with"
    for book in books:
        mid = book.mid
        for name, price in (("mark", mark.mark), ("index", mark.index)):
            away = abs(bps(mid - price, price))
            if away > params.price_collar_bps:
                return "COLLAR", (
                    f"{book.venue.value} mid {mid} is {away:.1f} bps from {name} {price}, "
                    f"allowed {params.price_collar_bps}"
                )
    return None


def worst_price(
    side: Side, book: BookView, instrument: Instrument, mark: MarkPrice | None, params: StrategyParameters
) -> Decimal:
    """The price on the tick grid that an order of `side` may never go beyond.

    Inside `price_collar_bps` of the book's own mid and of the mark (when known), and inside BAND_SHARE of the venue's
    own `price_deviation_max` from the mark on the perpetual and from the mid on spot.
    """
    sign, mid = side.sign, book.mid
    bounds = [mid + sign * of_bps(mid, params.price_collar_bps)]
    if mark is not None:
        bounds.append(mark.mark + sign * of_bps(mark.mark, params.price_collar_bps))
    if instrument.price_deviation_max is not None:
        anchor = mid if instrument.venue.is_spot or mark is None else mark.mark
        bounds.append(anchor * (1 + sign * BAND_SHARE * instrument.price_deviation_max))
    if side is Side.BUY:
        return instrument.price_down(min(bounds))
    return instrument.price_up(max(*bounds, ZERO))
