"""Orders over Gate's sockets: login, then place, cancel and look up by `event: api` frames.

Source: Gate API v4 spot WS docs and futures WS docs, "Websocket API". A placement gives two frames with one
`request_id`: an ack that echoes the request before it is judged, then the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs
import msgspec

from .gateio_auth import Credential, api_signing_text, authenticate_text
from .gateio_errors import GateError, exptime_passed, invalid_argument, read_only
from .gateio_http import decode_body
from .gateio_json import encode, microseconds, milliseconds
from .gateio_limits import Limit, Quota, RateLimiter
from .gateio_socket import Session
from .gateio_ws_frames import EMPTY, ClientFrame
from .records import Venue
from .requests import RequestLog

EXPTIME = re.compile(r"[0-9]{1,18}")
Perform = Callable[[str, Any, bool], Any]


class ApiPayload(msgspec.Struct):
    """What `payload` holds; `req_param` stays raw because it is both signed and echoed."""

    req_id: str = ""
    timestamp: str | int = ""
    api_key: str = ""
    signature: str = ""
    req_header: msgspec.Raw = EMPTY
    req_param: msgspec.Raw = EMPTY


@attrs.frozen
class Command:
    """One API channel: `perform(uid, req_param, decimal_sizes)` returns the result or raises GateError.

    `acked` sends the echo first; `wrapped` writes errors as "label: X, message: Y"; `trades` are the calls that
    create, amend or cancel, which a late `x-gate-exptime` refuses and a read-only key may not make; `tells_rate` puts
    the state of the limit into the header of every answer.
    """

    perform: Perform
    limit: Limit
    acked: bool = False
    wrapped: bool = True
    trades: bool = True
    tells_rate: bool = False
    malformed: str = "request params error"


@attrs.define
class WsApi:
    """Answers the API frames of one product."""

    product: str
    venue: Venue
    commands: dict[str, Command]
    limiter: RateLimiter
    exptime_honoured: Callable[[], bool]
    credentials: Callable[[], dict[str, Credential]]
    log: RequestLog | None = None
    read_only: Callable[[], frozenset[str]] = frozenset

    def __call__(self, session: Session, frame: ClientFrame) -> None:
        """Answer one frame, through the session's queue."""
        try:
            payload = msgspec.json.decode(bytes(frame.payload) or b"{}", type=ApiPayload)
        except (msgspec.DecodeError, RecursionError):
            self._refuse(session, frame, "", GateError(400, "INVALID_ARGUMENT", "request params error"), wrapped=False)
            return
        if frame.channel == f"{self.product}.login":
            self._login(session, frame, payload)
            return
        command = self.commands.get(frame.channel)
        if command is None:
            error = GateError(400, "INVALID_ARGUMENT", f"Unknown channel {frame.channel}")
            self._refuse(session, frame, payload.req_id, error, wrapped=False)
        elif session.login is None:
            error = GateError(400, "AUTHENTICATION_FAILED", "Not login")
            self._refuse(session, frame, payload.req_id, error, wrapped=False)
        else:
            self._run(session, frame, payload, command, session.login)

    def _login(self, session: Session, frame: ClientFrame, payload: ApiPayload) -> None:
        timestamp = str(payload.timestamp)
        text = api_signing_text(frame.channel, bytes(payload.req_param), timestamp)
        try:
            session.login = authenticate_text(
                payload.api_key, payload.signature, timestamp, text,
                credentials=self.credentials(), now_ns=session.now_ns,
            )  # fmt: skip
        except GateError as error:
            self._refuse(session, frame, payload.req_id, error, wrapped=False)
            return
        result = {"uid": session.login.account_id, "api_key": payload.api_key}
        self._send(session, frame, payload.req_id, 200, {"result": result})

    def _run(
        self, session: Session, frame: ClientFrame, payload: ApiPayload, command: Command, login: Credential
    ) -> None:
        uid = login.account_id
        if command.trades and login.key in self.read_only():
            self._refuse(session, frame, payload.req_id, read_only(), wrapped=False)
            return
        quota = self.limiter.take(command.limit, uid, session.now_ns)
        rate = quota if command.tells_rate else None
        if not quota.allowed:
            code = 211 if self.product == "spot" else 311
            error = GateError(429, "TOO_MANY_REQUESTS", f"Request Rate limit Exceeded ({code})")
            self._refuse(session, frame, payload.req_id, error, wrapped=False, rate=rate)
            return
        try:
            request = decode_body(bytes(payload.req_param) or b"{}")
        except GateError:
            request = None
        if not isinstance(request, dict | list):
            error = GateError(400, "INVALID_ARGUMENT", command.malformed)
            self._refuse(session, frame, payload.req_id, error, wrapped=False)
            return
        if command.acked:
            self._ack(session, frame, payload, rate)
        try:
            self._check_exptime(payload, command, session.now_ns)
            result = command.perform(uid, request, session.subscriber.decimal_sizes)
        except GateError as error:
            self._note(uid, frame.channel, request, error.status)
            self._refuse(session, frame, payload.req_id, error, wrapped=command.wrapped, rate=rate)
            return
        self._note(uid, frame.channel, request, 200)
        self._send(session, frame, payload.req_id, 200, {"result": result}, rate=rate)

    def _note(self, uid: str, channel: str, request: dict[str, Any] | list[Any], status: int) -> None:
        if self.log is not None:
            text = str(request.get("text") or "") if isinstance(request, dict) else ""
            self.log.note(uid, self.venue, "WS", channel, client_id=text, status=status)

    def _check_exptime(self, payload: ApiPayload, command: Command, now_ns: int) -> None:
        raw = bytes(payload.req_header)
        if not raw or not command.trades or not self.exptime_honoured():
            return
        header = decode_body(raw)
        exptime = str(header.get("x-gate-exptime", "")) if isinstance(header, dict) else ""
        check_exptime(exptime, now_ns)

    def _ack(self, session: Session, frame: ClientFrame, payload: ApiPayload, rate: Quota | None) -> None:
        trace_id = session.trace_id()
        header = payload.req_header if bytes(payload.req_header) else {"trace_id": trace_id}
        echo = {
            "req_id": payload.req_id,
            "api_key": "",
            "timestamp": "",
            "signature": "",
            "trace_id": trace_id,
            "req_header": header,
            "req_param": payload.req_param if bytes(payload.req_param) else None,
        }
        self._send(session, frame, payload.req_id, 200, {"result": echo}, ack=True, rate=rate)

    def _refuse(
        self,
        session: Session,
        frame: ClientFrame,
        req_id: str,
        error: GateError,
        *,
        wrapped: bool,
        rate: Quota | None = None,
    ) -> None:
        self._send(session, frame, req_id, error.status, refusal_data(error, wrapped=wrapped), rate=rate)

    def _send(
        self,
        session: Session,
        frame: ClientFrame,
        req_id: str,
        status: int,
        data: dict[str, Any],
        *,
        ack: bool = False,
        rate: Quota | None = None,
    ) -> None:
        header = answer_header(
            frame.channel, status, session.now_ns,
            peer=session.peer, conn_id=session.subscriber.conn_id, trace_id=session.trace_id(),
        )  # fmt: skip
        header |= {} if rate is None else _rate_fields(rate)
        body: dict[str, Any] = {"header": header, "data": data, "request_id": req_id}
        if ack:
            body["ack"] = True
        session.subscriber.push(encode(body))


def answer_header(channel: str, status: int, now_ns: int, *, peer: str, conn_id: str, trace_id: str) -> dict[str, Any]:
    """The header of one answer to an API frame."""
    return {
        "response_time": str(milliseconds(now_ns)),
        "status": str(status),
        "channel": channel,
        "event": "api",
        "client_id": f"{peer}-0x{conn_id[:10]}",
        "x_in_time": microseconds(now_ns),
        "x_out_time": microseconds(now_ns),
        "conn_id": conn_id,
        "conn_trace_id": conn_id * 2,
        "trace_id": trace_id,
    }


def refusal_data(error: GateError, *, wrapped: bool) -> dict[str, Any]:
    """The `data` of a refusal; `wrapped` as of the command."""
    return {"errs": {"label": error.label, "message": error.ws_api_message() if wrapped else (error.text or "")}}


def _rate_fields(rate: Quota) -> dict[str, int]:
    """The state of a limit in the header of an answer, times in ms; a number that is 0 is left out.

    The documents spell the last one both ways, in examples and in tables, so it is there twice.
    """
    fields = {
        "x_gate_ratelimit_requests_remain": rate.remain,
        "x_gate_ratelimit_limit": rate.limit,
        "x_gate_ratelimit_reset_timestamp": rate.reset_s * 1000,
        "x_gat_ratelimit_reset_timestamp": rate.reset_s * 1000,
    }
    return {name: value for name, value in fields.items() if value}


def check_exptime(exptime: str, now_ns: int) -> None:
    """Refuse what arrived after its `x-gate-exptime` (ms); an unreadable value is refused as a bad argument."""
    if not exptime:
        return
    if EXPTIME.fullmatch(exptime) is None:
        raise invalid_argument("invalid x-gate-exptime")
    if milliseconds(now_ns) > int(exptime):
        raise exptime_passed(milliseconds(now_ns), exptime)
