"""Packages of plugins, installed into a folder of a test: from their own pyproject.toml, without an index or a builder.

A wheel of pure Python is its modules beside a `.dist-info`; installing it is unpacking it. So that is what is made.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from dnbot.config import PluginUse

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "plugins"


def install(package: Path, site: Path) -> Path:
    """Unpack the package of this folder into `site`; returns its `.dist-info`."""
    text = (package / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    for module in (package / "src").iterdir():
        shutil.copytree(module, site / module.name, ignore=shutil.ignore_patterns("__pycache__"))
    return describe(site, project["name"], project["version"], project["entry-points"])


def write(site: Path, module: str, source: str, **entry_points: str) -> None:
    """A package of one module in `site`, with an entry point per kind: `alerts="NAME:OBJECT"`."""
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    points = {}
    for kind, point in entry_points.items():
        name, _, own = point.partition(":")
        points[f"dnbot.{kind}"] = {name: f"{module}:{own}"}
    describe(site, module.replace("_", "-"), "0.1", points)


def describe(site: Path, name: str, version: str, entry_points: dict[str, dict[str, str]]) -> Path:
    """What an installer writes beside the modules."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        line for group, points in entry_points.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return info


def use(kind: str, name: str, **more: object) -> PluginUse:
    """A row of the configuration."""
    return PluginUse(kind=kind, name=name, **more)  # type: ignore[arg-type]


def visible(monkeypatch: pytest.MonkeyPatch, site: Path) -> None:
    """Let this process, and whoever it starts with its path, find what is installed there."""
    site.mkdir(exist_ok=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
