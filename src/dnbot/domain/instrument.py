"""Venues, symbols, and what may be traded there: ticks, lots, minima, contract sizes, fees.

Everything above the wire counts in base units: a perpetual's lot is its contract step times the multiplier.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.derived import Derived, DerivedFinite
from dnbot.domain.units import ONE, ZERO, Contracts, Price, Quantity, ceil_to, divide, floor_to, is_multiple
from dnbot.domain.word import Word


class Venue(Word):
    """The three markets that the bot trades."""

    GATE_SPOT = "GATEIO_SPOT"
    GATE_FUTURES = "GATEIO_FUTURES"
    MEXC_SPOT = "MEXC_SPOT"

    @property
    def is_spot(self) -> bool:
        """Whether base inventory is held here (as opposed to contracts)."""
        return self is not Venue.GATE_FUTURES


SPOT_VENUES = (Venue.GATE_SPOT, Venue.MEXC_SPOT)
VENUES = (Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT)


class Symbol(msgspec.Struct, frozen=True, order=True):
    """A pair such as BTC/USDT: `base` is what is held, `quote` is what it is paid in."""

    base: str
    quote: str

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"

    @classmethod
    def parse(cls, text: str) -> Symbol:
        """Read `BASE/QUOTE`; raises ValueError for anything else."""
        base, slash, quote = text.partition("/")
        if not slash or not base.isalnum() or not quote.isalnum() or text != text.upper():
            raise ValueError(f"not a symbol of the form BTC/USDT: {text!r}")
        return cls(base, quote)


class Instrument(DerivedFinite, frozen=True, kw_only=True):
    """What one venue accepts for one symbol. Quantities are base units; prices quote per base."""

    venue: Venue
    symbol: Symbol
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal = ZERO
    max_quantity: Decimal | None = None
    min_notional: Decimal = ZERO
    max_notional: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    """Base units per contract; 1 on spot."""
    price_deviation_max: Decimal | None = None
    """A limit price may stray from mark (perp) or market (spot) by this fraction."""
    maintenance_rate: Decimal = ZERO
    tradable: bool = True
    not_tradable_because: str = ""
    closing_only: bool = False
    """Not tradable, and yet orders that close a position (on spot: sells) are accepted: what a delisting leaves."""

    def accepts(self, *, closes: bool) -> bool:
        """Whether the venue takes orders now that close something, or others."""
        return self.tradable or (self.closing_only and closes)

    def to_contracts(self, quantity: Decimal) -> Contracts:
        """Base units to contracts, exactly; raises ValueError off the contract grid."""
        if not is_multiple(quantity, self.lot_size):
            unit = f"{self.lot_size} {self.symbol.base}"
            raise ValueError(f"{quantity} is not a multiple of {unit} on {self.venue.value}")
        return Contracts(divide(quantity, self.multiplier))

    def to_base(self, contracts: Decimal) -> Quantity:
        """Contracts to base units."""
        return Quantity(contracts * self.multiplier)

    def price_down(self, price: Decimal) -> Price:
        """The nearest valid price at or below."""
        return Price(floor_to(price, self.tick_size))

    def price_up(self, price: Decimal) -> Price:
        """The nearest valid price at or above."""
        return Price(ceil_to(price, self.tick_size))

    def problem_with(self, quantity: Decimal, price: Decimal) -> str | None:
        """The denial code of the first rule that an order breaks, or None: LOT, TICK, MIN_QTY, MAX_QTY, MIN_NOTIONAL,
        MAX_NOTIONAL."""
        notional = quantity * price
        if quantity <= 0 or not is_multiple(quantity, self.lot_size):
            return "LOT"
        if price <= 0 or not is_multiple(price, self.tick_size):
            return "TICK"
        if quantity < self.min_quantity:
            return "MIN_QTY"
        if self.max_quantity is not None and quantity > self.max_quantity:
            return "MAX_QTY"
        if notional < self.min_notional:
            return "MIN_NOTIONAL"
        if self.max_notional is not None and notional > self.max_notional:
            return "MAX_NOTIONAL"
        return None


class FeeSchedule(DerivedFinite, frozen=True, kw_only=True):
    """One account's rates on one venue, as fractions; read from the venue's fee endpoint, never assumed."""

    venue: Venue
    maker: Decimal
    taker: Decimal
    buy_fee_in_base: bool = False
    """Whether a spot buy pays its fee out of the bought coin."""

    @Derived
    def gross_up(self) -> Decimal:
        """Base units to buy for each that should arrive: `1 / (1 - fee)` when the fee is taken in base, else 1."""
        return divide(ONE, ONE - self.taker) if self.buy_fee_in_base else ONE

    @Derived
    def buy_factor(self) -> Decimal:
        """What a base unit received costs, as a multiple of the price paid."""
        return self.gross_up if self.buy_fee_in_base else ONE + self.taker

    @Derived
    def sell_factor(self) -> Decimal:
        """What a base unit sold brings, as a multiple of its price."""
        return ONE - self.taker
