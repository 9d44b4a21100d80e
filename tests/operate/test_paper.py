"""What mode paper starts its account with, and that it has no way to a key or from the account to a venue."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from dnbot.config import PaperSettings, Settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import VENUES, Instrument, Symbol, Venue
from dnbot.domain.market import FundingRate, MarkPrice
from dnbot.fakes.mirror_words import read_terms
from dnbot.operate import paper
from dnbot.operate.exchanges import exchanges_of
from dnbot.operate.paper import PublicTerms, terms_file
from dnbot.operate.places import FakesAddress
from dnbot.ports.credentials import SecretRegistry
from dnbot.strategy.parameters import StrategyParameters
from dnbot.venues.gateio.contract_now import ContractNow

D = Decimal
PARAMS = StrategyParameters(
    symbol=Symbol("BTC", "USDT"), base_position_size=D("0.06"), max_order_notional_quote=D(400)
)
PERP = Venue.GATE_FUTURES
TERMS = PublicTerms(
    instruments={
        venue: Instrument(
            venue=venue, symbol=PARAMS.symbol, tick_size=D("0.1"), lot_size=D("0.0001"), min_quantity=D("0.0002"),
            multiplier=D(1) if venue.is_spot else D("0.0001"), maintenance_rate=D("0.004"),
        )
        for venue in VENUES
    },
    mids=dict.fromkeys(VENUES, D(60_100)),
    contract=ContractNow(
        MarkPrice(PERP, D(60_050), D(60_060), 0), FundingRate(PERP, D("0.0001"), 28_800, 1_800_000_000), D(100)
    ),
)
NAMES = ("GATE_API_KEY", "GATE_API_SECRET", "MEXC_API_KEY", "MEXC_API_SECRET")
ADDRESS = FakesAddress(
    gate_rest="https://127.0.0.1:4001/api/v4", gate_ws_spot="wss://127.0.0.1:4001/ws/v4/",
    gate_ws_futures="wss://127.0.0.1:4001/v4/ws/futures/usdt", mexc_rest="https://127.0.0.1:4002",
    mexc_ws="wss://127.0.0.1:4002/ws", key="the-key", secret="the-secret", uid="1",
)


def told(folder: Path, **settings: Any) -> Any:
    """The terms as the fakes read them."""
    path = folder / "terms.json"
    path.write_bytes(terms_file(Settings(strategy=PARAMS, mode="paper", paper=PaperSettings(**settings)), TERMS))
    return read_terms(path)


def test_the_account_fits_the_position_by_default(tmp_path: Path) -> None:
    """0.06 x 3 at 60,100 are 10,818: each venue could hold the largest position; fees are the entry level's."""
    terms = told(tmp_path)
    assert [account.balances for account in terms.accounts] == [{"USDT": D(10_900)}] * 3
    assert [(account.maker, account.taker) for account in terms.accounts] == [
        (D("0.002"), D("0.002")), (D("0.0002"), D("0.0005")), (D(0), D("0.0005")),
    ]
    assert {account.latency_ms for account in terms.accounts} == {100}


def test_every_setting_reaches_the_account(tmp_path: Path) -> None:
    """At its own venue, in its own unit."""
    terms = told(
        tmp_path, gate_latency_ms=7, mexc_latency_ms=8, book_age_ms_max=2_000, gate_spot_maker_bps=D(1),
        gate_spot_taker_bps=D(2), gate_futures_maker_bps=D(3), gate_futures_taker_bps=D(4), mexc_maker_bps=D(5),
        mexc_taker_bps=D(6), gate_base=D("0.1"), mexc_base=D("0.2"), gate_spot_quote=D(10), gate_futures_quote=D(20),
        mexc_quote=D(0),
    )
    found = {one.venue: (one.maker, one.taker, one.latency_ms, one.balances) for one in terms.accounts}
    assert found == {
        "gate_spot": (D("0.0001"), D("0.0002"), 7, {"USDT": D(10), "BTC": D("0.1")}),
        "gate_futures": (D("0.0003"), D("0.0004"), 7, {"USDT": D(20)}),
        "mexc_spot": (D("0.0005"), D("0.0006"), 8, {"USDT": D(0), "BTC": D("0.2")}),
    }
    assert terms.book_age_ms_max == 2_000
    assert (terms.rates.mark, terms.rates.rate, terms.rates.next_s) == (D(60_050), D("0.0001"), 1_800_000_000)


async def test_no_key_is_read_and_each_side_reaches_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are there stay where they are, unknown to the run; the account's side connects to loopback alone."""
    for name in NAMES:
        monkeypatch.setenv(name, f"canary-{name}")

    @asynccontextmanager
    async def process(_state_dir: Path, _terms: bytes) -> AsyncIterator[Any]:
        yield SimpleNamespace(address=ADDRESS)

    async def terms(*_: Any) -> PublicTerms:
        return TERMS

    monkeypatch.setattr(paper, "paper_process", process)
    monkeypatch.setattr(paper, "read_terms", terms)
    registry, settings = SecretRegistry(), Settings(strategy=PARAMS, mode="paper")
    async with AsyncExitStack() as stack:
        found = await exchanges_of(settings, tmp_path, registry, stack)
    assert [os.environ[name] for name in NAMES] == [f"canary-{name}" for name in NAMES]
    assert [secret for secret in registry.known_secrets() if "canary" in secret] == []
    assert {signer.key_id for signer in found.around.signers.values()} == {"the-key"}
    assert found.around.public.places[Venue.MEXC_SPOT].rest.host == "api.mexc.com"
    assert found.around.places[Venue.MEXC_SPOT].rest.host == "127.0.0.1"
    assert found.market["name"] == "paper"
    sides = ((found.around.opener, ("api.mexc.com", 443)), (found.around.public.opener, ("127.0.0.1", 4002)))
    for opener, elsewhere in sides:
        with pytest.raises(ConfigError, match="endpoint"):
            await opener(*elsewhere)


def test_a_change_of_mode_alone_changes_what_is_recorded() -> None:
    """The run's record says that it was paper: the report goes by it."""
    assert b'"mode":"paper"' in msgspec.json.encode(Settings(strategy=PARAMS, mode="paper"))
