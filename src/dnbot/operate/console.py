"""What leaves by standard output and standard error: nothing of it steers the terminal, and no secret is in it."""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType

import attrs
import click
import msgspec

from dnbot.ports.redaction import Redactor, escape_json, escape_text


def tell(text: str, *, err: bool = False) -> None:
    """Print a text that may hold words of others, such as a venue's: what steers a terminal becomes visible."""
    click.echo(visible(text), err=err)


def tell_json(value: object) -> None:
    """Print a value as JSON; also the signs that JSON leaves as they are, and a terminal obeys, are escapes."""
    click.echo(json_text(value))


def visible(text: str) -> str:
    """The lines of a text without control characters, escapes and signs that turn the direction of writing."""
    return "\n".join(escape_text(line) for line in text.split("\n"))


def json_text(value: object) -> str:
    """Indented JSON for a person's terminal, a pipe or a file."""
    return escape_json(msgspec.json.format(msgspec.json.encode(value), indent=2)).decode()


@attrs.frozen
class LastWords:
    """Tells of a bug: the traceback, without the secrets that the redactor knows. Fits `sys.excepthook`."""

    redactor: Redactor

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Print it on standard error; a pipe that nobody reads is nobody's emergency."""
        text = "".join(traceback.format_exception(kind, error, trace))
        told = self.redactor.redact(text.encode("utf-8", "backslashreplace")).decode()
        try:
            sys.stderr.write(visible(told))
            sys.stderr.flush()
        except OSError:
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (kept open on purpose)

    def unraisable(self, found: sys.UnraisableHookArgs) -> None:
        """The same for an error that nobody could be told of. Fits `sys.unraisablehook`."""
        if found.exc_value is not None:
            self(found.exc_type, found.exc_value, found.exc_traceback)

    def install(self) -> None:
        """From now on whatever ends this process is told so."""
        sys.excepthook = self
        sys.unraisablehook = self.unraisable
