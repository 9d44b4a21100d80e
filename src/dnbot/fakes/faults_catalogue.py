"""Every fault that the fakes can produce, by name; for the rest of the fault catalogue, where it is kept instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from . import (
    faults_accounts,
    faults_answers,
    faults_frames,
    faults_links,
    faults_market,
    faults_orders,
    faults_requests,
)
from .faults import Fault, FaultRefused, Value
from .faults_json import SPOILS
from .faults_kinds import FaultKind
from .faults_targets import TARGETS
from .faults_words import REASONS
from .records import VENUES

_PARTS = (
    faults_requests, faults_links, faults_answers, faults_frames, faults_orders, faults_market, faults_accounts,
)  # fmt: skip


def _order(kind: FaultKind) -> tuple[int, str, str]:
    return "NPXTOA".index(kind.code[0]), kind.code, kind.name


KINDS: Final[dict[str, FaultKind]] = {
    kind.name: kind for kind in sorted((kind for part in _PARTS for kind in part.KINDS), key=_order)
}

ELSEWHERE: Final[dict[str, str]] = {
    "N13": "between the bot and its database: tests of the store",
    "P23": "a slow consumer is the client's own; the fakes drop a client that does not read",
    "X04": "`partial_fill` with a `quantity` below the other leg's minimum",
    "X05": "`order_rejected` with `reason=post_only`; a post-only order that would cross is refused without any fault",
    "X06": "self-trade marks are part of the exchange; no prevention group is modelled",
    "X17": "`reply_lost` with `path=*countdown_cancel_all`",
    "X18": "not modelled: no public document says how a busted trade is told",
    "X19": "both readings are assumptions of the fakes, not faults",
    "X20": "the look-up windows of text ids are part of the fakes",
    "X21": "cancelled orders without a fill vanish without any fault",
    "X24": "market buys in quote are part of the fakes",
    "X25": "contracts are whole without any fault; `instruments_change` changes a multiplier",
    "X26": "finish reasons are part of the exchange",
    "X29": "the fakes have no withdrawals between venues",
    "T04": "a stall of the client's loop: simulations of the bot",
    "T05": "a sleeping host: simulations of the bot",
    "T07": "equal deadlines: the scheduler of the simulation",
    "T08": "the database's lease: tests of the store",
}
"""Codes of network, protocol, exchange and time that have no name of their own here, and why."""

_CALL = re.compile(r"order_(place|batch_place|cancel|amend|status|list)")
"""In a path: it means order calls on Gate's sockets; no path of REST has such a word."""

_CHOICES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("reply_malformed", "manner"): tuple(SPOILS),
    ("frame_malformed", "manner"): tuple(SPOILS),
    ("book_corrupted", "manner"): ("crossed", "negative", "duplicate"),
    ("order_rejected", "reason"): tuple(REASONS),
    ("certificate_wrong", "manner"): faults_links.CERTIFICATES,
    ("fee_coin_changes", "coin"): tuple(faults_accounts.POLICIES),
    ("liquidity_gone", "side"): ("buy", "sell", "any"),
    ("edge_spoofed", "side"): ("buy", "sell"),
    ("traded_by_hand", "side"): ("buy", "sell"),
}


def kind_of(name: str) -> FaultKind:
    """The kind of that name. Raises FaultRefused."""
    if name not in KINDS:
        near = [known for known in KINDS if set(name.split("_")) & set(known.split("_"))]
        raise FaultRefused(f"no such fault: {name!r}; near it: {', '.join(near or KINDS)}")
    return KINDS[name]


def checked(fault: Fault) -> Fault:
    """The fault with its options as the kind types them. Raises FaultRefused for whatever the kind does not know."""
    kind = kind_of(fault.name)
    if fault.venue not in ("", "gate", *VENUES):
        raise FaultRefused(f"{fault.name}: venue is gate or one of {', '.join(VENUES)}, not {fault.venue!r}")
    if fault.domain not in ("", "rest", "public", "private"):
        raise FaultRefused(f"{fault.name}: domain is rest, public or private, not {fault.domain!r}")
    names_a_call = fault.method == "WS" or _CALL.search(fault.path) is not None
    if names_a_call and kind.on_request is not None and not kind.strikes_calls:
        able = ", ".join(name for name, known in KINDS.items() if known.strikes_calls)
        raise FaultRefused(f"{fault.name} strikes requests of REST and no order calls on a socket; these do: {able}")
    unknown = sorted(set(fault.options) - set(kind.options))
    if unknown:
        allowed = ", ".join(kind.options) or "none"
        raise FaultRefused(f"{fault.name} has no option {unknown[0]!r}; it has: {allowed}")
    options = {name: _typed(fault.name, name, value, kind.options[name]) for name, value in fault.options.items()}
    for name, value in options.items():
        choices = _CHOICES.get((fault.name, name))
        if choices is not None and value not in choices:
            raise FaultRefused(f"{fault.name}: {name} is one of {', '.join(choices)}, not {value!r}")
    return attrs.evolve(fault, options=options)


def _typed(fault: str, name: str, value: Value, default: Value) -> Value:
    """The value in the type of the default: text from a command line becomes a number or a truth."""
    text = str(value).lower()
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise FaultRefused(f"{fault}: {name} is true or false, not {value!r}")
        return text == "true"
    if isinstance(default, str):
        return str(value)
    try:
        number = float(text)
    except ValueError:
        raise FaultRefused(f"{fault}: {name} is a number, not {value!r}") from None
    if not abs(number) < 10**12:
        raise FaultRefused(f"{fault}: {name} is a number of ordinary size, not {value!r}")
    return int(number) if number.is_integer() and isinstance(default, int) else number


def target_names() -> Mapping[str, tuple[str, ...]]:
    """The names that `path` may have, and the venues where each means something."""
    return {name: tuple(globs) for name, globs in TARGETS.items()}
