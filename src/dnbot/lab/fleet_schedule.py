"""What goes wrong in one simulated run of a fleet: a schedule that follows from its seed, plain data."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Literal, Self

import msgspec

from dnbot.domain.errors import ConfigError

Kind = Literal[
    "worker_killed", "worker_paused", "host_sleeps", "worker_drained", "worker_cut_off", "renewals_fail", "leases_slow",
    "lease_answers_lost", "wall_clock_steps", "database_down", "database_fails_over", "database_clock_jumps",
    "orders_delayed",
]
KINDS: dict[Kind, str] = {
    "worker_killed": "C01", "worker_paused": "T03", "host_sleeps": "T05", "worker_drained": "C14",
    "worker_cut_off": "N13", "renewals_fail": "T08", "leases_slow": "T08", "lease_answers_lost": "S01",
    "wall_clock_steps": "T01", "database_down": "S05", "database_fails_over": "S06", "database_clock_jumps": "S13",
    "orders_delayed": "N04",
}
"""With their numbers in the fault catalogue."""
OFTEN: dict[Kind, int] = {"worker_killed": 3, "database_fails_over": 3, "worker_paused": 2, "host_sleeps": 2}
SLOTS = 2
TASKS = (2, 2, 2, 3, 3, 4)
TTLS_S = (15.0, 21.0, 30.0)
"""The shortest is just above what the margin allows."""
QUIET_S = 20.0
"""Until then the tasks are claimed and trade."""
LIVE_S = 110.0
"""From the end of the last fault to the end of the run: more than a lease of any length and a start."""
EVERY_S = (6.0, 25.0)
PORTS_MAX = 60
COMMITS_MAX = 40
AHEAD_S = (-40.0, 60.0)
STEPS_MS = (-90_000, -3_000, -400, 400, 3_000, 90_000)
SKEWS_MS = (0, 0, 0, -700, 1_500, -4_000)
"""How far the wall clock of a machine is off from the beginning: less than what keeps a bot from trading."""


class FleetMishap(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happens at `at_s`, for `for_s`, seconds of the run, to the worker in a `slot` (or to all).

    `at_port`: not at once, but at so many-th message, call or record of that worker. `amount` by kind:
    *leases_slow*: a call of the store of tasks takes so many seconds there, or back when it is negative.
    *lease_answers_lost*: so many. *wall_clock_steps*: ms, and back. *database_fails_over*: so many commits are lost.
    *database_clock_jumps*: s, for good. *orders_delayed*: every other create is held back by so many s before its venue
    looks at it. *worker_killed*: 1 for a power cut, which loses what is on its way.
    """

    key: str
    kind: Kind
    at_s: float
    for_s: float = 0.0
    slot: int = 0
    at_port: int = 0
    amount: float = 0.0


class FleetSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """All that goes wrong in one run, and until when; and the fleet that it happens to."""

    seed: int
    heal_s: float
    tasks: int = 2
    ttl_s: float = TTLS_S[0]
    order_path: str = "rest"
    skews_ms: tuple[int, ...] = (0,) * SLOTS
    mishaps: tuple[FleetMishap, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of everything in it; leaving one out moves nothing else."""
        return tuple(mishap.key for mishap in self.mishaps)

    def only(self, keys: Collection[str]) -> Self:
        """The schedule with these alone."""
        return msgspec.structs.replace(self, mishaps=tuple(m for m in self.mishaps if m.key in keys))


def kinds_of(wanted: str) -> tuple[Kind, ...]:
    """``swarm``, ``all``, ``none``, or names of mishaps. Raises ConfigError."""
    if wanted in ("swarm", "all"):
        return tuple(KINDS)
    names = () if wanted == "none" else tuple(name for name in wanted.split(",") if name)
    for name in names:
        if name not in KINDS:
            raise ConfigError("--faults", name, "unknown", "swarm, all, none, or of " + ", ".join(KINDS))
    return tuple(kind for kind in KINDS if kind in names)


def draw_fleet(seed: int, wanted: str, run_s: float) -> FleetSchedule:
    """The schedule of a seed for a run of so many seconds. Raises ConfigError for names that are not known."""
    rng = random.Random(f"{seed}:fleet")
    kinds, heal_s = kinds_of(wanted), max(run_s - LIVE_S, run_s / 2)
    share = rng.choice((0.2, 0.4, 0.7))
    if wanted == "swarm":
        taken = tuple(kind for kind in kinds if rng.random() < share * OFTEN.get(kind, 1))
        kinds = taken or tuple(rng.sample(kinds, 3))
    return FleetSchedule(
        seed=seed, heal_s=heal_s, tasks=rng.choice(TASKS), ttl_s=rng.choice(TTLS_S),
        order_path=rng.choice(("rest", "websocket")),
        skews_ms=tuple(rng.choice(SKEWS_MS) for _ in range(SLOTS)),
        mishaps=tuple(
            _mishap(random.Random(f"{seed}:{kind}.{number}"), f"{kind}.{number}", kind, at_s, heal_s - at_s)
            for number, (at_s, kind) in enumerate(_moments(rng, kinds, wanted, heal_s), 1)
        ),
    )


def _moments(rng: random.Random, kinds: Sequence[Kind], wanted: str, heal_s: float) -> list[tuple[float, Kind]]:
    """When what begins: each kind that was asked for by name at least once; and then at random."""
    begin_s, end_s, every_s = min(QUIET_S, heal_s / 4), heal_s - 2.0, rng.uniform(*EVERY_S)
    found = [(rng.uniform(begin_s, end_s), kind) for kind in kinds if wanted != "swarm"]
    at_s = begin_s + rng.expovariate(1 / every_s)
    while kinds and at_s < end_s:
        found.append((at_s, rng.choice([kind for kind in kinds for _ in range(OFTEN.get(kind, 1))])))
        at_s += rng.expovariate(1 / every_s)
    return sorted((round(at_s, 3), kind) for at_s, kind in found)


def _mishap(rng: random.Random, key: str, kind: Kind, at_s: float, left_s: float) -> FleetMishap:
    """What one is like follows from its own name and nothing else; it is over when everything heals."""
    lasts_s = {
        "worker_killed": (0.5, 40.0), "worker_paused": (2.0, 70.0), "host_sleeps": (2.0, 70.0),
        "worker_drained": (0.5, 10.0), "worker_cut_off": (1.0, 60.0), "renewals_fail": (2.0, 60.0),
        "leases_slow": (5.0, 60.0), "wall_clock_steps": (1.0, 60.0), "database_down": (0.5, 40.0),
        "database_fails_over": (1.5, 12.0), "orders_delayed": (10.0, 90.0),
    }
    amounts = {
        "worker_killed": float(rng.randint(0, 1)),
        "leases_slow": rng.choice((-1, 1)) * round(rng.uniform(0.2, 6.0), 3),
        "lease_answers_lost": float(rng.randint(1, 4)),
        "wall_clock_steps": float(rng.choice(STEPS_MS)),
        "database_fails_over": float(rng.choice((0, 1, 2, 5, COMMITS_MAX))),
        "database_clock_jumps": round(rng.uniform(*AHEAD_S), 3),
        "orders_delayed": round(rng.uniform(0.1, 0.7), 3),
    }
    least_s, most_s = lasts_s.get(kind, (0.0, 0.0))
    return FleetMishap(
        key=key, kind=kind, at_s=at_s, for_s=round(min(rng.uniform(least_s, most_s), max(least_s, left_s)), 3),
        slot=rng.randrange(SLOTS), at_port=rng.choice((0, rng.randint(1, PORTS_MAX))), amount=amounts.get(kind, 0.0),
    )  # fmt: skip
