"""What a test sees of the exchanges: the same story in memory and on sockets, told by the venues themselves."""

from __future__ import annotations

import os
import ssl
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.records import VENUES
from dnbot.testing import (
    Account,
    FakeExchange,
    FakeExchanges,
    FakeExchangeServers,
    FakesConfig,
    HarnessError,
    ScriptedMarket,
)
from dnbot.testing import fake_exchange_servers as serve_fakes
from dnbot.testing.serve import decode_config, encode_config

pytestmark = pytest.mark.slow

D = Decimal
TWO = (
    Account(),
    Account("second-key", "second-secret", "20002", {"mexc_spot": {"USDT": D(100), "BTC": D("0.5")}}),
)


async def story(fakes: FakeExchange, market: ScriptedMarket, mine: Any, theirs: Any) -> None:
    """Orders of two accounts on three venues meet a market that moves by command; every view is asked on the way."""
    bid = {"currency_pair": "BTC_USDT", "side": "buy", "price": "59990", "amount": "0.01"}
    contracts = {"contract": "BTC_USDT", "size": -30, "price": "0", "tif": "ioc"}
    placed = await mine.gate("POST", "/spot/orders", text="t-mine", **bid)
    sold = await mine.gate("POST", "/futures/usdt/orders", **contracts)
    asked = await theirs.mexc(
        "POST", "/api/v3/order", symbol="BTCUSDT", side="SELL", type="LIMIT", quantity="0.1", price="60100"
    )
    (order,) = fakes.orders_of(open_only=True)
    assert (order.order_id, order.client_id, order.venue, order.symbol) == (
        placed["id"], "t-mine", "gate_spot", "BTC/USDT"
    )  # fmt: skip
    assert (order.side, order.kind, order.time_in_force, order.price) == ("buy", "limit", "gtc", D(59990))
    assert (order.status, order.filled, order.is_open) == ("open", 0, True)
    assert [o.order_id for o in fakes.orders_of(TWO[1])] == [str(asked["orderId"])]
    assert [o.order_id for o in fakes.orders_of("20002", venue="mexc")] == [str(asked["orderId"])]
    assert fakes.orders_of("20002", venue="gate") == fakes.orders_of(symbol="ETH/USDT") == []

    locked = fakes.balance_of("gate", "USDT")
    assert (locked.total, locked.locked, locked.available) == (20000, D("599.9"), D("19400.1"))
    assert fakes.balances_of(TWO[1])["mexc_spot"]["BTC"].locked == D("0.1")
    assert fakes.balance_of("mexc", "DOGE") == type(locked)()
    position = fakes.positions_of()["BTC/USDT"]
    assert (position.contracts, position.base, position.entry_price) == (-30, D("-0.003"), D(59994))
    assert fakes.positions_of("20002") == {}
    assert sold["status"] == "finished"
    assert fakes.book("gate").bids[1] == (D(59990), D("0.01"))
    assert fakes.book("mexc", "BTC/USDT", levels=2).bid == 59994

    market.trade("gate", "sell", "0.054", price=59990)  # 0.05 of outsiders come first
    market.set_mid(60150, venue="mexc")
    fills = fakes.fills_of(venue="gate")
    assert [(fill.quantity, fill.price, fill.role, fill.fee_asset) for fill in fills] == [
        (D("0.004"), D(59990), "maker", "BTC")
    ]  # fmt: skip
    assert fills[0].fee == D("0.004") * D("0.002")
    assert [(f.venue, f.side) for f in fakes.fills_of()] == [("gate_futures", "sell"), ("gate_spot", "buy")]
    (met,) = fakes.orders_of(TWO[1])
    assert (met.status, met.finish_as, met.filled, met.filled_quote) == ("closed", "filled", D("0.1"), D(6010))
    assert fakes.balance_of("mexc", "USDT", TWO[1]).total == 100 + 6010

    requests = fakes.requests_of()
    assert [(request.venue, request.method, request.status) for request in requests] == [
        ("gate_spot", "POST", 201), ("gate_futures", "POST", 201)
    ]  # fmt: skip
    assert requests[0].path == "/api/v4/spot/orders"
    assert requests[0].client_id.removeprefix("t-") == "mine"
    assert [request.path for request in fakes.requests_of("20002")] == ["/api/v3/order"]
    assert fakes.audit("20002")["uid"] == "20002"
    with pytest.raises(HarnessError, match="no such account"):
        fakes.orders_of("30003")
    with pytest.raises(HarnessError, match="no such symbol"):
        fakes.book("mexc", "ETH/USDT")
    with pytest.raises(ValueError, match="venue 'kraken' is unknown"):
        fakes.book("kraken")  # type: ignore[arg-type]


@pytest.mark.dnbot_fakes(accounts=TWO)
async def test_the_story_in_memory(
    fake_exchanges: FakeExchanges, market_script: ScriptedMarket, signed_requests: Any
) -> None:
    """Over the wire protocols in memory, on virtual time."""
    async with fake_exchanges.http() as http:
        mine, theirs = (signed_requests(fake_exchanges, http.send, fake_exchanges.wall_s, one) for one in TWO)
        await story(fake_exchanges, market_script, mine, theirs)


@pytest.mark.e2e
@pytest.mark.dnbot_fakes(accounts=TWO, tls=True)
async def test_the_story_on_sockets(
    fake_exchange_servers: FakeExchangeServers, market_script: ScriptedMarket, signed_requests: Any
) -> None:
    """Over TLS on loopback, in another process, on real time."""
    fakes = fake_exchange_servers
    assert fakes.gate_rest.startswith("https://127.0.0.1:")
    assert (fakes.key, fakes.secret, fakes.uid) == ("fake-key", "fake-secret", "10001")
    trust = ssl.create_default_context(cafile=fakes.ca_file)
    async with httpx.AsyncClient(verify=trust, timeout=60) as http:
        mine, theirs = (signed_requests(fakes, http.send, fakes.wall_s, one) for one in TWO)
        await story(fakes, market_script, mine, theirs)


# --- the clients of the fakes in memory -------------------------------------------------------------------------------


async def test_time_is_virtual_and_begins_where_it_always_does(
    fake_exchanges: FakeExchanges, market_script: ScriptedMarket
) -> None:
    """Ten minutes pass while nobody can run, and the venue's clock has seen them."""
    assert fake_exchanges.began_ms == 1_800_000_000_000
    async with fake_exchanges.http(fake_exchanges.mexc_rest) as http:
        before = (await http.get("/api/v3/time")).json()["serverTime"]
        await trio.sleep(600)
        after = (await http.get("/api/v3/time")).json()["serverTime"]
    assert after - before == pytest.approx(600_000, abs=100)
    assert fake_exchanges.wall_s() == pytest.approx(1_800_000_600, abs=1)


async def test_a_websocket_speaks_and_ends_with_its_block(fake_exchanges: FakeExchanges) -> None:
    """A ping is answered; afterwards the venue holds no socket; an unknown host refuses."""
    async with fake_exchanges.websocket(fake_exchanges.mexc_ws) as ws:
        await ws.send_message('{"method": "PING"}')
        assert "PONG" in str(await ws.get_message())
        assert len(fake_exchanges.stage.world.mexc_app.stream.connections) == 1
    await trio.sleep(1)
    assert len(fake_exchanges.stage.world.mexc_app.stream.connections) == 0
    with pytest.raises(ConnectionRefusedError):
        async with fake_exchanges.websocket("wss://kraken.fake/ws"):
            pass


# --- the fakes on sockets ---------------------------------------------------------------------------------------------


@pytest.mark.e2e
def test_servers_end_with_their_block_and_are_missed(fake_exchange_servers: FakeExchangeServers) -> None:
    """A second set of servers is another world; when its process is gone, asking says so instead of hanging."""
    with serve_fakes(FakesConfig(seed=9)) as others:
        assert others.pid != fake_exchange_servers.pid
        assert others.book("mexc").bids != fake_exchange_servers.book("mexc").bids
    with pytest.raises(ProcessLookupError):
        os.kill(others.pid, 0)
    with pytest.raises(HarnessError, match="have ended"):
        others.book("mexc")


@pytest.mark.e2e
def test_servers_that_cannot_start_say_so(capfd: pytest.CaptureFixture[str]) -> None:
    """A config that cannot be: the sentence of the fakes is on standard error, and the harness raises."""
    with (
        pytest.raises(HarnessError, match="did not start"),
        serve_fakes(FakesConfig(market="nonsense")),
    ):
        pass
    assert "nonsense" in capfd.readouterr().err


@given(
    seed=st.integers(),
    tls=st.booleans(),
    folder=st.none() | st.just(Path("some") / "folder"),
    skew_ms=st.dictionaries(st.sampled_from(VENUES), st.integers(-5000, 5000)),
    fees=st.tuples(st.decimals(0, 1, places=5), st.decimals(0, 1, places=5)),
)
def test_the_whole_config_reaches_the_process(
    seed: int, tls: bool, folder: Path | None, skew_ms: dict[Any, int], fees: tuple[Decimal, Decimal]
) -> None:
    """Every field survives the way there, exactly."""
    config = FakesConfig(
        seed=seed, tls=tls, state_dir=folder, skew_ms=skew_ms, mexc_fees=fees, accounts=TWO, deviation_bps=0.1
    )
    assert decode_config(encode_config(config)) == config
