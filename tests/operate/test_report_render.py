"""A report as text, page and pictures: no database, only figures."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.operate.report import json_of, parse_since
from dnbot.operate.report_charts import charts_of
from dnbot.operate.report_csv import field
from dnbot.operate.report_data import (
    BEGINNING,
    Check,
    DeclinedTotal,
    DeltaPoint,
    ExecutionPoint,
    FeeTotal,
    FundingPayment,
    Incident,
    Inventory,
    InventoryPoint,
    LedgerLine,
    Moment,
    PairTotal,
    Profit,
    ProfitPoint,
    Report,
    Run,
    Tolerance,
)
from dnbot.operate.report_format import Column, Kind, clean, duration, number, shown
from dnbot.operate.report_html import html_of
from dnbot.operate.report_quality_data import DayTotal
from dnbot.operate.report_read import greatest_common_step
from dnbot.operate.report_svg import Series, line_chart, round_ticks, scatter_chart, tick_text, time_ticks
from dnbot.operate.report_text import text_of

AT = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
NASTY = "<script>alert(1)</script> & \"quoted\" 'too' \x1b[31mred\x1b[0m \u202ebackwards"


def empty() -> Report:
    """A report on a database in which the symbol was never traded."""
    return Report(
        symbol="BTC/USDT", base="BTC", quote="USDT", since=BEGINNING, until=AT, made_at=AT, version="1.2.3"
    )


def full(**changes: Any) -> Report:
    """A report with one of everything."""
    minute = timedelta(minutes=1)
    loss = Profit(Decimal("-12345678.123456789"), Decimal("0.5"), Decimal("-0.00000000001"))
    point = ExecutionPoint(
        at=AT, execution_id="x1-1", pair_name="GATE_TO_MEXC", purpose="entry", status="repaired",
        traded_base=Decimal(2), gross_quote=Decimal(-3), fees_quote=Decimal("0.5"), net_quote=Decimal("-3.5"),
        estimate_net_quote=Decimal("1.25"), naked_ms=12, ambiguous=False,
    )
    report = msgspec.structs.replace(
        empty(),
        runs=(Run(1, "1.2.3", AT),),
        profit=loss, profit_from=AT, profit_note="counted from the start", turnover_quote=Decimal(10), fills=2,
        pairs=(
            PairTotal(
                pair_name="GATE_TO_MEXC", count=1, repaired=1, traded_base=Decimal(2), gross_quote=Decimal(-3),
                fees_quote=Decimal("0.5"), net_quote=Decimal("-3.5"), estimate_net_quote=Decimal("1.25"),
            ),
            PairTotal(pair_name="ESTABLISH", count=1, complete=1, net_quote=Decimal(7)),
        ),
        executions=(point,), execution_count=1, unclosed=3, unclosed_live=1,
        inventory=Inventory(
            spot_gate=Decimal("0.03"), spot_mexc=Decimal("0.04"), perp_base=Decimal("-0.07"), delta_base=Decimal(0),
            under_way_base=Decimal(0), open_legs_base=Decimal(0),
        ),
        tolerance=Tolerance(Decimal("0.0001"), "set"),
        delta_sampled_worst=Moment(AT, Decimal("0.00005")),
        declined=(DeclinedTotal("LOT", "GATE_TO_MEXC", 1234567, 3.5),), taken={"taken": 1},
        funding=(FundingPayment(AT, "GATEIO_FUTURES", "USDT", Decimal("-0.00000000001"), "row"),),
        fees=(
            FeeTotal(venue="GATEIO_SPOT", asset="GT", fills=2, amount=Decimal("0.1"), quote=Decimal(0), unpriced=1,
                     turnover_quote=Decimal(10)),
            FeeTotal(venue="MEXC_SPOT", asset="MX", fills=2, amount=Decimal("0.1"), quote=Decimal("0.2"),
                     turnover_quote=Decimal(10)),
        ),
        incidents=(Incident(at=AT, kind="critical", what=NASTY, why=NASTY),), incident_counts={"critical alerts": 1},
        ledger=(
            LedgerLine(
                venue="MEXC_SPOT", asset="BTC", opening=Decimal(1), trades=Decimal(0), fees=Decimal(0), pnl=Decimal(0),
                funding=Decimal(0), transfers=Decimal(0), adjusted=Decimal(0), adjustments=0, balance=Decimal(1),
            ),
        ),
        checks=(Check("adjustments", False, NASTY),),
        profit_series=(ProfitPoint(AT + minute, loss),),
        inventory_series=(InventoryPoint(AT, Decimal(1), Decimal(2), Decimal(-3)),),
        delta_series=(DeltaPoint(AT, Decimal("-0.1"), Decimal("0.1")),),
        delta_between_fills=(Moment(AT, Decimal("0.5")),),
        charted=(AT, AT + minute),
    )
    return msgspec.structs.replace(report, **changes)


class Page(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [name for name, _ in attrs if name in {"src", "href", "srcset", "action"}]
        if tag not in {"meta", "i", "line", "rect", "circle"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"meta", "i", "line", "rect", "circle"}:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_page_of_others_text_is_escaped() -> None:
    """Markup and control characters in alerts and checks are text on the page, and nothing is executed or loaded."""
    text = html_of(full())
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert page.links == []
    assert page.open == []
    assert "http" not in text.replace("http-equiv", "")
    assert "<script>alert(1)</script>" in "".join(page.words)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_terminal_text_of_others_cannot_steer_it() -> None:
    """An alert's escape sequences do not reach the terminal."""
    text = text_of(full())
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<script>alert(1)</script>" in text


def test_empty_database_says_so() -> None:
    """Without a run, text and page say that nothing was recorded, and draw nothing."""
    said = "nothing was ever recorded for BTC/USDT in this database"
    assert said in text_of(empty())
    page = html_of(empty())
    assert said in page
    assert "<svg" not in page
    assert charts_of(empty()) == {}


def test_quiet_period_has_every_table_and_no_chart() -> None:
    """A run without any event in the period gives tables that say that there is nothing."""
    quiet = msgspec.structs.replace(empty(), runs=(Run(1, "1", AT),))
    text = text_of(quiet)
    assert "nothing was recorded in this period" in text
    assert "no execution ended in this period" in text
    assert "no start, no recovery, no rebalancing, no change of mode, no alert" in text
    assert "<svg" not in html_of(quiet)


def test_a_report_of_paper_says_so_first() -> None:
    """As text, as a page and as JSON; one of real trading does not."""
    paper, live = (msgspec.structs.replace(empty(), runs=(Run(1, "1", AT, mode),)) for mode in ("paper", "live"))
    assert text_of(paper).startswith("PAPER, NO REAL TRADE: ")
    assert "<p>PAPER, NO REAL TRADE: " in html_of(paper)
    assert msgspec.json.decode(json_of(paper))["runs"][0]["mode"] == "paper"
    assert "PAPER" not in text_of(live) + html_of(live)


def test_every_chart_is_one_well_formed_picture() -> None:
    """All six parts are drawn, each parses as XML and has coordinates that are numbers."""
    charts = charts_of(full())
    assert sorted(charts) == ["declined", "executions", "exposure", "funding", "inventory", "profit"]
    for chart in charts.values():
        for picture in re.findall(r"<svg.*?</svg>", chart, flags=re.DOTALL):
            root = ElementTree.fromstring(picture)  # noqa: S314 (our own text)
            assert root.find("title") is not None
            assert "nan" not in picture
            assert "inf" not in picture


def test_days_are_drawn_when_there_are_some() -> None:
    """Two bars for two days, up and down; one day needs no picture, and a day without a sample has no bar."""
    first = DayTotal(
        day="2026-09-20", executions=1, spread_quote=Decimal(3), fees_quote=Decimal(1), funding_quote=Decimal(0),
        realised_quote=Decimal(2),
    )
    second = msgspec.structs.replace(first, day="2026-09-22", realised_quote=Decimal(-1))
    unknown = DayTotal(day="2026-09-21", executions=4)
    chart = charts_of(full(days=(first, unknown, second)))["days"]
    assert (chart.count('class="gain"'), chart.count('class="loss"')) == (1, 1)
    assert "2026-09-22: -1.0000 USDT" in chart
    assert "days" not in charts_of(full(days=(first, unknown)))
    lines = [line.split() for line in text_of(full(days=(unknown,))).splitlines()]
    assert ["2026-09-21", "4", "-", "-", "-", "-"] in lines


def test_loss_and_big_numbers_are_written_whole() -> None:
    """Losses keep their sign, thousands are set apart, tiny amounts do not look like zero, and JSON has every digit."""
    report = full()
    text = text_of(report)
    assert "-12,345,678.1235" in text
    assert "-12345678.123456789" in text
    assert "-<0.00000001" in text
    found = msgspec.json.decode(json_of(report))
    assert found["profit"] == {
        "spread_quote": "-12345678.123456789", "fees_quote": "0.5", "funding_quote": "-0.00000000001",
        "realised_quote": "-12345678.62345678901",
    }
    assert found["pairs"][0]["against_estimate_quote"] == "-4.75"
    assert found["executions_total"] == {
        "count": 2, "traded_base": "2", "gross_quote": "-3", "fees_quote": "0.5", "net_quote": "3.5",
    }


def test_estimates_stay_apart_from_outcomes() -> None:
    """The sum of estimates and of differences is of pairs that had an estimate; the net is of all."""
    lines = [line.split() for line in text_of(full()).splitlines()]
    total = next(line for line in lines if line[:2] == ["all", "2"])
    assert total[-3:] == ["+3.5000", "+1.2500", "-4.7500"]


def test_fees_in_a_third_coin_are_named() -> None:
    """A fee that has no price here is not silently worth nothing."""
    assert "Some fees in GT had no known price" in text_of(full())


def test_failed_check_is_loud() -> None:
    """A check that does not hold is in capitals and colours the page's first figures."""
    assert "NO" in text_of(full()).split("CHECKS")[1]
    assert '<b class="bad">0 of 1 hold</b>' in html_of(full())


@pytest.mark.parametrize(
    ("value", "places", "signed", "text"),
    [
        ("0", 4, True, "0"), ("0.0000", 4, False, "0"), ("1234567.125", 2, False, "1,234,567.12"),
        ("-0.00001", 4, True, "-<0.0001"), ("0.00001", 4, True, "+<0.0001"), ("2E+4", 2, True, "+20,000.00"),
        ("-1.5", 0, False, "-2"),
    ],
)
def test_number_forms(value: str, places: int, signed: bool, text: str) -> None:
    """Rounded to even, grouped; zero is plain, and nearly zero says that it is not."""
    assert number(Decimal(value), places, signed=signed) == text


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=10))
def test_number_keeps_sign_and_is_near(value: Decimal) -> None:
    """What is shown is within half a unit of the last place, and never of the other sign."""
    text = number(value, 4)
    if "<" in text:
        assert 0 < abs(value) < Decimal("0.0001")
        assert text.startswith("-") == (value < 0)
    else:
        assert abs(Decimal(text.replace(",", "")) - value) <= Decimal("0.00005")


@given(st.text())
def test_clean_text_has_no_control(text: str) -> None:
    """No character below blank, no C1 control and no change of direction is left; length stays."""
    told = clean(text)
    assert len(told) == len(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", told)


def test_missing_values_are_a_dash() -> None:
    """None and nothing are shown alike."""
    assert shown(None, Column("x", Kind.QUOTE)) == "-"
    assert shown("", Column("x")) == "-"


def test_durations() -> None:
    """Seconds while they are few, else days, hours and minutes."""
    assert duration(timedelta(seconds=61)) == "61 s"
    assert duration(timedelta(days=1, hours=2, minutes=3)) == "1 d 2 h 3 min"


@given(
    st.floats(min_value=-1e9, max_value=1e9), st.floats(min_value=1e-6, max_value=1e9),
)
def test_ticks_lie_inside_and_differ(low: float, span: float) -> None:
    """There are a few ticks, rising, inside the axis, and no two are written alike."""
    high = low + span
    if high - low < max(abs(low), abs(high)) * 1e-9:
        return
    ticks = round_ticks(low, high)
    assert 2 <= len(ticks) <= 11
    assert ticks[0] >= low - span * 1e-3
    assert ticks[-1] <= high + span * 1e-3
    texts = [tick_text(value, ticks) for value in ticks]
    assert len(set(texts)) == len(texts)


@given(st.integers(min_value=0, max_value=400 * 86_400))
def test_time_ticks_are_few_and_inside(span_s: int) -> None:
    """From a moment to a year: never more than nine marks, all of them inside."""
    ticks, form = time_ticks(AT, AT + timedelta(seconds=span_s))
    assert len(ticks) <= 9
    assert all(AT <= at <= AT + timedelta(seconds=span_s) for at in ticks)
    assert form.startswith("%")


def test_one_point_is_a_line_across() -> None:
    """A single value holds until the end, in the band that contains it."""
    line = Series("one", "s0", [(AT, Decimal(5))])
    picture = line_chart("t", [line], (AT, AT), "BTC", band=Decimal(6))
    assert ElementTree.fromstring(picture) is not None  # noqa: S314 (our own text)
    assert 'class="band"' in picture
    assert re.search(r'd="M96\.0 [\d.]+H96\.0"', picture)


def test_scatter_tooltips_are_escaped() -> None:
    """A name with markup stays text inside the picture."""
    picture = scatter_chart("t", [(Decimal(1), Decimal(2), "s0", NASTY)], "x", "y")
    assert "<script>" not in picture
    assert "&lt;script&gt;" in picture


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("2E+4"), "20000"), (Decimal("-0.00000001"), "-0.00000001"), (None, ""), (True, "true"), (7, "7"),
        ("=1+1", "'=1+1"), ("@x", "'@x"), ("-", "-"), ("x1-1", "x1-1"), (AT, "2026-09-21T14:13:20.000000Z"),
        ("\t=1+1", "\\x09=1+1"), (" =1+1", " '=1+1"), ("\uff1d1+1", "'\uff1d1+1"), ("a;=1+1", "a;'=1+1"),
        ('a;"=1+1', "a;\"'=1+1"), ("a; -2+cmd|' /C x'!A1", "a; '-2+cmd|' /C x'!A1"), ("a;b", "a;b"),
        ("no\x1b[2J\r\nx\x9b", "no\\x1b[2J\\x0d\\x0ax\\x9b"),
    ],
)
def test_csv_fields(value: object, text: str) -> None:
    """Numbers keep every digit and have no exponent; texts cannot become formulas, nor steer a terminal."""
    assert field(value) == text


@pytest.mark.parametrize(("text", "hours"), [
    ("24h", 24.0), ("30m", 0.5), ("7d", 168.0), ("3600s", 1.0), ("36500d", 876_000.0), ("3153600000s", 876_000.0),
])
def test_since_is_a_stretch_of_time(text: str, hours: float) -> None:
    """Seconds, minutes, hours and days."""
    assert parse_since(text) == timedelta(hours=hours)


def test_since_all_is_everything() -> None:
    """`all` has no start."""
    assert parse_since("all") is None


@pytest.mark.parametrize("text", [
    "", "h", "0h", "-1h", "1.5h", "24", "1w", "٣h", "99999999d", "1000000d", "36501d", "3153600001s", f"{'9' * 5000}d",
])
def test_since_refuses(text: str) -> None:
    """Anything else is refused, with what is allowed."""
    with pytest.raises(ValueError, match="such as 90s, 30m, 24h, 7d, at most 36500d, or all"):
        parse_since(text)


def test_common_step_of_quantities() -> None:
    """The step of which all are multiples; of nothing there is none."""
    assert greatest_common_step([Decimal("0.0060"), Decimal("0.0015")]) == Decimal("0.0015")
    assert greatest_common_step([]) is None
