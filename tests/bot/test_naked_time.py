"""A venue goes silent just as it has an order of ours: how long the venues themselves see us naked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.domain.instrument import Venue
from dnbot.fakes.audit import balances, positions
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults import Fault
from dnbot.strategy.doubting import bound_ms

NAMES = {Venue.GATE_SPOT: "gate_spot", Venue.GATE_FUTURES: "gate_futures", Venue.MEXC_SPOT: "mexc_spot"}
POLL_S = 0.01


def true_delta(on: Any) -> Decimal:
    """Delta as the venues have it, base units: the same as the audit's, without its lists."""
    exchange, uid = on.world.exchange, on.world.config.accounts[0].uid
    spot = sum(Decimal(balances(exchange, uid)[venue].get("BTC", "0")) for venue in ("gate_spot", "mexc_spot"))
    perp = positions(exchange, uid, {}).values()
    return Decimal(spot + sum(Decimal(p["size"]) * Decimal(p["multiplier"]) for p in perp))


async def worst_naked_s(trial: Any, on: Any, since_s: float | None, watched_s: float) -> float:
    """The longest time within the next seconds in which the venues' own delta is beyond the tolerance."""
    worst_s, end_s = 0.0, trio.current_time() + watched_s
    while trio.current_time() < end_s:
        now_s = trio.current_time()
        if abs(true_delta(on)) > trial.bot.context.tolerance:
            since_s = now_s if since_s is None else since_s
            worst_s = max(worst_s, now_s - since_s)
        else:
            since_s = None
        await trio.sleep(POLL_S)
    return worst_s


async def strike(trial: Any, on: Any, venue: Venue, *, handled: bool, sockets: bool = False) -> None:
    """The next create of this venue takes effect unanswered, or does not arrive; its REST is down from then on."""
    name, engine = NAMES[venue], on.world.faults
    engine.switch_on(Fault("reply_lost" if handled else "request_lost", venue=name, path="creates", count=1))
    await trial.until(lambda: engine.activations(), "an order is lost", 60.0, poll_s=0.001)
    engine.switch_on(Fault("rest_down", venue=name, for_s=30.0))
    if sockets:
        engine.switch_on(Fault("private_sockets_down", venue=name, for_s=30.0))


async def naked_after(lab: Any, venue: Venue, *, handled: bool, sockets: bool = False) -> tuple[float, Any]:
    """Worst naked time of the 12 s after the strike, seconds, and the context at their end."""
    async with lab.stage(FakesConfig(seed=1)) as on, lab.on(on) as trial:
        if venue is Venue.GATE_FUTURES:  # it trades while the position is built
            await trial.until(lambda: len(trial.sent()) >= 4, "it builds its position", poll_s=0.001)
        else:
            await trial.until_trades(1)
        await strike(trial, on, venue, handled=handled, sockets=sockets)
        worst_s = await worst_naked_s(trial, on, None, 12.0)
        print(venue.value, handled, sockets, round(worst_s, 2), trial.state.name, trial.bot.context.mode_why)
        return worst_s, trial.bot.context


@pytest.mark.parametrize("handled", [False, True], ids=["not-arrived", "executed"])
@pytest.mark.parametrize("venue", list(Venue), ids=lambda venue: venue.value)
async def test_rest_down_with_an_order_lost(autojump_clock: Any, lab: Any, venue: Venue, handled: bool) -> None:
    """The private stream lives: what it says, or that it says nothing, hedges the counterpart within the bound."""
    worst_s, context = await naked_after(lab, venue, handled=handled)
    assert worst_s * 1000 <= bound_ms(context.params)


@pytest.mark.parametrize("handled", [False, True], ids=["not-arrived", "executed"])
@pytest.mark.parametrize("venue", list(Venue), ids=lambda venue: venue.value)
async def test_a_whole_venue_down_with_an_order_lost(
    autojump_clock: Any, lab: Any, venue: Venue, handled: bool
) -> None:
    """No stream either."""
    worst_s, context = await naked_after(lab, venue, handled=handled, sockets=True)
