"""Tokens, sessions, and where the dashboard may be."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.config import Settings, WebSettings, parse_settings
from dnbot.domain.errors import ConfigError
from dnbot.ports.credentials import Secret, SecretRegistry
from dnbot.web.access import FAILURES_MAX, FAILURES_S, SESSION_S, Attempts, Keyring, is_name
from dnbot.web.places import Place, keyring_of, link_of, own_token, place_of, tell_address, token_path

ONE, OTHER = "1" * 40, "2" * 40
NOW_S = 1_790_000_000.0
LIVE = """
mode = "live"
[strategy]
symbol = "BTC/USDT"
base_position_size = "0.02"
max_order_notional_quote = "500"
max_daily_loss_quote = "50"
"""


def keyring() -> Keyring:
    """Both roles."""
    return Keyring(Secret(ONE), Secret(OTHER))


def settings(text: str) -> Settings:
    """A file with this section."""
    return parse_settings("some.toml", f"{LIVE}[web]\n{text}\n")


def place(settings_: WebSettings) -> Place:
    """One that is not off."""
    found = place_of(settings_)
    assert found is not None
    return found


def test_each_token_opens_its_role_and_nothing_else_opens_any() -> None:
    """The longer or shorter neighbour of a token, and the empty one, open nothing; nor does what is not ASCII."""
    ring = keyring()
    assert (ring.role_of(ONE), ring.role_of(OTHER)) == ("operate", "view")
    for wrong in ("", ONE[:-1], ONE + "1", "ö" * 40, "\udcff"):
        assert ring.role_of(wrong) is None


def test_a_session_lasts_over_a_restart_and_ends_in_time() -> None:
    """Another keyring of the same tokens reads the cookie, until its time is over; one of other tokens never does."""
    cookie, identity = keyring().open("view", "ann", NOW_S)
    assert keyring().read(cookie, NOW_S + SESSION_S - 1) == identity
    assert keyring().read(cookie, NOW_S + SESSION_S) is None
    assert Keyring(Secret(ONE), Secret("3" * 40)).read(cookie, NOW_S) is None
    assert identity.who == "web:ann"


def test_a_session_that_was_ended_is_over() -> None:
    """Its cookie is of no more use, another one's is."""
    ring = keyring()
    first, identity = ring.open("operate", "", NOW_S)
    second, _ = ring.open("operate", "", NOW_S)
    ring.end(identity)
    assert ring.read(first, NOW_S) is None
    assert ring.read(second, NOW_S) is not None


@given(st.text(max_size=80), st.integers(0, 300), st.characters())
def test_no_changed_cookie_is_read(text: str, at: int, other: str) -> None:
    """Whatever is sent instead of a cookie, or changed in one, stands for nobody."""
    ring = keyring()
    assert ring.read(text, NOW_S) is None
    cookie, _ = ring.open("view", "ann", NOW_S)
    at %= len(cookie)
    changed = cookie[:at] + other + cookie[at + 1 :]
    assert changed == cookie or ring.read(changed, NOW_S) is None


def test_csrf_is_of_one_session() -> None:
    """The word of one session is refused in another one."""
    ring = keyring()
    (_, one), (_, other) = ring.open("operate", "", NOW_S), ring.open("operate", "", NOW_S)
    assert ring.is_csrf(one, ring.csrf_of(one))
    assert not ring.is_csrf(other, ring.csrf_of(one))
    assert not ring.is_csrf(one, "")
    assert not ring.is_csrf(one, "é")


def test_tokens_that_can_be_guessed_are_refused() -> None:
    """A short token, or one for both roles, stops the start; the message does not repeat it."""
    with pytest.raises(ConfigError) as short:
        Keyring(Secret("hunter2hunter2"))
    assert "hunter2" not in str(short.value)
    with pytest.raises(ConfigError, match="both roles"):
        Keyring(Secret(ONE), Secret(ONE))


def test_wrong_tokens_in_a_row_shut_the_door_for_a_minute() -> None:
    """After so many failures within a minute nobody is let in, until the oldest of them is a minute old."""
    attempts = Attempts()
    for second in range(FAILURES_MAX):
        assert attempts.wait_s(NOW_S + second) == 0
        attempts.failed(NOW_S + second)
    assert 0 < attempts.wait_s(NOW_S + FAILURES_MAX) <= FAILURES_S
    assert attempts.wait_s(NOW_S + FAILURES_S + 0.6) == 0


@pytest.mark.parametrize("name", ["", "ann", "Ann Lee", "a.b@example.org", "x" * 40])
def test_names_of_people_are_recorded(name: str) -> None:
    """What people are called."""
    assert is_name(name)


@pytest.mark.parametrize("name", [" ", "ann ", "x" * 41, "a\nb", "<b>", "ännchen", "a\x1b[1m"])
def test_other_texts_are_no_names(name: str) -> None:
    """What could play tricks in a log or a page."""
    assert not is_name(name)


# --- places -----------------------------------------------------------------------------------------------------------
def test_loopback_answers_to_its_own_names_alone() -> None:
    """Host and Origin of loopback, with the port; the proxy's host too when there is one."""
    local = place(WebSettings())
    assert local.hosts == {"127.0.0.1:8180", "localhost:8180", "[::1]:8180"}
    assert local.origins == {f"http://{host}" for host in local.hosts}
    proxied = place(WebSettings(public_url="https://bot.example.org/"))
    assert proxied.hosts - local.hosts == {"bot.example.org"}
    assert proxied.url == "https://bot.example.org"
    assert place(WebSettings(listen="10.0.0.5:80", public_url="https://b.example:444")).hosts == {"b.example:444"}
    assert place_of(WebSettings(listen="off")) is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('listen = "0.0.0.0:8180"', "web.listen"),
        ('listen = "10.1.2.3:8180"', "web.listen"),
        ('listen = "example.org:8180"', "web.listen"),
        ('listen = "8180"', "web.listen"),
        ('listen = "127.0.0.1:0"', "web.listen"),
        ('listen = "127.0.0.1:99999"', "web.listen"),
        ('listen = "127.0.0.1 :80"', "web.listen"),
        ('public_url = "http://bot.example.org"', "web.public_url"),
        ('public_url = "https://user@bot.example.org"', "web.public_url"),
        ('public_url = "https://bot.example.org/path"', "web.public_url"),
        ('operate_token = "s3cr3t-in-the-file"', "web.operate_token"),
        ('view_token = "s3cr3t-in-the-file"', "web.view_token"),
    ],
)
def test_settings_that_would_open_the_door_are_refused(text: str, key: str) -> None:
    """Beyond loopback only behind a proxy with TLS; a token never stands in the file, and is not repeated."""
    with pytest.raises(ConfigError) as error:
        settings(text)
    assert error.value.key == key
    assert "s3cr3t" not in str(error.value)


def test_beyond_loopback_a_token_must_be_given(tmp_path: Path) -> None:
    """No token is made up for an address that others reach, nor behind a proxy."""
    web = settings('listen = "0.0.0.0:8180"\npublic_url = "https://bot.example.org"').web
    for reached in (web, WebSettings(public_url="https://bot.example.org")):
        with pytest.raises(ConfigError, match="DNBOT_WEB_OPERATE_TOKEN"):
            keyring_of(reached, place(reached), tmp_path, SecretRegistry(), {})
    environment = {"DNBOT_WEB_OPERATE_TOKEN": ONE}
    registry = SecretRegistry()
    assert keyring_of(web, place(web), tmp_path, registry, environment).role_of(ONE) == "operate"
    assert environment == {}
    assert ONE in registry.known_secrets()
    assert not token_path(tmp_path).exists()


def test_the_own_token_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    """Made once, mode 0600, read again at the next start, and known to the redactor; a token from outside ends it."""
    registry = SecretRegistry()
    ring = keyring_of(WebSettings(), place(WebSettings()), tmp_path, registry, {})
    token = own_token(tmp_path).reveal()
    assert ring.role_of(token) == "operate"
    assert len(token) >= 43
    assert token in registry.known_secrets()
    assert stat.S_IMODE(token_path(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(token_path(tmp_path).parent.stat().st_mode) == 0o700
    tell_address(tmp_path, place(WebSettings()))
    assert link_of(tmp_path) == f"http://127.0.0.1:8180/login#{token}"
    keyring_of(WebSettings(), place(WebSettings()), tmp_path, SecretRegistry(), {"DNBOT_WEB_OPERATE_TOKEN": ONE})
    assert link_of(tmp_path) == "http://127.0.0.1:8180/login"


def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A bot does not start with a token that somebody else may know."""
    own_token(tmp_path)
    token_path(tmp_path).chmod(0o644)
    with pytest.raises(ConfigError, match="0600"):
        own_token(tmp_path)


def test_without_a_dashboard_there_is_no_link(tmp_path: Path) -> None:
    """The sentence says where to look."""
    with pytest.raises(ConfigError, match="DNBOT_HOME"):
        link_of(tmp_path)
