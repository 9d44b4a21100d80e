"""A parameter study: every cell of a space on every window of a recording, kept as trials end, and then compared."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import attrs
import msgspec

from dnbot import __version__
from dnbot.config import Settings
from dnbot.lab.processes import clock_s
from dnbot.operate.progress import Tell, nothing, share_text
from dnbot.research.comparison import CellOutcome, Comparison, compared
from dnbot.research.doubts import Seen, doubts_of, t_needed, t_value
from dnbot.research.engines import Engine, engine_of
from dnbot.research.fees import fees_of
from dnbot.research.market_options import MarketOptions
from dnbot.research.neighbours import Peak, at_the_end, neighbours_of, peak_of
from dnbot.research.source import Span
from dnbot.research.space import Cell, Cells
from dnbot.research.trial import Job, Trial
from dnbot.research.trial_file import Identity, TrialFile, trial_file
from dnbot.research.trial_run import Errand, Player, source_now
from dnbot.research.windows import Split, Window, span_text, walk_forward

NS_PER_S = 1e9


@attrs.frozen
class StudyOptions:
    """What to study. `settings` is the configuration of which `cells` are variations."""

    market: MarketOptions
    settings: Settings
    cells: Cells
    evidence: Path
    splits: int = 3
    train_tests: int = 2
    anchored: bool = False
    until_s: float | None = None
    """Use no more than so much of the recording, virtual seconds."""
    rank_by: str = "total"
    at_once: int = 1
    engine: str = "local"
    address: str = ""
    resume: bool = False


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. Money is quote units."""

    identity: Identity
    varied: tuple[str, ...]
    """The keys of `[strategy]` that were varied."""
    draws: int | None
    draw_seed: int
    left_out: int
    """Combinations that no configuration may have."""
    splits: tuple[Split, ...]
    comparison: Comparison
    trials_wanted: int
    trials_failed: dict[str, int]
    """Trials without figures, by what they said."""
    cells_tried: int
    """Ever, on this data, as far as the evidence tells."""
    cpu_s: float
    """Of all trials in it, some of earlier runs."""
    interrupted: bool
    hours: float
    """Of recorded market, over all windows."""
    peak: Peak | None
    rank_correlation: float | None
    t_value: float | None
    """Of the trades of the best cell in its train window."""
    t_needed: float
    doubts: tuple[str, ...]

    @property
    def best(self) -> CellOutcome | None:
        """What the first train window chooses."""
        return None if self.comparison.best is None else self.comparison.outcome(self.comparison.best)

    @property
    def is_partial(self) -> bool:
        """Whether a trial is missing."""
        return self.interrupted or not self.comparison.is_whole


def run_study(options: StudyOptions, say: Callable[[str], None], tell: Tell = nothing) -> Study:
    """Make the trials that are not there yet, and compare all. Ctrl-C ends it with what there is.

    Raises:
        ConfigError: before anything ran, for options that cannot be, or evidence of something else.
    """
    tell(f"looking at {options.market.data} ...")
    player = Player.of(options.market)
    splits = _splits(player, options)
    _look_at_parts(player, splits, say, tell)
    identity = _identity(player, options.settings)
    engine = engine_of(
        options.engine, player,
        lambda job: Errand(
            market=options.market, source=identity.source, data=identity.data, funding_sha256=identity.funding_sha256,
            job=job,
        ),
        options.at_once, options.address,
    )
    jobs = jobs_of(options.cells.cells, splits)
    with trial_file(options.evidence, identity, resume=options.resume) as file:
        interrupted = _make(jobs, file, engine, say, tell)
        return studied(options, splits, identity, file.found, interrupted=interrupted)


def jobs_of(cells: Sequence[Cell], splits: Sequence[Split]) -> tuple[Job, ...]:
    """Split by split, so that a study that is cut short has whole splits; a window that two splits share comes once."""
    found = {}
    for split in splits:
        for cell in cells:
            for window in split.windows:
                params = msgspec.to_builtins(cell.params, str_keys=True)
                found[cell.digest, window] = Job(cell.digest, dict(cell.values), params, window)
    return tuple(found.values())


def studied(
    options: StudyOptions, splits: tuple[Split, ...], identity: Identity, found: Mapping[tuple[str, Window], Trial], *,
    interrupted: bool,
) -> Study:
    """All that can be said of these trials."""
    space, cells = options.cells.space, options.cells.cells
    jobs = jobs_of(cells, splits)
    trials = [found[job.key] for job in jobs if job.key in found]
    comparison = compared(cells, splits, found, options.rank_by)
    peak, ends, best_t = None, tuple[str, ...](), None
    if comparison.best is not None:
        peak = peak_of(comparison.scores(), neighbours_of(space, cells), comparison.best)
        ends = at_the_end(space, cells[comparison.best])
        best = comparison.outcome(comparison.best).train
        best_t = None if best is None else t_value(best)
    tried = len({cell.digest for cell in cells} | {trial.digest for trial in found.values()})
    seen = Seen(comparison, trials, len(jobs), tried, _hours(splits, identity.speed), peak, ends)
    failed = [trial.failure for trial in trials if trial.figures is None]
    return Study(
        identity=identity, varied=tuple(axis.key for axis in space.axes), draws=space.draws, draw_seed=space.seed,
        left_out=options.cells.left_out, splits=splits, comparison=comparison, trials_wanted=len(jobs),
        trials_failed={why: failed.count(why) for why in sorted(set(failed))}, cells_tried=tried,
        cpu_s=round(sum(trial.cpu_s for trial in trials), 1), interrupted=interrupted, hours=seen.hours, peak=peak,
        rank_correlation=comparison.rank_correlation, t_value=best_t, t_needed=t_needed(tried),
        doubts=doubts_of(seen),
    )


def _splits(player: Player, options: StudyOptions) -> tuple[Split, ...]:
    span = player.source.span
    if options.until_s is not None:
        span = Span(span.begin_ns, min(span.end_ns, span.begin_ns + round(options.until_s * NS_PER_S)))
    return walk_forward(span, options.splits, options.train_tests, options.market.data, anchored=options.anchored)


def _look_at_parts(player: Player, splits: Sequence[Split], say: Callable[[str], None], tell: Tell) -> None:
    """Every window before anything runs: whether it can be played, and from when on. Raises ConfigError."""
    windows = sorted({window for split in splits for window in split.windows})
    for number, window in enumerate(windows, 1):
        tell(f"looking at window {number} of {len(windows)} ...")
        late_s = window.seconds - player.part(window).span.seconds
        if late_s > 0:
            say(f"window {span_text(window)}: begins {late_s:.1f} s later, when all books are known")


def _identity(player: Player, settings: Settings) -> Identity:
    market = player.market
    return Identity(
        version=__version__, python=platform.python_version(), source=source_now(), symbol=market.symbol,
        data=tuple(player.source.files), funding_sha256=market.funding_sha256(),
        shown=dict(player.source.described()), latency=market.latency, fees=fees_of(player.world), seed=market.seed,
        order_path=market.order_path, speed=market.speed,
        settings=msgspec.to_builtins(settings.strategy, str_keys=True),
    )


def _make(
    jobs: Sequence[Job], file: TrialFile, engine: Engine, say: Callable[[str], None], tell: Tell
) -> bool:
    """Every trial that has no figures yet; true when Ctrl-C ended it."""
    todo = [job for job in jobs if (known := file.found.get(job.key)) is None or known.figures is None]
    if len(todo) < len(jobs):
        say(f"{len(jobs) - len(todo)} of {len(jobs)} trials are in {file.path} already")
    began_s = clock_s()
    tell(share_text(0, len(todo), "trials", 0.0))
    try:
        with closing(engine.trials(todo)) as ended:
            for number, trial in enumerate(ended, 1):
                file.add(trial)
                say(line_of(trial))
                tell(share_text(number, len(todo), "trials", clock_s() - began_s))
    except KeyboardInterrupt:
        return True
    finally:
        tell("")
    return False


def line_of(trial: Trial) -> str:
    """A trial on one line."""
    values = " ".join(f"{key}={value}" for key, value in trial.values.items()) or "as configured"
    head = f"{trial.window.seconds:9,.1f} s  {values}"
    if trial.figures is None:
        return f"{head}  FAILED {trial.failure.splitlines()[-1] if trial.failure else ''}"
    figures = trial.figures
    total = "unknown" if figures.total is None else f"{figures.total:+.4f}"
    return (
        f"{head}  total {total}  {figures.round_trips} round trips  drawdown {figures.drawdown:.4f}  "
        f"naked {figures.naked_ms_worst} ms  {trial.cpu_s:.0f} s of CPU"
    )


def _hours(splits: Sequence[Split], speed: float) -> float:
    windows = [window for split in splits for window in split.windows]
    seconds = (max(window.end_ns for window in windows) - min(window.begin_ns for window in windows)) / NS_PER_S
    return seconds * speed / 3600
