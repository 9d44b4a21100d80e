"""Strategy plugins may narrow entries: no advice lets through what would not be let through without it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_kit import MS, Bench, S

from dnbot.domain.messages import EntryAdvised, ExecutePair, OpportunityDeclined, PairAdvice, PlaceOrder, SetMode
from dnbot.domain.order import Purpose
from dnbot.domain.pair import PAIRS

NAME = "careful"
WITH = {"advisers": (NAME,)}


def advised(bench: Bench, *pairs: PairAdvice, for_s: float = 5.0, by: str = NAME) -> Bench:
    """The adviser has spoken."""
    bench.give(EntryAdvised(by=by, pairs=pairs, valid_until_s=bench.now_s + for_s))
    return bench


def all_pairs(**advice: object) -> tuple[PairAdvice, ...]:
    """The same for every pair."""
    return tuple(PairAdvice(pair_name=name, **advice) for name in PAIRS)  # type: ignore[arg-type]


def reasons(bench: Bench) -> set[tuple[str, str]]:
    """Codes and texts of what was declined for advice."""
    declined = [record.declined for record in bench.all(OpportunityDeclined)]
    return {(one.reason, one.text) for one in declined if one.reason == "ADVICE"}


def entered(bench: Bench) -> int:
    """Pairs that went to be committed as entries."""
    return sum(pair.intents[0].purpose is Purpose.ENTRY for pair in bench.all(ExecutePair))


def test_without_an_adviser_nothing_changes() -> None:
    """Advice that nobody configured is none, whoever sends it."""
    bench = advised(Bench().boot(), *all_pairs(refuse=True))
    bench.signal(ms=60_200)
    assert (entered(bench), bench.context.advice) == (1, {})


def test_an_adviser_that_objects_to_nothing_lets_enter() -> None:
    """The same edge, the same orders as without it."""
    with_it, without = advised(Bench(context=WITH).boot()), Bench().boot()
    for bench in (with_it, without):
        bench.signal(ms=60_200)
    first, second = with_it.last(ExecutePair), without.last(ExecutePair)
    assert [(i.quantity, i.price) for i in first.intents] == [(i.quantity, i.price) for i in second.intents]


@pytest.mark.parametrize(
    ("bench", "why"),
    [
        (Bench(context=WITH).boot(), "careful: has not advised yet"),
        (advised(Bench(context=WITH).boot(), *all_pairs(refuse=True, why="news at 14:00")), "careful: news at 14:00"),
        (advised(Bench(context=WITH).boot(), *all_pairs(refuse=True)), "careful: refuses"),
        (advised(Bench(context=WITH).boot(), for_s=0.05), "careful: its advice was for"),
        (advised(Bench(context=WITH).boot(), for_s=float("nan")), "careful: its advice was for"),
        (advised(Bench(context=WITH).boot(), *all_pairs(extra_bps=Decimal(500))), "is required, it wants 500"),
        (advised(Bench(context=WITH).boot(), *all_pairs(extra_bps=Decimal("NaN"))), "it wants NaN"),
        (advised(Bench(context={"advisers": (NAME, "other")}).boot()), "other: has not advised yet"),
    ],
    ids=["silent", "refuses", "refuses without a word", "old", "of no time", "wants more", "wants no number", "two"],
)
def test_what_an_adviser_would_not_have_is_declined(bench: Bench, why: str) -> None:
    """With code ADVICE and the reason, where it is seen: no edge of the machine is taken for it."""
    bench.signal(ms=60_200)
    assert entered(bench) == 0
    assert bench.state is S.MONITORING_SPREADS
    assert reasons(bench)
    assert all(why in text for _, text in reasons(bench))


def test_advice_that_changes_before_the_commit_is_heard() -> None:
    """An entry waits for an account; its adviser refuses meanwhile: it is let go when the account is there."""
    bench = advised(Bench(context=WITH).boot(), for_s=60.0)
    bench.down(MS)
    bench.signal(ms=60_200)
    assert bench.state is S.PREPARING_ARBITRAGE
    advised(bench, *all_pairs(refuse=True, why="no more"), for_s=60.0)
    bench.up(MS)
    bench.answer_reads()
    assert (entered(bench), bench.state) == (0, S.MONITORING_SPREADS)
    assert reasons(bench) == {("ADVICE", "careful: no more")}


def test_ways_out_ask_nobody() -> None:
    """A silent adviser stops neither an exit nor a hedge."""
    bench = Bench("1", "-2", context=WITH).boot()
    bench.give(SetMode("REDUCING", "test"))
    bench.signal(gf=59_700)
    assert bench.state is S.PREPARING_ARBITRAGE
    assert bench.last(ExecutePair).intents[0].purpose is Purpose.EXIT
    naked = Bench("0.5", "-0.8", context=WITH).boot()
    naked.signal()
    assert {order.intent.purpose for order in naked.all(PlaceOrder)} == {Purpose.HEDGE}


ADVICE = st.builds(
    PairAdvice,
    pair_name=st.sampled_from([*PAIRS, "NONE"]),
    extra_bps=st.decimals(-1000, 1000, places=2) | st.sampled_from([Decimal("NaN"), Decimal("-Infinity")]),
    refuse=st.booleans(),
    why=st.text(max_size=5),
)


@given(
    pairs=st.lists(ADVICE, max_size=8), for_s=st.floats(-5, 5) | st.just(float("inf")), ms=st.integers(59_800, 60_300),
    mode=st.sampled_from(["ACTIVE", "REDUCING", "HALTED"]), purpose_base=st.sampled_from([("0.5", "-1"), ("1", "-2")]),
)
def test_advice_only_narrows(
    pairs: list[PairAdvice], for_s: float, ms: int, mode: str, purpose_base: tuple[str, str]
) -> None:
    """Whatever is advised: an execution that begins with it is one that begins without it, to the digit; and what is
    not an entry begins in both.
    """
    free, bound = Bench(*purpose_base).boot(), Bench(*purpose_base, context=WITH).boot()
    for bench in (free, bound):
        bench.give(SetMode(mode, "test"))
        bench.give(EntryAdvised(by=NAME, pairs=tuple(pairs), valid_until_s=bench.now_s + for_s))
        bench.signal(ms=ms)
    without = [[msgspec.structs.replace(i, client_order_id="") for i in e.intents] for e in free.all(ExecutePair)]
    with_it = [[msgspec.structs.replace(i, client_order_id="") for i in e.intents] for e in bound.all(ExecutePair)]
    entries = [one for one in without if one[0].purpose is Purpose.ENTRY]
    others = [one for one in with_it if one[0].purpose is not Purpose.ENTRY]
    assert [one for one in without if one not in entries] == others
    if with_it and with_it != without:
        # Another pair may be next when the best one is refused: it is one of those that the market offers by itself.
        assert all(one[0].purpose is Purpose.ENTRY for one in with_it)
        assert entries
