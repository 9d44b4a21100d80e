"""Cancelling until the venue says that the order is gone."""

from __future__ import annotations

from typing import Any

import pytest

from dnbot.domain.errors import VenueRefused, VenueUnreachable
from dnbot.domain.order import OrderStatus
from dnbot.tasks.line_orders import CANCEL_TRIES_MAX, cancel_until_gone
from dnbot.venues.wire import Refused, Unclear

UNKNOWN = Refused("-2011", "Unknown order sent.", unknown_order=True)


async def cancel(kit: Any, deletes: list[Any], reads: list[Any]) -> list[Any]:
    """Cancel order `v1` of a scripted venue; what was told on the way."""
    kit.script.answers |= {"DELETE /order/v1": deletes, "GET /order/v1": reads}
    told: list[Any] = []

    async def tell(report: Any) -> None:
        told.append(report)

    await cancel_until_gone(kit.codec, kit.line(), "v1", tell)
    return told


async def test_a_cancel_is_read_back(autojump_clock: Any, kit: Any) -> None:
    """The order as it ended is told, with what was filled before."""
    ended = kit.report(status=OrderStatus.CANCELLED, filled="0.004")
    assert await cancel(kit, [None], [ended]) == [ended]
    assert kit.script.asked == ["DELETE /order/v1", "GET /order/v1"]


async def test_unknown_is_read_again_and_never_taken_as_cancelled(autojump_clock: Any, kit: Any) -> None:
    """"Unknown" to a cancel may mean filled a moment ago: the read says so, and it is told."""
    filled = kit.report(status=OrderStatus.FILLED)
    assert await cancel(kit, [UNKNOWN], [filled]) == [filled]


async def test_an_order_that_is_still_open_is_cancelled_again(autojump_clock: Any, kit: Any) -> None:
    """Until the read shows its end."""
    still, ended = kit.report(status=OrderStatus.OPEN, filled="0"), kit.report(status=OrderStatus.FILLED)
    assert await cancel(kit, [UNKNOWN], [still, still, ended]) == [still, still, ended]
    assert kit.script.count("DELETE /order/v1") == 3


async def test_one_that_never_goes_raises(autojump_clock: Any, kit: Any) -> None:
    """After the allowed tries: nothing certain could be learned."""
    with pytest.raises(VenueUnreachable, match="could not be seen cancelled"):
        await cancel(kit, [Unclear("HTTP 500")], [Unclear("HTTP 500")])
    assert kit.script.count("DELETE /order/v1") == CANCEL_TRIES_MAX


async def test_unknown_to_both_is_left_to_the_reads(autojump_clock: Any, kit: Any) -> None:
    """A cancel without fills may vanish from the venue's memory: nothing is told, and the account read judges."""
    assert await cancel(kit, [UNKNOWN], [UNKNOWN]) == []


async def test_a_definite_no_raises(autojump_clock: Any, kit: Any) -> None:
    """A refusal that is not about the order's existence is an error at once."""
    with pytest.raises(VenueRefused, match="not now"):
        await cancel(kit, [Refused("RISK", "not now")], [])
    assert kit.script.count("GET /order/v1") == 0
