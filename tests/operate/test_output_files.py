"""Files that a person asked for and that cannot be written: a sentence with option and path, before the work where it
can be known there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dnbot.cli import commands
from dnbot.domain.errors import ConfigError
from dnbot.operate import control_client, run
from dnbot.operate.face import PlainFace
from dnbot.operate.output_files import write_file, writing
from dnbot.operate.status import Status
from dnbot.operate.summary import tell_summary

FULL = Path("/dev/full")
"""It is there and may be opened; whatever is written finds no space."""
LONG = "x" * 300
"""No file system has such a name, also not for root."""
SUMMARY = dict.fromkeys(
    ("exit_reason", "duration_s", "executions", "round_trips", "realised_pnl_quote", "delta_base_final",
     "ledger_residual"), "0",
) | {"market": {"name": "fakes"}}


@pytest.fixture
def runner(tmp_path: Path) -> CliRunner:
    """Of a state folder without a database."""
    return CliRunner(env={"DNBOT_HOME": str(tmp_path / "state")})


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word for each run that began, and ended at once."""
    began: list[str] = []

    async def run_settings(*_: object) -> int:
        began.append("run")
        return 0

    monkeypatch.setattr(run, "run_settings", run_settings)
    return began


def test_a_summary_that_cannot_be_written_is_found_before_the_run(
    tmp_path: Path, runner: CliRunner, ran: list[str]
) -> None:
    """Also where its folder is fine."""
    told = runner.invoke(commands, ["run", "--summary", str(tmp_path / LONG)])
    assert (told.exit_code, ran) == (2, [])
    assert f"{tmp_path / LONG}: --summary: found 'File name too long'" in told.stderr


@pytest.mark.parametrize("place", ["new/folder/s.json", "old.json", "link.json"])
def test_finding_out_leaves_nothing_and_changes_nothing(
    tmp_path: Path, runner: CliRunner, ran: list[str], place: str
) -> None:
    """An old summary stays until there is a new one; a link may lead to a file that is not there yet."""
    (tmp_path / "old.json").write_text("old")
    (tmp_path / "link.json").symlink_to(tmp_path / "new.json")
    assert runner.invoke(commands, ["run", "--summary", str(tmp_path / place)]).exit_code == 0
    assert ran == ["run"]
    assert (tmp_path / "old.json").read_text() == "old"
    assert [path.name for path in tmp_path.rglob("*.json") if path.exists()] == ["old.json"]


def test_a_device_is_written_and_not_tried(runner: CliRunner, ran: list[str]) -> None:
    """Opening a pipe could wait for its reader."""
    assert runner.invoke(commands, ["run", "--summary", "/dev/null"]).exit_code == 0
    assert ran == ["run"]


def test_a_summary_that_cannot_be_written_after_all_is_told_beside_the_last_line(
    capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk may have become full; the run keeps its own end."""
    tell_summary(SUMMARY, FULL, None)
    told = capsys.readouterr()
    assert told.err == (
        "dnbot: /dev/full: --summary: found 'No space left on device'; allowed: a file that can be written\n"
    )
    assert told.out.startswith("ended: 0 after 0 s")


def test_where_the_face_is_on_standard_error_both_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    """As in a run that only closes the position."""
    tell_summary(SUMMARY, FULL, PlainFace(sys.stderr))
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["dnbot", "ended"]


@pytest.mark.parametrize("path", [FULL, Path(LONG)])
def test_a_picture_that_cannot_be_written(
    path: Path, runner: CliRunner, lively: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of `status`."""

    async def ask_status(*_: object) -> Status:
        return lively

    monkeypatch.setattr(control_client, "ask_status", ask_status)
    told = runner.invoke(commands, ["status", "--svg", str(path)])
    assert told.exit_code == 2
    assert f"{path}: --svg: found" in told.stderr


@pytest.mark.parametrize("line", [
    "report --html", "report --json", "report --csv", "analyze funding --html", "analyze funding --csv",
])
def test_reports_that_cannot_be_written_are_found_before_the_database_is_read(line: str, runner: CliRunner) -> None:
    """There is none here, and it is not missed."""
    told = runner.invoke(commands, [*line.split(), LONG])
    assert told.exit_code == 2
    assert f"{LONG}: {line.rsplit(maxsplit=1)[-1]}: found 'File name too long'" in told.stderr


def test_files_that_find_no_space() -> None:
    """A page, figures or a table: the disk became full meanwhile."""
    with pytest.raises(ConfigError, match="--html: found 'No space left on device'"):
        write_file(FULL, "page", "--html")
    with pytest.raises(ConfigError, match=r"tables: --csv: found 'disk gone'"), writing(Path("tables"), "--csv"):
        raise OSError("disk gone")
