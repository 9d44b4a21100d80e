"""Everything the exchange remembers, in one place, so that checks, settlement and persistence share one truth."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .accounts import Accounts
from .clock import FakeClock
from .effects import Effects, Transfer
from .ids import Ids
from .instruments import DEFAULT_FEES, FeePolicy, FeeRates, Instrument
from .matching import Market
from .records import (
    GATE_FUTURES,
    GATE_SPOT,
    MEXC_SPOT,
    ZERO,
    FundingSettled,
    MarkState,
    OrderState,
    Venue,
)


def _fee_policies() -> dict[Venue, FeePolicy]:
    return {GATE_SPOT: "received", GATE_FUTURES: "quote", MEXC_SPOT: "quote"}


@attrs.define(eq=False)
class ExchangeState:
    """Accounts, orders, books and marks of all venues. ``fees`` is by (uid, venue) with a default per venue."""

    clock: FakeClock
    ids: Ids = attrs.field(factory=Ids)
    effects: Effects = attrs.field(factory=Effects)
    accounts: Accounts = attrs.field(init=False)
    instruments: dict[tuple[Venue, str], Instrument] = attrs.field(factory=dict)
    symbols: dict[tuple[Venue, str], str] = attrs.field(factory=dict)  # by wire name
    markets: dict[tuple[Venue, str], Market] = attrs.field(factory=dict)
    orders: dict[tuple[Venue, str], OrderState] = attrs.field(factory=dict)
    open_orders: dict[tuple[Venue, str], dict[str, OrderState]] = attrs.field(factory=dict)
    client_ids: dict[tuple[Venue, str, str], str] = attrs.field(factory=dict)
    default_fees: dict[Venue, FeeRates] = attrs.field(factory=lambda: dict(DEFAULT_FEES))
    fees: dict[tuple[str, Venue], FeeRates] = attrs.field(factory=dict)
    fee_policy: dict[Venue, FeePolicy] = attrs.field(factory=_fee_policies)
    mx_price: Decimal = Decimal(2)  # quote per MX, for fees deducted in MX
    marks: dict[str, MarkState] = attrs.field(factory=dict)
    last_price: dict[tuple[Venue, str], Decimal] = attrs.field(factory=dict)
    transfers: list[Transfer] = attrs.field(factory=list)
    fundings: list[FundingSettled] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.accounts = Accounts(self.clock, self.ids, self.effects)

    def add_instrument(self, instrument: Instrument) -> Market:
        """List one market; returns its (empty) book."""
        key = (instrument.venue, instrument.symbol)
        self.instruments[key] = instrument
        self.symbols[(instrument.venue, instrument.name)] = instrument.symbol
        market = self.markets[key] = Market(instrument.venue, instrument.symbol, instrument.price_tick)
        return market

    def fee_rates(self, venue: Venue, uid: str) -> FeeRates:
        """The rates of one account on one venue."""
        return self.fees.get((uid, venue), self.default_fees[venue])

    def admit(self, order: OrderState) -> None:
        """Index an order (a new one, or one read back from the journal)."""
        self.orders[(order.venue, order.order_id)] = order
        mine = self.open_orders.setdefault((order.venue, order.uid), {})
        if order.is_open:
            mine[order.order_id] = order
        else:
            mine.pop(order.order_id, None)
        if order.client_id:
            self.client_ids[(order.venue, order.uid, order.client_id)] = order.order_id

    def open_of(self, venue: Venue, uid: str, symbol: str | None = None) -> list[OrderState]:
        """Open orders of an account, oldest first."""
        mine = self.open_orders.get((venue, uid), {})
        return [order for order in mine.values() if symbol is None or order.symbol == symbol]

    def reference_price(self, venue: Venue, symbol: str) -> Decimal | None:
        """The price that bands are measured from: the mark on the perp, else the middle of the book, else the last."""
        if venue == GATE_FUTURES and symbol in self.marks:
            return self.marks[symbol].mark
        market = self.markets[(venue, symbol)]
        bid, ask = market.best("buy"), market.best("sell")
        if bid is not None and ask is not None:
            return (bid[0] + ask[0]) / 2
        return self.last_price.get((venue, symbol))

    def margin(self, uid: str) -> Margin:
        """The futures wallet of one account at the current marks."""
        held = self.accounts.by_uid[uid].balance(GATE_FUTURES, "USDT")
        margin = Margin(total=held.total)
        for position in self.accounts.by_uid[uid].positions.values():
            mark = self._mark(position.symbol)
            leverage = position.leverage or position.cross_leverage
            value = abs(position.contracts) * position.multiplier * mark
            margin.unrealised += position.unrealised_pnl(mark)
            margin.position += value / leverage
            rate = self.instruments[(GATE_FUTURES, position.symbol)].maintenance_rate
            margin.maintenance += value * rate
        for order in self.open_of(GATE_FUTURES, uid):
            if not order.reduce_only:
                position = self.accounts.position(uid, order.symbol, order.multiplier)
                leverage = position.leverage or position.cross_leverage
                price = order.price or self._mark(order.symbol)
                margin.orders += order.left * order.multiplier * price / leverage
        return margin

    def _mark(self, symbol: str) -> Decimal:
        state = self.marks.get(symbol)
        return state.mark if state is not None else ZERO


@attrs.define
class Margin:
    """Cross margin of a futures wallet in quote; ``total`` is the wallet, without unrealised profit."""

    total: Decimal = ZERO
    unrealised: Decimal = ZERO
    position: Decimal = ZERO
    orders: Decimal = ZERO
    maintenance: Decimal = ZERO

    @property
    def available(self) -> Decimal:
        """What new positions may use as margin (cross: unrealised profit and loss count)."""
        return self.total + self.unrealised - self.position - self.orders
