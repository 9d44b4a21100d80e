"""What goes wrong in one simulated run: a schedule that follows from its seed, plain data that is logged and shrunk.

A schedule has faults of the exchanges (`dnbot.fakes.faults`) and mishaps of the bot's own side: its process, its
database, its clock and the people around it. Each seed draws a few kinds and leaves out the others, because a run that
mixes everything never shows what two things do together (swarm testing: Groce et al., ISSTA 2012).
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Literal, Self

import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.fakes.faults import Fault, FaultPlan, Value
from dnbot.fakes.faults_catalogue import KINDS
from dnbot.lab.swarm_table import ALONE, FAULTS, FaultHabit

Kind = Literal[
    "crash", "restart", "database_down", "database_slow", "database_answers_lost", "wall_clock_steps", "paused",
    "operator_halts", "operator_reduces", "killed_from_outside",
]
MISHAPS: dict[Kind, str] = {
    "crash": "C01", "restart": "C02", "database_down": "S05", "database_slow": "S04", "database_answers_lost": "S01",
    "wall_clock_steps": "T01", "paused": "T03", "operator_halts": "O05", "operator_reduces": "O05",
    "killed_from_outside": "O05",
}
"""Mishaps of our side, and their numbers in the fault catalogue."""
DRAINED_SHARE = 0.15
DRAINS_QUOTE = (-7_600, -4_000, 3_000)
"""Of ten thousand, of which the short needs less than two; some money comes back."""
PAUSED_SHARE = 0.25
"""Of so many seeds of the swarm the process stands still, once to three times."""
MOMENTS = ("now", "intents", "create", "fill")
TIMED_SHARE = 0.3
"""Of so many seeds people and faults strike just when the machine is in a state that it leaves again at once."""
STOPPED_IN = ("ESTABLISHING_DELTA_NEUTRAL", "DELTA_NEUTRAL_ACTIVE", "REBALANCING_DELTA", "PREPARING_ARBITRAGE")
LASTING_PREPARING = "lasting PREPARING_ARBITRAGE"
GONE_WHILE_PREPARING = ("traded_by_hand", "position_deleveraged", "price_jumps")
TRADED_BASE = (0.001, 0.004)
"""Of the demo's 0.06, of which 0.003 are the hard limit of delta."""
NEARLY_LOW_QUOTE = -6_900
"""Of ten thousand: a little more stays than the floor of the margin wants, and a price that jumps takes that away."""
NEARLY_LOW_S = 12.0
"""So long before: a read, at most five seconds apart, has to tell of it."""
JUMP_BPS = 1_000
QUIET_S = 15.0
"""Before the first fault: the bot has started and trades."""
LIVE_S = 100.0
"""After the last fault: it has to come back."""
SHARES = (0.08, 0.15, 0.3)
"""Which part of all kinds a seed takes; one of these."""
EVERY_S = (5.0, 20.0)
"""Mean time between two of them; drawn between these."""
OFTEN = {"crash": 6, "reply_lost": 3, "request_lost": 3, "partial_fill": 3, "order_rejected": 3, "database_down": 3}
"""Kinds that seeds take so many times as often as others."""
PAUSED_S = (5.0, 40.0)
DEVIATIONS_BPS = (16.0, 20.0, 26.0)
"""How far the spot venues drift apart: opportunities every few seconds, or several a second."""


class Mishap(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happens to our side at `at_s`, for `for_s`, seconds of the run. `how` and `amount` by kind.

    *crash*: `how` is power or kill, and at once or upon the next intents, create or fill; a new start `for_s` later.
    *restart*: a person stops it, and starts it again; like *operator_halts* and *operator_reduces* at once, or when the
    state that `how` names begins (or has begun, and *lasting*). *database_slow*: a call takes `amount` s.
    *database_answers_lost*: so many. *wall_clock_steps*: by so many ms, and back. *paused*: the process
    stands still; `how` is at once or upon what, as for a crash.
    """

    key: str
    kind: Kind
    at_s: float
    for_s: float = 0.0
    amount: float = 0.0
    how: str = ""


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """A fault, as `Fault.as_data` has it, that strikes when the bot is where `how` says, as for a mishap."""

    how: str
    fault: dict[str, Value]


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """All that goes wrong in one run, and until when, seconds of the run. `faults` are as `Fault.as_data` has them."""

    seed: int
    heal_s: float
    order_path: str
    deviation_bps: float = DEVIATIONS_BPS[0]
    margin_top_up: bool = False
    """Whether the bot may move money to the perpetual's wallet, whatever its configuration says."""
    faults: tuple[dict[str, Value], ...] = ()
    mishaps: tuple[Mishap, ...] = ()
    meetings: tuple[Meeting, ...] = ()

    def plan(self) -> FaultPlan:
        """The exchanges' part, but for what waits for the bot."""
        return FaultPlan(tuple(Fault.from_data(data) for data in self.faults), self.seed)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of everything in it; leaving one out moves nothing else."""
        faults = (*self.faults, *(meeting.fault for meeting in self.meetings))
        return (*(str(fault["key"]) for fault in faults), *(mishap.key for mishap in self.mishaps))

    def only(self, keys: Collection[str]) -> Self:
        """The schedule with these alone."""
        return msgspec.structs.replace(
            self,
            faults=tuple(fault for fault in self.faults if fault["key"] in keys),
            mishaps=tuple(mishap for mishap in self.mishaps if mishap.key in keys),
            meetings=tuple(meeting for meeting in self.meetings if meeting.fault["key"] in keys),
        )


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
        faults += _drains(seed, heal_s)
        timed = _timed(seed, heal_s)
        mishaps += timed.mishaps
        faults += timed.faults
        meetings += timed.meetings
    order_path = "websocket" if rng.random() < 0.5 else "rest"
    return Schedule(
        seed=seed, heal_s=heal_s, order_path=order_path, deviation_bps=rng.choice(DEVIATIONS_BPS),
        margin_top_up=any(fault["name"] == "money_moves" for fault in faults) and seed % 2 == 0,
        faults=tuple(faults), mishaps=tuple(mishaps), meetings=tuple(meetings),
    )  # fmt: skip


def _pauses(seed: int, heal_s: float) -> list[Mishap]:
    """Drawn beside all else, which they move nowhere: what a seed found before there were pauses, it still finds."""
    own = random.Random(f"{seed}:paused")
    if own.random() >= PAUSED_SHARE:
        return []
    moments = sorted(round(own.uniform(min(QUIET_S, heal_s / 4), heal_s - 2.0), 3) for _ in range(own.randint(1, 3)))
    return [
        _mishap(own, f"paused.{number}", "paused", at_s, heal_s - at_s) for number, at_s in enumerate(moments, 1)
    ]


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


class _Timed(msgspec.Struct):
    mishaps: list[Mishap] = []
    faults: list[dict[str, Value]] = []
    meetings: list[Meeting] = []


def _timed(seed: int, heal_s: float) -> _Timed:
    """What meets the machine in a state that lasts for milliseconds, twice; drawn beside all else, as pauses are.

    A stop waits for its state; before the one in ESTABLISHING there is a crash, which leads there. PREPARING lasts
    while an account is read: somebody pays in, reads take long, and a word, or base or margin that goes, ends what is
    prepared. What is taken from the margin is known with a read, which is too late: a price takes the last of it.
    """
    own, found = random.Random(f"{seed}:timed"), _Timed()
    if own.random() >= TIMED_SHARE:
        return found
    for number in (1, 2):
        at_s = round(own.uniform(min(QUIET_S, heal_s / 4), heal_s - 2.0), 3)
        left_s, key = round(heal_s - at_s, 3), f"timed_{number}"
        if own.choice((True, False)):
            state = own.choice(STOPPED_IN)
            if state == STOPPED_IN[0]:
                found.mishaps.append(Mishap(key=f"{key}.crash", kind="crash", at_s=at_s, for_s=0.1, how="kill now"))
            found.mishaps.append(
                Mishap(key=f"{key}.stop", kind="restart", at_s=at_s, for_s=min(1.0, left_s), how=state)
            )
            continue
        found.faults += _slow_to_prepare(key, at_s, left_s)
        if own.choice((True, False)):
            for_s = min(10.0, left_s)
            found.mishaps.append(
                Mishap(key=f"{key}.halt", kind="operator_halts", at_s=at_s, for_s=for_s, how=LASTING_PREPARING)
            )
        else:
            what = own.choice(GONE_WHILE_PREPARING)
            if what == "price_jumps":
                found.faults.append(_nearly_low(key, at_s))
            found.meetings.append(Meeting(how=LASTING_PREPARING, fault=_gone(own, key, what, at_s)))
    return found


def _slow_to_prepare(key: str, at_s: float, left_s: float) -> list[dict[str, Value]]:
    """Money that the ledger does not know makes MEXC unready until two reads have said the same, and reads are slow."""
    slow = Fault(
        name="reply_delayed", key=f"{key}.slow", at_s=at_s, for_s=min(25.0, left_s), venue="mexc_spot",
        path="balance_reads", options={"delay_s": 4.0},
    )  # fmt: skip
    paid_in = Fault(
        name="money_moves", key=f"{key}.paid_in", at_s=at_s, for_s=min(1.0, left_s), venue="mexc_spot",
        options={"asset": "USDT", "amount": 50},
    )  # fmt: skip
    return [slow.as_data(), paid_in.as_data()]


def _nearly_low(key: str, at_s: float) -> dict[str, Value]:
    return Fault(
        name="money_moves", key=f"{key}.nearly_low", at_s=max(1.0, round(at_s - NEARLY_LOW_S, 3)), for_s=0.5,
        venue="gate_futures", options={"asset": "USDT", "amount": NEARLY_LOW_QUOTE},
    ).as_data()  # fmt: skip


def _gone(rng: random.Random, key: str, what: str, at_s: float) -> dict[str, Value]:
    """Base or margin that goes in one blow."""
    options: dict[str, dict[str, Value]] = {
        "traded_by_hand": {"side": rng.choice(("buy", "sell")), "quantity": rng.choice(TRADED_BASE)},
        "position_deleveraged": {"fraction": 0.1},
        "price_jumps": {"bps": JUMP_BPS},
    }
    venue = "gate_futures" if what == "position_deleveraged" else "gate_spot"
    return Fault(name=what, key=f"{key}.{what}", at_s=at_s, for_s=0.5, venue=venue, options=options[what]).as_data()


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
