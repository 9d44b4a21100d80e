"""The judge can be trusted: each invariant has a defect that it finds, and a twin without it that it lets pass."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
from oracle_bench import PARAMS, Bench

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import Alert, OrderChanged, PortfolioSaved, RowBooked, StateChanged
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose, Side, TimeInForce
from dnbot.domain.position import EntryKind, LedgerEntry, book_fill, post
from dnbot.fakes.faults_forced import liquidate_part
from dnbot.fakes.faults_kinds import Happening
from dnbot.fakes.faults_text import parse_fault
from dnbot.lab.disk import HeldMedium
from dnbot.lab.oracle_words import VIOLATIONS_MAX, Findings
from dnbot.ports.spill import open_spill

Play = Callable[[Bench, bool], Awaitable[None]]
PLAYS: dict[tuple[str, str], Play] = {}


def play(invariant: str, what: str) -> Callable[[Play], Play]:
    """One scene; it is told whether to plant the defect."""

    def add(scene: Play) -> Play:
        PLAYS[invariant, what] = scene
        return scene

    return add


@play("I1", "no intent")
async def no_intent(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    if not broken:
        await bench.commit(intent)
    bench.send(intent)


def nameless(intent: OrderIntent) -> dict[str, str]:
    """An order for Gate's spot market as it is asked for, but for its client id."""
    return {
        "currency_pair": "BTC_USDT", "side": intent.side.value, "amount": f"{intent.quantity:f}",
        "price": f"{intent.price:f}", "time_in_force": intent.time_in_force.value,
    }


@play("I1", "no client id")
async def no_client_id(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    await bench.commit(intent)
    name = {} if broken else {"text": f"t-{intent.client_order_id}"}
    bench.say(intent.venue, "POST", "/api/v4/spot/orders", nameless(intent) | name)


@play("I1", "no client id in a batch")
async def no_client_id_in_a_batch(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intents = [bench.intent(), bench.intent()]
    for intent in intents:
        await bench.commit(intent)
    orders = [nameless(intent) | {"text": f"t-{intent.client_order_id}"} for intent in intents]
    if broken:
        del orders[1]["text"]
    bench.say(Venue.GATE_SPOT, "POST", "/api/v4/spot/batch_orders", orders)


@play("I1", "no intent in a batch")
async def no_intent_in_a_batch(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    if not broken:
        await bench.commit(intent)
    order = nameless(intent) | {"text": f"t-{intent.client_order_id}"}
    bench.say(Venue.GATE_SPOT, "POST", "/api/v4/spot/batch_orders", [order])


@play("I1", "no client id on a socket")
async def no_client_id_on_a_socket(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    await bench.commit(intent)
    name = {} if broken else {"text": f"t-{intent.client_order_id}"}
    payload = {"req_id": "1", "req_param": nameless(intent) | name}
    bench.say(intent.venue, "WS", "", {"channel": "spot.order_place", "event": "api", "payload": payload})


@play("I1", "no client id at MEXC")
async def no_client_id_at_mexc(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent(Venue.MEXC_SPOT)
    await bench.commit(intent)
    if broken:
        bench.say(intent.venue, "POST", (
            f"/api/v3/order?symbol=BTCUSDT&side=BUY&type=IMMEDIATE_OR_CANCEL&quantity={intent.quantity:f}"
            f"&price={intent.price:f}&recvWindow=800&timestamp={bench.world.clock.ms()}"
        ))  # fmt: skip
    else:
        bench.send(intent)


@play("I1", "only in the spill file")
async def spilled(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    open_spill(bench.disk.spill).put([bench.intent() if broken else intent])
    bench.send(intent)


@play("I1", "left the spill file, and the database has it")
async def taken_from_the_file(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    spill = open_spill(HeldMedium(bench.disk.spill, bench.disk.spilled))
    spill.put([bench.intent() if broken else intent])
    spill.forget([pending.client_order_id for pending in spill.pending])
    order = Order(intent=intent, status=OrderStatus.SENT, changed_at_ns=bench.wall_ns)
    await bench.store.append([OrderChanged(order, bench.wall_ns)])
    bench.send(intent)


@play("I1", "another price than committed")
async def another_price(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    for venue in (Venue.GATE_SPOT, Venue.MEXC_SPOT):
        intent = bench.intent(venue)
        await bench.commit(intent)
        bench.send(intent, price=f"{intent.price + 1:f}" if broken else "")


@play("I1", "another size on the perpetual")
async def another_size(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent(Venue.GATE_FUTURES, Side.SELL)
    await bench.commit(intent)
    bench.send(msgspec.structs.replace(intent, side=Side.BUY) if broken else intent)


@play("I2", "sent twice")
async def sent_twice(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    await bench.commit(intent)
    for _ in range(2 if broken else 1):
        bench.send(intent)


@play("I2", "sent after its end")
async def sent_after_its_end(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    await bench.commit(intent)
    bench.order(intent, OrderStatus.PENDING)
    if broken:
        bench.order(intent, OrderStatus.NOT_SENT)
    bench.send(intent)


@play("I3", "a fill that the venue never made")
async def phantom_fill(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    await bench.commit(intent)
    bench.send(intent)
    trade = bench.arrive(intent)[0]
    bench.book(intent, attrs.evolve(trade, trade_id="7") if broken else trade)


@play("I3", "another price than the venue's")
async def fill_at_another_price(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    await bench.commit(intent)
    bench.send(intent)
    trade = bench.arrive(intent)[0]
    bench.book(intent, attrs.evolve(trade, price=trade.price + 1) if broken else trade)


@play("I3", "a fill that is not stored at the end")
async def fill_not_stored(bench: Bench, broken: bool) -> None:
    await open_ledger(bench)
    bench.prepare()
    await bench.carry()
    if broken:
        book = bench.disk.store.database.books[bench.params.symbol]
        del book.fills[next(iter(book.fills))]
    await finish(bench)


@play("I3", "a position that its fills do not make")
async def another_position(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.save(perp_base=Decimal("-0.01") if broken else Decimal(0))


@play("I4", "a balance that its entries do not make")
async def another_balance(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.save(balances={"GATEIO_SPOT:USDT": Decimal(1)} if broken else {})


@play("I4", "an entry that is not stored at the end")
async def entry_not_stored(bench: Bench, broken: bool) -> None:
    await open_ledger(bench)
    bench.prepare()
    await bench.carry()
    if broken:
        book = bench.disk.store.database.books[bench.params.symbol]
        del book.entries[next(name for name in book.entries if name.endswith(":fee"))]
    await finish(bench)


async def open_ledger(bench: Bench) -> None:
    """Book what the account holds, as a first start does."""
    await bench.start()
    entries = tuple(
        LedgerEntry(
            entry_id=f"{venue.value}:opening:USDT", venue=venue, asset="USDT", amount=Decimal(amount),
            kind=EntryKind.OPENING, at_ns=0,
        )
        for venue, amount in ((Venue.GATE_SPOT, 20000), (Venue.GATE_FUTURES, 10000), (Venue.MEXC_SPOT, 20000))
    )
    record = RowBooked(entries, 0)
    bench.record(record)
    await bench.store.append([record])


async def finish(bench: Bench) -> None:
    """End cleanly."""
    bench.tap.tell(bench.actor, "life", "ended", 0, "")
    bench.oracle.quiesce()


@play("I5", "profit that the cash does not explain")
async def another_profit(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intents = (bench.intent(Venue.GATE_FUTURES, Side.SELL), bench.intent())
    portfolio = bench.portfolio
    for intent in intents:
        for record in await bench.trade(intent):
            portfolio = book_fill(portfolio, record.fill)
    if broken:
        portfolio = msgspec.structs.replace(portfolio, spread_quote=portfolio.spread_quote + Decimal("0.00000001"))
    bench.portfolio = portfolio
    bench.save()


@play("I6", "naked for too long")
async def naked(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent())
    bench.state("PREPARING_ARBITRAGE", "DELTA_DRIFTED", "REBALANCING_DELTA")
    await bench.later(0.5)
    if not broken:
        await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, purpose=Purpose.HEDGE))
    await bench.later(5)


@play("I6", "naked with more than the perpetual's smallest order")
async def naked_beyond_dust(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    terms = bench.exchange.state.instruments
    key = ("gate_futures", str(bench.intent().symbol))
    await bench.trade(bench.intent())
    bench.state("PREPARING_ARBITRAGE", "DELTA_DRIFTED", "REBALANCING_DELTA")
    await bench.later(0.5)
    await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, purpose=Purpose.HEDGE))
    terms[key] = attrs.evolve(terms[key], quantity_min=Decimal(20 if broken else 40))
    await bench.trade(bench.intent(quantity="0.0030", purpose=Purpose.HEDGE))
    await bench.later(5)


@play("I6", "naked for too long by a process that did not stand still")
async def naked_and_awake(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent())
    bench.state("PREPARING_ARBITRAGE", "DELTA_DRIFTED", "REBALANCING_DELTA")
    if not broken:
        bench.tap.tell(bench.actor, "life", "stopped")
    await bench.later(5)
    if not broken:
        bench.tap.tell(bench.actor, "life", "went on")
    await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, purpose=Purpose.HEDGE))
    await bench.later(5)


@play("I6", "naked for too long after it went on")
async def naked_when_it_went_on(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent())
    bench.state("PREPARING_ARBITRAGE", "DELTA_DRIFTED", "REBALANCING_DELTA")
    bench.tap.tell(bench.actor, "life", "stopped")
    await bench.later(30)
    bench.tap.tell(bench.actor, "life", "went on")
    await bench.later(4)
    if not broken:
        await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, purpose=Purpose.HEDGE))
    await bench.later(2)


@play("I6", "naked for too long, long after it stood still")
async def naked_afterwards(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.tap.tell(bench.actor, "life", "stopped")
    await bench.later(5)
    bench.tap.tell(bench.actor, "life", "went on")
    await bench.later(5)
    bench.prepare()
    await bench.trade(bench.intent())
    bench.state("PREPARING_ARBITRAGE", "DELTA_DRIFTED", "REBALANCING_DELTA")
    if not broken:
        await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, purpose=Purpose.HEDGE))
    await bench.later(5)


@play("I6", "more is naked than when it said that it cannot help it")
async def more_than_decided(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent(quantity="0.002"))
    bench.state("PREPARING_ARBITRAGE", "DELTA_DRIFTED", "REBALANCING_DELTA")
    bench.state("REBALANCING_DELTA", "REPAIR_FAILED", "ERROR_RECOVERY")
    side = Side.BUY if broken else Side.SELL
    await bench.trade(bench.intent(Venue.GATE_FUTURES, side, purpose=Purpose.HEDGE))
    await bench.later(5)


@play("I6", "naked for too long after a crash")
async def naked_after_a_crash(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent())
    bench.tap.tell(bench.actor, "life", "crashed", False)
    await bench.later(20)
    await bench.start(2)
    bench.state("MONITORING_SPREADS", "DELTA_DRIFTED", "REBALANCING_DELTA")
    await bench.later(1)
    if not broken:
        await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, purpose=Purpose.HEDGE))
    await bench.later(60)


@play("I6", "new risk above the hard limit")
async def above_the_hard_limit(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent(quantity="0.004" if broken else "0.002"))
    await bench.later(1)
    intent = bench.intent(Venue.MEXC_SPOT)
    await bench.commit(intent)
    bench.send(intent)


@play("I6", "new risk above the hard limit, long after it went on")
async def above_the_hard_limit_awake(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent(quantity="0.004"))
    bench.tap.tell(bench.actor, "life", "stopped")
    intent = bench.intent(Venue.MEXC_SPOT)
    await bench.commit(intent)
    await bench.later(10)
    bench.tap.tell(bench.actor, "life", "went on")
    await bench.later(1 if broken else 0)
    bench.send(intent)


@play("I7", "an entry while recovering")
async def entry_while_recovering(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    if broken:
        bench.state("PREPARING_ARBITRAGE", "FAULT", "ERROR_RECOVERY")
    await bench.later(1)
    intent = bench.intent()
    await bench.commit(intent)
    bench.send(intent)


@play("I8", "an order of an epoch that is over")
async def of_another_epoch(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    await bench.commit(intent)
    if broken:
        other = attrs.evolve(bench.store, actor="bot.2")
        bench.tap.tell("bot.2", "life", "started")
        await other.begin_run(bench.params.symbol, version="", settings="", started_at_ns=0)
    bench.send(intent)


@play("I8", "accepted long after the next one began")
async def accepted_late(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    await bench.commit(intent)
    bench.send(intent)
    bench.tap.tell(bench.actor, "life", "crashed", False)
    await bench.start(2)
    await bench.later(10 if broken else 0.1)
    bench.arrive(intent)


@play("I9", "an order above its cap")
async def above_its_cap(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent(quantity="0.03" if broken else "0.02")
    await bench.commit(intent)
    bench.send(intent)


@play("I9", "too many orders in flight")
async def too_many_in_flight(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intents = [bench.intent() for _ in range(5)]
    await bench.commit(*intents)
    for intent in intents if broken else intents[:4]:
        bench.send(intent)


@play("I9", "more repairs than the budget")
async def above_the_budget(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    bench.state("PREPARING_ARBITRAGE", "DELTA_DRIFTED", "REBALANCING_DELTA")
    for at in range(4 if broken else 2):
        side = Side.SELL if at % 2 else Side.BUY
        await bench.trade(bench.intent(Venue.GATE_FUTURES, side, "0.0200", Purpose.HEDGE))


@play("I9", "more repairs than the budget and what the venue closed")
async def above_the_budget_and_what_was_closed(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    bench.state("PREPARING_ARBITRAGE", "DELTA_DRIFTED", "REBALANCING_DELTA")
    for _ in range(3):
        await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, "0.0200", Purpose.HEDGE))
    position = bench.exchange.account(bench.uid).positions[str(bench.intent().symbol)]
    liquidate_part(bench.exchange, position, Decimal(100 if broken else 200))
    await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, "0.0200", Purpose.HEDGE))


@play("I9", "more inventory than its cap")
async def above_the_inventory(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    for size in ("0.022", "0.024" if broken else "0.022"):
        await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, size))
        await bench.trade(bench.intent(quantity=size))


@play("I10", "old books")
async def old_books(bench: Bench, broken: bool) -> None:
    await bench.start()
    await bench.later(10)
    bench.take(ages=(1001, 1001) if broken else (1000, 1000))


@play("I10", "books of two times")
async def skewed_books(bench: Bench, broken: bool) -> None:
    await bench.start()
    await bench.later(10)
    bench.take(ages=(0, 501 if broken else 500))


@play("I10", "a book that the venue never had")
async def invented_book(bench: Bench, broken: bool) -> None:
    await bench.start()
    await bench.later(1)
    bench.take(ids=1 << 60 if broken else None)


@play("I11", "back from the end")
async def back_from_the_end(bench: Bench, broken: bool) -> None:
    await bench.start()
    intent = bench.intent()
    bench.order(intent, OrderStatus.SENT)
    bench.order(intent, OrderStatus.FILLED, "0.001")
    bench.order(intent, OrderStatus.OPEN if broken else OrderStatus.FILLED, "0.001")


@play("I11", "filled shrinks")
async def filled_shrinks(bench: Bench, broken: bool) -> None:
    await bench.start()
    intent = bench.intent()
    bench.order(intent, OrderStatus.OPEN, "0.0005")
    bench.order(intent, OrderStatus.OPEN, "0.0004" if broken else "0.0006")


@play("I11", "filled above its quantity")
async def overfilled(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.order(bench.intent(), OrderStatus.FILLED, "0.002" if broken else "0.001")


@play("I12", "a fill twice")
async def booked_twice(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    await bench.commit(intent)
    bench.send(intent)
    trades = bench.arrive(intent)
    for trade in (*trades, trades[0]) if broken else trades:
        bench.book(intent, trade)


@play("I12", "a fill again after a restart")
async def booked_again(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    records = await bench.trade(intent)
    bench.tap.tell(bench.actor, "life", "crashed", True)
    await bench.start(2)
    if broken:
        bench.record(records[0])


@play("I13", "an order is left open")
async def left_open(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent(price="50000", time_in_force=TimeInForce.GTC)
    await bench.commit(intent)
    bench.send(intent)
    bench.arrive(intent)
    if not broken:
        bench.exchange.cancel_all("gate_spot", bench.uid)
        book = bench.disk.store.database.books[bench.params.symbol]
        name = intent.client_order_id
        book.orders[name] = msgspec.structs.replace(book.orders[name], status=OrderStatus.CANCELLED)
    await finish(bench)


@play("I14", "in limbo")
async def in_limbo(bench: Bench, broken: bool) -> None:
    await bench.start()
    intent = bench.intent()
    bench.order(intent, OrderStatus.AMBIGUOUS)
    await bench.later(1)
    if not broken:
        bench.order(intent, OrderStatus.NO_EFFECT)
    await bench.later(60)


@play("I15", "an entry after the kill")
async def entry_after_the_kill(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    if broken:
        bench.mode("ACTIVE", "HALTED")
    await bench.later(1)
    intent = bench.intent()
    await bench.commit(intent)
    bench.send(intent)


@play("I15", "raised by nobody")
async def raised_by_nobody(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.mode("ACTIVE", "HALTED")
    await bench.later(1)
    bench.mode("HALTED", "ACTIVE", by="latch" if broken else "operator")


@play("I15", "an open order after the kill")
async def open_after_the_kill(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent(price="50000", time_in_force=TimeInForce.GTC)
    await bench.commit(intent)
    bench.send(intent)
    bench.arrive(intent)
    bench.mode("ACTIVE", "HALTED")
    if not broken:
        bench.exchange.cancel_all("gate_spot", bench.uid)
    await bench.later(6)


@play("I16", "an account was not read at the start")
async def not_read(bench: Bench, broken: bool) -> None:
    await bench.start(unread=Venue.MEXC_SPOT if broken else None)
    bench.prepare()
    await bench.later(1)
    intent = bench.intent()
    await bench.commit(intent)
    bench.send(intent)


@play("I16", "an account was not read after a gap")
async def not_read_after_a_gap(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    bench.subscribe()
    if not broken:
        bench.read(Venue.GATE_SPOT)
    await bench.later(1)
    intent = bench.intent()
    await bench.commit(intent)
    bench.send(intent)


@play("I17", "something is left")
async def something_is_left(bench: Bench, broken: bool) -> None:
    bench.oracle.ended({"tasks": int(broken), "connections": 0})


@play("I17", "ended by a bug")
async def ended_by_a_bug(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.tap.tell(bench.actor, "life", "ended", None if broken else 0, "ValueError" if broken else "")


@play("I18", "a queue above its limit")
async def above_its_limit(bench: Bench, broken: bool) -> None:
    bench.oracle.sampled({"inbox": (1025 if broken else 1024, 1024)})


@play("I19", "a secret in an alert")
async def secret_in_an_alert(bench: Bench, broken: bool) -> None:
    await bench.start()
    text = bench.world.config.accounts[0].secret if broken else "nothing"
    bench.record(Alert(level="info", key="x", text=text, at_ns=0))


@play("I19", "a secret in the database")
async def secret_in_the_database(bench: Bench, broken: bool) -> None:
    await bench.start()
    text = f"url?signature={'0a' * 32}" if broken else "nothing"
    await bench.store.append([Alert(level="info", key="x", text=text, at_ns=0)])


@play("I19", "a listen key leaves to another exchange, or to the log")
async def listen_key_astray(bench: Bench, broken: bool) -> None:
    await bench.start()
    key = "0a" * 32
    bench.say(Venue.MEXC_SPOT, "GET", f"/ws?listenKey={key}")
    if broken:
        bench.oracle.told(f"connecting to wss://mexc.fake/ws?listenKey={key}")


@play("I20", "a stored portfolio that is not the fold of what is stored")
async def not_the_fold(bench: Bench, broken: bool) -> None:
    await open_ledger(bench)
    book = bench.disk.store.database.books[bench.params.symbol]
    portfolio = post(bench.portfolio, tuple(entry for _, entry, _ in book.entries.values()))
    if broken:
        portfolio = msgspec.structs.replace(portfolio, balances={**portfolio.balances, "MEXC_SPOT:USDT": Decimal(1)})
    bench.portfolio = portfolio
    await bench.store.append([bench.save()])


@play("I20", "a stored portfolio that is not the fold, stored by a call that was tried again")
async def not_the_fold_again(bench: Bench, broken: bool) -> None:
    await open_ledger(bench)
    book = bench.disk.store.database.books[bench.params.symbol]
    bench.portfolio = post(bench.portfolio, tuple(entry for _, entry, _ in book.entries.values()))
    before = bench.save()
    paid = LedgerEntry(
        entry_id="GATEIO_FUTURES:row:1", venue=Venue.GATE_FUTURES, asset="USDT", amount=Decimal(1),
        kind=EntryKind.FUNDING, at_ns=0,
    )
    row = RowBooked((paid,), 0)
    bench.record(row)
    bench.portfolio = post(bench.portfolio, (paid,))
    after = bench.save()
    if broken:
        balances = {**bench.portfolio.balances, "MEXC_SPOT:USDT": Decimal(1)}
        after = PortfolioSaved(msgspec.structs.replace(bench.portfolio, balances=balances), bench.wall_ns)
    bench.disk.store.lose_next_answers()
    for _ in range(2):
        with suppress(StoreUnreachable):
            await bench.store.append([before, row, after])


@play("I21", "an exponent on the wire")
async def exponent(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent()
    await bench.commit(intent)
    bench.send(intent, quantity="1E-3" if broken else "")


@play("I21", "off the tick")
async def off_the_tick(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent(price="60000.05" if broken else "60000.1")
    await bench.commit(intent)
    bench.send(intent)


@play("I21", "below the least notional")
async def too_small(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent(quantity="0.00004" if broken else "0.0001")
    await bench.commit(intent)
    bench.send(intent)


@play("I22", "an age of the wall clock")
async def age_of_the_wall(bench: Bench, broken: bool) -> None:
    await bench.start()
    await bench.later(1)
    bench.take(ages=(-5, -5) if broken else (5, 5))


@play("I23", "it does not come back")
async def never_back(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.state("MONITORING_SPREADS", "FAULT", "ERROR_RECOVERY")
    bench.oracle.heal()
    if not broken:
        bench.state("ERROR_RECOVERY", "RECONCILED", "DELTA_NEUTRAL_ACTIVE")
        bench.state("DELTA_NEUTRAL_ACTIVE", "MARKET_FRESH", "MONITORING_SPREADS")
    await bench.later(61)


@play("I23", "a storm of connections")
async def storm(bench: Bench, broken: bool) -> None:
    await bench.start()
    for _ in range(300 if broken else 100):
        await bench.later(0.1)


@play("I24", "a close that is not reduce-only")
async def not_reduce_only(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    intent = bench.intent(Venue.GATE_FUTURES, Side.BUY, purpose=Purpose.EXIT, reduce_only=not broken)
    await bench.commit(intent)
    bench.send(intent)


@play("I24", "a reduce-only order that grows the position")
async def reduce_only_grows(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL))
    side = Side.SELL if broken else Side.BUY
    intent = bench.intent(Venue.GATE_FUTURES, side, purpose=Purpose.EXIT, reduce_only=True)
    await bench.commit(intent)
    bench.arrive(msgspec.structs.replace(intent, reduce_only=False))


@play("I25", "naked in a state that says hedged")
async def naked_and_calm(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent())
    bench.state("PREPARING_ARBITRAGE", "REFUSED", "MONITORING_SPREADS")
    await bench.later(0.5)
    if not broken:
        bench.state("MONITORING_SPREADS", "DELTA_DRIFTED", "REBALANCING_DELTA")
    await bench.later(5)


@play("I25", "naked in a state that says hedged, after it said that it cannot help it")
async def naked_and_calm_again(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent())
    bench.state("PREPARING_ARBITRAGE", "DELTA_DRIFTED", "REBALANCING_DELTA")
    bench.state("REBALANCING_DELTA", "REPAIR_FAILED", "ERROR_RECOVERY")
    bench.state("ERROR_RECOVERY", "RECONCILED", "DELTA_NEUTRAL_ACTIVE")
    bench.state("DELTA_NEUTRAL_ACTIVE", "MARKET_FRESH", "MONITORING_SPREADS")
    await bench.later(0.5)
    if not broken:
        bench.state("MONITORING_SPREADS", "DELTA_DRIFTED", "REBALANCING_DELTA")
        await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, purpose=Purpose.HEDGE))
    await bench.later(60)


@play("I27", "too little margin, and nothing follows")
async def too_little_margin(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, "0.0200"))
    bench.exchange.deposit(bench.uid, "gate_futures", "USDT", Decimal(-9870))
    mark = bench.exchange.mark("BTC/USDT")
    bench.exchange.set_mark(mark)
    if not broken:
        bench.mode("ACTIVE", "REDUCING")
    await bench.later(60)
    bench.exchange.set_mark(mark)


@play("I27", "an entry with too little margin")
async def entry_without_margin(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, "0.0200"))
    bench.exchange.deposit(bench.uid, "gate_futures", "USDT", Decimal(-9870 if broken else -100))
    bench.exchange.set_mark(bench.exchange.mark("BTC/USDT"))
    await bench.later(60)
    intent = bench.intent(Venue.GATE_FUTURES, Side.SELL)
    await bench.commit(intent)
    bench.send(intent)


@play("I28", "another position than the venues'")
async def another_sample(bench: Bench, broken: bool) -> None:
    await bench.start()
    await bench.later(5)
    bench.sample(spot_gate="0.5" if broken else "0")


@play("I29", "an edge is missing")
async def missing_edge(bench: Bench, broken: bool) -> None:
    await bench.start()
    bench.state("MONITORING_SPREADS", "MARKET_STALE", "DELTA_NEUTRAL_ACTIVE", step=2 if broken else 1)


@play("I29", "edges that are not stored at the end")
async def edges_not_stored(bench: Bench, broken: bool) -> None:
    await open_ledger(bench)
    if not broken:
        await bench.store.append([
            StateChanged(sequence=n, from_state="", to_state="", trigger="", why="", at_ns=0) for n in (1, 2, 3)
        ])
    await finish(bench)


@play("I30", "a public fault ends a private stream")
async def domino(bench: Bench, broken: bool) -> None:
    await bench.start()
    faults = bench.world.faults
    key = faults.switch_on(parse_fault("public_lost"))
    await bench.later(1)
    faults.record(faults.armed[key], Happening("gate_spot", "public", "WS", "spot.order_book_update"))
    await bench.later(0.5)
    if not broken:
        faults.record(faults.armed[key], Happening("gate_spot", "private", "WS", "spot.usertrades"))
    bench.subscribe()


@pytest.mark.parametrize(("invariant", "what"), PLAYS, ids=[f"{i}: {w}" for i, w in PLAYS])
async def test_a_planted_defect_is_found_and_its_twin_is_not(autojump_clock: Any, invariant: str, what: str) -> None:
    """The same scene with the defect breaks the invariant by name, and without it keeps it."""
    sound, broken = Bench(PARAMS if invariant != "I9" else SMALL), Bench(PARAMS if invariant != "I9" else SMALL)
    await PLAYS[invariant, what](sound, False)
    assert invariant not in sound.found, sound.oracle.violations
    assert sound.oracle.checks[invariant], "the twin was not even looked at"
    await PLAYS[invariant, what](broken, True)
    assert invariant in broken.found, broken.oracle.violations


SMALL = msgspec.structs.replace(PARAMS, max_position_multiplier=Decimal("0.3333"))
"""A cap of 0.02 base on the inventory: two pairs of orders of the bench break it."""


def test_the_first_of_each_kind_is_kept() -> None:
    """A hundred of one kind do not hide the first of another."""
    findings = Findings(lambda: 0)
    for at in range(2 * VIOLATIONS_MAX):
        findings.check("I1", False, str(at))
    findings.check("I2", False, "the only one")
    assert len(findings.violations) == VIOLATIONS_MAX
    assert findings.violations[0].text == "0"
    assert findings.violations[-1].text == "the only one"
    assert findings.found == {"I1": 2 * VIOLATIONS_MAX, "I2": 1}


async def test_a_hedged_window_has_its_length(autojump_clock: Any) -> None:
    """From the fill that opened it to the one that closed it, and no shorter; and what was naked in it."""
    bench = Bench()
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent())
    bench.state("PREPARING_ARBITRAGE", "DELTA_DRIFTED", "REBALANCING_DELTA")
    await bench.later(1.5)
    await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, purpose=Purpose.HEDGE))
    assert bench.oracle.delta.naked_s_worst["definite"] == pytest.approx(1.5, abs=0.1)
    assert bench.oracle.delta.naked_notional_worst == pytest.approx(Decimal(60), abs=Decimal(1))
