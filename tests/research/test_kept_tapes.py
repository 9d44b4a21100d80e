"""What recorded books did, kept for the next who plays them: the same to the last digit, or the recording is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import attrs
import msgspec
import pytest
from click.testing import CliRunner

from dnbot.cli import commands
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.instruments import SYMBOLS, instruments_for
from dnbot.fakes.market import MarketModel, Tape
from dnbot.fakes.records import GATE_SPOT, MEXC_SPOT, Venue
from dnbot.fakes.replay_files import Depth, Event, Trade
from dnbot.fakes.world import build_core
from dnbot.research import kept_tapes
from dnbot.research.captures import CaptureData
from dnbot.research.kept_tapes import KeptTapes, usual_folder
from dnbot.research.mapping import Shape, mapping_of
from dnbot.research.opening import source_at
from dnbot.research.result import Result
from dnbot.research.tapes import FedTape

D = Decimal
GATE, _, MEXC = instruments_for(SYMBOLS["BTC/USDT"])
S = 1_000_000_000
VENUES = (GATE_SPOT, MEXC_SPOT)
TURNS = 150
"""More than two blocks of a file."""


def events() -> Iterator[tuple[int, Event]]:
    """A book of which something changes all the time, and trades in it."""
    yield 0, Depth(1, ((D(60000), D(1)),), ((D(60010), D(1)),), whole=True)
    for number in range(1, 200):
        price = D(60000) + D(number % 7) / 10
        yield number * S // 10, Depth(number + 1, ((price, D(number % 5)),), ((D(60010), D(1 + number % 3)),))
        if number % 4 == 0:
            yield number * S // 10, Trade(D(60000), D("0.03"), taker_sold=True)


class Reader:
    """Makes tapes, and counts how often a recording was begun."""

    def __init__(self) -> None:
        self.begun = 0

    def __call__(self) -> Mapping[Venue, Tape]:
        self.begun += 1
        return {
            instrument.venue: FedTape((), instrument, S, 100 * S, feed=events, shape=Shape("spot"))
            for instrument in (GATE, MEXC)
        }


def played(folder: Path, turns: int = TURNS, *, forget_at: int = -1) -> tuple[list[object], int]:
    """What came of so many turns, and how often the recording was begun."""
    reader = Reader()
    kept = KeptTapes(folder, "play", VENUES, reader)
    tapes = kept.tapes()
    found: list[object] = [tapes[venue].middle() for venue in VENUES]
    for number in range(turns):
        tape = tapes[VENUES[number % 2]]
        if number == forget_at:
            tape.forget()
        found.append((tape.turn(number / 20), tape.middle()))
    assert kept.from_disk == (reader.begun == 0)
    kept.leave()
    return found, reader.begun


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What the recording itself does."""
    found, begun = played(tmp_path_factory.mktemp("alone"))
    assert begun == 1
    assert sum(isinstance(turn, tuple) and bool(turn[0]) for turn in found) > 100
    return found


def test_who_plays_it_again_reads_nothing(tmp_path: Path, alone: list[object]) -> None:
    """And is shown the same, exponents of quantities included."""
    assert played(tmp_path / "not" / "there") == (alone, 1)
    again, begun = played(tmp_path / "not" / "there")
    assert begun == 0
    assert repr(again) == repr(alone)


@pytest.mark.parametrize("first", [0, 1, 3, 64, 100, TURNS - 1])
def test_who_goes_further_catches_up(tmp_path: Path, alone: list[object], first: int) -> None:
    """With the turns that were kept behind it; and the longer play is what is kept then."""
    played(tmp_path, first)
    assert played(tmp_path) == (alone, 1)
    assert played(tmp_path) == (alone, 0)


def test_who_stops_earlier_leaves_the_longer_play(tmp_path: Path, alone: list[object]) -> None:
    """It is no less true."""
    played(tmp_path)
    assert played(tmp_path, 20) == (alone[:22], 0)
    assert played(tmp_path) == (alone, 0)


@pytest.mark.parametrize("at", range(0, 1200, 83))
@pytest.mark.parametrize("how", ["cut", "bent"])
def test_a_file_that_is_broken_anywhere_is_read_no_further(
    tmp_path: Path, alone: list[object], at: int, how: str
) -> None:
    """A checksum tells; what was shown until then was right, and what comes is right too."""
    played(tmp_path)
    path = tmp_path / "play.tapes"
    content = bytearray(path.read_bytes())
    place = at % len(content)
    if how == "cut":
        del content[place:]
    else:
        content[place] ^= 0xFF
    path.write_bytes(content)
    found, begun = played(tmp_path)
    assert (found, begun) == (alone, 1)
    assert played(tmp_path) == (alone, 0)


def test_another_time_line_is_played_anew(tmp_path: Path) -> None:
    """Whoever asks for a turn at another moment gets what the recording holds then."""
    played(tmp_path)
    reader = Reader()
    tapes = KeptTapes(tmp_path, "play", VENUES, reader).tapes()
    assert tapes[GATE_SPOT].turn(0.0) == Reader()()[GATE_SPOT].turn(0.0)
    expected = Reader()()[GATE_SPOT]
    expected.turn(0.0)
    assert tapes[GATE_SPOT].turn(3.7) == expected.turn(3.7)
    assert reader.begun == 1


def test_a_book_that_was_emptied_is_placed_anew_and_not_kept(tmp_path: Path, alone: list[object]) -> None:
    """What follows then is not of the files alone."""
    played(tmp_path)
    found, begun = played(tmp_path, forget_at=41)
    assert begun == 1
    assert found[:43] == alone[:43]
    everything = found[43]
    assert isinstance(everything, tuple)
    assert len(everything[0]) > len(alone[43][0])  # type: ignore[index]  # a turn
    assert played(tmp_path) == (alone, 0)


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, alone: list[object]) -> None:
    """A file stands where it should be."""
    (tmp_path / "taken").write_text("")
    assert played(tmp_path / "taken") == (alone, 1)
    assert played(tmp_path / "taken") == (alone, 1)


def test_what_is_too_large_is_not_kept(tmp_path: Path, alone: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    """And no half of it."""
    monkeypatch.setattr(kept_tapes, "FILE_BYTES_MAX", 1000)
    assert played(tmp_path) == (alone, 1)
    assert list(tmp_path.iterdir()) == []


def test_what_was_played_longest_ago_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only files of this kind; one that was used counts as new."""
    for number, name in enumerate(("old.tapes", "used.tapes", "other.txt")):
        (tmp_path / name).write_bytes(b"x" * 1000)
        os.utime(tmp_path / name, (number, number))
    played(tmp_path)
    size = (tmp_path / "play.tapes").stat().st_size
    (tmp_path / "play.tapes").unlink()
    monkeypatch.setattr(kept_tapes, "FOLDER_BYTES_MAX", size + 1000)
    played(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"used.tapes", "play.tapes", "other.txt"}
    os.utime(tmp_path / "play.tapes", (1, 1))
    played(tmp_path)
    assert (tmp_path / "play.tapes").stat().st_mtime > 1000


def test_whatever_decides_what_tapes_do_is_another_name(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files (which of them are whose, too), mapping, beginning, beats, rules of the instruments, and our own source."""
    found = source_at(recording, "BTC/USDT")
    assert isinstance(found, CaptureData)
    rules = instruments_for(SYMBOLS["BTC/USDT"])
    first, *more = found.files
    others = [
        attrs.evolve(found, files=(msgspec.structs.replace(first, sha256="0" * 64), *more)),
        attrs.evolve(found, files=(msgspec.structs.replace(first, name="usdm/other"), *more)),
        attrs.evolve(found, mapping=mapping_of(["mexc_spot=spot,lag_ms=101,spread_bps=1"])),
        attrs.evolve(found, mapping=mapping_of(["gate_futures=spot"])),
        attrs.evolve(found, beats_per_s=20),
        found.within(found.span.begin_ns + 1, found.span.end_ns),
    ]
    names = [found.key(rules), *(one.key(rules) for one in others)]
    names.append(found.key((attrs.evolve(rules[0], lot=rules[0].lot * 2), *rules[1:])))
    assert found.within(found.span.begin_ns, found.span.end_ns - 1).key(rules) == names[0]
    monkeypatch.setattr(kept_tapes, "SOURCE", b"another")
    names.append(found.key(rules))
    assert len(set(names)) == len(names) == 9


def test_who_is_ended_while_writing_leaves_nothing_for_ever(tmp_path: Path) -> None:
    """What is old and unfinished goes; what somebody may be writing stays."""
    for name, at_s in (("a.tapes.part", 1000), ("b.tapes.part", None)):
        (tmp_path / name).write_bytes(b"x")
        if at_s is not None:
            os.utime(tmp_path / name, (at_s, at_s))
    played(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"b.tapes.part", "play.tapes"}


def test_a_length_that_no_block_has_is_the_end(tmp_path: Path, alone: list[object]) -> None:
    """And nothing of that size is asked of the machine."""
    played(tmp_path)
    content = bytearray((tmp_path / "play.tapes").read_bytes())
    content[0] = 0xFF
    (tmp_path / "play.tapes").write_bytes(content)
    assert played(tmp_path) == (alone, 1)


def test_a_part_of_the_recording_that_is_gone_afterwards_costs_no_figures(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be kept beyond the run is read when that is over."""
    found = source_at(recording, "BTC/USDT", keep=tmp_path)
    assert isinstance(found, CaptureData)
    world = build_core(found.settings(FakesConfig()), FakeClock(found.span.begin_ns, monotonic_s=lambda: 0.0))
    found.enter(world)

    def gone(_: object) -> None:
        raise FileNotFoundError("a file that was there")

    monkeypatch.setattr(MarketModel, "step", gone)
    found.leave()
    assert [path.suffix for path in tmp_path.iterdir()] == [".tapes"]


def test_caches_are_where_the_user_has_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative place is none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert usual_folder() == tmp_path / "dnbot" / "tapes"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")
    assert usual_folder() == tmp_path / "home" / ".cache" / "dnbot" / "tapes"


@pytest.mark.slow
def test_a_backtest_on_kept_books_is_the_same_backtest(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal hash and figures, said in its first lines; `--fresh` and another mapping read the recording."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    runs, said = [], []
    for more in ([], [], ["--fresh"], ["--map", "mexc_spot=spot,lag_ms=200"], ["--beats", "20"]):
        file = tmp_path / "r.json"
        done = CliRunner().invoke(
            commands, ["backtest", "--data", str(recording), "--for", "4s", "--json", str(file), *more]
        )
        assert done.exit_code == 0, done.output
        result = msgspec.json.decode(file.read_bytes(), type=Result)
        said.append("books that an earlier run had read" in done.output)
        assert result.from_disk == said[-1]
        runs.append(msgspec.structs.replace(result, wall_s=0.0, cpu_s=0.0, speed=0.0, from_disk=False))
    assert said == [False, True, False, False, False]
    assert runs[0] == runs[1] == runs[2]
    assert len({run.trace_hash for run in runs}) == 3
