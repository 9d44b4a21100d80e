"""What is tried: axes whose values stay inside what was asked for, and cells that are configurations."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trial_kit import ENTRY, RATIO, SETTINGS, cells, grid

from dnbot.domain.errors import ConfigError
from dnbot.research.axis import Axis, listed, ranged
from dnbot.research.space import CELLS_MAX, Space, cells_of, space_of

SKEW = "inventory_skew_bps_max"
numbers = st.decimals("0.001", 4000, places=3, allow_nan=False)


@st.composite
def ranges(draw: st.DrawFn) -> Axis:
    """A range of a setting that takes any number of basis points."""
    low, high = sorted((draw(numbers), draw(numbers)))
    table = {"from": str(low), "to": str(high + Decimal("0.01")), "steps": draw(st.integers(2, 12)),
             "distribution": draw(st.sampled_from(["linear", "log"]))}
    return ranged("here", SKEW, table)


@given(ranges(), st.integers(0, 10**6))
def test_values_of_a_range_lie_in_it_on_its_steps(axis: Axis, seed: int) -> None:
    """A grid has both ends and ascends; draws, too, are inside, whole steps above the start, and follow the seed."""
    values = list(map(Decimal, axis.grid()))
    assert values[0] == axis.low
    assert values[-1] == axis.high
    assert values == sorted(set(values))
    drawn = [Decimal(axis.draw(random.Random(seed + n))) for n in range(5)]
    assert drawn == [Decimal(axis.draw(random.Random(seed + n))) for n in range(5)]
    for value in (*values[:-1], *drawn):
        assert axis.low <= value <= axis.high
        assert value == axis.high or (value - axis.low) % axis.step == 0
        assert 0 <= axis.place(str(value)) <= 1


def test_ranges_are_spread_as_they_say() -> None:
    """Evenly, or by equal factors; whole numbers stay whole."""
    assert ranged("x", SKEW, {"from": "1", "to": "3", "steps": 5}).grid() == ("1", "1.5", "2", "2.5", "3")
    logs = ranged("x", SKEW, {"from": "1", "to": "100", "steps": 3, "distribution": "log"})
    assert logs.grid() == ("1", "10", "100")
    assert logs.place("10") == pytest.approx(0.5)
    assert ranged("x", "order_expiry_ms", {"from": 400, "to": 800, "steps": 4}).grid() == ("400", "533", "667", "800")
    stepped = ranged("x", SKEW, {"from": "0", "to": "1", "steps": 4, "step": "0.25"})
    assert stepped.grid() == ("0", "0.25", "0.75", "1")


@pytest.mark.parametrize(("key", "table", "said"), [
    (SKEW, {"from": "3", "to": "1"}, "a from that is less than to"),
    (SKEW, {"from": "0", "to": "1", "distribution": "log"}, "above 0, for log"),
    (SKEW, {"from": "0", "to": "1", "steps": 1}, "2 to 200"),
    (SKEW, {"from": 0.5, "to": "1"}, "numbers in quotes"),
    (SKEW, {"from": "0", "to": "1", "distribution": "normal"}, "normal"),
    (SKEW, {"from": "0", "to": "1", "size": 3}, "size"),
    (SKEW, {"from": "0", "to": "1", "step": "2"}, "at most to - from = 1"),
    (SKEW, {"from": "nan", "to": "1"}, "a number"),
    ("order_expiry_ms", {"from": 400, "to": 800, "step": "0.5"}, "and whole"),
    ("shutdown_policy", {"from": "1", "to": "2"}, "a list: its values are words"),
    ("no_such_key", {"from": "1", "to": "2"}, "a key of [strategy]"),
    ("symbol", {"from": "1", "to": "2"}, "the symbol is that of the data"),
])  # fmt: skip
def test_a_range_that_is_none_is_refused(key: str, table: dict[str, object], said: str) -> None:
    """Naming file, key, what was found and what is allowed."""
    with pytest.raises(ConfigError) as refused:
        ranged("space.toml", key, table)
    assert str(refused.value).startswith(f"space.toml: {key}")
    assert said in str(refused.value)


def test_lists_are_in_order_and_without_floats() -> None:
    """Numbers ascend, words stay as they were; nothing twice, nothing empty, no float."""
    assert listed("x", ENTRY, ["10", 3, "4.50"]).values == ("3", "4.5", "10")
    assert listed("x", "shutdown_policy", ["hold", "flatten"]).values == ("hold", "flatten")
    assert listed("x", "margin_top_up", [True, False]).values == ("true", "false")
    for values in ([], ["3", "3.0"], [2.5], [""], ["0x3"]):
        with pytest.raises(ConfigError, match=ENTRY):
            listed("x", ENTRY, values)


def test_a_grid_has_every_combination_once() -> None:
    """The configuration as it is comes first, and is that cell of the grid which has its settings."""
    found = cells(**{ENTRY: "3,5,8", RATIO: "0.4,0.5"})
    assert [cell.number for cell in found.cells] == list(range(6))
    assert {tuple(cell.values.values()) for cell in found.cells} == set(itertools.product("358", ("0.4", "0.5")))
    assert found.cells[0].name == f"{ENTRY}=3 {RATIO}=0.5 (as configured)"
    assert found.cells[0].params == SETTINGS.strategy
    assert all(str(cell.params.inventory_ratio) == cell.values[RATIO] for cell in found.cells)
    assert len({cell.digest for cell in found.cells}) == 6


def test_a_configuration_outside_the_space_is_tried_too() -> None:
    """To compare with."""
    found = cells(**{ENTRY: "5,8"})
    assert [cell.name for cell in found.cells] == ["as configured", f"{ENTRY}=5", f"{ENTRY}=8"]


def test_draws_follow_their_seed_and_equal_ones_count_once() -> None:
    """Whatever was drawn before."""
    axes = (listed("x", ENTRY, ["3", "5"]), ranged("x", "order_expiry_ms", {"from": 400, "to": 402}))
    one, again, other = (cells_of(Space(axes, 40, seed), SETTINGS) for seed in (7, 7, 8))
    assert [cell.values for cell in one.cells] == [cell.values for cell in again.cells]
    assert [cell.values for cell in one.cells] != [cell.values for cell in other.cells]
    assert len(one.cells) == 7  # six combinations, and the configuration
    assert one.repeated == 40 - 6


def test_every_cell_is_checked_as_a_configuration_before_anything_runs() -> None:
    """The one that is none is named; on request such are left out, and counted."""
    space = grid(**{ENTRY: "1,3,5", "leverage": "2,3"})
    with pytest.raises(ConfigError, match=f"cell {ENTRY}=1 leverage=2: .*allow_losing_thresholds"):
        cells_of(space, SETTINGS)
    found = cells_of(space, SETTINGS, skip_invalid=True)
    assert (len(found.cells), found.left_out) == (4, 2)
    with pytest.raises(ConfigError, match=r"leverage=2.5: .*whole number"):
        cells_of(grid(leverage="2.5"), SETTINGS)
    with pytest.raises(ConfigError, match=r"maybe.*true or false"):
        cells_of(grid(margin_top_up="maybe"), SETTINGS)


def test_a_file_and_the_command_line_are_one_space(tmp_path: Path) -> None:
    """What is typed replaces what the file has for that key; draws and seed, too."""
    file = tmp_path / "space.toml"
    file.write_text(f'draws = 9\nseed = 4\n[strategy]\n{ENTRY} = ["3", "5"]\n{RATIO} = {{from = "0.4", to = "0.6"}}\n')
    space = space_of(file, [f"{ENTRY}=8, 13"], None, None)
    assert [axis.key for axis in space.axes] == [ENTRY, RATIO]
    assert (space.axes[0].values, space.draws, space.seed) == (("8", "13"), 9, 4)
    changed = space_of(file, [], 5, 6)
    assert (changed.draws, changed.seed) == (5, 6)


@pytest.mark.parametrize(("text", "said"), [
    ("[strategy", "TOML"),
    ("draw = 3", "draws, seed, strategy"),
    ('draws = "3"', "a whole number"),
    ("draws = true", "a whole number"),
    ("strategy = 3", "a table"),
    ("draws = 3", "--space FILE"),
    (f'[strategy]\n{SKEW} = {{from = "1", to = "2"}}', "steps = N for a grid"),
    (f'draws = 0\n[strategy]\n{SKEW} = ["1"]', f"1 to {CELLS_MAX}"),
    (f'[strategy]\n{SKEW} = {{from = "1", to = "2", steps = 60}}\n{ENTRY} = {{from = "3", to = "9", steps = 60}}',
     "3600 combinations"),
])  # fmt: skip
def test_a_file_that_is_no_space_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """With its name, what was found, and what is allowed."""
    file = tmp_path / "space.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        space_of(file, [], None, None)
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


def test_a_file_that_is_not_there_and_a_text_without_values() -> None:
    """Named as well."""
    with pytest.raises(ConfigError, match="No such file"):
        space_of(Path("nowhere.toml"), [], None, None)
    with pytest.raises(ConfigError, match=r"--param.*KEY=VALUE"):
        space_of(None, ["leverage"], None, None)
