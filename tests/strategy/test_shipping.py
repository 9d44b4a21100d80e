"""Declared moves between exchanges: nothing is naked on the way, nothing is explained that was not declared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_kit import Bench
from machine_world import GF, GS, MS, SYMBOL, S

from dnbot.domain.account import Balance
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import Alert, DeclareShipment, GiveUpShipment, PortfolioSaved, RowBooked
from dnbot.domain.order import Purpose
from dnbot.domain.position import EntryKind, LedgerEntry, Portfolio, post
from dnbot.ports.store_rebuild import rebuilt
from dnbot.strategy.reading import DIFFERENCE_CONFIRM_S
from dnbot.strategy.shipping import LATE_H, OPEN_MAX, problem_of
from dnbot.strategy.standing import inventory_of

D = Decimal
K = EntryKind


def declaration(leaves: str = "0.1", arrives: str = "0.1", **changes: Any) -> DeclareShipment:
    """Base from Gate to MEXC."""
    fields: dict[str, Any] = {"source": GS, "target": MS, "asset": "BTC", "why": "test", **changes}
    return DeclareShipment(leaves=D(leaves), arrives=D(arrives), **fields)


def declared(leaves: str = "0.1", arrives: str = "0.1", **changes: Any) -> Bench:
    """A bot that trades, and was told."""
    bench = Bench().boot()
    bench.give(declaration(leaves, arrives, **changes))
    return bench


def move(bench: Bench, venue: Venue, amount: str, asset: str = "BTC") -> None:
    """The venue's balance changes, and is read until it is believed."""
    bench.truth[venue].balances[asset] += D(amount)
    believe(bench)


def believe(bench: Bench) -> None:
    """Two reads of everything, far enough apart, with a fresh market."""
    for _ in range(2):
        bench.read_all()
        bench.signal(after_ms=DIFFERENCE_CONFIRM_S * 1000)
    bench.read_all()
    bench.signal()


def alerts(bench: Bench) -> list[str]:
    """Keys of what was told above information."""
    return [alert.key for alert in bench.all(Alert) if alert.level != "info"]


def entries(bench: Bench, kind: EntryKind) -> list[LedgerEntry]:
    """Everything booked of a kind."""
    return [entry for booked in bench.all(RowBooked) for entry in booked.entries if entry.kind is kind]


def test_a_declaration_alone_changes_no_figure() -> None:
    """It is remembered and saved; delta, equity and balances are as they were."""
    before = Bench().boot().context
    bench = declared()
    now = bench.context
    (shipment,) = now.portfolio.shipments
    assert (shipment.shipment_id, shipment.has_left, shipment.under_way) == ("s1", False, 0)
    assert now.portfolio.delta == before.portfolio.delta
    assert now.portfolio.balances == before.portfolio.balances
    assert bench.last(PortfolioSaved).portfolio.shipments == (shipment,)


def test_base_under_way_stays_hedged_and_is_not_bought_again() -> None:
    """From one venue to the other: no order, no adjustment, delta and equity as before; the ledger explains it all."""
    bench = declared()
    sent, equity = len(bench.intents()), bench.context.risk.equity_quote
    move(bench, GS, "-0.1")
    portfolio = bench.context.portfolio
    assert portfolio.delta == 0
    assert portfolio.balance(GS, "BTC") == D("0.4")
    assert portfolio.under_way("BTC") == D("0.1")
    assert inventory_of(bench.context).total_base == D("0.9")
    assert inventory_of(bench.context).held_base == 1
    bench.quiet(60)
    assert bench.context.risk.equity_quote == equity
    move(bench, MS, "0.1")
    bench.quiet(20)
    assert (bench.context.portfolio.delta, bench.context.portfolio.shipments) == (0, ())
    assert bench.context.portfolio.balance(MS, "BTC") == D("0.6")
    assert bench.context.risk.equity_quote == equity
    assert len(bench.intents()) == sent
    assert alerts(bench) == []
    assert [(e.venue, e.amount, e.note) for e in entries(bench, K.SHIPMENT)] == [
        (GS, D("-0.1"), "s1"), (MS, D("0.1"), "s1"),
    ]
    assert entries(bench, K.ADJUSTMENT) == []


def test_without_a_declaration_the_same_is_hedged_away() -> None:
    """What the declaration is for: undeclared, the base that left is unexplained, and the short is bought back."""
    bench = Bench().boot()
    move(bench, GS, "-0.1")
    assert "adjusted:GATEIO_SPOT:BTC" in alerts(bench)
    assert {intent.purpose for intent in bench.intents()} >= {Purpose.HEDGE}


def test_base_that_a_venue_has_locked_to_leave_is_not_bought_again() -> None:
    """Before it leaves: locked, so not free to trade, and still held."""
    bench = declared()
    locked = Balance(GS, "BTC", D("0.5"), D("0.4"))
    quote = Balance(GS, "USDT", D(100_000), D(100_000))
    bench.tick(1)
    bench.give(bench.read(GS, balances=(locked, quote)))
    assert inventory_of(bench.context).total_base == D("0.9")
    assert inventory_of(bench.context).held_base == 1


def test_the_fee_is_a_cost_and_no_longer_hedged() -> None:
    """0.1 leaves and 0.098 arrives: two thousandths are gone with the departure; the short follows."""
    bench = declared("0.1", "0.098")
    equity = bench.context.risk.equity_quote
    assert equity is not None
    move(bench, GS, "-0.1")
    assert bench.context.portfolio.delta == D("-0.002")
    (hedge,) = [intent for intent in bench.intents() if intent.purpose is Purpose.HEDGE]
    assert (hedge.venue, hedge.quantity) == (GF, D("0.002"))
    bench.filled(hedge)
    bench.signal(after_ms=1000)
    assert bench.context.portfolio.delta == 0
    assert bench.context.risk.equity_quote is not None
    assert equity - bench.context.risk.equity_quote == pytest.approx(D(120), abs=1)


@pytest.mark.parametrize(("amount", "asset"), [("-0.09", "BTC"), ("-0.11", "BTC"), ("-0.1", "USDT")])
def test_another_amount_is_unexplained(amount: str, asset: str) -> None:
    """Only what was declared is explained: anything else is told and adjusted as ever, and the shipment waits."""
    bench = declared()
    move(bench, GS, amount, asset)
    assert f"adjusted:GATEIO_SPOT:{asset}" in alerts(bench)
    assert not bench.context.portfolio.shipments[0].has_left
    assert entries(bench, K.SHIPMENT) == []


def test_parts_arrive_and_more_than_declared_is_unexplained() -> None:
    """Two parts are counted off; what comes beyond is nobody's declaration."""
    bench = declared()
    move(bench, GS, "-0.1")
    move(bench, MS, "0.04")
    assert bench.context.portfolio.under_way("BTC") == D("0.06")
    assert bench.context.portfolio.delta == 0
    move(bench, MS, "0.07")
    assert bench.context.portfolio.shipments == ()
    (beyond,) = entries(bench, K.ADJUSTMENT)
    assert (beyond.venue, beyond.amount) == (MS, D("0.01"))
    assert bench.context.portfolio.delta == D("0.01")


def test_a_target_that_tells_first_books_both_ends() -> None:
    """The arrival is read while the source still shows the old figure: the pair is booked at once, then they agree."""
    bench = declared("0.1", "0.1")
    bench.truth[MS].balances["BTC"] += D("0.1")
    bench.tick(1)
    for _ in range(2):
        bench.give(bench.read(MS))
        bench.tick(DIFFERENCE_CONFIRM_S * 1000)
    assert bench.context.portfolio.delta == 0
    assert bench.context.portfolio.balance(GS, "BTC") == D("0.4")
    bench.truth[GS].balances["BTC"] -= D("0.1")
    believe(bench)
    assert (alerts(bench), bench.context.portfolio.shipments) == ([], ())


def test_quote_under_way_is_equity() -> None:
    """Quote has no delta, and is not lost on its way."""
    bench = declared("5000", "5000", asset="USDT", source=MS, target=GS)
    equity = bench.context.risk.equity_quote
    move(bench, MS, "-5000", "USDT")
    bench.quiet(5)
    assert bench.context.risk.equity_quote == equity
    assert bench.context.portfolio.under_way("USDT") == 5000
    move(bench, GS, "5000", "USDT")
    bench.quiet(5)
    assert (bench.context.risk.equity_quote, alerts(bench)) == (equity, [])


def test_giving_up_what_left_is_a_loss_that_is_told() -> None:
    """It no longer counts: delta says so at once, and a person is named."""
    bench = declared()
    move(bench, GS, "-0.1")
    bench.give(GiveUpShipment("s1", "sent to a wrong address", "a person"))
    assert bench.context.portfolio.shipments == ()
    assert bench.context.portfolio.delta == D("-0.1")
    (alert,) = [a for a in bench.all(Alert) if a.key == "shipment:given_up"]
    assert alert.level == "critical"
    assert "0.1 BTC are given up by a person: sent to a wrong address" in alert.text
    bench.give(GiveUpShipment("s1", "again"))
    assert len(entries(bench, K.SHIPMENT)) == 2


def test_giving_up_what_never_left_changes_no_figure() -> None:
    """A declaration that was a mistake."""
    bench = declared()
    bench.give(GiveUpShipment("s1", "not today"))
    assert (bench.context.portfolio.shipments, bench.context.portfolio.delta, alerts(bench)) == ((), 0, [])
    bench.give(declaration())
    assert [s.shipment_id for s in bench.context.portfolio.shipments] == ["s2"], "an id is used once"


def test_what_does_not_arrive_is_told() -> None:
    """After hours, and again each minute at most: it goes on counting until a person decides."""
    bench = declared()
    move(bench, GS, "-0.1")
    bench.wall_ns += LATE_H * 3600 * 10**9
    bench.quiet(3)
    (alert,) = [a for a in bench.all(Alert) if a.key == "shipment_late:MEXC_SPOT"]
    assert alert.level == "critical"
    assert bench.context.portfolio.delta == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (declaration(source=GS, target=GF), "allowed: from one spot venue to the other"),
        (declaration(source=GS, target=GS), "allowed: from one spot venue to the other"),
        (declaration(asset="ETH"), "allowed: BTC, USDT"),
        (declaration("0.1", "0"), "allowed: above 0"),
        (declaration("0.1", "0.2"), "what arrives at most what leaves"),
        (declaration("0.6", "0.6"), "at most the 0.5 BTC that GATEIO_SPOT holds"),
    ],
)
def test_what_cannot_be_is_refused(wrong: DeclareShipment, said: str) -> None:
    """In a sentence that says what is allowed; nothing is remembered."""
    bench = Bench().boot()
    assert said in (problem_of(wrong, bench.context.portfolio) or "")
    bench.give(wrong)
    assert bench.context.portfolio.shipments == ()
    assert alerts(bench) == ["shipment:refused"]


def test_there_is_a_most() -> None:
    """So that a script that goes wild cannot fill the portfolio."""
    bench = Bench().boot()
    for _ in range(OPEN_MAX + 1):
        bench.give(declaration("0.01", "0.01"))
    assert len(bench.context.portfolio.shipments) == OPEN_MAX
    assert bench.state is S.DELTA_NEUTRAL_ACTIVE or bench.state is S.MONITORING_SPREADS


AMOUNTS = st.integers(1, 40).map(lambda n: D(n) / 100)
EVENTS = st.lists(st.tuples(st.sampled_from(["left", "part", "given-up"]), st.integers(0, 3), AMOUNTS), max_size=12)


@given(st.lists(st.tuples(AMOUNTS, st.integers(0, 1)), min_size=1, max_size=4), EVENTS)
def test_a_crash_at_any_record_leaves_the_same(
    sizes: list[tuple[Decimal, int]], events: list[tuple[str, int, Decimal]]
) -> None:
    """The saved declarations and the entries after them make the portfolio that was lost; what is on the way is what
    left less what came."""
    saved = Portfolio(symbol=SYMBOL)
    for size, fee in sizes:
        bench = Bench()
        bench.context = msgspec.structs.replace(
            bench.context, portfolio=post(saved, (booked(GS, D(1), "x", K.OPENING),))
        )
        bench.give(declaration(str(size + D(fee) / 1000), str(size)))
        saved = msgspec.structs.replace(bench.context.portfolio, balances={})
    live, told = saved, []
    for what, which, amount in events:
        shipment = next((s for s in live.shipments if s.shipment_id == f"s{which + 1}"), None)
        if shipment is None or shipment.has_left == (what == "left"):
            continue
        signed = {"left": -shipment.leaves, "part": min(amount, shipment.under_way), "given-up": D(0)}[what]
        entry = booked(GS if what == "left" else MS, signed, shipment.shipment_id, K.SHIPMENT)
        told.append(entry)
        live = post(live, (entry,))
    assert rebuilt(SYMBOL, saved, told) == live
    assert all(0 <= s.under_way <= s.arrives for s in live.shipments)
    assert live.under_way("BTC") == sum((s.arrives - s.arrived for s in live.shipments if s.has_left), D(0))


def booked(venue: Venue, amount: Decimal, note: str, kind: EntryKind) -> LedgerEntry:
    """One entry."""
    return LedgerEntry(entry_id="x", venue=venue, asset="BTC", amount=amount, kind=kind, at_ns=7, note=note)
