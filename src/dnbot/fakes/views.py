"""What can be seen and heard of the exchange: books, orders, fills, balances, marks, and subscriptions to them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import attrs

from .accounts import Account, Balance
from .clock import FakeClock
from .effects import PrivateHub
from .instruments import FeeRates, Instrument
from .ledger_state import ExchangeState, Margin
from .records import (
    GATE_FUTURES,
    BookSnapshot,
    FundingSettled,
    LevelChange,
    MarkState,
    OrderState,
    PositionState,
    PrivateEvent,
    PublicTrade,
    UserTrade,
    Venue,
)


@attrs.define(eq=False)
class ExchangeViews:
    """The reading half of the exchange; nothing here changes anything."""

    clock: FakeClock
    state: ExchangeState = attrs.field(init=False)
    _private: PrivateHub = attrs.field(factory=PrivateHub, init=False)
    _trade_callbacks: dict[tuple[Venue, str], list[Callable[[PublicTrade], None]]] = attrs.field(
        factory=dict, init=False
    )
    _mark_callbacks: list[Callable[[MarkState], None]] = attrs.field(factory=list, init=False)

    # -- listening

    def subscribe_private(
        self, callback: Callable[[PrivateEvent], None], *, uid: str | None = None
    ) -> Callable[[], None]:
        """Hear OrderEvent, UserTrade, BalanceChange, PositionState (of one account); returns the unsubscriber."""
        return self._private.subscribe(callback, uid=uid)

    def subscribe_levels(
        self, venue: Venue, symbol: str, callback: Callable[[LevelChange], None]
    ) -> Callable[[], None]:
        """Hear every level change of one book, in ``book_id`` order without gaps; returns the unsubscriber."""
        listeners = self.state.markets[(venue, symbol)].listeners
        listeners.append(callback)
        return lambda: listeners.remove(callback)

    def subscribe_trades(
        self, venue: Venue, symbol: str, callback: Callable[[PublicTrade], None]
    ) -> Callable[[], None]:
        """Hear every public trade of one market; returns the unsubscriber."""
        listeners = self._trade_callbacks.setdefault((venue, symbol), [])
        listeners.append(callback)
        return lambda: listeners.remove(callback)

    def subscribe_marks(self, callback: Callable[[MarkState], None]) -> Callable[[], None]:
        """Hear every change of mark, index or funding of any contract; returns the unsubscriber."""
        self._mark_callbacks.append(callback)
        return lambda: self._mark_callbacks.remove(callback)

    # -- reading

    def instrument(self, venue: Venue, symbol: str) -> Instrument | None:
        """The instrument of a neutral symbol on one venue."""
        return self.state.instruments.get((venue, symbol))

    def instrument_by_name(self, venue: Venue, name: str) -> Instrument | None:
        """The instrument with that wire name (BTC_USDT, BTCUSDT)."""
        symbol = self.state.symbols.get((venue, name))
        return None if symbol is None else self.state.instruments[(venue, symbol)]

    def instruments(self, venue: Venue) -> list[Instrument]:
        """All instruments of one venue."""
        return [i for (where, _), i in self.state.instruments.items() if where == venue]

    def depth(self, venue: Venue, symbol: str, limit: int = 100) -> BookSnapshot:
        """Best levels and the newest book id of one market."""
        market = self.state.markets[(venue, symbol)]
        return BookSnapshot(
            market.book_id, self.clock.ms(venue), market.depth("buy", limit), market.depth("sell", limit)
        )

    def last_price(self, venue: Venue, symbol: str) -> Decimal | None:
        """Price of the newest trade; before the first one, the middle of the book."""
        last = self.state.last_price.get((venue, symbol))
        return last if last is not None else self.state.reference_price(venue, symbol)

    def mark(self, symbol: str) -> MarkState:
        """Mark, index and funding of one contract."""
        return self.state.marks[symbol]

    def fundings(self, symbol: str) -> list[FundingSettled]:
        """Past settlements, oldest first."""
        return [settled for settled in self.state.fundings if settled.symbol == symbol]

    def fee_rates(self, venue: Venue, uid: str) -> FeeRates:
        """Maker and taker rates of one account there."""
        return self.state.fee_rates(venue, uid)

    def account(self, uid: str) -> Account:
        """The account with that uid; raises KeyError."""
        return self.state.accounts.by_uid[uid]

    def account_by_key(self, key: str) -> Account | None:
        """The account that owns an API key, or None."""
        return self.state.accounts.by_key(key)

    def balances(self, venue: Venue, uid: str) -> dict[str, Balance]:
        """Every asset ever touched in one wallet."""
        return self.account(uid).wallet(venue)

    def margin(self, uid: str) -> Margin:
        """The futures wallet at current marks."""
        return self.state.margin(uid)

    def position(self, uid: str, symbol: str) -> PositionState:
        """Perp position of an account, flat when it has none."""
        multiplier = self.state.instruments[(GATE_FUTURES, symbol)].multiplier
        return self.state.accounts.position(uid, symbol, multiplier)

    def order(self, venue: Venue, uid: str, order_id: str = "", *, client_id: str = "") -> OrderState | None:
        """One order of that account by venue id, or the newest one with that client id."""
        if not order_id:
            order_id = self.state.client_ids.get((venue, uid, client_id), "")
        order = self.state.orders.get((venue, order_id))
        return order if order is not None and order.uid == uid else None

    def open_orders(self, venue: Venue, uid: str, symbol: str | None = None) -> list[OrderState]:
        """Open orders, oldest first."""
        return self.state.open_of(venue, uid, symbol)

    def orders(self, venue: Venue, uid: str, symbol: str | None = None) -> list[OrderState]:
        """All orders ever accepted from that account there, oldest first."""
        return [
            order
            for (where, _), order in self.state.orders.items()
            if where == venue and order.uid == uid and symbol in (None, order.symbol)
        ]

    def newest_orders(self) -> dict[str, OrderState]:
        """The order that each account had accepted last, at whatever venue, by uid; one without orders is absent."""
        found: dict[str, OrderState] = {}
        for order in reversed(self.state.orders.values()):
            found.setdefault(order.uid, order)
        return found

    def trades(self, venue: Venue, uid: str, symbol: str | None = None, order_id: str | None = None) -> list[UserTrade]:
        """Fills of that account there, oldest first."""
        return [
            fill
            for fill in self.account(uid).trades
            if fill.venue == venue and symbol in (None, fill.symbol) and order_id in (None, fill.order_id)
        ]
