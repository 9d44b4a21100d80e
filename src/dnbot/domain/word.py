"""A closed set of words: what every enumeration of the bot is."""

from __future__ import annotations

from enum import Enum


class Word(Enum):
    """An `Enum` whose members hash by identity, as they compare.

    `Enum` hashes the member's name, in Python, at each look-up in a dict: a million times in a hundred seconds. The
    order of a set of words means as little as before, when it followed from the process's hash seed.
    """

    __hash__ = object.__hash__
