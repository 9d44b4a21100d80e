"""What goes wrong in one simulated run: a schedule that follows from its seed, plain data (`lab.schedule`).

A schedule has faults of the exchanges (`dnbot.fakes.faults`) and mishaps of the bot's own side: its process, its
database, its clock and the people around it. Each seed draws a few kinds and leaves out the others, because a run that
mixes everything never shows what two things do together (swarm testing: Groce et al., ISSTA 2012).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from dnbot.domain.errors import ConfigError
from dnbot.fakes.faults import Fault, Value
from dnbot.fakes.faults_catalogue import KINDS
from dnbot.lab.schedule import DEVIATIONS_BPS, MISHAPS, Kind, Meeting, Mishap, Schedule
from dnbot.lab.swarm_moments import QUIET_S, close_calls, moment, timed
from dnbot.lab.swarm_table import ALONE, FAULTS, FaultHabit

DRAINED_SHARE = 0.15
DRAINS_QUOTE = (-7_600, -4_000, 3_000)
"""Of ten thousand, of which the short needs less than two; some money comes back."""
PAUSED_SHARE = 0.25
"""Of so many seeds of the swarm the process stands still, once to three times."""
OUTAGE_SHARE = 0.03
"""Of so many seeds one exchange cannot be asked anything for longer than all attempts to recover take together."""
OUTAGE_S = (150.0, 200.0)
RESTING_SHARE = 1 / 6
"""In so many seeds of the swarm one leg of a pair may rest."""
MOMENTS = ("now", "intents", "create", "fill")
LIVE_S = 100.0
"""After the last fault: it has to come back."""
SHARES = (0.08, 0.15, 0.3)
"""Which part of all kinds a seed takes; one of these."""
EVERY_S = (5.0, 20.0)
"""Mean time between two of them; drawn between these."""
OFTEN = {"crash": 6, "reply_lost": 3, "request_lost": 3, "partial_fill": 3, "order_rejected": 3, "database_down": 3}
"""Kinds that seeds take so many times as often as others."""
PAUSED_S = (5.0, 40.0)


def kinds_of(wanted: str) -> tuple[str, ...]:
    """``swarm``, ``all``, ``none``, or names of faults and mishaps. Raises ConfigError."""
    known = (*FAULTS, *MISHAPS)
    if wanted in ("swarm", "all"):
        return tuple(name for name in known if name not in ALONE)
    if wanted == "none":
        return ()
    names = tuple(name for name in wanted.split(",") if name)
    for name in names:
        if name not in known:
            allowed = "swarm, all, none, or of " + ", ".join(known)
            raise ConfigError("--faults", name, ALONE.get(name, "unknown"), allowed)
    return names


def draw(seed: int, wanted: str, run_s: float) -> Schedule:
    """The schedule of a seed for a run of so many seconds. Raises ConfigError for names that are not known."""
    rng = random.Random(f"{seed}:swarm")
    kinds = kinds_of(wanted)
    if wanted == "swarm":
        share = rng.choice(SHARES)
        kinds = tuple(kind for kind in kinds if kind != "paused")
        taken = (kind for kind in kinds if rng.random() < share * OFTEN.get(kind, 1))
        kinds = tuple(taken) or tuple(rng.sample(kinds, 5))
    heal_s = max(run_s - LIVE_S, run_s / 2)
    faults: list[dict[str, Value]] = []
    mishaps: list[Mishap] = []
    meetings: list[Meeting] = []
    for number, (at_s, kind) in enumerate(_moments(rng, kinds, wanted, heal_s), 1):
        key = f"{kind}.{number}"
        own = random.Random(f"{seed}:{key}")  # what one is like does not hang on the ones before it
        left_s = heal_s - at_s
        if kind in MISHAPS:
            mishaps.append(_mishap(own, key, kind, at_s, left_s))
        else:
            faults.append(_fault(own, key, FAULTS[kind], at_s, left_s).as_data())
    if wanted == "swarm":
        mishaps += _pauses(seed, heal_s)
        faults += _drains(seed, heal_s) + _outage(seed, heal_s)
        for found in (timed(seed, heal_s), close_calls(seed, heal_s)):
            mishaps += found.mishaps
            faults += found.faults
            meetings += found.meetings
    order_path = "websocket" if rng.random() < 0.5 else "rest"
    return Schedule(
        seed=seed, heal_s=heal_s, order_path=order_path, deviation_bps=rng.choice(DEVIATIONS_BPS),
        margin_top_up=any(fault["name"] == "money_moves" for fault in faults) and seed % 2 == 0,
        maker_first=wanted == "swarm" and random.Random(f"{seed}:maker_first").random() < RESTING_SHARE,
        faults=tuple(faults), mishaps=tuple(mishaps), meetings=tuple(meetings),
    )  # fmt: skip


def _pauses(seed: int, heal_s: float) -> list[Mishap]:
    """Drawn beside all else, which they move nowhere: what a seed found before there were pauses, it still finds."""
    own = random.Random(f"{seed}:paused")
    if own.random() >= PAUSED_SHARE:
        return []
    moments = sorted(moment(own, heal_s) for _ in range(own.randint(1, 3)))
    return [
        _mishap(own, f"paused.{number}", "paused", at_s, heal_s - at_s) for number, at_s in enumerate(moments, 1)
    ]


def _outage(seed: int, heal_s: float) -> list[dict[str, Value]]:
    """One long outage of REST alone, or none; drawn beside all else, as pauses are."""
    own = random.Random(f"{seed}:outage")
    if own.random() >= OUTAGE_SHARE or heal_s < QUIET_S + OUTAGE_S[1]:
        return []
    for_s = round(own.uniform(*OUTAGE_S), 3)
    return [
        Fault(
            name="rest_down", key="outage", at_s=round(own.uniform(QUIET_S, heal_s - for_s), 3), for_s=for_s,
            venue=own.choice(("gate", "mexc_spot")), options={"manner": own.choice(("refuse", "silent", "503"))},
        ).as_data()
    ]  # fmt: skip


def _drains(seed: int, heal_s: float) -> list[dict[str, Value]]:
    """Somebody takes most of the perpetual's wallet, once or twice; drawn beside all else, as pauses are."""
    own = random.Random(f"{seed}:drained")
    if own.random() >= DRAINED_SHARE:
        return []
    moments = sorted(round(own.uniform(heal_s / 4, heal_s - 2.0), 3) for _ in range(own.randint(1, 2)))
    return [
        Fault(
            name="money_moves", key=f"drained.{number}", at_s=at_s, for_s=1.0, venue="gate_futures",
            options={"asset": "USDT", "amount": own.choice(DRAINS_QUOTE)},
        ).as_data()
        for number, at_s in enumerate(moments, 1)
    ]  # fmt: skip


def _moments(rng: random.Random, kinds: Sequence[str], wanted: str, heal_s: float) -> list[tuple[float, str]]:
    """When what begins. With `swarm` at random, otherwise each kind at least once, as far as the time allows."""
    if not kinds:
        return []
    found: list[tuple[float, str]] = []
    begin_s, end_s = min(QUIET_S, heal_s / 4), heal_s - 2.0
    if wanted != "swarm":
        order = list(kinds)
        rng.shuffle(order)
        found = [(rng.uniform(begin_s, end_s), kind) for kind in order]
    every_s = rng.uniform(*EVERY_S)
    at_s = begin_s + rng.expovariate(1 / every_s)
    while wanted == "swarm" and at_s < end_s:
        found.append((at_s, rng.choice(kinds)))
        at_s += rng.expovariate(1 / every_s)
    return sorted((round(at_s, 3), kind) for at_s, kind in found)


def _fault(rng: random.Random, key: str, habit: FaultHabit, at_s: float, left_s: float) -> Fault:
    kind = KINDS[habit.name]
    for_s = round(min(rng.uniform(*habit.for_s), left_s), 3)
    options = {name: rng.choice(values) for name, values in habit.options.items()}
    return Fault(
        name=habit.name, key=key, at_s=at_s, for_s=for_s, venue=rng.choice(habit.venues or kind.venues),
        path=rng.choice(habit.paths) if habit.paths else "",
        probability=rng.choice(habit.probabilities), options=options,
        count=rng.randint(1, habit.count) if habit.count else None,
    )

def _mishap(rng: random.Random, key: str, kind: Kind, at_s: float, left_s: float) -> Mishap:
    def lasting(least_s: float, most_s: float) -> float:
        return round(min(rng.uniform(least_s, most_s), left_s), 3)

    match kind:
        case "crash":
            how = f"{rng.choice(('power', 'kill'))} {rng.choice(MOMENTS)}"
            return Mishap(key=key, kind=kind, at_s=at_s, for_s=lasting(0.2, 8.0), how=how)
        case "database_slow":
            return Mishap(key=key, kind=kind, at_s=at_s, for_s=lasting(1.0, 10.0), amount=rng.choice((0.05, 0.3, 2.0)))
        case "database_answers_lost":
            return Mishap(key=key, kind=kind, at_s=at_s, amount=rng.randint(1, 3))
        case "wall_clock_steps":
            step_ms = rng.choice((-3_600_000, -5_000, -400, 400, 5_000, 3_600_000))
            return Mishap(key=key, kind=kind, at_s=at_s, for_s=lasting(5.0, 60.0), amount=step_ms)
        case "paused":
            return Mishap(key=key, kind=kind, at_s=at_s, for_s=lasting(*PAUSED_S), how=rng.choice(MOMENTS))
        case _:
            return Mishap(key=key, kind=kind, at_s=at_s, for_s=lasting(1.0, 20.0))
