"""What takers really pay on each venue: from the newest fills, or as somebody says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import VENUES, FeeSchedule, Venue
from dnbot.domain.units import TEN_THOUSAND, divide
from dnbot.research.analysis import queries
from dnbot.research.analysis.words import Asked
from dnbot.research.fees import fraction_of

FILLS_LOOKED_AT = 500
"""The newest ones of each venue; those of them that took are counted."""


class TakerFee(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue takes of a taker's value."""

    venue: str
    rate: Decimal
    """A fraction of the value; negative is a rebate."""
    buys_pay_base: bool = False
    """Whether buys pay it out of the coin that they bring."""
    fills: int = 0
    """How many fills that is seen in; 0: it was given."""

    def schedule(self) -> FeeSchedule:
        """As the strategy's formulas want it; the same for makers, of whom they do not ask."""
        return FeeSchedule(
            venue=Venue(self.venue), maker=self.rate, taker=self.rate, buy_fee_in_base=self.buys_pay_base
        )


async def read_taker_fees(asked: Asked, given: Mapping[str, Decimal]) -> dict[str, TakerFee]:
    """By venue; a rate that is given comes before one that is seen. A venue of which nothing is known is left out."""
    rows = await asked.read(queries.TAKER_FEES, str(asked.symbol), asked.period.until, FILLS_LOOKED_AT)
    found = {
        row["venue"]: TakerFee(
            venue=row["venue"], rate=round(divide(row["fees_quote"], row["value_quote"]), 8),
            buys_pay_base=row["buys_pay_base"], fills=row["fills"],
        )
        for row in rows
    }
    for venue, rate in given.items():
        seen = found.get(venue)
        found[venue] = TakerFee(venue=venue, rate=rate, buys_pay_base=seen is not None and seen.buys_pay_base)
    return found


def given_fees(texts: Iterable[str]) -> dict[str, Decimal]:
    """Read `VENUE=BPS`, such as GATEIO_SPOT=9.

    Raises:
        ConfigError: naming the text and what is allowed.
    """
    found: dict[str, Decimal] = {}
    names = [venue.value for venue in VENUES]
    for text in texts:
        venue, equals, rate = text.partition("=")
        if venue not in names or not equals or venue in found:
            raise ConfigError("--fee", "venue", text, f"each once: VENUE=BPS for {', '.join(names)}")
        found[venue] = fraction_of("--fee", text, rate)
    return found


def fees_text(fees: Mapping[str, TakerFee]) -> str:
    """A sentence that says what net is net of."""
    parts = []
    for venue in VENUES:
        fee = fees.get(venue.value)
        if fee is None:
            parts.append(f"{venue.value} unknown (no taker fill yet; --fee {venue.value}=BPS gives it)")
            continue
        source = f"of {fee.fills} fills" if fee.fills else "given"
        parts.append(f"{venue.value} {round(fee.rate * TEN_THOUSAND, 2):f} bps ({source})")
    return "taker fees: " + ", ".join(parts)
