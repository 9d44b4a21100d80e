"""What is refused before a bot runs, because a person stands beside it and can mend it."""

from __future__ import annotations

from dnbot.config import Settings
from dnbot.config.rules_canary import CANARY
from dnbot.domain.errors import VenueError
from dnbot.operate.check import refuse, refuse_accounts
from dnbot.operate.places import Surroundings
from dnbot.operate.same_world import Reads
from dnbot.operate.venue_reads import check_budgets, read_venues
from dnbot.ports.clock import Clock
from dnbot.tasks.budgets import BudgetsOf

EVER_SQL = "select 1 as n from order_intents where symbol = $1 limit 1"


async def refuse_unfit(
    settings: Settings, around: Surroundings, clock: Clock, budgets: BudgetsOf = check_budgets
) -> None:
    """What `dnbot check` refuses, a canary does not begin with: the worth of its position, a wrong key, an account.

    Raises:
        ConfigError: naming it.
        OperatingError: a venue could not be asked.
    """
    if settings.profile == CANARY:
        refuse(settings, await read_venues(around, settings.strategy.symbol, clock, budgets))


async def refuse_first_start(
    settings: Settings, store: Reads, around: Surroundings, clock: Clock, budgets: BudgetsOf = check_budgets
) -> None:
    """A book that knows no order yet begins only with keys, accounts and instruments that may be traded with.

    Once there was an order a position may stand, and a bot that waits for a venue to take its key again guards it
    better than none: then, and where a venue does not answer, all of this is the machine's to wait for.

    Raises:
        ConfigError: naming the venue and what it said.
        StoreUnreachable: the database does not answer.
    """
    symbol = settings.strategy.symbol
    if settings.mode != "live" or settings.profile == CANARY or await store.read(EVER_SQL, str(symbol)):
        return
    try:
        facts = await read_venues(around, symbol, clock, budgets)
    except VenueError:
        return
    refuse_accounts(facts)
