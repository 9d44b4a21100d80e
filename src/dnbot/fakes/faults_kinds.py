"""What a kind of fault is, one that is switched on, and what its effect is handed when it strikes."""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from .exchange import Exchange
from .faults import Fault, Value
from .faults_framing import opcode_of, server_frame
from .faults_targets import pattern
from .records import VENUES, Venue
from .web import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from .faults_engine import FaultEngine
    from .faults_link import FaultyStream
    from .running import World

Undo = Callable[[], None]
GATE = tuple(venue for venue in VENUES if venue.startswith("gate"))


@attrs.frozen
class Happening:
    """Something that a fault may strike: a request, a frame in either direction, or a new connection.

    ``raw`` is a frame's payload; of a request the client order id is read out already.
    """

    venue: Venue
    domain: str
    method: str
    path: str
    client_id: str = ""
    raw: bytes = b""

    @property
    def text(self) -> str:
        """What targets are matched against."""
        return f"{self.method} {self.path}"


@attrs.frozen
class FaultKind:
    """One fault of the catalogue. ``code`` is its number in the fault catalogue that the project was built against.

    ``scope`` says where it strikes: rest, socket, host (an exchange's address), venue, market, account. ``targets`` is
    what it strikes when the plan names nothing; ``count`` how often when the plan does not say. The effects:
    ``on_connect`` may drop a connection that was accepted, ``on_request`` wraps the handling of a request, ``on_call``
    that of an order call on a socket (and never waits: what it proceeds to answers later), ``on_frame`` turns a frame
    that is sent into those that are sent instead, ``on_heard`` does so for one that is heard, ``in_world`` changes the
    world and says how that is undone.
    """

    name: str
    code: str
    what: str
    scope: str
    venues: tuple[Venue, ...] = VENUES
    targets: str = "any"
    domain: str = ""
    options: Mapping[str, Value] = attrs.field(factory=dict)
    count: int | None = None
    on_connect: Callable[[Strike], None] | None = None
    on_request: Callable[[RequestStrike], Awaitable[HttpResponse]] | None = None
    on_call: Callable[[RequestStrike], Awaitable[HttpResponse]] | None = None
    on_frame: Callable[[FrameStrike], Sequence[Sent]] | None = None
    on_heard: Callable[[FrameStrike], Sequence[Sent]] | None = None
    in_world: Callable[[WorldStrike], Undo | None] | None = None

    @property
    def acts_in_world_alone(self) -> bool:
        """Whether no request or frame carries it; such a kind may still be started by one."""
        return self.in_world is not None and self.on_request is None and self.on_frame is None

    @property
    def strikes_calls(self) -> bool:
        """Whether it strikes order calls on a socket as it does requests."""
        return self.on_call is not None or (self.on_request is not None and self.on_heard is not None)


Sent = tuple[float, bytes]
"""A payload and after how many seconds it leaves."""


@attrs.define(eq=False)
class Armed:
    """A fault that is switched on: its window, its own random stream, and how often it was asked and struck."""

    fault: Fault
    kind: FaultKind
    rng: random.Random
    began_s: float
    seen: int = 0
    struck: int = 0
    over: bool = False
    undo: Undo | None = None
    memory: dict[Any, Any] = attrs.field(factory=dict)
    """What the effect wants to keep between two strikes."""
    _patterns: dict[Venue, re.Pattern[str]] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        path = self.fault.path or self.kind.targets
        self._patterns = {venue: pattern(path, venue) for venue in self.venues}

    @property
    def venues(self) -> tuple[Venue, ...]:
        """Where it may strike."""
        wanted = self.fault.venue
        return tuple(v for v in self.kind.venues if wanted in ("", v) or (wanted == "gate" and v in GATE))

    @property
    def domain(self) -> str:
        """The one domain that it is bound to, if any."""
        return self.fault.domain or self.kind.domain

    @property
    def awaits_request(self) -> bool:
        """Whether a change of the world waits for a request instead of beginning by the clock."""
        fault = self.fault
        return self.kind.acts_in_world_alone and bool(fault.on_nth or fault.path or fault.method or fault.client_id)

    @property
    def ends_s(self) -> float:
        """When it may strike no more, on the engine's clock; what a request begins lasts, and may begin at any time."""
        fault = self.fault
        if fault.for_s is None or self.awaits_request:
            return float("inf")
        return self.began_s + fault.at_s + fault.for_s

    def is_open(self, now_s: float) -> bool:
        """Whether its window is open."""
        return self.began_s + self.fault.at_s <= now_s < self.ends_s

    def strikes(self, happening: Happening, now_s: float) -> bool:
        """Whether this one is struck; counts it among those that fit."""
        if not self.is_open(now_s) or not self._fits(happening):
            return False
        self.seen += 1
        if self.seen < (self.fault.on_nth or 1) or self.spent:
            return False
        return self.fault.probability >= 1 or self.rng.random() < self.fault.probability

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it may."""
        count = self.fault.count
        if count is None:
            count = 1 if self.fault.on_nth is not None else self.kind.count
        return self.over or (count is not None and self.struck >= count)

    def _fits(self, happening: Happening) -> bool:
        fault, known = self.fault, self._patterns.get(happening.venue)
        if known is None or self.domain not in ("", happening.domain) or fault.method not in ("", happening.method):
            return False
        if fault.client_id and not happening.client_id.startswith(fault.client_id):
            return fault.client_id.encode() in happening.raw and known.match(happening.text) is not None
        return known.match(happening.text) is not None


@attrs.define(eq=False)
class Strike:
    """One armed fault meeting one happening. An effect calls ``struck`` when it really does something."""

    engine: FaultEngine
    armed: Armed
    happening: Happening

    def struck(self) -> None:
        """Count it and write it down."""
        self.engine.record(self.armed, self.happening)

    def number(self, name: str) -> float:
        """An option that is a number."""
        return float(self._option(name))

    def text(self, name: str) -> str:
        """An option that is text."""
        return str(self._option(name))

    def flag(self, name: str) -> bool:
        """An option that is true or false."""
        return bool(self._option(name))

    def _option(self, name: str) -> Value:
        return self.armed.fault.options.get(name, self.armed.kind.options[name])

    @property
    def venue(self) -> Venue:
        """Where it struck."""
        return self.happening.venue

    @property
    def world(self) -> World:
        """The world it strikes."""
        return self.engine.world

    @property
    def exchange(self) -> Exchange:
        """The exchange of that world."""
        return self.engine.world.exchange


@attrs.define(eq=False)
class RequestStrike(Strike):
    """A request that is being handled; ``proceed`` lets the venue handle it, once per call."""

    request: HttpRequest
    link: FaultyStream
    proceed: Callable[[], Awaitable[HttpResponse]]

    @property
    def uid(self) -> str:
        """The account whose key the request, or the socket of an order call, carries; empty when there is none."""
        key = self.request.header("key") or self.request.header("x-mexc-apikey") or ""
        account = self.exchange.account_by_key(key) if key else None
        return account.uid if account is not None else self.link.account


@attrs.define(eq=False)
class FrameStrike(Strike):
    """A frame on one socket; ``link`` is the connection.

    ``payload`` is the text or the protobuf of one that is sent; of one that is heard it is the whole frame.
    """

    payload: bytes
    link: FaultyStream

    def unchanged(self) -> Sequence[Sent]:
        """What an effect answers that leaves the frame alone."""
        return [(0.0, self.payload)]

    def framed(self, payload: bytes) -> bytes:
        """Another payload as a whole frame of this venue."""
        return server_frame(payload, opcode_of(self.venue, payload))


@attrs.define(eq=False)
class WorldStrike(Strike):
    """A change of the world that begins; it is undone when the fault's time is over or it is switched off."""

    def uids(self) -> list[str]:
        """The API accounts that it concerns: all of them, or the one that the option `uid` names."""
        wanted = self.text("uid")
        return [account.uid for account in self.exchange.state.accounts.api() if wanted in ("", account.uid)]
