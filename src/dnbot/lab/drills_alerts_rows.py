"""The troubles of the alert drill. Each waits until its figure is beyond its limit, and returns what ends it.

Whatever a venue can do is done by the fake venues. The database, the disk and the loop are no venue's: there the store
is down, the operating system tells of a full disk, and time passes in which nothing ran.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial

import attrs
import trio

from dnbot.domain.instrument import Venue
from dnbot.domain.order import OrderStatus
from dnbot.fakes.records import GATE_FUTURES, MEXC_SPOT
from dnbot.fakes.script_words import Refill, SetMid, SetOffset
from dnbot.lab.drills_alerts_stage import DrillStuck, Watched
from dnbot.tasks.supervisor import Child

Heal = Callable[[], object]
Provoke = Callable[[Watched], Awaitable[Heal]]
BETWEEN_CUTS_S = 6.0
"""Long enough for a recovery, which reads every account: a quicker storm would use up the rate budgets, too."""


def _nothing() -> None:
    """It ends by itself."""


def _limit_s(here: Watched, name: str) -> float:
    """A threshold in ms as seconds."""
    return float(getattr(here.monitors.limits, name)) / 1000


def _restarted(child: Child, times: int) -> bool:
    return child.restarts >= times


def _lost_more_than(here: Watched, times: int) -> bool:
    return here.bot.context.risk.losses_in_a_row > times


# --- without orders ---------------------------------------------------------------------------------------------------
async def disk_low(here: Watched) -> Heal:
    """Less than a GiB is left."""
    before = here.machine["now"]
    here.machine["now"] = attrs.evolve(before, disk_free_mib=900.0)
    return lambda: here.machine.update(now=before)


async def loop_lag(_here: Watched) -> Heal:
    """Half a second in which nothing ran."""
    trio.lowlevel.current_clock().jump(0.5)  # type: ignore[attr-defined]  # the drill runs on a mock clock
    return _nothing


async def database_down(here: Watched) -> Heal:
    """No call to the database succeeds."""
    here.store.down = True
    await here.until(lambda: not here.bot.context.store_up, "the machine knows")
    return lambda: setattr(here.store, "down", False)


async def stale_feed(here: Watched) -> Heal:
    """MEXC answers pings and says nothing of the market."""
    heal = here.fault("public_lost:venue=mexc_spot")
    await trio.sleep(_limit_s(here, "feed_age_ms_max"))
    return heal


async def private_stream_down(here: Watched) -> Heal:
    """MEXC's private sockets are cut, and new ones too."""
    heal = here.fault("private_sockets_down:venue=mexc_spot")
    await trio.sleep(_limit_s(here, "stream_down_ms_max"))
    return heal


async def reconnect_storm(here: Watched) -> Heal:
    """Gate cuts the public sockets of spot, again and again."""
    child = here.bot.supervisor.children["feed:GATEIO_SPOT"]
    before = child.restarts
    for number in range(1, here.monitors.limits.restarts_max + 2):
        await trio.sleep(BETWEEN_CUTS_S)
        here.fault("sockets_cut:venue=gate_spot,domain=public")
        await here.until(partial(_restarted, child, before + number), "the feed starts again")
    return _nothing


async def rate_budget_low(here: Watched) -> Heal:
    """MEXC refuses a read for being one too many, and wants eight seconds of silence."""
    heal = here.fault("rate_limited:venue=mexc_spot,retry_after_s=8,count=1")
    await here.until(lambda: here.struck("rate_limited") > 0, "something is read", 60.0)
    return heal


async def clock_off(here: Watched) -> Heal:
    """MEXC's clock is two seconds ahead, and was measured."""
    heal = here.fault("clock_skewed:venue=mexc_spot,ahead_ms=2000")
    most_ms = here.monitors.limits.clock_offset_ms_max

    def is_measured() -> bool:
        return any(abs(account.clock_offset_ms or 0) > most_ms for account in here.bot.context.accounts.values())

    await here.until(is_measured, "it is measured", 120.0)
    return heal


async def delisting(here: Watched) -> Heal:
    """Gate announces the end of the contract: from now on it takes what closes a position, and nothing else."""
    exchange = here.stage.world.exchange
    (market,) = exchange.instruments(GATE_FUTURES)
    exchange.relist(attrs.evolve(market, phase="delisting"))
    await here.until(
        lambda: not here.bot.context.market.instruments[Venue.GATE_FUTURES].tradable, "the contract is read again"
    )
    return lambda: exchange.relist(market)


async def foreign_activity(here: Watched) -> Heal:
    """Somebody buys a little on MEXC with the bot's account."""
    by_hand(here, "0.0003")
    return _nothing


async def profit_unknown(here: Watched) -> Heal:
    """Gate tells no mark price any more, and everything else: what equity is computed with is old."""
    heal = here.fault("public_lost:venue=gate_futures,path=futures.tickers")
    await trio.sleep(_limit_s(here, "pnl_unknown_ms_max"))
    return heal


# --- while orders are sent --------------------------------------------------------------------------------------------
def by_hand(here: Watched, quantity: str) -> None:
    """Somebody buys on MEXC with the bot's account, which the bot hedges."""
    here.fault(f"traded_by_hand:venue=mexc_spot,side=buy,quantity={quantity}")


async def wrong_fee(here: Watched) -> Heal:
    """Gate takes ten times the fee that it told."""
    heal = here.fault("fee_rates_change:venue=gate_futures,taker_bps=50")
    before = here.bot.context.counters.fills
    by_hand(here, "0.0008")
    await here.until(lambda: here.bot.context.counters.fills >= before + 2, "it is hedged", 60.0)
    return heal


async def ambiguous_order(here: Watched) -> Heal:
    """A hedge is lost on its way: what became of it is not known before it has expired and every list was read."""
    heal = here.fault("request_lost:venue=gate_futures,path=creates,count=1")
    by_hand(here, "0.0008")

    def is_lost() -> bool:
        return any(order.status is OrderStatus.AMBIGUOUS for order in here.bot.context.unsettled)

    await here.until(is_lost, "its answer is missed", 60.0)
    await trio.sleep(_limit_s(here, "ambiguous_ms_max"))
    return heal


async def beyond_the_hard_limit(here: Watched) -> Heal:
    """Delta is three times what is allowed, until it is hedged."""
    by_hand(here, "0.003")
    return _nothing


async def unexpected_fill(here: Watched) -> Heal:
    """Somebody between us and Gate sends a hedge twice, and the venue takes both."""
    heal = here.fault("request_duplicated:venue=gate_futures,path=creates,count=1")
    before = here.bot.context.counters.fills
    by_hand(here, "0.0008")
    await here.until(lambda: here.bot.context.counters.fills >= before + 3, "it is hedged twice", 60.0)
    return heal


async def private_stream_mute(here: Watched) -> Heal:
    """The private stream of Gate's perpetual answers pings, and does not tell of a hedge."""
    heal = here.fault("private_lost:venue=gate_futures")
    by_hand(here, "0.0008")
    await here.until(
        lambda: here.bot.context.accounts[Venue.GATE_FUTURES].untold_since_s is not None,
        "the hedge is found by reading", 60.0,
    )
    await trio.sleep(_limit_s(here, "stream_down_ms_max"))
    return heal


async def naked_leg(here: Watched) -> Heal:
    """One hedge after the other is lost on its way: each must be proven dead before the next."""
    heal = here.fault("request_lost:venue=gate_futures,path=creates")
    by_hand(here, "0.0008")
    await here.until(lambda: here.bot.context.naked.since_s is not None, "delta is off", 60.0)
    await trio.sleep(_limit_s(here, "naked_ms_max"))
    return heal


# --- money ------------------------------------------------------------------------------------------------------------
async def loss_streak(here: Watched) -> Heal:
    """MEXC pays more than Gate, and whenever the bot sells there somebody is quicker: it sells elsewhere, at a loss."""
    end_fault = here.fault("partial_fill:venue=mexc_spot,path=creates,fraction=0")
    here.market(SetOffset(venue=MEXC_SPOT, bps=Decimal(80)))
    for number in range(3):
        here.market(Refill())
        await here.until(partial(_lost_more_than, here, number), f"loss {number + 1}")

    def heal() -> None:
        end_fault()
        here.market(Refill())

    return heal


def perpetual_dearer(bps: int) -> Provoke:
    async def provoke(here: Watched) -> Heal:
        """The short's price runs away from spot's."""
        here.market(SetOffset(venue=GATE_FUTURES, bps=Decimal(bps)))
        return lambda: here.market(SetOffset(venue=GATE_FUTURES, bps=Decimal(0)))

    return provoke


async def margin_low(here: Watched) -> Heal:
    """A rally eats the margin of the short, until both legs are smaller."""
    mark = here.bot.context.market.mark
    if mark is None:
        raise DrillStuck("no mark price")
    here.market(SetMid(price=(mark.mark * Decimal("1.2")).quantize(Decimal(1))))
    return _nothing
