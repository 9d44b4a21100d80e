"""gate-api (official, REST): public data, and the answers that clients ask for at start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import gate_api
import pytest
from fakes_server import Fakes
from gate_client import CONTRACT, PAIR, SETTLE, Gate, refusal

D = Decimal


@pytest.fixture
def gate(fakes: Fakes) -> Iterator[Gate]:
    """A client without a key, whose every answer must be as the SDK's models say."""
    client = Gate(fakes, "", "")
    yield client
    assert client.departures() == []


def test_server_time_is_now_in_ms(gate: Gate) -> None:
    """Milliseconds, of this very second."""
    assert abs(gate.spot.get_system_time().server_time - time.time() * 1000) < 5000


def test_pairs(gate: Gate) -> None:
    """The list and the single row agree, and say steps and minima."""
    [row] = [row for row in gate.spot.list_currency_pairs() if row.id == PAIR]
    one = gate.spot.get_currency_pair(PAIR)
    assert one == row
    assert (row.base, row.quote, row.trade_status) == ("BTC", "USDT", "tradable")
    assert D(row.min_quote_amount) > 0


def test_currencies(gate: Gate) -> None:
    """Both coins are listed, alone and in the list."""
    assert {"BTC", "USDT"} <= {row.currency for row in gate.spot.list_currencies()}
    assert gate.spot.get_currency("BTC").currency == "BTC"


def test_tickers(gate: Gate) -> None:
    """The ask is above the bid, in the list and alone."""
    listed = [row for row in gate.spot.list_tickers() if row.currency_pair == PAIR]
    for [row] in (gate.spot.list_tickers(currency_pair=PAIR), listed):
        assert D(row.lowest_ask) > D(row.highest_bid) > 0


def test_spot_book(gate: Gate) -> None:
    """Bids fall, asks rise, they do not cross, and the id is there when it was asked for alone."""
    book = gate.spot.list_order_book(PAIR, limit=20, with_id=True)
    assert book.id > 0
    assert gate.spot.list_order_book(PAIR).id is None
    assert len(book.bids) == len(book.asks) == 20
    assert all(D(a[0]) > D(b[0]) for a, b in pairwise(book.bids))
    assert all(D(a[0]) < D(b[0]) for a, b in pairwise(book.asks))
    assert D(book.bids[0][0]) < D(book.asks[0][0])


def test_spot_trades(gate: Gate) -> None:
    """Newest first; `last_id` and `limit` cut the list."""
    rows = gate.spot.list_trades(PAIR, limit=5)
    assert len(rows) <= 5
    assert all(int(a.id) > int(b.id) for a, b in pairwise(rows))


@pytest.mark.parametrize("interval", ["10s", "1m", "5m", "1h", "1d"])
def test_spot_candles(gate: Gate, fakes: Fakes, interval: str) -> None:
    """Eight strings a row, oldest first, low and high around open and close, once there was a trade."""
    Gate(fakes, fakes.key, fakes.secret).place("buy", "10")
    rows = gate.spot.list_candlesticks(PAIR, interval=interval, limit=10)
    assert rows
    assert all(len(row) == 8 for row in rows)
    assert all(int(a[0]) < int(b[0]) for a, b in pairwise(rows))
    for _, _, close, high, low, opening, _, _ in rows:
        assert D(low) <= min(D(opening), D(close)) <= max(D(opening), D(close)) <= D(high)


def test_contracts(gate: Gate) -> None:
    """The list and the single row agree on everything that does not move."""
    [row] = [row for row in gate.futures.list_futures_contracts(SETTLE) if row.name == CONTRACT]
    one = gate.futures.get_futures_contract(SETTLE, CONTRACT)
    for field in ("quanto_multiplier", "order_price_round", "order_size_min", "leverage_max", "funding_interval"):
        assert getattr(one, field) == getattr(row, field)
    assert D(row.quanto_multiplier) == D("0.0001")
    assert row.status == "trading"


def test_all_contracts_include_the_delisted(gate: Gate) -> None:
    """The newer listing knows the contract, too."""
    assert CONTRACT in {row.name for row in gate.futures.list_futures_contracts_all(SETTLE)}


@pytest.mark.parametrize("settle", ["btc"])
def test_other_settlements_are_empty(gate: Gate, settle: str) -> None:
    """Coins that nothing settles in here have an empty list, not an error: clients ask all of them at start."""
    assert gate.futures.list_futures_contracts(settle) == []


def test_delivery_and_options_are_empty(gate: Gate) -> None:
    """Products that are not here have empty lists."""
    assert gate_api.DeliveryApi(gate.client).list_delivery_contracts(SETTLE) == []
    assert gate_api.OptionsApi(gate.client).list_options_underlyings() == []


def test_margin_pairs_are_listed(gate: Gate) -> None:
    """The margin listing answers with a list."""
    assert isinstance(gate_api.MarginUniApi(gate.client).list_uni_currency_pairs(), list)


def test_perp_tickers(gate: Gate) -> None:
    """An array even for one; mark, index and funding are there."""
    [row] = gate.futures.list_futures_tickers(SETTLE, contract=CONTRACT)
    assert D(row.lowest_ask) > D(row.highest_bid) > 0
    assert D(row.mark_price) > 0
    assert D(row.index_price) > 0
    assert abs(D(row.funding_rate)) < D("0.02")


def test_perp_book(gate: Gate) -> None:
    """Levels are objects with string price and, under the SDK's header, string size."""
    book = gate.futures.list_futures_order_book(SETTLE, CONTRACT, limit=20, with_id=True)
    assert book.id > 0
    assert all(D(a.p) > D(b.p) for a, b in pairwise(book.bids))
    assert all(D(a.p) < D(b.p) for a, b in pairwise(book.asks))
    assert all(isinstance(level.s, str) for level in [*book.bids, *book.asks])


def test_perp_trades(gate: Gate) -> None:
    """Signed sizes of one contract."""
    rows = gate.futures.list_futures_trades(SETTLE, CONTRACT, limit=5)
    assert all(row.contract == CONTRACT and D(row.size) != 0 for row in rows)


@pytest.mark.parametrize("prefix", ["", "mark_", "index_"])
def test_perp_candles(gate: Gate, fakes: Fakes, prefix: str) -> None:
    """Traded, mark and index candles, once there was a trade; oldest first."""
    Gate(fakes, fakes.key, fakes.secret).perp(1)
    rows = gate.futures.list_futures_candlesticks(SETTLE, prefix + CONTRACT, interval="1m", limit=5)
    assert rows
    assert all(a.t < b.t for a, b in pairwise(rows))
    assert all(D(row.l) <= D(row.o) <= D(row.h) for row in rows)


def test_premium_index(gate: Gate) -> None:
    """Candles of the premium."""
    assert isinstance(gate.futures.list_futures_premium_index(SETTLE, CONTRACT), list)


def test_funding_history(gate: Gate) -> None:
    """Past rates, newest first, on settlement seconds."""
    rows = gate.futures.list_futures_funding_rate_history(SETTLE, CONTRACT, limit=5)
    assert all(a.t > b.t for a, b in pairwise(rows))


def test_risk_limit_tiers(gate: Gate) -> None:
    """The tier of this contract that its margin is computed with."""
    tiers = gate.futures.list_futures_risk_limit_tiers(SETTLE, contract=CONTRACT)
    assert D(tiers[0].maintenance_rate) == D(gate.futures.get_futures_contract(SETTLE, CONTRACT).maintenance_rate)


def test_statistics_and_liquidations(gate: Gate) -> None:
    """Open interest and past liquidations are lists, empty or not."""
    assert isinstance(gate.futures.list_contract_stats(SETTLE, CONTRACT), list)
    assert isinstance(gate.futures.list_liquidated_orders(SETTLE, contract=CONTRACT), list)
    assert isinstance(gate.futures.list_futures_insurance_ledger(SETTLE), list)


REFUSED: dict[str, tuple[Callable[[Gate], Any], str]] = {
    "unknown pair": (lambda g: refusal(g.spot.get_currency_pair, "NO_PAIR"), "INVALID_CURRENCY_PAIR"),
    "book of an unknown pair": (lambda g: refusal(g.spot.list_order_book, "NO_PAIR"), "INVALID_CURRENCY_PAIR"),
    "unknown currency": (lambda g: refusal(g.spot.get_currency, "NOCOIN"), "INVALID_CURRENCY"),
    "unknown contract": (lambda g: refusal(g.futures.get_futures_contract, SETTLE, "NO_ONE"), "CONTRACT_NOT_FOUND"),
    "book of an unknown contract": (
        lambda g: refusal(g.futures.list_futures_order_book, SETTLE, "NO_ONE"),
        "CONTRACT_NOT_FOUND",
    ),
    "unsigned private call": (
        lambda g: refusal(g.client.call_api, "/spot/accounts", "GET", _host=None),
        "MISSING_REQUIRED_HEADER",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(gate: Gate, case: str) -> None:
    """Each mistake is a 400 with its label."""
    call, label = REFUSED[case]
    error = call(gate)
    assert (error.status, error.label) == (400, label)


def test_every_answer_carries_rate_and_trace_headers(gate: Gate) -> None:
    """Limit, what remains of it, and when; the times in and out; a trace id."""
    _, _, first = gate.spot.list_tickers_with_http_info()
    _, _, second = gate.spot.list_tickers_with_http_info()
    assert int(first["X-Gate-RateLimit-Limit"]) == 200
    assert int(first["X-Gate-RateLimit-Requests-Remain"]) - int(second["X-Gate-RateLimit-Requests-Remain"]) == 1
    assert abs(int(first["X-Gate-RateLimit-Reset-Timestamp"]) - time.time()) < 15
    assert int(first["X-In-Time"]) <= int(first["X-Out-Time"])
    assert first["X-Gate-Trace-ID"] != second["X-Gate-Trace-ID"]
