"""The connection string of a database elsewhere: masked, deleted, and never without a word on TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnbot.domain.errors import ConfigError
from dnbot.operate.database_place import external_dsn
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.redaction import Redactor

PASSWORD = "canary-pass-0123"
FAR = f"postgresql://dnbot:{PASSWORD}@db.example.org:5432/dnbot"


def test_it_is_a_secret(tmp_path: Path) -> None:
    """From the variable, which is deleted, or a private file; whole and by its password it is masked in any text."""
    registry, environment = SecretRegistry(), {"DSN": f"{FAR}?sslmode=verify-full"}
    assert external_dsn("DSN", registry, environment) == f"{FAR}?sslmode=verify-full"
    assert environment == {}
    told = Redactor(registry).redact(f"cannot reach {FAR}?sslmode=verify-full; auth as {PASSWORD}; postgres".encode())
    assert b"canary" not in told
    assert told.endswith(b"; postgres")
    file = tmp_path / "dsn"
    file.write_text(f"{FAR}?sslmode=verify-full")
    file.chmod(0o600)
    assert external_dsn("DSN", registry, {"DSN_FILE": str(file)}).startswith(FAR)


@pytest.mark.parametrize("password", ["", "short", "postgres", "p%40ssw0rd-canary"])
def test_words_are_not_masked_as_passwords(password: str) -> None:
    """A password that is a word of the log would blank it out; one with signs is known in both forms."""
    registry = SecretRegistry()
    external_dsn("DSN", registry, {"DSN": f"postgresql://dnbot:{password}@localhost/dnbot"})
    known = registry.known_secrets()
    assert not {"short", "postgres", "dnbot"} & set(known)
    assert f"postgresql://dnbot:{password}@localhost/dnbot" in known  # the whole one always is
    assert ("p@ssw0rd-canary" in known) == password.endswith("canary")


@pytest.mark.parametrize(
    "dsn",
    [
        FAR, f"{FAR}?sslmode=prefer", f"{FAR}?sslmode=require", f"{FAR}?sslmode=allow", f"{FAR}?sslmode=",
        "postgresql://db/x", "postgresql://u@127.0.0.1,db.example.org/x", "postgresql://u@/x?host=db.example.org",
        "postgresql://u@db.example.org/x?host=/run/postgresql", "postgresql://u@/x?service=ledger",
        f"{FAR}?sslmode=verify-full&sslmode=prefer", "postgresql://u@10.0.0.7/x",
    ],
)
def test_another_machine_without_a_word_on_tls_is_refused(dsn: str) -> None:
    """By the name of its variable; nothing of it is repeated."""
    with pytest.raises(ConfigError, match="sslmode=verify-full") as refused:
        external_dsn("DSN", SecretRegistry(), {"DSN": dsn})
    assert refused.value.key == "DSN"
    assert "canary" not in str(refused.value)
    assert "example" not in str(refused.value)


@pytest.mark.parametrize(
    "dsn",
    [
        f"{FAR}?sslmode=verify-full", f"{FAR}?sslmode=verify-ca", f"{FAR}?sslmode=disable",
        "postgresql://u@127.0.0.1:5433/x", "postgresql://u@localhost/x", "postgresql://u@[::1]:5432/x",
        "postgresql://u@/x?host=%2Frun%2Fpostgresql", "postgresql://u@%2Frun%2Fpostgresql/x", "postgresql:///x",
    ],
)
def test_this_machine_and_a_verified_one_are_fine(dsn: str) -> None:
    """So is one of which a person has written that nothing is encrypted."""
    assert external_dsn("DSN", SecretRegistry(), {"DSN": dsn}) == dsn


def test_the_environment_of_libpq_counts() -> None:
    """As it does for whoever connects."""
    assert external_dsn("DSN", SecretRegistry(), {"DSN": FAR, "PGSSLMODE": "verify-full"}) == FAR
    with pytest.raises(ConfigError, match="sslmode"):
        external_dsn("DSN", SecretRegistry(), {"DSN": "postgresql:///x", "PGHOST": "db.example.org"})


@pytest.mark.parametrize("dsn", ["", "postgresql://[canary/x", "postgresql://u:canary@[::1/x"])
def test_what_is_none_is_refused_unseen(dsn: str) -> None:
    """The variable is named, the value is not."""
    refuses_unseen(dsn, "")


@pytest.mark.parametrize("sign", ["/", "?", "#", "@", "/12@"])
@pytest.mark.parametrize("begin", ["canary", "1234"])
def test_signs_of_a_password_that_are_not_encoded_are_refused_unseen(begin: str, sign: str) -> None:
    """They end it before its end; what is left of it would be taken for a port, and be told as a wrong one."""
    refuses_unseen(f"postgresql://dnbot:{begin}{sign}canary@db.example.org/dnbot?sslmode=verify-full", "percent")


@pytest.mark.parametrize("dsn", [
    "postgresql://u@localhost:canary/x", "postgresql://u@localhost:0/x", "postgresql://u@localhost:65536/x",
    "postgresql://u@localhost:1_0/x", "postgresql://u@localhost:5432,127.0.0.1:canary/x", "postgresql://u@[::1]:canary/x",
    "postgresql://u@/x?host=localhost:canary", "postgresql://u@/x?host=127.0.0.1,localhost:canary",
    "postgresql://u@localhost/x?port=canary", "postgresql://u@localhost/x?port=5432,canary",
    "postgresql://u@localhost,/x", "postgresql://u@localhost/x?canary", "postgresql://u@localhost/x#canary",
    "postgresql://u@%2Frun%2Fpostgresql:canary/x",
])
def test_ports_are_numbers(dsn: str) -> None:
    """Of every place that is listed; whoever connects would end with a traceback."""
    refuses_unseen(dsn, "host:port")


@pytest.mark.parametrize("dsn", [
    "postgresql://u@localhost:5432,127.0.0.1:5433/x", "postgresql://u@localhost:/x", "postgresql://u@[::1]/x",
    "postgresql://u@%2Frun%2Fpostgresql:5433/x", "postgresql://u@/x?host=localhost:5432,%2Frun%2Fpostgresql",
    "postgresql://u@localhost,127.0.0.1/x?port=5432,5433", "postgresql://u:a%2Fb%40c@localhost/x%40y",
    "postgresql://u:a:b@localhost/x", "postgresql:///x?user=a@b",
])
def test_places_with_ports_are_fine(dsn: str) -> None:
    """One or several, of names, addresses and sockets."""
    assert external_dsn("DSN", SecretRegistry(), {"DSN": dsn}) == dsn


def refuses_unseen(dsn: str, allowed: str) -> None:
    """By the name of its variable, with what is allowed, and nothing of its own."""
    with pytest.raises(ConfigError) as refused:
        external_dsn("DSN", SecretRegistry(), {"DSN": dsn})
    assert refused.value.key == "DSN"
    assert allowed in refused.value.allowed
    assert not [part for part in ("canary", "1234") if part in str(refused.value)]
