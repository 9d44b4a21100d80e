"""The inner workings of the exchange: matching, settling both halves, ending orders, and the commit that tells."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal
from typing import Protocol

import attrs

from . import perpetual
from .checks import Checked
from .effects import Effects
from .instruments import Instrument
from .ledger_state import ExchangeState
from .matching import Match, RestingOrder
from .perpetual_rules import PerpetualRules
from .records import (
    EXTERNAL,
    GATE_FUTURES,
    HOUSE,
    INSURANCE,
    ZERO,
    MarkState,
    OrderEvent,
    OrderState,
    PositionState,
    PublicTrade,
    Side,
    Venue,
    opposite,
)
from .settlement import Settlement
from .views import ExchangeViews


class EffectsJournal(Protocol):
    """Where effects go before anybody is told about them."""

    def write(self, effects: Effects) -> None:
        """Hand the effects to the operating system; raises OSError when that fails."""


@attrs.define(eq=False)
class ExchangeDesk(ExchangeViews):
    """What the public commands are made of. Nothing here commits by itself."""

    rules: PerpetualRules = attrs.field(factory=PerpetualRules)
    journal: EffectsJournal | None = None
    _settlement: Settlement = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.state = ExchangeState(self.clock, self.rules)
        self._settlement = Settlement(self.state)
        self.state.accounts.deposit(INSURANCE, GATE_FUTURES, "USDT", self.rules.insurance_start)

    def commit(self) -> None:
        """Journal what happened, then tell the subscribers. Called by every public command; the market calls it too."""
        effects = self.state.effects
        if effects and self.journal is not None:
            self.journal.write(effects)
        events = effects.events
        for part in (effects.orders, effects.wallets, effects.positions):
            part.clear()
        for rows in (effects.trades, effects.ledger, effects.transfers, effects.fundings):
            rows.clear()
        effects.events = []
        for event in events:
            uid = event.order.uid if isinstance(event, OrderEvent) else event.uid
            self._private.publish(event, uid)

    def _accept(self, venue: Venue, uid: str, checked: Checked) -> OrderState:
        request, now_ms = checked.request, self.clock.ms(venue)
        order = OrderState(
            self.state.ids.order_id(venue, now_ms),
            request.client_id,
            venue,
            uid,
            request.symbol,
            request.side,
            request.kind,
            request.tif,
            request.price or ZERO,
            request.quantity or ZERO,
            request.quote_amount,
            request.reduce_only,
            request.close,
            now_ms,
            now_ms,
            multiplier=checked.instrument.multiplier,
            fee_terms=None if checked.instrument.is_perp else self.state.fee_terms(venue, uid),
        )
        self.state.admit(order)
        if checked.lock:
            self._settlement.lock(order, checked.lock_asset, checked.lock)
        self._settlement.note(order, "put")
        return order

    def _match(self, order: OrderState, checked: Checked) -> tuple[list[Match], bool]:
        market = self.state.markets[(order.venue, order.symbol)]
        if order.quote_amount is not None:
            return market.take_quote("buy", order.quote_amount, checked.instrument.lot, checked.limit), False
        resting = RestingOrder(order.order_id, order.uid, order.side, order.price, self._executable(order))
        placed = market.place(resting, order.tif, limit=checked.limit)
        return placed.matches, placed.rested

    def _executable(self, order: OrderState) -> Decimal:
        """What of an order may go to the book: of a reduce-only one, no more than there is left to reduce."""
        if not order.reduce_only:
            return order.left
        held = abs(self.position(order.uid, order.symbol).contracts)
        if order.tif in ("ioc", "fok"):  # comes before what waits; that is trimmed afterwards
            return min(order.left, held)
        others = [o for o in self.open_orders(GATE_FUTURES, order.uid, order.symbol) if o is not order]
        promised = sum((self._in_book(o) for o in others if o.reduce_only and o.side == order.side), ZERO)
        return min(order.left, held - promised)

    def _in_book(self, order: OrderState) -> Decimal:
        resting = self.state.markets[(order.venue, order.symbol)].order(order.order_id)
        return resting.quantity_left if resting is not None else ZERO

    def _book(
        self,
        instrument: Instrument,
        taker_side: Side,
        matches: Iterable[Match],
        taker: OrderState | None,
        taker_uid: str = EXTERNAL,
    ) -> None:
        """Settle both halves of each match; outside against outside is a public trade and nothing else.

        Without an order the taker is ``taker_uid``: the outside world or the insurance fund.
        """
        makers: dict[str, None] = {}
        outside = self._settlement.book_outside
        for match in matches:
            number = self.state.ids.trade_id(instrument.venue)
            owner = match.maker.owner
            if taker is not None:
                self._settlement.book_fill(
                    taker, match.price, match.quantity, "taker", number, self_trade=owner == taker.uid
                )
            elif owner != taker_uid:
                outside(taker_uid, instrument, taker_side, match.price, match.quantity)
            if owner != EXTERNAL:
                self._fill_maker(instrument.venue, match, number, taker)
                makers[owner] = None
            elif taker is not None or taker_uid != EXTERNAL:
                outside(EXTERNAL, instrument, opposite(taker_side), match.price, match.quantity)
            self._publish_trade(instrument, taker_side, match, number)
        if instrument.is_perp:
            for uid in makers:
                self._trim_reduce_only(uid, instrument.symbol)

    def _fill_maker(self, venue: Venue, match: Match, number: int, taker: OrderState | None) -> None:
        maker = self.state.orders[(venue, match.maker.order_id)]
        self_trade = taker is not None and taker.uid == maker.uid
        self._settlement.book_fill(maker, match.price, match.quantity, "maker", number, self_trade=self_trade)
        if not maker.left:
            self._settlement.finish(maker, "filled", closed=True)

    def _publish_trade(self, instrument: Instrument, side: Side, match: Match, number: int) -> None:
        key = (instrument.venue, instrument.symbol)
        self.state.last_price[key] = match.price
        callbacks = self._trade_callbacks.get(key)
        if callbacks:
            now_ms = self.clock.ms(instrument.venue)
            trade = PublicTrade(*key, number, side, match.price, match.quantity, now_ms)
            for callback in list(callbacks):
                callback(trade)

    def _end_unrested(self, order: OrderState, checked: Checked) -> None:
        """The end of an order that did not go into the book; a market buy's unspendable remainder counts as filled."""
        if not order.left or (order.quote_amount is not None and self._only_dust_left(order, checked.instrument)):
            self._settlement.finish(order, "filled", closed=True)
        elif order.reduce_only and self._executable(order) <= 0:
            self._settlement.finish(order, "reduce_only", closed=False)
        elif order.kind == "market" and not checked.instrument.is_perp:
            self._settlement.finish(order, "depth_not_enough", closed=False)
        else:
            self._settlement.finish(order, order.tif, closed=False)

    def _only_dust_left(self, order: OrderState, instrument: Instrument) -> bool:
        best = self.state.markets[(order.venue, order.symbol)].best("sell")
        price = best[0] if best is not None else order.average_price
        return bool(order.filled) and (order.left / price / instrument.lot).to_integral_value(ROUND_FLOOR) == 0

    def _cancel(self, order: OrderState, reason: str) -> None:
        self.state.markets[(order.venue, order.symbol)].cancel(order.order_id)
        self._settlement.finish(order, reason, closed=False)

    def _trim_reduce_only(self, uid: str, symbol: str) -> None:
        """Cancel resting reduce-only orders that have nothing left to reduce: newest first, until the rest together
        is no more than the position."""
        held = self.position(uid, symbol).contracts
        waiting = {o: self._in_book(o) for o in self.open_orders(GATE_FUTURES, uid, symbol) if o.reduce_only}
        promised = sum(waiting.values(), ZERO)
        for order, left in reversed(waiting.items()):
            if not left or (held > 0) == (order.side == "buy") or promised > abs(held):
                promised -= left
                self._cancel(order, "reduce_out")

    def _pay_funding(self, position: PositionState, mark: MarkState) -> None:
        change = perpetual.funding_change(position, mark)
        quote = position.symbol.split("/")[1]
        position.pnl_fund += change
        position.realised_pnl += change
        if position.isolated and self.state.rules.isolated_funding == "margin":
            position.margin = max(ZERO, position.margin + change)
        accounts = self.state.accounts
        accounts.apply(HOUSE, GATE_FUTURES, quote, -change, kind="fund", symbol=position.symbol)
        accounts.apply(position.uid, GATE_FUTURES, quote, change, kind="fund", symbol=position.symbol)
        accounts.touch_position(position)
