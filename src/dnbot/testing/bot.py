"""The whole dnbot bot on fake exchanges in memory: nothing of it is replaced but byte streams, clock and database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import trio

from dnbot.bot import Bot
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import Record, StateChanged
from dnbot.lab.audit_check import check_audit
from dnbot.ports.memory_store import MemoryStore
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState
from dnbot.strategy.view import View, view_of

from .doors import HarnessError
from .memory import FakeExchanges

POLL_S = 0.01
STOP_S_MAX = 60.0


def demo_parameters() -> StrategyParameters:
    """0.06 BTC/USDT at risk limits that a lively market does not reach within minutes."""
    return StrategyParameters(
        symbol=Symbol("BTC", "USDT"),
        base_position_size=Decimal("0.06"),
        max_order_notional_quote=Decimal(1500),
        round_trips_per_minute_max=240,
        consecutive_loss_limit=20,
        max_daily_loss_quote=Decimal(500),
    )


@attrs.define(eq=False)
class RunningBot:
    """A bot that runs. Times are virtual seconds; what it does is seen in ``fakes``, what it believes in ``view``."""

    fakes: FakeExchanges
    bot: Bot
    store: MemoryStore
    entered: list[str]
    """Every state that it went to, in order, by name."""
    _codes: list[int] = attrs.field(factory=list)
    _errors: list[Exception] = attrs.field(factory=list)
    _ended: trio.Event = attrs.field(factory=trio.Event)

    @property
    def view(self) -> View:
        """The newest picture of itself: state, delta, edges, profit, executions; what ``dnbot status`` shows."""
        return view_of(self.bot.context)

    @property
    def state(self) -> StrategyState:
        """Where its state machine is."""
        return self.bot.context.current_state

    async def until(self, state: StrategyState | str, *, s_max: float = 60.0) -> View:
        """Wait until it is in a state, or has passed through it since the call; returns the view then.

        A state is named by its value or its name (``MONITORING_SPREADS``). Raises HarnessError when the bot ends first
        or the time is over, ValueError for a state that does not exist.
        """
        names = [known.name for known in StrategyState]
        name = state.name if isinstance(state, StrategyState) else state
        if name not in names:
            raise ValueError(f"state {name!r} is unknown; known: {', '.join(names)}")
        begin = len(self.entered)
        return await self.until_true(
            lambda view: view.state == name or name in self.entered[begin:], what=name, s_max=s_max
        )

    async def until_true(
        self, holds: Callable[[View], bool], *, what: str = "the condition", s_max: float = 60.0
    ) -> View:
        """Wait until something is true of the view, looking every 10 ms; returns that view. Raises as ``until``."""
        with trio.move_on_after(s_max):
            while not holds(view := self.view):
                if self._ended.is_set():
                    break
                await trio.sleep(POLL_S)
        view = self.view
        if not holds(view):
            how = f"it ended, {self._errors or self._codes}" if self._ended.is_set() else f"not within {s_max} s"
            raise HarnessError(f"{what}: {how}; state {view.state}; newest lines: {self._last_lines()}")
        return view

    async def stop(self, policy: str = "") -> int:
        """Ask for a clean shutdown and return the exit code; ``policy`` is hold or flatten, default the parameters'.

        Raises HarnessError when it does not end within a minute; whatever ended it before is raised as it was.
        """
        if not self._ended.is_set():
            self.bot.stop("the test is over", policy)
        with trio.move_on_after(STOP_S_MAX):
            await self._ended.wait()
        self.raise_error()
        if not self._codes:
            raise HarnessError(f"the bot did not end: {self._last_lines()}")
        return self._codes[0]

    async def verdict(self) -> dict[str, Any]:
        """Its ledger against the venues' audit: residuals per venue and asset, adjustments, round trips."""
        return await check_audit(self.fakes.audit(), self.store, self.bot.context)

    async def assert_books_close(self) -> None:
        """AssertionError unless the ledger explains every digit of the venues' balances, and nothing was adjusted."""
        verdict = await self.verdict()
        left = {value for assets in verdict["ledger_residual"].values() for value in assets.values()}
        assert left == {"0"}, f"unexplained: {verdict['ledger_residual']}"
        assert verdict["adjustments"] == 0, f"{verdict['adjustments']} adjustments"

    async def run(self) -> None:
        """Run it to its end and keep how it ended, for ``stop`` to say."""
        try:
            self._codes.append(await self.bot.run())
        except Exception as error:  # noqa: BLE001 (kept: whoever stops the bot gets it)
            self._errors.append(error)
        finally:
            self._ended.set()

    def raise_error(self) -> None:
        """Raise what ended it, once, if that was an error."""
        if self._errors:
            raise self._errors.pop()

    def _last_lines(self) -> list[str]:
        self.fakes.stage.log.flush_now()
        return [str(line)[:200] for line in self.fakes.stage.lines.lines[-5:]]


@asynccontextmanager
async def running_bot(fakes: FakeExchanges, params: StrategyParameters | None = None) -> AsyncIterator[RunningBot]:
    """A bot on these exchanges, with their first account; started, and cancelled with the block if it still runs.

    A scripted market gets a pulse, because the bot takes silence for a dead stream. An error that ended it and that
    nobody has seen yet is raised at the end of the block.
    """
    if fakes.stage.world.script is not None:
        fakes.market.pulse()
    store = MemoryStore()
    entered: list[str] = []

    def note(record: Record) -> None:
        if isinstance(record, StateChanged):
            entered.append(record.to_state)

    bot = await fakes.stage.bot(params or demo_parameters(), store, witness=note)
    running = RunningBot(fakes, bot, store, entered)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(running.run, name="bot")
        yield running
        nursery.cancel_scope.cancel()
    running.raise_error()
