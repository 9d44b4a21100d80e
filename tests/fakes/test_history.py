"""What bounded fakes forget, and what they never do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.gateio_position_history import CLOSES_MAX, PositionClosed
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, OrderRequest, OrderState, Side
from dnbot.fakes.running import World
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world

D = Decimal
UID = "10001"


def made(newest: int | None) -> World:
    """A world whose time stands still."""
    return build_world(FakesConfig(history_newest=newest), FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))


def place(world: World, text: str, *, side: Side = "buy", tif: Any = "ioc", factor: str = "1.01") -> OrderState:
    """An order relative to the best ask, on a whole tick."""
    best = world.exchange.state.markets[GATE_SPOT, "BTC/USDT"].best("sell")
    assert best is not None
    price = (best[0] * D(factor)).quantize(D("0.1"))
    request = OrderRequest("BTC/USDT", side, tif=tif, quantity=D("0.001"), price=price, client_id=text)
    order = world.exchange.place_order(GATE_SPOT, UID, request)
    assert isinstance(order, OrderState)
    return order


def test_the_newest_are_kept_and_the_rest_is_counted() -> None:
    """Ended orders, their client ids, fills and ledger rows beyond the bound are gone, oldest first."""
    world = made(3)
    orders = [place(world, f"t-{n}") for n in range(8)]
    account = world.exchange.account(UID)
    fills, rows = len(account.trades), len(account.ledger)
    world.history.trim()
    kept = [order.order_id for order in world.exchange.orders(GATE_SPOT, UID)]
    assert kept == [order.order_id for order in orders[-3:]]
    assert world.exchange.order(GATE_SPOT, UID, client_id="t-0") is None
    assert world.exchange.order(GATE_SPOT, UID, client_id="t-7") is orders[-1]
    assert (len(account.trades), len(account.ledger)) == (3, 3)
    assert world.audit(UID)["forgotten"] == {"orders": 5, "fills": fills - 3, "ledger_rows": rows - 3}


def test_what_is_open_or_reused_stays() -> None:
    """An open order outlives any number of ended ones, and a client id that a newer order carries stays known."""
    world = made(1)
    resting = place(world, "t-rest", tif="gtc", factor="0.9")
    for _ in range(4):
        again = place(world, "t-again")
    world.history.trim()
    assert world.exchange.open_orders(GATE_SPOT, UID) == [resting]
    assert world.exchange.order(GATE_SPOT, UID, client_id="t-again") is again
    assert world.exchange.cancel_order(GATE_SPOT, UID, resting.order_id) is resting


def test_fronts_forget_with_it() -> None:
    """What Gate's front keeps of orders and of ended positions is bounded too, and the last end can still change."""
    world = made(2)
    notes, ended = world.gate_app.context.notes, world.gate_app.context.history
    market = world.exchange.state.markets[GATE_FUTURES, "BTC/USDT"]
    for number in range(8):
        side: Side = "sell" if number % 2 else "buy"
        best = market.best("sell" if side == "buy" else "buy")
        assert best is not None
        request = OrderRequest("BTC/USDT", side, tif="ioc", quantity=D(1), price=best[0])
        with notes.placing(GATE_FUTURES, over_ws=True, iceberg=D(0)):
            assert isinstance(world.exchange.place_order(GATE_FUTURES, UID, request), OrderState)
    assert len(ended.closes) == 4
    world.history.trim()
    kept = [order.order_id for order in world.exchange.orders(GATE_FUTURES, UID)]
    assert [order_id for _, order_id in notes._notes] == kept
    assert len(ended.closes) == 2
    assert ended._last == {(UID, "BTC/USDT"): 1}


def test_a_page_of_closes_is_kept() -> None:
    """However much history is kept, ended positions are one page: they must be full before memory is level."""
    ended = made(10_000).gate_app.context.history
    z = D(0)
    closes = [PositionClosed(UID, "BTC/USDT", "long", n, z, z, z, "", z, z, 0, z, z) for n in range(CLOSES_MAX + 5)]
    ended.closes.extend(closes)
    ended._last[UID, "BTC/USDT"] = len(closes) - 1
    ended.forget(10_000)
    assert ended.closes == closes[5:]
    assert ended._last == {(UID, "BTC/USDT"): CLOSES_MAX - 1}


def test_money_and_sums_do_not_notice() -> None:
    """Balances and Gate's running sums over the ledger are those of a world that forgets nothing."""
    worlds = [made(2), made(None)]
    for world in worlds:
        for number in range(6):
            place(world, f"t-{number}")
            world.history.trim()
    few, all_ = worlds
    assert few.exchange.balances(GATE_SPOT, UID) == all_.exchange.balances(GATE_SPOT, UID)
    for venue in (GATE_SPOT, GATE_FUTURES):
        sums = [world.gate_app.context.ledger.of(UID, venue) for world in worlds]
        assert sums[0] == sums[1]
    assert all_.audit(UID)["forgotten"] == {"orders": 0, "fills": 0, "ledger_rows": 0}
