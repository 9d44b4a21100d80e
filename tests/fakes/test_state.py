"""What survives a stop and a kill, and what the audit says about it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest
from money_checks import (
    assets_are_conserved,
    orders_keep_their_promises,
    positions_cancel_out,
    reduce_only_orders_only_reduce,
)

from dnbot.fakes.audit import round_trips
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import AccountConfig, FakesConfig
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, OrderRequest, OrderState, UserTrade
from dnbot.fakes.state import StateCorrupt
from dnbot.fakes.world import SIMULATION_EPOCH_NS, World, build_core

D = Decimal
BTC = "BTC/USDT"


class Start(Protocol):
    """Builds worlds that are let go of when the test ends."""

    def __call__(self, **changes: Any) -> World:
        """A world without fronts, kept in the test's directory."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Start]:
    """Start worlds in one directory; a world that is not closed before the next starts was killed."""
    started: list[World] = []

    def start(**changes: Any) -> World:
        clock = FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0)
        started.append(build_core(FakesConfig(state_dir=tmp_path, **changes), clock))
        return started[-1]

    yield start
    for made in started:
        assert made.journal is not None
        made.journal.abandon()


def live(made: World, steps: int, seed: int) -> None:
    """Trade for a while, leaving some orders open."""
    rng = random.Random(seed)
    for _ in range(steps):
        made.step_market(BTC)
        venue = rng.choice(VENUES)
        book = made.exchange.depth(venue, BTC, 5)
        quantity = D(rng.randint(1, 100)) if venue == GATE_FUTURES else D(rng.randint(10, 90)) * D("0.0001")
        side, price = rng.choice([("buy", book.asks[2][0]), ("sell", book.bids[2][0]), ("buy", book.bids[4][0])])
        request = OrderRequest(BTC, side, "limit", "gtc", quantity, price, client_id=f"c{rng.random()}")  # type: ignore[arg-type]  # drawn literal
        made.exchange.place_order(venue, "10001", request)
        if rng.random() < 0.1:
            made.exchange.settle_funding(BTC)
    made.exchange.transfer("10001", "USDT", MEXC_SPOT, GATE_SPOT, D("12.5"))


def test_an_order_between_ticks_keeps_no_world_from_starting(world: Start) -> None:
    """It was placed while the tick was finer; at the usual one its book cannot hold it, and its money is free again."""
    made = world()
    market = made.exchange.instrument(GATE_SPOT, BTC)
    assert market is not None
    made.exchange.relist(attrs.evolve(market, price_tick=D("0.01")))
    request = OrderRequest(BTC, "buy", quantity=D("0.001"), price=D("59000.05"))
    order = made.exchange.place_order(GATE_SPOT, "10001", request)
    assert isinstance(order, OrderState), order
    again = world()
    kept = again.exchange.order(GATE_SPOT, "10001", order.order_id)
    assert kept is not None
    assert kept.finish_as == "cancelled"
    assert again.exchange.balances(GATE_SPOT, "10001")["USDT"].locked == 0


def test_reduce_only_orders_turn_no_position_after_a_restart(world: Start) -> None:
    """The older one waits with all of itself, the newer with what is left to reduce: so it did before."""
    two = (BTC, "ETH/USDT")
    made = world(symbols=two)
    asks = made.exchange.depth(GATE_FUTURES, BTC, 20).asks
    prices = [asks[4][0], asks[-1][0] + 1000, asks[-1][0] + 1001]
    wanted = zip(("buy", "sell", "sell"), (5, 3, 5), prices, strict=True)
    orders = [
        made.exchange.place_order(
            GATE_FUTURES, "10001",
            OrderRequest(BTC, side, quantity=D(size), price=price, reduce_only=side == "sell"),  # type: ignore[arg-type]  # text for literal
        )
        for side, size, price in wanted
    ]  # fmt: skip
    ids = [order.order_id for order in orders if isinstance(order, OrderState)]
    assert len(ids) == 3, orders
    assert made.exchange.position("10001", BTC).contracts == 5
    again = world(symbols=two)
    book = again.exchange.state.markets[GATE_FUTURES, BTC]
    assert [resting.quantity_left for name in ids[1:] if (resting := book.order(name)) is not None] == [3, 2]
    again.exchange.external_clear(GATE_FUTURES, BTC)
    again.exchange.external_take(GATE_FUTURES, BTC, "buy", D(8))
    again.exchange.commit()
    assert again.exchange.position("10001", BTC).contracts == 0
    reduce_only_orders_only_reduce(again.exchange, "10001")
    orders_keep_their_promises(again.exchange, again.exchange.orders(GATE_FUTURES, "10001"))
    positions_cancel_out(again.exchange)
    assets_are_conserved(again.exchange)


def truth(made: World) -> dict[str, Any]:
    """All of an account that a client could have been told."""
    report = made.audit()
    positions = {
        name: {k: v for k, v in row.items() if k != "unrealised_pnl"} for name, row in report["positions"].items()
    }
    return {
        **{key: report[key] for key in ("opening", "balances", "locked", "fills", "ledger", "orders", "transfers")},
        "positions": positions,
        "totals": {asset: total for asset, total in made.exchange.state.accounts.totals().items() if total},
        "fundings": made.exchange.fundings(BTC),
    }


def test_kill_loses_nothing(world: Start) -> None:
    """A world whose process just vanishes comes back with every order, fill, row, balance and position it answered."""
    made = world()
    live(made, 120, 1)
    before = truth(made)
    kept = [order.order_id for venue in VENUES for order in made.exchange.open_orders(venue, "10001")]
    assert before["fills"]
    assert kept
    again = world()  # the first one was never closed: what is on disk is what a SIGKILL leaves
    after = truth(again)
    for part in before:
        if part not in ("fills", "ledger", "orders", "balances", "locked", "positions", "totals"):
            assert after[part] == before[part], part
    for part in ("fills", "ledger"):  # outsiders may have met resting orders since: history only grows
        assert after[part][: len(before[part])] == before[part]
    assert {o["order_id"] for o in before["orders"]} == {o["order_id"] for o in after["orders"]}
    assert after["totals"] == before["totals"]


def test_books_and_ids_go_on_after_a_kill(world: Start) -> None:
    """Open orders are in the book again and can be cancelled; no id and no book id is ever given twice."""
    made = world()
    price = made.exchange.depth(GATE_SPOT, BTC, 20).bids[-1][0] - 3000
    order = made.exchange.place_order(GATE_SPOT, "10001", OrderRequest(BTC, "buy", quantity=D("0.001"), price=price))
    assert isinstance(order, OrderState)
    live(made, 30, 2)
    book_ids = {venue: made.exchange.depth(venue, BTC, 1).book_id for venue in VENUES}
    counters = dict(made.exchange.state.ids.counters)
    again = world()
    assert all(again.exchange.depth(venue, BTC, 1).book_id > book_ids[venue] for venue in VENUES)
    assert all(again.exchange.state.ids.counters[name] > counters[name] for name in counters)
    cancelled = again.exchange.cancel_order(GATE_SPOT, "10001", order.order_id)
    assert isinstance(cancelled, OrderState)
    assert cancelled.status == "cancelled"


def test_clean_stop_keeps_everything_and_writes_the_audit(world: Start, tmp_path: Path) -> None:
    """After close() the directory holds audit.json, and the next start has the same account to the last digit."""
    made = world()
    live(made, 60, 3)
    for venue in VENUES:
        made.exchange.cancel_all(venue, "10001")
    made.close()
    before = truth(made)
    report = json.loads((tmp_path / "audit.json").read_text())
    assert report["balances"] == before["balances"]
    assert report["fills"] == before["fills"]
    assert report["market"]["real"] is False
    again = world()
    assert truth(again) == before
    assert again.audit()["opening_this_start"]["balances"] == before["balances"]
    assert again.models[BTC].position.step > made.models[BTC].position.step


def test_market_goes_on_near_where_it_was(world: Start) -> None:
    """A restart does not send the price back to the start."""
    made = world(deviation_bps=1.0)
    made.models[BTC].position.fundamental = 65000.0
    made.close()
    again = world(deviation_bps=1.0)
    assert abs(float(again.exchange.depth(GATE_FUTURES, BTC, 1).bids[0][0]) / 65000 - 1) < 0.001


def test_torn_last_line_is_dropped_but_a_damaged_one_is_not(world: Start, tmp_path: Path) -> None:
    """A write cut short by a power loss was never answered; damage anywhere else stops the start with a named line."""
    made = world()
    live(made, 30, 4)
    fills = len(made.audit()["fills"])
    journal = next(tmp_path.glob("journal-*.jsonl"))
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'deadbeef {"orders":')
    assert len(world().audit()["fills"]) >= fills
    journal = next(tmp_path.glob("journal-*.jsonl"))
    live(world(), 30, 5)
    journal = next(tmp_path.glob("journal-*.jsonl"))
    lines = journal.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b'"', b"'", 1)
    journal.write_bytes(b"\n".join(lines))
    with pytest.raises(StateCorrupt, match=r"journal-\d+\.jsonl:2"):
        world()


def test_an_account_that_is_new_in_the_config_joins_an_old_world(world: Start) -> None:
    """Known accounts keep what they have; a new one gets its opening balances."""
    made = world()
    live(made, 20, 6)
    made.close()
    accounts = (AccountConfig(), AccountConfig("k2", "s2", "10002"))
    again = world(accounts=accounts)
    assert truth(again)["fills"] == truth(made)["fills"]
    assert again.exchange.balances(MEXC_SPOT, "10002")["USDT"].total == 20000


def fill(side: str, order_id: str, quantity: str) -> UserTrade:
    """A fill of which only side, order and quantity matter."""
    return UserTrade("1", order_id, "", GATE_SPOT, "1", BTC, side, "taker", D(1), D(quantity), D(1), D(0), "USDT", 0)  # type: ignore[arg-type]  # text for literal


@pytest.mark.parametrize(
    ("fills", "count"),
    [
        ([("buy", "a", "1")], 0),
        ([("buy", "a", "1"), ("sell", "b", "1")], 1),
        ([("buy", "a", "1"), ("buy", "a", "1"), ("sell", "b", "1.5")], 0),
        ([("buy", "a", "1"), ("buy", "c", "1"), ("sell", "b", "2")], 2),
        ([("sell", "a", "1"), ("buy", "b", "3"), ("sell", "c", "2")], 2),
    ],
)
def test_round_trips_count_orders_that_were_wholly_closed(fills: list[tuple[str, str, str]], count: int) -> None:
    """First in, first out; a partly closed order does not count, an over-closing one opens the other way."""
    assert round_trips([fill(*one) for one in fills]) == count
