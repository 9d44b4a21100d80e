"""What follows from a frozen struct: computed when it is first asked for, and kept with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Derived(Generic[T]):
    """A property that is computed once: its struct is frozen and declared with `dict=True`, so it cannot change.

    Equality, encoding and `replace` know nothing of it. (`functools.cached_property` takes a lock until Python 3.12.)
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute, self._name = compute, compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, struct: Any, _owner: type) -> T:
        # Later readings do not come here: what stands in `__dict__` goes before a descriptor without `__set__`.
        value = struct.__dict__[self._name] = self._compute(struct)
        return value


class DerivedFinite(msgspec.Struct, frozen=True, dict=True):
    """A struct that lives long and is asked at every order whether its numbers are numbers."""

    @Derived
    def all_finite(self) -> bool:
        """Whether every number in it is finite."""
        return all(map(is_finite, msgspec.structs.astuple(self)))


def is_finite(value: object) -> bool:
    """Whether every number in a figure, a struct or a collection of them is finite."""
    if isinstance(value, Decimal):
        return value.is_finite()
    if type(value) in _ALWAYS_FINITE:
        return True
    if isinstance(value, DerivedFinite):
        return value.all_finite
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, tuple):
        return all(map(is_finite, value))
    if isinstance(value, msgspec.Struct):
        return all(map(is_finite, msgspec.structs.astuple(value)))
    return True


_ALWAYS_FINITE = frozenset({str, int, bool, type(None)})
