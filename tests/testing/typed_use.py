"""The public names of ``dnbot.testing`` as a strict type checker sees them; ``./dnbot lint`` checks this file.

Nothing here runs: what it says is that the types are there, and are these.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, assert_type

from dnbot.testing import (
    Account,
    Balance,
    Book,
    FakeExchange,
    FakeExchanges,
    FakeExchangeServers,
    FakesConfig,
    Faults,
    Fill,
    Order,
    Position,
    Request,
    RunningBot,
    ScriptedMarket,
    VenueName,
    fake_exchange_servers,
    fake_exchanges,
    running_bot,
)

if TYPE_CHECKING:
    import httpx

    from dnbot.strategy.view import View


def on_sockets() -> None:
    """What a synchronous test can do."""
    config = FakesConfig(seed=3, market="scripted", accounts=(Account(), Account(key="b", secret="s", uid="2")))
    with fake_exchange_servers(config) as servers:
        assert_type(servers, FakeExchangeServers)
        assert_type(servers.ca_file, Path | None)
        look(servers)
        move(servers.market)
        hurt(servers.faults)


async def in_memory() -> None:
    """What a Trio test can do."""
    async with fake_exchanges() as fakes, fakes.http(fakes.gate_rest) as http:
        assert_type(fakes, FakeExchanges)
        client: httpx.AsyncClient = http
        await client.get("/spot/time")
        assert_type(fakes.wall_s(), float)
        look(fakes)
        async with running_bot(fakes) as bot:
            await watch(bot)


def look(exchange: FakeExchange) -> None:
    """What both show."""
    venue: VenueName = "mexc"
    assert_type(exchange.account, Account)
    assert_type(exchange.key + exchange.secret + exchange.uid + exchange.mexc_rest, str)
    assert_type(exchange.orders_of(exchange.account, venue=venue, open_only=True), list[Order])
    assert_type(exchange.fills_of("2", symbol="BTC/USDT"), list[Fill])
    assert_type(
        exchange.balances_of(), dict[Literal["gate_spot", "gate_futures", "mexc_spot"], dict[str, Balance]]
    )
    assert_type(exchange.balance_of("gate", "USDT").available, Decimal)
    assert_type(exchange.positions_of(), dict[str, Position])
    assert_type(exchange.requests_of(), list[Request])
    assert_type(exchange.book(venue, levels=5), Book)
    assert_type(exchange.book("perp").bids, tuple[tuple[Decimal, Decimal], ...])
    assert_type(exchange.orders_of()[0].status, Literal["open", "closed", "cancelled"])
    assert_type(exchange.audit(), dict[str, Any])


def move(market: ScriptedMarket) -> None:
    """Every word takes decimals, whole numbers, floats and text."""
    market.set_mid("60000.5")
    market.spread("mexc", bps=12)
    market.offset("perp", Decimal(-3))
    market.depth("gate", levels=5, base_per_level=0.1)
    market.book("mexc", bids=[(59999, "0.5")], asks=[(Decimal(60001), 1.5)])
    market.levels("mexc", asks=[(60001, 0)])
    market.trade("mexc", "buy", "0.1", price=60001)
    market.funding("0.0001", next_after_s=60)
    assert_type(market.after(1.5), ScriptedMarket)
    assert_type(market.replay(Path("script.jsonl"), speed=2.0), float)


def hurt(faults: Faults) -> None:
    """Faults by name."""
    key = faults.on("rest_down", venue="gate", for_s=3.0, manner="silent")
    assert_type(key, str)
    faults.off(key)
    faults.off()


async def watch(bot: RunningBot) -> None:
    """The bot."""
    view: View = await bot.until("MONITORING_SPREADS", s_max=30.0)
    assert_type(view.delta_base, Decimal)
    assert_type(await bot.stop(), int)
    await bot.assert_books_close()
