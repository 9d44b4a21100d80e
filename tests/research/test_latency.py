"""Delays: which model, how they are distributed, and which message has which."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnbot.domain.errors import ConfigError
from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.research.latency import KINDS, MODELS, Delay, DelayRandom, latency_model
from dnbot.research.network import kind_of

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
