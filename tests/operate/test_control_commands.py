"""What each command does to a whole bot in memory."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
import trio

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import SetMode
from dnbot.fakes.instruments import GATE_SPOT, MEXC_SPOT
from dnbot.fakes.network import LinkRule
from dnbot.operate.commanding import MODE_S_MAX
from dnbot.operate.control_words import (
    AskStatus,
    Done,
    GiveUp,
    Late,
    Leave,
    Pause,
    Reduce,
    Refused,
    Resume,
    Ship,
    StatusTold,
)
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.strategy.view import is_flat

pytestmark = pytest.mark.slow

MONITORING = StrategyState.MONITORING_SPREADS


def unreachable(bot: Any) -> None:
    """No venue can be reached any more."""
    bot.stage.network.set_rule(LinkRule("*", refuse=True))
    bot.stage.network.cut("*")


async def test_status_tells_view_children_queues_and_on_demand_the_tree(autojump_clock: Any, manned: Any) -> None:
    """The picture of a running bot has its state, every supervised child, traffic per venue, and the task tree."""
    async with manned() as bot:
        await bot.until(MONITORING)
        told = await bot.ask(AskStatus(tree=True))
        assert isinstance(told, StatusTold)
        status = told.status
        assert status.view.state == "MONITORING_SPREADS"
        assert {child.name for child in status.children} >= {"public", "machine", "strategist", "feed:MEXC_SPOT"}
        assert all(child.running for child in status.children)
        assert [row.requests > 0 for row in status.traffic] == [True] * 3
        assert {queue.name: queue.limit for queue in status.statistics.queues}["inbox"] == 1024
        assert any(line.strip() == "strategist" for line in status.tree)
        assert (await bot.ask(AskStatus())).status.tree == ()


async def test_pause_takes_new_risk_away_and_resume_gives_it_back(autojump_clock: Any, manned: Any) -> None:
    """ACTIVE to REDUCING and back, each recorded with the person and the reason."""
    async with manned() as bot:
        await bot.until(MONITORING)
        paused = await bot.ask(Pause("lunch"))
        assert isinstance(paused, Done), paused
        assert paused.mode == "REDUCING"
        assert bot.bot.context.mode is TradingMode.REDUCING
        resumed = await bot.ask(Resume("back"))
        assert isinstance(resumed, Done), resumed
        assert bot.bot.context.mode is TradingMode.ACTIVE
        await trio.sleep(1)
        assert [(m.to_mode, m.by, m.why) for m in bot.modes()] == [
            ("REDUCING", "tester", "tester: lunch"), ("ACTIVE", "tester", "tester: back"),
        ]
        status = bot.report()
        assert status.mode_by == "tester"
        assert status.mode_age_s is not None


async def test_what_is_so_already_is_not_recorded_again(autojump_clock: Any, manned: Any) -> None:
    """A second pause, a reduce after it, and a resume of an ACTIVE bot are done at once and change nothing."""
    async with manned() as bot:
        await bot.until(MONITORING)
        assert isinstance(await bot.ask(Resume("nothing")), Done)
        assert isinstance(await bot.ask(Reduce()), Done)
        assert isinstance(await bot.ask(Reduce()), Done)
        assert isinstance(await bot.ask(Pause("again")), Done)
        await trio.sleep(1)
        assert [mode.to_mode for mode in bot.modes()] == ["REDUCING"]


async def test_halted_is_raised_by_force_alone(autojump_clock: Any, manned: Any) -> None:
    """resume and pause are refused while HALTED, reduce is content, and resume --force leads to ACTIVE."""
    async with manned() as bot:
        await bot.until(MONITORING)
        bot.bot.tell(SetMode("HALTED", "a latch", "latch"))
        await trio.sleep(1)
        refused = await bot.ask(Resume("I think it is fine"))
        assert isinstance(refused, Refused)
        assert "--force" in refused.text
        assert isinstance(await bot.ask(Pause("no")), Refused)
        assert isinstance(await bot.ask(Reduce()), Done)
        assert bot.bot.context.mode is TradingMode.HALTED
        assert isinstance(await bot.ask(Resume("looked into it", force=True)), Done)
        assert bot.bot.context.mode is TradingMode.ACTIVE


async def test_a_mode_that_a_latch_lowers_at_once_is_no_success(autojump_clock: Any, manned: Any) -> None:
    """resume is refused in the end when the bot lowers its mode again within a moment."""
    async with manned() as bot:
        await bot.until(MONITORING)
        await bot.ask(Reduce())

        async def latch() -> None:
            while bot.bot.context.mode is not TradingMode.ACTIVE:
                await bot.watch.moved()
            await trio.sleep(0.5)
            bot.bot.tell(SetMode("HALTED", "DRAWDOWN", "latch"))

        bot.nursery.start_soon(latch)
        refused = await bot.ask(Resume("all is well"))
        assert isinstance(refused, Refused)
        assert "HALTED" in refused.text
        assert "DRAWDOWN" in refused.text


async def test_a_pause_never_raises_a_mode_that_fell_meanwhile(autojump_clock: Any, manned: Any) -> None:
    """A latch that comes between a person's look and the machine's turn wins: HALTED stays HALTED."""
    async with manned() as bot:
        await bot.until(MONITORING)
        inbox = bot.bot.channels.inbox.send
        inbox.send_nowait(SetMode("HALTED", "DRAWDOWN", "latch"))  # queued, not yet taken: the person still sees ACTIVE
        refused = await bot.ask(Pause("lunch"))
        assert isinstance(refused, Refused), refused
        assert bot.bot.context.mode is TradingMode.HALTED


async def test_funds_that_a_person_moves_stay_hedged_on_the_way(autojump_clock: Any, manned: Any) -> None:
    """Declared, withdrawn at one venue, and a minute later paid in at the other: nothing is unexplained or naked,
    and the ledger agrees at the end."""
    async with manned() as bot:
        await bot.until(MONITORING)
        said = await bot.ask(ship("0.002", "0.002"))
        assert isinstance(said, Done), said
        assert "declared as s1" in said.text
        exchange = bot.stage.world.exchange
        uid = bot.stage.world.config.accounts[0].uid
        exchange.deposit(uid, GATE_SPOT, "BTC", Decimal("-0.002"))
        with trio.fail_after(60):
            while not bot.bot.context.portfolio.under_way("BTC"):
                await bot.watch.moved()
        await trio.sleep(60)
        assert bot.report().view.shipments[0].under_way == Decimal("0.002")
        assert abs(bot.bot.context.portfolio.delta) <= bot.bot.context.tolerance
        exchange.deposit(uid, MEXC_SPOT, "BTC", Decimal("0.002"))
        with trio.fail_after(60):
            while bot.bot.context.portfolio.shipments:
                await bot.watch.moved()
        assert bot.bot.context.portfolio.adjustments == 0
        gone = await bot.ask(GiveUp("s1", "it arrived"))
        assert isinstance(gone, Refused)
        assert gone.text == "shipment s1; allowed: none is open"
        refused = await bot.ask(ship("900", "900"))
        assert isinstance(refused, Refused)
        assert "allowed: above 0" in refused.text


def ship(leaves: str, arrives: str) -> Ship:
    """Base from Gate to MEXC."""
    return Ship(
        source=Venue.GATE_SPOT, target=Venue.MEXC_SPOT, asset="BTC", leaves=Decimal(leaves), arrives=Decimal(arrives),
        why="inventory",
    )


async def test_stop_waits_for_a_clean_end(autojump_clock: Any, manned: Any) -> None:
    """stop answers when everything is cancelled and verified; the position is held, delta neutral."""
    async with manned() as bot:
        await bot.until(MONITORING)
        held = bot.bot.context.portfolio.spot_base
        done = await bot.ask(Leave("end of day"))
        assert isinstance(done, Done), done
        assert done.state == "SHUTDOWN"
        await bot.ended.wait()
        assert bot.code == 0
        assert bot.bot.context.leaving.why == "tester: end of day"
        assert abs(bot.bot.context.portfolio.spot_base - held) < Decimal("0.001")


async def test_a_stop_whose_records_were_not_written_is_no_success_and_lasts(
    autojump_clock: Any, manned: Any
) -> None:
    """The answer waits for the last records: without the database it ends with 75, and the next start is halted."""
    async with manned() as bot:
        await bot.until(MONITORING)
        bot.store.down = True
        refused = await bot.ask(Leave("end of day"))
        assert isinstance(refused, Refused), refused
        assert "exit code 75: the database did not take its last records" in refused.text
        await bot.ended.wait()
        assert (bot.code, bot.bot.context.exit_code) == (75, 0)
        (halt,) = bot.bot.gate.latch.halts
        assert (halt.who, halt.reason, halt.unwritten) == ("tester", "stopped by tester: end of day", True)


async def test_flatten_leaves_no_more_than_dust(autojump_clock: Any, manned: Any) -> None:
    """flatten sells the inventory and buys the short back before the end, and tells what is left."""
    async with manned() as bot:
        await bot.until(MONITORING)
        assert not is_flat(bot.bot.context)
        done = await bot.ask(Leave("get out", flatten=True))
        await bot.ended.wait()
        assert isinstance(done, Done), done
        assert is_flat(bot.bot.context)
        assert "spot 0" in done.text


async def test_during_a_shutdown_modes_and_another_policy_are_refused_and_stop_waits(
    autojump_clock: Any, manned: Any
) -> None:
    """Only waiting or hurrying is possible then; a plain second stop does not shorten the deadline."""
    async with manned() as bot:
        await bot.until(MONITORING)
        bot.bot.stop("first")
        await bot.until(StrategyState.SHUTDOWN)
        if bot.bot.context.exit_code is None:
            deadline_s = bot.bot.context.leaving.deadline_s
            assert isinstance(await bot.ask(Pause("late")), Refused)
            assert isinstance(await bot.ask(Leave("x", flatten=True)), Refused)
            assert isinstance(await bot.ask(Leave("second")), Done)
            assert bot.bot.context.leaving.deadline_s == deadline_s
        await bot.ended.wait()
        after = await bot.ask(Reduce())
        assert isinstance(after, Refused)
        assert "ended" in after.text


async def test_a_flatten_that_could_not_is_no_success_and_hurry_shortens_the_wait(
    autojump_clock: Any, manned: Any
) -> None:
    """With the venues out of reach the answer names the exit code and what is still held; --now ends it sooner."""
    async with manned() as bot:
        await bot.until(MONITORING)
        unreachable(bot)
        replies: list[Any] = []

        async def flatten() -> None:
            replies.append(await bot.ask(Leave("get out", flatten=True)))

        bot.nursery.start_soon(flatten)
        await bot.until(StrategyState.SHUTDOWN)
        deadline_s, began_s = bot.bot.context.leaving.deadline_s, trio.current_time()
        replies.append(await bot.ask(Leave("now", hurry=True)))
        assert bot.bot.context.leaving.deadline_s < deadline_s
        assert trio.current_time() - began_s < 5
        await bot.ended.wait()
        assert not is_flat(bot.bot.context)
        for reply in replies:
            assert isinstance(reply, Refused), reply
            assert "exit code 75" in reply.text
            assert "perpetual -0.0" in reply.text
        assert len(replies) == 2


async def test_a_machine_that_does_not_move_is_told_as_late(autojump_clock: Any, manned: Any) -> None:
    """An effect that is not seen within its deadline is neither a success nor a refusal."""
    async with manned(runs=False) as bot:
        began_s = trio.current_time()
        late = await bot.ask(Pause("lunch"))
        assert isinstance(late, Late), late
        assert trio.current_time() - began_s == pytest.approx(MODE_S_MAX, abs=0.1)


async def test_a_status_fits_into_one_reply_and_comes_back_equal(autojump_clock: Any, manned: Any) -> None:
    """What is sent as JSON is what was seen, to the last digit."""
    async with manned() as bot:
        await bot.until(MONITORING)
        status = bot.report(tree=True)
        assert msgspec.json.decode(msgspec.json.encode(status), type=type(status)) == status
