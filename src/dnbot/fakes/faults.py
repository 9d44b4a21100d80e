"""A fault plan: plain data that says what goes wrong, when and for whom; drawn, logged, shrunk and replayed as such.

A plan says nothing about how a fault works: ``faults_catalogue`` knows the names, and ``faults_engine`` lets it loose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Self

import attrs

Value = str | int | float | bool
UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
SECONDS_MAX = 10**9


class FaultRefused(ValueError):
    """A fault or a plan that cannot be; the text names what was found and what is allowed."""


@attrs.frozen
class Fault:
    """One fault of a plan. Empty filters admit everything; all times count from the moment of switching on.

    ``venue`` is a venue or ``gate`` for both of Gate's, ``domain`` is rest, public or private, ``path`` a glob over
    the path of a request or the channel of a frame, or one of the names in ``faults_targets``; ``client_id`` is a
    prefix, without Gate's ``t-``. It may strike from ``at_s`` to ``at_s + for_s``. Of the requests or frames that fit
    then it skips those before the ``on_nth``, and strikes ``count`` of the rest (None: the kind decides, usually all),
    each with ``probability``, drawn from a random stream of its own that ``key`` names. ``options`` belong to the kind.
    """

    name: str
    venue: str = ""
    domain: str = ""
    method: str = ""
    path: str = ""
    client_id: str = ""
    at_s: float = 0.0
    for_s: float | None = None
    on_nth: int | None = None
    count: int | None = None
    probability: float = 1.0
    options: Mapping[str, Value] = attrs.field(factory=dict)
    key: str = ""

    def as_data(self) -> dict[str, Any]:
        """The fault as JSON or TOML has it: defaults are left out, options stand beside the filters."""
        found: dict[str, Any] = {"name": self.name}
        for field in attrs.fields(Fault):
            value = getattr(self, field.name)
            if field.name not in ("name", "options") and value != field.default:
                found[WRITTEN.get(field.name, field.name)] = value
        return found | dict(self.options)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The fault of such an object. Raises FaultRefused for a value that cannot be; names are checked elsewhere."""
        values: dict[str, Any] = {READ.get(name, name): value for name, value in data.items()}
        if not isinstance(values.get("name"), str):
            raise FaultRefused(f"a fault needs a name: {dict(data)!r}")
        names = {field.name for field in attrs.fields(cls)} - {"options"}
        options = {name: values.pop(name) for name in list(values) if name not in names}
        fault = cls(**values, options=options)
        return attrs.evolve(
            fault,
            at_s=seconds("at", fault.at_s),
            for_s=None if fault.for_s is None else seconds("for", fault.for_s),
            on_nth=None if fault.on_nth is None else _whole("on_nth", fault.on_nth),
            count=None if fault.count is None else _whole("count", fault.count),
            probability=_share(fault.probability),
        )


WRITTEN = {"at_s": "at", "for_s": "for"}
READ = {written: name for name, written in WRITTEN.items()}


def with_keys(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """The faults, each with a key of its own. Raises FaultRefused when two have the same already."""
    kept = tuple(faults)
    taken = Counter(fault.key for fault in kept if fault.key)
    twice = [key for key, count in taken.items() if count > 1]
    if twice:
        raise FaultRefused(f"two faults have the key {twice[0]!r}")
    named = []
    for fault in kept:
        key, number = fault.key or fault.name, 1
        while not fault.key and key in taken:
            number += 1
            key = f"{fault.name}#{number}"
        taken[key] += 1
        named.append(attrs.evolve(fault, key=key))
    return tuple(named)


@attrs.frozen
class FaultPlan:
    """Faults and the seed of their random streams. Every fault gets a key, so that leaving one out moves no other's.

    Raises FaultRefused when two faults have the same key.
    """

    faults: tuple[Fault, ...] = attrs.field(default=(), converter=with_keys)
    seed: int = 1

    def without(self, *keys: str) -> Self:
        """The plan without these faults; what is left goes on striking where it struck."""
        return attrs.evolve(self, faults=tuple(fault for fault in self.faults if fault.key not in keys))

    def extended(self, faults: Iterable[Fault]) -> Self:
        """The plan and more faults after it."""
        return attrs.evolve(self, faults=(*self.faults, *faults))

    def as_data(self) -> dict[str, Any]:
        """The plan as JSON or TOML has it."""
        return {"seed": self.seed, "fault": [fault.as_data() for fault in self.faults]}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The plan of such an object. Raises FaultRefused."""
        faults, seed = data.get("fault", []), data.get("seed", 1)
        unknown = sorted(set(data) - {"fault", "seed"})
        if unknown or not isinstance(faults, list) or isinstance(seed, bool) or not isinstance(seed, int):
            raise FaultRefused(f"a plan has a seed, a whole number, and [[fault]] tables, not {unknown or data!r}")
        return cls(tuple(Fault.from_data(fault) for fault in faults), seed)


def seconds(name: str, value: Any) -> float:
    """A duration: a number of seconds, or text such as 300ms, 5s, 2m or 1h. Raises FaultRefused."""
    number = value
    if isinstance(value, str):
        unit = next((unit for unit in ("ms", "s", "m", "h") if value.endswith(unit)), "")
        try:
            number = float(value.removesuffix(unit)) * UNITS_S.get(unit, 1.0)
        except ValueError:
            number = -1.0
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= SECONDS_MAX:
        raise FaultRefused(f"{name} is a duration such as 5, 300ms or 2m, not {value!r}")
    return float(number)


def _whole(name: str, value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not 0 < int(text) <= SECONDS_MAX:
        raise FaultRefused(f"{name} is a whole number from 1, not {value!r}")
    return int(text)


def _share(value: Any) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0 <= share <= 1:
        raise FaultRefused(f"probability is a number from 0 to 1, not {value!r}")
    return share
