"""Two values, and where they are not the same: a path, what stood there, what stands there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from dnbot.domain.instrument import Venue

TEXT_MAX = 160
NOTHING = "-"


class Difference(msgspec.Struct, frozen=True):
    """One place. `-` where nothing stood or stands."""

    path: str
    before: str
    after: str


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """Every place in which two values of any depth differ; the order of keys counts, too."""
    if before is after:
        return
    match before, after:
        case (msgspec.Struct(), msgspec.Struct()) if type(before) is type(after):
            for name in before.__struct_fields__:
                yield from differences(getattr(before, name), getattr(after, name), f"{path}.{name}" if path else name)
        case Mapping(), Mapping():
            yield from _of_mappings(before, after, path)
        case tuple(), tuple():
            yield from _of_tuples(before, after, path)
        case Set(), Set():
            gone, new = before - after, after - before
            if gone or new:
                yield Difference(path, _several(gone), _several(new))
        case _:
            if type(before) is not type(after) or _exact(before) != _exact(after):
                yield Difference(path, shown(before), shown(after))


def _of_mappings(before: Mapping[Any, Any], after: Mapping[Any, Any], path: str) -> Iterator[Difference]:
    for key in before:
        place = f"{path}[{shown(key)}]"
        if key in after:
            yield from differences(before[key], after[key], place)
        else:
            yield Difference(place, shown(before[key]), NOTHING)
    for key in after:
        if key not in before:
            yield Difference(f"{path}[{shown(key)}]", NOTHING, shown(after[key]))
    common = [key for key in before if key in after]
    if common != [key for key in after if key in before]:
        yield Difference(path, f"keys in the order {shown(tuple(before))}", f"in the order {shown(tuple(after))}")


def _of_tuples(before: tuple[Any, ...], after: tuple[Any, ...], path: str) -> Iterator[Difference]:
    """Places of tuples of one length; of others, what is left between a common beginning and a common end."""
    if len(before) == len(after):
        for at, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{path}[{at}]")
        return
    begin, shorter = 0, min(len(before), len(after))
    while begin < shorter and _alike(before[begin], after[begin]):
        begin += 1
    end = 0
    while end < shorter - begin and _alike(before[-1 - end], after[-1 - end]):
        end += 1
    gone, new = before[begin : len(before) - end], after[begin : len(after) - end]
    yield Difference(
        f"{path}[{begin}:]", _several(gone) if gone else NOTHING, _several(new) if new else NOTHING
    )


def _alike(one: Any, other: Any) -> bool:
    return next(differences(one, other), None) is None


def _exact(value: Any) -> Any:
    """What two values must have in common: 1 and 1.0 are not the same digits, and nan is like itself."""
    return repr(value) if isinstance(value, Decimal | float) else value


def _several(values: Any) -> str:
    found = [shown(value) for value in values]
    return cut(f"{len(found)}: {', '.join(found[:3])}{', ...' if len(found) > 3 else ''}") if found else NOTHING


def shown(value: Any) -> str:
    """A value for a person, on one line."""
    match value:
        case Venue():
            return value.value  # its name everywhere else
        case Enum():
            return value.name
        case Decimal():
            return str(value)
        case msgspec.Struct():
            return cut(struct_text(value))
        case tuple():
            return cut(f"({', '.join(map(shown, value))})")
        case Mapping():
            return cut(f"{{{', '.join(f'{shown(key)}: {shown(one)}' for key, one in value.items())}}}")
        case _:
            return cut(str(value) if isinstance(value, str) else repr(value))


def struct_text(value: msgspec.Struct) -> str:
    """Such as `Tick(now_ns=1, now_s=2.5)`: fields that are not as they are by default."""
    defaults = dict(zip(reversed(value.__struct_fields__), reversed(value.__struct_defaults__), strict=False))
    told = (
        f"{name}={shown(one)}"
        for name in value.__struct_fields__
        if (one := getattr(value, name)) != defaults.get(name, msgspec.NODEFAULT)
    )
    return f"{type(value).__name__}({', '.join(told)})"


def cut(text: str) -> str:
    """At most so long that a line can be read."""
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 3] + "..."
