"""A leg that rests, in the machine: what fills is answered, and what may not rest any more is taken away."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_kit import GF, GS, MS, Bench, S

from dnbot.domain.messages import (
    Alert,
    CancelAll,
    CancelOrder,
    ExecutePair,
    ExecutionClosed,
    FillReported,
    OrderReported,
    PairTactic,
    PlaceOrder,
    ResolveOrder,
    SetMode,
    StoreLost,
    TacticAdvised,
)
from dnbot.domain.order import OrderIntent, OrderStatus, Purpose, Side, TimeInForce
from dnbot.domain.pair import PAIRS
from dnbot.strategy import resting
from dnbot.strategy.doubting import Belief, belief, doubt
from dnbot.strategy.rest_words import Rest, Resting

PAYS = {"ms": 60_065}
"""MEXC is 10.8 bps richer: eight of fees at taking leave too little, five leave enough."""


def resting_leg(bench: Bench) -> OrderIntent:
    """A leg rests, and the venue said so."""
    bench.signal(**PAYS)
    (intent,) = bench.committed().intents
    bench.sent(intent)
    bench.told(intent, OrderStatus.OPEN)
    bench.answered(intent)
    assert bench.state is S.EXECUTING_ARBITRAGE
    return intent


def bench_of(**parameters: Any) -> Bench:
    """A bench whose legs may rest."""
    return Bench(**{"maker_first": True, **parameters}).boot()


def rest_of(bench: Bench) -> Rest:
    """What is known of it."""
    assert bench.context.execution is not None
    assert bench.context.execution.rest is not None
    return bench.context.execution.rest


def fill(bench: Bench, intent: OrderIntent, quantity: object) -> None:
    """Some of it trades, and the stream tells the trade."""
    bench.give(FillReported(bench.trade(intent, quantity, is_maker=True), streamed=True))


def answers(bench: Bench) -> list[OrderIntent]:
    """Every answer that was handed over."""
    return [command.intent for command in bench.commands if isinstance(command, PlaceOrder)]


def cancels(bench: Bench) -> list[CancelOrder]:
    """Every cancel that was asked for."""
    return [command for command in bench.commands if isinstance(command, CancelOrder)]


def gone(bench: Bench, intent: OrderIntent, filled: object = 0) -> None:
    """The venue says that it is cancelled."""
    bench.told(intent, OrderStatus.CANCELLED, filled)


def test_off_by_default_nothing_rests() -> None:
    """The same market, without the setting: both at once or nothing."""
    bench = Bench().boot()
    bench.signal(**PAYS)
    assert (bench.all(ExecutePair), bench.state) == ([], S.MONITORING_SPREADS)


def test_what_pays_at_once_is_taken_at_once() -> None:
    """An edge that is there now is not waited for."""
    bench = bench_of()
    bench.signal(ms=60_200)
    buy, sell = bench.last(ExecutePair).intents
    assert (buy.time_in_force, sell.time_in_force) == (TimeInForce.IOC, TimeInForce.IOC)


def test_the_leg_on_mexc_rests_inside_the_book() -> None:
    """Alone, post-only, one step better than the best ask, as an entry; the other leg has not left."""
    bench = bench_of()
    bench.signal(**PAYS)
    assert bench.state is S.PREPARING_ARBITRAGE
    (intent,) = bench.last(ExecutePair).intents
    assert (intent.venue, intent.side, intent.time_in_force) == (MS, Side.SELL, TimeInForce.POST_ONLY)
    assert (intent.price, intent.purpose) == (Decimal("60065.4"), Purpose.ENTRY)
    assert resting_leg(bench_of()).price == intent.price


def test_each_fill_is_answered_at_once() -> None:
    """On Gate spot, for what filled, in the same step; and once it is all done the execution is booked whole."""
    bench = bench_of()
    intent = resting_leg(bench)
    half = intent.quantity / 2 // Decimal("0.0001") * Decimal("0.0001")
    fill(bench, intent, half)
    (first,) = answers(bench)
    assert (first.venue, first.side, first.quantity, first.purpose) == (GS, Side.BUY, half, Purpose.HEDGE)
    assert first.execution_id == intent.execution_id
    bench.filled(first, price=60_000)
    fill(bench, intent, intent.quantity - half)
    bench.told(intent, OrderStatus.FILLED, intent.quantity)
    second = answers(bench)[1]
    bench.filled(second, price=60_000)
    closed = bench.last(ExecutionClosed)
    assert (bench.state, closed.status, closed.bought, closed.sold) == (
        S.MONITORING_SPREADS, "complete", intent.quantity, intent.quantity,
    )
    assert closed.residual_base == 0
    assert bench.context.portfolio.delta == 0
    assert len(answers(bench)) == 2


def test_one_answer_at_a_time() -> None:
    """What fills while an answer is on its way is answered after it, and nothing is answered twice."""
    bench = bench_of()
    intent = resting_leg(bench)
    fill(bench, intent, "0.01")
    fill(bench, intent, "0.02")
    (first,) = answers(bench)
    bench.filled(first)
    assert [one.quantity for one in answers(bench)] == [Decimal("0.01"), Decimal("0.02")]


def test_what_is_below_the_smallest_order_is_carried() -> None:
    """It counts in delta, is answered with the next fill, and what is left at the end is left as dust is."""
    bench = bench_of()
    intent = resting_leg(bench)
    fill(bench, intent, "0.00005")
    assert (answers(bench), bench.state) == ([], S.EXECUTING_ARBITRAGE)
    assert bench.context.portfolio.delta == Decimal("-0.00005")
    fill(bench, intent, "0.01")
    (one,) = answers(bench)
    assert one.quantity == Decimal("0.01")
    bench.filled(one)
    bench.signal(after_ms=6000, **PAYS)
    gone(bench, intent, "0.01005")
    closed = bench.last(ExecutionClosed)
    assert (bench.state, closed.residual_base) == (S.MONITORING_SPREADS, Decimal("-0.00005"))
    assert closed.sold == closed.bought + Decimal("0.00005")


def test_its_time_ends() -> None:
    """It is cancelled, its end is waited for, and nothing rests again for a moment."""
    bench = bench_of(maker_rest_ms=2000)
    intent = resting_leg(bench)
    bench.signal(after_ms=1000, **PAYS)
    assert cancels(bench) == []
    bench.signal(after_ms=1000, **PAYS)
    (cancel,) = cancels(bench)
    assert (cancel.venue, cancel.client_order_id) == (MS, intent.client_order_id)
    assert bench.state is S.EXECUTING_ARBITRAGE
    gone(bench, intent)
    assert (bench.state, bench.last(ExecutionClosed).status) == (S.MONITORING_SPREADS, "failed")
    bench.signal(after_ms=100, **PAYS)
    assert len(bench.all(ExecutePair)) == 1
    bench.signal(after_ms=1000, **PAYS)
    assert len(bench.all(ExecutePair)) == 2


REASONS: dict[str, Callable[[Bench], object]] = {
    "it would not pay any more": lambda b: b.signal(gs=60_040, **PAYS),
    "trading mode is REDUCING": lambda b: b.give(SetMode("REDUCING", "test")),
    "trading mode is HALTED": lambda b: b.give(SetMode("HALTED", "test")),
    "the account on MEXC_SPOT is not known": lambda b: b.down(MS),
    "the account on GATEIO_SPOT is not known": lambda b: b.down(GS),
    "is older than allowed": lambda b: b.tick(1200),
    "DB_UNAVAILABLE": lambda b: [b.give(StoreLost("test")), b.signal(**PAYS)],
    "NOT_RECONCILED": lambda b: [b.down(GF), b.signal(**PAYS)],
    "BOOK_IMPLAUSIBLE": lambda b: b.signal(gs=60_000, gf=70_000, ms=60_065),
    "PRICE_COLLAR": lambda b: [setattr(b, "mark", Decimal(61_000)), b.signal(**PAYS)],
}


@pytest.mark.parametrize("why", REASONS)
def test_it_is_taken_away(why: str) -> None:
    """At once, and not again and again; what fills in spite of it is answered, and then all is well."""
    bench = bench_of()
    intent = resting_leg(bench)
    REASONS[why](bench)
    assert why in rest_of(bench).cancel_why
    assert len(cancels(bench)) == 1
    bench.tick(10)
    assert len(cancels(bench)) == 1
    bench.signal(**PAYS)
    fill(bench, intent, "0.01")
    gone(bench, intent, "0.01")
    (one,) = answers(bench)
    assert (one.venue, one.quantity) == (GS, Decimal("0.01"))
    bench.filled(one)
    assert bench.context.portfolio.delta == 0


@pytest.mark.parametrize("way", ["fault", "stop"])
def test_a_fault_and_a_stop_take_it_away(way: str) -> None:
    """The cancel leaves with the next tick at the latest, and what filled is hedged where the machine then is."""
    bench = bench_of()
    intent = resting_leg(bench)
    bench.fault() if way == "fault" else bench.stop()
    bench.tick(100)
    assert [one.client_order_id for one in cancels(bench)] == [intent.client_order_id]
    fill(bench, intent, "0.01")
    bench.read_all()
    while not answers(bench):
        bench.signal(after_ms=100)
        bench.answer_reads()
    one = answers(bench)[0]
    assert (one.venue, one.side, one.quantity) == (GF, Side.BUY, Decimal("0.01"))
    bench.filled(one)
    gone(bench, intent, "0.01")
    assert bench.context.portfolio.delta == 0
    assert bench.context.execution is None or bench.state is S.ERROR_RECOVERY


def test_a_cancel_is_asked_for_until_its_end_is_known() -> None:
    """Each two seconds; meanwhile lists are asked as for any order whose end is overdue."""
    bench = bench_of(maker_rest_ms=500)
    intent = resting_leg(bench)
    bench.signal(after_ms=500, **PAYS)
    for _ in range(50):
        bench.signal(after_ms=100, **PAYS)
        bench.answer_reads()
    assert len(cancels(bench)) == 3
    assert ResolveOrder(intent, f"v-{intent.client_order_id}") in bench.commands


def test_while_it_may_rest_nobody_asks_after_it() -> None:
    """An order that is open is as it should be: no lists are read for it, and nothing is in doubt."""
    bench = bench_of()
    resting_leg(bench)
    for _ in range(40):
        bench.signal(after_ms=100, **PAYS)
        bench.proven(MS)
    assert [c for c in bench.commands if isinstance(c, ResolveOrder)] == []
    assert bench.state is S.EXECUTING_ARBITRAGE


def test_a_lost_answer_ends_it() -> None:
    """Whether it rests is not known: what is ours there is cancelled, and once it is named, it is."""
    bench = bench_of()
    bench.signal(**PAYS)
    (intent,) = bench.committed().intents
    bench.sent(intent)
    bench.answered(intent, "ambiguous")
    assert CancelAll(MS) in bench.commands
    bench.told(intent, OrderStatus.OPEN)
    bench.tick(2100)
    assert [one.client_order_id for one in cancels(bench)] == [intent.client_order_id]
    gone(bench, intent)
    assert bench.state is not S.EXECUTING_ARBITRAGE or bench.context.unsettled == ()


@pytest.mark.parametrize("outcome", ["refused", "cancelled"])
def test_a_price_that_would_cross_is_no_loop(outcome: str) -> None:
    """The venue refuses it, or ends it at once: the next one waits, after a refusal longer than ten a minute."""
    bench = bench_of()
    bench.signal(**PAYS)
    (intent,) = bench.committed().intents
    bench.sent(intent)
    if outcome == "refused":
        bench.answered(intent, "refused", "30041", "test")
    else:
        gone(bench, intent)
    assert bench.state is S.MONITORING_SPREADS
    for _ in range(600):
        bench.signal(after_ms=100, **PAYS)
        bench.answer_reads()
        for order in bench.context.unsettled:
            if order.status is OrderStatus.PENDING:
                bench.committed()
                bench.sent(order.intent)
                bench.answered(order.intent, "refused") if outcome == "refused" else gone(bench, order.intent)
    assert bench.context.mode.name == "ACTIVE"


def test_an_answer_that_finds_nobody_is_left_to_the_repair() -> None:
    """Three tries, each further into the book; then the leg that rests goes, and the perpetual hedges."""
    bench = bench_of()
    intent = resting_leg(bench)
    fill(bench, intent, "0.02")
    for number in range(3):
        bench.nothing(answers(bench)[number])
        bench.signal(after_ms=60, **PAYS)
    assert [one.venue for one in answers(bench)[:3]] == [GS, GS, GS]
    prices = [one.price for one in answers(bench)[:3]]
    assert prices == sorted(prices)
    assert prices[0] < prices[2]
    assert bench.state is S.REBALANCING_DELTA
    assert len(cancels(bench)) == 1
    assert (answers(bench)[3].venue, answers(bench)[3].quantity) == (GF, Decimal("0.02"))
    bench.filled(answers(bench)[3])
    gone(bench, intent, "0.02")
    bench.tick(10)
    assert (bench.context.portfolio.delta, bench.context.execution) == (0, None)
    assert bench.last(ExecutionClosed).status == "repaired"


def test_the_budget_of_hedges_has_room_for_answer_and_repair() -> None:
    """No leg is larger than half of what is left of it."""
    bench = bench_of(hedge_quantity_per_minute_max="0.1", establish_slice_base="0.1")
    intent = resting_leg(bench)
    assert intent.quantity <= Decimal("0.05")


def test_a_carry_is_answered_on_the_perpetual() -> None:
    """Bought as it fills, and sold there: the position grows by whole contracts, the rest is carried."""
    bench = bench_of()
    for _ in range(40):
        bench.signal(after_ms=1000)
        bench.answer_reads()
    bench.signal(gs=60_060, gf=60_060, ms=60_000)
    pair = bench.last(ExecutePair)
    (intent,) = bench.committed().intents
    assert (pair.opportunity.pair_name if pair.opportunity else "", intent.side) == ("OPEN_MEXC", Side.BUY)
    bench.sent(intent)
    bench.told(intent, OrderStatus.OPEN)
    bench.answered(intent)
    fill(bench, intent, "0.0104")
    (one,) = answers(bench)
    assert (one.venue, one.side, one.quantity, one.reduce_only) == (GF, Side.SELL, Decimal("0.010"), False)


def test_what_was_answered_needs_no_margin_again() -> None:
    """Free margin carries 0.033 and no more. Half of it fills and is answered, which margins it: the rest goes on."""
    bench = bench_of(margin_floor_pct=67)
    for _ in range(40):
        bench.signal(after_ms=1000)
        bench.answer_reads()
    carry = {"gs": 60_060, "gf": 60_060, "ms": 60_000}
    bench.signal(**carry)
    (intent,) = bench.committed().intents
    assert (intent.side, intent.quantity) == (Side.BUY, Decimal("0.033"))
    bench.sent(intent)
    bench.told(intent, OrderStatus.OPEN)
    bench.answered(intent)
    fill(bench, intent, "0.016")
    (one,) = answers(bench)
    assert (one.venue, one.quantity) == (GF, Decimal("0.016"))
    bench.filled(one)
    for _ in range(3):
        bench.signal(**carry)
    assert rest_of(bench).unanswered_s is None
    assert (cancels(bench), rest_of(bench).cancel_why) == ([], "")


def silent(bench: Bench) -> OrderIntent:
    """A leg rests, its stream goes down, and nothing tells of it for as long as an order is waited for."""
    intent = resting_leg(bench)
    bench.down(MS)
    for _ in range(25):
        bench.signal(after_ms=100, **PAYS)
        bench.answer_reads()
    return intent


def test_while_it_rests_what_was_told_is_all() -> None:
    """Its silence is no doubt, and after a fill neither; an order that nobody has named yet is awaited as any other."""
    bench = bench_of()
    bench.signal(**PAYS)
    (intent,) = bench.committed().intents
    bench.sent(intent)
    order = bench.context.orders[intent.client_order_id]
    assert belief(bench.context, order) is Belief.AWAITED
    bench.told(intent, OrderStatus.OPEN)
    for _ in range(30):
        bench.signal(after_ms=100, **PAYS)
    order = bench.context.orders[intent.client_order_id]
    assert belief(bench.context, order) is Belief.WITHOUT_EFFECT
    assert doubt(bench.context).left == 0


def test_one_that_nobody_tells_of_is_in_doubt() -> None:
    """Its stream is down and no list answers: alerted once, and the middle is hedged; what turns out is hedged anew."""
    bench = bench_of()
    intent = silent(bench)
    order = bench.context.orders[intent.client_order_id]
    assert belief(bench.context, order) is Belief.BLIND
    assert [alert.key for alert in bench.all(Alert) if alert.key.startswith("blind:")] == [f"blind:{order_id(intent)}"]
    one = answers(bench)[0]
    assert (one.venue, one.side) == (GF, Side.BUY)
    assert abs(one.quantity - intent.quantity / 2) <= Decimal("0.001")


def test_a_stream_that_answers_leaves_no_doubt() -> None:
    """It lived since before the order, and after the cancel it said nothing more: then there was nothing."""
    bench = bench_of(maker_rest_ms=500)
    intent = resting_leg(bench)
    for _ in range(35):
        bench.signal(after_ms=100, **PAYS)
        bench.proven(MS)
    order = bench.context.orders[intent.client_order_id]
    assert rest_of(bench).cancel_s is not None
    assert belief(bench.context, order) is Belief.WITHOUT_EFFECT
    assert answers(bench) == []


def order_id(intent: OrderIntent) -> str:
    """Its name."""
    return intent.client_order_id


def test_a_mute_stream_keeps_no_fill_for_long() -> None:
    """It answers pings and tells nothing: the account is read twice a second, the fill found there is answered, what
    rests goes, and nothing rests again while the stream is not believed.
    """
    bench = bench_of()
    intent = resting_leg(bench)
    bench.quiet(1, every_ms=100, **PAYS)
    before = bench.now_s
    bench.trade(intent, "0.01")
    while not answers(bench):
        bench.signal(after_ms=100, **PAYS)
        bench.answer_reads()
    assert bench.now_s - before <= 0.8
    (one,) = answers(bench)
    assert (one.venue, one.quantity) == (GS, Decimal("0.01"))
    bench.filled(one)
    bench.quiet(1.2, every_ms=100, **PAYS)
    assert "keeps a trade from us" in rest_of(bench).cancel_why
    bench.trade(intent, "0.01")
    bench.quiet(1, every_ms=100, **PAYS)
    assert len(answers(bench)) == 2


NAME = "maker"


def advised(bench: Bench, *pairs: PairTactic, by: str = NAME, for_s: float = 5.0) -> Bench:
    """The plugin has spoken."""
    bench.give(TacticAdvised(by=by, pairs=pairs, valid_until_s=bench.now_s + for_s))
    return bench


def with_plugin() -> Bench:
    """A bench that listens to one."""
    return Bench(maker_first=True, context={"resting": Resting(adviser=NAME)}).boot()


RULE = PairTactic(pair_name="GATE_TO_MEXC", ticks_inside=2, rest_ms=1500)


def test_without_its_advice_nothing_rests() -> None:
    """Silence, old advice, somebody else's, and advice on another pair: both at once, or nothing."""
    for bench in (
        with_plugin(), advised(with_plugin(), RULE, for_s=0.05), advised(with_plugin(), RULE, by="other"),
        advised(with_plugin(), RULE, for_s=float("nan")),
        advised(with_plugin(), msgspec.structs.replace(RULE, pair_name="OPEN_MEXC")),
    ):
        bench.signal(**PAYS)
        assert bench.all(ExecutePair) == []
        bench.signal(ms=60_200)
        assert len(bench.last(ExecutePair).intents) == 2


def test_its_advice_is_taken_and_bounded() -> None:
    """As many ticks as it says, for as long as it says and no longer than the setting."""
    bench = advised(with_plugin(), RULE)
    intent = resting_leg(bench)
    assert intent.price == Decimal("60065.3")
    assert rest_of(bench).until_s == pytest.approx(bench.context.execution.started_s + 1.5)  # type: ignore[union-attr]
    longer = advised(with_plugin(), msgspec.structs.replace(RULE, rest_ms=20_000))
    resting_leg(longer)
    assert rest_of(longer).plan.rest_ms == 5000


ADVICE = st.builds(
    PairTactic, pair_name=st.sampled_from([*PAIRS, "NONE"]), ticks_inside=st.integers(-5, 2000),
    rest_ms=st.integers(-10, 30_000),
)


@given(pairs=st.lists(ADVICE, max_size=6), ms=st.integers(59_900, 60_120), mode=st.sampled_from(["ACTIVE", "HALTED"]))
def test_no_advice_passes_by_anything(pairs: list[PairTactic], ms: int, mode: str) -> None:
    """Whatever is advised: what rests was checked as a pair, is post-only on MEXC short of the other side, and pays."""
    bench = with_plugin()
    bench.give(SetMode(mode, "test"))
    advised(bench, *pairs)
    bench.signal(ms=ms)
    for pair in bench.all(ExecutePair):
        assert mode == "ACTIVE"
        for intent in pair.intents if len(pair.intents) == 1 else ():
            assert (intent.venue, intent.time_in_force) == (MS, TimeInForce.POST_ONLY)
            here = bench.books[MS]
            assert here.bids[0][0] < intent.price or intent.side is Side.BUY
            assert intent.price < here.asks[0][0] or intent.side is Side.SELL
            assert pair.opportunity is not None
            assert pair.opportunity.edge_bps >= pair.opportunity.required_bps


# --- any life of a leg that rests -------------------------------------------------------------------------------------
class World:
    """The venues' side of one leg that rests: what it does is drawn, what the machine sends is answered."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.bench = bench_of(in_base=bool(seed % 2))
        self.intent = resting_leg(self.bench)
        self.left, self.open = Decimal(self.intent.quantity), True
        self.answered_ids: set[str] = set()
        self.untold: list[Any] = []

    def trade(self) -> None:
        """Somebody meets it; the news may wait."""
        lot = Decimal("0.00001")
        quantity = min(self.left, self.random.choice([lot * 3, lot * 70, lot * 900, self.left]))
        if not self.open or quantity <= 0:
            return
        self.left -= quantity
        self.open = self.left > 0
        news: list[Any] = [
            FillReported(self.bench.trade(self.intent, quantity, is_maker=True), streamed=True),
            OrderReported(self.bench.report(
                self.intent, OrderStatus.OPEN if self.open else OrderStatus.FILLED, self.intent.quantity - self.left
            )),
        ]
        self.random.shuffle(news)
        self.untold += news

    def cancel(self) -> None:
        """What was asked to be cancelled is, unless it was filled before."""
        asked = any(isinstance(c, CancelOrder | CancelAll) for c in self.bench.commands)
        if asked and self.open and self.random.random() < 0.5:
            self.open = False
            report = self.bench.report(self.intent, OrderStatus.CANCELLED, self.intent.quantity - self.left)
            self.untold.append(OrderReported(report))

    def tell(self) -> None:
        """News come in their order."""
        while self.untold:
            self.bench.give(self.untold.pop(0))

    def answer(self) -> None:
        """Orders of the machine trade: all, in part, or not."""
        for order in self.bench.context.unsettled:
            intent = order.intent
            if intent.client_order_id in self.answered_ids or intent.client_order_id == self.intent.client_order_id:
                continue
            self.answered_ids.add(intent.client_order_id)
            lot = self.bench.instruments[intent.venue].lot_size
            part = intent.quantity * self.random.choice([1, 1, 1, Decimal("0.5"), 0]) // lot * lot
            self.bench.filled(intent, part, price=60_000)

    def run(self) -> None:
        """Until all is at rest."""
        for _ in range(self.random.randrange(1, 12)):
            self.random.choice([self.trade, self.trade, self.cancel, self.tell, self.answer])()
            moved = self.random.choice([0, 0, 5, 60])
            self.bench.signal(after_ms=self.random.choice([20, 100, 300]), ms=60_065 + moved)
            self.bench.answer_reads()
        for _ in range(120):
            self.tell()
            self.answer()
            self.cancel()
            self.bench.signal(after_ms=100, ms=60_000)
            self.bench.answer_reads()
            context = self.bench.context
            is_neutral = abs(context.portfolio.delta) <= (context.tolerance or 0)
            if context.execution is None and not context.unsettled and not self.untold and is_neutral:
                return


def judge(world: World) -> None:
    """Nothing is open, the ledger is the venues', and what filled is what was answered, repaired and carried."""
    bench = world.bench
    assert not world.open
    assert bench.context.unsettled == ()
    for venue in (GS, MS):
        assert bench.context.portfolio.balance(venue, "BTC") == bench.truth[venue].balances["BTC"]
    assert bench.context.portfolio.perp_base == bench.truth[GF].base
    filled = sum((f.signed_quantity for f in bench.truth[MS].fills if f.client_order_id), Decimal(0))
    others = sum(
        (f.signed_quantity - (f.fee if f.fee_asset == "BTC" else 0) for v in (GS, GF) for f in bench.truth[v].fills),
        Decimal(0),
    )
    tolerance = bench.context.tolerance
    assert tolerance is not None
    assert abs(filled + others) <= tolerance
    assert abs(bench.context.portfolio.delta) <= tolerance
    hedged = sum((one.quantity for one in answers(bench)), Decimal(0))
    assert hedged <= 2 * abs(filled) * len(answers(bench))
    assert bench.context.mode.name == "ACTIVE"


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6))
def test_what_fills_is_answered_repaired_or_carried(seed: int) -> None:
    """Whatever fills when, in whatever order the news come, whatever the answers bring."""
    world = World(seed)
    world.run()
    judge(world)


DEFECTS: dict[str, tuple[str, Any]] = {
    "fills are not answered and not repaired": ("needs_hedge", lambda _turn: False),
    "nothing is ever cancelled": ("take_away", lambda _turn, _why: None),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_planted_defects_are_seen(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge of any life finds each within a few lives."""
    name, broken = DEFECTS[defect]
    monkeypatch.setattr(resting, name, broken)
    if name == "needs_hedge":
        monkeypatch.setattr(resting, "_answer", lambda _turn: False)
        monkeypatch.setattr("dnbot.strategy.trading.needs_hedge", broken)
        monkeypatch.setattr("dnbot.strategy.drifting.needs_hedge", broken)
    found = 0
    for seed in range(12):
        world = World(seed)
        world.run()
        try:
            judge(world)
        except AssertionError:
            found += 1
    assert found
