"""Which recorded prices drive which symbol: looks through a folder or file and makes a source for each symbol.

Raw captures: ``PATH/spot/<base><quote>*`` and ``PATH/usdm/<base><quote>*`` (either may be missing), files of one market
in the order of their names. The spot capture is the book of one spot venue; the other spot venue quotes around the same
middle at a modelled, mean-reverting distance. The USD-M capture is the perpetual's book.

Bars: a file of many markets, or a folder of files of one market each. The spot bars make the price (without them, the
perpetual's); the perpetual is that price times the ratio of the closes, which runs in straight lines from bar to bar,
because two paths made apart would part by far more than they ever did. All quotes around it are modelled.
"""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from .config import ReplayConfig
from .instruments import Instrument
from .market import Source
from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT
from .replay_bars import Bar, Rates, read_bars, read_exchange_bars, read_rates
from .replay_files import ReplayError, opened, span_ns
from .replay_sources import bar_source, capture_source, first_middle

PREFIX = "replay:"
SPOT, USDM = "spot", "usdm"
WARM_NS = 1_000_000_000  # of each capture that is only read, so that its book is whole when it is shown
CAPTURE = re.compile(r"(?P<base>[a-z0-9]+)usdt(?![a-z0-9])")
ONE_MARKET = re.compile(
    r"(?P<base>[A-Z0-9]+)_USDT(?P<settle>_[A-Z0-9]+)?-\d+[mhdw](?:-(?P<kind>futures|mark|funding_rate))?\.csv(?:\.gz)?"
)


@attrs.define
class _Bars:
    """What is known of one symbol from bars."""

    spot: list[Bar] | None = None
    perp: list[Bar] | None = None
    rates: Rates = attrs.field(factory=Rates)


@attrs.define(eq=False)
class Recording:
    """Everything found at a path. ``prices`` is where each symbol begins."""

    path: Path
    config: ReplayConfig
    captures: dict[str, dict[str, tuple[Path, ...]]] = attrs.field(factory=dict)
    bars: dict[str, _Bars] = attrs.field(factory=dict)
    _span_ns: tuple[int, int] = (0, 0)

    def begin(self, symbols: tuple[str, ...]) -> None:
        """Settle what stretch of time is played for these symbols. Raises ReplayError when there is none."""
        missing = [symbol for symbol in symbols if symbol not in self.captures and symbol not in self.bars]
        if missing:
            known = ", ".join(sorted({*self.captures, *self.bars})) or "no symbol at all"
            raise ReplayError(f"{self.path}: nothing for {', '.join(missing)}; there is {known}")
        if self.captures:
            spans = [span_ns(paths) for symbol in symbols for paths in self.captures[symbol].values()]
            first, last = max(span[0] for span in spans) + WARM_NS, min(span[1] for span in spans)
        else:
            series = [bars for symbol in symbols for bars in self._series(symbol)]
            first = max(round(bars[0].start_s * 1e9) for bars in series)
            last = min(round(bars[-1].start_s * 1e9) for bars in series)
        if self.config.begin is not None:
            first = max(first, round(self.config.begin.timestamp() * 1e9))
        if first >= last:
            raise ReplayError(f"{self.path}: the files of {', '.join(symbols)} have no time in common from there on")
        self._span_ns = (first, last)

    def price(self, symbol: str) -> float:
        """About where that symbol begins."""
        if symbol in self.captures:
            return first_middle(next(iter(self.captures[symbol].values())))
        return self._series(symbol)[0][0].opened

    def source(self, symbol: str, instruments: tuple[Instrument, ...], seed: int) -> Source:
        """What drives that symbol's market."""
        rates = self._rates(symbol)
        if symbol in self.captures:
            found = self.captures[symbol]
            return capture_source(
                instruments, found.get(SPOT, ()), found.get(USDM, ()), rates, self.config, self._span_ns
            )
        known = self.bars[symbol]
        return bar_source(symbol, known.spot, known.perp, rates, self.config.speed, self._span_ns, seed)

    def describe(self) -> str:
        """For the banner."""
        kind = "books and trades" if self.captures else "bars, a path made through them"
        return (
            f"recorded prices ({kind}) from {self.path.name}, played again at {self.config.speed:g} times their speed; "
            "what the recording does not hold is modelled, and nobody in it reacts to us"
        )

    def _series(self, symbol: str) -> list[list[Bar]]:
        known = self.bars[symbol]
        return [bars for bars in (known.spot, known.perp) if bars is not None]

    def _rates(self, symbol: str) -> Rates:
        if self.config.funding is None:
            return self.bars[symbol].rates if symbol in self.bars else Rates()
        path = self.config.funding
        base = symbol.partition("/")[0]
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.name.startswith((f"{base}-USDT", f"{base}_USDT")):
                return read_rates(file)
        raise ReplayError(f"{path}: no file of funding rates whose name begins with {base}-USDT or {base}_USDT")


def recording(text: str, config: ReplayConfig) -> Recording:
    """What is at the path of "replay:PATH". Raises ReplayError when nothing is, OSError when it cannot be read."""
    path = Path(text.removeprefix(PREFIX)).expanduser()
    if not path.exists():
        raise ReplayError(f"{path}: no such file or folder; a market is replay:PATH")
    if config.speed <= 0:
        raise ReplayError(f"replay speed {config.speed:g} is not above 0")
    if config.spot_venue == GATE_FUTURES:
        raise ReplayError(f"a recorded spot book is for {GATE_SPOT} or {MEXC_SPOT}, not for {GATE_FUTURES}")
    found = Recording(path, config)
    if path.is_file():
        _add_exchange_file(found, path)
    elif (path / SPOT).is_dir() or (path / USDM).is_dir():
        _add_captures(found)
    else:
        _add_bar_files(found)
    if not found.captures and not found.bars:
        raise ReplayError(f"{path}: neither captures (spot/, usdm/) nor bar files in it")
    return found


def _add_captures(found: Recording) -> None:
    for kind in (SPOT, USDM):
        folder = found.path / kind
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            named = CAPTURE.match(file.name.lower())
            if named is not None and file.is_file():
                symbol = f"{named['base'].upper()}/USDT"
                kinds = found.captures.setdefault(symbol, {})
                kinds[kind] = (*kinds.get(kind, ()), file)


def _add_bar_files(found: Recording) -> None:
    for file in sorted(found.path.iterdir()):
        named = ONE_MARKET.fullmatch(file.name)
        if named is None:
            if file.name.endswith((".csv", ".csv.gz")) and _first_line(file).startswith("time,exchange"):
                _add_exchange_file(found, file)
            continue
        symbol, kind = f"{named['base']}/USDT", named["kind"]
        if kind == "mark":
            continue  # of the perpetual, which has bars of its own
        known = found.bars.setdefault(symbol, _Bars())
        if kind == "funding_rate":
            known.rates = read_rates(file)
        elif kind == "futures" or named["settle"]:
            known.perp = read_bars(file)
        else:
            known.spot = read_bars(file)
    found.bars = {symbol: known for symbol, known in found.bars.items() if known.spot or known.perp}


def _add_exchange_file(found: Recording, path: Path) -> None:
    rows = read_exchange_bars(path)
    exchanges = sorted({exchange for exchange, _, _ in rows})
    chosen = found.config.exchange or next(iter(exchanges), "")
    if chosen not in exchanges:
        raise ReplayError(f"{path}: nothing of exchange {chosen!r}; there is {', '.join(exchanges) or 'none'}")
    for (exchange, pair, contract), (bars, rates) in rows.items():
        if exchange != chosen:
            continue
        symbol = pair if "/" in pair else f"{pair.removesuffix('USDT')}/USDT"
        if contract == "spot":
            found.bars.setdefault(symbol, _Bars()).spot = bars
        elif pair.endswith("USDT"):
            known = found.bars.setdefault(symbol, _Bars())
            known.perp, known.rates = bars, rates


def _first_line(path: Path) -> str:
    with opened(path) as file:
        return file.readline()
