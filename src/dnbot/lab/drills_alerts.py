"""`dnbot drill alerts`: each trouble at a whole bot, in virtual time, is one alert within seconds, and one end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import trio

from dnbot.lab.drills_alerts_scenes import SCENES, Scene, Trouble
from dnbot.lab.drills_alerts_stage import DrillStuck, Watched, watched_bot
from dnbot.lab.still_clock import still_clock
from dnbot.lab.world import deterministic
from dnbot.operate.progress import Tell, nothing
from dnbot.strategy.states import TradingMode

EXIT_PASSED, EXIT_FAILED = 0, 1
SEED = 1
WITHIN_S = 5.0
"""From the moment in which a figure is beyond its limit until people are told."""
OVER_S_MAX = 90.0
TOLD_S = 3.0
"""What is over is told within this."""
RESTED = 0.7
"""Share of each rate budget that must be left before the next trouble: otherwise its reads, on top of those of the ones
before, would use it up."""
CLEAR_MS, WINDOW_S, QUIET_S = 3_000, 60.0, 15.0
"""Shorter than the defaults; the first is above `group_ms`: a warning that is over sooner would not be told."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What people heard of one trouble."""

    name: str
    key: str
    level: str
    alert_s: float | None = None
    """From the breach until it was told; None: it was not."""
    end_s: float | None = None
    """From the end of the trouble until that was told."""
    problems: tuple[str, ...] = ()


def run_alert_drill(only: Sequence[str] = (), told: Callable[[Told], None] | None = None) -> tuple[Told, ...]:
    """All troubles, or those of these names, each scene with a bot of its own; `told` gets each as it is done."""
    found: list[Told] = []
    for scene in SCENES:
        wanted = [trouble for trouble in scene.troubles if not only or trouble.name in only]
        if wanted:
            trio.run(_play, scene, wanted, found, told, clock=still_clock())
    return tuple(found)


async def _play(
    scene: Scene, wanted: Sequence[Trouble], found: list[Told], told: Callable[[Told], None] | None
) -> None:
    limits = {"clear_ms": CLEAR_MS, **scene.limits}
    async with watched_bot(scene.config, scene.params, WINDOW_S, QUIET_S, **limits) as here:
        for line in here.ears.lines():
            raise DrillStuck(f"an alert before anything happened: {line}")
        for trouble in wanted:
            found.append(await provoke(here, trouble))
            if told is not None:
                told(found[-1])


async def provoke(here: Watched, trouble: Trouble) -> Told:
    """One trouble, from its provocation until all that it raised is over and the bot trades again."""
    began_s, alert_s, end_s = trio.current_time(), None, None
    problems: list[str] = []
    try:
        heal = await trouble.provoke(here)
        breached_s = trio.current_time()
        alert_s = await here.hear(f"{trouble.level} {trouble.key}: ", since_s=began_s) - breached_s
        heal()
        healed_s = trio.current_time()
        end_s = await here.hear(f"resolved {trouble.key} after ", trouble.end_s_max, since_s=began_s) - healed_s
        if here.bot.context.mode is not TradingMode.ACTIVE:
            await here.resume()
        await here.until(lambda: not told_open(here), "everything is over", OVER_S_MAX)
        await trio.sleep(TOLD_S)
        await here.until(lambda: here.rate_left() > RESTED, "the rate budgets have rested", OVER_S_MAX)
        problems += problems_of(here, trouble, began_s, alert_s)
    except DrillStuck as stuck:
        problems.append(f"{stuck}; people heard {[line for _, line in here.ears.lines(began_s)]}")
    return Told(
        name=trouble.name, key=trouble.key, level=trouble.level, alert_s=alert_s, end_s=end_s, problems=tuple(problems)
    )


def told_open(here: Watched) -> list[str]:
    """Keys that people know to be open."""
    return [key for key, known in here.monitors.book.open.items() if known.told]


def key_of(line: str) -> str:
    """The alert that a line is about: `LEVEL KEY: ...` or `resolved KEY after ...`."""
    return line.split(" ", 2)[1].removesuffix(":")


def problems_of(here: Watched, trouble: Trouble, began_s: float, alert_s: float) -> list[str]:
    """What is not as it must be: one alert in time, one end, both stored, and nothing else but what it entails."""
    key, level = trouble.key, trouble.level
    lines = [line for _, line in here.ears.lines(began_s)]
    ours = [line for line in lines if key_of(line) == key]
    others = [line for line in lines if key_of(line) not in (key, *trouble.entails)]
    raised, ended = f"{level} {key}: ", f"resolved {key} after "
    found = [] if alert_s <= WITHIN_S else [f"told after {alert_s:.1f} s"]
    if len(ours) != 2 or not ours[0].startswith(raised) or not ours[1].startswith(ended):
        found.append(f"one alert and one end: {ours}")
    elif trouble.is_watched and ": not raised again for " in ours[1]:
        found.append(f"no monitor ended it: {ours[1]}")
    found += [f"told beside it: {line}" for line in others]
    rows = [(row.level, row.text.startswith("resolved after ")) for row in here.stored() if row.key == key]
    if (level, False) not in rows or rows[-1] != ("info", True):
        found.append(f"stored: {rows}")
    return found


# --- the command ------------------------------------------------------------------------------------------------------
def drill_alerts(only: Sequence[str], json: Path | None, say: Callable[[str], None], tell: Tell = nothing) -> int:
    """Print a row for each trouble; the exit code is 0 when all are as they must be."""
    known = [trouble.name for scene in SCENES for trouble in scene.troubles]
    if strange := [name for name in only if name not in known]:
        say(f"no such trouble: {', '.join(strange)}; there are {', '.join(known)}")
        return EXIT_FAILED
    say(f"{'trouble':<28} {'alert':<31} {'level':<9} {'told after':>10} {'ended after':>11}")
    rows = list[Told]()

    def told(row: Told) -> None:
        rows.append(row)
        say(f"{row.name:<28} {row.key:<31} {row.level:<9} {_seconds(row.alert_s):>10} {_seconds(row.end_s):>11}")
        for problem in row.problems:
            say(f"    FAILED: {problem}")
        tell(f"{len(rows)} of {len(only) or len(known)}")

    deterministic(SEED)
    run_alert_drill(only, told)
    tell("")
    failed = sum(bool(row.problems) for row in rows)
    say(f"{len(rows)} troubles, {failed} failed; seconds of the fakes' clock, from a breach and from its end")
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1) + b"\n")
    return EXIT_FAILED if failed else EXIT_PASSED


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"
