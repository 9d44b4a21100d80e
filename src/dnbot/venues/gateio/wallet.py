"""The futures wallet: its total is always told, what is free of margin only over REST.

Sources: Gate API v4 docs, "Futures" (accounts); futures WebSocket docs (balances).
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.units import ZERO
from dnbot.venues.gateio.account import wallet_problem_of
from dnbot.venues.gateio.futures_shapes import Wallet, WalletUpdate
from dnbot.venues.gateio.literals import decimal_of, epoch_ms_of
from dnbot.venues.wire import Balance

_POINT_ROWS = "point_"


@attrs.define
class WalletView:
    """Completes what a pushed row leaves out.

    A row tells the new total and nothing about margin. `available` is then what the last read said, moved by as much as
    the total has moved since; it is exact until margin changes, and 0 before the first read.
    """

    coin: str
    _last: Balance | None = None
    """What the last read said."""

    def read(self, wallet: Wallet) -> Balance:
        """The wallet over REST. A unified or two-sided account is refused by name: its totals are not here."""
        problem = wallet_problem_of(wallet)
        if problem is not None:
            raise ValueError(problem)
        if wallet.currency.upper() != self.coin:
            raise ValueError(f"a wallet in {wallet.currency}, not in {self.coin}")
        total, available = decimal_of(wallet.total), decimal_of(wallet.available)
        # `update_time` is whole seconds of the last change: beside pushed milliseconds it would look older than it is.
        self._last = Balance(Venue.GATE_FUTURES, self.coin, total, available)
        return self._last

    def pushed(self, row: WalletUpdate, at_ms: int) -> Balance | None:
        """The wallet after a pushed row; None for rows about points or another coin."""
        if row.type.startswith(_POINT_ROWS) or row.currency.upper() != self.coin:
            return None
        total = decimal_of(row.balance)
        told_at_ms = epoch_ms_of(row.time_ms, row.time) or at_ms
        return Balance(Venue.GATE_FUTURES, self.coin, total, self._available(total), told_at_ms)

    def _available(self, total: Decimal) -> Decimal:
        if self._last is None:
            return ZERO
        free = self._last.available + total - self._last.total
        return min(max(free, ZERO), max(total, ZERO))
