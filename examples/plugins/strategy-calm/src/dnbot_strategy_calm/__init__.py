"""Entries must earn more where the spread moves more, and none is made before its history says how much it moves."""

from __future__ import annotations

from decimal import Decimal

from dnbot.operate.plugins import EntryRule, MarketPicture, PairPicture, PluginContext

STEP = Decimal("0.01")


class Calm:
    """`options = { samples_min = 60, share_pct = 25 }`: extra edge is this share of the spread's standard deviation."""

    protocol = 1

    def __init__(self, context: PluginContext) -> None:
        options = {"samples_min": 60, "share_pct": 25, **context.options}
        if len(options) > 2 or not all(isinstance(value, int) and value >= 0 for value in options.values()):
            raise ValueError(f"options are samples_min and share_pct, whole numbers from 0; found {dict(options)}")
        self.samples_min, self.share_pct = int(options["samples_min"]), int(options["share_pct"])

    def advise(self, picture: MarketPicture) -> list[EntryRule]:
        """A rule for every pair."""
        return [self._rule(pair) for pair in picture.pairs]

    def _rule(self, pair: PairPicture) -> EntryRule:
        if pair.samples < self.samples_min:
            return EntryRule(pair=pair.pair, refuse=True, why=f"{pair.samples} of {self.samples_min} samples")
        extra = (Decimal(pair.sd_bps) * self.share_pct / 100).quantize(STEP)
        return EntryRule(pair=pair.pair, extra_bps=extra, why=f"for a deviation of {pair.sd_bps:.1f} bps")
