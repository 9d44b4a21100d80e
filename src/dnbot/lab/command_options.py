"""What several commands of the command line share: `--config`, and durations."""

from __future__ import annotations

from pathlib import Path

import click

from dnbot.config.reading import load_settings
from dnbot.config.settings import Settings
from dnbot.resources import config_dir

CONFIG = click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML; default: the demo.")


def settings_of(config: Path | None) -> Settings:
    """The settings of a file, or of the demo. Raises ConfigError."""
    return load_settings(config or config_dir() / "demo.toml")


def duration_option(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    """A callback: seconds of a text such as 60s, 10m or 2h."""
    if text is None:
        return None
    from dnbot.fakes.config_text import seconds_from

    try:
        seconds = seconds_from(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 10**9:
        raise click.BadParameter(f"{text!r} is not a duration such as 60s, 10m or 2h")
    return seconds
