"""Questions of pages and commands to a real database, against rows and sums made by hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from dnbot.config import load_settings
from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import (
    Alert,
    ExecutionClosed,
    FillBooked,
    ModeChanged,
    OrderChanged,
    PositionSampled,
    RowBooked,
)
from dnbot.domain.order import Fill, Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.pair import Opportunity, OpportunityRisk, PnlEstimate
from dnbot.domain.position import EntryKind, LedgerEntry, entries_of
from dnbot.domain.units import Money, Price, Quantity
from dnbot.operate import reading_queries as queries
from dnbot.operate.orders import OrdersWanted, list_orders
from dnbot.operate.readings import Cursor, Readings, cursor_of
from dnbot.operate.report import ReportOptions, report_on
from dnbot.operate.trades import TradesWanted, list_trades, read_trade
from dnbot.operate.trades_text import orders_text, trade_text, trades_text
from dnbot.operate.transfers import plan_for
from dnbot.operate.transfers_text import plan_text
from dnbot.ports.clock import SystemClock
from dnbot.ports.embedded_postgres import embedded_postgres
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.ports.postgres_migrate import migrate
from dnbot.resources import config_dir

pytestmark = pytest.mark.slow
SYMBOL = Symbol("BTC", "USDT")
NS = 1_000_000_000
START_NS = 1_790_000_000 * NS
START = datetime.fromtimestamp(START_NS // NS, UTC)
NOW = START + timedelta(hours=2)


def at(seconds: float) -> int:
    """Nanoseconds of a moment of the story."""
    return START_NS + int(seconds * NS)


def closed(
    number: int, seconds: float, gross: str, estimate: str | None, pair: str = "GATE_TO_MEXC", **more: Any
) -> ExecutionClosed:
    """The end of an execution with a fee of 0.25."""
    given: dict[str, Any] = {"purpose": "entry", "status": "complete"} | more
    return ExecutionClosed(
        execution_id=f"x1-{number}", pair_name=pair, bought=Decimal(1), sold=Decimal(1), gross_quote=Decimal(gross),
        fees_quote=Decimal("0.25"), net_quote=Decimal(gross) - Decimal("0.25"), residual_base=Decimal(0),
        estimate_net_quote=Decimal(estimate or 0), started_at_ns=at(seconds) - NS, ended_at_ns=at(seconds),
        naked_ms=number, ambiguous=False, delta_base=Decimal(0), spot_base=Decimal(1), perp_base=Decimal(-1), **given,
    )


def sampled(seconds: float, equity: str | None, realised: str) -> PositionSampled:
    """What the bot writes once a second."""
    return PositionSampled(
        spot_gate=Decimal(1), spot_mexc=Decimal(0), perp_base=Decimal(-1), delta_base=Decimal(0), mark=Decimal(100),
        liquidation_price=None, equity_quote=None if equity is None else Decimal(equity),
        realised_quote=Decimal(realised), at_ns=at(seconds),
    )


def fill(seconds: float, trade_id: str, venue: Venue, price: str, fee: str) -> FillBooked:
    """One unit bought, as part of the first execution."""
    one = Fill(
        venue=venue, symbol=SYMBOL, trade_id=trade_id, venue_order_id="1", client_order_id="", side=Side.BUY,
        price=Price(Decimal(price)), quantity=Quantity(Decimal("1.5")), fee=Decimal(fee), fee_asset="USDT",
        traded_at_ns=at(seconds),
    )
    return FillBooked(one, entries_of(one), "x1-0", at(seconds))


def funding(seconds: float, amount: str) -> RowBooked:
    """A row of the perpetual's account book."""
    entry = LedgerEntry(
        entry_id=f"f{seconds}", venue=Venue.GATE_FUTURES, asset="USDT", amount=Decimal(amount), kind=EntryKind.FUNDING,
        at_ns=at(seconds),
    )
    return RowBooked((entry,), at(seconds))


INTENT = OrderIntent(
    client_order_id="dnb-1-1-b", venue=Venue.MEXC_SPOT, symbol=SYMBOL, side=Side.BUY, quantity=Quantity(Decimal("0.5")),
    price=Price(Decimal(101)), purpose=Purpose.ENTRY, execution_id="x1-0", epoch=1, created_at_ns=at(9.5),
    expires_at_ns=at(10.3),
)


TAKEN = Opportunity(
    opportunity_id="o1", pair_name="GATE_TO_MEXC", purpose=Purpose.ENTRY, buy_quantity=Quantity(Decimal("0.5")),
    sell_quantity=Quantity(Decimal("0.5")), buy_price_cap=Price(Decimal(101)), sell_price_cap=Price(Decimal(99)),
    edge_bps=Decimal("4.5"), required_bps=Decimal(3), inventory_price_bps=Decimal("-0.25"), edge=None,
    estimate=PnlEstimate(
        gross_quote=Money(Decimal(2)), fees_quote=Money(Decimal("0.5")), slippage_quote=Money(Decimal("0.25")),
        funding_quote=Money(Decimal("0.125")), exit_quote=Money(Decimal("-0.625")), net_quote=Money(Decimal("0.75")),
    ),
    risk=OpportunityRisk(confidence=0.9, adverse_move_bps=0.3, depth_risk=0.1, venue_risk=0.2),
    book_ids={Venue.MEXC_SPOT: 13}, book_ages_ms={Venue.MEXC_SPOT: 4}, found_at_ns=at(9),
)
"""Expects 1.25 of its legs, and 0.5 less with funding and the way back."""


LATER = tuple(
    msgspec.structs.replace(
        INTENT, client_order_id=f"dnb-1-9-{leg}", venue=venue, execution_id="x1-9", purpose=Purpose.EXIT,
        created_at_ns=at(20.5),
    )
    for leg, venue in (("b", Venue.GATE_SPOT), ("s", Venue.MEXC_SPOT))
)
"""Two orders of an execution that was never closed."""


@pytest.fixture
async def readings(tmp_path: Path) -> AsyncGenerator[tuple[Readings, PostgresStore], None]:
    """Questions to a book with a little of everything, by way of the pool that the pages have."""
    log = EventLog(SystemClock(), [])
    async with embedded_postgres(tmp_path / "postgres", log) as server:
        await migrate(server.dsn)
        async with open_postgres_store(server.dsn) as store:
            epoch = await store.begin_run(SYMBOL, version="test", settings="{}", started_at_ns=START_NS)
            intent = msgspec.structs.replace(INTENT, epoch=epoch)
            await store.commit_intents((intent,), execution_id="x1-0", opportunity=TAKEN)
            await store.commit_intents(
                tuple(msgspec.structs.replace(one, epoch=epoch) for one in LATER), execution_id="x1-9",
                opportunity=None,
            )
            refused = Order(
                intent=msgspec.structs.replace(LATER[0], epoch=epoch), status=OrderStatus.REJECTED, reason="too small",
                changed_at_ns=at(20.75),
            )
            await store.append([
                OrderChanged(refused, at(20.75)),
                fill(10, "t1", Venue.MEXC_SPOT, "100", "0.25"), fill(11, "t2", Venue.GATE_FUTURES, "102", "0.5"),
                closed(0, 12, "1.25", "0.75"), closed(1, 13, "0.25", "0.5"), closed(2, 14, "1", "5", status="repaired"),
                closed(3, 15, "-0.5", None, pair="ESTABLISH", purpose="establish"), closed(4, -3600 * 30, "9", "9"),
                funding(20, "0.125"), funding(21, "-0.5"),
                sampled(1, None, "0"), sampled(30, "20000", "0"), sampled(60, "20010", "1"),
                sampled(3600, "20005", "2.5"),
                Alert(level="warning", key="a", text="first", at_ns=at(1)),
                Alert(level="critical", key="b", text="second", at_ns=at(2)),
                ModeChanged(from_mode="ACTIVE", to_mode="REDUCING", why="ann: because", by="web:ann", at_ns=at(3)),
            ])
            async with open_postgres_store(server.dsn, only_reads=True) as only:
                yield Readings(only.read, SYMBOL), only


Found = tuple[Readings, PostgresStore]


def names(rows: Iterable[dict[str, Any]], key: str = "client_order_id") -> list[str]:
    """What the rows are called."""
    return [row[key] for row in rows]


async def trades_come_newest_first_page_by_page(readings: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each execution once, whatever the page size; a status chooses."""
    asked, _ = readings
    monkeypatch.setattr(queries, "PAGE_ROWS", 2)
    seen, below = [], Cursor()
    while page := await asked.trades(below, ""):
        seen += [row["execution_id"] for row in page]
        below = cursor_of(f"{page[-1]['ended_at']}~{page[-1]['execution_id']}")
    assert seen == ["x1-3", "x1-2", "x1-1", "x1-0", "x1-4"]
    assert [row["execution_id"] for row in await asked.trades(Cursor(), "repaired")] == ["x1-2"]


async def one_trade_with_its_orders_and_fills(readings: Found) -> None:
    """Money with every digit as text, moments as milliseconds or in UTC; None for an unknown one."""
    asked, _ = readings
    found = await asked.trade("x1-0")
    assert found is not None
    assert (found["execution"]["net_quote"], found["execution"]["ended_at"]) == ("1", "2026-09-21T14:13:32+00:00")
    assert [(row["trade_id"], row["venue"], row["price"], row["fee"]) for row in found["fills"]] == [
        ("t1", "MEXC_SPOT", "100", "0.25"), ("t2", "GATEIO_FUTURES", "102", "0.5"),
    ]
    [evidence] = found["evidence"]
    assert (evidence["net_quote"], evidence["exit_quote"]) == ("0.75", "-0.625")
    assert evidence["book_ages_ms"] == '{"MEXC_SPOT": 4}'
    assert found["execution"]["expected_quote"] == "1.25"
    [order] = found["orders"]
    assert (order["client_order_id"], order["quantity"], order["status"], order["created_at_ms"]) == (
        "dnb-1-1-b", "0.5", "pending", at(9.5) / 1e6,
    )
    assert await asked.trade("x1-0' or '1'='1") is None


async def orders_are_listed_and_those_that_are_open_told_apart(readings: Found) -> None:
    """By venue too."""
    asked, _ = readings
    assert names(await asked.orders(Cursor(), "")) == ["dnb-1-9-s", "dnb-1-9-b", "dnb-1-1-b"]
    assert names(await asked.orders(Cursor(), "GATEIO_SPOT")) == ["dnb-1-9-b"]
    assert names(await asked.orders(Cursor(), "GATEIO_FUTURES")) == []
    assert names(await asked.orders(Cursor(START + timedelta(seconds=20.5), ""))) == ["dnb-1-1-b"]
    assert names(await asked.orders(Cursor(), since=START + timedelta(seconds=20.5), limit=1)) == ["dnb-1-9-s"]
    assert names(await asked.unsettled()) == ["dnb-1-9-s", "dnb-1-1-b"]
    assert names(await asked.unsettled("MEXC_SPOT", before=START + timedelta(seconds=20))) == ["dnb-1-1-b"]
    assert names(await asked.unsettled(since=START + timedelta(seconds=20))) == ["dnb-1-9-s"]
    assert names(await asked.unsettled("GATEIO_FUTURES")) == []


async def trades_are_chosen_by_pair_and_time(readings: Found) -> None:
    """At or after the start, before the end; what was never closed has the time of its orders."""
    asked, _ = readings
    assert names(await asked.trades(Cursor(), pair="ESTABLISH"), "execution_id") == ["x1-3"]
    window = Cursor(START + timedelta(seconds=14), "")
    assert names(await asked.trades(window, since=START + timedelta(seconds=12)), "execution_id") == ["x1-1", "x1-0"]
    assert names(await asked.trades(Cursor(), limit=1), "execution_id") == ["x1-3"]
    [row] = await asked.unclosed()
    assert (row["execution_id"], row["status"], row["pair_name"], row["purpose"], row["started_at"]) == (
        "x1-9", "open", "EXIT", "exit", (START + timedelta(seconds=20.5)).isoformat(),
    )
    assert await asked.unclosed(pair="GATE_TO_MEXC") == []
    assert await asked.unclosed(START + timedelta(seconds=20.5)) == []
    assert await asked.unclosed(since=START + timedelta(seconds=21)) == []


async def the_commands_list_and_open_them(home: Path) -> None:
    """From the state folder of a database that runs; a word that fits nothing is answered with those that would."""
    demo = load_settings(config_dir() / "demo.toml")
    settings = msgspec.structs.replace(demo, state_dir=str(home))
    listed = await list_trades(settings, TradesWanted(limit=3))
    assert names(listed.rows, "execution_id") == ["x1-9", "x1-3", "x1-2"]
    assert listed.more
    first = (await list_trades(settings, TradesWanted(since=START, until=START + timedelta(seconds=13)))).rows
    [traded] = first
    assert (traded["edge_bps"], traded["bought_quote"], traded["realised_bps"]) == ("4.5", "303", "33.0033")
    assert "x1-9" in trades_text(listed)
    opened = await read_trade(settings, "x1-0")
    assert [(row["what"], row["of"]) for row in opened["timings"][:3]] == [
        ("found", "decision"), ("created", "dnb-1-1-b"), ("traded", "MEXC_SPOT trade t1"),
    ]
    assert "DECISION" in trade_text(opened, "BTC", "USDT")
    unsettled = await list_orders(settings, OrdersWanted(is_open=True, limit=1))
    assert (names(unsettled.rows), unsettled.more) == (["dnb-1-9-s"], True)
    assert "too small" in orders_text(await list_orders(settings, OrdersWanted(venue="GATEIO_SPOT")))
    told = msgspec.json.decode(await report_on(settings, ReportOptions(since=None, json=Path("-"))))
    assert (told["symbol"], told["execution_count"]) == ("BTC/USDT", 5)
    assert "near its target" not in plan_text(await plan_for(settings))
    with pytest.raises(ConfigError, match="found 'x9'; allowed: an id of `dnbot trades`, such as x1-3, x1-2, x1-1"):
        await read_trade(settings, "x9")
    with pytest.raises(ConfigError, match="found 'NOPE'; allowed: GATE_TO_MEXC"):
        await list_trades(settings, TradesWanted(pair="NOPE"))
    with pytest.raises(ConfigError, match="found 'NOPE'; allowed: GATEIO_SPOT"):
        await list_orders(settings, OrdersWanted(venue="NOPE"))
    elsewhere = msgspec.structs.replace(settings.strategy, symbol=Symbol("ETH", "USDT"))
    with pytest.raises(ConfigError, match="found 'ETH/USDT'; allowed: BTC/USDT"):
        await list_orders(msgspec.structs.replace(settings, strategy=elsewhere), OrdersWanted())


async def profit_is_the_sum_of_its_rows(readings: Found) -> None:
    """Per pair and venue; what nobody estimated is compared with nothing; what is older than the window is left out."""
    asked, _ = readings
    found = await asked.profit(NOW, 24)
    pairs = {row["pair_name"]: row for row in found["pairs"]}
    trading = pairs["GATE_TO_MEXC"]
    assert trading == {
        "pair_name": "GATE_TO_MEXC", "executions": 3, "losing": 0, "gross_quote": "2.5", "fees_quote": "0.75",
        "net_quote": "1.75", "judged_net_quote": "1", "expected_quote": "1.25", "naked_ms": 2,
    }
    building = pairs["ESTABLISH"]
    assert (building["net_quote"], building["losing"], building["judged_net_quote"]) == ("-0.75", 1, None)
    assert building["expected_quote"] is None
    assert [(row["venue"], row["fills"], row["fee"], row["turnover_quote"]) for row in found["fees"]] == [
        ("GATEIO_FUTURES", 1, "0.5", "153"), ("MEXC_SPOT", 1, "0.25", "150"),
    ]
    assert [row["amount"] for row in found["funding"]] == ["-0.5", "0.125"]
    assert [(row["equity_quote"], row["realised_quote"]) for row in found["equity"]] == [
        ("20000", "0"), ("20010", "1"), ("20005", "2.5"),
    ]
    assert (await asked.profit(NOW, 0.5))["equity"] == []


async def alerts_and_modes_are_those_of_the_record(readings: Found) -> None:
    """The newest first, with who did it."""
    asked, _ = readings
    assert [row["text"] for row in await asked.alerts(0, "")] == ["second", "first"]
    assert [row["text"] for row in await asked.alerts(0, "critical")] == ["second"]
    newest = (await asked.alerts(0, ""))[0]["sequence"]
    assert [row["text"] for row in await asked.alerts(newest, "")] == ["first"]
    assert [(row["to_mode"], row["changed_by"]) for row in await asked.modes()] == [("REDUCING", "web:ann")]


async def the_pages_cannot_write_and_do_not_wait_long(readings: Found) -> None:
    """The database refuses a write of theirs, and ends what takes longer than two seconds."""
    _, store = readings
    with pytest.raises(Exception, match="read-only"):
        await store.begin_run(SYMBOL, version="test", settings="{}", started_at_ns=START_NS)
    began = trio.current_time()
    with pytest.raises(StoreUnreachable):
        await store.read("select pg_sleep(20)")
    assert trio.current_time() - began < 4


async def test_what_was_written_is_read(readings: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything above, on one database: making one takes seconds."""
    await trades_are_chosen_by_pair_and_time(readings)
    await the_commands_list_and_open_them(tmp_path)
    await one_trade_with_its_orders_and_fills(readings)
    await orders_are_listed_and_those_that_are_open_told_apart(readings)
    await profit_is_the_sum_of_its_rows(readings)
    await alerts_and_modes_are_those_of_the_record(readings)
    await the_pages_cannot_write_and_do_not_wait_long(readings)
    await trades_come_newest_first_page_by_page(readings, monkeypatch)


@pytest.mark.parametrize("text", ["yesterday", "2026-01-01T00:00:00~x1", "~", "'; drop table fills; --"])
def test_a_made_up_place_is_refused(text: str) -> None:
    """A cursor is a moment with its zone, and an id."""
    with pytest.raises(ValueError, match=r"."):
        cursor_of(text)
