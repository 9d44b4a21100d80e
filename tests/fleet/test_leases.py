"""The arithmetic of leases, over all delays of requests and answers; and of restarts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.bot import FAREWELL_S
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.restarts import RestartPolicy
from dnbot.tasks.journal import FAREWELL_S as JOURNAL_S

DELAYS = st.floats(0, 100)


@st.composite
def terms(draw: st.DrawFn) -> LeaseTerms:
    """Any that do not contradict themselves."""
    ttl_s = draw(st.floats(1, 1000))
    margin_s = draw(st.floats(0.01, 0.6)) * ttl_s
    return LeaseTerms(ttl_s, margin_s, draw(st.floats(0, 5)), draw(st.floats(0, 5)))


@given(terms(), DELAYS, DELAYS, DELAYS, st.floats(-1e6, 1e6))
def test_no_delay_lets_the_holder_and_a_successor_act_at_once(
    lease: LeaseTerms, request_s: float, answer_s: float, later_s: float, clock_s: float
) -> None:
    """Whatever request and answer took, and however soon the next claim comes: the holder has ended `margin_s` before
    its lease does, and the successor waits until what was committed before its claim can no longer be accepted, also
    when the database's clock stepped and gave it a lease that has not ended for its holder."""
    asked_s = clock_s
    granted_s = asked_s + request_s  # the database's moment, on this clock
    ends_s = granted_s + lease.ttl_s
    assert lease.deadline(asked_s) <= ends_s - lease.margin_s + 1e-6
    for claimed_s in (granted_s + later_s, ends_s + later_s):
        acts_s = lease.may_act_at(claimed_s + answer_s, was_released=False)
        assert acts_s >= claimed_s + lease.venue_skew_s + lease.order_life_s - 1e-6


@given(terms())
def test_a_lease_is_renewed_before_its_deadline(lease: LeaseTerms) -> None:
    """With a database that answers, nobody loses a lease between two renewals."""
    assert lease.renew_every_s < lease.deadline(0.0)


def test_after_a_release_nobody_waits() -> None:
    """The holder has said that nothing is under way."""
    assert LeaseTerms().may_act_at(7.0, was_released=True) == 7.0


def test_the_margin_is_longer_than_the_farewell() -> None:
    """What the bot does after its deadline ends before another one begins."""
    assert LeaseTerms().margin_s > max(FAREWELL_S, JOURNAL_S)


@pytest.mark.parametrize(
    "wrong", [{"ttl_s": 13.0}, {"ttl_s": 0.0}, {"margin_s": 0.0}, {"margin_s": 20.0}, {"venue_skew_s": -1.0}]
)
def test_terms_that_contradict_one_another_are_refused(wrong: dict[str, float]) -> None:
    """Before anything is claimed."""
    with pytest.raises(ValueError, match="lease"):
        LeaseTerms(**wrong)


def test_waits_double_and_end_in_quarantine() -> None:
    """1, 2, 4, 8 s, then a person must look; failures out of the window do not count; the wait has a limit."""
    policy = RestartPolicy()
    assert [policy.after_failure([0.0] * count) for count in (1, 2, 3, 4, 5, 9)] == [1, 2, 4, 8, None, None]
    assert policy.after_failure([0.0, 600.0, 700.0, 800.0, 900.0]) == 1
    assert RestartPolicy(limit=100).after_failure([0.0] * 50) == 60


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=12))
def test_more_failures_never_mean_a_shorter_wait(ages: list[float]) -> None:
    """Each failure more waits as long or longer, and quarantine is not left by failing."""
    policy = RestartPolicy()
    fewer, more = policy.after_failure(ages), policy.after_failure([*ages, 0.0])
    assert more is None or (fewer is not None and more >= fewer)
