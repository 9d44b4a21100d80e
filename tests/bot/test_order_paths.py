"""Creates over the order socket, and ways out without a database: the whole bot, judged by the venues' audit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.bot import build_bot
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.mexc_faults import HttpFault
from dnbot.ports.spill import MemoryMedium, open_spill

pytestmark = pytest.mark.slow

SYMBOL = Symbol("BTC", "USDT")
SOCKET_PATHS = ("spot.order_place", "futures.order_place")


@attrs.define
class IntentFirst:
    """Watches what reaches the venues: every create's intent is durable by then."""

    trial: Any
    medium: MemoryMedium
    seen: int = 0
    judged: list[str] = attrs.field(factory=list)
    spilled: list[str] = attrs.field(factory=list)

    async def run(self) -> None:
        """Look as often as a link takes to carry a byte."""
        while True:
            for note in self.trial.notes(self.seen):
                self.seen += 1
                if note.client_id:
                    self._judge(note.client_id.removeprefix("t-"))
            await trio.sleep(0.0005)

    def _judge(self, name: str) -> None:
        book = self.trial.store.database.books[SYMBOL]
        in_file = name.encode() in self.medium.content
        assert name in book.committed or name in book.orders or in_file, f"{name} left before its intent was durable"
        self.judged.append(name)
        if in_file:
            self.spilled.append(name)


@asynccontextmanager
async def bot_on(
    lab: Any, on: Any, store: Any = None, *, medium: MemoryMedium | None = None, order_path: str = "rest", **params: Any
) -> AsyncIterator[tuple[Any, IntentFirst]]:
    """A bot with its own spill and order path, watched for intents first."""
    medium = medium or MemoryMedium()
    async with lab.on(on, store, **params) as trial:
        trial.scope.cancel()
        await trial.ended.wait()
        trial.bot = await build_bot(
            attrs.evolve(trial.bot.parts, spill=open_spill(medium), order_path=order_path)
        )
        trial.scope, trial.ended = trio.CancelScope(), trio.Event()
        watch = IntentFirst(trial, medium, seen=len(trial.notes()))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trial.run, name="bot")
            nursery.start_soon(watch.run, name="intent first")
            yield trial, watch
            nursery.cancel_scope.cancel()


def paths(trial: Any, since: int = 0) -> dict[str, int]:
    """How many creates came by each path, refused ones too; MEXC aside."""
    counted = {"rest": 0, "websocket": 0}
    for note in trial.notes(since):
        if note.venue != "mexc_spot" and note.client_id:
            counted["websocket" if note.path in SOCKET_PATHS else "rest"] += 1
    return counted


def probes(trial: Any) -> dict[str, OrderStatus]:
    """Probe orders as the database has them."""
    orders = trial.store.database.books[SYMBOL].orders
    return {name: order.status for name, order in orders.items() if name.endswith(("-ps", "-pf"))}


def sockets(trial: Any) -> list[Any]:
    """The order sockets of the two Gate desks."""
    return [desk.socket for desk in trial.bot.desks.values() if desk.socket is not None]


# --- the order path ---------------------------------------------------------------------------------------------------
async def test_rest_is_the_path_unless_asked(autojump_clock: Any, lab: Any) -> None:
    """By default no order socket exists, and no probe is sent."""
    async with lab.stage(FakesConfig(seed=1)) as on, bot_on(lab, on) as (trial, _):
        await trial.until_trades(1)
        assert sockets(trial) == []
        assert paths(trial)["websocket"] == 0
        assert await trial.end() == 0


async def test_a_proven_socket_carries_the_orders(autojump_clock: Any, lab: Any) -> None:
    """Probed once a venue, refused as expired, and from then on every create at Gate is a frame; the books close."""
    async with lab.stage(FakesConfig(seed=1)) as on, bot_on(lab, on, order_path="websocket") as (trial, watch):
        await trial.until(lambda: all(s.trusted for s in sockets(trial)), "both sockets are proven")
        since = len(trial.notes())
        await trial.until_trades(4)
        assert paths(trial, since)["rest"] == 0
        assert paths(trial, since)["websocket"] >= 4
        assert await trial.end() == 0
        assert list(probes(trial).values()) == [OrderStatus.REJECTED] * 2
        assert len(watch.judged) == len(set(watch.judged)) > 8
        await trial.assert_clean()


async def test_a_venue_that_ignores_the_stamp_gets_its_orders_by_rest(autojump_clock: Any, lab: Any) -> None:
    """The expired probe is accepted and ends without a trade: an alert says so, and the socket carries nothing."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        on.world.gate_app.settings.exptime_on_ws_api = False
        async with bot_on(lab, on, order_path="websocket") as (trial, _):
            await trial.until_trades(3)
            assert await trial.end() == 0
            assert all("accepted" in socket.prober.given_up for socket in sockets(trial))
            assert list(probes(trial).values()) == [OrderStatus.CANCELLED] * 2
            assert paths(trial)["websocket"] == 2, "the two probes alone"
            assert paths(trial)["rest"] > 2
            alerts = trial.store.database.books[SYMBOL].alerts
            found = {alert.key: alert.level for alert in alerts if alert.key.startswith("order_socket:")}
            assert found == {"order_socket:GATEIO_SPOT": "critical", "order_socket:GATEIO_FUTURES": "critical"}
            await trial.assert_clean()


async def test_probes_cannot_trade(autojump_clock: Any, lab: Any) -> None:
    """They buy the least that is valid, far below the market and inside the venue's band."""
    async with lab.stage(FakesConfig(seed=1)) as on, bot_on(lab, on, order_path="websocket") as (trial, _):
        await trial.until(lambda: all(s.trusted for s in sockets(trial)), "both sockets are proven")
        orders = trial.store.database.books[SYMBOL].orders
        for name in probes(trial):
            intent = orders[name].intent
            context = trial.bot.context
            bid = context.market.books[intent.venue].bids[0][0]
            instrument = context.instruments[intent.venue]
            assert intent.side is Side.BUY
            assert Decimal("0.85") * bid < intent.price < Decimal("0.95") * bid
            assert instrument.problem_with(intent.quantity, intent.price) is None
            assert instrument.problem_with(intent.quantity - instrument.lot_size, intent.price) is not None
            assert intent.expires_at_ns < intent.created_at_ns
        await trial.end()


async def test_a_lost_socket_is_replaced_and_proven_again(autojump_clock: Any, lab: Any) -> None:
    """Cut in the middle of trading: no Fault by the order socket, REST meanwhile, a new probe, and the books close."""
    async with lab.stage(FakesConfig(seed=1)) as on, bot_on(lab, on, order_path="websocket") as (trial, watch):
        await trial.until(lambda: all(s.trusted for s in sockets(trial)), "both sockets are proven")
        await trial.until_trades(1)
        for _ in range(3):
            seen = len(trial.notes())
            await trial.until(lambda: paths(trial, seen)["websocket"] > 0, "a frame arrives", poll_s=0.0003)  # noqa: B023
            connects = [socket.connects for socket in sockets(trial)]
            on.network.cut("gate.fake")
            await trial.until(
                lambda: all(s.trusted and s.connects > c for s, c in zip(sockets(trial), connects, strict=True)),  # noqa: B023
                "both sockets are proven anew",
            )
            await trial.until_trades(1)
        restarted = trial.bot.supervisor.children["order-socket:GATEIO_SPOT"].restarts
        assert restarted <= 3, "only with its whole group"
        assert await trial.end() == 0
        assert set(probes(trial).values()) <= {OrderStatus.REJECTED, OrderStatus.NO_EFFECT, OrderStatus.NOT_SENT}
        assert len(watch.judged) == len(set(watch.judged))
        await trial.assert_clean()


async def test_a_probe_without_an_answer_is_resolved(autojump_clock: Any, lab: Any) -> None:
    """The connection ends around the probe: lists say it never lived, and the next one is probed."""
    async with lab.stage(FakesConfig(seed=1)) as on, bot_on(lab, on, order_path="websocket") as (trial, _):
        await trial.until(lambda: paths(trial)["websocket"] > 0, "a probe arrives", poll_s=0.0003)
        on.network.cut("gate.fake")
        await trial.until(lambda: all(s.trusted for s in sockets(trial)), "both sockets are proven", 60)
        await trial.until_trades(1)
        assert await trial.end() == 0
        ends = list(probes(trial).values())
        assert OrderStatus.NO_EFFECT in ends
        assert set(ends) <= {OrderStatus.NO_EFFECT, OrderStatus.REJECTED, OrderStatus.NOT_SENT}
        await trial.assert_clean()


async def test_a_crash_with_frames_on_their_way(autojump_clock: Any, lab: Any) -> None:
    """Dead with an order on the socket: the next incarnation resolves it, and every residual is zero."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        async with bot_on(lab, on, order_path="websocket") as (first, _):
            await first.until(lambda: all(s.trusted for s in sockets(first)), "both sockets are proven")
            await first.until_trades(1)
            seen = len(first.notes())
            await first.until(lambda: paths(first, seen)["websocket"] > 0, "a frame arrives", poll_s=0.0003)
            first.crash()
            await first.ended.wait()
        async with bot_on(lab, on, first.store, order_path="websocket") as (second, _):
            await second.until_trades(1)
            assert await second.end() == 0
            await second.assert_clean()


async def test_no_probe_while_halted(autojump_clock: Any, lab: Any) -> None:
    """A probe is an order, and a halted bot sends none."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        async with bot_on(lab, on) as (first, _):
            await first.until_trades(1)
            assert await first.end() == 0
        kept = first.store.database.books[SYMBOL]
        kept.modes.append(
            msgspec.structs.replace(kept.modes[-1], to_mode="HALTED") if kept.modes else _halted()
        )
        async with bot_on(lab, on, first.store, order_path="websocket") as (second, _):
            await trio.sleep(20)
            assert second.bot.context.mode.name == "HALTED"
            assert probes(second) == {}
            await second.end()


def _halted() -> Any:
    from dnbot.domain.messages import ModeChanged

    return ModeChanged(from_mode="ACTIVE", to_mode="HALTED", why="test", by="operator", at_ns=1)


# --- without a database -----------------------------------------------------------------------------------------------
def naked(trial: Any) -> bool:
    """Whether delta is outside its tolerance."""
    context = trial.bot.context
    return context.tolerance is not None and abs(context.portfolio.delta) > context.tolerance


async def make_residual(trial: Any, away: Callable[[], None]) -> None:
    """Let the database go as soon as a pair is committed, and let MEXC refuse its leg: the other leg is naked."""
    await trial.until(lambda: _has_leg_on_mexc(trial), "a pair with a leg on MEXC is committed", poll_s=0.0002)
    away()
    trial.stage.world.mexc_app.faults.http.append(
        HttpFault("POST", "/api/v3/order", 400, b'{"msg":"Insufficient position","code":30004}')
    )
    await trial.until(lambda: naked(trial), "the other leg is filled", poll_s=0.0002)


def _has_leg_on_mexc(trial: Any) -> bool:
    """Whether a pair has just left of which one leg trades on MEXC."""
    context = trial.bot.context
    execution = context.execution
    if execution is None or not execution.committed or execution.kind != "pair":
        return False
    orders = [context.orders[name] for name in execution.order_ids]
    return any(o.intent.venue is Venue.MEXC_SPOT for o in orders) and not any(o.status.is_final for o in orders)


async def until_hedged(trial: Any, watch: IntentFirst) -> None:
    """Until a hedge left by way of the file and delta is back."""
    await trial.until(lambda: bool(watch.spilled), "an order leaves by the file", 40)
    await trial.until(lambda: not naked(trial) and not trial.bot.context.unsettled, "delta is back", 40)


@pytest.mark.parametrize("order_path", ["rest", "websocket"])
async def test_a_residual_is_hedged_without_a_database(autojump_clock: Any, lab: Any, order_path: str) -> None:
    """Away in the middle of a pair: no entry leaves, the naked leg is hedged from the file, and later all is loaded."""
    async with lab.stage(FakesConfig(seed=1)) as on, bot_on(lab, on, order_path=order_path) as (trial, watch):
        await trial.until_trades(2)
        await make_residual(trial, lambda: setattr(trial.store, "down", True))
        await until_hedged(trial, watch)
        before = len(trial.notes())
        await trio.sleep(5)
        ids = {note.client_id.removeprefix("t-") for note in trial.notes(before) if note.client_id}
        orders = trial.bot.context.orders
        assert all(orders[name].intent.purpose is Purpose.HEDGE for name in ids if name in orders), "no new risk"
        spilled = list(watch.spilled)
        trial.store.down = False
        await trial.until(lambda: watch.medium.content == b"", "the file is loaded")
        await trial.until_trades(1)
        assert await trial.end() == 0
        stored = trial.store.database.books[SYMBOL].orders
        assert all(stored[name].status.is_final for name in spilled)
        assert trial.bot.context.counters.declined.get("DB_UNAVAILABLE", 0) > 0
        await trial.assert_clean()


async def test_a_slow_database_counts_as_away(autojump_clock: Any, lab: Any) -> None:
    """It answers, but too late for any order: entries are refused, and the naked leg is hedged from the file."""
    async with lab.stage(FakesConfig(seed=1)) as on, bot_on(lab, on) as (trial, watch):
        await trial.until_trades(2)
        await make_residual(trial, lambda: setattr(trial.store, "delay_s", 0.7))
        await until_hedged(trial, watch)
        trial.store.delay_s = 0.0
        await trial.until_trades(1)
        assert await trial.end() == 0
        assert watch.medium.content == b""
        await trial.assert_clean()


async def test_without_database_and_disk_nothing_leaves(autojump_clock: Any, lab: Any) -> None:
    """A hedge that cannot be put on record is not sent; it is when one of the two is back."""
    async with lab.stage(FakesConfig(seed=1)) as on, bot_on(lab, on) as (trial, watch):
        await trial.until_trades(2)

        def away() -> None:
            trial.store.down = True
            watch.medium.fails_after_bytes = 40

        await make_residual(trial, away)
        await trial.until(lambda: naked(trial), "a leg is naked")
        await trio.sleep(1)
        judged = len(watch.judged)
        await trio.sleep(2)
        assert len(watch.judged) == judged
        assert naked(trial)
        watch.medium.fails_after_bytes = None
        trial.store.down = False
        await trial.until(lambda: not naked(trial), "delta is back", 60)
        await trial.end()
        await trial.assert_clean()


@pytest.mark.parametrize("later_s", [0.0, 0.003, 1.0])
async def test_a_crash_without_a_database(autojump_clock: Any, lab: Any, later_s: float) -> None:
    """Dead with its hedges on record in the file alone: the next incarnation begins with them, and the books close."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        medium = MemoryMedium()
        async with bot_on(lab, on, medium=medium) as (first, watch):
            await first.until_trades(2)
            await make_residual(first, lambda: setattr(first.store, "down", True))
            await first.until(lambda: bool(watch.spilled), "a hedge arrives", 40, poll_s=0.0002)
            await trio.sleep(later_s)
            first.crash()
            await first.ended.wait()
        left = [intent.client_order_id for intent in open_spill(medium).pending]
        assert left
        async with bot_on(lab, on, first.store, medium=medium) as (second, _):
            assert set(left) <= set(second.bot.context.orders), "they are part of the first context"
            assert medium.content == b""
            await second.until_trades(1)
            assert await second.end() == 0
            stored = second.store.database.books[SYMBOL].orders
            assert all(stored[name].status.is_final for name in left)
            await second.assert_clean()


async def test_killed_between_writing_and_sending(autojump_clock: Any, lab: Any) -> None:
    """An intent on record that never left, and half of another: the first comes to nothing, the second never was."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        medium = MemoryMedium()
        async with bot_on(lab, on, medium=medium) as (first, _):
            await first.until_trades(1)
            assert await first.end() == 0
            epoch = first.bot.context.epoch
        now_ns = on.clock.now_ns()
        intents = [
            OrderIntent(
                client_order_id=f"dnb-{'z' * number}-zz-h", epoch=epoch, venue=Venue.GATE_FUTURES, symbol=SYMBOL,
                side=Side.SELL, quantity=Quantity(Decimal("0.001")), price=Price(Decimal(60000)),
                purpose=Purpose.HEDGE, created_at_ns=now_ns, expires_at_ns=now_ns + 800_000_000,
            )
            for number in (1, 2)
        ]
        open_spill(medium).put(intents)
        medium.content = medium.content[:-40]
        async with bot_on(lab, on, first.store, medium=medium) as (second, _):
            assert "dnb-z-zz-h" in second.bot.context.orders
            await second.until_trades(1)
            assert await second.end() == 0
            stored = second.store.database.books[SYMBOL].orders
            assert stored["dnb-z-zz-h"].status is OrderStatus.NO_EFFECT
            assert "dnb-zz-zz-h" not in stored
            assert medium.content == b""
            await second.assert_clean()
