"""A TOML file and the environment become frozen structs. Read `settings.py`, then `reading.py`, then `rules.py`."""

from __future__ import annotations

from dnbot.config.reading import load_settings as load_settings
from dnbot.config.reading import parse_settings as parse_settings
from dnbot.config.reading import strategy_kind as strategy_kind
from dnbot.config.reading import with_strategy as with_strategy
from dnbot.config.settings import SECTIONS as SECTIONS
from dnbot.config.settings import DatabaseSettings as DatabaseSettings
from dnbot.config.settings import FakesSettings as FakesSettings
from dnbot.config.settings import GateSettings as GateSettings
from dnbot.config.settings import MexcSettings as MexcSettings
from dnbot.config.settings import PaperSettings as PaperSettings
from dnbot.config.settings import PluginSettings as PluginSettings
from dnbot.config.settings import PluginUse as PluginUse
from dnbot.config.settings import Settings as Settings
from dnbot.config.settings import TransferSettings as TransferSettings
from dnbot.config.settings import WebSettings as WebSettings
