"""What a recording has to offer to be played to the bot. A new kind of recording is a new class here, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import attrs

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.running import World
from dnbot.research.recorded import DataFile


@attrs.frozen
class Span:
    """The stretch of time that can be played, ns since 1970 on the recorder's clock."""

    begin_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end_ns - self.begin_ns) / 1e9


class Source(Protocol):
    """One symbol's recorded market. Everything raises ReplayError for data that cannot be used.

    The promise that all results stand on: nothing of an event reaches a fake exchange before the time at which the
    recorder had it. `dnbot.research.lookahead` holds a run to it.
    """

    @property
    def span(self) -> Span:
        """What can be played."""
        ...

    @property
    def files(self) -> tuple[DataFile, ...]:
        """What it was read from."""
        ...

    @property
    def resting(self) -> str:
        """What becomes of an order of ours that waits: an assumption, for the result."""
        ...

    def settings(self, config: FakesConfig) -> FakesConfig:
        """The fake world in which it is played: `config` with what this source decides."""
        ...

    def enter(self, world: World) -> None:
        """Take the place of that world's invented market, before its first second."""
        ...

    def leave(self) -> None:
        """The run is over, however it ended."""
        ...

    @property
    def from_disk(self) -> bool:
        """Whether the last run found made already what it would have made of the recording."""
        ...

    def described(self) -> Mapping[str, str]:
        """What each venue shows, by the venue's name, and `speed` and `funding`: for the result."""
        ...
