"""What a trade is expected to cost and bring: fees, slippage, funding, the way out; and what thresholds must cover."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import cast

import attrs
import msgspec

from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import FundingRate, MarketView
from dnbot.domain.pair import Pair, PairEdge, PairKind, PnlEstimate
from dnbot.domain.units import TEN_THOUSAND, ZERO, Money, divide, of_bps
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.spread import Edge, edge_of

QUOTE_PLACES = 8
"""Digits of an estimate after the point: far below any quote unit that can be traded."""
_rounded = cast("Callable[[Decimal, int], Money]", round)
SAMPLES_MIN = 30
"""Fewer samples of a pair's history are no ground for a carry."""
CHARGED_SHOWN_S = 60
"""So long after a settlement Gate goes on showing the rate that it charged, and names the next settlement already."""
CHARGED_SHOWN_SHARE = Decimal("0.1")
"""But no longer than this share of an interval: where time is played faster, no rate would ever be the next one."""
CLOCK_AHEAD_S = 5
"""So far the venue's clock may be ahead of ours (`risk_standing.clock` trades with no other). A last settlement that is
further ahead was none: the interval has become shorter."""


class CarryOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """What a carry opened now may expect until its exit."""

    hold_s: Decimal
    exit_edge_bps: Decimal
    """Rolling mean of the closing pair's edge, its fees included: usually negative."""
    funding_bps: Decimal
    """Of the notional; positive is received by the short."""

    @property
    def total_bps(self) -> Decimal:
        """What is added to the opening edge."""
        return self.exit_edge_bps + self.funding_bps


class BreakEven(msgspec.Struct, frozen=True, kw_only=True):
    """What one pair must show between its two prices, before fees, for each purpose; basis points of the mid."""

    pair_name: str
    buy_fee_bps: Decimal
    sell_fee_bps: Decimal
    break_even_gross_bps: Decimal
    entry_gross_bps: Decimal
    """Threshold and slippage reserve included; a carry may need less by its expected funding and exit."""
    undo_gross_bps: Decimal


@attrs.frozen
class PnLCalculator:
    """Estimates; nothing here is ever booked."""

    params: StrategyParameters

    def estimate(
        self,
        pair: Pair,
        quantity: Decimal,
        market: MarketView,
        fees: dict[Venue, FeeSchedule],
        outlook: CarryOutlook | None,
    ) -> PnlEstimate | None:
        """Expected profit of `quantity` base units net, quote units; None when a book, fee or depth is missing.

        `gross - fees - slippage + funding + exit = net` holds to the last digit, each part rounded to 8 places; without
        funding and exit, `net` is the edge.
        """
        edge = edge_of(pair, quantity, market.books, fees)
        return None if edge is None else self.estimate_of(pair, edge, market, fees, outlook)

    def estimate_of(
        self, pair: Pair, edge: Edge, market: MarketView, fees: dict[Venue, FeeSchedule], outlook: CarryOutlook | None
    ) -> PnlEstimate:
        """The same for an edge that was computed on this market."""
        quantity = edge.quantity
        touch = market.books[pair.sell_venue].bids[0][0] - market.books[pair.buy_venue].asks[0][0]
        gross = touch * quantity
        charged = edge.buy.value * fees[pair.buy_venue].taker + edge.sell.value * fees[pair.sell_venue].taker
        spread = (edge.sell_net - edge.buy_net) * quantity
        carried = self._carried(edge, outlook) if pair.kind is PairKind.CARRY_OPEN else (ZERO, ZERO)
        touched, fees_paid, slipped, funding, leave = [
            _rounded(part, QUOTE_PLACES) for part in (gross, charged, gross - charged - spread, *carried)
        ]
        return PnlEstimate(
            gross_quote=touched, fees_quote=fees_paid, slippage_quote=slipped, funding_quote=funding, exit_quote=leave,
            net_quote=Money(touched - fees_paid - slipped + funding + leave),
        )

    def outlook(
        self, market: MarketView, edge: PairEdge | None, exit_edge: PairEdge | None, now_ns: int
    ) -> CarryOutlook | None:
        """What a carry opened now may expect, under these parameters: see `carry_outlook`."""
        return carry_outlook(market, edge, exit_edge, self.params, now_ns)

    def _carried(self, edge: Edge, outlook: CarryOutlook | None) -> tuple[Decimal, Decimal]:
        if outlook is None:
            return ZERO, ZERO
        notional = edge.mid * edge.quantity
        return of_bps(notional, outlook.funding_bps), of_bps(notional, outlook.exit_edge_bps)


def carry_outlook(
    market: MarketView, edge: PairEdge | None, exit_edge: PairEdge | None, params: StrategyParameters, now_ns: int
) -> CarryOutlook | None:
    """What a carry opened at `now_ns` (wall clock) may expect; None while funding or the exit's history is unknown, and
    while the rate that is told may be the one that was just charged.
    """
    if market.funding is None or exit_edge is None or exit_edge.samples < SAMPLES_MIN:
        return None
    if shows_charged(market.funding, now_ns) or not math.isfinite(exit_edge.mean_bps):
        return None
    hold_s = params.carry_hold_hours_max * 3600
    if edge is not None and edge.half_life_s is not None:
        hold_s = min(hold_s, decimal_of(edge.half_life_s))
    return CarryOutlook(
        hold_s=hold_s,
        exit_edge_bps=decimal_of(exit_edge.mean_bps),
        funding_bps=settlements_within(market.funding, now_ns, hold_s) * market.funding.rate * TEN_THOUSAND,
    )


def shows_charged(funding: FundingRate, now_ns: int) -> bool:
    """Whether the last settlement is so short ago that the rate may be the one it charged: it says nothing of the next.

    A settlement that our clock has all but reached counts as well: the venue's own has.
    """
    now_s, next_s, interval_s = _times(funding, now_ns)
    since_s = now_s - (next_s - interval_s)
    return -CLOCK_AHEAD_S <= since_s < min(Decimal(CHARGED_SHOWN_S), interval_s * CHARGED_SHOWN_SHARE)


def settlements_within(funding: FundingRate, now_ns: int, hold_s: Decimal) -> int:
    """How many funding settlements fall into the next `hold_s` seconds."""
    now_s, next_s, interval_s = _times(funding, now_ns)
    if next_s > now_s + hold_s:
        return 0
    return int((now_s + hold_s - next_s) // interval_s) + 1


def _times(funding: FundingRate, now_ns: int) -> tuple[Decimal, Decimal, Decimal]:
    """Seconds: now, the next settlement, and from one to the next."""
    now_s = divide(Decimal(now_ns), Decimal(1_000_000_000))
    interval_s = Decimal(funding.interval_s)
    next_s = Decimal(funding.next_at_s)
    if next_s <= now_s:  # the announcement is older than the settlement it names
        next_s += interval_s * ((now_s - next_s) // interval_s + 1)
    return now_s, next_s, interval_s


def decimal_of(value: float) -> Decimal:
    """A ranking figure as it enters a decision: millionths are enough, and the only way from float to Decimal."""
    return Decimal(f"{value:.6f}")


def break_even_table(fees: dict[Venue, FeeSchedule], params: StrategyParameters) -> tuple[BreakEven, ...]:
    """Per pair with known fees, what the market must show before fees."""
    return tuple(
        _break_even(pair, fees[pair.buy_venue], fees[pair.sell_venue], params)
        for pair in Pair
        if pair.buy_venue in fees and pair.sell_venue in fees
    )


def _break_even(pair: Pair, buy: FeeSchedule, sell: FeeSchedule, params: StrategyParameters) -> BreakEven:
    def gross(edge_bps: Decimal) -> Decimal:
        """Solve `(1 + g/2) sell - (1 - g/2) buy = edge` for g: prices lie symmetrically about the mid."""
        pay, get = buy.buy_factor, sell.sell_factor
        return divide(2 * (edge_bps + (pay - get) * TEN_THOUSAND), pay + get)

    return BreakEven(
        pair_name=pair.name,
        buy_fee_bps=buy.taker * TEN_THOUSAND,
        sell_fee_bps=sell.taker * TEN_THOUSAND,
        break_even_gross_bps=gross(ZERO),
        entry_gross_bps=gross(params.arbitrage_entry_threshold_bps + params.slippage_reserve_bps),
        undo_gross_bps=gross(params.arbitrage_exit_threshold_bps),
    )


def losing_thresholds(params: StrategyParameters) -> str | None:
    """Why these thresholds lose money, with the arithmetic; None when they do not, or when that is allowed."""
    if params.allow_losing_thresholds:
        return None
    entry, leave = params.arbitrage_entry_threshold_bps, params.arbitrage_exit_threshold_bps
    if entry < 0:
        return (
            f"arbitrage_entry_threshold_bps = {entry} is below 0: every entry would lose after fees; "
            "raise it, or set allow_losing_thresholds"
        )
    if entry + leave < -params.max_round_trip_loss_bps:
        return (
            f"arbitrage_entry_threshold_bps {entry} + arbitrage_exit_threshold_bps {leave} = {entry + leave} bps per "
            f"round trip, below -max_round_trip_loss_bps = {-params.max_round_trip_loss_bps}; raise one of them, "
            "or set allow_losing_thresholds"
        )
    return None
