"""The log of one task: the worker's own, with the task's name in every line."""

from __future__ import annotations

import msgspec

from dnbot.ports.log import EventLog, LogStatistics
from dnbot.ports.log_sinks import Level


class TaskLog(EventLog):
    """Writes into the worker's log, which is drained and closed by the worker alone."""

    def __init__(self, into: EventLog, task_id: str) -> None:
        self._into, self._task_id = into, task_id

    def log(self, event: msgspec.Struct, level: Level = "info") -> None:
        """See `EventLog`."""
        self.append(level, type(event).__name__, msgspec.structs.asdict(event))

    def append(self, level: Level, event: str, fields: dict[str, object], ts_ns: int | None = None) -> None:
        """See `EventLog`."""
        self._into.append(level, event, {"task": self._task_id, **fields}, ts_ns)

    def flush_now(self) -> None:
        """See `EventLog`."""
        self._into.flush_now()

    def statistics(self) -> LogStatistics:
        """Of the whole worker."""
        return self._into.statistics()
