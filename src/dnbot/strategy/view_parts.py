"""The parts of a `View` that come in rows: the six pairs against what each must earn, and the three venues."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, VENUES, Venue
from dnbot.domain.pair import Pair, PairEdge, PairKind
from dnbot.domain.units import TEN_THOUSAND, ZERO, common_step
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.costs import carry_outlook
from dnbot.strategy.inventory import inventory_price_bps
from dnbot.strategy.spread import mid_of
from dnbot.strategy.standing import inventory_of
from dnbot.strategy.terms import terms_of
from dnbot.strategy.undo import carry_age_bps


class PairView(msgspec.Struct, frozen=True, kw_only=True):
    """One directed pair: what it would earn now, net of both fees, and what it must earn to be traded."""

    pair_name: str
    kind: str
    buy_venue: str
    sell_venue: str
    edge_bps: float | None = None
    """At the probe quantity; None while a book is missing."""
    gross_bps: float | None = None
    mean_bps: float | None = None
    sd_bps: float | None = None
    z_score: float | None = None
    half_life_s: float | None = None
    required_bps: float | None = None
    """The easiest of the terms that this pair may be traded on, for its smallest quantity; None when there are none."""
    purpose: str = ""
    """Of those terms: entry or exit."""


class VenueView(msgspec.Struct, frozen=True, kw_only=True):
    """One venue: what we hold there by our own ledger, and how fresh its words are."""

    venue: str
    base: Decimal
    """Spot: base held. Perpetual: the position, signed base units."""
    quote: Decimal
    """Quote held; on the perpetual the wallet that margins the position."""
    bid: Decimal | None = None
    ask: Decimal | None = None
    taker_bps: float | None = None
    book_age_ms: int | None = None
    """Since the newest update of its book; None while there is no book."""
    book_fresh: bool = False
    stream_up: bool = False
    """Its private stream is proven live."""
    ready: bool = False
    """Stream live, account in order, and read after the last gap without a difference to our ledger."""
    read_age_ms: int | None = None
    """Since the last complete read of its account began."""
    clock_offset_ms: float | None = None
    """The venue's clock less ours."""
    differences: dict[str, Decimal] = {}
    """Asset -> reported minus ledger, at the last undisturbed read."""
    problem: str = ""


def pair_views(context: StrategyContext) -> tuple[PairView, ...]:
    """The six pairs in their fixed order."""
    edges = {edge.pair_name: edge for edge in context.edges}
    return tuple(_pair_view(context, pair, edges) for pair in Pair)


def _pair_view(context: StrategyContext, pair: Pair, edges: dict[str, PairEdge]) -> PairView:
    required, purpose = _required(context, pair, edges)
    shown = PairView(
        pair_name=pair.name, kind=pair.kind.value, buy_venue=pair.buy_venue.value, sell_venue=pair.sell_venue.value,
        required_bps=required, purpose=purpose,
    )
    edge = edges.get(pair.name)
    if edge is None:
        return shown
    return msgspec.structs.replace(
        shown, edge_bps=finite(edge.edge_bps), gross_bps=finite(edge.gross_bps), mean_bps=finite(edge.mean_bps),
        sd_bps=finite(edge.sd_bps), z_score=finite(edge.z_score), half_life_s=finite(edge.half_life_s),
    )


def _required(context: StrategyContext, pair: Pair, edges: dict[str, PairEdge]) -> tuple[float | None, str]:
    """What the pair's smallest trade must earn, and as what; `sizing.find_opportunity` asks the same of its margin."""
    venues, market, params = (pair.buy_venue, pair.sell_venue), context.market, context.params
    if any(v not in market.books or v not in market.instruments for v in venues):
        return None, ""
    step = common_step(*(market.instruments[venue].lot_size for venue in venues))
    inventory = inventory_of(context)
    outlook = None
    if pair.kind is PairKind.CARRY_OPEN:
        exit_edge = edges.get(pair.reverse.name)
        outlook = carry_outlook(market, edges.get(pair.name), exit_edge, params, context.now_ns)
    late_bps = ZERO
    if pair.kind is PairKind.CARRY_CLOSE:
        late_bps = carry_age_bps(context.portfolio.carry_lots, params, context.now_ns)
    price_bps = inventory_price_bps(pair, step, inventory, params)
    asked = [
        (terms.required_bps(min(step, terms.quantity_max), price_bps), terms.purpose.value)
        for terms in terms_of(pair, inventory, params, mid_of(pair, market.books), outlook, late_bps)
    ]
    if not asked:
        return None, ""
    required, purpose = min(asked)
    return finite(float(required)), purpose


def venue_views(context: StrategyContext) -> tuple[VenueView, ...]:
    """The three venues in their fixed order."""
    return tuple(_venue_view(context, venue) for venue in VENUES)


def _venue_view(context: StrategyContext, venue: Venue) -> VenueView:
    account, symbol, portfolio = context.accounts[venue], context.params.symbol, context.portfolio
    book, fees = context.market.books.get(venue), account.fees
    spot = venue in SPOT_VENUES
    return VenueView(
        venue=venue.value,
        base=portfolio.balance(venue, symbol.base) if spot else portfolio.perp_base,
        quote=portfolio.balance(venue, symbol.quote),
        bid=book.bids[0][0] if book else None,
        ask=book.asks[0][0] if book else None,
        taker_bps=float(fees.taker * TEN_THOUSAND) if fees else None,
        book_age_ms=_age_ms(context, book.received_s) if book else None,
        book_fresh=context.book(venue) is not None,
        stream_up=account.stream_up,
        ready=context.account_ready(venue),
        read_age_ms=_age_ms(context, account.read_s) if account.read_s else None,
        clock_offset_ms=finite(account.clock_offset_ms),
        differences=account.differences,
        problem=(account.facts.problem or "") if account.facts else "",
    )


def _age_ms(context: StrategyContext, since_s: float) -> int:
    return max(0, round((context.now_s - since_s) * 1000))


def finite(value: float | None) -> float | None:
    """The value, or None where it is no number that can be shown or sent."""
    return value if value is not None and math.isfinite(value) else None
