"""Decisions unchanged: on random and recorded books the bot trades exactly what the plain reference would.

A sequence is books of three venues and twenty changes; after each the bot's way (kept book, first look, analyzer,
sizing) and the plain one (`plain_decisions.py`) must give the same pairs, sizes and price caps, or the same refusals.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import trio
from trio.testing import MockClock

from dnbot.domain.pair import Pair
from suite.both_ways import BothWays, Compared
from suite.kept import Kept
from suite.measuring import Effort
from suite.recorded import recorded
from suite.scenes import scene
from suite.target import Target

SEQUENCES, SEQUENCES_OF_TRIAL = 100_000, 200
CHANGES_OF_TRIAL = 100
"""Of the recordings."""
THOUSAND = 1_000
SHOWN = 3
"""Differences that are told in full."""

Done = dict[str, Any]
"""`Compared` as it is kept."""


def measure(effort: Effort) -> list[Target]:
    """Random sequences by the thousand, then the recordings where there are some."""
    count = effort.size("sequences", full=SEQUENCES, trial=SEQUENCES_OF_TRIAL)
    random = by_thousand(count, effort.kept)
    poor = [pair.name for pair in Pair if not _sum(random, "taken")[pair.name]]
    assert not poor, f"no opportunity of {', '.join(poor)}: these books say nothing"
    targets = [_target(f"decisions unchanged, {count:,} random sequences", random)]
    if effort.recordings is None:
        print("decisions: no --recordings FOLDER, so recorded books are not compared", file=sys.stderr)
        return targets
    changes = None if effort.share >= 1 else CHANGES_OF_TRIAL
    found = [_kept(compared) for compared in recorded(effort.recordings, changes)]
    return [*targets, _target("decisions unchanged, recorded books", found)]


def by_thousand(count: int, kept: Kept) -> list[Done]:
    """So many sequences; thousands that were kept before are not compared again."""
    before = kept.of("decisions").get("thousands", [])
    done: list[Done] = []
    for first in range(0, count, THOUSAND):
        end = min(first + THOUSAND, count)
        place = first // THOUSAND
        if place < len(before) and before[place]["sequences"] == end - first:
            done.append(before[place])
            continue
        done.append({"sequences": end - first, **_kept(compared_sequences(range(first, end)))})
        kept.keep("decisions", {"thousands": done})
        print(f"decisions: {end:,} sequences, {len(_different(done))} different", file=sys.stderr, flush=True)
    return done


def compared_sequences(numbers: Iterable[int]) -> Compared:
    """Each on a clock of its own, which stands still but for the waits of the sequence."""
    found = Compared()
    for number in numbers:
        before = len(found.different)
        trio.run(partial(_compare, number, found), clock=MockClock())
        found.different[before:] = [f"sequence {number}, {text}" for text in found.different[before:]]
    return found


async def _compare(number: int, compared: Compared) -> None:
    drawn, clock = scene(number), trio.lowlevel.current_clock()
    assert isinstance(clock, MockClock)
    both = BothWays(drawn, compared)
    both.start(drawn.first)
    for change in drawn.changes:
        clock.jump(change.after_s)
        both.change(change.books)


def _kept(found: Compared) -> Done:
    return {
        "markets": found.markets, "taken": dict(sorted(found.taken.items())),
        "declined": dict(sorted(found.declined.items())), "different": found.different,
    }


def _target(name: str, done: Sequence[Done]) -> Target:
    different = _different(done)
    taken, declined = (_sum(done, what) for what in ("taken", "declined"))
    return Target(
        name, "differences", len(different), limit=0,
        detail=f"{sum(one['markets'] for one in done):,} markets; taken {taken.total():,}: {_listed(taken)}; "
        f"declined {declined.total():,}: {_listed(declined)}" + "".join(f"; {text}" for text in different[:SHOWN]),
    )


def _different(done: Sequence[Done]) -> list[str]:
    return [text for one in done for text in one["different"]]


def _sum(done: Sequence[Done], what: str) -> Counter[str]:
    return sum((Counter(one[what]) for one in done), Counter[str]())


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {times:,}" for name, times in counts.most_common())
