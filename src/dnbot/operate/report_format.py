"""How a figure is written for a person: rounded to a fixed number of places, with the exact one at hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import Enum

import attrs

from dnbot.domain.units import plain

NONE = "-"
_CONTROL = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


class Kind(Enum):
    """What a column holds; the value is the decimal places shown, None where that is no question."""

    TEXT = ("text", None)
    TIME = ("time", None)
    COUNT = ("count", 0)
    QUOTE = ("quote", 4)
    BASE = ("base", 8)
    NATIVE = ("native", 8)
    BPS = ("bps", 2)
    MS = ("ms", 0)

    def __init__(self, _name: str, places: int | None) -> None:
        self.places = places

    @property
    def is_number(self) -> bool:
        """Whether it is written from the right."""
        return self.places is not None


@attrs.frozen
class Column:
    """One column of a table. `unit` is part of the head, so that every figure has one."""

    head: str
    kind: Kind = Kind.TEXT
    unit: str = ""
    signed: bool = False
    wraps: bool = False
    """A text that may be long."""

    @property
    def title(self) -> str:
        """Head and unit."""
        return f"{self.head}, {self.unit}" if self.unit else self.head


@attrs.frozen
class Figure:
    """A cell that is of another kind than its column."""

    value: Decimal | int | None
    kind: Kind
    signed: bool = False


@attrs.frozen
class Table:
    """One part of a report. `total` is a last row; `note` is said below; `empty` instead of no rows."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[object, ...], ...]
    total: tuple[object, ...] | None = None
    note: str = ""
    empty: str = "none"


def shown(value: object, column: Column) -> str:
    """The value as a person reads it."""
    if isinstance(value, Figure):
        return shown(value.value, Column("", value.kind, signed=value.signed))
    if value is None or value == "":
        return NONE
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal | int) and not isinstance(value, bool) and column.kind.places is not None:
        return number(Decimal(value), column.kind.places, signed=column.signed)
    return clean(str(value))


def exact(value: object) -> str:
    """Every digit, or every character."""
    if isinstance(value, Figure):
        return exact(value.value)
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return NONE if value is None else str(value)


def number(value: Decimal, places: int, *, signed: bool = False) -> str:
    """Rounded half to even, thousands apart; zero is `0`, and what rounds to it says that it is not zero."""
    if value == 0:
        return "0"
    step = Decimal(1).scaleb(-places)
    rounded = value.quantize(step, rounding=ROUND_HALF_EVEN)
    if rounded == 0:
        return f"{'-' if value < 0 else '+' if signed else ''}<{step:f}"
    return f"{rounded:+,f}" if signed else f"{rounded:,f}"


def count_of(count: int, thing: str) -> str:
    """Such as `1 run` or `2 runs`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def moment(at: datetime) -> str:
    """UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def duration(length: timedelta) -> str:
    """Such as `3 d 4 h 5 min` or `61 s`."""
    seconds = int(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    parts = ((days, "d"), (hours, "h"), (rest // 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def clean(text: str) -> str:
    """Text of others without characters that steer a terminal or turn the direction of writing."""
    return text.translate(dict.fromkeys(_CONTROL, " "))


def cells(row: Sequence[object], columns: Sequence[Column]) -> list[str]:
    """A row as it is shown."""
    return [shown(value, column) for value, column in zip(row, columns, strict=True)]
