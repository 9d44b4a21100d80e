"""`StrategyContext` to `View`: the one picture that the terminal, the summary and later the web and metrics show."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, VENUES
from dnbot.strategy.context import StrategyContext


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of the bot. Money is quote units, sizes base units; every figure was folded from the venues' facts."""

    at_ns: int
    symbol: str
    state: str
    mode: str
    mode_why: str
    delta_base: Decimal
    tolerance_base: Decimal | None
    inventory_base: dict[str, Decimal]
    perp_base: Decimal
    edges_bps: dict[str, float]
    realised_quote: Decimal
    spread_quote: Decimal
    fees_quote: Decimal
    funding_quote: Decimal
    equity_quote: Decimal | None
    executions: int
    orders_sent: int
    fills: int
    opportunities_seen: int
    declined: dict[str, int]
    feeds_fresh: dict[str, bool]
    sessions_ready: dict[str, bool]
    unsettled: int
    store_up: bool


def view_of(context: StrategyContext) -> View:
    """The picture of a context."""
    portfolio, symbol = context.portfolio, context.params.symbol
    return View(
        at_ns=context.now_ns,
        symbol=str(symbol),
        state=context.current_state.name,
        mode=context.mode.name,
        mode_why=context.mode_why,
        delta_base=portfolio.delta,
        tolerance_base=context.tolerance,
        inventory_base={venue.value: portfolio.balance(venue, symbol.base) for venue in SPOT_VENUES},
        perp_base=portfolio.perp_base,
        edges_bps={edge.pair_name: edge.edge_bps for edge in context.edges},
        realised_quote=portfolio.realised_quote,
        spread_quote=portfolio.spread_quote,
        fees_quote=portfolio.fees_quote,
        funding_quote=portfolio.funding_quote,
        equity_quote=context.risk.equity_quote,
        executions=context.counters.executions,
        orders_sent=context.counters.orders_sent,
        fills=context.counters.fills,
        opportunities_seen=context.counters.opportunities_seen,
        declined=context.counters.declined,
        feeds_fresh={venue.value: context.book(venue) is not None for venue in VENUES},
        sessions_ready={venue.value: context.account_ready(venue) for venue in VENUES},
        unsettled=len(context.unsettled),
        store_up=context.store_up,
    )


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
