"""The limits over a fleet at one worker: where the fleet stands by the database, and its bots told so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import msgspec
import trio

from dnbot.bot import Bot
from dnbot.config import parse_settings
from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.domain.messages import FleetRiskTold
from dnbot.fleet.risk import FleetLimits, FleetRisk, TaskBounds, TaskFigures, judge
from dnbot.ports.fleet_risk import FleetRiskStore, Sample
from dnbot.ports.log import EventLog

LOOK_EVERY_S = 2.0
HOLDS_S = 10.0
"""What was read says so long whether new risk may be taken."""


@attrs.define(eq=False)
class FleetRiskWatch:
    """`run` looks until cancelled, `tell` tells one bot what was seen."""

    store: FleetRiskStore
    log: EventLog
    limits: FleetLimits = attrs.field(factory=FleetLimits)
    risk: FleetRisk = attrs.field(factory=lambda: judge(FleetLimits(), ()))
    read_s: float = float("-inf")
    """When the newest reading began."""
    _seen: trio.Event = attrs.field(factory=trio.Event)
    _bounds: dict[str, TaskBounds | None] = attrs.field(factory=dict)
    """By settings, of those that were seen last: reading a file takes longer than all the rest."""

    async def run(self) -> None:
        """A database that does not answer is asked again; what was read before ends meanwhile."""
        while True:
            try:
                await self.look()
            except OperatingError as error:
                self.log.warning("fleet_risk_not_seen", what=str(error))
            await trio.sleep(LOOK_EVERY_S)

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Inside the block it looks."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.run, name="fleet-risk")
            yield
            nursery.cancel_scope.cancel()

    async def look(self) -> None:
        """Read and judge once; raises StoreUnreachable."""
        began_s, before = trio.current_time(), self.risk.denial
        self.limits = await self.store.limits()
        samples = await self.store.samples() if self.limits.is_set else ()
        self._bounds = {
            text: self._bounds[text] if text in self._bounds else _bounds_of(text)
            for text in {sample.settings for sample in samples}
        }
        self.risk = judge(self.limits, [_figures(sample, self._bounds[sample.settings]) for sample in samples])
        self.read_s = began_s
        if bool(self.risk.denial) != bool(before):
            text = self.risk.denial or "below every limit again"
            self.log.warning("fleet_limits", denied=bool(self.risk.denial), what=text)
        self._seen.set()
        self._seen = trio.Event()

    async def tell(self, bot: Bot) -> None:
        """Until cancelled. Monotonic time is one for all bots of a process."""
        while True:
            statistics = bot.channels.inbox.receive.statistics()
            if statistics.current_buffer_used * 2 <= statistics.max_buffer_size:  # what the venues say goes first
                bot.tell(FleetRiskTold(denial=self.risk.denial, valid_until_s=self.read_s + HOLDS_S))
            await self._seen.wait()


async def risk_now(store: FleetRiskStore) -> FleetRisk:
    """Where the fleet stands, for whoever asks; raises StoreUnreachable."""
    return risk_of(await store.limits(), await store.samples())


def risk_of(limits: FleetLimits, samples: tuple[Sample, ...]) -> FleetRisk:
    """Where a fleet of these samples stands."""
    return judge(limits, [_figures(sample, _bounds_of(sample.settings)) for sample in samples])


def _figures(sample: Sample, bounds: TaskBounds | None) -> TaskFigures:
    same = msgspec.structs.asdict(sample)
    return TaskFigures(
        quote=sample.symbol.quote, bounds=bounds,
        **{name: value for name, value in same.items() if name not in {"symbol", "settings"}},
    )


def _bounds_of(settings: str) -> TaskBounds | None:
    """What a task's settings allow it; None when no bot could be run with them."""
    try:
        params = parse_settings("task", settings).strategy
    except ConfigError:
        return None
    return TaskBounds(
        position_base_max=params.base_position_size * params.max_position_multiplier, leverage=params.leverage,
        day_loss_quote_max=params.max_daily_loss_quote, drawdown_pct_max=params.max_drawdown_pct,
    )
