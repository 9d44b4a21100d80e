"""A closed set of words: what every enumeration of the bot is."""

from __future__ import annotations

from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING


class Word(Enum):
    """An `Enum` whose members hash by identity, as they compare, and whose `name` and `value` are read without Python.

    `Enum` hashes the member's name, in Python, at each look-up in a dict: a million times in a hundred seconds. The
    order of a set of words means as little as before, when it followed from the process's hash seed. Its own `name` and
    `value` are two calls of Python functions each, for what stands in the member.
    """

    __hash__ = object.__hash__
    if not TYPE_CHECKING:  # mypy knows what these two are of an Enum
        name = property(attrgetter("_name_"))
        value = property(attrgetter("_value_"))
