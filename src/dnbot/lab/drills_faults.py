"""The eight faults: what each does to the world or to the bot, and what must follow."""

from __future__ import annotations

import random
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

import attrs
import trio

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.order import OrderIntent, is_ours
from dnbot.lab.drills_evidence import Evidence, read_spill
from dnbot.lab.drills_orders import is_drill
from dnbot.lab.drills_stage import SYMBOL, WIRE_NAMES, Stage

REST_DOWN_S = 20.0
CLOCK_AHEAD_MS = 900
DB_AWAY_S = (1.5, 4.0)  # a shorter absence may fall between two writes
CREATE_S_MAX = 30.0

Follows = Literal["fault", "store", "restart", "stop", "nothing", "healed"]
"""`healed`: it trades again after what was done was undone; whether there was a Fault is noted, and each is judged.
`fault`: ERROR_RECOVERY and back. `store`: entries refused until the database is back. `restart`: a new incarnation.
`stop`: a clean end. `nothing`: it just goes on."""


@attrs.define
class Strike:
    """One fault while it happens."""

    stage: Stage
    rng: random.Random
    venue: Venue
    rest_again: Callable[[], Awaitable[int]]
    """Puts resting orders in place again when the bot has swept them meanwhile; the number of the next request."""
    fault_ns: int = 0
    """The machine's clock when it struck."""
    healed_ns: int = 0
    """And when the world was whole again."""
    detail: dict[str, object] = attrs.field(factory=dict)
    spilled: dict[str, OrderIntent] = attrs.field(factory=dict)
    skews: dict[Venue, int] = attrs.field(factory=dict)

    def struck(self) -> None:
        self.fault_ns = self.stage.clock.now_ns()

    def healed(self) -> None:
        self.healed_ns = self.stage.clock.now_ns()


Judge = Callable[[Evidence, Strike, list[str]], dict[str, str]]
"""Named checks of the evidence, the strike, and the orders that rested; an empty text is a pass."""


@attrs.frozen
class FaultKind:
    """A fault, what follows it, and within which time the bot trades again (or has stopped)."""

    name: str
    follows: Follows
    strike: Callable[[Strike], Awaitable[None]]
    bound_s: float
    judge: Judge | None = None
    """What this one is judged by beside the common checks."""
    proof: str = ""
    """Which word of the strike's detail shows, when it is not nought, that anything was hurt."""
    naked_s_max: float = 0.0
    """How long delta may have been beyond one lot; 0 leaves it unjudged."""
    starts_again: bool = False
    """After a stop: a new incarnation is started, and must trade."""


class Skipped(Exception):
    """This cannot be done on this machine; the text says why."""


async def public_cut(strike: Strike) -> None:
    """One venue's public socket is cut."""
    strike.struck()
    strike.detail |= await strike.stage.controls.ask("cut", venue=WIRE_NAMES[strike.venue], domain="public")


async def private_kill(strike: Strike) -> None:
    """One venue's private socket is cut."""
    strike.struck()
    strike.detail |= await strike.stage.controls.ask("cut", venue=WIRE_NAMES[strike.venue], domain="private")


async def rest_down(strike: Strike) -> None:
    """One venue's REST refuses, or says nothing, for a while; its sockets stay."""
    manner = strike.rng.choice(("refuse", "silent"))
    strike.struck()
    strike.detail |= {"manner": manner} | await strike.stage.controls.ask(
        "rest", venue=WIRE_NAMES[strike.venue], down_s=REST_DOWN_S, manner=manner
    )
    await trio.sleep(REST_DOWN_S)


async def db_restart(strike: Strike) -> None:
    """PostgreSQL is shut down, fast, and is back after a while; what is spilled meanwhile is noted."""
    away_s = strike.rng.uniform(*DB_AWAY_S)
    strike.detail |= {"away_s": round(away_s, 3)}
    strike.struck()
    async with spill_watched(strike):
        await strike.stage.server.stop()
        await trio.sleep(away_s)
        await strike.stage.server.start()
        await trio.sleep(0.1)


@asynccontextmanager
async def spill_watched(strike: Strike) -> AsyncGenerator[None, None]:
    """Note what is in the spill file meanwhile: it is emptied when the database has it."""
    path = strike.stage.bot.home / "spill" / f"{SYMBOL.base}-{SYMBOL.quote}.log"
    before = len(strike.spilled)
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            while True:
                strike.spilled |= read_spill(path)
                await trio.sleep(0.01)

        nursery.start_soon(watch)
        yield
        nursery.cancel_scope.cancel()
    strike.detail |= {"spilled": len(strike.spilled) - before}


async def sigkill(strike: Strike) -> None:
    """The bot is killed, in half of the cases right after one of its creates, and started again."""
    if strike.rng.random() < 0.5:
        await wait_for_create(strike)
        await trio.sleep(strike.rng.uniform(0.0, 0.005))
    pid = strike.stage.bot.pid
    strike.struck()
    strike.stage.bot.send(signal.SIGKILL)
    strike.detail |= {"killed": pid, "code": await strike.stage.bot.ended(5.0)}
    strike.stage.bot.start()


async def sigint_executing(strike: Strike) -> None:
    """Ctrl-C while an execution is under way."""
    await _signal_at_create(strike, signal.SIGINT)


async def sigterm_executing(strike: Strike) -> None:
    """SIGTERM while an execution is under way."""
    await _signal_at_create(strike, signal.SIGTERM)


async def clock_ahead(strike: Strike) -> None:
    """One exchange's clock jumps ahead by 0.9 s. Gate's spot and futures have one clock, and one way to ask for it."""
    strike.struck()
    for venue in of_one_exchange(strike.venue):
        strike.skews[venue] = CLOCK_AHEAD_MS
        await strike.stage.controls.ask("clock", venue=WIRE_NAMES[venue], ahead_ms=CLOCK_AHEAD_MS)
    strike.detail |= {"ahead_ms": CLOCK_AHEAD_MS}


async def clocks_back(strike: Strike) -> None:
    """Every clock is right again."""
    for venue in list(strike.skews):
        await strike.stage.controls.ask("clock", venue=WIRE_NAMES[venue], ahead_ms=0)
        del strike.skews[venue]


def of_one_exchange(venue: Venue) -> tuple[Venue, ...]:
    """The venues that share a clock with this one."""
    return (Venue.MEXC_SPOT,) if venue is Venue.MEXC_SPOT else (Venue.GATE_SPOT, Venue.GATE_FUTURES)


async def _signal_at_create(strike: Strike, number: signal.Signals) -> None:
    name = await wait_for_create(strike)
    await trio.sleep(strike.rng.uniform(0.0, 0.005))
    strike.struck()
    strike.stage.bot.send(number)
    strike.detail |= {"signal": number.name, "after_create": name}


async def wait_for_create(strike: Strike) -> str:
    """Return right after the fakes handled a create of the bot; its client id, or nothing when none came in time."""
    with trio.move_on_after(CREATE_S_MAX):
        while True:
            since = await strike.rest_again()
            for request in await strike.stage.controls.requests(since, wait_s=1.0):
                name = str(request["client_id"]).removeprefix("t-")
                if request["method"] == "DELETE":
                    break  # a sweep: orders must rest when it strikes
                if request["create"] and is_ours(name) and not is_drill(name):
                    return name
    return ""


KINDS: dict[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind("sigkill", "restart", sigkill, 40.0),
        FaultKind("sigint_executing", "stop", sigint_executing, 25.0),
        FaultKind("sigterm_executing", "stop", sigterm_executing, 25.0),
        FaultKind("public_cut", "fault", public_cut, 40.0),
        FaultKind("private_kill", "fault", private_kill, 40.0),
        FaultKind("rest_down", "fault", rest_down, REST_DOWN_S + 40.0),
        FaultKind("db_restart", "store", db_restart, 40.0),
        FaultKind("clock_ahead", "nothing", clock_ahead, 40.0),
    )
}
"""In the order of a round: those that end an incarnation first, while there is little that a restart must resolve."""


def venue_for(repetition: int) -> Venue:
    """Venues take turns."""
    return VENUES[repetition % len(VENUES)]
