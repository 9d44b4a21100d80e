"""Options of `dnbot record`, read: venues, symbols, sizes, moments. What is refused is told what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from dnbot.domain.instrument import Symbol, Venue
from dnbot.operate.command_words import moment_option, stretch_of
from dnbot.record.reading import Wanted

VENUE_NAMES = {
    "gate_spot": Venue.GATE_SPOT, "gate_perp": Venue.GATE_FUTURES, "mexc_spot": Venue.MEXC_SPOT,
}
_SIZE = re.compile(r"(\d+)(B|KiB|MiB|GiB|TiB)?")
_BYTES = {None: 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
NS_PER_S = 1_000_000_000
_C = TypeVar("_C", bound=Callable[..., Any])


def venues_of(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[Venue, ...]:
    """`gate_spot,gate_perp,mexc_spot`; empty: none was named."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in VENUE_NAMES]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(VENUE_NAMES)}")
    return tuple(dict.fromkeys(VENUE_NAMES[name] for name in names))


def symbols_of(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[Symbol, ...]:
    """`BTC_USDT,ETH/USDT`; empty: none was named."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    try:
        return tuple(dict.fromkeys(Symbol.parse(name.replace("_", "/")) for name in names))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of symbols such as BTC_USDT,ETH_USDT") from None


def bytes_of(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """`10GiB`, `512MiB`, or a number of bytes."""
    if text is None:
        return None
    found = _SIZE.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise click.BadParameter(f"{text!r} is not a size such as 10GiB, 512MiB or 1000000")
    return int(found[1]) * _BYTES[found[2]]


def seconds_of(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    """`60s`, `10m`, `2h` or `7d`."""
    if text is None:
        return None
    try:
        return stretch_of(text).total_seconds()
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def moment_ns_of(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """A moment in UTC, or a stretch of time up to now, as Unix nanoseconds; digits alone are those."""
    if text is not None and text.isascii() and text.isdecimal() and len(text) > len("20261130"):
        return int(text)
    at = moment_option(context, parameter, text)
    return None if at is None else int(at.timestamp()) * NS_PER_S + at.microsecond * 1000


VENUES = click.option(
    "--venues", callback=venues_of, default="", metavar="LIST", help="gate_spot,gate_perp,mexc_spot; default: all."
)
SYMBOLS = click.option("--symbols", callback=symbols_of, default="", metavar="LIST", help="Such as BTC_USDT,ETH_USDT.")
_MOMENT = "A moment in UTC such as 2026-11-29T14:00, 24h for so long ago, or Unix nanoseconds."


def stretch(*, required: bool) -> Callable[[_C], _C]:
    """The options `--from` and `--to`."""

    def decorate(command: _C) -> _C:
        until = click.option("--to", "until_ns", callback=moment_ns_of, required=required, help="Before it; as --from.")
        since = click.option(
            "--from", "since_ns", callback=moment_ns_of, required=required, help=f"At or after it. {_MOMENT}"
        )
        return since(until(command))

    return decorate


def wanted_of(
    venues: tuple[Venue, ...], symbols: tuple[Symbol, ...], since_ns: int | None, until_ns: int | None, *,
    lead_in: bool = False,
) -> Wanted:
    """The filter that these options say."""
    return Wanted(
        since_ns=since_ns or 0, until_ns=until_ns, venues=frozenset(venues), symbols=frozenset(symbols),
        lead_in=lead_in,
    )
