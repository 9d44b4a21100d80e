"""Orders whose answer is lost, late, refused or wrong: each a bug that users of other systems met."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import CancelOrder
from dnbot.domain.order import OrderIntent, OrderStatus, Purpose, Side, TimeInForce
from dnbot.domain.units import Quantity
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.gateio_faults import delay, drop_reply, http_error
from dnbot.fakes.mexc_faults import HttpFault

pytestmark = pytest.mark.slow

PATHS = {Venue.GATE_SPOT: "/spot/orders", Venue.GATE_FUTURES: "/futures/usdt/orders"}
MEXC_CREATE = ("POST", "/api/v3/order")


def arm(on: Any, venue: Venue, kind: str) -> None:
    """Let the third create at Gate, or the first at MEXC, go wrong."""
    if venue is Venue.MEXC_SPOT:
        faults = on.world.mexc_app.faults
        if kind == "drop_reply":
            faults.replies_lost[MEXC_CREATE] = 1
        else:
            faults.http.append(HttpFault(*MEXC_CREATE, 500))
        return
    make = {
        "drop_reply": lambda path: drop_reply(path, nth=3, method="POST"),
        "http_error": lambda path: http_error(path, 500, method="POST"),
        "delay": lambda path: delay(path, 3.0, method="POST"),
    }
    on.world.gate_app.faults.append(make[kind](PATHS[venue]))


def has_struck(on: Any, venue: Venue) -> bool:
    """Whether a reply was lost."""
    if venue is Venue.MEXC_SPOT:
        return bool(on.world.mexc_app.faults.replies_lost[MEXC_CREATE] == 0)
    return bool(on.world.gate_app.faults[-1].struck)


def closed_after_doubt(trial: Any) -> list[Any]:
    """Executions of which an order's outcome was unknown for a while."""
    book = trial.store.database.books[trial.bot.context.params.symbol]
    return [closed for closed in book.closed.values() if closed.ambiguous]


@pytest.mark.parametrize("venue", list(Venue), ids=lambda venue: venue.value)
async def test_timeout_but_delivered(autojump_clock: Any, lab: Any, venue: Venue) -> None:
    """The order is executed and its answer lost: one order, resolved, never sent again, residual zero."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        arm(on, venue, "drop_reply")
        async with lab.on(on) as trial:
            await trial.until(lambda: has_struck(on, venue), "a reply is lost")
            await trial.until_trades(1)
            assert await trial.end() == 0
            await trial.assert_clean()
            ids = trial.creates()
            assert len(ids) == len(set(ids))


@pytest.mark.parametrize("venue", list(Venue), ids=lambda venue: venue.value)
async def test_a_create_answered_with_500(autojump_clock: Any, lab: Any, venue: Venue) -> None:
    """500 says nothing: the order is looked for until its absence is proven, and never sent again."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        arm(on, venue, "http_error")
        async with lab.on(on) as trial:
            await trial.until(lambda: closed_after_doubt(trial), "a doubt arises and ends")
            book = trial.store.database.books[lab.symbol]
            resolved = [o for o in book.orders.values() if o.status is OrderStatus.NO_EFFECT]
            assert [order.intent.venue for order in resolved] == [venue]
            assert resolved[0].changed_at_ns > resolved[0].intent.expires_at_ns, "absence counts only after expiry"
            await trial.until_trades(1)
            assert await trial.end() == 0
            await trial.assert_clean()
            ids = trial.creates()
            assert len(ids) == len(set(ids))


@pytest.mark.parametrize("venue", list(PATHS), ids=lambda venue: venue.value)
async def test_a_create_that_arrives_late(autojump_clock: Any, lab: Any, venue: Venue) -> None:
    """Held back for 3 s on its way: the venue refuses it by its expiry, and its absence is proven before."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        arm(on, venue, "delay")
        async with lab.on(on) as trial:
            book = trial.store.database.books[lab.symbol]
            await trial.until(
                lambda: any(o.status is OrderStatus.NO_EFFECT for o in book.orders.values()), "its absence is proven"
            )
            await trio.sleep(3.0)
            (order,) = [o for o in book.orders.values() if o.status is OrderStatus.NO_EFFECT]
            assert order.intent.venue is venue
            (note,) = [n for n in trial.notes() if n.client_id == f"t-{order.intent.client_order_id}"]
            assert note.status >= 400, "the venue saw it, and refused"
            await trial.until_trades(1)
            assert await trial.end() == 0
            await trial.assert_clean()


async def test_mexc_cancel_fill_2011(autojump_clock: Any, lab: Any) -> None:
    """A cancel is answered "Order filled." while the fill is under way: re-read, booked once, hedged in time."""
    async with lab.trading() as trial:
        instrument = trial.bot.context.instruments[Venue.MEXC_SPOT]
        mid = trial.bot.context.market.mid(Venue.MEXC_SPOT)
        price, quantity = instrument.price_down(mid * Decimal("0.98")), Quantity(Decimal("0.004"))
        intent = OrderIntent(
            client_order_id="dnb-1-zz0", epoch=1, venue=Venue.MEXC_SPOT, symbol=lab.symbol, side=Side.BUY,
            quantity=quantity, price=price, purpose=Purpose.ENTRY, time_in_force=TimeInForce.GTC,
            created_at_ns=trial.stage.clock.now_ns(), expires_at_ns=trial.stage.clock.now_ns() + 800_000_000,
        )
        desk, world = trial.bot.desks[Venue.MEXC_SPOT], trial.stage.world
        await desk._send(intent)
        (resting,) = trial.stage.audit()["open_orders"]
        world.mexc_app.faults.cancels_say_filled = 1
        world.mexc_app.faults.private_delay_ms = 300
        fills = len(trial.stage.audit()["fills"])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(desk.perform, CancelOrder(Venue.MEXC_SPOT, resting["order_id"], "dnb-1-zz0"))
            await trio.sleep(0.005)
            depth = world.exchange.depth("mexc_spot", "BTC/USDT", 200)
            above = sum((size for level, size in depth.bids if level > price), Decimal(0))
            world.exchange.external_take("mexc_spot", "BTC/USDT", "sell", above + quantity)
            world.exchange.commit()
        mine = [fill for fill in trial.stage.audit()["fills"][fills:] if fill["client_id"] == "dnb-1-zz0"]
        assert sum(Decimal(fill["quantity"]) for fill in mine) == quantity
        await trial.until(lambda: abs(trial.bot.context.portfolio.delta) > Decimal("0.003"), "the fill is booked")
        booked_s = trio.current_time()
        await trial.until(lambda: abs(trial.true_delta()) <= trial.bot.context.tolerance, "the fill is hedged")
        assert trio.current_time() - booked_s <= trial.bot.context.params.hedge_deadline_ms / 1000
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_mexc_partially_cancelled(autojump_clock: Any, lab: Any) -> None:
    """Half of the liquidity goes while the order is on its way: PARTIALLY_CANCELED is final, and its fills count."""
    async with lab.stage(FakesConfig(seed=1)) as on, lab.on(on) as trial:
        desk = trial.bot.desks[Venue.MEXC_SPOT]
        await trial.until(lambda: desk.sent_ids, "an order leaves for MEXC", poll_s=0.0002)
        intent = trial.bot.context.orders[next(iter(desk.sent_ids))].intent
        assert intent.side is Side.BUY
        depth = on.world.exchange.depth("mexc_spot", "BTC/USDT", 200)
        inside = sum((size for level, size in depth.asks if level <= intent.price), Decimal(0))
        on.world.exchange.external_take("mexc_spot", "BTC/USDT", "buy", inside - intent.quantity / 2)
        on.world.exchange.commit()
        await trial.until(lambda: trial.bot.context.orders[intent.client_order_id].is_settled, "it is settled")
        order = trial.bot.context.orders[intent.client_order_id]
        assert order.status is OrderStatus.CANCELLED
        assert order.filled == intent.quantity / 2
        await trial.until_trades(1)
        assert await trial.end() == 0
        await trial.assert_clean()
