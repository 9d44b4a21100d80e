"""What a checker or a drill on the same machine may ask of the fakes, beside the venues' own interfaces.

``POST /__dnbot__/audit[?uid=..]`` writes the audit of one account (audit.json for the first) and answers it.
``POST /__dnbot__/newest`` answers the order that each account had accepted last, at whatever venue.
``POST /__dnbot__/requests?since=N[&wait_s=S]`` answers private requests from number N on; with ``wait_s`` it waits so
long for a create among them.
``POST /__dnbot__/cut?venue=V&domain=public|private`` cuts that venue's sockets of that domain, without a close frame.
``POST /__dnbot__/rest?venue=V&down_s=S[&manner=refuse|silent]`` takes that venue's REST down; its sockets stay up.
``POST /__dnbot__/clock?venue=V&ahead_ms=N`` moves that venue's clock (negative: behind).
``POST /__dnbot__/market[?since_ns=T]`` carries out the commands of a scripted market that the body holds, one a line
(``script_words``): all of them now, or each at its time counted from T; when one is refused, none is.
``POST /__dnbot__/book?venue=V[&symbol=S][&limit=N]`` answers a book (of the first symbol), best levels first.
``POST /__dnbot__/mirror`` takes in what a mirrored market is told, a JSON list (``mirror_words``): all of it or none.
``POST /__dnbot__/load`` answers how the fakes bear their load; maxima are since the last question.
``POST /__dnbot__/faults[?since=N]`` answers the plan as it is now, and the strikes after number N.
``POST /__dnbot__/fault?on=NAME:key=value,...`` switches a fault on and answers its key; ``?off=KEY`` switches it off.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl

import attrs
import trio

from .faults import FaultRefused
from .faults_text import parse_fault
from .load import LoadMeter
from .mirror_edge import Distance
from .mirror_words import MirrorRefused, read_told
from .outages import Outages
from .records import VENUES, Venue
from .running import World
from .script_words import ScriptRefused, read_commands
from .web import App, DropConnection, HttpRequest, HttpResponse, WebSocket

PREFIX = "/__dnbot__/"
AUDIT_PATH = PREFIX + "audit"
LOOPBACK = ("127.", "::1")
WAIT_S_MAX = 30.0
DOWN_S_MAX = 3600.0
AHEAD_MS_MAX = 3_600_000

Domain = Literal["public", "private"]


class ControlRefused(Exception):
    """What was asked cannot be done; the text says why."""


class Front(App, Protocol):
    """An app that a drill can hurt."""

    def venue_of(self, path: str) -> Venue:
        """Whose REST a path is."""

    def cut(self, venue: Venue, domain: Domain) -> int:
        """Cut the sockets of one venue and domain at once; returns how many there were."""


@attrs.define(eq=False)
class Controls:
    """The extra paths, the same ones at every front of a world."""

    world: World
    outages: Outages = attrs.field(factory=Outages)
    meter: LoadMeter = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.meter = LoadMeter(self.world)

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """One request below the prefix."""
        actions: dict[str, Callable[[dict[str, str]], Awaitable[Any]]] = {
            "audit": self._audit, "newest": self._newest, "requests": self._requests, "cut": self._cut,
            "rest": self._rest, "clock": self._clock, "faults": self._faults, "fault": self._fault, "load": self._load,
            "market": partial(self._market, request.body), "book": self._book,
            "mirror": partial(self._mirror, request.body),
        }  # fmt: skip
        action = actions.get(request.path.removeprefix(PREFIX))
        if action is None:
            return _told(404, "no such control")
        if request.method != "POST":
            return _told(405, "POST only")
        try:
            found = await action(dict(parse_qsl(request.query, keep_blank_values=True)))
        except (ControlRefused, FaultRefused) as why:
            return _told(404 if "no such" in str(why) else 400, str(why))
        return HttpResponse(200, json.dumps(found).encode())

    async def _audit(self, wanted: dict[str, str]) -> Any:
        uid = wanted.get("uid") or self.world.config.accounts[0].uid
        if uid not in self.world.exchange.state.accounts.by_uid:
            raise ControlRefused("no such account")
        return self.world.written_audit(uid)

    async def _newest(self, _: dict[str, str]) -> Any:
        newest = self.world.exchange.newest_orders()
        shown = {
            uid: {"venue": order.venue, "client_id": order.client_id, "create_ms": order.create_ms}
            for uid, order in newest.items()
        }
        return {"time_ms": self.world.clock.ms(), "orders": shown}

    async def _requests(self, wanted: dict[str, str]) -> Any:
        log = self.world.requests
        since = int(_number(wanted, "since", 0, 0, 10**12))
        wait_s = _number(wanted, "wait_s", 0, 0, WAIT_S_MAX)
        with trio.move_on_after(wait_s):
            while wait_s and not any(note.is_create for _, note in log.since(since)):
                await log.changed.wait()
        rows = [{"number": number, "create": note.is_create, **attrs.asdict(note)} for number, note in log.since(since)]
        return {"count": log.count, "time_ms": self.world.clock.ms(), "requests": rows}

    async def _cut(self, wanted: dict[str, str]) -> Any:
        venue = _venue(wanted)
        match wanted.get("domain"):
            case "public":
                cut = sum(front.cut(venue, "public") for front in self._fronts())
            case "private":
                cut = sum(front.cut(venue, "private") for front in self._fronts())
            case other:
                raise ControlRefused(f"domain is public or private, not {other!r}")
        return {"cut": cut, "time_ms": self.world.clock.ms()}

    async def _rest(self, wanted: dict[str, str]) -> Any:
        venue, down_s = _venue(wanted), _number(wanted, "down_s", None, 0, DOWN_S_MAX)
        match wanted.get("manner", "refuse"):
            case "refuse":
                self.outages.begin(venue, down_s, "refuse")
            case "silent":
                self.outages.begin(venue, down_s, "silent")
            case other:
                raise ControlRefused(f"manner is refuse or silent, not {other!r}")
        return {"down_s": down_s, "time_ms": self.world.clock.ms()}

    async def _clock(self, wanted: dict[str, str]) -> Any:
        venue = _venue(wanted)
        ahead_ms = _number(wanted, "ahead_ms", None, -AHEAD_MS_MAX, AHEAD_MS_MAX)
        self.world.clock.skew_ns[venue] = round(ahead_ms * 1_000_000)
        return {"venue_ms": self.world.clock.ms(venue), "time_ms": self.world.clock.ms()}

    async def _faults(self, wanted: dict[str, str]) -> Any:
        engine, since = self.world.faults, int(_number(wanted, "since", 0, 0, 10**12))
        return engine.report() | {"activations": [attrs.asdict(strike) for strike in engine.activations(since)]}

    async def _fault(self, wanted: dict[str, str]) -> Any:
        match sorted(wanted):
            case ["on"]:
                key = self.world.faults.switch_on(parse_fault(wanted["on"]))
            case ["off"]:
                key = wanted["off"]
                self.world.faults.switch_off(key)
            case other:
                raise ControlRefused(f"a fault is switched by on or by off, not by {other}")
        return {"key": key, "time_ms": self.world.clock.ms()}

    async def _market(self, body: bytes, wanted: dict[str, str]) -> Any:
        script = self.world.script
        if script is None:
            raise ControlRefused("this market has no script: start it with market = scripted")
        try:
            commands = [command for _, command in read_commands(body.decode().splitlines())]
            if "since_ns" in wanted:
                script.schedule(commands, _whole_ns(wanted["since_ns"]))
            else:
                script.apply(*commands)
        except (ScriptRefused, UnicodeDecodeError) as why:
            raise ControlRefused(str(why)) from None
        return {"commands": len(commands), "waiting": script.waiting, "time_ns": self.world.clock.wall_ns()}

    async def _mirror(self, body: bytes, _: dict[str, str]) -> Any:
        mirror = self.world.mirror
        if mirror is None:
            raise ControlRefused("this market is not kept elsewhere: start it with --terms")
        try:
            told = read_told(body)
            mirror.take(told)
        except MirrorRefused as why:
            raise ControlRefused(str(why)) from None
        return {"taken": len(told)}

    async def _book(self, wanted: dict[str, str]) -> Any:
        venue, symbol = _venue(wanted), wanted.get("symbol") or next(iter(self.world.models))
        if self.world.exchange.instrument(venue, symbol) is None:
            raise ControlRefused(f"no such symbol: {symbol!r}")
        found = self.world.exchange.depth(venue, symbol, int(_number(wanted, "limit", 100, 1, 10_000)))
        levels = {"bids": found.bids, "asks": found.asks}
        shown = {side: [[f"{price:f}", f"{size:f}"] for price, size in rows] for side, rows in levels.items()}
        return {"book_id": found.book_id, "time_ms": found.time_ms, **shown}

    async def _load(self, _: dict[str, str]) -> Any:
        return self.meter.take()

    def _fronts(self) -> tuple[Front, ...]:
        return (self.world.gate_app, self.world.mexc_app)


@attrs.define(eq=False)
class ControlledApp:
    """An app behind the control paths. Only callers on loopback reach them; everybody else sees the venue alone."""

    controls: Controls
    app: Front

    async def handle_http(self, request: HttpRequest) -> HttpResponse:
        """A control's answer, or whatever the venue answers; during an outage of its REST, nothing."""
        if request.path.startswith(PREFIX) and request.remote.startswith(LOOPBACK):
            return await self.controls.answer(request)
        venue = self.app.venue_of(request.path)
        await Distance(self.controls.world.mirror).travel(venue)
        if await self.controls.outages.strikes(venue):
            raise DropConnection("this venue's REST is down")
        return await self.app.handle_http(request)

    def serves_websocket(self, path: str) -> bool:
        """As the venue does."""
        return self.app.serves_websocket(path)

    async def run(self) -> None:
        """As the venue does."""
        await self.app.run()

    async def handle_websocket(self, request: HttpRequest, ws: WebSocket) -> None:
        """As the venue does, from as far away."""
        distance = Distance(self.controls.world.mirror)
        await self.app.handle_websocket(request, distance.socket(self.app.venue_of(request.path), ws))


def _venue(wanted: dict[str, str]) -> Venue:
    for venue in VENUES:
        if venue == wanted.get("venue"):
            return venue
    raise ControlRefused(f"no such venue: {wanted.get('venue')!r}; there are {', '.join(VENUES)}")


def _number(wanted: dict[str, str], name: str, default: float | None, low: float, high: float) -> float:
    text = wanted.get(name)
    if text is None and default is not None:
        return default
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise ControlRefused(f"{name} is a number from {low} to {high}, not {text!r}")
    return number


def _whole_ns(text: str) -> int:
    """Exact: a float would lose the last digits of nanoseconds since 1970."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 20:
        raise ControlRefused(f"since_ns is a time in nanoseconds since 1970, not {text!r}")
    return int(text)


def _told(status: int, text: str) -> HttpResponse:
    return HttpResponse(status, json.dumps({"message": text}).encode())
