"""Reading a whole account over REST: every list, every page, or no answer at all.

This is the only reader of balances, positions and open orders; the machine's context is their only owner.
"""

from __future__ import annotations

import trio

from dnbot.domain.errors import VenueUnreachable
from dnbot.domain.messages import AccountRead
from dnbot.domain.order import Fill
from dnbot.domain.position import AccountRow
from dnbot.strategy.context import VenueAccount
from dnbot.tasks.link import Line
from dnbot.venues.wire import Capability, PrivateCodec

OVERLAP_MS = 60_000  # windows reach back so far: venues round times to seconds, and lists lag
FIRST_WINDOW_MS = 3_600_000
PAGES_MAX = 50


async def read_account(codec: PrivateCodec, line: Line, account: VenueAccount | None, why: str) -> AccountRead:
    """One complete read.

    Balances come first and trades last, so that whatever the balances include, the trades do too.

    Raises:
        VenueError: any part failed; nothing may be concluded from the others.
    """
    began_s = trio.current_time()
    balances = codec.balances(await line.read(codec, codec.balances_request(line.venue_now_ms())))
    position = None
    if Capability.POSITION in codec.capabilities:
        position = codec.position(await line.read(codec, codec.position_request(line.venue_now_ms())))
    open_orders = codec.orders(await line.read(codec, codec.open_orders_request(line.venue_now_ms())))
    fills = await read_trades(codec, line, _since(line, account.fill_ms if account else 0))
    rows: tuple[AccountRow, ...] = ()
    if Capability.POSITION in codec.capabilities:
        rows = await _read_rows(codec, line, _since(line, account.row_ms if account else 0))
    return AccountRead(
        venue=line.venue, balances=balances, position=position, open_orders=open_orders, fills=fills, rows=rows,
        began_s=began_s, ended_s=trio.current_time(),
        clock_offset_ms=line.venue_now_ms() - line.clock.clock.now_ns() / 1_000_000,
        clock_error_ms=line.clock.error_ms(line.venue.value), why=why,
    )


def _since(line: Line, newest_ms: int) -> int:
    return newest_ms - OVERLAP_MS if newest_ms else line.venue_now_ms() - FIRST_WINDOW_MS


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

