"""What a long measurement has done so far, in the file of `--json`: one that was interrupted goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from dnbot.lab.source import source_digest

SUITE = Path(__file__).resolve().parent


def source() -> str:
    """Which bot and which benchmark measured: work of another source is not gone on with."""
    digest = hashlib.sha256(source_digest())
    for path in sorted(SUITE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@attrs.define
class Kept:
    """The content of the file, or nothing that is written anywhere when there is no file."""

    path: Path | None = None
    source: str = ""
    trial: bool = False
    _content: dict[str, Any] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        mark = {"source": self.source, "trial": self.trial}
        if self.path is not None and self.path.is_file():
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if isinstance(found, dict) and found.get("kept", {}).get("mark") == mark:
                self._content = found
        self._content.setdefault("kept", {})["mark"] = mark

    def of(self, name: str) -> dict[str, Any]:
        """What that measurement has kept; empty before it has."""
        found: dict[str, Any] = self._content["kept"].get(name, {})
        return found

    def keep(self, name: str, done: Mapping[str, Any]) -> None:
        """Replace what that measurement has kept, and write the file."""
        self._content["kept"][name] = dict(done)
        self._write()

    def conclude(self, machine: Mapping[str, str], targets: Mapping[str, list[dict[str, Any]]]) -> None:
        """Targets by the module that measured them: those of other modules, of the same source, stay."""
        stay = [one for one in self._content.get("targets", []) if one["of"] not in targets]
        measured = [{**one, "of": name} for name, found in targets.items() for one in found]
        self._content = {"machine": dict(machine), "targets": [*stay, *measured], "kept": self._content["kept"]}
        self._write()

    def _write(self) -> None:
        if self.path is not None:
            text = json.dumps(self._content, indent=1) + "\n"
            beside = self.path.with_name(self.path.name + ".new")
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, self.path)
