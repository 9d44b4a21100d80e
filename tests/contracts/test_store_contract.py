"""What every store promises; each test runs on the store in memory and on PostgreSQL."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from typing import Any

import msgspec
import pytest

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import (
    ModeChanged,
    OpportunityTaken,
    OrderChanged,
    PortfolioSaved,
    RowBooked,
    StateChanged,
)
from dnbot.domain.order import Order, OrderStatus, Purpose, Side
from dnbot.domain.position import EdgeLot, EntryKind, Portfolio, book_fill, post
from dnbot.ports.store import UnresolvedIntent


async def begin(store: Any, words: Any, symbol: Symbol | None = None) -> int:
    """Start an incarnation with plausible settings."""
    epoch: int = await store.begin_run(
        symbol or words.symbol, version="1.0", settings="a = 1", started_at_ns=words.start_ns
    )
    return epoch


async def test_an_empty_store_knows_nothing(open_store: Any, words: Any) -> None:
    """Before the first run there is no portfolio, no order, no key and no ledger; the mode is ACTIVE."""
    async with open_store() as store:
        state = await store.load(words.symbol)
        assert state.portfolio is None
        assert (state.mode, state.unresolved, state.seen, state.opened) == ("ACTIVE", (), (), ())
        assert (state.fill_ms, state.row_ms) == ({}, {})
        assert await store.ledger_totals(words.symbol) == ()
        await store.ping()


async def test_epochs_rise_by_one_over_restarts_and_symbols(open_store: Any, words: Any) -> None:
    """Every incarnation gets one more than any before, whichever symbol it trades; the first is the start's second."""
    async with open_store() as store:
        first = await begin(store, words)
        assert first > 10_000_000
        assert [await begin(store, words) for _ in range(2)] == [first + 1, first + 2]
    async with open_store() as store:
        assert await begin(store, words, Symbol("ETH", "USDT")) == first + 3
        assert await begin(store, words) == first + 4


async def test_a_fresh_store_on_a_used_account_repeats_no_epoch(open_store: Any, words: Any) -> None:
    """A later start has a higher epoch even when nothing of the earlier ones is known any more."""
    async with open_store() as store:
        early = await store.begin_run(words.symbol, version="1", settings="{}", started_at_ns=1_800_000_000 * 10**9)
        late = await store.begin_run(words.symbol, version="1", settings="{}", started_at_ns=1_800_000_900 * 10**9)
        assert late == early + 900


async def test_committed_intents_survive_as_unresolved(open_store: Any, words: Any) -> None:
    """What was committed is found again, oldest first and to the last digit, until its order is settled."""
    async with open_store() as store:
        epoch = await begin(store, words)
        second = words.intent(epoch, 2, quantity=Decimal("1.00000000000000000001"), reduce_only=True)
        first = words.intent(epoch, 1, venue=Venue.MEXC_SPOT, side=Side.SELL)
        single = words.intent(epoch, 3, execution_id="")
        await store.commit_intents([second, first], execution_id="x1-1", opportunity=None)
        await store.commit_intents([single], execution_id="", opportunity=None)
    async with open_store() as store:
        found = (await store.load(words.symbol)).unresolved
        assert [unresolved.intent for unresolved in found] == [first, second, single]
        assert {unresolved.status for unresolved in found} == {OrderStatus.PENDING}


async def test_an_intent_is_committed_once(open_store: Any, words: Any) -> None:
    """A second commit of an id is a bug, and its companions are then not stored either."""
    async with open_store() as store:
        epoch = await begin(store, words)
        first, other = words.intent(epoch, 1), words.intent(epoch, 2)
        await store.commit_intents([first], execution_id="x1-1", opportunity=None)
        with pytest.raises(InvariantBroken):
            await store.commit_intents([other, first], execution_id="x1-1", opportunity=None)
        with pytest.raises(InvariantBroken):
            await store.commit_intents([other, other], execution_id="x1-1", opportunity=None)
        assert [order.intent for order in await store.orders_of(words.symbol)] == [first]


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": Decimal(0)}, {"price": Decimal(-1)}, {"price": Decimal("NaN")}, {"epoch": 99},
        {"symbol": Symbol("ETH", "USDT")},
    ],
)
async def test_an_impossible_intent_is_refused(open_store: Any, words: Any, changes: dict[str, Any]) -> None:
    """No quantity, no price, an epoch that never began or a symbol that is not ours is a bug, never a row."""
    async with open_store() as store:
        epoch = await begin(store, words)
        with pytest.raises(InvariantBroken):
            await store.commit_intents([words.intent(epoch, 1, **changes)], execution_id="x", opportunity=None)
        assert await store.orders_of(words.symbol) == ()


async def test_the_last_word_on_an_order_stands(open_store: Any, words: Any) -> None:
    """Within a batch and over batches the newest record of an order is what is found, and settled orders are done."""
    async with open_store() as store:
        epoch = await begin(store, words)
        intent = words.intent(epoch, 1)
        await store.commit_intents([intent], execution_id="x1-1", opportunity=None)
        pending = Order(intent=intent)
        sent = msgspec.structs.replace(pending, status=OrderStatus.SENT, sent_at_ns=words.start_ns + 3)
        opened = msgspec.structs.replace(sent, status=OrderStatus.OPEN, venue_order_id="9001")
        await store.append([OrderChanged(pending, 1), OrderChanged(sent, 2), OrderChanged(opened, 3)])
        assert await store.orders_of(words.symbol) == (opened,)
        assert (await store.load(words.symbol)).unresolved[0].venue_order_id == "9001"
        claimed = msgspec.structs.replace(
            opened, status=OrderStatus.CANCELLED, reported_filled=Decimal("0.01"), reason="ioc", changed_at_ns=9
        )
        await store.append([OrderChanged(claimed, 4)])
        (left,) = (await store.load(words.symbol)).unresolved
        assert left.status is OrderStatus.CANCELLED  # final, but a fill is still on its way
        settled = msgspec.structs.replace(claimed, filled=Decimal("0.01"))
        await store.append([OrderChanged(settled, 5)])
        assert (await store.load(words.symbol)).unresolved == ()
        assert await store.orders_of(words.symbol) == (settled,)


async def test_an_order_that_was_never_committed_can_be_recorded(open_store: Any, words: Any) -> None:
    """Intents kept elsewhere while the database was away arrive with their order, and may be committed once."""
    async with open_store() as store:
        epoch = await begin(store, words)
        intent = words.intent(epoch, 1)
        order = Order(intent=intent, status=OrderStatus.AMBIGUOUS)
        await store.append([OrderChanged(order, 1)])
        await store.commit_intents([intent], execution_id="x1-1", opportunity=None)
        assert await store.orders_of(words.symbol) == (order,)
        with pytest.raises(InvariantBroken):
            await store.commit_intents([intent], execution_id="x1-1", opportunity=None)


async def test_a_trade_is_booked_once(open_store: Any, words: Any) -> None:
    """The same trade twice in a batch, again later and after a restart is one fill with one set of entries."""
    async with open_store() as store:
        await begin(store, words)
        one, two = words.booked("1", "x1-1"), words.booked("2", traded_at_ns=words.start_ns + 9_000_000)
        await store.append([one, one, two])
        await store.append([one])
    async with open_store() as store:
        await begin(store, words)
        await store.append([two, one])
        assert await store.fills_of(words.symbol) == (one.fill, two.fill)
        assert set(await store.entries_of(words.symbol)) == {*one.entries, *two.entries}
        state = await store.load(words.symbol)
        assert state.seen == ("GATEIO_SPOT:1", "GATEIO_SPOT:2")
        assert state.fill_ms == {Venue.GATE_SPOT: (words.start_ns + 9_000_000) // 1_000_000}


async def test_fills_of_some_orders_are_theirs_alone(open_store: Any, words: Any) -> None:
    """By our id, or by the number that the venue gave; another venue's order of the same number is another one."""
    async with open_store() as store:
        epoch = await begin(store, words)
        named, numbered, other = (words.intent(epoch, number) for number in (1, 2, 3))
        await store.append([
            words.booked("1", client_order_id=named.client_order_id, venue_order_id="8001"),
            words.booked("2", venue_order_id="8002"),
            words.booked("3", venue_order_id="8002", venue=Venue.MEXC_SPOT),
            words.booked("4", client_order_id=other.client_order_id, venue_order_id=""),
            words.booked("5", venue_order_id=""),
            words.booked("6", client_order_id=named.client_order_id, venue_order_id="8002"),
        ])
        mine = [
            UnresolvedIntent(intent=named, status=OrderStatus.AMBIGUOUS, venue_order_id=""),
            UnresolvedIntent(intent=numbered, status=OrderStatus.SENT, venue_order_id="8002"),
        ]
        assert [fill.trade_id for fill in await store.fills_of(words.symbol, mine)] == ["1", "2", "6"]
        assert [fill.trade_id for fill in await store.fills_of(words.symbol, mine[:1])] == ["1", "6"]
        assert await store.fills_of(words.symbol, ()) == ()
        assert await store.fills_of(Symbol("ETH", "USDT"), mine) == ()


async def test_the_same_trade_number_on_another_venue_is_another_trade(open_store: Any, words: Any) -> None:
    """Trades are known by venue and number together."""
    async with open_store() as store:
        await begin(store, words)
        await store.append([words.booked("1"), words.booked("1", venue=Venue.MEXC_SPOT)])
        assert len(await store.fills_of(words.symbol)) == 2
        assert (await store.load(words.symbol)).seen == ("GATEIO_SPOT:1", "MEXC_SPOT:1")


async def test_rows_open_a_venue_and_are_known_by_their_id(open_store: Any, words: Any) -> None:
    """Opening entries tell which venues are open, even an opening of nothing; account-book rows are seen once."""
    async with open_store() as store:
        await begin(store, words)
        row_ns = words.start_ns + 7_000_000
        row = words.entry(
            "GATEIO_FUTURES:row:17", "-0.5", EntryKind.FUNDING, venue=Venue.GATE_FUTURES, at_ns=row_ns
        )
        opening = words.entry("GATEIO_SPOT:opening:USDT", "1000", EntryKind.OPENING)
        nothing = words.entry("MEXC_SPOT:opening:USDT", "0", EntryKind.OPENING, venue=Venue.MEXC_SPOT)
        await store.append([RowBooked((opening,), 1), RowBooked((nothing,), 1), RowBooked((row, row), 2)])
        await store.append([RowBooked((row,), 3)])
        state = await store.load(words.symbol)
        assert set(state.opened) == {Venue.GATE_SPOT, Venue.MEXC_SPOT}
        assert state.row_ms == {Venue.GATE_FUTURES: row_ns // 1_000_000}
        assert state.seen == ("GATEIO_SPOT:opening:USDT", "MEXC_SPOT:opening:USDT", "GATEIO_FUTURES:row:17")
        assert state.portfolio is not None
        assert state.portfolio.funding_quote == Decimal("-0.5")


async def test_ledger_totals_are_exact(open_store: Any, words: Any) -> None:
    """Sums are exact to the twentieth decimal, beside twelve digits before the point; openings stand apart."""
    async with open_store() as store:
        await begin(store, words)
        tiny, huge = "0.00000000000000000001", "123456789012.12345678901234567891"
        entries = (
            words.entry("o", huge, EntryKind.OPENING), words.entry("a", tiny, EntryKind.PNL),
            words.entry("b", "-" + huge, EntryKind.TRANSFER), words.entry("c", "1E+3", EntryKind.ADJUSTMENT),
        )
        await store.append([RowBooked(entries, 1)])
        (total,) = await store.ledger_totals(words.symbol)
        assert (total.venue, total.asset, total.adjustments) == (Venue.GATE_SPOT, "USDT", 1)
        assert total.opening == Decimal(huge)
        # Compared as text: Decimal arithmetic here would round what it is to judge.
        assert format(total.entries, "f") == "-123456788012.12345678901234567890"
        assert [entry.amount for entry in await store.entries_of(words.symbol)] == [
            Decimal(tiny), Decimal("-" + huge), Decimal(1000), Decimal(huge)
        ]


async def test_a_portfolio_comes_back_to_the_last_digit(open_store: Any, words: Any) -> None:
    """Every field of the newest saved portfolio is found again, lots and sixty-digit quotients included."""
    portfolio = Portfolio(
        symbol=words.symbol, balances={"GATEIO_SPOT:BTC": Decimal("1." + "3" * 59)}, perp_base=Decimal("-1E-8"),
        shift_lots=(EdgeLot(Decimal("-0.5"), Decimal("3.25"), words.start_ns, Decimal("1E-30")),),
        fees={"MEXC_SPOT:MX": Decimal("0.1")}, fills=3,
    )
    async with open_store() as store:
        await begin(store, words)
        older = msgspec.structs.replace(portfolio, fills=2)
        await store.append([PortfolioSaved(older, 1), PortfolioSaved(portfolio, 2)])
    async with open_store() as store:
        assert (await store.load(words.symbol)).portfolio == portfolio


async def test_what_came_after_the_last_portfolio_is_folded_on_top(open_store: Any, words: Any) -> None:
    """A restart between two saved portfolios loses nothing: later fills and rows are folded in their order."""
    async with open_store() as store:
        await begin(store, words)
        opening = words.entry("GATEIO_SPOT:opening:USDT", "10000", EntryKind.OPENING)
        buy = words.booked("1")
        short = words.booked(
            "2", venue=Venue.GATE_FUTURES, side=Side.SELL, fee=Decimal("0.05"), fee_asset="USDT",
            price=Decimal(60200),
        )
        funding = words.entry("GATEIO_FUTURES:row:1", "0.75", EntryKind.FUNDING, venue=Venue.GATE_FUTURES)
        third_coin = words.booked(
            "3", venue=Venue.MEXC_SPOT, fee=Decimal("0.2"), fee_asset="MX", fee_price=Decimal("3.6962"), side=Side.SELL
        )
        start = post(Portfolio(symbol=words.symbol), (opening,))
        saved = book_fill(start, buy.fill)
        await store.append([RowBooked((opening,), 1), buy, PortfolioSaved(saved, 2), short])
        await store.append([RowBooked((funding,), 3), third_coin, buy])
        after = post(book_fill(saved, short.fill), (funding,))
        expected = book_fill(after, third_coin.fill)
        assert expected.fees_quote == saved.fees_quote + Decimal("0.05") + Decimal("0.73924")
        assert third_coin.fill in await store.fills_of(words.symbol)
        assert (await store.load(words.symbol)).portfolio == expected
        assert expected.delta == saved.delta - 2 * Decimal("0.0125")


async def test_without_a_saved_portfolio_all_is_folded(open_store: Any, words: Any) -> None:
    """Fills alone are enough to rebuild the portfolio from nothing."""
    async with open_store() as store:
        await begin(store, words)
        booked = [words.booked(str(number), price=Decimal(60000 + number)) for number in range(5)]
        for record in booked:
            await store.append([record])
        expected = reduce(book_fill, (record.fill for record in booked), Portfolio(symbol=words.symbol))
        assert (await store.load(words.symbol)).portfolio == expected


async def test_a_batch_is_written_whole_or_not_at_all(open_store: Any, words: Any) -> None:
    """A record that cannot be stored takes its whole batch with it, and the store goes on."""
    async with open_store() as store:
        await begin(store, words)
        bad = words.booked("2", symbol=Symbol("ETH", "USDT"))
        with pytest.raises(InvariantBroken):
            await store.append([words.booked("1"), *words.one_of_each(), bad])
        state = await store.load(words.symbol)
        assert (state.portfolio, state.seen, state.mode) == (None, (), "ACTIVE")
        await store.append([words.booked("1")])
        assert (await store.load(words.symbol)).seen == ("GATEIO_SPOT:1",)


async def test_what_is_not_a_number_is_never_booked(open_store: Any, words: Any) -> None:
    """NaN and infinities in the ledger are bugs."""
    async with open_store() as store:
        await begin(store, words)
        for text in ("NaN", "Infinity", "-Infinity"):
            with pytest.raises(InvariantBroken):
                await store.append([RowBooked((words.entry("a", text, EntryKind.PNL),), 1)])
        assert await store.entries_of(words.symbol) == ()


async def test_every_kind_of_record_can_be_stored(open_store: Any, words: Any) -> None:
    """Transitions, modes, alerts and samples are accepted, also twice the same; the newest mode is in force."""
    async with open_store() as store:
        epoch = await begin(store, words)
        opportunity = words.opportunity("o1-1")
        await store.commit_intents([words.intent(epoch, 1)], execution_id="x1-1", opportunity=opportunity)
        taken = OpportunityTaken(execution_id="x1-1", opportunity=opportunity, at_ns=words.start_ns)
        await store.append([*words.one_of_each(), taken, words.closed("x1-1"), *words.one_of_each()])
        state = await store.load(words.symbol)
        assert (state.mode, state.mode_why) == ("REDUCING", "drawdown")
        back = ModeChanged(from_mode="REDUCING", to_mode="ACTIVE", why="looked at it", by="me", at_ns=1)
        await store.append([back])
    async with open_store() as store:
        assert (await store.load(words.symbol)).mode == "ACTIVE"


async def test_a_halt_from_outside_stands_until_the_mode_is_raised(open_store: Any, words: Any) -> None:
    """It needs no incarnation and disturbs none; only a record that raises the mode out of HALTED lifts it."""
    async with open_store() as outside:
        await outside.halt(words.symbol, who="me", why="before the first run", at_ns=words.start_ns)
        state = await outside.load(words.symbol)
        assert (state.mode, state.mode_why) == ("HALTED", "before the first run")
        assert (await outside.load(Symbol("ETH", "USDT"))).mode == "ACTIVE"
    async with open_store() as store, open_store() as outside:
        await begin(store, words)
        taken = ModeChanged(from_mode="ACTIVE", to_mode="HALTED", why="as told", by="me", at_ns=1)
        raised = ModeChanged(from_mode="HALTED", to_mode="ACTIVE", why="looked at it", by="me", at_ns=1)
        await store.append([taken])
        assert (await store.load(words.symbol)).mode_why == "as told"
        await store.append([raised])
        assert (await store.load(words.symbol)).mode == "ACTIVE"
        await outside.halt(words.symbol, who="me", why="first", at_ns=1)
        await outside.halt(words.symbol, who="me", why="again", at_ns=1)
        lowered = ModeChanged(from_mode="ACTIVE", to_mode="REDUCING", why="losses", by="latch", at_ns=1)
        up = ModeChanged(from_mode="REDUCING", to_mode="ACTIVE", why="it was not seen", by="me", at_ns=1)
        await store.append([lowered, up])
        state = await store.load(words.symbol)
        assert (state.mode, state.mode_why) == ("HALTED", "again")
        await store.append([taken, raised])
        assert (await store.load(words.symbol)).mode == "ACTIVE"


async def test_symbols_do_not_see_each_other(open_store: Any, words: Any) -> None:
    """Two bots on one database keep apart: ledgers, orders, keys, modes; the same entry id may stand in both."""
    ether = Symbol("ETH", "USDT")
    async with open_store() as store, open_store() as other:
        await begin(store, words)
        epoch = await begin(other, words, ether)
        intent = words.intent(epoch, 1, symbol=ether)
        await other.commit_intents([intent], execution_id="", opportunity=None)
        opening = words.entry("GATEIO_SPOT:opening:USDT", "5", EntryKind.OPENING)
        await other.append([*words.one_of_each()[1:2], RowBooked((opening,), 1)])
        await store.append([RowBooked((opening,), 1), words.booked("1")])
        mine, theirs = await store.load(words.symbol), await other.load(ether)
        assert (mine.mode, theirs.mode) == ("ACTIVE", "REDUCING")
        assert (len(mine.unresolved), len(theirs.unresolved)) == (0, 1)
        assert theirs.seen == ("GATEIO_SPOT:opening:USDT",)
        assert len(await store.fills_of(words.symbol)) == 1
        assert await store.fills_of(ether) == ()


async def test_a_newer_incarnation_fences_the_older_off(open_store: Any, words: Any) -> None:
    """Once a new run of the symbol began, the one before can neither commit nor record."""
    async with open_store() as old, open_store() as new:
        epoch = await begin(old, words)
        await begin(new, words)
        with pytest.raises(InvariantBroken):
            await old.commit_intents([words.intent(epoch, 1)], execution_id="x1-1", opportunity=None)
        with pytest.raises(InvariantBroken):
            await old.append([words.booked("1")])
        await new.append([words.booked("2")])
        assert [fill.trade_id for fill in await new.fills_of(words.symbol)] == ["2"]
        assert await new.orders_of(words.symbol) == ()


async def test_nothing_is_written_before_a_run_began(open_store: Any, words: Any) -> None:
    """A store that does not know its incarnation refuses to write."""
    async with open_store() as store:
        with pytest.raises(InvariantBroken):
            await store.append([words.booked("1")])
        with pytest.raises(InvariantBroken):
            await store.commit_intents([words.intent(1, 1)], execution_id="x", opportunity=None)


async def test_tidying_touches_no_money(open_store: Any, words: Any) -> None:
    """Whatever the retention, orders, fills, the ledger, the portfolio and the mode stay."""
    async with open_store() as store:
        epoch = await begin(store, words)
        await store.commit_intents([words.intent(epoch, 1)], execution_id="x1-1", opportunity=None)
        await store.append([words.booked("1"), *words.one_of_each(), PortfolioSaved(Portfolio(symbol=words.symbol), 1)])
        before = await store.load(words.symbol), await store.ledger_totals(words.symbol)
        await store.keep_tidy(now_ns=words.start_ns + 400 * 86_400 * 10**9, retention_days=1)
        assert (await store.load(words.symbol), await store.ledger_totals(words.symbol)) == before
        assert len(await store.fills_of(words.symbol)) == 1


async def test_repairs_of_the_last_minute_are_known_at_the_next_start(open_store: Any, words: Any) -> None:
    """Settled hedges and unwinds of this symbol alone, oldest first; one that is not settled comes as unresolved."""
    second_ns = 10**9
    orders = [(1, Purpose.HEDGE, 0), (2, Purpose.HEDGE, 70), (3, Purpose.UNWIND, 90), (4, Purpose.ENTRY, 95)]
    async with open_store() as store:
        epoch = await begin(store, words)
        for number, purpose, at_s in orders:
            intent = words.intent(epoch, number, purpose=purpose, created_at_ns=words.start_ns + at_s * second_ns)
            await store.commit_intents([intent], execution_id="x1-1", opportunity=None)
            order = Order(intent=intent, status=OrderStatus.FILLED, filled=intent.quantity)
            order = msgspec.structs.replace(order, reported_filled=intent.quantity)
            await store.append([OrderChanged(order, 1)])
        told = words.intent(epoch, 5, purpose=Purpose.HEDGE, created_at_ns=words.start_ns + 99 * second_ns)
        await store.commit_intents([told], execution_id="x1-1", opportunity=None)
        claimed = Order(intent=told, status=OrderStatus.FILLED, reported_filled=told.quantity, venue_order_id="v5")
        await store.append([OrderChanged(claimed, 1)])
    async with open_store() as store:
        later_ns = words.start_ns + 120 * second_ns
        await store.begin_run(words.symbol, version="1.0", settings="", started_at_ns=later_ns)
        state = await store.load(words.symbol)
    assert [order.intent.client_order_id for order in state.repairs] == [
        words.intent(epoch, number).client_order_id for number in (2, 3)
    ]
    assert [(u.intent, u.status, u.reported_filled) for u in state.unresolved] == [
        (told, OrderStatus.FILLED, told.quantity)
    ]


async def test_runs_that_ended_without_a_shutdown_are_counted(open_store: Any, words: Any) -> None:
    """Of this symbol, within ten minutes before the newest start, without the newest itself."""
    minute_ns = 60 * 10**9

    async def run(at_min: int, *, clean: bool, symbol: Symbol | None = None) -> int:
        async with open_store() as store:
            await store.begin_run(
                symbol or words.symbol, version="1", settings="", started_at_ns=words.start_ns + at_min * minute_ns
            )
            crashes: int = (await store.load(symbol or words.symbol)).crashes
            if clean:
                await store.append([
                    StateChanged(
                        sequence=1, from_state="INITIALIZING", to_state="SHUTDOWN", trigger="STOP", why="",
                        at_ns=words.start_ns + at_min * minute_ns + 1,
                    )
                ])
            return crashes

    assert await run(0, clean=False) == 0
    assert await run(5, clean=True) == 1
    assert await run(6, clean=False, symbol=Symbol("ETH", "USDT")) == 0
    assert await run(8, clean=False) == 1
    assert await run(10, clean=False) == 2
    assert await run(11, clean=False) == 2, "the first start is eleven minutes ago"
    assert await run(30, clean=False) == 0
