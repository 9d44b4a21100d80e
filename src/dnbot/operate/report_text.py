"""A report for the terminal."""

from __future__ import annotations

from dnbot.operate.report_data import Report
from dnbot.operate.report_format import Table, cells
from dnbot.operate.report_tables import headline, tables_of

GAP = "  "


def text_of(report: Report) -> str:
    """Every table below the other, or one sentence when nothing was ever recorded."""
    head = "\n".join(headline(report))
    if not report.runs:
        return f"{head}\n"
    return head + "\n\n" + "\n\n".join(table_text(table) for table in tables_of(report)) + "\n"


def table_text(table: Table) -> str:
    """One table: title, heads, rows; numbers from the right."""
    lines = [table.title.upper()]
    if not table.rows:
        return f"{lines[0]}\n{table.empty}"
    rows = [cells(row, table.columns) for row in table.rows]
    total = [cells(table.total, table.columns)] if table.total is not None else []
    grid = [[column.title for column in table.columns], *rows, *total]
    widths = [max(len(row[index]) for row in grid) for index in range(len(table.columns))]
    lines += [_line(row, widths, table) for row in grid]
    rule = "-" * max(len(line) for line in lines[1:])
    lines.insert(2, rule)
    if total:
        lines.insert(-1, rule)
    return "\n".join([*lines, *([table.note] if table.note else [])])


def _line(row: list[str], widths: list[int], table: Table) -> str:
    parts = [
        text.rjust(width) if column.kind.is_number else text.ljust(width)
        for text, width, column in zip(row, widths, table.columns, strict=True)
    ]
    return GAP.join(parts).rstrip()
