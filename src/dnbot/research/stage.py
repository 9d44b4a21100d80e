"""A fake world that plays a recording, on a network with the delays of a model, in the recording's own time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.world import build_world
from dnbot.lab.world import Stage
from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.research.latency import LatencyModel
from dnbot.research.network import Listener, ModelledNetwork
from dnbot.research.source import Source


@asynccontextmanager
async def played(
    source: Source, config: FakesConfig, model: LatencyModel, listener: Listener | None = None
) -> AsyncIterator[Stage]:
    """A running world whose second 0 is the source's beginning; must be entered under a virtual clock at 0."""
    begin_ns = source.span.begin_ns
    clock = VirtualClock(begin_ns)
    sink = MemorySink()
    log = EventLog(clock, [sink])
    world = build_world(source.settings(config), FakeClock(begin_ns))
    source.enter(world)
    async with trio.open_nursery() as nursery:
        network = ModelledNetwork.of(nursery, model, config.seed, listener)
        world.listen(network)
        nursery.start_soon(world.run, name="world")
        try:
            yield Stage(world, network, log, sink, clock)
        finally:
            source.leave()
            nursery.cancel_scope.cancel()
            log.flush_now()
