"""The fake exchanges in a process of their own, over TLS, with a market that moves by command; they count for us.

What a client asked, and on how many connections, is counted here and not by the client: `serve` writes it when it ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from dnbot.fakes import process
from dnbot.fakes.config import AccountConfig, FakesConfig
from dnbot.fakes.faults_edge import Around, VenueFront, serve_with_faults
from dnbot.fakes.web import App, HttpRequest, HttpResponse
from suite.children import serving

SERVER_CORE = 0
KEY, SECRET, UID = "trader-key", "trader-secret", "20001"
"""As the conformance tests name them."""
SYMBOL = "BTC/USDT"
MONEY = Decimal(100_000)
COUNTED = "connections.json"
KEY_HEADERS = frozenset({"key", "x-mexc-apikey"})
"""By one of these a request says whose it is: Gate's API v4, "Authentication"; MEXC's spot v3, "Header"."""

Connections = Sequence[Mapping[str, Any]]
"""Of each connection that carried a private request: `venue`, and how many `requests` it carried."""


@contextmanager
def scripted_fakes(folder: Path, coins: str = "0") -> Iterator[dict[str, Any]]:
    """Their addresses, as `dnbot fakes` prints them; after the block `connections(folder)` tells what was counted.

    The account holds money, and on both spot venues so many coins.
    """
    with serving("scripted_fakes:serve", str(folder), coins, core=SERVER_CORE) as address:
        yield address


def connections(folder: Path) -> Connections:
    """What the fakes counted, once they have ended."""
    found: Connections = json.loads((folder / COUNTED).read_text(encoding="utf-8"))
    return found


# --- the fakes' process


def serve(folder: str, coins: str) -> None:
    """Serve until stdin ends."""
    money = {"USDT": MONEY}
    spot = money | {SYMBOL.partition("/")[0]: Decimal(coins)}
    balances = {"gate_spot": spot, "gate_futures": money, "mexc_spot": spot}
    config = FakesConfig(
        symbols=(SYMBOL,), accounts=(AccountConfig(KEY, SECRET, UID, balances),), market="scripted", tls=True,
        state_dir=Path(folder, "fakes"), until_stdin_eof=True, enforce_limits=False, history_newest=1_000,
        funding_first_after_s=None,
    )  # fmt: skip
    kept: list[Carried] = []
    process.serve_with_faults = partial(serve_counted, kept)
    trio.run(process.run_fakes, config)
    told = [attrs.asdict(one) for one in kept if one.requests]
    Path(folder, COUNTED).write_text(json.dumps(told), encoding="utf-8")


@attrs.define
class Carried:
    """One connection of a client."""

    venue: str = ""
    requests: int = 0
    """Private ones; those of a socket after its upgrade are none."""


async def serve_counted(
    kept: list[Carried], stream: trio.abc.Stream, front: VenueFront, engine: Any, remote: str, around: Around
) -> None:
    """As the fakes serve one client, and keep what its connection carried."""
    kept.append(carried := Carried())

    def counting(struck: VenueFront) -> App:
        return Counting(around(struck), front, carried)

    await serve_with_faults(stream, front, engine, remote, counting)


@attrs.define(eq=False)
class Counting:
    """What answers one connection, with a count of what is asked on it."""

    app: App
    front: VenueFront
    carried: Carried

    async def handle_http(self, request: HttpRequest) -> HttpResponse:
        """As the venue does."""
        if is_private(request):
            self.carried.venue = self.front.venue_of(request.path)
            self.carried.requests += 1
        return await self.app.handle_http(request)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the venue's."""
        return getattr(self.app, name)


def is_private(request: HttpRequest) -> bool:
    """Whether it carries a key."""
    return any(name.lower() in KEY_HEADERS for name, _ in request.headers)
