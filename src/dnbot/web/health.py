"""The three probes. They tell whether, never how much: anybody who reaches the port may read them."""

from __future__ import annotations

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dnbot.domain.instrument import VENUES
from dnbot.operate.run import Standing
from dnbot.ports.clock import Clock
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.web.hub import Hub

SILENT_S_MAX = 10.0
"""A machine that took no step for so long is stuck: the clock alone gives it one every second."""
_NOT_READY = frozenset({StrategyState.INITIALIZING, StrategyState.ERROR_RECOVERY, StrategyState.SHUTDOWN})


@attrs.frozen
class Health:
    """Judges the run of which it holds a hand."""

    run: Standing
    hub: Hub
    clock: Clock

    def alive(self) -> dict[str, bool]:
        """That it makes progress. No venue and no database is asked: a restart would mend neither of them."""
        context = self.run.bot.context
        silent_s = self.clock.monotonic_s() - context.now_s
        return {"machine": context.exit_code is not None or silent_s <= SILENT_S_MAX}

    def started(self) -> dict[str, bool]:
        """That every account was read and reconciled once."""
        return {"reconciled": self.hub.was_known}

    def ready(self) -> dict[str, bool]:
        """That it may trade."""
        context = self.run.bot.context
        return {
            "state": context.current_state not in _NOT_READY,
            "accounts": all(context.account_ready(venue) for venue in VENUES),
            "feeds": all(context.book(venue) is not None for venue in VENUES),
            "database": context.store_up,
            "not_halted": context.mode is not TradingMode.HALTED and not self.run.bot.gate.latch.is_set(),
        }

    async def livez(self, _request: Request) -> Response:
        """`/livez`."""
        return _answer(self.alive())

    async def readyz(self, _request: Request) -> Response:
        """`/readyz`."""
        return _answer(self.ready())

    async def startupz(self, _request: Request) -> Response:
        """`/startupz`."""
        return _answer(self.started())


def _answer(checks: dict[str, bool]) -> Response:
    return JSONResponse(checks, 200 if all(checks.values()) else 503)
