"""From settings to endpoints, signers and an opener. Sim, paper and live differ here and nowhere below."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import msgspec

from dnbot.bot import Place
from dnbot.config import Settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Venue
from dnbot.ports.credentials import Credentials, Secret, SecretRegistry, load_credentials
from dnbot.ports.net import Endpoint, TcpTlsOpener
from dnbot.ports.signer import CredentialSigner
from dnbot.tasks.shared_feeds import Address
from dnbot.venues.factory import BUILT_IN, Codecs
from dnbot.venues.wire import Signer

_KEY = re.compile(r"[!-~]+")
"""Printable ASCII."""


class FakesAddress(msgspec.Struct, frozen=True):
    """The one line that `dnbot fakes` prints."""

    gate_rest: str
    gate_ws_spot: str
    gate_ws_futures: str
    mexc_rest: str
    mexc_ws: str
    key: str
    secret: str
    uid: str
    ca_file: str = ""
    market: dict[str, object] = {}


@attrs.frozen
class Reach:
    """Where the venues are, and what can connect there and nowhere else."""

    places: dict[Venue, Place]
    opener: TcpTlsOpener

    @property
    def addresses(self) -> dict[Venue, Address]:
        """What tasks have in common that may share their public side."""
        return {
            venue: Address(venue, place.rest, place.stream_url, self.opener.ca_file)
            for venue, place in self.places.items()
        }


@attrs.frozen
class Surroundings:
    """Where the venues are and who signs there."""

    places: dict[Venue, Place]
    signers: dict[Venue, Signer]
    opener: TcpTlsOpener
    market: Reach | None = None
    """Where their public side is, when that is not where the accounts are."""
    codecs: Codecs = BUILT_IN

    @property
    def public(self) -> Reach:
        """Where their public side is."""
        return self.market or Reach(self.places, self.opener)


def of_fakes(address: FakesAddress, registry: SecretRegistry) -> Surroundings:
    """The fake exchanges on loopback, with the key that they announced."""
    credentials = Credentials(Secret(address.key), Secret(address.secret), address.uid)
    registry.add_credentials(credentials)
    signer = CredentialSigner(credentials)
    around = public_of_fakes(address)
    return Surroundings(around.places, dict.fromkeys(Venue, signer), around.opener)


def public_of_fakes(address: FakesAddress) -> Reach:
    """The fake exchanges on loopback, without a key."""
    places = _places(
        address.gate_rest, address.gate_ws_spot, address.gate_ws_futures, address.mexc_rest, address.mexc_ws
    )
    ca_file = Path(address.ca_file) if address.ca_file else None
    return Reach(places, TcpTlsOpener(_allowed(places), ca_file=ca_file))


def of_live(
    settings: Settings, registry: SecretRegistry, environment: MutableMapping[str, str] = os.environ
) -> Surroundings:
    """The real exchanges (or loopback ones that a file names).

    Raises:
        ConfigError: a key is missing or is none: without keys nothing private is constructed.
    """
    gate = _signer(settings.gate.key, settings.gate.secret, registry, environment)
    second = settings.second_spot if settings.second_spot.venue else settings.mexc
    mexc = _signer(second.key, second.secret, registry, environment)
    signers: dict[Venue, Signer] = {Venue.GATE_SPOT: gate, Venue.GATE_FUTURES: gate, Venue.MEXC_SPOT: mexc}
    public = public_reach(settings)
    return Surroundings(public.places, signers, public.opener)


def public_reach(settings: Settings) -> Reach:
    """The real exchanges (or loopback ones that a file names), without a key.

    Raises:
        ConfigError: two certificate authorities.
    """
    gate, second = settings.gate, settings.second_spot if settings.second_spot.venue else settings.mexc
    places = _places(gate.rest_url, gate.ws_spot_url, gate.ws_futures_url, second.rest_url, second.ws_url)
    ca_files = {name for name in (gate.ca_file, second.ca_file) if name}
    if len(ca_files) > 1:
        raise ConfigError("settings", "ca_file", sorted(ca_files), "the same file for both venues")
    ca_file = Path(ca_files.pop()) if ca_files else None
    return Reach(places, TcpTlsOpener(_allowed(places), ca_file=ca_file))


def _signer(
    key: str, secret: str, registry: SecretRegistry, environment: MutableMapping[str, str]
) -> CredentialSigner:
    """A key with a blank, a line end or a sign from a web page in it would stand in the error of whoever sends it."""
    found = load_credentials(registry, key, secret, environment=environment)
    for name, text in ((key, found.key), (secret, found.secret)):
        if not _KEY.fullmatch(text.reveal()):
            raise ConfigError("environment", name, "a value that is not shown", "letters, digits and signs, no blanks")
    return CredentialSigner(found)


def _places(gate_rest: str, gate_spot: str, gate_futures: str, mexc_rest: str, mexc_ws: str) -> dict[Venue, Place]:
    gate = Endpoint.from_url(gate_rest)
    return {
        Venue.GATE_SPOT: Place(gate, _origin(gate_spot)),
        Venue.GATE_FUTURES: Place(gate, _origin(gate_futures)),
        Venue.MEXC_SPOT: Place(Endpoint.from_url(mexc_rest), _origin(mexc_ws)),
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _allowed(places: Mapping[Venue, Place]) -> list[Endpoint]:
    found = [place.rest for place in places.values()]
    found += [Endpoint.from_url(place.stream_url) for place in places.values()]
    return list(dict.fromkeys(found))
