"""The entry reserve: it rises with what entries really lost and never falls by itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_kit import Bench
from machine_world import SYMBOL, params

from dnbot.domain.messages import Alert, ExecutionClosed, PortfolioSaved
from dnbot.domain.pair import Opportunity, Pair
from dnbot.domain.position import Portfolio
from dnbot.strategy.entry_reserve import ENTRIES, entry_reserve_bps, with_slippage
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.terms import terms_of

D = Decimal
EMPTY = Portfolio(symbol=SYMBOL)
SLIPS = st.lists(st.integers(-50, 50).map(D), max_size=4 * ENTRIES)


def after(slips: list[Decimal], **settings: Any) -> Portfolio:
    """A book that saw these entries."""
    book = EMPTY
    for slip in slips:
        book = with_slippage(book, params(**settings), slip)
    return book


@given(SLIPS)
def test_it_never_falls(slips: list[Decimal]) -> None:
    """Whatever entries bring: the next reserve is the last one or more, and never below the setting."""
    book, before = EMPTY, D(1)
    for slip in slips:
        book = with_slippage(book, params(), slip)
        reserve = entry_reserve_bps(params(), book)
        assert reserve >= before
        assert reserve <= max(D(1), *slips)
        before = reserve


@given(SLIPS, st.integers(1, 10**6))
def test_it_asks_at_least_half_of_a_window(slips: list[Decimal], bad: int) -> None:
    """Fewer than half bad entries of every twenty in a row change nothing, however bad."""
    few = [D(bad) if n % ENTRIES < ENTRIES // 2 - 1 else min(slip, D(1)) for n, slip in enumerate(slips)]
    assert entry_reserve_bps(params(), after(few)) == 1


def test_it_becomes_what_half_of_them_lost() -> None:
    """Twenty entries, each one worse than the last: the middle of them, and no twenty before that."""
    slips = [D(n) for n in range(ENTRIES)]
    assert entry_reserve_bps(params(), after(slips[:-1])) == 1
    assert entry_reserve_bps(params(), after(slips)) == D("9.5")
    assert entry_reserve_bps(params(), after([*slips, *[D(-9)] * ENTRIES])) == D("9.5")


def test_another_setting_begins_anew() -> None:
    """A person who sets the reserve decides: what was learned under the old setting is gone."""
    book = after([D(9)] * ENTRIES)
    lower = params(slippage_reserve_bps=D("0.5"))
    assert entry_reserve_bps(params(), book) == 9
    assert entry_reserve_bps(lower, book) == D("0.5")
    book = with_slippage(book, lower, D(9))
    assert (entry_reserve_bps(lower, book), book.entry_slippage_bps) == (D("0.5"), (D(9),))


def test_it_survives_a_restart() -> None:
    """It is kept with the portfolio, and an older portfolio without it is read."""
    book = after([D(9)] * ENTRIES)
    assert msgspec.json.decode(msgspec.json.encode(book), type=Portfolio) == book
    assert msgspec.json.decode(b'{"symbol":{"base":"BTC","quote":"USDT"}}', type=Portfolio) == EMPTY


@pytest.mark.parametrize("pair", [Pair.GATE_TO_MEXC, Pair.MEXC_TO_GATE])
def test_entries_ask_for_it_and_may_give_it_away(pair: Pair) -> None:
    """The requirement rises by it, and so does what the caps allow for; a way back asks for nothing."""
    held = Inventory(
        spot_base={}, quote={}, perp_base=D(-1), margin_free_quote=D(0), perp_equity_quote=D(0),
        hedge_room_base=D(1),
        portfolio=after([D(9)] * ENTRIES),
    )
    (entry,) = terms_of(pair, held, params(), D(60_000), None, D(0))
    assert entry.needs[-1][1] == params().arbitrage_entry_threshold_bps + 9
    assert entry.reserve_bps == 9


def test_a_person_is_told_when_entries_get_dearer() -> None:
    """The twentieth bad entry says what it changes, and which setting begins anew."""
    bench = Bench().boot()
    book = msgspec.structs.replace(
        bench.context.portfolio, entry_slippage_bps=(D(30),) * (ENTRIES - 1), reserve_bps=D(1), reserve_set_bps=D(1)
    )
    bench.context = msgspec.structs.replace(bench.context, portfolio=book)
    bench.round_trip()
    (alert,) = [a for a in bench.all(Alert) if a.key == "entry_reserve"]
    assert alert.text.startswith("half of the last 20 entries brought 30.00 bps less than estimated, or worse: entries")
    assert entry_reserve_bps(bench.context.params, bench.context.portfolio) == 30


def test_a_whole_entry_teaches_it() -> None:
    """What the machine books: estimate less outcome, saved at once; nobody is woken for one."""
    bench = Bench().boot()
    chosen = bench.round_trip()
    (closed,) = [c for c in bench.all(ExecutionClosed) if c.execution_id == chosen.execution_id]
    opportunity = chosen.opportunity
    assert isinstance(opportunity, Opportunity)
    notional = opportunity.sell_quantity * D(60_000)
    worse = (opportunity.estimate.net_quote - closed.net_quote) / notional * 10_000
    (seen,) = bench.context.portfolio.entry_slippage_bps
    assert abs(seen - worse) < D("0.2")
    assert bench.last(PortfolioSaved).portfolio.entry_slippage_bps == (seen,)
    assert [a for a in bench.all(Alert) if a.key == "entry_reserve"] == []
