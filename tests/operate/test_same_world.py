"""A ledger of other exchanges is refused before a run begins."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dnbot.config import GateSettings, MexcSettings, Settings
from dnbot.config.settings import DatabaseSettings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.position import Portfolio
from dnbot.operate.same_world import refuse_another_world, refuse_to_abandon
from dnbot.operate.state_folder import spill_place
from dnbot.strategy.parameters import StrategyParameters

PARAMS = StrategyParameters(
    symbol=Symbol("BTC", "USDT"), base_position_size=Decimal("0.003"), max_order_notional_quote=Decimal(100)
)
WORLDS = {
    "sim": Settings(strategy=PARAMS),
    "a rehearsal": Settings(
        strategy=PARAMS, mode="live", gate=GateSettings(rest_url="https://127.0.0.1:1/api/v4"),
        mexc=MexcSettings(rest_url="https://127.0.0.1:2"),
    ),
    "real": Settings(strategy=PARAMS, mode="live"),
    "paper": Settings(strategy=PARAMS, mode="paper"),
}


class Ledger:
    """A database whose newest run had these settings; None: there was none."""

    def __init__(self, settings: Settings | None) -> None:
        self.rows = [] if settings is None else [{"settings": msgspec.json.encode(settings).decode()}]

    async def read(self, _sql: str, *_arguments: object) -> list[dict[str, Any]]:
        return self.rows


@pytest.mark.parametrize("now", WORLDS)
@pytest.mark.parametrize("before", [None, *WORLDS])
async def test_a_ledger_meets_its_own_exchanges_alone(before: str | None, now: str) -> None:
    """The demo, a rehearsal on loopback and the real exchanges each need a database of their own."""
    ledger = Ledger(WORLDS[before] if before else None)
    if before in (None, now):
        await refuse_another_world(WORLDS[now], ledger)
        return
    with pytest.raises(ConfigError, match="a state folder or database of its own"):
        await refuse_another_world(WORLDS[now], ledger)


async def test_other_ports_and_sizes_are_the_same_exchanges() -> None:
    """What may change between two runs changes nothing."""
    again = msgspec.structs.replace(
        WORLDS["a rehearsal"], gate=GateSettings(rest_url="https://127.0.0.1:3/api/v4"), profile="canary"
    )
    await refuse_another_world(again, Ledger(WORLDS["a rehearsal"]))


@pytest.mark.parametrize("settings", ["{}", '{"mode": ""}', '{"mode": "live", "gate": {"no_longer": 1}}'])
async def test_what_an_earlier_run_recorded_otherwise_ends_nothing(settings: str) -> None:
    """Nothing, or a run of another version whose addresses are not known: there is nothing to compare."""
    ledger = Ledger(None)
    ledger.rows = [{"settings": settings}]
    await refuse_another_world(WORLDS["real"], ledger)


ETH = Symbol("ETH", "USDT")


def eth_book(gate: str, mexc: str, perp: str) -> Ledger:
    """A database in which ETH, at 3,000 USDT, has this much base on each venue; a lot is 0.01, minima are 8 USDT."""
    ledger, short = Ledger(None), Decimal(perp)
    book = Portfolio(
        symbol=ETH, balances={"GATEIO_SPOT:ETH": Decimal(gate), "MEXC_SPOT:ETH": Decimal(mexc)}, perp_base=short,
        perp_cost=short * 3_000,
    )
    portfolio = msgspec.json.encode(book).decode()
    row = {"base": "ETH", "quote": "USDT", "portfolio": portfolio, "lot": "0.01", "minima": "8", "settings": "{}"}
    ledger.rows = [row]
    return ledger


@pytest.mark.parametrize("mode", ["sim", "real", "paper"])
@pytest.mark.parametrize(("gate", "mexc", "perp"), [("1", "1.5", "-2.5"), ("0", "0", "-0.1"), ("0.1", "0", "0")])
async def test_a_position_in_another_symbol_is_not_left_alone(
    tmp_path: Path, mode: str, gate: str, mexc: str, perp: str
) -> None:
    """Whoever changes the symbol of a used state folder is told of the position that nobody would watch any more."""
    words = r"strategy\.symbol: found .BTC/USDT, while the book of ETH/USDT holds"
    with pytest.raises(ConfigError, match=words) as told:
        await refuse_to_abandon(WORLDS[mode], eth_book(gate, mexc, perp), tmp_path)
    assert f"and {perp} on the perpetual" in str(told.value)
    assert "kill --flatten" in told.value.allowed


@pytest.mark.parametrize(
    ("gate", "mexc", "perp"), [("0", "0", "0"), ("0.001", "0.0015", "-0.02"), ("0.02", "0.02", "0")]
)
async def test_what_a_flattened_position_leaves_is_no_position(
    tmp_path: Path, gate: str, mexc: str, perp: str
) -> None:
    """Less than the venues' smallest orders: the symbol may be changed."""
    await refuse_to_abandon(WORLDS["sim"], eth_book(gate, mexc, perp), tmp_path)


@pytest.mark.parametrize("tolerance", ["0.08", None])
async def test_what_the_old_run_left_alone_is_no_position(tmp_path: Path, tolerance: str | None) -> None:
    """Delta inside its tolerance needs no perpetual, and no command would close it; without that setting it is one."""
    ledger = eth_book("0.08", "0", "0")
    left = None if tolerance is None else Decimal(tolerance)
    before = Settings(strategy=msgspec.structs.replace(PARAMS, symbol=ETH, delta_tolerance_base=left))
    ledger.rows[0]["settings"] = msgspec.json.encode(before).decode()
    if left is not None:
        await refuse_to_abandon(WORLDS["sim"], ledger, tmp_path)
        return
    with pytest.raises(ConfigError, match="ETH/USDT"):
        await refuse_to_abandon(WORLDS["sim"], ledger, tmp_path)


async def test_in_a_database_of_its_own_only_what_this_folder_traded_is_judged(tmp_path: Path) -> None:
    """Another symbol there may be another bot's; one that has a spill file here was ours."""
    shared = msgspec.structs.replace(WORLDS["real"], database=DatabaseSettings(dsn_env="LEDGER_DSN"))
    ledger = eth_book("1", "1.5", "-2.5")
    await refuse_to_abandon(shared, ledger, tmp_path)
    spill = spill_place(tmp_path, ETH)
    spill.parent.mkdir()
    spill.touch()
    with pytest.raises(ConfigError, match="ETH/USDT"):
        await refuse_to_abandon(shared, ledger, tmp_path)
