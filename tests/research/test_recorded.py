"""Data that cannot be played are refused before anything runs, with file, line and what was found."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from synthetic_capture import BEGIN_NS, capture_lines, written

from dnbot.domain.errors import ConfigError
from dnbot.research.mapping import mapping_of
from dnbot.research.opening import source_at
from dnbot.research.source import Source

BTC = "BTC/USDT"


def spoiled(folder: Path, number: int, line: str) -> Path:
    """A recording of 3 s whose spot capture has that line in place of its own."""
    written(folder, steps=30)
    lines = capture_lines(30)
    lines[number - 1] = line
    (folder / "spot" / "btcusdt_1.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return folder


def test_a_whole_recording_is_told_with_its_checksums(tmp_path: Path) -> None:
    """Names, lines, times, and what can be played: from a second after the later beginning, and the longest lag."""
    mapping = mapping_of(["mexc_spot=spot,lag_ms=300"])
    found: Source = source_at(written(tmp_path / "r", steps=30), BTC, mapping=mapping)
    assert [(file.name, file.lines) for file in found.files] == [("spot/btcusdt_1.gz", 59), ("usdm/btcusdt_1.gz", 59)]
    assert all(len(file.sha256) == 64 for file in found.files)
    assert found.files[0].first_ns == BEGIN_NS
    assert found.span.begin_ns == BEGIN_NS + 1_300_000_000
    assert found.span.end_ns == BEGIN_NS + 2_900_000_000


@pytest.mark.parametrize(("number", "line", "found"), [
    (5, "not a line", "line 5: found 'not a line'"),
    (5, f"{BEGIN_NS} ", "line 5"),
    (5, f'{BEGIN_NS + 400_000_000} {{"stream":"btcus', "line 5: found"),
    (9, f'{BEGIN_NS} {{"stream":"btcusdt@trade","data":{{}}}}', f"line 9: its time {BEGIN_NS} is before"),
    (5, f'{BEGIN_NS + 200_000_000} {{"stream":"ethusdt@trade","data":{{}}}}', "line 5: .*wanted is"),
])  # fmt: skip
def test_a_line_that_is_none_is_told(tmp_path: Path, number: int, line: str, found: str) -> None:
    """The file, the line, what is there."""
    with pytest.raises(ConfigError, match=rf"btcusdt_1\.gz {found}"):
        source_at(spoiled(tmp_path / "r", number, line), BTC)


def test_files_of_one_book_follow_each_other(tmp_path: Path) -> None:
    """A second file that begins before the first ends is refused."""
    folder = written(tmp_path / "r", steps=30)
    (folder / "spot" / "btcusdt_2.gz").write_bytes((folder / "spot" / "btcusdt_1.gz").read_bytes())
    with pytest.raises(ConfigError, match=r"btcusdt_2\.gz line 1: its time .* is before .* at the end of spot/btc"):
        source_at(folder, BTC)


def test_files_that_are_no_recording_are_told(tmp_path: Path) -> None:
    """Nothing there, an empty file, and bytes that are no gzip."""
    with pytest.raises(ConfigError, match="no such file or folder"):
        source_at(tmp_path / "nowhere", BTC)
    folder = written(tmp_path / "r", steps=30)
    (folder / "spot" / "btcusdt_1.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(ConfigError, match="found an empty file"):
        source_at(folder, BTC)
    (folder / "spot" / "btcusdt_1.gz").write_bytes(b"\x1f\x8b nothing")
    with pytest.raises(ConfigError, match=r"btcusdt_1\.gz: .*gzip of text"):
        source_at(folder, BTC)


def test_a_symbol_that_was_not_recorded_is_told(tmp_path: Path) -> None:
    """With those that were."""
    with pytest.raises(ConfigError, match=r"no capture of ETH/USDT, .* there is BTC/USDT"):
        source_at(written(tmp_path / "r", steps=30), "ETH/USDT")


def test_a_mapping_to_a_book_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With those that are; and the index needs a recorded book."""
    folder = written(tmp_path / "r", steps=30)
    with pytest.raises(ConfigError, match=r"gate_spot: found 'kraken'; allowed: spot, usdm or model"):
        source_at(folder, BTC, mapping=mapping_of(["gate_spot=kraken"]))
    with pytest.raises(ConfigError, match="a recorded book, which the index follows"):
        source_at(folder, BTC, mapping=mapping_of(["gate_spot=model"]))
