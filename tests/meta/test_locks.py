"""What is installed is what is declared and what that asks for: no package comes from anywhere else."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OWN: list[str] = PROJECT["project"]["dependencies"]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
DECLARED = {
    "requirements.lock": OWN,
    "requirements-dev.lock": [*OWN, *GROUPS["dev"]],
    "requirements-bench.lock": [*OWN, *GROUPS["bench"]],
    "requirements-conformance.lock": GROUPS["conformance"],
}


def locked(lock: str) -> set[str]:
    """The names of a lock."""
    names = re.findall(r"^([a-zA-Z0-9._-]+)(?:\[[a-z,]+\])?==", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name) for name in names}


def asked_for(declared: list[str]) -> set[str]:
    """Every name that the declared ones lead to by the metadata of what is installed, on whatever system.

    A requirement of an extra counts where that extra is asked for. What is asked for and not installed here, because
    it is for another system, counts, and leads nowhere.
    """
    waiting = [Requirement(text) for text in declared]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        for extra in ("", *wanted.extras):
            if (wanted.name, extra) in seen:
                continue
            seen.add((wanted.name, extra))
            try:
                texts = distribution(wanted.name).requires or []
            except PackageNotFoundError:
                continue
            waiting += [one for one in map(Requirement, texts) if _counts(one, extra)]
    return {canonicalize_name(name) for name, _ in seen}


def _counts(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    if marker is None or "extra" not in str(marker):
        return extra == ""
    return extra != "" and marker.evaluate({"extra": extra})


@pytest.mark.parametrize("lock", DECLARED)
def test_everything_declared_is_locked(lock: str) -> None:
    """By its name; the version and the hashes are the lock's."""
    assert {canonicalize_name(Requirement(text).name) for text in DECLARED[lock]} - locked(lock) == set()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_nothing_is_locked_that_nobody_asked_for(lock: str) -> None:
    """Each name of a lock is declared, or is required by one that is: a name that slipped in stands alone."""
    assert locked(lock) - asked_for(DECLARED[lock]) == set()


def test_a_name_that_slipped_in_would_be_seen() -> None:
    """A package that is installed, and that the bot does not declare, is not among what its packages ask for."""
    assert "pytest" in locked("requirements-dev.lock")
    assert "pytest" not in asked_for(OWN)
    assert {"attrs", "sortedcontainers"} <= asked_for(OWN)


def test_no_lock_comes_from_a_name_that_was_warned_of() -> None:
    """A library that had keys sent elsewhere bore almost the name of a good one; the good one has no such siblings."""
    names = set().union(*map(locked, DECLARED))
    assert {name for name in names if "ccxt" in name or "mexc" in name} <= {"ccxt", "pymexc", "typed-mexc"}
