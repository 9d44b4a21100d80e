"""Target 6: small text messages a second, received on one core while a server on another sends them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from suite.authority import HOST
from suite.children import on_core, serving
from suite.figures import Figures, Rounds
from suite.measuring import Effort, interleaved
from suite.target import Target
from suite.websocket_clients import CLIENTS
from suite.websocket_server import FRAME

BURST = 16
CLIENT_CORE, SERVER_CORE = 0, 1
MESSAGES = {"bursts": 160_000, "one by one": 60_000}
MESSAGES_OF_SLOW = {"bursts": 16_000, "one by one": 10_000}
SLOW = frozenset({"trio-websocket"})
FACTORS_OF_TRIO = {"bursts": 40.0, "one by one": 4.0}
FACTOR_OF_PICOWS = 0.9
FLOOR = "blocking"


def measure(effort: Effort) -> list[Target]:
    """Over TLS beside trio-websocket; beside picows over TLS and without."""
    with served() as (ports, ca_file):
        rounds = interleaved(
            effort.rounds, {name: partial(_figures, name, ports, ca_file, effort) for name in CLIENTS}
        )
    return [
        *(
            _target(rounds, f"TLS, {mode}", "trio-websocket", factor, effort)
            for mode, factor in FACTORS_OF_TRIO.items()
        ),
        *(
            _target(rounds, f"{kind}, {mode}", "picows", FACTOR_OF_PICOWS, effort)
            for kind in ("plain", "TLS")
            for mode in MESSAGES
        ),
    ]


@contextmanager
def served() -> Iterator[tuple[Mapping[str, int], Path]]:
    """Ports of a server on its core and the file of its authority, with this process on the other core."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("websocket_server:serve", f"{folder}/ca.pem", core=SERVER_CORE) as ports,
        on_core(CLIENT_CORE),
    ):
        yield ports, Path(folder) / "ca.pem"


def again(effort: Effort) -> None:
    """Ours once more, in all four ways."""
    with served() as (ports, ca_file):
        _figures("ours", ports, ca_file, effort)


def _figures(name: str, ports: Mapping[str, int], ca_file: Path, effort: Effort) -> Figures:
    found = {}
    for kind, scheme in (("plain", "ws"), ("TLS", "wss")):
        for mode, burst in (("bursts", BURST), ("one by one", 1)):
            wanted = (MESSAGES_OF_SLOW if name in SLOW else MESSAGES)[mode]
            messages = max(2, effort.times(wanted) // burst) * burst
            url = f"{scheme}://{HOST}:{ports[kind.lower()]}/{burst}/{messages}"
            found[f"{kind}, {mode}"] = (messages - 1) / CLIENTS[name](url, ca_file, messages)
    return found


def _target(rounds: Rounds, figure: str, beside: str, factor: float, effort: Effort) -> Target:
    named = {"ours", beside, FLOOR}
    others = "; ".join(f"{name} {rounds.median(name, figure):,.0f}" for name in CLIENTS if name not in named)
    return Target(
        f"6 receive, {figure}", "1/s", rounds.median("ours", figure), factor=factor, beside=beside,
        comparison=rounds.median(beside, figure),
        floor=rounds.median(FLOOR, figure), floor_of="a blocking socket that counts bytes",
        detail=f"frames of {len(FRAME)} bytes; rounds {rounds.spread('ours', figure)}; {others}",
        again=partial(again, effort),
    )
