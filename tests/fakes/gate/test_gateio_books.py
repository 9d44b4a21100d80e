"""Increments of the public book streams."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.gateio_books import BookStream, Level, Side

Book = dict[Decimal, Decimal]
Changes = list[tuple[Side, int, int]]

changes = st.lists(
    st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 12), st.integers(0, 5)), min_size=1, max_size=60
)


def top(book: Book, side: Side, depth: int) -> list[Level]:
    return sorted(book.items(), reverse=side == "buy")[:depth]


def apply(book: Book, levels: list[Level]) -> None:
    for price, quantity in levels:
        if quantity:
            book[price] = quantity
        else:
            book.pop(price, None)


@given(changes, st.integers(1, 4), st.integers(0, 60), st.integers(1, 7))
def test_snapshot_and_increments_give_the_top_levels(steps: Changes, depth: int, at: int, every: int) -> None:
    """A snapshot at any id plus the increments after it holds the server's first levels, whatever the flush times."""
    server: dict[Side, Book] = {"buy": {}, "sell": {}}
    stream = BookStream.starting_at(0, [], [], exact=False)
    client: dict[Side, Book] | None = None
    base = 0
    for book_id, (side, price, quantity) in enumerate(steps, 1):
        apply(server[side], [(Decimal(price), Decimal(quantity))])
        stream.touch(side, Decimal(price), Decimal(quantity))
        if book_id == min(at, len(steps)):
            client, base = {s: dict(top(server[s], s, depth)) for s in server}, book_id
        if book_id % every == 0 or book_id == len(steps):
            frame = stream.flush(book_id, top(server["buy"], "buy", depth), top(server["sell"], "sell", depth))
            assert frame is not None
            assert frame.last_id == book_id
            if client is not None and frame.last_id > base:
                assert frame.first_id <= base + 1
                apply(client["buy"], frame.bids)
                apply(client["sell"], frame.asks)
                base = frame.last_id
    if client is not None:
        assert base == len(steps)
        for side, book in server.items():
            assert top(client[side], side, depth) == top(book, side, depth)


@given(changes, st.integers(1, 4), st.integers(1, 7))
def test_exact_increments_keep_exactly_the_top_levels(steps: Changes, depth: int, every: int) -> None:
    """A client of obu that began at a full frame holds the top levels and nothing else."""
    server: dict[Side, Book] = {"buy": {}, "sell": {}}
    stream = BookStream.starting_at(0, [], [], exact=True)
    client: dict[Side, Book] = {"buy": {}, "sell": {}}
    for book_id, (side, price, quantity) in enumerate(steps, 1):
        apply(server[side], [(Decimal(price), Decimal(quantity))])
        if book_id % every == 0:
            frame = stream.flush(book_id, top(server["buy"], "buy", depth), top(server["sell"], "sell", depth))
            assert frame is not None
            apply(client["buy"], frame.bids)
            apply(client["sell"], frame.asks)
            assert {s: top(client[s], s, 99) for s in client} == {s: top(server[s], s, depth) for s in server}


def test_no_frame_without_a_new_id_and_an_empty_one_with_it() -> None:
    """An id that changed nothing visible still makes a frame, so that sequences stay unbroken."""
    stream = BookStream.starting_at(10, [], [], exact=True)
    assert stream.flush(10, [], []) is None
    frame = stream.flush(13, [], [])
    assert frame is not None
    assert (frame.first_id, frame.last_id, frame.bids, frame.asks) == (11, 13, [], [])
