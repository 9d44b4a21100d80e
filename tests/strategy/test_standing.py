"""Where we stand: margin, liquidation, shares, and what a risk check is given."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from machine_kit import GF, GS, MS, Bench, S, in_state

from dnbot.domain.account import Balance
from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import BalanceChanged
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.standing import (
    PNL_UNKNOWN_S,
    equity_shares,
    inventory_of,
    liquidation_distance_pct,
    low_margin,
    margin_free,
    margin_ratio_pct,
    mark_price,
    perp_equity,
    risk_inputs,
    within_last_minute,
)


def shares_of(context: StrategyContext) -> dict[Venue, Decimal]:
    """The shares, at the equity of the perpetual as it is."""
    return equity_shares(context, perp_equity(context))


def without(context: StrategyContext, **market: Any) -> StrategyContext:
    """The context with parts of its market replaced."""
    return msgspec.structs.replace(context, market=msgspec.structs.replace(context.market, **market))


def test_inventory_is_the_ledger_less_what_is_locked() -> None:
    """Base and quote per spot venue, the short, the free margin and the equity that it is of."""
    bench = Bench().boot()
    bench.give(BalanceChanged(Balance(MS, "BTC", Decimal("0.5"), Decimal("0.4")), bench.now_s))
    inventory = inventory_of(bench.context)
    assert inventory.spot_base == {GS: Decimal("0.5"), MS: Decimal("0.4")}
    assert inventory.quote == {GS: 100_000, MS: 100_000}
    assert (inventory.perp_base, inventory.margin_free_quote, inventory.perp_equity_quote) == (-1, 70_000, 100_000)


def test_what_is_locked_is_held() -> None:
    """An order of somebody else's locks base: there is less to sell, and no more to buy."""
    bench = Bench().boot()
    bench.give(BalanceChanged(Balance(MS, "BTC", Decimal("0.5"), Decimal("0.2")), bench.now_s))
    inventory = inventory_of(bench.context)
    assert (inventory.total_base, inventory.held_base, inventory.delta) == (Decimal("0.7"), 1, 0)


def test_margin_in_figures() -> None:
    """Short 1 at 60 000, wallet 100 000, leverage 2: 30 000 used; at 66 000: 94 000 equity, 33 000 used."""
    bench = Bench().boot()
    assert (perp_equity(bench.context), margin_free(bench.context)) == (100_000, 70_000)
    assert margin_ratio_pct(bench.context) == 70
    bench.mark = Decimal(66_000)
    bench.signal()
    assert (perp_equity(bench.context), margin_free(bench.context)) == (94_000, 61_000)


def test_free_margin_is_never_negative() -> None:
    """More used than there is: zero, and a ratio of zero; without equity the ratio is zero too."""
    bench = Bench(quote="20000").boot()
    assert margin_free(bench.context) == 0
    assert margin_ratio_pct(bench.context) == 0
    bench.mark = Decimal(90_000)
    bench.give(bench.market_signal())
    assert perp_equity(bench.context) == -10_000
    assert margin_ratio_pct(bench.context) == 0


def test_what_is_unknown_stays_unknown() -> None:
    """Without any price of the perpetual, or before the wallet was read, nothing is assumed."""
    bench = Bench().boot()
    blind = without(bench.context, mark=None, books={GS: bench.books[GS], MS: bench.books[MS]})
    for figure in (perp_equity, margin_free, margin_ratio_pct, liquidation_distance_pct, low_margin):
        assert figure(blind) is None
    assert inventory_of(blind).margin_free_quote == inventory_of(blind).perp_equity_quote == 0
    assert shares_of(blind) == {}
    assert perp_equity(Bench().context) is None


def test_margin_is_judged_by_the_next_best_price() -> None:
    """Without a mark by that of a young read of the position, and without that by the perpetual's mid."""
    bench = Bench().boot()
    bench.mark = None
    bench.signal(gf=66_000)
    assert mark_price(bench.context) == 66_000
    assert (perp_equity(bench.context), margin_free(bench.context)) == (94_000, 61_000)
    bench.tick(1)
    bench.give(bench.read(GF, position=bench.position(mark_price=Decimal(65_000))))
    assert mark_price(bench.context) == 65_000
    bench.tick(61_000)
    assert mark_price(bench.context) is None, "both are too old"


def test_distance_to_liquidation_is_the_nearer_of_two() -> None:
    """Our own estimate from equity and maintenance, or the venue's price where it gives one; 100 without a position."""
    bench = Bench().boot()
    own = (100_000 - 60_000 * Decimal("0.005")) * 100 / 60_000
    assert liquidation_distance_pct(bench.context) == pytest.approx(own)
    bench.give(bench.read(GF, position=bench.position(liquidation_price=Decimal(66_000))))
    assert liquidation_distance_pct(bench.context) == 10
    bench.give(bench.read(GF, position=bench.position(liquidation_price=Decimal(600_000))))
    assert liquidation_distance_pct(bench.context) == pytest.approx(own)
    assert liquidation_distance_pct(without(bench.context, instruments={})) == pytest.approx(Decimal(10_000) / 60)
    flat = Bench("0", "0").boot()
    assert liquidation_distance_pct(flat.context) == 100
    assert low_margin(flat.context) is None


def test_low_margin_names_its_limit() -> None:
    """Free margin first, then the distance; none while both are above their floors."""
    bench = Bench(quote="50000").boot()
    assert low_margin(bench.context) is None
    bench.mark = Decimal(68_000)
    bench.signal()
    assert low_margin(bench.context) == "free margin is 19.0 % of equity; margin_floor_pct is 30"
    near = Bench().boot()
    near.give(near.read(GF, position=near.position(liquidation_price=Decimal(66_000))))
    assert low_margin(near.context) == "liquidation is 10.0 % away; liquidation_distance_min_pct is 20"


def test_shares_of_equity_by_exchange() -> None:
    """Both Gate venues carry Gate's share; unknown while a mid is missing; empty when there is nothing."""
    bench = Bench().boot()
    shares = shares_of(bench.context)
    assert shares[GS] == shares[GF]
    assert shares[GS] + shares[MS] == 1
    assert shares[MS] == pytest.approx(Decimal(130_000) / Decimal(360_000))
    books = {venue: book for venue, book in bench.context.market.books.items() if venue is not MS}
    assert shares_of(without(bench.context, books=books)) == {}
    assert shares_of(Bench("0", "0", quote="0").boot().context) == {}


def test_a_minute_is_sixty_seconds() -> None:
    """What is as old as a minute is out."""
    bench = Bench().boot()
    now = bench.context.now_s
    assert within_last_minute(bench.context, (now, now - 59.9, now - 60, now - 61)) == 2


def test_risk_inputs_of_a_quiet_bot() -> None:
    """Everything is known, and as it is."""
    bench = Bench().boot()
    inputs = risk_inputs(bench.context)
    assert inputs.reconciled is True
    assert inputs.orders == ()
    assert inputs.ambiguous_pending == 0
    assert inputs.delta_worst == 0
    assert inputs.streams_live == dict.fromkeys(VENUES, True)
    assert set(inputs.balance_ages_ms) == set(inputs.clock_offset_ms) == set(VENUES)
    assert inputs.equity_quote == inputs.equity_day_start_quote
    assert (inputs.daily_pnl_quote, inputs.losses_in_a_row) == (0, 0)
    assert inputs.adl_rank == 5


def test_risk_inputs_before_anything_is_known() -> None:
    """None where nothing was learned yet."""
    inputs = risk_inputs(Bench().context)
    assert inputs.reconciled is False
    assert (inputs.balance_ages_ms, inputs.clock_offset_ms, inputs.equity_share) == ({}, {}, {})
    assert inputs.equity_quote is inputs.daily_pnl_quote is inputs.margin_ratio_pct is inputs.adl_rank is None


def test_risk_inputs_count_what_is_unknown() -> None:
    """Ambiguous orders are counted; one account in doubt makes all of it unreconciled."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    bench.answered(bench.context.unsettled[0].intent, "ambiguous")
    inputs = risk_inputs(bench.context)
    assert inputs.ambiguous_pending == 1
    assert inputs.reconciled is False
    assert len(inputs.orders or ()) == 2


def test_old_equity_is_no_equity() -> None:
    """A figure from more than a minute ago does not tell today's loss."""
    bench = Bench().boot()
    known = risk_inputs(bench.context).equity_quote
    assert known is not None
    later = msgspec.structs.replace(bench.context, now_s=bench.context.now_s + PNL_UNKNOWN_S - 1)
    assert risk_inputs(later).equity_quote == known
    later = msgspec.structs.replace(bench.context, now_s=bench.context.now_s + PNL_UNKNOWN_S + 1)
    assert risk_inputs(later).equity_quote is None
    assert risk_inputs(later).daily_pnl_quote is None
