"""How perpetual positions ended: closes, liquidations and auto-deleveragings, derived from an account's events.

Source: Gate API v4 docs, "List position close history", "List liquidation history", "List ADL history", "Query
liquidation order history"; futures WS docs, futures.position_closes, liquidates, auto_deleverages and
public_liquidates. Nothing is remembered across a restart of the fakes.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import attrs

from .exchange import Exchange
from .records import ZERO, OrderEvent, OrderState, PositionState, PrivateEvent, UserTrade

PRICE_STEP = Decimal("1e-12")
CLOSES_MAX = 1000  # once history is bounded at all: as many as one page may hold


@attrs.frozen
class PositionClosed:
    """A position went flat or changed sides; prices are means, sizes contracts, `text` names the closing order."""

    uid: str
    symbol: str
    side: str
    time_ms: int
    pnl: Decimal
    pnl_fund: Decimal
    pnl_fee: Decimal
    text: str
    max_size: Decimal
    accum_size: Decimal
    first_open_s: int
    long_price: Decimal
    short_price: Decimal

    @property
    def pnl_pnl(self) -> Decimal:
        """What price alone earned."""
        return self.pnl - self.pnl_fund - self.pnl_fee


@attrs.frozen
class ForcedEnd:
    """An order of the venue that took a position away; `before` is the position as it stood before the order."""

    order: OrderState
    before: PositionState
    mark: Decimal


@attrs.define
class _Run:
    """Sums over the life of one position."""

    opened: Decimal = ZERO
    opened_value: Decimal = ZERO
    closed: Decimal = ZERO
    closed_value: Decimal = ZERO
    largest: Decimal = ZERO
    held: Decimal = ZERO

    def trade(self, price: Decimal, opened: Decimal, closed: Decimal) -> None:
        self.opened += opened
        self.opened_value += opened * price
        self.closed += closed
        self.closed_value += closed * price
        self.held += opened - closed
        self.largest = max(self.largest, self.held)


def _mean(value: Decimal, size: Decimal) -> Decimal:
    return (value / size).quantize(PRICE_STEP).normalize() + ZERO if size else ZERO


@attrs.define(eq=False)
class PositionHistory:
    """Listens to every account; the callbacks hear of each new end at once."""

    exchange: Exchange
    closes: list[PositionClosed] = attrs.field(factory=list)
    liquidations: list[ForcedEnd] = attrs.field(factory=list)
    deleverages: list[ForcedEnd] = attrs.field(factory=list)
    on_close: list[Callable[[PositionClosed], None]] = attrs.field(factory=list)
    on_liquidation: list[Callable[[ForcedEnd], None]] = attrs.field(factory=list)
    on_deleverage: list[Callable[[ForcedEnd], None]] = attrs.field(factory=list)
    _seen: dict[tuple[str, str], tuple[PositionState, PositionState]] = attrs.field(factory=dict)
    _runs: dict[tuple[str, str], _Run] = attrs.field(factory=dict)
    _last: dict[tuple[str, str], int] = attrs.field(factory=dict)
    _before: dict[str, PositionState] = attrs.field(factory=dict)

    def attach(self) -> None:
        """Begin to listen; what is held already counts as opened at its entry price."""
        for account in self.exchange.state.accounts.api():
            for position in account.positions.values():
                key = (position.uid, position.symbol)
                self._seen[key] = (position.copy(), position.copy())
                run = self._runs[key] = _Run()
                run.trade(position.entry_price, abs(position.contracts), ZERO)
        self.exchange.subscribe_private(self._hear)

    def forget(self, newest: int) -> None:
        """Keep that many ends of each kind, of closes no more than `CLOSES_MAX`: every other trade may be one."""
        gone = max(0, len(self.closes) - min(newest, CLOSES_MAX))
        del self.closes[:gone]
        self._last = {key: at - gone for key, at in self._last.items() if at >= gone}
        for ended in (self.liquidations, self.deleverages):
            del ended[: max(0, len(ended) - newest)]

    def _hear(self, event: PrivateEvent) -> None:
        match event:
            case PositionState():
                self._changed(event)
            case UserTrade(venue="gate_futures"):
                self._trade(event)
            case OrderEvent() if event.order.venue == "gate_futures" and is_forced(event.order):
                self._forced(event)
            case _:
                pass  # of another venue, or without a say in how a position ends

    def _changed(self, position: PositionState) -> None:
        """A flat position that still changes settles the rest of a liquidation: that belongs to its last close."""
        key = (position.uid, position.symbol)
        before = self._seen.get(key, (position, PositionState(*key)))[1]
        self._seen[key] = (before, position)
        last = self._last.get(key)
        if last is not None and not before.contracts and not position.contracts:
            self.closes[last] = attrs.evolve(self.closes[last], pnl=position.realised_pnl)

    def _trade(self, trade: UserTrade) -> None:
        key = (trade.uid, trade.symbol)
        run = self._runs.setdefault(key, _Run())
        run.trade(trade.price, ZERO, trade.close_quantity)
        before, after = self._seen.get(key, (PositionState(*key), PositionState(*key)))
        if trade.close_quantity and before.contracts and before.contracts * after.contracts <= 0:
            self._closed(trade, before, after, run)
            run = self._runs[key] = _Run()
        run.trade(trade.price, trade.quantity - trade.close_quantity, ZERO)

    def _closed(self, trade: UserTrade, before: PositionState, after: PositionState, run: _Run) -> None:
        flipped = after.contracts != 0
        entry, leave = _mean(run.opened_value, run.opened), _mean(run.closed_value, run.closed)
        is_long = before.contracts > 0
        closed = PositionClosed(
            trade.uid,
            trade.symbol,
            "long" if is_long else "short",
            trade.time_ms,
            after.last_close_pnl if flipped else after.realised_pnl,
            before.pnl_fund if flipped else after.pnl_fund,
            before.pnl_fee if flipped else after.pnl_fee,
            trade.client_id or "api",
            run.largest,
            run.opened,
            before.open_ms // 1000,
            entry if is_long else leave,
            leave if is_long else entry,
        )
        self._last[trade.uid, trade.symbol] = len(self.closes)
        self.closes.append(closed)
        for callback in self.on_close:
            callback(closed)

    def _forced(self, event: OrderEvent) -> None:
        order = event.order
        if event.kind == "put":
            key = (order.uid, order.symbol)
            held = self._seen.get(key)
            self._before[order.order_id] = held[1] if held else PositionState(order.uid, order.symbol)
        if event.kind != "finish":
            return
        before = self._before.pop(order.order_id, PositionState(order.uid, order.symbol))
        ended = ForcedEnd(order, before, self.exchange.mark(order.symbol).mark)
        deleveraged = order.client_id.startswith("auto_deleverag")
        (self.deleverages if deleveraged else self.liquidations).append(ended)
        for callback in self.on_deleverage if deleveraged else self.on_liquidation:
            callback(ended)


def is_forced(order: OrderState) -> bool:
    """Whether the venue itself placed an order: its `text` then says why (Gate docs, order field `text`)."""
    text = order.client_id
    return text.startswith(("liquidat", "liq-", "hedge-liq-", "auto_deleverag", "pm_liquidate", "insurance"))
