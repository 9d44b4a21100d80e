"""Config values as a person types them on a command line. Every function raises ValueError, saying what is allowed."""

from __future__ import annotations

from typing import Literal

from .config import Listing
from .market_params import MIRRORED, PRESETS
from .records import VENUES, Venue
from .replay import PREFIX
from .universe import symbol_names, symbol_params

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def symbols_from(text: str) -> tuple[str, ...] | int:
    """``BTC/USDT,ETH/USDT`` names symbols, ``200`` is that many."""
    if text.strip().isdecimal():
        wanted: tuple[str, ...] | int = int(text)
    else:
        wanted = tuple(part.strip().upper() for part in text.split(",") if part.strip())
    for symbol in symbol_names(wanted):
        symbol_params(symbol, 0)
    return wanted


def market_from(text: str) -> str:
    """The name of a preset, or ``replay:PATH``. A mirrored market is asked for by its terms."""
    names = sorted(PRESETS.keys() - {MIRRORED})
    if text not in names and not text.startswith(PREFIX):
        raise ValueError(f"{text!r} is none of {', '.join(names)}, replay:PATH")
    return text


def venue_from(text: str) -> Venue:
    """gate_spot, gate_futures or mexc_spot."""
    for venue in VENUES:
        if text == venue:
            return venue
    raise ValueError(f"{text!r} is none of {', '.join(VENUES)}")


def listing_from(kind: Literal["list", "delist"], text: str) -> Listing:
    """``SYMBOL@30s``, or on one venue only ``mexc_spot:SYMBOL@2m``; the time counts from the first start."""
    where, _, rest = text.rpartition(":")
    symbol, at, time = rest.partition("@")
    if not at:
        raise ValueError(f"{text!r} is not SYMBOL@TIME or VENUE:SYMBOL@TIME, such as ETH/USDT@30s")
    symbol = symbol.strip().upper()
    symbol_params(symbol, 0)
    venues = (venue_from(where),) if where else VENUES
    return Listing(symbol, kind, seconds_from(time), venues)


def seconds_from(text: str) -> float:
    """``30s``, ``2m``, ``1.5h``, or a number of seconds."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in SECONDS else (text, "s")
    if not number.replace(".", "", 1).isdecimal():
        raise ValueError(f"{text!r} is not a time such as 30s, 2m or 1h")
    return float(number) * SECONDS[unit]
