"""Delta after fills on a real database, while and after a person moved base between the exchanges."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from machine_kit import Bench
from machine_world import GS, MS, SYMBOL

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import (
    Alert,
    DeclareShipment,
    FillBooked,
    GiveUpShipment,
    PortfolioSaved,
    PositionSampled,
    RowBooked,
)
from dnbot.operate.report_data import BEGINNING
from dnbot.operate.report_read import read_report
from dnbot.ports.postgres import PostgresStore
from dnbot.strategy.machine import step
from dnbot.strategy.reading import DIFFERENCE_CONFIRM_S

pytestmark = pytest.mark.slow
KINDS = FillBooked | RowBooked | PortfolioSaved | PositionSampled | Alert
"""What the bot writes and the figure is made of."""


def declare(bench: Bench, leaves: str, arrives: str) -> None:
    """Base from Gate to MEXC."""
    bench.give(DeclareShipment(
        source=GS, target=MS, asset="BTC", leaves=Decimal(leaves), arrives=Decimal(arrives), why="test",
    ))


def hedged(bench: Bench) -> None:
    """Two reads of everything, far enough apart to be believed; what the bot has ordered is filled."""
    for _ in range(2):
        bench.read_all()
        bench.signal(after_ms=DIFFERENCE_CONFIRM_S * 1000)
    for intent in bench.intents():
        order = bench.context.orders.get(intent.client_order_id)
        if order is not None and not order.is_settled:
            bench.filled(intent)
    bench.quiet(2)


def moved(bench: Bench, venue: Venue, amount: str) -> None:
    """The venue's balance changes, and the bot takes note."""
    bench.truth[venue].balances["BTC"] += Decimal(amount)
    hedged(bench)


def traded(bench: Bench) -> None:
    """One pair, later than anything before it."""
    bench.round_trip()
    bench.quiet(2)


def left(bench: Bench) -> None:
    """It leaves, its fee is hedged, and a pair trades while it is under way."""
    moved(bench, GS, "-0.1")
    assert bench.context.portfolio.under_way("BTC") == Decimal("0.098")
    traded(bench)


def arrived(bench: Bench) -> None:
    """The same, and it comes in two parts with a pair after each."""
    left(bench)
    for part in ("0.04", "0.058"):
        moved(bench, MS, part)
        traded(bench)
    assert bench.context.portfolio.shipments == ()


def given_up(bench: Bench) -> None:
    """A part of it comes, and the rest is given up: the bot buys back its hedge."""
    left(bench)
    moved(bench, MS, "0.04")
    traded(bench)
    bench.give(GiveUpShipment("s1", "lost: 7 BTC are given up by nobody", "a person"))
    assert bench.context.portfolio.delta == Decimal("-0.058")
    hedged(bench)
    assert not bench.context.portfolio.shipments
    assert bench.context.portfolio.delta == 0


def taken_back(bench: Bench) -> None:
    """It never leaves."""
    bench.give(GiveUpShipment("s1", "not today", "a person"))
    traded(bench)


def two(bench: Bench) -> None:
    """Another one leaves while the first is under way."""
    declare(bench, "0.05", "0.049")
    left(bench)
    moved(bench, GS, "-0.05")
    traded(bench)


def lost_both(bench: Bench) -> None:
    """Both are given up at once, which is one alert: each entry tells what was lost with it."""
    two(bench)
    for name in ("s1", "s2"):
        bench.give(GiveUpShipment(name, "lost", "a person"))
    assert bench.context.portfolio.delta == Decimal("-0.148"), "a fee of a thousandth is within tolerance"
    assert [alert.key for alert in bench.all(Alert)].count("shipment:given_up") == 1
    hedged(bench)


def deltas_of(bench: Bench) -> dict[int, Decimal]:
    """The worst that the bot itself had for its delta after fills, by the microsecond of their booking."""
    context, found = bench.start, dict[int, Decimal]()
    for event in bench.events:
        told = step(context, event)
        context = told.context
        for at_us in {record.at_ns // 1000 for record in told.records if isinstance(record, FillBooked)}:
            found[at_us] = max(found.get(at_us, Decimal(0)), context.portfolio.delta, key=abs)
    return found


async def written(store: PostgresStore, bench: Bench) -> None:
    """Everything that the figure is made of."""
    await store.begin_run(SYMBOL, version="1", settings="{}", started_at_ns=bench.start.now_ns)
    await store.append([record for record in bench.records if isinstance(record, KINDS)])


async def reported(store: PostgresStore, bench: Bench) -> dict[int, Decimal]:
    """What the report says of the same."""
    until = BEGINNING + timedelta(microseconds=bench.now_ns // 1000)
    report = await read_report(store.read, SYMBOL, since=BEGINNING, until=until)
    assert report.inventory is not None
    assert report.inventory.delta_base == bench.context.portfolio.delta
    return {(one.at - BEGINNING) // timedelta(microseconds=1): one.delta_base for one in report.delta_between_fills}


@pytest.mark.parametrize("happens", [left, arrived, given_up, taken_back, two, lost_both])
async def test_delta_after_a_fill_counts_what_is_under_way(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Bench], None]
) -> None:
    """After each fill it is what the bot itself had: a departure costs its fee, an arrival nothing, a loss its rest."""
    monkeypatch.setattr("dnbot.operate.report_read.BUCKETS", 10**6)  # every fill, not the peaks of a chart
    bench = Bench().boot()
    traded(bench)
    declare(bench, "0.1", "0.098")
    happens(bench)
    await written(store, bench)
    assert await reported(store, bench) == deltas_of(bench)
