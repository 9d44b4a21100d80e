"""What was read before what was sent, and how often somebody dials: I16, I23 (no storm), I30. From the wire alone."""

from __future__ import annotations

from collections import deque

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.order import OrderIntent
from dnbot.lab.oracle_scene import Scene
from dnbot.lab.oracle_words import FAKE_OF, NS_PER_S, TAKES_RISK, Life
from dnbot.lab.wire_reader import Said

READS: dict[Venue, tuple[str, ...]] = {
    Venue.GATE_SPOT: tuple(f"/api/v4/spot/{what}" for what in ("accounts", "orders", "my_trades")),
    Venue.GATE_FUTURES: tuple(f"/api/v4/futures/usdt/{what}" for what in ("accounts", "orders", "my_trades_timerange")),
    Venue.MEXC_SPOT: tuple(f"/api/v3/{what}" for what in ("account", "openOrders", "myTrades")),
}
"""Balances, open orders and trades: what a reconcile reads of each venue."""
_VENUE_OF_PATH = {path: venue for venue, paths in READS.items() for path in paths}
_PRIVATE_CHANNELS = {b"spot.usertrades": Venue.GATE_SPOT, b"futures.usertrades": Venue.GATE_FUTURES}
ASKED, ANSWERED = 1, 2
DIALS_PER_MINUTE_MAX = 240
"""New connections to one host: a dozen that live at once, and one retry a second of each is far below."""
DOMINO_NS = 2 * NS_PER_S


@attrs.define(eq=False)
class ReadJudge:
    """Told of every message and connection; asked at each create of the present life."""

    scene: Scene
    dials: int = 0
    read_ms: dict[Venue, int] = attrs.field(factory=dict)
    """When the last read of each venue was asked for, on the venue's clock."""
    _missing: dict[str, int] = attrs.field(factory=dict)
    """Reads that are not complete since the last gap of their venue, and how far each is."""
    _notes_seen: int = 0
    _private_ns: dict[Venue, int] = attrs.field(factory=dict)
    _dialled: dict[str, deque[int]] = attrs.field(factory=dict)

    def begin(self) -> None:
        """A new life knows nothing."""
        self._missing = dict.fromkeys(_VENUE_OF_PATH, 0)
        self._private_ns.clear()

    def said(self, is_gate: bool, said: Said, now_ns: int) -> None:
        """A read is asked for; a private stream is subscribed anew, so that there was a gap."""
        if said.verb == "GET":
            path = said.path
            if path in _VENUE_OF_PATH:
                self._ask(path, said)
            elif path == "/ws" and "listenKey" in said.target:
                self._gap(Venue.MEXC_SPOT, now_ns)
        elif said.verb == "WS" and is_gate and b'"subscribe"' in said.body:
            for channel, venue in _PRIVATE_CHANNELS.items():
                if channel in said.body:
                    self._gap(venue, now_ns)

    def _ask(self, path: str, said: Said) -> None:
        venue = _VENUE_OF_PATH[path]
        if path.endswith(("accounts", "/account")):
            self.read_ms[venue] = self.scene.world.clock.ms(FAKE_OF[venue])
        if self._missing.get(path) == 0 and (not path.endswith("/orders") or "status=open" in said.target):
            self._missing[path] = ASKED

    def _gap(self, venue: Venue, now_ns: int) -> None:
        before_ns = self._private_ns.get(venue)
        self._private_ns[venue] = now_ns
        self._missing.update(dict.fromkeys(READS[venue], 0))
        if before_ns is not None:
            self._isolated(venue, before_ns, now_ns)

    def _isolated(self, venue: Venue, before_ns: int, now_ns: int) -> None:
        """A private stream that begins again has a reason of its own, not the end of a public one."""
        strikes = [s for at_ns, s in self.scene.strikes if before_ns < at_ns and s.venue == FAKE_OF[venue]]
        public = [s for s in strikes if s.domain == "public"]
        excused = len(public) < len(strikes) or self.scene.was_unreachable(before_ns) or not public
        excused = excused or self.scene.was_ambiguous(before_ns)
        recent = any(at_ns >= now_ns - DOMINO_NS for at_ns, s in self.scene.strikes if s.domain == "public")
        text = f"the private stream of {venue.value} began again, and only {[s.name for s in public]} had struck"
        self.scene.findings.check("I30", excused or not recent, text)

    def see_answers(self) -> None:
        """Take over which reads the venues have answered."""
        requests = self.scene.world.requests
        if requests.count == self._notes_seen:
            return
        for number, note in requests.since(self._notes_seen):
            self._notes_seen = number + 1
            if note.method == "GET" and note.status == 200 and self._missing.get(note.path) == ASKED:
                self._missing[note.path] = ANSWERED

    def create(self, life: Life, intent: OrderIntent, now_ns: int) -> None:
        """An order that takes risk leaves: every account was read whole since the last gap."""
        if intent.purpose not in TAKES_RISK:
            return
        margin_ns = self.scene.in_flight_ns()
        left = [
            path for path, how in self._missing.items()
            if how != ANSWERED and now_ns - self._private_ns.get(_VENUE_OF_PATH[path], life.started_ns) > margin_ns
        ]
        self.scene.findings.check("I16", not left, f"{intent.client_order_id} left before {left} was read")

    def dialled(self, host: str, now_ns: int) -> None:
        """A new connection."""
        self.dials += 1
        recent = self._dialled.setdefault(host, deque())
        recent.append(now_ns)
        while now_ns - recent[0] > 60 * NS_PER_S:
            recent.popleft()
        holds = len(recent) <= DIALS_PER_MINUTE_MAX
        self.scene.findings.check("I23", holds, f"{len(recent)} connections to {host} within a minute")
