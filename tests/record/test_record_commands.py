"""`dnbot record` on the command line: what it answers, as text and as JSON, and what it refuses."""

from __future__ import annotations

import csv
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from recordings import EPOCH_NS, MARKETS, Taped, frame, write

from dnbot.cli import commands
from dnbot.record.following import Top, tops_and_trades
from dnbot.record.manifest import PART
from dnbot.record.reading import Wanted, entries
from dnbot.record.verifying import verify

SECOND = 10**9


def ask(*line: object) -> Any:
    """The answer of a command that succeeds, read from its JSON."""
    result = CliRunner().invoke(commands, ["record", *map(str, line), "--json"])
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def text(*line: object, code: int = 0) -> str:
    """What it says to a person."""
    result = CliRunner().invoke(commands, ["record", *map(str, line)])
    assert result.exit_code == code, result.output
    return result.output


def test_verify(taped: Taped) -> None:
    """Counts, no finding."""
    found = ask("verify", taped.folder)
    assert (found["findings"], found["segments"]) == ([], taped.segments_begun)
    assert text("verify", taped.folder).startswith("good: ")


def test_verify_of_a_damaged_recording_fails(tmp_path: Path) -> None:
    """Exit code 1, with file and offset, also as JSON."""
    write(tmp_path / "x", [frame(1)])
    path = tmp_path / "x" / "00000001.mcap"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert "DAMAGE: 00000001.mcap at byte 42: " in text("verify", tmp_path / "x", code=1)
    result = CliRunner().invoke(commands, ["record", "verify", str(tmp_path / "x"), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings"][0]["offset"] == 42
    assert "00000001.mcap: at byte 42: " in text("info", tmp_path / "x", code=75)


def test_info(taped: Taped) -> None:
    """Times, counts by market and kind, and the one gap that there was at each of Gate's markets."""
    found = ask("info", taped.folder)
    assert sum(row["entries"] for row in found["held"]) == taped.entries
    assert {row["market"] for row in found["held"]} == {market.name for market in MARKETS} | {"recorder"}
    assert found["first_ns"] == EPOCH_NS
    gaps = {(gap["market"], gap["what"]) for gap in found["gaps"]}
    gate = {market.name for market in MARKETS[:2]}
    assert gaps >= {(name, what) for name in gate for what in ("book_lost", "disconnected")}
    assert {name for name, _ in gaps} == gate
    shown = text("info", taped.folder)
    assert "recorder: test of fakes" in shown
    assert "2027-01-15T08:00:00.000Z" in shown
    only = ask("info", taped.folder, "--venues", "mexc_spot", "--from", EPOCH_NS, "--to", EPOCH_NS + SECOND)
    assert {row["market"] for row in only["held"]} == {MARKETS[2].name, "recorder"}
    assert only["last_ns"] < EPOCH_NS + SECOND


def test_cut(taped: Taped, tmp_path: Path) -> None:
    """A sound recording of that stretch, whose books are known from its beginning as they are in the whole one."""
    since, until = EPOCH_NS + 7 * SECOND, EPOCH_NS + 8 * SECOND
    made = ask("cut", taped.folder, "--from", since, "--to", until, "--out", tmp_path / "cut")
    assert verify(tmp_path / "cut").findings == ()
    whole = list(entries(Wanted(since_ns=since, until_ns=until), taped.folder))
    assert list(entries(Wanted(), tmp_path / "cut")) == whole
    assert made["entries"] == len(whole)
    books = [one for one in tops_and_trades(entries(Wanted(lead_in=True), tmp_path / "cut")) if isinstance(one, Top)]
    of_whole = [one for one in tops_and_trades(entries(Wanted(lead_in=True), taped.folder)) if isinstance(one, Top)]
    expected = [one for one in of_whole if since <= one.received_ns < until]
    for market in MARKETS:
        cut = [one for one in books if one.market == market]
        assert all(one.bid is not None for one in cut)
        assert cut[1:] == [one for one in expected if one.market == market][-len(cut) + 1 :]
    assert "it is there" in text("cut", taped.folder, "--from", since, "--to", until, "--out", tmp_path / "cut", code=2)
    nothing = text("cut", taped.folder, "--from", 10**18, "--to", 10**18 + 1, "--out", tmp_path / "none", code=2)
    assert "nothing between" in nothing
    assert not (tmp_path / "none").exists()


def rows_of(path: Path) -> list[dict[str, str]]:
    """A CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_export_as_csv(taped: Taped, tmp_path: Path) -> None:
    """Every change of a best price and every trade; empty where the book was not known."""
    made = ask("export", taped.folder, "--csv", tmp_path / "out")
    tops, trades = rows_of(tmp_path / "out" / "tops.csv"), rows_of(tmp_path / "out" / "trades.csv")
    assert (len(tops), len(trades), made["unread"]) == (made["tops"], made["trades"], 0)
    for market, touches in taped.touches.items():
        rows = [row for row in tops if row["venue"] == market.venue.value]
        shown = [(Decimal(row["bid"]), Decimal(row["ask"])) for row in rows if row["bid"]]
        assert set(shown) == set(touches)
        assert sum(not row["bid"] for row in rows) == (2 if market in MARKETS[:2] else 1)  # the cut, and the end
    assert {row["taker"] for row in trades} == {"buy", "sell"}
    assert all(float(row["quantity"]) > 0 for row in trades)
    again = text("export", taped.folder, "--csv", tmp_path / "out", code=2)
    assert "it is there" in again


@pytest.mark.slow
def test_export_as_parquet_says_the_same(taped: Taped, tmp_path: Path) -> None:
    """Row for row what CSV says, with types; decimals are exact."""
    import pyarrow.parquet

    ask("export", taped.folder, "--csv", tmp_path / "csv")
    ask("export", taped.folder, "--parquet", tmp_path / "parquet")
    for name in ("tops", "trades"):
        table = pyarrow.parquet.read_table(tmp_path / "parquet" / f"{name}.parquet").to_pylist()
        expected = rows_of(tmp_path / "csv" / f"{name}.csv")
        assert len(table) == len(expected) > 10
        for row, text_row in zip(table, expected, strict=True):
            for column, value in row.items():
                told = text_row[column]
                same = Decimal(told) == value if isinstance(value, Decimal | int) else told == (value or "")
                assert same, (column, value, told)


def test_parquet_without_pyarrow_says_what_to_install(
    taped: Taped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that CSV needs nothing."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = text("export", taped.folder, "--parquet", tmp_path / "out", code=2)
    assert "pyarrow is not installed" in said
    assert "dnbot[research]" in said


@pytest.mark.parametrize(("line", "said"), [
    ("", "--symbols and --out are needed"),
    ("--symbols BTC_USDT --out x --venues binance", "'binance' is none of gate_spot, gate_perp, mexc_spot"),
    ("--symbols btc --out x", "is not a list of symbols such as"),
    ("--symbols BTC_USDT --out x --max-bytes 10GB", "is not a size such as"),
    ("--symbols BTC_USDT --out x --max-bytes 1KiB", "max-bytes: found 1024"),
    ("--symbols BTC_USDT --out x --max-bytes 1GiB --segment-bytes 1GiB", "up to a quarter of max-bytes"),
    ("--symbols BTC_USDT --out x --duration 1x", "is not a stretch of time"),
    ("export .", "one of --csv and --parquet is needed"),
    ("info . --from yesterday", "neither a moment in UTC"),
    ("info .", "not a recording"),
])
def test_what_cannot_be_meant_is_refused(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is allowed, and before anything is made."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(commands, ["record", *line.split()])
    assert result.exit_code in {2, 75}
    assert said in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_segment_that_is_being_written_can_be_looked_at(tmp_path: Path) -> None:
    """`info` of a folder that a recorder holds tells what is in its whole chunks."""
    write(tmp_path / "x", [frame(1), frame(2)], close=False)
    assert (tmp_path / "x" / f"00000001.mcap{PART}").exists()
    assert ask("info", tmp_path / "x")["held"][0]["entries"] == 2
