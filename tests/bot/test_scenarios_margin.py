"""The perpetual in trouble: a rally against a short with little margin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults import FaultPlan
from dnbot.fakes.faults_text import parse_fault
from dnbot.fakes.scenarios import scenario_of
from dnbot.strategy.standing import liquidation_distance_pct, margin_ratio_pct
from dnbot.strategy.states import TradingMode

pytestmark = pytest.mark.slow
RALLY_S, RISEN_S = 8.0, 24.0
STEPS = 4
LOOK_S = 0.02
CONTRACT = Decimal("0.0001")
CALM = {"max_position_multiplier": Decimal(1), "arbitrage_entry_threshold_bps": Decimal(40)}
"""So that what is traded, and what a leg that fails takes away, is little beside what the rally does."""
SILENT = {**CALM, "arbitrage_entry_threshold_bps": Decimal(400)}
"""So that nothing is traded but what the rally asks for: a leg that fails would make the short smaller by itself."""


def rally() -> FakesConfig:
    """The scenario, begun sooner and twice as fast, each of its steps as four smaller ones; one symbol alone."""
    config = scenario_of("rally_30pct").applied(FakesConfig(seed=5, symbols=("BTC/USDT",)))
    began_s = config.faults.faults[0].at_s
    smaller = [
        attrs.evolve(
            fault, key=f"{fault.key}{part}", at_s=RALLY_S + (fault.at_s - began_s + part / STEPS) / 2,
            options={"bps": fault.options["bps"] / STEPS},
        )
        for fault in config.faults.faults
        for part in range(STEPS)
    ]
    return attrs.evolve(config, faults=FaultPlan(tuple(smaller)))


async def test_liquidation_near(autojump_clock: Any, lab: Any) -> None:
    """Prices jump by 20 % against a short with little margin: the mode is lowered, and the short does not grow."""
    config = scenario_of("liquidation_near").applied(FakesConfig(seed=1))
    async with lab.stage(config) as on, lab.on(on) as trial:
        await trial.until(
            lambda: any(a.name == "price_jumps" for a in trial.stage.world.faults.activations()), "prices jump", 60
        )
        context = trial.bot.context
        assert context.portfolio.perp_base < 0, (context.current_state, context.mode_why, context.counters.declined)
        await trial.until(lambda: trial.bot.context.mode is not TradingMode.ACTIVE, "the mode is lowered", s_max=20)
        assert trial.bot.context.mode_why.startswith("MARGIN_LOW"), trial.bot.context.mode_why
        short = trial.bot.context.portfolio.perp_base
        await trio.sleep(20)
        assert trial.bot.context.portfolio.perp_base >= short
        assert abs(trial.true_delta()) <= trial.bot.context.tolerance
        assert await trial.end() == 0
        await trial.assert_clean()


@attrs.define
class Watch:
    """What was seen while prices rose, every `LOOK_S`."""

    trial: Any
    ratio_worst: Decimal = Decimal(100)
    distance_worst: Decimal = Decimal(100)
    naked_s: float = 0.0
    naked_s_worst: float = 0.0

    def look(self) -> None:
        context = self.trial.bot.context
        self.ratio_worst = min(self.ratio_worst, margin_ratio_pct(context))
        self.distance_worst = min(self.distance_worst, liquidation_distance_pct(context))
        outside = abs(self.delta()) > context.tolerance
        self.naked_s = self.naked_s + LOOK_S if outside else 0.0
        self.naked_s_worst = max(self.naked_s_worst, self.naked_s)

    def delta(self) -> Decimal:
        """Base units that are not hedged, by the venues' own books."""
        account = self.trial.stage.world.exchange.account(self.trial.stage.world.config.accounts[0].uid)
        spot = sum(held.total for (_, asset), held in account.balances.items() if asset == "BTC")
        position = account.positions.get("BTC/USDT")
        return Decimal(spot + (position.contracts * CONTRACT if position else 0))

    async def until_risen(self) -> None:
        """From before the rally until it is over; then the bot stands as it will."""
        await self.trial.until(lambda: trio.current_time() >= RALLY_S, "the rally begins")
        with trio.move_on_at(RISEN_S):
            while True:
                self.look()
                await trio.sleep(LOOK_S)


def liquidations(trial: Any) -> list[Any]:
    """Fills that no order of the bot made."""
    return [fill for fill in trial.stage.audit()["fills"] if not fill["client_id"].removeprefix("t-").startswith("d")]


async def assert_kept(trial: Any, watch: Watch) -> None:
    """Nothing was liquidated or naked for longer than a hedge takes, and every ledger closes."""
    assert not liquidations(trial)
    params = trial.bot.context.params
    assert watch.distance_worst > params.liquidation_distance_min_pct
    assert watch.naked_s_worst * 1000 <= params.hedge_deadline_ms
    assert trial.bot.context.naked.worst_definite_ms <= params.hedge_deadline_ms
    assert await trial.end() == 0
    await trial.assert_clean()


async def test_rally_30pct_with_top_up(autojump_clock: Any, lab: Any) -> None:
    """Margin that the rally eats comes from Gate spot, within both caps, and the bot trades on in mode ACTIVE."""
    caps = {"margin_top_up_quote_max": Decimal(400), "margin_top_up_day_quote_max": Decimal(2500)}
    async with lab.stage(rally()) as on, lab.on(on, margin_top_up=True, **caps, **CALM) as trial:
        watch = Watch(trial)
        await watch.until_risen()
        moved = [Decimal(moved["amount"]) for moved in trial.stage.audit()["transfers"]]
        assert len(moved) >= 2
        assert max(moved) <= 400
        assert sum(moved) <= 2500
        assert trial.bot.context.mode is TradingMode.ACTIVE, trial.bot.context.mode_why
        assert watch.ratio_worst > 25, "restored within about a second, while prices rise by 2 % in each"
        await trial.until_trades(2)
        await assert_kept(trial, watch)


async def test_rally_30pct_without_top_up(autojump_clock: Any, lab: Any) -> None:
    """Both legs shrink slice by slice and together while prices rise, and margin stays at its floor."""
    async with lab.stage(rally()) as on, lab.on(on, **SILENT) as trial:
        await trial.until(lambda: trio.current_time() >= RALLY_S, "the rally begins")
        before = trial.bot.context.portfolio.perp_base
        watch = Watch(trial)
        await watch.until_risen()
        assert trial.bot.context.portfolio.perp_base > before
        assert not trial.stage.audit()["transfers"]
        assert trial.bot.context.mode_why.startswith("MARGIN_LOW"), trial.bot.context.mode_why
        shrunk = [c for c in trial.store.database.books[lab.symbol].closed.values() if c.pair_name == "SHRINK"]
        assert len(shrunk) >= 2
        assert watch.ratio_worst > 20, "each slice follows a second after the margin fell below its floor of 30"
        assert margin_ratio_pct(trial.bot.context) >= trial.bot.context.params.margin_floor_pct
        await assert_kept(trial, watch)


def jump(*more: str) -> FakesConfig:
    """A short with little margin, and prices that jump by 9 % after six seconds."""
    config = scenario_of("rally_30pct").applied(FakesConfig(seed=5, symbols=("BTC/USDT",)))
    faults = map(parse_fault, ("price_jumps:at=6,bps=900", *more))
    return attrs.evolve(config, faults=FaultPlan(tuple(faults)))


def kept(trial: Any, symbol: Any) -> list[tuple[str, str]]:
    """Every transfer that is stored: how it stands, and the venue's number of it."""
    return [(t.status.value, t.venue_id) for t in trial.store.database.books[symbol].transfers.values()]


async def test_a_top_up_whose_answer_is_lost(autojump_clock: Any, lab: Any) -> None:
    """The row of the venue's book tells that it was made: booked at both ends, and not asked for again."""
    lost = jump("reply_lost:path=*/wallet/transfers,count=1")
    async with lab.stage(lost) as on, lab.on(on, margin_top_up=True, **CALM) as trial:
        await trial.until(lambda: trial.stage.audit()["transfers"], "money is moved", 12, poll_s=0.1)
        await trial.until(lambda: ("arrived", "") in kept(trial, lab.symbol), "its row is read", 10, poll_s=0.1)
        assert len(trial.stage.audit()["transfers"]) == len(kept(trial, lab.symbol))
        assert trial.bot.context.mode is TradingMode.ACTIVE, trial.bot.context.mode_why
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_a_crash_in_the_middle_of_a_top_up(autojump_clock: Any, lab: Any) -> None:
    """The money has moved and nobody heard: the next start finds it in the venue's book, and books it once."""
    async with lab.stage(jump()) as on:
        async with lab.on(on, margin_top_up=True, **CALM) as first:
            moved = first.stage.world.exchange.state.transfers
            await first.until(lambda: moved, "money is moved", 12, poll_s=0.001)
            first.crash()
        assert kept(first, lab.symbol) == [("pending", "")]
        async with lab.on(on, store=first.store, margin_top_up=True, **CALM) as second:
            await second.until(lambda: second.state.name == "MONITORING_SPREADS", "it is at work", 20)
            assert kept(second, lab.symbol)[0] == ("arrived", "")
            assert await second.end() == 0
            await second.assert_clean()
