"""What strikes at a moment of the bot's own: in a state that it leaves within milliseconds, or between two steps of an
order. Drawn beside all else, which it moves nowhere.
"""

from __future__ import annotations

import random

import msgspec

from dnbot.fakes.faults import Fault, Value
from dnbot.lab.schedule import Kind, Meeting, Mishap

QUIET_S = 15.0
"""Before the first fault: the bot has started and trades."""
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
CLOSE_SHARE = 0.15
"""Of so many seeds something comes between a check of an order and its next."""
CLOSE_CALLS = ("word", "nudge", "countdown", "stale")
WORDS: tuple[Kind, ...] = ("operator_reduces", "operator_halts", "killed_from_outside")
SLOW_COMMIT_S = 0.1
STALE_COMMIT_S = 0.3
"""Long for books that were young enough when it began."""
COUNTDOWN_LOST_S = 50.0
"""Gate's countdown is set to 30 s and renewed every ten: it runs out, and then some."""


class Moments(msgspec.Struct):
    """What was drawn, to be added to a schedule."""

    mishaps: list[Mishap] = []
    faults: list[dict[str, Value]] = []
    meetings: list[Meeting] = []


def timed(seed: int, heal_s: float) -> Moments:
    """What meets the machine in a state that lasts for milliseconds, twice.

    A stop waits for its state; before the one in ESTABLISHING there is a crash, which leads there. PREPARING lasts
    while an account is read: somebody pays in, reads take long, and a word, or base or margin that goes, ends what is
    prepared. What is taken from the margin is known with a read, which is too late: a price takes the last of it.
    """
    own, found = random.Random(f"{seed}:timed"), Moments()
    if own.random() >= TIMED_SHARE:
        return found
    for number in (1, 2):
        at_s = moment(own, heal_s)
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


def close_calls(seed: int, heal_s: float) -> Moments:
    """What comes between a check of an order and the next one, twice.

    A word falls while intents are being committed; delta drifts, above its tolerance and below its hard limit, while a
    pair is prepared; a book grows too old meanwhile; a venue's countdown runs out while everything else is well.
    """
    own, found = random.Random(f"{seed}:close"), Moments()
    if own.random() >= CLOSE_SHARE:
        return found
    for number in (1, 2):
        at_s = moment(own, heal_s)
        left_s, key = round(heal_s - at_s, 3), f"close_{number}"
        match own.choice(CLOSE_CALLS):
            case "word":
                slow_s, word_s, word = min(20.0, left_s), min(2.0, left_s), own.choice(WORDS)
                found.mishaps += [
                    Mishap(key=f"{key}.slow", kind="database_slow", at_s=at_s, for_s=slow_s, amount=SLOW_COMMIT_S),
                    Mishap(key=f"{key}.{word}", kind=word, at_s=at_s, for_s=word_s, how="commit"),
                ]
            case "nudge":
                found.faults += _slow_to_prepare(key, at_s, left_s)
                hand = _gone(own, key, "traded_by_hand", at_s, TRADED_BASE[:1])
                found.meetings.append(Meeting(how=LASTING_PREPARING, fault=hand))
            case "stale":
                slow_s = min(30.0, left_s)
                found.mishaps.append(
                    Mishap(key=f"{key}.slow", kind="database_slow", at_s=at_s, for_s=slow_s, amount=STALE_COMMIT_S)
                )
                found.faults += _books_lost(key, at_s, slow_s)
            case _:
                found.faults.append(_countdown_lost(key, at_s, left_s))
    return found


def moment(rng: random.Random, heal_s: float) -> float:
    """Some time of the safety phase, seconds of the run."""
    return round(rng.uniform(min(QUIET_S, heal_s / 4), heal_s - 2.0), 3)


def _books_lost(key: str, at_s: float, for_s: float) -> list[dict[str, Value]]:
    """A spot venue's public frames are lost for three seconds of each five."""
    starts = [at_s + 5.0 * number for number in range(max(1, int(for_s // 5.0)))]
    return [
        Fault(
            name="public_lost", key=f"{key}.books_{number}", at_s=round(start_s, 3),
            for_s=round(min(3.0, at_s + for_s - start_s), 3), venue=("gate_spot", "mexc_spot")[number % 2],
        ).as_data()
        for number, start_s in enumerate(starts)
    ]  # fmt: skip


def _countdown_lost(key: str, at_s: float, left_s: float) -> dict[str, Value]:
    return Fault(
        name="request_lost", key=f"{key}.countdown", at_s=at_s, for_s=min(COUNTDOWN_LOST_S, left_s),
        venue="gate_futures", path="*countdown_cancel_all",
    ).as_data()  # fmt: skip


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


def _gone(
    rng: random.Random, key: str, what: str, at_s: float, traded: tuple[float, ...] = TRADED_BASE
) -> dict[str, Value]:
    """Base or margin that goes in one blow."""
    options: dict[str, dict[str, Value]] = {
        "traded_by_hand": {"side": rng.choice(("buy", "sell")), "quantity": rng.choice(traded)},
        "position_deleveraged": {"fraction": 0.1},
        "price_jumps": {"bps": JUMP_BPS},
    }
    venue = "gate_futures" if what == "position_deleveraged" else "gate_spot"
    return Fault(name=what, key=f"{key}.{what}", at_s=at_s, for_s=0.5, venue=venue, options=options[what]).as_data()
