"""Everything the exchange remembers, in one place, so that checks, settlement and persistence share one truth."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import attrs

from .accounts import Accounts
from .clock import FakeClock
from .effects import Effects, Transfer
from .ids import Ids
from .instruments import DEFAULT_FEES, FeePolicy, FeeRates, Instrument
from .matching import Market
from .perpetual_rules import PerpetualRules
from .records import (
    GATE_FUTURES,
    GATE_SPOT,
    MEXC_SPOT,
    ZERO,
    FeeTerms,
    FundingSettled,
    MarkState,
    OrderState,
    PositionState,
    Venue,
)
from .risk import RiskTier, risk_tiers, tier_of

ClientIdReuse = Literal["when_ended", "always", "never"]


def _client_id_reuse() -> dict[Venue, ClientIdReuse]:
    return {GATE_SPOT: "when_ended", GATE_FUTURES: "when_ended", MEXC_SPOT: "always"}


def _fee_policies() -> dict[Venue, FeePolicy]:
    return {GATE_SPOT: "received", GATE_FUTURES: "quote", MEXC_SPOT: "quote"}


@attrs.define(eq=False)
class ExchangeState:
    """Accounts, orders, books and marks of all venues. ``fees`` is by (uid, venue) with a default per venue.

    ``client_id_reuse`` says whether a venue takes a client id again; neither documents it. The default on Gate is what
    a client of it reports (refused while the first order is open), on MEXC that nothing is checked.
    """

    clock: FakeClock
    rules: PerpetualRules = attrs.field(factory=PerpetualRules)
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
    mx_deduct: dict[str, bool] = attrs.field(factory=dict)  # uid -> whether its MEXC fees are taken in MX, when it said
    mx_price: Decimal = Decimal(2)  # quote per MX, for fees deducted in MX
    client_id_reuse: dict[Venue, ClientIdReuse] = attrs.field(factory=_client_id_reuse)
    marks: dict[str, MarkState] = attrs.field(factory=dict)
    tiers: dict[str, tuple[RiskTier, ...]] = attrs.field(factory=dict)
    last_price: dict[tuple[Venue, str], Decimal] = attrs.field(factory=dict)
    transfers: list[Transfer] = attrs.field(factory=list)
    fundings: list[FundingSettled] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.accounts = Accounts(self.clock, self.ids, self.effects)

    def add_instrument(self, instrument: Instrument) -> Market:
        """List one market; returns its (empty) book."""
        key = (instrument.venue, instrument.symbol)
        self.instruments[key] = instrument
        if instrument.is_perp:
            self.tiers[instrument.symbol] = risk_tiers(instrument)
        self.symbols[(instrument.venue, instrument.name)] = instrument.symbol
        market = self.markets[key] = Market(instrument.venue, instrument.symbol, instrument.price_tick)
        return market

    def fee_rates(self, venue: Venue, uid: str) -> FeeRates:
        """The rates of one account on one venue."""
        return self.fees.get((uid, venue), self.default_fees[venue])

    def fee_terms(self, venue: Venue, uid: str) -> FeeTerms:
        """The terms on which an order of one account would be accepted now."""
        return FeeTerms(self.fee_policy[venue], self.fee_rates(venue, uid))

    def deducts_mx(self, uid: str, policy: FeePolicy | None = None) -> bool:
        """Whether the MEXC fees of that account are taken in MX while it has any, on the present policy or that one."""
        return self.mx_deduct.get(uid, (policy or self.fee_policy[MEXC_SPOT]) == "MX")

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

    def client_id_taken(self, venue: Venue, uid: str, client_id: str) -> bool:
        """Whether a new order may not carry this client id."""
        known = self.client_ids.get((venue, uid, client_id)) if client_id else None
        reuse = self.client_id_reuse[venue]
        if known is None or reuse == "always":
            return False
        return reuse == "never" or self.orders[(venue, known)].is_open

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
        account = self.accounts.by_uid[uid]
        margin = Margin(total=account.balance(GATE_FUTURES, "USDT").total)
        for position in account.positions.values():
            if position.contracts:
                self._add_position(margin, position)
        for order in self.open_of(GATE_FUTURES, uid):
            if not order.reduce_only:
                position = self.accounts.position(uid, order.symbol, order.multiplier)
                price = order.price or self.mark_price(order.symbol)
                margin.orders += order.left * order.multiplier * price / position.leverage_in_force
        return margin

    def _add_position(self, margin: Margin, position: PositionState) -> None:
        mark = self.mark_price(position.symbol)
        value, unrealised, needed = position.value(mark), position.unrealised_pnl(mark), self.maintenance(position)
        margin.unrealised += unrealised
        margin.maintenance += needed
        if position.isolated:
            margin.position += position.margin
            margin.isolated += position.margin
            margin.isolated_unrealised += unrealised
            margin.isolated_maintenance += needed
        else:
            margin.position += value / position.cross_leverage
            margin.cross_closing_fees += value * self.closing_fee_rate(position.uid)

    # -- the risk of one position, at the present mark

    def mark_price(self, symbol: str) -> Decimal:
        """The mark of a contract, 0 before there is one."""
        state = self.marks.get(symbol)
        return state.mark if state is not None else ZERO

    def closing_fee_rate(self, uid: str) -> Decimal:
        """What closing costs at most, as a fraction of the value: liquidation and bankruptcy prices allow for it."""
        return max(self.fee_rates(GATE_FUTURES, uid).taker, ZERO)

    def tier(self, position: PositionState) -> RiskTier:
        """The risk limit tier of a position."""
        return tier_of(self.tiers[position.symbol], position.value(self.mark_price(position.symbol)))

    def maintenance(self, position: PositionState) -> Decimal:
        """The maintenance margin of a position, without the fee of closing it."""
        return self.tier(position).maintenance(position.value(self.mark_price(position.symbol)))

    def cash_behind(self, position: PositionState) -> Decimal:
        """What a position can lose from its entry: its own margin, or all that the cross wallet holds beside it."""
        if position.isolated:
            return position.margin
        return self.margin(position.uid).cross_equity - position.unrealised_pnl(self.mark_price(position.symbol))


@attrs.define
class Margin:
    """A futures wallet in quote. ``total`` is the wallet, without unrealised profit, isolated margins included.

    ``unrealised``, ``position`` (initial margin) and ``maintenance`` are of all positions; ``isolated`` (their margins)
    and the fields named so are of isolated ones alone.
    """

    total: Decimal = ZERO
    unrealised: Decimal = ZERO
    position: Decimal = ZERO
    orders: Decimal = ZERO
    maintenance: Decimal = ZERO
    isolated: Decimal = ZERO
    isolated_unrealised: Decimal = ZERO
    isolated_maintenance: Decimal = ZERO
    cross_closing_fees: Decimal = ZERO

    @property
    def cross_equity(self) -> Decimal:
        """What stands behind all cross positions: their profit and loss count."""
        return self.total - self.isolated + self.unrealised - self.isolated_unrealised

    @property
    def cross_maintenance(self) -> Decimal:
        """What cross positions must keep, the fee of closing them not included."""
        return self.maintenance - self.isolated_maintenance

    @property
    def cross_is_safe(self) -> bool:
        """Whether the cross wallet covers more than maintenance and closing fees; trivially when it holds nothing."""
        return not self.cross_maintenance or self.cross_equity > self.cross_maintenance + self.cross_closing_fees

    @property
    def available(self) -> Decimal:
        """What new positions may use as margin (cross: unrealised profit and loss count)."""
        return self.total + self.unrealised - self.isolated_unrealised - self.position - self.orders

    @property
    def transferable(self) -> Decimal:
        """What may leave the wallet: profit that is not realised yet may not."""
        return min(self.available, self.total - self.position - self.orders)
