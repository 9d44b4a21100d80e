"""What the terminal's picture costs the event loop that trades: its lag with and without the picture, side by side.

    python benchmarks/bench_terminal_view.py [--seconds 20] [--load-ms 1.0]

One task plays the hot path: it wakes every 2 ms, works for `--load-ms`, and notes how late it was woken. Stretches
without and with the picture take turns, so that a busy machine disturbs both alike. The picture is drawn from a real
`Status` and written to a pseudo-terminal that another process reads. Prints lag quantiles, their ratio, and what one
frame and one piece of it cost in CPU time.
"""

from __future__ import annotations

import argparse
import os
import pty
import random
import struct
import sys
import termios
import time
from collections.abc import Callable
from decimal import Decimal
from fcntl import ioctl
from typing import Any, cast

import trio

from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import Alert, ExecutionClosed
from dnbot.domain.pair import Pair
from dnbot.operate.screen import Screen
from dnbot.operate.status import ChildStatus, Profit, Queue, RunFacts, Statistics, Status, Traffic
from dnbot.operate.terminal import draw
from dnbot.strategy.view import View
from dnbot.strategy.view_parts import PairView, VenueView

BEAT_S = 0.002
STRETCHES = 10
COLUMNS, ROWS = 132, 50


def example() -> Status:
    """A full picture with figures that change from frame to frame."""
    chance, now_ns = random.Random(1), time.time_ns()

    def figure(scale: float) -> Decimal:
        return Decimal(f"{chance.uniform(-scale, scale):.6f}")

    pairs = tuple(
        PairView(
            pair_name=pair.name, kind=pair.kind.value, buy_venue=pair.buy_venue.value, sell_venue=pair.sell_venue.value,
            edge_bps=chance.uniform(-60, 20), gross_bps=0.0, mean_bps=-20.0, sd_bps=25.0, z_score=0.5, required_bps=4.0,
            purpose="entry",
        )
        for pair in Pair
    )
    venues = tuple(
        VenueView(
            venue=venue.value, base=figure(1), quote=figure(20_000), bid=Decimal("60000.1"), ask=Decimal("60000.2"),
            taker_bps=5.0, book_age_ms=40, book_fresh=True, stream_up=True, ready=True, read_age_ms=4000,
            clock_offset_ms=3.2,
        )
        for venue in VENUES
    )
    executions = tuple(
        ExecutionClosed(
            execution_id=f"x1-{n}", pair_name="MEXC_TO_GATE", purpose="entry", status="complete", bought=figure(1),
            sold=figure(1), gross_quote=figure(1), fees_quote=figure(1), net_quote=figure(1),
            estimate_net_quote=figure(1), residual_base=figure(1), started_at_ns=now_ns, ended_at_ns=now_ns,
            naked_ms=12, ambiguous=False, delta_base=figure(1), spot_base=figure(1), perp_base=figure(1),
        )
        for n in range(8)
    )
    view = View(
        at_ns=now_ns, symbol="BTC/USDT", epoch=1, state="MONITORING_SPREADS", state_age_s=3.0, mode="ACTIVE",
        mode_why="start", delta_base=figure(0.0001), tolerance_base=Decimal("0.0001"),
        hard_limit_base=Decimal("0.003"), delta_worst_base=Decimal("0.006"), naked_ms=0, naked_worst_ms=53,
        naked_worst_ambiguous_ms=0, target_base=Decimal("0.06"),
        inventory_base={"GATEIO_SPOT": figure(1), "MEXC_SPOT": figure(1)}, perp_base=figure(1), mark=Decimal(60_000),
        funding_bps=1.0, funding_in_s=3000.0, pairs=pairs, venues=venues, edges_bps={}, realised_quote=figure(9),
        spread_quote=figure(9), fees_quote=figure(9), funding_quote=figure(9), equity_quote=Decimal(50_000),
        equity_day_quote=figure(9), executions=31, orders_sent=62, fills=80, opportunities_seen=400,
        declined={"INVENTORY": 387, "COLLAR": 10}, faults=0, feeds_fresh={}, sessions_ready={}, unsettled=0,
        store_up=True,
    )
    return Status(
        at_ns=now_ns, uptime_s=60.0,
        run=RunFacts(version="0", mode="sim", market="NOT A REAL MARKET", home="-", pid=1, began_ns=0), view=view,
        this_run=Profit(
            realised_quote=figure(9), spread_quote=figure(9), fees_quote=figure(9), funding_quote=figure(9)
        ),
        mode_age_s=None, mode_by="start",
        alerts=tuple(Alert(level="warning", key=str(n), text="an alert " * 8, at_ns=now_ns) for n in range(20)),
        executions=executions, warnings=("child_failed child=feed", "book_gap venue=MEXC_SPOT"),
        children=tuple(ChildStatus(name=f"c{n}", running=True, restarts=0, last_error="") for n in range(14)),
        traffic=tuple(
            Traffic(
                venue=venue.value, requests=38, not_sent=0, ambiguous=0, connections=4, throttled=0, logins=1,
                reconnects=0, resyncs=1, dropped=0, unknown_frames=0,
            )
            for venue in VENUES
        ),
        statistics=Statistics(
            events=1, records_written=1, log_lines=1, log_lines_lost=0,
            queues=tuple(Queue(name=f"q{n}", waiting=n, limit=64) for n in range(7)),
        ),
    )


def terminal() -> int:
    """Our end of a pseudo-terminal that a child process reads, as a person's terminal would."""
    reader, writer = pty.openpty()
    ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    name = os.ttyname(writer)
    if os.fork() == 0:
        os.close(writer)
        while True:
            try:
                if not os.read(reader, 65536):
                    os._exit(0)
            except OSError:
                os._exit(0)
    os.close(reader)
    found = os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    os.close(writer)
    return found


async def beat(lags_s: list[float], load_s: float) -> None:
    """The hot path: woken every 2 ms, busy for `load_s`."""
    while True:
        due_s = trio.current_time() + BEAT_S
        await trio.sleep_until(due_s)
        lags_s.append(trio.current_time() - due_s)
        end_s = time.perf_counter() + load_s
        while time.perf_counter() < end_s:
            pass


async def stretch(lags_s: list[float], seconds: float, load_s: float, show: Callable[[], Status] | None) -> int:
    """One stretch; returns how many frames were shown."""
    screen = Screen(terminal()) if show is not None else None
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat, lags_s, load_s)
            if screen is not None:
                nursery.start_soon(screen.run, cast(Any, show))
    return screen.frames if screen is not None else 0


def quantile(values: list[float], share: float) -> float:
    """In milliseconds."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000


async def main(seconds: float, load_s: float) -> None:
    """Turns of both kinds, then the figures."""
    without: list[float] = []
    shown: list[float] = []
    frames = 0
    for _ in range(STRETCHES):
        await stretch(without, seconds / STRETCHES, load_s, None)
        frames += await stretch(shown, seconds / STRETCHES, load_s, example)
    print(f"load {load_s * 1000:.1f} ms every {BEAT_S * 1000:.0f} ms, {seconds:.0f} s each, {frames} frames")
    print("lag of the loop, ms    without     with    ratio")
    for share in (0.5, 0.9, 0.99, 0.999, 1.0):
        a, b = quantile(without, share), quantile(shown, share)
        print(f"  p{share * 100:<18g} {a:8.3f} {b:8.3f} {b / a:8.2f}")
    status = example()
    begin = time.process_time()
    pieces = []
    for _ in range(100):
        last = time.process_time()
        for _rows in draw(status, COLUMNS, ROWS):
            now = time.process_time()
            pieces.append(now - last)
            last = now
    frame_ms = (time.process_time() - begin) * 10
    print(f"drawing a frame {frame_ms:.2f} ms CPU, largest piece p99 {quantile(pieces, 0.99):.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=sys.modules[__name__].__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--load-ms", type=float, default=1.0)
    given = parser.parse_args()
    trio.run(main, given.seconds, given.load_ms / 1000)
