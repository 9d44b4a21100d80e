"""What became of an order: positive evidence at any time, absence only when it is complete, late and twice."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio

from dnbot.domain.errors import VenueUnreachable
from dnbot.domain.messages import FORGOTTEN, FillReported, OrderAnswered, OrderReported
from dnbot.domain.order import OrderStatus
from dnbot.tasks.accounts import OVERLAP_MS, PAGING_MS
from dnbot.tasks.resolver import CLOCK_SKEW_MS, Resolver
from dnbot.venues.wire import DAY_MS, AskedTooOften, Kept, Refused, Unclear

LAG_MS = 250
EMPTY: dict[str, list[Any]] = {"GET /open": [()], "GET /finished": [()], "GET /trades/0": [()]}


async def resolve(
    kit: Any, answers: dict[str, list[Any]], venue_id: str = "", deadline_s: float = 30.0, days: int = 0
) -> list[Any]:
    """Resolve `dnb-1-1` on a scripted venue, of so many days ago; what the machine was told."""
    kit.script.answers |= EMPTY | answers
    inbox = kit.pipe()
    resolver = Resolver(kit.codec, kit.line(), inbox[0], kit.clock, kit.log, LAG_MS, deadline_s)
    await resolver.resolve(aged(kit, days), venue_id)
    told: list[Any] = kit.drain(inbox[1])
    return told


def aged(kit: Any, days: int, name: str = "dnb-1-1") -> Any:
    """An intent of so many days ago."""
    intent, ago_ns = kit.intent(name), days * DAY_MS * 1_000_000
    return msgspec.structs.replace(
        intent, created_at_ns=intent.created_at_ns - ago_ns, expires_at_ns=intent.expires_at_ns - ago_ns
    )


async def test_found_in_the_finished_list(autojump_clock: Any, kit: Any) -> None:
    """Its end is told after one pass, and its trades with it."""
    told = await resolve(kit, {"GET /finished": [(kit.report(),)], "GET /trades/0": [(kit.fill(),)]})
    assert told == [OrderReported(kit.report()), FillReported(kit.fill())]
    assert trio.current_time() < 0.1


async def test_found_by_the_venues_id(autojump_clock: Any, kit: Any) -> None:
    """A known venue id is asked first; other people's rows are ignored."""
    told = await resolve(
        kit,
        {"GET /order/v1": [kit.report()], "GET /finished": [(kit.report("web-1", venue_id="v9"),)],
         "GET /trades/0": [(kit.fill("t1", ""), kit.fill("t2", "web-1", venue_id="v9"))]},
        "v1",
    )
    assert told == [OrderReported(kit.report()), FillReported(kit.fill("t1", ""))]


async def test_an_open_order_is_never_declared_absent(autojump_clock: Any, kit: Any) -> None:
    """Seen open past its expiry: it is watched until it ends, however often the other lists are empty."""
    still = kit.report(status=OrderStatus.OPEN, filled="0")
    told = await resolve(kit, {"GET /open": [(still,)] * 12 + [()], "GET /finished": [()] * 12 + [(kit.report(),)],
                               "GET /order/v1": [still]})
    assert told == [OrderReported(still)] * 12 + [OrderReported(kit.report())]
    assert trio.current_time() > 12 * LAG_MS / 1000


async def test_trades_alone_are_told_and_the_rest_is_decided_late(autojump_clock: Any, kit: Any) -> None:
    """A trade proves that it lived; that nothing of it rests is known only after its expiry."""
    told = await resolve(kit, {"GET /trades/0": [(kit.fill(),)]})
    assert told[0] == FillReported(kit.fill())
    assert [e.outcome for e in told if isinstance(e, OrderAnswered)] == ["no_effect"]
    assert trio.current_time() > (800 + CLOCK_SKEW_MS + LAG_MS) / 1000


async def test_absence_counts_after_expiry_and_twice(autojump_clock: Any, kit: Any) -> None:
    """Passes before expiry, skew and matching lag prove nothing; then two of them, one lag apart, do."""
    passes: list[float] = []

    async def trades() -> Any:
        passes.append(trio.current_time())
        return ()

    told = await resolve(kit, {"GET /trades/0": [trades]})
    assert [(type(e), e.outcome, e.code) for e in told] == [(OrderAnswered, "no_effect", "EXPIRED")]
    decidable_s = (800 + CLOCK_SKEW_MS + LAG_MS) / 1000
    late = [at for at in passes if at > decidable_s]
    assert len(late) == 2
    assert late[1] - late[0] >= LAG_MS / 1000
    assert len(passes) > 3


async def test_an_error_is_no_answer(autojump_clock: Any, kit: Any) -> None:
    """A pass with a failed list does not count, and the count goes on with complete ones only."""
    calls: list[float] = []

    async def flaky() -> Any:
        calls.append(trio.current_time())
        return VenueUnreachable("stub", "gone") if trio.current_time() < 3 else ()

    told = await resolve(kit, {"GET /finished": [flaky]})
    assert [e.outcome for e in told] == ["no_effect"]
    assert len([at for at in calls if at >= 3]) == 2


async def test_a_refusal_by_id_is_not_absence(autojump_clock: Any, kit: Any) -> None:
    """A venue forgets finished orders by their id: the lists decide."""
    unknown = Refused("ORDER_NOT_FOUND", "no such order", unknown_order=True)
    told = await resolve(kit, {"GET /order/v1": [unknown], "GET /finished": [(kit.report(),)]}, "v1")
    assert told == [OrderReported(kit.report())]


async def test_a_question_by_id_that_came_too_often_holds_the_lists_back(autojump_clock: Any, kit: Any) -> None:
    """They are read when the venue allows it again, and decide."""
    throttled = AskedTooOften(8.0, "slow down")
    told = await resolve(kit, {"GET /order/v1": [throttled], "GET /finished": [(kit.report(),)]}, "v1")
    assert told == [OrderReported(kit.report())]
    assert trio.current_time() >= 8.0


async def test_it_gives_up_at_its_deadline_without_a_verdict(autojump_clock: Any, kit: Any) -> None:
    """A venue that never answers completely leaves the order as it is: the machine asks again."""
    told = await resolve(kit, {"GET /open": [Unclear("HTTP 500")]}, deadline_s=5.0)
    assert told == []
    assert trio.current_time() == 5.0


async def test_one_resolution_at_a_time(autojump_clock: Any, kit: Any) -> None:
    """Asked again while it is under way, it does not start twice; afterwards it does."""
    kit.script.answers |= EMPTY | {"GET /finished": [(kit.report(),)]}
    inbox = kit.pipe()
    resolver = Resolver(kit.codec, kit.line(), inbox[0], kit.clock, kit.log, LAG_MS, 30.0)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(resolver.resolve, kit.intent(), "")
    assert kit.script.count("GET /open") == 1
    await resolver.resolve(kit.intent(), "")
    assert kit.script.count("GET /open") == 2


KEPT = Kept(trades_ms=28 * DAY_MS, finished_ms=7 * DAY_MS)
NOW_MS = 1_800_000_000_000


def verdicts(told: list[Any]) -> list[tuple[str, str]]:
    """Outcome and code of each answer."""
    return [(event.outcome, event.code) for event in told if isinstance(event, OrderAnswered)]


async def test_of_one_that_ended_before_the_list_begins_the_trades_decide(autojump_clock: Any, kit: Any) -> None:
    """Ended orders are asked for as far back as they are listed, trades from the intent on: that is complete."""
    kit.codec.kept = KEPT
    told = await resolve(kit, {"GET /trades/0": [(kit.fill(),)]}, days=8)
    assert told[0] == FillReported(kit.fill())
    assert verdicts(told) == [("no_effect", "EXPIRED")]
    assert kit.codec.windows["finished"][0] == NOW_MS - 7 * DAY_MS + PAGING_MS
    assert kit.codec.windows["trades"][0] == NOW_MS - 8 * DAY_MS - OVERLAP_MS


async def test_an_old_one_that_is_open_is_waited_for(autojump_clock: Any, kit: Any) -> None:
    """However old: it is there."""
    kit.codec.kept = KEPT
    still = kit.report(status=OrderStatus.OPEN, filled="0")
    for days in (8, 40):
        assert verdicts(await resolve(kit, {"GET /open": [(still,)]}, deadline_s=5.0, days=days)) == []


@pytest.mark.parametrize("by_id", [False, True])
async def test_one_from_before_trades_are_listed_is_given_up(autojump_clock: Any, kit: Any, by_id: bool) -> None:
    """Also when the venue still tells how it ended: the trades that it claims may be those that are not listed."""
    kit.codec.kept = KEPT
    told = await resolve(kit, {"GET /order/v1": [kit.report()]}, "v1" * by_id, days=40)
    assert verdicts(told) == [("no_effect", FORGOTTEN)]
    assert told[-1].text == "older than the 28 days for which GATEIO_SPOT lists trades"
    assert (OrderReported(kit.report()) in told) is by_id
    assert kit.codec.windows["trades"][0] - (NOW_MS - 28 * DAY_MS + PAGING_MS) in {0, 1}, "after a question by id"


async def test_a_young_one_is_resolved_beside_an_old_one(autojump_clock: Any, kit: Any) -> None:
    """They share a pass, and each has its own verdict."""
    kit.codec.kept = KEPT
    kit.script.answers |= EMPTY
    inbox = kit.pipe()
    resolver = Resolver(kit.codec, kit.line(), inbox[0], kit.clock, kit.log, LAG_MS, 30.0)
    async with trio.open_nursery() as nursery:
        for days in (0, 8, 40):
            nursery.start_soon(resolver.resolve, aged(kit, days, f"dnb-1-{days}"), "")
    told = {event.client_order_id: event.code for event in kit.drain(inbox[1])}
    assert told == {"dnb-1-0": "EXPIRED", "dnb-1-8": "EXPIRED", "dnb-1-40": FORGOTTEN}
