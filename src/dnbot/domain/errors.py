"""The two kinds of error: an `OperatingError` is the world misbehaving; anything else is a bug.

Only `supervise` catches an `OperatingError`; it becomes a `Fault` and the machine enters ERROR_RECOVERY.
`ConfigError` is neither: it ends the program before anything is sent, with a sentence for the user.
"""

from __future__ import annotations


class DnbotError(Exception):
    """Root of every error that this package raises on purpose."""


class ConfigError(DnbotError):
    """A setting cannot be used: names the place, what was found, what is allowed."""

    def __init__(self, where: str, key: str, found: object, allowed: str) -> None:
        super().__init__(f"{where}: {key}: found {found!r}; allowed: {allowed}")
        self.where = where
        self.key = key
        self.found = found
        self.allowed = allowed


class OperatingError(DnbotError):
    """The world misbehaved: contained by the supervisor, told to the machine, retried within a budget."""


class VenueError(OperatingError):
    """Something about one venue; `venue` is its name (the value of `Venue`, or a host where no venue is known)."""

    def __init__(self, venue: str, what: str) -> None:
        super().__init__(f"{venue}: {what}")
        self.venue = venue
        self.what = what


class VenueUnreachable(VenueError):
    """No usable connection: refused, reset, silent, timed out, or not speaking the protocol."""


class RequestNotSent(VenueUnreachable):
    """The request provably never left: no byte was handed to the transport."""


class RequestAmbiguous(VenueUnreachable):
    """Bytes may have left and no answer can be trusted: the outcome of a write is unknown."""


class PluginFault(VenueUnreachable):
    """The code of others that speaks for a venue raised or returned what cannot be: the venue counts as down."""


class VenueRefused(VenueError):
    """The venue answered, definitively, no. `code` is its own label or number."""

    def __init__(self, venue: str, code: str, what: str) -> None:
        super().__init__(venue, f"{code}: {what}")
        self.code = code


class VenueThrottled(VenueError):
    """A rate limit was hit; nothing was processed. `retry_after_s` is the venue's own wish, seconds."""

    def __init__(self, venue: str, what: str, retry_after_s: float) -> None:
        super().__init__(venue, what)
        self.retry_after_s = retry_after_s


class AuthenticationFailed(VenueRefused):
    """The key, signature, clock or permission was refused."""


class BookGap(VenueError):
    """An increment does not follow the last one; the book must be rebuilt."""

    def __init__(self, venue: str, expected: int, found: int) -> None:
        super().__init__(venue, f"book expected update {expected}, found {found}")
        self.expected = expected
        self.found = found


class FrameUnreadable(VenueError):
    """A frame or body lacks a deciding field or cannot be parsed; `raw` holds at most 500 characters of it."""

    def __init__(self, venue: str, what: str, raw: bytes | str) -> None:
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        super().__init__(venue, f"{what}: {text[:500]!r}")
        self.raw = text[:500]


class StoreUnreachable(OperatingError):
    """The database did not answer, or answered that it cannot write."""


class ChildKilled(OperatingError):
    """A child nursery was ended on purpose, by a drill or an operator."""


class InvariantBroken(DnbotError):
    """A promise of ours does not hold. This is a bug: the root is cancelled and the farewell runs."""


class Superseded(InvariantBroken):
    """A newer incarnation has begun: this one may write nothing any more, and nothing here is its own."""
