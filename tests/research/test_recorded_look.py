"""Recordings in which something happened to the venue or the recorder: what of them is played, and on which terms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest
from recordings import EPOCH_NS, MARKETS, Taped, write

from dnbot.domain.instrument import Venue
from dnbot.fakes.replay_files import ReplayError
from dnbot.record.reading import Wanted, entries
from dnbot.record.words import Answer, Entry, Kind
from dnbot.research.recordings import RecordingData

S = 10**9
FUTURES = MARKETS[1]


@pytest.fixture(scope="module")
def recorded(taped: Taped) -> list[Entry]:
    """Everything in a recording of the three markets, whose Gate connections were cut in the middle."""
    return list(entries(Wanted(), taped.folder))


def data_of(folder: Path, found: Iterable[Entry]) -> RecordingData:
    """A recording of these entries."""
    write(folder, list(found), markets=MARKETS)
    return RecordingData.of(folder, "BTC/USDT")


def with_body(found: Iterable[Entry], which: Callable[[Entry], bool], body: Callable[[bytes], bytes]) -> list[Entry]:
    """The same, but for what the venue answered there."""
    return [
        msgspec.structs.replace(one, body=body(one.body)) if isinstance(one, Answer) and which(one) else one
        for one in found
    ]


def is_description(entry: Entry) -> bool:
    """Of any market."""
    return isinstance(entry, Answer) and entry.kind is Kind.INSTRUMENT


def is_second_description(entry: Entry) -> bool:
    """Of the contract: the one that was read after the cut."""
    return is_description(entry) and entry.market == FUTURES and entry.received_ns > EPOCH_NS + S


@pytest.mark.parametrize(("old", "new"), [
    (b'"order_price_round":"0.1"', b'"order_price_round":"0.5"'), (b'"leverage_max":"125"', b'"leverage_max":"20"'),
])
def test_what_comes_before_a_change_of_terms_is_played_on_the_old_ones(
    recorded: list[Entry], tmp_path: Path, old: bytes, new: bytes
) -> None:
    """The span ends at the change, and nothing of it is known before."""
    changes = [one for one in recorded if is_second_description(one)]
    changed = data_of(
        tmp_path / "x", with_body(recorded, is_second_description, lambda body: body.replace(old, new))
    )
    plain = data_of(tmp_path / "y", recorded)
    assert changed.looked.ended == "GATEIO_FUTURES changed its terms"
    assert changed.span.end_ns == changes[0].received_ns
    assert changed.looked.terms[Venue.GATE_FUTURES] == plain.looked.terms[Venue.GATE_FUTURES]


@pytest.mark.parametrize("body", [
    b"<html>back soon</html>",
    b'{"name":"BTC_USDT"}',
])
def test_an_answer_that_cannot_be_read_is_passed_over(recorded: list[Entry], tmp_path: Path, body: bytes) -> None:
    """The terms of before still hold, everything else is played, and the result says that one answer was not read."""
    plain = data_of(tmp_path / "x", recorded)
    found = data_of(tmp_path / "y", with_body(recorded, is_second_description, lambda _: body))
    assert found.span == plain.span
    assert (found.looked.terms, found.looked.books) == (plain.looked.terms, plain.looked.books)
    assert found.described()["losses"] == "0 entries lost by the recorder, 1 frames and answers not read"


def test_rates_that_cannot_be_read_count_once_and_are_those_of_before(recorded: list[Entry], tmp_path: Path) -> None:
    """The description of a contract whose terms can be read all the same."""
    found = data_of(tmp_path / "x", with_body(
        recorded, is_second_description, lambda body: body.replace(b'"leverage_max":"125"', b'"leverage_max":null')
    ))
    assert (found.looked.unread, found.looked.ended) == (1, "")


def test_where_no_description_can_be_read_the_reason_is_told(recorded: list[Entry], tmp_path: Path) -> None:
    """Without terms nothing can be played: which, of which recording, and what the codec said."""
    with pytest.raises(ReplayError, match=r"x: at no moment .*the terms of GATEIO_SPOT.*not read: GATEIO_SPOT: curr"):
        data_of(tmp_path / "x", with_body(recorded, is_description, lambda _: b"{}"))
