"""Each analysis says what a plain recomputation from the rows says: no SQL, no sums of hours, one loop per figure."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from statistics import fmean, linear_regression, stdev
from typing import Any

import msgspec
import pytest
import trio
from postgres_here import why_not
from random_book import START_NS, RandomBook, S
from suite.database import database
from suite.queries import scanned

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.pair import Pair
from dnbot.operate.report_data import BEGINNING
from dnbot.operate.report_read import read_report
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.research.analysis import (
    Period,
    analyze_funding,
    analyze_opportunities,
    analyze_performance,
    analyze_spread,
    queries,
)

pytestmark = [
    pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}"),
]
SEEDS = range(4)
SYMBOLS = [Symbol(f"C{seed}", "USDT") for seed in SEEDS]
SINCE = BEGINNING + timedelta(seconds=START_NS // S)
UNTIL = SINCE + timedelta(hours=30)
PERIOD = Period(SINCE, UNTIL)
THRESHOLD = Decimal(2)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """Of a database with a random book per symbol, whose last samples and rows are past the period."""
    with database() as served:
        trio.run(filled, served.dsn)
        yield served.dsn


async def filled(dsn: str) -> None:
    """The books."""
    async with open_postgres_store(dsn) as opened:
        for seed, symbol in zip(SEEDS, SYMBOLS, strict=True):
            await opened.begin_run(symbol, version="1", settings="{}", started_at_ns=START_NS - 7200 * S)
            records = RandomBook(symbol, Random(seed), samples=250 if seed == 3 else 600).records()
            for first in range(0, len(records), 500):
                await opened.append(records[first : first + 500])


@pytest.fixture
async def store(dsn: str) -> AsyncGenerator[PostgresStore, None]:
    """That database."""
    async with open_postgres_store(dsn) as opened:
        yield opened


async def rows_of(store: PostgresStore, table: str, symbol: Symbol, column: str = "at") -> list[Row]:
    """Those of the period, by time."""
    found = await store.read(f"select * from {table} where symbol = $1 order by {column}", str(symbol))  # noqa: S608
    return [row for row in found if SINCE < row[column] <= UNTIL]


def held_s(times: list[datetime], ends: Iterable[datetime]) -> list[Decimal]:
    """How long each sample stands: until the next, two seconds, or the end of its piece."""
    following = [*times[1:], UNTIL]
    return [
        Decimal(min(later - at, timedelta(seconds=2), end - at) / timedelta(microseconds=1)) / 1_000_000
        for at, later, end in zip(times, following, ends, strict=True)
    ]


def piece_end(at: datetime, length: timedelta) -> datetime:
    """Of the piece that is later than its beginning."""
    pieces = math.ceil((at - BEGINNING) / length)
    return min(BEGINNING + pieces * length, UNTIL)


IsPlain = Callable[[PostgresStore, Symbol], Awaitable[list[str]]]
"""Compares, and says what it met."""


async def met(store: PostgresStore, is_plain: IsPlain) -> set[str]:
    """On all books, which have gaps, missing venues and rows on both sides of the period."""
    return {word for symbol in SYMBOLS for word in await is_plain(store, symbol)}


async def test_spread_is_plain(store: PostgresStore) -> None:
    """Means, percentiles, time above, hours, deviation and half-life are those of the rows."""
    assert await met(store, spread_is_plain) == {"a half-life", "no half-life"}


async def test_opportunities_are_plain(store: PostgresStore) -> None:
    """Episodes, reasons, estimates and hours are those of the rows."""
    assert await met(store, opportunities_are_plain) == {"taken later", "not estimated"}


async def test_performance_is_plain(store: PostgresStore) -> None:
    """Profit between the samples at both ends, days, falls, pairs and times are those of the rows."""
    assert await met(store, performance_is_plain) == {"an ambiguous naked one"}


async def test_funding_is_plain(store: PostgresStore) -> None:
    """Sums, settlements with their forecasts, and the year are those of the rows."""
    assert await met(store, funding_is_plain) == {"a forecast that was paid", "no forecast", "nothing paid"}


async def is_wrong(store: PostgresStore, symbol: Symbol, is_plain: IsPlain) -> bool:
    """Whether the recomputation says otherwise."""
    try:
        await is_plain(store, symbol)
    except AssertionError:
        return True
    return False


# --- spread
async def plain_fees(store: PostgresStore, symbol: Symbol) -> dict[str, tuple[Decimal, bool]]:
    """Rate and whether buys pay base, of the newest takers."""
    fills = await store.read("select * from fills where symbol = $1 order by traded_at", str(symbol))
    found = {}
    for venue in {row["venue"] for row in fills}:
        taken = [row for row in fills if row["venue"] == venue and row["traded_at"] <= UNTIL]
        taken = [row for row in taken[-500:] if not row["is_maker"]]
        paid = [row["fee"] * (row["price"] if row["fee_asset"] == symbol.base else 1) for row in taken]
        value = sum(row["price"] * row["quantity"] for row in taken)
        in_base = any(row["fee_asset"] == symbol.base for row in taken if row["side"] == "buy")
        found[venue] = (round(sum(paid) / value, 8), in_base)
    return found


def plain_edges(
    tops: list[Row], pair: Pair, fees: dict[str, tuple[Decimal, bool]]
) -> list[tuple[datetime, Decimal, Decimal]]:
    """(time, net, gross) of each sample that has both books."""
    at: dict[datetime, dict[str, Row]] = {}
    for row in tops:
        at.setdefault(row["at"], {})[row["venue"]] = row
    (buy_fee, in_base), (sell_fee, _) = fees[pair.buy_venue.value], fees[pair.sell_venue.value]
    found = []
    for moment, books in sorted(at.items()):
        if {pair.buy_venue.value, pair.sell_venue.value} <= books.keys():
            buy, sell = books[pair.buy_venue.value], books[pair.sell_venue.value]
            paid = buy["ask"] / (1 - buy_fee) if in_base else buy["ask"] * (1 + buy_fee)
            mid = ((buy["bid"] + buy["ask"]) / 2 + (sell["bid"] + sell["ask"]) / 2) / 2
            net = (sell["bid"] * (1 - sell_fee) - paid) / mid * 10_000
            found.append((moment, rounded(net, 6), rounded((sell["bid"] - buy["ask"]) / mid * 10_000, 6)))
    return found


def rounded(value: Decimal, places: int) -> Decimal:
    """As the database rounds."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def disc(values: list[Any], share: Decimal) -> Any:
    """The smallest value at or below which that share lies."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


async def spread_is_plain(store: PostgresStore, symbol: Symbol) -> list[str]:
    """Means, percentiles, time above, hours, deviation and half-life."""
    found = await analyze_spread(store.read, symbol, PERIOD, threshold_bps=THRESHOLD)
    tops, fees = await rows_of(store, "book_ticker_snapshots", symbol), await plain_fees(store, symbol)
    assert {venue: (fee.rate, fee.buys_pay_base) for venue, fee in found.fees.items()} == fees
    assert (found.first, found.last) == (tops[0]["at"], tops[-1]["at"])
    assert [one.pair_name for one in found.pairs] == [pair.name for pair in Pair]
    for one in found.pairs:
        edges = plain_edges(tops, Pair[one.pair_name], fees)
        times, nets = [at for at, *_ in edges], [net for _, net, _ in edges]
        held = held_s(times, [piece_end(at, HOUR) for at in times])
        above = [stands for net, stands in zip(nets, held, strict=True) if net >= THRESHOLD]
        figures = one.figures
        assert one.is_net
        assert (figures.samples, figures.low_bps, figures.high_bps) == (len(edges), min(nets), max(nets))
        assert (figures.observed_s, figures.above_s) == (sum(held), sum(above))
        assert figures.mean_bps == round(sum(nets) / len(nets), 4)
        assert figures.gross_mean_bps == round(sum(gross for *_, gross in edges) / len(edges), 4)
        assert one.percentiles_bps == {
            share: min(max(disc([rounded(net, 1) for net in nets], Decimal(share)), min(nets)), max(nets))
            for share in ("0.05", "0.25", "0.5", "0.75", "0.95", "0.99")
        }
        assert one.sd_bps == pytest.approx(stdev(map(float, nets)), abs=1e-3)
        assert one.half_life_s == pytest.approx(plain_half_life_s(times, nets), abs=0.006)
        assert sum(each.observed_s for each in one.bins) == sum(held)
        hours = {at.replace(minute=0, second=0, microsecond=0) for at in times}
        assert {hour.at for hour in one.hours} == hours, "an hour without samples is absent"
        assert sum(hour.figures.samples for hour in one.hours) == len(edges)
        assert {at.hour for at in hours} == one.by_hour_of_day.keys()
        for hour, part in one.by_hour_of_day.items():
            of_hour = [float(net) for at, net, _ in edges if at.hour == hour]
            assert float(part.mean_bps) == pytest.approx(fmean(of_hour), abs=1e-4)
    return ["no half-life" if one.half_life_s is None else "a half-life" for one in found.pairs]


def plain_half_life_s(times: list[datetime], values: list[Decimal]) -> float | None:
    """By least squares of each sample on the one before it, within an hour and two seconds; DF at one percent."""
    steps = [
        (float(before), float(now), (at - since) / timedelta(seconds=1))
        for since, at, before, now in zip(times, times[1:], values, values[1:], strict=False)
        if at - since <= timedelta(seconds=2) and piece_end(at, HOUR) == piece_end(since, HOUR)
    ]
    if len(steps) < 300:
        return None
    before, now = [step[0] for step in steps], [step[1] for step in steps]
    phi, constant = linear_regression(before, now)
    errors = sum((y - constant - phi * x) ** 2 for x, y in zip(before, now, strict=True))
    spread = sum((x - fmean(before)) ** 2 for x in before)
    if (phi - 1) / math.sqrt(errors / (len(steps) - 2) / spread) > -3.43:
        return None
    step_s = fmean(step[2] for step in steps)
    return step_s if phi <= 0.5 else step_s * math.log(2) / -math.log(phi)


# --- opportunities
async def opportunities_are_plain(store: PostgresStore, symbol: Symbol) -> list[str]:
    """Episodes, reasons, estimates and hours."""
    found = await analyze_opportunities(store.read, symbol, PERIOD)
    everything = await store.read("select * from opportunities_taken where symbol = $1", str(symbol))
    taken = [row for row in everything if SINCE < row["found_at"] <= UNTIL]
    episodes = plain_episodes(await rows_of(store, "opportunities_declined", symbol))
    assert set(found.pairs) == {"GATE_TO_MEXC", "OPEN_MEXC"}, "steps of building are no opportunities"
    for name, counted in found.pairs.items():
        mine, sent = [one for one in episodes if one[0]["pair_name"] == name], [
            row for row in taken if row["pair_name"] == name
        ]
        then = [one for one in mine if any(followed(one, row) for row in everything)]
        others = [best(one) for one in mine if one not in then]
        missed = counted.missed
        assert (counted.taken.count, counted.taken.estimate_quote) == (len(sent), sum(row["net_quote"] for row in sent))
        assert (missed.episodes, missed.then_taken) == (len(mine), len(then))
        assert missed.refusals == sum(row["count"] for one in mine for row in one)
        assert missed.estimate_quote == sum(row["net_quote"] or 0 for row in others)
        assert missed.without_estimate == sum(row["net_quote"] is None for row in others)
        assert counted.seen == len(sent) + len(mine) - len(then)
    by_reason: dict[str, int] = {}
    for one in episodes:
        by_reason[best(one)["reason"]] = by_reason.get(best(one)["reason"], 0) + 1
    assert {reason: missed.episodes for reason, missed in found.reasons.items()} == by_reason
    assert sum(hour.counted.seen for hour in found.hours) == found.total.seen
    observed = await observed_hours(store, symbol)
    assert {hour.at: hour.observed_s for hour in found.hours if hour.observed_s} == observed
    assert found.coverage.observed_s == sum(observed.values())
    missed = found.total.missed
    return ["taken later"] * missed.then_taken + ["not estimated"] * missed.without_estimate


def plain_episodes(rows: list[Row]) -> list[list[Row]]:
    """Refusals of one pair, cut where more than five seconds are between two, and at midnight."""
    found: list[list[Row]] = []
    for name in ("GATE_TO_MEXC", "OPEN_MEXC"):
        last: Row | None = None
        for row in rows:
            if row["pair_name"] != name:
                continue
            near = last is not None and row["at"] - last["at"] <= timedelta(seconds=5)
            if near and last is not None and row["at"].date() == last["at"].date():
                found[-1].append(row)
            else:
                found.append([row])
            last = row
    return found


def best(episode: list[Row]) -> Row:
    """The moment with the best estimate, then edge; then by the reason's name."""
    return min(episode, key=lambda row: (row["net_quote"] is None, -(row["net_quote"] or 0), -row["edge_bps"],
                                         row["reason"]))


def followed(episode: list[Row], taken: Row) -> bool:
    """Whether the pair was taken meanwhile, or within five seconds."""
    within = episode[0]["at"] <= taken["found_at"] <= episode[-1]["at"] + timedelta(seconds=5)
    return within and taken["pair_name"] == episode[0]["pair_name"]


async def observed_hours(store: PostgresStore, symbol: Symbol) -> dict[datetime, Decimal]:
    """Of the bot's own samples; those of executions are none."""
    rows = [row for row in await rows_of(store, "position_snapshots", symbol) if row["spot_gate"] is not None]
    times = [row["at"] for row in rows]
    held: dict[datetime, Decimal] = {}
    for at, stands in zip(times, held_s(times, [piece_end(at, DAY) for at in times]), strict=True):
        hour = at.replace(minute=0, second=0, microsecond=0)
        held[hour] = held.get(hour, Decimal(0)) + stands
    return held


# --- performance
async def performance_is_plain(store: PostgresStore, symbol: Symbol) -> list[str]:
    """Profit between the samples at both ends, days, falls, pairs, times."""
    found = await analyze_performance(store.read, symbol, PERIOD)
    samples = await store.read(
        "select * from position_snapshots where symbol = $1 and spot_gate is not null order by at", str(symbol)
    )
    assert found.counted is not None
    assert found.profit is not None
    first = next(row for row in samples if row["at"] == found.counted.since)
    last = next(row for row in samples if row["at"] == found.counted.until)
    assert first["at"] <= SINCE
    assert last["at"] <= UNTIL < samples[-1]["at"]
    fills = await store.read("select * from fills where symbol = $1", str(symbol))
    fills = [row for row in fills if first["at"] < row["booked_at"] <= last["at"]]
    fees = sum(row["fee"] * (row["price"] if row["fee_asset"] == symbol.base else 1) for row in fills)
    paid = sum(row["amount"] for row in await store.read(
        "select * from ledger_entries where symbol = $1 and kind = 'funding'", str(symbol)
    ) if first["at"] < row["at"] <= last["at"])
    assert (found.profit.fees_quote, found.profit.funding_quote, found.fills) == (fees, paid, len(fills))
    assert found.profit.realised_quote == last["realised_quote"] - first["realised_quote"]
    assert sum(day.realised_quote or 0 for day in found.days) == found.profit.realised_quote
    sampled = {f"{row['at']:%Y-%m-%d}" for row in samples if first["at"] < row["at"] <= last["at"]}
    assert {day.day for day in found.days if day.realised_quote is not None} == sampled
    within = [row for row in samples if SINCE < row["at"] <= UNTIL]
    for name, fall in (("equity_quote", found.equity_fall), ("realised_quote", found.realised_fall)):
        assert fall is not None
        assert fall.quote == plain_fall([row[name] for row in within if row[name] is not None])
    for pair in found.pairs:
        await pair_is_plain(store, symbol, pair)
    return ["an ambiguous naked one" for pair in found.pairs if pair.naked_ms_worst_ambiguous]


def plain_fall(values: list[Decimal]) -> Decimal:
    """The largest one below what had been before."""
    peak, worst = values[0], Decimal(0)
    for value in values:
        peak = max(peak, value)
        worst = max(worst, peak - value)
    return worst


async def pair_is_plain(store: PostgresStore, symbol: Symbol, pair: Any) -> None:
    """Hits, net, edges and times of one pair."""
    rows = [row for row in await rows_of(store, "trade_executions", symbol, "ended_at")
            if row["pair_name"] == pair.total.pair_name]
    nets, complete = [], []
    for row in rows:
        fills = await store.read("select * from fills where execution_id = $1", row["execution_id"])
        net = plain_net(fills, symbol)
        nets.append(net)
        edge = await store.read("select edge_bps from opportunities_taken where execution_id = $1", row["execution_id"])
        if row["status"] == "complete" and edge:
            value = sum(one["price"] * one["quantity"] for one in fills if one["side"] == "buy")
            complete.append((edge[0]["edge_bps"], value, net))
    assert (pair.total.count, pair.total.winning) == (len(rows), sum(net > 0 for net in nets))
    assert float(pair.total.net_quote) == pytest.approx(float(sum(nets)))
    value = sum(part for _, part, _ in complete)
    assert pair.edge.realised_bps == round(sum(net for *_, net in complete) / value * 10_000, 4)
    assert pair.edge.estimated_bps == round(sum(edge * part for edge, part, _ in complete) / value, 4)
    lasted = [row["ended_at_ns"] - row["started_at_ns"] for row in rows]
    naked = [row["naked_ms"] for row in rows]
    for share, name in (("0.5", "p50_ms"), ("0.9", "p90_ms"), ("0.99", "p99_ms"), ("1", "max_ms")):
        assert getattr(pair.lasted, name) == Decimal(disc(lasted, Decimal(share))) / 1_000_000
        assert getattr(pair.naked, name) == disc(naked, Decimal(share))
    assert pair.naked_ms == sum(naked)
    assert pair.naked_ms_worst_ambiguous == max((row["naked_ms"] for row in rows if row["ambiguous"]), default=0)


def plain_net(fills: list[Row], symbol: Symbol) -> Decimal:
    """What an execution's fills brought: what moved, less fees; what is over is valued at its own side's price."""
    moved, value, fees = {"buy": Decimal(0), "sell": Decimal(0)}, {"buy": Decimal(0), "sell": Decimal(0)}, Decimal(0)
    for fill in fills:
        in_base = fill["fee_asset"] == symbol.base
        quantity = fill["quantity"] - (fill["fee"] if in_base else 0)
        moved[fill["side"]] += quantity
        value[fill["side"]] += quantity * fill["price"]
        fees += fill["fee"] * (fill["price"] if in_base else 1)
    over = moved["buy"] - moved["sell"]
    side = "buy" if over > 0 else "sell"
    return value["sell"] - value["buy"] + over * value[side] / moved[side] - fees


# --- funding
async def funding_is_plain(store: PostgresStore, symbol: Symbol) -> list[str]:
    """Sums, settlements with their forecasts, and the year."""
    found = await analyze_funding(store.read, symbol, PERIOD)
    rows = [row for row in await rows_of(store, "ledger_entries", symbol) if row["kind"] == "funding"]
    assert found.payments == len(rows)
    assert found.received_quote == sum(row["amount"] for row in rows if row["amount"] > 0)
    assert found.paid_quote == sum(row["amount"] for row in rows if row["amount"] < 0)
    rates = await store.read("select * from funding_rate_snapshots where symbol = $1 order by at", str(symbol))
    positions = await store.read(
        "select * from position_snapshots where symbol = $1 and spot_gate is not null order by at", str(symbol)
    )
    earliest = positions_from(positions)
    held, received = Decimal(0), Decimal(0)
    due = sorted({row["next_at"] for row in rates if SINCE < row["next_at"] <= UNTIL})
    seen = {outcome.settlement.at: outcome for outcome in found.outcomes if outcome.settlement is not None}
    assert [at for at in due if at > earliest] == sorted(seen)
    for at, outcome in seen.items():
        last = [row for row in rates if row["next_at"] == at and row["at"] < at][-1]
        near = [row for row in positions if at - timedelta(seconds=60) < row["at"] <= at]
        position = near[-1]["perp_base"] if near else None
        assert outcome.settlement is not None
        assert (outcome.settlement.rate, outcome.settlement.perp_base) == (last["rate"], position)
        paid = [row["amount"] for row in rows if abs(row["at"] - at) <= timedelta(minutes=10)]
        assert outcome.paid_quote == sum(paid)
        if position is None or last["mark"] is None:
            assert outcome.settlement.forecast_quote is None
            assert outcome.rate_bps is None
            continue
        assert outcome.settlement.forecast_quote == -position * last["mark"] * last["rate"]
        if paid and position:
            held += abs(position) * last["mark"] * 28_800
            received += sum(paid)
    assert found.yearly_pct == (round(received * 100 * 365 * 86_400 / held, 4) if held else None)
    missing = [
        outcome.settlement for outcome in seen.values() if not outcome.payments
        and outcome.settlement is not None and outcome.settlement.forecast_quote
    ]
    assert list(found.missing) == [due for due in missing if due.at + timedelta(minutes=10) <= UNTIL]
    return ["no forecast" if due is None or due.forecast_quote is None else "nothing paid" if not one.payments
             else "a forecast that was paid" for one in found.outcomes for due in [one.settlement]]


def positions_from(positions: list[Row]) -> datetime:
    """Of the first sample in the period: what was due before is not known."""
    first: datetime = next(row["at"] for row in positions if row["at"] > SINCE)
    return first - timedelta(hours=1)


# --- beside
DEFECTS: tuple[tuple[str, str, str, IsPlain], ...] = (
    ("EDGES", "2 seconds", "3 seconds", spread_is_plain),
    ("EDGES", "s.bid * p.sell_factor", "s.bid", spread_is_plain),
    ("TAKER_FEES", "not f.is_maker", "true", spread_is_plain),
    ("DECLINED_EPISODES", "<= interval '5 seconds' then 0", "<= interval '9 seconds' then 0", opportunities_are_plain),
    ("DECLINED_EPISODES", "net_quote desc nulls last", "net_quote", opportunities_are_plain),
    ("TAKEN_BY_HOUR", "found_at > $2", "found_at > $2::timestamptz + interval '1 hour'", opportunities_are_plain),
    ("COVERED", "2 seconds", "3 seconds", opportunities_are_plain),
    ("FALL_OF_EQUITY", "greatest(max", "least(max", performance_is_plain),
    ("PAIR_TIMES", "0.9,", "0.8,", performance_is_plain),
    ("SETTLEMENTS", "max(at)", "min(at)", funding_is_plain),
    ("SETTLEMENTS", "60 seconds", "600 minutes", funding_is_plain),
)


@pytest.mark.parametrize(("name", "right", "wrong", "is_plain"), DEFECTS)
async def test_a_planted_mistake_is_found(
    store: PostgresStore, name: str, right: str, wrong: str, is_plain: IsPlain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small one in any of the questions, on one of the books at least."""
    sql = getattr(queries, name)
    assert right in sql
    monkeypatch.setattr(queries, name, sql.replace(right, wrong))
    for symbol in SYMBOLS:
        if await is_wrong(store, symbol, is_plain):
            return
    pytest.fail("nobody noticed")


async def test_performance_is_that_of_the_report(store: PostgresStore) -> None:
    """Up to now, where both end with the fold of all fills."""
    since, now = SINCE + timedelta(minutes=3), UNTIL + timedelta(days=9)
    found = await analyze_performance(store.read, SYMBOLS[0], Period(since, now))
    report = await read_report(store.read, SYMBOLS[0], since=since, until=now)
    assert (found.profit, found.days, found.fills) == (report.profit, report.days, report.fills)
    assert tuple(pair.total for pair in found.pairs) == report.pairs


async def test_the_whole_book_begins_with_its_first_run(store: PostgresStore) -> None:
    """From the beginning is from the first run; and of a period before it nothing is told, and nothing is zero."""
    whole = await analyze_spread(store.read, SYMBOLS[0], Period(BEGINNING, UNTIL))
    assert whole.period.since == SINCE - timedelta(hours=2)
    assert whole.threshold_bps is None
    assert {pair.figures.above_s for pair in whole.pairs} == {None}
    before = Period(SINCE - timedelta(days=9), SINCE - timedelta(days=8))
    assert (await analyze_spread(store.read, SYMBOLS[0], before)).pairs == ()
    assert (await analyze_opportunities(store.read, SYMBOLS[0], before)).hours == ()
    earlier = await analyze_performance(store.read, SYMBOLS[0], before)
    assert (earlier.profit, earlier.equity_fall, earlier.coverage.first) == (None, None, None)


async def test_an_unknown_symbol_is_told(store: PostgresStore) -> None:
    """With those that are known; a period that ends before it begins is refused as well."""
    with pytest.raises(ConfigError, match=r"found 'NO/USDT'; allowed: C0/USDT, C1/USDT"):
        await analyze_spread(store.read, Symbol("NO", "USDT"), PERIOD)
    with pytest.raises(ConfigError, match="earlier than"):
        await analyze_funding(store.read, SYMBOLS[0], Period(UNTIL, SINCE))


async def test_edges_use_an_index(store: PostgresStore) -> None:
    """The one big table that only this analysis asks is not read from end to end."""
    sql = queries.EDGES.replace("$1", f"'{SYMBOLS[0]}'").replace("$2", f"'{SINCE:%Y-%m-%d %H:%M:%S+00}'::timestamptz")
    sql = sql.replace("$3", f"'{SINCE + timedelta(hours=1):%Y-%m-%d %H:%M:%S+00}'::timestamptz")
    for number, value in (("$4", "'{A}'"), ("$5", "'{A}'"), ("$6", "'{A}'"), ("$7", "'{1}'"), ("$8", "'{1}'")):
        sql = sql.replace(number, value)
    [row] = await store.read(f"explain (format json) {sql.replace('$9', '1')}")
    plan = msgspec.json.decode(row["QUERY PLAN"])[0]["Plan"]
    assert [name for name in scanned(plan) if name.startswith("book_ticker_snapshots_2")] == []
