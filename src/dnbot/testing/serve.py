"""``python -m dnbot.testing.serve CONFIG``: the fakes as ``dnbot fakes`` serves them, from a whole config in JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.process import main


def encode_config(config: FakesConfig) -> str:
    """A config as one argument."""
    return msgspec.json.encode(config, enc_hook=str).decode()


def decode_config(text: str) -> FakesConfig:
    """What ``encode_config`` wrote; raises msgspec.ValidationError for anything else."""
    return msgspec.json.decode(text, type=FakesConfig, dec_hook=_decoded)


def _decoded(kind: type, value: Any) -> Any:
    return kind(value) if kind is Path else value


if __name__ == "__main__":
    sys.exit(main(decode_config(sys.argv[1])))
