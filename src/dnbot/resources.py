"""Find the files that are not code: the checkout's own if there is a checkout, else the copies inside the wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def db_dir() -> Path:
    """Return the directory of the numbered SQL migrations; raises FileNotFoundError for a broken installation."""
    return _find("db")


def config_dir() -> Path:
    """Return the directory of the example configurations; raises FileNotFoundError for a broken installation."""
    return _find("config")


def _find(name: str) -> Path:
    # An installed package's grandparent is site-packages' parent: only pyproject.toml proves that it is a checkout.
    in_checkout = _CHECKOUT / name
    if (_CHECKOUT / "pyproject.toml").is_file() and in_checkout.is_dir():
        return in_checkout
    packaged = _PACKAGE / f"_{name}"
    if packaged.is_dir():
        return packaged
    raise FileNotFoundError(f"dnbot's {name}/ directory is neither at {in_checkout} nor at {packaged}: reinstall dnbot")
