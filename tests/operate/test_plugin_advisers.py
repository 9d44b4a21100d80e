"""What plugins that advise are shown and say, and that the machine of a running bot hears it."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs
import trio
from hypothesis import given
from hypothesis import strategies as st
from machine_kit import Bench

from dnbot.domain.messages import EntryAdvised, PairAdvice, PairTactic, TacticAdvised
from dnbot.domain.pair import PAIRS
from dnbot.operate.plugin_advisers import HOLDS_S, PERIOD_S, Adviser, execution_picture_of, picture_of
from dnbot.operate.plugin_words import Advise, Advised, Choose, Chosen, rests_problem, rules_problem
from dnbot.operate.plugins import EntryRule, RestRule, TopPicture
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
    use: Any = attrs.field(factory=lambda: SimpleNamespace(name="calm", kind="strategies"))

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


RULES = st.builds(
    RestRule, pair=st.sampled_from([*PAIRS, "X"]), ticks_inside=st.integers(-2, 1200), rest_ms=st.integers(0, 30_000),
)


@given(st.lists(RULES, max_size=3))
def test_rules_of_what_waits_are_bounded(rules: list[RestRule]) -> None:
    """A pair with a leg on MEXC, once, inside the book, for half a second to twenty; anything else is a fault."""
    names = [rule.pair for rule in rules]
    waits = {"GATE_TO_MEXC", "MEXC_TO_GATE", "OPEN_MEXC", "CLOSE_MEXC"}
    is_right = len(set(names)) == len(names) and all(
        rule.pair in waits and 0 <= rule.ticks_inside <= 1000 and 500 <= rule.rest_ms <= 20_000 for rule in rules
    )
    assert (rests_problem(tuple(rules)) == "") is is_right


def test_what_an_execution_plugin_sees() -> None:
    """Best prices, steps and the account's own fees, by venue, and how long a leg may wait."""
    bench = Bench(maker_first=True, maker_rest_ms=4000).boot()
    bench.signal(ms=60_050)
    shown = execution_picture_of(bench.context)
    assert shown.rest_ms_max == 4000
    assert shown.market == picture_of(bench.context)
    assert shown.tops["MEXC_SPOT"] == TopPicture(
        bid=Decimal("60049.5"), ask=Decimal("60050.5"), tick=Decimal("0.1"), maker_bps=Decimal(0), taker_bps=Decimal(3)
    )
    assert set(shown.tops) == {"GATEIO_SPOT", "GATEIO_FUTURES", "MEXC_SPOT"}


@attrs.define
class Chooser:
    """An execution plugin that answers what it is told to."""

    answer: Chosen | None
    use: Any = attrs.field(factory=lambda: SimpleNamespace(name="maker", kind="execution"))

    async def ask(self, question: Choose, kind: type[Chosen], check: Callable[[Chosen], str]) -> Chosen | None:
        """At once."""
        assert isinstance(question, Choose)
        return self.answer if self.answer is None or not check(self.answer) else None


async def test_the_machine_is_told_of_what_waits(autojump_clock: Any) -> None:
    """As an event that holds for two seconds; a fault and silence are told to nobody."""
    bench = Bench(maker_first=True).boot()
    told: list[Any] = []
    bot: Any = SimpleNamespace(
        parts=SimpleNamespace(clock=VirtualClock(0)), context=bench.context,
        channels=SimpleNamespace(inbox=pipe(4)), tell=told.append,
    )
    for answer in (None, Chosen((RestRule(pair="OPEN_GATE"),)), Chosen((RestRule(pair="OPEN_MEXC", rest_ms=700),))):
        await Adviser(Chooser(answer), bot).ask()  # type: ignore[arg-type]
    assert told == [TacticAdvised(
        by="maker", pairs=(PairTactic(pair_name="OPEN_MEXC", ticks_inside=1, rest_ms=700),),
        valid_until_s=trio.current_time() + HOLDS_S,
    )]
