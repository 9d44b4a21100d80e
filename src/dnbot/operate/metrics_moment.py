"""What the families of figures are read from: one moment of a bot and of the process that it runs in."""

from __future__ import annotations

import attrs

from dnbot.bot import Bot
from dnbot.metrics.histogram import Histogram
from dnbot.operate.status import Status
from dnbot.ports.process import ProcessFigures
from dnbot.strategy.context import StrategyContext

GENERATIONS = ("0", "1", "2")


@attrs.define
class Runtime:
    """What is measured of the process while it runs; filled by whoever runs the bot."""

    lag: Histogram = attrs.field(factory=Histogram)
    pauses: dict[str, Histogram] = attrs.field(factory=lambda: {name: Histogram() for name in GENERATIONS})
    """Garbage collections by generation."""
    pieces: Histogram = attrs.field(factory=Histogram)
    """What it took to make these figures into text, a piece at a time."""

    def paused(self, generation: int, seconds: float) -> None:
        """A collection stopped everything for so long."""
        self.pauses[str(generation)].observe(seconds)


@attrs.frozen
class Moment:
    """Of now."""

    status: Status
    context: StrategyContext
    bot: Bot
    runtime: Runtime
    process: ProcessFigures
