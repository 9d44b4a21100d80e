"""A scenario: a fault plan, a market and an account, under the name of what once hurt somebody."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from .config import AccountConfig, FakesConfig
from .faults import FaultPlan, FaultRefused
from .faults_text import parse_fault
from .records import Venue
from .scenarios_catalogue import SCENARIOS


@attrs.frozen
class Scenario:
    """What the venue does, in one sentence, and how the fakes are made to do it."""

    name: str
    venue_does: str
    plan: FaultPlan
    settings: Mapping[str, Any]
    balances: Mapping[Venue, Mapping[str, Decimal]]

    def applied(self, config: FakesConfig) -> FakesConfig:
        """A configuration with the scenario on top: its faults come first, its balances replace each account's."""
        faults = FaultPlan((*self.plan.faults, *config.faults.faults), config.faults.seed)
        accounts = tuple(self._endowed(account) for account in config.accounts)
        settings = dict(self.settings)
        return attrs.evolve(config, faults=faults, scenario=self.name, accounts=accounts, **settings)

    def _endowed(self, account: AccountConfig) -> AccountConfig:
        return attrs.evolve(account, balances={**account.balances, **self.balances}) if self.balances else account


def scenario_of(name: str) -> Scenario:
    """The scenario of that name. Raises FaultRefused."""
    if name not in SCENARIOS:
        raise FaultRefused(f"no such scenario: {name!r}; there are {', '.join(SCENARIOS)}")
    row = SCENARIOS[name]
    balances = {
        venue: {asset: Decimal(amount) for asset, amount in held.items()} for venue, held in row.balances.items()
    }
    return Scenario(name, row.venue_does, FaultPlan(tuple(map(parse_fault, row.faults))), row.settings, balances)


def list_scenarios() -> str:
    """One line per scenario: its name, and what the venue does."""
    width = max(len(name) for name in SCENARIOS)
    return "\n".join(f"{name:{width}}  {row.venue_does}" for name, row in SCENARIOS.items())
