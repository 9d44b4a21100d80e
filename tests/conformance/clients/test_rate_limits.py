"""Budgets as clients meet them: each library names the refusal as it would at the real venue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ccxt
import pytest
from ccxt_client import SPOT, options, pointed
from fakes_server import Fakes, running_fakes
from gate_api.exceptions import GateApiException
from gate_client import PAIR, Gate, refusal
from pymexc import spot
from pymexc.base import MexcAPIError

CALLS_MAX = 260


@pytest.fixture(scope="module")
def limited() -> Iterator[Fakes]:
    """Fakes that count, as they do unless told otherwise."""
    with running_fakes(seed=5, limits=True) as running:
        yield running


def first_refusal(call: Callable[[], Any], kind: type[Exception]) -> Any:
    """What a client that never waits is told at last; anything but that kind of refusal is an error."""
    for _ in range(CALLS_MAX):
        try:
            call()
        except kind as refused:
            return refused
    raise AssertionError(f"{CALLS_MAX} calls were answered")


def test_gate_places_ten_a_second(limited: Fakes) -> None:
    """The eleventh create of a second on one market is 429 TOO_MANY_REQUESTS, and its headers say when to come back."""
    gate = Gate(limited, limited.key, limited.secret)
    price = int(gate.best()[0] * 97 / 100)
    error = first_refusal(lambda: gate.place("buy", "0.001", price), GateApiException)
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
    assert "429" in str(first_refusal(client.account_information, MexcAPIError))


def test_ccxt_names_it(limited: Fakes) -> None:
    """RateLimitExceeded."""
    gate = pointed(ccxt.gate(options(limited)), limited)
    gate.load_markets()
    assert first_refusal(lambda: gate.fetch_ticker(SPOT), ccxt.RateLimitExceeded)
