"""The whole bot on a recorded market, in memory and in virtual time: adapters, parsing, signing, supervision as live.

One start on a fresh account, no faults, and a clean end shortly before the recording's. What the run comes to is told
by the bot's own records and ledger, and the ledger is held against the venues' balances.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

import attrs
import msgspec
import trio

from dnbot import __version__
from dnbot.bot import Bot
from dnbot.domain.errors import InvariantBroken, OperatingError
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.records import Venue
from dnbot.fakes.replay_files import ReplayError
from dnbot.fakes.running import World
from dnbot.lab.audit_check import check_audit
from dnbot.lab.disk import Disk
from dnbot.lab.incarnation import Incarnation
from dnbot.lab.simulation import COLLECT_S, LEAVE_S_MAX, SOURCE_DIGITS
from dnbot.lab.source import source_digest
from dnbot.lab.still_clock import still_clock
from dnbot.lab.tap import Tap
from dnbot.lab.world import Stage, deterministic
from dnbot.operate.summary import summary_of
from dnbot.research.fees import fees_of
from dnbot.research.latency import LatencyModel
from dnbot.research.result import Holdings, Profit, Result, drawdown
from dnbot.research.source import Source
from dnbot.research.stage import played
from dnbot.research.witness import Witness
from dnbot.strategy.parameters import StrategyParameters

ROOTS = (
    "dnbot.research.backtest", "dnbot.research.captures", "dnbot.research.bars", "dnbot.research.recordings",
)
"""What decides a result."""
PACE_S = 0.5
"""So often, in virtual seconds, somebody looks whether to go on."""
LEAVE_S = 5.0
"""So long before the end of the data the bot is asked to leave, so that it does so on live books."""
ASSUMPTIONS = (
    (
        "own orders have no impact: what they take of a level comes back with the recording's next word about that "
        "level, and nobody in the recording reacts to them"
    ),
    "takers fill against the book as shown, at its prices, after the delay of the latency model; no queue is needed",
    "instrument rules, margin and rate limits are those of the fake exchanges; fees are as listed",
    "one start, no faults; nobody raises a mode that was lowered",
)


class NoFigures(OperatingError):
    """The run gives no figures: the bot did not begin, or did not end."""


class LookAhead(InvariantBroken):
    """The bot was told something that had not happened yet: a bug, and no figure of such a run counts."""


class Check(Protocol):
    """`dnbot.research.lookahead` as a run sees it."""

    levels: int
    early: str

    def attach(self, world: World) -> None:
        """Told of the world once it is there."""
        ...

    def __call__(self, venue: Venue, message: str | bytes) -> None:
        """Told of every message that reaches the bot over a WebSocket."""
        ...


@attrs.frozen
class BacktestOptions:
    """What to run. `until_s` cuts the recording short, virtual seconds; None plays all of it."""

    source: Source
    params: StrategyParameters
    latency: LatencyModel
    config: FakesConfig = attrs.field(factory=FakesConfig)
    until_s: float | None = None
    order_path: str = "rest"
    check: Check | None = None
    """Holds every book that the bot is told against the recording."""

    @property
    def run_s(self) -> float:
        """When the bot is asked to leave."""
        whole_s = self.source.span.seconds - LEAVE_S
        return whole_s if self.until_s is None else min(self.until_s, whole_s)


def backtest(
    options: BacktestOptions,
    *,
    pace: Callable[[float, float], None] = lambda _done_s, _elapsed_s: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Result:
    """Run it. The same options give the same `trace_hash` in any process on this platform.

    `pace` is told how far it is (virtual seconds, and real ones since the start). When `interrupted` is true, the bot
    leaves, and the result is partial.

    Raises:
        NoFigures: the bot could not begin, or did not end.
        ReplayError: data that turned out to be unusable while they were read.
        LookAhead: the check found something.
    """
    began_s, began_cpu_s = os.times().elapsed, time.process_time()
    deterministic(options.config.seed)
    run = Backtest(options, pace, interrupted, began_s)
    gc.disable()  # what the collector finalises may act, so it runs at fixed moments
    gc.collect()
    gc.freeze()
    try:
        trio.run(run.run, clock=still_clock())
    except BaseExceptionGroup as group:
        raise _unusable(group) or group from None
    finally:
        gc.unfreeze()
        gc.enable()
    cpu_s = time.process_time() - began_cpu_s
    return run.result(os.times().elapsed - began_s, cpu_s)


@attrs.define(eq=False, repr=False)
class Backtest:
    """One run; `result` is there afterwards."""

    options: BacktestOptions
    pace: Callable[[float, float], None]
    interrupted: Callable[[], bool]
    began_s: float
    tap: Tap = attrs.field(factory=Tap)
    witness: Witness = attrs.field(factory=Witness)
    virtual_s: float = 0.0
    cut: str = ""
    """Why it ended before its time; empty when it did not."""
    summary: dict[str, Any] = attrs.field(factory=dict)
    bot: Bot | None = None

    async def run(self) -> None:
        """From the first second to the clean end."""
        options = self.options
        async with played(options.source, options.config, options.latency, options.check) as on:
            if options.check is not None:
                options.check.attach(on.world)
            disk = Disk()
            life = Incarnation.on(on, disk, tap=self.tap, witness=self.witness.note)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._live, life, name="life")
                nursery.start_soon(_collect, name="collector")
                await self._until_over(life)
                self.virtual_s = trio.current_time()
                if life.bot is not None and not life.ended.is_set():
                    life.bot.stop("the recording is over")
                    with trio.move_on_after(LEAVE_S_MAX):
                        await life.ended.wait()
                await trio.sleep(1.0)
                await self._judged(on, disk, life)
                nursery.cancel_scope.cancel()

    async def _live(self, life: Incarnation) -> None:
        await life.live(self.options.params, order_path=self.options.order_path)

    async def _until_over(self, life: Incarnation) -> None:
        while trio.current_time() < self.options.run_s:
            await trio.sleep(min(PACE_S, self.options.run_s - trio.current_time()))
            self.pace(trio.current_time(), os.times().elapsed - self.began_s)
            if life.ended.is_set():
                self.cut = "the bot ended by itself"
            elif self.interrupted():
                self.cut = "interrupted"
            if self.cut:
                return

    async def _judged(self, on: Stage, disk: Disk, life: Incarnation) -> None:
        """The summary, as a run has it, with the ledger held against the venues."""
        if self.options.check is not None and self.options.check.early:
            raise LookAhead(self.options.check.early)
        if life.error is not None:
            raise life.error
        if life.bot is None or life.code is None:
            raise NoFigures(f"no figures: the bot {'did not begin' if life.bot is None else 'did not end'}")
        self.bot = life.bot
        self.summary = summary_of(
            life.bot.context, exit_reason=self.cut or "the recording is over", exit_code=life.code,
            duration_s=self.virtual_s, reconnects=0, market={},
            portfolio_before=(Decimal(0), Decimal(0), Decimal(0)),
        )
        self.summary |= await check_audit(on.audit(), disk.store, life.bot.context)

    def result(self, wall_s: float, cpu_s: float) -> Result:
        """The figures, after `run`."""
        if self.bot is None:
            raise InvariantBroken("a backtest has a result once it has run")
        options, context, seen = self.options, self.bot.context, self.witness
        portfolio, summary, source = context.portfolio, self.summary, options.source
        total: Decimal | None = None
        holdings = Holdings(
            opening=seen.opening, balances=dict(portfolio.balances), perp_base=portfolio.perp_base,
            perp_cost=portfolio.perp_cost, mids=dict(seen.mids), mark=seen.mark,
        )
        if seen.mark is not None and all(venue.value in seen.mids for venue in context.accounts):
            mids = {venue: seen.mids[venue.value] for venue in context.accounts}
            quote = f":{portfolio.symbol.quote}"
            began_with = (amount for key, amount in seen.opening.items() if key.endswith(quote))
            total = portfolio.equity(mids, seen.mark) - sum(began_with, Decimal(0))
        return Result(
            version=__version__,
            source=source_digest(ROOTS).hex()[:SOURCE_DIGITS],
            trace_hash=self.tap.hexdigest(),
            events=self.tap.events,
            symbol=str(portfolio.symbol),
            data=source.files,
            shown=source.described(),
            latency=options.latency,
            fees=fees_of(options.config),
            assumptions=(*ASSUMPTIONS, source.resting),
            seed=options.config.seed,
            settings=msgspec.to_builtins(options.params, str_keys=True),
            begin_ns=source.span.begin_ns,
            virtual_s=round(self.virtual_s, 3),
            wall_s=round(wall_s, 2),
            cpu_s=round(cpu_s, 2),
            speed=round(self.virtual_s / cpu_s, 2) if cpu_s else 0.0,
            from_disk=source.from_disk,
            partial=bool(self.cut),
            ended=summary["exit_reason"],
            mode=f"{context.mode.name} {context.mode_why}",
            opportunities_seen=summary["opportunities_seen"],
            declined=summary["opportunities_declined"],
            round_trips=summary["round_trips"],
            executions=tuple(seen.executions),
            fills=tuple(seen.fills),
            rows=tuple(seen.rows),
            profit=Profit(
                spread=portfolio.spread_quote, fees=portfolio.fees_quote, funding=portfolio.funding_quote,
                realised=portfolio.realised_quote, slippage=seen.slippage, total=total,
            ),
            holdings=holdings,
            drawdown=drawdown([moment.equity for moment in seen.moments if moment.equity is not None]),
            naked_ms_worst=summary["naked_ms_worst"],
            naked_ms=sum(one.naked_ms for one in seen.executions),
            delta_worst_base=context.counters.delta_worst,
            ledger_residual=summary["ledger_residual"],
            levels_checked=None if options.check is None else options.check.levels,
            moments=tuple(seen.moments),
        )


def _unusable(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The error that ended a run, when data or our own judgement did."""
    for error in group.exceptions:
        found = _unusable(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, ReplayError | NoFigures | LookAhead):
            return found
    return None


async def _collect() -> None:
    while True:
        await trio.sleep(COLLECT_S)
        gc.collect()
