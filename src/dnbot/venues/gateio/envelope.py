"""The envelope of every Gate WebSocket frame, and what it says before its content is read.

Sources: Gate spot and futures WebSocket docs, "Requests", "Responses", "Error", "System API".
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dnbot.venues.gateio.errors import unwrapped
from dnbot.venues.gateio.literals import ABSENT, Literal, epoch_ms_of, given, text_of
from dnbot.venues.wire import Pong, Subscribed, SubscriptionRefused, UnknownFrame, UpgradeAhead

PING_INTERVAL_S = 10.0
"""A socket that the client leaves silent is dropped after about 30 s."""
TEXT_KEPT = 200
"""Characters of an unknown frame that are worth keeping."""

ControlMessage = Pong | Subscribed | SubscriptionRefused | UpgradeAhead | UnknownFrame


class Envelope(msgspec.Struct):
    """A frame with its content unread. Keys come in any order; order-socket answers use the last four."""

    channel: str | None = None
    event: str | None = None
    time: Literal = ABSENT
    time_ms: Literal = ABSENT
    result: Literal = ABSENT
    error: Literal = ABSENT
    request_id: str | None = None
    ack: bool | None = None
    header: Literal = ABSENT
    data: Literal = ABSENT

    @property
    def at_ms(self) -> int:
        """When the venue sent it; 0 when it does not say."""
        return epoch_ms_of(self.time_ms, self.time)


class _Status(msgspec.Struct):
    status: str = ""


class _Error(msgspec.Struct):
    code: Literal = ABSENT
    message: Literal = ABSENT


class _System(msgspec.Struct):
    type: str = ""
    msg: str = ""


open_frame = msgspec.json.Decoder(Envelope).decode
_status = msgspec.json.Decoder(_Status).decode
_error = msgspec.json.Decoder(_Error).decode
_system = msgspec.json.Decoder(_System).decode


def control_message(envelope: Envelope) -> ControlMessage | None:
    """Pongs, acknowledgements, errors and maintenance; None when the frame carries an update to be read."""
    channel, event = envelope.channel or "", envelope.event or ""
    if channel.endswith(".pong"):
        return Pong()
    if given(envelope.error):
        return SubscriptionRefused(channel, error_text(envelope.error))
    if event == "subscribe":
        accepted = given(envelope.result) and _status(envelope.result).status == "success"
        return Subscribed(channel) if accepted else SubscriptionRefused(channel, text_of(envelope.result))
    if event == "upgrade" or channel.endswith(".system"):
        told = _system(envelope.result) if given(envelope.result) else _System()
        if event == "upgrade" or told.type == "upgrade":
            return UpgradeAhead(told.msg)
    if event != "update":
        return UnknownFrame(f"{channel} {event}")
    return None


def error_text(raw: Literal) -> str:
    """`code: message` of an error object, with a message that is JSON itself unwrapped."""
    try:
        error = _error(raw)
    except msgspec.MsgspecError:
        return text_of(raw)[:TEXT_KEPT]
    return f"{text_of(error.code)}: {unwrapped(text_of(error.message))}"


def ping(family: str, now_s: int) -> str:
    """The application's ping of `spot` or `futures`; it also resets the venue's idle timer."""
    return f'{{"time":{now_s},"channel":"{family}.ping"}}'


def subscription(
    channel: str, payload: Sequence[str], now_s: int, auth: dict[str, str] | None = None
) -> str:
    """A subscribe frame; an empty payload is left out, as spot.balances wants it."""
    frame: dict[str, object] = {"time": now_s, "channel": channel, "event": "subscribe"}
    if payload:
        frame["payload"] = list(payload)
    if auth is not None:
        frame["auth"] = auth
    return msgspec.json.encode(frame).decode()


def unsubscription(channel: str, payload: Sequence[str], now_s: int) -> str:
    """Ends a public subscription that had the same payload."""
    frame = {"time": now_s, "channel": channel, "event": "unsubscribe", "payload": list(payload)}
    return msgspec.json.encode(frame).decode()
