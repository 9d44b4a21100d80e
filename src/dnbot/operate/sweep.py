"""The way without a bot: our orders at the venues are cancelled from keys and configuration alone.

The bot's own codecs and lines do it, at all venues at once; one that cannot be reached holds up no other.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NoReturn

import attrs
import trio

from dnbot.config import Settings
from dnbot.domain.errors import ConfigError, OperatingError, PluginFault
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import OrderReport
from dnbot.operate.fakes_process import read_address
from dnbot.operate.places import Surroundings, of_fakes, of_live
from dnbot.operate.second_spot import second_spot_of
from dnbot.ports.clock import Clock, VenueClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.tasks.budgets import own_budgets
from dnbot.tasks.link import Line, line_of
from dnbot.tasks.sweeping import PAUSE_S, Swept, sweep
from dnbot.venues.factory import BUILT_IN, Codecs
from dnbot.venues.plugin import VENUE
from dnbot.venues.wire import PrivateCodec, PublicCodec


def surroundings_of(
    settings: Settings, registry: SecretRegistry, environment: MutableMapping[str, str]
) -> Surroundings:
    """Where the venues are and with which keys.

    Raises:
        ConfigError: no keys, or exchanges that live and end with their bot.
    """
    codecs = _codecs_of(settings)
    if settings.mode == "live":
        return attrs.evolve(of_live(settings, registry, environment), codecs=codecs)
    if not settings.fakes.address_file:
        allowed = "fakes that outlive the bot: those of the demo are its children"
        raise ConfigError("settings", "fakes.address_file", "nothing", allowed)
    return attrs.evolve(of_fakes(read_address(Path(settings.fakes.address_file)), registry), codecs=codecs)


def _codecs_of(settings: Settings) -> Codecs:
    """A plugin that cannot be loaded leaves its own venue unswept, and no other."""
    try:
        return second_spot_of(settings).codecs
    except ConfigError as error:
        why = str(error)

    def refuse(*_: object) -> NoReturn:
        raise PluginFault(VENUE.value, why)

    public, private = {**BUILT_IN.public, VENUE: refuse}, {**BUILT_IN.private, VENUE: refuse}
    return Codecs(public, private)


async def sweep_venues(
    around: Surroundings, symbol: Symbol, venues: Iterable[Venue], clock: Clock, *, match_lag_s: float, within_s: float
) -> tuple[Swept, ...]:
    """Cancel every order of ours at these venues and prove it, within so many seconds each, all at once."""
    found: dict[Venue, Swept] = {}
    budgets = own_budgets(around.codecs.limits)

    async def at(venue: Venue) -> None:
        async with AsyncExitStack() as stack:
            rest = around.places[venue].rest
            line = line_of(around.opener, rest, venue, VenueClock(clock), stack, private=True, budgets=budgets)
            try:
                codec = around.codecs.private_codec(venue, symbol, around.signers[venue])
                public = around.codecs.public_codec(venue, symbol)
            except PluginFault as fault:
                found[venue] = Swept(venue=venue, trouble=str(fault))
                return
            due_s = trio.current_time() + within_s
            trouble = await _prepared(line, codec, public, within_s)
            left_s = max(0.0, due_s - trio.current_time())
            found[venue] = Swept(venue=venue, trouble=trouble) if trouble else await sweep(
                codec, line, _to_nobody, match_lag_s=match_lag_s, within_s=left_s
            )

    wanted = tuple(venues)
    async with trio.open_nursery() as nursery:
        for venue in wanted:
            nursery.start_soon(at, venue)
    return tuple(found[venue] for venue in wanted)


async def _prepared(line: Line, codec: PrivateCodec, public: PublicCodec, within_s: float) -> str:
    """The venue's clock and the instrument, tried again until they are known; says what was missing in the end."""
    trouble = f"no answer within {within_s:.0f} s"
    with trio.move_on_after(within_s):
        while True:
            try:
                await line.measure_clock(public)
                replies = [await line.read(public, request) for request in public.instrument_requests()]
                codec.learn_instrument(public.instrument(replies))
            except OperatingError as error:
                trouble = str(error)
                await trio.sleep(PAUSE_S)
            else:
                return ""
    return trouble


async def _to_nobody(_report: OrderReport) -> None:
    """No machine folds what became of the orders: the next start reads the accounts."""
