"""The sagas of the crash sweep: situations on a market that moves by command, each with a begin and an end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

import attrs
import trio

from dnbot.bot import Bot
from dnbot.domain.instrument import Symbol
from dnbot.domain.pair import Pair, PairKind
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults_forced import part_of
from dnbot.fakes.market_script import MarketScript
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, Venue
from dnbot.fakes.script_words import SetOffset, SetPulse, SetSpread
from dnbot.lab.incarnation import Incarnation
from dnbot.lab.world import Stage
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState

SYMBOL = Symbol("BTC", "USDT")
FEE = Decimal("0.0002")
"""Taker fee of every venue here: with equal fees a market can be set so that one pair pays and no other."""
GAP_BPS = Decimal(8)
"""The cheap venue lies so far below the middle and the dear one so far above: less 4 bps of fees and 1 of spread, a
pair of both earns 11 bps."""
ASIDE_BPS = Decimal(40)
"""The third venue's spread meanwhile: no pair with it pays, whichever book comes first."""
PULSE_S = 0.1
SLOW_PULSE_S = 0.4
"""While a second life comes to rest, for several virtual seconds: often enough that no book is old."""
ASIDE_S = 3 * PULSE_S
"""After so long every book shows what was set."""
REDUCED = Decimal("0.2")
"""The part of the short that the venue closes by itself."""
ALONE_S = 0.5
"""So long the database stays away after the first hedge without it."""
WAIT_S_MAX = 60.0
POLL_S = 0.001
HISTORY_S = 40.0
"""So long a quiet market is watched before a carry: it is judged on 30 samples of its exit, a second apart."""

NAMES: Mapping[str, Venue] = {"GATEIO_SPOT": GATE_SPOT, "GATEIO_FUTURES": GATE_FUTURES, "MEXC_SPOT": MEXC_SPOT}

PARAMS = StrategyParameters(
    symbol=SYMBOL,
    base_position_size=Decimal("0.02"),
    establish_slice_base=Decimal("0.01"),
    max_order_notional_quote=Decimal(1500),
    max_daily_loss_quote=Decimal(500),
)


class SagaStuck(Exception):
    """A saga did not come to its end without any crash: the sweep has nothing to say then."""


@attrs.define(eq=False)
class Scene:
    """A stage with one living bot on it."""

    on: Stage
    first: Incarnation

    @property
    def bot(self) -> Bot:
        """The bot, once its life has begun."""
        if self.first.bot is None:
            raise SagaStuck("the bot has not been built")
        return self.first.bot

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds, looking every virtual millisecond. Raises SagaStuck after a minute."""
        with trio.move_on_after(WAIT_S_MAX):
            while not holds():  # noqa: ASYNC110 (whatever it is, nothing tells of it)
                await trio.sleep(POLL_S)
            return
        raise SagaStuck(f"not within {WAIT_S_MAX} s: {what}")

    def at_rest(self) -> bool:
        """Whether the bot watches the market, hedged, and nothing is under way."""
        return at_rest(self.first)

    def offer(self, pair: Pair | None) -> None:
        """Set the market so that this pair alone pays, or none."""
        offer(self.on, pair)

    def aside(self, pair: Pair) -> None:
        """Let no pair pay that needs the third venue, the one that this pair does not trade on."""
        third = [venue for name, venue in NAMES.items() if name not in {pair.buy_venue.value, pair.sell_venue.value}]
        script(self.on).apply(*(SetSpread(venue=venue, bps=ASIDE_BPS) for venue in third))

    async def trade(self, pair: Pair) -> None:
        """Offer a pair until it was taken and closed, then take the offer away and wait until all is at rest."""
        closed = len(self._closed(pair))
        self.offer(pair)
        await self.until(lambda: len(self._closed(pair)) > closed, f"{pair.name} is executed")
        self.offer(None)
        await self.until(self.at_rest, f"rest after {pair.name}")

    async def executing(self, pair: Pair) -> None:
        """Offer a pair and wait until its legs are on their way."""
        self.offer(pair)
        await self.until(
            lambda: self.bot.context.current_state is StrategyState.EXECUTING_ARBITRAGE, f"{pair.name} is executing"
        )
        self.offer(None)

    def _closed(self, pair: Pair) -> list[str]:
        book = self.first.disk.store.database.books[SYMBOL]
        return [name for name, closed in book.closed.items() if closed.pair_name == pair.name]


def at_rest(life: Incarnation) -> bool:
    """Whether a bot watches the market, hedged, with no order and no execution under way and nothing to repair."""
    if life.bot is None:
        return False
    context = life.bot.context
    tolerance = context.tolerance
    return (
        context.current_state is StrategyState.MONITORING_SPREADS
        and not context.unsettled
        and context.execution is None
        and tolerance is not None
        and abs(context.portfolio.delta) <= tolerance
    )


def offer(on: Stage, pair: Pair | None) -> None:
    """Set a market so that this pair alone pays, or none."""
    wanted = {venue: Decimal(0) for venue in VENUES}
    if pair is not None:
        wanted |= {NAMES[pair.buy_venue.value]: -GAP_BPS, NAMES[pair.sell_venue.value]: GAP_BPS}
    script(on).apply(*(SetOffset(venue=venue, bps=bps) for venue, bps in wanted.items()))


def script(on: Stage) -> MarketScript:
    """The market's hand: every saga is played on a scripted one."""
    assert on.world.script is not None
    return on.world.script


Act = Callable[[Scene], Awaitable[None]]


async def _nothing(_scene: Scene) -> None:
    """Counting begins with the first step of the bot's life."""


async def _watching(scene: Scene) -> None:
    await scene.until(scene.at_rest, "the bot is established")


def _trades(pair: Pair) -> Act:
    async def act(scene: Scene) -> None:
        await scene.trade(pair)

    return act


async def _establishes(scene: Scene) -> None:
    await _watching(scene)


def _before(pair: Pair) -> Act:
    """A carry needs a history, and can only be closed after it was opened."""

    async def act(scene: Scene) -> None:
        await _watching(scene)
        scene.aside(pair)
        await trio.sleep(ASIDE_S if pair.kind is PairKind.SPOT_SPOT else HISTORY_S)
        if pair.kind is PairKind.CARRY_CLOSE:
            await scene.trade(pair.reverse)
            await trio.sleep(ASIDE_S)

    return act


async def _drifts(scene: Scene) -> None:
    """The venue reduces our short by itself (ADL), and the bot hedges again."""
    _deleverage(scene)
    await scene.until(lambda: not scene.at_rest(), "the drift is seen")
    await scene.until(scene.at_rest, "the delta is restored")


async def _drifts_alone(scene: Scene) -> None:
    """The same without the database: the hedges are committed to the spill file, and loaded once it is back."""
    disk = scene.first.disk
    disk.store.down = True
    _deleverage(scene)
    await scene.until(lambda: bool(disk.spill.content), "a hedge is committed to the file")
    await trio.sleep(ALONE_S)
    disk.store.down = False
    await scene.until(lambda: not disk.spill.content and scene.at_rest(), "the database has it all")


def _deleverage(scene: Scene) -> None:
    exchange, uid = scene.on.world.exchange, scene.on.world.config.accounts[0].uid
    (position,) = exchange.account(uid).positions.values()
    exchange.deleverage(uid, position.symbol, part_of(exchange, position, REDUCED))


async def _recovers(scene: Scene) -> None:
    """A private session ends while both legs are on their way."""
    await scene.executing(Pair.GATE_TO_MEXC)
    scene.bot.supervisor.children["private"].kill()
    await scene.until(lambda: scene.bot.context.current_state is StrategyState.ERROR_RECOVERY, "the fault is seen")
    await scene.until(scene.at_rest, "it has recovered")


def _ends(policy: str) -> Act:
    async def act(scene: Scene) -> None:
        await scene.executing(Pair.GATE_TO_MEXC)
        scene.bot.stop("the saga's end", policy)
        await scene.until(scene.first.ended.is_set, "the bot has ended")

    return act


@attrs.frozen
class Saga:
    """What is played before counting, and what is played while every step is counted."""

    name: str
    before: Act
    act: Act


SAGAS: dict[str, Saga] = {
    saga.name: saga
    for saga in (
        Saga("establish", _nothing, _establishes),
        *(Saga(pair.name.lower(), _before(pair), _trades(pair)) for pair in Pair),
        Saga("rebalance", _watching, _drifts),
        Saga("rebalance_alone", _watching, _drifts_alone),
        Saga("recovery", _watching, _recovers),
        Saga("shutdown_hold", _watching, _ends("hold")),
        Saga("shutdown_flatten", _watching, _ends("flatten")),
    )
}


def config(seed: int) -> FakesConfig:
    """The world of every saga: a market by command, equal fees."""
    fees = (FEE, FEE)
    return FakesConfig(seed=seed, market="scripted", gate_spot_fees=fees, gate_futures_fees=fees, mexc_fees=fees)


def quiet(on: Stage, every_s: float = PULSE_S) -> None:
    """A market that shows signs of life, so many seconds apart, and in which nothing can be earned."""
    offer(on, None)
    script(on).apply(SetPulse(every_s=every_s), *(SetSpread(venue=venue, bps=Decimal(1)) for venue in VENUES))
