"""Secrets: where they may come from, and every ordinary way in which they must not get out."""

from __future__ import annotations

import base64
import copy
import os
import pickle
import stat
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.errors import ConfigError
from dnbot.ports.credentials import (
    Credentials,
    Secret,
    SecretRegistry,
    load_credentials,
    load_secret,
    secret_from_env,
    secret_from_file,
)

CANARY = "canary/Sec+ret=0123456789"


def private_file(path: Path, text: str = CANARY, mode: int = 0o600) -> Path:
    """A file with that content and mode."""
    path.write_text(text)
    path.chmod(mode)
    return path


def test_no_ordinary_way_shows_a_secret() -> None:
    """repr, str, format, %-format, containers and the struct that holds it all show stars."""
    secret = Secret(CANARY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>50}", "%s %r" % (secret, secret), repr([secret])]  # noqa: UP031
    shown.append(repr(Credentials(secret, secret, "1")))
    assert not [text for text in shown if "canary" in text]
    assert secret.reveal() == CANARY


def test_secret_cannot_be_pickled_copied_encoded_or_hashed() -> None:
    """Serialisers raise instead of writing it."""
    secret = Secret(CANARY)
    for take in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode, msgspec.to_builtins, hash, vars):
        with pytest.raises(TypeError):
            take(secret)


@given(st.text(), st.text())
def test_equality_is_that_of_the_texts(left: str, right: str) -> None:
    """Two secrets are equal exactly when their texts are; a text is not a secret."""
    assert (Secret(left) == Secret(right)) == (left == right)
    assert Secret(left) != left


def test_variable_is_deleted_after_reading() -> None:
    """The environment does not keep the secret for children and crash reports."""
    environment = {"KEY": f" {CANARY}\n", "OTHER": "x"}
    assert secret_from_env("KEY", environment) == Secret(CANARY)
    assert environment == {"OTHER": "x"}
    with pytest.raises(ConfigError, match="KEY"):
        secret_from_env("KEY", environment)


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_private_file_is_read(tmp_path: Path, mode: int) -> None:
    """A file that the owner alone can read gives its one line."""
    assert secret_from_file(private_file(tmp_path / "key", CANARY + "\n", mode)) == Secret(CANARY)


@pytest.mark.parametrize("mode", [0o444, 0o604, 0o644, 0o660, 0o666, 0o700])
def test_file_that_others_can_read_is_refused_with_its_mode(tmp_path: Path, mode: int) -> None:
    """The error names the file, the mode found and the modes allowed, and never the content."""
    path = private_file(tmp_path / "key", mode=mode)
    with pytest.raises(ConfigError, match=f"{path}.*{mode:04o}.*0400 or 0600") as caught:
        secret_from_file(path)
    assert "canary" not in str(caught.value)


def test_links_directories_pipes_and_absent_files_are_refused(tmp_path: Path) -> None:
    """Only a regular file in that folder will do, and looking at a pipe does not hang."""
    (tmp_path / "elsewhere").mkdir()
    private_file(tmp_path / "elsewhere" / "key")
    folder = tmp_path / "secrets"
    folder.mkdir()
    tmp_path = folder
    (tmp_path / "link").symlink_to("../elsewhere/key")
    (tmp_path / "folder").mkdir(mode=0o600)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "folder", "pipe", "absent"):
        with pytest.raises(ConfigError, match=name):
            secret_from_file(tmp_path / name)


def test_a_secret_as_an_orchestrator_hands_it_out_is_read(tmp_path: Path) -> None:
    """A link to a link in the same folder, to a file of root's that a group may read; a group of our own file may not.
    """
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "key").symlink_to("..data/key")
    real = private_file(tmp_path / "..2026" / "key")
    assert secret_from_file(tmp_path / "key") == Secret(CANARY)
    real.chmod(0o440)
    if os.geteuid() == 0:
        assert secret_from_file(tmp_path / "key") == Secret(CANARY)
    else:
        with pytest.raises(ConfigError, match="0440"):
            secret_from_file(tmp_path / "key")


@pytest.mark.parametrize(("group", "is_read"), [(500, True), (600, True), (700, False)])
def test_a_group_that_may_read_is_one_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int, is_read: bool
) -> None:
    """The process's own or a supplementary one; a file of root's that others' groups may read is no secret of ours."""
    path, fstat = private_file(tmp_path / "key"), os.fstat

    def of_root(descriptor: int) -> os.stat_result:
        found = list(fstat(descriptor))
        found[0], found[4], found[5] = stat.S_IFREG | 0o440, 0, group
        return os.stat_result(found)

    monkeypatch.setattr(os, "getegid", lambda: 500)
    monkeypatch.setattr(os, "getgroups", lambda: [600])
    monkeypatch.setattr(os, "fstat", of_root)
    if is_read:
        assert secret_from_file(path) == Secret(CANARY)
    else:
        with pytest.raises(ConfigError, match="0440"):
            secret_from_file(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"\xff\xfe", b"x" * 5000])
def test_content_that_is_not_one_line_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, many-lined, binary and huge files are refused."""
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError):
        secret_from_file(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """A file that somebody else owns could be changed by them."""
    path = private_file(tmp_path / "key")
    os.chown(path, 12345, -1)
    with pytest.raises(ConfigError, match="uid 12345"):
        secret_from_file(path)


def test_file_variable_is_followed_and_both_are_refused(tmp_path: Path) -> None:
    """NAME_FILE points to a file; NAME and NAME_FILE together are ambiguous."""
    path = private_file(tmp_path / "key")
    assert load_secret("KEY", {"KEY_FILE": str(path)}) == Secret(CANARY)
    with pytest.raises(ConfigError, match="one of the two"):
        load_secret("KEY", {"KEY_FILE": str(path), "KEY": "x"})


def test_loaded_credentials_are_registered() -> None:
    """Whoever loads credentials cannot forget to tell the redactor."""
    registry = SecretRegistry()
    environment = {"K": "key-0123456789", "S": CANARY, "U": "10001"}
    credentials = load_credentials(registry, "K", "S", "U", environment)
    assert credentials == Credentials(Secret("key-0123456789"), Secret(CANARY), "10001")
    assert {"key-0123456789", CANARY} <= set(registry.known_secrets())
    assert "canary" not in repr(registry)


@given(secret=st.text(min_size=6, max_size=40).filter(lambda text: text.isprintable()), before=st.binary(max_size=5))
def test_registry_knows_every_form(secret: str, before: bytes) -> None:
    """URL-encoded, JSON, and base64 at any alignment: one of the known forms is in each."""
    registry = SecretRegistry()
    registry.add(Secret(secret))
    known = registry.known_secrets()
    raw = before + secret.encode() + b"tail"
    for text in (secret, quote(secret, safe=""), msgspec.json.encode(secret).decode(), base64.b64encode(raw).decode()):
        assert any(form in text for form in known)


def test_short_secret_is_refused() -> None:
    """A secret that is an ordinary word would blank out the log."""
    with pytest.raises(ConfigError):
        SecretRegistry().add(Secret("abc"))
