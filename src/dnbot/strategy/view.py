"""`StrategyContext` to `View`: the one picture that terminal, `dnbot status`, and later web and metrics show."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, VENUES
from dnbot.domain.transfer import Shipment
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.observing import NS_PER_DAY
from dnbot.strategy.standing import risk_inputs
from dnbot.strategy.view_parts import PairView, VenueView, finite, pair_views, venue_views


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of the bot. Money is quote units, sizes base units; every figure was folded from the venues' facts."""

    at_ns: int
    symbol: str
    epoch: int
    """Number of this incarnation."""
    state: str
    state_age_s: float
    mode: str
    mode_why: str
    busy: str = ""
    """What is going on inside the state: the execution, the attempt of a recovery, the phase of the way out."""
    exit_code: int | None = None
    """Set when everything is done."""
    delta_base: Decimal
    tolerance_base: Decimal | None
    hard_limit_base: Decimal
    delta_worst_base: Decimal
    naked_ms: int
    """How long delta has been outside its tolerance by now; 0 while it is inside."""
    naked_worst_ms: int
    naked_worst_ambiguous_ms: int
    target_base: Decimal
    """The inventory to hold over both spot venues."""
    inventory_base: dict[str, Decimal]
    perp_base: Decimal
    shipments: tuple[Shipment, ...] = ()
    """Moves between the exchanges that a person declared and that have not arrived."""
    mark: Decimal | None
    funding_bps: float | None
    """Estimate per interval; positive is received by the short."""
    funding_in_s: float | None
    pairs: tuple[PairView, ...]
    venues: tuple[VenueView, ...]
    edges_bps: dict[str, float]
    realised_quote: Decimal
    spread_quote: Decimal
    fees_quote: Decimal
    funding_quote: Decimal
    equity_quote: Decimal | None
    """As losses are judged by it: None when it was last known longer ago than that allows."""
    equity_day_quote: Decimal | None
    """Equity less that of 00:00 UTC, or of the first valuation after it; None before that one."""
    executions: int
    orders_sent: int
    fills: int
    opportunities_seen: int
    declined: dict[str, int]
    faults: int
    feeds_fresh: dict[str, bool]
    sessions_ready: dict[str, bool]
    unsettled: int
    store_up: bool


def view_of(context: StrategyContext) -> View:
    """The picture of a context."""
    portfolio, counters, risk = context.portfolio, context.counters, risk_inputs(context)
    symbol, mark, funding, naked = context.params.symbol, context.market.mark, context.market.funding, context.naked
    return View(
        at_ns=context.now_ns,
        symbol=str(symbol),
        epoch=context.epoch,
        state=context.current_state.name,
        state_age_s=max(0.0, context.now_s - context.state_since_s),
        mode=context.mode.name,
        mode_why=context.mode_why,
        busy=_busy(context),
        exit_code=context.exit_code,
        delta_base=portfolio.delta,
        tolerance_base=context.tolerance,
        hard_limit_base=context.hard_limit,
        delta_worst_base=counters.delta_worst,
        naked_ms=round((context.now_s - naked.since_s) * 1000) if naked.since_s is not None else 0,
        naked_worst_ms=naked.worst_definite_ms,
        naked_worst_ambiguous_ms=naked.worst_ambiguous_ms,
        target_base=context.params.base_position_size,
        inventory_base={venue.value: portfolio.balance(venue, symbol.base) for venue in SPOT_VENUES},
        perp_base=portfolio.perp_base,
        shipments=portfolio.shipments,
        mark=mark.mark if mark else None,
        funding_bps=float(funding.rate * 10_000) if funding else None,
        funding_in_s=max(0.0, funding.next_at_s - context.now_ns / 1e9) if funding else None,
        pairs=pair_views(context),
        venues=venue_views(context),
        edges_bps={e.pair_name: e.edge_bps for e in context.edges if finite(e.edge_bps) is not None},
        realised_quote=portfolio.realised_quote,
        spread_quote=portfolio.spread_quote,
        fees_quote=portfolio.fees_quote,
        funding_quote=portfolio.funding_quote,
        equity_quote=risk.equity_quote,
        equity_day_quote=risk.daily_pnl_quote if portfolio.day == context.now_ns // NS_PER_DAY else None,
        executions=counters.executions,
        orders_sent=counters.orders_sent,
        fills=counters.fills,
        opportunities_seen=counters.opportunities_seen,
        declined=counters.declined,
        faults=counters.faults,
        feeds_fresh={venue.value: context.book(venue) is not None for venue in VENUES},
        sessions_ready={venue.value: context.account_ready(venue) for venue in VENUES},
        unsettled=len(context.unsettled),
        store_up=context.store_up,
    )


def _busy(context: StrategyContext) -> str:
    if context.leaving is not None:
        return f"{context.leaving.phase}, policy {context.leaving.policy}: {context.leaving.why}"
    if context.execution is not None:
        chosen = context.execution.opportunity
        return f"{context.execution.execution_id} {chosen.pair_name if chosen else context.execution.kind}"
    if context.recovery is not None and context.current_state.name == "ERROR_RECOVERY":
        return f"attempt {context.recovery.attempt} of {context.params.recovery_attempts_max}: {context.recovery.why}"
    return ""


def is_flat(context: StrategyContext) -> bool:
    """Whether no more than dust is held, on spot and on the perpetual; false while the contract is unknown."""
    if context.perp_lot is None:
        return False
    dust, portfolio = context.params.dust_max(context.perp_lot), context.portfolio
    return abs(portfolio.perp_base) <= dust and abs(portfolio.delta - portfolio.perp_base) <= dust


def status_line(view: View) -> str:
    """One readable line, for a terminal each second."""
    best = max(view.edges_bps.items(), key=lambda item: item[1], default=("-", 0.0))
    places = "/".join(f"{value.normalize():f}" for value in view.inventory_base.values())
    return (
        f"{view.state:<27} {view.mode:<8} delta {view.delta_base:+.6f}  spot {places}  perp {view.perp_base:+.4f}  "
        f"best {best[0]} {best[1]:+.1f} bps  executions {view.executions}  fills {view.fills}  "
        f"realised {view.realised_quote:+.4f} = spread {view.spread_quote:+.4f} - fees {view.fees_quote:.4f} "
        f"+ funding {view.funding_quote:+.4f}"
    )
