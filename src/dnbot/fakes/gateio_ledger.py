"""Running sums over the append-only ledgers, so that a client that polls its account does not make the fake slow."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .exchange import Exchange
from .records import GATE_SPOT, ZERO, Venue


@attrs.define
class WalletSums:
    """One wallet of one account: rows seen, the newest row's time, and sums and counts by kind and by asset."""

    rows: int = 0
    newest_ms: int = 0
    change_by_kind: dict[str, Decimal] = attrs.field(factory=dict)
    rows_by_asset: dict[str, int] = attrs.field(factory=dict)


@attrs.define(eq=False)
class LedgerSums:
    """Sums of every wallet; each ledger row is looked at once."""

    exchange: Exchange
    _read: dict[str, int] = attrs.field(factory=dict)
    _wallets: dict[tuple[str, Venue], WalletSums] = attrs.field(factory=dict)

    def read_all(self) -> None:
        """Count every row that there is, before some are forgotten."""
        for account in self.exchange.state.accounts.api():
            self.of(account.uid, GATE_SPOT)

    def of(self, uid: str, venue: Venue) -> WalletSums:
        """The sums of one wallet up to now."""
        account = self.exchange.account(uid)
        for row in account.ledger[max(0, self._read.get(uid, 0) - account.rows_forgotten) :]:
            sums = self._wallets.setdefault((uid, row.venue), WalletSums())
            sums.rows += 1
            sums.newest_ms = row.time_ms
            sums.change_by_kind[row.kind] = sums.change_by_kind.get(row.kind, ZERO) + row.change
            sums.rows_by_asset[row.asset] = sums.rows_by_asset.get(row.asset, 0) + 1
        self._read[uid] = account.rows_forgotten + len(account.ledger)
        return self._wallets.setdefault((uid, venue), WalletSums())
