"""One venue's REST as tasks use it: budgets, deadlines, kinds of no."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.domain.errors import AuthenticationFailed, RequestNotSent, VenueRefused, VenueThrottled, VenueUnreachable
from dnbot.domain.instrument import Venue
from dnbot.ports.limiter import Priority
from dnbot.tasks.budgets import account_reads
from dnbot.tasks.link import Line
from dnbot.venues.wire import AskedTooOften, Refused, Request, RequestClass, Unclear

READ = Request(method="GET", target="/x", budget=RequestClass.READ)


@attrs.define
class Named:
    """A client that only says which one it is."""

    inner: Any
    name: str
    used: list[str]

    async def request(self, *args: Any, **more: Any) -> Any:
        self.used.append(self.name)
        return await self.inner.request(*args, **more)


@pytest.mark.parametrize(
    ("word", "error"),
    [
        (AskedTooOften(3.0, "slow"), VenueThrottled), (Refused("X", "no"), VenueRefused),
        (Refused("X", "no", authentication=True), AuthenticationFailed), (Unclear("HTTP 502"), VenueUnreachable),
    ],
)
async def test_a_read_raises_the_kind_of_no(autojump_clock: Any, kit: Any, word: Any, error: type[Exception]) -> None:
    """Each verdict of the codec has its error."""
    kit.script.answers["GET /x"] = [word]
    with pytest.raises(error):
        await kit.line().read(kit.codec, READ)


async def test_a_throttled_class_pauses(autojump_clock: Any, kit: Any) -> None:
    """The next request of that class waits for what the venue asked, one of another class does not."""
    kit.script.answers |= {"GET /x": [AskedTooOften(3.0, "slow"), "fine"], "GET /time": [1]}
    line = kit.line()
    with pytest.raises(VenueThrottled):
        await line.read(kit.codec, READ)
    began_s = trio.current_time()
    await line.read(kit.codec, kit.codec.server_time_request())
    assert trio.current_time() - began_s < 0.1
    await line.read(kit.codec, READ)
    assert trio.current_time() - began_s >= 2.9


async def test_reads_of_an_account_have_a_limit_of_their_own(autojump_clock: Any, kit: Any) -> None:
    """MEXC allows two a second, whatever room reads have otherwise; others do not wait for it. Gate has none."""
    kit.script.answers["GET /x"] = ["fine"]
    line = kit.changed_line(kit.line(), account_reads=account_reads(Venue.MEXC_SPOT))
    left_s: list[float] = []
    kit.script.on_request = lambda _name: left_s.append(trio.current_time())
    for _ in range(5):
        await line.read(kit.codec, msgspec.structs.replace(READ, reads_account=True))
    assert left_s[1] - left_s[0] < 0.1
    assert all(later - first >= 1.0 for first, later in zip(left_s, left_s[2:], strict=False))
    began_s = trio.current_time()
    await line.read(kit.codec, READ)
    assert trio.current_time() - began_s < 0.1
    assert account_reads(Venue.GATE_SPOT) is None


async def test_patience_is_for_the_budget_alone(autojump_clock: Any, kit: Any) -> None:
    """Reads that many make at once may queue for their budget; what the venue then takes has its deadline as ever."""
    kit.script.answers["GET /x"] = ["fine"]
    line = kit.changed_line(kit.line(rate_per_s=1, burst=10), patience_s=60.0)
    answered_s: list[float] = []

    async def read() -> None:
        await line.read(kit.codec, READ)
        answered_s.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(read)
    assert len(answered_s) == 40
    assert max(answered_s) > 30, "longer than the deadline of a read"
    kit.script.took_s = 6.0
    deadlines: list[float] = []
    inner = kit.script.request

    async def request(*args: Any, deadline_s: float, **more: Any) -> Any:
        deadlines.append(deadline_s)
        return await inner(*args, deadline_s=deadline_s, **more)

    client = attrs.make_class("Client", {"request": attrs.field()})(request)
    line = kit.changed_line(line, clients={RequestClass.READ: client})
    await line.read(kit.codec, READ)
    assert deadlines == [pytest.approx(5.0)]


async def test_what_waited_for_its_budget_is_signed_when_it_leaves(autojump_clock: Any, kit: Any) -> None:
    """A venue refuses a signature of some seconds ago; the budget's wait may be longer than that. What need not wait is
    signed once."""
    kit.script.answers["GET /x"] = ["fine"]
    line = kit.line(rate_per_s=0.1, burst=2)
    signed_ms: list[int] = []

    def signed_at(now_ms: int) -> Request:
        signed_ms.append(now_ms)
        return READ

    began_ms, began_s = line.venue_now_ms(), trio.current_time()
    await line.read(kit.codec, msgspec.structs.replace(READ, signed_at=signed_at))
    assert signed_ms == []
    await line.read(kit.codec, msgspec.structs.replace(READ, signed_at=signed_at))
    waited_s = trio.current_time() - began_s
    assert waited_s > 9
    assert signed_ms == [pytest.approx(began_ms + waited_s * 1000, abs=2)]


async def test_waiting_for_a_budget_counts_against_the_deadline(autojump_clock: Any, kit: Any) -> None:
    """A request that would wait longer than its deadline never leaves."""
    line = kit.line(rate_per_s=0.1, burst=2)
    kit.script.answers["GET /x"] = ["fine"]
    await line.ask(READ, deadline_s=1.0)
    began_s = trio.current_time()
    with pytest.raises(RequestNotSent, match="read budget"):
        await line.ask(READ, deadline_s=1.0)
    assert trio.current_time() - began_s == pytest.approx(1.0)
    assert kit.script.count("GET /x") == 1


async def test_ways_out_have_a_connection_of_their_own(autojump_clock: Any, kit: Any) -> None:
    """What leads out leaves on the cancels' client, whatever its budget."""
    used: list[str] = []
    plain = kit.line()
    clients = {budget: Named(kit.script, budget.value, used) for budget in RequestClass}
    line = Line(plain.venue, clients, plain.budgets, plain.clock)  # type: ignore[arg-type]
    kit.script.answers |= {"POST /order": ["fine"], "GET /x": ["fine"]}
    create = kit.codec.place_request(None, 0, 0)
    await line.ask(create, deadline_s=1.0)
    await line.ask(create, priority=Priority.RESERVED, deadline_s=1.0)
    await line.ask(READ, deadline_s=1.0)
    assert used == ["create", "cancel", "read"]


async def test_an_unmeasured_clock_raises(autojump_clock: Any, kit: Any) -> None:
    """No request is stamped with a guess."""
    line = kit.line()
    kit.venue_clock._offsets.clear()
    with pytest.raises(VenueUnreachable, match="clock"):
        line.venue_now_ms()
