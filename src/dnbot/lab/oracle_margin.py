"""The perpetual's free margin, from the venue: below its floor, no new risk, and soon a stricter mode or more margin;
and while it stays there, one step after the other that brings it back. I27.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.order import OrderIntent, Purpose
from dnbot.domain.units import divide
from dnbot.fakes.records import ZERO
from dnbot.lab.oracle_scene import Scene
from dnbot.lab.oracle_words import NS_PER_MS
from dnbot.strategy.states import StrategyState, TradingMode

SLACK_PCT = Decimal(2)
"""Marks and wallets of one moment differ: the floor that is judged is lower by this."""
HUNDRED = Decimal(100)
ORDER_BASE = Decimal("0.001")
"""Less than this on either leg need not shrink: it may be less than the smallest order."""


@attrs.define(eq=False)
class MarginJudge:
    """Asked at every mark price and at every create."""

    scene: Scene
    below_since_ns: int | None = None
    _acted_ns: int = 0
    """When the short last shrank, or money of ours last came to its margin, or a market last stood under a fault."""
    _is_judged: bool = False

    def acted(self, now_ns: int) -> None:
        """The bot bought on the perpetual, or moved money to its wallet."""
        self._acted_ns = now_ns

    def marked(self, now_ns: int) -> None:
        """The mark moved."""
        scene, life = self.scene, self.scene.alive
        if not scene.contracts():
            self.below_since_ns = None
            return
        margin = scene.exchange.margin(scene.uid)
        equity = margin.total + margin.unrealised
        free_pct = margin.available / equity * 100 if equity > 0 else ZERO
        if free_pct >= scene.params.margin_floor_pct - SLACK_PCT:
            self.below_since_ns, self._is_judged = None, False
        elif self.below_since_ns is None:
            self.below_since_ns = now_ns
        if any(armed.undo is not None for armed in scene.world.faults.armed.values()):
            self.acted(now_ns)
        if self._is_judged:
            return
        calm = life is None or life.state is StrategyState.SHUTDOWN or life.mode is TradingMode.HALTED
        if life is not None and life.mode is TradingMode.REDUCING:
            calm = calm or not self._can_shrink()
        is_late = self._is_late(now_ns, max(self.below_since_ns or 0, self._acted_ns))
        text = f"free margin {free_pct:.1f} %, and nothing brings it back"
        self._is_judged = not scene.findings.check("I27", calm or not is_late, text)

    def carries_nothing(self) -> bool:
        """Whether the perpetual's wallet is too small for a single contract: nothing can be built but by a person."""
        scene = self.scene
        needs = divide(scene.perp_lot() * scene.mark(), Decimal(scene.params.leverage))
        margin, share = scene.exchange.margin(scene.uid), divide(scene.params.margin_entry_floor_pct, HUNDRED)
        return not scene.contracts() and margin.available - (margin.total + margin.unrealised) * share < needs

    def _can_shrink(self) -> bool:
        return self.scene.perp() <= -ORDER_BASE and max(self.scene.spot()) >= ORDER_BASE

    def create(self, intent: OrderIntent, now_ns: int) -> None:
        """An order that needs margin leaves."""
        needs = intent.venue is Venue.GATE_FUTURES and not intent.reduce_only
        if needs and intent.purpose in (Purpose.ENTRY, Purpose.ESTABLISH):
            text = f"{intent.client_order_id} needs margin while there is too little"
            self.scene.findings.check("I27", not self._is_late(now_ns, self.below_since_ns or 0), text)

    def _is_late(self, now_ns: int, since_ns: int) -> bool:
        if self.below_since_ns is None or self.scene.was_unreachable(since_ns) or self.scene.was_ambiguous(since_ns):
            return False
        return now_ns - since_ns > self.scene.params.balance_age_ms_max * NS_PER_MS + self.scene.slow_ns()
