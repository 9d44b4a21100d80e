"""Which source something was simulated with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ROOTS = ("dnbot.lab.simulation", "dnbot.lab.swarm")
"""What a simulation begins with."""
MACHINE = ("dnbot.strategy.machine",)
"""What decides."""
DIGITS = 12
_IMPORT = re.compile(
    r"^[ \t]*from[ \t]+(?P<base>[.\w]+)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n]+)"
    r"|^[ \t]*import[ \t]+(?P<whole>[.\w]+)",
    re.MULTILINE,
)


def source_digest(roots: Iterable[str] = ROOTS) -> bytes:
    """SHA-256 over the names and contents of the modules that a simulation can reach: the same on every machine.

    What only shows or serves (pages, commands, metrics' address) is not among them, and changes no run.
    """
    digest = hashlib.sha256()
    for name in reachable(roots):
        path = _file(name)
        assert path is not None  # `reachable` has only those that are there
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.digest()


def machine_source() -> str:
    """The first digits of the digest of what decides: whoever replays a journal asks whether it is the same."""
    return source_digest(MACHINE).hex()[:DIGITS]


def reachable(roots: Iterable[str] = ROOTS) -> list[str]:
    """Names of this package's modules that these import, directly or by others, and their own; sorted."""
    found: set[str] = set()
    left = list(roots)
    while left:
        name = left.pop()
        path = _file(name)
        if path is None or name in found:
            continue
        found.add(name)
        left += [name.rpartition(".")[0], *_imported(name, path)]
    return sorted(found)


def _imported(name: str, path: Path) -> Iterator[str]:
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for match in _IMPORT.finditer(path.read_text(encoding="utf-8")):
        base = match["whole"] or match["base"]
        dots = len(base) - len(base.lstrip("."))
        if dots:
            base = ".".join([*package[: len(package) - dots + 1], *filter(None, [base[dots:]])])
        yield base
        yield from (f"{base}.{word}" for word in re.findall(r"\w+", match["names"] or ""))


def _file(name: str) -> Path | None:
    """Where a module of this package stands, or None for another's and for what is no module."""
    head, *rest = name.split(".")
    if head != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*rest)
    if path.with_suffix(".py").is_file() and rest:
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").is_file() else None
