"""Counts of few kinds, whatever the world says."""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import Alert, OrderAnswered, PairAborted, StateChanged, StoreFound
from dnbot.domain.order import Order, OrderIntent, Purpose, Side
from dnbot.metrics.tallies import CODES_MAX, OTHER, Tallies, capped
from dnbot.strategy.orders import Orders

INTENT = OrderIntent(
    client_order_id="a", epoch=1, venue=Venue.MEXC_SPOT, symbol=Symbol("BTC", "USDT"), side=Side.BUY,
    quantity=Decimal(1), price=Decimal(1), purpose=Purpose.ENTRY, created_at_ns=0, expires_at_ns=0,
)
ORDERS = Orders.of([Order(intent=INTENT)])


def answer(outcome: str, code: str = "", name: str = "a") -> OrderAnswered:
    """What came of a create."""
    return OrderAnswered(client_order_id=name, outcome=outcome, code=code, at_ns=0)


def test_outcomes_by_venue_and_refusals_of_our_own_by_code() -> None:
    """A venue's code is never a label; an order that nobody knows any more has no venue."""
    tallies = Tallies()
    for event in (answer("accepted"), answer("refused", "BALANCE_NOT_ENOUGH"), answer("not_sent", "EXPIRED"),
                  answer("not_sent", "EXPIRED", "gone"), PairAborted("x", "RATE", "", 0)):
        tallies.note(event, (), ORDERS)
    venue = Venue.MEXC_SPOT
    assert tallies.answers == {(venue, "accepted"): 1, (venue, "refused"): 1, (venue, "not_sent"): 1}
    assert tallies.unsent == {"EXPIRED": 2, "RATE": 1}


def test_records_are_counted_by_kind() -> None:
    """Alerts by level, states by name."""
    tallies = Tallies()
    changed = StateChanged(sequence=1, from_state="A", to_state="B", trigger="T", why="", at_ns=0)
    records = (Alert(level="critical", key="k", text="", at_ns=0), changed, changed)
    tallies.note(StoreFound(), records, ORDERS)
    assert (tallies.alerts, tallies.transitions) == ({"critical": 1}, {"B": 2})


def test_kinds_are_bounded() -> None:
    """However many codes come, those after the limit are one; nothing is lost of their number."""
    tallies = Tallies()
    for number in range(3 * CODES_MAX):
        tallies.note(PairAborted("x", f"C{number}", "", 0), (), ORDERS)
    assert len(tallies.unsent) == CODES_MAX + 1
    assert tallies.unsent[OTHER] == 2 * CODES_MAX
    many = {f"R{number}": 2 for number in range(CODES_MAX + 5)}
    assert (len(capped(many)), capped(many)[OTHER]) == (CODES_MAX + 1, 10)
    assert capped({"A": 1}) == {"A": 1}
