"""One case traded through a series of bars, with the bot's own decisions and its own ledger.

At each moment, in this order: funding that fell due is paid on what was held; the closes are looked at, by the
functions that the bot decides with (`find_opportunity` and what stands behind it); what was decided is filled at the
first prices of the *next* bars. Nothing of a moment but `Moment.seen` and the charges until then reaches a decision,
unless a case says that it does (`Case.knows_next_rate`).
"""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import pairwise

import attrs
import msgspec

from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.market import BookView, FundingRate, MarketView, MarkPrice
from dnbot.domain.pair import Opportunity, Pair, PairEdge, PairKind
from dnbot.domain.units import ZERO, divide, floor_to
from dnbot.research.study_ledger import StudyLedger, band_of
from dnbot.research.study_words import BPS, FUNDING_S, Case, Moment, Outcome, Series, Step
from dnbot.strategy.costs import CHARGED_SHOWN_S
from dnbot.strategy.hopeless import FirstLook
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.sizing import find_opportunity
from dnbot.strategy.spread import SpreadAnalyzer
from dnbot.strategy.undo import carry_age_bps

BASE_QUOTE = Decimal(10_000)
"""Worth of the base position at the beginning. Percentages do not depend on it: depth is as much as is asked for."""
WINDOW_MOMENTS = 90
"""The bot's statistics look back this far: 30 days of bars, where a running bot has an hour of seconds."""
GAP_MOMENTS = 2.5
EXECUTIONS_MAX = 4
"""Per moment: enough to fill the whole band."""
TICK = Decimal("0.000001")
ENOUGH_QUOTE = Decimal(10) ** 12
"""Funds do not run out on bars; what must stand ready is told as the capital."""
NS_PER_S = 1_000_000_000
VENUES_LISTED = (Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT)


def parameters_of(series: Series, case: Case) -> StrategyParameters:
    """The bot's parameters for this series: its defaults, but for the size and for what the case changes."""
    size = floor_to(divide(BASE_QUOTE, series.price), lot_of(series))
    largest = size * 100 * max(max(moment.seen.values()) for moment in series.moments)
    return msgspec.structs.replace(
        StrategyParameters(
            symbol=Symbol(series.base, "USDT"), base_position_size=size, max_order_notional_quote=largest
        ),
        **case.settings,
    )


def lot_of(series: Series) -> Decimal:
    """A lot so small that rounding to it changes no percentage: between 1 and 10 millionths of the base position."""
    whole = divide(BASE_QUOTE, series.price)
    return Decimal(1).scaleb(whole.adjusted() - 6)


def run_case(series: Series, case: Case, seed: int) -> Outcome:
    """Trade the series from its first moment to its last, with the way in and the way out.

    Args:
        seed: of what is drawn: whether a resting leg is filled.
    """
    bot = BarBot.of(series, case, seed)
    moments = series.moments
    steps: list[Step] = []
    for number, moment in enumerate(moments):
        bot.pay(moment)
        if number == 0:
            bot.build(moment)
        elif number == len(moments) - 1:
            bot.leave(moment)
        else:
            bot.trade(moment)
        spot = moment.seen[Venue.GATE_SPOT]
        steps.append(Step(moment.at_s, bot.ledger.equity(moment.seen), bot.ledger.held_base, spot))
    return bot.outcome(tuple(steps))


@attrs.define
class Waiting:
    """A decision that is filled later."""

    found: Opportunity
    moments: int


@attrs.define
class BarBot:
    """Decides on closes, fills at opens; one case of one series."""

    series: Series
    case: Case
    params: StrategyParameters
    fees: dict[Venue, FeeSchedule]
    """What is paid."""
    weighed: dict[Venue, FeeSchedule]
    """What decisions are made with."""
    ledger: StudyLedger
    analyzer: SpreadAnalyzer
    instruments: dict[Venue, Instrument]
    rng: random.Random
    rate: Decimal | None = None
    """The rate that was charged last: what is expected of the next one."""
    counts: dict[PairKind, int] = attrs.field(factory=lambda: dict.fromkeys(PairKind, 0))
    missed: int = 0
    waiting: list[Waiting] = attrs.field(factory=list)

    @classmethod
    def of(cls, series: Series, case: Case, seed: int) -> BarBot:
        """At rest, with nothing held."""
        params = parameters_of(series, case)
        lot = lot_of(series)
        instruments = {
            venue: Instrument(venue=venue, symbol=params.symbol, tick_size=TICK, lot_size=lot)
            for venue in VENUES_LISTED
        }
        fees = case.tier.schedules()
        step_s = float(series.step_s)
        analyzer = SpreadAnalyzer(params.base_position_size, window_s=WINDOW_MOMENTS * step_s, step_s=step_s)
        for pair in Pair:
            analyzer.statistics(pair).gap_s = GAP_MOMENTS * step_s
        rng = random.Random(f"{seed}:{series.name}:{case.name}")
        ledger = StudyLedger.of(params, fees, case)
        return cls(series, case, params, fees, weighed_fees(fees, case), ledger, analyzer, instruments, rng)

    def pay(self, moment: Moment) -> None:
        """Funding that fell due since the last moment, on what was held, at this moment's price."""
        for charge in moment.charges:
            self.ledger.charge(charge, moment.seen[Venue.GATE_FUTURES])
            self.rate = charge.rate

    def build(self, moment: Moment) -> None:
        """The base position, split between the spot venues and hedged."""
        self.analyzer.observe(self._market(moment), self.weighed, float(moment.at_s))
        self.ledger.build(moment)

    def leave(self, moment: Moment) -> None:
        """Everything is sold and bought back; what waits is not filled any more."""
        self.ledger.leave(moment)

    def trade(self, moment: Moment) -> None:
        """Fill what has waited, look at the closes, and fill what that says."""
        self._fill_waiting(moment)
        market = self._market(moment)
        edges = {
            edge.pair: edge for edge in self.analyzer.observe(market, self.weighed, float(moment.at_s))
        }
        look = FirstLook.at(market, self.weighed, self.params)
        promising = [pair for pair in edges if not look.hopeless(pair, edges.get(pair.reverse))]
        promising.sort(key=lambda pair: (-edges[pair].edge_bps, pair.name))
        for _ in range(1 if self.case.moments_late else EXECUTIONS_MAX):
            found = self._find(promising, edges, market, moment)
            if found is None:
                break
            if self.case.moments_late:
                self.waiting.append(Waiting(found, self.case.moments_late))
            else:
                self._execute(found, moment)

    def outcome(self, steps: tuple[Step, ...]) -> Outcome:
        """What it came to."""
        told = self.ledger.portfolio
        return Outcome(
            series=self.series.name, case=self.case.name, spread_quote=told.spread_quote, fees_quote=told.fees_quote,
            funding_quote=told.funding_quote, opened=self.counts[PairKind.CARRY_OPEN],
            closed=self.counts[PairKind.CARRY_CLOSE], shifted=self.counts[PairKind.SPOT_SPOT], missed=self.missed,
            slippage_bps=tuple(self.ledger.slippage_bps), steps=steps,
            band_base=band_of(self.params), capital_quote=capital_of(steps, self.params), years=self.series.years,
        )

    # -- deciding

    def _find(
        self, pairs: list[Pair], edges: dict[Pair, PairEdge], market: MarketView, moment: Moment
    ) -> Opportunity | None:
        """The first pair, best edge first, that the bot would trade."""
        inventory = self._inventory()
        now_ns = moment.at_s * NS_PER_S
        told_ns = now_ns + CHARGED_SHOWN_S * NS_PER_S  # a bar ends with a settlement, whose rate is told no more
        for pair in pairs:
            found = find_opportunity(
                pair, market, self.weighed, inventory, self.params, edges[pair], edges.get(pair.reverse),
                opportunity_id=str(moment.at_s), now_s=float(moment.at_s), now_ns=told_ns,
                carry_age_bps=carry_age_bps(self.ledger.portfolio.carry_lots, self.params, now_ns),
            )
            if isinstance(found, Opportunity):
                return found
        return None

    def _market(self, moment: Moment) -> MarketView:
        """The closes as books of one level each side, deep enough for the largest order, and the rate that is expected:
        the one that was charged last, for the next settlement."""
        now_s = float(moment.at_s)
        gate, perp = moment.seen[Venue.GATE_SPOT], moment.seen[Venue.GATE_FUTURES]
        return MarketView(
            books={venue: self._book(venue, price, moment) for venue, price in moment.seen.items()},
            instruments=self.instruments,
            mark=MarkPrice(Venue.GATE_FUTURES, perp, gate, moment.at_s * 1000),
            mark_received_s=now_s,
            funding=self._expected(moment),
        )

    def _expected(self, moment: Moment) -> FundingRate | None:
        rate = moment.next_rate if self.case.knows_next_rate else self.rate
        if rate is None:
            return None
        return FundingRate(Venue.GATE_FUTURES, rate, FUNDING_S, (moment.at_s // FUNDING_S + 1) * FUNDING_S)

    def _book(self, venue: Venue, price: Decimal, moment: Moment) -> BookView:
        half = price * divide(self.case.half_spread_bps, BPS)
        depth = divide(self.params.base_position_size, self.params.depth_share_max) * 2
        return BookView(
            venue=venue, bids=((price - half, depth),), asks=((price + half, depth),), update_id=moment.at_s,
            venue_ms=moment.at_s * 1000, received_s=float(moment.at_s),
        )

    def _inventory(self) -> Inventory:
        ledger = self.ledger
        return Inventory(
            spot_base={venue: ledger.base_on(venue) for venue in (Venue.GATE_SPOT, Venue.MEXC_SPOT)},
            quote=dict.fromkeys((Venue.GATE_SPOT, Venue.MEXC_SPOT), ENOUGH_QUOTE),
            perp_base=ledger.portfolio.perp_base, margin_free_quote=ENOUGH_QUOTE,
            perp_equity_quote=ENOUGH_QUOTE, hedge_room_base=self.params.hedge_budget_base, portfolio=ledger.portfolio,
        )

    # -- filling

    def _fill_waiting(self, moment: Moment) -> None:
        for one in self.waiting:
            one.moments -= 1
        due = [one.found for one in self.waiting if one.moments == 0]
        self.waiting = [one for one in self.waiting if one.moments > 0]
        for found in due:
            if self.ledger.holds(found):
                self._execute(found, moment)

    def _execute(self, found: Opportunity, moment: Moment) -> None:
        """At the next bars' first prices, whatever they are; a resting leg may stay unfilled."""
        maker, rests = self.case.maker, Venue.MEXC_SPOT in {found.pair.buy_venue, found.pair.sell_venue}
        if maker is not None and rests and self.rng.random() >= maker.fill_probability:
            self.missed += 1
            return
        self.ledger.execute(found, moment, rests=maker is not None and rests)
        self.counts[found.pair.kind] += 1


def weighed_fees(fees: dict[Venue, FeeSchedule], case: Case) -> dict[Venue, FeeSchedule]:
    """Fees as decisions see them: none where thresholds are meant before fees, the maker's where a leg rests."""
    if case.fees_ignored_in_decisions:
        return {venue: msgspec.structs.replace(fee, maker=ZERO, taker=ZERO) for venue, fee in fees.items()}
    if case.maker is None:
        return fees
    mexc = fees[Venue.MEXC_SPOT]
    return {**fees, Venue.MEXC_SPOT: msgspec.structs.replace(mexc, taker=mexc.maker)}


def capital_of(steps: tuple[Step, ...], params: StrategyParameters) -> Decimal:
    """Mean over time of what must stand ready: the whole band bought on spot, and its margin on the perpetual."""
    whole = 1 + divide(Decimal(1), Decimal(params.leverage))
    weighed, time_s = ZERO, 0
    for before, after in pairwise(steps):
        weighed += before.price * (after.at_s - before.at_s)
        time_s += after.at_s - before.at_s
    return band_of(params) * whole * divide(weighed, Decimal(time_s))
