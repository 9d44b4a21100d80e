"""What survives: a snapshot plus an append-only journal, written ahead of every answer, checksummed line by line."""

from __future__ import annotations

import os
import zlib
from decimal import Decimal
from io import BufferedWriter
from pathlib import Path
from typing import Any

import attrs
import msgspec

from .accounts import Account
from .effects import Effects, Transfer
from .ledger_state import ExchangeState
from .records import FundingSettled, LedgerRow, OrderState, PositionState, UserTrade, Venue

SNAPSHOT = "state.json"
FORMAT = 1


class StateCorrupt(Exception):
    """A state file is damaged somewhere else than at its torn end; the message names file and line."""


class WalletRow(msgspec.Struct, frozen=True):
    """Absolute balance of one asset in one wallet."""

    uid: str
    venue: Venue
    asset: str
    total: str
    locked: str


class Entry(msgspec.Struct, omit_defaults=True):
    """One journal line or one snapshot: absolute values of everything named in it, so replaying twice changes nothing.

    ``world`` is what the owner of the exchange wants kept beside it (market position, funding schedule, book ids).
    """

    ids: dict[str, int] = msgspec.field(default_factory=dict)
    orders: list[OrderState] = msgspec.field(default_factory=list)
    trades: list[UserTrade] = msgspec.field(default_factory=list)
    ledger: list[LedgerRow] = msgspec.field(default_factory=list)
    wallets: list[WalletRow] = msgspec.field(default_factory=list)
    positions: list[PositionState] = msgspec.field(default_factory=list)
    transfers: list[Transfer] = msgspec.field(default_factory=list)
    fundings: list[FundingSettled] = msgspec.field(default_factory=list)
    world: dict[str, Any] = msgspec.field(default_factory=dict)


class Snapshot(msgspec.Struct):
    """A whole state and the name of the journal that continues it."""

    format: int
    journal: str
    entry: Entry


@attrs.define(eq=False)
class Journal:
    """The state directory of one exchange. ``write`` reaches the operating system before it returns (survives SIGKILL).

    ``snapshot`` and ``close`` also reach the disk (fsync). Raises OSError when the disk does.
    """

    directory: Path
    state: ExchangeState
    number: int = 0
    lines: int = 0
    _file: BufferedWriter | None = None

    def write(self, effects: Effects) -> None:
        """Append what one command changed."""
        self._append(
            Entry(
                ids=self.state.ids.counters,
                orders=list(effects.orders.values()),
                trades=effects.trades,
                ledger=effects.ledger,
                wallets=[self._wallet(*key) for key in effects.wallets],
                positions=[self.state.accounts.by_uid[uid].positions[symbol] for uid, symbol in effects.positions],
                transfers=effects.transfers,
                fundings=effects.fundings,
            )
        )

    def note(self, world: dict[str, Any]) -> None:
        """Append what the owner wants kept."""
        self._append(Entry(ids=self.state.ids.counters, world=world))

    def snapshot(self, world: dict[str, Any]) -> None:
        """Replace snapshot and journal by a new snapshot and an empty journal; a crash at any point loses nothing."""
        old, self.number = self._path(self.number), self.number + 1
        if self._file is not None:
            self._file.close()
        self._file = self._path(self.number).open("wb")
        whole = Snapshot(FORMAT, self._path(self.number).name, self._whole(world))
        temporary = self.directory / (SNAPSHOT + ".tmp")
        with temporary.open("wb") as file:
            file.write(_line(msgspec.json.encode(whole)))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.directory / SNAPSHOT)
        _fsync_directory(self.directory)
        old.unlink(missing_ok=True)
        self.lines = 0

    def close(self) -> None:
        """Flush to disk and let go of the file."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def abandon(self) -> None:
        """Let go of the file as a kill would: nothing more is written, and nothing that was written is lost."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def load(self) -> dict[str, Any] | None:
        """Bring the exchange state back; returns the newest ``world``, or None when the directory holds no state.

        Raises StateCorrupt when anything but the last line of the journal is damaged.
        """
        path = self.directory / SNAPSHOT
        if not path.exists():
            return None
        body = _checked(path.read_bytes().rstrip(b"\n"))
        if body is None:
            raise StateCorrupt(f"{path}: the checksum does not fit; move the directory away to start anew")
        whole = msgspec.json.decode(body, type=Snapshot)
        if whole.format != FORMAT:
            raise StateCorrupt(f"{path}: format {whole.format} is not {FORMAT}")
        self.number = int(whole.journal.removeprefix("journal-").removesuffix(".jsonl"))
        world = dict(whole.entry.world)
        self._apply(whole.entry)
        for entry in self._entries(self.directory / whole.journal):
            self._apply(entry)
            world.update(entry.world)
        return world

    # -- inside

    def _append(self, entry: Entry) -> None:
        if self._file is None:
            raise OSError(f"{self.directory}: the journal is not open; take a snapshot first")
        self._file.write(_line(msgspec.json.encode(entry)))
        self._file.flush()
        self.lines += 1

    def _entries(self, path: Path) -> list[Entry]:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        entries = []
        for number, line in enumerate(lines):
            body = _checked(line)
            if body is not None:
                entries.append(msgspec.json.decode(body, type=Entry))
            elif any(lines[number + 1 :]):
                raise StateCorrupt(f"{path}:{number + 1}: the checksum does not fit, and lines follow")
        return entries

    def _apply(self, entry: Entry) -> None:
        state = self.state
        state.ids.counters.update(entry.ids)
        for order in entry.orders:
            state.admit(order)
        for fill in entry.trades:
            self._account(fill.uid).trades.append(fill)
        for row in entry.ledger:
            self._account(row.uid).ledger.append(row)
        for wallet in entry.wallets:
            held = self._account(wallet.uid).balance(wallet.venue, wallet.asset)
            held.total, held.locked = Decimal(wallet.total), Decimal(wallet.locked)
        for position in entry.positions:
            self._account(position.uid).positions[position.symbol] = position
        state.transfers.extend(entry.transfers)
        state.fundings.extend(entry.fundings)

    def _account(self, uid: str) -> Account:
        return self.state.accounts.by_uid.setdefault(uid, Account(uid))

    def _whole(self, world: dict[str, Any]) -> Entry:
        state = self.state
        accounts = state.accounts.by_uid.values()
        return Entry(
            ids=state.ids.counters,
            orders=list(state.orders.values()),
            trades=[fill for account in accounts for fill in account.trades],
            ledger=[row for account in accounts for row in account.ledger],
            wallets=[self._wallet(a.uid, venue, asset) for a in accounts for venue, asset in a.balances],
            positions=[position for account in accounts for position in account.positions.values()],
            transfers=state.transfers,
            fundings=state.fundings,
            world=world,
        )

    def _wallet(self, uid: str, venue: Venue, asset: str) -> WalletRow:
        held = self.state.accounts.by_uid[uid].balance(venue, asset)
        return WalletRow(uid, venue, asset, str(held.total), str(held.locked))

    def _path(self, number: int) -> Path:
        return self.directory / f"journal-{number}.jsonl"


def _line(body: bytes) -> bytes:
    return f"{zlib.crc32(body):08x} ".encode() + body + b"\n"


def _checked(line: bytes) -> bytes | None:
    """The body of a line whose checksum fits, else None."""
    head, space, body = line.partition(b" ")
    return body if space and head == f"{zlib.crc32(body):08x}".encode() else None


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
