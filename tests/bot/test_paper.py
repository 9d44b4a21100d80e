"""Mode paper, the whole bot: a fake world stands for the real venues, and another one keeps the pretended account."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from paper_world import SYMBOL, PaperStage, paper_stage

from dnbot.bot import Bot
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.network import LinkRule
from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.lab.audit_check import check_audit
from dnbot.ports.memory_store import MemoryStore

PUSHED_S = 0.13
"""So old the book may be when it is told: Gate pushes every 100 ms, then the way and the pace of telling."""


async def until(holds: Any, *, s_max: float = 30.0) -> None:
    with trio.fail_after(s_max):
        while not holds():  # noqa: ASYNC110 (of virtual time)
            await trio.sleep(0.05)


def unoffered(paper: PaperStage, older_s: float = 0.0) -> list[Any]:
    """Fills at prices that nobody at the venues offered when they happened, or so much earlier."""
    sides = {"buy": "sell", "sell": "buy"}
    return [
        fill for fill in paper.fills()
        if not paper.seen.was_offered(
            fill.venue, sides[fill.side], fill.price, paper.at_s(fill) - PUSHED_S - older_s, paper.at_s(fill)
        )
    ]


async def explained(paper: PaperStage, store: MemoryStore, bot: Bot) -> None:
    """The ledger has every digit of the pretended balances."""
    verdict = await check_audit(paper.account.audit(), store, bot.context)
    assert {left for assets in verdict["ledger_residual"].values() for left in assets.values()} == {"0"}
    assert verdict["adjustments"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("order_path", ["rest", "websocket"])
async def test_it_trades_on_the_venues_books_and_says_nothing_to_them(
    autojump_clock: Any, tmp_path: Path, order_path: str
) -> None:
    """Every fill was offered at the venue then, and the venues hear public reads alone, however orders leave."""
    async with paper_stage(tmp_path, order_path=order_path) as paper:
        store = MemoryStore()
        async with paper.running(store) as bot:
            await until(lambda: bot.context.counters.executions >= 10)
        assert len(paper.fills()) >= 20
        assert unoffered(paper) == []
        assert {fill.venue for fill in paper.fills()} == {"gate_spot", "gate_futures", "mexc_spot"}
        assert bot.context.counters.faults == 0
        left_by = {note.method for _, note in paper.account.requests.since(0) if note.is_create}
        assert ("WS" in left_by) == (order_path == "websocket")
        await explained(paper, store, bot)
        venues = paper.venues.world
        assert venues.requests.since(0) == []  # of private requests
        assert venues.exchange.account("10001").trades == []
        said = b"\n".join(bytes(part) for part in paper.tap.said)
        assert set(re.findall(rb"(?m)^([A-Z]+) /\S* HTTP/1.1\r$", said)) == {b"GET"}
        assert re.search(rb"(?im)^(key|sign|timestamp|x-mexc-apikey)\s*:|signature=|listenKey|\"auth\"", said) is None


@pytest.mark.slow
async def test_a_feed_that_hangs_stops_fills_and_a_healed_one_lets_them_go_on(
    autojump_clock: Any, tmp_path: Path
) -> None:
    """Its last book is not traded on, by nobody: not by the bot, and not by an order that arrives all the same."""
    async with paper_stage(tmp_path) as paper:
        store = MemoryStore()
        async with paper.running(store) as bot:
            await until(lambda: bot.context.counters.executions >= 3)
            market = paper.account.exchange.state.markets["mexc_spot", SYMBOL]
            assert market.best("sell") is not None
            paper.venues.network.set_rule(LinkRule(MEXC_HOST, stalled=True))
            await trio.sleep(0.9)
            bot.supervisor.children["mirror"].kill()  # who tells the books starts anew, and tells the old one once more
            await trio.sleep(0.8)
            assert (market.best("buy"), market.best("sell")) == (None, None)
            held = [fill for fill in paper.fills() if fill.venue == "mexc_spot"]
            await trio.sleep(2)
            assert [fill for fill in paper.fills() if fill.venue == "mexc_spot"] == held
            assert paper.account.exchange.state.markets["gate_spot", SYMBOL].best("sell") is not None
            paper.venues.network.clear_rules()
            await until(lambda: len([fill for fill in paper.fills() if fill.venue == "mexc_spot"]) > len(held))
        assert unoffered(paper, older_s=1.5) == []
        await explained(paper, store, bot)


@pytest.mark.slow
async def test_a_feed_that_ends_is_told_at_once(autojump_clock: Any, tmp_path: Path) -> None:
    """No book of it is left long before it would be too old."""
    async with paper_stage(tmp_path, book_age_ms_max=60_000) as paper, paper.running(MemoryStore()):
        market = paper.account.exchange.state.markets["gate_futures", SYMBOL]
        await until(lambda: market.best("sell") is not None)
        paper.venues.network.set_rule(LinkRule(GATE_HOST, refuse=True))
        paper.venues.network.cut(GATE_HOST)
        await trio.sleep(0.1)
        assert (market.best("buy"), market.best("sell")) == (None, None)
        paper.venues.network.clear_rules()
        await until(lambda: market.best("sell") is not None)


@pytest.mark.slow
async def test_a_restart_of_everything_goes_on_with_the_account(autojump_clock: Any, tmp_path: Path) -> None:
    """Bot and account stop and start again: what is held is what was held, and nothing is adjusted."""
    async with paper_stage(tmp_path) as paper:
        store = MemoryStore()
        async with paper.running(store) as bot:
            await until(lambda: bot.context.counters.executions >= 2)
        held = paper.account.audit()["balances"]
        await paper.end_account()
        await paper.start_account()
        assert paper.account.audit()["balances"] == held
        async with paper.running(store) as again:
            await until(lambda: again.context.counters.executions >= 2)
        assert again.context.portfolio.adjustments == 0
        await explained(paper, store, again)


@pytest.mark.slow
async def test_funding_is_settled_when_the_venue_settles(autojump_clock: Any, tmp_path: Path) -> None:
    """Once, on the position that is held then, and the ledger has it."""
    async with paper_stage(tmp_path, config=FakesConfig(funding_first_after_s=8.0)) as paper:
        store = MemoryStore()
        async with paper.running(store) as bot:
            theirs, ours = (world.exchange.state.fundings for world in (paper.venues.world, paper.account))
            await until(lambda: theirs)
            await trio.sleep(2.5)
            assert [settled.time_s for settled in ours] == pytest.approx([settled.time_s for settled in theirs], abs=1)
            await until(lambda: bot.context.portfolio.funding_quote != 0)
        await explained(paper, store, bot)


@pytest.mark.slow
async def test_terms_that_change_end_trading_there(autojump_clock: Any, tmp_path: Path) -> None:
    """A contract of another size would be settled in the wrong unit: nothing fills on it any more."""
    async with paper_stage(tmp_path) as paper, paper.running(MemoryStore()) as bot:
        market = paper.account.exchange.state.markets["gate_futures", SYMBOL]
        await until(lambda: market.best("sell") is not None)
        exchange = paper.venues.world.exchange
        changed = attrs.evolve(exchange.state.instruments["gate_futures", SYMBOL], price_band=Decimal("0.123"))
        exchange.relist(changed)
        bot.feeds[next(venue for venue in bot.feeds if not venue.is_spot)].read_instrument()
        await until(lambda: market.best("sell") is None)
        await trio.sleep(1)
        assert market.best("sell") is None
        paper.venues.log.flush_now()
        assert any(line["event"] == "paper_terms_changed" for line in paper.venues.lines.lines)
