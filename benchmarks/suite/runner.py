"""`./dnbot bench`: measure the targets, print them, and say so where one is missed.

    ./dnbot bench [--only NAME,...] [--json FILE] [--rounds N] [--trial]

Each target is a figure of this machine now, beside its comparison in the same rounds: what counts is the ratio. Exit
code 0 when everything asked for was met, 1 when something was missed. What takes longer than minutes runs only when it
is named (or in a trial), and goes on with what the JSON file holds of the same source.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import attrs

from dnbot.operate.progress import ProgressLine
from suite.children import FLAG, become
from suite.kept import Kept, source
from suite.machine import machine
from suite.measuring import ROUNDS_MIN, Effort
from suite.profiles import top_lines
from suite.table import table
from suite.target import Target

MEASURES = (
    "log_call", "log_disk", "frame_to_top", "edges", "estimate", "step", "journal", "websocket_memory",
    "websocket_receive", "tick_path", "gc", "intents_commit", "order_path", "wire_path", "execution_record", "reuse",
    "start", "collector", "simulator", "decisions", "growth", "queries", "endurance", "watched", "lasting",
)
"""Modules of the suite in the order of their numbers; each has `measure(effort) -> list[Target]`."""
LONG = ("decisions", "growth", "queries", "endurance", "watched", "lasting")
"""They take from ten minutes to hours."""
SIZES = {
    "sequences": "random sequences of books that `decisions` compares", "rows": "rows of a table that `queries` asks",
    "seconds": "how long `endurance` and `watched` last", "executions": "executions that `lasting` waits for",
}
"""Options of one measurement each, and what they say."""
TRIAL = Effort(rounds=1, share=0.01)


def main() -> int:
    """The command."""
    if sys.argv[1:2] == [FLAG]:
        become(sys.argv[2:])
        return 0
    options = parser().parse_args()
    effort = effort_of(options)
    names = options.only or [name for name in MEASURES if options.trial or name not in LONG]
    measured: dict[str, list[Target]] = {}
    took_s: dict[str, float] = {}
    line = ProgressLine()
    for number, name in enumerate(names, 1):
        line.tell(f"{name}, {number} of {len(names)}")
        began_s = time.monotonic()
        measured[name] = [_explained(target) for target in import_module(f"suite.{name}").measure(effort)]
        took_s[name] = time.monotonic() - began_s
    line.tell("")
    found = machine()
    found["took"] = f"{sum(took_s.values()):.0f} s: {', '.join(f'{name} {s:.0f}' for name, s in took_s.items())}"
    if options.trial:
        found["trial"] = "too few repetitions for a figure"
    targets = [target for each in measured.values() for target in each]
    print(table(found, targets))
    effort.kept.conclude(found, {name: [target.record() for target in each] for name, each in measured.items()})
    return 0 if all(target.met for target in targets) else 1


def effort_of(options: argparse.Namespace) -> Effort:
    """How long to measure, by these options."""
    return attrs.evolve(
        TRIAL if options.trial else Effort(rounds=options.rounds),
        sizes={name: size for name in SIZES if (size := getattr(options, name)) is not None},
        recordings=options.recordings,
        kept=Kept(options.json, source() if options.json is not None else "", options.trial),
    )


def _explained(target: Target) -> Target:
    """With its profile, when it is missed."""
    if target.met or target.again is None:
        return target
    return attrs.evolve(target, profile=top_lines(target.again))


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="dnbot bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--only", type=_names, metavar="NAME,...", help=", ".join(MEASURES))
    options.add_argument(
        "--json", type=Path, metavar="FILE",
        help="write the machine and the targets there, beside what other targets of the same source have left",
    )
    options.add_argument("--rounds", type=_rounds, default=ROUNDS_MIN, help=f"at least {ROUNDS_MIN}")
    for name, text in SIZES.items():
        options.add_argument(f"--{name}", type=_size, metavar="N", help=text)
    options.add_argument("--recordings", type=Path, metavar="FOLDER", help="recorded books, for `decisions`")
    options.add_argument("--trial", action="store_true", help="see that everything runs, in seconds; no figure counts")
    return options


def _names(text: str) -> Sequence[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no target named {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    return names


def _size(text: str) -> int:
    size = int(text)
    if size < 1:
        raise argparse.ArgumentTypeError(f"{size} is no size: at least 1")
    return size


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < ROUNDS_MIN:
        raise argparse.ArgumentTypeError(f"{rounds} rounds are too few for a median: at least {ROUNDS_MIN}")
    return rounds
