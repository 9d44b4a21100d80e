"""From books to a trade: the size is the largest that pays at its margin, and every promise of an opportunity holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnbot.domain.book import depth_within, walk
from dnbot.domain.instrument import SPOT_VENUES, VENUES, Venue
from dnbot.domain.market import BookView, FundingRate, MarkPrice, TradeFlow
from dnbot.domain.order import Purpose, Side
from dnbot.domain.pair import Declined, Opportunity, Pair
from dnbot.domain.position import EdgeLot
from dnbot.domain.units import is_multiple
from dnbot.strategy.hopeless import FirstLook
from dnbot.strategy.inventory import base_after, inventory_price_bps, tilt_bps
from dnbot.strategy.ladder import ladder_of
from dnbot.strategy.sizing import find_opportunity
from dnbot.strategy.spread import edge_of

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
RICH_MEXC = 60_100


def look(
    make: Any, pair: Pair = Pair.GATE_TO_MEXC, market: Any = None, fees: Any = None, inventory: Any = None,
    params: Any = None, edge: Any = None, exit_edge: Any = None, **more: Any,
) -> Opportunity | Declined | None:
    """One decision; by default GATE_TO_MEXC while MEXC is rich by 100."""
    return find_opportunity(
        pair, market or make.market(ms=RICH_MEXC), fees or make.fees(), inventory or make.inventory(),
        params or make.params(), edge, exit_edge,
        **{"opportunity_id": "o1", "now_s": make.now_s, "now_ns": 5, **more},
    )


def taken(found: Opportunity | Declined | None) -> Opportunity:
    """The opportunity that must have been found."""
    assert isinstance(found, Opportunity), found
    return found


def declined(found: Opportunity | Declined | None) -> Declined:
    """The refusal that must have been given."""
    assert isinstance(found, Declined), found
    return found


# --- what an opportunity promises


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Any]:
    """Raw numbers of a market, an inventory and parameters: small books of coarse sizes, any rich venue."""
    def side() -> list[tuple[int, int]]:
        return draw(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 40)), min_size=1, max_size=5))

    return {
        "mids": {venue: 60_000 + draw(st.integers(-150, 150)) for venue in VENUES},
        "sides": {venue: (side(), side()) for venue in VENUES},
        "bps": draw(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 5))),
        "in_base": draw(st.booleans()),
        "inventory": draw(st.tuples(st.integers(1, 20), st.integers(1, 20))),
        "quote": draw(st.integers(1_000, 60_000)),
        "margin": draw(st.integers(1_000, 60_000)),
        "used": draw(st.integers(0, 60_000)),
        "skew": draw(st.integers(0, 8)),
        "ratio": draw(st.integers(0, 4)),
        "notional": draw(st.integers(100, 40_000)),
        "share": draw(st.integers(1, 10)),
        "lots": draw(st.lists(st.tuples(st.integers(1, 3), st.integers(-5, 9)), max_size=3)),
        "towards_gate": draw(st.booleans()),
    }


def build(make: Any, raw: dict[str, Any]) -> dict[str, Any]:
    """The scene in words."""
    books = {}
    for venue, (bids, asks) in raw["sides"].items():
        levels = []
        for sign, steps in ((-1, bids), (1, asks)):
            price, made = Decimal(raw["mids"][venue]), []
            for gap, size in steps:
                price += sign * Decimal(gap) / 2
                made.append((price, Decimal(size) / 100))
            levels.append(tuple(made))
        books[venue] = BookView(
            venue=venue, bids=levels[0], asks=levels[1], update_id=1, venue_ms=0, received_s=make.now_s
        )
    gate, mexc = (Decimal(n) / 10 for n in raw["inventory"])
    sign = 1 if raw["towards_gate"] else -1
    lots = tuple(EdgeLot(sign * Decimal(n) / 10, Decimal(edge), 0) for n, edge in raw["lots"])
    carries = tuple(EdgeLot(Decimal(n) / 10, Decimal(edge), 0) for n, edge in raw["lots"])
    return {
        "market": make.market(books=books),
        "fees": make.fees(*(Decimal(bp) / 10_000 for bp in raw["bps"]), in_base=raw["in_base"]),
        "inventory": make.inventory(
            gate, mexc, -(gate + mexc), quote=raw["quote"], margin=raw["margin"], equity=raw["margin"] + raw["used"],
            shift_lots=lots, carry_lots=carries,
        ),
        "params": make.params(
            inventory_skew_bps_max=raw["skew"], inventory_ratio=Decimal(raw["ratio"]) / 4,
            max_order_notional_quote=raw["notional"], depth_share_max=Decimal(raw["share"]) / 10,
        ),
        "edge": None, "exit_edge": make.history("CLOSE_GATE", -3.0),
    }


@settings(max_examples=150)
@given(raw=scenes(), pair=st.sampled_from(Pair))
def test_every_opportunity_keeps_its_promises(raw: dict[str, Any], pair: Pair, make: Any) -> None:
    """Valid on both venues, covered, inside all limits, delta kept to a lot, worth its requirement at the caps."""
    scene = build(make, raw)
    found = look(make, pair, **scene)
    if not isinstance(found, Opportunity):
        return
    market, fees, params, inventory = scene["market"], scene["fees"], scene["params"], scene["inventory"]
    buy, sell = market.instruments[pair.buy_venue], market.instruments[pair.sell_venue]
    bought, sold = found.buy_quantity, found.sell_quantity
    buy_fee, sell_fee = fees[pair.buy_venue], fees[pair.sell_venue]

    assert buy.problem_with(bought, found.buy_price_cap) is None
    assert sell.problem_with(sold, found.sell_price_cap) is None
    assert is_multiple(sold, buy.lot_size)
    assert abs(bought / buy_fee.gross_up - sold) < buy.lot_size

    exact = edge_of(pair, Decimal(sold), market.books, fees)
    assert exact is not None
    assert found.edge_bps == round(exact.edge_bps, 9) >= found.required_bps
    mid = exact.mid
    at_caps = found.sell_price_cap * sell_fee.sell_factor - found.buy_price_cap * buy_fee.buy_factor
    reserve = params.slippage_reserve_bps if found.purpose is Purpose.ENTRY else 0
    assert at_caps / mid * 10_000 >= found.required_bps - reserve - Decimal("1e-6")

    asks = depth_within(market.books[pair.buy_venue].asks, Side.BUY, found.buy_price_cap)
    bids = depth_within(market.books[pair.sell_venue].bids, Side.SELL, found.sell_price_cap)
    assert bought <= params.depth_share_max * asks
    assert sold <= params.depth_share_max * bids
    assert bought * found.buy_price_cap <= params.max_order_notional_quote
    assert sold * market.books[pair.sell_venue].bids[0][0] <= params.max_order_notional_quote
    if pair.buy_venue.is_spot:
        rate = 0 if buy_fee.buy_fee_in_base else buy_fee.taker
        assert bought * found.buy_price_cap * (1 + rate) <= inventory.quote_on(pair.buy_venue)
    if pair.sell_venue.is_spot:
        assert sold <= inventory.base_on(pair.sell_venue)
    else:
        left = inventory.margin_free_quote - sold * 60_000 / params.leverage
        assert left >= inventory.perp_equity_quote * params.margin_entry_floor_pct / 100
        assert inventory.total_base + sold <= params.base_position_size * params.max_position_multiplier
    if pair.buy_venue is GF:
        assert inventory.total_base - sold >= params.base_position_size
        assert found.purpose is Purpose.EXIT
    if found.purpose is Purpose.EXIT:
        assert found.edge_bps >= params.arbitrage_exit_threshold_bps


@settings(max_examples=100)
@given(raw=scenes(), pair=st.sampled_from([Pair.GATE_TO_MEXC, Pair.MEXC_TO_GATE]))
def test_the_size_is_the_largest_whose_margin_pays(raw: dict[str, Any], pair: Pair, make: Any) -> None:
    """With nothing else binding, it equals the last step of a step-by-step search of the marginal edge."""
    raw = {**raw, "inventory": (400, 400), "quote": 10**9, "notional": 10**9, "share": 10, "lots": [], "in_base": False}
    scene = build(make, raw)
    market, fees, params, inventory = (scene[k] for k in ("market", "fees", "params", "inventory"))
    books, step, best = market.books, Decimal("0.0001"), Decimal(0)
    mid = (books[pair.buy_venue].mid + books[pair.sell_venue].mid) / 2
    # A coarser search suffices: sizes in these books are multiples of 0.01.
    for hundredths in range(1, 210):
        quantity = Decimal(hundredths) / 100
        edge = edge_of(pair, quantity, books, fees)
        if edge is None:
            break
        margin = edge.sell.worst_price * fees[pair.sell_venue].sell_factor
        margin -= edge.buy.worst_price * fees[pair.buy_venue].buy_factor
        skew = inventory_price_bps(pair, quantity, inventory, params)
        need = max(params.arbitrage_entry_threshold_bps + 1 + skew, params.arbitrage_exit_threshold_bps)
        if margin / mid * 10_000 < min(need, 4) if skew < 0 else margin / mid * 10_000 < need:
            break
        best = quantity
    found = look(make, pair, **scene)
    size = found.sell_quantity if isinstance(found, Opportunity) else Decimal(0)
    if raw["skew"] == 0:
        assert size == best
    else:
        assert best <= size + step
        assert size < best + Decimal("0.01")


def test_a_rich_venue_is_sold_to(make: Any) -> None:
    """The whole story of one opportunity: size by depth share, caps, evidence."""
    found = taken(look(make, edge=make.history("GATE_TO_MEXC", 9.0)))
    assert found.pair is Pair.GATE_TO_MEXC
    assert found.purpose is Purpose.ENTRY
    assert found.sell_quantity == found.buy_quantity
    assert found.required_bps == 4
    assert found.book_ids == {GS: 7, MS: 7}
    assert found.book_ages_ms == {GS: 100, MS: 100}
    assert (found.found_at_ns, found.opportunity_id) == (5, "o1")
    assert found.estimate.net_quote > 0


def test_at_the_caps_what_is_left_is_shared_by_both_legs(make: Any) -> None:
    """Each cap gives up half of what the last level earns beyond the threshold, on its own tick grid."""
    market = make.market(gs=make.book(GS, depth=1), ms=make.book(MS, RICH_MEXC, depth=1))
    found = taken(look(make, market=market))
    given_buy = found.buy_price_cap - Decimal("60000.5")
    given_sell = Decimal("60099.5") - found.sell_price_cap
    assert abs(given_buy - given_sell) <= Decimal("0.2")
    assert given_buy > 10


@pytest.mark.slow
@settings(max_examples=200)
@given(raw=scenes(), pair=st.sampled_from(Pair), mean=st.integers(-20, 20), rate=st.integers(-9, 9))
def test_the_first_look_never_says_no_to_what_would_be_something(
    raw: dict[str, Any], pair: Pair, mean: int, rate: int, make: Any
) -> None:
    """Where it says no, the exact decision says nothing either."""
    scene = build(make, raw)
    scene["exit_edge"] = make.history("CLOSE_GATE", float(mean))
    funding = FundingRate(GF, Decimal(rate) / 10_000, 28_800, 100)
    scene["market"] = make.changed(scene["market"], funding=funding)
    if FirstLook.at(scene["market"], scene["fees"], scene["params"]).hopeless(pair, scene["exit_edge"]):
        assert look(make, pair, **scene) is None


def test_the_first_look_follows_prices_and_fees(make: Any) -> None:
    """Told of a venue again, it knows what is new: the bid, the ask, or the fee alone."""
    first, rich = make.market(), make.market(ms=RICH_MEXC)
    (bid, _), (ask, _) = rich.books[MS].bids[0], rich.books[MS].asks[0]
    fee, dear = make.fees()[MS], make.changed(make.fees()[MS], taker=Decimal("0.01"))
    told = {
        "nothing": (first.books[MS].bids[0][0], first.books[MS].asks[0][0], fee),
        "a bid": (bid, first.books[MS].asks[0][0], fee), "both": (bid, ask, fee), "the fee": (bid, ask, dear),
    }
    seen = FirstLook.at(first, make.fees(), make.params())
    hopeless = {}
    for what, touch in told.items():
        seen.touch(MS, *touch)
        fresh = FirstLook.at(first, make.fees(), make.params())
        fresh.lose(MS)
        fresh.touch(MS, *touch)
        hopeless[what] = [seen.hopeless(pair, None) for pair in Pair]
        assert hopeless[what] == [fresh.hopeless(pair, None) for pair in Pair], what
    assert hopeless["nothing"] != hopeless["both"] != hopeless["the fee"]


@pytest.mark.slow
@settings(max_examples=200)
@given(raw=scenes(), pair=st.sampled_from(Pair), hundredths=st.integers(1, 3000))
def test_the_last_unit_s_prices_are_those_of_a_walk(
    raw: dict[str, Any], pair: Pair, hundredths: int, make: Any
) -> None:
    """Found by bisection, they are what walking both sides gives, and None together with it."""
    scene = build(make, raw)
    ladder = ladder_of(pair, scene["market"], scene["fees"], scene["params"])
    assert ladder is not None
    quantity = Decimal(hundredths) / 100
    bought = walk(ladder.asks, quantity * ladder.buy_fee.gross_up)
    sold = walk(ladder.bids, quantity)
    expected = None if bought is None or sold is None else (bought.worst_price, sold.worst_price)
    assert ladder.worst(quantity) == expected


# --- what it is not traded for


def test_nothing_is_said_below_the_threshold(make: Any) -> None:
    """Equal books: no pair is worth a word."""
    assert [look(make, pair, market=make.market()) for pair in Pair] == [None] * 6


@pytest.mark.parametrize("part", ["book", "instrument", "fee", "depth"])
def test_nothing_is_decided_on_missing_ground(make: Any, part: str) -> None:
    """Without a book, an instrument, a fee, or the depth for one step, there is nothing to decline."""
    market, fees = make.market(ms=RICH_MEXC), make.fees()
    if part == "book":
        market = make.market(ms=None)
    elif part == "instrument":
        market = make.changed(market, instruments={GS: make.instrument(GS)})
    elif part == "fee":
        fees = {GS: fees[GS]}
    else:
        market = make.market(ms=make.book(MS, RICH_MEXC, size="0.00001", depth=1))
    assert look(make, market=market, fees=fees) is None


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("STALE", {"gs": {"age_s": 1.1}}),
        ("SKEW", {"gs": {"age_s": 0.9}, "ms": {"age_s": 0.1}}),
        ("CROSSED", {"gs": {"half": "-0.5"}}),
        ("IDENTITY", {"ms": {"mid": 66_000}}),
        ("IMPLAUSIBLE", {"ms": {"mid": 62_000}}),
        ("COLLAR", {"gs": {"mid": 59_350}, "ms": {"mid": 59_500}}),
    ],
)
def test_data_that_cannot_be_believed_are_not_traded_on(make: Any, reason: str, change: dict[str, Any]) -> None:
    """Old, crossed, another coin, too good, or far from mark and index: declined, with the figures."""
    market = make.market(
        gs=make.book(GS, **change.get("gs", {})), ms=make.book(MS, **{"mid": RICH_MEXC, **change.get("ms", {})})
    )
    found = declined(look(make, market=market))
    assert found.reason == reason
    assert found.text.startswith("GATE_TO_MEXC: ")
    assert found.edge_bps > 0


@pytest.mark.parametrize(
    "change",
    [
        {"mark": None},
        {"mark_received_s": 900.0},
        {"mark": MarkPrice(GF, Decimal(60_000), Decimal(59_000), 0)},
    ],
)
def test_there_is_no_trade_without_a_reference(make: Any, change: dict[str, Any]) -> None:
    """No mark, an old one, or an index that disagrees."""
    market = make.changed(make.market(ms=RICH_MEXC), **change)
    assert declined(look(make, market=market)).reason == "COLLAR"


@pytest.mark.parametrize(
    ("reason", "scene"),
    [
        ("INVENTORY", {"ms": 0}),
        ("QUOTE", {"quote": 3}),
        ("DEPTH", {"size": "0.0001", "depth": 1}),
        ("CAP", {"max_order_notional_quote": 4}),
        ("HEDGE_BUDGET", {"hedge_room": 0}),
        ("MAX_QTY", {"max_quantity": "0.00001"}),
        ("MAX_NOTIONAL", {"max_notional": 1}),
    ],
)
def test_what_makes_a_trade_too_small_is_named(make: Any, reason: str, scene: dict[str, Any]) -> None:
    """The bound that leaves less than both venues accept is the reason."""
    limits = {k: v for k, v in scene.items() if k in {"max_quantity", "max_notional"}}
    for venue in SPOT_VENUES if limits else (None,):
        market = make.market(
            gs=make.book(GS, size=scene.get("size", 1), depth=scene.get("depth", 10)), ms=make.book(MS, RICH_MEXC)
        )
        if venue is not None:
            rules = {**market.instruments, venue: make.instrument(venue, **limits)}
            market = make.changed(market, instruments=rules)
        held = {k: v for k, v in scene.items() if k in {"ms", "quote", "hedge_room"}}
        inventory = make.inventory(**held)
        params = make.params(max_order_notional_quote=scene.get("max_order_notional_quote", 50_000))
        assert declined(look(make, market=market, inventory=inventory, params=params)).reason == reason


def test_minimum_notional_of_either_leg_declines_before_anything_is_sent(make: Any) -> None:
    """An edge that only a few units show cannot satisfy the venue's minimum."""
    books = {"gs": make.book(GS, size="0.0002", step=500), "ms": make.book(MS, RICH_MEXC)}
    rules = {venue: make.instrument(venue, min_notional=50 if venue is MS else 0) for venue in VENUES}
    market = make.market(**books, instruments=rules)
    found = declined(look(make, market=market, params=make.params(depth_share_max=1)))
    assert found.reason == "MIN_NOTIONAL"


def test_a_spoofed_price_is_not_traded(make: Any) -> None:
    """One lot at a wonderful price: its share of the depth is less than a lot."""
    spoof = make.book(GS, depth=3)
    spoof = make.changed(spoof, asks=((Decimal(60_000), Decimal("0.0001")), (Decimal(60_200), Decimal(5))))
    found = declined(look(make, market=make.market(gs=spoof, ms=60_090)))
    assert found.reason == "DEPTH"


def test_levels_beyond_the_collar_are_not_there(make: Any) -> None:
    """A bid side that reaches far below its mid counts only inside the collar, and a cap never leaves it."""
    bids = ((Decimal(60_099), Decimal("0.1")), (Decimal(50_000), Decimal(99)))
    far = make.changed(make.book(MS, RICH_MEXC), bids=bids)
    found = look(make, market=make.market(ms=far), params=make.params(depth_share_max=1))
    assert taken(found).sell_quantity <= Decimal("0.1")


def test_the_venues_own_price_band_binds_too(make: Any) -> None:
    """A limit price keeps to four fifths of `price_deviation_max`, even when the edge would allow more: the venue's own
    reference is not our mid, and a price at the edge of its band is refused every second time.
    """
    rules = {venue: make.instrument(venue, price_deviation_max=Decimal("0.0001")) for venue in VENUES}
    found = taken(look(make, market=make.market(ms=RICH_MEXC, instruments=rules)))
    assert found.buy_price_cap == Decimal("60004.8")
    assert found.sell_price_cap == Decimal("60095.2")


def test_books_with_no_level_inside_their_bounds_give_nothing(make: Any) -> None:
    """A band tighter than the spread leaves no price: declined for want of depth."""
    rules = {venue: make.instrument(venue, price_deviation_max=Decimal("0.000001")) for venue in VENUES}
    assert declined(look(make, market=make.market(ms=RICH_MEXC, instruments=rules))).reason == "DEPTH"


# --- inventory price


@given(raw=scenes(), pair=st.sampled_from(Pair), some=st.integers(1, 50), more=st.integers(0, 50))
def test_the_inventory_price_never_falls_with_the_quantity(
    raw: dict[str, Any], pair: Pair, some: int, more: int, make: Any
) -> None:
    """That is what a bisection rests on, as long as what is sold is held; and it stays within the configured skew."""
    scene = build(make, raw)
    inventory, params = scene["inventory"], scene["params"]
    held = inventory.base_on(pair.sell_venue) if pair.sell_venue.is_spot else Decimal(100)
    sizes = (min(Decimal(n) / 100, held * Decimal("0.999")) for n in (some, some + more))
    small, large = (inventory_price_bps(pair, size, inventory, params) for size in sizes)
    assert small <= large + Decimal("1e-30")
    assert abs(large) <= params.inventory_skew_bps_max


@pytest.mark.parametrize(
    ("gs", "ms", "ratio", "tilt"),
    [(5, 5, "0.5", 0), (10, 0, "0.5", 4), (0, 10, "0.5", -4), (3, 1, "0.75", 0), (7, 1, "0.75", 2), (0, 0, "0.5", 0),
     (5, 5, 1, -2), (5, 5, 0, 2), (10, 0, 1, 0)],
)
def test_the_tilt_is_linear_on_each_side_of_the_ratio(make: Any, gs: int, ms: int, ratio: str, tilt: int) -> None:
    """Zero at the ratio, the whole skew when a venue is empty."""
    params = make.params(inventory_ratio=ratio, inventory_skew_bps_max=4)
    assert tilt_bps(Decimal(gs), Decimal(ms), params) == tilt


def test_what_worsens_the_split_costs_and_what_mends_it_is_discounted(make: Any) -> None:
    """The same edge is refused in one direction and taken in the other, down to the exit threshold and no further."""
    params = make.params(inventory_skew_bps_max=10)
    full_gate = make.inventory("0.98", "0.02")
    assert look(make, inventory=full_gate, params=params, market=make.market(ms=60_090)) is None
    market = make.market(gs=60_055)  # MEXC_TO_GATE earns about 1 bp
    found = taken(look(make, Pair.MEXC_TO_GATE, market, inventory=full_gate, params=params))
    assert found.inventory_price_bps < 0
    assert found.required_bps == max(4 + found.inventory_price_bps, Decimal(-2))
    assert found.required_bps >= -2


@pytest.mark.parametrize(
    ("pair", "gate", "mexc"),
    [
        (Pair.GATE_TO_MEXC, "1.1", "0.9"), (Pair.MEXC_TO_GATE, "0.9", "1.1"), (Pair.OPEN_GATE, "1.1", "1"),
        (Pair.OPEN_MEXC, "1", "1.1"), (Pair.CLOSE_GATE, "0.9", "1"), (Pair.CLOSE_MEXC, "1", "0.9"),
    ],
)
def test_where_a_trade_leaves_the_inventory(pair: Pair, gate: str, mexc: str) -> None:
    """Spot legs move base on their venue; the perpetual moves none."""
    assert base_after(pair, Decimal("0.1"), Decimal(1), Decimal(1)) == (Decimal(gate), Decimal(mexc))


# --- undoing


SHIFTED = (EdgeLot(Decimal("-0.2"), Decimal(5), 0),)


def test_bringing_inventory_back_is_an_exit(make: Any) -> None:
    """After a shift to MEXC, the way back is done at the exit threshold, up to what was shifted."""
    inventory = make.inventory("0.3", "0.7", shift_lots=SHIFTED)
    market = make.market(gs=make.book(GS, size=50), ms=make.book(MS, 60_050, size=50))
    found = taken(look(make, market=market, inventory=inventory))
    assert found.purpose is Purpose.EXIT
    assert (found.required_bps, found.sell_quantity) == (-2, Decimal("0.2"))


def test_an_exit_that_would_lose_the_round_trip_is_declined(make: Any) -> None:
    """Entered at -4, an exit at about -1 loses: ROUND_TRIP; a wider loss allowed lets it through."""
    inventory = make.inventory("0.3", "0.7", shift_lots=(EdgeLot(Decimal("-0.2"), Decimal(-4), 0),))
    market = make.market(ms=60_043)
    found = declined(look(make, market=market, inventory=inventory))
    assert found.reason == "ROUND_TRIP"
    allowed = make.params(max_round_trip_loss_bps=6)
    assert taken(look(make, market=market, inventory=inventory, params=allowed)).purpose is Purpose.EXIT


def test_a_full_entry_edge_is_an_entry_even_on_the_way_back(make: Any) -> None:
    """Too little to undo for the venue's minimum, or a bad old lot, does not stop what earns on its own."""
    dust = make.inventory("0.3", "0.7", shift_lots=(EdgeLot(Decimal("-0.00001"), Decimal(5), 0),))
    assert taken(look(make, inventory=dust)).purpose is Purpose.ENTRY
    bad = make.inventory("0.3", "0.7", shift_lots=(EdgeLot(Decimal("-0.2"), Decimal(-50), 0),))
    assert taken(look(make, inventory=bad)).purpose is Purpose.ENTRY


def test_a_bad_old_lot_leaves_no_discount(make: Any) -> None:
    """With something to undo, an entry on the way back pays the full threshold."""
    params = make.params(inventory_skew_bps_max=10)
    market = make.market(gs=60_055)
    lots = (EdgeLot(Decimal("0.4"), Decimal(-50), 0),)
    clean, burdened = make.inventory("0.98", "0.02"), make.inventory("0.98", "0.02", shift_lots=lots)
    assert taken(look(make, Pair.MEXC_TO_GATE, market, inventory=clean, params=params))
    assert declined(look(make, Pair.MEXC_TO_GATE, market, inventory=burdened, params=params)).reason == "ROUND_TRIP"


# --- carries


def carry(make: Any, **changes: Any) -> Opportunity | Declined | None:
    """OPEN_GATE while the perpetual is rich by 5 bps gross, -2 net; the exit costs 1 bp, funding brings 3 x 4."""
    scene = {
        "market": make.market(gf=60_031, funding=FundingRate(GF, Decimal("0.0004"), 28_800, 14_400)),
        "exit_edge": make.history("CLOSE_GATE", -1.0),
        "fees": make.fees(),
        "inventory": make.inventory(),
    }
    return look(make, Pair.OPEN_GATE, **{**scene, **changes})


def test_a_carry_is_opened_for_its_funding_and_exit(make: Any) -> None:
    """edge + funding + exit - reserve >= entry; the estimate holds each part."""
    found = taken(carry(make))
    assert found.edge_bps < 0
    assert found.required_bps == 3 + 1 - 12 + 1
    assert found.estimate.funding_quote > 0 > found.estimate.exit_quote
    assert found.purpose is Purpose.ENTRY


@pytest.mark.parametrize(
    "change", [{"exit_edge": None}, {"funding": None}, {"rate": "-0.0004"}, {"charged": "0.0004"}, {"exit_mean": -20.0}]
)
def test_a_carry_that_cannot_pay_is_not_opened(make: Any, change: dict[str, Any]) -> None:
    """Unknown exit or funding, funding that is paid or was charged just now, or an exit that costs too much."""
    scene: dict[str, Any] = {}
    if "funding" in change:
        scene["market"] = make.market(gf=60_031, funding=None)
    elif "rate" in change:
        scene["market"] = make.market(gf=60_031, funding=FundingRate(GF, Decimal(change["rate"]), 28_800, 14_400))
    elif "charged" in change:
        scene["market"] = make.market(gf=60_031, funding=FundingRate(GF, Decimal(change["charged"]), 28_800, 28_800))
    elif "exit_mean" in change:
        scene["exit_edge"] = make.history("CLOSE_GATE", change["exit_mean"])
    else:
        scene["exit_edge"] = None
    assert carry(make, **scene) is None


@pytest.mark.parametrize(
    ("reason", "inventory"),
    [("CAP", {"gs": "2.5"}), ("MARGIN", {"margin": 9}), ("MARGIN", {"margin": -5}), ("QUOTE", {"quote": 1})],
)
def test_a_carry_needs_room_margin_and_quote(make: Any, reason: str, inventory: dict[str, Any]) -> None:
    """Three times the base is the most; the short needs margin, the purchase needs quote."""
    assert declined(carry(make, inventory=make.inventory(**inventory))).reason == reason


def test_a_carry_leaves_the_floor_of_the_margin(make: Any) -> None:
    """Of 50,000, 32 % stay free, 30 and a cushion: 4,000 carry 0.133 at leverage 2 and the fee."""
    found = taken(carry(make, inventory=make.inventory(margin=20_000, equity=50_000)))
    assert found.sell_quantity == Decimal("0.133")
    assert declined(carry(make, inventory=make.inventory(margin=16_000, equity=50_000))).reason == "MARGIN"
    sunk = make.inventory(margin=0, equity=-10_000)
    assert declined(carry(make, inventory=sunk)).reason == "MARGIN"


def test_a_carry_closes_only_above_the_base_position(make: Any) -> None:
    """What the base position holds is not sold; what is above it is, against the short."""
    market = make.market(gs=60_060)
    assert declined(look(make, Pair.CLOSE_GATE, market)).reason == "INVENTORY"
    found = taken(look(make, Pair.CLOSE_GATE, market, inventory=make.inventory("0.55", "0.5", "-1.05")))
    assert (found.purpose, found.sell_quantity) == (Purpose.EXIT, Decimal("0.05"))
    no_short = make.inventory("1.5", "0.5", 0)
    assert declined(look(make, Pair.CLOSE_GATE, market, inventory=no_short)).reason == "INVENTORY"


def test_an_old_carry_may_lose_more(make: Any) -> None:
    """Entered at -3 and closing at about 1: declined until its age allows 2 bps more."""
    inventory = make.inventory("0.7", "0.5", "-1.2", carry_lots=(EdgeLot(Decimal("0.2"), Decimal(-3), 0),))
    market = make.market(gs=60_054)
    assert declined(look(make, Pair.CLOSE_GATE, market, inventory=inventory)).reason == "ROUND_TRIP"
    found = taken(look(make, Pair.CLOSE_GATE, market, inventory=inventory, carry_age_bps=Decimal(2)))
    assert found.required_bps == 1


def test_funding_received_pays_for_the_exit(make: Any) -> None:
    """18 USDT per unit are 3 bps of the mid: what was entered at -3 may leave at zero."""
    inventory = make.inventory(
        "0.7", "0.5", "-1.2", carry_lots=(EdgeLot(Decimal("0.2"), Decimal(-3), 0, Decimal("18.01")),)
    )
    found = taken(look(make, Pair.CLOSE_GATE, make.market(gs=60_054), inventory=inventory))
    assert found.required_bps < Decimal("0.01")


# --- how far it can be trusted


def test_risk_grows_with_age_depth_and_movement(make: Any) -> None:
    """Confidence falls where age, depth taken or movement grow; each figure stays in its range."""
    flow = {venue: TradeFlow(venue=venue, trades_per_s=1.0, buy_share=0.5, move_bps_per_s=2.0) for venue in VENUES}
    history = make.history("GATE_TO_MEXC", 9.0)
    calm = taken(look(make, edge=history)).risk
    lively = taken(look(make, edge=history, market=make.market(ms=RICH_MEXC, flow=flow))).risk
    books = {"gs": make.book(GS, age_s=0.5), "ms": make.book(MS, RICH_MEXC, age_s=0.5)}
    late = taken(look(make, edge=history, market=make.market(**books))).risk
    assert lively.adverse_move_bps == pytest.approx(2.0 * 0.8**0.5)
    assert calm.adverse_move_bps == 0
    assert late.venue_risk == pytest.approx(0.5)
    assert 0 <= lively.confidence < calm.confidence <= 1
    assert 0 <= late.confidence < calm.confidence
    assert taken(look(make)).risk.confidence == 0
