"""What one command changed: collected while it runs, written ahead to the journal, then told to the subscribers."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from .records import FundingSettled, LedgerRow, OrderState, PrivateEvent, UserTrade, Venue


@attrs.define
class Transfer:
    """Money moved between two wallets of one account."""

    transfer_id: int
    uid: str
    asset: str
    source: Venue
    target: Venue
    amount: str
    time_ms: int


@attrs.define
class Effects:
    """Everything since the last commit. Dicts serve as ordered sets, so that the order is that of the changes."""

    orders: dict[tuple[Venue, str], OrderState] = attrs.field(factory=dict)
    trades: list[UserTrade] = attrs.field(factory=list)
    ledger: list[LedgerRow] = attrs.field(factory=list)
    wallets: dict[tuple[str, Venue, str], None] = attrs.field(factory=dict)
    positions: dict[tuple[str, str], None] = attrs.field(factory=dict)
    transfers: list[Transfer] = attrs.field(factory=list)
    fundings: list[FundingSettled] = attrs.field(factory=list)
    events: list[PrivateEvent] = attrs.field(factory=list)

    def __bool__(self) -> bool:
        """Whether anything worth persisting happened (events alone never do)."""
        return bool(
            self.orders
            or self.trades
            or self.ledger
            or self.wallets
            or self.positions
            or self.transfers
            or self.fundings
        )


@attrs.define
class PrivateHub:
    """Subscribers of private events; each is called synchronously, in subscription order, after the journal write."""

    _subscribers: dict[int, tuple[str | None, Callable[[PrivateEvent], None]]] = attrs.field(factory=dict)
    _next: int = 0

    def subscribe(self, callback: Callable[[PrivateEvent], None], *, uid: str | None = None) -> Callable[[], None]:
        """Call ``callback`` for every private event (of one account); returns the function that ends it."""
        number = self._next
        self._next += 1
        self._subscribers[number] = (uid, callback)

        def unsubscribe() -> None:
            self._subscribers.pop(number, None)

        return unsubscribe

    def publish(self, event: PrivateEvent, uid: str) -> None:
        """Tell everybody who listens to that account."""
        for wanted, callback in list(self._subscribers.values()):
            if wanted is None or wanted == uid:
                callback(event)
