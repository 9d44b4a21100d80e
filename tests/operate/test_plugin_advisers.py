"""What a strategy plugin is shown and says, and that the machine of a running bot hears it."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs
import trio
from hypothesis import given
from hypothesis import strategies as st
from machine_kit import Bench

from dnbot.domain.messages import EntryAdvised, PairAdvice
from dnbot.domain.pair import PAIRS
from dnbot.operate.plugin_advisers import HOLDS_S, PERIOD_S, Adviser, picture_of
from dnbot.operate.plugin_words import Advise, Advised, rules_problem
from dnbot.operate.plugins import EntryRule
from dnbot.ports.channels import Pipe, pipe
from dnbot.ports.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_picture_is_what_the_bot_sees() -> None:
    """Figures of the context, by the names of the field; six pairs with their history."""
    bench = Bench().boot()
    bench.signal(ms=60_050)
    shown = picture_of(bench.context)
    assert shown.mids == {"GATEIO_SPOT": 60_000, "GATEIO_FUTURES": 60_000, "MEXC_SPOT": 60_050}
    assert (shown.inventory_base, shown.perp_base) == ({"GATEIO_SPOT": Decimal("0.5"), "MEXC_SPOT": Decimal("0.5")}, -1)
    assert {pair.pair for pair in shown.pairs} == set(PAIRS)
    assert (shown.funding_bps, shown.mode, shown.delta_base) == (1.0, "ACTIVE", 0)


NUMBERS = st.decimals(-10, 6000, places=1) | st.sampled_from([Decimal("NaN"), Decimal("Infinity")])


@given(st.lists(st.builds(EntryRule, pair=st.sampled_from([*PAIRS, "X"]), extra_bps=NUMBERS), max_size=3))
def test_rules_only_add(rules: list[EntryRule]) -> None:
    """A finite number from 0 to 5000 for a pair that there is, once; anything else is a fault."""
    names = [rule.pair for rule in rules]
    is_right = len(set(names)) == len(names) and all(
        rule.pair in PAIRS and rule.extra_bps.is_finite() and 0 <= rule.extra_bps <= 5000 for rule in rules
    )
    assert (rules_problem(tuple(rules)) == "") is is_right
    assert rules_problem((EntryRule(pair="OPEN_MEXC", why="x" * 81),))


@attrs.define
class Host:
    """A plugin that answers what it is told to."""

    answer: Advised | None
    asked: int = 0
    use: Any = attrs.field(factory=lambda: SimpleNamespace(name="calm"))

    async def ask(self, question: Advise, kind: type[Advised], check: Callable[[Advised], str]) -> Advised | None:
        """After a while, in which the market grows older."""
        assert isinstance(question, Advise)
        self.asked += 1
        await trio.sleep(0.5)
        return self.answer if self.answer is None or not check(self.answer) else None


async def test_the_machine_is_told_with_the_age_of_the_picture(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """Advice holds from when it was asked, not from when it came; a plugin that says nothing is told of to nobody; an
    inbox that fills up is left to the venues.
    """
    bench = Bench().boot()
    inbox: Pipe[EntryAdvised] = pipe(4)
    told: list[EntryAdvised] = []
    bot: Any = SimpleNamespace(
        parts=SimpleNamespace(clock=VirtualClock(0)), context=bench.context, channels=SimpleNamespace(inbox=inbox),
        tell=told.append,
    )
    host = Host(Advised((EntryRule(pair="OPEN_MEXC", extra_bps=Decimal(2), why="calm"),)))
    begin_s = trio.current_time()
    nursery.start_soon(Adviser(host, bot).run)  # type: ignore[arg-type]
    await trio.sleep(0.6)
    assert told == [EntryAdvised(
        by="calm", pairs=(PairAdvice(pair_name="OPEN_MEXC", extra_bps=Decimal(2), why="calm"),),
        valid_until_s=begin_s + HOLDS_S,
    )]
    host.answer = None
    await trio.sleep(5 * (0.5 + PERIOD_S))
    assert (len(told), host.asked) == (1, 6)
    host.answer = Advised(())
    for _ in range(3):
        inbox.send.send_nowait(told[0])
    await trio.sleep(2 * (0.5 + PERIOD_S))
    assert len(told) == 1
    nursery.cancel_scope.cancel()
