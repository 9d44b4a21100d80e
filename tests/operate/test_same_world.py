"""A ledger of other exchanges is refused before a run begins."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from dnbot.config import GateSettings, MexcSettings, Settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.operate.same_world import refuse_another_world
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
