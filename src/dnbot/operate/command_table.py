"""Commands by name, imported when they are asked for: a bot that starts does not wait for the laboratory's imports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module

import click


class CommandTable(MutableMapping[str, click.Command]):
    """What `click.Group` keeps its commands in. `places` says where each is, as `module:attribute`.

    A command is imported at its first reading; names are known without one.
    Raises TypeError at that reading when what is there is no command of that name.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._read: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._read:
            self._read[name] = _command(name, self._places[name])
        return self._read[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._places.pop(name, None)
        self._read[name] = command

    def __delitem__(self, name: str) -> None:
        known = name in self
        self._places.pop(name, None)
        self._read.pop(name, None)
        if not known:
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in self._places or name in self._read

    def __iter__(self) -> Iterator[str]:
        return iter({**self._places, **self._read})

    def __len__(self) -> int:
        return len({**self._places, **self._read})


def _command(name: str, place: str) -> click.Command:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute, None)
    if not isinstance(found, click.Command) or found.name != name:
        raise TypeError(f"{place} is {found!r}, not the command {name!r}")
    return found
