"""What a person types about symbols, markets and listings becomes config values, or is refused with what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dnbot.cli import commands
from dnbot.fakes import process
from dnbot.fakes.config import FakesConfig, Listing, ReplayConfig
from dnbot.fakes.config_text import listing_from, market_from, symbols_from, venue_from
from dnbot.fakes.records import MEXC_SPOT, VENUES


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("BTC/USDT", ("BTC/USDT",)),
        (" btc/usdt, eth/usdt,", ("BTC/USDT", "ETH/USDT")),
        ("200", 200),
        ("KOKO/USDT", ("KOKO/USDT",)),
    ],
)
def test_symbols(text: str, found: Any) -> None:
    """Names, in any case, or a number."""
    assert symbols_from(text) == found


def test_listings() -> None:
    """On all venues, or on one; seconds when no unit is said."""
    assert listing_from("list", "eth/usdt@30") == Listing("ETH/USDT", "list", 30.0, VENUES)
    assert listing_from("delist", "mexc_spot:ETH/USDT@1.5m") == Listing("ETH/USDT", "delist", 90.0, (MEXC_SPOT,))


@pytest.mark.parametrize(
    ("refuse", "text", "why"),
    [
        (symbols_from, "", "none given"),
        (symbols_from, "0", "1 to 1000"),
        (symbols_from, "BTC", "BASE/USDT"),
        (market_from, "real", "calibrated, lively, realistic, scripted, replay:PATH"),
        (venue_from, "binance", "gate_spot, gate_futures, mexc_spot"),
        (lambda text: listing_from("list", text), "ETH/USDT", "SYMBOL@TIME"),
        (lambda text: listing_from("list", text), "ETH/USDT@soon", "30s, 2m or 1h"),
        (lambda text: listing_from("list", text), "here:ETH/USDT@1s", "gate_spot"),
    ],
)
def test_what_is_wrong_is_said(refuse: Callable[[str], Any], text: str, why: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError, match=why):
        refuse(text)


def test_the_command_hands_all_of_it_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every option of `dnbot fakes` that is about the market reaches the config."""
    seen: list[FakesConfig] = []
    monkeypatch.setattr(process, "main", lambda config: seen.append(config) or 0)
    rates = tmp_path / "rates.csv"
    rates.touch()
    words = f"fakes --symbols 50 --market replay:x --list ETH/USDT@1s --delist ETH/USDT@1h --replay-speed 60 \
        --replay-from 2025-10-10T14:00Z --replay-spot mexc_spot --replay-exchange okx --replay-funding {rates}"
    assert CliRunner().invoke(commands, words.split()).exit_code == 0
    (config,) = seen
    assert (config.symbols, config.market) == (50, "replay:x")
    assert config.listings == (Listing("ETH/USDT", "list", 1.0), Listing("ETH/USDT", "delist", 3600.0))
    assert config.replay.begin is not None
    assert config.replay.begin.isoformat() == "2025-10-10T14:00:00+00:00"
    assert config.replay == ReplayConfig(MEXC_SPOT, 60.0, config.replay.begin, "okx", rates)


@pytest.mark.parametrize(
    "words", ["--symbols BTC", "--market real", "--list ETH/USDT", "--delist x:ETH/USDT@1s", "--replay-spot gate"]
)
def test_the_command_refuses_what_is_wrong(words: str) -> None:
    """Exit code 2 and a sentence, before anything is started."""
    result = CliRunner().invoke(commands, ["fakes", *words.split()])
    assert result.exit_code == 2
    assert "Error: " in result.output
