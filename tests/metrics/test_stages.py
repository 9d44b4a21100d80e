"""Each stage is measured from where the one before ended; what is not known to belong together is left out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import attrs
import pytest
import trio

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.market import BookView, MarketView
from dnbot.domain.messages import ExecutePair, OrderAnswered, OrderChanged, OrderSent, PairAborted, StoreFound
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.pair import Opportunity
from dnbot.metrics.histogram import Histogram
from dnbot.metrics.stages import OPEN_MAX, STAGES, Stages
from dnbot.strategy.orders import Orders

BUY, SELL = Venue.GATE_SPOT, Venue.MEXC_SPOT
SOME = cast("Opportunity", object())


def intent(name: str, venue: Venue) -> OrderIntent:
    """One leg."""
    return OrderIntent(
        client_order_id=name, epoch=1, venue=venue, symbol=Symbol("BTC", "USDT"), side=Side.BUY, quantity=Decimal(1),
        price=Decimal(1), purpose=Purpose.ENTRY, created_at_ns=0, expires_at_ns=0,
    )


def pair_of(number: int, opportunity: Opportunity | None = SOME) -> ExecutePair:
    """Both legs."""
    legs = intent(f"{number}b", BUY), intent(f"{number}s", SELL)
    return ExecutePair(execution_id=f"x{number}", intents=legs, opportunity=opportunity)


def book(venue: Venue, received_s: float) -> BookView:
    """A book that arrived then."""
    side = ((Decimal(1), Decimal(1)),)
    return BookView(venue=venue, bids=side, asks=side, update_id=1, venue_ms=0, received_s=received_s)


@attrs.define
class Bench:
    """Stages, and what the machine would tell them."""

    stages: Stages = attrs.field(factory=Stages)
    orders: dict[str, Order] = attrs.field(factory=dict)

    def decide(self, pair: ExecutePair, **received_s: float) -> None:
        """By books that arrived then."""
        books = {venue: book(venue, received_s[key]) for key, venue in (("buy", BUY), ("sell", SELL))}
        for leg in pair.intents:
            self.orders[leg.client_order_id] = Order(intent=leg)
        self.stages.decided(pair, MarketView(books=books))

    def send(self, name: str) -> None:
        """Bytes leave."""
        self.note(OrderSent(name, 0, trio.current_time()))

    def settle(self, name: str, filled: int = 1, status: OrderStatus = OrderStatus.FILLED) -> None:
        """The last that is heard of an order."""
        order = Order(
            intent=self.orders[name].intent, status=status, filled=Decimal(filled), reported_filled=Decimal(filled)
        )
        self.note(StoreFound(), OrderChanged(order, 0))

    def note(self, event: Any, *records: Any) -> None:
        """After one step."""
        self.stages.note(event, records, Orders.of(self.orders.values()))

    def stage(self, name: str) -> tuple[int, float]:
        """How many, and how long in sum, ms."""
        told = self.stages.stages[name]
        return told.count, round(told.total * 1000, 6)


@pytest.fixture
def bench() -> Callable[[], Bench]:
    """Made inside the test, which runs on virtual time."""
    return Bench


async def test_a_whole_arbitrage(autojump_clock: Any, bench: Any) -> None:
    """Eight stamps, each some milliseconds after the one before; the later leg ends what both must have done."""
    it = bench()
    of_all = it.stages.sent_of_all = Histogram()
    read_s = trio.current_time()
    await trio.sleep(0.001)
    decoded_s = trio.current_time()
    it.stages.moved(BUY, read_s, decoded_s)
    await trio.sleep(0.002)
    it.stages.evaluated()
    await trio.sleep(0.004)
    pair = pair_of(1)
    it.decide(pair, buy=decoded_s, sell=read_s - 1)
    await trio.sleep(0.008)
    it.stages.committed("x1")
    await trio.sleep(0.016)
    it.send("1b")
    await trio.sleep(0.032)
    it.send("1s")
    it.note(OrderAnswered(client_order_id="1s", outcome="accepted", at_ns=0, sent_to_answer_us=7000))
    await trio.sleep(0.064)
    it.settle("1s")
    await trio.sleep(0.128)
    it.settle("1b")
    told = [it.stage(name) for name in STAGES]
    assert told == [(1, 1.0), (1, 2.0), (1, 4.0), (1, 8.0), (1, 48.0)]
    assert {name: round(one.total, 6) for name, one in it.stages.until.items()} == {"sent": 0.063, "filled": 0.255}
    assert (of_all.count, round(of_all.total, 6)) == (1, 0.063)
    assert {venue: round(one.total, 6) for venue, one in it.stages.fills.items() if one.count} == {
        BUY: 0.224, SELL: 0.064,
    }
    assert {venue: (one.count, one.total) for venue, one in it.stages.answers.items()} == {
        BUY: (0, 0.0), SELL: (1, 0.007), Venue.GATE_FUTURES: (0, 0.0),
    }


async def test_a_book_that_no_burst_brought_is_left_out(autojump_clock: Any, bench: Any) -> None:
    """One that came by REST has no bytes of the stream: the times from them are not told, the others are."""
    it = bench()
    it.stages.moved(BUY, 0.0, 0.5)
    await trio.sleep(1)
    it.stages.evaluated()
    it.decide(pair_of(1), buy=0.75, sell=0.1)
    it.stages.committed("x1")
    for name in ("1b", "1s"):
        it.send(name)
        it.settle(name)
    assert [it.stage(name)[0] for name in STAGES] == [0, 1, 1, 1, 1]
    assert [one.count for one in it.stages.until.values()] == [0, 0]


async def test_the_newest_of_both_books_is_the_trigger(autojump_clock: Any, bench: Any) -> None:
    """The older one had waited, and nothing was to be done about that."""
    it = bench()
    it.stages.moved(BUY, 0.0, 0.001)
    it.stages.moved(SELL, 0.002, 0.005)
    it.stages.evaluated()
    it.decide(pair_of(1), buy=0.001, sell=0.005)
    assert it.stage("read_to_decoded") == (1, 3.0)


async def test_slices_are_no_arbitrage_and_their_orders_are_orders(autojump_clock: Any, bench: Any) -> None:
    """What builds or closes the position follows no book; how soon its orders fill is told."""
    it = bench()
    it.decide(pair_of(1, None), buy=0.0, sell=0.0)
    it.stages.committed("x1")
    it.send("1b")
    await trio.sleep(0.25)
    it.settle("1b")
    assert [it.stage(name)[0] for name in STAGES] == [0] * 5
    assert (it.stages.fills[BUY].count, it.stages.fills[BUY].total) == (1, 0.25)


async def test_what_was_not_filled_has_no_time_to_its_fill(autojump_clock: Any, bench: Any) -> None:
    """An order that ends empty, and one that never left."""
    it = bench()
    it.decide(pair_of(1), buy=0.0, sell=0.0)
    it.send("1b")
    it.settle("1b", 0, OrderStatus.CANCELLED)
    it.settle("1s", 0, OrderStatus.NOT_SENT)
    it.note(OrderAnswered(client_order_id="1s", outcome="not_sent", at_ns=0))
    assert [one.count for one in (*it.stages.fills.values(), *it.stages.answers.values())] == [0] * 6


async def test_an_aborted_pair_is_forgotten(autojump_clock: Any, bench: Any) -> None:
    """A commit that is told after it measures nothing."""
    it = bench()
    it.decide(pair_of(1), buy=0.0, sell=0.0)
    it.note(PairAborted("x1", "RATE", "", 0))
    it.stages.committed("x1")
    assert it.stage("decided_to_committed") == (0, 0.0)


async def test_what_never_ends_is_bounded(autojump_clock: Any, bench: Any) -> None:
    """Orders whose end is never told are forgotten in favour of newer ones."""
    it = bench()
    for number in range(OPEN_MAX):
        it.decide(pair_of(number), buy=0.0, sell=0.0)
    assert (len(it.stages._legs), len(it.stages._open)) == (OPEN_MAX, OPEN_MAX)
    it.send("0b")  # forgotten as a leg, still an order
    it.settle("0b")
    assert it.stages.fills[BUY].count == 1
    assert it.stages.until["sent"].count == 0


async def test_a_burst_is_measured_to_its_end(autojump_clock: Any, bench: Any) -> None:
    """From its bytes to all that was decided."""
    it = bench()
    read_s = trio.current_time()
    await trio.sleep(0.5)
    it.stages.concluded(SELL, read_s)
    assert [one.total for one in it.stages.bursts.values()] == [0.0, 0.0, 0.5]
