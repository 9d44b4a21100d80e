"""How long messages take between the bot and each venue: named models, and a file for measured ones.

A delay is one way, of one message, drawn anew for each from a lognormal distribution with the median and the 99th
percentile that the model gives; messages of one connection never overtake each other. `order` is for orders and every
other request over REST and for their answers, `cancel` for cancels and theirs, `feed` for all WebSockets in both
directions (so for orders that go over one, too). The figures of the named models are round assumptions, nothing that
was measured.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.fakes.records import VENUES, Venue

Kind = Literal["order", "cancel", "feed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NORMAL_P99 = 2.3263478740408408
"""The 99th percentile of the standard normal distribution."""
MS_MAX = 60_000.0


class Delay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way, ms."""

    median_ms: float
    p99_ms: float

    @property
    def seconds(self) -> tuple[float, float]:
        """Median and 99th percentile, as `DelayRandom` takes them."""
        return self.median_ms / 1e3, self.p99_ms / 1e3


class Delays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those of one venue."""

    order: Delay
    cancel: Delay
    feed: Delay

    def of(self, kind: Kind) -> Delay:
        """By its name."""
        found: Delay = getattr(self, kind)
        return found


class LatencyModel(msgspec.Struct, frozen=True, kw_only=True):
    """Delays of every venue; `name` is the model's, or the file's."""

    name: str
    venues: Mapping[str, Delays]

    @property
    def dial_s(self) -> tuple[float, float]:
        """Of a new connection: that of an order at the slowest venue."""
        return max(delays.order.seconds for delays in self.venues.values())


def _everywhere(name: str, order: Delay, feed: Delay) -> LatencyModel:
    delays = Delays(order=order, cancel=order, feed=feed)
    return LatencyModel(name=name, venues=dict.fromkeys(VENUES, delays))


MODELS = {
    model.name: model
    for model in (
        _everywhere("loopback", Delay(0.1, 0.5), Delay(0.1, 0.5)),
        _everywhere("regional", Delay(10, 30), Delay(5, 20)),
        _everywhere("far", Delay(100, 250), Delay(80, 200)),
    )
}
"""In the same building, in the same region, on another continent."""


def latency_model(text: str) -> LatencyModel:
    """A named model, or that of a TOML file: `[VENUE.KIND]` tables with median_ms and p99_ms, all of them.

    Raises:
        ConfigError: no such model or file, or a file that does not say everything.
    """
    if text in MODELS:
        return MODELS[text]
    path = Path(text)
    if not path.is_file():
        raise ConfigError("--latency-model", "model", text, f"{', '.join(MODELS)}, or a TOML file")
    try:
        told = msgspec.toml.decode(path.read_bytes(), type=dict[str, dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "file", str(error), "TOML with [VENUE.KIND] tables") from None
    for venue in (*told, *VENUES):
        if venue not in VENUES or venue not in told:
            found = "missing" if venue in VENUES else venue
            raise ConfigError(str(path), venue, found, f"each of {', '.join(VENUES)}, and no other")
    return LatencyModel(name=path.name, venues={venue: _delays(path, venue, told[venue]) for venue in VENUES})


def _delays(path: Path, venue: Venue, told: dict[str, Any]) -> Delays:
    try:
        delays = msgspec.convert(told, Delays)
    except msgspec.ValidationError as error:
        allowed = "order, cancel and feed with median_ms and p99_ms"
        raise ConfigError(str(path), venue, str(error), allowed) from None
    for kind in KINDS:
        delay = delays.of(kind)
        if not 0 < delay.median_ms <= delay.p99_ms <= MS_MAX:
            key, found = f"{venue}.{kind}", f"{delay.median_ms:g} and {delay.p99_ms:g}"
            raise ConfigError(str(path), key, found, f"0 < median_ms <= p99_ms <= {MS_MAX:g}")
    return delays


class DelayRandom(random.Random):
    """The generator of a network that asks for a delay between two figures: its median and its 99th percentile.

    `dnbot.fakes.network` draws every delay by `uniform` from its rule; a lognormal distribution takes its place.
    """

    def uniform(self, a: float, b: float) -> float:
        """A delay in seconds whose median is `a` and whose 99th percentile is `b`."""
        return a * math.exp(self.gauss(0.0, 1.0) * math.log(b / a) / NORMAL_P99)
