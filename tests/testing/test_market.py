"""The market's words, as a test says them: each does what it says, now, later, or from a file."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
import trio

from dnbot.fakes.script_words import Command, SetMid
from dnbot.testing import FakeExchanges, FakeExchangeServers, HarnessError, ScriptedMarket

D = Decimal


async def test_the_ladder_is_shaped(fake_exchanges: FakeExchanges, market_script: ScriptedMarket) -> None:
    """Middle, offset, spread and depth, for one venue or for all; a float is exactly what it is written as."""
    fakes, market = fake_exchanges, market_script
    market.set_mid(60000.1)
    market.offset("mexc", 10)
    for gates in (fakes.book("gate"), fakes.book("perp")):
        assert (gates.bid, gates.ask, gates.mid) == (D("59994.0"), D("60006.2"), D("60000.1")), "outwards to ticks"
    assert fakes.book("mexc").mid == D("60060.1")
    market.set_mid("60000")
    assert fakes.book("mexc").mid == 60060
    market.spread("mexc", bps=0)
    assert fakes.book("mexc").ask - fakes.book("mexc").bid == D("0.01")
    market.set_mid(60000, venue="mexc")
    market.spread("mexc", bps=12)
    assert (fakes.book("mexc").bid, fakes.book("mexc").ask) == (59964, 60036)
    market.depth(levels=3, base_per_level=0.5, step_bps=5)
    assert fakes.book("mexc").asks == ((60036, D("0.5")), (60066, D("0.5")), (60096, D("0.5")))
    assert fakes.book("perp").bids[0] == (59994, 5000)
    market.depth("gate", levels=0)
    assert (fakes.book("gate").bids, fakes.book("gate").asks) == ((), ())


async def test_levels_trades_and_refills(fake_exchanges: FakeExchanges, market_script: ScriptedMarket) -> None:
    """A whole book, an update of it, a trade that eats into it, and what was eaten comes back."""
    fakes, market = fake_exchanges, market_script
    market.book("gate", bids=[(59990, 1), (59991, "0.5")], asks=[(60010.5, 2)])
    assert fakes.book("gate").bids == ((59991, D("0.5")), (59990, 1))
    market.levels("gate", bids=[(59991, 0)], asks=[(60010, D(3))])
    market.trade("gate", "buy", 4)
    assert fakes.book("gate").asks == ((D("60010.5"), 1),)
    market.trade("gate", "buy", 4, price=60000)
    market.refill("gate")
    assert fakes.book("gate").asks == ((60010, 3), (D("60010.5"), 2))
    assert fakes.book("gate").bids == ((59990, 1),)


async def test_the_perpetual(fake_exchanges: FakeExchanges, market_script: ScriptedMarket) -> None:
    """Mark, index and funding are what was said, over the venue's own interface."""
    market_script.mark(60100, index="60090")
    market_script.funding("0.0003", next_after_s=120)
    async with fake_exchanges.http(fake_exchanges.gate_rest) as http:
        contract = (await http.get("/futures/usdt/contracts/BTC_USDT")).json()
    assert (D(contract["mark_price"]), D(contract["index_price"])) == (60100, 60090)
    assert D(contract["funding_rate"]) == D("0.0003")
    assert contract["funding_next_apply"] == pytest.approx(fake_exchanges.wall_s() + 120, abs=2)
    market_script.settle_funding()
    assert [str(row.rate) for row in fake_exchanges.stage.world.exchange.fundings("BTC/USDT")] == ["0.0003"]


async def test_later_is_later(fake_exchanges: FakeExchanges, market_script: ScriptedMarket) -> None:
    """`after` gives the same words for a time to come; until then nothing has happened."""
    later = market_script.after(2.5)
    later.set_mid(61000)
    later.spread("mexc", 20)
    await trio.sleep(2.49)
    assert fake_exchanges.book("mexc").mid == 60000
    await trio.sleep(0.02)
    assert (fake_exchanges.book("mexc").bid, fake_exchanges.book("mexc").ask) == (60939, 61061)


async def test_a_file_is_played(fake_exchanges: FakeExchanges, market_script: ScriptedMarket, tmp_path: Path) -> None:
    """At its own pace or faster, from now on or later; another format needs a reader."""
    path = tmp_path / "script.jsonl"
    path.write_text('{"op": "mid", "price": "60001"}\n{"op": "mid", "price": "60002", "at_s": 10}\n')
    assert market_script.replay(path, speed=4) == 2.5
    await trio.sleep(0.01)
    assert fake_exchanges.book("gate").mid == 60001
    assert market_script.after(100).replay(str(path)) == 110
    await trio.sleep(2.5)
    assert fake_exchanges.book("gate").mid == 60002

    def prices(path: Path) -> Iterable[Command]:
        return [SetMid(price=D(line), at_s=number) for number, line in enumerate(path.read_text().split(), 1)]

    (tmp_path / "prices.txt").write_text("60003 60004")
    assert market_script.replay(tmp_path / "prices.txt", reader=prices) == 2
    await trio.sleep(1.5)
    assert fake_exchanges.book("gate").mid == 60003
    path.write_text('{"op": "mid", "price": "60009"}\n{"op": "mid"}\n')
    with pytest.raises(HarnessError, match=r"script\.jsonl:2"):
        market_script.replay(path)
    with pytest.raises(FileNotFoundError):
        market_script.replay(tmp_path / "none")
    await trio.sleep(0.1)
    assert fake_exchanges.book("gate").mid == 60003


async def test_nonsense_is_refused(fake_exchanges: FakeExchanges, market_script: ScriptedMarket) -> None:
    """What cannot be meant raises, with the sentence of the fakes, and changes nothing."""
    before = fake_exchanges.book("mexc")
    with pytest.raises(HarnessError, match="not a positive multiple of"):
        market_script.levels("mexc", bids=[("59999.999", 1)])
    with pytest.raises(HarnessError, match="symbol 'ABC/USDT' is unknown"):
        market_script.set_mid(1, symbol="ABC/USDT")
    with pytest.raises(HarnessError, match="not below"):
        market_script.after(3).book("mexc", bids=[(60000, 1)], asks=[(59999, 1)])
    with pytest.raises(ValueError, match="unknown"):
        market_script.spread("kraken", 3)  # type: ignore[arg-type]
    await trio.sleep(5)
    assert fake_exchanges.book("mexc") == before


async def test_a_lively_market_has_no_script(fake_exchanges: FakeExchanges) -> None:
    """Without `market_script` the market moves by itself, and refuses commands."""
    before = fake_exchanges.book("mexc")
    await trio.sleep(1)
    assert fake_exchanges.book("mexc") != before
    with pytest.raises(HarnessError, match="has no script"):
        fake_exchanges.market.set_mid(60000)


@pytest.mark.slow
@pytest.mark.e2e
def test_a_long_file_is_played_on_sockets(
    fake_exchange_servers: FakeExchangeServers, market_script: ScriptedMarket, tmp_path: Path
) -> None:
    """More commands than one request holds: the last of them has been carried out, and the first as well."""
    path = tmp_path / "long.jsonl"
    row = '{{"op": "levels", "venue": "mexc_spot", "asks": [["{}", "{}"]]}}\n'
    rows = [row.format(60100 + n, 1 + n % 5) for n in range(4500)]
    path.write_text('{"op": "book", "venue": "mexc_spot"}\n' + "".join(rows))
    assert market_script.replay(path) == 0.0
    deadline = fake_exchange_servers.wall_s() + 60
    while len(fake_exchange_servers.book("mexc", levels=5000).asks) < 4500:
        assert fake_exchange_servers.wall_s() < deadline
    asks = fake_exchange_servers.book("mexc", levels=5000).asks
    assert asks == tuple((D(60100 + n), D(1 + n % 5)) for n in range(4500))
