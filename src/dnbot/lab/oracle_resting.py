"""Legs that rest, from the venues' truth: I13. What waits is gone when its time is over, or when its bot is back."""

from __future__ import annotations

import attrs

from dnbot.domain.order import TimeInForce
from dnbot.lab.oracle_create import Create
from dnbot.lab.oracle_lifecycle import own_open
from dnbot.lab.oracle_orders import OrderJudge
from dnbot.lab.oracle_scene import Scene
from dnbot.lab.oracle_words import NS_PER_MS


@attrs.define(eq=False)
class RestingJudge:
    """Told of each create that may rest; asked now and then whether one is there for too long."""

    scene: Scene
    orders: OrderJudge
    rested: int = 0
    """How many there were."""
    _due: dict[str, int] = attrs.field(factory=dict)
    """By when each is to be gone, ns; the oldest first."""

    def created(self, create: Create, now_ns: int) -> None:
        """A create left."""
        if create.tif == TimeInForce.POST_ONLY.value:
            self.rested += 1
            self._due[create.client_id] = now_ns + self._ns()

    def judge(self, now_ns: int) -> None:
        """One that is due and open is found, unless a fault keeps the bot from it: then it has its time once more."""
        name = next(iter(self._due), None)
        if name is None or now_ns < self._due[name]:
            return
        due_ns = self._due.pop(name)
        if name not in own_open(self.scene, self.orders):
            self.scene.findings.checks["I13"] += 1
            return
        life, early_ns = self.scene.alive, due_ns - self._ns()
        is_back = life is not None and life.reconciled_ns is not None and life.reconciled_ns <= early_ns
        if not is_back or self.scene.was_unreachable(early_ns) or self.scene.was_ambiguous(early_ns):
            self._due[name] = now_ns + self._ns()
            return
        self.scene.findings.check("I13", False, f"{name} rests after its time")

    def _ns(self) -> int:
        """From its create to its end: its time, and the bound of a reaction whose outcome is unknown."""
        return self.scene.params.maker_rest_ms * NS_PER_MS + self.scene.slow_ns()
