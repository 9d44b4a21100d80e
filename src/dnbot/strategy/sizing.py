"""From an edge to a trade: the largest quantity that pays at its margin and that both venues accept, or the reason why
there is none. Hedges and establishing steps have their own modules and are named here for their readers.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import MarketView
from dnbot.domain.order import Purpose
from dnbot.domain.pair import Declined, Opportunity, Pair, PairEdge, PairKind
from dnbot.domain.units import ZERO, Price, Quantity, divide
from dnbot.strategy.costs import PnLCalculator
from dnbot.strategy.establish import EstablishPlan, establish_step, flatten_step
from dnbot.strategy.hedging import HedgePlan, hedge_order
from dnbot.strategy.inventory import Inventory, inventory_price_bps
from dnbot.strategy.ladder import Ladder, ladder_of
from dnbot.strategy.limits import Limit, Sized, affordable, held, size
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.reference import Doubt, age_ms, crossed, different_coin, off_reference, stale
from dnbot.strategy.spread import Edge, edge_of
from dnbot.strategy.terms import Terms, terms_of
from dnbot.strategy.trust import opportunity_risk

__all__ = [
    "EstablishPlan", "HedgePlan", "Inventory", "establish_step", "find_opportunity", "flatten_step",
    "hedge_order", "inventory_price_bps",
]

BPS_PLACES = 9
"""Digits of an edge after the point, where it is recorded; decisions are made on the exact figure."""


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one decision looks at."""

    ladder: Ladder
    market: MarketView
    fees: dict[Venue, FeeSchedule]
    inventory: Inventory
    params: StrategyParameters
    edge: PairEdge | None
    now_s: float

    @property
    def pair(self) -> Pair:
        """The pair that is decided on."""
        return self.ladder.pair

    def price_bps(self, quantity: Decimal) -> Decimal:
        """The inventory price of the last unit of `quantity`."""
        return inventory_price_bps(self.pair, quantity, self.inventory, self.params)

    def exact_edge(self, quantity: Decimal) -> Edge | None:
        """The pair's edge at `quantity` on the whole visible books."""
        return edge_of(self.pair, quantity, self.market.books, self.fees)


def find_opportunity(
    pair: Pair,
    market: MarketView,
    fees: dict[Venue, FeeSchedule],
    inventory: Inventory,
    params: StrategyParameters,
    edge: PairEdge | None,
    exit_edge: PairEdge | None,
    *,
    opportunity_id: str,
    now_s: float,
    now_ns: int,
    carry_age_bps: Decimal = ZERO,
) -> Opportunity | Declined | None:
    """Decide on one pair.

    Args:
        edge: the pair's history; exit_edge: that of `pair.reverse`.
        carry_age_bps: by how much an old carry may lose more, from `undo.carry_age_bps`.

    Returns:
        The opportunity; why an edge above its requirement is not traded; or None: nothing above the requirement, or a
        book, instrument or fee is missing.
    """
    ladder = ladder_of(pair, market, fees, params)
    if ladder is None:
        return None
    case = _Case(
        ladder=ladder, market=market, fees=fees, inventory=inventory, params=params, edge=edge, now_s=now_s
    )
    opens = pair.kind is PairKind.CARRY_OPEN
    outlook = PnLCalculator(params).outlook(market, edge, exit_edge, now_ns) if opens else None
    declined: Declined | None = None
    for terms in terms_of(pair, inventory, params, ladder.mid, outlook, carry_age_bps):
        found = _attempt(case, terms, opportunity_id, now_ns)
        if isinstance(found, Opportunity):
            return found
        declined = declined or found
    return declined


def _attempt(case: _Case, terms: Terms, opportunity_id: str, now_ns: int) -> Opportunity | Declined | None:
    step = case.ladder.step
    best = case.exact_edge(step)
    if best is None:
        return None
    price_bps = case.price_bps(step)
    required = terms.required_bps(min(step, terms.quantity_max), price_bps)
    if best.edge_bps < required:
        own = case.params.arbitrage_exit_threshold_bps + max(ZERO, price_bps)
        if terms.purpose is Purpose.EXIT and best.edge_bps >= own:
            text = f"edge {best.edge_bps:.2f} bps, but with its entry the round trip needs {required:.2f}"
            return _declined(case, best, "ROUND_TRIP", text)
        return None
    doubt = _doubt(case, best)
    if doubt is not None:
        return _declined(case, best, *doubt)
    sized = _sized(case, terms)
    if isinstance(sized, Sized):
        return _opportunity(case, terms, sized, opportunity_id, now_ns)
    return _declined(case, best, *sized)


def _doubt(case: _Case, best: Edge) -> Doubt | None:
    """Whether the data behind an edge are to be believed, in the order in which a fault explains the next."""
    books = (case.market.books[case.pair.buy_venue], case.market.books[case.pair.sell_venue])
    doubt = (
        stale(books, case.params, case.now_s)
        or crossed(books)
        or different_coin(case.market.books, case.params)
    )
    if doubt is None and best.edge_bps > case.params.edge_bps_max_credible:
        allowed = case.params.edge_bps_max_credible
        return "IMPLAUSIBLE", f"edge {best.edge_bps:.1f} bps is above edge_bps_max_credible {allowed}"
    return doubt or off_reference(books, case.market, case.params, case.now_s)


def _sized(case: _Case, terms: Terms) -> Sized | Doubt:
    mark = case.market.mark.mark if case.market.mark is not None else case.ladder.mid

    def required_bps(quantity: Decimal) -> Decimal:
        return terms.required_bps(quantity, case.price_bps(quantity))

    def priced(buy_cap: Price, sell_cap: Price) -> tuple[Limit, ...]:
        return affordable(case.ladder, case.inventory, case.params, mark, buy_cap, sell_cap)

    limits = (*held(case.ladder, case.inventory, case.params), ("LOT", terms.quantity_max))
    return size(case.ladder, limits, required_bps, terms.reserve_bps, priced)


def _opportunity(case: _Case, terms: Terms, sized: Sized, opportunity_id: str, now_ns: int) -> Opportunity:
    edge = case.exact_edge(sized.quantity)
    assert edge is not None
    estimate = PnLCalculator(case.params).estimate_of(case.pair, edge, case.market, case.fees, terms.outlook)
    price_bps = case.price_bps(sized.quantity)
    asks, bids = case.ladder.depths(sized.buy_cap, sized.sell_cap)
    share = max(divide(sized.buy_quantity, asks), divide(sized.quantity, bids))
    venues = (case.pair.buy_venue, case.pair.sell_venue)
    return Opportunity(
        opportunity_id=opportunity_id,
        pair_name=case.pair.name,
        purpose=terms.purpose,
        buy_quantity=sized.buy_quantity,
        sell_quantity=Quantity(sized.quantity),
        buy_price_cap=sized.buy_cap,
        sell_price_cap=sized.sell_cap,
        edge_bps=round(edge.edge_bps, BPS_PLACES),
        required_bps=round(terms.required_bps(sized.quantity, price_bps), BPS_PLACES),
        inventory_price_bps=round(price_bps, BPS_PLACES),
        estimate=estimate,
        risk=opportunity_risk(
            case.pair, case.market, case.edge, float(edge.edge_bps), float(share), case.params, case.now_s
        ),
        edge=case.edge,
        book_ids={venue: case.market.books[venue].update_id for venue in venues},
        book_ages_ms={venue: age_ms(case.market.books[venue], case.now_s) for venue in venues},
        found_at_ns=now_ns,
    )


def _declined(case: _Case, best: Edge, reason: str, text: str) -> Declined:
    return Declined(
        pair_name=case.pair.name, reason=reason, text=f"{case.pair.name}: {text}", edge_bps=float(best.edge_bps)
    )
