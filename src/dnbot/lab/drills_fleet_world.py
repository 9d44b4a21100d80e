"""What the tasks of a drilled fleet trade: quiet invented markets, and an account of the fakes for each."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from pathlib import Path

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.units import plain
from dnbot.fakes.instruments import SymbolParams
from dnbot.fakes.records import VENUES
from dnbot.fakes.universe import COUNT_MAX, invented_name, symbol_params
from dnbot.operate.places import FakesAddress

STEPS_PER_S_MAX = 1.5
"""How often a market is quoted anew: BTC's, at 36, costs a bot of its own a good part of a processor."""
HALF_LIFE = "20s"
"""Of the distance between the spot venues: it pays in each direction a few times in a minute."""
PRICES = (Decimal("0.01"), Decimal(3000))
DEPTH_MIN, SPREAD_MAX = 0.15, 8.0
"""In the fakes' factors: deep enough for orders above the smallest that the venues take, and cheaper than it pays."""
CONTRACT_QUOTE_MAX = Decimal(6)
POSITION_QUOTE = Decimal(600)
FIRST_UID = 20001
CONFIG = """\
mode = "sim"
[strategy]
symbol = "{symbol}"
base_position_size = "{size}"
max_position_multiplier = "1.5"
max_order_notional_quote = "200"
round_trips_per_minute_max = 240
consecutive_loss_limit = 1000
max_daily_loss_quote = "5000"
api_error_limit_per_minute = 1000
identical_orders_per_minute_max = 1000
# these markets are quoted anew once in a second or less:
market_age_ms_max = 5000
market_skew_ms_max = 5000
[fakes]
address_file = "{address_file}"
"""


@attrs.frozen
class FleetTask:
    """A task, its market and its account."""

    name: str
    market: SymbolParams
    uid: str

    @property
    def symbol(self) -> Symbol:
        """What it trades."""
        return Symbol.parse(self.market.symbol)

    @property
    def lot(self) -> Decimal:
        """Base units per contract."""
        return self.market.multiplier

    @property
    def account(self) -> str:
        """KEY:SECRET:UID, as `dnbot fakes --account` takes it."""
        return f"{self.name}-key-of-fakes:{self.name}-secret-of-fakes:{self.uid}"

    def settings(self, folder: Path) -> str:
        """Its configuration file; `written` makes the file that it names."""
        size = self.lot * max(1, round(POSITION_QUOTE / self.market.price / self.lot))
        return CONFIG.format(symbol=self.symbol, size=plain(size), address_file=self._address_file(folder))

    def written(self, folder: Path, address: FakesAddress) -> None:
        """Write down where its exchanges are, and its key there."""
        key, secret, uid = self.account.split(":")
        own = msgspec.structs.replace(address, key=key, secret=secret, uid=uid)
        self._address_file(folder).write_bytes(msgspec.json.encode(own))

    def _address_file(self, folder: Path) -> Path:
        return folder / f"{self.name}.address"


def fleet_tasks(count: int, seed: int) -> list[FleetTask]:
    """So many tasks on the first markets of this seed that are fit for it.

    Raises:
        ConfigError: there are not so many.
    """
    markets = (symbol_params(invented_name(number), seed) for number in range(COUNT_MAX))
    fit = list(islice(filter(_is_fit, markets), count))
    if len(fit) < count:
        raise ConfigError("drill fleet", "--tasks", count, f"at most {len(fit)} with this seed")
    return [
        FleetTask(market.symbol.split("/")[0].lower(), market, str(FIRST_UID + place))
        for place, market in enumerate(fit)
    ]


def fakes_options(tasks: list[FleetTask]) -> list[str]:
    """What `dnbot fakes` is given. Limits are those of an address, and a fleet has more than one: they are off here."""
    symbols = ",".join(task.market.symbol for task in tasks)
    accounts = [f"--account={task.account}" for task in tasks]
    return ["--deviation-bps", "60", "--half-life", HALF_LIFE, "--no-limits", "--symbols", symbols, *accounts]


def _is_fit(market: SymbolParams) -> bool:
    character = market.character
    return (
        market.venues == VENUES
        and not market.decimal_sizes
        and PRICES[0] <= market.price <= PRICES[1]
        and market.price * market.multiplier <= CONTRACT_QUOTE_MAX
        and character.depth >= DEPTH_MIN
        and character.spread <= SPREAD_MAX
        and character.steps_per_s <= STEPS_PER_S_MAX
    )
