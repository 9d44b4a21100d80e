"""Evidence: on the disk trial by trial, gone on from, and never mixed with that of something else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from trial_kit import ENTRY, SETTINGS, cells, figures, splits, trials

from dnbot.domain.errors import ConfigError
from dnbot.research import trial_file as subject
from dnbot.research.latency import MODELS
from dnbot.research.recorded import DataFile
from dnbot.research.trial import Trial
from dnbot.research.trial_file import Identity, trial_file

FILE = DataFile(name="spot/btcusdt.gz", bytes=9, sha256="ab" * 32, lines=3, first_ns=1, last_ns=2)
TRIALS = list(trials(cells(**{ENTRY: "3,5,8"}), splits(1), lambda *_: figures("1.50")).values())


def identity(**changes: Any) -> Identity:
    """That of a study of one file."""
    settings = msgspec.to_builtins(SETTINGS.strategy, str_keys=True)
    known: dict[str, Any] = {
        "version": "1", "python": "3.11", "source": "abc", "symbol": "BTC/USDT", "data": (FILE,), "funding_sha256": "",
        "shown": {"gate_spot": "as it is"}, "latency": MODELS["regional"], "seed": 1, "order_path": "rest",
        "speed": 1.0, "fees": {"gate_spot": (Decimal("0.002"), Decimal("0.002"))}, "settings": settings,
    }
    return Identity(**{**known, **changes})


def written(path: Path, made: list[Trial]) -> None:
    """A file with these trials."""
    with trial_file(path, identity(), resume=False) as file:
        for trial in made:
            file.add(trial)


def test_what_was_written_is_found_again(tmp_path: Path) -> None:
    """To the last digit, under what it is a trial of; a newer one of the same takes its place."""
    path = tmp_path / "e.jsonl"
    written(path, TRIALS[:3])
    newer = msgspec.structs.replace(TRIALS[0], figures=figures(9))
    with trial_file(path, identity(), resume=True) as file:
        assert file.found == {trial.key: trial for trial in TRIALS[:3]}
        file.add(newer)
    with trial_file(path, identity(), resume=True) as file:
        assert file.found[newer.key] == newer
        assert len(file.found) == 3


def test_each_trial_is_on_the_disk_at_once(tmp_path: Path) -> None:
    """Before the next one is waited for, by a line of its own."""
    path = tmp_path / "e.jsonl"
    with trial_file(path, identity(), resume=False) as file:
        for number, trial in enumerate(TRIALS, 1):
            file.add(trial)
            assert len(path.read_bytes().splitlines()) == 1 + number


@pytest.mark.parametrize("torn", [1, 7, 60])
def test_a_line_that_a_kill_tore_is_cut_off(tmp_path: Path, torn: int) -> None:
    """The others are as they were, and the file goes on whole."""
    path = tmp_path / "e.jsonl"
    written(path, TRIALS[:2])
    whole = path.read_bytes()
    written(tmp_path / "other.jsonl", TRIALS[:3])
    path.write_bytes(whole + (tmp_path / "other.jsonl").read_bytes()[len(whole):][:torn])
    with trial_file(path, identity(), resume=True) as file:
        assert len(file.found) == 2
        file.add(TRIALS[2])
    assert path.read_bytes() == (tmp_path / "other.jsonl").read_bytes()


def test_a_file_whose_first_line_was_torn_begins_anew(tmp_path: Path) -> None:
    """Nothing was in it yet."""
    path = tmp_path / "e.jsonl"
    path.write_bytes(b'{"kind":"stu')
    with trial_file(path, identity(), resume=True) as file:
        assert file.found == {}
    assert msgspec.json.decode(path.read_bytes(), type=Identity) == identity()


def test_a_file_is_not_written_over(tmp_path: Path) -> None:
    """Without --resume it is left alone; with it, a file need not be there."""
    path = tmp_path / "e.jsonl"
    written(path, TRIALS[:1])
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="--resume to go on"), trial_file(path, identity(), resume=False):
        pass
    assert path.read_bytes() == before
    with trial_file(tmp_path / "new.jsonl", identity(), resume=True) as file:
        assert file.found == {}


@pytest.mark.parametrize(("changes", "said"), [
    ({"source": "def"}, "source: found 'abc'; allowed: def"),
    ({"data": (msgspec.structs.replace(FILE, sha256="cd" * 32),)}, "data: found 'spot/btcusdt.gz abababab'.*cdcdcdcd"),
    ({"seed": 2}, "seed: found '1'"),
    ({"latency": MODELS["far"]}, "latency"),
    ({"funding_sha256": "ee"}, "funding_sha256"),
    ({"shown": {"gate_spot": "later"}}, "shown.gate_spot: found 'as it is'"),
    ({"fees": {}}, "fees.gate_spot"),
    ({"speed": 480.0}, "speed"),
    ({"version": "2"}, "version"),
    ({"settings": {**identity().settings, "leverage": 3}}, "settings.leverage: found '2'"),
])  # fmt: skip
def test_trials_of_something_else_are_not_gone_on_from(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """What differs is named, with both, and the file is left alone."""
    path = tmp_path / "e.jsonl"
    written(path, TRIALS[:1])
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=said), trial_file(path, identity(**changes), resume=True):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize(("content", "said"), [
    (b"hello\n", "line 1"),
    (b'{"kind":"other"}\n', "line 1"),
    (msgspec.json.encode(TRIALS[0]) + b"\n", "line 1.*a trial"),
    (msgspec.json.encode(identity()) + b"\n{}\n", "line 2"),
    (2 * (msgspec.json.encode(identity()) + b"\n"), "line 2.*another study"),
])  # fmt: skip
def test_a_file_that_is_no_evidence_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """With the line that is none."""
    path = tmp_path / "e.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said), trial_file(path, identity(), resume=True):
        pass
    assert path.read_bytes() == content


def test_only_one_writes(tmp_path: Path) -> None:
    """A second study on the same file is told so."""
    path = tmp_path / "e.jsonl"
    with trial_file(path, identity(), resume=False):  # noqa: SIM117 (the first one stays open)
        with pytest.raises(ConfigError, match="another run that is writing it"), \
                trial_file(path, identity(), resume=True):
            pass
    with pytest.raises(ConfigError, match="a file that can be written"), trial_file(tmp_path, identity(), resume=True):
        pass


@pytest.mark.usefixtures("heard")
def test_ctrl_c_does_not_tear_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes once the trial is on the disk."""
    path, synced = tmp_path / "e.jsonl", os.fsync

    def interrupting(number: int) -> None:
        signal.raise_signal(signal.SIGINT)
        synced(number)

    with trial_file(path, identity(), resume=False) as file:
        monkeypatch.setattr(subject.os, "fsync", interrupting)
        with pytest.raises(KeyboardInterrupt):
            file.add(TRIALS[0])
    assert len(path.read_bytes().splitlines()) == 2


@pytest.mark.slow
def test_after_a_kill_the_trials_are_there(tmp_path: Path) -> None:
    """A process that was killed in the middle of its work left every trial that it had added."""
    path = tmp_path / "e.jsonl"
    here = Path(__file__).parent
    program = (
        f"import sys, os; sys.path[:0] = [{str(here)!r}, {str(here.parent / 'kit')!r}]\n"
        "from pathlib import Path; import test_trial_file as t\n"
        "with t.trial_file(Path(sys.argv[1]), t.identity(), resume=False) as file:\n"
        "    for trial in t.TRIALS[:3]: file.add(trial)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == -signal.SIGKILL
    with trial_file(path, identity(), resume=True) as file:
        assert set(file.found) == {trial.key for trial in TRIALS[:3]}
