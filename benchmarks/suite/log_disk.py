"""Target 2: lines a second from the first call until the last line is in the file, and lines that are lost."""

from __future__ import annotations

from functools import partial

from suite.children import call
from suite.figures import Rounds
from suite.log_contenders import CONTENDERS, FLOOR_OF, FLOORS, OURS, run
from suite.measuring import Effort, interleaved
from suite.target import Target

LINES = {"stdlib": 50_000, "picologging": 50_000}
LINES_ELSE = 200_000
PROFILED = 50_000
LIMITS = {"declared event": 1_000_000.0, "free keywords": 800_000.0}
FACTORS = {"nautilus_trader": 3.0, "stdlib": 20.0, "structlog": 6.0}


def measure(effort: Effort) -> list[Target]:
    """Ours against the limits; the declared event against each peer; losses of both kinds."""
    lines = {name: effort.times(LINES.get(name, LINES_ELSE)) for name in CONTENDERS | FLOORS}
    rounds = interleaved(
        effort.rounds,
        {name: partial(call, "log_contenders:run", name, 1, count) for name, count in lines.items()},
    )
    lost = call("log_contenders:losses")
    return [
        *(_against_limit(rounds, name) for name in OURS),
        *(_against_peer(rounds, peer, factor) for peer, factor in FACTORS.items()),
        Target("2 lines lost below the ring's limit", "lines", lost["below"], limit=0),
        Target("2 lines lost above it and not counted", "lines", lost["uncounted"], limit=0),
    ]


def _against_limit(rounds: Rounds, name: str) -> Target:
    others = "; ".join(f"{other} {rounds.median(other, 'rate'):,.0f}" for other in CONTENDERS if other not in OURS)
    return Target(
        f"2 log to disk, {name}", "1/s", rounds.median(name, "rate"), limit=LIMITS[name],
        floor=rounds.median(f"bare {name}", "rate"), floor_of=FLOOR_OF,
        detail=f"rounds {rounds.spread(name, 'rate')}; {others}", again=partial(run, name, 1, PROFILED),
    )


def _against_peer(rounds: Rounds, peer: str, factor: float) -> Target:
    return Target(
        f"2 log to disk beside {peer}", "1/s", rounds.median(OURS[0], "rate"), factor=factor, beside=peer,
        comparison=rounds.median(peer, "rate"), again=partial(run, OURS[0], 1, PROFILED),
    )
