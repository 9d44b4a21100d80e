"""Deterministic identifiers in the format of each venue; the counters are part of the persisted state."""

from __future__ import annotations

import attrs

# (snowflake >> 22) + this constant is the creation time of a MEXC order in ms (derived from recorded order ids).
MEXC_EPOCH_MS = 1_615_782_235_866
MEXC_SUFFIX = "036"
FIRST = {
    "gate_spot.order": 376_835_979_000,
    "gate_spot.trade": 6_064_666_000,
    "gate_futures.order": 58_828_270_140_012_000,  # above 2**53 on purpose: readers through floats must notice
    "gate_futures.trade": 846_107_000,
    "mexc_spot.order": 0,
    "mexc_spot.trade": 505_979_000,
    "ledger": 40_558_668_000,
    "transfer": 590_000,
}
# What a restart skips, because ids given to external orders since the last journal line are not persisted.
RESTART_STRIDE = 1_000_000


@attrs.define
class Ids:
    """Counters by name; equal commands give equal ids."""

    counters: dict[str, int] = attrs.field(factory=lambda: dict(FIRST))

    def next(self, name: str) -> int:
        """The next value of one counter."""
        value = self.counters.get(name, 0) + 1
        self.counters[name] = value
        return value

    def order_id(self, venue: str, now_ms: int) -> str:
        """A new order id in the venue's format: digits on Gate, ``C02__<snowflake><shard>`` on MEXC."""
        number = self.next(f"{venue}.order")
        if venue != "mexc_spot":
            return str(number)
        snowflake = ((now_ms - MEXC_EPOCH_MS) << 22) | (number & 0x3FFFFF)
        return f"C02__{snowflake}{MEXC_SUFFIX}"

    def trade_id(self, venue: str) -> int:
        """A new trade number of that venue, shared by public trades and fills."""
        return self.next(f"{venue}.trade")

    def skip_ahead(self) -> None:
        """Leave a gap in every counter, so that nothing issued before a crash can be issued again."""
        for name in self.counters:
            self.counters[name] += RESTART_STRIDE


def mexc_snowflake(order_id: str) -> str:
    """The digits between the ``C02__`` prefix and the shard suffix; MEXC trade ids begin with them."""
    return order_id.removeprefix("C02__").removesuffix(MEXC_SUFFIX)
