"""How long each stage of an arbitrage takes, from bytes that were read to fills that are booked.

read -> decoded -> evaluated -> decided -> committed -> sent -> answered, filled. All stamps are trio's clock, taken
where the stage ends; what has no stamp of its own way (a book that came by REST) is left out, never guessed.
"""

from __future__ import annotations

import attrs
import trio

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.market import MarketView
from dnbot.domain.messages import ExecutePair, InboxEvent, OrderAnswered, OrderChanged, OrderSent, PairAborted, Record
from dnbot.domain.order import Order
from dnbot.metrics.histogram import Histogram
from dnbot.strategy.orders import Orders

STAGES = (
    "read_to_decoded", "decoded_to_evaluated", "evaluated_to_decided", "decided_to_committed", "committed_to_sent",
)
UNTIL = ("sent", "filled")
OPEN_MAX = 256
"""Orders that are followed at once. An order that never ends is forgotten in favour of newer ones."""
_ANSWERS = frozenset({"accepted", "refused"})


def _per_venue() -> dict[Venue, Histogram]:
    return {venue: Histogram() for venue in VENUES}


@attrs.define
class _Arbitrage:
    """One pair on its way."""

    read_s: float | None
    decided_s: float
    unsent: int
    unfilled: int
    committed_s: float | None = None


@attrs.define
class _Leg:
    """One order on its way."""

    arbitrage: _Arbitrage | None
    sent_s: float | None = None


@attrs.define
class Stages:
    """Told by feeds, analyst, strategist and execution in the turn in which a stage ends. Nothing here waits."""

    bursts: dict[Venue, Histogram] = attrs.field(factory=_per_venue)
    """From bytes of the public stream to all that was decided about them."""
    stages: dict[str, Histogram] = attrs.field(factory=lambda: {name: Histogram() for name in STAGES})
    """Per arbitrage."""
    until: dict[str, Histogram] = attrs.field(factory=lambda: {name: Histogram() for name in UNTIL})
    """Per arbitrage, from the bytes of its newest book to both orders being sent, and to both being settled."""
    sent_of_all: Histogram | None = None
    """Of several bots together: what each of them observes until its orders are sent. None: this bot is alone."""
    answers: dict[Venue, Histogram] = attrs.field(factory=_per_venue)
    """Of every order that was accepted or refused, from its bytes to that answer."""
    fills: dict[Venue, Histogram] = attrs.field(factory=_per_venue)
    """Of every order that traded, from its bytes to its last fill being booked."""
    _moves: dict[Venue, tuple[float, float]] = attrs.field(factory=dict, init=False)
    """When the bytes were read that last moved a book, and when that book was decoded."""
    _evaluated_s: float = attrs.field(default=0.0, init=False)
    _open: dict[str, _Arbitrage] = attrs.field(factory=dict, init=False)
    """By execution, until it is committed."""
    _legs: dict[str, _Leg] = attrs.field(factory=dict, init=False)
    """By client order id, until it is settled."""

    # -- from the market's side

    def moved(self, venue: Venue, read_s: float, decoded_s: float) -> None:
        """A burst that was read at `read_s` changed the book, at the latest at `decoded_s`."""
        self._moves[venue] = read_s, decoded_s

    def concluded(self, venue: Venue, read_s: float) -> None:
        """All that a burst leads to is decided."""
        self.bursts[venue].observe(trio.current_time() - read_s)

    def evaluated(self) -> None:
        """The pairs are computed."""
        self._evaluated_s = trio.current_time()

    # -- from the machine's side

    def decided(self, pair: ExecutePair, market: MarketView) -> None:
        """The machine decided on this pair, by this market."""
        if pair.opportunity is None:
            return  # slices that build or close the position follow no book
        now_s = trio.current_time()
        books = [book for intent in pair.intents if (book := market.books.get(intent.venue)) is not None]
        read_s: float | None = None
        if books:
            newest = max(books, key=lambda book: book.received_s)
            read, decoded_s = self._moves.get(newest.venue, (None, None))
            if read is not None and decoded_s == newest.received_s:
                read_s = read
                self.stages["read_to_decoded"].observe(decoded_s - read)
            self.stages["decoded_to_evaluated"].observe(self._evaluated_s - newest.received_s)
            self.stages["evaluated_to_decided"].observe(now_s - self._evaluated_s)
        arbitrage = _Arbitrage(read_s, now_s, len(pair.intents), len(pair.intents))
        self._open[pair.execution_id] = arbitrage
        for intent in pair.intents:
            self._follow(intent.client_order_id, _Leg(arbitrage))
        _forget_oldest(self._open)

    def committed(self, execution_id: str) -> None:
        """Both intents are durable."""
        arbitrage = self._open.pop(execution_id, None)
        if arbitrage is not None:
            arbitrage.committed_s = trio.current_time()
            self.stages["decided_to_committed"].observe(arbitrage.committed_s - arbitrage.decided_s)

    def note(self, event: InboxEvent, records: tuple[Record, ...], orders: Orders) -> None:
        """What the machine saw, what it wrote down of it, and the orders as it knows them now."""
        match event:
            case OrderSent():
                self._sent(event)
            case OrderAnswered(outcome=outcome) if outcome in _ANSWERS:
                order = orders.get(event.client_order_id)
                if order is not None:
                    self.answers[order.intent.venue].observe(event.sent_to_answer_us / 1e6)
            case PairAborted(execution_id=execution_id):
                self._open.pop(execution_id, None)
            case _:
                pass
        for record in records:
            if isinstance(record, OrderChanged) and record.order.is_settled:
                self._settled(record.order)

    def _sent(self, event: OrderSent) -> None:
        leg = self._legs.get(event.client_order_id)
        if leg is None:
            leg = _Leg(None)
            self._follow(event.client_order_id, leg)
        leg.sent_s = event.at_s
        arbitrage = leg.arbitrage
        if arbitrage is None:
            return
        arbitrage.unsent -= 1
        if arbitrage.unsent == 0:
            if arbitrage.committed_s is not None:
                self.stages["committed_to_sent"].observe(event.at_s - arbitrage.committed_s)
            if arbitrage.read_s is not None:
                self.until["sent"].observe(event.at_s - arbitrage.read_s)
                if self.sent_of_all is not None:
                    self.sent_of_all.observe(event.at_s - arbitrage.read_s)

    def _settled(self, order: Order) -> None:
        leg = self._legs.pop(order.intent.client_order_id, None)
        if leg is None or leg.sent_s is None or not order.filled:
            return
        now_s = trio.current_time()
        self.fills[order.intent.venue].observe(now_s - leg.sent_s)
        arbitrage = leg.arbitrage
        if arbitrage is None:
            return
        arbitrage.unfilled -= 1
        if arbitrage.unfilled == 0 and arbitrage.read_s is not None:
            self.until["filled"].observe(now_s - arbitrage.read_s)

    def _follow(self, client_order_id: str, leg: _Leg) -> None:
        self._legs[client_order_id] = leg
        _forget_oldest(self._legs)


def _forget_oldest(known: dict[str, _Arbitrage] | dict[str, _Leg]) -> None:
    if len(known) > OPEN_MAX:
        known.pop(next(iter(known)))
