"""Rate budgets that workers share: together they never have more than the venue allows, and little lies idle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dnbot.fleet.budgets import FLOORS, BudgetShare, floor_of, tokens_of

capacities = st.integers(2, 1000)
shares = st.lists(
    st.builds(BudgetShare, counts=st.integers(0, 300), wanted=st.integers(0, 1500)), max_size=FLOORS
)


@given(capacity=capacities, wanted=st.integers(1, 2000), others=shares)
def test_nobody_gets_what_others_may_still_spend(capacity: int, wanted: int, others: list[BudgetShare]) -> None:
    """Whatever is asked for, it fits into what does not count for another; and never less than nothing."""
    tokens = tokens_of(capacity, wanted, others)
    assert 0 <= tokens <= max(0, capacity - sum(other.counts for other in others))
    assert tokens <= max(wanted, floor_of(capacity))


@given(capacity=st.integers(FLOORS, 1000), wanted=st.lists(st.integers(1, 2000), min_size=1, max_size=FLOORS - 1))
def test_shares_settle_and_leave_little_idle(capacity: int, wanted: list[int]) -> None:
    """Asked in turn until nothing changes: all wishes are met, or all is out but the next worker's floor and what does
    not divide; and whoever lacks something has an even share."""
    tokens = [0] * len(wanted)
    for _ in range(2 * len(wanted) + 2):
        for mine, wish in enumerate(wanted):
            others = [
                BudgetShare(counts=tokens[i], wanted=wanted[i]) for i in range(len(wanted)) if i != mine
            ]
            tokens[mine] = tokens_of(capacity, wish, others)
            assert sum(tokens) <= capacity
    floor = floor_of(capacity)
    even = (capacity - floor) // len(wanted)
    lacking = [i for i, wish in enumerate(wanted) if tokens[i] < wish]
    assert all(tokens[i] >= min(even, wanted[i]) for i in range(len(wanted)))
    if lacking:
        assert sum(tokens) >= capacity - floor - len(wanted)


@given(capacity=st.integers(FLOORS, 1000), held=st.integers(1, FLOORS - 1))
def test_who_comes_anew_finds_its_floor(capacity: int, held: int) -> None:
    """However greedy those before were, one more gets its floor at once, up to as many as there are floors."""
    tokens: list[int] = []
    for _ in range(held):
        others = [BudgetShare(counts=count, wanted=10_000) for count in tokens]
        tokens.append(tokens_of(capacity, 10_000, others))
        assert tokens[-1] >= floor_of(capacity), tokens
        # those before take what they can before the next one comes
        for i in range(len(tokens)):
            rest = [BudgetShare(counts=c, wanted=10_000) for j, c in enumerate(tokens) if j != i]
            tokens[i] = tokens_of(capacity, 10_000, rest)
