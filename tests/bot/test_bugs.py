"""A bug is never retried: the root ends, the farewell leaves nothing open, and the error comes out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import trio

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import StoreFound
from dnbot.domain.order import OrderIntent, Purpose, Side, TimeInForce


class BrokenAnalyzer:
    """Has a bug."""

    def observe(self, *_: object) -> None:
        raise ZeroDivisionError("planted")


def broken(_: object) -> None:
    """A view that has a bug."""
    raise ZeroDivisionError("planted")


def resting(trial: Any, venue: Venue, number: int = 0) -> OrderIntent:
    """A buy far below the market that nobody will take, with our prefix."""
    instrument = trial.bot.context.instruments[venue]
    mid = trial.bot.context.market.mid(venue)
    return OrderIntent(
        client_order_id=f"dnb-1-zz{VENUES.index(venue) + 3 * number}", epoch=1, venue=venue,
        symbol=instrument.symbol, side=Side.BUY,
        quantity=instrument.lot_size * 100 if venue is not Venue.GATE_FUTURES else instrument.lot_size,
        price=instrument.price_down(mid * Decimal("0.97")), purpose=Purpose.ENTRY, time_in_force=TimeInForce.GTC,
        created_at_ns=trial.stage.clock.now_ns(), expires_at_ns=trial.stage.clock.now_ns() + 800_000_000,
    )


async def test_a_bug_ends_the_bot_and_nothing_stays_open(autojump_clock: Any, lab: Any) -> None:
    """ZeroDivisionError in analytics: the run raises it, and the farewell has cancelled our resting orders."""
    async with lab.trading() as trial:
        for venue, desk in trial.bot.desks.items():
            await desk._send(resting(trial, venue))
        names = [order["client_id"].removeprefix("t-") for order in trial.stage.audit()["open_orders"]]
        assert sorted(names) == ["dnb-1-zz0", "dnb-1-zz1", "dnb-1-zz2"]
        trial.bot.analyst.analyzer = BrokenAnalyzer()
        with trio.fail_after(30):
            await trial.ended.wait()
        assert set(leaves(trial.errors[0])) == {"ZeroDivisionError: planted"}, "in each turn that it was met in"
        assert trial.stage.audit()["open_orders"] == []
        assert trial.codes == []


async def test_a_bug_while_the_inbox_is_full(autojump_clock: Any, lab: Any) -> None:
    """The farewell cancels every order although nobody empties the machine's inbox any more."""
    async with lab.trading() as trial:
        for venue, desk in trial.bot.desks.items():
            for number in range(3):
                await desk._send(resting(trial, venue, number))
        assert len(trial.stage.audit()["open_orders"]) == 9
        inbox = trial.bot.channels.inbox.send
        trial.bot.strategist.publish, trial.bot.strategist._shown_s = broken, float("-inf")
        for _ in range(1024 - inbox.statistics().current_buffer_used):
            inbox.send_nowait(StoreFound())
        with trio.fail_after(30):
            await trial.ended.wait()
        assert leaves(trial.errors[0]) == ["ZeroDivisionError: planted"]
        assert trial.stage.audit()["open_orders"] == []


def leaves(error: BaseException) -> list[str]:
    """Every error inside, as text."""
    if isinstance(error, BaseExceptionGroup):
        return [text for inner in error.exceptions for text in leaves(inner)]
    return [f"{type(error).__name__}: {error}"]
