"""The newest end of the log, piece by piece."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from dnbot.web.logs import LINES_A_TURN, LINES_SHOWN, PIECE_BYTES, LogPage, log_page


def line(number: int, level: str = "info", event: str = "state", **data: object) -> str:
    """As the file has it."""
    return json.dumps({"ts_ns": number, "level": level, "event": event, "data": data}) + "\n"


def numbers(page: LogPage) -> list[int]:
    """Which lines a page shows."""
    return [json.loads(bytes(raw))["ts_ns"] for raw in page.lines]


async def test_the_newest_lines_and_then_what_comes(tmp_path: Path) -> None:
    """No line twice, none lost, and none before it is whole."""
    path = tmp_path / "dnbot.jsonl"
    path.write_text("".join(line(number) for number in range(5)) + line(5)[:20])
    first = await log_page(path, level="info", text="", after="")
    assert numbers(first) == [0, 1, 2, 3, 4]
    with path.open("a") as file:
        file.write(line(5)[20:] + line(6))
    second = await log_page(path, level="info", text="", after=first.after)
    assert numbers(second) == [5, 6]
    assert numbers(await log_page(path, level="info", text="", after=second.after)) == []


async def test_level_and_text_choose(tmp_path: Path) -> None:
    """From a level up; the text may be anywhere in the line, in any case."""
    path = tmp_path / "dnbot.jsonl"
    lines = (line(0, "debug"), line(1, "warning", venue="MEXC_SPOT"), line(2, "critical"), "torn\n", line(3, "error"))
    path.write_text("".join(lines))
    assert numbers(await log_page(path, level="warning", text="", after="")) == [1, 2, 3]
    assert numbers(await log_page(path, level="debug", text="mexc", after="")) == [1]


async def test_a_rotated_file_is_read_from_its_start(tmp_path: Path) -> None:
    """The place in the old file means nothing in the new one."""
    path = tmp_path / "dnbot.jsonl"
    path.write_text(line(0) + line(1))
    page = await log_page(path, level="info", text="", after="")
    path.rename(tmp_path / "dnbot.jsonl.1")
    path.write_text(line(2))
    assert numbers(await log_page(path, level="info", text="", after=page.after)) == [2]


async def test_a_look_is_bounded_whatever_was_written(tmp_path: Path) -> None:
    """The newest lines of one piece, and that there is more."""
    path = tmp_path / "dnbot.jsonl"
    many = 2 * PIECE_BYTES // len(line(10_000))
    path.write_text("".join(line(number) for number in range(10_000, 10_000 + many)))
    page = await log_page(path, level="info", text="", after="")
    assert numbers(page) == list(range(10_000 + many - LINES_SHOWN, 10_000 + many))
    assert page.skipped


@pytest.mark.parametrize("after", ["x", "1", "-", "1-x", "1-2-3", "١-٢", "-1-5"])
async def test_a_made_up_place_is_refused(tmp_path: Path, after: str) -> None:
    """It is no number of ours."""
    path = tmp_path / "dnbot.jsonl"
    path.write_text(line(0))
    with pytest.raises(ValueError, match="after"):
        await log_page(path, level="info", text="", after=after)


async def test_without_a_log_there_are_no_lines(tmp_path: Path) -> None:
    """Also for a level that is none a sentence instead of an error of the inside."""
    assert (await log_page(tmp_path / "none", level="info", text="", after="")).lines == ()
    with pytest.raises(ValueError, match="level"):
        await log_page(tmp_path / "none", level="loud", text="", after="")


async def test_others_have_their_turn_while_a_piece_is_read(tmp_path: Path) -> None:
    """After every few lines, however long the piece is."""
    path = tmp_path / "dnbot.jsonl"
    path.write_text("".join(line(number) for number in range(1_000)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        await log_page(path, level="info", text="", after="")
        nursery.cancel_scope.cancel()
    assert turns >= 1_000 // LINES_A_TURN - 1
