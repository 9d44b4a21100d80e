"""The bot's decisions and the plain reference's: they are the same, and a bot that decides otherwise is found out."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from suite import decisions
from suite.both_ways import Compared
from suite.decisions import by_thousand, compared_sequences
from suite.kept import Kept
from suite.recorded import _of, recorded

from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.pair import Opportunity, Pair
from dnbot.strategy import hopeless, ladder, trading
from dnbot.strategy.inventory import inventory_price_bps
from dnbot.strategy.sizing import _Case, find_opportunity

BOOKS = Path(__file__).resolve().parents[2] / "../shared/data/market/binance_l2"


@pytest.mark.slow
def test_both_ways_decide_the_same() -> None:
    """On eighty sequences, in which every pair is traded and most reasons to decline come up."""
    found = compared_sequences(range(80))
    assert found.different == []
    assert set(found.taken) == {pair.name for pair in Pair}
    assert {"STALE", "SKEW", "IDENTITY", "IMPLAUSIBLE", "COLLAR", "CAP", "QUOTE", "MARGIN"} <= set(found.declined)
    assert {"INVENTORY", "DEPTH", "ROUND_TRIP", "HEDGE_BUDGET"} <= set(found.declined)


def a_tick_dearer(*arguments: Any, **more: Any) -> Any:
    """The decision, with a buy cap one tick too high."""
    found = find_opportunity(*arguments, **more)
    if isinstance(found, Opportunity):
        return msgspec.structs.replace(found, buy_price_cap=found.buy_price_cap + Decimal("0.1"))
    return found


PLANTS: dict[str, tuple[Any, str, Any]] = {
    "a cap is a tick off": (trading, "find_opportunity", a_tick_dearer),
    "the first look asks too much": (hopeless, "MARGIN_BPS", -3.0),
    "sizes lean the wrong way": (
        _Case, "price_bps",
        lambda case, quantity: -inventory_price_bps(case.pair, quantity, case.inventory, case.params),
    ),
    "the last level is left": (ladder, "bisect_left", lambda until, quantity: sum(size <= quantity for size in until)),
    "the buy fee is forgotten": (FeeSchedule, "buy_factor", property(lambda fee: Decimal(1))),
    "the worst comes first": (trading, "sorted", lambda edges, key: sorted(edges, key=key, reverse=True)),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_bot_that_decides_otherwise_is_found_out(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each planted mistake shows within fifteen sequences."""
    place, name, wrong = PLANTS[plant]
    monkeypatch.setattr(place, name, wrong, raising=False)  # a builtin, or computed when it is first read
    assert compared_sequences(range(15)).different


@pytest.mark.slow
def test_an_analyst_that_keeps_what_pays_to_itself_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is traded wrongly then, only late."""
    monkeypatch.setattr("dnbot.tasks.analytics.Analyst._promises", lambda _: False)
    assert all(text.endswith("the first look said no") for text in compared_sequences(range(10)).different)
    assert compared_sequences(range(10)).different


def test_thousands_are_kept_and_not_compared_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same source alone; a difference counts, whenever it was found."""
    monkeypatch.setattr(decisions, "THOUSAND", 2)
    compared: list[int] = []

    def counted(numbers: range) -> Compared:
        compared.extend(numbers)
        return Compared(markets=1, different=["x"] if 1 in numbers else [])

    monkeypatch.setattr(decisions, "compared_sequences", counted)
    path = tmp_path / "out.json"
    by_thousand(5, Kept(path, "a", False))
    assert compared == [0, 1, 2, 3, 4]
    again = by_thousand(7, Kept(path, "a", False))
    assert compared[5:] == [4, 5, 6]
    assert [one["different"] for one in again] == [["x"], [], [], []]
    by_thousand(2, Kept(path, "b", False))
    assert compared[8:] == [0, 1]


def test_what_came_while_a_snapshot_was_fetched_is_not_lost(tmp_path: Path) -> None:
    """Increments that are newer than it follow it, at its time; older ones are in it."""
    def increment(at_ns: int, last_id: int) -> str:
        data = f'{{"U":{last_id},"u":{last_id},"b":[["100.{last_id}","1"]],"a":[]}}'
        return f'{at_ns} {{"stream":"btcusdt@depth@100ms","data":{data}}}'

    whole = '30 {"lastUpdateId":7,"bids":[["100.0","1"]],"asks":[["101.0","1"]]}'
    lines = [increment(10, 7), increment(20, 8), whole, increment(40, 8), increment(50, 9)]
    capture = tmp_path / "btcusdt"
    capture.write_text("\n".join(lines) + "\n", encoding="utf-8")
    told = [(at_ns, depth.last_id, depth.whole) for at_ns, _, _, depth in _of(capture, Venue.GATE_SPOT, 5, 0)]
    assert told == [(35, 7, True), (35, 8, False), (55, 9, False)]


@pytest.mark.slow
@pytest.mark.skipif(not BOOKS.is_dir(), reason="shared data absent")
def test_recorded_books_are_decided_the_same() -> None:
    """A few changes of each capture."""
    found = list(recorded(BOOKS, 40))
    assert len(found) == 2
    assert [one.different for one in found] == [[], []]
    assert sum(one.taken.total() for one in found) > 10
