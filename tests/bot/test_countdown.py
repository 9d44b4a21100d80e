"""The dead man's switch: a venue cancels what a dead bot left; a bot that cannot renew takes no new risk."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults import FaultPlan
from dnbot.fakes.faults_text import parse_fault
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, OrderRequest, OrderState
from dnbot.strategy.countdowns import lapsed

PATHS = {"/api/v4/spot/countdown_cancel_all": GATE_SPOT, "/api/v4/futures/usdt/countdown_cancel_all": GATE_FUTURES}
ONE = FakesConfig(seed=1, symbols=("BTC/USDT",), market="calibrated")


def rest(trial: Any, venue: Any, quantity: str, price: str, client: str = "t-dnb-1-77") -> OrderState:
    """An order that waits in the book of a venue, far from its price."""
    exchange, uid = trial.stage.world.exchange, trial.stage.world.config.accounts[0].uid
    wanted = OrderRequest(
        "BTC/USDT", "buy", tif="gtc", quantity=Decimal(quantity), price=Decimal(price), client_id=client
    )
    order = exchange.place_order(venue, uid, wanted)
    assert isinstance(order, OrderState), order
    return order


def open_clients(trial: Any) -> list[str]:
    """Client ids of what is open anywhere."""
    return sorted(order["client_id"] for order in trial.stage.audit()["open_orders"])


def renewals(trial: Any, since: int = 0) -> list[Any]:
    """Requests for a countdown, in order."""
    return [note for note in trial.notes(since) if note.path in PATHS]


async def up(trial: Any) -> None:
    """The bot is at work."""
    await trial.until(lambda: trial.state.name == "MONITORING_SPREADS", "it is at work", poll_s=0.1)


@pytest.mark.parametrize(("countdown_s", "left"), [(12, ["x-mexc"]), (0, ["t-dnb-1-77", "t-dnb-1-78", "x-mexc"])])
async def test_a_dead_bot_s_orders_are_cancelled_by_the_venue(
    autojump_clock: Any, lab: Any, countdown_s: int, left: list[str]
) -> None:
    """Gate does it when the time is over and not before; without a countdown, and on MEXC, nobody does."""
    async with lab.stage(ONE) as on, lab.on(on, countdown_s=countdown_s) as trial:
        await up(trial)
        await trio.sleep(2)
        rest(trial, GATE_SPOT, "0.001", "30000")
        rest(trial, GATE_FUTURES, "10", "55000", "t-dnb-1-78")
        rest(trial, MEXC_SPOT, "0.001", "55000", "x-mexc")
        trial.crash()
        await trio.sleep(7)
        assert len(open_clients(trial)) == 3
        await trio.sleep(6)
        assert open_clients(trial) == left


@pytest.mark.slow
async def test_renewed_at_a_third_and_disarmed_at_a_clean_end(autojump_clock: Any, lab: Any) -> None:
    """Both Gate markets, every three seconds of nine; after a clean end somebody else's order stays where it is."""
    async with lab.stage(ONE) as on, lab.on(on, countdown_s=9) as trial:
        await up(trial)
        await trio.sleep(10)
        for venue in PATHS.values():
            at_s = [note.time_ms / 1000 for note in renewals(trial) if PATHS[note.path] == venue]
            apart_s = [later - sooner for sooner, later in itertools.pairwise(at_s)]
            assert len(apart_s) >= 3
            assert all(2.9 < apart < 3.1 for apart in apart_s)
        since = len(trial.notes())
        assert await trial.end() == 0
        assert len(renewals(trial, since)) == 2
        rest(trial, GATE_SPOT, "0.001", "30000", "by-hand")
        await trio.sleep(12)
        assert open_clients(trial) == ["by-hand"]


@pytest.mark.slow
async def test_without_renewals_no_new_risk_is_taken_until_they_come_again(autojump_clock: Any, lab: Any) -> None:
    """Told at the first failure, closed when the time is over, open again with the next renewal."""
    fault = "reply_lost:path=*/futures/usdt/countdown_cancel_all,at=5,for=20"
    config = attrs.evolve(ONE, market="lively", faults=FaultPlan((parse_fault(fault),)))
    async with lab.stage(config) as on, lab.on(on, countdown_s=12) as trial:
        await trial.until_trades(1)
        alerts = trial.store.database.books[lab.symbol].alerts
        key = "GATEIO_FUTURES"
        await trial.until(lambda: f"countdown:{key}" in [a.key for a in alerts], "it is told", 25, poll_s=0.1)
        assert lapsed(trial.bot.context, trio.current_time()) == ()
        await trial.until(lambda: f"countdown_lapsed:{key}" in [a.key for a in alerts], "it ran out", 30, poll_s=0.1)
        await trio.sleep(0.5)
        trades, creates = trial.trades(), len(trial.creates())
        await trio.sleep(2)
        assert (trial.trades(), len(trial.creates())) == (trades, creates)
        assert trial.bot.context.counters.declined["COUNTDOWN"] > 0
        await trial.until(lambda: not lapsed(trial.bot.context, trio.current_time()), "renewed", 45, poll_s=0.1)
        await trial.until_trades(1)
        assert await trial.end() == 0
        await trial.assert_clean()
