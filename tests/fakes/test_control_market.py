"""A scripted market and the books through the control surface, and the files that scripts are read from."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.control import PREFIX, Controls
from dnbot.fakes.records import MEXC_SPOT
from dnbot.fakes.script_words import (
    Refill,
    ScriptRefused,
    SetBook,
    SetFunding,
    SetLevels,
    SetMid,
    SetPulse,
    Trade,
    encode_commands,
    read_commands,
    read_script,
)
from dnbot.fakes.web import HttpRequest, HttpResponse
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_core

D = Decimal


@pytest.fixture
def controls() -> Controls:
    """The control surface of a scripted world that stands still."""
    world = build_core(FakesConfig(market="scripted"), FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))
    return Controls(world)


async def ask(controls: Controls, control: str, query: str = "", body: bytes = b"") -> HttpResponse:
    return await controls.answer(HttpRequest("POST", PREFIX + control, query, (), body))


async def told(controls: Controls, control: str, query: str = "", body: bytes = b"") -> Any:
    response = await ask(controls, control, query, body)
    assert response.status == 200, response
    return json.loads(response.body)


async def test_commands_are_carried_out_in_their_order(controls: Controls) -> None:
    """The body holds one command a line; the answer counts them, and the book shows them."""
    body = b'{"op": "mid", "price": "61000"}\n\n# and closer\n{"op": "spread", "venue": "mexc_spot", "bps": "1"}\n'
    answer = await told(controls, "market", body=body)
    assert answer == {"commands": 2, "waiting": 0, "time_ns": SIMULATION_EPOCH_NS}
    book = await told(controls, "book", "venue=mexc_spot&limit=1")
    assert (book["bids"][0][0], book["asks"][0][0]) == ("60996.95", "61003.05")
    assert book["book_id"] == controls.world.exchange.depth(MEXC_SPOT, "BTC/USDT").book_id
    assert len((await told(controls, "book", "venue=gate_futures&symbol=BTC/USDT"))["asks"]) == 20


@pytest.mark.parametrize(
    ("control", "query", "body"),
    [
        ("market", "", b'{"op": "mid", "price": "61000"}\n{"op": "mid", "price": "-1"}'),
        ("market", "since_ns=0", b'{"op": "mid", "price": "61000"}\n{"op": "mid", "price": "-1"}'),
        ("market", "since_ns=-5", b'{"op": "mid", "price": "61000"}'),
        ("market", "since_ns=1e3", b'{"op": "mid", "price": "61000"}'),
        ("market", "", b'{"op": "mid", "price": "61000"}\n{"op": "away"}'),
        ("market", "", b'{"op": "mid", "price": "61000", "venue": "nowhere"}'),
        ("market", "", b'{"op": "mid", "price": "61000", "colour": 3}'),
        ("market", "", b"\xff\xfe"),
        ("book", "venue=nowhere", b""),
        ("book", "venue=mexc_spot&symbol=ABC/USDT", b""),
        ("book", "venue=mexc_spot&limit=0", b""),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    controls: Controls, control: str, query: str, body: bytes
) -> None:
    """A 4xx with a sentence; not even the sound commands beside it are carried out."""
    before = controls.world.exchange.depth(MEXC_SPOT, "BTC/USDT")
    response = await ask(controls, control, query, body)
    assert response.status in {400, 404}
    assert json.loads(response.body)["message"]
    assert controls.world.exchange.depth(MEXC_SPOT, "BTC/USDT") == before
    script = controls.world.script
    assert script is not None
    assert script.waiting == 0


async def test_a_market_that_moves_by_itself_takes_no_commands() -> None:
    """The refusal says what to start instead."""
    world = build_core(FakesConfig(), FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))
    response = await ask(Controls(world), "market", body=b'{"op": "mid", "price": "61000"}')
    assert response.status == 400
    assert b"scripted" in response.body


async def test_a_batch_that_comes_late_counts_from_the_same_moment(autojump_clock: MockClock) -> None:
    """`since_ns` is exact to the nanosecond, so that a long script may arrive in parts."""
    world = build_core(FakesConfig(market="scripted"), FakeClock(SIMULATION_EPOCH_NS))
    controls = Controls(world)
    seen: list[tuple[float, float]] = []
    world.exchange.subscribe_marks(lambda mark: seen.append((trio.current_time(), float(mark.index))))
    async with trio.open_nursery() as nursery:
        assert world.script is not None
        nursery.start_soon(world.script.run)
        await trio.sleep(0.123456789)
        since_ns = (await told(controls, "market"))["time_ns"]
        for number in (1, 2):
            await trio.sleep(0.25)
            body = encode_commands([SetMid(price=D(1000 + number), at_s=float(number))])
            assert (await told(controls, "market", f"since_ns={since_ns}", body))["waiting"] == number
        await trio.sleep(3)
        nursery.cancel_scope.cancel()
    assert [(pytest.approx(when, abs=1e-6), price) for when, price in seen] == [
        (1.123456789, 1001), (2.123456789, 1002)
    ]  # fmt: skip


# --- files ------------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Every kind of command survives the file, exactly."""
    script = [
        SetBook(venue=MEXC_SPOT, bids=((D("59999.99"), D("0.000001")),), asks=()),
        SetLevels(venue=MEXC_SPOT, asks=((D("60001.10"), D(0)),), at_s=0.25),
        Trade(venue=MEXC_SPOT, side="buy", quantity=D("0.1"), at_s=0.25, symbol="ETH/USDT"),
        SetFunding(rate=D("-0.000125"), next_after_s=3, at_s=1e6),
        SetPulse(every_s=0.1, at_s=1e6),
        Refill(at_s=1e6),
    ]
    path = tmp_path / "script.jsonl"
    path.write_bytes(b"# a comment\n\n" + encode_commands(script))
    assert read_script(path) == script


def test_the_file_in_the_documentation_of_the_format_is_one(tmp_path: Path) -> None:
    """The example in the module's own text can be read and played."""
    import dnbot.fakes.script_words as words

    text = words.__doc__ or ""
    example = [line.strip() for line in text.splitlines() if line.strip().startswith("{")]
    commands = [command for _, command in read_commands(example)]
    assert len(commands) == 3
    world = build_core(FakesConfig(market="scripted"), FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))
    assert world.script is not None
    world.script.apply(*commands)
    assert world.exchange.depth(MEXC_SPOT, "BTC/USDT").asks == ((D(60002), D("0.9")), (D(60003), D(2)))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense", "script.jsonl:2: JSON is malformed"),
        ('{"op": "mid"}', "script.jsonl:2: Object missing required field `price`"),
        ('{"op": "mid", "price": "1", "at_s": 1}', "script.jsonl:2: at_s is 1.0, after 2.0; times never fall"),
        ('{"op": "mid", "price": "1", "at_s": 1e999}', "script.jsonl:2: "),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: str, why: str) -> None:
    """So that it can be found in a long file."""
    path = tmp_path / "script.jsonl"
    path.write_text('{"op": "refill", "at_s": 2}\n' + line)
    with pytest.raises(ScriptRefused) as refused:
        read_script(path)
    assert str(refused.value).startswith(why)
