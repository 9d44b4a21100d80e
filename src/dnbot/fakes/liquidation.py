"""The end of positions that their margin no longer carries: liquidation, insurance fund, auto-deleveraging.

Sources: Gate help centre, "Liquidation process" (22159): the mark triggers, at a margin balance of maintenance margin
or less; open orders are cancelled; the position is lowered tier by tier while that is not enough; the order stands at
the bankruptcy price, and the market, the insurance fund and deleveraging take it, in that order. "Insurance fund"
(blog 375): what a liquidation leaves over goes to the fund. "Auto-deleveraging" (22082): see `deleveraging`.
What is not said is a switch of `PerpetualRules`, or stated where it is decided.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import attrs

from . import deleveraging
from .checks import Checked
from .desk import ExchangeDesk
from .instruments import Instrument
from .matching import RestingOrder
from .records import (
    EXTERNAL,
    GATE_FUTURES,
    INSURANCE,
    ZERO,
    OrderRequest,
    OrderState,
    PositionState,
    Refusal,
    RefusalKind,
    Side,
)
from .risk import bankruptcy_price, liquidation_price

LIQUIDATION_TEXT, DELEVERAGING_TEXT = "liquidation", "auto_deleveraging"
"""The `text` of orders that the venue places itself (Gate API v4, origins in "Futures order")."""


@attrs.define(eq=False)
class LiquidationDesk(ExchangeDesk):
    """Closes what has to be closed; ``liquidate_if_needed`` is called by the clock of the world."""

    # -- reading

    def liquidation_price(self, uid: str, symbol: str) -> Decimal:
        """Where the position of an account would be liquidated if nothing else moved; 0 when nowhere or flat."""
        position = self.position(uid, symbol)
        if not position.contracts:
            return ZERO
        cash = self.state.cash_behind(position)
        if not position.isolated:
            margin = self.margin(uid)
            others = margin.cross_maintenance - self.state.maintenance(position)
            cash -= others  # other cross positions keep theirs; the fees of closing them are small and left out
        exact = liquidation_price(position, cash, self.state.tier(position), self.state.closing_fee_rate(uid))
        tick = self.state.instruments[(GATE_FUTURES, symbol)].price_tick
        return (exact / tick).to_integral_value() * tick

    def adl_grade(self, uid: str, symbol: str) -> int:
        """1 (first to be deleveraged) to 5; 6 without a position."""
        return deleveraging.grade(self.state, self.position(uid, symbol))

    # -- liquidation

    def liquidate_if_needed(self, uid: str) -> bool:
        """Liquidate what margin no longer covers, isolated positions each on its own; returns whether anything was."""
        acted = False
        for position in list(self.account(uid).positions.values()):
            while position.contracts and position.isolated and self._is_under_water(position):
                self._liquidate(position, position.margin + self._unrealised(position))
                acted = True
        while not self.margin(uid).cross_is_safe:
            self._liquidate_cross(uid)
            acted = True
        acted = self._cover_deficit(uid) or acted
        if acted:
            self.commit()
        return acted

    def deleverage(self, uid: str, symbol: str, contracts: Decimal, price: Decimal | None = None) -> Refusal | None:
        """Deleverage an account by (at most) so many contracts against the outside world, at the mark by default.

        For scenarios: no liquidation has to have happened. Refused when the account is flat.
        """
        position = self.position(uid, symbol)
        if not position.contracts:
            return Refusal(RefusalKind.REDUCE_ONLY, {"reason": "empty position"})
        self._deleverage(position, min(contracts, abs(position.contracts)), price or self.mark(symbol).mark, EXTERNAL)
        self.commit()
        return None

    # -- inside

    def _unrealised(self, position: PositionState) -> Decimal:
        return position.unrealised_pnl(self.state.mark_price(position.symbol))

    def _is_under_water(self, position: PositionState) -> bool:
        value = position.value(self.state.mark_price(position.symbol))
        needed = self.state.maintenance(position) + value * self.state.closing_fee_rate(position.uid)
        return position.margin + self._unrealised(position) <= needed

    def _liquidate_cross(self, uid: str) -> None:
        """One step for the cross position that needs the largest margin, carried by its share of the equity."""
        held = [p for p in self.account(uid).positions.values() if p.contracts and not p.isolated]
        largest = max(held, key=self.state.maintenance)
        margin = self.margin(uid)
        share = Decimal(1)
        if self.state.rules.cross_split == "maintenance":
            share = self.state.maintenance(largest) / margin.cross_maintenance
        for order in self.open_orders(GATE_FUTURES, uid):
            self._cancel(order, "liquidated")
        self._liquidate(largest, margin.cross_equity * share)

    def _liquidate(self, position: PositionState, equity: Decimal) -> None:
        """Close a position, or what of it is above the next lower tier, at its bankruptcy price or better."""
        uid, symbol = position.uid, position.symbol
        instrument = self.state.instruments[(GATE_FUTURES, symbol)]
        for order in self.open_orders(GATE_FUTURES, uid, symbol):
            self._cancel(order, "liquidated")
        margin_before, total = position.margin, self.margin(uid).total
        cash = equity - self._unrealised(position)
        price = bankruptcy_price(position, cash, self.state.closing_fee_rate(uid), instrument.price_tick)
        order = self._venue_order(position, self._excess(position, instrument), price, LIQUIDATION_TEXT)
        resting = RestingOrder(order.order_id, uid, order.side, price, order.quantity)
        placed = self.state.markets[(GATE_FUTURES, symbol)].place(resting, "ioc")
        self._book(instrument, order.side, placed.matches, order)
        left = order.left
        if left:
            self._fill_off_book(order, left, price, INSURANCE, free=False)
        self._settlement.finish(order, "liquidated", closed=True)
        self._settle_rest(position, margin_before + self.margin(uid).total - total)
        if left:
            self._unload(instrument, price)

    def _excess(self, position: PositionState, instrument: Instrument) -> Decimal:
        """Contracts above the limit of the next lower tier; all of them in the lowest."""
        tiers, tier = self.state.tiers[position.symbol], self.state.tier(position)
        if tier.number == 1:
            return abs(position.contracts)
        per_lot = self.state.mark_price(position.symbol) * position.multiplier * instrument.lot
        keep = (tiers[tier.number - 2].limit / per_lot).to_integral_value(ROUND_FLOOR) * instrument.lot
        return abs(position.contracts) - keep

    def _settle_rest(self, position: PositionState, margin_left: Decimal) -> None:
        """What is left of the margin of a position that is gone goes to the insurance fund.

        Cross: the wallet, once it carries no position any more. A position that was only reduced keeps its margin.
        """
        if position.contracts:
            if position.isolated:
                position.margin = max(ZERO, margin_left)
        elif position.isolated:
            self._to_insurance(position, margin_left)
        else:
            margin = self.margin(position.uid)
            if not margin.cross_maintenance:
                self._to_insurance(position, margin.total - margin.isolated)

    def _to_insurance(self, position: PositionState, amount: Decimal) -> None:
        """Booked as profit and loss of the position, which so ends as if it had been closed at its bankruptcy price."""
        if not amount:
            return
        apply, quote = self.state.accounts.apply, position.symbol.split("/")[1]
        apply(INSURANCE, GATE_FUTURES, quote, amount, kind="pnl", symbol=position.symbol)
        apply(position.uid, GATE_FUTURES, quote, -amount, kind="pnl", symbol=position.symbol)
        position.pnl_pnl -= amount
        position.realised_pnl -= amount
        self.state.accounts.touch_position(position)

    def _cover_deficit(self, uid: str) -> bool:
        """The fund pays what an account without positions owes (closing at a price beyond bankruptcy can do that)."""
        margin = self.margin(uid)
        positions = [p for p in self.account(uid).positions.values() if p.update_id]
        if margin.total >= 0 or margin.maintenance or not positions:
            return False
        self._to_insurance(positions[-1], margin.total)
        return True

    # -- insurance fund and deleveraging

    def _unload(self, instrument: Instrument, bankruptcy: Decimal) -> None:
        """The fund sells on at once, as far as it can pay the loss; deleveraging takes what remains, at bankruptcy."""
        taken = self.position(INSURANCE, instrument.symbol)
        side: Side = "sell" if taken.contracts > 0 else "buy"
        fund = self.state.accounts.by_uid[INSURANCE].balance(GATE_FUTURES, instrument.quote).total
        exact = (taken.cost - max(ZERO, fund)) / (taken.contracts * taken.multiplier)
        rounding = ROUND_CEILING if side == "sell" else ROUND_FLOOR
        limit = (exact / instrument.price_tick).to_integral_value(rounding) * instrument.price_tick
        resting = RestingOrder("", INSURANCE, side, max(limit, instrument.price_tick), abs(taken.contracts))
        placed = self.state.markets[(GATE_FUTURES, instrument.symbol)].place(resting, "ioc")
        self._book(instrument, side, placed.matches, None, INSURANCE)
        for position in deleveraging.queue(self.state, instrument.symbol, -1 if taken.contracts > 0 else 1):
            if taken.contracts:
                contracts = min(abs(position.contracts), abs(taken.contracts))
                self._deleverage(position, contracts, bankruptcy, INSURANCE)

    def _deleverage(self, position: PositionState, contracts: Decimal, price: Decimal, against: str) -> None:
        """Close part of a position without the book, against the fund or the outside world."""
        instrument = self.state.instruments[(GATE_FUTURES, position.symbol)]
        if position.uid == EXTERNAL:
            side: Side = "sell" if position.contracts > 0 else "buy"
            self._settlement.book_outside(EXTERNAL, instrument, side, price, contracts)
            other: Side = "buy" if side == "sell" else "sell"
            self._settlement.book_outside(against, instrument, other, price, contracts)
            return
        symbol = position.symbol if self.state.rules.adl_cancels == "contract" else None
        for waiting in self.open_orders(GATE_FUTURES, position.uid, symbol):
            self._cancel(waiting, "auto_deleveraged")
        order = self._venue_order(position, contracts, price, DELEVERAGING_TEXT)
        self._fill_off_book(order, contracts, price, against, free=not self.state.rules.adl_fee)
        self._settlement.finish(order, "auto_deleveraged", closed=True)

    def _venue_order(self, position: PositionState, contracts: Decimal, price: Decimal, text: str) -> OrderState:
        """An order in the name of the account that it did not place."""
        instrument = self.state.instruments[(GATE_FUTURES, position.symbol)]
        side: Side = "sell" if position.contracts > 0 else "buy"
        request = OrderRequest(
            position.symbol, side, "limit", "ioc", contracts, price, client_id=text, reduce_only=True
        )
        return self._accept(GATE_FUTURES, position.uid, Checked(request, instrument, price, instrument.quote, ZERO))

    def _fill_off_book(
        self, order: OrderState, contracts: Decimal, price: Decimal, against: str, *, free: bool
    ) -> None:
        """A fill that no public trade tells of."""
        instrument = self.state.instruments[(GATE_FUTURES, order.symbol)]
        number = self.state.ids.trade_id(GATE_FUTURES)
        self._settlement.book_fill(order, price, contracts, "taker", number, free=free)
        other: Side = "buy" if order.side == "sell" else "sell"
        self._settlement.book_outside(against, instrument, other, price, contracts)
