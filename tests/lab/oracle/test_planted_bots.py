"""The judge watches whole bots: sound ones pass under faults and crashes; a defect in the code is found by name."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import trio

from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import PositionSampled, SetMode, StateChanged
from dnbot.domain.position import Portfolio
from dnbot.domain.units import plain
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults import FaultPlan
from dnbot.fakes.faults_text import parse_fault
from dnbot.lab.disk import Disk
from dnbot.lab.incarnation import Incarnation
from dnbot.lab.oracle import Oracle
from dnbot.lab.tap import Tap, Tapped
from dnbot.lab.world import deterministic, stage
from dnbot.ports.memory_store import MemoryStore
from dnbot.strategy import deciding, drifting, folding, observing, turn
from dnbot.strategy.parameters import StrategyParameters
from dnbot.tasks import gatekeeper
from dnbot.venues.gateio import orders as gate_orders
from dnbot.venues.gateio import spot_private as gate_spot

pytestmark = pytest.mark.slow

PARAMS = StrategyParameters(
    symbol=Symbol("BTC", "USDT"), base_position_size=Decimal("0.06"), max_order_notional_quote=Decimal(1500),
    round_trips_per_minute_max=240, consecutive_loss_limit=20, max_daily_loss_quote=Decimal(500),
)
Patch = pytest.MonkeyPatch


async def watched(
    *faults: str, judged_by: StrategyParameters = PARAMS, s: float = 5.0, policy: str = "", crash_at_s: float = 0.0,
    power_cut: bool = True, order_path: str = "rest", seed: int = 1, store_delay_s: float = 0.0, halt: bool = False,
) -> Oracle:
    """Run one bot, or two lives of it, and return the judge after the end."""
    deterministic(seed)
    tap, disk = Tap(), Disk()
    disk.store.delay_s = store_delay_s
    config = FakesConfig(seed=seed, faults=FaultPlan(tuple(map(parse_fault, faults)), seed))
    preparing = trio.Event()

    def hear(event: Tapped) -> None:
        fields: Any = event.data[0] if event.what == "StateChanged" else {}
        if fields.get("to_state") == "PREPARING_ARBITRAGE":
            preparing.set()

    tap.observers.append(hear)
    async with stage(config) as on, trio.open_nursery() as nursery:
        oracle = Oracle(on.world, tap, judged_by, disk)
        oracle.attach()

        async def live(bot: Incarnation) -> None:
            await bot.live(PARAMS, order_path=order_path)

        bot = Incarnation.on(on, disk, tap=tap)
        nursery.start_soon(live, bot)
        if crash_at_s:
            await trio.sleep(crash_at_s)
            bot.crash(power_cut=power_cut)
            await bot.ended.wait()
            bot = Incarnation.on(on, disk, tap=tap, number=2)
            nursery.start_soon(live, bot)
        with trio.move_on_after(s):
            if halt:
                await preparing.wait()
                assert bot.bot is not None
                bot.bot.tell(SetMode("HALTED", "a person"))
            await bot.ended.wait()
        if not bot.ended.is_set() and bot.bot is not None:
            bot.bot.stop("the test is over", policy)
            with trio.move_on_after(60):
                await bot.ended.wait()
        if bot.ended.is_set() and bot.error is None:
            oracle.quiesce()
        nursery.cancel_scope.cancel()
    return oracle


def found(oracle: Oracle) -> set[str]:
    """Which invariants were found broken."""
    return {violation.invariant for violation in oracle.violations}


SOUND: dict[str, dict[str, Any]] = {
    "nothing happens": {},
    "orders over a socket, and a flattening end": {"order_path": "websocket", "policy": "flatten", "seed": 3},
    "a power cut": {"crash_at_s": 4.0, "seed": 4},
    "a killed process": {"crash_at_s": 4.0, "power_cut": False, "seed": 5},
}
FAULTS: dict[str, tuple[str, ...]] = {
    "answers are lost": ("reply_lost:path=creates,at=3,for=3,probability=0.5",),
    "requests come late": ("request_delayed:path=creates,at=3,for=3,probability=0.5",),
    "one leg is refused": ("order_rejected:at=3,for=3,probability=0.3",),
    "one leg is filled in part": ("partial_fill:at=3,for=3,probability=0.5",),
    "private words come late and twice": ("fills_late:at=3,for=3", "private_duplicated:at=3,for=3"),
    "sockets are cut": ("sockets_cut:at=3",),
    "somebody trades by hand": ("traded_by_hand:venue=gate_spot,at=4",),
    "orders over REST fail for a while": ("server_error:at=3,for=2,probability=0.5",),
    "funding is charged": ("funding_settles:at=4",),
}


@pytest.mark.parametrize("what", SOUND)
async def test_a_sound_bot_breaks_nothing(autojump_clock: Any, what: str) -> None:
    """No violation in any way to end, and everything that can be judged in such a run was."""
    oracle = await watched(**SOUND[what])
    assert oracle.violations == []
    judged = {"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I11", "I12", "I13", "I15", "I16", "I17", "I19"}
    assert judged | {"I20", "I21", "I27", "I29"} <= set(oracle.checks)
    told = oracle.summary()
    assert told["fills"] > 0
    assert told["creates"] >= 2 * told["executions"]
    assert told["naked_seconds_worst_ambiguous"] == told["naked_seconds_worst_foreign"] == 0.0


@pytest.mark.parametrize("what", FAULTS)
async def test_a_sound_bot_breaks_nothing_under_faults(autojump_clock: Any, what: str) -> None:
    """Faults alone are no violation: the bounds allow for what they cost. Each of them did strike."""
    oracle = await watched(*FAULTS[what], s=20.0)
    armed = oracle.scene.world.faults.armed.values()
    assert [a.fault.name for a in armed if not a.struck and a.kind.in_world is None] == []
    assert len(armed) == len(FAULTS[what])
    assert oracle.violations == []


def never_committed(patch: Patch) -> None:
    """A commit that does nothing."""

    async def commit(*_args: Any, **_kwargs: Any) -> None:
        await trio.lowlevel.checkpoint()

    patch.setattr(MemoryStore, "commit_intents", commit)


def entries_without_fee(patch: Patch) -> None:
    """The fee is booked in the portfolio, and not in the journal."""
    real = folding.entries_of
    patch.setattr(folding, "entries_of", lambda fill: tuple(e for e in real(fill) if e.kind.value != "fee"))


def profit_invented(patch: Patch) -> None:
    """A little profit more with each fill."""
    real = folding.book_fill

    def book(portfolio: Portfolio, fill: Any, **more: Any) -> Portfolio:
        booked = real(portfolio, fill, **more)
        return msgspec.structs.replace(booked, spread_quote=booked.spread_quote + Decimal("1e-9"))

    patch.setattr(folding, "book_fill", book)


def never_hedged(patch: Patch) -> None:
    """Nobody thinks that a hedge is needed."""
    for module in (deciding, drifting):
        patch.setattr(module, "needs_hedge", lambda _turn: False)
        patch.setattr(module, "could_be_nearer", lambda _turn: False)


def seen_forgotten(patch: Patch) -> None:
    """What was booked is booked again when it is told again."""
    patch.setattr("dnbot.strategy.context.SeenIds.with_id", lambda self, _key: self)


def secret_told(patch: Patch) -> None:
    """A reason holds a signature."""
    real = turn.StateChanged

    def changed(**fields: Any) -> StateChanged:
        return real(**{**fields, "why": f"GET /account?signature={'0a' * 32}"})

    patch.setattr(turn, "StateChanged", changed)


def never_reduce_only(patch: Patch) -> None:
    """No order is reduce-only."""
    real = turn.Turn.new_intent

    def intent(self: Any, *args: Any, **more: Any) -> Any:
        return real(self, *args, **{**more, "reduce_only": False})

    patch.setattr(turn.Turn, "new_intent", intent)


def sample_off(patch: Patch) -> None:
    """The position is told wrongly."""

    def sampled(**fields: Any) -> PositionSampled:
        return PositionSampled(**{**fields, "perp_base": fields["perp_base"] + Decimal("0.001")})

    patch.setattr(observing, "PositionSampled", sampled)


def edges_miscounted(patch: Patch) -> None:
    """Every other number is left out."""
    real = turn.StateChanged
    patch.setattr(turn, "StateChanged", lambda **fields: real(**{**fields, "sequence": fields["sequence"] * 2}))


def exponents(patch: Patch) -> None:
    """Prices leave in scientific notation."""
    for module in (gate_orders, gate_spot):
        patch.setattr(module, "limit_price", lambda intent: f"{intent.price:E}", raising=False)


def gate_open(patch: Patch) -> None:
    """The gate is not asked again after the commit."""
    patch.setattr(gatekeeper, "gate_code", lambda *_args: None)


def bug_inside(patch: Patch) -> None:
    """A bug ends the bot."""

    def sampled(**_fields: Any) -> PositionSampled:
        raise ValueError("a bug")

    patch.setattr(observing, "PositionSampled", sampled)


def nothing(_patch: Patch) -> None:
    """The code is sound, and what the operator decided is not what the bot was given."""


def other(**changes: Any) -> dict[str, Any]:
    """Judged by other parameters than the bot was given."""
    return {"judged_by": msgspec.structs.replace(PARAMS, **changes)}


DEFECTS: dict[str, tuple[Callable[[Patch], None], str, tuple[str, ...], dict[str, Any]]] = {
    "intents are not committed": (never_committed, "I1", (), {}),
    "the journal lacks fees (ledger)": (entries_without_fee, "I4", (), {}),
    "the journal lacks fees (replay)": (entries_without_fee, "I20", (), {}),
    "profit is invented": (profit_invented, "I5", (), {}),
    "nothing is hedged": (never_hedged, "I6", ("partial_fill:at=2.2,venue=mexc_spot",), {"s": 9.0}),
    "the gate is not asked again": (gate_open, "I7", (), {"store_delay_s": 0.3, "halt": True, "s": 8.0}),
    "the gate is not asked again after a kill": (gate_open, "I15", (), {"store_delay_s": 0.3, "halt": True, "s": 8.0}),
    "another size than the operator's": (nothing, "I9", (), other(max_order_notional_quote=Decimal(100))),
    "another age than the operator's": (nothing, "I10", (), other(market_age_ms_max=1)),
    "fills are booked again": (seen_forgotten, "I12", (), {}),
    "a bug ends it": (bug_inside, "I17", (), {}),
    "a secret is recorded": (secret_told, "I19", (), {}),
    "prices in scientific notation": (exponents, "I21", (), {}),
    "nothing is reduce-only": (never_reduce_only, "I24", (), {"policy": "flatten"}),
    "the position is told wrongly": (sample_off, "I28", (), {}),
    "edges are miscounted": (edges_miscounted, "I29", (), {}),
}


@pytest.mark.parametrize("what", DEFECTS)
async def test_a_defect_in_the_bot_is_found(autojump_clock: Any, monkeypatch: Patch, what: str) -> None:
    """The defect breaks its invariant, by name."""
    plant, invariant, faults, more = DEFECTS[what]
    plant(monkeypatch)
    oracle = await watched(*faults, **more)
    assert invariant in found(oracle), (oracle.violations[:5], plain(oracle.delta.naked_notional_worst))
