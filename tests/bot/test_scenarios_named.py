"""The whole bot on the fakes' named scenarios: the outcome that each of them asks for, by the venues' own audit."""

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
from dnbot.strategy.states import TradingMode

pytestmark = pytest.mark.slow

SYMBOL_CONTRACT = "BTC_USDT"


def on_scenario(name: str, *more: str, sooner_s: float = 0.0) -> FakesConfig:
    """The scenario's configuration, with more faults; those that begin by the clock do so `sooner_s` earlier."""
    config = scenario_of(name).applied(FakesConfig(seed=1))
    faults = [attrs.evolve(f, at_s=max(0.0, f.at_s - sooner_s)) for f in config.faults.faults]
    return attrs.evolve(config, faults=FaultPlan((*faults, *map(parse_fault, more))))


def struck(trial: Any, name: str) -> list[Any]:
    """The strikes of one fault."""
    return [a for a in trial.stage.world.faults.activations() if a.name == name]


def contracts(trial: Any) -> Decimal:
    """The perpetual position as the venue knows it."""
    positions = trial.stage.audit()["positions"]
    return Decimal(positions[SYMBOL_CONTRACT]["size"]) if positions else Decimal(0)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("one_leg_rejected", "order_rejected"), ("partial_below_minimum", "partial_fill"),
        ("both_sides_same_leg", "request_duplicated"), ("hedge_at_gapped_book", "liquidity_gone"),
    ],
)  # fmt: skip
async def test_a_pair_that_goes_wrong_ends_neutral(autojump_clock: Any, lab: Any, name: str, fault: str) -> None:
    """One leg is refused, partly filled, doubled or gapped: delta comes back in time, and every ledger closes."""
    async with lab.stage(on_scenario(name)) as on, lab.on(on) as trial:
        await trial.until(lambda: struck(trial, fault), f"{fault} strikes")
        await trial.until_trades(2, s_max=60)
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_gate_position_reads_zero(autojump_clock: Any, lab: Any) -> None:
    """The position reads 0 while the bot asks for it: nothing is hedged twice, nothing adjusted."""
    config = on_scenario("gate_position_reads_zero", "position_reads_zero:lag_s=20")
    async with lab.stage(config) as on, lab.on(on) as trial:
        await trial.until(lambda: struck(trial, "position_reads_zero"), "a wrong zero is read", s_max=120)
        await trial.until_trades(2, s_max=60)
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_balance_stale_2min(autojump_clock: Any, lab: Any) -> None:
    """Balances trail by up to two minutes: the bot trades on by its own ledger, and no funds are lost or found."""
    async with lab.stage(on_scenario("balance_stale_2min")) as on, lab.on(on) as trial:
        await trial.until(lambda: struck(trial, "balances_lag"), "an old balance is read", s_max=120)
        await trial.until_trades(2, s_max=60)
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_restart_with_position(autojump_clock: Any, lab: Any) -> None:
    """Inventory and short are there already: they are adopted, and no second position is built."""
    async with lab.stage(on_scenario("restart_with_position")) as on, lab.on(on) as trial:
        assert contracts(trial) == -600
        await trial.until_trades(1, s_max=60)
        first = trial.creates()[:2]
        assert len({note.venue for note in trial.notes() if note.client_id in first}) == 2, "a pair, not a build-up"
        assert abs(contracts(trial)) <= 1_200
        assert await trial.end() == 0
        assert abs(trial.true_delta()) <= trial.bot.context.tolerance


async def test_funding_interval_8h_to_4h(autojump_clock: Any, lab: Any) -> None:
    """The rate turns and is charged out of turn: it is booked from the account book with its sign, and once."""
    async with lab.stage(on_scenario("funding_interval_8h_to_4h")) as on, lab.on(on) as trial:
        await trial.until(lambda: struck(trial, "funding_settles"), "funding is charged", s_max=60)
        await trio.sleep(40)
        assert await trial.end() == 0
        (row,) = trial.stage.audit()["funding"]
        assert Decimal(row["change"]) < 0, "a short pays a negative rate"
        await trial.assert_clean()


async def test_adl_closes_short(autojump_clock: Any, lab: Any) -> None:
    """Half of the short is closed by the venue: delta is back within its tolerance, and the ledgers close."""
    async with lab.stage(on_scenario("adl_closes_short", sooner_s=10)) as on, lab.on(on) as trial:
        await trial.until(lambda: struck(trial, "position_deleveraged"), "the venue closes half", s_max=60)
        assert abs(trial.true_delta()) > trial.bot.context.tolerance
        began_s = trio.current_time()
        await trial.until(lambda: abs(trial.true_delta()) <= trial.bot.context.tolerance, "delta is back")
        assert trio.current_time() - began_s <= 10
        await trio.sleep(5)
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_same_ticker_other_coin(autojump_clock: Any, lab: Any) -> None:
    """A coin of the same name at twelve times the price is not traded against, however big the difference."""
    async with lab.stage(on_scenario("same_ticker_other_coin")) as on, lab.on(on) as trial:
        await trio.sleep(20)
        assert trial.trades() == 0
        assert trial.creates() == []
        assert await trial.end() == 0
        assert trial.true_delta() == 0


async def test_api_order_type_disabled(autojump_clock: Any, lab: Any) -> None:
    """When the symbols close to the API, the first refusal says so, and no more orders go there for a while."""
    async with lab.stage(on_scenario("api_order_type_disabled", sooner_s=40)) as on, lab.on(on) as trial:
        await trial.until_trades(1)
        await trial.until(lambda: struck(trial, "symbols_closed_to_api"), "the symbols close", s_max=60)
        await trio.sleep(10)
        creates = [note for note in trial.notes() if note.venue == "mexc_spot" and note.method == "POST"]
        refused_ms = [note.time_ms for note in creates if note.status >= 400]
        assert refused_ms
        assert refused_ms[-1] - refused_ms[0] < 2_000
        assert len(refused_ms) <= 2
        assert "closed:MEXC_SPOT" in trial.bot.context.alerted
        assert abs(trial.true_delta()) <= trial.bot.context.tolerance
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_inventory_one_sided(autojump_clock: Any, lab: Any) -> None:
    """A spread that persists is traded until inventory runs out on one side; then selling there stops, and says so.

    The bot stays neutral and whole.
    """

    def sold() -> list[Any]:
        return [f for f in trial.stage.audit()["fills"] if f["venue"] == "mexc_spot" and f["side"] == "sell"]

    async with lab.stage(on_scenario("inventory_one_sided")) as on, lab.on(on) as trial:
        await trial.until(lambda: struck(trial, "price_offset"), "the spread opens")
        before = len(sold())
        said = "decline:GATE_TO_MEXC:INVENTORY"
        await trial.until(lambda: said in trial.bot.context.tallies, "it says that nothing is left to sell", s_max=60)
        await trio.sleep(10)
        until_now, declined = sold(), trial.bot.context.counters.declined["INVENTORY"]
        assert len(until_now) > before
        assert trial.trades() > 0
        assert Decimal(trial.stage.audit()["balances"]["mexc_spot"].get("BTC", "0")) < Decimal("0.001")
        await trio.sleep(20)
        assert sold() == until_now, "the spread is still there, and nothing more is sold into it"
        assert trial.bot.context.counters.declined["INVENTORY"] > declined
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_spoofed_edge(autojump_clock: Any, lab: Any) -> None:
    """While one lot is offered 1 % too high, nothing is sold into it but what its size admits."""
    async with lab.stage(on_scenario("spoofed_edge")) as on, lab.on(on) as trial:
        await trial.until(lambda: struck(trial, "edge_spoofed"), "the spoof stands")
        since = len(trial.stage.audit()["fills"])
        await trio.sleep(5)
        spoofed = [f for f in trial.stage.audit()["fills"][since:] if f["venue"] == "mexc_spot" and f["side"] == "sell"]
        assert sum(Decimal(f["quantity"]) for f in spoofed) <= Decimal("0.000001")
        await trial.until_trades(2, s_max=60)
        assert await trial.end() == 0
        await trial.assert_clean()


@pytest.mark.parametrize("known", [True, False])
async def test_fee_in_third_coin(autojump_clock: Any, lab: Any, known: bool) -> None:
    """Fees in MX, and in the quote coin when there is none left, are booked in the coin they were taken in.

    They are worth what MX costs, and trading goes on; when nobody tells that, profit is unknown and no risk is taken.
    """
    unpriced = () if known else ("server_error:venue=mexc_spot,path=*/ticker/price",)
    async with lab.stage(on_scenario("fee_in_third_coin", *unpriced)) as on, lab.on(on) as trial:
        await trial.until(lambda: trial.true_delta() == 0 or len(trial.stage.audit()["fills"]) >= 4, "it builds", 60)
        await trio.sleep(10)
        fees = [fill for fill in trial.stage.audit()["fills"] if fill["venue"] == "mexc_spot"]
        assert "MX" in {fill["fee_asset"] for fill in fees}
        assert (trial.trades() > 0) == known
        assert (trial.bot.context.mode is TradingMode.ACTIVE) == known
        assert ("fee_coin" in trial.bot.context.alerted) == (not known)
        assert await trial.end() == 0
        verdict = await trial.verdict()
        assert verdict["ledger_residual"]["MEXC_SPOT"] == {"BTC": "0", "MX": "0", "USDT": "0"}
        assert verdict["adjustments"] == 0
        assert abs(trial.true_delta()) <= trial.bot.context.tolerance
        paid = sum(Decimal(f["fee"]) for f in trial.stage.audit()["fills"] if f["fee_asset"] == "MX")
        worth = paid * trial.stage.world.exchange.state.mx_price
        assert trial.bot.context.portfolio.coin_fees_quote == (worth if known else 0)
        assert (await trial.store.load(lab.symbol)).portfolio == trial.bot.context.portfolio


@pytest.mark.parametrize(("budget", "neutral"), [("1.2", True), ("0.3", False)])
async def test_contract_multiplier(autojump_clock: Any, lab: Any, budget: str, neutral: bool) -> None:
    """A contract becomes ten times as large under the short: told, halted by name, and hedged in the new unit.

    By whole lots of the new unit, as far as the hedge budget of a minute goes; nothing is bought or sold beyond that.
    """
    config = attrs.evolve(on_scenario("contract_multiplier", sooner_s=54), symbols=("BTC/USDT",))
    async with lab.stage(config) as on, lab.on(on, hedge_quantity_per_minute_max=Decimal(budget)) as trial:
        await trial.until(lambda: struck(trial, "instruments_change"), "the contract changes")
        resized = trial.true_delta()
        assert resized < -trial.bot.context.hard_limit
        await trial.until(lambda: trial.bot.context.mode is TradingMode.HALTED, "it is noticed", s_max=11)
        assert trial.bot.context.mode_why.startswith("CONTRACT_CHANGED: GATEIO_FUTURES"), trial.bot.context.mode_why
        await trial.until(lambda: trial.state.name == "ERROR_RECOVERY", "nothing is trusted", s_max=1)
        trades = trial.trades()
        if neutral:
            await trial.until(lambda: trial.state.name == "MONITORING_SPREADS", "delta is neutral", s_max=10)
            assert abs(trial.true_delta()) <= trial.bot.context.tolerance
            assert await trial.end() == 0
        else:
            await trio.sleep(6)
            assert trial.state.name == "ERROR_RECOVERY"
            hedged = trial.true_delta() - resized
            assert 0 < hedged <= Decimal(budget) + trial.bot.context.tolerance
        assert trial.trades() == trades, "no new risk"
        assert trial.bot.context.perp_lot == Decimal("0.001")
        assert trial.bot.context.portfolio.delta == trial.true_delta(), "counted as the venue counts"
        residual = (await trial.verdict())["ledger_residual"]
        money = {left for assets in residual.values() for asset, left in assets.items() if "contracts" not in asset}
        assert money == {"0"}, residual
