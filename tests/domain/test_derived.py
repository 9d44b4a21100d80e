"""What follows from a frozen struct is computed once, kept with it, and part of nothing else."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

import dnbot.domain
import dnbot.strategy
from dnbot.domain.derived import Derived, is_finite
from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import BookView, MarkPrice

NOT_FINITE = (Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), math.nan, math.inf)
asked: list[int] = []


class Doubled(msgspec.Struct, frozen=True, dict=True):
    """A number."""

    number: int

    @Derived
    def twice(self) -> int:
        """Twice as much."""
        asked.append(self.number)
        return 2 * self.number


def test_it_is_computed_once_for_each_struct() -> None:
    """And anew for a changed copy, which is another struct."""
    asked.clear()
    one = Doubled(3)
    assert (one.twice, one.twice, msgspec.structs.replace(one, number=4).twice) == (6, 6, 8)
    assert asked == [3, 4]


def test_nothing_else_knows_of_it() -> None:
    """Equality, hash and encoding are those of the fields."""
    asked_of, fresh = Doubled(3), Doubled(3)
    assert asked_of.twice == 6
    assert (asked_of, hash(asked_of), msgspec.json.encode(asked_of)) == (fresh, hash(fresh), b'{"number":3}')


def _structs() -> Iterator[type[msgspec.Struct]]:
    for room in (dnbot.domain, dnbot.strategy):
        for found in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            for value in vars(importlib.import_module(found.name)).values():
                if isinstance(value, type) and issubclass(value, msgspec.Struct):
                    yield value


def test_only_structs_that_cannot_change_have_such_figures() -> None:
    """A figure that is kept with something that changes would be a wrong one."""
    having = [
        struct for struct in _structs()
        if any(isinstance(value, Derived) for owner in struct.__mro__ for value in vars(owner).values())
    ]
    assert BookView in having
    assert all(struct.__struct_config__.frozen for struct in having)


@pytest.mark.parametrize("bad", NOT_FINITE)
def test_a_number_that_is_none_is_found_wherever_it_is(bad: Decimal | float) -> None:
    """Alone, in a tuple, in a struct."""
    assert not is_finite(bad)
    assert not is_finite((1, "x", (bad,)))
    if isinstance(bad, Decimal):
        assert not is_finite(MarkPrice(Venue.GATE_FUTURES, Decimal(1), bad, 0))
        assert not is_finite(FeeSchedule(venue=Venue.GATE_SPOT, maker=Decimal(0), taker=bad))


def test_everything_else_is_finite() -> None:
    """Numbers, words, flags, and what is not there."""
    fee = FeeSchedule(venue=Venue.GATE_SPOT, maker=Decimal(0), taker=Decimal("0.001"))
    assert is_finite((1, 1.5, Decimal(2), True, None, "x", Venue.GATE_SPOT, fee, fee))


def _book(**changes: object) -> BookView:
    level = (Decimal(1), Decimal(2))
    fields: dict[str, object] = {
        "venue": Venue.GATE_SPOT, "bids": (level,), "asks": (level,), "update_id": 1, "venue_ms": 0, "received_s": 0.0,
    }
    return BookView(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_book_is_sound_with_two_sides_of_numbers() -> None:
    """Not with an empty side, a price or size that is none, or without a time."""
    bad = (Decimal(1), Decimal("NaN"))
    assert _book().is_sound
    spoiled = [_book(bids=()), _book(asks=()), _book(bids=(bad,)), _book(asks=(bad,)), _book(received_s=math.nan)]
    assert not any(book.is_sound for book in spoiled)
