"""./dnbot, the executable at the root that makes .venv and hands over to it."""

from __future__ import annotations

import ast
import errno
import importlib.util
import os
import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NoReturn

import pytest
from packaging.requirements import Requirement

from dnbot import __version__

SCRIPT = Path(__file__).resolve().parents[2] / "dnbot"
VERSION = "src/dnbot/__init__.py"
PROJECT = "pyproject.toml"
EXTRAS = '[project.optional-dependencies]\nsome = ["other>=1"]\n'


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """Load ./dnbot as a module whose checkout is an empty directory with its locks and its version."""
    spec = importlib.util.spec_from_loader("bootstrap", SourceFileLoader("bootstrap", str(SCRIPT)))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for name, folder in {"VENV": ".venv", "CLIENTS": ".venv-conformance", "BENCH": ".venv-bench"}.items():
        monkeypatch.setattr(module, name, tmp_path / folder)
        (tmp_path / folder / "bin").mkdir(parents=True)
        (tmp_path / folder / "bin" / "python").symlink_to(sys.executable)
    for lock in (module.RUN_LOCK, module.DEV_LOCK, module.CLIENTS_LOCK, module.BENCH_LOCK):
        (tmp_path / lock).write_text(f"pins of {lock}")
    (tmp_path / VERSION).parent.mkdir(parents=True)
    (tmp_path / VERSION).write_text('__version__ = "1.2.3"\n')
    (tmp_path / PROJECT).write_text(EXTRAS)
    return module


def installed(script: ModuleType, lock: str) -> None:
    """Leave .venv as an installation of `lock` that came to its end."""
    script.stamp(lock).write_text(script.fingerprint(lock))


def test_it_parses_on_an_old_python_and_needs_no_package() -> None:
    """Python 3.6 can read it far enough to say what is missing, and it imports the standard library alone."""
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)
    assert "__future__" not in imported


def test_a_complete_installation_is_used_as_it_is(script: ModuleType) -> None:
    """Only the lock that was installed counts, and the development lock serves the bot as well."""
    assert not script.is_ready(script.RUN_LOCK)
    installed(script, script.RUN_LOCK)
    assert script.is_ready(script.RUN_LOCK)
    assert not script.is_ready(script.DEV_LOCK)
    script.stamp(script.RUN_LOCK).unlink()
    installed(script, script.DEV_LOCK)
    assert script.is_ready(script.RUN_LOCK)
    assert script.is_ready(script.DEV_LOCK)


def test_a_torn_installation_is_never_used(script: ModuleType) -> None:
    """While packages are being written, or after that was interrupted, .venv counts as absent."""
    installed(script, script.DEV_LOCK)
    script.installing(script.DEV_LOCK).touch()
    assert not script.is_ready(script.DEV_LOCK)


def test_an_interpreter_that_is_gone_is_noticed(script: ModuleType) -> None:
    """A .venv whose Python was removed from the system counts as absent."""
    installed(script, script.DEV_LOCK)
    script.python_of(script.DEV_LOCK).unlink()
    script.python_of(script.DEV_LOCK).symlink_to(script.VENV / "gone")
    assert not script.is_ready(script.DEV_LOCK)


@pytest.mark.parametrize("changed", ["RUN_LOCK", "DEV_LOCK"])
def test_a_changed_lock_is_installed_again(script: ModuleType, changed: str) -> None:
    """Either lock, once changed, makes an older installation stale."""
    installed(script, script.DEV_LOCK)
    (script.ROOT / getattr(script, changed)).write_text("other pins")
    assert not script.is_ready(script.DEV_LOCK)


def test_a_moved_checkout_is_installed_again(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A .venv belongs to the place it was made for."""
    installed(script, script.DEV_LOCK)
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / VERSION).parent.mkdir(parents=True)
    for name in (script.RUN_LOCK, script.DEV_LOCK, VERSION, PROJECT):
        (moved / name).write_bytes((tmp_path / name).read_bytes())
    monkeypatch.setattr(script, "ROOT", moved)
    assert not script.is_ready(script.DEV_LOCK)


def test_another_version_is_installed_again(script: ModuleType) -> None:
    """Installers are told a version: that of the code."""
    installed(script, script.DEV_LOCK)
    (script.ROOT / VERSION).write_text('__version__ = "1.2.4"\n')
    assert not script.is_ready(script.DEV_LOCK)


def test_other_extras_are_told_to_installers(script: ModuleType) -> None:
    """They are in what says that dnbot is installed; nothing else of the project's file is."""
    installed(script, script.DEV_LOCK)
    (script.ROOT / PROJECT).write_text(f"[project]\n\n{EXTRAS}\n[tool.other]\n")
    assert script.is_ready(script.DEV_LOCK)
    (script.ROOT / PROJECT).write_text(EXTRAS.replace("other", "another"))
    assert not script.is_ready(script.DEV_LOCK)


def test_a_stamp_that_a_build_takes_away_at_this_moment(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there a moment ago: not ready, and so this process waits for that build."""

    def gone() -> NoReturn:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr(script, "stamp", lambda _lock: SimpleNamespace(exists=lambda: True, read_text=gone))
    assert not script.is_ready(script.RUN_LOCK)


def test_no_older_stamp_outlives_an_installation(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two locks share .venv: back on older code, the stamp of the other lock would say that its packages are there."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.setattr(script.shutil, "which", lambda _name: None)
    monkeypatch.setattr(script, "works", lambda _python: True)
    monkeypatch.setattr(script, "install_by_pip", lambda lock, _torn: script.installing(lock).touch())
    monkeypatch.setattr(
        script.subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, 0, f"{site}\n".encode())
    )
    installed(script, script.DEV_LOCK)
    (script.ROOT / script.RUN_LOCK).write_text("newer pins")
    script.build(script.RUN_LOCK)
    assert script.is_ready(script.RUN_LOCK)
    (script.ROOT / script.RUN_LOCK).write_text(f"pins of {script.RUN_LOCK}")
    assert not script.is_ready(script.RUN_LOCK)
    assert not script.is_ready(script.DEV_LOCK)
    assert [found.version for found in metadata.distributions(name="dnbot", path=[str(site)])] == ["1.2.3"]


def test_what_asks_for_dnbot_finds_it_installed(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As installers look: by name, in the version of the code, and once, whatever was there before."""
    site = tmp_path / "site-packages"
    for older in ("dnbot-0.0.1.dist-info", "dnbot_alerts_file-1.0.0.dist-info"):
        (site / older).mkdir(parents=True)
    monkeypatch.setattr(script, "ROOT", SCRIPT.parent)
    for _ in range(2):
        script.introduce(site)
    found = [(one.name, one.version) for one in metadata.distributions(name="dnbot", path=[str(site)])]
    assert found == [("dnbot", __version__)]
    assert (site / "dnbot_alerts_file-1.0.0.dist-info").exists()
    assert (site / "dnbot-src.pth").read_text() == f"{SCRIPT.parent / 'src'}\n"


def test_its_extras_are_those_of_the_project(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`pip install "dnbot[otel]"` finds dnbot installed, and brings what that extra wants and nothing else."""
    monkeypatch.setattr(script, "ROOT", SCRIPT.parent)
    site = tmp_path / "site-packages"
    site.mkdir()
    script.introduce(site)
    (found,) = metadata.distributions(name="dnbot", path=[str(site)])
    extras = tomllib.loads((SCRIPT.parent / PROJECT).read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert found.metadata.get_all("Provides-Extra") == list(extras)
    asked = [Requirement(text) for text in found.requires or []]
    for extra in ("", *extras):
        brought = [one for one in asked if one.marker is None or one.marker.evaluate({"extra": extra})]
        assert [f"{one.name}{one.specifier}" for one in brought] == extras.get(extra, [])


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_who_cannot_write_is_told_so(script: ModuleType, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """One sentence, also where the checkout is read-only for everybody, as under the systemd unit."""

    def refused(path: str, *_: object) -> NoReturn:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(script, "open", refused, raising=False)
    with pytest.raises(SystemExit, match=r"cannot write .*\.venv\.lock: run once as a user who can"):
        script.prepare(script.RUN_LOCK)


@pytest.mark.parametrize("apart", ["CLIENTS_LOCK", "BENCH_LOCK"])
def test_other_peoples_packages_live_apart(script: ModuleType, apart: str) -> None:
    """Each such lock has an environment of its own, which serves for no other."""
    lock = getattr(script, apart)
    installed(script, lock)
    assert script.is_ready(lock)
    others = {script.RUN_LOCK, script.DEV_LOCK, script.CLIENTS_LOCK, script.BENCH_LOCK} - {lock}
    assert [other for other in others if script.is_ready(other)] == []
    assert script.python_of(lock) not in {script.python_of(other) for other in others}


@pytest.mark.parametrize("arguments", [["-n0"], ["-n", "4"], ["-p", "no:xdist"], ["--co"], ["--pdb"], ["--version"]])
def test_a_caller_may_choose_one_process(script: ModuleType, arguments: list[str]) -> None:
    """Tests are spread over the cores unless the caller chose, or asked for what needs one process."""
    assert script.parallel(arguments) == []
    assert script.parallel(["tests/domain", "-k", "fee", "--color=no"])[0] == "-n"


def test_coverage_is_judged_only_when_asked(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the tests run by hand does not fail for the code that it does not cover."""
    monkeypatch.delenv("DNBOT_COVERAGE_MIN", raising=False)
    assert script.coverage() == []
    monkeypatch.setenv("DNBOT_COVERAGE_MIN", "95")
    assert "--cov-fail-under=95" in script.coverage()


@pytest.mark.parametrize("command", [["uv", "pip", "install"], ["python", "-m", "pip", "install"]])
def test_only_hashed_wheels_are_installed(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Whichever installer: every hash is checked, and no package may run a program of its own to be built."""
    asked: list[list[str]] = []
    monkeypatch.setattr(script.subprocess, "run", lambda words, **_: asked.append(words))
    script.install(command, script.RUN_LOCK)
    assert asked == [
        [*command, "--require-hashes", "--only-binary", ":all:", "-r", str(script.ROOT / script.RUN_LOCK)]
    ]
