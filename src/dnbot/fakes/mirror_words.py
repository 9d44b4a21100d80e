"""What the fakes are told of a market that is kept elsewhere, and of the accounts that trade on it: all as JSON.

Money, prices, rates and quantities are decimal text; quantities are base units, on the perpetual too. Venues are
``gate_spot``, ``gate_futures`` and ``mexc_spot``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from .records import VENUES, Side, Venue

Level = tuple[Decimal, Decimal]
"""A price, and what is offered there: more than 0."""


class MirrorRefused(ValueError):
    """What was told cannot be; nothing of it was taken in. The text says why."""


class _Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="told"):
    """One thing that is told."""


class BookTold(_Told, frozen=True, tag="book"):
    """The best levels of one venue, best first, and how old they were when they were sent."""

    venue: Venue
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    age_ms: int = 0


class BookLost(_Told, frozen=True, tag="lost"):
    """Nobody knows that book any more: until it is told again, nothing trades there."""

    venue: Venue


class TradeTold(_Told, frozen=True, tag="trade"):
    """Somebody took: ``side`` is the taker's."""

    venue: Venue
    side: Side
    price: Decimal
    quantity: Decimal


class RatesTold(_Told, frozen=True, tag="rates"):
    """Mark, index and funding of the perpetual; times in seconds, ``next_s`` since 1970."""

    mark: Decimal
    index: Decimal
    rate: Decimal
    interval_s: int
    next_s: int


Told = BookTold | BookLost | TradeTold | RatesTold


class InstrumentTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One market as its venue publishes it; what a venue does not publish is None, and the fakes' own then.

    ``lot`` and the quantities are base units; ``multiplier`` is base units per contract.
    """

    venue: Venue
    price_tick: Decimal
    lot: Decimal
    quantity_min: Decimal
    quantity_max: Decimal | None = None
    notional_min: Decimal = Decimal(0)
    notional_max: Decimal | None = None
    price_band: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    maintenance_rate: Decimal | None = None
    leverage_max: Decimal | None = None


class AccountTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account has and pays at one venue, and how far away that is.

    ``latency_ms`` is the way there and back.
    """

    venue: Venue
    maker: Decimal
    taker: Decimal
    latency_ms: int
    balances: dict[str, Decimal]


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that has to be known before the first order."""

    symbol: str
    price: Decimal
    instruments: tuple[InstrumentTerms, ...]
    accounts: tuple[AccountTerms, ...]
    rates: RatesTold
    book_age_ms_max: int
    """A book that is older does not trade."""

    def account(self, venue: Venue) -> AccountTerms:
        """The account at that venue."""
        return next(account for account in self.accounts if account.venue == venue)


_terms = msgspec.json.Decoder(Terms)
_told = msgspec.json.Decoder(list[Told])


def read_terms(path: Path) -> Terms:
    """The terms in a file. Raises MirrorRefused for a file that holds none, OSError when it cannot be read."""
    try:
        terms = _terms.decode(path.read_bytes())
    except msgspec.MsgspecError as why:
        raise MirrorRefused(f"{path}: {why}") from None
    for what, venues in (
        ("instruments", [one.venue for one in terms.instruments]), ("accounts", [one.venue for one in terms.accounts]),
    ):
        if sorted(venues) != sorted(VENUES):
            raise MirrorRefused(f"{path}: {what} of {', '.join(sorted(venues)) or 'nobody'}, not of each venue once")
    return terms


def read_told(body: bytes) -> Sequence[Told]:
    """What a request tells, in its order. Raises MirrorRefused for anything else."""
    try:
        return _told.decode(body)
    except msgspec.MsgspecError as why:
        raise MirrorRefused(str(why)) from None
