"""A scripted symbol where the world expects a market model: it publishes marks and funding, and does nothing else."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .market import STEPS_PER_S, MarketModel, ModelPosition, Quotes
from .market_params import MarketParams
from .records import GATE_FUTURES, GATE_SPOT, ZERO, Venue

SCRIPTED = "scripted"
MARK_EVERY_STEPS = 18  # as often as the invented markets publish a mark


class ScriptedParams(MarketParams):
    """Says of a scripted market what a banner needs to say: nothing in it is real."""

    def describe(self) -> dict[str, object]:
        """As the other markets do."""
        return {"name": self.name, "real": False, "note": "a scripted market: it moves by command alone"}


def scripted_params() -> ScriptedParams:
    """The parameters of a market that has none."""
    return ScriptedParams(name=SCRIPTED, volatility_bps=0.0, venues={}, basis_bps=0.0, funding_rate=ZERO)


@attrs.define
class ScriptedModel:
    """What the script last said of one symbol. ``mid``: the common middle; ``params`` hold the funding rate.

    ``mark`` and ``index`` are None while they follow the books: the perp's and Gate spot's.
    """

    mid: Decimal
    params: MarketParams = attrs.field(factory=scripted_params)
    mark: Decimal | None = None
    index: Decimal | None = None
    position: ModelPosition = attrs.field(factory=ModelPosition)
    middles: dict[Venue, Decimal] = attrs.field(factory=dict)
    """Newest middle of what outsiders want to show, per venue."""

    @property
    def elapsed_s(self) -> float:
        """When the world looks next: often enough to publish marks."""
        return self.position.step / STEPS_PER_S

    def step(self) -> Quotes:
        """Nobody acts."""
        self.position.step += MARK_EVERY_STEPS
        self.follow()
        return Quotes(GATE_FUTURES, [], self.fair(GATE_FUTURES))

    def follow(self) -> None:
        """Let the index be what was set, or the middle of Gate's spot book."""
        self.position.fundamental = float(self.index if self.index is not None else self._middle(GATE_SPOT))

    def fair(self, venue: Venue) -> float:
        """The mark of the perp; elsewhere the middle."""
        if venue == GATE_FUTURES and self.mark is not None:
            return float(self.mark)
        return float(self._middle(venue))

    def funding_rate(self) -> Decimal:
        """What was set."""
        return self.params.funding_rate

    def _middle(self, venue: Venue) -> Decimal:
        return self.middles.get(venue, self.mid)


Model = MarketModel | ScriptedModel
