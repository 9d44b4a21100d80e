"""What the benchmarks feed to both sides: frames, books, executions. Figures of unequal inputs would mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from suite import edges, frames, markets
from suite.executions import executions
from suite.frame_to_top import MAKERS, ours
from suite.log_contenders import _Arrived
from suite.order_path import stamping

from dnbot.domain.book import BookDelta, walk
from dnbot.domain.instrument import VENUES, Symbol, Venue
from dnbot.domain.messages import ExecutionClosed, FillBooked, StateChanged
from dnbot.strategy.spread import edge_of
from dnbot.venues.factory import public_codec
from dnbot.venues.wire import Delta

COUNT = 40


def deltas(venue: Venue, sent: Sequence[str | bytes]) -> list[BookDelta]:
    """What the venue's codec reads."""
    codec = public_codec(venue, Symbol("BTC", "USDT"))
    messages = [message for frame in sent for message in codec.decode(frame)]
    return [message.delta for message in messages if isinstance(message, Delta)]


def test_both_venues_send_the_same_increments() -> None:
    """Six levels each, contiguous ids, the same prices and sizes in JSON and protobuf."""
    gate, mexc = (deltas(venue, MAKERS[venue](COUNT)) for venue in (Venue.GATE_SPOT, Venue.MEXC_SPOT))
    assert [delta.first_id for delta in gate] == list(range(frames.FIRST_ID + 1, frames.FIRST_ID + COUNT + 1))
    assert {len(delta.bids) + len(delta.asks) for delta in gate} == {6}
    assert [(d.first_id, d.last_id, d.bids, d.asks) for d in mexc] == [
        (d.first_id, d.last_id, d.bids, d.asks) for d in gate
    ]


def test_the_frames_change_the_best_levels_of_a_sound_book() -> None:
    """Every increment applies, some remove a level, and the best levels afterwards are not those of the snapshot."""
    sent = MAKERS[Venue.GATE_SPOT](COUNT)
    best = ours(Venue.GATE_SPOT, sent)[1]
    bids, _ = frames.snapshot()
    assert best[: len(best) // 2] != [(float(price), float(size)) for price, size in bids[: len(best) // 2]]
    assert any(size == 0 for delta in deltas(Venue.GATE_SPOT, sent) for _, size in delta.bids)


def test_one_book_changes_from_view_to_view_and_round_the_corner() -> None:
    """The cycle has no place where more changes than is measured."""
    views = markets.one_changed()
    for before, after in zip([views[-1], *views], views, strict=False):
        assert sum(before.books[venue] != after.books[venue] for venue in VENUES) == 1


def test_a_walk_takes_three_to_six_levels() -> None:
    """As deep as the target says."""
    for view in markets.all_changed():
        for book in view.books.values():
            found = walk(book.asks, markets.QUANTITY)
            assert found
            assert 3 <= 1 + [price for price, _ in book.asks].index(found.worst_price) <= 6


def test_fast_and_plain_edges_must_decide_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """They do; and a plain version that disagrees ends the benchmark."""
    views = markets.one_changed()
    edges.check_decisions(views)

    def wrong(pair: Any, quantity: Decimal, books: Any, fees: Any) -> Any:
        return edge_of(pair.reverse, quantity, books, fees)

    monkeypatch.setattr(edges, "edge_of", wrong)
    with pytest.raises(AssertionError, match="view 0"):
        edges.check_decisions(views)


def test_executions_share_no_name() -> None:
    """Orders, trades and edges are new to the database each time, and each execution closes."""
    done = executions(7, 3)
    orders = [intent.client_order_id for one in done for intent in one.intents]
    fills = [record.fill.trade_id for one in done for record in one.records if isinstance(record, FillBooked)]
    moves = [record.sequence for one in done for record in one.records if isinstance(record, StateChanged)]
    for names in (orders, fills, moves, [one.execution_id for one in done]):
        assert len(names) == len(set(names)) >= len(done)
    later = [record.fill.trade_id for record in executions(8, 1)[0].records if isinstance(record, FillBooked)]
    assert later
    assert not set(later) & set(fills)
    assert all(intent.epoch == 7 for one in done for intent in one.intents)
    assert all(sum(isinstance(record, ExecutionClosed) for record in one.records) == 1 for one in done)


def test_arrived_lines_are_counted_whole_and_once(tmp_path: Path) -> None:
    """A line of which half is written counts when its end has come; other lines never."""
    path = tmp_path / "log"
    arrived = _Arrived(tmp_path)
    path.write_bytes(b"header\nquoted GATEIO_SPOT 1\nquoted GATEIO_")
    arrived.wait_for(1)
    assert arrived.lines == 1
    with path.open("ab") as file:
        file.write(b"SPOT 2\nquoted GATEIO_SPOT 3\n")
    arrived.wait_for(3)
    assert arrived.lines == 3


async def test_stamps_note_what_is_handed_to_a_stream_and_leave_no_trace() -> None:
    """Every stream of the class, once however often it is opened; afterwards the class is as it was."""

    class Stream:
        """Keeps what it is given."""

        def __init__(self) -> None:
            self.given: list[bytes] = []

        async def send_all(self, data: bytes) -> None:
            self.given.append(data)

    before = Stream.send_all
    with stamping() as stamps:
        async def inner(host: str, port: int) -> Any:
            return Stream()

        opened: list[Any] = [await stamps.opener(inner)("x", 1) for _ in range(2)]
        assert stamps.at_ns == 0
        await opened[0].send_all(b"order")
        assert stamps.at_ns > 0
        assert opened[0].given == [b"order"]
    assert Stream.send_all is before
    await trio.lowlevel.checkpoint()
