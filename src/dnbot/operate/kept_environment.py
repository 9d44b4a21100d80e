"""Secrets of a worker: taken out of the environment at their first use, and there again for a task's next start."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping

import attrs


@attrs.define(repr=False)  # it holds secrets
class KeptEnvironment(MutableMapping[str, str]):
    """The process's variables. What is deleted here, as `secret_from_env` does, is gone for children and crash reports,
    and stays known to this object alone."""

    process: MutableMapping[str, str] = attrs.field(factory=lambda: os.environ)
    _kept: dict[str, str] = attrs.field(factory=dict)

    def __getitem__(self, name: str) -> str:
        return self._kept[name] if name in self._kept else self.process[name]

    def __delitem__(self, name: str) -> None:
        if name in self.process:
            self._kept[name] = self.process.pop(name)

    def __setitem__(self, name: str, value: str) -> None:
        self.process[name] = value

    def __iter__(self) -> Iterator[str]:
        return iter({**self.process, **self._kept})

    def __len__(self) -> int:
        return len({*self.process, *self._kept})
