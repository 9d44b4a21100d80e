"""A backtest's result for the terminal."""

from __future__ import annotations

from dnbot.operate.report_text import table_text
from dnbot.research.result import Result
from dnbot.research.result_tables import headline, tables_of


def text_of(result: Result) -> str:
    """What it is of, then every table below the other."""
    tables = "\n\n".join(table_text(table) for table in tables_of(result))
    return "\n".join(headline(result)) + f"\n\n{tables}\n"
