"""When a recorded entry is played: one time line over every recorder that wrote to a folder."""

from __future__ import annotations

import attrs

from dnbot.fakes.replay_files import ReplayError
from dnbot.record.words import Entry, Event, What


@attrs.define
class Timeline:
    """The wall clock at the beginning of each recorder, and its monotonic clock from there on.

    It never falls, however the wall clock was set: a recorder that began before the end of the one before follows it
    at once.
    """

    last_ns: int = 0
    """Of the newest entry; 0 before the first."""
    _offset_ns: int | None = None

    def at_ns(self, entry: Entry) -> int:
        """Unix nanoseconds; entries come in their order, without those of a lead-in.

        Raises:
            ReplayError: an entry is before the one before it.
        """
        begins = isinstance(entry, Event) and entry.what is What.STARTED
        if begins or self._offset_ns is None:
            self._offset_ns = max(entry.received_ns, self.last_ns) - entry.monotonic_ns
        at_ns = entry.monotonic_ns + self._offset_ns
        if at_ns < self.last_ns:
            raise ReplayError(f"entry {entry.number} is {self.last_ns - at_ns} ns before the entry before it")
        self.last_ns = at_ns
        return at_ns
