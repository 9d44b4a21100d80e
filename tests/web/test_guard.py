"""Attacks on the application, each by the request that it would send, and that each is refused without an effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dnbot.strategy.states import TradingMode
from dnbot.web.access import FAILURES_MAX
from dnbot.web.guard import BODY_BYTES_MAX

if TYPE_CHECKING:
    import httpx
    from trio.testing import MockClock
    from web_site import Sites

URL = "http://127.0.0.1:8180"
OPERATE, VIEW = "operates-" + "o" * 32, "looks-on-" + "v" * 32
PAUSE = {"why": "a test"}
ATTACKS: dict[str, tuple[dict[str, Any], int]] = {
    "a form of another site": ({"headers": {"origin": "https://evil.example"}}, 403),
    "another port of the same machine": ({"headers": {"origin": "http://127.0.0.1:9999"}}, 403),
    "a page without an origin": ({"headers": {"origin": "null"}}, 403),
    "a name that now resolves to loopback": ({"headers": {"host": "evil.example:8180"}}, 421),
    "a name without the port": ({"headers": {"host": "localhost"}}, 421),
    "a name that looks like the path of a probe": ({"headers": {"host": "127.0.0.1:8180/livez?"}}, 421),
    "a name that looks like a file of the pages": ({"headers": {"host": "127.0.0.1:8180/static/app.css?"}}, 421),
    "a request that says it crosses sites": ({"headers": {"sec-fetch-site": "cross-site"}}, 403),
    "without the word of the session": ({"headers": {"x-csrf-token": ""}}, 403),
    "with a made-up word": ({"headers": {"x-csrf-token": "0" * 64}}, 403),
    "a form's content type": ({"headers": {"content-type": "text/plain"}}, 415),
    "a body beyond the limit": ({"json": {"why": "x" * BODY_BYTES_MAX}}, 413),
    "no JSON": ({"content": b"why=x", "headers": {"content-type": "application/json"}}, 400),
    "no reason": ({"json": {"why": " "}}, 400),
    "a reason with an escape": ({"json": {"why": "a\x1b[2J"}}, 400),
    "an unknown field": ({"json": {"why": "a", "mode": "ACTIVE"}}, 400),
    "a wrong bearer": ({"headers": {"authorization": "Bearer wrong"}}, 401),
    "a bearer that may look": ({"headers": {"authorization": f"Bearer {VIEW}"}}, 403),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_changes_nothing(autojump_clock: MockClock, site: Sites, name: str) -> None:
    """The browser of somebody who may operate is led into it, and the bot goes on as before."""
    given, status = ATTACKS[name]
    body = {} if "content" in given else {"json": PAUSE}
    async with site() as here, here.client("operate") as browser:
        answer = await browser.post("/api/control/pause", **(body | given))
        assert answer.status_code == status, answer.text
        assert here.bot.channels.inbox.receive.statistics().current_buffer_used == 0
        assert "control" not in here.lines()


async def test_without_the_attack_the_same_request_is_carried_out(autojump_clock: MockClock, site: Sites) -> None:
    """What the attacks above differ from: session, word, origin and name as they should be."""
    async with site(runs=True) as here, here.client("operate") as browser:
        assert (await browser.post("/api/control/pause", json=PAUSE)).status_code == 200
        assert here.bot.context.mode is TradingMode.REDUCING


async def test_who_may_look_may_not_operate(autojump_clock: MockClock, site: Sites) -> None:
    """Every action is refused to the role view, before it is looked at."""
    async with site() as here, here.client("view") as browser:
        for action in ("pause", "reduce", "resume", "stop", "flatten", "kill"):
            answer = await browser.post(f"/api/control/{action}", json=PAUSE)
            assert (answer.status_code, answer.json()) == (403, {"error": "this login may look, not operate"})
        assert not here.bot.gate.latch.is_set()


async def test_nobody_sees_anything_before_the_login(autojump_clock: MockClock, site: Sites) -> None:
    """Pages lead to the login, data are refused; an old or foreign cookie is none."""
    async with site() as here, here.client() as nobody:
        for page in ("/", "/now", "/control"):
            answer = await nobody.get(page)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        for path in ("/api/me", "/api/live", "/api/history", "/api/logs", "/api/trades", "/api/orders", "/api/modes"):
            assert (await nobody.get(path)).status_code == 401
        nobody.cookies.set(here.place.cookie, "e30.0000")
        assert (await nobody.get("/api/me")).status_code == 401


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_other_methods_do_not_pass(autojump_clock: MockClock, site: Sites, method: str) -> None:
    """A browser's question whether it may cross sites is answered with no."""
    async with site() as here, here.client("operate") as browser:
        answer = await browser.request(method, "/api/control/pause")
        assert answer.status_code == 405
        assert "access-control-allow-origin" not in answer.headers


async def test_nothing_is_changed_by_get(autojump_clock: MockClock, site: Sites) -> None:
    """Actions, login and logout want POST."""
    async with site() as here, here.client("operate") as browser:
        for path in ("/api/control/kill", "/session", "/api/logout"):
            assert (await browser.get(path)).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "../dashboard.py", "..%2fdashboard.py", "%2e%2e/%2e%2e/cli.py", "/etc/passwd", "%2fetc%2fpasswd", "app.css/..",
        "x%00.css", "",
    ],
)
async def test_no_file_but_those_of_the_pages_is_served(autojump_clock: MockClock, site: Sites, path: str) -> None:
    """Whatever a path climbs to, nothing is opened."""
    async with site() as here, here.client() as nobody:
        answer = await nobody.get(f"/static/{path}")
        assert answer.status_code in (303, 400, 404)
        assert "import" not in answer.text


async def test_every_answer_tells_browsers_to_be_careful(autojump_clock: MockClock, site: Sites) -> None:
    """Pages, data, refusals and errors: no inline script or style, no frame, no guessing, nothing kept."""
    async with site() as here, here.client("view") as browser:
        for path in ("/now", "/api/me", "/nowhere", "/static/app.css", "/livez", "/api/control/x"):
            headers = (await browser.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] in ("no-store", "no-cache")
            assert "server" not in headers


async def test_pages_hold_no_inline_script_or_style(autojump_clock: MockClock, site: Sites) -> None:
    """What the policy would refuse is not in them, and nothing comes from another place."""
    async with site() as here, here.client("view") as browser:
        for path in ("/now", "/login"):
            page = (await browser.get(path)).text
            assert " style=" not in page
            assert "<style" not in page
            assert page.count("<script") == page.count("<script src=") + page.count('<script type="module" src=')
            assert "//" not in page.replace("<!doctype html>", "")


# --- the login --------------------------------------------------------------------------------------------------------
async def _log_in(browser: httpx.AsyncClient, token: str, **more: str) -> httpx.Response:
    return await browser.post("/session", json={"token": token, **more})


async def test_a_token_opens_a_session_whose_cookie_scripts_cannot_read(autojump_clock: MockClock, site: Sites) -> None:
    """HttpOnly and SameSite=Strict; the session knows its role, and its name is in the record of what it orders."""
    async with site(runs=True) as here, here.client() as browser:
        answer = await _log_in(browser, OPERATE, name="ann")
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" not in cookie
        me = (await browser.get("/api/me")).json()
        assert (me["role"], me["name"]) == ("operate", "ann")
        ordered = await browser.post("/api/control/pause", json=PAUSE, headers={"x-csrf-token": me["csrf"]})
        assert ordered.status_code == 200
        assert here.watch.mode_changed is not None
        assert here.watch.mode_changed.by == "web:ann"
        assert here.watch.mode_changed.why == "web:ann: a test"


async def test_behind_the_proxy_the_cookie_is_secure(autojump_clock: MockClock, site: Sites) -> None:
    """And browsers are told to come by TLS alone."""
    behind = {"host": "bot.example.org", "origin": "https://bot.example.org"}
    async with site(public_url="https://bot.example.org") as here, here.client(**behind) as browser:
        answer = await _log_in(browser, VIEW)
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "strict-transport-security" in answer.headers


async def test_a_page_of_another_site_cannot_log_anybody_in(autojump_clock: MockClock, site: Sites) -> None:
    """Nor can a request without an origin: the session would be the attacker's."""
    async with site() as here, here.client(origin="https://evil.example") as browser:
        assert (await _log_in(browser, VIEW)).status_code == 403
    async with site() as here, here.client() as browser:
        del browser.headers["origin"]
        assert (await _log_in(browser, VIEW)).status_code == 403


async def test_wrong_tokens_are_counted_and_never_logged(autojump_clock: MockClock, site: Sites) -> None:
    """The door shuts after some, also for the right one, and opens again."""
    async with site() as here, here.client() as browser:
        for _ in range(FAILURES_MAX):
            assert (await _log_in(browser, "guessed-" + "g" * 32)).status_code == 403
        assert (await _log_in(browser, OPERATE)).status_code == 429
        assert "guessed" not in here.told()
        here.stage.clock.skew_ns += 61 * 10**9
        assert (await _log_in(browser, OPERATE)).status_code == 200
        assert OPERATE not in here.told()


async def test_after_the_logout_the_cookie_opens_nothing(autojump_clock: MockClock, site: Sites) -> None:
    """Also for whoever kept a copy."""
    async with site() as here, here.client("operate") as browser:
        copy = browser.cookies[here.place.cookie]
        assert (await browser.post("/api/logout")).status_code == 200
        browser.cookies.set(here.place.cookie, copy)
        assert (await browser.get("/api/me")).status_code == 401


async def test_a_bearer_needs_no_cookie_and_no_origin(autojump_clock: MockClock, site: Sites) -> None:
    """Scripts may operate with the token itself; no browser can be led into sending it."""
    async with site(runs=True) as here, here.client(authorization=f"Bearer {OPERATE}") as script:
        del script.headers["origin"]
        assert (await script.post("/api/control/reduce", json=PAUSE)).status_code == 200
        assert here.bot.context.mode is TradingMode.REDUCING


async def test_an_error_of_a_page_is_a_line_of_the_log_and_no_more(autojump_clock: MockClock, site: Sites) -> None:
    """The answer tells nothing of the inside, and the next request is served."""
    async with site() as here, here.client("view") as browser:
        here.api.hub = None  # type: ignore[assignment]  # a page that fails
        answer = await browser.get("/api/history")
        assert (answer.status_code, answer.json()["error"]) == (500, "something went wrong here; the log tells what")
        assert "web_error" in here.lines()
        assert (await browser.get("/api/me")).status_code == 200
