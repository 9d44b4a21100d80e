"""One process of fakes for each file of tests, so that the accounts of two files never meet."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

import pytest
from fakes_server import Fakes, running_fakes
from gate_ws_client import Heard, connected


@pytest.fixture(scope="module")
def fakes(request: pytest.FixtureRequest) -> Iterator[Fakes]:
    """Fresh fakes whose market depends on the name of the file alone, trusted by clients that read SSL_CERT_FILE."""
    seed = zlib.crc32(request.node.name.encode()) % 1000
    with running_fakes(seed) as running, pytest.MonkeyPatch.context() as mp:
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE"):
            mp.setenv(name, running.ca_file)
        yield running


@pytest.fixture
async def on_spot(fakes: Fakes) -> AsyncIterator[Heard]:
    """The spot socket with the trader's key."""
    async with connected(fakes, "spot") as heard:
        yield heard


@pytest.fixture
async def on_perp(fakes: Fakes) -> AsyncIterator[Heard]:
    """The futures socket with the trader's key."""
    async with connected(fakes, "futures") as heard:
        yield heard
