"""Naked time, exposure and equity, from the venues' truth: I6, I25, I24, caps on inventory, I28."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

import attrs

from dnbot.domain.order import Purpose
from dnbot.domain.units import divide, plain
from dnbot.fakes.records import GATE_FUTURES, VENUES, ZERO, UserTrade
from dnbot.lab.oracle_scene import ROUND_TRIP_MS, Scene
from dnbot.lab.oracle_words import NS_PER_MS, NS_PER_S, TAKES_RISK
from dnbot.strategy.states import StrategyState, TradingMode

CALM = (StrategyState.DELTA_NEUTRAL_ACTIVE, StrategyState.MONITORING_SPREADS)
STALE_S_MAX = 2.0
"""How old a figure in a sample of the position may be."""
WINDOWS_KEPT = 20_000
CLASSES = ("definite", "ambiguous", "unreachable", "down", "stopped", "foreign", "decided")


@attrs.define
class Window:
    """A time during which delta was outside its tolerance."""

    opened_ns: int
    is_foreign: bool
    was_down: bool
    worst_base: Decimal
    is_judged: bool = False
    calm_is_judged: bool = False
    calm_since_ns: int | None = None


@attrs.frozen
class Naked:
    """A window that is over: from when to when, its class, and the most that was naked, quote units."""

    opened_ns: int
    closed_ns: int
    kind: str
    notional: Decimal


@attrs.define(eq=False)
class DeltaJudge:
    """Told of every change at the venues, of states, and asked now and then whether a window is open for too long."""

    scene: Scene
    window: Window | None = None
    naked_s_worst: dict[str, float] = attrs.field(factory=lambda: dict.fromkeys(CLASSES, 0.0))
    naked_notional_worst: Decimal = ZERO
    windows: deque[Naked] = attrs.field(factory=lambda: deque(maxlen=WINDOWS_KEPT))
    """The newest that are over."""
    equity_peak: Decimal | None = None
    loss_worst: Decimal = ZERO
    fills: int = 0
    executions: set[str] = attrs.field(factory=set)
    foreign_base: bool = False
    """Whether somebody else ever moved the base that we hold."""
    _decided: tuple[int, Decimal] | None = None
    """When the bot said that it cannot bring delta back now, and what it was then: no more than that is its choice."""
    blind: dict[str, Decimal] = attrs.field(factory=dict)
    """Orders of which the bot said that nobody tells, and their quantities, base units."""
    _foreign_ns: int = -1 << 62
    _moved: Decimal = ZERO
    _position: Decimal = ZERO
    _history: deque[tuple[int, tuple[Decimal, Decimal, Decimal]]] = attrs.field(factory=deque)

    def begin(self, now_ns: int) -> None:
        """Take the account as it is found."""
        self._position = self.scene.contracts()
        self._history.append((now_ns, self._held()))

    # -- what happens at the venues

    def filled(self, name: str, trade: UserTrade, now_ns: int) -> None:
        """A fill of the account: ours by `name`, or somebody else's."""
        if name:
            self._own_fill(name, trade)
        else:
            self._foreign_ns, self.foreign_base = now_ns, True
        self._position = self.scene.contracts()
        self._remember(now_ns)
        self._look(now_ns, is_foreign=not name)
        self.value()

    def money_moved(self, asset: str, change: Decimal, now_ns: int, *, is_own: bool) -> None:
        """A deposit, withdrawal or transfer; `is_own`: one end of a transfer that the bot asked for."""
        if not is_own:
            self._foreign_ns = now_ns
        if asset == self.scene.params.symbol.quote:
            self._moved += change
        elif asset == self.scene.params.symbol.base:
            self.foreign_base = True
            self._moved += change * self.scene.mark()
            self._look(now_ns, is_foreign=True)
        self._remember(now_ns)

    def _own_fill(self, name: str, trade: UserTrade) -> None:
        self.fills += 1
        intent = self.scene.intents.get(name)
        if intent is None:
            return
        if intent.purpose in (Purpose.ENTRY, Purpose.EXIT):
            self.executions.add(intent.execution_id)
        if intent.reduce_only and trade.venue == GATE_FUTURES:
            before, after = self._position, self.scene.contracts()
            holds = before * after >= 0 and abs(after) <= abs(before)
            self.scene.findings.check("I24", holds, f"{name}, reduce-only, took the position from {before} to {after}")

    # -- windows

    def _look(self, now_ns: int, *, is_foreign: bool) -> None:
        delta = abs(self.scene.delta())
        if delta <= self._allowed():
            self.close(now_ns)
            self._end_decided(now_ns)
            self._inventory()
            return
        if self._decided is not None and delta <= self._decided[1] and not is_foreign:
            return
        self._end_decided(now_ns)
        life = self.scene.alive
        if self.window is None:
            self.window = Window(now_ns, is_foreign, life is None, delta)
        self.window.is_foreign = self.window.is_foreign or is_foreign
        self.window.worst_base = max(self.window.worst_base, delta)
        self.naked_notional_worst = max(self.naked_notional_worst, delta * self.scene.mark())

    def _allowed(self) -> Decimal:
        """The tolerance, or what the perpetual takes no order for; and what the middle of orders in doubt, hedged to a
        lot, may leave.
        """
        least = max(self.scene.tolerance(), self.scene.dust())
        if not self.blind:
            return least
        return least + sum(self.blind.values(), self.scene.perp_lot()) / 2

    def in_doubt(self, name: str, quantity: Decimal, now_ns: int) -> None:
        """The bot says that nobody tells of an order of its own."""
        self.blind[name] = quantity
        self.decide(now_ns)

    def out_of_doubt(self, name: str, now_ns: int) -> None:
        """The end of an order is known."""
        if self.blind.pop(name, None) is not None:
            self._look(now_ns, is_foreign=False)

    def decide(self, now_ns: int) -> None:
        """The bot says that it cannot bring delta back now: its choice until delta is back or larger, or until a state
        says that all is hedged.
        """
        self.close(now_ns)
        delta = abs(self.scene.delta())
        if delta > self.scene.tolerance() and (self._decided is None or delta > self._decided[1]):
            self._end_decided(now_ns)
            self._decided = (now_ns, delta)

    def calm_again(self, now_ns: int) -> None:
        """The bot says that all is hedged, and nothing that it could not do keeps it from hedging."""
        if self._decided is not None and not self.blind:
            self._end_decided(now_ns)
            self._look(now_ns, is_foreign=False)

    def _end_decided(self, now_ns: int) -> None:
        if self._decided is not None:
            seconds = (now_ns - self._decided[0]) / NS_PER_S
            self.naked_s_worst["decided"] = max(self.naked_s_worst["decided"], seconds)
            self._decided = None

    def close(self, now_ns: int) -> None:
        """Delta is back, or the run is over."""
        if self.window is not None:
            self._judge(now_ns)
            kind = self._kind(self.window)
            seconds = (now_ns - self.window.opened_ns) / NS_PER_S
            self.naked_s_worst[kind] = max(self.naked_s_worst[kind], seconds)
            notional = self.window.worst_base * self.scene.mark()
            self.windows.append(Naked(self.window.opened_ns, now_ns, kind, notional))
            self.window = None

    def look(self, now_ns: int) -> None:
        """Now and then: whether the open window is longer than its bound; cheap when none is open."""
        if self.window is not None and abs(self.scene.delta()) <= self._allowed():
            self.window.opened_ns = now_ns  # the smallest order has grown since: it begins when that shrinks again
            return
        self._judge(now_ns)

    def _judge(self, now_ns: int) -> None:
        window = self.window
        if window is None:
            return
        life = self.scene.alive
        if life is None or life.reconciled_ns is None or life.reconciled_ns > window.opened_ns:
            window.was_down = True
        self._calm(window, now_ns)
        elapsed_ns, bound_ns = now_ns - window.opened_ns, self._bound_ns(window)
        if window.is_judged or bound_ns is None:
            return
        if now_ns - self._clear_since_ns(window) > bound_ns:
            window.is_judged = True
            self.scene.findings.check(
                "I6", False, f"delta {plain(self.scene.delta())} for {elapsed_ns / NS_PER_S:.3f} s, "
                f"{self._kind(window)}, since {window.opened_ns / NS_PER_S:.3f}; bound {bound_ns / NS_PER_S:.3f} s",
            )  # fmt: skip
        else:
            self.scene.findings.checks["I6"] += 1

    def _kind(self, window: Window) -> str:
        early_ns = window.opened_ns - self.scene.params.order_expiry_ms * NS_PER_MS
        if window.was_down:
            return "down"
        if self.scene.was_unreachable(early_ns):
            return "unreachable"
        if self.scene.stood_still(early_ns):
            return "stopped"
        if window.is_foreign:
            return "foreign"
        return "ambiguous" if self.scene.was_ambiguous(early_ns) else "definite"

    def _clear_since_ns(self, window: Window) -> int:
        """From when the bound counts: the opening, the reconcile of a life that found it open, or the last answer since
        then that a fault may have eaten.
        """
        known_ns = self._known_ns(window)
        return max(known_ns, self.scene.ambiguous_until_ns(known_ns) or known_ns)

    def _known_ns(self, window: Window) -> int:
        life = self.scene.alive
        if not window.was_down or life is None or life.reconciled_ns is None:
            return window.opened_ns
        return max(window.opened_ns, life.reconciled_ns)

    def _bound_ns(self, window: Window) -> int | None:
        params, kind = self.scene.params, self._kind(window)
        if kind == "definite":
            return (params.hedge_deadline_ms + ROUND_TRIP_MS) * NS_PER_MS
        if kind == "unreachable" or (kind == "down" and not self._is_back()):
            return None
        if kind == "foreign" or (kind in ("down", "stopped") and window.is_foreign):
            return params.balance_age_ms_max * NS_PER_MS + self.scene.slow_ns()
        return self.scene.slow_ns()

    def _is_back(self) -> bool:
        """Whether the present life has read what it found, has reached every venue since, and is not halted."""
        life = self.scene.alive
        if life is None or life.reconciled_ns is None or life.mode is TradingMode.HALTED:
            return False
        return not self.scene.was_unreachable(life.reconciled_ns - self.scene.params.order_expiry_ms * NS_PER_MS)

    def _calm(self, window: Window, now_ns: int) -> None:
        """In a state that says hedged, delta may be outside no longer than news of it takes."""
        life = self.scene.alive
        if life is None or life.state not in CALM:
            window.calm_since_ns = None
            return
        if window.calm_since_ns is None:
            window.calm_since_ns = now_ns
        bound_ns = self._bound_ns(window)
        since_ns = max(window.calm_since_ns, self._clear_since_ns(window))
        holds = bound_ns is None or now_ns - since_ns <= bound_ns
        if not window.calm_is_judged:
            window.calm_is_judged = not self.scene.findings.check(
                "I25", holds, f"delta {plain(self.scene.delta())} for so long in {life.state.name}"
            )

    def left_behind(self, purpose: Purpose, name: str, now_ns: int) -> None:
        """An order that takes risk leaves: delta was not above its hard limit for longer than news takes.

        While the bot stands still no news reach it; what it was about to send then leaves when it goes on.
        """
        if self.window is None or purpose not in TAKES_RISK or purpose is Purpose.ESTABLISH:
            return
        limit = max(self.scene.params.hard_limit_base, self.scene.tolerance())
        known_ns = self._known_ns(self.window)
        could_know_ns = max(known_ns, self.scene.went_on_ns or known_ns)
        is_news = now_ns - could_know_ns <= 2 * ROUND_TRIP_MS * NS_PER_MS
        holds = is_news or self._bound_ns(self.window) is None or abs(self.scene.delta()) <= limit
        self.scene.findings.check("I6", holds, f"{name} left with delta {plain(self.scene.delta())} above {limit}")

    def _inventory(self) -> None:
        params, scene = self.scene.params, self.scene
        held, opening = sum(scene.spot(), ZERO), self._history[0][1]
        most = max(params.base_position_size * params.max_position_multiplier, opening[0] + opening[1])
        most += scene.perp_lot() + scene.tolerance()
        most += divide(params.max_order_notional_quote, scene.mark())  # a leg whose counterpart failed, hedged
        scene.findings.check("I9", self.foreign_base or held <= most, f"{plain(held)} base held, at most {most}")

    # -- equity

    def equity(self) -> Decimal:
        """Quote balances, inventory at the mark and the perpetual's profit, less what came from outside."""
        scene, symbol, mark = self.scene, self.scene.params.symbol, self.scene.mark()
        held = scene.exchange.account(scene.uid).balances
        quote = sum((held[(v, symbol.quote)].total for v in VENUES if (v, symbol.quote) in held), ZERO)
        position = scene.exchange.account(scene.uid).positions.get(scene.symbol)
        profit = position.unrealised_pnl(mark) if position is not None else ZERO
        return quote + sum(scene.spot(), ZERO) * mark + profit - self._moved

    def value(self) -> None:
        """Look at the equity: its worst fall from its peak is the worst loss."""
        equity = self.equity()
        if self.equity_peak is None or equity > self.equity_peak:
            self.equity_peak = equity
        self.loss_worst = max(self.loss_worst, self.equity_peak - equity)

    # -- samples

    def _held(self) -> tuple[Decimal, Decimal, Decimal]:
        return (*self.scene.spot(), self.scene.perp())

    def _remember(self, now_ns: int) -> None:
        self._history.append((now_ns, self._held()))
        while len(self._history) > 1 and now_ns - self._history[1][0] > STALE_S_MAX * NS_PER_S:
            self._history.popleft()

    def sampled(self, fields: dict[str, Any], now_ns: int) -> None:
        """The bot's own figures are those of the venues, now or a moment ago."""
        life, recent_ns = self.scene.alive, now_ns - self.scene.params.balance_age_ms_max * NS_PER_MS
        if life is None or life.state not in CALM or self._foreign_ns > recent_ns:
            return
        early_ns = now_ns - self.scene.slow_ns()
        if self.scene.was_unreachable(early_ns) or self.scene.was_ambiguous(early_ns):
            return
        if self.scene.account_was_struck(recent_ns):
            return
        oldest_ns = now_ns - STALE_S_MAX * NS_PER_S
        states = [held for (at_ns, held), (end_ns, _) in zip(self._history, [*list(self._history)[1:], (now_ns, ())],
                  strict=True) if end_ns >= oldest_ns and at_ns <= now_ns]
        told = tuple(Decimal(fields[name]) for name in ("spot_gate", "spot_mexc", "perp_base"))
        holds = all(any(held[at] == told[at] for held in states) for at in range(3))
        holds = holds and Decimal(fields["delta_base"]) == sum(told, ZERO)
        self.scene.findings.check("I28", holds, lambda: f"told {told}, the venues have {self._held()}")
