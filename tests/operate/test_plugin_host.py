"""A plugin in its own process: it answers, or it is at fault; whatever it does, who asked goes on in time."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
import trio
from plugin_packages import use, visible, write

from dnbot.operate import plugin_host
from dnbot.operate.plugin_channels import WithChannels, with_channels
from dnbot.operate.plugin_columns import TradeColumns
from dnbot.operate.plugin_host import PluginHost
from dnbot.operate.plugin_registry import PluginRegistry
from dnbot.operate.plugin_set import PluginSet
from dnbot.operate.plugin_words import OFF, READY, STARTING, Tell, Told
from dnbot.operate.plugins import AlertNotice, TradeRow
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import Secret, SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.notifier import Message
from dnbot.ports.redaction import Redactor

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

SOURCE = '''
import os, subprocess, sys, time
from dnbot.operate.plugins import Column
class Plugin:
    protocol = 1
    columns = (Column(key="day", title="day"), Column(key="pid", title="pid"))
    def __init__(self, context):
        self.context, self.taken = context, 0
        print("into nowhere")
        if "sleep_s" in context.options: time.sleep(context.options["sleep_s"])
    def tell(self, notice):
        self.taken += 1
        match notice.title:
            case "raise": raise RuntimeError("out of " + "x" * 270 + self.context.secret)
            case "stall":
                while True: pass
            case "sleep": time.sleep(60)
            case "exit": sys.exit(3)
            case "die": os.kill(os.getpid(), 9)
            case "no": return False
            case "spawn":
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
                open(notice.body, "w").write(str(child.pid))
                time.sleep(60)
            case "count": return self.taken == 1
        seen = " ".join(sys.argv) + str(dict(os.environ))
        return self.context.secret not in seen and "GATE_API_KEY" not in seen
    def cells(self, rows):
        if len(rows) == 3: raise LookupError("three")
        return [[str(row.bought_base), None] for row in rows][: 4]
class Newer(Plugin):
    protocol = 2
'''
SECRET = "a-secret-of-a-plugin"
HANG_S_MAX = 20.0


@attrs.define
class Bench:
    """A host, what its log has, and what was alerted."""

    host: PluginHost
    log: EventLog
    sink: MemorySink
    alerts: list[tuple[str, str, str]] = attrs.field(factory=list)

    async def tell(self, title: str, body: str = "") -> Told | None:
        """A notice of this title, in good time."""
        with trio.fail_after(HANG_S_MAX):
            return await self.host.ask(Tell(AlertNotice(level="info", title=title, body=body)), Told)

    async def until(self, *states: str) -> None:
        """It is in one of them."""
        with trio.fail_after(HANG_S_MAX):
            while self.host.state not in states:  # noqa: ASYNC110 (another process sets no event)
                await trio.sleep(0.01)

    def events(self) -> list[str]:
        """Of the log."""
        self.log.flush_now()
        return [line["event"] for line in self.sink.lines]


Make = Callable[..., Bench]


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """A host of the plugin above, with these settings; ended with the test."""
    hosts: list[PluginHost] = []
    site = tmp_path / "site"
    visible(monkeypatch, site)
    write(site, "hurt", SOURCE, alerts="hurt:Plugin", analytics="hurt:Plugin")
    monkeypatch.setattr(plugin_host, "AGAIN_S", 0.01)
    monkeypatch.setenv("GATE_API_KEY", "not for plugins")

    def make(kind: str = "alerts", own: str = "Plugin", **more: Any) -> Bench:
        registry, sink = SecretRegistry(), MemorySink()
        registry.add(Secret(SECRET))
        log = EventLog(VirtualClock(0), [sink], Redactor(registry))
        installed = PluginRegistry().find("here", kind, "hurt")
        installed = msgspec.structs.replace(installed, reference=f"hurt:{own}")
        row = use(kind, "hurt", **{"timeout_ms": 5_000, **more})
        host = PluginHost(row, installed, "BTC/USDT", "sim", log, secret=Secret(SECRET))
        hosts.append(host)
        made = Bench(host, log, sink)
        host.alert = lambda level, key, text: made.alerts.append((level, key, text))
        return made

    yield make
    await PluginSet(tuple(hosts)).aclose()


async def test_it_answers_again_and_again(bench: Make) -> None:
    """One process for all questions; its secret came over standard input, and no key of ours reached it."""
    here = bench()
    assert here.host.state == STARTING
    assert await here.tell("yes") is None  # nobody waits for a plugin to be loaded
    await here.host.start()
    assert (here.host.state, await here.tell("yes"), await here.tell("no")) == (READY, Told(True), Told(False))
    assert (here.host.calls, here.host.faults, here.events(), here.alerts) == (2, 0, [], [])
    assert SECRET not in repr(here.host)


@pytest.mark.parametrize(
    ("title", "why"),
    [
        ("raise", "RuntimeError: out of "), ("stall", "no answer within 300 ms"), ("sleep", "no answer within 300 ms"),
        ("exit", "ended without an answer"), ("die", "ended without an answer"),
    ],
)
async def test_what_it_does_is_its_fault_alone(bench: Make, nursery: trio.Nursery, title: str, why: str) -> None:
    """It raises, loops, sleeps, leaves or dies: a fault with its reason, a new process, and it answers again."""
    here = bench(timeout_ms=300 if title in {"stall", "sleep"} else 5_000)
    nursery.start_soon(here.host.run)
    await here.until(READY)
    first = here.host._child.process
    assert await here.tell(title) is None
    assert why in here.host.last_fault
    assert first is not None
    assert first.returncode is not None
    await here.until(READY)
    assert await here.tell("count") == Told(True)  # a new one: it was asked once
    assert (here.host.faults, here.alerts, here.events()) == (1, [], ["plugin_fault"])
    assert SECRET[:8] not in repr(here.sink.lines) + here.host.last_fault
    nursery.cancel_scope.cancel()


async def test_after_some_faults_in_a_row_it_is_off(bench: Make, nursery: trio.Nursery) -> None:
    """An answer between starts the count anew; off is alerted once, asks nobody any more and leaves no process."""
    here = bench(faults_max=2)
    nursery.start_soon(here.host.run)
    for title in ("raise", "yes", "raise", "raise", "yes"):
        await here.until(READY, OFF)
        await here.tell(title)
    assert (here.host.state, here.host.faults, here.host.calls) == (OFF, 3, 4)
    ((level, key, text),) = here.alerts
    assert (level, key) == ("warning", "plugin:hurt")
    assert text.startswith("the alerts plugin hurt is off until the next start: RuntimeError")
    assert here.events() == ["plugin_fault"] * 3 + ["plugin_off"]
    assert here.host._child.process is None
    assert here.host.status.state == OFF
    nursery.cancel_scope.cancel()


async def test_a_program_s_own_plugin_is_loaded_by_its_name(bench: Make) -> None:
    """Registered as a class, it answers from its process as one with an entry point does."""
    registry, here = PluginRegistry(), bench()
    registry.register_plugin("alerts", importlib.import_module("hurt").Plugin, "own")
    here.host.installed = registry.find("here", "alerts", "own")
    await here.host.start()
    assert await here.tell("no") == Told(False)
    sys.modules.pop("hurt")


async def test_what_cannot_be_loaded_is_off_at_once(bench: Make) -> None:
    """Trying again would not help; the reason is told."""
    here = bench(own="Newer")
    await here.host.start()
    assert (here.host.state, len(here.alerts)) == (OFF, 1)
    assert here.host.last_fault == "cannot be loaded: protocol 2; this dnbot speaks alerts 1"


async def test_a_plugin_that_never_finishes_loading_is_off(bench: Make, nursery: trio.Nursery) -> None:
    """Each try has its time, and there are as many as faults are allowed."""
    here = bench(options={"sleep_s": 60}, faults_max=2)
    here.host.load_s_max = 0.5
    nursery.start_soon(here.host.run)
    await here.until(OFF)
    assert (here.host.faults, here.host.last_fault) == (2, "no answer within 500 ms")
    nursery.cancel_scope.cancel()


async def test_who_is_cancelled_meanwhile_leaves_no_question_open(bench: Make, nursery: trio.Nursery) -> None:
    """The answer to a question that nobody waits for any more is never taken for that to the next; it is no fault."""
    here = bench()
    nursery.start_soon(here.host.run)
    await here.until(READY)
    with trio.move_on_after(0.05):
        await here.tell("sleep")
    assert (here.host._child.process, here.host.state) == (None, STARTING)
    await here.until(READY)
    assert await here.tell("no") == Told(False)
    assert here.host.faults == 0
    nursery.cancel_scope.cancel()


async def test_what_it_started_ends_with_it(bench: Make, tmp_path: Path) -> None:
    """A process of the plugin's own does not outlive its fault."""
    here, told = bench(timeout_ms=2_000), tmp_path / "pid"
    await here.host.start()
    await here.tell("spawn", str(told))
    await _until_gone(int(told.read_text()))
    assert here.host.faults == 1


async def test_a_plugin_that_loops_ends_when_the_bot_was_killed(bench: Make, tmp_path: Path) -> None:
    """Its input ends, which it does not read; it looks whether who started it is still there."""
    begin = {
        "asker": 0, "kind": "alerts", "reference": "hurt:Plugin", "path": sys.path, "options": {}, "secret": "",
        "symbol": "", "mode": "",
    }
    lines = [begin, {"type": "load"}, {"type": "tell", "notice": {"level": "", "title": "stall", "body": ""}}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    bot = (
        "import os, subprocess, sys, time\n"
        "worker = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, start_new_session=True)\n"
        "worker.stdin.write(sys.argv[1].replace('0', str(os.getpid()), 1).encode()); worker.stdin.flush()\n"
        "print(worker.pid, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", bot, text, *plugin_host.WORKER]
    parent = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    async with parent.stdout:
        worker = int(await parent.stdout.receive_some())
        parent.kill()
        await parent.wait()
    await _until_gone(worker)


async def _until_gone(pid: int) -> None:
    with trio.fail_after(HANG_S_MAX):
        while _is_there(pid):  # noqa: ASYNC110 (another process sets no event)
            await trio.sleep(0.01)


def _is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# --- channels ---------------------------------------------------------------------------------------------------------
@attrs.define
class Services:
    """The configured ones."""

    services: int
    messages: list[Message] = attrs.field(factory=list)
    closed: bool = False

    async def send(self, message: Message) -> list[int]:
        """The first does not take it."""
        self.messages.append(message)
        return [number for number in message.to if number == 0]

    async def aclose(self) -> None:
        """Note it."""
        self.closed = True


async def test_channels_are_services_behind_the_configured_ones(bench: Make) -> None:
    """Each is told by its number, and what one does not take is the failure of that number alone."""
    channels = [bench(), bench()]
    for one in channels:
        await one.host.start()
    post = Services(2)
    notifier = WithChannels(post, [one.host for one in channels])
    message = Message(level="info", title="no", body="b", to=[0, 1, 3])
    with trio.fail_after(HANG_S_MAX):
        assert (notifier.services, await notifier.send(message)) == (4, [0, 3])
    assert [one.to for one in post.messages] == [[0, 1]]
    assert [one.host.calls for one in channels] == [0, 1]
    nothing = Message(level="info", title="", body="", to=[])  # starts whatever tells; where there is none, nothing
    alone = Services(0)
    assert await with_channels(alone, [channels[0].host]).send(nothing) == []
    assert alone.messages == []
    await notifier.aclose()
    assert post.closed
    assert with_channels(post, []) is post


async def test_a_channel_that_stalls_holds_up_no_service(bench: Make) -> None:
    """They are told beside it; its own time is all that a notice waits."""
    here, post = bench(timeout_ms=300), Services(2)
    await here.host.start()
    with trio.fail_after(HANG_S_MAX):
        message = Message(level="info", title="stall", body="", to=[1, 2])
        assert await WithChannels(post, [here.host]).send(message) == [2]
    assert [one.to for one in post.messages] == [[1]]


# --- columns ----------------------------------------------------------------------------------------------------------
ROW = dict.fromkeys(TradeRow.__struct_encode_fields__) | {"execution_id": "E", "status": "complete", "bought": "0.5"}


async def test_rows_get_their_cells_by_the_keys_of_the_columns(bench: Make) -> None:
    """Beside what they had; text and nothing."""
    here = bench("analytics")
    columns = TradeColumns([here.host])
    assert (columns.heads(), await columns.beside([ROW])) == ([], [{**ROW, "plugins": {}}])
    await here.host.start()
    assert [(one.key, one.plugin) for one in columns.heads()] == [("hurt.day", "hurt"), ("hurt.pid", "hurt")]
    assert await columns.beside([ROW]) == [{**ROW, "plugins": {"hurt.day": "0.5", "hurt.pid": None}}]
    assert await columns.beside([]) == []


@pytest.mark.parametrize(("rows", "why"), [(3, "LookupError: three"), (5, "4 rows of cells for 5 trades")])
async def test_a_plugin_at_fault_leaves_its_cells_empty(bench: Make, rows: int, why: str) -> None:
    """It raises, or forgets rows: the list is there without its cells."""
    here = bench("analytics")
    await here.host.start()
    found = await TradeColumns([here.host]).beside([ROW] * rows)
    assert found == [{**ROW, "plugins": {}}] * rows
    assert why in here.host.last_fault
