"""The one picture that everyone shows: every figure is the context's, nothing is computed twice."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from machine_kit import GF, MS, Bench, S, in_state

from dnbot.domain.messages import Tick
from dnbot.domain.position import EdgeLot
from dnbot.strategy.observing import NS_PER_DAY
from dnbot.strategy.standing import PNL_UNKNOWN_S
from dnbot.strategy.states import StrategyState
from dnbot.strategy.view import View, is_flat, status_line, view_of


@pytest.mark.parametrize("state", StrategyState)
def test_every_state_can_be_shown(state: StrategyState) -> None:
    """A view of each state, as JSON and as one line of text that names it."""
    bench = in_state(state)
    view = view_of(bench.context)
    assert view.state == state.name
    assert msgspec.json.decode(msgspec.json.encode(view), type=View) == view
    line = status_line(view)
    assert line.startswith(state.name)
    assert "\n" not in line


def test_figures_are_the_contexts() -> None:
    """Money, delta, counters and freshness are read, not recomputed."""
    bench = Bench().boot()
    bench.round_trip()
    bench.quiet(1.5)
    context, view = bench.context, view_of(bench.context)
    portfolio = context.portfolio
    assert (view.realised_quote, view.spread_quote) == (portfolio.realised_quote, portfolio.spread_quote)
    assert (view.fees_quote, view.funding_quote) == (portfolio.fees_quote, portfolio.funding_quote)
    assert view.realised_quote == view.spread_quote - view.fees_quote + view.funding_quote
    assert (view.delta_base, view.perp_base) == (portfolio.delta, portfolio.perp_base)
    assert sum(view.inventory_base.values()) == portfolio.spot_base
    assert (view.fills, view.orders_sent, view.executions) == (2, 2, 1)
    assert view.tolerance_base == Decimal("0.001")
    assert view.hard_limit_base == Decimal("0.05")
    assert view.equity_quote == context.risk.equity_quote
    assert view.feeds_fresh == view.sessions_ready == {
        "GATEIO_SPOT": True, "GATEIO_FUTURES": True, "MEXC_SPOT": True,
    }
    assert (view.unsettled, view.store_up, view.exit_code, view.busy) == (0, True, None, "")
    assert (view.mark, view.target_base) == (60_000, 1)
    assert view.funding_bps == pytest.approx(1)
    assert 0 < (view.funding_in_s or 0) <= 4 * 3600


def test_six_pairs_with_what_they_must_earn() -> None:
    """Each pair's edge beside its requirement; a carry without history has no terms."""
    bench = Bench().boot()
    pairs = {pair.pair_name: pair for pair in view_of(bench.context).pairs}
    assert list(pairs) == [
        "GATE_TO_MEXC", "MEXC_TO_GATE", "OPEN_GATE", "OPEN_MEXC", "CLOSE_GATE", "CLOSE_MEXC",
    ]
    assert pairs["GATE_TO_MEXC"].purpose == "entry"
    assert pairs["GATE_TO_MEXC"].required_bps == pytest.approx(4, abs=0.01)
    assert pairs["OPEN_GATE"].required_bps is None
    assert pairs["CLOSE_GATE"].purpose == "exit"
    assert pairs["CLOSE_GATE"].required_bps == pytest.approx(-2, abs=0.1)
    assert all(pair.edge_bps is not None for pair in pairs.values())
    bench.quiet(40, every_ms=900)
    pairs = {pair.pair_name: pair for pair in view_of(bench.context).pairs}
    assert pairs["OPEN_GATE"].required_bps is not None


def test_an_old_carry_lowers_what_its_close_must_earn() -> None:
    """The same widening that trading uses."""
    bench = Bench("1", "-2").boot()
    lot = EdgeLot(Decimal(1), Decimal(-5), bench.now_ns - 30 * 3600 * 10**9)
    young = msgspec.structs.replace(lot, opened_at_ns=bench.now_ns)
    required = []
    for carry in (young, lot):
        portfolio = msgspec.structs.replace(bench.context.portfolio, carry_lots=(carry,))
        view = view_of(msgspec.structs.replace(bench.context, portfolio=portfolio))
        required.append(next(pair.required_bps for pair in view.pairs if pair.pair_name == "CLOSE_GATE"))
    assert required[0] - required[1] == pytest.approx(7, abs=0.1)


def test_a_missing_book_is_shown_as_missing() -> None:
    """No edge, no requirement, no prices; never a zero."""
    bench = Bench().boot()
    bench.drop_book(MS)
    view = view_of(bench.context)
    assert view.feeds_fresh["MEXC_SPOT"] is False
    pair = next(pair for pair in view.pairs if pair.pair_name == "GATE_TO_MEXC")
    assert pair.edge_bps is pair.required_bps is None
    venue = next(venue for venue in view.venues if venue.venue == "MEXC_SPOT")
    assert venue.bid is venue.ask is venue.book_age_ms is None
    assert not venue.book_fresh


def test_equity_that_is_unknown_is_not_shown() -> None:
    """While a price is missing the last figure is shown as long as losses are judged by it, and no longer."""
    bench = Bench().boot()
    bench.drop_book(MS)
    bench.tick(1000 * (PNL_UNKNOWN_S - 1))
    view = view_of(bench.context)
    assert view.equity_quote == bench.context.risk.equity_quote
    assert view.equity_day_quote == view.equity_quote - bench.context.portfolio.day_equity
    bench.tick(2_000)
    view = view_of(bench.context)
    assert view.equity_quote is view.equity_day_quote is None


def test_a_result_of_yesterday_is_not_todays() -> None:
    """After midnight UTC, until equity is known again, there is no figure since 00:00 UTC."""
    bench = Bench().boot()
    bench.drop_book(MS)
    bench.give(Tick(bench.now_ns // NS_PER_DAY * NS_PER_DAY + NS_PER_DAY, bench.now_s + 1))
    view = view_of(bench.context)
    assert view.equity_quote == bench.context.risk.equity_quote
    assert view.equity_day_quote is None


def test_before_the_first_read() -> None:
    """A view of a machine that knows nothing."""
    view = view_of(Bench().context)
    assert view.equity_quote is view.equity_day_quote is view.mark is view.funding_bps is view.tolerance_base is None
    assert all(not venue.ready and venue.read_age_ms is None for venue in view.venues)
    assert status_line(view).startswith("INITIALIZING")


def test_what_is_going_on_inside() -> None:
    """The execution, the attempt, the phase of the way out; for how long we have been naked."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    assert view_of(bench.context).busy == "x1-1 GATE_TO_MEXC"
    bench.filled(bench.context.unsettled[0].intent)
    bench.tick(50)
    assert view_of(bench.context).naked_ms == 50
    bench = in_state(S.ESTABLISHING_DELTA_NEUTRAL)
    assert view_of(bench.context).busy.endswith(" establish")
    assert view_of(in_state(S.ERROR_RECOVERY).context).busy.startswith("attempt 1 of 5: feed:MEXC_SPOT")
    assert view_of(in_state(S.SHUTDOWN).context).busy == "verify, policy hold: test"


def test_a_problem_and_a_difference_are_shown() -> None:
    """By venue, in words and figures."""
    bench = Bench().boot()
    bench.truth[GF].balances["USDT"] -= 3
    bench.read_all()
    bench.up(MS, problem="no permission")
    venues = {venue.venue: venue for venue in view_of(bench.context).venues}
    assert venues["GATEIO_FUTURES"].differences == {"USDT": Decimal(-3)}
    assert venues["MEXC_SPOT"].problem == "no permission"
    assert not venues["MEXC_SPOT"].ready


def test_flat_means_no_more_than_dust() -> None:
    """Two lots by default; unknown is not flat."""
    assert not is_flat(Bench("0", "0").context)
    bench = Bench("0.001", "-0.002", base_position_size="0.002").boot()
    assert is_flat(bench.context)
    assert not is_flat(Bench().boot().context)
