"""`/metrics`: everything that is known of a running bot, as text for Prometheus, and the page that serves it.

`FAMILIES` is the whole list; docs/metrics.md is made of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain
from typing import Any

import attrs
import trio

from dnbot.bot import Bot
from dnbot.domain.errors import ConfigError
from dnbot.metrics.exposition import Family, exposition
from dnbot.metrics.loop_lag import watch_loop
from dnbot.metrics.page import CLIENT_S_MAX, CLIENTS_MAX, PageServer
from dnbot.metrics.tallies import CODES_MAX, OTHER
from dnbot.operate.fleet_feed_metrics import FEEDS
from dnbot.operate.fleet_metrics import FLEET
from dnbot.operate.metrics_machine import MACHINE
from dnbot.operate.metrics_moment import Moment, Runtime
from dnbot.operate.metrics_money import MONEY
from dnbot.operate.metrics_times import PROCESS, TIMES
from dnbot.operate.metrics_venues import VENUE_FIGURES
from dnbot.operate.status import Reporter
from dnbot.ports.collector import collections_told
from dnbot.ports.net import is_loopback
from dnbot.ports.process import process_figures

PATH = "/metrics"
FRESH_S = 1.0
"""A page this young is told again: however often it is asked for, it is made about once a second."""
SECTIONS: dict[str, tuple[Family[Moment], ...]] = {
    "Money": MONEY, "Machine": MACHINE, "Venues": VENUE_FIGURES, "Times": TIMES, "Process": PROCESS,
}
FAMILIES: tuple[Family[Moment], ...] = tuple(family for families in SECTIONS.values() for family in families)


@attrs.define
class Metrics:
    """The figures of one bot, made into text when somebody asks."""

    bot: Bot
    report: Reporter
    runtime: Runtime = attrs.field(factory=Runtime)
    _text: bytes = attrs.field(default=b"", init=False)
    _made_s: float = attrs.field(default=float("-inf"), init=False)

    def exposition(self) -> bytes:
        """All figures of this moment, in one turn."""
        return b"".join(self._pieces())

    async def page(self) -> bytes:
        """All figures, at most `FRESH_S` old; others have their turn between the pieces."""
        now_s = trio.current_time()
        if now_s - self._made_s >= FRESH_S:
            pieces = []
            for piece in self._pieces():
                pieces.append(piece)
                await trio.lowlevel.checkpoint()
            self._text, self._made_s = b"".join(pieces), now_s
        return self._text

    def _pieces(self) -> Iterator[bytes]:
        """A piece a turn. Everything that the machine knows is of the first, which is no text yet; what is counted goes
        on counting.
        """
        began_s = trio.current_time()
        moment = Moment(self.report.unmasked(), self.bot.context, self.bot, self.runtime, process_figures())
        for text in chain((b"",), (self.report.mask(exposition(families, moment)) for families in SECTIONS.values())):
            self.runtime.pieces.observe(trio.current_time() - began_s)
            yield text
            began_s = trio.current_time()

    @asynccontextmanager
    async def served(self, listeners: list[trio.SocketListener]) -> AsyncIterator[None]:
        """Inside the block loop and garbage collector are watched, and the page is served where there is a socket."""
        page = PageServer({PATH: self.page}, self.bot.parts.log)
        with collections_told(self.runtime.paused):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch_loop, self.runtime.lag.observe, name="loop-lag")
                if listeners:
                    nursery.start_soon(page.serve, listeners, name="metrics")
                yield
                nursery.cancel_scope.cancel()


def listen_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[HOST]:PORT` for IPv6; port 0 picks a free one.

    Raises:
        ConfigError: it is none, or not loopback: the page has no password.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535 or not is_loopback(host):
        raise ConfigError("--metrics", "HOST:PORT", text, "a loopback address such as 127.0.0.1:9464")
    return host, int(port)


async def metrics_listeners(address: tuple[str, int] | None, stack: AsyncExitStack) -> list[trio.SocketListener]:
    """Sockets that listen there and are closed with the stack; none where no address is.

    Raises:
        ConfigError: somebody else listens there.
    """
    if address is None:
        return []
    host, port = address
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise ConfigError("--metrics", f"{host}:{port}", error.strerror or str(error), "a free port") from None
    for listener in listeners:
        stack.push_async_callback(listener.aclose)
    return listeners


def address_of(listeners: list[trio.SocketListener]) -> str:
    """Where the page is, for a person."""
    host, port = listeners[0].socket.getsockname()[:2]
    shown = f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    return f"http://{shown}:{port}{PATH}"


def metrics_page() -> str:
    """docs/metrics.md."""
    parts = [_HEAD.rstrip(), *(f"## {title}\n\n{_table(families)}" for title, families in SECTIONS.items())]
    return "\n\n".join([*parts, _FLEET.rstrip(), _table((*FLEET, *FEEDS))]) + "\n"


def _table(families: Sequence[Family[Any]]) -> str:
    rows = [f"| `{f.name}` | {f.kind} | {', '.join(f.labels)} | {f.text} |" for f in families]
    return "\n".join(["| name | kind | labels | |", "| --- | --- | --- | --- |", *rows])


_FLEET = """## A worker of a fleet

    dnbot worker --metrics 127.0.0.1:9465

serves these in the same manner and no others: its bots have no page of their own. The fleet is told as the worker last
saw it, and not at all when that is too long ago; the database is not asked. [The fleet](fleet.md)'s page shows money.
"""
_HEAD = f"""# Metrics

    dnbot run --metrics 127.0.0.1:9464

serves `{PATH}` in Prometheus' text format. Every figure is listed below; this page is made from the code, and a test
compares. Rules and a dashboard are in [deploy/](../deploy/README.md), the reasons in
[decision 23](decisions/0023-metrics.md).

- Loopback alone, and only under a loopback name: the page has no password, and says what you own. Every user of the
  machine can read it. Let a Prometheus on the same host ask, or a proxy of yours that knows who may.
- It never stands in the way of trading: a client has {CLIENT_S_MAX:.0f} s, {CLIENTS_MAX} are served at once, a page is
  made about once a second at most, in pieces between which others have their turn (`dnbot_exposition_piece_seconds`),
  and one that cannot be made is an answer 500 and a line `page_failed` in the log.
- What is not known is not told: a series that is absent means unknown, never zero. Base and quote are the coins of the
  symbol; money is rounded to a float here, and exact in `dnbot status --json` and the database.
- Counters begin at zero with the process; `dnbot_profit_*` and the inventory cover the whole ledger.
- Labels take values from short fixed lists: venues, pairs, states, stages, children, queues. Reasons and codes are our
  own words, at most {CODES_MAX} of a kind, and then `{OTHER}`; what a venue calls its refusals is in the log alone.
- Histograms have buckets at 1, 2.5, 5 and 7.5 of each decade from a microsecond to ten seconds, so that a quantile is
  read to within its bucket. They stand beside what `dnbot bench` measures ([performance.md](performance.md)):
  `dnbot_burst_handling_seconds` beside its target 7, `evaluated_to_decided` beside 7b, `decided_to_committed` (with the
  turn in which execution takes over) beside 8, `until="sent"` beside 10. `read` is the moment in which the bytes of a
  frame come out of TLS, `sent` the one before an order's bytes are handed to the connection; an order's `filled`
  counts from `sent`, because a stream may overtake the answer.
"""
