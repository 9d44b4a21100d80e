"""What Gate's documents leave open about perpetuals: every assumption is a switch, its default named first."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import attrs


@attrs.define
class PerpetualRules:
    """Switches of the perpetual venue. All are assumptions; what is documented has none.

    ``isolated_funding``: funding of an isolated position changes the wallet alone, or its own margin with it.
    ``cross_split``: which equity carries each of several cross positions when the account is liquidated: a share by
    maintenance margin, or all of it for the largest, which goes first.
    ``adl_score``: how return and margin ratio make the rank, which a help page names without a formula: return
    divided by the margin ratio, or the return alone (as an older help page says).
    ``adl_cancels``: whose open orders go when a position is deleveraged: those of the contract, or all.
    ``adl_fee``: whether the deleveraged side pays a taker fee.
    ``insurance_start``: what the insurance fund holds in the beginning, in quote; with 0, every liquidation that the
    book cannot take ends in deleveraging.
    """

    isolated_funding: Literal["wallet", "margin"] = "wallet"
    cross_split: Literal["maintenance", "largest_first"] = "maintenance"
    adl_score: Literal["return_by_margin_ratio", "return"] = "return_by_margin_ratio"
    adl_cancels: Literal["contract", "all"] = "contract"
    adl_fee: bool = False
    insurance_start: Decimal = Decimal(1_000_000)
