"""The two ways to the control surface of a fake world: in the same process, or over a socket. Both answer the same."""

from __future__ import annotations

import json
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import attrs
import httpx

from dnbot.fakes.control import PREFIX, Controls
from dnbot.fakes.web import HttpRequest, HttpResponse

ASK_S_MAX = 30.0


class HarnessError(Exception):
    """The fakes refused what the harness asked, or do not answer; the text says what and why."""


class Door(Protocol):
    """Asks a control. Nothing awaits: a test may ask at any point, from any event loop or from none."""

    def ask(self, control: str, body: bytes = b"", **wanted: object) -> Any:
        """The decoded answer. Raises HarnessError for a refusal or no answer."""

    def close(self) -> None:
        """Let go of connections."""


@attrs.define
class MemoryDoor:
    """Into a world of this process."""

    _controls: Controls

    def ask(self, control: str, body: bytes = b"", **wanted: object) -> Any:
        """As Door says."""
        request = HttpRequest("POST", PREFIX + control, urlencode(wanted), (), body)
        response = _at_once(self._controls.answer(request))
        return _answer(control, response.status, response.body)

    def close(self) -> None:
        """Nothing to let go of."""


@attrs.define
class FakesDoor:
    """The door of whichever fakes a test has, for what was handed out before they were there."""

    _doors: list[Door] = attrs.field(factory=list)

    def lead_to(self, door: Door) -> None:
        """From now on through that one."""
        self._doors.append(door)

    def ask(self, control: str, body: bytes = b"", **wanted: object) -> Any:
        """As Door says. Raises HarnessError, too, for a test without fakes or with two of them."""
        if len(self._doors) != 1:
            raise HarnessError(
                "which fakes? ask for one of the fixtures fake_exchanges, fake_exchange_servers and bot; with more than"
                " one, use the `market` and `faults` of each"
            )
        return self._doors[0].ask(control, body, **wanted)

    def close(self) -> None:
        """That is for whoever opened it."""


@attrs.define
class SocketDoor:
    """Into a world that is served on loopback, at the root of one of its REST addresses."""

    _client: httpx.Client

    def ask(self, control: str, body: bytes = b"", **wanted: object) -> Any:
        """As Door says; it blocks until the answer is there, some milliseconds."""
        if self._client.is_closed:
            raise HarnessError(f"{control}: these fakes have ended")
        try:
            response = self._client.post(PREFIX + control, params={k: str(v) for k, v in wanted.items()}, content=body)
        except httpx.TransportError as error:
            raise HarnessError(f"{control}: the fakes do not answer: {error!r}") from None
        return _answer(control, response.status_code, response.content)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def open_socket_door(root: str, ca_file: Path | None) -> SocketDoor:
    """A door to the fakes at that address; ``ca_file`` is the authority to trust when it is https."""
    trust = ssl.create_default_context(cafile=ca_file) if ca_file is not None else True
    return SocketDoor(httpx.Client(base_url=root, verify=trust, timeout=ASK_S_MAX, trust_env=False))


def _answer(control: str, status: int, body: bytes) -> Any:
    found = json.loads(body)
    if status != 200:
        raise HarnessError(f"{control}: {found['message']}")
    return found


def _at_once(answer: Coroutine[Any, Any, HttpResponse]) -> HttpResponse:
    """The result of a coroutine that has nothing to wait for, without a loop."""
    try:
        answer.send(None)
    except StopIteration as done:
        response: HttpResponse = done.value
        return response
    answer.close()
    raise HarnessError("this control waits; ask it over a socket")
