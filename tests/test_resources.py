"""dnbot.resources: where the files that are not code are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnbot import resources


def lay_out(root: Path, *directories: str, checkout: bool) -> Path:
    """Make a tree with the given directories; return where the package would be."""
    package = root / "src" / "dnbot"
    for directory in (package, *(root / name for name in directories)):
        directory.mkdir(parents=True, exist_ok=True)
    if checkout:
        (root / "pyproject.toml").touch()
    return package


def use(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    """Pretend that dnbot is installed at `package`."""
    monkeypatch.setattr(resources, "_PACKAGE", package)
    monkeypatch.setattr(resources, "_CHECKOUT", package.parent.parent)


def test_a_checkout_uses_its_own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a checkout db/ and config/ at the root come first, before any packaged copy."""
    use(monkeypatch, lay_out(tmp_path, "db", "config", "src/dnbot/_db", "src/dnbot/_config", checkout=True))
    assert resources.db_dir() == tmp_path / "db"
    assert resources.config_dir() == tmp_path / "config"


def test_an_installed_package_uses_its_copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a checkout the packaged copies are used, even if a stranger's db/ happens to lie two levels up."""
    package = lay_out(tmp_path, "db", "src/dnbot/_db", "src/dnbot/_config", checkout=False)
    use(monkeypatch, package)
    assert resources.db_dir() == package / "_db"
    assert resources.config_dir() == package / "_config"


def test_a_broken_installation_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With neither present the error says where both were looked for."""
    use(monkeypatch, lay_out(tmp_path, checkout=True))
    with pytest.raises(FileNotFoundError, match=r"db.*_db.*reinstall"):
        resources.db_dir()
