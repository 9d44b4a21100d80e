"""The exchange: all venues of the fake world behind plain synchronous methods that the wire fronts translate to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal

import attrs

from . import perpetual
from .checks import Checked, check
from .effects import Transfer
from .instruments import Instrument
from .liquidation import LiquidationDesk
from .market_ladder import Command
from .matching import RestingOrder
from .records import (
    EXTERNAL,
    GATE_FUTURES,
    ZERO,
    FundingSettled,
    MarkState,
    OrderRequest,
    OrderState,
    PositionState,
    Refusal,
    RefusalKind,
    Side,
    Venue,
)


@attrs.define(eq=False)
class Exchange(LiquidationDesk):
    """Orders, money and books of every venue. Nothing here awaits; every method commits before it returns.

    Commit means: effects are written to the journal (when there is one), then subscribers are called in the order in
    which things happened. A callback must not call back into a method that changes something.
    """

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

        A new price that meets somebody trades at once, as a taker, unless the order is post-only. A total that is
        filled already cancels the rest. Refusals: those of placing, ORDER_NOT_FOUND, ORDER_FINISHED, NO_CHANGE.
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
            self.margin(uid).transferable
            if source == GATE_FUTURES
            else self.state.accounts.available(uid, source, asset)
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
    ) -> PositionState | Refusal:
        """Leverage of a position; 0 means cross, whose effective leverage is ``cross_leverage``.

        An isolated position that is held gets the margin of its entry at the new leverage. Refusals: RISK_LIMIT (its
        value does not admit the leverage), MARGIN, LIQUIDATION (the new margin would not carry it).
        """
        position = self.position(uid, symbol)
        changed = attrs.evolve(position, leverage=leverage, cross_leverage=cross_leverage or position.cross_leverage)
        changed.margin = _entry_margin(changed) if changed.isolated else ZERO
        refusal = self._check_leverage(position, changed) if position.contracts else None
        if refusal is not None:
            return refusal
        position.leverage, position.cross_leverage = changed.leverage, changed.cross_leverage
        position.margin = changed.margin
        self.state.accounts.touch_position(position)
        self.commit()
        return position

    def change_margin(self, uid: str, symbol: str, change: Decimal) -> PositionState | Refusal:
        """Add to the margin of an isolated position, or take from it what its entry and its loss do not need.

        Refusals: CROSS_MARGIN, REDUCE_ONLY (no position), MARGIN.
        """
        position = self.position(uid, symbol)
        if not position.contracts:
            return Refusal(RefusalKind.REDUCE_ONLY, {"reason": "empty position"})
        if not position.isolated:
            return Refusal(RefusalKind.CROSS_MARGIN, {"symbol": symbol})
        loss = min(ZERO, position.unrealised_pnl(self.mark(symbol).mark))
        spare = max(ZERO, position.margin + loss - _entry_margin(position))
        free = self.margin(uid).available if change > 0 else spare
        if free < abs(change):
            return _too_little_margin(free, abs(change))
        position.margin += change
        self.state.accounts.touch_position(position)
        self.commit()
        return position

    def _check_leverage(self, position: PositionState, changed: PositionState) -> Refusal | None:
        mark = self.mark(position.symbol).mark
        tier = self.state.tier(position)
        if changed.leverage_in_force > tier.leverage_max:
            return Refusal(RefusalKind.RISK_LIMIT, {"allowed": f"{tier.leverage_max:f}"})
        value, fee = position.value(mark), self.state.closing_fee_rate(position.uid)
        held, needed = (p.margin if p.isolated else value / p.cross_leverage for p in (position, changed))
        available = self.margin(position.uid).available
        if needed > held and available < needed - held:
            return _too_little_margin(available, needed - held)
        carried = tier.maintenance(value) + value * fee
        if changed.isolated and changed.margin + position.unrealised_pnl(mark) <= carried:
            return Refusal(RefusalKind.LIQUIDATION, {"symbol": position.symbol})
        return None

    def _amend(self, order: OrderState, price: Decimal, quantity: Decimal, text: str) -> OrderState | Refusal:
        checked = self._recheck(order, price, quantity)
        if isinstance(checked, Refusal):
            self.commit()
            return checked
        market = self.state.markets[(order.venue, order.symbol)]
        shrinks = price == order.price and quantity < order.quantity
        order.price, order.quantity, order.amend_text = price, quantity, text
        if order.venue != GATE_FUTURES:
            order.fee_terms = self.state.fee_terms(order.venue, order.uid)  # as if it were new
            self._settlement.lock(order, order.locked_asset, self._settlement.still_needed(order))
        self._settlement.note(order, "update")
        if shrinks:
            market.shrink(order.order_id, min(self._in_book(order), order.left))
        else:
            market.cancel(order.order_id)
            resting = RestingOrder(order.order_id, order.uid, order.side, price, self._executable(order))
            placed = market.place(resting, "gtc")
            self._book(checked.instrument, order.side, placed.matches, order)
            if not placed.rested:
                self._end_unrested(order, checked)
            if checked.instrument.is_perp:
                self._trim_reduce_only(order.uid, order.symbol)
        self.commit()
        return order

    def _recheck(self, order: OrderState, price: Decimal, quantity: Decimal) -> Checked | Refusal:
        """Check an open order as if it were new, with its own money back; when refused, it is as it was."""
        locked, mine = order.locked, self.state.open_orders[(order.venue, order.uid)]
        self._settlement.unlock(order)
        del mine[order.order_id]
        checked = check(
            self.state,
            order.venue,
            order.uid,
            OrderRequest(
                order.symbol,
                order.side,
                tif=order.tif,
                quantity=quantity - order.filled,
                price=price,
                reduce_only=order.reduce_only,
            ),
        )
        mine[order.order_id] = order
        if isinstance(checked, Refusal) and locked:
            self._settlement.lock(order, order.locked_asset, locked)
        return checked

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

    def external_turn(self, venue: Venue, symbol: str, commands: Iterable[Command]) -> None:
        """What the outsiders of one market do, in this order: see `Command`."""
        market, instrument = self.state.markets[(venue, symbol)], self.state.instruments[(venue, symbol)]
        for op, order_id, side, price, quantity in commands:
            if op == "cancel":
                market.cancel(order_id)
            elif op == "take":
                self.external_take(venue, symbol, side, quantity, price or None)
            elif op == "place" or not market.resize(order_id, quantity):
                matches, _ = market.place(RestingOrder(order_id, EXTERNAL, side, price, quantity))
                if matches:
                    self._book(instrument, side, matches, None)

    def external_clear(self, venue: Venue, symbol: str, spared: Collection[str] = ()) -> None:
        """Take every outside quote of a market away, but those with these ids."""
        market = self.state.markets[(venue, symbol)]
        for resting in list(market.orders()):
            if resting.owner == EXTERNAL and resting.order_id not in spared:
                market.cancel(resting.order_id)

    def relist(self, instrument: Instrument) -> None:
        """Show new terms, such as another phase, of a market that exists.

        With another price tick the outside quotes go, and so do orders at prices that it does not have; the others
        keep their places. What a venue does with these is documented nowhere.
        """
        venue, symbol = instrument.venue, instrument.symbol
        self.state.instruments[(venue, symbol)] = instrument
        market = self.state.markets[(venue, symbol)]
        if market.price_tick == instrument.price_tick:
            return
        self.external_clear(venue, symbol)
        for resting in list(market.orders()):
            if resting.price % instrument.price_tick:
                self._cancel(self.state.orders[(venue, resting.order_id)], "cancelled")
        market.change_tick(instrument.price_tick)
        self.commit()

    def resize_contract(self, instrument: Instrument) -> None:
        """Show a contract with another multiplier. Positions and open orders keep contracts and prices.

        What a venue does to positions then is documented nowhere; this is the hardest case for who holds one.
        """
        self.relist(instrument)
        for account in self.state.accounts.by_uid.values():
            position = account.positions.get(instrument.symbol)
            if position is not None:
                perpetual.resize(position, instrument.multiplier)
                self.state.accounts.touch_position(position)
            for order in self.state.open_of(GATE_FUTURES, account.uid, instrument.symbol):
                order.filled_quote = order.filled_quote * instrument.multiplier / order.multiplier
                order.multiplier = instrument.multiplier
                self._settlement.note(order, None)
        self.commit()

    def close_market(self, venue: Venue, symbol: str) -> None:
        """The end of a market: orders are cancelled, the book is emptied, perp positions are closed at the mark."""
        for (where, _), mine in self.state.open_orders.items():
            for order in [o for o in mine.values() if (where, o.symbol) == (venue, symbol)]:
                self._cancel(order, "cancelled")
        market = self.state.markets[(venue, symbol)]
        for resting in list(market.orders()):
            market.cancel(resting.order_id)
        if venue == GATE_FUTURES:
            for account in list(self.state.accounts.api()):
                position = account.positions.get(symbol)
                if position is not None and position.contracts:
                    self._close_at_mark(position)
        self.commit()

    def _close_at_mark(self, position: PositionState) -> None:
        """The venue's own order, filled whole at the mark by the outside world, whatever the book holds."""
        contracts, mark = abs(position.contracts), self.state.marks[position.symbol].mark
        order = self._venue_order(position, contracts, mark, "delisting")
        self._fill_off_book(order, contracts, mark, EXTERNAL, free=False)
        self._settlement.finish(order, "filled", closed=True)

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


def _entry_margin(position: PositionState) -> Decimal:
    """Initial margin of an isolated position at its entry price."""
    return (abs(position.cost) / position.leverage).quantize(perpetual.PNL_STEP)


def _too_little_margin(free: Decimal, needed: Decimal) -> Refusal:
    return Refusal(RefusalKind.MARGIN, {"was": f"{free:f}", "needed": f"{needed:f}"})


def _transfer_kind(venue: Venue) -> str:
    return "dnw" if venue == GATE_FUTURES else "transfer"
