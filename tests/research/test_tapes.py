"""A recorded book as a venue shows it: never early, as the mapping says, and once."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from dnbot.fakes.instruments import SYMBOLS, instruments_for
from dnbot.fakes.market_ladder import Command
from dnbot.fakes.replay_files import Depth, Event, ReplayError, Top, Trade
from dnbot.research.mapping import Shape
from dnbot.research.tapes import FedTape, shaped

D = Decimal
GATE = instruments_for(SYMBOLS["BTC/USDT"])[0]
S = 1_000_000_000
START = Depth(1, ((D(60000), D(1)),), ((D(60001), D(1)),), whole=True)


def tape(*events: tuple[float, Event], shape: Shape = Shape("spot"), begin_s: float = 1.0) -> FedTape:  # noqa: B008
    """One that plays these, at seconds; the world begins at `begin_s`."""

    def feed() -> Iterator[tuple[int, Event]]:
        return iter([(round(at_s * S), event) for at_s, event in events])

    return FedTape((), GATE, round(begin_s * S), 100 * S, feed=feed, shape=shape)


def placed(commands: list[Command], side: str) -> list[tuple[Decimal, Decimal]]:
    """Prices and quantities of orders that are new or made whole."""
    return [(one.price, one.quantity) for one in commands if one.quotes and one.side == side]


def test_nothing_is_shown_before_its_time() -> None:
    """A level comes with the first turn at or after the time at which the recorder had it."""
    later = Depth(2, ((D("60000.5"), D(2)),), ())
    made = tape((0.0, START), (2.0, later))
    assert placed(made.turn(0.0), "buy") == [(D(60000), D(1))]
    assert placed(made.turn(0.999), "buy") == []
    assert placed(made.turn(1.0), "buy") == [(D("60000.5"), D(2))]


def test_a_lag_is_added_to_every_event() -> None:
    """150 ms later is 150 ms later."""
    made = tape((0.0, START), (2.0, Depth(2, ((D("60000.5"), D(2)),), ())), shape=Shape("spot", lag_ms=150))
    made.turn(0.0)
    assert placed(made.turn(1.149), "buy") == []
    assert placed(made.turn(1.15), "buy") == [(D("60000.5"), D(2))]


def test_a_book_that_is_not_whole_at_the_beginning_is_refused_rather_than_read_on() -> None:
    """Reading on would show what comes later."""
    with pytest.raises(ReplayError, match=r"'spot' has an empty side 0\.000 s after the beginning"):
        tape((0.0, Depth(1, ((D(60000), D(1)),), (), whole=True)), (2.0, START))


def test_a_book_that_loses_a_side_ends_the_run() -> None:
    """With the time."""
    made = tape((0.0, START), (2.0, Depth(2, (), ((D(60001), D(0)),))))
    made.turn(0.0)
    with pytest.raises(ReplayError, match=r"1\.000 s"):
        made.turn(1.0)


def test_a_recording_that_ended_does_not_begin_again() -> None:
    """Its last book stays."""
    made = tape((0.0, START), (2.0, Depth(2, ((D(60000), D(3)),), ())))
    made.turn(0.0)
    assert placed(made.turn(1.0), "buy") == [(D(60000), D(3))]
    assert made.turn(500.0) == []
    assert made.middle() == 60000.5


def test_prices_move_as_the_mapping_says() -> None:
    """Bids with one factor and asks with the other; a trade with that of the side that it takes from."""
    shape = Shape("spot", spread_bps=D(20), offset_bps=D(100))
    rows = ((D(100), D(1)),)
    events: list[tuple[int, Event]] = [
        (0, Depth(7, rows, rows, whole=True)), (1, Top(8, rows[0], rows[0])),
        (2, Trade(D(100), D(1), taker_sold=True)), (3, Trade(D(100), D(1), taker_sold=False)),
    ]
    bid, ask = D("101") * D("0.999"), D("101") * D("1.001")
    assert [event for _, event in shaped(iter(events), shape)] == [
        Depth(7, ((bid, D(1)),), ((ask, D(1)),), whole=True), Top(8, (bid, D(1)), (ask, D(1))),
        Trade(bid, D(1), taker_sold=True), Trade(ask, D(1), taker_sold=False),
    ]
