"""The private task of one venue: who we are, a stream that is proven, its key, and the venue's clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.domain.account import Balance, PositionReport
from dnbot.domain.errors import FrameUnreadable, VenueRefused, VenueThrottled, VenueUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import (
    BalanceChanged,
    FeesChanged,
    FillReported,
    OrderReported,
    PositionChanged,
    SessionDown,
    SessionUp,
)
from dnbot.ports.channels import Cell
from dnbot.tasks import session as session_module
from dnbot.tasks.session import (
    CLOCK_EVERY_S,
    CLOCK_SAMPLES_FIRST,
    FEES_EVERY_S,
    LISTEN_KEY_RENEW_S,
    PROBLEM_S,
    SUBSCRIBE_S_MAX,
    Session,
)
from dnbot.venues.wire import (
    AskedTooOften,
    Capability,
    FillNews,
    OrderNews,
    Refused,
    Subscribed,
    SubscriptionRefused,
    UnknownFrame,
)

GS = Venue.GATE_SPOT


@attrs.define
class Bench:
    """A session on a scripted venue."""

    kit: Any
    session: Session
    inbox: Any
    told: list[Any] = attrs.field(factory=list)

    @property
    def socket(self) -> Any:
        return self.kit.sockets[-1]

    async def run(self, story: Callable[[], Awaitable[None]], *, ack: bool = True) -> list[Any]:
        """Run the session while the story is told; everything that the machine got."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.session.run)
            await trio.sleep(0.1)
            if ack and self.kit.sockets:
                self.ack()
                await trio.sleep(0.01)
            await story()
            nursery.cancel_scope.cancel()
        return self.all()

    def ack(self) -> None:
        self.socket.say(Subscribed("login"))
        self.socket.say(Subscribed("orders"), Subscribed("fills"))

    def all(self) -> list[Any]:
        self.told += self.kit.drain(self.inbox)
        return self.told


@pytest.fixture
def bench(kit: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    """A session whose venue answers everything."""

    def make(capabilities: Capability = Capability.NONE) -> Bench:
        monkeypatch.setattr(session_module, "open_websocket", kit.open_websocket)
        kit.codec.capabilities = capabilities

        async def time_ms() -> int:
            return int(kit.clock.now_ns() // 1_000_000 + 700)

        kit.script.answers = {
            "GET /facts": [kit.facts()], "GET /fees": [kit.fee_schedule()], "GET /time": [time_ms],
            "POST /key": ["key-1"], "PUT /key": ["key-1"], "DELETE /key": ["key-1"], "POST /leverage/2/cross": [None],
        }
        kit.instrument_cell.put(kit.instrument())
        inbox, line = kit.pipe(), kit.line()
        session = Session(
            kit.codec, kit.codec, line, kit.opener, "wss://stub", inbox[0], kit.instrument_cell, kit.fees_cell,
            kit.log, 2, "cross",
        )
        return Bench(kit, session, inbox[1])

    return make


async def wait(seconds: float = 0.1) -> None:
    await trio.sleep(seconds)


async def test_the_order_of_a_login(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Clock, facts, fees, then the stream; the machine hears of it when all subscriptions are acknowledged."""
    it = bench()

    async def story() -> None:
        assert kit.script.asked == ["GET /time"] * CLOCK_SAMPLES_FIRST + ["GET /facts", "GET /fees"]
        assert it.socket.sent == ["login", "orders", "fills"]
        assert it.all() == []
        it.socket.say(Subscribed("login"), Subscribed("orders"))
        await wait()
        assert it.all() == [], "one acknowledgement is missing"
        it.socket.say(Subscribed("fills"))
        await wait()
        assert it.all() == [SessionUp(venue=GS, facts=kit.facts(), fees=kit.fee_schedule())]

    await it.run(story, ack=False)
    assert kit.codec.instruments == [kit.instrument()]
    assert kit.fees_cell.value == kit.fee_schedule()
    assert it.session.connects == 1


async def test_it_waits_for_the_instrument(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Without lots and multiplier no fill could be read: nothing is asked before."""
    it = bench()
    it.session.instrument = Cell()

    async def story() -> None:
        assert kit.script.asked == []

    await it.run(story, ack=False)


async def test_missing_acknowledgements_raise(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A subscription that is not acknowledged in time is no subscription."""
    it = bench()

    async def story() -> None:
        it.socket.say(Subscribed("login"))
        await wait(SUBSCRIBE_S_MAX + 1)

    with pytest.raises(ExceptionGroup) as caught:
        await it.run(story, ack=False)
    assert caught.group_contains(VenueUnreachable, match="2 subscriptions")
    assert it.all() == [SessionDown(venue=GS, why="the private stream ended")]


async def test_a_refused_subscription_raises(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """With the venue's own words."""
    it = bench()

    async def story() -> None:
        it.socket.say(SubscriptionRefused("orders", "bad key"))
        await wait()

    with pytest.raises(ExceptionGroup) as caught:
        await it.run(story, ack=False)
    assert caught.group_contains(VenueRefused, match="bad key")


async def test_every_private_word_reaches_the_machine(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Orders, fills, balances and positions in their order; unknown frames are counted."""
    it = bench()
    balance = Balance(GS, "USDT", Decimal(1), Decimal(1), 5)
    position = PositionReport(GS, Decimal(1), Decimal(1), None, None, None, None, None, 0)

    async def story() -> None:
        it.all()
        it.socket.say(OrderNews(kit.report()), FillNews(kit.fill()), balance, position, UnknownFrame("?"))
        await wait()

    told = await it.run(story)
    assert told[1:3] == [OrderReported(kit.report(), streamed=True), FillReported(kit.fill(), streamed=True)]
    assert isinstance(told[3], BalanceChanged)
    assert told[3].balance == balance
    assert isinstance(told[4], PositionChanged)
    assert told[4].position == position
    assert it.session.unknown == 1


async def test_fills_before_the_acknowledgement_are_kept(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A push that comes between login and the last acknowledgement is not lost."""
    it = bench()

    async def story() -> None:
        it.socket.say(Subscribed("login"), FillNews(kit.fill()))
        it.socket.say(Subscribed("orders"), Subscribed("fills"))
        await wait()

    told = await it.run(story, ack=False)
    assert [type(event).__name__ for event in told] == ["FillReported", "SessionUp", "SessionDown"]


async def test_a_full_inbox_makes_the_socket_wait(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Private events are never dropped."""
    it = bench()
    small = kit.pipe(2)
    it.session.inbox, it.inbox = small[0], small[1]

    async def story() -> None:
        for number in range(10):
            it.socket.say(FillNews(kit.fill(f"t{number}")))
        await wait()
        while (found := kit.drain(it.inbox)):
            it.told += found
            await wait(0.01)

    await it.run(story)
    assert [e.fill.trade_id for e in it.told if isinstance(e, FillReported)] == [f"t{n}" for n in range(10)]


async def test_the_end_of_the_stream_is_told(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """SessionDown leaves before the error does, also when it is cancelled."""
    it = bench()

    async def story() -> None:
        it.socket.hang_up()
        await wait(1)

    with pytest.raises(ExceptionGroup) as caught:
        await it.run(story)
    assert caught.group_contains(VenueUnreachable)
    assert [type(event).__name__ for event in it.all()] == ["SessionUp", "SessionDown"]


async def test_a_stream_that_is_given_up_ends_at_once_and_the_next_one_lives(
    autojump_clock: Any, kit: Any, bench: Any
) -> None:
    """The reason is told; it is that one stream's alone."""
    it = bench()

    async def story() -> None:
        it.session.reopen("it is mute")
        await wait()

    with pytest.raises(ExceptionGroup) as caught:
        await it.run(story)
    assert caught.group_contains(VenueUnreachable, match="it is mute")
    await it.run(wait)
    assert [type(event).__name__ for event in it.all()] == ["SessionUp", "SessionDown"] * 2


async def test_the_clock_is_measured_and_stays_measured(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The venue is 0.7 s ahead: known after the login, and measured again while the session lives."""
    it = bench()

    async def story() -> None:
        offset = it.session.line.clock.offset(GS.value).offset_ns
        assert offset is not None
        await wait(3 * CLOCK_EVERY_S + 1)

    await it.run(story)
    assert kit.script.count("GET /time") == CLOCK_SAMPLES_FIRST + 3


async def test_the_listen_key_lives_with_the_session(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Taken before the stream, part of its address, renewed on time, and dropped at the end."""
    it = bench(Capability.LISTEN_KEY)

    async def story() -> None:
        assert kit.urls == ["wss://stub/stream?key-1"]
        await wait(2 * LISTEN_KEY_RENEW_S + 1)
        assert kit.script.count("PUT /key") == 2
        assert kit.script.count("DELETE /key") == 0

    await it.run(story)
    assert kit.script.count("POST /key") == 1
    assert kit.script.count("DELETE /key") == 1


async def test_a_renewal_that_fails_ends_the_session(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A key that the venue does not know any more means a silent stream: begin anew."""
    it = bench(Capability.LISTEN_KEY)
    kit.script.answers["PUT /key"] = [Refused("730708", "unknown listen key")]
    with pytest.raises(ExceptionGroup) as caught:
        await it.run(lambda: wait(LISTEN_KEY_RENEW_S + 1))
    assert caught.group_contains(VenueRefused, match="unknown listen key")
    assert kit.script.count("DELETE /key") == 1


async def test_a_key_that_cannot_be_dropped_ends_nothing(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """It expires by itself."""
    it = bench(Capability.LISTEN_KEY)
    kit.script.answers["DELETE /key"] = [VenueUnreachable("stub", "gone")]
    told = await it.run(wait)
    assert isinstance(told[-1], SessionDown)


async def test_changed_fees_are_told(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Rates are read again each hour; what is new is in the cell, in the log, and with the machine, once."""
    it = bench()

    async def story() -> None:
        kit.script.answers["GET /fees"] = [kit.fee_schedule("0.002")]
        await wait(FEES_EVERY_S + 1)
        assert kit.fees_cell.value == kit.fee_schedule("0.002")
        await wait(FEES_EVERY_S)
        changed = FeesChanged(venue=kit.codec.venue, fees=kit.fee_schedule("0.002"))
        assert [event for event in it.all() if isinstance(event, FeesChanged)] == [changed]

    await it.run(story)
    kit.log.flush_now()
    assert [line["event"] for line in kit.lines.lines] == ["fees_changed"]


async def test_a_contract_of_another_unit_ends_the_session(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A new tick is learned in passing; of a new unit is counted from then on, and everything is read again."""
    it, finer = bench(), msgspec.structs.replace(kit.instrument(), tick_size=Decimal("0.01"))
    resized = msgspec.structs.replace(finer, multiplier=Decimal(10))

    async def story() -> None:
        kit.instrument_cell.put(finer)
        await wait()
        assert kit.codec.instruments == [kit.instrument(), finer]
        assert [type(event).__name__ for event in it.all()] == ["SessionUp"]
        kit.instrument_cell.put(resized)
        await wait()

    with pytest.raises(ExceptionGroup) as caught:
        await it.run(story)
    assert caught.group_contains(VenueUnreachable, match="a contract was 1 base units and is 10")
    assert kit.codec.instruments[-1] == resized
    assert [type(event).__name__ for event in it.all()] == ["SessionUp", "SessionDown"]


async def test_leverage_is_set_where_there_is_a_position(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """On the perpetual, and only on an account that may be used at all."""
    it = bench(Capability.POSITION)
    await it.run(wait)
    assert kit.script.count("POST /leverage/2/cross") == 1


async def test_a_problem_of_the_account_leaves_it_alone(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Nothing is changed on an account that the bot must refuse; the machine is told why."""
    it = bench(Capability.POSITION)
    kit.script.answers["GET /facts"] = [kit.facts("dual mode")]
    told = await it.run(wait)
    assert kit.script.count("POST /leverage/2/cross") == 0
    assert told[0].facts.problem == "dual mode"


async def test_a_problem_that_is_gone_opens_the_session_anew(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A symbol that was suspended when the session began: the account is looked at again, for as long as it is so."""
    it = bench()
    kit.script.answers["GET /facts"] = [kit.facts("suspended"), kit.facts("suspended"), kit.facts(None)]
    began_s = trio.current_time()
    with pytest.raises(ExceptionGroup) as caught:
        await it.run(lambda: wait(60))
    assert caught.group_contains(VenueUnreachable, match="the account is another: it may trade")
    assert 2 * PROBLEM_S <= trio.current_time() - began_s < 2 * PROBLEM_S + 1


async def test_an_account_that_gives_no_id_says_why(
    autojump_clock: Any, kit: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels that need the id cannot be had for a key without permission: its refusal is the reason that is told."""
    it = bench()
    problem = "account detail: Gate refused with FORBIDDEN no permission"
    kit.script.answers["GET /facts"] = [kit.changed(kit.facts(problem), user_id="")]

    def none_without_it(_codec: Any, _now_s: int, user_id: str) -> tuple[str, ...]:
        raise FrameUnreadable("stub", "no numeric user id", user_id)

    monkeypatch.setattr(type(kit.codec), "subscribe_frames", none_without_it)
    with pytest.raises(ExceptionGroup) as caught:
        await it.run(wait)
    assert caught.group_contains(VenueRefused, match="FORBIDDEN no permission")


async def test_facts_that_were_asked_for_too_often_wait_as_long_as_the_venue_says(
    autojump_clock: Any, kit: Any, bench: Any
) -> None:
    """The session that is opened anew a moment later asks for nothing of the account before."""
    it = bench()
    kit.script.answers["GET /facts"] = [AskedTooOften(8.0, "slow down"), kit.facts()]
    asked_s: list[float] = []
    kit.script.on_request = lambda name: asked_s.append(trio.current_time()) if name == "GET /facts" else None
    with pytest.raises(ExceptionGroup) as caught:
        await it.run(wait, ack=False)
    assert caught.group_contains(VenueThrottled)
    await it.run(lambda: wait(10.0), ack=False)
    assert len(asked_s) == 2
    assert asked_s[1] - asked_s[0] >= 8.0
