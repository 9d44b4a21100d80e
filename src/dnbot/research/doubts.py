"""Why a study's best settings may be worth less than they look: each doubt is a sentence with its figures.

The best of many cells is the best partly by luck, on any data. How much luck there is in so many is reckoned with
Bonferroni's correction, which is strict where cells resemble each other, and takes trades as independent, which
flatters where they are not. Floats: these figures are compared, never booked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from statistics import NormalDist

import attrs

from dnbot.operate.report_format import duration
from dnbot.research.comparison import Comparison, Side
from dnbot.research.neighbours import KEPT_SHARE_MIN, STEPS_OVER, Peak
from dnbot.research.trial import Trial

TRADES_MIN = 30
HOURS_MIN = 24.0
RANKS_ALIKE_MIN = 0.3
LUCK = 0.05
"""How often the luckiest of so many cells without merit may look as good."""


@attrs.frozen
class Seen:
    """What doubts are made from."""

    comparison: Comparison
    trials: Sequence[Trial]
    """Those of this study's cells and windows that there are."""
    trials_wanted: int
    cells_tried: int
    """Ever, on this data, as far as the evidence tells."""
    hours: float
    """Of recorded market, over all windows."""
    peak: Peak | None
    ends: tuple[str, ...]


def doubts_of(seen: Seen) -> tuple[str, ...]:
    """All there are, the gravest first."""
    finders = (_missing, _unjudged, _lone, _ends, _lucky, _tests, _built, _short, _ended)
    return tuple(doubt for find in finders for doubt in find(seen))


def t_value(side: Side) -> float | None:
    """The mean net of its trades by its standard error; None with fewer than two, or where none differs."""
    if side.trades < 2:
        return None
    mean = float(side.traded) / side.trades
    spread = float(side.traded_squares - side.traded * side.traded / side.trades) / (side.trades - 1)
    return mean / math.sqrt(spread / side.trades) if spread > 0 else None


def t_needed(cells: int) -> float:
    """What the luckiest of so many cells without merit exceeds once in twenty studies."""
    return NormalDist().inv_cdf(1 - LUCK / cells)


def _best(seen: Seen) -> tuple[Side, Side | None] | None:
    if seen.comparison.best is None:
        return None
    found = seen.comparison.outcome(seen.comparison.best)
    return None if found.train is None else (found.train, found.test)


def _missing(seen: Seen) -> Iterator[str]:
    with_figures = sum(1 for trial in seen.trials if trial.figures is not None)
    if with_figures < seen.trials_wanted:
        failed = sum(1 for trial in seen.trials if trial.figures is None)
        yield f"{seen.trials_wanted - with_figures} of {seen.trials_wanted} trials have no figures ({failed} failed)"


def _unjudged(seen: Seen) -> Iterator[str]:
    if any(choice.split.test is None for choice in seen.comparison.choices):
        yield "in sample only: the best cell was chosen on all there is, and nothing else judges it (--splits)"


def _lone(seen: Seen) -> Iterator[str]:
    peak = seen.peak
    if peak is None:
        yield "whether the best cell stands alone cannot be told: too few cells with figures, or too few beside it"
    elif peak.is_outlier:
        yield (
            f"the best cell is an outlier of its neighbours: {peak.best:+.4g} per hour, and "
            f"{peak.neighbours_median:+.4g} in the middle of the {peak.neighbours} beside it, which keep "
            f"{100 * max(peak.kept_share, 0.0):.0f} % of its advance over the median cell (below "
            f"{100 * KEPT_SHARE_MIN:.0f} %, and further off than {STEPS_OVER:g} usual steps): rather luck than merit"
        )
    if seen.comparison.equals > 1:
        alike = seen.comparison.equals
        yield f"{alike} cells share the best score: between them the settings that differ did nothing here"


def _ends(seen: Seen) -> Iterator[str]:
    if seen.ends:
        yield f"the best cell lies at the end of what was tried of {', '.join(seen.ends)}: what is beyond is not known"


def _lucky(seen: Seen) -> Iterator[str]:
    best = _best(seen)
    if best is None:
        return
    train, test = best
    if train.trades < TRADES_MIN or (test is not None and test.trades < TRADES_MIN):
        tested = "" if test is None else f", and {test.trades} in all test windows"
        made = f"the best cell made {train.trades} in its train window{tested}"
        yield f"few trades: {made}; fewer than {TRADES_MIN} say little"
    found, needed = t_value(train), t_needed(seen.cells_tried)
    if found is not None and found < needed:
        yield (
            f"{seen.cells_tried} cells were tried, and the luckiest of as many without merit passes t = {needed:.2f} "
            f"once in {1 / LUCK:.0f} studies; the trades of the best cell have t = {found:.2f} in its train window"
        )


def _tests(seen: Seen) -> Iterator[str]:
    found = seen.comparison
    train, test, configured = (
        found.chosen_train_per_hour, found.chosen_test_per_hour, found.configured_test_per_hour
    )
    if train is not None and test is not None and (test <= 0 or test < train / 2):
        yield f"what was chosen earned {_money(train)} per hour in train windows, and {_money(test)} in test windows"
    if test is not None and configured is not None and test < configured:
        yield (
            f"choosing did worse in the test windows ({_money(test)} per hour) than the configuration as it is "
            f"({_money(configured)})"
        )
    ranks = [(choice.test_rank, choice.test_cells) for choice in found.choices if choice.test_rank is not None]
    below = sum(1 for rank, cells in ranks if 2 * rank > cells + 1)
    if below and 2 * below >= len(found.choices):
        yield f"in {below} of {len(found.choices)} test windows the chosen cell was in the lower half"
    alike = found.rank_correlation
    if alike is not None and alike < RANKS_ALIKE_MIN:
        yield f"the order of the cells in train and in test has little in common (mean rank correlation {alike:+.2f})"


def _built(seen: Seen) -> Iterator[str]:
    best = _best(seen)
    if best is None or best[0].total is None or seen.comparison.rank_by == "traded":
        return
    rest = best[0].total - best[0].traded
    if rest < 0 and -rest > abs(best[0].traded):
        yield (
            f"in its train window the trades of the best cell came to {_money(best[0].traded)}, and all else, such as "
            f"building the position anew in each window, to {_money(rest)}: take longer windows, or --rank-by traded"
        )


def _short(seen: Seen) -> Iterator[str]:
    if seen.hours < HOURS_MIN:
        yield f"{length_of(seen.hours)} of market in all: whatever these figures say, they say it of that time alone"


def _ended(seen: Seen) -> Iterator[str]:
    lowered = Counter(trial.figures.mode for trial in seen.trials
                      if trial.figures is not None and not trial.figures.mode.startswith("ACTIVE"))
    if lowered:
        why = lowered.most_common(1)[0][0].strip()
        yield f"in {lowered.total()} trials the trading mode was lowered, and nobody raised it (most often: {why})"
    ended = Counter(trial.figures.partial for trial in seen.trials
                    if trial.figures is not None and trial.figures.partial)
    if ended:
        yield f"{ended.total()} trials ended before their window did ({ended.most_common(1)[0][0]})"


def length_of(hours: float) -> str:
    """Such as `3 h 5 min` or `24 s`."""
    return duration(timedelta(hours=hours))


def _money(value: Decimal) -> str:
    return f"{value:+.4f}"
