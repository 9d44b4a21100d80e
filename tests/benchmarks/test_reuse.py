"""Reuse of connections, the start and lasting memory: what is counted, and that each verdict can fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from suite import lasting, reuse, start
from suite.figures import Rounds
from suite.kept import Kept
from suite.scripted_fakes import Carried, Counting, is_private

from dnbot.fakes.web import HttpRequest, HttpResponse

TRADED = {"orders": 90.0, "executions": 45.0, "seconds": 10.0}


def carried(*counts: int) -> list[dict[str, Any]]:
    """Connections of one venue that carried so many requests each."""
    return [{"venue": "mexc_spot", "requests": count} for count in counts]


@pytest.mark.parametrize(("counts", "met"), [((150, 150), True), ((50, 50), False), ((1,) * 200, False)])
def test_every_first_request_of_a_connection_is_a_miss(counts: tuple[int, ...], met: bool) -> None:
    """Two of three hundred pass, two of a hundred do not, nor does a connection for each."""
    found = reuse.target(carried(*counts), TRADED)
    assert found.met is met
    assert found.measured == pytest.approx(100 * (1 - len(counts) / sum(counts)))


def test_a_count_below_the_orders_is_no_count() -> None:
    """Then some passed by whoever counts."""
    with pytest.raises(AssertionError, match="89 requests counted, and 90 orders sent"):
        reuse.target(carried(89), TRADED)


def asked(*headers: tuple[str, str]) -> HttpRequest:
    """A read with these headers."""
    return HttpRequest("GET", "/api/v4/spot/accounts", "", headers, b"", "127.0.0.1")


class Front:
    """A venue that knows one answer."""

    async def handle_http(self, _: HttpRequest) -> HttpResponse:
        return HttpResponse(200, b"{}")

    def venue_of(self, path: str) -> str:
        return "gate_spot"


async def test_what_carries_a_key_is_counted_and_nothing_else() -> None:
    """Of either venue, in any case of letters."""
    front: Any = Front()
    counting = Counting(front, front, found := Carried())
    for request in (asked(), asked(("KEY", "k")), asked(("x-mexc-apikey", "k")), asked(("Keep-Alive", "1"))):
        assert (await counting.handle_http(request)).status == 200
    assert found == Carried("gate_spot", 2)
    assert not is_private(asked())


@pytest.mark.parametrize(("figures", "met"), [
    ({}, [True, True]), ({"quote": 1.6}, [False, True]), ({"s": 1.6}, [True, False]),
])
def test_a_slow_start_and_a_slow_import_are_missed(
    monkeypatch: pytest.MonkeyPatch, figures: dict[str, float], met: list[bool]
) -> None:
    """Each by itself."""
    ours = {"imports": 0.5, "bot": 0.8, "quote": 1.4, "s": 1.0} | figures
    rounds = Rounds({name: [ours] for name in ("start", "import", "ccxt", "theirs")})
    monkeypatch.setattr(start, "interleaved", lambda *_: rounds)

    @contextmanager
    def nothing(*_: Any) -> Iterator[Any]:
        yield type("Nothing", (), {"dsn": "", "keep_talking": lambda *_: None})()

    for name in ("database", "scripted_fakes"):
        monkeypatch.setattr(start, name, nothing)
    monkeypatch.setattr(start, "Market", type("Market", (), {"at": lambda address: address}))
    monkeypatch.setattr(start, "_imported", lambda _: {})
    said = "import time: self [us] | cumulative | imported package\nimport time:  1500 |  9000 |  a\n"
    monkeypatch.setattr(start, "_run", lambda *_, **__: SimpleNamespace(stderr=said))
    found = start.measure(start.Effort())
    assert [target.met for target in found] == met
    assert [target.profile for target in found] == [() if one else ("     1.5 ms a",) for one in met]


def parts(*memory: float, stretch: float = 1) -> list[dict[str, float]]:
    """Ten executions, a thousand frames and a second each."""
    return [
        {"stretch": stretch, "executions": 10.0 * n, "frames": 1_000.0 * n, "seconds": 1.0 * n, "rss_mb": mb}
        for n, mb in enumerate(memory, 1)
    ]


@pytest.mark.parametrize(("memory", "met"), [
    ((80, 100, 100, 101), [True, True]), ((80, 100, 101, 103), [False, True]), ((201, 201, 201, 201), [True, False]),
])
def test_memory_that_grows_and_memory_that_is_large_are_missed(memory: tuple[float, ...], met: list[bool]) -> None:
    """Growth at the begin is a start's."""
    assert [target.met for target in lasting.targets(parts(*memory), 40)] == met


def test_less_than_was_asked_for_is_no_result() -> None:
    """Neither fewer executions nor fewer frames."""
    with pytest.raises(AssertionError, match="40 executions and 4000 frames"):
        lasting.targets(parts(1, 1, 1, 1), 41)
    few = [{**part, "frames": 1.0} for part in parts(1, 1, 1, 1)]
    with pytest.raises(AssertionError, match="1 frames"):
        lasting.targets(few, 40)


def test_growth_is_that_within_the_longest_stretch() -> None:
    """A new process begins small, and what both did counts together."""
    found = lasting.targets([*parts(50, 60), *parts(50, 80, 80, 80, stretch=2)], 60)
    assert found[0].measured == 0
    assert "60 executions and 6,000 frames" in found[0].detail


def test_an_interrupted_run_goes_on_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that ended are kept, in a file that the next run reads."""
    left: list[int] = []

    def ends_early(*arguments: Any) -> Iterator[dict[str, float]]:
        left.append(arguments[-2])
        yield {"executions": 40.0, "frames": 4_000.0, "seconds": 1.0, "rss_mb": 1.0}
        raise RuntimeError("interrupted")

    @contextmanager
    def nothing(*_: Any) -> Iterator[Any]:
        yield type("Nothing", (), {"dsn": ""})()

    monkeypatch.setattr(lasting, "lines", ends_early)
    for name in ("database", "scripted_fakes"):
        monkeypatch.setattr(lasting, name, nothing)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="interrupted"):
            lasting.run(100, Kept(tmp_path / "out.json", "a", False))
    assert left == [100, 60]
    assert len(lasting.run(80, Kept(tmp_path / "out.json", "a", False))) == 2
