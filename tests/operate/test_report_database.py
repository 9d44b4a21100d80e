"""A report on a real database, against sums made by hand."""

from __future__ import annotations

import csv
import fcntl
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import (
    Alert,
    BalancesSampled,
    ExecutionClosed,
    FillBooked,
    OpportunityDeclined,
    PositionSampled,
    Record,
    RowBooked,
    StateChanged,
)
from dnbot.domain.order import Fill, Side
from dnbot.domain.pair import Declined
from dnbot.domain.position import EntryKind, LedgerEntry, entries_of
from dnbot.domain.units import Price, Quantity
from dnbot.operate.report import ReportOptions, report_on
from dnbot.operate.report_csv import write_csv
from dnbot.operate.report_data import BEGINNING, Profit, Report
from dnbot.operate.report_html import html_of
from dnbot.operate.report_read import read_report
from dnbot.operate.report_text import text_of
from dnbot.ports.postgres import PostgresStore

pytestmark = pytest.mark.slow
SYMBOL = Symbol("BTC", "USDT")
START_NS = 1_790_000_000_000_000_000
NS = 1_000_000_000
START = BEGINNING + timedelta(seconds=START_NS // NS)
NASTY = "<img src=x onerror=alert(1)>"


def at(seconds: float) -> int:
    """Nanoseconds of a moment of the story."""
    return START_NS + int(seconds * NS)


def booked(
    seconds: float, trade_id: str, venue: Venue, side: Side, price: str, quantity: str, fee: str, execution_id: str,
    fee_asset: str = "USDT",
) -> FillBooked:
    """A fill with its entries."""
    fill = Fill(
        venue=venue, symbol=SYMBOL, trade_id=trade_id, venue_order_id="1", client_order_id="", side=side,
        price=Price(Decimal(price)), quantity=Quantity(Decimal(quantity)), fee=Decimal(fee), fee_asset=fee_asset,
        traded_at_ns=at(seconds) - 1000,
    )
    return FillBooked(fill, entries_of(fill), execution_id, at(seconds))


def row(seconds: float, name: str, kind: EntryKind, amount: str, venue: Venue = Venue.GATE_FUTURES) -> RowBooked:
    """An entry that comes from no fill."""
    entry = LedgerEntry(
        entry_id=name, venue=venue, asset="USDT", amount=Decimal(amount), kind=kind, at_ns=at(seconds)
    )
    return RowBooked((entry,), at(seconds))


def sampled(seconds: float, gate: str, mexc: str, perp: str, realised: str) -> PositionSampled:
    """What the bot writes once a second."""
    spot = Decimal(gate) + Decimal(mexc)
    return PositionSampled(
        spot_gate=Decimal(gate), spot_mexc=Decimal(mexc), perp_base=Decimal(perp), delta_base=spot + Decimal(perp),
        mark=Decimal(100), liquidation_price=None, equity_quote=Decimal(20_000), realised_quote=Decimal(realised),
        at_ns=at(seconds),
    )


def closed(seconds: float, execution_id: str, pair_name: str, gross: str, fees: str, **more: Any) -> ExecutionClosed:
    """The end of an execution, with the figures that its fills make."""
    given: dict[str, Any] = {
        "purpose": "entry", "status": "complete", "bought": Decimal(1), "sold": Decimal(1),
        "estimate_net_quote": Decimal(0), "residual_base": Decimal(0), "started_at_ns": at(seconds) - NS,
        "ended_at_ns": at(seconds), "naked_ms": 12, "ambiguous": False, "delta_base": Decimal(0),
        "spot_base": Decimal(1), "perp_base": Decimal(-1),
    }
    return ExecutionClosed(
        execution_id=execution_id, pair_name=pair_name, gross_quote=Decimal(gross), fees_quote=Decimal(fees),
        net_quote=Decimal(gross) - Decimal(fees), **(given | more),
    )


def story() -> list[Record]:
    """The position is built (fee in base), funding comes twice, one pair is traded; all of it worked out by hand."""
    declined = Declined(pair_name="GATE_TO_MEXC", reason="LOT", text="small", edge_bps=3.5)
    return [
        row(0, "GATEIO_SPOT:opening:USDT", EntryKind.OPENING, "20000", Venue.GATE_SPOT),
        row(0, "MEXC_SPOT:opening:USDT", EntryKind.OPENING, "10000", Venue.MEXC_SPOT),
        row(0, "GATEIO_FUTURES:opening:USDT", EntryKind.OPENING, "1000"),
        sampled(0.5, "0", "0", "0", "0"),
        booked(1, "1", Venue.GATE_SPOT, Side.BUY, "100", "1.001", "0.001", "x1-1", "BTC"),
        booked(1.1, "2", Venue.GATE_FUTURES, Side.SELL, "101", "1", "0.05", "x1-1"),
        closed(1.2, "x1-1", "ESTABLISH", "1", "0.15", purpose="establish"),
        sampled(2, "1", "0", "-1", "-0.15"),
        row(100, "GATEIO_FUTURES:row:1", EntryKind.FUNDING, "0.25"),
        sampled(101, "1", "0", "-1", "0.1"),
        sampled(300, "1", "0", "-1", "0.1"),
        booked(400, "3", Venue.GATE_SPOT, Side.BUY, "102", "0.5", "0.051", "x1-2"),
        booked(400.1, "4", Venue.MEXC_SPOT, Side.SELL, "103", "0.5", "0.02", "x1-2"),
        closed(
            400.2, "x1-2", "GATE_TO_MEXC", "0.5", "0.071", estimate_net_quote=Decimal("0.4"), naked_ms=77,
            bought=Decimal("0.5"), sold=Decimal("0.5"),
        ),
        sampled(401, "1.5", "-0.5", "-1", "0.529"),
        row(500, "GATEIO_FUTURES:row:2", EntryKind.FUNDING, "-0.1"),
        OpportunityDeclined(declined=declined, count=3, at_ns=at(500)),
        OpportunityDeclined(declined=declined, count=4, at_ns=at(501)),
        StateChanged(
            sequence=1, from_state="EXECUTING_ARBITRAGE", to_state="REBALANCING_DELTA", trigger="RESIDUAL_LEFT",
            why=NASTY, at_ns=at(502),
        ),
        Alert(level="critical", key="k", text=NASTY, at_ns=at(503)),
        BalancesSampled(Venue.GATE_FUTURES, "USDT", Decimal("1000.1"), Decimal("1000.1"), at(504)),
        sampled(505, "1.5", "-0.5", "-1", "0.429"),
    ]


def rows_of(path: Path) -> list[dict[str, str]]:
    """A CSV file's rows by head."""
    return list(csv.DictReader(path.read_text().splitlines()))


async def written(store: PostgresStore, records: list[Record]) -> None:
    """A run that told these records."""
    await store.begin_run(SYMBOL, version="1", settings="{}", started_at_ns=START_NS - 1)
    await store.append(records)


async def report_since(store: PostgresStore, seconds: float) -> Report:
    """From that second of the story to its end."""
    since = START + timedelta(seconds=seconds)
    return await read_report(store.read, SYMBOL, since=since, until=START + timedelta(seconds=600))


async def test_whole_story(store: PostgresStore) -> None:
    """Profit by source, pairs, fees, funding, delta, incidents and ledger are those of the story, to the last digit."""
    await written(store, story())
    report = await report_since(store, -10)

    assert report.profit == Profit(Decimal("0.5"), Decimal("0.221"), Decimal("0.15"))
    assert report.profit.realised_quote == Decimal("0.429")
    assert report.fills == 4
    assert [(pair.pair_name, pair.traded_base, pair.gross_quote, pair.fees_quote) for pair in report.pairs] == [
        ("GATE_TO_MEXC", Decimal(1), Decimal("0.5"), Decimal("0.071")),
        ("ESTABLISH", Decimal("2.001"), Decimal(1), Decimal("0.15")),
    ]
    assert [pair.against_estimate_quote for pair in report.pairs] == [Decimal("0.029"), None]
    assert [(fee.venue, fee.asset, fee.amount, fee.quote) for fee in report.fees] == [
        ("GATEIO_FUTURES", "USDT", Decimal("0.05"), Decimal("0.05")),
        ("GATEIO_SPOT", "BTC", Decimal("0.001"), Decimal("0.1")),
        ("GATEIO_SPOT", "USDT", Decimal("0.051"), Decimal("0.051")),
        ("MEXC_SPOT", "USDT", Decimal("0.02"), Decimal("0.02")),
    ]
    assert [payment.amount for payment in report.funding] == [Decimal("0.25"), Decimal("-0.1")]
    assert report.inventory is not None
    assert report.inventory.delta_base == 0
    assert report.delta_between_fills_worst is not None
    assert report.delta_between_fills_worst.delta_base == 1
    assert report.naked_ms_worst_definite == 77
    assert [(row.reason, row.times) for row in report.declined] == [("LOT", 7)]
    assert [incident.kind for incident in report.incidents] == ["critical", "state", "start"]
    balances = {(line.venue, line.asset): line.balance for line in report.ledger}
    assert balances["GATEIO_SPOT", "USDT"] == Decimal(20000) - Decimal("100.1") - Decimal("51.051")
    assert balances["GATEIO_FUTURES", "USDT"] == Decimal("1000.1")
    assert [check.name for check in report.checks if not check.holds] == []


async def test_period_begins_at_a_sample(store: PostgresStore) -> None:
    """Since the middle only what came later counts, and no funding row counts on both sides of the start."""
    await written(store, story())
    later = await report_since(store, 350)
    assert later.profit == Profit(Decimal("0.5"), Decimal("0.071"), Decimal("-0.1"))
    assert [pair.pair_name for pair in later.pairs] == ["GATE_TO_MEXC"]

    beside_funding = await report_since(store, 102)
    assert beside_funding.profit_from == START + timedelta(seconds=2), "nothing proves that the sample has the row"
    assert beside_funding.profit == Profit(Decimal("0.5"), Decimal("0.071"), Decimal("0.15"))
    last = beside_funding.profit_series[-1]
    assert last.profit == beside_funding.profit
    assert {point.profit.spread_quote for point in beside_funding.profit_series} == {Decimal(0), Decimal("0.5")}


async def test_period_begins_beside_a_booked_payment(store: PostgresStore) -> None:
    """A sample soon after a payment is the start when a later record proves that the payment was booked before it."""
    records = story()
    moved = StateChanged(
        sequence=1, from_state="A", to_state="B", trigger="T", why="", at_ns=at(100.5),
    )
    await written(store, [*records[:9], moved, *records[9:]])
    report = await report_since(store, 102)
    assert report.profit_from == START + timedelta(seconds=101)
    assert report.profit == Profit(Decimal("0.5"), Decimal("0.071"), Decimal("-0.1"))


async def test_figures_that_do_not_agree_are_told(store: PostgresStore) -> None:
    """Stored figures that are not those of the fills, a venue that reports otherwise, and adjustments fail checks."""
    records = story()
    wrong = [
        msgspec.structs.replace(record, gross_quote=Decimal(9), net_quote=Decimal(8))
        if isinstance(record, ExecutionClosed) and record.execution_id == "x1-2" else record
        for record in records
    ]
    wrong.append(row(550, "GATEIO_FUTURES:adjust:1", EntryKind.ADJUSTMENT, "0.7"))
    wrong.append(BalancesSampled(Venue.GATE_FUTURES, "USDT", Decimal("1000.9"), Decimal("1000.8"), at(551)))
    await written(store, wrong)
    report = await report_since(store, -10)

    failed = {check.name: check.text for check in report.checks if not check.holds}
    assert sorted(failed) == ["adjustments", "executions and their fills", "the venues' last word"]
    assert "x1-2" in failed["executions and their fills"]
    assert "0.1" in failed["the venues' last word"]
    assert report.pairs[0].gross_quote == Decimal("0.5")


async def test_page_and_files(store: PostgresStore, tmp_path: Path) -> None:
    """Every table is written with every digit; what others wrote is escaped on the page."""
    await written(store, story())
    report = await report_since(store, -10)
    page = html_of(report)
    assert NASTY not in page
    assert page.count("<svg") == 7
    assert "0.429" in text_of(report)

    folder = tmp_path / "csv"
    folder.mkdir()
    paths = await write_csv(folder, store.read, report)
    rows = {path.stem: rows_of(path) for path in paths}
    assert {name: len(found) for name, found in rows.items()} == {
        "executions": 2, "fills": 4, "funding": 2, "opportunities": 2, "ledger": 15, "balances": 1, "alerts": 1,
    }
    assert sum(Decimal(found["amount"]) for found in rows["funding"]) == Decimal("0.15")
    assert [found["estimate_net_quote"] for found in rows["executions"]] == ["", "0.4"]
    assert rows["alerts"][0]["text"] == NASTY


async def test_csv_pages_neither_repeat_nor_lose(
    store: PostgresStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With pages of two rows the files, and the executions' sums, are the same."""
    await written(store, story())
    whole = await report_since(store, -10)
    monkeypatch.setattr("dnbot.operate.report_queries.PAGE_ROWS", 1)
    monkeypatch.setattr("dnbot.operate.report_csv.PAGE_ROWS", 2)
    paged = await report_since(store, -10)
    assert paged.pairs == whole.pairs
    paths = await write_csv(tmp_path, store.read, paged)
    ledger = next(path for path in paths if path.stem == "ledger")
    names = [found["entry_id"] for found in rows_of(ledger)]
    assert len(names) == 15
    assert len(set(names)) == 15


async def test_a_table_that_cannot_be_written_is_named(store: PostgresStore, tmp_path: Path) -> None:
    """Its file, as far as it is known only while it is written."""
    await written(store, story())
    (tmp_path / "fills.csv").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match=r"fills\.csv: --csv: found 'No space left on device'"):
        await write_csv(tmp_path, store.read, await report_since(store, -10))


async def test_empty_database(store: PostgresStore, tmp_path: Path) -> None:
    """A migrated database without a run gives a report that says so, and CSV files with heads alone."""
    report = await report_since(store, -10)
    assert "nothing was ever recorded" in text_of(report)
    paths = await write_csv(tmp_path, store.read, report)
    assert all(len(path.read_text().splitlines()) == 1 for path in paths)


async def test_run_that_did_nothing(store: PostgresStore) -> None:
    """A run without records has every table, a ledger without entries, and checks that hold."""
    await written(store, [])
    report = await report_since(store, -10)
    assert report.profit == Profit()
    assert all(check.holds for check in report.checks)
    assert "the ledger has no entry" in text_of(report)


async def test_without_a_database(tmp_path: Path) -> None:
    """Where no bot ever ran, nothing is created, and the sentence says what to do."""
    from dnbot.config import load_settings
    from dnbot.resources import config_dir

    settings = msgspec.structs.replace(load_settings(config_dir() / "demo.toml"), state_dir=str(tmp_path))
    with pytest.raises(ConfigError, match="dnbot run"):
        await report_on(settings, ReportOptions())
    assert os.listdir(tmp_path) == []


async def test_database_that_cannot_be_reached(tmp_path: Path) -> None:
    """When another process holds the state folder and its socket is not there, the sentence says what to do."""
    from dnbot.config import load_settings
    from dnbot.resources import config_dir

    folder = tmp_path / "postgres"
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("18")
    settings = msgspec.structs.replace(load_settings(config_dir() / "demo.toml"), state_dir=str(tmp_path))
    with (folder / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnreachable, match="as the user that runs the bot, or stop the bot first"):
            await report_on(settings, ReportOptions())
