"""What a checker on the same machine may ask of the fakes, beside the venues' own interfaces: the audit."""

from __future__ import annotations

import json

import attrs
from trio_websocket import WebSocketConnection

from .running import World
from .web import App, HttpRequest, HttpResponse

AUDIT_PATH = "/__dnbot__/audit"
LOOPBACK = ("127.", "::1")


@attrs.define(eq=False)
class ControlledApp:
    """An app behind one extra path: ``POST /__dnbot__/audit[?uid=...]`` writes audit.json and answers the audit.

    Only callers on the loopback interface get it; everybody else sees the venue alone.
    """

    world: World
    app: App

    async def handle_http(self, request: HttpRequest) -> HttpResponse:
        """The audit, or whatever the venue answers."""
        if request.path != AUDIT_PATH or not request.remote.startswith(LOOPBACK):
            return await self.app.handle_http(request)
        if request.method != "POST":
            return HttpResponse(405, b'{"message":"POST only"}')
        uid = request.query.removeprefix("uid=") or self.world.config.accounts[0].uid
        if uid not in self.world.exchange.state.accounts.by_uid:
            return HttpResponse(404, b'{"message":"no such account"}')
        self.world.write_audit()
        return HttpResponse(200, json.dumps(self.world.audit(uid)).encode())

    def serves_websocket(self, path: str) -> bool:
        """As the venue does."""
        return self.app.serves_websocket(path)

    async def run(self) -> None:
        """As the venue does."""
        await self.app.run()

    async def handle_websocket(self, request: HttpRequest, ws: WebSocketConnection) -> None:
        """As the venue does."""
        await self.app.handle_websocket(request, ws)
