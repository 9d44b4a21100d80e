"""One case on a series of bars: amounts by hand, the order of time, and what is caught when it is broken."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_series import BEGIN_S, NEW, STEP_S, flat, lively, series

from dnbot.domain.errors import InvariantBroken
from dnbot.research import study_ledger
from dnbot.research.study_cases import idle
from dnbot.research.study_run import BarBot, run_case
from dnbot.research.study_words import Case, Charge, MakerFirst, Moment, Outcome, Series

TAKERS = Case(name="takers", tier=NEW)
BASE = Decimal(100)
"""10,000 quote at a price of 100."""
FIRST_CARRY = 30
"""The moment at which thirty samples of a pair's history are there."""
DEAR = msgspec.structs.replace(idle(), name="no trades")


def test_a_base_position_pays_its_fees_and_spreads_and_receives_funding() -> None:
    """By hand: 100 base at 100, half a bp of spread on every leg, 1 bp of funding at four settlements."""
    found = run_case(flat(5, "0.0001"), DEAR, 1)
    assert found.funding_quote == Decimal(4) * BASE * 100 * Decimal("0.0001")
    # In and out: 50 on Gate at 20 bps, 50 on MEXC at 5, 100 on the perpetual at 5; half a spread off cancels out.
    assert found.fees_quote == 2 * (50 * 100 * Decimal("0.0020") + 50 * 100 * Decimal("0.0005") + 5)
    assert found.spread_quote == -2 * BASE * (Decimal("100.005") - Decimal("99.995"))
    assert found.profit_quote == 4 - 35 - 2
    assert (found.opened, found.closed, found.shifted) == (0, 0, 0)


def test_the_short_pays_when_the_rate_is_negative() -> None:
    """And what was charged before anything was held is nobody's."""
    rates = ["0.5", "-0.0003", "-0.0003", "0"]
    found = run_case(series([("100", "100", "100")] * 4, rates), DEAR, 1)
    assert found.funding_quote == -2 * BASE * 100 * Decimal("0.0003")


def test_a_carry_is_opened_when_expected_funding_pays_for_it() -> None:
    """Thirty samples are needed; then two executions fill the band from MEXC, whose fee is the smaller one."""
    found = run_case(flat(40, "0.003"), TAKERS, 1)
    held = [step.held_base for step in found.steps]
    assert held[FIRST_CARRY - 1] == BASE
    assert held[FIRST_CARRY] == 3 * BASE
    assert (found.opened, found.closed, found.shifted) == (2, 0, 0)
    settlements = FIRST_CARRY * BASE + 9 * 3 * BASE  # the first moment's falls due before anything is held
    assert found.funding_quote == settlements * 100 * Decimal("0.003")
    # 35 for the base position; 200 more bought and sold on MEXC, sold and bought on the perpetual, 5 bps each.
    assert found.fees_quote == 35 + 2 * 2 * 200 * 100 * Decimal("0.0005")
    # The band, in and out, at half a basis point of each side's price.
    assert found.spread_quote == -2 * 3 * BASE * Decimal("0.01")


@pytest.mark.parametrize(("rate", "opens"), [("0.00086", False), ("0.00087", True)])
def test_the_requirement_is_that_of_the_strategy(rate: str, opens: bool) -> None:
    """Edge in and edge out at -11 bps each, three settlements, and 3 + 1 bps of threshold and reserve: 26 bps."""
    assert (run_case(flat(40, rate), TAKERS, 1).opened > 0) is opens


def test_an_order_is_filled_at_the_next_bars_first_price() -> None:
    """Decided at a close of 100, filled at an open of 101 and 102: the gain is in the lot, not in the decision."""
    closes = [("100", "100", "100")] * 40
    opens = list(closes)
    opens[FIRST_CARRY] = ("100", "102", "101")
    plain = run_case(series(closes, ["0.003"] * 40), TAKERS, 1)
    found = run_case(series(closes, ["0.003"] * 40, opens), TAKERS, 1)
    assert found.opened == plain.opened
    gained = found.spread_quote - plain.spread_quote
    # Each of 200 base was sold at 102 instead of 100 and bought at 101 instead of 100, less half a bp of the rise.
    assert gained == 200 * (2 * Decimal("0.99995") - 1 * Decimal("1.00005"))
    assert found.slippage_bps[0] < -90


def test_late_orders_are_filled_a_bar_later() -> None:
    """And only then are they held."""
    case = Case(name="late", tier=NEW, moments_late=1)
    closes = [("100", "100", "100")] * 40
    opens = list(closes)
    opens[FIRST_CARRY + 1] = ("100", "102", "100")
    found = run_case(series(closes, ["0.003"] * 40, opens), case, 1)
    held = [step.held_base for step in found.steps]
    assert held[FIRST_CARRY] == BASE
    assert held[FIRST_CARRY + 1] == 2 * BASE
    assert found.slippage_bps[0] < -150


def test_thresholds_before_fees_trade_what_does_not_pay_them() -> None:
    """The perpetual 8 bps above spot, then below: a round trip that thresholds after fees do not make."""
    closes = [("100", "100.08" if number % 10 < 5 else "99.92", "100") for number in range(60)]
    market = series(closes, ["0"] * 60)
    before = run_case(market, Case(name="gross", tier=NEW, fees_ignored_in_decisions=True), 1)
    after = run_case(market, TAKERS, 1)
    assert before.closed > 0
    assert (after.opened, after.closed) == (0, 0)
    assert before.profit_quote < after.profit_quote


# --- resting legs


def resting(probability: float, loss_bps: str) -> Outcome:
    """A market in which carries pay, with a resting leg."""
    model = MakerFirst(name="made", fill_probability=probability, loss_bps=Decimal(loss_bps))
    return run_case(flat(40, "0.003"), Case(name="resting", tier=NEW, maker=model), 1)


def test_a_resting_leg_pays_the_makers_fee_on_mexc() -> None:
    """Nothing else changes when it is always filled and loses nothing."""
    takers, found = run_case(flat(40, "0.003"), TAKERS, 1), resting(1.0, "0")
    assert found.opened == takers.opened
    assert takers.fees_quote - found.fees_quote == 200 * Decimal("100.005") * Decimal("0.0005")
    assert takers.spread_quote == found.spread_quote


def test_what_nobody_took_is_not_traded() -> None:
    """Attempts are counted, and made again at the next moment."""
    found = resting(0.0, "0")
    assert (found.opened, found.missed) == (0, 4 * (40 - 1 - FIRST_CARRY))
    assert found.steps[-2].held_base == BASE


def test_what_a_resting_leg_loses_is_paid_by_the_pair() -> None:
    """2 bps of what was opened, half on either leg."""
    lost = resting(1.0, "0").spread_quote - resting(1.0, "2").spread_quote
    assert lost == 200 * Decimal("0.0001") * (Decimal("100.005") + Decimal("99.995"))


# --- the order of time


def after_is_other(market: Series, at: int) -> Series:
    """The same until a moment's closes; from its next prices on, another world."""
    other = lively(len(market.moments), 99).moments
    shared = market.moments[at]
    turning = msgspec.structs.replace(shared, next_open=other[at].next_open, next_rate=Decimal("0.02"))
    before = [
        msgspec.structs.replace(one, next_rate=Decimal("-0.02")) if one is market.moments[at - 1] else one
        for one in market.moments[:at]
    ]
    return msgspec.structs.replace(market, moments=(*before, turning, *other[at + 1 :]))


def looks_ahead(case: Case) -> bool:
    """Whether what is held until a moment, or gained before it, depends anywhere on what comes after its closes."""
    for seed in (1, 2):
        market = lively(90, seed)
        first = run_case(market, case, 1)
        for at in (36, 47, 58, 69, 80):
            second = run_case(after_is_other(market, at), case, 1)
            held = [[step.held_base for step in one.steps[: at + 1]] for one in (first, second)]
            gained = [[step.equity_quote for step in one.steps[:at]] for one in (first, second)]
            if held[0] != held[1] or gained[0] != gained[1]:
                return True
    return False


@pytest.mark.slow
def test_the_future_changes_nothing_that_is_past() -> None:
    """At many moments of two markets, in which much is traded."""
    assert sum(run_case(lively(90, seed), TAKERS, 1).opened for seed in (1, 2)) > 10
    assert not looks_ahead(TAKERS)


def test_a_decision_that_knows_the_next_rate_is_caught() -> None:
    """The planted look-ahead that the study itself offers as a bound."""
    assert looks_ahead(Case(name="knows", tier=NEW, knows_next_rate=True))


def test_a_decision_that_sees_the_next_open_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one: the book is made of the prices at which orders will be filled."""
    real = BarBot._market

    def peeking(bot: BarBot, moment: Moment) -> Any:
        return real(bot, msgspec.structs.replace(moment, seen=moment.next_open))

    monkeypatch.setattr(BarBot, "_market", peeking)
    assert looks_ahead(TAKERS)


# --- the ledger


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_balances_and_ledger_agree_on_any_market(seed: int, rests: bool) -> None:
    """To the last digit but the rounding of divisions; the last step's equity is the profit."""
    model = MakerFirst(name="made", fill_probability=0.5, loss_bps=Decimal(1)) if rests else None
    found = run_case(lively(45, seed), Case(name="any", tier=NEW, maker=model), seed)
    assert abs(found.steps[-1].equity_quote - found.profit_quote) < study_ledger.EXPLAINED_QUOTE
    assert all(found.band_base <= 3 * step.held_base <= 3 * found.band_base for step in found.steps[:-1])
    assert found.steps[-1].held_base == 0


def test_a_ledger_that_forgets_something_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Realised profit of the perpetual that is not booked is found at the end."""
    real = study_ledger.post
    monkeypatch.setattr(study_ledger, "post", lambda portfolio, rows: (
        portfolio if rows[0].kind is study_ledger.EntryKind.PNL else real(portfolio, rows)
    ))
    with pytest.raises(InvariantBroken, match="the ledger has"):
        run_case(lively(45, 3), TAKERS, 1)


@pytest.mark.slow
def test_equal_seeds_give_equal_outcomes_and_others_other_ones() -> None:
    """Chance is only whether resting legs are filled."""
    model = MakerFirst(name="made", fill_probability=0.5, loss_bps=Decimal(1))
    case, market = Case(name="resting", tier=NEW, maker=model), lively(90, 1)
    assert run_case(market, case, 1) == run_case(market, case, 1)
    assert len({run_case(market, case, seed).missed for seed in range(6)}) > 1
    assert run_case(market, TAKERS, 1) == run_case(market, TAKERS, 2)


def test_the_capital_is_the_whole_band_with_its_margin() -> None:
    """Three times 100 base, half as much again for the margin, at a mean price of 150."""
    market = series([("100", "100", "100"), ("200", "200", "200"), ("200", "200", "200")], ["0"] * 3)
    assert run_case(market, TAKERS, 1).capital_quote == 300 * Decimal("1.5") * 150


def test_settlements_of_missing_bars_are_still_paid() -> None:
    """What was held over a gap pays all of them, each once."""
    market = flat(4, "0")
    late = msgspec.structs.replace(
        market.moments[2], charges=tuple(Charge(BEGIN_S + part * STEP_S, Decimal("0.0001")) for part in (2, 3, 4))
    )
    market = msgspec.structs.replace(market, moments=(*market.moments[:2], late, market.moments[3]))
    assert run_case(market, DEAR, 1).funding_quote == 3 * BASE * 100 * Decimal("0.0001")
