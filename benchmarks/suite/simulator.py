"""Target 15: virtual time per time of one core, the swarm's faults included: the whole bot, its fakes and its judge."""

from __future__ import annotations

from functools import partial

from dnbot.config.reading import load_settings
from dnbot.lab.simulation import simulate
from dnbot.lab.swarm import draw
from dnbot.resources import config_dir
from suite.children import call
from suite.figures import Figures
from suite.measuring import Effort, interleaved
from suite.target import Target

RUN_S = 60.0
FASTER = 100.0


def measure(effort: Effort) -> list[Target]:
    """A new process and another seed for each round."""
    seeds = iter(range(1, 1_000))
    run_s = max(10.0, RUN_S * effort.share)
    rounds = interleaved(effort.rounds, {"ours": lambda: call("simulator:speed", next(seeds), run_s)})
    return [
        Target(
            "15 simulator, virtual s per s of a core", "1/s", rounds.median("ours", "virtual_per_cpu"), limit=FASTER,
            detail=f"{run_s:.0f} virtual seconds of seeds 1 to {effort.rounds}, "
            f"{rounds.median('ours', 'frames'):.0f} frames/s of the quieter exchange, "
            f"{rounds.median('ours', 'executions'):.0f} executions; "
            f"rounds {rounds.spread('ours', 'virtual_per_cpu')}",
            again=partial(speed, 1, run_s),
        )
    ]


def speed(seed: int, run_s: float) -> Figures:
    """One seed of the swarm."""
    run = simulate(draw(seed, "swarm", run_s), load_settings(config_dir() / "demo.toml").strategy, run_s)
    return {
        "virtual_per_cpu": run.virtual_s / run.cpu_s, "executions": run.executions,
        "frames": min(run.frames_per_s.values()),
    }  # fmt: skip
