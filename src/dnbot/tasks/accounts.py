"""Reading a whole account over REST: every list, every page, or no answer at all.

This is the only reader of balances, positions and open orders; the machine's context is their only owner.
"""

from __future__ import annotations

from decimal import Decimal

import trio

from dnbot.domain.account import Balance
from dnbot.domain.errors import VenueError, VenueUnreachable
from dnbot.domain.messages import AccountRead
from dnbot.domain.order import Fill
from dnbot.domain.position import AccountRow
from dnbot.strategy.context import VenueAccount
from dnbot.tasks.link import Line
from dnbot.venues.wire import Capability, PrivateCodec

OVERLAP_MS = 60_000  # windows reach back so far: venues round times to seconds, and lists lag
FIRST_WINDOW_MS = 3_600_000
"""So long before its beginning the first reading of an account looks. No later one looks back further: it would book
what the opening contains."""
PAGING_MS = 3_600_000
"""Of what a venue keeps, so much is left for the reading itself: its window must not grow too old from page to page."""
PAGES_MAX = 50
COIN_PRICE_S = 60.0
"""So long the price of a coin that fees are taken in is not asked for again."""


async def read_account(codec: PrivateCodec, line: Line, account: VenueAccount | None, why: str) -> AccountRead:
    """One complete read.

    Balances come first and trades last, so that whatever the balances include, the trades do too.

    Raises:
        VenueError: any part failed; nothing may be concluded from the others.
    """
    began_s, began_ms = trio.current_time(), line.venue_now_ms()
    fill_ms, row_ms, read_ms = (account.fill_ms, account.row_ms, account.read_ms) if account else (0, 0, 0)
    balances = codec.balances(await line.read(codec, codec.balances_request(line.venue_now_ms())))
    position = None
    if Capability.POSITION in codec.capabilities:
        position = codec.position(await line.read(codec, codec.position_request(line.venue_now_ms())))
    open_orders = codec.orders(await line.read(codec, codec.open_orders_request(line.venue_now_ms())))
    fills_since_ms = reachable(_since(began_ms, fill_ms, read_ms), codec.kept.trades_ms, began_ms)
    fills = await read_trades(codec, line, fills_since_ms)
    rows: tuple[AccountRow, ...] = ()
    if Capability.POSITION in codec.capabilities:
        rows = await _read_rows(codec, line, _since(began_ms, row_ms, read_ms))
    coin_prices = await _coin_prices(codec, line, account, balances)
    return AccountRead(
        venue=line.venue, balances=balances, position=position, open_orders=open_orders, fills=fills, rows=rows,
        began_s=began_s, ended_s=trio.current_time(),
        clock_offset_ms=line.venue_now_ms() - line.clock.clock.now_ns() / 1_000_000,
        clock_error_ms=line.clock.error_ms(line.venue.value), why=why,
        coin_prices=coin_prices, began_ms=began_ms, fills_since_ms=fills_since_ms,
    )


async def _coin_prices(
    codec: PrivateCodec, line: Line, account: VenueAccount | None, balances: tuple[Balance, ...]
) -> dict[str, Decimal]:
    """What the venue's own coin is worth, while we hold some.

    No account stays unread for want of it: the last one stays, and a fee that has none is the machine's to tell.
    """
    held = any(balance.asset == codec.fee_coin and balance.total > 0 for balance in balances)
    young = account is not None and account.coin_prices and trio.current_time() - account.coin_prices_s < COIN_PRICE_S
    if not held or young:
        return {}
    try:
        price = codec.fee_coin_price(await line.read(codec, codec.fee_coin_request()))
    except VenueError:
        return {}
    return {codec.fee_coin: price}


def _since(now_ms: int, newest_ms: int, read_ms: int) -> int:
    """From when on something may be missing, by the venue's clock.

    Before the newest that is booked nothing is, and nothing before the last complete reading either, so windows move on
    where nothing happens; lists lag behind what they tell of, by seconds.
    """
    if not newest_ms and not read_ms:
        return now_ms - FIRST_WINDOW_MS
    return max(newest_ms - OVERLAP_MS, read_ms - FIRST_WINDOW_MS)


def reachable(since_ms: int, kept_ms: int, now_ms: int) -> int:
    """When a list begins that is asked for from `since_ms` on, where the venue keeps it for so long."""
    return max(since_ms, now_ms - kept_ms + PAGING_MS)


async def read_trades(codec: PrivateCodec, line: Line, since_ms: int) -> tuple[Fill, ...]:
    """All our trades since then, oldest first. Readings of one line follow one another."""
    async with line.paging:
        return await _read_trades(codec, line, since_ms)


async def _read_trades(codec: PrivateCodec, line: Line, since_ms: int) -> tuple[Fill, ...]:
    fills: list[Fill] = []
    for page in range(PAGES_MAX):
        reply = await line.read(codec, codec.trades_request(line.venue_now_ms(), since_ms, page))
        part = codec.trades(reply)
        fills.extend(part)
        if len(part) < codec.trades_page_size():
            fills.reverse()  # rows come newest first, some with times rounded to a second: the sort must be stable
            fills.sort(key=lambda fill: fill.traded_at_ns)
            return tuple(fills)
    raise VenueUnreachable(line.venue.value, f"more than {PAGES_MAX} pages of trades")


async def _read_rows(codec: PrivateCodec, line: Line, since_ms: int) -> tuple[AccountRow, ...]:
    rows: list[AccountRow] = []
    for page in range(PAGES_MAX):
        reply = await line.read(codec, codec.account_rows_request(line.venue_now_ms(), since_ms, page))
        part = codec.account_rows(reply)
        rows.extend(part)
        if len(part) < codec.trades_page_size():
            rows.reverse()
            rows.sort(key=lambda row: row.at_ns)
            return tuple(rows)
    raise VenueUnreachable(line.venue.value, f"more than {PAGES_MAX} pages of the account book")

