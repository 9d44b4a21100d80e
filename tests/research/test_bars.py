"""Bars as a source: whose they are, and that evidence of one exchange is not gone on from with another's."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from study_series import BEGIN_S, written_bars
from trial_kit import ENTRY, SETTINGS, cells, figures

from dnbot.domain.errors import ConfigError
from dnbot.fakes.config import ReplayConfig
from dnbot.research.latency import MODELS
from dnbot.research.mapping import mapping_of
from dnbot.research.market_options import MarketOptions
from dnbot.research.opening import source_at
from dnbot.research.parameter_study import StudyOptions, run_study
from dnbot.research.trial_run import Player

BTC = "BTC/USDT"
LATER = datetime.fromtimestamp(BEGIN_S, UTC) + timedelta(days=3)


def one_market(folder: Path) -> Path:
    """A folder with a file of the perpetual alone."""
    begin = datetime(2024, 3, 1, tzinfo=UTC)
    rows = "\n".join(f"{(begin + n * timedelta(hours=8)).isoformat()},60000,60100,59900,60050" for n in range(30))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "BTC_USDT-8h-futures.csv").write_text(f"date,open,high,low,close\n{rows}\n")
    return folder


@pytest.mark.parametrize(("asked", "shown"), [("okx", "okx"), ("bybit", "bybit"), (None, "binance")])
def test_whose_rows_are_played_is_told(tmp_path: Path, asked: str | None, shown: str) -> None:
    """The exchange that was asked for, else the first by name; the same from a file and from its folder."""
    path = written_bars(tmp_path / "all_exchanges.csv")
    for place in (path, tmp_path):
        source = source_at(place, BTC, replay=ReplayConfig(exchange=asked))
        assert source.described()["exchange"] == f"the rows of {shown}"


def test_files_of_one_market_have_no_exchange(tmp_path: Path) -> None:
    """None is told, and none can be asked for."""
    folder = one_market(tmp_path / "one")
    assert "exchange" not in source_at(folder, BTC).described()
    with pytest.raises(ConfigError, match=r"--exchange: .*one.*found 'okx'.*allowed: no such option"):
        source_at(folder, BTC, replay=ReplayConfig(exchange="okx"))


@pytest.mark.parametrize(("option", "given"), [
    ("--beats", {"beats_per_s": 5}), ("--map", {"mapping": mapping_of(["mexc_spot=model"])}),
])  # fmt: skip
def test_options_of_books_are_refused(tmp_path: Path, option: str, given: dict[str, Any]) -> None:
    """By name: bars hold no book."""
    with pytest.raises(ConfigError, match=f"{option}: .*found 'bars'; allowed: no such option"):
        source_at(one_market(tmp_path / "one"), BTC, **given)


def test_a_file_of_several_exchanges_in_a_folder_is_among_the_data(tmp_path: Path) -> None:
    """With its checksum, whatever its name is."""
    path = written_bars(tmp_path / "all_exchanges.csv")
    (tmp_path / "notes.txt").write_text("of ours")
    (file,) = source_at(tmp_path, BTC).files
    assert (file.name, file.sha256) == (path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def studied(evidence: Path, data: Path, **changes: Any) -> None:
    """Go on with a small study of bars, a minute each."""
    market = MarketOptions(data=str(data), symbol=BTC, latency=MODELS["loopback"], speed=480.0)
    options = StudyOptions(
        market=msgspec.structs.replace(market, **changes), settings=SETTINGS, cells=cells(**{ENTRY: "3"}),
        evidence=evidence, splits=1, resume=True,
    )
    run_study(options, lambda _line: None)


@pytest.mark.parametrize(("first", "then", "said"), [
    ({"exchange": "binance"}, {"exchange": "okx"}, "shown.exchange: found 'the rows of binance'; allowed: .* okx"),
    ({}, {"exchange": "okx"}, "shown.exchange: found 'the rows of binance'"),
    ({}, {"begin": LATER}, "shown.speed: found '480 recorded seconds"),
])  # fmt: skip
def test_evidence_of_other_bars_is_not_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: dict[str, Any], then: dict[str, Any], said: str
) -> None:
    """Of another exchange; or begun elsewhere at a speed at which the same virtual time is then another hour."""
    monkeypatch.setattr(Player, "play", lambda _player, job: job.done(figures(1), 1.0))
    data, evidence = written_bars(tmp_path / "all_exchanges.csv"), tmp_path / "e.jsonl"
    studied(evidence, data, **first)
    before = evidence.read_bytes()
    studied(evidence, data, **first)
    with pytest.raises(ConfigError, match=said):
        studied(evidence, data, **then)
    assert evidence.read_bytes() == before
