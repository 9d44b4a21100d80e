"""MEXC spot v3 as one app: REST under /api/v3, the stream under /ws, and an empty futures API under /api/v1."""

from __future__ import annotations

from typing import Any, Final, Literal

import attrs
import msgspec

from .exchange import Exchange
from .mexc_account import ACCOUNT_ROUTES
from .mexc_auth import MexcRequest, Signed, check_content_type, check_signed, parse_parameters
from .mexc_contract import PREFIXES, answer_contract
from .mexc_elsewhere import OTHER_ROUTES
from .mexc_errors import MexcRefusal, refusals
from .mexc_faults import HttpFault, MexcFaults
from .mexc_history import HISTORY_ROUTES
from .mexc_orders import ORDER_ROUTES
from .mexc_public import PUBLIC_ROUTES
from .mexc_venue import Call, MexcReply, MexcSettings, MexcVenue, Route
from .mexc_wallet import WALLET_ROUTES
from .mexc_ws import MexcStream
from .records import MEXC_SPOT, Venue
from .requests import RequestLog
from .web import DropConnection, HttpRequest, HttpResponse, WebSocket

__all__ = ["MexcApp"]

_ROUTES: Final[dict[tuple[str, str], Route]] = (
    PUBLIC_ROUTES | HISTORY_ROUTES | ORDER_ROUTES | ACCOUNT_ROUTES | WALLET_ROUTES | OTHER_ROUTES
)
_AUTH_CODES: Final = (10072, 700002)
"""Unknown key and wrong signature: the refusals whose HTTP status clients expect to be 400 or 401."""
_JSON: Final = (("content-type", "application/json;charset=utf-8"),)


@attrs.define(eq=False)
class MexcApp:
    """The MEXC front of an exchange; `run` must be running for the stream to push anything."""

    exchange: Exchange
    log: RequestLog | None = None
    settings: MexcSettings = attrs.field(factory=MexcSettings)
    venue: MexcVenue = attrs.field(init=False)
    stream: MexcStream = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.venue = MexcVenue(self.exchange, self.settings)
        self.stream = MexcStream(self.venue)

    @property
    def faults(self) -> MexcFaults:
        """The switches of what misbehaves."""
        return self.venue.faults

    async def run(self) -> None:
        """Push stream frames until cancelled."""
        await self.stream.run()

    # -- the App protocol

    async def handle_http(self, request: HttpRequest) -> HttpResponse:
        """Answer one REST request."""
        headers = dict(reversed(request.headers))
        body = request.body.decode("latin-1")
        reply = self.answer(MexcRequest(request.method, request.path, request.query, body, headers, request.remote))
        if reply.lost:
            raise DropConnection("reply lost")
        return HttpResponse(reply.status, reply.body, _JSON + reply.headers)

    def serves_websocket(self, path: str) -> bool:
        """The stream has one path."""
        return path == "/ws"

    async def handle_websocket(self, request: HttpRequest, ws: WebSocket) -> None:
        """Talk to one stream client; the listen key is a query parameter."""
        await self.stream.serve(ws, parse_parameters(request.query, "").get("listenKey"), request.remote)

    # -- what a drill may do

    def venue_of(self, path: str) -> Venue:
        """One venue lives here."""
        del path
        return MEXC_SPOT

    def cut(self, venue: Venue, domain: Literal["public", "private"]) -> int:
        """Cut the sockets with a listen key (private) or without one (public); returns how many."""
        cut = 0
        for outbox in self.stream.connections if venue == MEXC_SPOT else ():
            if (outbox.key is not None) == (domain == "private"):
                outbox.ended.set()
                cut += 1
        return cut

    # -- REST

    def answer(self, request: MexcRequest) -> MexcReply:
        """Status and body for one request, faults included."""
        fault = self.faults.take_http(request.method, request.path)
        if fault is not None and not fault.handled:
            self._note(request, fault.status)
            return _faulty(fault)
        reply = self._answer(request)
        if fault is not None:
            return _faulty(fault)
        lost = self.faults.take_lost_reply(request.method, request.path)
        return attrs.evolve(reply, lost=lost)

    def _answer(self, request: MexcRequest) -> MexcReply:
        parameters = parse_parameters(request.raw_query, request.raw_body)
        if request.path.startswith(PREFIXES):
            return answer_contract(self.venue, request)
        try:
            route = _ROUTES.get((request.method, request.path))
            if route is None:
                raise refusals.not_found()
            uid = self._authenticate(request, parameters, route) if route.permission else ""
            self.venue.limits.charge(request.peer, route.pools, uid, self.venue.now_ms / 1_000)
            value: Any = route.answer(self.venue, Call(request, parameters, self.venue.now_ms, uid))
            reply = MexcReply(200, msgspec.json.encode(value))
        except MexcRefusal as refusal:
            retry_s = refusal.retry_after_s
            headers = () if retry_s is None else (("retry-after", str(retry_s)),)
            status = self.settings.auth_status if refusal.code in _AUTH_CODES else refusal.status
            reply = MexcReply(status, refusal.body(), headers)
        self._note(request, reply.status)
        return reply

    def _authenticate(self, request: MexcRequest, parameters: dict[str, str], route: Route) -> str:
        """The uid behind the request's key."""
        key = request.headers.get("x-mexc-apikey", "")
        if not key:
            raise refusals.key_required()
        account = self.exchange.account_by_key(key)
        if account is None:
            raise refusals.key_unknown()
        if request.peer not in self.settings.ip_whitelist.get(key, (request.peer,)):
            raise refusals.ip_not_allowed()
        check_content_type(request, strict=self.settings.content_type_strict)
        if self.settings.upper_case_signatures and "signature" in parameters:
            parameters = parameters | {"signature": parameters["signature"].lower()}
        check_signed(request, parameters, Signed(key, account.secret), self.venue.now_ms)
        if not self.settings.permissions.get(route.permission, False):
            raise refusals.permission()
        return account.uid

    def _note(self, request: MexcRequest, status: int) -> None:
        """Record a request that carried a known key, whatever became of it."""
        account = self.exchange.account_by_key(request.headers.get("x-mexc-apikey", ""))
        if self.log is not None and account is not None:
            uid, parameters = account.uid, parse_parameters(request.raw_query, request.raw_body)
            client_id = parameters.get("newClientOrderId") or parameters.get("origClientOrderId", "")
            self.log.note(uid, MEXC_SPOT, request.method, request.path, client_id=client_id, status=status)


def _faulty(fault: HttpFault) -> MexcReply:
    return MexcReply(fault.status, fault.body, tuple(fault.headers.items()))
