"""Our recordings as a source of backtests: what they show, what they refuse, and that they find a live run again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from recorded_live import Lived, found_again, live_and_record
from recordings import BTC, CUT_AT_S, EPOCH_NS, SECONDS, Taped
from wide_limits import wide_limits

from dnbot.cli import commands
from dnbot.config import load_settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Venue
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig, ReplayConfig
from dnbot.fakes.mirror_words import BookLost, BookTold, RatesTold, Told, TradeTold
from dnbot.fakes.records import VENUES
from dnbot.fakes.running import World
from dnbot.fakes.world import build_world
from dnbot.lab.source import reachable
from dnbot.research.backtest import ROOTS, BacktestOptions, LookAhead, backtest
from dnbot.research.latency import MODELS
from dnbot.research.lookahead import LookAheadCheck
from dnbot.research.opening import source_at
from dnbot.research.recordings import LEVELS, PlayedMirror, RecordingData
from dnbot.research.result import Result
from dnbot.resources import config_dir

PARAMS = load_settings(config_dir() / "demo.toml").strategy
S = 10**9
LIVE_S = 12.0


@pytest.fixture(scope="module")
def data(taped: Taped) -> RecordingData:
    """Nine seconds, with a cut of Gate's connections."""
    return RecordingData.of(taped.folder, "BTC/USDT")


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """A live run that was recorded. In so lively a market the limit on orders would decide about one execution in four,
    and a millisecond about that.
    """
    with wide_limits():
        return live_and_record(tmp_path_factory.mktemp("lived") / "recording", PARAMS, LIVE_S)


def source_of(lived: Lived) -> RecordingData:
    """From the moment on at which the bot began."""
    found = source_at(lived.folder, "BTC/USDT", replay=ReplayConfig(begin=lived.begin))
    assert isinstance(found, RecordingData)
    return found


def options(source: RecordingData, until_s: float, **more: Any) -> BacktestOptions:
    """A run with the delays of the live one."""
    return BacktestOptions(source, PARAMS, MODELS["loopback"], FakesConfig(), until_s=until_s, **more)


# --- what is there


def test_the_span_is_what_is_known(data: RecordingData) -> None:
    """From the last of the three first books on, to what was told last."""
    assert EPOCH_NS < data.span.begin_ns < EPOCH_NS + S
    assert data.span.end_ns == pytest.approx(EPOCH_NS + SECONDS * S, abs=S / 10)


def test_gaps_are_told_with_their_length_and_reason(data: RecordingData) -> None:
    """Gate's two, from the cut on; the end of the recorder is none."""
    gaps = data.looked.gaps
    assert {gap.venue for gap in gaps} == {Venue.GATE_SPOT, Venue.GATE_FUTURES}
    assert all(gap.from_ns == pytest.approx(EPOCH_NS + CUT_AT_S * S, abs=S / 10) for gap in gaps)
    told = data.described()
    assert "known all the time" in told["mexc_spot"]
    assert re.search(r"not known for 0\.\d s in 1 gaps, at most 0\.\d s \(first: the feed ended\)", told["gate_spot"])
    assert told["losses"] == "0 entries lost by the recorder, 0 frames and answers not read"


def test_a_gap_that_never_ends_is_told_too(taped: Taped, tmp_path: Path) -> None:
    """A recorder that was killed after a cut: the book stays unknown to the end."""
    cut = tmp_path / "cut"
    arguments = ["record", "cut", str(taped.folder), "--out", str(cut), "--from", _at(1.0), "--to", _at(CUT_AT_S + 0.1)]
    assert CliRunner().invoke(commands, arguments).exit_code == 0
    looked = RecordingData.of(cut, "BTC/USDT").looked
    assert [gap.to_ns for gap in looked.gaps] == [None, None]
    assert looked.begin_ns == pytest.approx(EPOCH_NS + S, abs=S / 5)


async def test_terms_are_those_that_the_venues_published(autojump_clock: Any, data: RecordingData) -> None:
    """The fakes' own rules of BTC came back from their wire, in the fakes' units, with the fees that were asked for."""
    config = FakesConfig(mexc_fees=(Decimal(1), Decimal(2)))
    played, plain = build_world(data.settings(config), FakeClock(EPOCH_NS)), build_world(FakesConfig(), FakeClock(1))
    for key, published in played.exchange.state.instruments.items():
        own = plain.exchange.state.instruments[key]
        for name in ("price_tick", "lot", "multiplier", "quantity_min", "notional_min", "leverage_max"):
            assert getattr(published, name) == getattr(own, name), (key, name)
        assert published == data.listed(config)[key[0]]
    assert played.exchange.state.default_fees["mexc_spot"].taker == 2


async def test_before_the_first_second_the_books_are_there(autojump_clock: Any, data: RecordingData) -> None:
    """Of all three, as the recording has them at the beginning: nothing of what comes later."""
    world = entered(data)
    first = {told.venue: told for at_ns, told in data.told() if at_ns <= data.span.begin_ns
             and isinstance(told, BookTold)}
    for venue in VENUES:
        market = world.exchange.state.markets[venue, "BTC/USDT"]
        assert market.depth("buy", 1)[0][0] == first[venue].bids[0][0]
        assert market.depth("sell", 1)[0][0] == first[venue].asks[0][0]
    assert len(first["mexc_spot"].bids) <= LEVELS


def test_only_what_the_span_holds_is_told_in_order(data: RecordingData) -> None:
    """Books, losses, trades and rates of each venue."""
    everything = list(data.told())
    times = [at_ns for at_ns, _ in everything]
    assert times == sorted(times)
    assert times[-1] <= data.span.end_ns
    assert {type(told) for _, told in everything} == {BookTold, BookLost, TradeTold, RatesTold}


def test_the_source_of_a_result_holds_this_one() -> None:
    """What reads recordings decides results."""
    assert {"dnbot.research.recorded_news", "dnbot.research.timeline", "dnbot.record.following", "dnbot.fakes.prompt",
            "dnbot.fakes.mirror_board"} <= set(reachable(ROOTS))


def entered(data: RecordingData) -> World:
    """A world that this recording has entered."""
    world = build_world(data.settings(FakesConfig()), FakeClock(data.span.begin_ns))
    data.enter(world)
    return world


def _at(seconds: float) -> str:
    """On the recording's clock, for an option."""
    return Lived(Path(), EPOCH_NS + round(seconds * S)).begin.strftime("%Y-%m-%dT%H:%M:%S.%f")


# --- what cannot be played


@pytest.mark.parametrize(("option", "value"), [
    ("--map", "mexc_spot=spot"), ("--beats", "5"), ("--speed", "2"), ("--exchange", "gate"),
])  # fmt: skip
def test_options_of_other_data_are_refused(taped: Taped, option: str, value: str) -> None:
    """By name."""
    ended = CliRunner().invoke(commands, ["backtest", "--data", str(taped.folder), option, value])
    assert ended.exit_code == 2, ended.output
    assert option in ended.output
    assert "it is played as it was" in ended.output


def test_rates_from_a_file_are_refused(taped: Taped, tmp_path: Path) -> None:
    """The venue told them."""
    (tmp_path / "rates.csv").write_text("x")
    with pytest.raises(ConfigError, match="--funding"):
        source_at(taped.folder, "BTC/USDT", replay=ReplayConfig(funding=tmp_path / "rates.csv"))


@pytest.mark.parametrize(("symbol", "said"), [
    ("ETH/USDT", r"at no moment everything of ETH/USDT is known: the terms of GATEIO_SPOT, the book of GATEIO_SPOT"),
])
def test_what_is_missing_is_named(taped: Taped, symbol: str, said: str) -> None:
    """Of a symbol that was not recorded: everything."""
    with pytest.raises(ConfigError, match=said):
        source_at(taped.folder, symbol)


def test_a_begin_behind_the_end_is_refused(taped: Taped) -> None:
    """There is nothing to play."""
    with pytest.raises(ConfigError, match="at no moment everything of BTC/USDT is known"):
        source_at(taped.folder, "BTC/USDT", replay=ReplayConfig(begin=Lived(Path(), EPOCH_NS + 3600 * S).begin))


def test_a_segment_that_changed_on_the_disk_is_refused(taped: Taped, tmp_path: Path) -> None:
    """With its name, before anything runs."""
    folder = tmp_path / "changed"
    shutil.copytree(taped.folder, folder)
    path = min(folder.glob("*.mcap"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=path.name):
        source_at(folder, "BTC/USDT")


# --- a run


@pytest.fixture(scope="module")
def again(lived: Lived) -> Result:
    """The backtest of it."""
    source = source_of(lived)
    with wide_limits():
        return backtest(options(source, LIVE_S, check=LookAheadCheck.of_recording(source, FakesConfig())))


@pytest.mark.slow
def test_a_backtest_of_a_recorded_run_finds_it_again(lived: Lived, again: Result) -> None:
    """The same opportunities, executions of the same pairs at the same beats, and edges that hardly differ."""
    live, price = lived.witness.executions, source_of(lived).looked.price
    assert again.opportunities_seen == pytest.approx(lived.opportunities, rel=0.05)
    found = found_again(live, again.executions, price)
    assert found.live > 25
    assert found.again >= 0.9 * found.live
    assert found.of_backtest == pytest.approx(found.live, rel=0.1)
    assert found.edges_off_bps[len(found.edges_off_bps) // 2] < Decimal("0.1")
    assert found.edges_off_bps[len(found.edges_off_bps) * 9 // 10] < 2


@pytest.mark.slow
def test_its_ledger_has_every_digit_and_nothing_was_early(again: Result) -> None:
    """As of every backtest."""
    assert {left for assets in again.ledger_residual.values() for left in assets.values()} == {"0"}
    assert again.levels_checked is not None
    assert again.levels_checked > 1_000
    assert len(again.data) >= 1
    assert any("behind what the recording shows" in text for text in again.assumptions)


@attrs.define(eq=False)
class Wrong(RecordingData):
    """Plays one venue at another time."""

    wrong: str = "mexc_spot"
    by_ns: int = 0

    def told(self) -> Iterator[tuple[int, Told]]:
        shifted = [(at_ns + self.by_ns * (self._is_wrong(told)), told) for at_ns, told in super().told()]
        return iter(sorted(shifted, key=lambda one: one[0]))

    def _is_wrong(self, told: Told) -> bool:
        return not isinstance(told, RatesTold) and told.venue == self.wrong


@pytest.mark.slow
def test_a_backtest_on_other_books_does_not(lived: Lived) -> None:
    """MEXC a second late: what finds runs again would notice."""
    right = source_of(lived)
    wrong = Wrong(**attrs.asdict(right, recurse=False), by_ns=S)
    with wide_limits():
        played = backtest(options(wrong, LIVE_S))
    found = found_again(lived.witness.executions, played.executions, right.looked.price)
    assert found.again < 0.7 * found.live


@pytest.mark.slow
@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("at", ["the exchange got", "the bot was told of"])
def test_who_shows_a_book_too_early_is_caught(
    lived: Lived, venue: str, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the exchange, and where nobody looks there, at the bot's own port."""
    if at == "the bot was told of":
        monkeypatch.setattr(LookAheadCheck, "attach", lambda _self, _world: None)
    right = source_of(lived)
    wrong = Wrong(**attrs.asdict(right, recurse=False), wrong=venue, by_ns=-S // 2)
    check = LookAheadCheck.of_recording(right, FakesConfig())
    with pytest.raises(LookAhead, match=rf"^{venue}: at \d+ ns {at}"):
        backtest(options(wrong, 2.0, check=check))


@pytest.mark.slow
async def test_nothing_trades_on_a_book_that_is_not_known(autojump_clock: Any, taped: Taped) -> None:
    """From the cut until it is whole again the venue's book is empty; before and behind it is not."""
    data = RecordingData.of(taped.folder, "BTC/USDT")
    (gap,) = (gap for gap in data.looked.gaps if gap.venue is Venue.GATE_SPOT)
    assert gap.to_ns is not None
    world = entered(data)
    mirror = world.mirror
    assert isinstance(mirror, PlayedMirror)
    market = world.exchange.state.markets["gate_spot", "BTC/USDT"]
    empty = []
    for at_ns, told in mirror.coming:
        mirror.tell([told])
        empty.append((at_ns, market.best("buy") is None and market.best("sell") is None))
    inside = {is_empty for at_ns, is_empty in empty if gap.from_ns < at_ns < gap.to_ns}
    outside = {is_empty for at_ns, is_empty in empty if at_ns < gap.from_ns or gap.to_ns < at_ns < EPOCH_NS + 8 * S}
    assert (inside, outside) == ({True}, {False})


@pytest.mark.slow
def test_the_command_plays_a_recording(lived: Lived, tmp_path: Path) -> None:
    """With the check for look-ahead; what was shown is in the text and the file."""
    file = tmp_path / "r.json"
    ended = CliRunner().invoke(commands, [
        "backtest", "--data", str(lived.folder), "--from", lived.begin.strftime("%Y-%m-%dT%H:%M:%S"), "--for", "3s",
        "--latency-model", "loopback", "--check-lookahead", "--json", str(file),
    ])
    assert ended.exit_code == 0, ended.output
    assert "its own recorded book" in ended.output
    assert str(BTC) in ended.output
    assert '"levels_checked": null' not in file.read_text()
