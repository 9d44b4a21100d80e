"""``python -m dnbot.testing.serve``: the fakes as ``dnbot fakes`` serves them, of a whole config on standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.process import main


def encode_config(config: FakesConfig) -> bytes:
    """A config as one line of JSON."""
    return msgspec.json.encode(config, enc_hook=str)


def decode_config(line: bytes) -> FakesConfig:
    """What ``encode_config`` wrote; raises msgspec.ValidationError for anything else."""
    return msgspec.json.decode(line, type=FakesConfig, dec_hook=_decoded)


def _decoded(kind: type, value: Any) -> Any:
    return kind(value) if kind is Path else value


if __name__ == "__main__":
    sys.exit(main(decode_config(sys.stdin.buffer.readline())))
