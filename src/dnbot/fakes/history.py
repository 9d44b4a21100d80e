"""What the fakes forget: a process that serves for days keeps the newest orders, fills and ledger rows, and no more.

Open orders, balances and positions are never forgotten, and Gate's sums over its ledger (`history` of the futures
account, `update_id`) go on counting until a restart. A venue keeps ended orders for months (Gate six, MEXC's listing
seven days); a client that asks for one that was forgotten here is told that it does not exist. The audit says how many
are missing from it. Limits are chosen so that memory is level after minutes under a load that the documented request
limits allow, not after hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from .ledger_state import ExchangeState
from .records import Venue

OrderKey = tuple[Venue, str]


@attrs.define
class Forgotten:
    """How many are gone for good."""

    orders: int = 0
    fills: int = 0
    ledger_rows: int = 0


@attrs.define(eq=False)
class History:
    """Keeps `newest` ended orders in all, and as many fills and ledger rows of each account; None keeps everything.

    `before` are called before rows go, so that running sums can read them once; `after` with the orders that are gone
    and the bound, for whoever keeps something of his own about them.
    """

    state: ExchangeState
    newest: int | None
    before: list[Callable[[], None]] = attrs.field(factory=list)
    after: list[Callable[[Sequence[OrderKey], int], None]] = attrs.field(factory=list)
    forgotten: Forgotten = attrs.field(factory=Forgotten)

    def trim(self) -> None:
        """Forget what is too old."""
        if self.newest is None:
            return
        for read in self.before:
            read()
        gone = self._trim_orders(self.newest)
        for account in self.state.accounts.by_uid.values():
            fills, rows = len(account.trades) - self.newest, len(account.ledger) - self.newest
            if fills > 0:
                del account.trades[:fills]
                self.forgotten.fills += fills
            if rows > 0:
                del account.ledger[:rows]
                account.rows_forgotten += rows
                self.forgotten.ledger_rows += rows
        for told in self.after:
            told(gone, self.newest)

    def _trim_orders(self, newest: int) -> list[OrderKey]:
        orders, ids = self.state.orders, self.state.client_ids
        ended = len(orders) - sum(map(len, self.state.open_orders.values()))
        old: list[OrderKey] = []
        for key, order in orders.items():
            if ended - len(old) <= newest:
                break
            if not order.is_open:
                old.append(key)
        for key in old:
            order = orders.pop(key)
            by_client = (order.venue, order.uid, order.client_id)
            if ids.get(by_client) == order.order_id:
                del ids[by_client]
        self.forgotten.orders += len(old)
        return old
