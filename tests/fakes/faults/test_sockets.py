"""Faults and scenarios on real sockets: the served process, switched by command line and while it runs."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from dnbot.fakes.clock import FakeClock

SOURCE = Path(__file__).resolve().parents[3] / "src"
WAIT_S_MAX = 60.0
pytestmark = [pytest.mark.e2e, pytest.mark.slow]
Serve = Callable[..., AbstractAsyncContextManager[Any]]


def wall_s() -> float:
    """The true time, in seconds."""
    return FakeClock.real().ms() / 1_000


class Served:
    """`dnbot fakes` as a process, and a plain client on its sockets."""

    def __init__(self, *arguments: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "dnbot", "fakes", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )  # fmt: skip
        assert self.child.stdout is not None
        self.line: dict[str, Any] = json.loads(self.child.stdout.readline())
        self.ports = {name: int(self.line[f"{name}_rest"].split(":")[2].split("/")[0]) for name in ("gate", "mexc")}
        self.client: Any = None

    async def dial(self, host: str) -> trio.abc.Stream:
        """A connection to an exchange."""
        return await trio.open_tcp_stream("127.0.0.1", self.ports[host])

    async def dial_tls(self, host: str) -> trio.abc.Stream:
        """The same over TLS, verified."""
        context = ssl.create_default_context(cafile=self.line["ca_file"])
        stream = trio.SSLStream(await self.dial(host), context, server_hostname="127.0.0.1", https_compatible=True)
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError:
            await trio.aclose_forcefully(stream)
            raise
        return stream

    async def ask(self, control: str) -> Any:
        """A control of the fakes."""
        answer = await self.client.raw("mexc", "POST", f"/__dnbot__/{control}", {})
        assert answer.status == 200, answer
        return answer.value

    async def strikes(self) -> list[Any]:
        """What struck so far."""
        found: list[Any] = (await self.ask("faults"))["activations"]
        return found

    async def good(self, venue: str, side: str = "buy", share: float = 0.002) -> str:
        """A price that takes."""
        bid, ask = await self.client.top(venue)
        return f"{float(ask) * (1 + share):.1f}" if side == "buy" else f"{float(bid) * (1 - share):.1f}"

    async def far(self, venue: str) -> str:
        """A price that rests."""
        return f"{float((await self.client.top(venue))[0]) * 0.99:.1f}"

    def close(self) -> int:
        """End it, cleanly."""
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(WAIT_S_MAX)
        finally:
            self.child.kill()
            for pipe in (self.child.stdin, self.child.stdout):
                assert pipe is not None
                pipe.close()


@pytest.fixture
def serve(plain: Any) -> Iterator[Serve]:
    """Starts processes: `async with serve("--fault", "reply_lost") as on`."""
    started: list[Served] = []

    @asynccontextmanager
    async def serving(*arguments: str) -> AsyncIterator[Served]:
        served = Served(*arguments)
        started.append(served)
        async with trio.open_nursery() as nursery:
            dial = served.dial_tls if "--tls" in arguments else served.dial
            served.client = plain(dial, wall_s, nursery)
            yield served
            await served.client.close()
            nursery.cancel_scope.cancel()

    yield serving
    assert [served.close() for served in started] == [0] * len(started)


async def test_reply_lost_and_order_lives(serve: Serve, unanswered: Any) -> None:
    """timeout_but_delivered on sockets: no answer, one order, one strike in the audit."""
    async with serve("--scenario", "timeout_but_delivered") as on:
        with pytest.raises(unanswered):
            await on.client.create("gate_spot", "buy", "0.001", await on.far("gate_spot"), "a")
        assert await on.client.open_ids("gate_spot") == ["a"]
        audit = await on.ask("audit")
        assert audit["faults"]["scenario"] == "timeout_but_delivered"
        assert [a["client_id"] for a in audit["faults"]["activations"]] == ["a"]


async def test_a_cancel_meets_its_fill(serve: Serve) -> None:
    """mexc_cancel_fill_2011 on sockets: the code, then the fill."""
    async with serve("--scenario", "mexc_cancel_fill_2011") as on:
        private = await on.client.private("mexc_spot")
        made = await on.client.create("mexc_spot", "buy", "0.001", await on.far("mexc_spot"), "a")
        assert (await on.client.cancel("mexc_spot", made)).value == {"code": -2011, "msg": "Order filled."}
        with trio.fail_after(WAIT_S_MAX):
            while not await on.client.fills("mexc_spot"):
                await private.listen(0.2)


async def test_every_private_push_twice(serve: Serve) -> None:
    """order_created_twice_in_stream on sockets, at Gate and MEXC."""
    async with serve("--scenario", "order_created_twice_in_stream") as on:
        for venue in ("gate_spot", "mexc_spot"):
            private = await on.client.private(venue)
            await on.client.create(venue, "buy", "0.001", await on.good(venue), "a", "ioc")
            heard: list[Any] = []
            with trio.fail_after(WAIT_S_MAX):
                while len(heard) < 4:
                    heard += await private.listen(0.5)
            heard += await private.listen(0.5)
            assert heard[0::2] == heard[1::2]


async def test_the_position_reads_zero(serve: Serve) -> None:
    """gate_position_reads_zero on sockets."""
    async with serve("--scenario", "gate_position_reads_zero", "--no-limits") as on:
        price = await on.good("gate_futures", "sell")
        assert (await on.client.create("gate_futures", "sell", "10", price, "a", "ioc")).value["left"] == 0
        row = "/futures/usdt/positions/BTC_USDT"
        assert (await on.client.gate("GET", row)).value["size"] == 0
        with trio.fail_after(WAIT_S_MAX):  # the limit of 200 in 10 s answers without a size
            while (await on.client.gate("GET", row)).value.get("size", 0) == 0:
                await on.client.time("gate_futures")


async def test_market_data_stops_and_pings_are_answered(serve: Serve) -> None:
    """A fault switched on while the process runs mutes MEXC; switched off it speaks again."""
    async with serve() as on:
        socket = await on.client.public("mexc_spot")
        await _hear(socket)
        key = (await on.ask("fault?on=public_lost:venue=mexc_spot"))["key"]
        assert await socket.ping_is_answered(WAIT_S_MAX)
        await socket.listen(0.5)
        assert await socket.listen(1) == []
        assert await socket.ping_is_answered(WAIT_S_MAX)
        assert {a["name"] for a in await on.strikes()} == {"public_lost"}
        await on.ask(f"fault?off={key}")
        await _hear(socket)


async def _hear(socket: Any) -> None:
    """Wait for a push."""
    with trio.fail_after(WAIT_S_MAX):
        while not await socket.listen(0.2):
            pass


async def _knock(on: Served, unanswered: type[Exception]) -> None:
    """Ask until nobody answers: a door shuts a moment after it was told to, on whoever stands in it as well."""
    while True:
        with suppress(unanswered):
            await on.client.time("gate_spot")


async def test_a_door_shuts_and_opens_on_the_same_port(serve: Serve, unanswered: type[Exception]) -> None:
    """A refused host is a refused TCP connection; open sockets live on; after the fault the port listens again."""
    async with serve() as on:
        socket = await on.client.public("gate_spot")
        key = (await on.ask("fault?on=connect_refused:venue=gate"))["key"]
        with trio.fail_after(WAIT_S_MAX), pytest.raises(OSError, match=r"all attempts|refused"):
            await _knock(on, unanswered)
        assert await socket.ping_is_answered(WAIT_S_MAX)
        await on.ask(f"fault?off={key}")
        with trio.fail_after(WAIT_S_MAX):
            while True:
                try:
                    assert (await on.client.time("gate_spot")).status == 200
                    break
                except OSError:
                    await trio.sleep(0.1)


async def test_a_link_goes_dark_and_a_reply_trickles(serve: Serve) -> None:
    """A black hole is no closed connection on sockets either, and a slow reply is whole."""
    async with serve("--fault", "slow_reply:bytes_per_s=500,path=*/spot/time") as on:
        began_s = trio.current_time()
        assert (await on.client.time("gate_spot")).value["server_time"]
        assert trio.current_time() - began_s > 0.3
        socket = await on.client.public("gate_spot")
        await _hear(socket)
        key = (await on.ask("fault?on=link_black_hole:venue=gate_spot,domain=public"))["key"]
        await socket.listen(0.2)
        assert not await socket.ping_is_answered(0.4)
        await on.ask(f"fault?off={key}")
        assert await socket.ping_is_answered(WAIT_S_MAX)


async def test_wrong_certificates_are_refused_by_whoever_looks(serve: Serve) -> None:
    """Expired, for another host, of another authority: three refusals; without the fault none."""
    async with serve("--tls") as on:
        assert (await on.client.time("gate_spot")).status == 200
        for manner in ("expired", "wrong_host", "unknown_authority"):
            key = (await on.ask(f"fault?on=certificate_wrong:manner={manner}"))["key"]
            with pytest.raises(trio.BrokenResourceError):
                await on.dial_tls("gate")
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

            async def careless(host: str, context: ssl.SSLContext = context) -> Any:
                return trio.SSLStream(await on.dial(host), context, server_hostname=host, https_compatible=True)

            strict, on.client = on.client, type(on.client)(careless, wall_s, on.client.nursery)
            await on.ask(f"fault?off={key}")
            on.client = strict
        assert (await on.client.time("mexc_spot")).status == 200


async def test_a_plan_from_a_file(serve: Serve, tmp_path: Path) -> None:
    """--faults and --fault together; the audit on the way out has both."""
    plan = tmp_path / "plan.toml"
    plan.write_text('seed = 3\n[[fault]]\nname = "server_error"\nvenue = "mexc_spot"\non_nth = 2\n')
    state = tmp_path / "state"
    more = "html_reply:venue=gate_spot,count=1"
    async with serve("--faults", str(plan), "--fault", more, "--state", str(state)) as on:
        assert [(await on.client.time("mexc_spot")).status for _ in range(3)] == [200, 500, 200]
        assert (await on.client.time("gate_spot")).headers["content-type"].startswith("text/html")
        assert on.close() == 0
        told = json.loads((state / "audit.json").read_text())["faults"]
        assert told["plan"]["seed"] == 3
        assert [a["name"] for a in told["activations"]] == ["server_error", "html_reply"]
