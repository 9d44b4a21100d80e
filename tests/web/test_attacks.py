"""Further attacks on the dashboard: streams, paths, guesses, planted cookies, tokens in the wrong place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from web_site import OPERATE, VIEW, read_until

from dnbot.web.access import FAILURES_MAX
from dnbot.web.guard import WRONG_BEARER_S

if TYPE_CHECKING:
    from trio.testing import MockClock
    from web_site import Sites

EVIL = "https://evil.example"


@pytest.mark.parametrize(
    "sent", [{"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
             {"host": "evil.example:8180", "origin": "http://evil.example:8180"}],
)  # fmt: skip
async def test_the_stream_and_the_data_are_not_for_other_sites(
    autojump_clock: MockClock, site: Sites, sent: dict[str, str]
) -> None:
    """Even with the session of somebody who may operate: no picture, and nobody counted as looking."""
    async with site() as here, here.client("operate", **sent) as browser:
        for path in ("/api/live", "/api/history", "/api/me", "/api/logs"):
            with trio.fail_after(30):  # a stream that opens does not end
                answer = await browser.get(path)
            assert answer.status_code in (403, 421), path
            assert "access-control-allow-origin" not in answer.headers
        assert here.hub.readers == 0


@pytest.mark.parametrize("path", ["/api/live", "/", "/api/control/kill"])
async def test_a_websocket_is_never_opened(autojump_clock: MockClock, site: Sites, path: str) -> None:
    """With the cookie of a session, from our own page or another's: no upgrade."""
    for origin in (EVIL, "http://127.0.0.1:8180"):
        async with site() as here:
            cookie, _ = here.keyring.open("operate", "", here.stage.clock.now_ns() / 1e9)
            stream = here.connect()
            await stream.send_all(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8180\r\nOrigin: {origin}\r\n"
                f"Cookie: {here.place.cookie}={cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            assert b" 101 " not in await read_until(stream, b"\r\n\r\n")
            assert here.hub.readers == 0


@pytest.mark.parametrize(
    "path",
    [
        "/static/%252e%252e%252fdashboard.py", "/static/..%5cdashboard.py", "/static/%c0%ae%c0%ae/dashboard.py",
        "/static/....//dashboard.py", "/static/%2e%2e%2f%2e%2e%2fcli.py", "/static//etc/passwd", "/static/../guard.py",
        "/static/.%2e/guard.py", "/static/__init__.py", "/%2e%2e/%2e%2e/etc/passwd", "/api/../static/../cli.py",
    ],
)
async def test_no_spelling_of_a_path_leads_to_a_file(autojump_clock: MockClock, site: Sites, path: str) -> None:
    """Encoded once, twice, overlong, with backslashes: sent as it is, by somebody with a session."""
    async with site() as here:
        cookie, _ = here.keyring.open("operate", "", here.stage.clock.now_ns() / 1e9)
        stream = here.connect()
        await stream.send_all(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8180\r\nCookie: {here.place.cookie}={cookie}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        answer = await read_until(stream, b"nothing ends before this")
        assert answer.split(b" ")[1] in (b"303", b"404", b"400"), answer[:60]
        assert b"import" not in answer
        assert b"root:" not in answer
        assert "web_error" not in here.lines()


@pytest.mark.parametrize("where", ["/api/trades/a%00b", "/api/orders?below=2026-01-01T00:00:00Z~%00", "/trades/%00"])
async def test_a_nul_reaches_no_database(autojump_clock: MockClock, site: Sites, where: str) -> None:
    """Its driver would take it for a bug of ours; it is a bad request."""
    async with site() as here, here.client("view") as browser:
        assert (await browser.get(where)).status_code == 400
        assert "web_error" not in here.lines()


@pytest.mark.parametrize("name", ["x-http-method-override", "x-http-method", "x-method-override"])
async def test_a_get_does_not_become_a_post(autojump_clock: MockClock, site: Sites, name: str) -> None:
    """Nor does a header change who is asked for."""
    headers = {name: "POST", "x-original-url": "/livez", "x-rewrite-url": "/livez", "x-forwarded-host": "evil.example"}
    async with site() as here, here.client("operate", **headers) as browser:
        assert (await browser.get("/api/control/kill")).status_code == 405
        assert not here.bot.gate.latch.is_set()
    async with site() as here, here.client(**headers) as nobody:
        assert (await nobody.get("/api/me")).status_code == 401


async def test_a_planted_cookie_is_not_adopted(autojump_clock: MockClock, site: Sites) -> None:
    """The login of an operator gives a session of its own, whatever cookie the browser had; the old one gains nothing.
    """
    async with site() as here, here.client("view") as browser:
        planted = browser.cookies[here.place.cookie]
        assert (await browser.post("/session", json={"token": OPERATE})).status_code == 200
        ours = browser.cookies.jar
        given = [one.value for one in ours if one.name == here.place.cookie]
        assert given[-1] != planted
        async with here.client() as thief:
            thief.cookies.set(here.place.cookie, planted)
            assert (await thief.get("/api/me")).json()["role"] == "view"


async def test_a_wrong_bearer_waits_and_is_seen_and_shuts_nobody_out(autojump_clock: MockClock, site: Sites) -> None:
    """Each guess costs a second; the log has some of them, none of the tokens; the right one works all the time."""
    async with site() as here:
        async with here.client(authorization="Bearer guessed-" + "g" * 32) as guesser:
            for _ in range(FAILURES_MAX + 5):
                began = trio.current_time()
                assert (await guesser.get("/api/me")).status_code == 401
                assert trio.current_time() - began >= WRONG_BEARER_S
        assert here.lines().count("web_bearer_refused") == FAILURES_MAX
        assert "guessed" not in here.told()
        async with here.client(authorization=f"Bearer {VIEW}") as script:
            began = trio.current_time()
            assert (await script.get("/api/me")).status_code == 200
            assert trio.current_time() == began
        async with here.client() as browser:
            assert (await browser.post("/session", json={"token": VIEW})).status_code == 200


async def test_a_token_in_an_address_is_in_no_log_and_in_no_answer(autojump_clock: MockClock, site: Sites) -> None:
    """Somebody pastes it behind `?` or `/`: it opens nothing, and nothing repeats it."""
    async with site() as here, here.client() as browser:
        for path in (f"/?token={OPERATE}", f"/login?token={OPERATE}", f"/{OPERATE}", f"/api/{OPERATE}?x={OPERATE}"):
            answer = await browser.get(path)
            assert answer.status_code in (200, 303, 401)
            assert OPERATE not in answer.text + str(answer.headers)
        assert OPERATE not in here.told()
        assert (await browser.get("/api/me")).status_code == 401
