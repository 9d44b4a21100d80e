"""Frames of Gate's stream sockets: what a client may send, and the envelopes the server answers with.

Source: Gate API v4 spot WS docs and futures WS docs, "System API", "Server Response", "Error".
"""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

from .gateio_json import encode, milliseconds, seconds

EMPTY = msgspec.Raw(b"")


class Auth(msgspec.Struct):
    """The signature of one private subscription."""

    method: str = ""
    KEY: str = ""
    SIGN: str = ""


class ClientFrame(msgspec.Struct):
    """One frame of a client; `id` and `payload` are kept as raw bytes because the server echoes them verbatim."""

    time: int | float | str | None = None
    id: msgspec.Raw = EMPTY
    channel: str = ""
    event: str = ""
    payload: msgspec.Raw = EMPTY
    auth: Auth | None = None


_DECODER = msgspec.json.Decoder(ClientFrame)


class StreamError(Exception):
    """A subscription the server answers with `result.status` "fail".

    Codes: 1 not parsable, 2 bad argument, 3 server error, 4 authentication.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


def invalid_payload() -> StreamError:
    """A payload of another shape than its channel's (recorded 2026-09)."""
    return StreamError(1, "request payload does not follow json schema")


def decode_frame(text: str | bytes) -> ClientFrame:
    """The client's frame; raises StreamError 1 for what is not JSON and 2 for JSON of another shape."""
    try:
        return _DECODER.decode(text)
    except msgspec.ValidationError as error:
        raise StreamError(2, f"invalid request: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StreamError(1, "request message need json scheme") from error


@attrs.frozen
class Envelope:
    """Fields shared by all answers on one connection at one moment."""

    time_ns: int
    conn_id: str
    trace_id: str

    def _head(self, frame: ClientFrame) -> dict[str, Any]:
        head: dict[str, Any] = {"time": seconds(self.time_ns), "time_ms": milliseconds(self.time_ns)}
        if bytes(frame.id):
            head["id"] = frame.id
        head |= {"conn_id": self.conn_id, "trace_id": self.trace_id, "channel": frame.channel, "event": frame.event}
        if bytes(frame.payload):
            head["payload"] = frame.payload
        return head

    def ack(self, frame: ClientFrame, error: StreamError | None = None) -> bytes:
        """The answer to a subscribe or unsubscribe; spot frames repeat the trace id as `requestId`."""
        body = self._head(frame)
        if error is not None:
            body["error"] = {"code": error.code, "message": error.message}
        body["result"] = {"status": "success" if error is None else "fail"}
        if frame.channel.startswith("spot."):
            body["requestId"] = self.trace_id
        return encode(body)

    def pong(self, channel: str) -> bytes:
        """The answer to `<product>.ping`."""
        return encode(
            {
                "time": seconds(self.time_ns),
                "time_ms": milliseconds(self.time_ns),
                "conn_id": self.conn_id,
                "channel": channel,
                "event": "",
                "result": None,
            }
        )


def update(channel: str, time_ns: int, result: Any, event: str = "update") -> bytes:
    """A pushed frame: no `id`, no `conn_id`."""
    return encode(
        {
            "time": seconds(time_ns),
            "time_ms": milliseconds(time_ns),
            "channel": channel,
            "event": event,
            "result": result,
        }
    )
