"""Holds a raw JSON answer against the models of the official gate-api SDK, more strictly than the SDK itself does.

The SDK turns whatever it gets into the type it wants (`str(5)`) and passes over keys that it does not know. A fake that
relied on that would mislead clients that do not, so here a JSON string must be a string and an integer an integer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import gate_api
from gate_api import models

PRIMITIVES: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "object": (object,),
}  # fmt: skip


class CheckedClient(gate_api.ApiClient):  # type: ignore[misc]
    """The SDK's client, which also notes where an answer departs from the SDK's models."""

    def __init__(self, configuration: gate_api.Configuration) -> None:
        super().__init__(configuration)
        self.checked = 0
        self.departures: list[str] = []

    def deserialize(self, response: Any, response_type: str) -> Any:
        """As the SDK does; the raw text is judged first."""
        self.checked += 1
        self.departures += departures(json.loads(response.data), response_type, response_type)
        return super().deserialize(response, response_type)


def departures(value: Any, kind: str, where: str) -> Iterator[str]:
    """What of a JSON value is not as the type of that name says, each with its place."""
    if value is None:
        return
    if items := re.fullmatch(r"list\[(.*)]", kind):
        if not isinstance(value, list):
            yield f"{where}: {type(value).__name__} for {kind}"
            return
        for number, item in enumerate(value):
            yield from departures(item, items[1], f"{where}[{number}]")
    elif pairs := re.fullmatch(r"dict\(([^,]*), (.*)\)", kind):
        for name, item in value.items():
            yield from departures(item, pairs[2], f"{where}[{name}]")
    elif kind in PRIMITIVES:
        wrong_bool = isinstance(value, bool) and kind in ("int", "float")
        if wrong_bool or not isinstance(value, PRIMITIVES[kind]):
            yield f"{where}: {value!r} for {kind}"
    else:
        yield from _model_departures(value, getattr(models, kind), where)


def _model_departures(value: Any, model: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} for {model.__name__}"
        return
    types = {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}
    for name, item in value.items():
        if name not in types:
            yield f"{model.__name__}.{name}: unknown"
        else:
            yield from departures(item, types[name], f"{model.__name__}.{name}")
