"""Delays: which model, how they are distributed, and which message has which."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from dnbot.domain.errors import ConfigError
from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.research.latency import KINDS, MODELS, Delay, DelayRandom, Delays, LatencyModel, latency_model
from dnbot.research.network import ModelledNetwork, kind_of

VENUES = ("gate_spot", "gate_futures", "mexc_spot")


def file_of(folder: Path, *, leave_out: str = "", median: float = 2.0) -> Path:
    """A file with every delay, or without one."""
    path = folder / "measured.toml"
    path.write_text("".join(
        f"[{venue}.{kind}]\nmedian_ms = {median + number}\np99_ms = 40\n"
        for number, venue in enumerate(VENUES) for kind in KINDS if f"{venue}.{kind}" != leave_out
    ))
    return path


def test_a_file_gives_every_venue_its_own(tmp_path: Path) -> None:
    """Median and 99th percentile, ms."""
    model = latency_model(str(file_of(tmp_path)))
    assert model.name == "measured.toml"
    assert model.venues["mexc_spot"].feed == Delay(4.0, 40.0)
    assert model.dial_s == (0.004, 0.04)
    assert latency_model("far") is MODELS["far"]


@pytest.mark.parametrize("venue", VENUES)
def test_a_file_that_leaves_something_out_is_refused(tmp_path: Path, venue: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ConfigError, match=venue):
        latency_model(str(file_of(tmp_path, leave_out=f"{venue}.cancel")))


@pytest.mark.parametrize("median", [0.0, -1.0, 41.0])
def test_a_file_whose_figures_cannot_be_is_refused(tmp_path: Path, median: float) -> None:
    """A median is above 0 and not above the 99th percentile."""
    with pytest.raises(ConfigError, match="median_ms <= p99_ms"):
        latency_model(str(file_of(tmp_path, median=median)))


def test_a_model_that_is_none_is_refused_with_those_that_are() -> None:
    """By name."""
    with pytest.raises(ConfigError, match="loopback, regional, far"):
        latency_model("near")


def test_delays_have_the_median_and_the_99th_percentile_of_the_model() -> None:
    """Of 20,000 draws; and the same seed draws the same."""
    rng = DelayRandom("seed")
    drawn = sorted(rng.uniform(0.010, 0.030) for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(0.010, rel=0.03)
    assert drawn[19_800] == pytest.approx(0.030, rel=0.06)
    assert [DelayRandom("a").uniform(1, 2)] == [DelayRandom("a").uniform(1, 2)]
    assert DelayRandom("a").uniform(0.5, 0.5) == 0.5


@pytest.mark.parametrize(("host", "request_line", "found"), [
    (GATE_HOST, "POST /api/v4/spot/orders", ("gate_spot", "order")),
    (GATE_HOST, "POST /api/v4/futures/usdt/orders", ("gate_futures", "order")),
    (GATE_HOST, "DELETE /api/v4/futures/usdt/orders/1", ("gate_futures", "cancel")),
    (GATE_HOST, "POST /api/v4/spot/cancel_batch_orders", ("gate_spot", "cancel")),
    (MEXC_HOST, "POST /api/v3/order?x=1", ("mexc_spot", "order")),
    (MEXC_HOST, "DELETE /api/v3/order?x=1", ("mexc_spot", "cancel")),
])  # fmt: skip
def test_a_request_is_known_by_its_head(host: str, request_line: str, found: tuple[str, str]) -> None:
    """Venue and kind."""
    assert kind_of(host, f"{request_line} HTTP/1.1\r\nhost: x\r\n\r\n".encode()) == found


def test_a_websocket_is_a_feed_and_a_body_is_nothing_new() -> None:
    """A body keeps the kind of its request."""
    upgrade = "GET /v4/ws/usdt HTTP/1.1\r\nUpgrade: WebSocket\r\n\r\n"
    assert kind_of(GATE_HOST, upgrade.encode()) == ("gate_futures", "feed")
    assert kind_of(MEXC_HOST, upgrade.encode()) == ("mexc_spot", "feed")
    assert kind_of(GATE_HOST, b'{"text": "t-dnb-1"}') is None


EXACT = LatencyModel(name="exact", venues={
    venue: Delays(order=Delay(base + 50, base + 50), cancel=Delay(base + 20, base + 20), feed=Delay(base + 5, base + 5))
    for venue, base in zip(VENUES, (0, 100, 200), strict=True)
})
"""Every delay is its median."""


@pytest.mark.parametrize(("host", "heads", "waits_ms"), [
    (GATE_HOST, ["POST /api/v4/spot/orders", "DELETE /api/v4/spot/orders/1", "GET /api/v4/spot/x"], [100, 40, 100]),
    (GATE_HOST, ["POST /api/v4/futures/usdt/orders", "POST /api/v4/spot/orders"], [300, 100]),
    (MEXC_HOST, ["DELETE /api/v3/order", "POST /api/v3/order"], [440, 500]),
    (MEXC_HOST, ["GET /ws HTTP/1.1\r\nUpgrade: websocket", "GET /no more a request", "a frame"], [410, 410, 410]),
])  # fmt: skip
async def test_each_message_and_its_answer_take_as_long_as_their_kind(
    autojump_clock: trio.testing.MockClock, host: str, heads: list[str], waits_ms: list[int]
) -> None:
    """There and back, one after the other on one connection; a WebSocket stays a feed."""

    async def echo(stream: trio.abc.Stream) -> None:
        async for data in stream:
            await stream.send_all(data)

    async with trio.open_nursery() as nursery:
        network = ModelledNetwork.of(nursery, EXACT, 1, None)
        network.listen(host, 443, echo)
        stream = await network.open_stream(host, 443)
        waited = []
        for head in heads:
            began_s = trio.current_time()
            await stream.send_all(f"{head} HTTP/1.1\r\n\r\n".encode())
            await stream.receive_some()
            waited.append(round(1000 * (trio.current_time() - began_s)))
        nursery.cancel_scope.cancel()
    assert waited == waits_ms
