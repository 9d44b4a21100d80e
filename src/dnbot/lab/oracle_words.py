"""The words of the simulation's judge: a violation, the sheet that findings go on, one life of a bot, a read create."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.order import Purpose
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT
from dnbot.fakes.records import Venue as FakeVenue
from dnbot.strategy.states import StrategyState, TradingMode

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
VIOLATIONS_MAX = 100
FAKE_OF: dict[Venue, FakeVenue] = {
    Venue.GATE_SPOT: GATE_SPOT, Venue.GATE_FUTURES: GATE_FUTURES, Venue.MEXC_SPOT: MEXC_SPOT,
}
VENUE_OF = {fake: venue for venue, fake in FAKE_OF.items()}
TAKES_RISK = frozenset({Purpose.ENTRY, Purpose.EXIT, Purpose.ESTABLISH})
"""Purposes of orders that nothing forces us to send."""
REPAIRS = frozenset({Purpose.HEDGE, Purpose.UNWIND})


@attrs.frozen
class Violation:
    """An invariant (``I1`` .. ``I31``) that did not hold, at nanoseconds since the run began."""

    invariant: str
    at_ns: int
    text: str


@attrs.define(eq=False)
class Findings:
    """What was looked at and what was found. The first of each kind is always kept; of the rest, the oldest."""

    now_ns: Callable[[], int]
    violations: list[Violation] = attrs.field(factory=list)
    checks: Counter[str] = attrs.field(factory=Counter)
    found: Counter[str] = attrs.field(factory=Counter)
    """How often each invariant was violated, the ones that are not kept included."""

    def check(self, invariant: str, holds: bool, text: str | Callable[[], str] = "") -> bool:
        """Count one evaluation, and note it when it does not hold; returns whether it does."""
        self.checks[invariant] += 1
        if not holds:
            self._note(invariant, text if isinstance(text, str) else text())
        return holds

    def _note(self, invariant: str, text: str) -> None:
        self.found[invariant] += 1
        if len(self.violations) >= VIOLATIONS_MAX:
            if self.found[invariant] > 1:
                return
            newest_first = reversed(list(enumerate(self.violations)))
            del self.violations[next(at for at, v in newest_first if self._is_repeated(at, v))]
        self.violations.append(Violation(invariant, self.now_ns(), text))

    def _is_repeated(self, at: int, violation: Violation) -> bool:
        return any(other.invariant == violation.invariant for other in self.violations[:at])


@attrs.define(eq=False)
class Life:
    """One incarnation, as its records and its calls of the store tell it."""

    actor: str
    started_ns: int
    epoch: int = 0
    state: StrategyState = StrategyState.INITIALIZING
    mode: TradingMode = TradingMode.ACTIVE
    is_over: bool = False
    ended_cleanly: bool = False
    sequence: int = 0
    reconciled_ns: int | None = None
    """When it left INITIALIZING for the first time."""
    standings: deque[tuple[int, StrategyState, TradingMode]] = attrs.field(factory=lambda: deque(maxlen=64))
    """Since when each of its newest states and modes holds; the last one holds now."""

    def stands(self, now_ns: int) -> None:
        """Note its present state and mode."""
        self.standings.append((now_ns, self.state, self.mode))

    def lately(self, since_ns: int) -> list[tuple[StrategyState, TradingMode]]:
        """Every state and mode that held at some time since then, the newest first."""
        found = []
        for began_ns, state, mode in reversed(self.standings):
            found.append((state, mode))
            if began_ns <= since_ns:
                break
        return found
