"""CSV files of one period: every row, every digit."""

from __future__ import annotations

import csv
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from dnbot.domain.units import plain
from dnbot.operate.output_files import writing
from dnbot.operate.report_data import Report
from dnbot.operate.report_queries import CSV_TABLES, PAGE_ROWS
from dnbot.ports.redaction import escape_text

Read = Callable[..., Awaitable[list[dict[str, Any]]]]
"""`PostgresStore.read`."""
_FORMULA = re.compile(r"(\A|;)([\s'\"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20].)")
"""Where a spreadsheet would begin a formula: at the start of a field, or where it parts fields by semicolons."""


async def write_csv(folder: Path, read: Read, report: Report) -> list[Path]:
    """Write one file per table into an existing folder and return their paths; a table without rows has its heads.

    Raises:
        ConfigError: a file cannot be written.
    """
    return [
        await _write_table(folder / f"{name}.csv", columns, sql, read, report)
        for name, (columns, sql) in CSV_TABLES.items()
    ]


async def _write_table(path: Path, columns: Sequence[str], sql: str, read: Read, report: Report) -> Path:
    """Page by page, so that a long period needs little memory; rows that come meanwhile are past the period."""
    heads = [column.rpartition(" ")[2] for column in columns]
    query = f"select {', '.join(columns)} {sql} limit $4 offset $5"
    with writing(path, "--csv"), path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        offset = 0
        while rows := await read(query, report.symbol, report.since, report.until, PAGE_ROWS, offset):
            writer.writerows([field(row[head]) for head in heads] for row in rows)
            offset += len(rows)
    return path


def field(value: object) -> str:
    """One field. Texts that a spreadsheet would take for a formula get an apostrophe there; controls are visible."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case str():
            return _FORMULA.sub(r"\1\2'", escape_text(value))
        case _:
            return str(value)
