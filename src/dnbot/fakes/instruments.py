"""What can be traded on the fake venues: steps, minima, bands, fees. Typed again from the venues' public documents."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import attrs

from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, Venue
from .records import FeePolicy as FeePolicy
from .records import FeeRates as FeeRates

D = Decimal

# Entry tier of each venue (Gate: wallet/fee; MEXC: exchangeInfo makerCommission and takerCommission).
DEFAULT_FEES: dict[Venue, FeeRates] = {
    GATE_SPOT: FeeRates(D("0.002"), D("0.002")),
    GATE_FUTURES: FeeRates(D("0.0002"), D("0.0005")),
    MEXC_SPOT: FeeRates(D("0"), D("0.0005")),
}


@attrs.frozen
class VenueRules:
    """Behaviour that differs between venues: does an impossible POC or FOK make a refusal or a cancelled order."""

    refuse_poc: bool
    refuse_fok: bool
    orders_open_max: int


RULES: dict[Venue, VenueRules] = {
    GATE_SPOT: VenueRules(refuse_poc=True, refuse_fok=True, orders_open_max=500),
    GATE_FUTURES: VenueRules(refuse_poc=True, refuse_fok=True, orders_open_max=100),
    MEXC_SPOT: VenueRules(refuse_poc=False, refuse_fok=False, orders_open_max=500),
}


# Life of a market (Gate futures contracts, `status`; spot venues have the first, second and last only). In delisting,
# a contract takes orders that reduce a position and no others (`in_delisting`).
Phase = Literal["prelaunch", "trading", "delisting", "delisted"]


@attrs.frozen
class Instrument:
    """One market: ``price_tick`` and ``lot`` are exact steps, ``multiplier`` is base units per contract (1 on spot).

    ``price_band`` is the largest distance of a limit price from the reference (mark on the perp, last on spot), as a
    fraction; on spot it bounds only the aggressive direction. ``market_slip`` bounds a perp market order.
    ``listed_s`` and ``delisted_s`` are whole seconds since 1970: begin of trading (0: long ago), and its end once that
    is announced (0: none).
    """

    venue: Venue
    symbol: str
    name: str
    base: str
    quote: str
    price_tick: Decimal
    lot: Decimal
    quantity_min: Decimal
    quantity_max: Decimal
    notional_min: Decimal
    notional_max: Decimal
    price_band: Decimal
    multiplier: Decimal = D(1)
    market_slip: Decimal = D("0.05")
    leverage_max: Decimal = D(125)
    maintenance_rate: Decimal = D("0.004")
    decimal_sizes: bool = False
    phase: Phase = "trading"
    listed_s: int = 0
    delisted_s: int = 0

    @property
    def tradable(self) -> bool:
        """Whether it takes orders, if only to reduce."""
        return self.phase in ("trading", "delisting")

    @property
    def price_decimals(self) -> int:
        """Digits after the point of a price."""
        return max(0, -int(self.price_tick.normalize().as_tuple().exponent))

    @property
    def lot_decimals(self) -> int:
        """Digits after the point of a quantity."""
        return max(0, -int(self.lot.normalize().as_tuple().exponent))

    @property
    def is_perp(self) -> bool:
        """Whether this is the perpetual contract."""
        return self.venue == GATE_FUTURES

    def notional(self, price: Decimal, quantity: Decimal) -> Decimal:
        """Quote value of a quantity at a price, exact."""
        return price * quantity * self.multiplier


STEPS_PER_S = 36


@attrs.frozen
class Character:
    """How one symbol's market differs from the preset: factors, and how many steps its outsiders take in a second.

    ``phase`` is the part of a step by which its first one comes later, so that many symbols do not act at once.
    """

    steps_per_s: float = STEPS_PER_S
    phase: float = 0.0
    volatility: float = 1.0
    spread: float = 1.0
    depth: float = 1.0


@attrs.frozen
class SymbolParams:
    """Everything about one symbol that differs from BTC; ``price`` is where its market begins, in quote."""

    symbol: str
    price: Decimal
    gate_price_tick: Decimal
    gate_lot: Decimal
    gate_quantity_min: Decimal
    perp_price_tick: Decimal
    multiplier: Decimal
    mexc_price_tick: Decimal
    mexc_lot: Decimal
    mexc_price_band: Decimal = D("0.02")
    spot_quantity_max: Decimal = D(1000000)
    gate_notional_min: Decimal = D(3)
    mexc_notional_min: Decimal = D(1)
    perp_price_band: Decimal = D("0.2")
    leverage_max: Decimal = D(125)
    maintenance_rate: Decimal = D("0.004")
    decimal_sizes: bool = False
    venues: tuple[Venue, ...] = VENUES
    character: Character = Character()


SYMBOLS: dict[str, SymbolParams] = {
    p.symbol: p
    for p in (
        SymbolParams(
            "BTC/USDT",
            D(60000),
            D("0.1"),
            D("0.000001"),
            D("0.00001"),
            D("0.1"),
            D("0.0001"),
            D("0.01"),
            D("0.000001"),
            mexc_price_band=D("0.005"),
        ),
        SymbolParams(
            "ETH/USDT", D(3000), D("0.01"), D("0.0001"), D("0.001"), D("0.01"), D("0.01"), D("0.01"), D("0.00001")
        ),
        SymbolParams("SOL/USDT", D(150), D("0.01"), D("0.001"), D("0.001"), D("0.001"), D("1"), D("0.01"), D("0.01")),
        SymbolParams(
            "XRP/USDT", D("0.6"), D("0.0001"), D("0.01"), D("0.01"), D("0.0001"), D("10"), D("0.0001"), D("0.01")
        ),
        SymbolParams(
            "DOGE/USDT", D("0.1"), D("0.00001"), D("0.1"), D("1"), D("0.00001"), D("10"), D("0.00001"), D("0.01")
        ),
    )
}


def instruments_for(params: SymbolParams, *, decimal_sizes: bool = False) -> tuple[Instrument, Instrument, Instrument]:
    """Gate spot pair, Gate contract and MEXC pair of one symbol (Gate currency_pairs, contracts; MEXC exchangeInfo).

    ``decimal_sizes`` gives the contract decimal sizes whatever its own parameter says.
    """
    base, quote = params.symbol.split("/")
    decimal_sizes = decimal_sizes or params.decimal_sizes
    gate = Instrument(
        venue=GATE_SPOT,
        symbol=params.symbol,
        name=f"{base}_{quote}",
        base=base,
        quote=quote,
        price_tick=params.gate_price_tick,
        lot=params.gate_lot,
        quantity_min=params.gate_quantity_min,
        quantity_max=params.spot_quantity_max,
        notional_min=params.gate_notional_min,
        notional_max=D(5000000),
        price_band=D("0.5"),
    )
    perp = Instrument(
        venue=GATE_FUTURES,
        symbol=params.symbol,
        name=f"{base}_{quote}",
        base=base,
        quote=quote,
        price_tick=params.perp_price_tick,
        lot=D("0.1") if decimal_sizes else D(1),
        multiplier=params.multiplier,
        quantity_min=D("0.1") if decimal_sizes else D(1),
        quantity_max=D(1000000),
        notional_min=D(0),
        notional_max=D(10000000),
        price_band=params.perp_price_band,
        market_slip=D("0.015"),
        leverage_max=params.leverage_max,
        maintenance_rate=params.maintenance_rate,
        decimal_sizes=decimal_sizes,
    )
    mexc = Instrument(
        venue=MEXC_SPOT,
        symbol=params.symbol,
        name=f"{base}{quote}",
        base=base,
        quote=quote,
        price_tick=params.mexc_price_tick,
        lot=params.mexc_lot,
        quantity_min=params.mexc_lot,
        quantity_max=params.spot_quantity_max,
        notional_min=params.mexc_notional_min,
        notional_max=D(2000000),
        price_band=params.mexc_price_band,
    )
    return gate, perp, mexc
