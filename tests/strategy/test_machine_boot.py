"""INITIALIZING and ESTABLISHING: what is read, what is refused, and how the position is built."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from machine_kit import GF, GS, MS, SYMBOL, Bench, S, instrument

from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import (
    Alert,
    CancelAll,
    ExecutePair,
    FillReported,
    InstrumentChanged,
    OpportunityDeclined,
    PairCommitted,
    PlaceOrder,
    ReadAccount,
    ResolveOrder,
    RowBooked,
    SetMode,
)
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.position import EntryKind
from dnbot.domain.units import Price, Quantity
from dnbot.strategy.context import VenueAccount
from dnbot.strategy.orders import Orders
from dnbot.strategy.states import TradingMode


def stored_order(status: OrderStatus = OrderStatus.AMBIGUOUS, **changes: Any) -> Order:
    """An order whose fate the last incarnation did not record."""
    intent = OrderIntent(
        client_order_id="dnb-0-5-s", epoch=0, venue=MS, symbol=SYMBOL, side=Side.SELL,
        quantity=Quantity(Decimal("0.1")), price=Price(Decimal(60_000)), purpose=Purpose.ENTRY, execution_id="x0-2",
        created_at_ns=0, expires_at_ns=1,
    )
    return Order(intent=intent, status=status, **changes)


def test_boot_reads_everything_and_then_monitors() -> None:
    """Sessions ask for reads; with three reads and three instruments the machine is reconciled, hedged, watching."""
    bench = Bench()
    bench.tick()
    for venue in VENUES:
        bench.up(venue)
    assert [(c.venue, c.why) for c in bench.all(ReadAccount)] == [(venue, "connect") for venue in VENUES]
    bench.read_all()
    assert bench.state is S.INITIALIZING, "instruments are not known yet"
    bench.signal()
    assert bench.triggers() == ["RECONCILED", "HEDGED", "MARKET_FRESH"]
    assert bench.state is S.MONITORING_SPREADS
    assert {r.instrument.venue for r in bench.all(InstrumentChanged)} == set(VENUES)
    assert bench.intents() == []


def test_the_first_read_of_a_venue_opens_its_ledger() -> None:
    """What the account holds becomes opening entries; trades and rows from before are remembered and not booked."""
    bench = Bench()
    bench.tick()
    bench.row("fund", "1.5")
    for venue in VENUES:
        bench.up(venue)
    bench.read_all()
    entries = [entry for record in bench.all(RowBooked) for entry in record.entries]
    assert {entry.kind for entry in entries} == {EntryKind.OPENING}
    assert bench.context.portfolio.balances == {
        "GATEIO_SPOT:USDT": Decimal(100_000), "GATEIO_SPOT:BTC": Decimal("0.5"),
        "MEXC_SPOT:USDT": Decimal(100_000), "MEXC_SPOT:BTC": Decimal("0.5"),
        "GATEIO_FUTURES:USDT": Decimal("100001.5"),
    }
    assert bench.context.portfolio.perp_base == -1
    assert bench.context.portfolio.delta == 0
    before = bench.context.portfolio
    bench.read_all()
    assert bench.context.portfolio == before
    assert bench.context.portfolio.funding_quote == 0


def test_a_venue_that_is_not_read_keeps_it_waiting() -> None:
    """Two reads of three are not enough."""
    bench = Bench()
    bench.tick()
    for venue in VENUES:
        bench.up(venue)
    bench.signal()
    bench.tick(1)
    for venue in (GS, GF):
        bench.give(bench.read(venue))
    assert bench.state is S.INITIALIZING
    bench.give(bench.read(MS))
    assert bench.state is not S.INITIALIZING


def test_an_account_with_a_problem_is_refused_with_code_2() -> None:
    """A dual-mode account: nothing is sent, the sentence is told, the exit code is that of a configuration error."""
    bench = Bench(shutdown_policy="flatten")
    bench.tick()
    for venue in (GS, MS):
        bench.up(venue)
    bench.up(GF, problem="dual mode is not supported")
    assert bench.state is S.SHUTDOWN
    bench.signal()
    bench.wait(3, answer=True)
    assert bench.context.exit_code == 2
    assert bench.intents() == []
    assert any("dual mode is not supported" in alert.text and alert.level == "critical" for alert in bench.all(Alert))


def test_delta_is_not_judged_before_every_ledger_is_open() -> None:
    """A short without the spot that it hedges is half of the picture: nothing is hedged, wherever the machine is."""
    bench = Bench()
    bench.tick()
    for venue in VENUES:
        bench.up(venue)
    bench.signal()
    bench.give(bench.read(GF))
    bench.fault()
    bench.wait(4)
    bench.stop()
    bench.wait(4)
    assert bench.context.portfolio.delta == -1
    assert bench.intents() == []


def test_a_problem_is_found_even_when_a_feed_fails_first() -> None:
    """A fault before the accounts were judged leads through ERROR_RECOVERY to the same refusal."""
    bench = Bench()
    bench.tick()
    bench.fault()
    bench.up(GF, problem="no trade permission")
    assert bench.state is S.SHUTDOWN
    bench.wait(3, answer=True)
    assert bench.context.exit_code == 2


def test_a_symbol_that_is_not_tradable_is_refused() -> None:
    """The venue's reason is in the alert."""
    bench = Bench()
    bench.instruments[MS] = instrument(MS, tradable=False, not_tradable_because="the symbol is not open to the API")
    bench.boot()
    bench.wait(3, answer=True)
    assert bench.context.exit_code == 2
    assert any("not open to the API" in alert.text for alert in bench.all(Alert))


def guarding(gate: str = "0.5", mexc: str = "0.5", perp: str = "-1") -> Bench:
    """A bench whose ledger already has what the venues hold: the second start of a bot."""
    bench = Bench(perp=perp, context={"accounts": {venue: VenueAccount(opened=True) for venue in VENUES}})
    for venue, held in ((GS, gate), (MS, mexc)):
        bench.truth[venue].balances["BTC"] = Decimal(held)
    balances = {
        f"{venue.value}:{asset}": total for venue in VENUES for asset, total in bench.truth[venue].balances.items()
    }
    bench.start = bench.context = msgspec.structs.replace(
        bench.context, portfolio=msgspec.structs.replace(
            bench.context.portfolio, perp_base=Decimal(perp), perp_cost=Decimal(perp) * 60_000, balances=balances,
        ),
    )
    return bench


def test_a_position_is_not_abandoned_because_its_symbol_is_not_tradable() -> None:
    """A start amid a delisting or a maintenance: the machine goes on, and what the venue does not take is refused."""
    bench = guarding()
    bench.instruments[MS] = instrument(MS, tradable=False, not_tradable_because="maintenance")
    bench.boot()
    assert (bench.state, bench.context.exit_code) == (S.MONITORING_SPREADS, None)
    bench.signal(ms=60_200)
    assert bench.intents() == []
    assert "SYMBOL_INELIGIBLE" in {record.declined.reason for record in bench.all(OpportunityDeclined)}
    assert "refused" not in {alert.key for alert in bench.all(Alert)}


def test_a_position_is_not_abandoned_when_a_feed_fails_first() -> None:
    """The same through ERROR_RECOVERY, before the accounts were admitted."""
    bench = guarding()
    bench.instruments[MS] = instrument(MS, tradable=False, not_tradable_because="maintenance")
    bench.tick()
    bench.fault()
    for venue in VENUES:
        bench.up(venue)
    bench.signal()
    bench.read_all()
    bench.quiet(1)
    assert (bench.state, bench.context.exit_code) == (S.MONITORING_SPREADS, None)


def test_an_order_of_unknown_fate_is_not_abandoned_either() -> None:
    """It may have made a position: the machine waits for its end."""
    bench = Bench("0", "0", context={"orders": Orders.of([stored_order()])})
    bench.instruments[MS] = instrument(MS, tradable=False, not_tradable_because="maintenance")
    bench.boot()
    assert (bench.state, bench.context.exit_code) == (S.INITIALIZING, None)


def test_what_is_less_than_a_lot_is_no_position() -> None:
    """Nothing could hedge it: the start is refused, as on an empty book."""
    bench = guarding(gate="0.0004", mexc="0.0004", perp="0")
    bench.instruments[MS] = instrument(MS, tradable=False, not_tradable_because="offline")
    bench.boot()
    assert bench.state is S.SHUTDOWN
    assert "refused" in {alert.key for alert in bench.all(Alert)}


def test_a_position_in_a_delisting_is_flattened_where_closing_orders_are_taken() -> None:
    """The contract takes what closes, MEXC, where most is held, takes nothing: Gate's share is sold, slice by slice."""
    bench = guarding(gate="0.4", mexc="0.6")
    bench.instruments[GF] = instrument(GF, tradable=False, closing_only=True, not_tradable_because="in delisting")
    bench.instruments[MS] = instrument(MS, tradable=False, not_tradable_because="offline")
    bench.boot()
    bench.stop("flatten")
    bench.signal()
    spot, perp = bench.last(ExecutePair).intents
    assert (spot.venue, spot.side, spot.purpose) == (GS, Side.SELL, Purpose.FLATTEN)
    assert (perp.venue, perp.side, perp.reduce_only) == (GF, Side.BUY, True)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"delta_tolerance_base": "0.0004"}, "at least 0.0005, half a lot"),
        ({"delta_hard_limit_base": "0.0009"}, "at least delta_tolerance_base, 0.001"),
    ],
)
def test_tolerances_that_the_contract_cannot_satisfy(parameters: dict[str, str], sentence: str) -> None:
    """Less than half a lot cannot be hedged, a hard limit below the tolerance is never quiet: both are refused."""
    bench = Bench(**parameters).boot()
    bench.wait(3, answer=True)
    assert bench.context.exit_code == 2
    assert any(sentence in alert.text for alert in bench.all(Alert))


def test_half_a_lot_is_enough() -> None:
    """The smallest tolerance that can be hedged is accepted."""
    assert Bench(delta_tolerance_base="0.0005").boot().state is S.MONITORING_SPREADS


def test_unresolved_orders_hold_back_reconciliation() -> None:
    """`restart_with_position`: an order of unknown fate is asked after every second, and only its end reconciles."""
    order = stored_order()
    bench = Bench(context={"orders": Orders.of([order])}).boot()
    assert bench.state is S.INITIALIZING
    asked = [c for c in bench.all(ResolveOrder) if c.intent == order.intent]
    assert asked
    bench.wait(3, answer=True)
    assert len([c for c in bench.all(ResolveOrder) if c.intent == order.intent]) == len(asked) + 3
    bench.answered(order.intent, "no_effect", "EXPIRED")
    bench.quiet(1)
    assert bench.state is S.MONITORING_SPREADS
    assert bench.context.orders[order.intent.client_order_id].status is OrderStatus.NO_EFFECT


def test_an_account_that_was_never_compared_takes_no_new_risk() -> None:
    """An order of unknown fate disturbs the first read; once it is known a new one is compared before any entry."""
    order = stored_order()
    bench = Bench(context={"orders": Orders.of([order])}).boot()
    venue = order.intent.venue
    assert bench.context.accounts[venue].compared_s == 0
    bench.answered(order.intent, "no_effect", "EXPIRED")
    bench.signal()
    assert bench.state is S.MONITORING_SPREADS
    bench.signal(ms=60_200, after_ms=1_100)
    assert bench.all(ExecutePair) == []
    bench.answer_reads()
    assert bench.context.accounts[venue].compared_s > 0
    bench.signal(ms=60_200)
    assert len(bench.all(ExecutePair)) == 1


def test_an_unresolved_order_that_traded_is_booked_at_boot() -> None:
    """Its fill, found by the resolver, is ours: booked, counted in delta, and hedged before anything else."""
    order = stored_order()
    accounts = {venue: VenueAccount(opened=True) for venue in VENUES}
    bench = Bench(context={"orders": Orders.of([order]), "accounts": accounts}, max_order_notional_quote=60_000)
    bench.start = bench.context = msgspec.structs.replace(
        bench.context, portfolio=msgspec.structs.replace(
            bench.context.portfolio, perp_base=Decimal(-1), perp_cost=Decimal(-60_000),
            balances={
                f"{venue.value}:{asset}": total for venue in VENUES
                for asset, total in bench.truth[venue].balances.items()
            },
        ),
    )
    bench.boot()
    bench.give(FillReported(bench.trade(order.intent)))
    bench.told(order.intent, OrderStatus.FILLED, "0.1")
    bench.quiet(0.5)
    assert bench.context.portfolio.balance(MS, "BTC") == Decimal("0.4")
    assert bench.state is S.ESTABLISHING_DELTA_NEUTRAL
    hedge = bench.intents()[0]
    assert (hedge.venue, hedge.side, hedge.purpose) == (GF, Side.BUY, Purpose.HEDGE)
    assert hedge.quantity == Decimal("0.1")


def test_final_stored_orders_do_not_wait() -> None:
    """What the last incarnation knew to be over holds nothing back."""
    order = stored_order(OrderStatus.CANCELLED)
    assert Bench(context={"orders": Orders.of([order])}).boot().state is S.MONITORING_SPREADS


# --- ESTABLISHING -----------------------------------------------------------------------------------------------------
def establish(bench: Bench, steps: int = 40) -> None:
    """Fill every slice in full until the state is left."""
    for _ in range(steps):
        if bench.state is not S.ESTABLISHING_DELTA_NEUTRAL:
            return
        execution = bench.context.execution
        if execution is not None and not execution.committed:
            pair = bench.committed()
            for intent in pair.intents:
                bench.filled(intent)
        else:
            bench.signal()


def test_the_position_is_built_in_slices() -> None:
    """From nothing to the base position: every slice buys spot and sells the perpetual, never more than a slice."""
    bench = Bench("0", "0", max_order_notional_quote=60_000).boot()
    establish(bench)
    slices = bench.all(ExecutePair)
    assert bench.state is S.MONITORING_SPREADS
    assert len(slices) >= 10
    for pair in slices:
        spot, perp = pair.intents
        assert (spot.side, perp.side, perp.venue) == (Side.BUY, Side.SELL, GF)
        assert spot.purpose is perp.purpose is Purpose.ESTABLISH
        assert spot.quantity <= Decimal("0.1011")
    portfolio = bench.context.portfolio
    assert abs(portfolio.spot_base - 1) <= Decimal("0.001")
    assert abs(portfolio.delta) <= Decimal("0.001")
    assert abs(portfolio.balance(GS, "BTC") - portfolio.balance(MS, "BTC")) <= Decimal("0.11")


def test_a_wallet_that_is_too_small_is_not_built_down_to_its_floor() -> None:
    """A short of 1 would leave a quarter of 40,000: what leaves 32 % is built, and nothing is sold again."""
    bench = Bench("0", "0", quote="40000", max_order_notional_quote=60_000).boot()
    establish(bench)
    bench.quiet(12, 200)
    assert bench.state is S.MONITORING_SPREADS
    assert bench.context.mode is TradingMode.ACTIVE
    assert Decimal("0.89") < bench.context.portfolio.spot_base < Decimal("0.91")
    assert {intent.purpose for intent in bench.intents()} == {Purpose.ESTABLISH}


def test_one_slice_for_each_market() -> None:
    """A slice that is refused, or not sent, is not repeated before the market has spoken again."""
    bench = Bench("0", "0").boot()
    assert len(bench.all(ExecutePair)) == 1
    bench.aborted()
    bench.wait(0.5)
    assert len(bench.all(ExecutePair)) == 1
    assert bench.state is S.ESTABLISHING_DELTA_NEUTRAL
    bench.signal()
    assert len(bench.all(ExecutePair)) == 2
    assert {o.status for o in bench.context.orders.values()} == {OrderStatus.NOT_SENT, OrderStatus.PENDING}


def test_a_slice_that_fills_on_one_side_is_hedged_first() -> None:
    """The perpetual leg found nobody: the next order is the hedge, the next slice comes after it."""
    bench = Bench("0", "0").boot()
    pair = bench.committed()
    spot, perp = pair.intents
    bench.filled(spot)
    bench.nothing(perp)
    hedge = bench.last(PlaceOrder).intent
    assert (hedge.venue, hedge.side, hedge.purpose) == (GF, Side.SELL, Purpose.HEDGE)
    assert abs(hedge.quantity - spot.quantity) <= Decimal("0.0005")
    bench.signal()
    assert len(bench.all(ExecutePair)) == 1
    bench.filled(hedge)
    bench.signal()
    assert len(bench.all(ExecutePair)) == 2


def test_what_cannot_be_hedged_while_establishing_goes_to_recovery() -> None:
    """After the hedge deadline and the unwinding time the state is left through REPAIR_FAILED."""
    bench = Bench("0", "0").boot()
    spot, perp = bench.committed().intents
    bench.filled(spot)
    bench.nothing(perp)
    for _ in range(200):
        if bench.state is not S.ESTABLISHING_DELTA_NEUTRAL:
            break
        bench.signal()
        for order in bench.context.unsettled:
            bench.nothing(order.intent)
    assert "REPAIR_FAILED" in bench.triggers()
    assert bench.state is S.ERROR_RECOVERY
    purposes = {intent.purpose for intent in bench.intents()}
    assert purposes == {Purpose.ESTABLISH, Purpose.HEDGE, Purpose.UNWIND}
    assert bench.context.recovery is not None
    assert "while establishing" in bench.context.recovery.why


def test_reducing_builds_nothing() -> None:
    """In REDUCING the delta is hedged, the position is left as it is, and monitoring begins."""
    bench = Bench("0", "0", context={"mode": TradingMode.REDUCING}).boot()
    assert bench.state is S.MONITORING_SPREADS
    assert bench.intents() == []


def test_halted_still_hedges_what_is_open() -> None:
    """HALTED stops building, and does not leave a half-filled slice naked."""
    bench = Bench("0", "0").boot()
    spot, perp = bench.committed().intents
    bench.give(SetMode("HALTED", "test"))
    bench.filled(spot)
    bench.nothing(perp)
    assert bench.last(PlaceOrder).intent.purpose is Purpose.HEDGE
    bench.filled(bench.last(PlaceOrder).intent)
    assert bench.state is not S.ESTABLISHING_DELTA_NEUTRAL
    assert len(bench.all(ExecutePair)) == 1


def test_a_slice_above_its_cost_is_declined() -> None:
    """Beyond `establish_cost_bps_max` nothing is sent, and the reason is recorded."""
    bench = Bench("0", "0", establish_cost_bps_max=1).boot()
    assert bench.intents() == []
    assert bench.state is S.ESTABLISHING_DELTA_NEUTRAL
    assert any(r.declined.reason == "COST" for r in bench.all(OpportunityDeclined))


def test_a_restart_inside_the_band_does_not_dump_carries() -> None:
    """Twice the base position is inside [base, base x multiplier]: nothing is sold."""
    bench = Bench("1", "-2").boot()
    assert bench.state is S.MONITORING_SPREADS
    assert bench.intents() == []


def test_beyond_the_band_is_reduced() -> None:
    """More than base x multiplier is sold in slices, with the perpetual bought back reduce-only."""
    bench = Bench("1", "-2", max_position_multiplier="1.5").boot()
    spot, perp = bench.last(ExecutePair).intents
    assert (spot.side, perp.side, perp.reduce_only) == (Side.SELL, Side.BUY, True)


def test_establishing_waits_for_books_and_accounts() -> None:
    """With a stale book, or an account in doubt, no slice is sent."""
    bench = Bench("0", "0").boot()
    bench.aborted()
    bench.down(MS)
    bench.signal()
    assert len(bench.all(ExecutePair)) == 1
    bench.tick(2000)
    bench.up(MS)
    bench.answer_reads()
    assert len(bench.all(ExecutePair)) == 1, "the account is known again, and the books are old"
    bench.signal()
    assert len(bench.all(ExecutePair)) == 2


@pytest.mark.parametrize("spot", ["0.1", "0"])
def test_what_the_margin_carries_no_further_is_traded_with(spot: str) -> None:
    """Free margin between the floor of entries and the one that both legs shrink below: no market would end the wait.

    Nothing at all is no position to trade with: then building goes on being tried.
    """
    perp = -2 * Decimal(spot)
    bench = Bench(spot, str(perp), margin_top_up=True)
    params = bench.context.params
    ratio = (params.margin_floor_pct + params.margin_entry_floor_pct) / 200
    used = -perp * 60_000 / params.leverage
    bench.truth[GF].balances["USDT"] = used / (1 - ratio) if used else Decimal(1)
    bench.boot()
    bench.quiet(8, 200)
    assert bench.state is S.ESTABLISHING_DELTA_NEUTRAL
    bench.quiet(4, 200)
    assert (bench.state is S.ESTABLISHING_DELTA_NEUTRAL) is (spot == "0")
    assert "MARGIN" in {told.declined.reason for told in bench.all(OpportunityDeclined)}
    assert "waiting:establish" in {alert.key for alert in bench.all(Alert)}
    assert not bench.intents()


def test_commit_news_of_another_execution_is_ignored() -> None:
    """A late answer to a pair that is gone changes nothing."""
    bench = Bench("0", "0").boot()
    before = bench.context
    bench.give(PairCommitted("x9-9", 0))
    assert bench.context == msgspec.structs.replace(before, events=before.events + 1)


def test_a_foreign_open_order_is_told_and_left_alone() -> None:
    """An order without our prefix is never touched."""
    bench = Bench().boot()
    report = bench.report(stored_order().intent, OrderStatus.OPEN, client_order_id="web-1", venue_order_id="77")
    bench.truth[MS].open_orders = [report]
    bench.read_all()
    assert not bench.all(CancelAll)
    assert any(alert.key == "foreign_order:MEXC_SPOT" and alert.level == "warning" for alert in bench.all(Alert))


def test_an_orphan_of_ours_is_cancelled() -> None:
    """An open order with our prefix that no table knows is cancelled."""
    bench = Bench().boot()
    bench.truth[GS].open_orders = [
        bench.report(stored_order().intent, OrderStatus.OPEN, venue=GS, client_order_id="dnb-0-9", venue_order_id="78")
    ]
    bench.read_all()
    assert [command.venue for command in bench.all(CancelAll)] == [GS]
