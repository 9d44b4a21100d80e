"""What must be true of the money, the orders and the positions of the fake venues after every single step.

Each check stands alone, raises AssertionError, and is called both by the conservation suite and by the test that plants
defects. Nothing is computed with the fakes' own arithmetic: rates, multipliers and rules are typed again here from
Gate's and MEXC's documents.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from dnbot.fakes.exchange import Exchange
from dnbot.fakes.records import (
    GATE_FUTURES,
    GATE_SPOT,
    INSURANCE,
    MEXC_SPOT,
    LedgerRow,
    OrderEvent,
    OrderState,
    PositionState,
    PrivateEvent,
    UserTrade,
)

D = Decimal
ZERO = D(0)
MULTIPLIERS = {"BTC/USDT": D("0.0001"), "ETH/USDT": D("0.01")}
"""`quanto_multiplier` of the contracts."""
RATES = {
    (GATE_SPOT, "maker"): D("0.002"),
    (GATE_SPOT, "taker"): D("0.002"),
    (GATE_FUTURES, "maker"): D("0.0002"),
    (GATE_FUTURES, "taker"): D("0.0005"),
    (MEXC_SPOT, "maker"): D(0),
    (MEXC_SPOT, "taker"): D("0.0005"),
}
MX_PRICE, MX_STEP = D(2), D("1e-12")


def assets_are_conserved(exchange: Exchange) -> None:
    """Whatever happened, all wallets of all owners together hold nothing: every amount came from somebody."""
    sums: dict[str, Decimal] = {}
    for account in exchange.state.accounts.by_uid.values():
        for (_, asset), held in account.balances.items():
            sums[asset] = sums.get(asset, ZERO) + held.total
    assert all(total == 0 for total in sums.values()), f"made or lost: {sums}"


def positions_cancel_out(exchange: Exchange) -> None:
    """For every contract that somebody holds, somebody else is short; the insurance fund never keeps any."""
    held: dict[str, Decimal] = {}
    for account in exchange.state.accounts.by_uid.values():
        for symbol, position in account.positions.items():
            held[symbol] = held.get(symbol, ZERO) + position.contracts
            assert account.uid != INSURANCE or not position.contracts, "the fund kept a position"
            assert bool(position.contracts) == bool(position.cost), f"cost of nothing: {position}"
    assert not any(held.values()), f"positions do not cancel out: {held}"


def no_book_is_crossed(exchange: Exchange) -> None:
    """The best bid is below the best ask."""
    for key, market in exchange.state.markets.items():
        bid, ask = market.best("buy"), market.best("sell")
        assert bid is None or ask is None or bid[0] < ask[0], f"{key} is crossed: {bid} {ask}"


def locks_are_what_open_orders_need(exchange: Exchange, uid: str) -> None:
    """Spot: locked + available = total, nothing below zero, and locked is what the open orders can still spend."""
    needed: dict[tuple[str, str], Decimal] = {}
    for venue in (GATE_SPOT, MEXC_SPOT):
        for order in exchange.open_orders(venue, uid):
            asset, amount = _need(order)
            needed[venue, asset] = needed.get((venue, asset), ZERO) + amount
    for (venue, asset), held in exchange.account(uid).balances.items():
        assert held.locked + held.available == held.total
        assert held.locked == needed.get((venue, asset), ZERO), f"{uid} {venue} {asset}: locked {held.locked}"
        assert venue == GATE_FUTURES or held.available >= 0, f"{uid} {venue} {asset}: {held}"


def _need(order: OrderState) -> tuple[str, Decimal]:
    base, quote = order.symbol.split("/")
    if order.side == "sell":
        return base, order.quantity - order.filled
    share = 1 + (RATES[MEXC_SPOT, "taker"] if order.venue == MEXC_SPOT else ZERO)
    return quote, (order.quantity - order.filled) * order.price * share


def margin_adds_up(exchange: Exchange, uid: str) -> None:
    """Futures wallet + profit of cross positions = available + margins of positions + margins of open orders."""
    held = exchange.account(uid).balance(GATE_FUTURES, "USDT")
    profit = margins = ZERO
    for symbol, position in exchange.account(uid).positions.items():
        mark = exchange.mark(symbol).mark
        value = abs(position.contracts) * MULTIPLIERS[symbol] * mark
        if position.leverage:
            assert position.margin >= 0, f"negative margin: {position}"
            margins += position.margin
        else:
            assert position.margin == 0
            profit += position.contracts * MULTIPLIERS[symbol] * mark - position.cost
            margins += value / position.cross_leverage
    for order in exchange.open_orders(GATE_FUTURES, uid):
        if not order.reduce_only:
            position = exchange.position(uid, order.symbol)
            leverage = position.leverage or position.cross_leverage
            value = (order.quantity - order.filled) * MULTIPLIERS[order.symbol] * order.price
            margins += value / leverage
    available = held.total + profit - margins
    assert abs(exchange.margin(uid).available - available) < D("1e-15"), "margin does not add up"


def orders_keep_their_promises(exchange: Exchange, orders: list[OrderState]) -> None:
    """Only gtc and poc stay open; fok is filled whole or not at all; poc never takes; fills add up."""
    for order in orders:
        fills = exchange.trades(order.venue, order.uid, order_id=order.order_id)
        assert sum((fill.quantity for fill in fills), ZERO) == order.filled, f"fills of {order}"
        assert order.quote_amount is not None or order.filled <= order.quantity, f"filled twice: {order}"
        assert order.tif in ("gtc", "poc") or not order.is_open, f"{order.tif} left open: {order}"
        if order.tif == "fok":
            assert order.filled in (ZERO, order.quantity), f"fok in part: {order}"
        if order.tif == "poc":
            assert all(fill.role == "maker" for fill in fills), f"poc took: {order}"
        resting = exchange.state.markets[(order.venue, order.symbol)].order(order.order_id)
        assert (resting is not None) <= order.is_open, f"ended, and in the book: {order}"
        if order.is_open:
            assert resting is not None, f"open, and not in the book: {order}"
            exact = resting.quantity_left == order.left
            assert exact or order.reduce_only, f"the book holds {resting.quantity_left} of {order}"


def limits_hold(order: OrderState, fill: UserTrade) -> None:
    """No fill is worse than the limit that its order had, which is the one it has right after the command."""
    sign = 1 if order.side == "buy" else -1
    assert not order.price or sign * fill.price <= sign * order.price, f"{fill} is worse than the limit of {order}"


def reduce_only_orders_only_reduce(exchange: Exchange, uid: str) -> None:
    """What waits in the book as reduce-only is against the position and, together, not more than it."""
    for symbol in MULTIPLIERS:
        held, promised = exchange.position(uid, symbol).contracts, ZERO
        for order in exchange.open_orders(GATE_FUTURES, uid, symbol):
            resting = exchange.state.markets[(GATE_FUTURES, symbol)].order(order.order_id)
            if order.reduce_only and resting is not None:
                assert (held > 0) == (order.side == "sell"), f"would grow {held}: {order}"
                promised += resting.quantity_left
        assert promised <= abs(held), f"{promised} would be reduced of {held}"


def client_ids_in_use_are_unique(exchange: Exchange, uid: str) -> None:
    """On Gate no two open orders of an account have the same client id."""
    for venue in (GATE_SPOT, GATE_FUTURES):
        used = [order.client_id for order in exchange.open_orders(venue, uid) if order.client_id]
        assert len(used) == len(set(used)), f"client id used twice: {used}"


@attrs.define
class Shadow:
    """A second book-keeping of one account, from its fills and from what the test itself did; never from balances."""

    uid: str
    wallets: dict[tuple[str, str], Decimal] = attrs.field(factory=dict)
    contracts: dict[str, Decimal] = attrs.field(factory=dict)
    mx_fees: bool = False
    adl_fee: bool = False

    def add(self, venue: str, asset: str, change: Decimal) -> None:
        """Money that came or went."""
        self.wallets[venue, asset] = self.wallets.get((venue, asset), ZERO) + change

    def fill(self, fill: UserTrade) -> None:
        """A trade: what is paid, what is received, and the fee by the venue's documents."""
        base, quote = fill.symbol.split("/")
        sign = 1 if fill.side == "buy" else -1
        if fill.venue == GATE_FUTURES:
            value = fill.price * fill.quantity * MULTIPLIERS[fill.symbol]
            self.contracts[fill.symbol] = self.contracts.get(fill.symbol, ZERO) + sign * fill.quantity
        else:
            value = fill.price * fill.quantity
            self.add(fill.venue, base, sign * fill.quantity)
        self.add(fill.venue, quote, -sign * value)
        fee, asset = self._fee(fill, value)
        assert (fill.fee, fill.fee_asset) == (fee, asset), f"fee of {fill} should be {fee} {asset}"
        self.add(fill.venue, asset, -fee)

    def _fee(self, fill: UserTrade, value: Decimal) -> tuple[Decimal, str]:
        base, quote = fill.symbol.split("/")
        rate = RATES[fill.venue, fill.role]
        if fill.client_id == "auto_deleveraging" and not self.adl_fee:
            return ZERO, quote
        if fill.venue == GATE_SPOT and fill.side == "buy":
            return fill.quantity * rate, base
        if self.mx_fees and fill.venue == MEXC_SPOT and fill.fee_asset == "MX":
            return (value * rate / MX_PRICE).quantize(MX_STEP), "MX"
        return value * rate, quote

    def fund(self, symbol: str, mark: Decimal, rate: Decimal) -> None:
        """A settlement: longs pay a positive rate on the value at the mark."""
        self.add(GATE_FUTURES, "USDT", -self.contracts.get(symbol, ZERO) * MULTIPLIERS[symbol] * mark * rate)

    def forfeit(self, row: LedgerRow) -> None:
        """What the insurance fund took after a liquidation, or paid: the one amount that is read from the venue."""
        if row.kind == "pnl" and not row.trade_id:
            self.add(row.venue, row.asset, row.change)

    def agrees(self, exchange: Exchange) -> None:
        """Every balance is explained: the futures wallet holds in addition what open positions have cost."""
        account = exchange.account(self.uid)
        costs = sum((position.cost for position in account.positions.values()), ZERO)
        for (venue, asset), held in account.balances.items():
            expected = self.wallets.get((venue, asset), ZERO)
            if (venue, asset) == (GATE_FUTURES, "USDT"):
                expected += costs
            assert held.total == expected, f"{self.uid} {venue} {asset}: {held.total}, fills say {expected}"
        for symbol, contracts in self.contracts.items():
            assert account.positions[symbol].contracts == contracts, f"{self.uid} {symbol}: {contracts} were traded"


@attrs.define
class Watcher:
    """Hears everything the exchange says in private and keeps a shadow of every account."""

    exchange: Exchange
    shadows: dict[str, Shadow] = attrs.field(factory=dict)
    touched: dict[tuple[str, str], OrderState] = attrs.field(factory=dict)
    told: dict[tuple[str, str, str], Decimal] = attrs.field(factory=dict)
    rows: dict[str, int] = attrs.field(factory=dict)

    def attach(self) -> None:
        """Begin with what the accounts hold now."""
        for account in self.exchange.state.accounts.api():
            shadow = self.shadows[account.uid] = Shadow(account.uid)
            for (venue, asset), held in account.balances.items():
                shadow.add(venue, asset, held.total)
                self.told[account.uid, venue, asset] = held.total
            self.rows[account.uid] = len(account.ledger)
        self.exchange.subscribe_private(self._hear)

    def _hear(self, event: PrivateEvent) -> None:
        if isinstance(event, OrderEvent):
            live = self.exchange.state.orders[event.order.venue, event.order.order_id]
            self.touched[live.venue, live.order_id] = live
        elif isinstance(event, UserTrade):
            self.shadows[event.uid].fill(event)
            limits_hold(self.exchange.state.orders[event.venue, event.order_id], event)
        elif not isinstance(event, PositionState):
            key = (event.uid, event.venue, event.asset)
            assert event.total - event.change == self.told.get(key, ZERO), f"a change was not told before {event}"
            self.told[key] = event.total

    def check(self) -> None:
        """All checks of this file, after one step."""
        exchange = self.exchange
        assets_are_conserved(exchange)
        positions_cancel_out(exchange)
        no_book_is_crossed(exchange)
        orders_keep_their_promises(exchange, list(self.touched.values()))
        self.touched.clear()
        for uid, shadow in self.shadows.items():
            ledger = exchange.account(uid).ledger
            for row in ledger[self.rows[uid] :]:
                shadow.forfeit(row)
            self.rows[uid] = len(ledger)
            locks_are_what_open_orders_need(exchange, uid)
            margin_adds_up(exchange, uid)
            client_ids_in_use_are_unique(exchange, uid)
            shadow.agrees(exchange)
            reduce_only_orders_only_reduce(exchange, uid)
            for (venue, asset), held in exchange.account(uid).balances.items():
                told = self.told.get((uid, venue, asset), ZERO)
                assert told == held.total, f"{uid} {venue} {asset}: {told} was told, {held.total} is held"
