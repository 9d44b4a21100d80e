"""What goes wrong in one simulated run, as plain data that is logged and shrunk."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Self

import msgspec

from dnbot.fakes.faults import Fault, FaultPlan, Value

Kind = Literal[
    "crash", "restart", "database_down", "database_slow", "database_answers_lost", "wall_clock_steps", "paused",
    "operator_halts", "operator_reduces", "killed_from_outside",
]
MISHAPS: dict[Kind, str] = {
    "crash": "C01", "restart": "C02", "database_down": "S05", "database_slow": "S04", "database_answers_lost": "S01",
    "wall_clock_steps": "T01", "paused": "T03", "operator_halts": "O05", "operator_reduces": "O05",
    "killed_from_outside": "O05",
}
"""Mishaps of our side, and their numbers in the fault catalogue."""
DEVIATIONS_BPS = (16.0, 20.0, 26.0)
"""How far the spot venues drift apart: opportunities every few seconds, or several a second."""


class Mishap(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happens to our side at `at_s`, for `for_s`, seconds of the run. `how` and `amount` by kind.

    *crash*: `how` is power or kill, and at once or upon the next intents, create or fill; a new start `for_s` later.
    *restart*: a person stops it, and starts it again; like *operator_halts*, *operator_reduces* and
    *killed_from_outside* at once, with the next commit, or when the state that `how` names begins (or has begun, and
    *lasting*). *database_slow*: a call takes `amount` s.
    *database_answers_lost*: so many. *wall_clock_steps*: by so many ms, and back. *paused*: the process
    stands still; `how` is at once or upon what, as for a crash.
    """

    key: str
    kind: Kind
    at_s: float
    for_s: float = 0.0
    amount: float = 0.0
    how: str = ""


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """A fault, as `Fault.as_data` has it, that strikes when the bot is where `how` says, as for a mishap."""

    how: str
    fault: dict[str, Value]


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """All that goes wrong in one run, and until when, seconds of the run. `faults` are as `Fault.as_data` has them."""

    seed: int
    heal_s: float
    order_path: str
    deviation_bps: float = DEVIATIONS_BPS[0]
    margin_top_up: bool = False
    """Whether the bot may move money to the perpetual's wallet, whatever its configuration says."""
    maker_first: bool = False
    """Whether legs may rest, whatever the bot's configuration says."""
    faults: tuple[dict[str, Value], ...] = ()
    mishaps: tuple[Mishap, ...] = ()
    meetings: tuple[Meeting, ...] = ()

    def plan(self) -> FaultPlan:
        """The exchanges' part, but for what waits for the bot."""
        return FaultPlan(tuple(Fault.from_data(data) for data in self.faults), self.seed)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of everything in it; leaving one out moves nothing else."""
        faults = (*self.faults, *(meeting.fault for meeting in self.meetings))
        return (*(str(fault["key"]) for fault in faults), *(mishap.key for mishap in self.mishaps))

    def only(self, keys: Collection[str]) -> Self:
        """The schedule with these alone."""
        return msgspec.structs.replace(
            self,
            faults=tuple(fault for fault in self.faults if fault["key"] in keys),
            mishaps=tuple(mishap for mishap in self.mishaps if mishap.key in keys),
            meetings=tuple(meeting for meeting in self.meetings if meeting.fault["key"] in keys),
        )
