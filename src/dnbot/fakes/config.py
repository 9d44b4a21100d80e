"""What a fake world is made of: symbols, accounts, fees, clock skews, market, ports. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import attrs

from .faults import FaultPlan
from .mirror_words import Terms
from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, Venue

D = Decimal
DEMO_BALANCES: Mapping[Venue, Mapping[str, Decimal]] = {
    GATE_SPOT: {"USDT": D(20000)},
    GATE_FUTURES: {"USDT": D(10000)},
    MEXC_SPOT: {"USDT": D(20000)},
}


@attrs.frozen
class AccountConfig:
    """Credentials and opening balances of one API account; the same key and secret work on both exchanges."""

    key: str = "fake-key"
    secret: str = "fake-secret"
    uid: str = "10001"
    balances: Mapping[Venue, Mapping[str, Decimal]] = attrs.field(factory=lambda: DEMO_BALANCES)


@attrs.frozen
class Listing:
    """One symbol begins or ends to be traded, that many seconds after the world's first start, on these venues.

    ``notice_s`` before the end, a contract takes reducing orders only (Gate futures contracts, `in_delisting`).
    """

    symbol: str
    kind: Literal["list", "delist"]
    at_s: float
    venues: tuple[Venue, ...] = VENUES
    notice_s: float = 60.0


@attrs.frozen
class ReplayConfig:
    """How recorded prices are played: which spot venue has the recorded spot book, and what of a file is taken.

    ``speed`` is seconds of the file per second of the world, ``begin`` where to begin (None: as soon as every file
    has begun), ``exchange`` whose rows to take of a file that holds several, ``funding`` a file of funding rates.
    """

    spot_venue: Venue = GATE_SPOT
    speed: float = 1.0
    begin: datetime | None = None
    exchange: str | None = None
    funding: Path | None = None


@attrs.frozen
class FakesConfig:
    """Everything that decides what the fake world does; equal configs on equal clocks give equal worlds.

    ``symbols`` names them, or says how many. ``market`` is a name from ``market_params.PRESETS`` ("lively",
    "calibrated", "realistic"), "scripted" for one that moves by command alone, "mirrored" for one that is kept
    elsewhere and told on the ``terms`` (``mirror_terms.mirrored``), or "replay:PATH" for recorded prices, played as
    ``replay`` says. ``deviation_bps`` and ``half_life_s`` override the preset. ``listings`` are scripted.
    ``skew_ms`` moves the clock of one venue.
    ``mexc_fee_asset`` is quote, base or MX.
    ``funding_first_after_s`` puts the first settlement that long after the start (None: on the venue's usual grid).
    ``history_newest`` bounds what is remembered of the past (`history.History`); None keeps everything.
    ``enforce_limits`` False answers however often a client asks. ``faults`` is what goes wrong, ``scenario`` the name
    under which it was asked for. ``state_dir`` is where accounts, orders and books survive; without it nothing does.
    Ports of 0 pick free ones.
    """

    symbols: tuple[str, ...] | int = ("BTC/USDT",)
    accounts: tuple[AccountConfig, ...] = (AccountConfig(),)
    seed: int = 1
    market: str = "lively"
    deviation_bps: float | None = None
    half_life_s: float | None = None
    replay: ReplayConfig = ReplayConfig()
    listings: tuple[Listing, ...] = ()
    gate_spot_fees: tuple[Decimal, Decimal] = (D("0.002"), D("0.002"))
    gate_futures_fees: tuple[Decimal, Decimal] = (D("0.0002"), D("0.0005"))
    mexc_fees: tuple[Decimal, Decimal] = (D("0"), D("0.0005"))
    mexc_fee_asset: str = "quote"
    decimal_sizes: bool = False
    skew_ms: Mapping[Venue, int] = attrs.field(factory=dict)
    funding_first_after_s: float | None = 30.0
    funding_interval_s: int = 28800
    enforce_limits: bool = True
    faults: FaultPlan = attrs.field(factory=FaultPlan)
    scenario: str = ""
    state_dir: Path | None = None
    host: str = "127.0.0.1"
    gate_port: int = 0
    mexc_port: int = 0
    tls: bool = False
    until_stdin_eof: bool = False
    history_newest: int | None = None
    terms: Terms | None = None
