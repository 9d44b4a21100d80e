"""`dnbot drill`: real processes on real sockets are hurt at seeded instants, and judged by what is left.

A lane is a list of faults: everyday ones, or chaos. A round is one repetition of each on one stage: one database, one
fake world, a bot that comes and goes.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import attrs
import msgspec
import trio

from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.lab.drills_chaos import CHAOS
from dnbot.lab.drills_faults import KINDS, FaultKind
from dnbot.lab.drills_orders import Hand
from dnbot.lab.drills_repetition import Drill, Result
from dnbot.lab.drills_secrets import secrets_shown
from dnbot.lab.drills_signals import until_interrupted
from dnbot.lab.drills_stage import Stage, stage
from dnbot.operate.progress import Tell, nothing, share_text

EXIT_PASSED, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
ROUND_S_MAX = 900.0
REPETITION_S_MAX = 240.0
AGAIN_MAX = 2


@attrs.frozen
class Lane:
    """What `dnbot drill NAME` runs, and on what stage."""

    name: str
    kinds: Mapping[str, FaultKind]
    through_proxy: bool = False
    on_small_disk: bool = False


FAULTS = Lane("faults", KINDS)


def chaos(*, on_small_disk: bool) -> Lane:
    """The lane of chaos; without a small disk, the stage that fills it is skipped."""
    return Lane("chaos", CHAOS, through_proxy=True, on_small_disk=on_small_disk)


@attrs.frozen
class DrillOptions:
    """What the command line asks for."""

    lane: Lane = FAULTS

    only: Sequence[str] = ()
    repeat: int = 10
    seed: int = 1
    json: Path | None = None
    resume: bool = False
    keep: bool = False
    """Leave the folders of failed stages for a person."""


class Report(msgspec.Struct):
    """What the JSON file holds."""

    seed: int
    results: list[Result] = []


@attrs.define
class _Run:
    options: DrillOptions
    say: Callable[[str], None]
    report: Report
    tell: Tell = nothing
    total: int = 0
    """Repetitions that were to do at the start."""
    done: int = 0
    began_s: float = attrs.field(factory=trio.current_time)

    def wanted(self, number: int) -> list[str]:
        """The faults of one round that are still to do: restarts and stops first, the others shuffled by the seed."""
        kinds = self.options.lane.kinds
        chosen = [name for name in kinds if not self.options.only or name in self.options.only]
        done = {(r.fault, r.repetition) for r in self.report.results if r.passed and r.seed == self.options.seed}
        ends = [name for name in chosen if kinds[name].follows in {"restart", "stop"}]
        others = [name for name in chosen if name not in ends]
        random.Random(f"{self.options.seed}:round:{number}").shuffle(others)
        return [name for name in (*ends, *others) if (name, number) not in done]

    async def round(self, number: int) -> None:
        """One stage, one repetition of each fault, and the end of the stage."""
        names = self.wanted(number)
        if not names:
            return
        lane = self.options.lane
        async with stage(
            self.options.seed * 1000 + number, keep=self.options.keep, through_proxy=lane.through_proxy,
            on_small_disk=lane.on_small_disk,
        ) as world:
            drill = Drill(world, Hand(world))
            await drill.hand.open()
            try:
                for name in names:
                    await self._one(drill, name, number)
            finally:
                with trio.move_on_after(2, shield=True):
                    await drill.hand.aclose()
            last = self.report.results[-1]
            last.checks["stage_end"] = await _end_of_stage(world)
            last.checks["secrets"] = await secrets_shown(world)
            folder = world.folder
            self._keep()
        left = [words for _, words in world.processes()]
        last.checks["left_after_stage"] = f"left: {left}" if left else ""
        if folder.exists() and not self.options.keep:
            last.checks["left_after_stage"] += f" {folder} is still there"
        self._keep()

    async def _one(self, drill: Drill, name: str, number: int) -> None:
        try:
            with trio.fail_after(REPETITION_S_MAX):
                result = await self._asked(drill, self.options.lane.kinds[name], number)
        except (RuntimeError, OperatingError, trio.TooSlowError, ConfigError, ExceptionGroup) as error:
            words = drill.stage.bot.last_words()[-600:]
            result = Result(
                fault=name, repetition=number, seed=self.options.seed, venue="",
                checks={"drill": f"{type(error).__name__}: {error}; {words}"},
            )
            await drill.stage.bot.end()
        kept = [r for r in self.report.results if (r.fault, r.repetition, r.seed) != (name, number, self.options.seed)]
        self.report.results = [*kept, result]
        self._keep()
        self.done += 1
        self.say(line_of(result))
        self.tell(share_text(self.done, self.total, "repetitions", trio.current_time() - self.began_s))

    async def _asked(self, drill: Drill, kind: FaultKind, number: int) -> Result:
        """One repetition; a sweep that came between placing and striking spoils the question, not the answer."""
        result = await drill.repeat(kind, number, self.options.seed)
        for again in range(AGAIN_MAX):
            if {check for check, text in result.checks.items() if text} != {"resting_before"}:
                break
            result = await drill.repeat(kind, number, self.options.seed)
            result.detail["asked_again"] = again + 1
        return result

    def _keep(self) -> None:
        """Write the evidence after every repetition, whole or not at all."""
        path = self.options.json
        if path is None:
            return
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(self.report), indent=1))
        temporary.replace(path)


async def run_drills(options: DrillOptions, say: Callable[[str], None], tell: Tell = nothing) -> int:
    """Run every repetition that is asked for; 0 when all passed, 1 when one did not, 130 after Ctrl-C or SIGTERM.

    Raises:
        ConfigError: a fault is unknown, or the JSON file cannot be read.
    """
    kinds = options.lane.kinds
    if unknown := [name for name in options.only if name not in kinds]:
        raise ConfigError(f"drill {options.lane.name}", "--only", ", ".join(unknown), ", ".join(kinds))
    run = _Run(options, say, _report(options), tell)
    run.total = sum(len(run.wanted(number)) for number in range(1, options.repeat + 1))

    async def rounds() -> None:
        for number in range(1, options.repeat + 1):
            with trio.fail_after(ROUND_S_MAX):
                await run.round(number)

    interrupted = await until_interrupted(rounds)
    results = [result for result in run.report.results if not options.only or result.fault in options.only]
    tell("")
    say(table_of(results, kinds))
    if interrupted:
        say(f"interrupted by {interrupted}; --resume goes on from the JSON file")
        return EXIT_INTERRUPTED
    return EXIT_PASSED if results and all(result.passed or result.skipped for result in results) else EXIT_FAILED


def _report(options: DrillOptions) -> Report:
    path = options.json
    if path is None or not options.resume or not path.exists():
        if options.resume and path is None:
            lane = options.lane.name
            raise ConfigError(f"drill {lane}", "--resume", "no --json", "the file of the run to go on with")
        return Report(options.seed)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(str(path), "--json", str(error), "what an earlier drill wrote") from None


async def _end_of_stage(world: Stage) -> str:
    """A bot that still runs is stopped; whatever it says, it must be gone."""
    if world.bot.pid is None:
        return ""
    world.bot.send(signal.SIGTERM)
    code = await world.bot.ended(25.0)
    return "" if code == 0 else f"the last bot ended with {code}: {world.bot.last_words()[-300:]}"


def line_of(result: Result) -> str:
    """One line per repetition."""
    if result.skipped:
        return f"skip {result.fault:<20} {result.repetition:>2} {result.skipped}"
    failed = {name: text for name, text in result.checks.items() if text}
    outcome = "ok  " if result.passed else "FAIL"
    time = (
        f"trades again after {result.trading_again_s} s" if result.trading_again_s is not None
        else f"stopped after {result.stopped_s} s, exit {result.exit_code}, from {result.state_at_stop}"
        if result.stopped_s is not None else "-"
    )
    text = (
        f"{outcome} {result.fault:<20} {result.repetition:>2} {result.venue:<12} {time}, naked {result.naked_ms} ms, "
        f"resting {sum(result.resting.values())}, {result.took_s} s"
    )
    return text + "".join(f"\n     {name}: {what}" for name, what in failed.items())


def table_of(results: Sequence[Result], kinds: Iterable[str]) -> str:
    """The worst of each fault."""
    head = f"{'fault':<20} {'passed':>7} {'trades again s':>15} {'stopped s':>10} {'naked ms':>9}  residual"
    lines = [head, "-" * len(head)]
    for name in kinds:
        mine = [result for result in results if result.fault == name]
        if not mine:
            continue
        passed = f"{sum(result.passed for result in mine)}/{len(mine)}"
        again = _worst(result.trading_again_s for result in mine)
        stopped = _worst(result.stopped_s for result in mine)
        naked = max(result.naked_ms for result in mine)
        left = {v for result in mine for assets in result.residual.values() for v in assets.values()}
        lines.append(f"{name:<20} {passed:>7} {again:>15} {stopped:>10} {naked:>9}  {', '.join(sorted(left)) or '-'}")
    skipped = [f"{result.fault} {result.repetition}: {result.skipped}" for result in results if result.skipped]
    lines += [f"skipped {len(skipped)}: {'; '.join(skipped)}"] if skipped else []
    return "\n".join(lines)


def _worst(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{max(known):.2f}" if known else "-"
