"""apprise in its own process: what it is told, what it may answer, and that nothing it does reaches the bot."""

from __future__ import annotations

import json
import resource
import sys
from functools import partial
from typing import Any

import pytest
import trio

from dnbot.ports.credentials import Secret
from dnbot.ports.notifier import AppriseProcess, Message

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

URLS = (Secret("json://127.0.0.1/one"), Secret("json://127.0.0.1/two"))
MESSAGE = Message(level="warning", title="t", body="b", to=[0, 1])
HEAD = "import json, sys, os\nurls = json.loads(sys.stdin.readline())['urls']\n"


def child(text: str) -> AppriseProcess:
    """A notifier whose process is this program, after it has read the URLs."""
    return AppriseProcess(URLS, command=(sys.executable, "-c", HEAD + text), send_s_max=5.0)


async def test_a_child_is_asked_again_and_again() -> None:
    """One process for all messages; the URLs come over standard input, and are in no argument and no variable."""
    notifier = child(
        "for line in sys.stdin:\n"
        "    message = json.loads(line)\n"
        "    seen = ' '.join(sys.argv) + str(dict(os.environ))\n"
        "    fine = len(urls) == 2 and 'json://' not in seen and message['title'] == 't'\n"
        "    print(json.dumps({'failed': [] if fine else [0, 1]}), flush=True)\n"
    )
    assert notifier.services == 2
    assert await notifier.send(MESSAGE) == []
    first = notifier._child.process
    assert await notifier.send(MESSAGE) == []
    assert notifier._child.process is first
    await notifier.aclose()
    assert notifier._child.process is None


@pytest.mark.parametrize(
    "text",
    [
        "sys.exit(3)", "print('no JSON', flush=True); sys.stdin.read()",
        "print('x' * 5000, flush=True); sys.stdin.read()",
        "print('{\"failed\": 1}', flush=True); sys.stdin.read()",
    ],
    ids=["dies", "no JSON", "endless", "other JSON"],
)
async def test_a_child_that_fails_is_a_failure_of_all(text: str) -> None:
    """It dies or talks nonsense: nobody was told, its process is gone, and the next message gets a new one."""
    notifier = child(text)
    assert await notifier.send(MESSAGE) == [0, 1]
    assert notifier._child.process is None


async def test_a_child_that_hangs_is_ended() -> None:
    """No answer within the time: a failure, and the process is gone."""
    notifier = child("sys.stdin.read()")
    notifier.send_s_max = 0.5
    with trio.fail_after(5.0):
        assert await notifier.send(MESSAGE) == [0, 1]
    assert notifier._child.process is None


async def test_numbers_that_no_service_has_are_not_believed() -> None:
    """Whatever the child says, the answer names services that there are."""
    notifier = child("sys.stdin.readline(); print(json.dumps({'failed': [1, 7, -3]}), flush=True); sys.stdin.read()")
    assert await notifier.send(MESSAGE) == [1]
    await notifier.aclose()


async def test_apprise_tells_a_service_and_says_which_it_could_not(nursery: trio.Nursery) -> None:
    """The real child: one service takes the notice with title, words and kind; a URL that is none, and a port where
    nobody listens, are named by number.
    """
    taken: list[dict[str, Any]] = []

    async def serve(stream: trio.SocketStream) -> None:
        received = b""
        while b"\r\n\r\n" not in received or not received.rstrip().endswith(b"}"):
            received += await stream.receive_some()
        taken.append(json.loads(received.partition(b"\r\n\r\n")[2]))
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await stream.aclose()

    listeners: list[trio.SocketListener] = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
    port = listeners[0].socket.getsockname()[1]
    urls = [f"json://127.0.0.1:{port}/canary", "no service at all", "json://127.0.0.1:9/"]
    notifier = AppriseProcess([Secret(url) for url in urls])
    with trio.fail_after(60):
        failed = await notifier.send(Message(level="critical", title="naked", body="long", to=[0, 1, 2]))
    assert failed == [1, 2]
    ((title, words, kind),) = [(one["title"], one["message"], one["type"]) for one in taken]
    assert (title, words, kind) == ("naked", "long", "failure")
    assert await notifier.send(Message(level="info", title="over", body="so", to=[0])) == []
    assert [one["type"] for one in taken] == ["failure", "info"]
    assert notifier._child.process is not None
    limits = resource.prlimit(notifier._child.process.pid, resource.RLIMIT_CORE)
    assert limits == (0, 0)  # it has the URLs in its memory
    await notifier.aclose()
    nursery.cancel_scope.cancel()
