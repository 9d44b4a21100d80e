"""A leg that rests: what was decided of it, and what is known of it while it does."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import TacticAdvised
from dnbot.domain.order import Order, OrderStatus
from dnbot.domain.pair import Opportunity, Pair
from dnbot.domain.resting import MAKER
from dnbot.domain.units import ZERO, Price


class RestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A pair whose leg on MEXC waits at `price`, and whose other leg is taken as that one fills."""

    opportunity: Opportunity
    """Of the pair as if the leg that waits traded at its price, for its maker fee, and the other one at its book."""
    price: Price
    rest_ms: int
    """It waits no longer."""

    @property
    def pair(self) -> Pair:
        """The pair itself."""
        return self.opportunity.pair

    @property
    def answer_venue(self) -> Venue:
        """Where what fills is answered."""
        return self.pair.sell_venue if self.pair.buy_venue is MAKER else self.pair.buy_venue


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """The order of a plan, from its decision until the execution is over. Times are monotonic seconds."""

    order_id: str
    plan: RestPlan
    until_s: float
    cancel_s: float | None = None
    """Since when it is to be gone; None: it may rest."""
    cancel_why: str = ""
    asked_s: float | None = None
    """When its cancel was last asked for."""
    unanswered_s: float | None = None
    """Since when something of it is filled and not answered."""
    answered: Decimal = ZERO
    """Base units that its answers have traded, fees aside, when that was last looked at."""
    tries: int = 0
    """Answers since then, which have brought nothing."""

    def is_quiet(self, order: Order) -> bool:
        """Whether `order` is this one, open, and nothing is missing of it: only then is its silence as it should be."""
        return (
            order.intent.client_order_id == self.order_id and order.status is OrderStatus.OPEN
            and self.cancel_s is None and order.reported_filled <= order.filled
        )


class Resting(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of legs that rest, beside executions."""

    plan: RestPlan | None = None
    """The newest that was found; it counts while its opportunity is the one that is prepared."""
    after_s: float = float("-inf")
    """No leg rests again before."""
    adviser: str = ""
    """The execution plugin without whose advice no leg rests; empty: none is configured."""
    advice: TacticAdvised | None = None
    """Its newest."""
