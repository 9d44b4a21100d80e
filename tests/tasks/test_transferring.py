"""One transfer between wallets: committed, asked for once, and told honestly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.domain.errors import FrameUnreadable, RequestAmbiguous, RequestNotSent, StoreUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import StoreLost, TransferAnswered
from dnbot.domain.transfer import Transfer, TransferStatus
from dnbot.ports.spill import MemoryMedium, open_spill
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.tasks.committing import Committer
from dnbot.tasks.transferring import Mover
from dnbot.venues.wire import AskedTooOften, Refused, RequestClass, Unclear

MOVE = "POST /transfers"


@attrs.define
class Bench:
    """A mover on a scripted venue, and its story: commits and requests in the order in which they happened."""

    mover: Mover
    transfer: Transfer
    story: list[str]
    inbox: Any
    kit: Any

    @property
    def store(self) -> Any:
        return self.mover.store

    async def moved(self) -> TransferAnswered:
        """Ask for it; what the machine is told of it in the end."""
        await self.mover.move(self.transfer)
        (answer,) = self.kit.drain(self.inbox)
        assert isinstance(answer, TransferAnswered)
        assert answer.transfer_id == "m1-1"
        return answer


@pytest.fixture
def bench(kit: Any) -> Any:
    """Makes a mover whose gate waits for the transfer."""

    def make(**context: Any) -> Bench:
        now_ns = kit.clock.now_ns()
        transfer = Transfer(
            transfer_id="m1-1", epoch=1, source=Venue.GATE_SPOT, target=Venue.GATE_FUTURES, asset="USDT",
            amount=Decimal(100), why="test", created_at_ns=now_ns, expires_at_ns=now_ns + 5 * 10**9,
        )
        story: list[str] = []
        kit.script.on_request = story.append
        inbox = kit.pipe()
        gate = kit.gate(**{"current_state": StrategyState.MONITORING_SPREADS, "transfers": (transfer,), **context})
        mover = Mover(kit.codec, kit.line(), inbox[0], gate, kit.ledger(story), kit.clock)
        return Bench(mover, transfer, story, inbox[1], kit)

    return make


async def test_durable_before_the_first_byte(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Commit, then the request, then the answer with the venue's number."""
    it = bench()
    kit.script.answers[MOVE] = ["590001"]
    answer = await it.moved()
    assert it.story == ["committed m1-1", MOVE]
    assert (answer.outcome, answer.venue_id) == ("accepted", "590001")


@pytest.mark.parametrize(
    ("said", "outcome", "code"),
    [
        (Refused("BALANCE_NOT_ENOUGH", "no"), "refused", "BALANCE_NOT_ENOUGH"),
        (AskedTooOften(2.0, "slow down"), "refused", "RATE"),
        (Unclear("502"), "ambiguous", "UNCLEAR"),
        (RequestAmbiguous("stub", "lost"), "ambiguous", "NO_ANSWER"),
        (RequestNotSent("stub", "no route"), "not_sent", "UNREACHABLE"),
        (FrameUnreadable("stub", "no number", b"{}"), "ambiguous", "UNREADABLE"),
    ],
)
async def test_each_outcome(autojump_clock: Any, kit: Any, bench: Any, said: Any, outcome: str, code: str) -> None:
    """A definite no, a request that never left, and everything that may have been done."""
    it = bench()
    kit.script.answers[MOVE] = [kit.unreadable(said) if isinstance(said, FrameUnreadable) else said]
    answer = await it.moved()
    assert (answer.outcome, answer.code, answer.venue_id) == (outcome, code, "")


async def test_an_absent_store_means_not_asked(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """No byte leaves without a committed transfer."""
    it = bench()
    it.store.failure = "gone"
    answer = await it.moved()
    assert (answer.outcome, answer.code) == ("not_sent", "DB_UNAVAILABLE")
    assert kit.script.asked == []


async def test_asked_for_once(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The same transfer again is refused here, whatever came of the first."""
    it = bench()
    kit.script.answers[MOVE] = [RequestAmbiguous("stub", "lost")]
    assert (await it.moved()).outcome == "ambiguous"
    again = await it.moved()
    assert (again.outcome, again.code) == ("not_sent", "DUPLICATE")
    assert kit.script.count(MOVE) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"current_state": StrategyState.ERROR_RECOVERY}, "STATE_NOT_TRADING"),
        ({"current_state": StrategyState.SHUTDOWN}, "STATE_NOT_TRADING"),
        ({"mode": TradingMode.HALTED}, "STATE_NOT_TRADING"),
        ({"transfers": ()}, "DUPLICATE"),
    ],
)
async def test_the_gate_is_asked_after_the_commit(
    autojump_clock: Any, kit: Any, bench: Any, changes: dict[str, Any], code: str
) -> None:
    """What changed during the commit stops the transfer, which provably never left."""
    it = bench()

    def change() -> None:
        it.mover.gate.context = kit.changed(it.mover.gate.context, **changes)

    it.store.on_commit = change
    answer = await it.moved()
    assert (answer.outcome, answer.code) == ("not_sent", code)
    assert it.story == ["committed m1-1"]


async def test_what_is_answered_already_does_not_leave(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """One that the machine has given up is not asked for."""
    it = bench()
    given_up = msgspec.structs.replace(it.transfer, status=TransferStatus.NO_EFFECT)
    it.mover.gate.context = kit.changed(it.mover.gate.context, transfers=(given_up,))
    assert (await it.moved()).code == "DUPLICATE"


async def test_a_slow_commit_makes_it_too_late(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """At its own expiry it does not leave."""
    it = bench()
    it.store.takes_s = 5.0
    assert (await it.moved()).code == "EXPIRED"
    assert kit.script.asked == []


async def test_cancelled_while_the_answer_is_awaited(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The machine hears that it may have been made."""
    it = bench()

    async def never() -> None:
        await trio.sleep_forever()

    kit.script.answers[MOVE] = [never]
    with trio.move_on_after(1):
        await it.mover.move(it.transfer)
    (answer,) = kit.drain(it.inbox)
    assert answer.outcome == "ambiguous"


async def test_the_committer_waits_a_second(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A database that hangs or fails is told to the machine; there is no spill file for money that moves."""
    it = bench()
    inbox = kit.pipe()
    committer = Committer(it.store, open_spill(MemoryMedium()), inbox[0], kit.clock, kit.log)
    await committer.commit_transfer(it.transfer)
    for it.store.takes_s, it.store.failure in ((3.0, ""), (0.01, "gone")):
        began_s = trio.current_time()
        with pytest.raises(StoreUnreachable):
            await committer.commit_transfer(it.transfer)
        assert trio.current_time() - began_s <= 1.0
    assert [type(event) for event in kit.drain(inbox[1])] == [StoreLost, StoreLost]


async def test_it_leaves_on_the_way_out_s_own_connection(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Never behind an entry or a read: it spends the budget of cancels, with their priority."""
    it = bench()
    kit.script.answers[MOVE] = ["1"]
    await it.moved()
    granted = it.mover.line.budgets[RequestClass.CANCEL].statistics()
    assert (granted.granted_reserved, granted.granted_normal) == (1, 0)
