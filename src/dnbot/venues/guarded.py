"""The one place where code of a venue plugin is called: a plugin that raises, returns nonsense or stalls is its fault.

A fault is a `PluginFault`, which is to the rest of the bot what a venue that does not answer is: the task ends, the
supervisor tells the machine, and the venue is down until it is read again. After some faults within ten minutes the
plugin is off: it is asked for no order and no market any more, so the venue stays down; only what became of our orders
is still read and cancelled through it, as far as it can, because what was filled there must be hedged elsewhere. After
as many stalls no line of it runs any more. A call that never returns cannot be ended from inside its process: the
watchdog of whoever started the bot ends both, and the next start reads everything anew.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, cast, get_type_hints

import attrs

from dnbot.domain.account import Balance
from dnbot.domain.errors import FrameUnreadable, PluginFault, VenueError
from dnbot.domain.instrument import Symbol
from dnbot.domain.market import BookTop, PublicTrade, Ticker
from dnbot.domain.order import OrderIntent
from dnbot.venues.plugin import VENUE, VenueLimits, VenuePlugin
from dnbot.venues.shapes import check_of
from dnbot.venues.wire import (
    DAY_MS,
    Capability,
    Delta,
    FillNews,
    Kept,
    OrderNews,
    Pong,
    PrivateCodec,
    PublicCodec,
    Request,
    RequestClass,
    Signer,
    SpotPrivateCodec,
    Subscribed,
    SubscriptionRefused,
    UnknownFrame,
    UpgradeAhead,
)

FAULT_WINDOW_S = 600.0
WHY_CHARACTERS_MAX = 300
PING_S_LEAST, PING_S_MOST = 1.0, 30.0
"""A quiet account says nothing but pongs, and the stream is given up after 45 s of nothing (`tasks/session.py`)."""
_Control = Subscribed | SubscriptionRefused | Pong | UpgradeAhead | UnknownFrame
SpotPublicMessage = Delta | PublicTrade | BookTop | Ticker | _Control
SpotPrivateMessage = Balance | OrderNews | FillNews | _Control
"""What a spot venue says: mark, funding and position are the perpetual's."""
_DECODED: dict[type, Any] = {
    PublicCodec: tuple[SpotPublicMessage, ...], SpotPrivateCodec: tuple[SpotPrivateMessage, ...],
}
_STILL_ASKED: dict[type, set[str]] = {PublicCodec: {"server_time_request", "server_time_ms", "trouble"}}
"""Of a plugin that is off: what reading the account needs of the public domain; of the private one all but creates."""
_WRITES = {"place_request": RequestClass.CREATE, "cancel_request": RequestClass.CANCEL}
"""What may be asked for by another method than GET, and the budget that it spends. All else only reads."""


@attrs.define
class PluginGuard:
    """Counts and judges the calls of one plugin.

    `now_s` is monotonic; `tell` hears of each fault: what was called, what was wrong, whether the plugin is off.
    """

    name: str
    now_s: Callable[[], float]
    stall_s: float
    faults_max: int
    tell: Callable[[str, str, bool], None] | None = None
    calls: int = attrs.field(default=0, init=False)
    faults: int = attrs.field(default=0, init=False)
    stalls: int = attrs.field(default=0, init=False)
    """Of the faults."""
    slowest_s: float = attrs.field(default=0.0, init=False)
    last_fault: str = attrs.field(default="", init=False)
    is_off: bool = attrs.field(default=False, init=False)
    is_silenced: bool = attrs.field(default=False, init=False)
    """Off for its stalls."""
    _faults_s: deque[float] = attrs.field(factory=deque, init=False)
    _stalls_s: deque[float] = attrs.field(factory=deque, init=False)

    def call(
        self, what: str, function: Callable[..., Any], check: Callable[..., str], arguments: tuple[Any, ...],
        *, resolves: bool = False,
    ) -> Any:
        """What the plugin returns, if it is right. `resolves`: it tells what became of our orders, and is asked longer.

        Raises:
            PluginFault: it is off, it raised, or it returned what its signature does not say.
            FrameUnreadable, VenueError: the plugin's own word that the venue sent nonsense, or cannot answer.
        """
        if self.is_silenced or (self.is_off and not resolves):
            raise PluginFault(VENUE.value, f"plugin {self.name} is off: {self.last_fault}")
        self.calls += 1
        began_s = self.now_s()
        try:
            value = function(*arguments)
            wrong = check(value, *arguments)
        except BaseException as error:  # whatever foreign code does, SystemExit included
            if type(error) in (FrameUnreadable, VenueError, KeyboardInterrupt):
                raise
            raise self._fault(what, _why(error)) from error  # noqa: ASYNC104 (codecs await nothing)
        finally:
            self._watch_time(what, self.now_s() - began_s)
        if wrong:
            raise self._fault(what, wrong)
        return value

    def _watch_time(self, what: str, took_s: float) -> None:
        self.slowest_s = max(self.slowest_s, took_s)
        if took_s > self.stall_s:
            self.stalls += 1
            self.is_silenced = self.is_silenced or self._are_many(self._stalls_s)
            took_ms, allowed_ms = round(took_s * 1000), round(self.stall_s * 1000)
            self._fault(what, f"it held everything up for {took_ms} ms, allowed are {allowed_ms}")

    def _fault(self, what: str, why: str) -> PluginFault:
        self.faults += 1
        self.last_fault = f"{what}: {why}"[:WHY_CHARACTERS_MAX]
        self.is_off = self._are_many(self._faults_s) or self.is_off
        if self.tell is not None:
            self.tell(what, self.last_fault, self.is_off)
        return PluginFault(VENUE.value, f"plugin {self.name}: {self.last_fault}")

    def _are_many(self, times_s: deque[float]) -> bool:
        """Whether one more, now, makes as many as are allowed."""
        now_s = self.now_s()
        times_s.append(now_s)
        while times_s[0] < now_s - FAULT_WINDOW_S:
            times_s.popleft()
        return len(times_s) >= self.faults_max


def _why(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 (its own text is code of the plugin too)
        text = type(error).__name__
    return text[: WHY_CHARACTERS_MAX - len(place)] + place


@attrs.frozen
class GuardedVenue:
    """A loaded plugin: gives codecs of which every call is guarded."""

    plugin: VenuePlugin
    guard: PluginGuard
    symbol: Symbol
    limits: VenueLimits

    def public_codec(self, symbol: Symbol) -> PublicCodec:
        """A new guarded codec; raises PluginFault."""
        codec = self._made("public", PublicCodec, symbol, self.plugin.public)
        return cast("PublicCodec", codec)

    def private_codec(self, symbol: Symbol, signer: Signer) -> PrivateCodec:
        """A new guarded codec, of a venue without anything that is not every venue's; raises PluginFault."""
        codec = self._made("private", SpotPrivateCodec, symbol, self.plugin.private, signer)
        codec.capabilities, codec.fee_coin = Capability.NONE, ""
        return cast("PrivateCodec", codec)

    def _made(self, what: str, protocol: type, symbol: Symbol, make: Callable[..., Any], *given: object) -> _Guarded:
        if symbol != self.symbol:
            raise PluginFault(VENUE.value, f"plugin {self.guard.name} was loaded for {self.symbol}, not for {symbol}")
        names = method_names(protocol)
        made = self.guard.call(what, make, lambda codec, *_: _codec_problem(codec, names), given)
        return _Guarded(made, self.guard, protocol, symbol)


class _Guarded:
    """A codec of a plugin: the methods of its protocol, each behind the guard."""

    capabilities: Capability
    fee_coin: str
    kept: Kept

    def __init__(self, codec: Any, guard: PluginGuard, protocol: type, symbol: Symbol) -> None:
        self.venue, self.symbol = VENUE, symbol
        self.ping_interval_s = float(codec.ping_interval_s)
        self.kept = getattr(codec, "kept", Kept())
        for name in method_names(protocol):
            setattr(self, name, _guarded(name, getattr(codec, name), guard, protocol, symbol))


def _guarded(
    name: str, method: Callable[..., Any], guard: PluginGuard, protocol: type, symbol: Symbol
) -> Callable[..., Any]:
    check = _check(protocol, name, symbol)
    resolves = name in _STILL_ASKED[protocol] if protocol in _STILL_ASKED else name != "place_request"

    def call(*arguments: Any) -> Any:
        return guard.call(name, method, check, arguments, resolves=resolves)

    return call


def method_names(protocol: type) -> tuple[str, ...]:
    """The methods of a codec's protocol."""
    return tuple(name for name, found in vars(protocol).items() if callable(found) and not name.startswith("_"))


def _codec_problem(codec: Any, names: tuple[str, ...]) -> str:
    missing = [name for name in names if not callable(getattr(codec, name, None))]
    if missing:
        return f"a codec without {', '.join(missing)}"
    ping_s = getattr(codec, "ping_interval_s", None)
    if type(ping_s) not in (float, int) or not PING_S_LEAST <= cast("float", ping_s) <= PING_S_MOST:
        return f"ping_interval_s {ping_s!r}; seconds, {PING_S_LEAST:.0f} to {PING_S_MOST:.0f}"
    kept = getattr(codec, "kept", Kept())
    if type(kept) is not Kept or any(type(ms) is not int or ms < DAY_MS for ms in (kept.trades_ms, kept.finished_ms)):
        return f"kept {kept!r}; a Kept of whole ms, a day ({DAY_MS}) at least"
    return ""


def _check(protocol: type, name: str, symbol: Symbol) -> Callable[..., str]:
    kind = _DECODED[protocol] if name == "decode" else get_type_hints(getattr(protocol, name))["return"]
    shape = check_of(kind, VENUE, symbol)
    rule = _RULES.get(name)

    def check(value: Any, *arguments: Any) -> str:
        if wrong := shape(value):
            return wrong
        if kind is Request or kind == tuple[Request, ...]:
            for request in (value,) if kind is Request else value:
                if wrong := _request_problem(name, request):
                    return wrong
        return rule(value, *arguments) if rule is not None else ""

    return check


def _request_problem(name: str, request: Request) -> str:
    """Nothing leaves by a read that could change something, and no write spends the budget of reads."""
    budget = _WRITES.get(name)
    if budget is None:
        is_read = request.method == "GET" and request.budget in (RequestClass.PUBLIC, RequestClass.READ)
        return "" if is_read else f"{request.method} with the budget {request.budget.value}, of a read"
    is_write = request.method in ("POST", "PUT", "DELETE") and request.budget is budget
    return "" if is_write else f"{request.method} with the budget {request.budget.value}, not {budget.value}"


def _carries_its_id(request: Request, intent: OrderIntent, *_: object) -> str:
    """Without it a lost answer could not be resolved, and an order of ours not be told from another's."""
    name = intent.client_order_id.encode()
    return "" if name in request.target.encode() or name in request.body else "a create without our client order id"


def _is_of(report: Any, _reply: object, intent: OrderIntent) -> str:
    told = (report.client_order_id, report.side)
    wanted = (intent.client_order_id, intent.side)
    return "" if told == wanted else f"created {wanted[0]}, told of {told[0]!r}"


def _moment(value: int, *_: object) -> str:
    return "" if value > 0 else "a time before 1970"


def _page_size(value: int, *_: object) -> str:
    return "" if value >= 1 else "a page without rows"


_RULES: dict[str, Callable[..., str]] = {
    "place_request": _carries_its_id, "placed": _is_of, "server_time_ms": _moment, "trades_page_size": _page_size,
}
