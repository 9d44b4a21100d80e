"""A report as one page that needs nothing else: styles and charts are inside, scripts and addresses are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape

from dnbot.operate.report_charts import charts_of
from dnbot.operate.report_data import Report
from dnbot.operate.report_format import Column, Kind, Table, exact, moment, number, shown
from dnbot.operate.report_style import STYLE
from dnbot.operate.report_tables import headline, tables_of

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The browser itself refuses anything from elsewhere."""
FOOT = (
    "Figures are sums of fills, fees, funding and ledger rows. Estimates are named so. Rounded for reading: pointing "
    "at a figure shows every digit, and so do the CSV and JSON files. All times are UTC."
)


def html_of(report: Report) -> str:
    """The whole page. Every text in it that came from elsewhere is escaped."""
    body = _body(report) if report.runs else '<p class="empty">There is nothing to show yet.</p>'
    return page_html(
        f"dnbot report {report.symbol} {moment(report.until)} UTC", report.symbol, headline(report), body,
        foot=(FOOT, f"dnbot {report.version}"),
    )


def page_html(title: str, heading: str, lines: Sequence[str], body: str, *, foot: Sequence[str]) -> str:
    """A page around a body that is HTML already; everything else is escaped."""
    head, end = ("".join(f"<p>{escape(line)}</p>" for line in part) for part in (lines, foot))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<header><h1>{escape(heading)}</h1>{head}</header>{body}<footer>{end}</footer></main></body></html>\n"
    )


def sections_html(tables: Sequence[Table], charts: Mapping[str, str]) -> str:
    """A section per table, below the charts of its name."""
    return "".join(
        f'<section id="{table.name}"><h2>{escape(table.title)}</h2>{charts.get(table.name, "")}{table_html(table)}'
        "</section>" for table in tables
    )


def _body(report: Report) -> str:
    return _figures(report) + sections_html(tables_of(report), charts_of(report))


def _figures(report: Report) -> str:
    """The few figures that are looked for first."""
    profit, quote = report.profit, report.quote
    held = report.inventory
    holding = sum(1 for check in report.checks if check.holds)
    checks = f"{holding} of {len(report.checks)} hold"
    cards = [
        ("realised", _money(profit.realised_quote), quote, _tone(profit.realised_quote)),
        ("spread", _money(profit.spread_quote), quote, ""),
        ("fees", _money(-profit.fees_quote), quote, ""),
        ("funding", _money(profit.funding_quote), quote, ""),
        ("executions", f"{report.execution_count:,}", f"{report.fills:,} fills", ""),
        ("delta now", number(held.delta_base, 6, signed=True) if held else "-", report.base, ""),
        ("checks", checks, "", "good" if holding == len(report.checks) else "bad"),
    ]
    inner = "".join(
        f'<div><span>{escape(name)}</span><b class="{tone}">{escape(text)}</b><span>{escape(unit)}</span></div>'
        for name, text, unit, tone in cards
    )
    return f'<div class="figures">{inner}</div>'


def _money(value: Decimal) -> str:
    return number(value, 2, signed=True)


def _tone(value: Decimal) -> str:
    return "bad" if value < 0 else "good" if value > 0 else ""


def table_html(table: Table) -> str:
    """One table; cells that were rounded carry the exact figure as their tooltip."""
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    if not table.rows:
        return f'<p class="empty">{escape(table.empty)}</p>{note}'
    heads = "".join(
        f'<th scope="col"{_right(column)}>{escape(column.head)}'
        f"{f' <small>{escape(column.unit)}</small>' if column.unit else ''}</th>"
        for column in table.columns
    )
    rows = "".join(f"<tr>{_row(row, table)}</tr>" for row in table.rows)
    foot = f"<tfoot><tr>{_row(table.total, table)}</tr></tfoot>" if table.total is not None else ""
    return (
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>{foot}</table></div>{note}'
    )


def _row(row: tuple[object, ...], table: Table) -> str:
    return "".join(_cell(value, column, table) for value, column in zip(row, table.columns, strict=True))


def _cell(value: object, column: Column, table: Table) -> str:
    text, full = shown(value, column), exact(value)
    title = f' title="{escape(full)}"' if isinstance(value, Decimal) and full != text else ""
    style = ["n"] if column.kind.is_number else ["w"] if column.wraps else []
    if column.signed and column.kind is Kind.QUOTE and isinstance(value, Decimal) and value < 0:
        style.append("bad")
    if table.name == "checks" and text == "NO":
        style.append("bad")
    return f"<td{_class(style)}{title}>{escape(text)}</td>"


def _class(names: list[str]) -> str:
    return f' class="{" ".join(names)}"' if names else ""


def _right(column: Column) -> str:
    return ' class="n"' if column.kind.is_number else ""
