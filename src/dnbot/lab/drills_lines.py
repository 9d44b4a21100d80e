"""The stages of chaos that hurt a line between bot and venue: it stands, it breaks, it is cut amid an order.

The proxy has no keys and cannot tell a create from a reading. So what may be cut waits in it until somebody else has
seen a create: the database its intent, or the venue the order. Then what waits is cut, and the create is among it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import trio

from dnbot.domain.order import is_ours
from dnbot.lab.drills_faults import Strike
from dnbot.lab.drills_links import LINES, Links
from dnbot.lab.drills_orders import is_drill
from dnbot.lab.drills_stage import SYMBOL, WIRE_NAMES

STALLED_S = 10.0
REFUSED_S = 5.0
WAITS_S = 1.5
"""So long what may be cut waits for a create; shorter than any deadline of a reading."""
PAUSE_S = 1.0
"""And so long all flows until it waits again: the bot must be able to read."""
CUT_S = 0.5
"""From the create on, whatever comes is cut: the other leg of the pair, too, when it takes the same line."""
LATE_S = 1.0
"""So much later than usual a private stream tells what the cut answer would have told."""
FATE_S_MAX = 6.0
FLOW_S_MAX = 5.0
TIMES_MAX = 20
CREATE_LINES = {"gate_rest": ("gate_spot", "gate_futures"), "mexc_rest": ("mexc_spot",)}
"""Where the bot's creates leave, and for which venues."""
INTENTS = """
select count(*) as n from order_intents
where symbol = $1 and venue = any($2::text[]) and created_at_ns >= $3 and committed_at is not null
"""
UNKNOWN_FATES = """
select count(*) as n from trade_executions where symbol = $1 and ambiguous and started_at_ns >= $2
"""


async def proxy_stall(strike: Strike) -> None:
    """One line stands in both directions for a while; nothing that waits is lost."""
    await _while(strike, strike.rng.choice(LINES), "stall", STALLED_S)


async def proxy_cut(strike: Strike) -> None:
    """Every connection of one line is reset, and new ones are refused for a while."""
    await _while(strike, strike.rng.choice(LINES), "refuse", REFUSED_S)


async def proxy_cut_in_request(strike: Strike) -> None:
    """A create, and whatever else is asked on its line, is cut in its middle: it never arrives."""
    line = strike.rng.choice(tuple(CREATE_LINES))
    venues = [venue.value for venue, name in WIRE_NAMES.items() if name in CREATE_LINES[line]]
    stage = strike.stage

    async def on_its_way() -> bool:
        since_ns = stage.clock.now_ns()

        async def committed() -> bool:
            return bool((await stage.read(INTENTS, str(SYMBOL), venues, since_ns))[0]["n"])

        return await stage.until(committed, WAITS_S, pause_s=0.03)

    await _cut_at_create(strike, line, ("stall", "request"), on_its_way)


async def proxy_cut_in_answer(strike: Strike) -> None:
    """The answer to a create, and all others of its line, is cut in its middle: the venue has done it.

    The venue's private stream would tell in the same instant, and nothing would be unknown. So its news is late.
    """
    line = strike.rng.choice(tuple(CREATE_LINES))
    controls = strike.stage.controls

    async def arrived() -> bool:
        since = (await controls.ask("requests", since=10**9))["count"] + controls.before
        with trio.move_on_after(WAITS_S):
            while True:
                found = await controls.requests(since, wait_s=WAITS_S)
                if any(_is_create(request, CREATE_LINES[line]) for request in found):
                    return True
                since += len(found)
        return False

    keys = []
    try:
        for name in CREATE_LINES[line]:
            told = await controls.ask("fault", on=f"private_delayed:venue={name},delay_s={LATE_S}")
            keys.append(told["key"])
        await _cut_at_create(strike, line, ("withhold", "response"), arrived)
    finally:
        with trio.move_on_after(FLOW_S_MAX, shield=True):
            for key in keys:
                await controls.ask("fault", off=key)


def _is_create(request: Mapping[str, Any], venues: tuple[str, ...]) -> bool:
    name = str(request["client_id"]).removeprefix("t-")
    return request["create"] and request["venue"] in venues and is_ours(name) and not is_drill(name)


async def _cut_at_create(
    strike: Strike, line: str, manners: tuple[Literal["stall", "withhold"], Literal["request", "response"]],
    create: Callable[[], Awaitable[bool]],
) -> None:
    """Let it wait until there is a create, and cut; until an order's fate was unknown to the bot."""
    links, stage = links_of(strike), strike.stage
    wait, cut = manners
    strike.struck()
    strike.detail |= {"line": line, "unknown_fates": 0}
    before = await links.tell(line, "flow")

    async def unknown() -> bool:
        found = await stage.read(UNKNOWN_FATES, str(SYMBOL), strike.fault_ns)
        strike.detail |= {"unknown_fates": found[0]["n"]}
        return bool(found[0]["n"])

    try:
        for attempt in range(1, TIMES_MAX + 1):
            strike.detail |= {"attempts": attempt}
            await links.tell(line, wait)
            if not await create():
                await links.tell(line, "flow")
                await trio.sleep(PAUSE_S)
                continue
            await links.tell(line, cut)
            await trio.sleep(CUT_S)
            await links.tell(line, "flow")
            if await stage.until(unknown, FATE_S_MAX):
                break
    finally:
        with trio.move_on_after(FLOW_S_MAX, shield=True):
            await _flow(strike, line, before)
        strike.healed()


async def _while(strike: Strike, line: str, manner: str, for_s: float) -> None:
    links = links_of(strike)
    strike.struck()
    strike.detail |= {"line": line}
    before = await links.tell(line, "flow")
    try:
        await links.tell(line, manner)
        await trio.sleep(for_s)
    finally:
        with trio.move_on_after(FLOW_S_MAX, shield=True):
            await _flow(strike, line, before)
        strike.healed()


async def _flow(strike: Strike, line: str, before: Mapping[str, Any]) -> None:
    """Heal a line, and note what was done to it."""
    report = await links_of(strike).tell(line, "flow")
    strike.detail |= {
        "cut": report["struck"] - before["struck"], "delayed": report["delayed"] - before["delayed"],
    }


def links_of(strike: Strike) -> Links:
    """The lines of a stage that has some."""
    assert strike.stage.links is not None
    return strike.stage.links
