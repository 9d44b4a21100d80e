"""The digest that evidence names covers what a simulation runs, and not what only shows or serves it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dnbot.lab.source import reachable

LOADED = """
import sys
from dnbot.config.reading import load_settings
from dnbot.lab.simulation import simulate
from dnbot.lab.swarm import draw
from dnbot.resources import config_dir
simulate(draw(3, "swarm", 20.0), load_settings(config_dir() / "demo.toml").strategy, 20.0)
print(*sorted(name for name in sys.modules if name.split(".")[0] == "dnbot"))
"""


@pytest.mark.slow
def test_every_module_that_a_simulation_loads_is_in_it() -> None:
    """But for the configuration, which evidence has as parameters."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=120)
    loaded = set(done.stdout.split())
    assert len(loaded) > 300
    beside = ("dnbot.config", "dnbot.resources", "dnbot.monitor", "dnbot.strategy.transfer_plan")
    missing = loaded - set(reachable())
    assert [name for name in sorted(missing) if not name.startswith(beside)] == []


def test_what_only_serves_is_not() -> None:
    """A page can change without another campaign."""
    parts = {name.split(".")[1] for name in reachable() if "." in name}
    assert {"strategy", "venues", "fakes", "lab", "tasks", "ports", "domain", "bot"} <= parts
    assert not parts & {"web", "operate", "cli", "__main__"}
