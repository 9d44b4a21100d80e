"""Gate's countdown: unless it is renewed in time, every open order of the market is cancelled, foreign ones too.

Source: Gate API v4 docs, "Countdown cancel orders" of spot and of futures: seconds, at least 5, 0 disarms. The trigger
time is a text in their example and an integer in their schema.
"""

from __future__ import annotations

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.venues.gateio.literals import Literal, readable, whole_of
from dnbot.venues.wire import Reply

PATH = "/countdown_cancel_all"


class Trigger(msgspec.Struct):
    """The answer to a countdown: when it ends, ms; 0 when it was disarmed."""

    triggerTime: Literal  # noqa: N815 (Gate's word)


_trigger = msgspec.json.Decoder(Trigger).decode


def trigger_ms(venue: Venue, reply: Reply) -> int:
    """When the venue will cancel by itself, by its clock in ms; 0 for never. Raises FrameUnreadable."""
    with readable(venue, "countdown", reply.body):
        return whole_of(_trigger(reply.body).triggerTime)
