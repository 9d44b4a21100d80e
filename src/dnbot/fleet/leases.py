"""The arithmetic of a lease. Ends are the database's, deadlines are the holder's own monotonic seconds."""

from __future__ import annotations

import attrs


@attrs.frozen
class LeaseTerms:
    """How long a lease is, and what surrounds it; seconds.

    Raises:
        ValueError: the terms contradict one another.
    """

    ttl_s: float = 30.0
    margin_s: float = 9.0
    """The holder has ended that long before the database lets another one begin: above the bot's farewell of 8 s."""
    venue_skew_s: float = 1.0
    """How far a venue's clock may be behind the one that an order's expiry was computed by."""
    order_life_s: float = 1.0
    """The longest that an order may be accepted after it was decided."""

    def __attrs_post_init__(self) -> None:
        if min(self.ttl_s, self.margin_s) <= 0 or min(self.venue_skew_s, self.order_life_s) < 0:
            raise ValueError("a lease and its margin are longer than 0 s, skew and order life not negative")
        if self.ttl_s - self.margin_s <= self.renew_every_s:
            raise ValueError(
                f"a lease of {self.ttl_s:g} s less a margin of {self.margin_s:g} s ends before it is renewed, after "
                f"{self.renew_every_s:g} s: take a longer lease (above {1.5 * self.margin_s:g} s)"
            )

    @property
    def renew_every_s(self) -> float:
        """From one renewal to the next."""
        return self.ttl_s / 3

    def deadline(self, asked_s: float) -> float:
        """Until when the holder may act. `asked_s` is from before the request was sent, so that no delay of the
        request or of its answer can make it later than the database's own end."""
        return asked_s + self.ttl_s - self.margin_s

    def may_act_at(self, answered_s: float, *, was_released: bool) -> float:
        """When a successor may act.

        From the claim on its holder's predecessor can commit nothing more, and what it committed before is accepted
        within an order's life. That counts from the claim and not from the older lease's end: a database whose clock
        stepped forward says that a lease ended long ago whose holder was at work until now.

        Args:
            answered_s: when the claim's answer was there.
            was_released: the older lease was let go of, or there was none: then nothing is under way.
        """
        return answered_s if was_released else answered_s + self.venue_skew_s + self.order_life_s
