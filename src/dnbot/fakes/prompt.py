"""A book that changed is told now, and not at its streams' next beat.

For a world that plays what venues told at their own beats: ours beside theirs would let everything come up to a tenth
of a second later than it came there.
"""

from __future__ import annotations

import trio

from .gateio_app import GateApp
from .mexc_app import MexcApp
from .records import MEXC_SPOT, Venue


def push_book(gate: GateApp, mexc: MexcApp, venue: Venue) -> None:
    """Push what the streams of one venue have to tell of books and trades; their beats find nothing more to do."""
    if venue == MEXC_SPOT:
        now_ms, now_s = mexc.venue.now_ms, trio.current_time()
        for beat in mexc.stream._beats.values():
            for due in beat.take():
                due.flush(now_ms, now_s)
        return
    for streams in gate._streams:
        if streams.venue != venue:
            continue
        for beat_ms, changed in streams._changed.items():
            streams._changed[beat_ms] = {}
            for feed in changed:
                streams._flush(feed)
