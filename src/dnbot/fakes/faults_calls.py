"""Order calls on Gate's sockets: read as requests, struck like these, and answered in the venue's own frames.

Source: Gate API v4 spot WS docs and futures WS docs, "Websocket API".
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import attrs
import msgspec
import trio

from .faults_framing import TEXT, server_frame
from .faults_kinds import Happening, RequestStrike, Sent
from .gateio_errors import GateError
from .gateio_json import encode
from .gateio_ws_api import ApiPayload, answer_header, refusal_data
from .gateio_ws_frames import StreamError, decode_frame
from .web import DropConnection, HttpRequest, HttpResponse

if TYPE_CHECKING:
    from .faults_link import FaultyStream


@attrs.frozen
class Call:
    """One call: its own id, and the request that its parameters and its header would be over REST."""

    request_id: str
    request: HttpRequest


class _Reply(msgspec.Struct):
    request_id: str = ""
    ack: bool = False


async def called(link: FaultyStream, happening: Happening, copies: Sequence[Sent]) -> Sequence[Sent]:
    """What the venue hears of a call, as the faults that strike it leave it; what these answer is told instead."""
    engine = link.engine
    call = read_call(happening) if copies and engine.has("on_call") else None
    struck = engine.struck_by(happening, "on_call") if call is not None else []
    if call is None or not struck:
        return copies
    own = HttpResponse(200)  # stands for the venue's own answer, which comes when it comes
    heard: list[Sent] = []

    async def proceed() -> HttpResponse:
        await trio.lowlevel.checkpoint()
        heard[:] = copies
        return own

    chain: Callable[[], Awaitable[HttpResponse]] = proceed
    for armed in reversed(struck):
        effect = armed.kind.on_call
        if effect is not None:
            chain = functools.partial(effect, RequestStrike(engine, armed, happening, call.request, link, chain))
    answer: HttpResponse | None
    try:
        answer = await chain()
    except DropConnection:
        answer = None
    if answer is own:
        return heard
    told = b"" if answer is None else _refusal(link, happening, call, answer)
    if heard:
        link.instead.setdefault(call.request_id, []).extend([told] * len(heard))
    elif told:
        link.send_later(0.0, server_frame(told, TEXT))
    return heard


def read_call(happening: Happening) -> Call | None:
    """The call of a frame; None for one that the venue itself cannot read."""
    try:
        payload = msgspec.json.decode(bytes(decode_frame(happening.raw).payload) or b"{}", type=ApiPayload)
        header = msgspec.json.decode(bytes(payload.req_header) or b"{}")
    except (StreamError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    named = header.items() if isinstance(header, dict) else ()
    headers = tuple((str(name).lower(), str(value)) for name, value in named)
    return Call(payload.req_id, HttpRequest("WS", happening.path, "", headers, bytes(payload.req_param)))


def instead_of(link: FaultyStream, payload: bytes) -> bytes | None:
    """What leaves instead of one of the venue's answers, perhaps nothing; None when that answer itself does.

    An acknowledgement is lost with its result, and passes when another result is told.
    """
    try:
        reply = msgspec.json.decode(payload, type=_Reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    waiting = link.instead.get(reply.request_id)
    if not waiting or (waiting[0] and reply.ack):
        return None
    told = waiting[0]
    if not reply.ack:
        del waiting[0]
    if not waiting:
        del link.instead[reply.request_id]
    return server_frame(told, TEXT) if told else b""


def _refusal(link: FaultyStream, happening: Happening, call: Call, answer: HttpResponse) -> bytes:
    """A refusal of REST as an answer to the call. The ids of the connection are not known here: it has its own."""
    fields = msgspec.json.decode(answer.body, type=dict[str, str])
    error = GateError(answer.status, fields.get("label", ""), fields.get("message", fields.get("detail", "")))
    command = link.engine.world.gate_app.commands.get(happening.path)
    wrapped = command is not None and command.wrapped and answer.status != 429
    ids = hashlib.sha256(f"{happening.path}/{call.request_id}".encode()).hexdigest()
    header = answer_header(
        happening.path, answer.status, link.engine.clock.wall_ns(happening.venue),
        peer=call.request.remote, conn_id=ids[:16], trace_id=ids[:32],
    )  # fmt: skip
    return encode({"header": header, "data": refusal_data(error, wrapped=wrapped), "request_id": call.request_id})
