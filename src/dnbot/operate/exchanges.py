"""What a run trades at: the venues, fakes that run beside it, or the venues' books with a pretended account."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import attrs

from dnbot.config import Settings
from dnbot.operate.fakes_process import FakesProcess, fakes_process, read_address
from dnbot.operate.paper import FOLDER, Paper, market_of, paper_account
from dnbot.operate.places import Surroundings, of_fakes, of_live
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.venues.factory import BUILT_IN, Codecs


@attrs.frozen
class Exchanges:
    """Where they are, and what ends with the run."""

    around: Surroundings
    market: dict[str, object]
    """In the words of the banner and the summary."""
    fakes: FakesProcess | None = None
    """A process of ours that keeps the accounts."""
    paper: Paper | None = None


async def exchanges_of(
    settings: Settings, home: Path, registry: SecretRegistry, stack: AsyncExitStack, codecs: Codecs = BUILT_IN
) -> Exchanges:
    """What the settings say; what is started ends with the stack.

    Raises:
        ConfigError: keys, addresses or the fakes are not there.
        OperatingError: a venue could not be asked for its terms.
    """
    real: dict[str, object] = {"name": "live"}
    if settings.mode == "live":
        return Exchanges(attrs.evolve(of_live(settings, registry), codecs=codecs), real)
    if settings.mode == "paper":
        paper = await stack.enter_async_context(paper_account(settings, home / FOLDER, registry, SystemClock()))
        return Exchanges(paper.around, market_of(settings), paper.fakes, paper)
    if settings.fakes.address_file:
        address = read_address(Path(settings.fakes.address_file))
        return Exchanges(attrs.evolve(of_fakes(address, registry), codecs=codecs), real)
    fakes = await stack.enter_async_context(fakes_process(settings.fakes, home / "fakes", settings.second_spot.venue))
    around = attrs.evolve(of_fakes(fakes.address, registry), codecs=codecs)
    return Exchanges(around, dict(fakes.address.market), fakes)
