"""Recordings in which something happened to the venue or the recorder: what of them is played, and on which terms."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from recordings import EPOCH_NS, MARKETS, Taped, write

from dnbot.domain.instrument import Venue
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


def is_second_description(entry: Entry) -> bool:
    """Of the contract: the one that was read after the cut."""
    is_description = isinstance(entry, Answer) and entry.kind is Kind.INSTRUMENT and entry.market == FUTURES
    return is_description and entry.received_ns > EPOCH_NS + S


@pytest.mark.parametrize(("old", "new"), [
    (b'"order_price_round":"0.1"', b'"order_price_round":"0.5"'), (b'"leverage_max":"125"', b'"leverage_max":"20"'),
])
def test_what_comes_before_a_change_of_terms_is_played_on_the_old_ones(
    recorded: list[Entry], tmp_path: Path, old: bytes, new: bytes
) -> None:
    """The span ends at the change, and nothing of it is known before."""
    changes = [one for one in recorded if is_second_description(one)]
    changed = data_of(tmp_path / "x", (
        msgspec.structs.replace(one, body=one.body.replace(old, new))
        if isinstance(one, Answer) and one in changes else one for one in recorded
    ))
    plain = data_of(tmp_path / "y", recorded)
    assert changed.looked.ended == "GATEIO_FUTURES changed its terms"
    assert changed.span.end_ns == changes[0].received_ns
    assert changed.looked.terms[Venue.GATE_FUTURES] == plain.looked.terms[Venue.GATE_FUTURES]
