"""Answers that are wrong, old, incomplete or unreadable, while the venue itself did what it was asked."""

from __future__ import annotations

import re
from collections import deque

import attrs
import msgspec

from . import faults_words as words
from .exchange import Exchange
from .faults_json import Raw, as_list, as_object, in_seconds, spoiled, zeroed
from .faults_kinds import FaultKind, RequestStrike, Undo, WorldStrike
from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, BookSnapshot, Venue
from .web import HttpResponse

ANSWERS_KEPT_MAX = 1_000
SAMPLE_S = 0.5
BOOK_LEVELS = 5_000
_SERVER_TIME = re.compile(rb'("server_?[tT]ime":)(\d+)')
_POSITION_FIELDS = ("size", "value", "margin", "unrealised_pnl", "entry_price", "pending_orders")


def _told(strike: RequestStrike, body: bytes, answer: HttpResponse) -> HttpResponse:
    """The answer with another body; nothing struck when it is the same."""
    if body == answer.body:
        return answer
    strike.struck()
    return attrs.evolve(answer, body=body)


async def spoil(strike: RequestStrike) -> HttpResponse:
    """The answer, spoiled in some manner."""
    answer = await strike.proceed()
    return _told(strike, spoiled(answer.body, strike.text("manner")), answer)


async def say_error_in_200(strike: RequestStrike) -> HttpResponse:
    """An error body under a good status, after the request took effect."""
    strike.struck()
    await strike.proceed()
    return attrs.evolve(words.server_error(GATE_SPOT, 500), status=200)


async def leave_out_item(strike: RequestStrike) -> HttpResponse:
    """The last item of a batch is not mentioned."""
    return await _cut_rows(strike, 1)


async def cut_page(strike: RequestStrike) -> HttpResponse:
    """The last rows of a list are missing, as when a page changes while it is read."""
    return await _cut_rows(strike, int(strike.number("rows")))


async def _cut_rows(strike: RequestStrike, count: int) -> HttpResponse:
    answer = await strike.proceed()
    rows = as_list(answer.body)
    if not rows or answer.status >= 300:
        return answer
    return _told(strike, msgspec.json.encode(rows[: max(0, len(rows) - count)]), answer)


# -- reads that trail the engine


async def lag(strike: RequestStrike) -> HttpResponse:
    """Orders and trades that are younger than the lag are not known yet."""
    answer = await strike.proceed()
    if answer.status >= 300:
        return answer
    newest_ms = strike.engine.clock.ms(strike.venue) - strike.number("lag_s") * 1_000
    rows = as_list(answer.body)
    if rows is not None:
        kept = [_older(strike, row, newest_ms) for row in rows]
        return _told(strike, msgspec.json.encode([row for row in kept if row is not None]), answer)
    if _born_ms(strike, answer.body) > newest_ms:
        strike.struck()
        return words.order_unknown(strike.venue)
    return answer


def _older(strike: RequestStrike, row: Raw, newest_ms: float) -> Raw | None:
    """The row, without what is too young in it; None when it is itself. Gate lists open orders grouped by market."""
    members = as_object(bytes(row)) or {}
    inner = as_list(bytes(members["orders"])) if "orders" in members else None
    if inner is not None:
        old = [order for order in inner if _born_ms(strike, bytes(order)) <= newest_ms]
        return Raw(msgspec.json.encode(members | {"orders": old, "total": len(old)})) if old else None
    return row if _born_ms(strike, bytes(row)) <= newest_ms else None


def _born_ms(strike: RequestStrike, row: bytes) -> float:
    """When the order or trade of a row came to be, by the exchange itself; 0 for one that it does not know."""
    members, exchange, venue = as_object(row) or {}, strike.exchange, strike.venue
    names = [bytes(members[name]).decode().strip('"') for name in ("orderId", "id", "trade_id") if name in members]
    trades = {trade.trade_id: trade.time_ms for trade in exchange.trades(venue, strike.uid)} if strike.uid else {}
    is_trade = bool({"role", "commission", "isMaker"} & set(members))
    for name in reversed(names) if is_trade else names:
        order = exchange.state.orders.get((venue, name))
        if is_trade and name in trades:
            return trades[name]
        if not is_trade and order is not None:
            return order.create_ms
    return 0.0


async def read_zero(strike: RequestStrike) -> HttpResponse:
    """Positions read zero for a while after each fill of the account."""
    answer = await strike.proceed()
    fills = strike.exchange.trades(GATE_FUTURES, strike.uid) if strike.uid else []
    since_s = (strike.engine.clock.ms(GATE_FUTURES) - fills[-1].time_ms) / 1_000 if fills else float("inf")
    if answer.status >= 300 or since_s >= strike.number("lag_s"):
        return answer
    rows = as_list(answer.body)
    if rows is None:
        return _told(strike, bytes(zeroed(answer.body, _POSITION_FIELDS)), answer)
    return _told(strike, msgspec.json.encode([zeroed(row, _POSITION_FIELDS) for row in rows]), answer)


async def answer_old(strike: RequestStrike) -> HttpResponse:
    """The newest answer that is as old as the lag; while there is none, the first since the fault began."""
    answer = await strike.proceed()
    if answer.status >= 300:
        return answer
    now_s, lag_s = strike.engine.now_s, strike.number("lag_s")
    asked = (strike.uid, strike.request.path, _without_signature(strike.request.query))
    kept: deque[tuple[float, HttpResponse]] = strike.armed.memory.setdefault(asked, deque(maxlen=ANSWERS_KEPT_MAX))
    kept.append((now_s, answer))
    while len(kept) > 1 and kept[1][0] <= now_s - lag_s:
        kept.popleft()
    return _told(strike, kept[0][1].body, answer)


def _without_signature(query: str) -> str:
    own = ("timestamp=", "signature=", "recvWindow=")
    return "&".join(part for part in query.split("&") if not part.startswith(own))


async def answer_old_book(strike: RequestStrike) -> HttpResponse:
    """A book as it was a while ago, in the venue's own form."""
    name = re.search(r"(?:currency_pair|contract|symbol)=([^&]+)", strike.request.query)
    found = strike.exchange.instrument_by_name(strike.venue, name[1]) if name else None
    old_s = strike.engine.now_s - strike.number("age_s")
    samples: deque[tuple[float, BookSnapshot]] = deque()
    if found is not None:
        samples = strike.armed.memory.get((strike.venue, found.symbol), samples)
    if found is None or not samples:
        return await strike.proceed()
    strike.struck()
    newest = next((book for at_s, book in reversed(samples) if at_s <= old_s), samples[0][1])
    stale = _stale_books(strike, strike.venue, found.symbol)
    stale.insert(0, newest)
    return await strike.proceed()


def _stale_books(strike: RequestStrike, venue: Venue, symbol: str) -> list[BookSnapshot]:
    """Where a front looks for a book to show instead of the present one."""
    if venue == MEXC_SPOT:
        return strike.world.mexc_app.faults.stale_books.setdefault(symbol, [])
    return strike.world.gate_app.stale_books.setdefault((venue, symbol), [])


def sample_books(strike: WorldStrike) -> Undo:
    """Keep the books of the venue while the fault lasts."""
    engine, armed, exchange = strike.engine, strike.armed, strike.exchange
    kept_max = round(strike.number("age_s") / SAMPLE_S) + 2

    def sample() -> None:
        for venue in armed.venues:
            for market in exchange.instruments(venue):
                samples = armed.memory.setdefault((venue, market.symbol), deque(maxlen=kept_max))
                samples.append((engine.now_s, exchange.depth(venue, market.symbol, BOOK_LEVELS)))
        if not armed.over:
            engine.after(SAMPLE_S, sample)

    sample()
    return armed.memory.clear


# -- time and permission


async def refuse_time(strike: RequestStrike) -> HttpResponse:
    """A signed request is refused for its time."""
    if not strike.uid:
        return await strike.proceed()
    strike.struck()
    return words.time_refused(strike.venue, strike.engine.clock.seconds(strike.venue))


async def refuse_permission(strike: RequestStrike) -> HttpResponse:
    """A signed request is refused for want of permission."""
    if not strike.uid:
        return await strike.proceed()
    strike.struck()
    return words.forbidden(strike.venue)


async def refuse_renewal(strike: RequestStrike) -> HttpResponse:
    """A listen key is not renewed."""
    strike.struck()
    return words.key_refused()


async def lie_about_time(strike: RequestStrike) -> HttpResponse:
    """The time endpoint is wrong, and the venue's own clock is not."""
    answer = await strike.proceed()
    ahead_ms = int(strike.number("ahead_ms"))
    body = _SERVER_TIME.sub(lambda found: found[1] + str(int(found[2]) + ahead_ms).encode(), answer.body)
    return _told(strike, body, answer)


async def tell_seconds(strike: RequestStrike) -> HttpResponse:
    """Times in milliseconds are in seconds."""
    answer = await strike.proceed()
    return _told(strike, in_seconds(answer.body), answer)


def known_order(exchange: Exchange, strike: RequestStrike) -> str:
    """The venue's id of the order that a request names; empty when there is none."""
    last = strike.request.path.rsplit("/", 1)[-1]
    said = strike.request.query + "&" + strike.request.body.decode("latin-1")
    named = re.search(r"""(?:(?:^|&)orderId=|"order_id"\s*:\s*"?)([^&",}\s]+)""", said)
    order_id = named[1] if named else last
    order = exchange.order(strike.venue, strike.uid, order_id) if strike.uid else None
    if order is None and strike.uid:
        client_id = strike.happening.client_id or order_id.removeprefix("t-")
        order = exchange.order(strike.venue, strike.uid, client_id=client_id) or exchange.order(
            strike.venue, strike.uid, client_id=f"t-{client_id}"
        )
    return order.order_id if order is not None else ""


KINDS = (
    FaultKind(
        "listen_key_not_renewed", "P11", "PUT of a listen key is refused (730708)",
        "rest", (MEXC_SPOT,), on_request=refuse_renewal, targets="key_renewals",
    ),
    FaultKind(
        "rest_book_stale", "P02", "REST books are those of a while ago; streams are not",
        "rest", options={"age_s": 30.0}, on_request=answer_old_book, in_world=sample_books, targets="book_reads",
    ),
    FaultKind(
        "reply_malformed", "P15",
        "an answer is spoiled: truncated, not_json, empty, bad_utf8, type_changed, field_missing, field_added, "
        "field_twice, nan, huge_number, long_number or deep",
        "rest", options={"manner": "truncated"}, on_request=spoil, targets="requests",
    ),
    FaultKind(
        "error_in_200", "P18",
        "an error body under status 200, although the request, or an order call on a socket, took effect",
        "rest", on_request=say_error_in_200, on_call=say_error_in_200, targets="requests",
    ),
    FaultKind(
        "batch_item_missing", "P18", "the answer to a batch does not mention its last item",
        "rest", on_request=leave_out_item, targets="batches",
    ),
    FaultKind(
        "page_cut", "P19", "a list lacks its last rows", "rest", options={"rows": 1}, on_request=cut_page,
        targets="history_reads",
    ),
    FaultKind(
        "lists_lag", "P20", "orders and trades are unknown to reads for a while after they came to be",
        "rest", options={"lag_s": 2.0}, on_request=lag, targets="history_reads",
    ),
    FaultKind(
        "position_reads_zero", "P20", "the position reads 0 for a while after each fill",
        "rest", (GATE_FUTURES,), options={"lag_s": 3.0}, on_request=read_zero, targets="position_reads",
    ),
    FaultKind(
        "balances_lag", "P20", "balances are those of a while ago",
        "rest", options={"lag_s": 120.0}, on_request=answer_old, targets="balance_reads",
    ),
    FaultKind(
        "auth_time_refused", "P21", "signed requests are refused for their time (REQUEST_EXPIRED, 700003)",
        "rest", on_request=refuse_time, targets="requests",
    ),
    FaultKind(
        "permission_refused", "X27", "signed requests are refused for want of permission (FORBIDDEN, 700007)",
        "rest", on_request=refuse_permission, targets="requests",
    ),
    FaultKind(
        "server_time_lies", "T02", "the time endpoint is ahead of the venue's own clock (negative: behind)",
        "rest", (GATE_SPOT, MEXC_SPOT), options={"ahead_ms": 5_000}, on_request=lie_about_time, targets="clock_reads",
    ),
    FaultKind(
        "times_in_seconds", "T06", "times in milliseconds come in seconds",
        "rest", (GATE_SPOT, MEXC_SPOT), on_request=tell_seconds, targets="history_reads",
    ),
)  # fmt: skip
