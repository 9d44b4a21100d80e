"""Where a leg may rest: never on the other side of the book, and only at prices that pay by a reckoning of its own."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_kit import GF, GS, MS, Bench, params
from machine_world import instrument

from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import BookView, FundingRate, MarketView, MarkPrice
from dnbot.domain.order import Purpose, Side
from dnbot.domain.pair import Pair, PairEdge
from dnbot.domain.position import EdgeLot, Portfolio
from dnbot.domain.resting import MAKER, PAIRS_THAT_REST
from dnbot.strategy import maker_first
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.maker_first import Look, find_rest, resting_prices, side_on_mexc, still_pays
from dnbot.strategy.rest_words import RestPlan

TICK = Decimal("0.1")
NOW_S = 1000.0


def levels(best: Decimal, step: Decimal, sizes: list[Decimal]) -> tuple[tuple[Decimal, Decimal], ...]:
    """A side of a book."""
    return tuple((best + number * step, size) for number, size in enumerate(sizes))


def book(venue: Venue, bid: Decimal, spread: Decimal, size: Decimal = Decimal(1)) -> BookView:
    """Ten levels a side."""
    return BookView(
        venue=venue, bids=levels(bid, -TICK, [size] * 10), asks=levels(bid + spread, TICK, [size] * 10), update_id=1,
        venue_ms=0, received_s=NOW_S,
    )


def look(mexc: Decimal, spread: Decimal, gate: Decimal, maker: str, taker: str, *, in_base: bool = False) -> Look:
    """Gate spot and the perpetual bid `gate`, MEXC bids `mexc`; the fees are MEXC's maker rate and everybody's taker
    rate.
    """
    books = {GS: book(GS, gate, TICK * 2), GF: book(GF, gate, TICK * 2), MS: book(MS, mexc, spread)}
    market = MarketView(
        books=books, instruments={venue: instrument(venue) for venue in (GS, GF, MS)},
        mark=MarkPrice(GF, gate, gate, 0), mark_received_s=NOW_S,
        funding=FundingRate(GF, Decimal("0.0001"), 28_800, 1_700_000_000 + 3600),
    )
    fees = {
        venue: FeeSchedule(
            venue=venue, maker=Decimal(maker), taker=Decimal(taker), buy_fee_in_base=in_base and venue.is_spot
        )
        for venue in (GS, GF, MS)
    }
    held = {GS: Decimal("1.5"), MS: Decimal("1.5")}
    portfolio = Portfolio(symbol=params().symbol, perp_base=Decimal(-3))
    inventory = Inventory(
        spot_base=held, quote={GS: Decimal(100_000), MS: Decimal(100_000)}, perp_base=Decimal(-3),
        margin_free_quote=Decimal(100_000), perp_equity_quote=Decimal(190_000), hedge_room_base=Decimal(1),
        portfolio=portfolio,
    )
    edges = {
        pair: PairEdge(
            pair_name=pair.name, edge_bps=0.0, gross_bps=0.0, mean_bps=-5.0, sd_bps=1.0, z_score=0.0, half_life_s=None,
            samples=100,
        )
        for pair in Pair
    }
    return Look(
        market=market, fees=fees, inventory=inventory, params=params(maker_first=True), edges=edges,
        opportunity_id="o1-1", now_s=NOW_S, now_ns=1_700_000_000_000_000_000,
    )


def net_bps(plan: RestPlan, seen: Look) -> Decimal:
    """What the pair earns at its resting price when the other leg walks its book now: reckoned anew."""
    pair, quantity = plan.pair, plan.opportunity.sell_quantity
    maker, taker = seen.fees[MAKER].maker, seen.fees[plan.answer_venue].taker
    buys_here = side_on_mexc(pair) is Side.BUY
    gate = seen.market.books[plan.answer_venue]
    wanted = plan.opportunity.sell_quantity if buys_here else plan.opportunity.buy_quantity
    left, value = wanted, Decimal(0)
    for price, size in gate.bids if buys_here else gate.asks:
        taken = min(left, size)
        left, value = left - taken, value + taken * price
    assert left == 0
    if buys_here:
        paid = plan.opportunity.buy_quantity * plan.price
        spent = paid if seen.fees[MAKER].buy_fee_in_base else paid * (1 + maker)
        got = value * (1 - taker)
    else:
        spent = value if seen.fees[plan.answer_venue].buy_fee_in_base else value * (1 + taker)
        got = quantity * plan.price * (1 - maker)
    mid = (seen.market.books[pair.buy_venue].mid + seen.market.books[pair.sell_venue].mid) / 2
    return (got - spent) / quantity / mid * 10_000


SPREADS = st.integers(1, 400).map(lambda ticks: ticks * TICK)
PRICES = st.integers(590_000, 610_000).map(lambda ticks: ticks * TICK)
RATES = st.integers(-1, 10).map(lambda bps: str(Decimal(bps) / 10_000))


@given(bid=PRICES, spread=SPREADS, ticks=st.integers(0, 500), side=st.sampled_from(Side))
def test_a_resting_price_never_reaches_the_other_side(bid: Decimal, spread: Decimal, ticks: int, side: Side) -> None:
    """It is on the grid, no worse than the best price of its own side, and short of the other side's best."""
    here = book(MS, bid, spread)
    found = list(resting_prices(side, here, TICK, ticks))
    assert found
    for price in found:
        assert price % TICK == 0
        assert here.bids[0][0] <= price < here.asks[0][0] if side is Side.BUY else (
            here.bids[0][0] < price <= here.asks[0][0]
        )
        assert abs(price - (here.bids if side is Side.BUY else here.asks)[0][0]) <= ticks * TICK


@given(
    mexc=PRICES, spread=SPREADS, gate=st.just(Decimal(60_000)), maker=RATES, taker=RATES, ticks=st.integers(0, 50),
    pair=st.sampled_from(PAIRS_THAT_REST), in_base=st.booleans(),
)
def test_it_rests_only_where_it_pays(
    mexc: Decimal, spread: Decimal, gate: Decimal, maker: str, taker: str, ticks: int, pair: Pair, in_base: bool
) -> None:
    """Net of MEXC's maker fee and the other venue's taker fee, at the other venue's book, it earns what is required, to
    within what the lots round; and no less than the threshold of exits without what a carry expects later.
    """
    seen = look(mexc, spread, gate, maker, taker, in_base=in_base)
    plan = find_rest(pair, seen, ticks_inside=ticks, rest_ms=5000)
    if plan is None:
        return
    rounded = Decimal("0.0001") / plan.opportunity.sell_quantity * 10_000 if in_base else Decimal("0.01")
    assert net_bps(plan, seen) >= plan.opportunity.required_bps - rounded
    if pair in {Pair.GATE_TO_MEXC, Pair.MEXC_TO_GATE}:
        assert plan.opportunity.purpose is Purpose.ENTRY
        assert plan.opportunity.required_bps >= seen.params.arbitrage_exit_threshold_bps
    assert plan.opportunity.sell_quantity <= seen.inventory.hedge_room_base / 2
    assert still_pays(plan, plan.opportunity.sell_quantity, seen.market, seen.fees, seen.params)


def test_the_fee_is_the_schedule_s() -> None:
    """The same market rests for a maker fee of nothing, and not for one that eats the edge."""
    free, dear = (look(Decimal(60060), Decimal("0.5"), Decimal(60_000), fee, "0.0005") for fee in ("0", "0.0009"))
    assert find_rest(Pair.GATE_TO_MEXC, free, ticks_inside=1, rest_ms=5000) is not None
    assert find_rest(Pair.GATE_TO_MEXC, dear, ticks_inside=1, rest_ms=5000) is None


def test_what_does_not_pay_inside_the_book_may_pay_at_its_best_price() -> None:
    """Forty steps inside are too dear; joining the queue is not."""
    here = look(Decimal(60050), Decimal(8), Decimal(60_000), "0", "0.0005")
    ask = here.market.books[MS].asks[0][0]
    plan = find_rest(Pair.GATE_TO_MEXC, here, ticks_inside=60, rest_ms=5000)
    assert plan is not None
    assert plan.price == ask


@pytest.mark.parametrize("missing", ["book", "instrument", "fee", "crossed"])
def test_what_is_not_known_rests_nothing(missing: str) -> None:
    """No book, instrument or fee of MEXC, or a book that is crossed."""
    here = look(Decimal(60200), Decimal("0.5"), Decimal(60_000), "0", "0.0005")
    assert find_rest(Pair.GATE_TO_MEXC, here, ticks_inside=1, rest_ms=5000) is not None
    market, fees = here.market, dict(here.fees)
    if missing == "book":
        market = msgspec.structs.replace(market, books={v: b for v, b in market.books.items() if v is not MS})
    elif missing == "instrument":
        known = {v: i for v, i in market.instruments.items() if v is not MS}
        market = msgspec.structs.replace(market, instruments=known)
    elif missing == "fee":
        del fees[MS]
    else:
        crossed = book(MS, Decimal(60200), -TICK)
        market = msgspec.structs.replace(market, books={**market.books, MS: crossed})
    here = msgspec.structs.replace(here, market=market, fees=fees)
    assert find_rest(Pair.GATE_TO_MEXC, here, ticks_inside=1, rest_ms=5000) is None


def test_it_pays_no_more_when_the_other_venue_moves() -> None:
    """The reserve for slippage may be used up, and no more."""
    here = look(Decimal(60060), Decimal("0.5"), Decimal(60_000), "0", "0.0005")
    plan = find_rest(Pair.GATE_TO_MEXC, here, ticks_inside=1, rest_ms=5000)
    assert plan is not None
    quantity = Decimal(plan.opportunity.sell_quantity)
    beyond = plan.opportunity.edge_bps - plan.opportunity.required_bps + here.params.slippage_reserve_bps
    for dearer_bps, pays in ((beyond - Decimal("0.1"), True), (beyond + Decimal("0.1"), False)):
        bid = Decimal(60_000) + (Decimal(60_000) * dearer_bps / 10_000)
        moved = msgspec.structs.replace(here.market, books={**here.market.books, GS: book(GS, bid, TICK * 2)})
        assert still_pays(plan, quantity, moved, here.fees, here.params) is pays


def test_an_undo_rests_at_its_own_requirement() -> None:
    """What goes back may rest for less than an entry, never for less than its round trip allows."""
    here = look(Decimal(60030), Decimal("0.5"), Decimal(60_000), "0", "0.0005")
    assert find_rest(Pair.GATE_TO_MEXC, here, ticks_inside=1, rest_ms=5000) is None
    lots = (EdgeLot(Decimal("0.1"), Decimal(6), 0),)
    portfolio = msgspec.structs.replace(here.inventory.portfolio, shift_lots=lots)
    undo = msgspec.structs.replace(
        here, inventory=msgspec.structs.replace(here.inventory, portfolio=portfolio)
    )
    plans = [find_rest(pair, undo, ticks_inside=1, rest_ms=5000) for pair in (Pair.GATE_TO_MEXC, Pair.MEXC_TO_GATE)]
    exits = [plan for plan in plans if plan is not None and plan.opportunity.purpose is Purpose.EXIT]
    for plan in exits:
        assert net_bps(plan, undo) >= plan.opportunity.required_bps - Decimal("0.01")
    assert all(plan is None or plan.opportunity.purpose is Purpose.EXIT for plan in plans)


def crossing(side: Side, here: BookView, _tick: Decimal, _ticks: int) -> list[Decimal]:
    """A defect: the other side's best price."""
    return [here.side_for(side)[0][0]]


@pytest.mark.parametrize("defect", ["the taker fee of nobody", "a price across the book"])
def test_planted_defects_are_seen(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fees that are left out rest where nothing is earned; a price across the book is refused by the control."""
    if defect == "a price across the book":
        monkeypatch.setattr(maker_first, "resting_prices", crossing)
        bench = Bench(maker_first=True).boot()
        bench.signal(ms=60_065)
        assert "POST_ONLY" in bench.context.counters.declined
        assert bench.context.execution is None
        return
    here = look(Decimal(60060), Decimal("0.5"), Decimal(60_000), "0.0009", "0.0005")
    monkeypatch.setattr(maker_first, "with_maker_fee", lambda fees: {
        venue: msgspec.structs.replace(fee, taker=Decimal(0)) for venue, fee in fees.items()
    })
    plan = find_rest(Pair.GATE_TO_MEXC, here, ticks_inside=1, rest_ms=5000)
    assert plan is not None
    assert net_bps(plan, here) < plan.opportunity.required_bps
