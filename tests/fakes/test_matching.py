"""The order book of the fake venues."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.matching import Market, RestingOrder
from dnbot.fakes.records import LevelChange, Side, TimeInForce

D = Decimal


def market() -> Market:
    """An empty book with whole-number prices."""
    return Market("gate_spot", "BTC/USDT", D(1))


def order(order_id: str, side: Side, price: int, quantity: str, owner: str = "x") -> RestingOrder:
    """An order; price 0 is a market order."""
    return RestingOrder(order_id, owner, side, D(price), D(quantity))


def test_earlier_order_at_the_same_price_trades_first() -> None:
    """Price comes before time, and time decides inside a price."""
    book = market()
    book.place(order("late-but-better", "sell", 100, "1"))
    book.place(order("first", "sell", 101, "1"))
    book.place(order("second", "sell", 101, "1"))
    matches = book.place(order("t", "buy", 101, "2.5"), "ioc").matches
    assert [(m.maker.order_id, m.price, m.quantity) for m in matches] == [
        ("late-but-better", D(100), D(1)),
        ("first", D(101), D(1)),
        ("second", D(101), D("0.5")),
    ]
    assert book.depth("sell", 5) == ((D(101), D("0.5")),)


def test_ioc_drops_the_rest_and_gtc_rests_it() -> None:
    """An IOC never waits in the book; a GTC remainder does."""
    book = market()
    book.place(order("a", "sell", 100, "1"))
    assert book.place(order("ioc", "buy", 100, "2"), "ioc").rested is False
    assert book.best("buy") is None
    book.place(order("b", "sell", 100, "1"))
    placed = book.place(order("gtc", "buy", 100, "3"), "gtc")
    assert placed.rested
    assert book.best("buy") == (D(100), D(2))


def test_fok_fills_all_or_nothing() -> None:
    """A FOK that cannot be filled inside its limit changes nothing."""
    book = market()
    book.place(order("a", "sell", 100, "1"))
    book.place(order("b", "sell", 102, "1"))
    before = book.book_id
    assert book.place(order("f", "buy", 101, "2"), "fok").matches == []
    assert book.book_id == before
    assert len(book.place(order("f", "buy", 102, "2"), "fok").matches) == 2


def test_poc_rests_only_when_it_would_not_trade() -> None:
    """A post-only that would take is dropped; a passive one rests."""
    book = market()
    book.place(order("a", "sell", 100, "1"))
    assert book.would_take("buy", D(100)) == D(100)
    assert book.place(order("p", "buy", 100, "1"), "poc") == ([], False)
    assert book.place(order("q", "buy", 99, "1"), "poc").rested


def test_market_order_takes_every_price() -> None:
    """A price of 0 has no limit, and such an order can never rest."""
    book = market()
    book.place(order("a", "buy", 100, "1"))
    book.place(order("b", "buy", 1, "1"))
    matches = book.place(order("m", "sell", 0, "5"), "ioc").matches
    assert [m.price for m in matches] == [D(100), D(1)]
    with pytest.raises(ValueError, match="cannot rest"):
        book.place(order("m", "sell", 0, "5"), "gtc")


def test_buy_by_quote_amount_stops_at_whole_lots() -> None:
    """A market buy spends its budget on whole lots and leaves what a lot no longer costs."""
    book = market()
    book.place(order("a", "sell", 100, "0.5"))
    book.place(order("b", "sell", 110, "5"))
    matches = book.take_quote("buy", D(100), D("0.1"))
    assert [(m.price, m.quantity) for m in matches] == [(D(100), D("0.5")), (D(110), D("0.4"))]


def test_shrinking_keeps_the_place_in_the_queue() -> None:
    """A smaller quantity does not lose time priority."""
    book = market()
    book.place(order("a", "sell", 100, "2"))
    book.place(order("b", "sell", 100, "2"))
    book.shrink("a", D(1))
    assert book.place(order("t", "buy", 100, "1"), "ioc").matches[0].maker.order_id == "a"
    assert book.order("a") is None
    assert book.depth("sell", 1) == ((D(100), D(2)),)


def test_a_resize_is_told_as_one_change_or_as_none() -> None:
    """A quote that is what it shall be is not touched; what somebody took of it comes back; what is gone stays gone."""
    book, told = market(), []
    book.place(order("a", "sell", 100, "2"))
    book.listeners.append(told.append)
    assert book.resize("a", D(2))
    assert told == []
    book.place(order("t", "buy", 100, "0.5"), "ioc")
    assert book.resize("a", D(2))
    assert [(change.book_id, change.quantity) for change in told] == [(2, D("1.5")), (3, D(2))]
    assert book.depth("sell", 1) == ((D(100), D(2)),)
    book.cancel("a")
    assert not book.resize("a", D(2))
    assert book.depth("sell", 1) == ()


def test_price_off_the_tick_is_a_bug() -> None:
    """The book refuses to hold a price that the venue could not show."""
    with pytest.raises(ValueError, match="multiple"):
        market().place(RestingOrder("a", "x", "buy", D("1.5"), D(1)))


steps = st.lists(
    st.tuples(
        st.sampled_from(["place", "cancel", "resize"]),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 12),
        st.integers(1, 9),
        st.sampled_from(["gtc", "ioc", "fok", "poc"]),
    ),
    max_size=60,
)


@given(steps)
def test_book_is_never_crossed_and_increments_rebuild_it(
    script: list[tuple[str, Side, int, int, TimeInForce]],
) -> None:
    """After any session the best bid is below the best ask, level totals equal their orders, ids have no gaps."""
    book = market()
    rebuilt: dict[tuple[Side, D], D] = {}
    ids: list[int] = []

    def follow(change: LevelChange) -> None:
        ids.append(change.book_id)
        rebuilt[(change.side, change.price)] = change.quantity

    book.listeners.append(follow)
    for number, (op, side, price, quantity, tif) in enumerate(script):
        if op == "place":
            book.place(order(f"o{number}", side, price, str(quantity)), tif)
        elif op == "resize":
            book.resize(f"o{price}", D(quantity))
        else:
            book.cancel(f"o{price}")
        bid, ask = book.best("buy"), book.best("sell")
        assert bid is None or ask is None or bid[0] < ask[0]
    assert ids == list(range(1, len(ids) + 1))
    sides: tuple[Side, Side] = ("buy", "sell")
    for side in sides:
        shown = dict(book.depth(side, 100))
        assert shown == {p: q for (s, p), q in rebuilt.items() if s == side and q}
        for level, total in shown.items():
            held = [o.quantity_left for o in book.orders() if o.side == side and o.price == level]
            assert sum(held, D(0)) == total
            assert all(quantity > 0 for quantity in held)


@given(steps, st.lists(st.tuples(st.integers(1, 12), st.integers(1, 9)), min_size=1, max_size=12))
def test_a_resize_and_a_place_come_to_a_cancel_and_a_place(
    script: list[tuple[str, Side, int, int, TimeInForce]], quotes: list[tuple[int, int]]
) -> None:
    """With others before and behind it, or nobody; and those who come later meet the same makers."""
    books = (market(), market())
    for book in books:
        for number, (op, side, price, quantity, tif) in enumerate(script):
            if op == "place":
                book.place(order(f"o{number}", side, price, str(quantity)), tif)
    for number, quantity in quotes:
        known = books[0].order(f"o{number}")
        if known is None:
            continue
        whole = RestingOrder(known.order_id, "x", known.side, known.price, D(quantity))
        if not books[0].resize(known.order_id, D(quantity)):
            books[0].place(whole)
        books[1].cancel(known.order_id)
        books[1].place(attrs.evolve(whole))
    sides: tuple[Side, Side] = ("buy", "sell")
    for side in sides:
        takers = [order("t", side, 0, "30") for _ in books]
        met = [book.place(taker, "ioc").matches for book, taker in zip(books, takers, strict=True)]
        first, second = ([(one.maker.order_id, one.price, one.quantity) for one in some] for some in met)
        assert first == second


@given(steps)
def test_fills_respect_limits_and_makers_price(script: list[tuple[str, Side, int, int, TimeInForce]]) -> None:
    """No order ever trades worse than its limit, and the maker's price rules."""
    book = market()
    for number, (_, side, price, quantity, tif) in enumerate(script):
        taker = order(f"o{number}", side, price, str(quantity))
        for match in book.place(taker, tif).matches:
            assert match.price == match.maker.price
            assert match.price <= price if side == "buy" else match.price >= price
            assert match.quantity > 0
