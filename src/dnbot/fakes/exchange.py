"""The exchange: all venues of the fake world behind plain synchronous methods that the wire fronts translate to."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal
from typing import Protocol

import attrs

from .checks import Checked, check
from .effects import Effects, Transfer
from .instruments import Instrument
from .ledger_state import ExchangeState
from .matching import Match, RestingOrder
from .records import (
    EXTERNAL,
    GATE_FUTURES,
    HOUSE,
    ZERO,
    FundingSettled,
    MarkState,
    OrderEvent,
    OrderRequest,
    OrderState,
    PositionState,
    PublicTrade,
    Refusal,
    RefusalKind,
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
class Exchange(ExchangeViews):
    """Orders, money and books of every venue. Nothing here awaits; every method commits before it returns.

    Commit means: effects are written to the journal (when there is one), then subscribers are called in the order in
    which things happened. A callback must not call back into a method that changes something.
    """

    journal: EffectsJournal | None = None
    _settlement: Settlement = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.state = ExchangeState(self.clock)
        self._settlement = Settlement(self.state)

    # -- commands of API accounts

    def place_order(self, venue: Venue, uid: str, request: OrderRequest) -> OrderState | Refusal:
        """Accept, match and settle one order, or refuse it without a trace. The state returned is the live one."""
        checked = check(self.state, venue, uid, request)
        if isinstance(checked, Refusal):
            return checked
        order = self._accept(venue, uid, checked)
        matches, rested = self._match(order, checked)
        self._book(checked.instrument, order.side, matches, order)
        if not rested:
            self._end_unrested(order, checked)
        if checked.instrument.is_perp:
            self._trim_reduce_only(uid, order.symbol)
        self.commit()
        return order

    def cancel_order(self, venue: Venue, uid: str, order_id: str = "", *, client_id: str = "") -> OrderState | Refusal:
        """Cancel one open order. Refusals: ORDER_NOT_FOUND, ORDER_FINISHED."""
        order = self.order(venue, uid, order_id, client_id=client_id)
        if order is None:
            return Refusal(RefusalKind.ORDER_NOT_FOUND, {"order_id": order_id or client_id})
        if not order.is_open:
            return Refusal(RefusalKind.ORDER_FINISHED, {"order_id": order.order_id, "finish_as": order.finish_as})
        self._cancel(order, "cancelled")
        self.commit()
        return order

    def cancel_all(
        self, venue: Venue, uid: str, symbol: str | None = None, side: Side | None = None
    ) -> list[OrderState]:
        """Cancel every open order that fits; returns them, oldest first."""
        ended = [order for order in self.open_orders(venue, uid, symbol) if side in (None, order.side)]
        for order in ended:
            self._cancel(order, "cancelled")
        self.commit()
        return ended

    def amend_order(
        self,
        venue: Venue,
        uid: str,
        order_id: str,
        *,
        price: Decimal | None = None,
        quantity: Decimal | None = None,
        amend_text: str = "-",
    ) -> OrderState | Refusal:
        """Change price or total quantity. A smaller quantity at the same price keeps its place; all else goes back.

        An amendment that would trade at once is refused as POC_WOULD_TAKE, so that it stays a pure book operation.
        """
        order = self.order(venue, uid, order_id)
        if order is None:
            return Refusal(RefusalKind.ORDER_NOT_FOUND, {"order_id": order_id})
        if not order.is_open:
            return Refusal(RefusalKind.ORDER_FINISHED, {"order_id": order_id, "finish_as": order.finish_as})
        new_price = order.price if price is None else price
        new_quantity = order.quantity if quantity is None else quantity
        if new_price == order.price and new_quantity == order.quantity:
            return Refusal(RefusalKind.NO_CHANGE, {"order_id": order_id})
        if new_quantity <= order.filled:
            self._cancel(order, "cancelled")
            self.commit()
            return order
        return self._amend(order, new_price, new_quantity, amend_text)

    def transfer(self, uid: str, asset: str, source: Venue, target: Venue, amount: Decimal) -> int | Refusal:
        """Move money between two wallets of one account; returns the transfer id."""
        free = (
            self.margin(uid).available if source == GATE_FUTURES else self.state.accounts.available(uid, source, asset)
        )
        if amount <= 0 or free < amount:
            return Refusal(RefusalKind.BALANCE, {"asset": asset, "was": f"{free:f}", "needed": f"{amount:f}"})
        self.state.accounts.apply(uid, source, asset, -amount, kind=_transfer_kind(source))
        self.state.accounts.apply(uid, target, asset, amount, kind=_transfer_kind(target))
        number = self.state.ids.next("transfer")
        moved = Transfer(number, uid, asset, source, target, f"{amount:f}", self.clock.ms(source))
        self.state.transfers.append(moved)
        self.state.effects.transfers.append(moved)
        self.commit()
        return number

    def deposit(self, uid: str, venue: Venue, asset: str, amount: Decimal) -> None:
        """Money from (or, negative, to) the outside world, as an operator of the fakes would wish it."""
        self.state.accounts.deposit(uid, venue, asset, amount)
        self.commit()

    def set_leverage(
        self, uid: str, symbol: str, leverage: Decimal, cross_leverage: Decimal | None = None
    ) -> PositionState:
        """Leverage of a position; 0 means cross, whose effective leverage is ``cross_leverage``."""
        position = self.position(uid, symbol)
        position.leverage = leverage
        if cross_leverage is not None:
            position.cross_leverage = cross_leverage
        self.state.accounts.touch_position(position)
        self.commit()
        return position

    # -- commands of the outside world

    def external_place(
        self, venue: Venue, symbol: str, order_id: str, side: Side, price: Decimal, quantity: Decimal
    ) -> None:
        """A quote of an outside maker. It may meet an API order that stands in its way; the rest waits in the book."""
        order = RestingOrder(order_id, EXTERNAL, side, price, quantity)
        placed = self.state.markets[(venue, symbol)].place(order, "gtc")
        if placed.matches:
            self._book(self.state.instruments[(venue, symbol)], side, placed.matches, None)

    def external_cancel(self, venue: Venue, symbol: str, order_id: str) -> None:
        """Take an outside quote away; does nothing when it was filled."""
        self.state.markets[(venue, symbol)].cancel(order_id)

    def external_take(
        self, venue: Venue, symbol: str, side: Side, quantity: Decimal, limit: Decimal | None = None
    ) -> None:
        """An outside taker trades what it can, up to ``quantity``, no worse than ``limit``."""
        order = RestingOrder("", EXTERNAL, side, ZERO, quantity)
        placed = self.state.markets[(venue, symbol)].place(order, "ioc", limit=limit)
        self._book(self.state.instruments[(venue, symbol)], side, placed.matches, None)

    def liquidate_if_needed(self, uid: str) -> bool:
        """Close every perp position of an account whose equity no longer covers maintenance; returns whether it did."""
        margin = self.margin(uid)
        if not margin.maintenance or margin.total + margin.unrealised > margin.maintenance:
            return False
        for order in self.open_orders(GATE_FUTURES, uid):
            self._cancel(order, "liquidated")
        for position in list(self.account(uid).positions.values()):
            if position.contracts:
                self._liquidate(position)
        self.commit()
        return True

    def set_mark(self, mark: MarkState) -> None:
        """New mark, index and funding of a contract."""
        self.state.marks[mark.symbol] = mark
        for callback in list(self._mark_callbacks):
            callback(mark)

    def settle_funding(self, symbol: str) -> None:
        """Charge funding on every position at the current mark and rate; all payments together are zero."""
        mark = self.state.marks[symbol]
        for account in list(self.state.accounts.by_uid.values()):
            position = account.positions.get(symbol)
            if position is not None and position.contracts:
                self._pay_funding(position, mark)
        settled = FundingSettled(symbol, mark.funding_rate, mark.mark, self.clock.seconds(GATE_FUTURES))
        self.state.fundings.append(settled)
        self.state.effects.fundings.append(settled)
        self.commit()

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

    # -- inside

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
        quantity = order.quantity
        if order.reduce_only:
            quantity = min(quantity, abs(self.position(order.uid, order.symbol).contracts))
        resting = RestingOrder(order.order_id, order.uid, order.side, order.price, quantity)
        placed = market.place(resting, order.tif, limit=checked.limit)
        return placed.matches, placed.rested

    def _book(
        self, instrument: Instrument, taker_side: Side, matches: Iterable[Match], taker: OrderState | None
    ) -> None:
        """Settle both halves of each match; outside against outside is a public trade and nothing else."""
        makers: dict[str, None] = {}
        for match in matches:
            number = self.state.ids.trade_id(instrument.venue)
            owner = match.maker.owner
            if taker is not None:
                self._settlement.book_fill(
                    taker, match.price, match.quantity, "taker", number, self_trade=owner == taker.uid
                )
            if owner != EXTERNAL:
                self._fill_maker(instrument.venue, match, number, taker)
                makers[owner] = None
            if taker is None and owner != EXTERNAL:
                self._settlement.book_external(instrument, taker_side, match.price, match.quantity)
            elif taker is not None and owner == EXTERNAL:
                self._settlement.book_external(instrument, opposite(taker_side), match.price, match.quantity)
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
        elif order.reduce_only and not self.position(order.uid, order.symbol).contracts:
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

    def _amend(self, order: OrderState, price: Decimal, quantity: Decimal, text: str) -> OrderState | Refusal:
        self._unlock(order)
        request = OrderRequest(
            order.symbol,
            order.side,
            price=price,
            quantity=quantity - order.filled,
            tif="poc",
            reduce_only=order.reduce_only,
        )
        market = self.state.markets[(order.venue, order.symbol)]
        counter = market.would_take(order.side, price)
        checked: Checked | Refusal
        if counter is not None:
            checked = Refusal(RefusalKind.POC_WOULD_TAKE, {"was": f"{price:f}", "counter": f"{counter:f}"})
        else:
            self.state.open_orders[(order.venue, order.uid)].pop(order.order_id)
            checked = check(self.state, order.venue, order.uid, request)
            self.state.open_orders[(order.venue, order.uid)][order.order_id] = order
        if isinstance(checked, Refusal):
            self._relock(order)
            self.commit()
            return checked
        if price == order.price and quantity < order.quantity:
            market.shrink(order.order_id, quantity - order.filled)
        else:
            market.cancel(order.order_id)
            market.place(RestingOrder(order.order_id, order.uid, order.side, price, quantity - order.filled), "gtc")
        order.price, order.quantity, order.amend_text = price, quantity, text
        self._relock(order)
        self._settlement.note(order, "update")
        self.commit()
        return order

    def _unlock(self, order: OrderState) -> None:
        if order.locked:
            self.state.accounts.apply(
                order.uid,
                order.venue,
                order.locked_asset,
                ZERO,
                -order.locked,
                kind="order_release",
                symbol=order.symbol,
                order_id=order.order_id,
            )
            order.locked = ZERO

    def _relock(self, order: OrderState) -> None:
        if order.venue != GATE_FUTURES:
            self._settlement.lock(order, order.locked_asset, self._settlement.still_needed(order))

    def _trim_reduce_only(self, uid: str, symbol: str) -> None:
        """Cancel resting reduce-only orders that have nothing left to reduce."""
        held = self.position(uid, symbol).contracts
        for order in self.open_orders(GATE_FUTURES, uid, symbol):
            if order.reduce_only and (held == 0 or (held > 0) == (order.side == "buy") or order.left > abs(held)):
                self._cancel(order, "reduce_out")

    def _liquidate(self, position: PositionState) -> None:
        """An immediate order at any price; what the book cannot take stays open until the next look."""
        instrument = self.state.instruments[(GATE_FUTURES, position.symbol)]
        side: Side = "sell" if position.contracts > 0 else "buy"
        request = OrderRequest(
            position.symbol, side, "market", "ioc", abs(position.contracts), client_id="liquidation", reduce_only=True
        )
        checked = Checked(request, instrument, None, instrument.quote, ZERO)
        order = self._accept(GATE_FUTURES, position.uid, checked)
        matches, _ = self._match(order, checked)
        self._book(instrument, side, matches, order)
        self._settlement.finish(order, "liquidated", closed=not order.left)

    def _pay_funding(self, position: PositionState, mark: MarkState) -> None:
        change = -(mark.mark * position.contracts * position.multiplier * mark.funding_rate)
        quote = position.symbol.split("/")[1]
        position.pnl_fund += change
        position.realised_pnl += change
        accounts = self.state.accounts
        accounts.apply(HOUSE, GATE_FUTURES, quote, -change, kind="fund", symbol=position.symbol)
        accounts.apply(position.uid, GATE_FUTURES, quote, change, kind="fund", symbol=position.symbol)
        accounts.touch_position(position)


def _transfer_kind(venue: Venue) -> str:
    return "dnw" if venue == GATE_FUTURES else "transfer"
