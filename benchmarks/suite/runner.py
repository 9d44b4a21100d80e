"""`./dnbot bench`: measure the targets, print them, and say so where one is missed.

    ./dnbot bench [--only NAME,...] [--json FILE] [--rounds N] [--trial]

Each target is a figure of this machine now, beside its comparison in the same rounds: what counts is the ratio. Exit
code 0 when everything asked for was met, 1 when something was missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import attrs

from suite.children import FLAG, become
from suite.machine import machine
from suite.measuring import ROUNDS_MIN, Effort
from suite.profiles import top_lines
from suite.table import table
from suite.target import Target

MEASURES = (
    "log_call", "log_disk", "frame_to_top", "edges", "estimate", "step", "websocket_memory", "websocket_receive",
    "tick_path", "intents_commit", "order_path", "execution_record", "collector", "simulator",
)
"""Modules of the suite in the order of their numbers; each has `measure(effort) -> list[Target]`."""
TRIAL = Effort(rounds=1, share=0.01)


def main() -> int:
    """The command."""
    if sys.argv[1:2] == [FLAG]:
        become(sys.argv[2:])
        return 0
    options = parser().parse_args()
    effort = TRIAL if options.trial else Effort(rounds=options.rounds)
    targets: list[Target] = []
    for name in options.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        targets += [_explained(target) for target in import_module(f"suite.{name}").measure(effort)]
    found = machine()
    if options.trial:
        found["trial"] = "too few repetitions for a figure"
    print(table(found, targets))
    if options.json is not None:
        content = {"machine": found, "targets": [target.record() for target in targets]}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0 if all(target.met for target in targets) else 1


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
    options.add_argument("--only", type=_names, default=MEASURES, metavar="NAME,...", help=", ".join(MEASURES))
    options.add_argument("--json", type=Path, metavar="FILE", help="write the machine and the targets there")
    options.add_argument("--rounds", type=_rounds, default=ROUNDS_MIN, help=f"at least {ROUNDS_MIN}")
    options.add_argument("--trial", action="store_true", help="see that everything runs, in seconds; no figure counts")
    return options


def _names(text: str) -> Sequence[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no target named {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    return names


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < ROUNDS_MIN:
        raise argparse.ArgumentTypeError(f"{rounds} rounds are too few for a median: at least {ROUNDS_MIN}")
    return rounds
