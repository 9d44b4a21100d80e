"""The plugin as other projects meet it: found by its entry point, harmless to runs that do not use it, lazy."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import dnbot.testing
from dnbot.testing import FakeExchanges, Faults, HarnessError, ScriptedMarket, plugin

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def installed(folder: Path) -> dict[str, str]:
    """An environment in which dnbot looks installed, with the entry points that pyproject.toml declares."""
    about = folder / "dnbot-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: dnbot\nVersion: 0\n")
    points = PROJECT["entry-points"]["pytest11"]
    (about / "entry_points.txt").write_text("[pytest11]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "src")])}


def run_pytest(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest in another project, whose one file holds this text."""
    project = folder / "project"
    project.mkdir()
    (project / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n")
    (project / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *options]
    environment = installed(folder)
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=200)


def test_the_entry_point_leads_to_the_plugin() -> None:
    """What pyproject.toml declares can be loaded, and is named as its module, so that it is never loaded twice."""
    ((name, value),) = PROJECT["entry-points"]["pytest11"].items()
    assert EntryPoint(name, value, "pytest11").load() is plugin
    assert name == plugin.__name__


@pytest.mark.slow
def test_an_installed_plugin_gives_its_fixtures(tmp_path: Path) -> None:
    """Fixtures, marker and virtual time without a line of configuration. Asking for it by name besides does no harm."""
    text = """
import pytest, trio

@pytest.mark.dnbot_fakes(seed=5, market="calibrated")
async def test_memory(fake_exchanges):
    await trio.sleep(3)
    assert isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)
    assert fake_exchanges.stage.world.config.seed == 5
    assert fake_exchanges.stage.world.params.name == "calibrated"

@pytest.mark.trio
async def test_real_time_elsewhere():
    assert not isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)

async def test_script(bot, market_script):
    await bot.until("DELTA_NEUTRAL_ACTIVE")
"""
    done = run_pytest(tmp_path, "import trio.testing\n" + text, "-p", "dnbot.testing.plugin")
    assert "3 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_a_run_that_does_not_use_it_pays_nothing(tmp_path: Path) -> None:
    """Loaded by its entry point, also without pytest-trio, it imports nothing but pytest, and disturbs nothing."""
    text = """
import sys

def test_what_is_imported(request):
    assert request.config.pluginmanager.has_plugin("dnbot.testing.plugin")
    ours = {name for name in sys.modules if name.split(".")[0] == "dnbot"}
    assert ours == {"dnbot", "dnbot.testing", "dnbot.testing.plugin"}
    assert not {"httpcore", "msgspec", "trio_websocket"} & set(sys.modules)
"""
    done = run_pytest(tmp_path, text, "-p", "no:trio", "-p", "no:pytest_trio")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_every_public_name_is_there_and_typed() -> None:
    """What type checkers see in `dnbot.testing` is what is there at run time, and everything is documented."""
    tree = ast.parse(Path(dnbot.testing.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(dnbot.testing.__all__)
    for name in dnbot.testing.__all__:
        assert getattr(dnbot.testing, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dnbot.testing.nothing
    with pytest.raises(ImportError):
        from dnbot.testing import nothing  # noqa: F401


def test_fixtures_have_a_sentence() -> None:
    """`pytest --fixtures` explains each."""
    text = Path(plugin.__file__).read_text(encoding="utf-8")
    names = re.findall(r"@pytest\.fixture\n(?:async )?def (\w+)", text)
    assert {"fake_exchanges", "fake_exchange_servers", "market_script", "faults", "bot"} <= set(names)
    functions = {n.name: n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert [name for name in names if not ast.get_docstring(functions[name])] == []


async def test_the_script_and_the_faults_are_those_of_the_tests_fakes(
    faults: Faults, market_script: ScriptedMarket, fake_exchanges: FakeExchanges
) -> None:
    """Whatever the order in which the fixtures are asked for."""
    market_script.set_mid(61000)
    assert fake_exchanges.book("gate").mid == 61000
    faults.on("clock_skewed", venue="mexc", ahead_ms=700)
    assert fake_exchanges.stage.world.clock.skew_ns == {"mexc_spot": 700_000_000}


def test_a_script_without_fakes_is_told_what_is_missing(market_script: ScriptedMarket) -> None:
    """Nothing to move: the error names the fixtures that would give something."""
    with pytest.raises(HarnessError, match="fake_exchange_servers"):
        market_script.set_mid(61000)
