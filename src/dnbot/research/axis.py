"""One setting that is varied: a list of values, or a range with how its values are spread.

A value is text as a configuration has it (`3`, `0.5`, `true`, `hold`), so that no float ever stands for money. Those of
a range are rounded to its `step`.
"""

from __future__ import annotations

import math
import random
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal

import attrs
import msgspec

from dnbot.config import strategy_kind
from dnbot.domain.errors import ConfigError
from dnbot.domain.units import ONE, ZERO, divide, parse_decimal, plain

STEPS_MAX = 200
_FINE = 3
"""Without a `step`, a range is rounded to so many places below the size of its width."""


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From the one to the other, both in. `steps` is how many values a grid takes of it."""

    low: str | int = msgspec.field(name="from")
    high: str | int = msgspec.field(name="to")
    steps: int | None = None
    distribution: Literal["linear", "log"] = "linear"
    step: str | int | None = None


@attrs.frozen
class Axis:
    """A key of `[strategy]`: `values` for a list, in ascending order where they have one, or else a range."""

    key: str
    values: tuple[str, ...] = ()
    low: Decimal = ZERO
    high: Decimal = ZERO
    step: Decimal = ONE
    steps: int | None = None
    is_log: bool = False

    @property
    def is_ordered(self) -> bool:
        """Whether its values are numbers."""
        return strategy_kind(self.key) in (Decimal, int)

    def grid(self) -> tuple[str, ...]:
        """Its values in a grid; none of a range without `steps`."""
        if self.values or self.steps is None:
            return self.values
        shares = (divide(Decimal(number), Decimal(max(self.steps - 1, 1))) for number in range(self.steps))
        return tuple(dict.fromkeys(self.at(share) for share in shares))

    def draw(self, rng: random.Random) -> str:
        """A value by chance: any of a list alike, or any of a range as it is spread."""
        return rng.choice(self.values) if self.values else self.at(Decimal(rng.random()))

    def at(self, share: Decimal) -> str:
        """The value of a range that lies that share of the way, 0 to 1: a whole number of steps above its beginning, or
        its end.
        """
        if share >= ONE:
            return plain(self.high)
        if self.is_log and share > ZERO:
            found = Decimal(math.exp(math.log(self.low) + float(share) * (math.log(self.high) - math.log(self.low))))
        else:
            found = self.low + share * (self.high - self.low)
        stepped = self.low + round_to(found - self.low, self.step)
        return plain(min(max(stepped, self.low), self.high))

    def place(self, value: str) -> float:
        """Where one of its values lies on the axis, 0 to 1: those of a list are equally far apart."""
        if self.values:
            return self.values.index(value) / max(len(self.values) - 1, 1)
        low, high, at = (math.log(x) if self.is_log else float(x) for x in (self.low, self.high, Decimal(value)))
        return (at - low) / (high - low)


def round_to(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of the step that is nearest."""
    return divide(value, step).to_integral_value(ROUND_HALF_EVEN) * step


def listed(where: str, key: str, values: list[Any]) -> Axis:
    """An axis of these values, which are as a configuration file or the command line has them.

    Raises:
        ConfigError: no such setting, no value, or one that is there twice.
    """
    _need_setting(where, key)
    for value in values:
        if not isinstance(value, str | int):
            raise ConfigError(where, key, value, f'text or a whole number, such as "{value}": no float is money here')
    texts = [_text(value) for value in values]
    if strategy_kind(key) in (Decimal, int):
        numbers = [_number(where, key, text) for text in texts]
        texts = [plain(number) for number in sorted(numbers)]
    if not texts or len(set(texts)) != len(texts):
        raise ConfigError(where, key, ", ".join(texts) or "no value", "one value and more, each once")
    return Axis(key, tuple(texts))


def ranged(where: str, key: str, table: dict[str, Any]) -> Axis:
    """An axis from such as `{from = "0.3", to = "0.7", steps = 5, distribution = "log", step = "0.05"}`.

    Raises:
        ConfigError: no such setting, one whose values have no order, or a range that is none.
    """
    _need_setting(where, key)
    if strategy_kind(key) not in (Decimal, int):
        raise ConfigError(where, key, "a range", "a list: its values are words")
    try:
        found = msgspec.convert(table, Range)
    except msgspec.ValidationError as error:
        allowed = 'from and to, numbers in quotes, and steps, step, distribution ("linear" or "log") if wanted'
        raise ConfigError(where, key, str(error), allowed) from None
    low, high = _number(where, key, str(found.low)), _number(where, key, str(found.high))
    if low >= high or (found.distribution == "log" and low <= 0):
        allowed = "a from that is less than to" + (" and above 0, for log" if found.distribution == "log" else "")
        raise ConfigError(where, key, f"from {plain(low)} to {plain(high)}", allowed)
    if found.steps is not None and not 2 <= found.steps <= STEPS_MAX:
        raise ConfigError(where, f"{key}.steps", found.steps, f"2 to {STEPS_MAX}")
    step = _step(where, key, found, high - low)
    return Axis(key, (), low, high, step, found.steps, found.distribution == "log")


def _step(where: str, key: str, found: Range, width: Decimal) -> Decimal:
    whole = strategy_kind(key) is int
    if found.step is None:
        return ONE if whole else Decimal(1).scaleb(width.adjusted() - _FINE)
    step = _number(where, f"{key}.step", str(found.step))
    if not ZERO < step <= width or (whole and step != step.to_integral_value()):
        allowed = f"above 0, at most to - from = {plain(width)}" + (", and whole" if whole else "")
        raise ConfigError(where, f"{key}.step", plain(step), allowed)
    return step


def _need_setting(where: str, key: str) -> None:
    if strategy_kind(key) is None:
        allowed = "the symbol is that of the data" if key == "symbol" else "a key of [strategy]: docs/configuration.md"
        raise ConfigError(where, key, "not a setting that can be varied", allowed)


def _number(where: str, key: str, text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except ValueError:
        raise ConfigError(where, key, text, "a number") from None


def _text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
