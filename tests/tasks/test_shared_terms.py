"""Instruments of all markets are read at once: by whoever asks first, as seldom as one market alone would."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import attrs
import pytest
import trio

from dnbot.domain.errors import VenueRefused, VenueUnreachable
from dnbot.domain.instrument import Symbol
from dnbot.domain.instrument import Venue as RealVenue
from dnbot.tasks.shared_terms import AGAIN_S, KEPT_S, TRIES_MAX, SharedTerms
from dnbot.venues.wire import Reply, Request, RequestClass

GATE = RealVenue.GATE_SPOT
OK = Reply(status=200, headers={}, body=b"{}")


@attrs.define
class Venue:
    """Answers of one line: it refuses a reading with an unknown market, and fails as often as it is told."""

    unknown: set[str] = attrs.field(factory=set)
    failures: int = 0
    asked: list[str] = attrs.field(factory=list)
    takes_s: float = 0.5
    markets_max: int = 9

    async def read(self, codec: Any, request: Request) -> Reply:
        self.asked.append(request.target)
        await trio.sleep(self.takes_s)
        if self.failures:
            self.failures -= 1
            raise VenueUnreachable("stub", "no answer")
        if self.unknown & set(request.target.split(",")):
            raise VenueRefused("stub", "-1121", "invalid symbol")
        return OK

    def name_of(self, symbol: Symbol) -> str:
        return symbol.base

    def terms_requests(self, names: Sequence[str]) -> tuple[Request, ...]:
        return (Request(method="GET", target=",".join(names), budget=RequestClass.PUBLIC),)

    def terms(self, names: Sequence[str], replies: Sequence[Reply]) -> dict[str, tuple[Reply, ...]]:
        return {name: tuple(replies) for name in names if name != "unlisted"}


@attrs.frozen
class Codec:
    """Of one market."""

    symbol: Symbol
    venue: Any = GATE

    def instrument_requests(self) -> tuple[Request, ...]:
        return (Request(method="GET", target=self.symbol.base, budget=RequestClass.PUBLIC),)

    def instrument(self, replies: Sequence[Reply]) -> None:
        assert replies == [OK]


def terms_of(venue: Venue) -> SharedTerms:
    return SharedTerms(venue, venue)  # type: ignore[arg-type]


async def ask(terms: SharedTerms, *names: str, young_s: float = 1.0) -> dict[str, Exception | None]:
    """All of them in one moment; what each was raised."""
    found: dict[str, Exception | None] = {}

    async def one(name: str) -> None:
        try:
            assert await terms.of(Codec(Symbol(name, "USDT")), young_s) is not None  # type: ignore[arg-type]
            found[name] = None
        except (VenueRefused, VenueUnreachable) as error:
            found[name] = error

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(one, name)
    return found


async def test_who_asks_in_one_moment_is_answered_by_one_reading(autojump_clock: Any) -> None:
    """Fifty known markets cost one reading; a young answer none; and whoever must have a new one gets it."""
    venue = Venue()
    terms, names = terms_of(venue), [f"M{number}" for number in range(50)]
    await ask(terms, *names)
    assert len(venue.asked) <= 2, "one for the first, one for all who came meanwhile"
    await trio.sleep(10)
    before = len(venue.asked)
    assert set((await ask(terms, *names)).values()) == {None}
    assert len(venue.asked) == before + 1
    await ask(terms, "M7", young_s=5)
    assert len(venue.asked) == before + 1
    await ask(terms, "M7", young_s=0)
    assert len(venue.asked) == before + 2


async def test_polls_of_all_markets_fall_into_one(autojump_clock: Any) -> None:
    """Feeds that began at different times ask together after a period: one reading in each, and none is late."""
    venue = Venue(takes_s=0.01)
    terms, read_s = terms_of(venue), {}

    async def poll(name: str, first_s: float) -> None:
        await trio.sleep(first_s)
        codec: Any = Codec(Symbol(name, "USDT"))
        await terms.of(codec, 1.0)
        while True:
            read_s.setdefault(name, []).append(trio.current_time())
            await trio.sleep_until(terms.due_s(codec, 10.0))
            await terms.of(codec, 5.0)

    with trio.move_on_after(200):
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(poll, f"M{number}", number * 0.9)
    settled = terms.readings
    assert settled <= 20 + 24, f"{settled}: the first of each, and one in ten seconds"
    for times in read_s.values():
        assert max(b - a for a, b in pairwise(times)) <= 15.1


async def test_one_market_that_the_venue_refuses_is_read_apart(autojump_clock: Any) -> None:
    """A reading with an unknown symbol is refused whole: the others are read alone once, and then together again."""
    venue = Venue(unknown={"BAD"})
    terms = terms_of(venue)
    found = await ask(terms, "A", "BAD", "B")
    assert {name for name, error in found.items() if error is not None} == {"BAD"}
    assert isinstance(found["BAD"], VenueRefused)
    await trio.sleep(10)
    venue.asked.clear()
    assert set((await ask(terms, "A", "B")).values()) == {None}
    assert venue.asked == ["A,B"]
    venue.unknown.clear()  # it is listed now
    assert (await ask(terms, "BAD"))["BAD"] is None
    await trio.sleep(10)
    venue.asked.clear()
    await ask(terms, "A", "BAD")
    assert venue.asked == ["A,B,BAD"]


async def test_one_answer_that_did_not_come_ends_no_feed(autojump_clock: Any) -> None:
    """A failed reading is tried again; when it fails to the end all are told; one that is not listed is told alone."""
    assert TRIES_MAX > 1
    venue = Venue(failures=TRIES_MAX - 1)
    terms = terms_of(venue)
    assert (await ask(terms, "A"))["A"] is None
    assert trio.current_time() == pytest.approx(TRIES_MAX * venue.takes_s + (TRIES_MAX - 1) * AGAIN_S)
    await trio.sleep(10)
    venue.failures = TRIES_MAX
    assert isinstance((await ask(terms, "A"))["A"], VenueUnreachable)
    await trio.sleep(10)
    found = await ask(terms, "A", "unlisted")
    assert found["A"] is None
    assert "does not list unlisted" in str(found["unlisted"])


async def test_a_market_that_was_left_is_not_read_for_ever(autojump_clock: Any) -> None:
    """Who has not asked for several polls is forgotten."""
    venue = Venue()
    terms = terms_of(venue)
    await ask(terms, "A", "B")
    await trio.sleep(KEPT_S + 1)
    venue.asked.clear()
    await ask(terms, "B")
    assert venue.asked == ["B"]


async def test_who_leads_a_reading_may_be_cancelled(autojump_clock: Any) -> None:
    """The next in the row reads, and nothing half-read is kept."""
    venue = Venue()
    terms = terms_of(venue)
    with trio.move_on_after(0.1):
        await ask(terms, "A", "B")
    assert (await ask(terms, "B"))["B"] is None
    assert len(venue.asked) == 2
