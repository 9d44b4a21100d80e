"""`--config` of the commands that look at a bot or speak to it: which settings, and so which state folder and keys.

They also take $DNBOT_CONFIG, so that a hurried `dnbot kill` finds the right bot. `run` does not: what begins to trade
is named where it begins.
"""

from __future__ import annotations

from pathlib import Path

import click

from dnbot.config import Settings, load_settings
from dnbot.config.rules import check_to_trade
from dnbot.resources import config_dir

VARIABLE = "DNBOT_CONFIG"
_FILE = click.Path(path_type=Path, dir_okay=False)

CONFIG = click.option("--config", type=_FILE, help="TOML; default: the demo.")
CONFIG_OF_BOT = click.option(
    "--config", type=_FILE, envvar=VARIABLE, help=f"TOML; default: the file that ${VARIABLE} names, else the demo."
)


def settings_of(config: Path | None) -> Settings:
    """The settings of a file, or of the demo. Raises ConfigError."""
    return load_settings(_file_of(config))


def settings_to_trade(config: Path | None) -> Settings:
    """The same, for who begins to trade with them; raises ConfigError also where nothing should."""
    settings = settings_of(config)
    check_to_trade(str(_file_of(config)), settings)
    return settings


def _file_of(config: Path | None) -> Path:
    return config or config_dir() / "demo.toml"
