"""Targets 7 and 11: from a frame's read to the decision that it was part of, three venues at once, and how much of it.

The bot's own feeds, analyst and machine on one core; a server that was encoded before on the other. Beside them the
textbook's version and a strong asyncio peer, on the same frames. The peer decides less: it knows no machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import trio

from dnbot.domain.instrument import VENUES, Venue
from suite import tick_asyncio, tick_ours, tick_textbook
from suite.authority import HOST
from suite.children import on_core, serving
from suite.figures import Figures, quantile
from suite.measuring import Effort, interleaved
from suite.target import Target
from suite.tick_words import Decided

CLIENT_CORE, SERVER_CORE = 0, 1
RATE = 10_000
SECONDS = 3.0
SUSTAINED = {"plain": 50_000, "TLS": 20_000}
"""Frames a second that have to be kept up with."""
SUSTAINED_S = 10.0
BEHIND_S_MAX = 0.05
"""A server that waits longer than this for its clients is not kept up with."""
SLOW_RATE = 1_000
"""What the textbook version keeps up with: its figure is that of a calm market, which flatters it."""


def measure(effort: Effort) -> list[Target]:
    """How long a frame waits, beside two others; and frames a second without falling behind."""
    with served() as run:
        rounds = interleaved(
            effort.rounds,
            {
                "ours": lambda: _waits(run("ours", RATE, SECONDS * effort.share, "plain")),
                "textbook": lambda: _waits(run("textbook", SLOW_RATE, SECONDS * effort.share, "plain")),
                "asyncio": lambda: _waits(run("asyncio", RATE, SECONDS * effort.share, "plain")),
            },
        )
        kept_up = {
            kind: run("ours", rate, max(1.0, SUSTAINED_S * effort.share), kind) for kind, rate in SUSTAINED.items()
        }
    share = rounds.median("ours", "server")
    others = "; ".join(
        f"{name} p50 {rounds.median(name, 'p50'):.1f}, p99 {rounds.median(name, 'p99'):.1f}, "
        f"CPU {rounds.median(name, 'cpu'):.1f} us a frame"
        for name in ("ours", "textbook", "asyncio")
    )
    again = partial(_again, RATE, SECONDS)
    return [
        Target(
            "7 frame -> decision, p50", "us", rounds.median("ours", "p50"), limit=25.0, factor=20.0,
            beside=f"the textbook at {SLOW_RATE:,}/s", comparison=rounds.median("textbook", "p50"),
            detail=f"{RATE:,} frames/s; rounds {rounds.spread('ours', 'p50')}; {others}; server {share:.0%} of a core",
            again=again,
        ),
        Target(
            "7 frame -> decision, p99", "us", rounds.median("ours", "p99"), limit=60.0,
            detail=f"rounds {rounds.spread('ours', 'p99')}",
        ),
        Target(
            "7 CPU of a frame and its decision", "us", rounds.median("ours", "cpu"), factor=2.0,
            beside="an asyncio peer that knows no machine", comparison=rounds.median("asyncio", "cpu"),
        ),
        *(_sustained(kind, found) for kind, found in kept_up.items()),
    ]


def _sustained(kind: str, found: Decided) -> Target:
    wanted, server = SUSTAINED[kind], found.server
    kept_up = server["behind_s"] <= BEHIND_S_MAX
    return Target(
        f"11 sustained load, {kind}", "1/s", server["frames"] / server["wall_s"] if kept_up else 0.0,
        limit=0.99 * wanted,
        detail=f"{wanted:,} frames/s sent; the server waited up to {server['behind_s'] * 1000:.0f} ms and took "
        f"{server['cpu_s'] / server['wall_s']:.0%} of a core; a frame waited p50 "
        f"{quantile(found.waited_ns, 0.5) / 1000:.0f}, p99 {quantile(found.waited_ns, 0.99) / 1000:.0f} us",
    )


def _waits(found: Decided) -> Figures:
    return {
        "p50": quantile(found.waited_ns, 0.5) / 1000, "p99": quantile(found.waited_ns, 0.99) / 1000,
        "cpu": found.cpu_s / len(found.waited_ns) * 1e6, "server": found.server["cpu_s"] / found.server["wall_s"],
    }


def _again(rate: float, seconds: float) -> None:
    with served() as run:
        run("ours", rate, seconds, "plain")


@contextmanager
def served() -> Iterator[Callable[[str, float, float, str], Decided]]:
    """Runs a contender for so many frames a second over all venues, and so long, plain or over TLS."""
    with listening() as (ports, ca_file):
        yield partial(_run, ports, ca_file)


@contextmanager
def listening() -> Iterator[tuple[Mapping[str, int], Path]]:
    """The server's ports, on a core of its own, and the authority that it is trusted by."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("firehose:serve", f"{folder}/ca.pem", core=SERVER_CORE) as ports,
        on_core(CLIENT_CORE),
    ):
        yield ports, Path(folder) / "ca.pem"


def urls_of(
    ports: Mapping[str, int], rate: float, seconds: float, kind: str, symbols: int = 1
) -> dict[Venue, str]:
    """Where one symbol's feeds listen, of so many that are served together: `rate` is that of its three feeds."""
    scheme = "ws" if kind == "plain" else "wss"
    lasts = f"{max(0.2, seconds)}x{symbols}"
    return {
        venue: f"{scheme}://{HOST}:{ports[kind.lower()]}/{venue.value}/{rate / len(VENUES)}/{lasts}"
        for venue in VENUES
    }


def _run(ports: Mapping[str, int], ca_file: Path, name: str, rate: float, seconds: float, kind: str) -> Decided:
    urls = urls_of(ports, rate, seconds, kind)
    match name:
        case "ours":
            return trio.run(tick_ours.decided, urls, ca_file)
        case "textbook":
            return trio.run(tick_textbook.decided, urls, ca_file)
        case _:
            return tick_asyncio.run(urls, ca_file)
