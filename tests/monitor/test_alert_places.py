"""URLs of services are secrets: where they come from, that no part of them is shown, and where the heart beats."""

from __future__ import annotations

import os
from typing import Any

import pytest
import trio

from dnbot.config.settings import AlertSettings, Settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.operate.alert_places import address_of, load_alert_secrets, load_if_there
from dnbot.operate.heartbeat import Heartbeat
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import Secret, SecretRegistry
from dnbot.ports.http import HttpClient
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.net import Endpoint
from dnbot.ports.redaction import Redactor
from dnbot.strategy.parameters import StrategyParameters

PARAMS = StrategyParameters(symbol=Symbol("BTC", "USDT"), base_position_size=1, max_order_notional_quote=1)
TELEGRAM = "tgram://987654321:AAcanaryBotTokenValue/123456"
MAIL = "mailtos://user:canaryPassw0rd%21@mail.example.org"
DISCORD = "https://discord.com/api/webhooks/4445556667778/canaryDiscordToken-abcdefghijk"
BEAT = "https://hc.example.org/ping/0f0f0f0f-canary-uuid"


def settings(urls: str = "", heartbeat: str = "") -> Settings:
    """Settings that name these variables."""
    return Settings(strategy=PARAMS, alerts=AlertSettings(urls=urls, heartbeat=heartbeat))


def test_no_part_of_a_url_reaches_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, in tokens, decoded or in base64: a line that a library writes has none of it; the variables are gone."""
    monkeypatch.setenv("ALERT_URLS", f"{TELEGRAM} {MAIL}\n{DISCORD}")
    monkeypatch.setenv("BEAT_URL", BEAT)
    registry, sink = SecretRegistry(), MemorySink()
    log = EventLog(VirtualClock(0), [sink], Redactor(registry))
    found = load_alert_secrets(settings("ALERT_URLS", "BEAT_URL"), registry)
    assert [secret.reveal() for secret in found.services] == [TELEGRAM, MAIL, DISCORD]
    assert "ALERT_URLS" not in os.environ
    assert "BEAT_URL" not in os.environ
    canaries = [
        TELEGRAM, "AAcanaryBotTokenValue", MAIL, "canaryPassw0rd%21", "canaryPassw0rd!", DISCORD,
        "canaryDiscordToken-abcdefghijk", "4445556667778", BEAT, "0f0f0f0f-canary-uuid",
    ]
    for canary in canaries:
        log.append("warning", "library", {"text": f"POST {canary} failed"}, 0)
    log.flush_now()
    assert len(sink.lines) == len(canaries)
    assert [canary for canary in canaries for line in sink.lines if canary in str(line)] == []
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    ("urls", "heartbeat", "named"),
    [
        ("", "", ""),
        (None, "", "ALERT_URLS"),
        (TELEGRAM, None, "BEAT_URL"),
        (TELEGRAM, "not a url with canary", "BEAT_URL"),
        (TELEGRAM, "ftp://example.org/canary", "BEAT_URL"),
        (TELEGRAM, "https://user:canary@example.org/x", "BEAT_URL"),
        (TELEGRAM, "https://example.org/canaryé", "BEAT_URL"),
        ("x", "", "ALERT_URLS"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, urls: str | None, heartbeat: str | None, named: str
) -> None:
    """Before anything runs, and without a word of the value."""
    for name, value in (("ALERT_URLS", urls), ("BEAT_URL", heartbeat)):
        if value:
            monkeypatch.setenv(name, value)
    wanted = settings("ALERT_URLS" if urls != "" else "", "BEAT_URL" if heartbeat != "" else "")
    if not named:
        assert load_alert_secrets(wanted, SecretRegistry()).services == ()
        return
    with pytest.raises(ConfigError) as refused:
        load_alert_secrets(wanted, SecretRegistry())
    assert named in str(refused.value)
    assert "canary" not in str(refused.value)


def test_a_flatten_does_not_fail_for_want_of_somebody_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is missing is logged, and nobody is told; one that is there is used."""
    sink = MemorySink()
    log = EventLog(VirtualClock(0), [sink])
    monkeypatch.setattr(log, "_now_ns", lambda: 0)
    wanted = settings("ALERT_URLS")
    assert load_if_there(wanted, SecretRegistry(), log).services == ()
    log.flush_now()
    assert [line["event"] for line in sink.lines] == ["nobody_is_told"]
    monkeypatch.setenv("ALERT_URLS", TELEGRAM)
    assert len(load_if_there(wanted, SecretRegistry(), log).services) == 1


class Check:
    """Somebody's dead man's switch: answers on memory streams, and keeps what it was asked."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery, self.asked, self.status, self.down = nursery, list[str](), 200, False

    async def open(self, host: str, port: int) -> trio.abc.Stream:
        """A connection."""
        if self.down:
            raise OSError("down")
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self._serve, theirs)
        return ours

    async def _serve(self, stream: Any) -> None:
        while chunk := await stream.receive_some():
            self.asked.append(chunk.decode().splitlines()[0])
            await stream.send_all(f"HTTP/1.1 {self.status} X\r\nContent-Length: 2\r\n\r\nOK".encode())


async def test_the_heart_beats_while_all_is_well(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """Every minute; not while something is wrong; a refusal or a line that is down is logged without the URL."""
    check, sink, well = Check(nursery), MemorySink(), [True]
    endpoint, target = address_of(Secret(BEAT + "?a=b"), "BEAT_URL")
    assert endpoint == Endpoint("hc.example.org", 443)
    clock = VirtualClock(0)
    log = EventLog(clock, [sink])
    client = HttpClient(check.open, endpoint, clock=clock, venue="heartbeat")
    heart = Heartbeat(client, target, 60.0, lambda: well[0], log)
    nursery.start_soon(heart.run)
    await trio.sleep(130.0)
    assert check.asked == ["GET /ping/0f0f0f0f-canary-uuid?a=b HTTP/1.1"] * 3
    well[0] = False
    await trio.sleep(120.0)
    assert (heart.beats, heart.skipped) == (3, 2)
    well[0], check.status = True, 503
    await trio.sleep(60.0)
    check.status, check.down = 200, True
    await client.aclose()
    await trio.sleep(60.0)
    check.down = False
    await trio.sleep(60.0)
    assert heart.beats == 4
    log.flush_now()
    assert [line["event"] for line in sink.lines] == ["heartbeat_refused", "heartbeat_not_heard"]
    assert "canary" not in str(sink.lines)
    nursery.cancel_scope.cancel()
