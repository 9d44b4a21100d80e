"""The fakes as a process on loopback sockets: what they print, serve, survive and leave behind."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h11
import pytest
import trio

SOURCE = Path(__file__).parents[2] / "src"
START = "import sys; from pathlib import Path; from dnbot.fakes.config import FakesConfig; "
START += "from dnbot.fakes.process import main; sys.exit(main(FakesConfig({})))"
WAIT_S_MAX = 60.0
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Fakes:
    """One child process and the line it printed."""

    def __init__(self, arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        self.child = subprocess.Popen(
            [sys.executable, "-c", START.format(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self.child.stdout is not None
        self.line: dict[str, Any] = json.loads(self.child.stdout.readline())

    def stop(self, how: int) -> int:
        """Signal the child and wait for its end."""
        self.child.send_signal(how)
        return self.child.wait(WAIT_S_MAX)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait(WAIT_S_MAX)
        for pipe in (self.child.stdin, self.child.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def started() -> Iterator[list[Fakes]]:
    """Processes to be ended with the test."""
    running: list[Fakes] = []
    yield running
    for fakes in running:
        fakes.close()


async def post(url: str, path: str, ca_file: str | None = None) -> Any:
    """POST to the host of a URL and decode the JSON reply."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.partition("/")[0].partition(":")
    stream: trio.abc.Stream = await trio.open_tcp_stream(host, int(port))
    if scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        stream = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    async with stream:
        parser = h11.Connection(h11.CLIENT)
        headers = [("Host", host), ("Content-Length", "0"), ("Connection", "close")]
        await stream.send_all(parser.send(h11.Request(method="POST", target=path, headers=headers)) or b"")
        await stream.send_all(parser.send(h11.EndOfMessage()) or b"")
        body = b""
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(bytes(await stream.receive_some()))
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return json.loads(body)


async def test_sigterm_leaves_the_audit_and_exit_code_0(tmp_path: Path, started: list[Fakes]) -> None:
    """The printed line says where and that the market is invented; SIGTERM ends it cleanly with an audit on disk."""
    fakes = Fakes(f"state_dir=Path({str(tmp_path)!r})")
    started.append(fakes)
    expected = {
        "gate_rest",
        "gate_ws_spot",
        "gate_ws_futures",
        "mexc_rest",
        "mexc_ws",
        "key",
        "secret",
        "uid",
        "symbols",
        "market",
    }
    assert set(fakes.line) == expected
    assert fakes.line["market"]["real"] is False
    report = await post(fakes.line["gate_rest"], "/__dnbot__/audit")
    assert report["balances"]["mexc_spot"] == {"USDT": "20000"}
    assert fakes.stop(signal.SIGTERM) == 0
    assert json.loads((tmp_path / "audit.json").read_text())["uid"] == "10001"


async def test_tls_is_trusted_through_the_printed_authority(started: list[Fakes]) -> None:
    """With --tls the addresses are https and wss, and ca_file verifies them."""
    fakes = Fakes("tls=True")
    started.append(fakes)
    assert fakes.line["gate_rest"].startswith("https://")
    assert fakes.line["mexc_ws"].startswith("wss://")
    report = await post(fakes.line["gate_rest"], "/__dnbot__/audit", fakes.line["ca_file"])
    assert report["uid"] == "10001"
    assert fakes.stop(signal.SIGINT) == 0
    assert not os.access(fakes.line["ca_file"], os.F_OK)


async def test_a_client_that_runs_trusts_the_next_start_on_the_same_state(
    tmp_path: Path, started: list[Fakes]
) -> None:
    """The authority is kept beside the state, for its owner's eyes alone: killed and started again, it is the same."""
    asked = f"state_dir=Path({str(tmp_path)!r}), tls=True"
    started.append(Fakes(asked))
    trusted = Path(started[0].line["ca_file"]).read_text()  # noqa: ASYNC240 (a small file, and nobody else runs)
    started[0].stop(signal.SIGKILL)
    started.append(Fakes(asked))
    (tmp_path / "copy.pem").write_text(trusted)
    report = await post(started[1].line["gate_rest"], "/__dnbot__/audit", str(tmp_path / "copy.pem"))
    assert report["open_orders"] == []
    assert (tmp_path / "authority.pem").stat().st_mode & 0o077 == 0


def test_end_of_stdin_is_a_clean_stop_when_asked_for(tmp_path: Path, started: list[Fakes]) -> None:
    """When the parent goes away, so do the fakes, and they leave their audit."""
    fakes = Fakes(f"state_dir=Path({str(tmp_path)!r}), until_stdin_eof=True")
    started.append(fakes)
    assert fakes.child.stdin is not None
    fakes.child.stdin.close()
    assert fakes.child.wait(WAIT_S_MAX) == 0
    assert (tmp_path / "audit.json").exists()


async def test_sigkill_loses_no_state(tmp_path: Path, started: list[Fakes]) -> None:
    """A killed process comes back from the same directory with the same account."""
    for _ in range(2):
        fakes = Fakes(f"state_dir=Path({str(tmp_path)!r})")
        started.append(fakes)
        report = await post(fakes.line["gate_rest"], "/__dnbot__/audit")
        assert len(report["ledger"]) == 3
        assert fakes.stop(signal.SIGKILL) == -signal.SIGKILL


def test_a_taken_port_is_said_and_exits_2(started: list[Fakes]) -> None:
    """An impossible start is one sentence on stderr, not a traceback."""
    fakes = Fakes("")
    started.append(fakes)
    port = int(fakes.line["mexc_rest"].rpartition(":")[2])
    done = subprocess.run(
        [sys.executable, "-c", START.format(f"mexc_port={port}")],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        timeout=WAIT_S_MAX,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"dnbot fakes: ")
    assert done.stderr.count(b"\n") == 1


def test_a_recording_that_is_damaged_further_on_ends_the_process_with_a_sentence(tmp_path: Path) -> None:
    """What could not be seen at the start is named when it is reached, without a traceback."""
    folder = tmp_path / "spot"
    folder.mkdir()
    start = '1000000000 {"lastUpdateId":1,"bids":[["60000","1"]],"asks":[["60001","1"]]}'
    good = '{"stream":"btcusdt@depth","data":{"u":2,"b":[],"a":[]}}'
    (folder / "btcusdt.txt").write_text(f"{start}\n2100000000 {good}\n2200000000 nonsense\n9000000000 {good}\n")
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    arguments = f"market='replay:{tmp_path}'"
    child = subprocess.run(
        [sys.executable, "-c", START.format(arguments)], capture_output=True, env=environment, timeout=WAIT_S_MAX
    )
    assert child.returncode == 2
    assert child.stderr.decode().startswith("dnbot fakes: ")
    assert "btcusdt.txt line 3" in child.stderr.decode()
    assert child.stderr.count(b"\n") == 1


def test_many_symbols_are_announced(started: list[Fakes]) -> None:
    """The line names every symbol, the typed-in ones first."""
    fakes = Fakes("symbols=30, market='realistic'")
    started.append(fakes)
    assert len(fakes.line["symbols"]) == 30
    assert fakes.line["symbols"][0] == "BTC/USDT"
    assert fakes.line["market"]["name"] == "realistic"
    assert fakes.stop(signal.SIGTERM) == 0
