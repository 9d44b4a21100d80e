"""gate-api (official, REST): what is refused of a key, a secret and a clock, and in which order."""

from __future__ import annotations

import time
from collections.abc import Iterator

import gate_api.api_client
import pytest
from fakes_server import Fakes
from gate_client import PAIR, Gate, refusal

WRONG = "wrong"


@pytest.fixture
def gate(fakes: Fakes) -> Iterator[Gate]:
    """The trader's client."""
    client = Gate(fakes, fakes.key, fakes.secret)
    yield client
    assert client.departures() == []


def clock_off(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the SDK stamp its requests that far from now."""
    now = time.time

    class Clock:
        """Stands where the SDK imports `time`."""

        @staticmethod
        def time() -> float:
            return now() + seconds

    monkeypatch.setattr(gate_api.api_client, "time", Clock)


def test_the_right_key_is_the_right_account(gate: Gate, fakes: Fakes) -> None:
    """The detail of the account names the uid of the key."""
    assert str(gate.account.get_account_detail().user_id) == fakes.uid


def test_a_second_key_is_a_second_account(fakes: Fakes) -> None:
    """Two keys, two uids, two wallets."""
    maker = Gate(fakes, fakes.maker_key, fakes.maker_secret)
    assert str(maker.account.get_account_detail().user_id) == fakes.maker_uid


def test_wrong_key(fakes: Fakes) -> None:
    """401 INVALID_KEY."""
    error = refusal(Gate(fakes, WRONG, fakes.secret).spot.list_spot_accounts)
    assert (error.status, error.label) == (401, "INVALID_KEY")


def test_wrong_secret(fakes: Fakes) -> None:
    """401 INVALID_SIGNATURE."""
    error = refusal(Gate(fakes, fakes.key, WRONG).spot.list_spot_accounts)
    assert (error.status, error.label) == (401, "INVALID_SIGNATURE")


@pytest.mark.parametrize("seconds", [-70, 70])
def test_a_clock_that_is_off_is_refused(gate: Gate, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """More than 60 s to either side: 403 REQUEST_EXPIRED."""
    clock_off(monkeypatch, seconds)
    error = refusal(gate.spot.list_spot_accounts)
    assert (error.status, error.label) == (403, "REQUEST_EXPIRED")


@pytest.mark.parametrize("seconds", [-50, 50])
def test_a_clock_that_is_a_little_off_is_not(gate: Gate, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Less than 60 s are forgiven."""
    clock_off(monkeypatch, seconds)
    assert gate.spot.list_spot_accounts()


def test_the_clock_is_judged_before_the_key(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong key with an old timestamp hears of the timestamp."""
    clock_off(monkeypatch, -70)
    error = refusal(Gate(fakes, WRONG, WRONG).spot.list_spot_accounts)
    assert error.label == "REQUEST_EXPIRED"


def test_the_key_is_judged_before_the_secret(fakes: Fakes) -> None:
    """With both wrong, the key is named."""
    assert refusal(Gate(fakes, WRONG, WRONG).spot.list_spot_accounts).label == "INVALID_KEY"


@pytest.mark.parametrize("names", [PAIR, f"{PAIR},{PAIR}"])
def test_lists_are_signed_with_their_comma(gate: Gate, names: str) -> None:
    """The SDK signs the comma and sends it escaped: the server signs what it means."""
    assert PAIR in gate.spot.get_batch_spot_fee(names)


def test_an_order_of_a_wrong_secret_leaves_no_trace(fakes: Fakes, gate: Gate) -> None:
    """Nothing is reserved by a request that was refused at the door."""
    before = gate.balances()
    assert refusal(Gate(fakes, fakes.key, WRONG).place, "buy", "0.001", "50000").label == "INVALID_SIGNATURE"
    assert gate.balances() == before
    assert gate.spot.list_orders(PAIR, "open") == []


def test_an_expired_order_is_refused(gate: Gate) -> None:
    """`x-gate-exptime` in the past: the order is refused; in the future it is placed."""
    late = gate_api.Order(currency_pair=PAIR, side="buy", amount="0.001", price="50000", account="spot")
    error = refusal(gate.spot.create_order, late, x_gate_exptime=str(int(time.time() * 1000) - 1000))
    assert error.label == "REQUEST_EXPIRED"
    order = gate.spot.create_order(late, x_gate_exptime=str(int(time.time() * 1000) + 10_000))
    gate.spot.cancel_order(order.id, PAIR)
