"""What goes between a run and a plugin's process, and what is wrong with an answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.operate.plugin_words import (
    Answer,
    Begin,
    Cells,
    Compute,
    Load,
    Question,
    Raised,
    Ready,
    Refused,
    Tell,
    Told,
    cells_problem,
    columns_problem,
)
from dnbot.operate.plugin_worker import Loaded
from dnbot.operate.plugins import AlertNotice, Column, TradeRow
from dnbot.operate.reading_queries import TRADES

HERE = "test_plugin_words_plugins"
SOURCE = '''
from dnbot.operate.plugins import Column
class Plugin:
    protocol = 1
    columns = (Column(key="a", title="A"),)
    def __init__(self, context):
        self.context = context
        if "refuse" in context.options: raise ValueError("no such option")
    def tell(self, notice):
        return {"yes": True, "no": False, "none": None, "one": 1}.get(notice.title) if notice.title else 1 / 0
    def cells(self, rows):
        return [["x"] for _ in rows] if len(rows) < 2 else [[1.5] for _ in rows]
class Newer(Plugin):
    protocol = 2
class Silent(Plugin):
    tell = None
class Twice(Plugin):
    columns = Plugin.columns * 2
class Odd(Plugin):
    columns = ("a",)
class Half(Plugin):
    def cells(self, rows):
        return [["\\ud800"]]
def made(context):
    return Plugin(context)
'''
ROW = dict.fromkeys(TradeRow.__struct_encode_fields__) | {"execution_id": "E", "status": "complete"}


@pytest.fixture
def loaded(tmp_path: Path) -> Any:
    """What the process does, in this one."""
    (tmp_path / f"{HERE}.py").write_text(SOURCE)

    def of(own: str, kind: str = "alerts", **options: str | int) -> Loaded:
        return Loaded(Begin(
            asker=1, kind=kind, reference=f"{HERE}:{own}", path=(str(tmp_path),), options=dict(options), secret="",
            symbol="BTC/USDT", mode="sim",
        ))

    return of


@pytest.fixture(autouse=True)
def forgets(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Paths and modules are those of one test."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop(HERE, None)


def notice(title: str) -> Tell:
    """A notice."""
    return Tell(AlertNotice(level="info", title=title, body=""))


def test_a_plugin_is_asked_and_answers(loaded: Any) -> None:
    """A class or a function makes it; taken and not taken are its answers, and so are its cells."""
    for own in ("Plugin", "made"):
        one = loaded(own)
        assert one.answer(Load()) == Ready(1)
        assert [one.answer(notice(word)) for word in ("yes", "no")] == [Told(True), Told(False)]
    columns = loaded("Plugin", "analytics")
    assert columns.answer(Load()) == Ready(1, (Column(key="a", title="A"),))
    assert columns.answer(Compute((msgspec.convert(ROW, TradeRow),))) == Cells((("x",),))


@pytest.mark.parametrize(
    ("own", "kind", "options", "why"),
    [
        ("Newer", "alerts", {}, "protocol 2; this dnbot speaks alerts 1"),
        ("Silent", "alerts", {}, "no method tell"),
        ("Twice", "analytics", {}, "each key once"),
        ("Odd", "analytics", {}, "Expected `object`"),
        ("Plugin", "alerts", {"refuse": 1}, f"ValueError: no such option ({HERE}.py:8)"),
        ("Absent", "alerts", {}, "no attribute 'Absent'"),
    ],
)
def test_what_cannot_be_loaded_says_why(loaded: Any, own: str, kind: str, options: dict[str, int], why: str) -> None:
    """A version that we do not speak, a method that is missing, its own error with file and line."""
    answer = loaded(own, kind, **options).answer(Load())
    assert isinstance(answer, Refused)
    assert why in answer.why


@pytest.mark.parametrize(
    ("title", "why"), [("", "ZeroDivisionError"), ("none", "Expected `bool`, got `null`"), ("one", "got `int`")]
)
def test_what_it_raises_is_its_answer(loaded: Any, title: str, why: str) -> None:
    """Also a return that was forgotten: nothing counts as taken but True."""
    one = loaded("Plugin")
    one.answer(Load())
    answer = one.answer(notice(title))
    assert isinstance(answer, Raised)
    assert why in answer.why


def test_cells_are_text(loaded: Any) -> None:
    """No float becomes a figure of a ledger's page."""
    one = loaded("Plugin", "analytics")
    one.answer(Load())
    answer = one.answer(Compute((msgspec.convert(ROW, TradeRow),) * 2))
    assert isinstance(answer, Raised)
    assert "got `float`" in answer.why


KEYS = st.text("abc_1", min_size=1, max_size=3)


CELLS = st.lists(st.none() | st.sampled_from(("", "x", "x" * 80, "x" * 81)), max_size=3)


@given(st.lists(CELLS, max_size=4), st.integers(0, 4), st.integers(0, 3))
def test_cells_are_as_many_as_were_asked_for(rows: list[list[str | None]], wanted: int, columns: int) -> None:
    """Every row has a cell for every column, none longer than 80 characters; and nothing else is complained of."""
    is_right = len(rows) == wanted and all(
        len(row) == columns and all(len(cell or "") <= 80 for cell in row) for row in rows
    )
    assert (cells_problem(tuple(map(tuple, rows)), wanted, columns) == "") is is_right


@given(st.lists(st.tuples(KEYS, st.text(max_size=41)), max_size=9))
def test_columns_have_keys_and_titles(columns: list[tuple[str, str]]) -> None:
    """One to eight; a key begins with a letter and is there once; a title is 1 to 40 characters."""
    keys = [key for key, _ in columns]
    is_right = (
        1 <= len(columns) <= 8 and len(set(keys)) == len(keys) and all(key[0].isalpha() for key in keys)
        and all(1 <= len(title) <= 40 for _, title in columns)
    )  # fmt: skip
    assert (columns_problem(tuple(Column(key=key, title=title) for key, title in columns)) == "") is is_right


@given(st.text(max_size=30), st.text(max_size=30))
def test_words_come_back_as_they_went(title: str, body: str) -> None:
    """One line of JSON per question and answer, whatever text is in it."""
    asked = Tell(AlertNotice(level="info", title=title, body=body))
    line = msgspec.json.encode(asked)
    assert b"\n" not in line
    assert msgspec.json.decode(line, type=Question) == asked
    for answer in (Raised(title), Refused(body), Told(True), Cells(((title, None),))):
        assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer


def test_a_row_of_the_protocol_is_a_row_of_the_list() -> None:
    """Every field of `TradeRow` is a column of the query; a column that is renamed would leave a plugin without it."""
    query = TRADES.replace("\n", " ")
    for name in TradeRow.__struct_encode_fields__:
        assert f".{name}," in query or f".{name} " in query or f"as {name} " in query, name
