"""One venue is swept: what is cancelled, what counts as proof, what is named when it fails."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.domain.errors import VenueUnreachable
from dnbot.domain.order import OrderStatus
from dnbot.tasks.sweeping import LIST_MAX, Swept, sweep
from dnbot.venues.wire import Refused

LAG_S = 0.25


def listed(kit: Any, *names: str) -> tuple[Any, ...]:
    """A list of open orders; the venue's id is the name."""
    return tuple(kit.report(name, OrderStatus.OPEN, venue_id=name) for name in names)


async def run(kit: Any, lists: list[Any], within_s: float = 3.0, **answers: list[Any]) -> Swept:
    """Sweep a venue that answers so."""
    kit.script.answers |= {"GET /open": lists}
    for name in {report.client_order_id for reports in lists if isinstance(reports, tuple) for report in reports}:
        kit.script.answers |= {
            f"DELETE /order/{name}": answers.get(name.replace("-", "_"), [None]),
            f"GET /order/{name}": [kit.report(name, OrderStatus.CANCELLED, venue_id=name)],
        }

    async def tell(_report: Any) -> None:
        await trio.lowlevel.checkpoint()

    return await sweep(kit.codec, kit.line(), tell, match_lag_s=LAG_S, within_s=within_s)


async def test_ours_of_every_epoch_go_and_foreign_ones_stay(autojump_clock: Any, kit: Any) -> None:
    """By prefix alone; the answer names them."""
    swept = await run(kit, [listed(kit, "dnb-1-1", "web-7", "dnb-zz-3"), listed(kit, "web-7")])
    assert (swept.cancelled, swept.left, swept.is_empty, swept.trouble) == (("dnb-1-1", "dnb-zz-3"), (), True, "")
    assert not any("web-7" in asked for asked in kit.script.asked)


async def test_proof_is_two_lists_a_match_lag_apart(autojump_clock: Any, kit: Any) -> None:
    """An order that shows only in the second list is cancelled, and the count begins anew."""
    times: list[float] = []
    kit.script.on_request = lambda name: times.append(trio.current_time()) if name == "GET /open" else None
    swept = await run(kit, [(), listed(kit, "dnb-1-9"), (), ()])
    assert (swept.cancelled, swept.verified) == (("dnb-1-9",), 2)
    assert len(times) == 4
    assert times[1] - times[0] >= LAG_S
    assert times[3] - times[2] >= LAG_S


async def test_a_list_that_failed_is_no_empty_list(autojump_clock: Any, kit: Any) -> None:
    """It is asked again, and proof begins anew after it."""
    swept = await run(kit, [(), VenueUnreachable("stub", "reset"), (), ()])
    assert swept.is_empty
    assert kit.script.count("GET /open") == 4


async def test_a_venue_that_never_answers_is_named(autojump_clock: Any, kit: Any) -> None:
    """Within the time, with what it said last."""
    began_s = trio.current_time()
    swept = await run(kit, [VenueUnreachable("stub", "connection refused")], within_s=2.0)
    assert trio.current_time() - began_s == pytest.approx(2.0)
    assert (swept.is_empty, swept.verified) == (False, 0)
    assert "connection refused" in swept.trouble


async def test_an_order_that_does_not_go_is_named_and_spares_no_other(autojump_clock: Any, kit: Any) -> None:
    """The venue refuses one cancel for good."""
    both, one = listed(kit, "dnb-1-1", "dnb-1-2"), listed(kit, "dnb-1-1")
    swept = await run(kit, [both, one], within_s=2.0, dnb_1_1=[Refused("RISK", "not now")])
    assert (swept.cancelled, swept.left, swept.is_empty) == (("dnb-1-2",), ("dnb-1-1",), False)
    assert "not now" in swept.trouble


async def test_a_list_full_of_foreign_orders_proves_nothing(autojump_clock: Any, kit: Any) -> None:
    """Ours may stand on the next page."""
    swept = await run(kit, [listed(kit, *(f"web-{n}" for n in range(LIST_MAX)))], within_s=1.0)
    assert not swept.is_empty
    assert "100 foreign orders fill the list" in swept.trouble


async def test_cancels_of_one_venue_do_not_wait_for_each_other(autojump_clock: Any, kit: Any) -> None:
    """Four orders at 0.1 s a request are gone in the time of one."""
    kit.script.took_s = 0.1
    names = [f"dnb-1-{n}" for n in range(1, 5)]
    began_s = trio.current_time()
    swept = await run(kit, [listed(kit, *names), ()])
    assert set(swept.cancelled) == set(names)
    assert trio.current_time() - began_s < 0.1 + 2 * 0.1 + 2 * 0.1 + LAG_S + 0.05
