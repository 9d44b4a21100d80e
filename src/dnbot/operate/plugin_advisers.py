"""Plugins that advise are shown the market again and again; what they say goes into the machine's inbox as an event.

The machine never waits for one: it has the newest advice, or none that still holds. Without that of a strategy it
enters nothing, without that of an execution plugin no leg rests.
"""

from __future__ import annotations

import attrs
import trio

from dnbot.bot import Bot
from dnbot.domain.instrument import SPOT_VENUES
from dnbot.domain.messages import EntryAdvised, PairAdvice, PairTactic, TacticAdvised
from dnbot.domain.units import TEN_THOUSAND
from dnbot.operate.plugin_host import PluginHost
from dnbot.operate.plugin_words import Advise, Advised, Choose, Chosen, rests_problem, rules_problem
from dnbot.operate.plugins import ExecutionPicture, MarketPicture, PairPicture, TopPicture
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.view_parts import finite

PERIOD_S = 0.25
HOLDS_S = 2.0
"""From the picture on: advice on an older market is none."""


@attrs.frozen
class Adviser:
    """One plugin of kind `strategies` or `execution` at one bot."""

    host: PluginHost
    bot: Bot

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.ask()
            await trio.sleep(PERIOD_S)

    async def ask(self) -> None:
        """Show the newest picture, and tell the machine what came of it; without an answer it is told nothing."""
        asked_s, context = self.bot.parts.clock.monotonic_s(), self.bot.context
        rests = self.host.use.kind == "execution"
        told = await (self._on_execution if rests else self._on_entries)(context, asked_s + HOLDS_S)
        statistics = self.bot.channels.inbox.receive.statistics()
        if told is None or statistics.current_buffer_used * 2 > statistics.max_buffer_size:
            return  # what the venues say goes first
        self.bot.tell(told)

    async def _on_entries(self, context: StrategyContext, until_s: float) -> EntryAdvised | None:
        answer = await self.host.ask(Advise(picture_of(context)), Advised, lambda one: rules_problem(one.rules))
        if answer is None:
            return None
        pairs = tuple(
            PairAdvice(pair_name=rule.pair, extra_bps=rule.extra_bps, refuse=rule.refuse, why=rule.why)
            for rule in answer.rules
        )
        return EntryAdvised(by=self.host.use.name, pairs=pairs, valid_until_s=until_s)

    async def _on_execution(self, context: StrategyContext, until_s: float) -> TacticAdvised | None:
        question = Choose(execution_picture_of(context))
        answer = await self.host.ask(question, Chosen, lambda one: rests_problem(one.rules))
        if answer is None:
            return None
        pairs = tuple(
            PairTactic(pair_name=rule.pair, ticks_inside=rule.ticks_inside, rest_ms=rule.rest_ms)
            for rule in answer.rules
        )
        return TacticAdvised(by=self.host.use.name, pairs=pairs, valid_until_s=until_s)


def picture_of(context: StrategyContext) -> MarketPicture:
    """What a plugin is shown."""
    funding, portfolio = context.market.funding, context.portfolio
    return MarketPicture(
        at_ns=context.now_ns, mode=context.mode.name, state=context.current_state.name, delta_base=portfolio.delta,
        inventory_base={
            venue.value: portfolio.balance(venue, context.params.symbol.base) for venue in SPOT_VENUES
        },
        perp_base=portfolio.perp_base, mids={venue.value: book.mid for venue, book in context.market.books.items()},
        funding_bps=float(funding.rate * 10_000) if funding else None,
        pairs=tuple(
            PairPicture(
                pair=edge.pair_name, edge_bps=edge.edge_bps, mean_bps=edge.mean_bps, sd_bps=edge.sd_bps,
                z_score=edge.z_score, half_life_s=edge.half_life_s, samples=edge.samples,
            )
            for edge in context.edges
            if None not in map(finite, (edge.edge_bps, edge.mean_bps, edge.sd_bps, edge.z_score))
        ),
    )


def execution_picture_of(context: StrategyContext) -> ExecutionPicture:
    """What an execution plugin is shown."""
    market, fees = context.market, context.fees
    return ExecutionPicture(
        market=picture_of(context), rest_ms_max=context.params.maker_rest_ms,
        tops={
            venue.value: TopPicture(
                bid=book.bids[0][0], ask=book.asks[0][0], tick=market.instruments[venue].tick_size,
                maker_bps=fees[venue].maker * TEN_THOUSAND, taker_bps=fees[venue].taker * TEN_THOUSAND,
            )
            for venue, book in market.books.items()
            if venue in market.instruments and venue in fees
        },
    )
