"""A parameter study as text for the terminal, and as one page that needs nothing else."""

from __future__ import annotations

from dnbot.operate.report_html import page_html, sections_html
from dnbot.operate.report_text import table_text
from dnbot.research.parameter_charts import charts_of
from dnbot.research.parameter_study import Study
from dnbot.research.parameter_tables import CELLS_SHOWN, headline, tables_of

FOOT = (
    "Recorded prices, no market of today. What was best of many is the best partly by luck; the test windows say more "
    "than the train windows, and less than the next month will."
)


def text_of(study: Study) -> str:
    """What it is of, then every table below the other."""
    tables = "\n\n".join(table_text(table) for table in tables_of(study, CELLS_SHOWN))
    return "\n".join(headline(study)) + f"\n\n{tables}\n"


def page_of(study: Study) -> str:
    """The whole page. Every text in it that came from elsewhere is escaped."""
    title = f"dnbot sweep-params {study.identity.symbol}"
    body = sections_html(tables_of(study), charts_of(study))
    return page_html(title, title, headline(study), body, foot=(FOOT, f"dnbot {study.identity.version}"))
