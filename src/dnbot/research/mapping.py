"""Which recorded book each venue shows, and how it was changed on the way: an option with names, told in every result.

`gate_spot=spot` shows the recorded spot book as it is. `mexc_spot=spot,lag_ms=150,spread_bps=2,offset_bps=-1` shows it
150 ms later, with bids a bp lower and asks a bp higher, and all of it a bp lower. `mexc_spot=model` has no recorded
book: its makers quote around the recorded middle as those of `dnbot fakes` do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

import attrs

from dnbot.domain.errors import ConfigError
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, Venue

MODEL = "model"
_HALF_BPS, _BPS = Decimal(20_000), Decimal(10_000)
_LIMITS = {"lag_ms": (0, 60_000), "spread_bps": (0, 500), "offset_bps": (-500, 500)}


@attrs.frozen
class Shape:
    """One venue's book: which recorded one, and what is done to it. `recorded` is a name that the source knows."""

    recorded: str
    lag_ms: int = 0
    """So much later than the recorder heard it."""
    spread_bps: Decimal = Decimal(0)
    """What the distance between best bid and best ask gains, half on either side."""
    offset_bps: Decimal = Decimal(0)
    """How far all prices are moved."""

    @property
    def bid_factor(self) -> Decimal:
        """What a recorded bid's price is multiplied by."""
        return (1 + self.offset_bps / _BPS) * (1 - self.spread_bps / _HALF_BPS)

    @property
    def ask_factor(self) -> Decimal:
        """What a recorded ask's price is multiplied by."""
        return (1 + self.offset_bps / _BPS) * (1 + self.spread_bps / _HALF_BPS)

    def describe(self) -> str:
        """For the result."""
        if self.recorded == MODEL:
            return "quotes of a model around the recorded middle; no book of this venue was recorded"
        changes = [f"{self.lag_ms} ms later"] if self.lag_ms else []
        changes += [f"spread {self.spread_bps:+f} bps"] if self.spread_bps else []
        changes += [f"prices {self.offset_bps:+f} bps"] if self.offset_bps else []
        return f"the recorded book {self.recorded!r}, {', '.join(changes) or 'as it is'}"


Mapped = Mapping[Venue, Shape]
DEFAULT: Mapped = {
    GATE_SPOT: Shape("spot"),
    GATE_FUTURES: Shape("usdm"),
    MEXC_SPOT: Shape("spot", lag_ms=100, spread_bps=Decimal(1)),
}


def mapping_of(texts: Iterable[str]) -> Mapped:
    """The mapping that `VENUE=RECORDED[,lag_ms=N][,spread_bps=N][,offset_bps=N]` ask for; unnamed venues keep theirs.

    Raises:
        ConfigError: naming the text and what is allowed.
    """
    found = dict(DEFAULT)
    for text in texts:
        name, equals, rest = text.partition("=")
        venue = next((known for known in VENUES if known == name.strip()), None)
        if venue is None or not equals:
            raise ConfigError("--map", "venue", text, f"VENUE=RECORDED,...; venues are {', '.join(VENUES)}")
        found[venue] = _shape(text, [part.strip() for part in rest.split(",")])
    return found


def _shape(text: str, parts: list[str]) -> Shape:
    wanted: dict[str, Decimal] = {}
    for part in parts[1:]:
        key, _, value = part.partition("=")
        low, high = _LIMITS.get(key, (0, -1))
        if key in wanted or low > high:
            raise ConfigError("--map", text, part, f"each once: {', '.join(_LIMITS)}")
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or not low <= number <= high or (key == "lag_ms" and number != int(number)):
            raise ConfigError("--map", f"{text}: {key}", value, f"a number from {low} to {high}")
        wanted[key] = number
    if not parts[0] or (parts[0] == MODEL and wanted):
        raise ConfigError("--map", text, text.partition("=")[2], "a recorded book, or model and nothing behind it")
    lag_ms = int(wanted.pop("lag_ms", Decimal(0)))
    return Shape(parts[0], lag_ms, wanted.get("spread_bps", Decimal(0)), wanted.get("offset_bps", Decimal(0)))
