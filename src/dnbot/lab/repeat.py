"""One seed, one run, one hash: everything that a bot did on the fakes, so that two runs can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
import trio

from dnbot.domain.messages import Record
from dnbot.fakes.config import FakesConfig
from dnbot.lab.still_clock import still_clock
from dnbot.lab.world import Stage, deterministic, stage
from dnbot.ports.memory_store import MemoryStore
from dnbot.strategy.parameters import StrategyParameters


class Trace:
    """A running hash of records, private requests and log lines, each with its virtual time; never object texts."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.entries = 0

    def note(self, kind: str, value: object) -> None:
        """Add one entry."""
        stamp = round(trio.current_time() * 1e9)
        self._hash.update(msgspec.json.encode((stamp, kind, value)))
        self.entries += 1

    def record(self, record: Record) -> None:
        """Add one record of the machine."""
        self.note(type(record).__name__, record)

    def hexdigest(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()


async def traced_run(
    config: FakesConfig, params: StrategyParameters, duration_s: float, upset: Callable[[Stage], None] | None = None
) -> Trace:
    """Run a bot on a fresh world for so many virtual seconds, stop it, and return the trace of it all.

    `upset` may break something on the stage before the bot starts.
    """
    trace = Trace()
    async with stage(config) as on:
        if upset is not None:
            upset(on)
        bot = await on.bot(params, MemoryStore(), witness=trace.record)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_after, duration_s, bot.stop)
            code = await bot.run()
            nursery.cancel_scope.cancel()
        trace.note("exit", code)
        for request in on.world.requests.tail:
            trace.note("request", (request.time_ms, request.venue, request.method, request.path, request.client_id))
        on.log.flush_now()
        for line in on.lines.lines:
            trace.note("line", line)
        trace.note("audit", on.audit()["balances"])
    return trace


async def _stop_after(duration_s: float, stop: Callable[[str], None]) -> None:
    await trio.sleep(duration_s)
    stop("the time is over")


def trace_of(
    seed: int,
    params: StrategyParameters,
    *,
    duration_s: float,
    config: FakesConfig | None = None,
    upset: Callable[[Stage], None] | None = None,
) -> str:
    """The hash of one deterministic run: the same for the same arguments, in any process on this platform."""
    deterministic(seed)
    trace = trio.run(
        traced_run, config or FakesConfig(seed=seed), params, duration_s, upset,
        clock=still_clock(),
    )
    return trace.hexdigest()
