"""Keys: where they may come from, and a type that cannot be printed, pickled or encoded by accident.

Nothing here is imported by public feeds. Python cannot wipe memory; what is promised is that no ordinary path
(repr, format, log, JSON, pickle, traceback of this type) shows a secret.
"""

from __future__ import annotations

import base64
import hmac
import os
import stat
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import NoReturn, final
from urllib.parse import quote, quote_plus

import attrs
import msgspec

from dnbot.domain.errors import ConfigError

FILE_BYTES_MAX = 4096
MODES_ALLOWED = (0o400, 0o600)
MODE_OF_AN_ORCHESTRATOR = 0o440
"""Of a file that root owns, and that a group of this process may read (Kubernetes' fsGroup, given to it alone)."""
SECRET_CHARACTERS_MIN = 6  # shorter ones would redact ordinary words, and protect nothing


@final
class Secret:
    """A text that only `reveal` shows. Equality takes the same time whatever differs; the hash does not exist."""

    __slots__ = ("_text",)
    __hash__ = None  # type: ignore[assignment]  # hashing is a side channel, and nobody needs a dict of secrets

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the signing function, and nobody else."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:
        return "***"

    def __format__(self, specification: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied")


@attrs.frozen(hash=False)
class Credentials:
    """What signs requests at one venue: the key, the secret, and the account's number where a stream wants it."""

    key: Secret
    secret: Secret
    uid: str | None = None


@attrs.define
class SecretRegistry:
    """Every secret that the process holds, in each form in which it could reach a log. Handed to the redactor."""

    _texts: dict[str, None] = attrs.field(init=False, factory=dict, repr=False)

    def add(self, secret: Secret) -> None:
        """Knows the secret from now on, with its URL-encoded, quoted and base64 forms.

        Raises ConfigError for a secret of fewer than SECRET_CHARACTERS_MIN characters.
        """
        text = secret.reveal()
        if len(text) < SECRET_CHARACTERS_MIN:
            raise ConfigError("credentials", "length", len(text), f"at least {SECRET_CHARACTERS_MIN} characters")
        for form in _forms(text):
            self._texts[form] = None

    def add_credentials(self, credentials: Credentials) -> None:
        """Knows both the key and the secret."""
        self.add(credentials.key)
        self.add(credentials.secret)

    def known_secrets(self) -> tuple[str, ...]:
        """Every form, the longest first, so that a form which contains another is replaced whole."""
        return tuple(sorted(self._texts, key=lambda text: (-len(text), text)))

    def __len__(self) -> int:
        return len(self._texts)


def _forms(text: str) -> Iterator[str]:
    raw = text.encode()
    yield text
    yield quote(text, safe="")
    yield quote_plus(text)
    yield repr(text)[1:-1]
    yield msgspec.json.encode(text).decode()[1:-1]
    for shift in range(3):  # where the secret may begin inside a group of three bytes, as in base64 of "user:secret"
        yield _base64_core(raw, shift, base64.b64encode)
        yield _base64_core(raw, shift, base64.urlsafe_b64encode)


def _base64_core(raw: bytes, shift: int, encode: Callable[[bytes], bytes]) -> str:
    """The characters that depend on the secret alone, when `shift` bytes of its first group belong to others."""
    encoded = encode(b"\0" * shift + raw).rstrip(b"=").decode()
    begin = (0, 2, 3)[shift]
    end = len(encoded) - (1 if (shift + len(raw)) % 3 else 0)
    return encoded[begin:end]


def secret_from_env(name: str, environment: MutableMapping[str, str] = os.environ) -> Secret:
    """The secret in that variable, which is deleted, so that children and crash reports do not inherit it.

    Raises ConfigError when it is missing or empty.
    """
    text = environment.pop(name, "").strip()
    if not text:
        raise ConfigError(
            "environment", name, "nothing", f"a non-empty value, or {name}_FILE: a file of mode 0600 with it"
        )
    return Secret(text)


def secret_from_file(path: Path) -> Secret:
    """The first line of a file that its owner alone can read.

    Raises ConfigError naming the file, what was found and what is allowed: for a symbolic link that leads out of its
    folder, anything but a regular file, a mode other than 0400 or 0600 (0440 too, of root and a group of ours), another
    owner, or nothing in it.
    """
    try:
        descriptor = os.open(_inside(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror, "a readable regular file, not a symbolic link") from error
    try:
        _check_private(path, os.fstat(descriptor))
        content = os.read(descriptor, FILE_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(str(path), "size", f"more than {FILE_BYTES_MAX} bytes", "one line with the secret")
    try:
        lines = content.decode().strip().splitlines()
    except UnicodeDecodeError:
        raise ConfigError(
            str(path), "content", "not UTF-8", "one line of text"
        ) from None  # the error holds the content
    if len(lines) != 1:
        raise ConfigError(str(path), "content", f"{len(lines)} lines", "one line with the secret")
    return Secret(lines[0])


def _inside(path: Path) -> Path:
    """Where a link leads that stays in its own folder, as orchestrators make them; any other one is left as it is."""
    if not path.is_symlink():
        return path
    real = path.resolve()
    return real if real.is_relative_to(path.parent.resolve()) else path


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(str(path), "file", stat.filemode(found.st_mode), "a regular file")
    mode = stat.S_IMODE(found.st_mode)
    is_our_group = found.st_gid in (os.getegid(), *os.getgroups())
    if mode == MODE_OF_AN_ORCHESTRATOR and found.st_uid == 0 and is_our_group:
        return
    if mode not in MODES_ALLOWED:
        raise ConfigError(str(path), "mode", f"{mode:04o}", " or ".join(f"{m:04o}" for m in MODES_ALLOWED))
    if found.st_uid not in (os.geteuid(), 0):
        raise ConfigError(str(path), "owner", f"uid {found.st_uid}", f"uid {os.geteuid()} or 0")


def load_secret(name: str, environment: MutableMapping[str, str] = os.environ) -> Secret:
    """The secret from variable `NAME`, or from the file that variable `NAME_FILE` points to; both set is an error."""
    file_name = f"{name}_FILE"
    if file_name in environment and name in environment:
        raise ConfigError("environment", name, f"both {name} and {file_name}", "one of the two")
    if file_name in environment:
        return secret_from_file(Path(environment[file_name]))
    return secret_from_env(name, environment)


def load_credentials(
    registry: SecretRegistry,
    key_name: str,
    secret_name: str,
    uid_name: str | None = None,
    environment: MutableMapping[str, str] = os.environ,
) -> Credentials:
    """Key and secret by the names of their variables (see `load_secret`), entered in the registry; uid optional."""
    credentials = Credentials(
        key=load_secret(key_name, environment),
        secret=load_secret(secret_name, environment),
        uid=environment.get(uid_name) or None if uid_name is not None else None,
    )
    registry.add_credentials(credentials)
    return credentials
