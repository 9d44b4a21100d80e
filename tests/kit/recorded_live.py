"""A live run in virtual time that is recorded while it lasts: one world, a bot in it, and a recorder beside the bot.

And how much of it a backtest of the recording finds again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import attrs
import trio
from recordings import EPOCH_NS, Set

from dnbot.domain.messages import ExecutionClosed
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.world import build_world
from dnbot.lab.disk import Disk
from dnbot.lab.incarnation import Incarnation
from dnbot.lab.journals import LifeJournals
from dnbot.lab.still_clock import still_clock
from dnbot.lab.world import Stage, deterministic
from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.record.folder import Limits
from dnbot.research.latency import MODELS, LatencyModel
from dnbot.research.network import ModelledNetwork
from dnbot.research.witness import Witness
from dnbot.strategy.parameters import StrategyParameters

WARM_S = 3
"""The recorder begins so much earlier than the bot."""


@attrs.define
class Lived:
    """What a live run did."""

    folder: Path
    begin_ns: int
    """When the bot began."""
    witness: Witness = attrs.field(factory=Witness)
    opportunities: int = 0

    @property
    def begin(self) -> datetime:
        """When the bot began, for `--from`."""
        return datetime.fromtimestamp(self.begin_ns / 1e9, UTC)


@attrs.frozen
class LivedWithJournal:
    """A live run that was recorded, and whose machine wrote a journal."""

    lived: Lived
    journal: Path


def live_and_record(
    folder: Path, params: StrategyParameters, run_s: float, *, seed: int = 1, cut_at_s: float | None = None,
    model: LatencyModel = MODELS["loopback"], journal: Path | None = None,
) -> Lived:
    """A bot of `run_s` in a lively market; `cut_at_s` cuts Gate's connections, the recorder's too.

    Its machine writes to `journal`, if there is one.
    """
    deterministic(seed)
    lived = Lived(folder, EPOCH_NS + WARM_S * 10**9)
    kept = None if journal is None else LifeJournals(journal, params)
    trio.run(_live, lived, params, run_s, seed, cut_at_s, model, kept, clock=still_clock())
    return lived


async def _live(
    lived: Lived, params: StrategyParameters, run_s: float, seed: int, cut_at_s: float | None, model: LatencyModel,
    journals: LifeJournals | None,
) -> None:
    clock, sink = VirtualClock(EPOCH_NS), MemorySink()
    world = build_world(FakesConfig(seed=seed), FakeClock(EPOCH_NS))
    async with trio.open_nursery() as nursery:
        network = ModelledNetwork.of(nursery, model, seed, None)
        world.listen(network)
        nursery.start_soon(world.run)
        recorder = Set(network, clock, []).recorder(lived.folder, Limits(segment_s=20))
        nursery.start_soon(recorder.run)
        await trio.sleep(WARM_S)
        on = Stage(world, network, EventLog(clock, [sink]), sink, clock)
        kept = None if journals is None else journals()
        life = Incarnation.on(on, Disk(), witness=lived.witness.note, journal=kept)
        nursery.start_soon(life.live, params)
        if cut_at_s is not None:
            await trio.sleep(cut_at_s)
            network.cut("gate*")
        await trio.sleep_until(WARM_S + run_s)
        assert life.bot is not None
        lived.opportunities = life.bot.context.counters.opportunities_seen
        life.bot.stop("the test is over")
        await life.ended.wait()
        assert life.error is None
        await trio.sleep(6)
        nursery.cancel_scope.cancel()


BEAT_NS = 100_000_000
"""How often the streams tell books: a decision cannot be placed more exactly."""


@attrs.frozen
class Found:
    """What of a live run's executions a backtest has, too."""

    live: int
    again: int
    """Of the same pair, within a beat."""
    of_backtest: int
    edges_off_bps: tuple[Decimal, ...]
    """How far apart the gross edges of those are that traded, by size, ascending."""


def found_again(live: Sequence[ExecutionClosed], backtest: Sequence[ExecutionClosed], price: Decimal) -> Found:
    """Each execution of the live run with the nearest one that is not taken yet."""
    left, apart = list(backtest), []
    for one in live:
        near = [other for other in left if other.pair_name == one.pair_name
                and abs(other.started_at_ns - one.started_at_ns) <= BEAT_NS]
        if near:
            best = min(near, key=lambda other: abs(other.started_at_ns - one.started_at_ns))
            left.remove(best)
            apart.append(abs(_edge(one, price) - _edge(best, price)))
    return Found(len(live), len(apart), len(backtest), tuple(sorted(apart)))


def _edge(one: ExecutionClosed, price: Decimal) -> Decimal:
    """Gross, bps; of what was both bought and sold."""
    both = min(one.bought, one.sold)
    unhedged = (one.sold - one.bought) * price
    return (one.gross_quote - unhedged) / (both * price) * 10_000 if both else Decimal(0)
