"""Wallets, ledgers and positions of every account; money only ever moves, so each asset's sum over all is constant."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import attrs

from .clock import FakeClock
from .effects import Effects
from .ids import Ids
from .records import (
    EXTERNAL,
    GATE_FUTURES,
    HOUSE,
    INSURANCE,
    ZERO,
    BalanceChange,
    LedgerRow,
    PositionState,
    UserTrade,
    Venue,
)


@attrs.define
class Balance:
    """One asset in one wallet; ``locked`` is the part that open orders hold."""

    total: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def available(self) -> Decimal:
        """What can be spent now."""
        return self.total - self.locked


@attrs.define(eq=False)
class Account:
    """One owner: credentials, a wallet per venue, a position per contract, and its history."""

    uid: str
    key: str = ""
    secret: str = ""
    balances: dict[tuple[Venue, str], Balance] = attrs.field(factory=dict)
    positions: dict[str, PositionState] = attrs.field(factory=dict)
    trades: list[UserTrade] = attrs.field(factory=list)
    ledger: list[LedgerRow] = attrs.field(factory=list)
    rows_forgotten: int = 0
    """How many ledger rows, older than the first one here, are gone."""
    opening: dict[tuple[Venue, str], Decimal] = attrs.field(factory=dict)
    opening_positions: dict[str, Decimal] = attrs.field(factory=dict)

    def balance(self, venue: Venue, asset: str) -> Balance:
        """The balance of one asset, created empty when it was never touched."""
        return self.balances.setdefault((venue, asset), Balance())

    def wallet(self, venue: Venue) -> dict[str, Balance]:
        """All assets of one wallet that were ever touched."""
        return {asset: held for (where, asset), held in self.balances.items() if where == venue}


@attrs.define
class Accounts:
    """Every account by uid, the house, the insurance fund and the outside world included."""

    clock: FakeClock
    ids: Ids
    effects: Effects
    by_uid: dict[str, Account] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for uid in (HOUSE, EXTERNAL, INSURANCE):
            self.by_uid.setdefault(uid, Account(uid))

    def api(self) -> Iterator[Account]:
        """The accounts that have credentials."""
        return (account for account in self.by_uid.values() if account.key)

    def by_key(self, key: str) -> Account | None:
        """The account that owns an API key."""
        return next((account for account in self.api() if account.key == key), None)

    def create(self, uid: str, key: str, secret: str, opening: dict[Venue, dict[str, Decimal]]) -> Account:
        """A new account whose opening balances come out of the outside world, as a deposit."""
        if uid in self.by_uid or self.by_key(key) is not None:
            raise ValueError(f"account {uid} or its key exists already")
        account = self.by_uid[uid] = Account(uid, key, secret)
        for venue, assets in opening.items():
            for asset, amount in assets.items():
                self.deposit(uid, venue, asset, amount)
                account.opening[(venue, asset)] = amount
        return account

    def available(self, uid: str, venue: Venue, asset: str) -> Decimal:
        """What that account can spend of that asset there."""
        held = self.by_uid[uid].balances.get((venue, asset))
        return held.available if held is not None else ZERO

    def position(self, uid: str, symbol: str, multiplier: Decimal) -> PositionState:
        """The (possibly flat) position of an account in one contract."""
        found = self.by_uid[uid].positions.get(symbol)
        if found is None:
            found = self.by_uid[uid].positions[symbol] = PositionState(uid, symbol, multiplier=multiplier)
        return found

    def held(self, uid: str, symbol: str, multiplier: Decimal) -> PositionState:
        """The position, or a flat one that nobody keeps: to look at it must not make a row that others can see."""
        return self.by_uid[uid].positions.get(symbol) or PositionState(uid, symbol, multiplier=multiplier)

    def deposit(self, uid: str, venue: Venue, asset: str, amount: Decimal) -> None:
        """Money arrives from outside (or leaves, when negative)."""
        self.apply(EXTERNAL, venue, asset, -amount, kind="dnw")
        self.apply(uid, venue, asset, amount, kind="dnw")

    def apply(
        self,
        uid: str,
        venue: Venue,
        asset: str,
        change: Decimal = ZERO,
        locked_change: Decimal = ZERO,
        *,
        kind: str,
        symbol: str = "",
        order_id: str = "",
        trade_id: str = "",
    ) -> None:
        """Change one balance; the caller books the opposite change elsewhere. An API account gets rows and events.

        Raises RuntimeError when a spot wallet would be overdrawn: checks come first, so that is a bug of the fake.
        """
        account = self.by_uid[uid]
        held = account.balance(venue, asset)
        held.total += change
        held.locked += locked_change
        self.effects.wallets[(uid, venue, asset)] = None
        if not account.key:
            return
        if held.locked < 0 or (venue != GATE_FUTURES and held.total < held.locked):
            raise RuntimeError(f"{uid} overdrew {asset} on {venue}: {held}")
        now_ms = self.clock.ms(venue)
        if change:
            row = LedgerRow(
                self.ids.next("ledger"), uid, venue, asset, change, held.total, kind, now_ms, symbol, order_id, trade_id
            )
            account.ledger.append(row)
            self.effects.ledger.append(row)
        self.effects.events.append(
            BalanceChange(
                uid,
                venue,
                asset,
                kind,
                change,
                locked_change,
                held.total,
                held.locked,
                now_ms,
                symbol,
                order_id,
                trade_id,
            )
        )

    def touch_position(self, position: PositionState) -> None:
        """Note that a position changed: it is persisted, and its owner told, at the next commit."""
        position.update_id += 1
        position.update_ms = self.clock.ms(GATE_FUTURES)
        self.effects.positions[(position.uid, position.symbol)] = None
        if self.by_uid[position.uid].key:
            self.effects.events.append(position.copy())

    def totals(self) -> dict[str, Decimal]:
        """Sum of each asset over every wallet of every account; constant for ever."""
        sums: dict[str, Decimal] = {}
        for account in self.by_uid.values():
            for (_, asset), held in account.balances.items():
                sums[asset] = sums.get(asset, ZERO) + held.total
        return sums
