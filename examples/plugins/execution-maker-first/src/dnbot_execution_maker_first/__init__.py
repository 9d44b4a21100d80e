"""Legs wait on MEXC where waiting saves enough: a fee, and a part of a spread that is wide."""

from __future__ import annotations

from dnbot.operate.plugins import ExecutionPicture, PairPicture, PluginContext, RestRule

MEXC = "MEXC_SPOT"
PAIRS = ("GATE_TO_MEXC", "MEXC_TO_GATE", "OPEN_MEXC", "CLOSE_MEXC")
"""Those with a leg there."""
DEFAULTS = {"saved_bps_min": 2, "share_pct": 25, "sd_bps_max": 50}


class MakerFirst:
    """`options = { saved_bps_min = 2, share_pct = 25, sd_bps_max = 50 }`: what waiting must save, how far into the
    spread it goes, and a deviation of the pair's edge beyond which nothing waits.
    """

    protocol = 1

    def __init__(self, context: PluginContext) -> None:
        options = {**DEFAULTS, **context.options}
        if len(options) > len(DEFAULTS) or not all(isinstance(one, int) and one >= 0 for one in options.values()):
            raise ValueError(f"options are {', '.join(DEFAULTS)}, whole numbers from 0; found {dict(options)}")
        self.saved_bps_min, self.share_pct, self.sd_bps_max = (int(options[name]) for name in DEFAULTS)

    def choose(self, picture: ExecutionPicture) -> list[RestRule]:
        """A rule for each pair with a leg there, or none where too little is saved."""
        top = picture.tops.get(MEXC)
        if top is None:
            return []
        spread_bps = (top.ask - top.bid) / top.bid * 10_000
        if spread_bps + top.taker_bps - top.maker_bps < self.saved_bps_min:
            return []
        steps = int((top.ask - top.bid) / top.tick) - 1
        ticks = max(0, min(1_000, steps, steps * self.share_pct // 100))
        pairs = [pair.pair for pair in picture.market.pairs if self._waits(pair)]
        return [RestRule(pair=pair, ticks_inside=ticks, rest_ms=picture.rest_ms_max) for pair in pairs]

    def _waits(self, pair: PairPicture) -> bool:
        """What moves much is gone, or has gone against us, before anybody comes."""
        return pair.pair in PAIRS and pair.sd_bps <= self.sd_bps_max
