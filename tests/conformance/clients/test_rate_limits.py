"""Budgets as clients meet them: each library names the refusal as it would at the real venue."""

from __future__ import annotations

from collections.abc import Iterator

import ccxt
import pytest
from ccxt_client import SPOT, options, pointed
from fakes_server import Fakes, running_fakes
from gate_client import PAIR, Gate, refusal
from pymexc import spot
from pymexc.base import MexcAPIError


@pytest.fixture(scope="module")
def limited() -> Iterator[Fakes]:
    """Fakes that count, as they do unless told otherwise."""
    with running_fakes(seed=5, limits=True) as running:
        yield running


def test_gate_places_ten_a_second(limited: Fakes) -> None:
    """The eleventh create of a second on one market is 429 TOO_MANY_REQUESTS, and its headers say when to come back."""
    gate = Gate(limited, limited.key, limited.secret)
    price = gate.best()[0].__round__(0) * 9 // 10 + 3000
    error = None
    for _ in range(30):
        try:
            gate.place("buy", "0.001", price)
        except Exception as problem:
            error = problem
            break
    assert error is not None
    assert (error.status, error.label) == (429, "TOO_MANY_REQUESTS")
    assert int(error.headers["X-Gate-RateLimit-Requests-Remain"]) == 0
    assert int(error.headers["X-Gate-RateLimit-Limit"]) == 10
    gate.spot.cancel_orders(currency_pair=PAIR)


def test_gate_public_budgets_are_per_endpoint(limited: Fakes) -> None:
    """200 calls of one endpoint in ten seconds; another endpoint is not touched by them."""
    gate = Gate(limited, "", "")
    for _ in range(200):
        gate.spot.get_system_time()
    assert refusal(gate.spot.get_system_time).label == "TOO_MANY_REQUESTS"
    assert gate.spot.list_tickers()


def test_mexc_account_reads_are_few(limited: Fakes) -> None:
    """A client that never waits is told 429."""
    client = spot.HTTP(api_key=limited.key, api_secret=limited.secret)
    client.base_url = limited.mexc_rest
    client.session.verify = limited.ca_file
    with pytest.raises(MexcAPIError, match="429"):
        for _ in range(40):
            client.account_information()


def test_ccxt_names_it(limited: Fakes) -> None:
    """RateLimitExceeded."""
    gate = pointed(ccxt.gate(options(limited)), limited)
    gate.load_markets()
    with pytest.raises(ccxt.RateLimitExceeded):
        for _ in range(250):
            gate.fetch_ticker(SPOT)
