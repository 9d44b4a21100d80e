"""`dnbot record export`: best prices and trades as tables, CSV or Parquet, decoded by the bot's codecs.

Prices and quantities keep every digit: decimal text in CSV, decimal128(38, 18) in Parquet.
"""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.domain.units import plain
from dnbot.record.following import Followers, Top, Trade, tops_and_trades
from dnbot.record.words import Entry, RecordingFailed

_COMMON = (("received_ns", int), ("monotonic_ns", int), ("venue", str), ("symbol", str), ("venue_ms", int))
COLUMNS: dict[str, tuple[tuple[str, type], ...]] = {
    "tops": (
        *_COMMON, ("update_id", int), ("bid", Decimal), ("bid_quantity", Decimal), ("ask", Decimal),
        ("ask_quantity", Decimal),
    ),
    "trades": (*_COMMON, ("price", Decimal), ("quantity", Decimal), ("taker", str)),
}
"""Columns of each table. Times: wall and monotonic clock of receipt, ns; `venue_ms` is the venue's own."""
ROWS = 10_000
DIGITS, PLACES = 38, 18
Row = tuple[int | str | Decimal | None, ...]


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, and how many frames and answers no codec read."""

    files: tuple[str, ...]
    tops: int
    trades: int
    unread: int


class Table(Protocol):
    """A file that takes rows."""

    def add(self, rows: Sequence[Row]) -> None: ...

    def close(self) -> None: ...


class CsvTable:
    """Decimal text without exponent; an empty field where a book is not known."""

    def __init__(self, path: Path, columns: Sequence[tuple[str, type]]) -> None:
        self._file = path.open("x", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow([name for name, _ in columns])

    def add(self, rows: Sequence[Row]) -> None:
        """Write these rows."""
        self._writer.writerows(
            [plain(value) if isinstance(value, Decimal) else value for value in row] for row in rows
        )

    def close(self) -> None:
        """End the file."""
        self._file.close()


class ParquetTable:
    """Columns with types; nulls where a book is not known."""

    def __init__(self, path: Path, columns: Sequence[tuple[str, type]]) -> None:
        """Raises ConfigError without pyarrow."""
        self._arrow, parquet = _pyarrow()
        types = {int: self._arrow.int64(), str: self._arrow.string(), Decimal: self._arrow.decimal128(DIGITS, PLACES)}
        self._schema = self._arrow.schema([(name, types[kind]) for name, kind in columns])
        self._file = path.open("xb")
        self._writer = parquet.ParquetWriter(self._file, self._schema, compression="zstd")

    def add(self, rows: Sequence[Row]) -> None:
        """Write these rows as one group. Raises ValueError for a number that does not fit."""
        columns = [list(column) for column in zip(*rows, strict=True)]
        arrays = [self._arrow.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        """End the file."""
        self._writer.close()
        self._file.close()


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ConfigError(
            "export", "parquet", "pyarrow is not installed", "CSV, or: pip install 'dnbot[research]'"
        ) from None


FORMATS: dict[str, type[CsvTable] | type[ParquetTable]] = {"csv": CsvTable, "parquet": ParquetTable}


def export(entries: Iterable[Entry], out: Path, form: str) -> Exported:
    """Write the tables of entries (with their lead-in) to new files in a folder, which is made.

    Raises:
        ConfigError: a file is there already, or Parquet was asked for without pyarrow.
        RecordingDamaged: what is read.
        RecordingFailed: the disk, or a number with more than 18 decimals in Parquet.
    """
    counts = dict.fromkeys(COLUMNS, 0)
    paths = {name: out / f"{name}.{form}" for name in COLUMNS}
    followers = Followers()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            tables: dict[str, _Batches] = {}
            for name, columns in COLUMNS.items():
                tables[name] = _Batches(FORMATS[form](paths[name], columns))
                stack.callback(tables[name].close)
            for found in tops_and_trades(entries, followers):
                name = "tops" if isinstance(found, Top) else "trades"
                counts[name] += 1
                tables[name].add(_row(found))
    except FileExistsError as error:
        raise ConfigError(str(error.filename), "out", "it is there", "a folder without these files") from None
    except (OSError, ValueError) as error:
        raise RecordingFailed(f"{out}: {error}") from None
    unread = sum(follower.unread for follower in followers.markets.values())
    return Exported(files=tuple(str(path) for path in paths.values()), unread=unread, **counts)


@attrs.define
class _Batches:
    """Rows that go to a table many at a time."""

    table: Table
    rows: list[Row] = attrs.field(factory=list)

    def add(self, row: Row) -> None:
        self.rows.append(row)
        if len(self.rows) >= ROWS:
            self._flush()

    def close(self) -> None:
        try:
            self._flush()
        finally:
            self.table.close()

    def _flush(self) -> None:
        if self.rows:
            self.table.add(self.rows)
            self.rows.clear()


def _row(found: Top | Trade) -> Row:
    market = found.market
    common = (found.received_ns, found.monotonic_ns, market.venue.value, str(market.symbol), found.venue_ms)
    if isinstance(found, Top):
        return (*common, found.update_id, found.bid, found.bid_quantity, found.ask, found.ask_quantity)
    return (*common, found.price, found.quantity, "buy" if found.taker_bought else "sell")
