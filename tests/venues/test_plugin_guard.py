"""Whatever a venue plugin does is its own fault, named, and nothing that it returns wrongly gets any further."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest

from dnbot.domain.account import AccountFacts, Balance
from dnbot.domain.book import BookDelta, BookSnapshot
from dnbot.domain.errors import FrameUnreadable, PluginFault, VenueError
from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.market import BookTop, FundingRate, MarkPrice, PublicTrade, Ticker
from dnbot.domain.order import Fill, OrderIntent, OrderReport, OrderStatus, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.venues import wire
from dnbot.venues.guarded import FAULT_WINDOW_S, GuardedVenue, PluginGuard, method_names
from dnbot.venues.plugin import VENUE, VenueLimits
from dnbot.venues.shapes import check_of

BTC = Symbol("BTC", "USDT")
ONE = Decimal(1)
GET = wire.Request(method="GET", target="/x")
CREATE = wire.Request(method="POST", target="/o?id=dnb-1-1", budget=wire.RequestClass.CREATE)
CANCEL = wire.Request(method="DELETE", target="/o/1", budget=wire.RequestClass.CANCEL)
REPLY = wire.Reply(status=200, headers={}, body=b"")
INSTRUMENT = Instrument(venue=VENUE, symbol=BTC, tick_size=ONE, lot_size=ONE)
FEES = FeeSchedule(venue=VENUE, maker=ONE / 1000, taker=ONE / 1000)
SNAPSHOT = BookSnapshot(venue=VENUE, update_id=1, bids=((ONE, ONE),), asks=((ONE * 2, ONE),))
DELTA = BookDelta(venue=VENUE, first_id=1, last_id=2, bids=((ONE, ONE),), asks=())
FILL = Fill(
    venue=VENUE, symbol=BTC, trade_id="t", venue_order_id="o", client_order_id="", side=Side.BUY, price=Price(ONE),
    quantity=Quantity(ONE), fee=ONE, fee_asset="USDT", traded_at_ns=1,
)
REPORT = OrderReport(
    venue=VENUE, venue_order_id="o", client_order_id="dnb-1-1", side=Side.BUY, price=Price(ONE), quantity=Quantity(ONE),
    filled=Quantity(ONE), status=OrderStatus.FILLED,
)
INTENT = OrderIntent(
    client_order_id="dnb-1-1", epoch=1, venue=VENUE, symbol=BTC, side=Side.BUY, quantity=Quantity(ONE),
    price=Price(ONE), purpose=Purpose.ENTRY, created_at_ns=1, expires_at_ns=2,
)
FACTS = AccountFacts(venue=VENUE, user_id="1", mode="spot", problem=None)
RIGHT: dict[str, Any] = {
    "instrument_requests": (GET,), "instrument": INSTRUMENT, "server_time_request": GET, "server_time_ms": 7,
    "snapshot_request": GET, "snapshot": SNAPSHOT, "stream_target": "/s", "stream_headers": (("a", "b"),),
    "subscribe_frames": ("{}",), "ping_frame": "{}", "decode": (wire.Delta(DELTA),), "trouble": None,
    "learn_instrument": None, "facts_requests": (GET,), "facts": FACTS, "fees_requests": (GET,), "fees": FEES,
    "balances_request": GET, "balances": (Balance(VENUE, "BTC", ONE, ONE),), "open_orders_request": GET,
    "finished_orders_request": GET, "orders": (REPORT,), "trades_request": GET, "trades": (FILL,),
    "trades_page_size": 100, "place_request": CREATE, "placed": REPORT, "order_request": GET, "order": REPORT,
    "cancel_request": CANCEL,
}
GIVEN: dict[str, tuple[Any, ...]] = {"place_request": (INTENT, 1, 2), "placed": (REPLY, INTENT)}


class Codec:
    """Returns for each method what the test wants of it; a callable is called."""

    def __init__(self, returns: dict[str, Any]) -> None:
        self.ping_interval_s = returns.pop("ping_interval_s", 10.0)
        if "kept" in returns:
            self.kept = returns.pop("kept")
        for name, value in returns.items():
            setattr(self, name, lambda *given, value=value: value(*given) if callable(value) else value)


class Plugin:
    """Both domains from one table."""

    protocol = 1
    limits = VenueLimits((1, 1), (1, 1), (1, 1))
    fake = ""

    def __init__(self, **changed: Any) -> None:
        self.returns = RIGHT | changed

    def public(self) -> Any:
        return Codec({name: self.returns[name] for name in method_names(wire.PublicCodec)} | self._more())

    def private(self, _signer: Any) -> Any:
        returns = {"decode": (wire.FillNews(FILL),)} if self.returns["decode"] == RIGHT["decode"] else {}
        wanted = {name: self.returns[name] for name in method_names(wire.SpotPrivateCodec)}
        return Codec(wanted | returns | self._more())

    def _more(self) -> dict[str, Any]:
        return {name: self.returns[name] for name in ("ping_interval_s", "kept") if name in self.returns}


class Watch:
    """A clock that a test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def guarded(plugin: Any, watch: Watch | None = None, **more: Any) -> GuardedVenue:
    """A venue that allows a tenth of a second and five faults."""
    options: dict[str, Any] = {"stall_s": 0.1, "faults_max": 5} | more
    return GuardedVenue(plugin, PluginGuard("example", watch or Watch(), **options), BTC, plugin.limits)


def asked(venue: GuardedVenue, protocol: type, name: str) -> Any:
    """One method of a new codec, called as the bot does."""
    signer: Any = None
    codec = venue.public_codec(BTC) if protocol is wire.PublicCodec else venue.private_codec(BTC, signer)
    return getattr(codec, name)(*GIVEN.get(name, (REPLY,)))


BOTH = (wire.PublicCodec, wire.SpotPrivateCodec)
METHODS = [(protocol, name) for protocol in BOTH for name in method_names(protocol)]
ERRORS = [ValueError("boom"), SystemExit(3), RecursionError(), VenueError.__new__(FrameUnreadable)]


@pytest.mark.parametrize(("protocol", "name"), METHODS)
def test_what_is_right_passes(protocol: type, name: str) -> None:
    """Every method of both protocols, with the value that it was given."""
    venue = guarded(Plugin())
    found = asked(venue, protocol, name)
    assert found == (RIGHT[name] if (protocol, name) != (wire.SpotPrivateCodec, "decode") else (wire.FillNews(FILL),))
    assert (venue.guard.faults, venue.guard.calls) == (0, 2)


@pytest.mark.parametrize(("protocol", "name"), METHODS)
@pytest.mark.parametrize("error", ERRORS)
def test_what_is_raised_is_named_and_no_crash(protocol: type, name: str, error: BaseException) -> None:
    """An exception, an exit: the fault has plugin, call and kind. The word of a codec on a bad frame is no fault."""

    def boom(*_given: Any) -> None:
        raise error

    venue = guarded(Plugin(**{name: boom}))
    expected = FrameUnreadable if isinstance(error, FrameUnreadable) else PluginFault
    with pytest.raises(expected) as raised:
        asked(venue, protocol, name)
    if expected is PluginFault:
        assert f"plugin example: {name}: {type(error).__name__}" in str(raised.value)
    assert venue.guard.faults == (expected is PluginFault)


def changed(one: Any, **fields: Any) -> Any:
    """A word with something wrong in it, past every check of its own."""
    return msgspec.structs.replace(one, **fields)


WRONG: list[tuple[str, Any, str]] = [
    ("instrument", None, "a NoneType, not a Instrument"),
    ("instrument", changed(INSTRUMENT, lot_size=Decimal(0)), "tick or lot"),
    ("instrument", changed(INSTRUMENT, tick_size=Decimal("NaN")), "Instrument.tick_size: a number that is not finite"),
    ("instrument", changed(INSTRUMENT, tick_size=1.0), "Instrument.tick_size: a float, not a Decimal"),
    ("instrument", changed(INSTRUMENT, venue=Venue.GATE_SPOT), "Instrument.venue"),
    ("instrument", changed(INSTRUMENT, symbol=Symbol("ETH", "USDT")), "not BTC/USDT"),
    ("instrument", changed(INSTRUMENT, multiplier=Decimal(2)), "multiplier"),
    ("instrument", changed(INSTRUMENT, min_notional=Decimal(-1)), "least order"),
    ("instrument", changed(INSTRUMENT, max_quantity=Decimal(0)), "a most"),
    ("server_time_ms", True, "a bool, not a int"),
    ("server_time_ms", 0, "before 1970"),
    ("snapshot", changed(SNAPSHOT, bids=((ONE, ONE, ONE),)), "not a tuple of 2"),
    ("snapshot", changed(SNAPSHOT, bids=[(ONE, ONE)]), "a list, not a tuple"),
    ("snapshot", changed(SNAPSHOT, bids=((-ONE, ONE),)), "a level that is none"),
    ("snapshot", changed(SNAPSHOT, bids=((ONE * 2, ONE),)), "crossed"),
    ("stream_target", b"/s", "a bytes, not a str"),
    ("stream_headers", (("a",),), "not a tuple of 2"),
    ("decode", [], "a list, not a tuple"),
    ("decode", (DELTA,), "a BookDelta, not Delta"),
    ("decode", (wire.Delta(changed(DELTA, first_id=3)),), "ends before it begins"),
    ("decode", (MarkPrice(VENUE, ONE, ONE, 1),), "a MarkPrice, not"),
    ("decode", (FundingRate(VENUE, ONE, 1, 1),), "a FundingRate, not"),
    ("decode", (PublicTrade(VENUE, ONE, Decimal(0), True, 1),), "not above zero"),
    ("decode", (BookTop(VENUE, Decimal(0), None, 1),), "not above zero"),
    ("decode", (Ticker(VENUE, Decimal(0), ONE, 1),), "not above zero"),
    ("trouble", "no", "a str, not AskedTooOften | Refused | Unclear | NoneType"),
    ("trouble", wire.AskedTooOften(float("nan"), ""), "not a finite number"),
    ("trouble", wire.AskedTooOften(-1.0, ""), "a wait below zero"),
    ("fees", changed(FEES, taker=Decimal(5)), "no fraction"),
    ("facts", changed(FACTS, problem=""), "a problem without words"),
    ("balances", (Balance(VENUE, "BTC", ONE, ONE * 2),), "more available"),
    ("trades", (changed(FILL, quantity=Quantity(Decimal(0))),), "not above zero"),
    ("trades", (changed(FILL, trade_id=""),), "no trade id"),
    ("trades", (changed(FILL, side="buy"),), "Fill.side: a str, not a Side"),
    ("orders", (changed(REPORT, status=OrderStatus.AMBIGUOUS),), "a status that no venue reports"),
    ("orders", (changed(REPORT, filled=Quantity(ONE * 2)),), "cannot be"),
    ("trades_page_size", 0, "without rows"),
    ("placed", changed(REPORT, client_order_id="dnb-9-9"), "told of 'dnb-9-9'"),
    ("placed", changed(REPORT, side=Side.SELL), "told of"),
    # what would go round the budgets, one-send and the gate
    ("balances_request", CREATE, "POST with the budget create, of a read"),
    ("instrument_requests", (GET, CANCEL), "DELETE with the budget cancel, of a read"),
    ("order_request", changed(GET, budget=wire.RequestClass.CREATE), "GET with the budget create, of a read"),
    ("place_request", changed(CREATE, budget=wire.RequestClass.READ), "POST with the budget read, not create"),
    ("place_request", changed(CREATE, method="GET"), "GET with the budget create, not create"),
    ("place_request", changed(CREATE, target="/o"), "without our client order id"),
    ("cancel_request", changed(CANCEL, budget=wire.RequestClass.PUBLIC), "not cancel"),
    ("snapshot_request", changed(GET, target="x"), "no path"),
    ("snapshot_request", changed(GET, target="/x\r\nHost: y"), "no path"),
    ("snapshot_request", changed(GET, headers=(("a", "b\r\nc: d"),)), "more than one line"),
    ("snapshot_request", changed(GET, weight=0), "weight"),
]


@pytest.mark.parametrize(("name", "value", "why"), WRONG)
def test_what_is_wrong_is_refused(name: str, value: Any, why: str) -> None:
    """Each with a sentence that says where and what; the bot is given none of it."""
    protocol = wire.PublicCodec if name in method_names(wire.PublicCodec) else wire.SpotPrivateCodec
    venue = guarded(Plugin(**{name: value}))
    with pytest.raises(PluginFault) as raised:
        asked(venue, protocol, name)
    assert why in str(raised.value)
    assert f"MEXC_SPOT: plugin example: {name}: " in str(raised.value)


@pytest.mark.parametrize("message", [wire.PositionReport(VENUE, ONE, ONE, None, None, None, None, None, 1)])
def test_what_only_the_perpetual_says_is_not_taken_from_a_spot_venue(message: Any) -> None:
    """It would be folded into the position."""
    with pytest.raises(PluginFault, match="a PositionReport, not"):
        asked(guarded(Plugin(decode=(message,))), wire.SpotPrivateCodec, "decode")


@pytest.mark.parametrize("ping_s", [0.5, 31, "10", None, True])
def test_a_codec_that_is_none_is_refused_when_it_is_made(ping_s: Any) -> None:
    """A ping that would be too rare to be heard, and a method that is not there."""
    with pytest.raises(PluginFault, match="ping_interval_s"):
        guarded(Plugin(ping_interval_s=ping_s)).public_codec(BTC)
    plugin: Any = Plugin()
    plugin.public = object
    with pytest.raises(PluginFault, match="without instrument_requests"):
        guarded(plugin).public_codec(BTC)
    with pytest.raises(PluginFault, match="loaded for BTC/USDT, not for ETH/USDT"):
        guarded(Plugin()).public_codec(Symbol("ETH", "USDT"))


def test_a_plugin_says_how_far_back_its_venue_lists() -> None:
    """Or everything is taken to be listed; what makes no sense is refused."""
    signer: Any = None
    week = wire.Kept(trades_ms=7 * wire.DAY_MS)
    assert guarded(Plugin()).private_codec(BTC, signer).kept == wire.Kept()
    assert guarded(Plugin(kept=week)).private_codec(BTC, signer).kept == week
    for wrong in (7, None, wire.Kept(finished_ms=-1), wire.Kept(trades_ms=cast("int", 1e9))):
        with pytest.raises(PluginFault, match="a Kept of whole ms, a day"):
            guarded(Plugin(kept=wrong)).private_codec(BTC, signer)


def test_after_so_many_faults_it_is_off() -> None:
    """The third within ten minutes switches it off, and each is told; then nothing is ordered through it."""
    told: list[tuple[str, str, bool]] = []
    called: list[int] = []

    def boom(*_given: Any) -> None:
        called.append(1)
        raise KeyError("x")

    venue = guarded(Plugin(snapshot=boom), faults_max=3)
    venue.guard.tell = lambda *said: told.append(said)
    codec = venue.public_codec(BTC)
    for _ in range(5):
        with pytest.raises(PluginFault):
            codec.snapshot(REPLY)
    assert len(called) == 3
    assert [is_off for _, _, is_off in told] == [False, False, True]
    assert all(what == "snapshot" and "KeyError: 'x' (test_plugin_guard.py:" in why for what, why, _ in told)
    with pytest.raises(PluginFault, match="plugin example is off: snapshot: KeyError"):
        codec.ping_frame(1)


@pytest.mark.parametrize(("protocol", "name"), METHODS)
def test_what_became_of_our_orders_is_asked_of_one_that_is_off(protocol: type, name: str) -> None:
    """No market, no create; the account's lists, stream and cancels are, until it has stalled as often."""
    venue, signer = guarded(Plugin(snapshot=1), faults_max=1), None
    public, private = venue.public_codec(BTC), venue.private_codec(BTC, signer)  # type: ignore[arg-type]
    with pytest.raises(PluginFault):
        public.snapshot(REPLY)
    codec = public if protocol is wire.PublicCodec else private
    is_market = protocol is wire.PublicCodec and name not in ("server_time_request", "server_time_ms", "trouble")
    if is_market or name == "place_request":
        with pytest.raises(PluginFault, match="is off"):
            getattr(codec, name)(*GIVEN.get(name, (REPLY,)))
    else:
        getattr(codec, name)(*GIVEN.get(name, (REPLY,)))
    venue.guard.is_silenced = True
    with pytest.raises(PluginFault, match="is off"):
        getattr(codec, name)(*GIVEN.get(name, (REPLY,)))


def test_faults_of_long_ago_do_not_count() -> None:
    """A frame a day that a plugin cannot read must not end it."""
    watch = Watch()
    venue = guarded(Plugin(snapshot=1), watch, faults_max=3)
    codec = venue.public_codec(BTC)
    for _ in range(6):
        watch.now_s += FAULT_WINDOW_S / 2 + 1
        with pytest.raises(PluginFault):
            codec.snapshot(REPLY)
    assert (venue.guard.faults, venue.guard.is_off) == (6, False)


def test_a_stall_is_measured_named_and_in_the_end_the_last() -> None:
    """A right answer that came too late is used; so many of them are as many faults."""
    watch = Watch()

    def late(_reply: Any) -> int:
        watch.now_s += 0.25
        return 7

    venue = guarded(Plugin(server_time_ms=late), watch, faults_max=2)
    codec = venue.public_codec(BTC)
    assert codec.server_time_ms(REPLY) == 7
    assert venue.guard.last_fault == "server_time_ms: it held everything up for 250 ms, allowed are 100"
    assert (venue.guard.stalls, venue.guard.slowest_s, venue.guard.is_off) == (1, 0.25, False)
    assert codec.server_time_ms(REPLY) == 7
    assert (venue.guard.is_off, venue.guard.is_silenced) == (True, True)
    with pytest.raises(PluginFault, match="is off: server_time_ms: it held everything up"):
        codec.server_time_ms(REPLY)


def test_a_person_who_interrupts_is_no_fault() -> None:
    """Ctrl-C in a call of the plugin ends the program as it would anywhere."""

    def interrupted(*_given: Any) -> None:
        raise KeyboardInterrupt

    venue = guarded(Plugin(snapshot=interrupted))
    with pytest.raises(KeyboardInterrupt):
        venue.public_codec(BTC).snapshot(REPLY)
    assert venue.guard.faults == 0


def test_an_error_that_cannot_be_told_is_told_by_its_kind() -> None:
    """Its text is code of the plugin too."""

    class Mean(Exception):
        def __str__(self) -> str:
            raise ValueError

    def boom(*_given: Any) -> None:
        raise Mean

    with pytest.raises(PluginFault, match="snapshot: Mean"):
        guarded(Plugin(snapshot=boom)).public_codec(BTC).snapshot(REPLY)


def test_there_is_a_check_for_every_type_that_a_signature_has() -> None:
    """A type without one would be let through, so it is refused when the check is made."""
    with pytest.raises(TypeError, match="no check for"):
        check_of(dict[str, int], VENUE, BTC)
    numbers: list[tuple[Any, Any, bool]] = [
        (float, 1, True), (float, 1.5, True), (float, "1", False), (bytes, b"", True),
    ]
    judged: list[Callable[[object], str]] = [check_of(kind, VENUE, BTC) for kind, _, _ in numbers]
    assert [not check(value) for check, (_, value, _) in zip(judged, numbers, strict=True)] == [
        right for _, _, right in numbers
    ]
