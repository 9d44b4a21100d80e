"""Books matches: who pays what to whom. Every amount that leaves one account arrives in another, to the last digit."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

import attrs

from . import perpetual
from .checks import fee_share_in_quote
from .ids import mexc_snowflake
from .instruments import Instrument
from .ledger_state import ExchangeState
from .records import (
    GATE_FUTURES,
    HOUSE,
    MEXC_SPOT,
    ZERO,
    FeeTerms,
    OrderEvent,
    OrderState,
    Role,
    Side,
    UserTrade,
    Venue,
)

MX_STEP = Decimal("1e-12")


@attrs.define(eq=False)
class Settlement:
    """Turns fills into balance changes, positions, fills of record and order events."""

    state: ExchangeState

    # -- one match

    def book_fill(
        self,
        order: OrderState,
        price: Decimal,
        quantity: Decimal,
        role: Role,
        trade: int,
        *,
        self_trade: bool = False,
        free: bool = False,
    ) -> None:
        """Book one fill of one API order against the rest of the world (the counterparty is booked on its own).

        ``free``: a perpetual's fill that costs no fee.
        """
        instrument = self.state.instruments[(order.venue, order.symbol)]
        trade_id = self._trade_id(order, trade)
        value = instrument.notional(price, quantity)
        order.filled += quantity
        order.filled_quote += value
        order.last_filled = quantity
        order.fills += 1
        if order.quote_amount is not None:
            order.quantity = order.filled
        order.maker = order.maker or role == "maker"
        if instrument.is_perp:
            rate = ZERO if free else self._rate(order, role)
            closed, fee = self._book_perp(order, instrument, price, quantity, rate, trade_id)
            fee_asset = instrument.quote
        else:
            closed = ZERO
            rate = self._rate(order, role)
            fee, fee_asset = self._book_spot(order, instrument, value, quantity, rate, trade_id)
        order.fees[fee_asset] = order.fees.get(fee_asset, ZERO) + fee
        fill = UserTrade(
            trade_id,
            order.order_id,
            order.client_id,
            order.venue,
            order.uid,
            order.symbol,
            order.side,
            role,
            price,
            quantity,
            value,
            fee,
            fee_asset,
            self.state.clock.ms(order.venue),
            closed,
            self_trade,
        )
        self.state.accounts.by_uid[order.uid].trades.append(fill)
        self.state.effects.trades.append(fill)
        self.state.effects.events.append(fill)
        self.note(order, "update" if order.left > 0 else None)

    def book_outside(self, uid: str, instrument: Instrument, side: Side, price: Decimal, quantity: Decimal) -> None:
        """The half of a match that the outside world or the insurance fund has; they pay no fees."""
        apply = self.state.accounts.apply
        if instrument.is_perp:
            position = self.state.accounts.position(uid, instrument.symbol, instrument.multiplier)
            signed = quantity if side == "buy" else -quantity
            profit, _ = perpetual.fill(position, signed, price, self.state.clock.ms(GATE_FUTURES))
            self._from_house(uid, instrument.venue, instrument.quote, profit, "pnl")
            self.state.accounts.touch_position(position)
            return
        value = instrument.notional(price, quantity)
        sign = 1 if side == "buy" else -1
        apply(uid, instrument.venue, instrument.base, sign * quantity, kind="order_match")
        apply(uid, instrument.venue, instrument.quote, -sign * value, kind="order_match")

    # -- the life of an order

    def note(self, order: OrderState, kind: Literal["put", "update", "finish"] | None) -> None:
        """Remember that an order changed, and tell its owner when ``kind`` says how."""
        order.update_ms = self.state.clock.ms(order.venue)
        order.update_id += 1
        self.state.effects.orders[(order.venue, order.order_id)] = order
        if kind is not None:
            self.state.effects.events.append(OrderEvent(kind, order.copy()))

    def finish(self, order: OrderState, reason: str, *, closed: bool) -> None:
        """End an order: release what it still holds, mark it closed (fully done) or cancelled (something left)."""
        order.status = "closed" if closed else "cancelled"
        order.finish_as = reason
        order.finish_ms = self.state.clock.ms(order.venue)
        self.state.open_orders.get((order.venue, order.uid), {}).pop(order.order_id, None)
        self.unlock(order)
        self.note(order, "finish")

    def unlock(self, order: OrderState) -> None:
        """Give back what an order still holds."""
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

    def lock(self, order: OrderState, asset: str, amount: Decimal) -> None:
        """Set aside what a new order may spend."""
        order.locked_asset, order.locked = asset, amount
        self.state.accounts.apply(
            order.uid,
            order.venue,
            asset,
            ZERO,
            amount,
            kind="order_create",
            symbol=order.symbol,
            order_id=order.order_id,
        )

    def still_needed(self, order: OrderState) -> Decimal:
        """What a spot order must keep locked for what is left of it."""
        if order.side == "sell":
            return order.left
        share = 1 + fee_share_in_quote(self._terms(order))
        if order.quote_amount is not None:
            return order.left * share
        return order.left * order.price * share

    # -- inside

    def _terms(self, order: OrderState) -> FeeTerms:
        """Those of its acceptance, whose fee its money was locked for; else the present ones."""
        return order.fee_terms or self.state.fee_terms(order.venue, order.uid)

    def _rate(self, order: OrderState, role: Role) -> Decimal:
        rates = self._terms(order).rates
        return rates.maker if role == "maker" else rates.taker

    def _book_spot(
        self, order: OrderState, instrument: Instrument, value: Decimal, quantity: Decimal, rate: Decimal, trade_id: str
    ) -> tuple[Decimal, str]:
        apply = self.state.accounts.apply
        released = order.locked - self.still_needed(order)
        order.locked -= released
        paid, got = (value, quantity) if order.side == "buy" else (quantity, value)
        paid_asset, got_asset = (
            (instrument.quote, instrument.base) if order.side == "buy" else (instrument.base, instrument.quote)
        )
        symbol, order_id = order.symbol, order.order_id
        apply(
            order.uid,
            order.venue,
            paid_asset,
            -paid,
            -released,
            kind="order_match",
            symbol=symbol,
            order_id=order_id,
            trade_id=trade_id,
        )
        apply(
            order.uid,
            order.venue,
            got_asset,
            got,
            kind="order_match",
            symbol=symbol,
            order_id=order_id,
            trade_id=trade_id,
        )
        fee, fee_asset = self._spot_fee(order, value, got, got_asset, instrument.quote, rate)
        self._to_house(order, fee_asset, fee, trade_id)
        return fee, fee_asset

    def _spot_fee(
        self, order: OrderState, value: Decimal, got: Decimal, got_asset: str, quote: str, rate: Decimal
    ) -> tuple[Decimal, str]:
        """Exact, unrounded products (as recorded on Gate), except that a fee converted to MX is rounded once."""
        policy = self._terms(order).policy
        if order.venue == MEXC_SPOT and self.state.deducts_mx(order.uid, policy):
            fee = (value * rate / self.state.mx_price).quantize(MX_STEP, ROUND_HALF_EVEN)
            if self.state.accounts.available(order.uid, order.venue, "MX") >= fee:
                return fee, "MX"
        if policy == "received":
            return got * rate, got_asset
        return value * rate, quote

    def _book_perp(
        self, order: OrderState, instrument: Instrument, price: Decimal, quantity: Decimal, rate: Decimal, trade_id: str
    ) -> tuple[Decimal, Decimal]:
        position = self.state.accounts.position(order.uid, order.symbol, instrument.multiplier)
        signed = quantity if order.side == "buy" else -quantity
        profit, closed = perpetual.fill(position, signed, price, self.state.clock.ms(order.venue))
        if closed:
            self._from_house(order.uid, order.venue, instrument.quote, profit, "pnl", order, trade_id)
        fee = instrument.notional(price, quantity) * rate
        position.pnl_fee -= fee
        position.realised_pnl -= fee
        self._to_house(order, instrument.quote, fee, trade_id)
        self.state.accounts.touch_position(position)
        return closed, fee

    def _to_house(self, order: OrderState, asset: str, fee: Decimal, trade_id: str) -> None:
        if fee:
            self._from_house(order.uid, order.venue, asset, -fee, "fee", order, trade_id)

    def _from_house(
        self,
        uid: str,
        venue: Venue,
        asset: str,
        amount: Decimal,
        kind: str,
        order: OrderState | None = None,
        trade_id: str = "",
    ) -> None:
        self.state.accounts.apply(HOUSE, venue, asset, -amount, kind=kind)
        self.state.accounts.apply(
            uid,
            venue,
            asset,
            amount,
            kind=kind,
            trade_id=trade_id,
            symbol=order.symbol if order else "",
            order_id=order.order_id if order else "",
        )

    def _trade_id(self, order: OrderState, trade: int) -> str:
        """Gate: the public trade number. MEXC: own order's snowflake, an X, and the number of the fill."""
        if order.venue == MEXC_SPOT:
            return f"{mexc_snowflake(order.order_id)}X{order.fills + 1}"
        return str(trade)
