"""How single values are written for a person: short, aligned, and never as markup or control characters."""

from __future__ import annotations

from decimal import Decimal

from dnbot.operate.terminal_blocks import Row, Span
from dnbot.ports.redaction import escape_text

UNKNOWN = "-"
HUGE = Decimal(10) ** 12
SHORT_VENUES = {"GATEIO_SPOT": "Gate spot", "GATEIO_FUTURES": "Gate perp", "MEXC_SPOT": "MEXC spot"}
BAR_CELLS = 10
EDGE_BAR_BPS = 50
"""An edge that misses its requirement by so much shows an empty bar."""


def safe(text: str, style: str = "") -> Span:
    """Text that came from outside: no control character of it reaches the terminal. Markup means nothing here."""
    return escape_text(text), style


def money(amount: Decimal | None, places: int = 2, *, signed: bool = False) -> str:
    """An amount with thousands apart; in powers of ten where it would not fit a column."""
    if amount is None:
        return UNKNOWN
    sign = "+" if signed else ""
    if abs(amount) >= HUGE:
        return f"{amount:{sign}.3e}"
    text = f"{amount:{sign},.{places}f}"
    return text if any(digit in "123456789" for digit in text) else text.lstrip("+-")


def size(amount: Decimal | None, *, signed: bool = False, places: int = 6) -> str:
    """A base quantity: about seven significant digits, at most `places` of them after the point."""
    if amount is None:
        return UNKNOWN
    whole = max(0, amount.adjusted()) if amount else 0
    return money(amount, min(places, max(0, 6 - whole)) if whole else places, signed=signed)


def price(amount: Decimal | None) -> str:
    """A price: enough digits to tell two neighbouring ones apart, for coins of any worth."""
    if amount is None:
        return UNKNOWN
    return money(amount, min(10, max(1, 5 - amount.adjusted())) if amount else 1)


def number(value: float | None, places: int = 1, *, signed: bool = False) -> str:
    """A figure that only ranks or informs."""
    if value is None:
        return UNKNOWN
    sign = "+" if signed else ""
    return f"{value:{sign}.{places}f}" if abs(value) < 1e6 else f"{value:{sign}.1e}"


def age(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3:05 min`, `2:10 h`, `4 d`."""
    if seconds is None:
        return UNKNOWN
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes}:{int(seconds % 60):02d} min"
    if minutes < 48 * 60:
        return f"{minutes // 60}:{minutes % 60:02d} h"
    return f"{minutes // 1440} d"


def milliseconds(value: float | None) -> str:
    """Below a second in ms, above as an age."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f} ms" if abs(value) < 1000 else age(value / 1000)


def count(value: int) -> str:
    """A counter that stays narrow."""
    return f"{value:,}" if value < 10**7 else f"{value:.1e}"


def venue(name: str) -> str:
    """A venue as people call it; that of a plugin is spot, and has its name."""
    return SHORT_VENUES.get(name, name.replace("_SPOT", " spot"))


def good_or_bad(amount: Decimal | None) -> str:
    """The colour of a profit."""
    if amount is None or amount == 0:
        return ""
    return "green" if amount > 0 else "red"


def delta_bar(delta: Decimal, tolerance: Decimal | None, hard_limit: Decimal | None, cells: int = BAR_CELLS) -> Row:
    """Delta around zero: each side is twice the tolerance long, and the colons stand at the tolerance."""
    if not tolerance or tolerance <= 0:
        return ((" " * cells + "|" + " " * cells, "dim"),)
    style = "green"
    if abs(delta) > tolerance:
        style = "red" if hard_limit is not None and abs(delta) > hard_limit else "yellow"
    share = min(Decimal(1), abs(delta) / (2 * tolerance))
    filled = int((share * cells).to_integral_value(rounding="ROUND_CEILING"))
    scale = " " * (cells // 2) + ":" + " " * (cells - cells // 2 - 1)
    full = "█" * filled + scale[filled:]
    left, right = (scale, full) if delta > 0 else (full, scale)
    return (left[::-1], style), ("|", "bold"), (right, style)


def edge_bar(edge: float | None, required: float | None, cells: int = BAR_CELLS) -> Row:
    """How near an edge is to what it must be: full and green means that it pays."""
    if edge is None or required is None:
        return ((" " * cells, ""),)
    missing = required - edge
    if missing <= 0:
        return (("█" * cells, "green"),)
    filled = max(0, min(cells - 1, round(cells * (1 - missing / EDGE_BAR_BPS))))
    return ("█" * filled, "cyan"), ("·" * (cells - filled), "dim")
