"""Which symbols a world has: the five that are typed in, and as many more as wanted, invented from seed and name.

The ranges are those of Gate's public lists as recorded in 2021 (1458 spot pairs) and 2023 (302 contracts): decimals of
prices and amounts, multipliers, leverage with its maintenance rate. Prices of invented symbols mean nothing.
"""

from __future__ import annotations

import math
import random
import re
from decimal import Decimal

from .instruments import SYMBOLS, Character, SymbolParams
from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, Venue

D = Decimal
COUNT_MAX = 1000
NAME = re.compile(r"[A-Z0-9]{1,20}/USDT", re.ASCII)
CONSONANTS, VOWELS = "BDFGHKLMNPRSTVWXZ", "AEIOU"
SCATTER = 3571  # has no factor in common with the number of names, so that neighbours do not look alike

# Where a symbol is listed, and how many of a hundred are.
LISTED: tuple[tuple[int, tuple[Venue, ...]], ...] = (
    (70, VENUES),
    (12, (GATE_SPOT, MEXC_SPOT)),
    (6, (GATE_SPOT, GATE_FUTURES)),
    (4, (GATE_FUTURES, MEXC_SPOT)),
    (4, (MEXC_SPOT,)),
    (4, (GATE_SPOT,)),
)
# Largest leverage and maintenance rate of a contract, and how many of a hundred have them.
TIERS = ((60, "20", "0.025"), (20, "50", "0.01"), (8, "5", "0.1"), (6, "10", "0.025"), (6, "100", "0.005"))
STEPS_PER_S = (0.75, 1.5, 3.0, 6.0)
SPOT_TICK_MIN = D("0.0000000001")
ODD_MULTIPLIERS = ("9.6", "11")


def symbol_names(wanted: tuple[str, ...] | int) -> tuple[str, ...]:
    """The named symbols, or that many: the typed-in ones first.

    Raises ValueError for a malformed or repeated name, none at all, or a number outside 1 to 1000.
    """
    if isinstance(wanted, int):
        if not 1 <= wanted <= COUNT_MAX:
            raise ValueError(f"symbols: {wanted} is out of range; 1 to {COUNT_MAX} can be made")
        known = list(SYMBOLS)[:wanted]
        return (*known, *(invented_name(number) for number in range(wanted - len(known))))
    if not wanted:
        raise ValueError("symbols: none given; name some, such as BTC/USDT,ETH/USDT, or say how many")
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"symbols: {', '.join(sorted({s for s in wanted if wanted.count(s) > 1}))} given twice")
    return wanted


def symbol_params(symbol: str, seed: int, price: float | None = None) -> SymbolParams:
    """The typed-in parameters, or invented ones that follow from seed and name alone (and the price, when it is known).

    Raises ValueError for a malformed name.
    """
    if symbol in SYMBOLS:
        return SYMBOLS[symbol]
    if not NAME.fullmatch(symbol):
        raise ValueError(f"symbol {symbol!r} is not of the form BASE/USDT, in capitals and digits")
    rng = random.Random(f"{seed}:universe:{symbol}")
    invented = 10 ** rng.uniform(-6, 3.5)
    return _invent(symbol, invented if price is None else price, rng)


def invented_name(number: int) -> str:
    """The symbol of that number from 0: a word of two syllables, each number another."""
    names = len(CONSONANTS) ** 2 * len(VOWELS) ** 2
    code = number * SCATTER % names
    word = ""
    for letters in (CONSONANTS, VOWELS, CONSONANTS, VOWELS):
        code, place = divmod(code, len(letters))
        word += letters[place]
    return f"{word}/USDT" if f"{word}/USDT" not in SYMBOLS else f"{word}2/USDT"


def _invent(symbol: str, price: float, rng: random.Random) -> SymbolParams:
    leverage, maintenance = rng.choices([(D(t[1]), D(t[2])) for t in TIERS], [t[0] for t in TIERS])[0]
    lot = _power(min(0.0, math.log10(0.02 / price)))
    venues = rng.choices([venues for _, venues in LISTED], [share for share, _ in LISTED])[0]
    return SymbolParams(
        symbol,
        D(f"{price:.4g}"),
        gate_price_tick=max(SPOT_TICK_MIN, _tick(price, rng)),
        gate_lot=lot,
        gate_quantity_min=lot * rng.choice((1, 10)),
        perp_price_tick=_tick(price, rng) * (5 if rng.random() < 0.05 else 1),
        multiplier=_multiplier(price, rng),
        mexc_price_tick=max(SPOT_TICK_MIN, _tick(price, rng)),
        mexc_lot=_power(min(0.0, math.log10(lot) + rng.choice((-1, 0, 1)))),
        mexc_price_band=rng.choice((D("0.02"), D("0.2"))),
        spot_quantity_max=max(D(1000000), _power(math.log10(2e6 / price))),
        gate_notional_min=rng.choice((D(1), D(3), D(3), D(5))),
        mexc_notional_min=rng.choice((D(1), D(1), D(5))),
        perp_price_band=rng.choice((D("0.1"), D("0.2"), D("0.5"))),
        leverage_max=leverage,
        maintenance_rate=maintenance,
        decimal_sizes=rng.random() < 0.08,
        venues=venues,
        character=_character(rng),
    )


def _character(rng: random.Random) -> Character:
    """Smaller coins move more, cost more to trade, hold less and are seldom quoted anew."""
    size = rng.random()
    return Character(
        steps_per_s=rng.choices(STEPS_PER_S, (5, 3, 2, 1))[0],
        phase=round(rng.random(), 3),
        volatility=round(1.2 + 2.5 * (1 - size) * rng.uniform(0.6, 1.4), 2),
        spread=round(2 + 12 * (1 - size) * rng.uniform(0.6, 1.4), 2),
        depth=round(0.02 + 0.4 * size * rng.uniform(0.6, 1.4), 3),
    )


def _tick(price: float, rng: random.Random) -> Decimal:
    """Prices of 4 to 6 significant digits: 1 to 1000 of a million of the price."""
    digits: int = rng.choices((4, 5, 6), (1, 3, 1))[0]
    return _power(math.floor(math.log10(price)) - digits + 1)


def _multiplier(price: float, rng: random.Random) -> Decimal:
    """Contracts worth between a tenth and twenty of quote, in powers of ten; a few odd ones, as Gate lists them."""
    if 0.05 < price < 2 and rng.random() < 0.1:
        return D(rng.choice(ODD_MULTIPLIERS))
    return _power(math.log10(rng.uniform(0.3, 7) / price))


def _power(exponent: float) -> Decimal:
    """Ten to the nearest whole exponent, as plain digits (1000, not 1E+3)."""
    return D(f"{D(10) ** round(exponent):f}")
