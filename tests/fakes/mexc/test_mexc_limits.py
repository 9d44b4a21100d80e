"""Budgets, bans and listen keys of the MEXC fake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.mexc_errors import MexcRefusal
from dnbot.fakes.mexc_limits import Budget, MexcLimits
from dnbot.fakes.mexc_listen_keys import LIFE_MS, ListenKeys


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 7)), max_size=60))
def test_no_window_holds_more_than_the_limit(steps: list[tuple[float, int]]) -> None:
    """Whatever is asked, no window of ten seconds holds more weight than the limit, and waiting as told suffices."""
    budget, now_s, granted = Budget(20, 10.0), 0.0, list[tuple[float, int]]()
    for gap_s, weight in steps:
        now_s += gap_s
        wait_s = budget.wait_s(weight, now_s)
        if wait_s == 0.0:
            budget.spend(weight, now_s)
            granted.append((now_s, weight))
        else:
            assert budget.wait_s(weight, now_s + wait_s + 1e-9) == 0.0
            now_s += wait_s + 1e-9
        assert sum(w for at_s, w in granted if at_s > now_s - 10.0) <= 20


def test_excess_is_429_with_retry_after_then_passes() -> None:
    """The thirteenth order of a second is refused for a second; after it orders pass."""
    limits = MexcLimits()
    for _ in range(12):
        limits.charge("ip", {"orders": 1, "user": 1}, "u", 0.5)
    with pytest.raises(MexcRefusal) as refused:
        limits.charge("ip", {"orders": 1, "user": 1}, "u", 0.5)
    assert (refused.value.status, refused.value.retry_after_s) == (429, 1)
    limits.charge("ip", {"orders": 1, "user": 1}, "u", 1.5)


def test_ignoring_retry_after_is_a_ban() -> None:
    """Hammering through Retry-After turns 429 into 418 for the address, and the ban ends."""
    limits = MexcLimits(ignored_max=3)
    limits.charge("ip", {"ip": 300}, "u", 0.0)
    statuses = []
    for _ in range(5):
        with pytest.raises(MexcRefusal) as refused:
            limits.charge("ip", {"ip": 1}, "u", 0.1)
        statuses.append(refused.value.status)
    assert statuses == [429, 429, 429, 418, 418]
    limits.charge("ip", {"ip": 1}, "u", 121.0)


def test_disabled_limits_let_all_pass() -> None:
    """Nothing is counted when the limits are off: what is refused with them passes, and they start unspent."""
    limits = MexcLimits(enabled=False)
    for _ in range(1000):
        limits.charge("ip", {"ip": 300}, "u", 0.0)
    limits.enabled = True
    limits.charge("ip", {"ip": 300}, "u", 0.0)
    with pytest.raises(MexcRefusal):
        limits.charge("ip", {"ip": 300}, "u", 0.0)


def test_listen_key_lives_an_hour_and_renewal_restarts_it() -> None:
    """A key dies 60 minutes after its last renewal, with a string error code on PUT."""
    keys = ListenKeys()
    key = keys.create("u", 0)
    assert len(key.text) == 64
    assert keys.find(key.text, LIFE_MS - 1) is key
    keys.renew("u", key.text, LIFE_MS - 1)
    assert keys.find(key.text, LIFE_MS) is key
    with pytest.raises(MexcRefusal) as refused:
        keys.renew("u", key.text, 2 * LIFE_MS)
    assert refused.value.code == "730708"


def test_listen_key_quota_and_ownership() -> None:
    """Sixty keys per user; another user's key cannot be renewed or deleted."""
    keys = ListenKeys()
    made = [keys.create("u", 0) for _ in range(60)]
    assert len({key.text for key in made}) == 60
    with pytest.raises(MexcRefusal) as refused:
        keys.create("u", 0)
    assert refused.value.code == "730705"
    with pytest.raises(MexcRefusal):
        keys.delete("other", made[0].text, 0)
    assert keys.delete("u", made[0].text, 0).over.is_set()
    keys.create("u", 0)
    assert keys.create("u", LIFE_MS).text not in {key.text for key in made}


def test_silent_death() -> None:
    """A silenced key is gone for REST while its sockets are told nothing."""
    keys = ListenKeys()
    key = keys.create("u", 0)
    keys.silence("u")
    assert key.silent
    assert keys.find(key.text, 1) is None
