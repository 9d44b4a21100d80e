"""Strategy plugins are shown the market again and again; what they say goes into the machine's inbox as an event.

The machine never waits for one: it has the newest advice, or none that still holds, and then enters nothing.
"""

from __future__ import annotations

import attrs
import trio

from dnbot.bot import Bot
from dnbot.domain.instrument import SPOT_VENUES
from dnbot.domain.messages import EntryAdvised, PairAdvice
from dnbot.operate.plugin_host import PluginHost
from dnbot.operate.plugin_words import Advise, Advised, rules_problem
from dnbot.operate.plugins import MarketPicture, PairPicture
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.view_parts import finite

PERIOD_S = 0.25
HOLDS_S = 2.0
"""From the picture on: advice on an older market is none."""


@attrs.frozen
class Adviser:
    """One strategy plugin at one bot."""

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
        answer = await self.host.ask(Advise(picture_of(context)), Advised, lambda one: rules_problem(one.rules))
        statistics = self.bot.channels.inbox.receive.statistics()
        if answer is None or statistics.current_buffer_used * 2 > statistics.max_buffer_size:
            return  # what the venues say goes first
        pairs = tuple(
            PairAdvice(pair_name=rule.pair, extra_bps=rule.extra_bps, refuse=rule.refuse, why=rule.why)
            for rule in answer.rules
        )
        self.bot.tell(EntryAdvised(by=self.host.use.name, pairs=pairs, valid_until_s=asked_s + HOLDS_S))


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
