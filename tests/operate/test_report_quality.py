"""Days, venues and the quality of execution, on a real database, against figures made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from dnbot.config import load_settings
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import (
    Alert,
    BookTopSampled,
    ExecutionClosed,
    FillBooked,
    OrderChanged,
    PortfolioSaved,
    PositionSampled,
    RowBooked,
)
from dnbot.domain.order import Fill, Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.pair import Opportunity, OpportunityRisk, PnlEstimate
from dnbot.domain.position import EntryKind, LedgerEntry, Portfolio, entries_of
from dnbot.domain.units import Money, Price, Quantity
from dnbot.operate import report_quality_queries
from dnbot.operate.report import json_of
from dnbot.operate.report_data import Profit, Report
from dnbot.operate.report_html import html_of
from dnbot.operate.report_quality import day_totals
from dnbot.operate.report_quality_data import (
    DayTotal,
    EdgeTotal,
    FillRatio,
    LegQuality,
    Markout,
    StageTime,
    VenueTotal,
)
from dnbot.operate.report_read import read_report
from dnbot.operate.report_text import text_of
from dnbot.operate.transfers import read_holdings
from dnbot.ports.postgres import PostgresStore
from dnbot.resources import config_dir
from dnbot.strategy.transfer_plan import Holdings

SYMBOL = Symbol("BTC", "USDT")
NS = 1_000_000_000
START_NS = 1_790_000_000 * NS
"""2026-09-21 14:13:20 UTC."""
START = datetime.fromtimestamp(START_NS // NS, UTC)
NEXT_DAY_S = 40_000
GATE, PERP, MEXC = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
D = Decimal


def at(seconds: float) -> int:
    """Nanoseconds of a moment of the story, to the microsecond."""
    return START_NS + round(seconds * 1e6) * 1000


def top(seconds: float, venue: Venue, bid: str, ask: str) -> BookTopSampled:
    """A sample of a book."""
    one = Decimal(1)
    return BookTopSampled(
        venue=venue, bid=D(bid), bid_quantity=one, ask=D(ask), ask_quantity=one, update_id=1, at_ns=at(seconds)
    )


def order(
    name: str, seconds: float, venue: Venue, side: Side, price: str, quantity: str, execution_id: str,
    purpose: Purpose = Purpose.ENTRY,
) -> OrderIntent:
    """One order as decided."""
    return OrderIntent(
        client_order_id=name, epoch=0, venue=venue, symbol=SYMBOL, side=side, quantity=Quantity(D(quantity)),
        price=Price(D(price)), purpose=purpose, execution_id=execution_id, created_at_ns=at(seconds),
        expires_at_ns=at(seconds + 1),
    )


BUY = order("dnb-1-1-b", 10, GATE, Side.BUY, "100.2", "2", "x1")
SELL = order("dnb-1-1-s", 10, MEXC, Side.SELL, "100.3", "2", "x1")
LATER = order("dnb-1-2-b", 20, MEXC, Side.BUY, "101", "4", "x2", Purpose.EXIT)
TAKEN = Opportunity(
    opportunity_id="o1", pair_name="GATE_TO_MEXC", purpose=Purpose.ENTRY, buy_quantity=Quantity(D(2)),
    sell_quantity=Quantity(D(2)), buy_price_cap=Price(D("100.2")), sell_price_cap=Price(D("100.3")),
    edge_bps=D("4.5"), required_bps=D(3), inventory_price_bps=D(0), edge=None,
    estimate=PnlEstimate(
        gross_quote=Money(D(1)), fees_quote=Money(D(0)), slippage_quote=Money(D(0)), funding_quote=Money(D(0)),
        exit_quote=Money(D(0)), net_quote=Money(D(1)),
    ),
    risk=OpportunityRisk(confidence=0.9, adverse_move_bps=0.3, depth_risk=0.1, venue_risk=0.2),
    book_ids={}, book_ages_ms={}, found_at_ns=at(9.998),
)


def came(intent: OrderIntent, status: OrderStatus, sent_s: float, ended_s: float, filled: str) -> OrderChanged:
    """What came of an order."""
    found = Order(
        intent=intent, status=status, filled=Quantity(D(filled)), reported_filled=Quantity(D(filled)),
        sent_at_ns=at(sent_s), changed_at_ns=at(ended_s),
    )
    return OrderChanged(found, at(ended_s))


def fill(seconds: float, trade_id: str, intent: OrderIntent, price: str, fee: str) -> FillBooked:
    """One unit of an order."""
    one = Fill(
        venue=intent.venue, symbol=SYMBOL, trade_id=trade_id, venue_order_id="1",
        client_order_id=intent.client_order_id, side=intent.side, price=Price(D(price)), quantity=Quantity(D(1)),
        fee=D(fee), fee_asset="USDT", traded_at_ns=at(seconds),
    )
    return FillBooked(one, entries_of(one), intent.execution_id, at(seconds))


def closed(seconds: float, execution_id: str, pair: str, status: str, gross: str, fees: str) -> ExecutionClosed:
    """The end of an execution that took a second."""
    return ExecutionClosed(
        execution_id=execution_id, pair_name=pair, purpose="entry", status=status, bought=D(1), sold=D(1),
        gross_quote=D(gross), fees_quote=D(fees), net_quote=D(gross) - D(fees), estimate_net_quote=D(1),
        residual_base=D(0), started_at_ns=at(seconds - 1), ended_at_ns=at(seconds), naked_ms=20, ambiguous=False,
        delta_base=D(0), spot_base=D(0), perp_base=D(0),
    )


def sampled(seconds: float, realised: str) -> PositionSampled:
    """Realised profit at one moment."""
    return PositionSampled(
        spot_gate=D(2), spot_mexc=D(0), perp_base=D(0), delta_base=D(0), mark=D(100), liquidation_price=None,
        equity_quote=D(1000), realised_quote=D(realised), at_ns=at(seconds),
    )


def story(epoch: int) -> list[Any]:
    """A pair whose both legs filled, one order that filled by a quarter, and funding on the next day."""
    buy, sell, later = (msgspec.structs.replace(one, epoch=epoch) for one in (BUY, SELL, LATER))
    paid = LedgerEntry(
        entry_id="f1", venue=PERP, asset="USDT", amount=D("0.25"), kind=EntryKind.FUNDING, at_ns=at(39_000)
    )
    return [
        sampled(0.5, "0"),
        top(8.5, GATE, "98", "99"), top(9, GATE, "99.9", "100.0"), top(9, MEXC, "100.5", "100.6"),
        fill(10.02, "1", buy, "100.0", "0.05"), fill(10.03, "2", buy, "100.1", "0.05"),
        came(buy, OrderStatus.FILLED, 10.004, 10.03, "2"),
        fill(10.05, "1", sell, "100.45", "0.05"), fill(10.055, "2", sell, "100.45", "0.05"),
        came(sell, OrderStatus.FILLED, 10.006, 10.056, "2"),
        closed(10.06, "x1", "GATE_TO_MEXC", "complete", "0.8", "0.2"),
        top(11.5, GATE, "100.1", "100.3"), top(11.5, MEXC, "100.3", "100.5"), top(12, GATE, "1", "2"),
        top(16, GATE, "99.8", "100.0"), top(17.9, MEXC, "1", "2"), top(43, GATE, "1", "2"),
        fill(20.1, "3", later, "101", "0"), came(later, OrderStatus.CANCELLED, 20.003, 20.2, "1"),
        closed(20.3, "x2", "MEXC_TO_GATE", "partial", "0", "0"),
        sampled(21, "0.6"),
        RowBooked((paid,), at(39_000)),
        Alert(level="warning", key="fault:public", text="it failed", at_ns=at(39_001)),
        sampled(NEXT_DAY_S, "0.85"),
    ]


@pytest.fixture
async def store(store: PostgresStore) -> PostgresStore:
    """A book in which the story was written by the second of two runs; the first one never ended."""
    await store.begin_run(SYMBOL, version="1", settings="{}", started_at_ns=at(-5))
    epoch = await store.begin_run(SYMBOL, version="1", settings="{}", started_at_ns=at(-1))
    intents = [msgspec.structs.replace(one, epoch=epoch) for one in (BUY, SELL, LATER)]
    await store.commit_intents(tuple(intents[:2]), execution_id="x1", opportunity=TAKEN)
    await store.commit_intents((intents[2],), execution_id="x2", opportunity=None)
    await store.append(story(epoch))
    return store


async def read(store: PostgresStore, since_s: float = -10, until_s: float = NEXT_DAY_S + 1) -> Report:
    """The report of a part of the story."""
    return await read_report(
        store.read, SYMBOL, since=START + timedelta(seconds=since_s), until=START + timedelta(seconds=until_s)
    )


@pytest.mark.slow
async def test_every_figure_is_that_of_the_story(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it on one database: making one takes seconds."""
    report = await read(store)
    days_add_up(report)
    venues_have_what_is_theirs(report)
    edges_are_per_value_bought(report)
    prices_are_held_against_limit_and_book(report)
    times_are_those_of_the_orders(report)
    ratios_are_of_base(report)
    markouts_are_of_the_first_sample_in_time(report)
    starts_and_faults_are_incidents(report)
    it_is_shown(report)
    await a_period_holds_only_its_own(store)
    await funds_are_read_where_they_lie(store)
    monkeypatch.setattr(report_quality_queries, "FILLS_MAX", 2)
    newest = await read(store)
    assert newest.quality.left_out == 3
    assert sum(leg.fills for leg in newest.quality.legs) == 2
    assert "3 older ones are left out" in text_of(newest)
    await the_reserve_is_that_of_the_newest_portfolio(store)


def days_add_up(report: Report) -> None:
    """The first day traded, the second was paid; together they are the period's profit."""
    assert report.days == (
        DayTotal(
            day="2026-09-21", executions=2, spread_quote=D("0.8"), fees_quote=D("0.2"), funding_quote=D(0),
            realised_quote=D("0.6"),
        ),
        DayTotal(
            day="2026-09-22", executions=0, spread_quote=D(0), fees_quote=D(0), funding_quote=D("0.25"),
            realised_quote=D("0.25"),
        ),
    )
    assert report.profit.realised_quote == D("0.85")


def venues_have_what_is_theirs(report: Report) -> None:
    """Funding is told of a venue that did not trade."""
    assert report.venues == (
        VenueTotal(venue="GATEIO_FUTURES", funding_quote=D("0.25")),
        VenueTotal(
            venue="GATEIO_SPOT", fills=2, turnover_quote=D("200.1"), bought_base=D(2), bought_quote=D("200.1"),
            fees_quote=D("0.1"),
        ),
        VenueTotal(
            venue="MEXC_SPOT", fills=3, turnover_quote=D("301.9"), bought_base=D(1), bought_quote=D(101),
            sold_base=D(2), sold_quote=D("200.9"), fees_quote=D("0.1"),
        ),
    )


def edges_are_per_value_bought(report: Report) -> None:
    """0.6 of 200.1 bought; the partial execution has no estimate and does not count."""
    assert report.quality.edges == (
        EdgeTotal(
            pair_name="GATE_TO_MEXC", count=1, bought_quote=D("200.1"), estimated_bps=D("4.5"),
            realised_bps=D("29.9850"),
        ),
    )


def prices_are_held_against_limit_and_book(report: Report) -> None:
    """0.1 of 200.1 above the ask, 0.1 of 200.9 below the bid; a sample of 2.1 s before is none."""
    legs = {(leg.venue, leg.side): leg for leg in report.quality.legs}
    assert legs == {
        ("GATEIO_SPOT", "buy"): LegQuality(
            venue="GATEIO_SPOT", side="buy", fills=2, inside_limit_bps=D("14.9925"), sampled=2,
            slippage_bps=D("4.9975"),
        ),
        ("MEXC_SPOT", "buy"): LegQuality(
            venue="MEXC_SPOT", side="buy", fills=1, inside_limit_bps=D(0), sampled=0, slippage_bps=None
        ),
        ("MEXC_SPOT", "sell"): LegQuality(
            venue="MEXC_SPOT", side="sell", fills=2, inside_limit_bps=D("14.9328"), sampled=2,
            slippage_bps=D("4.9776"),
        ),
    }


def times_are_those_of_the_orders(report: Report) -> None:
    """Of 3, 4 and 6 ms the median is 4, and the 90th percentile is one that was measured."""
    stages = {stage.stage: stage for stage in report.quality.stages}
    assert stages.pop("order to committed (database's clock)").count == 3
    assert stages == {
        name: StageTime(stage=name, count=count, p50_ms=D(p50), p90_ms=D(most), p99_ms=D(most), max_ms=D(most))
        for name, count, p50, most in (
            ("found to order", 2, 2, 2), ("order to sent", 3, 4, 6), ("sent to first fill booked", 3, 44, 97),
            ("sent to settled", 3, 50, 197), ("execution, from start to end", 2, 1000, 1000), ("naked", 2, 20, 20),
        )
    }


def ratios_are_of_base(report: Report) -> None:
    """One order of four filled by one."""
    assert report.quality.ratios == (
        FillRatio(
            venue="GATEIO_SPOT", purpose="entry", orders=1, filled_wholly=1, filled_partly=0, ordered_base=D(2),
            filled_base=D(2),
        ),
        FillRatio(
            venue="MEXC_SPOT", purpose="entry", orders=1, filled_wholly=1, filled_partly=0, ordered_base=D(2),
            filled_base=D(2),
        ),
        FillRatio(
            venue="MEXC_SPOT", purpose="exit", orders=1, filled_wholly=0, filled_partly=1, ordered_base=D(4),
            filled_base=D(1),
        ),
    )


def markouts_are_of_the_first_sample_in_time(report: Report) -> None:
    """Gate's mid is 100.2 after a second and 99.9 after five; the one after 33 s is too late for thirty."""
    found = {(m.pair_name, m.venue, m.side, m.after_s): m for m in report.quality.markouts}
    wanted = [
        ("GATEIO_SPOT", "buy", 1, 2, "14.9925"), ("GATEIO_SPOT", "buy", 5, 2, "-14.9925"),
        ("GATEIO_SPOT", "buy", 30, 0, None), ("MEXC_SPOT", "sell", 1, 2, "4.9776"), ("MEXC_SPOT", "sell", 5, 0, None),
        ("MEXC_SPOT", "sell", 30, 0, None),
    ]
    for venue, side, after_s, samples, moved in wanted:
        assert found["GATE_TO_MEXC", venue, side, after_s] == Markout(
            pair_name="GATE_TO_MEXC", venue=venue, side=side, fills=2, after_s=after_s, sampled=samples,
            moved_bps=None if moved is None else D(moved),
        )
    assert len(found) == 9


def starts_and_faults_are_incidents(report: Report) -> None:
    """The second start says that the run before it did not end."""
    assert [(one.kind, one.why != "") for one in report.incidents] == [
        ("warning", True), ("start", True), ("start", False),
    ]
    assert "did not end by itself" in report.incidents[1].why
    assert report.incident_counts == {
        "starts": 2, "starts after a run that did not end": 1, "faults of tasks": 1, "warning alerts": 1,
    }


def it_is_shown(report: Report) -> None:
    """Text, page and JSON have it; what was not sampled is `no data`."""
    text, page = text_of(report), html_of(report)
    for words in ("+29.98", "no data", "2026-09-22", "sent to settled", "did not end by itself"):
        assert words in text
        assert words in page
    assert "Realised profit of each day" in page
    found = msgspec.json.decode(json_of(report))
    assert found["quality"]["edges"][0]["realised_bps"] == "29.985"
    assert found["days"][0]["realised_quote"] == "0.6"


async def funds_are_read_where_they_lie(store: PostgresStore) -> None:
    """Balances of the ledger, the newest mid of each spot venue, the mark of the newest sample."""
    settings = load_settings(config_dir() / "demo.toml")
    holdings, sampled_at = await read_holdings(store.read, settings, START + timedelta(seconds=NEXT_DAY_S + 1))
    assert sampled_at == START + timedelta(seconds=NEXT_DAY_S)
    assert holdings == Holdings(
        balances={
            (GATE, "BTC"): D(2), (MEXC, "BTC"): D(-1), (GATE, "USDT"): D("-200.2"), (PERP, "USDT"): D("0.25"),
            (MEXC, "USDT"): D("99.8"),
        },
        perp_base=D(0), unrealised_quote=D(0), price=D("1.5"),
    )
    early, _ = await read_holdings(store.read, settings, START - timedelta(days=9))
    assert early == holdings, "the newest sample counts, not the clock"


async def a_period_holds_only_its_own(store: PostgresStore) -> None:
    """Since the second day nothing was traded, and the day before is no part of it."""
    later = await read(store, since_s=30_000)
    assert [(day.day, day.realised_quote) for day in later.days] == [("2026-09-22", D("0.25"))]
    assert later.quality.edges == later.quality.legs == later.quality.markouts == later.quality.ratios == ()
    assert [venue.venue for venue in later.venues] == ["GATEIO_FUTURES"]


async def the_reserve_is_that_of_the_newest_portfolio(store: PostgresStore) -> None:
    """Nothing is said of a reserve before the first entry; after it, what entries reserve now."""
    before = await read(store)
    assert before.quality.reserve_bps is before.quality.reserve_set_bps is None
    assert "Entries reserve" not in text_of(before)
    learned = Portfolio(symbol=SYMBOL, reserve_bps=D("2.345"), reserve_set_bps=D(1))
    await store.append([PortfolioSaved(learned, at(NEXT_DAY_S))])
    after = await read(store)
    assert (after.quality.reserve_bps, after.quality.reserve_set_bps) == (D("2.345"), D(1))
    words = "Entries reserve 2.34 bps for being worse than estimated; slippage_reserve_bps is 1."
    assert words in " ".join(text_of(after).split())


def test_a_day_without_a_sample_is_told_without_profit() -> None:
    """Its executions count, and its profit is part of the next day that was sampled."""
    found = day_totals({"2026-01-03": Profit(D(3), D(1), D(0))}, {"2026-01-02": 4, "2026-01-03": 1})
    assert [(day.day, day.executions, day.realised_quote) for day in found] == [
        ("2026-01-02", 4, None), ("2026-01-03", 1, D(2)),
    ]
