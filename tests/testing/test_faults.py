"""Faults by name: they strike where they should, end when they should, and leave the rest alone."""

from __future__ import annotations

from typing import Any

import httpcore
import httpx
import pytest
import trio
import trio_websocket

from dnbot.testing import FakeExchanges, FakeExchangeServers, Faults, HarnessError

TIMES = {"gate": "/api/v4/spot/time", "perp": "/api/v4/futures/usdt/contracts/BTC_USDT", "mexc": "/api/v3/time"}


async def reaches(fakes: Any, http: httpx.AsyncClient, venue: str) -> bool:
    """Whether that venue's REST answers."""
    root = fakes.mexc_rest if venue == "mexc" else fakes.gate_rest.removesuffix("/api/v4")
    try:
        return (await http.get(root + TIMES[venue])).status_code == 200
    except (httpx.TransportError, httpcore.NetworkError, httpcore.ProtocolError):
        return False


async def test_rest_is_down_for_a_while(fake_exchanges: FakeExchanges, faults: Faults) -> None:
    """One venue's REST alone, for as long as was said, although Gate's two share a host."""
    async with fake_exchanges.http() as http:
        faults.on("rest_down", venue="gate", for_s=20)
        assert [await reaches(fake_exchanges, http, venue) for venue in TIMES] == [False, True, True]
        await trio.sleep(21)
        assert [await reaches(fake_exchanges, http, venue) for venue in TIMES] == [True, True, True]


async def test_a_fault_is_switched_off(fake_exchanges: FakeExchanges, faults: Faults) -> None:
    """By its key, or all at once; without a venue it strikes at all of them."""
    async with fake_exchanges.http() as http:
        key = faults.on("rest_down", venue="mexc")
        assert not await reaches(fake_exchanges, http, "mexc")
        faults.off(key)
        assert await reaches(fake_exchanges, http, "mexc")
        faults.on("rest_down")
        assert [await reaches(fake_exchanges, http, venue) for venue in TIMES] == [False, False, False]
        faults.off()
        assert [await reaches(fake_exchanges, http, venue) for venue in TIMES] == [True, True, True]


async def test_sockets_are_cut(fake_exchanges: FakeExchanges, faults: Faults) -> None:
    """The client's socket ends without a farewell; a new one is welcome."""
    url = fake_exchanges.mexc_ws
    async with fake_exchanges.websocket(url) as ws:
        await ws.send_message('{"method": "PING"}')
        await ws.get_message()
        faults.on("sockets_cut", venue="mexc", domain="public")
        with trio.fail_after(5), pytest.raises(trio_websocket.ConnectionClosed):
            await ws.get_message()
    async with fake_exchanges.websocket(url) as ws:
        await ws.send_message('{"method": "PING"}')
        assert "PONG" in str(await ws.get_message())


async def test_a_clock_is_ahead_until_it_is_put_right(fake_exchanges: FakeExchanges, faults: Faults) -> None:
    """The venue tells its own time; the world's goes on."""
    async with fake_exchanges.http(fake_exchanges.mexc_rest) as http:
        key = faults.on("clock_skewed", venue="mexc", ahead_ms=5000)
        told_ms = (await http.get("/api/v3/time")).json()["serverTime"]
        assert told_ms - fake_exchanges.wall_s() * 1000 == pytest.approx(5000, abs=50)
        faults.off(key)
        told_ms = (await http.get("/api/v3/time")).json()["serverTime"]
        assert told_ms - fake_exchanges.wall_s() * 1000 == pytest.approx(0, abs=50)


async def test_what_does_not_exist_is_refused(fake_exchanges: FakeExchanges, faults: Faults) -> None:
    """A name, an option, a value, a venue, a key; and nothing has happened."""
    with pytest.raises(HarnessError, match="earthquake"):
        faults.on("earthquake")
    with pytest.raises(HarnessError, match="strength"):
        faults.on("rest_down", strength=9)
    with pytest.raises(HarnessError, match="-3"):
        faults.on("rest_down", for_s=-3)
    with pytest.raises(ValueError, match="kraken"):
        faults.on("rest_down", venue="kraken")  # type: ignore[arg-type]
    with pytest.raises(HarnessError, match="no such fault"):
        faults.off("rest_down#7")
    async with fake_exchanges.http() as http:
        assert [await reaches(fake_exchanges, http, venue) for venue in TIMES] == [True, True, True]


@pytest.mark.slow
@pytest.mark.e2e
async def test_the_same_on_sockets(fake_exchange_servers: FakeExchangeServers, faults: Faults) -> None:
    """The same names and words, in another process."""
    async with httpx.AsyncClient(timeout=60) as http:
        key = faults.on("rest_down", venue="perp")
        assert [await reaches(fake_exchange_servers, http, venue) for venue in TIMES] == [True, False, True]
        faults.off(key)
        assert [await reaches(fake_exchange_servers, http, venue) for venue in TIMES] == [True, True, True]
        with pytest.raises(HarnessError, match="earthquake"):
            faults.on("earthquake")
