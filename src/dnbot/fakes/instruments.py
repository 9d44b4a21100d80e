"""What can be traded on the fake venues: steps, minima, bands, fees. Typed again from the venues' public documents."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import attrs

from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, Venue

D = Decimal


@attrs.frozen
class FeeRates:
    """Fractions of the traded value; negative would be a rebate."""

    maker: Decimal
    taker: Decimal


# Entry tier of each venue (Gate: wallet/fee; MEXC: exchangeInfo makerCommission and takerCommission).
DEFAULT_FEES: dict[Venue, FeeRates] = {
    GATE_SPOT: FeeRates(D("0.002"), D("0.002")),
    GATE_FUTURES: FeeRates(D("0.0002"), D("0.0005")),
    MEXC_SPOT: FeeRates(D("0"), D("0.0005")),
}
# Where a fee is taken: from what is received (base on a buy, quote on a sell), always from quote, or in MX.
FeePolicy = Literal["received", "quote", "MX"]


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


@attrs.frozen
class Instrument:
    """One market: ``price_tick`` and ``lot`` are exact steps, ``multiplier`` is base units per contract (1 on spot).

    ``price_band`` is the largest distance of a limit price from the reference (mark on the perp, last on spot), as a
    fraction; on spot it bounds only the aggressive direction. ``market_slip`` bounds a perp market order.
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
    tradable: bool = True

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
    """Gate spot pair, Gate contract and MEXC pair of one symbol (Gate currency_pairs, contracts; MEXC exchangeInfo)."""
    base, quote = params.symbol.split("/")
    gate = Instrument(
        venue=GATE_SPOT,
        symbol=params.symbol,
        name=f"{base}_{quote}",
        base=base,
        quote=quote,
        price_tick=params.gate_price_tick,
        lot=params.gate_lot,
        quantity_min=params.gate_quantity_min,
        quantity_max=D(1000000),
        notional_min=D(3),
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
        price_band=D("0.2"),
        market_slip=D("0.015"),
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
        quantity_max=D(1000000),
        notional_min=D(1),
        notional_max=D(2000000),
        price_band=params.mexc_price_band,
    )
    return gate, perp, mexc
