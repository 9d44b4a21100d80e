"""What several commands of the command line share: `--config`, and durations."""

from __future__ import annotations

import click

from dnbot.operate.config_option import CONFIG as CONFIG
from dnbot.operate.config_option import settings_of as settings_of


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
