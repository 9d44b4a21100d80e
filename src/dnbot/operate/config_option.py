"""`--config` of the commands that look at a bot or speak to it: which settings, and so which state folder and keys.

They also take $DNBOT_CONFIG, so that a hurried `dnbot kill` finds the right bot. `run` does not: what begins to trade
is named where it begins.
"""

from __future__ import annotations

from pathlib import Path

import click

from dnbot.config import Settings, load_settings
from dnbot.resources import config_dir

VARIABLE = "DNBOT_CONFIG"
_FILE = click.Path(path_type=Path, dir_okay=False)

CONFIG = click.option("--config", type=_FILE, help="TOML; default: the demo.")
CONFIG_OF_BOT = click.option(
    "--config", type=_FILE, envvar=VARIABLE, help=f"TOML; default: the file that ${VARIABLE} names, else the demo."
)


def settings_of(config: Path | None) -> Settings:
    """The settings of a file, or of the demo. Raises ConfigError."""
    return load_settings(config or config_dir() / "demo.toml")
