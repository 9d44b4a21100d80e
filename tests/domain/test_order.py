"""The life of an order: news in any order gives one end, and evidence of life beats the proof of absence."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import (
    FINAL_STATUSES,
    ORDER_TRANSITIONS,
    Fill,
    Order,
    OrderIntent,
    OrderReport,
    OrderStatus,
    Purpose,
    Side,
    base36,
    client_order_id,
    epoch_of,
    is_ours,
    may_become,
    with_fill,
    with_report,
    with_status,
)

BTC = Symbol("BTC", "USDT")
S = OrderStatus
QUANTITY = 10
REPORTED = (S.OPEN, S.FILLED, S.CANCELLED)
STARTS = (S.PENDING, S.SENT, S.OPEN, S.AMBIGUOUS, S.REJECTED, S.NOT_SENT, S.NO_EFFECT)


def order(status: OrderStatus = S.SENT, **changes: Any) -> Order:
    """A buy of ten."""
    intent = OrderIntent(
        client_order_id="dnb-1-1", epoch=1, venue=Venue.MEXC_SPOT, symbol=BTC, side=Side.BUY,
        quantity=Decimal(QUANTITY), price=Decimal(100), purpose=Purpose.ENTRY, created_at_ns=0, expires_at_ns=1,
    )
    return Order(intent=intent, status=status, **changes)


def fill(quantity: int, trade_id: str = "t") -> Fill:
    """A trade of the order."""
    return Fill(
        venue=Venue.MEXC_SPOT, symbol=BTC, trade_id=trade_id, venue_order_id="77", client_order_id="dnb-1-1",
        side=Side.BUY, price=Decimal(100), quantity=Decimal(quantity), fee=Decimal(0), fee_asset="USDT", traded_at_ns=0,
    )


def report(status: OrderStatus, filled: int) -> OrderReport:
    """The venue's word on the order."""
    return OrderReport(
        venue=Venue.MEXC_SPOT, venue_order_id="77", client_order_id="dnb-1-1", side=Side.BUY, price=Decimal(100),
        quantity=Decimal(QUANTITY), filled=Decimal(filled), status=status,
    )


def tell(start: Order, news: tuple[Fill | OrderReport, ...]) -> Order:
    """Fold news into an order."""
    for item in news:
        start = with_fill(start, item, at_ns=5) if isinstance(item, Fill) else with_report(start, item, at_ns=5)
    return start


def end(told: Order) -> tuple[object, ...]:
    """What must not depend on the order of the news."""
    return told.status, told.filled, told.reported_filled, told.remaining, told.is_settled, told.venue_order_id


@st.composite
def lives(draw: st.DrawFn) -> tuple[Fill | OrderReport, ...]:
    """News of one real order: fills, and reports that claim what was filled at some moment of its life."""
    sizes = draw(st.lists(st.integers(1, 4), max_size=3).filter(lambda s: sum(s) <= QUANTITY))
    total = sum(sizes)
    ended = draw(st.sampled_from([S.CANCELLED, S.FILLED])) if total < QUANTITY else S.FILLED
    claims = [report(S.OPEN, draw(st.integers(0, total))) for _ in range(draw(st.integers(0, 2)))]
    final = [report(ended, total)] if draw(st.booleans()) else []
    return (*(fill(size, str(i)) for i, size in enumerate(sizes)), *claims, *final)


@pytest.mark.parametrize("start", STARTS)
@given(news=lives())
def test_any_order_of_the_news_gives_the_same_end(start: OrderStatus, news: tuple[Fill | OrderReport, ...]) -> None:
    """Fills and reports commute, from every status that an order can have before them."""
    ends = {end(tell(order(start), told)) for told in itertools.permutations(news)}
    assert len(ends) == 1


@given(lives(), st.sampled_from([S.REJECTED, S.NOT_SENT, S.NO_EFFECT]))
def test_an_order_that_traded_never_counts_as_one_that_did_not_live(
    news: tuple[Fill | OrderReport, ...], claim: OrderStatus
) -> None:
    """Whether the claim of absence comes before or after the trades, it does not stand."""
    before = tell(with_status(order(), claim, at_ns=1), news)
    after = with_status(tell(order(), news), claim, at_ns=9)
    for told in (before, after):
        if told.reported_filled > 0:
            assert told.status not in {S.NOT_SENT, S.NO_EFFECT, S.REJECTED}


def test_a_fill_after_the_proof_of_absence_reopens_the_question() -> None:
    """A partial fill alone does not say whether the rest lives: ambiguous, until a report does."""
    told = with_fill(order(S.NO_EFFECT), fill(3), at_ns=5)
    assert (told.status, told.is_settled) == (S.AMBIGUOUS, False)
    assert with_report(told, report(S.CANCELLED, 3), at_ns=6).is_settled
    assert with_status(told, S.NO_EFFECT, at_ns=6).status is S.CANCELLED


@given(lives())
def test_repeated_reports_change_nothing(news: tuple[Fill | OrderReport, ...]) -> None:
    """A report that is told again leaves the order as it is."""
    told = tell(order(), news)
    reports = tuple(item for item in news if isinstance(item, OrderReport))
    assert end(tell(told, reports)) == end(told)


@given(lives())
def test_quantities_decide_completion(news: tuple[Fill | OrderReport, ...]) -> None:
    """When fills make up the whole order it is FILLED, whatever reports say; filled never falls."""
    told = order()
    for item in news:
        after = tell(told, (item,))
        assert after.filled >= told.filled
        assert after.reported_filled >= max(after.filled, told.reported_filled)
        told = after
    if told.filled >= QUANTITY:
        assert told.status is S.FILLED


def test_a_final_report_waits_for_its_fills() -> None:
    """An order is settled only when every unit that the venue claims is booked."""
    told = with_report(order(), report(S.CANCELLED, 4), at_ns=1)
    assert (told.status, told.remaining, told.is_settled) == (S.CANCELLED, 4, False)
    told = with_fill(told, fill(4), at_ns=2)
    assert (told.remaining, told.is_settled) == (0, True)


def test_an_open_order_may_still_trade_its_rest() -> None:
    """What remains of a living order is its quantity less what is booked."""
    assert with_fill(order(), fill(4), at_ns=1).remaining == 6


def test_a_late_fill_completes_a_cancelled_order() -> None:
    """CANCELLED becomes FILLED when the fills add up."""
    told = with_fill(order(S.CANCELLED), fill(10), at_ns=1)
    assert (told.status, told.changed_at_ns) == (S.FILLED, 1)


def test_news_that_the_table_forbids_changes_nothing() -> None:
    """Late news leaves the order as it was, its time included; the same status again is no change."""
    filled = order(S.FILLED, reason="done")
    for status in S:
        assert with_status(filled, status, at_ns=9, reason="late") is filled


def test_a_reason_is_kept_until_a_better_one_comes() -> None:
    """A change without a reason keeps the last one."""
    told = with_status(order(), S.OPEN, at_ns=1, reason="accepted")
    assert with_status(told, S.CANCELLED, at_ns=2).reason == "accepted"
    assert with_status(told, S.CANCELLED, at_ns=2, reason="ioc").reason == "ioc"


def test_the_table_is_whole_and_its_ends_are_ends() -> None:
    """Every status has a row; a final order leads only to evidence of life."""
    assert set(ORDER_TRANSITIONS) == set(S)
    for status in S:
        assert status.is_final == (status in FINAL_STATUSES)
        assert may_become(status, status)
    for status in FINAL_STATUSES:
        assert not ORDER_TRANSITIONS[status] & {S.PENDING, S.SENT, S.REJECTED, S.NOT_SENT, S.NO_EFFECT}


def test_a_side_and_its_opposite() -> None:
    """Signs add up to nothing."""
    assert [side.sign + side.opposite.sign for side in Side] == [0, 0]
    assert (fill(3).signed_quantity, fill(3).value) == (3, 300)


# --- client order ids


@given(st.integers(0, 36**9))
def test_base36_is_read_back(number: int) -> None:
    """Digits and lower-case letters, without loss."""
    assert int(base36(number), 36) == number


def test_base36_knows_no_negative() -> None:
    """A negative counter is a bug."""
    with pytest.raises(ValueError, match="negative"):
        base36(-1)


@given(st.integers(0, 10**7), st.integers(0, 10**9), st.sampled_from(["", "b", "s"]))
def test_an_id_tells_its_epoch(epoch: int, sequence: int, leg: str) -> None:
    """Ours, at most 26 characters of the charset both venues accept, and attributable."""
    name = client_order_id(epoch, sequence, leg)
    assert is_ours(name)
    assert epoch_of(name) == epoch
    assert len(name) <= 26
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 5000), st.sampled_from(["", "b"])), unique=True))
def test_ids_are_unique(parts: list[tuple[int, int, str]]) -> None:
    """Different epochs, numbers or legs give different ids."""
    assert len({client_order_id(*part) for part in parts}) == len(parts)


def test_an_id_that_no_venue_takes_is_refused() -> None:
    """Too long is an error here, not at the venue."""
    with pytest.raises(ValueError, match="too long"):
        client_order_id(36**12, 36**12)


@pytest.mark.parametrize("name", ["", "t-other", "dnb", "dnb-1", "dnb-_-1", "x-1-2"])
def test_other_ids_have_no_epoch(name: str) -> None:
    """What is not ours, or not readable, has no epoch."""
    assert epoch_of(name) is None
