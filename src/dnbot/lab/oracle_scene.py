"""What the judge looks at: the venues' truth, the disk, the lives of the bot, and which venues are under a fault."""

from __future__ import annotations

import math
from collections import deque
from decimal import Decimal

import attrs
import msgspec
import trio

from dnbot.domain.instrument import Venue
from dnbot.domain.order import OrderIntent, is_ours
from dnbot.fakes.exchange import Exchange
from dnbot.fakes.faults_catalogue import KINDS
from dnbot.fakes.faults_engine import Activation
from dnbot.fakes.instruments import Instrument
from dnbot.fakes.records import GATE_SPOT, MEXC_SPOT, ZERO, UserTrade
from dnbot.fakes.running import World
from dnbot.lab.disk import Disk
from dnbot.lab.oracle_words import FAKE_OF, NS_PER_MS, NS_PER_S, Findings, Life
from dnbot.lab.tap import Tap
from dnbot.lab.wire_reader import GATE_TEXT_PREFIX
from dnbot.ports.memory_store import MemoryBook
from dnbot.strategy.parameters import StrategyParameters

ROUND_TRIP_MS = 300
"""News of a fill, an order on a new connection, and a tick of the machine: three times what a healthy link takes."""
SKEW_MS = 1_000
"""The most that a venue's clock may be off while we trade there, which its own expiry of an order is late by."""
_decode_intent = msgspec.json.Decoder(OrderIntent).decode


def since_start_ns() -> int:
    """Virtual nanoseconds, as the tap counts them."""
    return round(trio.current_time() * NS_PER_S)


@attrs.define(eq=False)
class Scene:
    """Shared by all judges; they read it, and the oracle keeps it up to date."""

    world: World
    tap: Tap
    params: StrategyParameters
    disk: Disk
    uid: str
    findings: Findings
    lives: dict[str, Life] = attrs.field(factory=dict)
    intents: dict[str, OrderIntent] = attrs.field(factory=dict)
    """Every intent that was ever asked to be committed, by client order id."""
    unreachable: dict[Venue, int] = attrs.field(factory=dict)
    """Venues that the engine has under a fault now, and since when, ns."""
    healed: dict[Venue, int] = attrs.field(factory=dict)
    """When each venue last became reachable again, ns."""
    stands_still: bool = False
    """Whether the bot is stopped now."""
    went_on_ns: int | None = None
    """When it last went on."""
    faults_end_ns: int | None = None
    """When the last fault ended."""
    strikes: deque[tuple[int, Activation]] = attrs.field(factory=lambda: deque(maxlen=2_000))
    """What the world's faults struck, and when we saw it, ns."""
    perp_opening: Decimal = ZERO
    """The position that was there before any bot, base units."""
    _strikes_seen: int = 0

    @property
    def exchange(self) -> Exchange:
        """The venues themselves."""
        return self.world.exchange

    @property
    def symbol(self) -> str:
        """The neutral name of what is traded."""
        return str(self.params.symbol)

    @property
    def book(self) -> MemoryBook | None:
        """What the database has of our symbol."""
        return self.disk.store.database.books.get(self.params.symbol)

    @property
    def alive(self) -> Life | None:
        """The incarnation that runs now."""
        return next((life for life in reversed(self.lives.values()) if not life.is_over), None)

    def instrument(self, venue: Venue) -> Instrument:
        """The venue's terms, as they are now."""
        return self.exchange.state.instruments[(FAKE_OF[venue], self.symbol)]

    # -- the venues' truth

    def spot(self) -> tuple[Decimal, Decimal]:
        """Base units on Gate and on MEXC."""
        held = self.exchange.account(self.uid).balances
        base = self.params.symbol.base
        gate, mexc = held.get((GATE_SPOT, base)), held.get((MEXC_SPOT, base))
        return (gate.total if gate else ZERO), (mexc.total if mexc else ZERO)

    def contracts(self) -> Decimal:
        """The perpetual position, contracts, signed."""
        position = self.exchange.account(self.uid).positions.get(self.symbol)
        return position.contracts if position else ZERO

    def perp(self) -> Decimal:
        """The perpetual position in base units, signed."""
        return self.contracts() * self.instrument(Venue.GATE_FUTURES).multiplier

    def delta(self) -> Decimal:
        """Base units that are not hedged."""
        gate, mexc = self.spot()
        return gate + mexc + self.perp()

    def perp_lot(self) -> Decimal:
        """The perpetual's step, base units."""
        instrument = self.instrument(Venue.GATE_FUTURES)
        return instrument.lot * instrument.multiplier

    def tolerance(self) -> Decimal:
        """Delta that is left alone, base units."""
        return self.params.tolerance_base(self.perp_lot())

    def dust(self) -> Decimal:
        """Delta of which the nearest lot is less than the smallest order of the perpetual, base units; or nothing."""
        terms = self.instrument(Venue.GATE_FUTURES)
        return max(ZERO, (terms.quantity_min - terms.lot / 2) * terms.multiplier)

    def mark(self) -> Decimal:
        """The perpetual's mark price."""
        return self.exchange.mark(self.symbol).mark

    # -- what is durable

    def committed(self, client_id: str) -> OrderIntent | None:
        """The intent that a crash now would leave behind, in the database or in the spill file.

        One that was spilled leaves the file when the journal has brought the database a record of its order.
        """
        book = self.book
        if book is not None and client_id in book.committed:
            return book.orders[client_id].intent
        intent = _spilled(client_id, self.disk.spill.content.splitlines())
        if intent is None and book is not None and client_id in book.orders and _spilled(client_id, self.disk.spilled):
            return book.orders[client_id].intent
        return intent

    def own_id(self, trade: UserTrade) -> str:
        """The client order id of a fill of the bot's, or an empty text for somebody else's."""
        name = trade.client_id.removeprefix(GATE_TEXT_PREFIX)
        return name if is_ours(name) and (name in self.intents or self.committed(name) is not None) else ""

    # -- faults

    def see_strikes(self, now_ns: int) -> None:
        """Take over what the world's faults struck since the last time."""
        if self.world.faults._count == self._strikes_seen:
            return
        for strike in self.world.faults.activations(self._strikes_seen):
            self._strikes_seen = strike.number
            self.strikes.append((now_ns, strike))

    def was_unreachable(self, since_ns: int) -> bool:
        """Whether a venue was under a fault at some time since then."""
        return bool(self.unreachable) or any(end_ns >= since_ns for end_ns in self.healed.values())

    def stood_still(self, since_ns: int) -> bool:
        """Whether the bot was stopped at some time since then."""
        return self.stands_still or (self.went_on_ns is not None and self.went_on_ns >= since_ns)

    def was_ambiguous(self, since_ns: int) -> bool:
        """Whether a fault may have lost or held back an answer or a word to us since then, or may do so now."""
        return self.ambiguous_until_ns(since_ns) is not None

    def ambiguous_until_ns(self, since_ns: int) -> int | None:
        """When, since then, a fault last may have lost or held back an answer or a word to us; None for never.

        A fault that has struck and has a window may do so until its window ends. A bot that stands still hears nothing.
        """
        now_ns, until_ns = since_start_ns(), since_ns - 1
        if self.stands_still:
            return now_ns
        if self.went_on_ns is not None:
            until_ns = max(until_ns, self.went_on_ns)
        for armed in self.world.faults.armed.values():
            if armed.kind.scope == "market" or armed.domain == "public":
                continue
            if armed.undo is not None:
                return now_ns
            if armed.struck and math.isfinite(armed.ends_s):
                until_ns = max(until_ns, min(now_ns, round(armed.ends_s * NS_PER_S)))
        for at_ns, strike in reversed(self.strikes):
            if at_ns <= until_ns:
                break
            if strike.domain != "public" and KINDS[strike.name].scope != "market":
                return at_ns
        return None if until_ns < since_ns else until_ns

    def account_was_struck(self, since_ns: int) -> bool:
        """Whether a fault has changed an account itself since then, or what the venue says of it: that is told by the
        next reading at the latest.
        """
        if any(armed.undo is not None and armed.kind.scope == "account" for armed in self.world.faults.armed.values()):
            return True
        return any(at_ns + self._lasts_ns(strike) >= since_ns for at_ns, strike in self.strikes
                   if KINDS[strike.name].scope == "account")

    def _lasts_ns(self, strike: Activation) -> int:
        armed = self.world.faults.armed.get(strike.key)
        return 0 if armed is None or armed.fault.for_s is None else round(armed.fault.for_s * NS_PER_S)

    def in_flight_ns(self) -> int:
        """How long after the gate's yes an order may still leave: until its connection stands, at worst its expiry."""
        slow = self.was_unreachable(since_start_ns() - NS_PER_S) or self.was_ambiguous(since_start_ns() - NS_PER_S)
        return (self.params.order_expiry_ms if slow else ROUND_TRIP_MS // 3) * NS_PER_MS

    def slow_ns(self) -> int:
        """The bound on a reaction when an order's outcome is unknown."""
        params = self.params
        wait_ms = params.order_expiry_ms + SKEW_MS + 2 * params.match_lag_ms
        return (wait_ms + params.hedge_deadline_ms + ROUND_TRIP_MS) * NS_PER_MS


def _spilled(client_id: str, lines: list[bytes]) -> OrderIntent | None:
    for line in reversed(lines):
        if client_id.encode() in line and (intent := _read_line(line)) and intent.client_order_id == client_id:
            return intent
    return None


def _read_line(line: bytes) -> OrderIntent | None:
    try:
        return _decode_intent(line.split(b" ", 2)[2])
    except (IndexError, msgspec.MsgspecError):
        return None
