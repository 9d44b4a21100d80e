"""Planted defects: each of these mistakes in the fakes is caught by the checks of the suites that run without them.

The checks are the very functions that the conservation, book and wire suites call (`money_checks`, `naive_book`,
`book_session`, `wire_checks`); a defect that none of them notices fails here.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import pytest
from book_session import CHANNELS, Session, run_session
from hypothesis import Phase
from money_session import run_machine
from wire_session import run_wire_session

from dnbot.fakes import gateio_futures_shapes, perpetual
from dnbot.fakes.accounts import Accounts
from dnbot.fakes.gateio_books import BookStream, Increment
from dnbot.fakes.gateio_context import GateContext
from dnbot.fakes.ledger_state import ExchangeState
from dnbot.fakes.matching import Market
from dnbot.fakes.records import BookSnapshot, PositionState
from dnbot.fakes.settlement import Settlement

Plant = Callable[[pytest.MonkeyPatch], None]


def gap_hidden(patch: pytest.MonkeyPatch) -> None:
    """Every tenth increment is lost, and the next one is numbered as if it had been sent."""
    honest, count = BookStream.flush, [0]

    def flush(self: BookStream, *book: Any) -> Increment | None:
        before = self.last_id
        increment = honest(self, *book)
        count[0] += 1
        if increment is not None and count[0] % 10 == 0:
            self.last_id = before
            return None
        return increment

    patch.setattr(BookStream, "flush", flush)


def fee_skipped(patch: pytest.MonkeyPatch) -> None:
    """Fills name a fee that nobody pays."""
    patch.setattr(Settlement, "_to_house", lambda *told: None)


def ioc_left_open(patch: pytest.MonkeyPatch) -> None:
    """What an immediate order could not trade waits in the book."""
    honest = Market.place

    def place(self: Market, order: Any, tif: Any = "gtc", *, limit: Decimal | None = None) -> Any:
        return honest(self, order, "gtc" if tif == "ioc" and order.price else tif, limit=limit)

    patch.setattr(Market, "place", place)


def wrong_sign_of_size(patch: pytest.MonkeyPatch) -> None:
    """Sells are told with positive sizes."""
    patch.setattr(gateio_futures_shapes, "signed", lambda quantity, side: quantity)


def quote_and_base_swapped(patch: pytest.MonkeyPatch) -> None:
    """The outside world's half of a spot match moves the two coins the other way round."""
    honest = Settlement.book_outside

    def book_outside(self: Settlement, uid: str, instrument: Any, *match: Any) -> None:
        if not instrument.is_perp:
            instrument = attrs.evolve(instrument, base=instrument.quote, quote=instrument.base)
        honest(self, uid, instrument, *match)

    patch.setattr(Settlement, "book_outside", book_outside)


def text_id_reusable(patch: pytest.MonkeyPatch) -> None:
    """A client id that an open order has is taken again."""
    patch.setattr(ExchangeState, "client_id_taken", lambda *told: False)


def stale_snapshot(patch: pytest.MonkeyPatch) -> None:
    """REST books are those of the first request, under the newest id."""
    honest, first = GateContext.book, dict[Any, BookSnapshot]()

    def book(self: GateContext, *wanted: Any) -> BookSnapshot:
        fresh = honest(self, *wanted)
        return attrs.evolve(first.setdefault(wanted, fresh), book_id=fresh.book_id)

    patch.setattr(GateContext, "book", book)


def double_fill(patch: pytest.MonkeyPatch) -> None:
    """Every fill of a maker is booked twice."""
    honest = Settlement.book_fill

    def book_fill(self: Settlement, order: Any, price: Any, quantity: Any, role: Any, *more: Any, **named: Any) -> None:
        honest(self, order, price, quantity, role, *more, **named)
        if role == "maker":
            honest(self, order, price, quantity, role, *more, **named)

    patch.setattr(Settlement, "book_fill", book_fill)


def lost_balance_update(patch: pytest.MonkeyPatch) -> None:
    """Fees are taken from balances without a word."""
    honest = Accounts.apply

    def apply(self: Accounts, uid: str, *told: Any, **named: Any) -> None:
        honest(self, uid, *told, **named)
        if named["kind"] == "fee" and self.by_uid[uid].key:
            self.effects.events.pop()

    patch.setattr(Accounts, "apply", apply)


def wrong_multiplier(patch: pytest.MonkeyPatch) -> None:
    """A contract is worth ten times its coins."""
    honest = Accounts.position

    def position(self: Accounts, uid: str, symbol: str, multiplier: Decimal) -> PositionState:
        return honest(self, uid, symbol, multiplier * 10)

    patch.setattr(Accounts, "position", position)


def wrong_funding_sign(patch: pytest.MonkeyPatch) -> None:
    """Shorts pay a positive rate."""
    honest = perpetual.funding_change
    patch.setattr(perpetual, "funding_change", lambda position, mark: -honest(position, mark))


def clock_units(patch: pytest.MonkeyPatch) -> None:
    """Milliseconds are told where seconds are documented."""
    patch.setattr(gateio_futures_shapes, "seconds", Decimal)


def money() -> None:
    """A short run of the conservation suite; no shrinking, the first failure is enough."""
    run_machine(150, 40, Phase.generate)


def books() -> None:
    """A short run of the book suite."""
    run_session(Session(1, [channel for channel in CHANNELS if channel.name.endswith("order_book_update")]), 400)


wire = run_wire_session

DEFECTS: list[tuple[Plant, Callable[[], None], str]] = [
    (gap_hidden, books, "order_book_update"),
    (fee_skipped, money, "fills say"),
    (ioc_left_open, money, "price-time priority"),
    (wrong_sign_of_size, wire, "of a sell"),
    (quote_and_base_swapped, money, "made or lost"),
    (text_id_reusable, money, "client id used twice"),
    (stale_snapshot, books, "order_book_update"),
    (double_fill, money, "made or lost|do not cancel out|overdrew"),
    (lost_balance_update, money, "told"),
    (wrong_multiplier, money, "does not add up|fills say"),
    (wrong_funding_sign, money, "fills say"),
    (clock_units, wire, "is not near"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "suite", "words"), DEFECTS, ids=[plant.__name__ for plant, _, _ in DEFECTS])
def test_planted_defect_is_caught(
    plant: Plant, suite: Callable[[], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check of a suite fails, and says what the defect did."""
    plant(monkeypatch)
    with pytest.raises((AssertionError, RuntimeError), match=words):  # the books refuse some by themselves
        suite()


@pytest.mark.slow
@pytest.mark.parametrize("suite", [money, books, wire])
def test_without_a_defect_the_same_runs_pass(suite: Callable[[], None]) -> None:
    """What catches the defects above is the defects."""
    suite()
