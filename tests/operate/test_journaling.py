"""From settings to a journal: off unless a folder is named, and refused where it could not be written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from machine_kit import Bench

from dnbot.config import Settings, parse_settings
from dnbot.config.settings import JournalSettings
from dnbot.domain.errors import ConfigError
from dnbot.domain.messages import Stop
from dnbot.fleet.leases import LeaseTerms
from dnbot.lab.drills_alerts_stage import PARAMS
from dnbot.operate import journaling
from dnbot.operate.masking import Mask
from dnbot.operate.task_settings import task_settings
from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.record.step_reading import runs_of
from dnbot.record.words import RecordingFailed
from dnbot.strategy.machine import step
from dnbot.tasks.strategist import nobody_keeps

TEXT = """[strategy]
symbol = "BTC/USDT"
base_position_size = "0.06"
max_order_notional_quote = "1500"
"""
SETTINGS = Settings(strategy=PARAMS)


class Raised:
    """What alerts are raised."""

    def __init__(self) -> None:
        self.alerts: list[tuple[str, str, str]] = []

    def alert(self, level: str, key: str, text: str) -> None:
        """See `Monitors`."""
        self.alerts.append((level, key, text))


def opened(folder: Path | None, raised: Any = None, settings: Settings = SETTINGS) -> Any:
    """The journal of these settings."""
    log = EventLog(SystemClock(), [MemorySink()])
    monitors: Any = raised or Raised()
    return journaling.journal_of(settings, folder, lambda: "abc", SystemClock(), Mask(), monitors, log)


def test_nothing_is_written_where_no_folder_is_named(tmp_path: Path) -> None:
    """The steps are nobody's."""
    assert journaling.journal_folder(SETTINGS, None, tmp_path) is None
    assert opened(None) is None
    assert journaling.keep_of(None) is nobody_keeps


def test_the_command_line_goes_before_the_configuration(tmp_path: Path) -> None:
    """A folder of the configuration lies in the state folder, unless it is absolute."""
    told = msgspec.structs.replace(SETTINGS, journal=JournalSettings(folder="steps"))
    assert journaling.journal_folder(told, None, tmp_path) == tmp_path / "steps"
    assert journaling.journal_folder(told, Path("here"), tmp_path) == Path("here").resolve()


def test_a_journal_says_whose_run_it_is(tmp_path: Path) -> None:
    """Version, source, mode and settings; and its folder is as large as was allowed."""
    settings = msgspec.structs.replace(SETTINGS, journal=JournalSettings(folder="x", mib_max=16))
    journal = opened(tmp_path / "j", settings=settings)
    assert journal.folder._limits.bytes_max == 16 * 1024 * 1024
    bench = Bench()
    journal.pages.note(bench.context, Stop("now"), step(bench.context, Stop("now")))
    journal.pages.encode(1)
    journal.folder.write(journal.pages.take())
    journal.folder.close()
    (run,) = runs_of(tmp_path / "j")
    assert (run.head.source, run.head.mode, run.head.symbol) == ("abc", "sim", str(PARAMS.symbol))
    assert msgspec.json.decode(run.head.settings, type=Settings) == settings


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Named with what is allowed; one that is being written to, too."""
    (tmp_path / "x").write_text("something")
    with pytest.raises(ConfigError, match="files that are no recording"):
        opened(tmp_path)
    first = opened(tmp_path / "j")
    with pytest.raises(ConfigError, match="being recorded to"):
        opened(tmp_path / "j")
    first.folder.close()


async def test_a_disk_that_ends_it_is_told_to_people(
    tmp_path: Path, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an alert, once; the run inside goes on."""
    raised = Raised()
    journal = opened(tmp_path / "j", raised)

    async def inline(call: Any) -> None:
        call()

    def broken(_pages: object) -> None:
        raise RecordingFailed("no space")

    journal.elsewhere = inline
    monkeypatch.setattr(journal.folder, "write", broken)
    async with journaling.journalling(journal):
        await trio.sleep(3)
    assert [(level, key) for level, key, _ in raised.alerts] == [("warning", "journal")]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('folder = "a\\u0000b"', "journal.folder"), ("mib_max = 15", "journal.mib_max"),
        ("mib_max = 2000000", "journal.mib_max"),
    ],
)
def test_values_that_cannot_be_are_refused(text: str, key: str) -> None:
    """With the key and what is allowed."""
    with pytest.raises(ConfigError, match=key):
        parse_settings("x.toml", f"{TEXT}[journal]\n{text}\n")


def test_a_worker_writes_none(tmp_path: Path) -> None:
    """A task that asks for a journal is refused, rather than run without one."""
    text = f'mode = "sim"\n{TEXT}[journal]\nfolder = "x"\n[fakes]\naddress_file = "{tmp_path}/a"\n'
    with pytest.raises(ConfigError, match=r"journal\.folder"):
        task_settings("task 1", text, "DSN", LeaseTerms())
