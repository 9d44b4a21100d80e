"""Gate's REST gateway: authentication, limits, expiry, faults, then the service; headers on every reply.

Source: Gate API v4 docs, "APIv4 signed request requirements", "Frequency limit rule", "Error Handling".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import attrs
import msgspec
import trio

from . import gateio_errors as errors
from .gateio_auth import authenticate_rest
from .gateio_context import GateContext
from .gateio_errors import GateError
from .gateio_faults import Fault
from .gateio_http import PREFIX, Call, Reply, Route, RouteTable, common_headers, reply_body
from .gateio_limits import PUBLIC, Quota
from .gateio_ws_api import check_exptime
from .records import GATE_FUTURES, GATE_SPOT, Venue
from .requests import RequestLog
from .web import DropConnection, HttpRequest, HttpResponse


def venue_of(path: str) -> Venue:
    """Which clock and which log line a path belongs to."""
    return GATE_FUTURES if path.startswith("/futures/") else GATE_SPOT


@attrs.define(eq=False)
class Gateway:
    """Answers one REST request at a time; `faults` are consulted for each."""

    context: GateContext
    routes: Sequence[Route]
    log: RequestLog | None
    faults: list[Fault] = attrs.field(factory=list)
    _traces: int = 0
    _table: RouteTable = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._table = RouteTable(self.routes)

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The whole life of one request; raises DropConnection when a fault loses the reply."""
        path = request.path.removeprefix(PREFIX)
        venue = venue_of(path)
        in_ns = self.context.now_ns(venue)
        fault = next((fault for fault in self.faults if fault.strikes(request.method, path)), None)
        if fault is not None and fault.delay_s:
            await trio.sleep(fault.delay_s)
        quota = Quota(True, PUBLIC.requests, PUBLIC.requests, in_ns // 1_000_000_000)
        try:
            if fault is not None and fault.status is not None:
                raise GateError(fault.status, fault.label, "Internal server error")
            reply, quota, lagging = self._answer(request, path, venue)
            if lagging:
                await trio.sleep(self.context.rng.uniform(0, self.context.settings.snapshot_lag_ms_max / 1000))
            status, body, extra = reply.status, reply_body(reply), list(reply.headers)
        except LimitedError as limited:
            status, body, extra, quota = limited.status, limited.body(), [], limited.quota
        except GateError as error:
            status, body, extra = self._status(error), error.body(), []
        if fault is not None and fault.drop_reply:
            raise DropConnection("reply lost")
        headers = common_headers(in_ns, self.context.now_ns(venue), self._trace_id(), quota)
        return HttpResponse(status, body, (*headers, *extra))

    def _status(self, error: GateError) -> int:
        return self.context.settings.expired_status if error.label == "REQUEST_EXPIRED" else error.status

    def _trace_id(self) -> str:
        self._traces += 1
        return hashlib.sha256(f"gate/{self._traces}".encode()).hexdigest()[:32]

    def _answer(self, request: HttpRequest, path: str, venue: Venue) -> tuple[Reply, Quota, bool]:
        now_ns = self.context.now_ns(venue)
        headers = dict(reversed(request.headers))
        found = self._table.find(request.method, path) if request.path.startswith(PREFIX + "/") else None
        uid = ""
        if found is None or found[0].private:
            credential = authenticate_rest(
                request.method, request.path, request.query, headers, request.body,
                credentials=self.context.credentials(), now_ns=now_ns,
            )  # fmt: skip
            self._check_permission(credential.key, request)
            uid = credential.account_id
        if found is None:
            raise GateError(404, "INVALID_PROTOCOL", "Unknown path")
        route, args = found
        call = Call(request.method, path, request.query, headers, request.body, now_ns, uid, args)
        try:
            quota = self._charge(route, call, request.remote)
            if route.expires:
                check_exptime(headers.get("x-gate-exptime", ""), now_ns)
            reply = route.answer(call)
        except GateError as error:
            self._note(call, venue, error.status)
            raise
        self._note(call, venue, reply.status)
        return reply, quota, route.lagging

    def _check_permission(self, key: str, request: HttpRequest) -> None:
        settings = self.context.settings
        if settings.ip_whitelist and request.remote not in settings.ip_whitelist:
            raise errors.not_whitelisted(request.remote)
        if key in settings.read_only_keys and request.method != "GET":
            raise errors.read_only()

    def _charge(self, route: Route, call: Call, remote: str) -> Quota:
        caller = f"{call.uid_text or remote} {route.bucket}".rstrip()
        quotas = [
            self.context.limiter.take(route.limit, f"{caller} {market}".rstrip(), call.now_ns)
            for market in (_markets(call) if route.per_market else ("",))
        ]
        for quota in quotas:
            if not quota.allowed:
                raise LimitedError(quota)
        return min(quotas, key=lambda quota: quota.remain)

    def _note(self, call: Call, venue: Venue, status: int) -> None:
        if self.log is None or not call.uid_text:
            return
        named = call.args.get("order_id", "")
        text = named if named.startswith("t-") else str(_body_field(call.body, "text") or "")
        self.log.note(call.uid_text, venue, call.method, PREFIX + call.path, client_id=text, status=status)


class LimitedError(GateError):
    """A refusal by the rate limit; its reply carries the numbers of the limit that was hit."""

    def __init__(self, quota: Quota) -> None:
        refusal = errors.too_many_requests()
        super().__init__(refusal.status, refusal.label, refusal.text)
        self.quota = quota


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # the endpoint itself refuses a body it cannot read


def _body_field(body: bytes, name: str) -> Any:
    value = _decoded(body) if body else None
    return value.get(name) if isinstance(value, dict) else None


def _markets(call: Call) -> list[str]:
    """The spot markets a request is about, each once: those of its items when it is a batch."""
    value = _decoded(call.body) if call.body else None
    if isinstance(value, list):
        return list(dict.fromkeys(str(i.get("currency_pair") or "") for i in value if isinstance(i, dict))) or [""]
    named = value.get("currency_pair") if isinstance(value, dict) else None
    return [str(named or call.params.get("currency_pair", ""))]
