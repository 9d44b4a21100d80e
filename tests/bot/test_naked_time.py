"""A venue goes silent just as it has an order of ours: how long the venues themselves see us naked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio

from dnbot.domain.instrument import Venue
from dnbot.domain.order import Order
from dnbot.fakes.audit import balances, positions
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults import Fault
from dnbot.strategy.doubting import bound_ms
from dnbot.strategy.states import TradingMode

pytestmark = pytest.mark.slow

NAMES = {Venue.GATE_SPOT: "gate_spot", Venue.GATE_FUTURES: "gate_futures", Venue.MEXC_SPOT: "mexc_spot"}
POLL_S = 0.02
OUTAGE_S = 20.0


def true_delta(on: Any) -> Decimal:
    """Delta as the venues have it, base units: the same as the audit's, without its lists."""
    exchange, uid = on.world.exchange, on.world.config.accounts[0].uid
    spot = sum(Decimal(balances(exchange, uid)[venue].get("BTC", "0")) for venue in ("gate_spot", "mexc_spot"))
    perp = positions(exchange, uid, {}).values()
    return Decimal(spot + sum(Decimal(p["size"]) * Decimal(p["multiplier"]) for p in perp))


@attrs.frozen
class Nakedness:
    """How long without a break the venues' own delta was beyond the tolerance, and the most that it was, base units."""

    longest_s: float
    most_base: Decimal


async def nakedness(trial: Any, on: Any, watched_s: float) -> Nakedness:
    """The worst of the next seconds, by the venues' truth."""
    longest_s, most, since_s, end_s = 0.0, Decimal(0), None, trio.current_time() + watched_s
    while (now_s := trio.current_time()) < end_s:
        delta = abs(true_delta(on))
        most = max(most, delta)
        if delta > trial.bot.context.tolerance:
            since_s = now_s if since_s is None else since_s
            longest_s = max(longest_s, now_s - since_s)
        else:
            since_s = None
        await trio.sleep(POLL_S)
    return Nakedness(longest_s, most)


async def strike(trial: Any, on: Any, venue: Venue, *, handled: bool, manner: str, sockets: bool = False) -> Order:
    """The next create of this venue takes effect unanswered, or does not arrive; its exchange's REST is down from then
    on for `OUTAGE_S` (Gate's two venues together), and with `sockets` its private streams are too. Returns the order.
    """
    engine, where = on.world.faults, "mexc_spot" if venue is Venue.MEXC_SPOT else "gate"
    lost = Fault("reply_lost" if handled else "request_lost", venue=NAMES[venue], path="creates", count=1)
    engine.switch_on(lost)
    if sockets:
        engine.switch_on(Fault("private_lost", venue=where, path="pushes", for_s=40.0))
    await trial.until(engine.activations, "an order is lost", 60.0, poll_s=0.001)
    engine.switch_on(Fault("rest_down", venue=where, for_s=OUTAGE_S, options={"manner": manner}))
    if sockets:
        engine.switch_on(Fault("private_sockets_down", venue=where, for_s=OUTAGE_S))
    name = engine.activations()[0].client_id.removeprefix("t-")
    order: Order = trial.bot.context.orders[name]
    return order


async def trading(trial: Any, venue: Venue) -> None:
    """Until an order of this venue is near: the perpetual trades while the position is built."""
    if venue is Venue.GATE_FUTURES:
        await trial.until(lambda: len(trial.sent()) >= 4, "it builds its position", poll_s=0.001)
    else:
        await trial.until_trades(1)


@pytest.mark.parametrize("manner", ["refuse", "silent"])
@pytest.mark.parametrize("handled", [False, True], ids=["not-arrived", "executed"])
@pytest.mark.parametrize("venue", list(Venue), ids=lambda venue: venue.value)
async def test_rest_down_with_an_order_lost(
    autojump_clock: Any, lab: Any, venue: Venue, handled: bool, manner: str
) -> None:
    """The private stream lives: what it says, or that it says nothing, hedges the counterpart within the bound, on the
    perpetual or, when that is at the same exchange, on the other's spot; the ledger is right when all is over.
    """
    async with lab.stage(FakesConfig(seed=1)) as on, lab.on(on) as trial:
        await trading(trial, venue)
        order = await strike(trial, on, venue, handled=handled, manner=manner)
        over_s = trio.current_time() + OUTAGE_S
        naked = await nakedness(trial, on, 8.0)
        assert naked.longest_s * 1000 <= bound_ms(trial.bot.context.params), trial.last_lines()
        assert naked.most_base <= order.intent.quantity * Decimal("1.01"), "the exposure is never doubled"
        await trio.sleep_until(over_s)
        await trial.until(lambda: not trial.bot.context.unsettled, "every order is resolved", 60.0)
        await trial.until(lambda: abs(true_delta(on)) <= trial.bot.context.tolerance, "delta is neutral")
        assert await trial.end() == 0
        await trial.assert_clean()


@pytest.mark.parametrize("handled", [False, True], ids=["not-arrived", "executed"])
@pytest.mark.parametrize("venue", list(Venue), ids=lambda venue: venue.value)
async def test_a_whole_exchange_down_with_an_order_lost(
    autojump_clock: Any, lab: Any, venue: Venue, handled: bool
) -> None:
    """No stream either: within the bound no more than half of the order is naked, and when the exchange is back and the
    order is known, delta is neutral again.
    """
    limit = {"delta_hard_limit_base": Decimal("0.004")}
    async with lab.stage(FakesConfig(seed=1)) as on, lab.on(on, **limit) as trial:
        await trading(trial, venue)
        order = await strike(trial, on, venue, handled=handled, manner="refuse", sockets=True)
        over_s = trio.current_time() + OUTAGE_S
        await trio.sleep(bound_ms(trial.bot.context.params) / 1000)
        lot = trial.bot.context.perp_lot
        assert abs(true_delta(on)) <= order.intent.quantity / 2 + lot, trial.last_lines()
        assert trial.bot.context.mode is TradingMode.ACTIVE, "half of it is below the hard limit"
        naked = await nakedness(trial, on, 12.0)
        assert naked.most_base <= order.intent.quantity / 2 + lot
        await trio.sleep_until(over_s)
        await trial.until(lambda: not trial.bot.context.unsettled, "every order is resolved", 60.0)
        await trial.until(lambda: abs(true_delta(on)) <= trial.bot.context.tolerance, "delta is neutral")
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_blind_above_the_hard_limit_halts_within_the_bound(autojump_clock: Any, lab: Any) -> None:
    """What may stay unhedged is more than the hard limit: HALTED, with the order and the shortfall in its reason."""
    async with lab.stage(FakesConfig(seed=1)) as on, lab.on(on, delta_hard_limit_base=Decimal("0.0001")) as trial:
        await trading(trial, Venue.MEXC_SPOT)
        order = await strike(trial, on, Venue.MEXC_SPOT, handled=False, manner="refuse", sockets=True)
        await trio.sleep(bound_ms(trial.bot.context.params) / 1000)
        assert trial.bot.context.mode is TradingMode.HALTED
        assert order.intent.client_order_id in trial.bot.context.mode_why
        assert "may stay unhedged" in trial.bot.context.mode_why
