"""A kill through a bot that answers, and the sweep without one, on the whole fake world in memory."""

from __future__ import annotations

from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, cast

import pytest
import trio

from dnbot.bot import Place
from dnbot.domain.instrument import VENUES, Symbol, Venue
from dnbot.domain.messages import SetMode
from dnbot.domain.order import OrderIntent, Purpose, Side, TimeInForce, is_ours
from dnbot.domain.units import Price, Quantity
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.network import LinkRule
from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.lab.world import Stage, stage
from dnbot.operate import run as run_module
from dnbot.operate.control_words import Done, Kill, Killed, Refused, Resume
from dnbot.operate.places import Surroundings
from dnbot.operate.sweep import sweep_venues
from dnbot.ports.clock import VenueClock
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.latch import UNWRITTEN, Halt, MemoryLatch
from dnbot.ports.net import Endpoint
from dnbot.ports.signer import CredentialSigner
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.tasks.budgets import own_budgets
from dnbot.tasks.link import line_of
from dnbot.venues.factory import private_codec, public_codec

pytestmark = pytest.mark.slow

SYMBOL = Symbol("BTC", "USDT")
NAMES = ("dnb-1-1-x", "dnb-zz-7-x", "by-hand-1")
OURS = [name for name in NAMES if is_ours(name)]
MONITORING = StrategyState.MONITORING_SPREADS


def around(world: Stage) -> Surroundings:
    """The account of that world, as keys and configuration name it."""
    account = world.world.config.accounts[0]
    signer = CredentialSigner(Credentials(Secret(account.key), Secret(account.secret), account.uid))
    gate = Place(Endpoint(GATE_HOST, 443), f"wss://{GATE_HOST}:443")
    mexc = Place(Endpoint(MEXC_HOST, 443), f"wss://{MEXC_HOST}:443")
    places = {Venue.GATE_SPOT: gate, Venue.GATE_FUTURES: gate, Venue.MEXC_SPOT: mexc}
    return Surroundings(places, dict.fromkeys(Venue, signer), cast("Any", world.network.open_stream))


async def rest(world: Stage, names: tuple[str, ...] = NAMES) -> None:
    """One resting order per name and venue, far below the market."""
    where = around(world)
    for venue in VENUES:
        async with AsyncExitStack() as stack:
            line = line_of(
                where.opener, where.places[venue].rest, venue, VenueClock(world.clock), stack, private=True,
                budgets=own_budgets(),
            )
            public, codec = public_codec(venue, SYMBOL), private_codec(venue, SYMBOL, where.signers[venue])
            await line.measure_clock(public)
            replies = [await line.read(public, request) for request in public.instrument_requests()]
            codec.learn_instrument(public.instrument(replies))
            for name in names:
                now_ns = world.clock.now_ns()
                intent = OrderIntent(
                    client_order_id=name, epoch=1, venue=venue, symbol=SYMBOL, side=Side.BUY,
                    quantity=Quantity(Decimal("0.001")), price=Price(Decimal(54000)), purpose=Purpose.ENTRY,
                    time_in_force=TimeInForce.GTC, created_at_ns=now_ns, expires_at_ns=now_ns + 10**9,
                )
                now_ms = line.venue_now_ms()
                reply = await line.ask(codec.place_request(intent, now_ms, now_ms + 1000), deadline_s=5.0)
                assert codec.trouble(reply) is None, reply


def resting(world: Stage) -> list[str]:
    """Client ids of open orders, all venues, sorted."""
    return sorted(str(order["client_id"]).removeprefix("t-") for order in world.audit()["open_orders"])


async def swept_alone(world: Stage, within_s: float = 3.0) -> dict[Venue, Any]:
    found = await sweep_venues(around(world), SYMBOL, VENUES, world.clock, match_lag_s=0.25, within_s=within_s)
    return {swept.venue: swept for swept in found}


# --- without a bot ----------------------------------------------------------------------------------------------------
async def test_keys_and_configuration_are_enough(autojump_clock: Any) -> None:
    """Every order of ours goes, of whatever epoch; the foreign ones stay; a second sweep finds nothing."""
    async with stage(FakesConfig()) as world:
        await rest(world)
        began_s = trio.current_time()
        found = await swept_alone(world)
        assert trio.current_time() - began_s < 2.0
        assert all(swept.is_empty and sorted(swept.cancelled) == OURS for swept in found.values()), found
        assert resting(world) == ["by-hand-1"] * 3
        again = await swept_alone(world)
        assert all(swept.is_empty and not swept.cancelled for swept in again.values()), again


async def test_a_venue_that_cannot_be_reached_holds_up_no_other(autojump_clock: Any) -> None:
    """It is named with the reason; the others are proven empty as quickly as ever."""
    async with stage(FakesConfig()) as world:
        await rest(world)
        world.network.set_rule(LinkRule(MEXC_HOST, refuse=True))
        done: list[Venue] = []

        async with trio.open_nursery() as nursery:

            async def look() -> None:
                await trio.sleep(1.5)
                done.extend(v for v in VENUES if not any(o["venue"] == WIRE[v] for o in ours_open(world)))

            nursery.start_soon(look)
            found = await swept_alone(world)
        assert done == [Venue.GATE_SPOT, Venue.GATE_FUTURES]
        assert [found[venue].is_empty for venue in VENUES] == [venue is not Venue.MEXC_SPOT for venue in VENUES]
        assert found[Venue.MEXC_SPOT].trouble


WIRE = {Venue.GATE_SPOT: "gate_spot", Venue.GATE_FUTURES: "gate_futures", Venue.MEXC_SPOT: "mexc_spot"}


def ours_open(world: Stage) -> list[dict[str, Any]]:
    return [o for o in world.audit()["open_orders"] if is_ours(str(o["client_id"]).removeprefix("t-"))]


async def test_a_venue_that_comes_back_is_swept(autojump_clock: Any) -> None:
    """Within the time that there is."""
    async with stage(FakesConfig()) as world:
        await rest(world)
        world.network.set_rule(LinkRule(GATE_HOST, refuse=True))
        async with trio.open_nursery() as nursery:

            async def heal() -> None:
                await trio.sleep(2.0)
                world.network.clear_rules()

            nursery.start_soon(heal)
            found = await swept_alone(world, 8.0)
        assert all(swept.is_empty for swept in found.values()), found
        assert resting(world) == ["by-hand-1"] * 3


# --- through the bot --------------------------------------------------------------------------------------------------
async def test_a_bot_that_answers_halts_sweeps_and_goes_on(autojump_clock: Any, manned: Any) -> None:
    """HALTED is recorded with who and why, ours are gone, foreign ones stay, nothing that takes risk is sent."""
    async with manned() as bot:
        await bot.until(MONITORING)
        bot.bot.parts.latch.halts.append(Halt(who="ann", reason="enough", at_ns=bot.stage.clock.now_ns()))
        await rest(bot.stage)
        killed = await bot.ask(Kill("enough"))
        assert isinstance(killed, Killed), killed
        assert (killed.mode, [swept.is_empty for swept in killed.venues]) == ("HALTED", [True] * 3)
        assert resting(bot.stage) == ["by-hand-1"] * 3
        sent = [name for desk in bot.bot.desks.values() for name in desk.sent_ids]
        await trio.sleep(4)
        assert bot.bot.context.mode is TradingMode.HALTED
        after = [name for desk in bot.bot.desks.values() for name in desk.sent_ids if name not in sent]
        orders = bot.store.database.books[SYMBOL].orders
        assert {orders[name].intent.purpose for name in after} <= {Purpose.HEDGE, Purpose.UNWIND}
        assert [(m.to_mode, m.by, m.why.endswith(": enough")) for m in bot.modes()] == [("HALTED", "ann", True)]


async def test_without_a_latch_the_mode_is_set_as_by_hand(autojump_clock: Any, manned: Any) -> None:
    """A state folder that cannot be written halts nobody less."""
    async with manned() as bot:
        await bot.until(MONITORING)
        assert isinstance(await bot.ask(Kill("no disk")), Killed)
        await trio.sleep(1)
        assert [(m.to_mode, m.by, m.why) for m in bot.modes()] == [("HALTED", "tester", "killed by tester: no disk")]


@pytest.mark.parametrize("state", [StrategyState.INITIALIZING, StrategyState.ERROR_RECOVERY])
async def test_twice_and_while_it_reconciles(autojump_clock: Any, manned: Any, state: StrategyState) -> None:
    """Each kill is a record of its own; what they do is done once; a person lifts both at once."""
    async with manned() as bot:
        if state is StrategyState.ERROR_RECOVERY:
            await bot.until(MONITORING)
            bot.stage.network.cut("*")
        await bot.until(state)
        await rest(bot.stage)
        for number in (1, 2):
            bot.bot.parts.latch.halts.append(Halt(who="ann", reason=f"{number}", at_ns=bot.stage.clock.now_ns()))
            killed = await bot.ask(Kill(f"{number}"))
            assert isinstance(killed, Killed), killed
            assert [swept.is_empty for swept in killed.venues] == [True] * 3
            assert resting(bot.stage) == ["by-hand-1"] * 3
        await trio.sleep(1)
        assert [(m.from_mode, m.to_mode, m.why[-3:]) for m in bot.modes()] == [
            ("ACTIVE", "HALTED", ": 1"), ("HALTED", "HALTED", ": 2"),
        ]
        assert isinstance(await bot.ask(Resume("looked at it")), Done)
        assert not bot.bot.parts.latch.is_set()
        await bot.until(MONITORING)
        assert bot.bot.context.mode is TradingMode.ACTIVE


async def test_a_kill_is_lifted_without_force_and_another_halt_is_not(autojump_clock: Any, manned: Any) -> None:
    """A halt that a limit ordered keeps its reason under a kill, and asks for --force as before."""
    async with manned() as bot:
        await bot.until(MONITORING)
        bot.bot.tell(SetMode("HALTED", "DRAWDOWN", "latch"))
        await trio.sleep(0.5)
        bot.bot.parts.latch.halts.append(Halt(who="ann", reason="too", at_ns=1))
        assert isinstance(await bot.ask(Kill("too")), Killed)
        assert bot.bot.context.mode_why.startswith("DRAWDOWN; killed by ann")
        refused = await bot.ask(Resume("fine"))
        assert isinstance(refused, Refused)
        assert "--force" in refused.text
        assert bot.bot.parts.latch.is_set()
        assert isinstance(await bot.ask(Resume("looked into it", force=True)), Done)
        assert not bot.bot.parts.latch.is_set()


async def test_a_halt_that_the_last_run_could_not_write_wants_force(autojump_clock: Any, manned: Any) -> None:
    """It is the limit's that ordered it, and not a kill's."""
    async with manned() as bot:
        await bot.until(MONITORING)
        bot.bot.parts.latch.halts.append(Halt(who="latch", reason="DAILY_LOSS", at_ns=1, unwritten=True))
        await trio.sleep(0.5)
        assert bot.bot.context.mode_why == f"DAILY_LOSS {UNWRITTEN}"
        refused = await bot.ask(Resume("fine"))
        assert isinstance(refused, Refused)
        assert "--force" in refused.text
        assert isinstance(await bot.ask(Resume("looked into it", force=True)), Done)
        assert not bot.bot.parts.latch.is_set()


async def test_a_halt_that_nobody_has_seen_is_not_lifted(
    autojump_clock: Any, manned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It arrives while a person lifts the one before."""
    async with manned() as bot:
        await bot.until(MONITORING)
        latch = bot.bot.parts.latch
        latch.halts.append(Halt(who="ann", reason="first", at_ns=1))
        await bot.ask(Kill("first"))
        real = MemoryLatch.clear

        def clear(it: MemoryLatch, seen: Halt | None) -> str:
            it.halts.append(Halt(who="bob", reason="second", at_ns=2))
            return real(it, seen)

        monkeypatch.setattr(MemoryLatch, "clear", clear)
        refused = await bot.ask(Resume("looked at the first"))
        assert isinstance(refused, Refused)
        assert "another halt" in refused.text
        assert bot.bot.context.mode is TradingMode.HALTED


async def test_a_bot_that_starts_under_a_latch_builds_nothing(autojump_clock: Any, manned: Any) -> None:
    """Also on a database that knows nothing of it: HALTED comes before the first order, and is recorded."""
    async with manned() as bot:
        bot.bot.parts.latch.halts.append(Halt(who="ann", reason="before the start", at_ns=1))
        await trio.sleep(3)
        assert bot.bot.context.mode is TradingMode.HALTED
        assert [name for desk in bot.bot.desks.values() for name in desk.sent_ids] == []
        assert [m.why.endswith(": before the start") for m in bot.modes()] == [True]


@pytest.mark.parametrize("known", [True, False])
async def test_a_run_that_only_flattens_waits_for_the_accounts(autojump_clock: Any, manned: Any, known: bool) -> None:
    """It sells nothing that was not read: without the accounts it ends, holds, and says that it did not begin."""
    async with manned() as bot:
        if not known:
            bot.stage.network.set_rule(LinkRule("*", refuse=True))
            bot.stage.network.cut("*")
        why: list[str] = []
        await run_module._flatten(bot.bot, "away", why)
        assert why == ([run_module.FLATTENING] if known else [])
        await trio.sleep(0.2)
        assert bot.bot.context.leaving.policy == ("flatten" if known else "hold")
        if known:
            assert bot.bot.context.accounts[Venue.GATE_FUTURES].opened
