"""The profile canary: a whole bot stops by itself after so many executions, and only a person lets it go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, cast

import attrs
import msgspec
import pytest
import trio

from dnbot.bot import Bot, Place
from dnbot.config import Settings
from dnbot.domain.errors import ConfigError, VenueUnreachable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import SetMode
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.records import ModeChanged, OrderChanged, Record
from dnbot.domain.units import Price, Quantity
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.lab.world import stage
from dnbot.operate.canary import Canary
from dnbot.operate.places import Surroundings
from dnbot.operate.unfit import refuse_first_start, refuse_unfit
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.net import Endpoint
from dnbot.ports.signer import CredentialSigner
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import TradingMode

SYMBOL = Symbol("BTC", "USDT")
PARAMS = StrategyParameters(
    symbol=SYMBOL, base_position_size=Decimal("0.003"), establish_slice_base=Decimal("0.003"),
    max_position_multiplier=Decimal(2), max_order_notional_quote=Decimal(100), round_trips_per_minute_max=1000,
    consecutive_loss_limit=1000, delta_hard_limit_base=Decimal("0.002"),
)
MOST = 3


@attrs.define
class Caged:
    """A bot that runs under a canary, and what it recorded."""

    bot: Bot
    canary: Canary
    records: list[Record]
    alerts: list[tuple[str, str, str]]

    def sent(self, *purposes: Purpose) -> list[str]:
        """Executions of these purposes of which an order left, in order."""
        orders = (record.order for record in self.records if isinstance(record, OrderChanged))
        return list(dict.fromkeys(
            order.intent.execution_id for order in orders
            if order.intent.purpose in purposes and order.status not in {OrderStatus.PENDING, OrderStatus.NOT_SENT}
        ))

    async def until(self, mode: TradingMode, s_max: float = 300.0) -> None:
        """Wait for a mode."""
        with trio.move_on_after(s_max):
            while self.bot.context.mode is not mode:  # noqa: ASYNC110 (the machine sets no event for a mode)
                await trio.sleep(0.05)
        assert self.bot.context.mode is mode


@asynccontextmanager
async def caged() -> AsyncIterator[Caged]:
    """In a market that pays often."""
    async with stage(FakesConfig(market="lively", seed=5)) as scene, trio.open_nursery() as nursery:
        canary, records, alerts = Canary(MOST), list[Record](), list[tuple[str, str, str]]()

        def witness(record: Record) -> None:
            records.append(record)
            canary.take(record)

        bot = await scene.bot(PARAMS, MemoryStore(), witness=witness)
        canary.tell, canary.alert = bot.tell, lambda *alert: alerts.append(alert)
        canary.lower()
        nursery.start_soon(bot.run)
        try:
            yield Caged(bot, canary, records, alerts)
        finally:
            nursery.cancel_scope.cancel()


def modes(caged_bot: Caged) -> list[ModeChanged]:
    """Every change of the mode."""
    return [record for record in caged_bot.records if isinstance(record, ModeChanged)]


@pytest.mark.slow
async def test_after_so_many_executions_nothing_is_entered_until_a_person_resumes(autojump_clock: Any) -> None:
    """The mode is REDUCING by `canary` with its reason and an alert, no entry follows the last one that counts, both
    legs of that one left, and a resume gives as many again."""
    async with caged() as bot:
        await bot.until(TradingMode.REDUCING)
        await trio.sleep(10)
        assert [(mode.to_mode, mode.by) for mode in modes(bot)] == [("REDUCING", "canary")]
        assert modes(bot)[0].why.startswith(f"canary: {MOST} pairs since a person last looked")
        assert [(level, key) for level, key, _ in bot.alerts] == [("critical", "mode:reducing")]
        lowered = next(n for n, record in enumerate(bot.records) if isinstance(record, ModeChanged))
        before = Caged(bot.bot, bot.canary, bot.records[:lowered], [])
        assert len(before.sent(Purpose.ENTRY, Purpose.EXIT)) == MOST
        assert bot.sent(Purpose.ENTRY) == before.sent(Purpose.ENTRY)
        last = before.sent(Purpose.ENTRY, Purpose.EXIT)[-1]
        legs = [r.order for r in bot.records if isinstance(r, OrderChanged) and r.order.intent.execution_id == last]
        assert {leg.intent.venue for leg in legs if leg.status is OrderStatus.NOT_SENT} == set()
        bot.bot.tell(SetMode("ACTIVE", "looked at it", by="a person", seen="REDUCING"))
        await bot.until(TradingMode.ACTIVE, 1)
        so_far = len(bot.sent(Purpose.ENTRY))
        await bot.until(TradingMode.REDUCING)
        assert len(bot.sent(Purpose.ENTRY)) > so_far


@attrs.frozen
class Book:
    """A database that answers the same to every question."""

    rows: list[dict[str, Any]]

    async def read(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """The rows."""
        return self.rows


async def test_a_canary_does_not_begin_with_what_check_refuses(autojump_clock: Any) -> None:
    """A key that the venue refuses, or a position worth too much, is told before anything runs; the profile full is
    told of a key at its first start, and leaves the rest, and every later start, to the machine."""
    async with stage(FakesConfig(market="calibrated")) as scene:
        gate = Place(Endpoint(GATE_HOST, 443), f"wss://{GATE_HOST}:443")
        mexc = Place(Endpoint(MEXC_HOST, 443), f"wss://{MEXC_HOST}:443")
        places = {venue: gate if venue is not Venue.MEXC_SPOT else mexc for venue in Venue}
        opener = cast("Any", scene.network.open_stream)

        def around(key: str) -> Surroundings:
            account = scene.world.config.accounts[0]
            signer = CredentialSigner(Credentials(Secret(key or account.key), Secret(account.secret), account.uid))
            return Surroundings(places=places, signers=dict.fromkeys(Venue, signer), opener=opener)

        settings = Settings(strategy=PARAMS, profile="canary")
        large = msgspec.structs.replace(PARAMS, base_position_size=Decimal(1))
        await refuse_unfit(settings, around(""), scene.clock)
        with pytest.raises(ConfigError, match="account"):
            await refuse_unfit(settings, around("another-key"), scene.clock)
        with pytest.raises(ConfigError, match="holds at most 500"):
            await refuse_unfit(msgspec.structs.replace(settings, strategy=large), around(""), scene.clock)
        full = Settings(mode="live", strategy=large)
        await refuse_unfit(full, around("another-key"), scene.clock)
        await refuse_first_start(full, Book([]), around(""), scene.clock)
        with pytest.raises(ConfigError, match=r"GATEIO_SPOT.*account"):
            await refuse_first_start(full, Book([]), around("another-key"), scene.clock)
        await refuse_first_start(full, Book([{"n": 1}]), around("another-key"), scene.clock)
        nobody = {venue: attrs.evolve(place, rest=Endpoint(GATE_HOST, 1)) for venue, place in places.items()}
        away = attrs.evolve(around("another-key"), places=nobody)
        with pytest.raises(VenueUnreachable):
            await refuse_unfit(settings, away, scene.clock)
        await refuse_first_start(full, Book([]), away, scene.clock)


# --- the count by itself ----------------------------------------------------------------------------------------------
def leg(execution: str, number: int, status: OrderStatus, purpose: Purpose = Purpose.ENTRY) -> OrderChanged:
    """An order of an execution as it is now."""
    intent = OrderIntent(
        client_order_id=f"{execution}-{number}", epoch=1, venue=Venue.GATE_SPOT, symbol=SYMBOL, side=Side.BUY,
        quantity=Quantity(Decimal("0.001")), price=Price(Decimal(60_000)), purpose=purpose, execution_id=execution,
        created_at_ns=1, expires_at_ns=2,
    )
    return OrderChanged(Order(intent=intent, status=status), 1)


def counting(most: int = 1) -> tuple[Canary, list[SetMode]]:
    """A canary that tells a list."""
    told: list[SetMode] = []
    return Canary(most, tell=told.append), told  # type: ignore[arg-type]  # it tells nothing else


PENDING, SENT, NOT_SENT = OrderStatus.PENDING, OrderStatus.SENT, OrderStatus.NOT_SENT


def test_the_mode_waits_for_the_second_leg() -> None:
    """Between the legs of the last execution the mode stays: the second one still has to pass the gate."""
    canary, told = counting()
    for record in (leg("x", 1, PENDING), leg("x", 2, PENDING), leg("x", 1, SENT)):
        canary.take(record)
    assert told == []
    canary.take(leg("x", 2, SENT))
    assert [(event.mode, event.seen, event.by) for event in told] == [("REDUCING", "ACTIVE", "canary")]


@pytest.mark.parametrize(
    ("ends", "counts"), [((NOT_SENT, NOT_SENT), 0), ((SENT, NOT_SENT), 1), ((NOT_SENT, OrderStatus.AMBIGUOUS), 1)]
)
def test_what_may_have_left_counts(ends: tuple[OrderStatus, OrderStatus], counts: int) -> None:
    """An execution that was refused before it left is none; one leg, or one whose fate is unknown, is one; and later
    news of its orders, building and hedging count nothing."""
    canary, _ = counting(9)
    for record in (leg("x", 1, PENDING), leg("x", 2, PENDING), leg("x", 1, ends[0]), leg("x", 2, ends[1])):
        canary.take(record)
    canary.take(leg("x", 1, OrderStatus.FILLED))
    for purpose in set(Purpose) - {Purpose.ENTRY, Purpose.EXIT}:
        canary.take(leg("y", 1, PENDING, purpose))
        canary.take(leg("y", 1, SENT, purpose))
    assert canary.done == counts


def test_a_full_inbox_is_asked_again() -> None:
    """The mode is lowered at the next record when the inbox had no room, and once."""
    canary, told = counting()
    taken = canary.tell

    def full(_event: object) -> None:
        raise trio.WouldBlock

    canary.tell = full
    for record in (leg("x", 1, PENDING), leg("x", 1, SENT)):
        canary.take(record)
    canary.tell = taken
    for _ in range(3):
        canary.take(leg("x", 1, OrderStatus.FILLED))
    assert len(told) == 1


def test_a_person_begins_a_new_count() -> None:
    """ACTIVE sets it to nought; any other change of the mode does not."""
    canary, _ = counting(9)
    canary.done = 5
    change = ModeChanged(from_mode="ACTIVE", to_mode="REDUCING", why="lunch", by="a person", at_ns=1)
    canary.take(change)
    assert canary.done == 5
    canary.take(msgspec.structs.replace(change, from_mode="REDUCING", to_mode="ACTIVE"))
    assert canary.done == 0
