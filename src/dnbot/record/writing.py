"""The folder of a recording: entries of markets, filed by market and kind."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path

import msgspec

from dnbot.record.folder import Filing, Limits, SegmentFolder
from dnbot.record.schema import SCHEMA, encode, topic_of, topics_of
from dnbot.record.words import Answer, Entry, Kind, Market


class RecordingWriter(SegmentFolder[Entry]):
    """A folder of a recording of these markets; each segment begins with their newest instruments."""

    def __init__(
        self, folder: Path, markets: Iterable[Market], *, by: str, at_ns: int, limits: Limits | None = None,
    ) -> None:
        """See `SegmentFolder`."""
        filing = Filing[Entry](topics_of(markets), SCHEMA, topic_of, encode, _instrument)
        super().__init__(folder, filing, by=by, at_ns=at_ns, limits=limits)


def _instrument(entry: Entry) -> tuple[Hashable, Entry] | None:
    if isinstance(entry, Answer) and entry.kind is Kind.INSTRUMENT:
        return (entry.market, entry.target), msgspec.structs.replace(entry, lead_in=True)
    return None
