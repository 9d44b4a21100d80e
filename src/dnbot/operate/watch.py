"""What a run remembers for those who look at it: the newest context, alerts, executions and warnings, all bounded."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

import attrs
import trio

from dnbot.domain.messages import Alert, ExecutionClosed, ModeChanged, Record, StateChanged
from dnbot.ports.log_sinks import RANK, Line
from dnbot.strategy.context import StrategyContext

ALERTS_KEPT = 20
EXECUTIONS_KEPT = 8
WARNINGS_KEPT = 5
WARNING_CHARACTERS_MAX = 300
STATES_KEPT = 2_000


@attrs.define
class Watch:
    """Filled by the strategist, from its own turn: every method returns at once. Also a sink of the log."""

    context: StrategyContext | None = None
    alerts: deque[Alert] = attrs.field(factory=lambda: deque(maxlen=ALERTS_KEPT))
    executions: deque[ExecutionClosed] = attrs.field(factory=lambda: deque(maxlen=EXECUTIONS_KEPT))
    mode_changed: ModeChanged | None = None
    """The newest change of the trading mode in this run."""
    warnings: deque[str] = attrs.field(factory=lambda: deque(maxlen=WARNINGS_KEPT))
    """The newest lines of the log from warning up, redacted."""
    states: deque[StateChanged] = attrs.field(factory=lambda: deque(maxlen=STATES_KEPT))
    """The newest changes of state."""
    _moved: trio.Event = attrs.field(factory=trio.Event, init=False)

    def show(self, context: StrategyContext) -> None:
        """The newest context; called a few times a second and at the end."""
        self.context = context
        self._wake()

    def take(self, record: Record) -> None:
        """See a record; alerts are seen here even when the database that should keep them is away."""
        match record:
            case Alert():
                self.alerts.append(record)
            case ExecutionClosed():
                self.executions.append(record)
            case ModeChanged():
                self.mode_changed = record
                self._wake()
            case StateChanged():
                self.states.append(record)
                self._wake()
            case _:
                pass

    async def moved(self) -> None:
        """Return when state, mode or picture changed after this call."""
        await self._moved.wait()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = trio.Event()

    # --- as a sink of the log -----------------------------------------------------------------------------------------
    def write(self, lines: Sequence[Line], encoded: bytes) -> None:
        """Keep the newest warnings of a batch; `encoded` is already redacted."""
        if not any(RANK[line.level] >= RANK["warning"] for line in lines):
            return
        for raw in encoded.splitlines():
            try:
                line = json.loads(raw)
            except ValueError:  # a mask may stand where a number stood; the file has the line all the same
                continue
            if RANK.get(line["level"], 0) >= RANK["warning"] and line["event"] != "alert":
                fields = " ".join(f"{name}={value}" for name, value in line["data"].items())
                self.warnings.append(f"{line['event']} {fields}"[:WARNING_CHARACTERS_MAX])

    def close(self) -> None:
        """Nothing to release."""
