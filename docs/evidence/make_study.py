"""Make docs/evidence/study.json, the pictures study_*.svg and the tables of docs/study.md from what `dnbot study` said.

    ./dnbot study --data DATA --json FILE
    python docs/evidence/make_study.py FILE

Without FILE, page and pictures are renewed from what is kept. DATA is described in docs/study.md.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT = HERE / "study.json"
PAGE = HERE.parent / "study.md"
CURVES, RANGES, YEARS = HERE / "study_curves.svg", HERE / "study_cases.svg", HERE / "study_funding.svg"
TAKERS, RESTING, HEDGED = "takers", "maker first", "hedged, no trades"
COLORS = {TAKERS: "#cc3311", RESTING: "#4477aa", HEDGED: "#228833"}
OTHERS = ("#4477aa", "#ee6677", "#228833", "#aa3377")
WIDTH, PANEL, ROW, LEFT = 1000, 260, 20, 330


def main() -> None:
    """Take figures in, or (without a file) renew page and pictures from what is kept."""
    if len(sys.argv) > 1:
        KEPT.write_text(Path(sys.argv[1]).read_text(encoding="utf-8"), encoding="utf-8")
    found = json.loads(KEPT.read_text(encoding="utf-8"))
    CURVES.write_text(curves(found), encoding="utf-8")
    RANGES.write_text(ranges(found), encoding="utf-8")
    YEARS.write_text(years(found), encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


def with_tables(text: str, found: dict[str, Any]) -> str:
    """The page with every block between `<!-- evidence: NAME -->` and `<!-- end -->` renewed."""
    blocks: dict[str, Callable[[dict[str, Any]], list[str]]] = {
        "conclusion": conclusion, "clocks": clocks, "agreement": agreement, "bars": lambda all_: main_table(all_["bars"]),
        "gate": lambda all_: main_table(all_["gate"]), "compared": compared, "parts": parts, "cases": cases,
        "sighted": sighted, "climbs": climbs, "funding": funding, "pays": pays, "books": books, "files": files,
    }

    def block(match: re.Match[str]) -> str:
        return "\n".join([f"<!-- evidence: {match[1]} -->", *blocks[match[1]](found), "<!-- end -->"])

    return re.sub(r"<!-- evidence: (\w+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


# --- tables


def grid(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """A table of Markdown."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([str(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def of(part: dict[str, Any], case: str) -> list[dict[str, Any]]:
    """A case on every series of a set."""
    return [one for one in part["judged"] if one["case"] == case]


def sums(part: dict[str, Any], case: str) -> dict[str, Any]:
    """A case over the series of a set."""
    return next(one for one in part["summed"] if one["case"] == case)


def main_table(part: dict[str, Any]) -> list[str]:
    """A row per series and main case."""
    rows = []
    for one in sorted(part["judged"], key=lambda one: list(part["series"]).index(one["series"])):
        if one["case"] not in COLORS:
            continue
        low, high = one["interval"]["low"], one["interval"]["high"]
        rows.append((
            one["series"], one["case"], f"{one['profit_pct_year']:+.2f}", f"{low:+.2f} to {high:+.2f}",
            f"{one['drawdown_pct']:.2f}", f"{one['opened']} / {one['closed']} / {one['shifted']}",
            f"{100 * one['held_share']:.0f} %", share(one["funding_pct_year"], one), share(-one["fees_pct_year"], one),
        ))
    heads = ("series", "case", "% a year", "90 % of resamples", "worst fall, %", "carries opened / closed / shifts",
             "of the band held", "funding of profit", "fees of profit")
    return grid(heads, rows)


def share(figure: float, one: dict[str, Any]) -> str:
    """Of the profit."""
    return f"{100 * figure / one['profit_pct_year']:+.0f} %" if one["profit_pct_year"] > 0 else "-"


def compared(found: dict[str, Any]) -> list[str]:
    """What deciding was worth."""
    rows = [
        (one["series"], one["case"], f"{one['base_pct_year']:+.2f}", f"{one['trades_pct_year']:+.2f}",
         f"{one['hedged_pct_year']:+.2f}", f"{one['more_pct_year']:+.2f}",
         f"{one['interval']['low']:+.2f} to {one['interval']['high']:+.2f}")
        for part in ("bars", "gate") for one in found[part]["compared"]
    ]
    heads = ("series", "case", "base position alone", "its decisions add", "all hedged from the start",
             "the case less that", "90 % of resamples")
    return grid(heads, rows)


def parts(found: dict[str, Any]) -> list[str]:
    """What profit consists of."""
    rows = []
    for name, part in (("2023-24", found["bars"]), ("Gate 2025-26", found["gate"])):
        for case in COLORS:
            every = of(part, case)
            cells = [median(one[key] for one in every) for key in
                     ("spread_pct_year", "funding_pct_year", "fees_pct_year", "profit_pct_year")]
            rows.append((name, case, *(f"{value:+.2f}" for value in cells)))
    return grid(("set", "case", "spread", "funding", "fees paid", "profit"), rows)


def cases(found: dict[str, Any]) -> list[str]:
    """Every case over both sets."""
    rows: list[tuple[str, ...]] = []
    for group, names in found["groups"].items():
        for number, name in enumerate(names):
            bars, gate = (sums(found[part], name) for part in ("bars", "gate"))
            rows.append((
                group if number == 0 else "", name, *span(bars), f"{bars['executions_per_year']:.1f}", *span(gate),
            ))
    heads = ("what is changed", "case", "2023-24, median", "least to most", "executions a year", "Gate 2025-26, median",
             "least to most")
    return grid(heads, rows)


def span(one: dict[str, Any]) -> tuple[str, str]:
    """Median, and from the least to the most."""
    return f"{one['profit_median']:+.2f}", f"{one['profit_least']:+.2f} to {one['profit_most']:+.2f}"


def clocks(found: dict[str, Any]) -> list[str]:
    """When each exchange's rows are."""
    one = found["clocks"]
    lines = grid(("BTC's bars, mean range in bps", "label 00", "08", "16"),
                 [(name, *(f"{value:.0f}" for value in values)) for name, values in one["ranges_bps"].items()])
    apart = ", ".join(f"{name}: {hours:.2f} h" for name, hours in one["hours_apart"].items())
    return [
        f"Hours between the closes of equal labels: {apart}.", "", *lines, "",
        f"Taken by their labels, Binance and OKX would have earned {one['mispaired_pct_year']:+.1f} % a year for the "
        "case `takers` of BTC. That is the worth of the error, and of nothing else.",
    ]


def agreement(found: dict[str, Any]) -> list[str]:
    """Funding histories against Binance's."""
    names = dict.fromkeys(name.rsplit(" ", 2)[0] for name in found["agreement"])
    rows = [
        (name, *(f"{found['agreement'][f'{name} {hours:+d} h']:.3f}" for hours in (-8, 0, 8))) for name in names
    ]
    return grid(("correlation with Binance's rates of 2023", "moved by -8 h", "as taken", "by +8 h"), rows)


def sighted(found: dict[str, Any]) -> list[str]:
    """Two spot prices."""
    seen = [one for one in found["bars"]["sighted"] if one["series"].endswith("okx+bybit")]
    heads = ["coin", "looks", "99 % within, bps", "largest, bps", *(f"at least {bps} bps" for bps in seen[0]["above"]),
             f"of the time above {next(iter(seen[0]['above']))} bps, at most"]
    return grid(heads, [
        (one["series"].split(" ")[0], one["moments"], f"{one['p99_bps']:.1f}", f"{one['largest_bps']:.1f}",
         *one["above"].values(), f"{100 * one['share_max']:.2f} %") for one in seen
    ])


def climbs(found: dict[str, Any]) -> list[str]:
    """How far prices ran from a short."""
    rows = [
        (one["series"], *(f"{one[key]:+.0f} %" for key in ("day_pct", "week_pct", "whole_pct")))
        for part in ("bars", "gate") for one in found[part]["climbs"]
    ]
    return grid(("series", "within a day", "within a week", "from the first price to the highest"), rows)


def histories(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Of all sets."""
    return [*found["funding"], *found["bars"]["funding"], *found["gate"]["funding"]]


def funding(found: dict[str, Any]) -> list[str]:
    """What shorts received."""
    rows = [
        (one["name"], f"{one['first'][:10]} to {one['last'][:10]}", one["missing"], f"{one['pct_year']:+.2f}",
         f"{100 * one['negative_share']:.0f} %", f"{one['worst_month_bps']:+.0f}", f"{one['best_month_bps']:+.0f}",
         f"{one['persistence']:.2f}") for one in histories(found)
    ]
    heads = ("contract", "time", "missing", "% a year of the position", "rates below zero", "worst 30 days, bps",
             "best 30 days, bps", "last rate against the next day's")
    return grid(heads, rows)


def pays(found: dict[str, Any]) -> list[str]:
    """How often funding paid for a round trip."""
    costs = list(found["funding"][0]["pays"])
    days = list(found["funding"][0]["pays"][costs[0]])
    rows = [
        (one["name"], *(f"{100 * one['pays'][cost][day]:.0f} %" for cost in costs for day in days))
        for one in histories(found)
    ]
    return grid(("contract", *(f"{cost} bps in {day} d" for cost in costs for day in days)), rows)


def books(found: dict[str, Any]) -> list[str]:
    """Raw books."""
    rows = []
    for one in found["books"]:
        rest = one["resting"]
        rows.append((
            one["base"], one["seconds"], f"{one['spot_spread_bps'][2]:.3f} / {one['perp_spread_bps'][2]:.3f}",
            *(f"{one[key][2]:+.2f} ({one[key][0]:+.2f} to {one[key][-1]:+.2f})"
              for key in ("open_gross_bps", "close_gross_bps")),
            f"{100 * rest['fill_share']:.0f} % of {rest['attempts']}", f"{rest['wait_s_median']:.1f}",
            f"{rest['loss_bps_mean']:+.2f} ({rest['loss_bps_p95']:+.2f})",
        ))
    heads = ("coin", "looks", "spread spot / perpetual, bps", "carry to open, gross bps", "to close, gross bps",
             "resting legs filled", "after, s", "loss of the filled, bps (95 % within)")
    return grid(heads, rows)


def files(found: dict[str, Any]) -> list[str]:
    """What was read."""
    rows = [(f"`{one['name']}`", f"{one['bytes']:,}", f"`{one['sha256'][:16]}`") for one in found["files"]]
    return grid(("file", "bytes", "SHA-256 begins"), rows)


def conclusion(found: dict[str, Any]) -> list[str]:
    """The answer, in figures."""
    bars, gate = found["bars"], found["gate"]
    taken, rested, held = (sums(bars, case) for case in COLORS)
    later, later_rested, later_held = (sums(gate, case) for case in COLORS)
    fees = found["break_even_bps"]
    best = max(one["largest_bps"] for one in bars["sighted"])
    opened = sum(one["opened"] for one in of(gate, TAKERS))
    weeks = max(one["week_pct"] for part in (bars, gate) for one in part["climbs"])
    beaten = [one for part in (bars, gate) for one in part["compared"]]
    lost = sum(one["interval"]["high"] < 0 for one in beaten)
    return [
        f"- **SPOT_SPOT: nothing.** A new account needs {fees['GATE_TO_MEXC']:.0f} bps between the two spot prices; the "
        f"most that was ever seen at a bar's end was {best:.1f}.",
        f"- **Everything that was earned is funding.** With default settings and a new account's fees, {taken['profit_median']:+.1f} % of "
        f"the capital a year in 2023-24 (from {taken['profit_least']:+.1f} to {taken['profit_most']:+.1f} over six series) and "
        f"{later['profit_median']:+.1f} % in 2025-26 ({later['profit_least']:+.1f} to {later['profit_most']:+.1f} over four), in which "
        f"{'not one carry was' if not opened else f'{opened} carries were'} opened.",
        f"- **Deciding cost money.** The same capital, hedged at the first moment and left alone, brought {held['profit_median']:+.1f} % and "
        f"{later_held['profit_median']:+.1f} %: the bot waits for an entry that pays within a day, with two thirds of the capital idle. "
        f"In {lost} of {len(beaten)} comparisons that loss is beyond what resampled weeks explain.",
        f"- **Maker-first helps where something is traded, and does not change the answer**: {rested['profit_median']:+.1f} % instead of "
        f"{taken['profit_median']:+.1f} % in 2023-24, {later_rested['profit_median']:+.1f} % instead of {later['profit_median']:+.1f} % in 2025-26.",
        f"- **The risk is not in these percentages.** Falls of the equity were below {max(one['drawdown_most'] for part in (bars, gate) for one in part['summed']):.1f} % "
        f"of the capital; but prices rose by up to {weeks:.0f} % within a week, which at leverage 2 leaves next to nothing of the margin "
        "unless money is moved, and no bar knows of a venue that stops paying out.",
    ]


# --- pictures


def svg(height: int, body: Iterable[str]) -> str:
    """A picture on white."""
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"',
        'font-size="12">', f'<rect width="{WIDTH}" height="{height}" fill="white"/>', *body, "</svg>", "",
    ])


def text(x: float, y: float, words: str, extra: str = "") -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" {extra}>{words}</text>'


def curves(found: dict[str, Any]) -> str:
    """Gains over time: a panel per set, a line per series and main case."""
    body: list[str] = []
    for number, (title, part) in enumerate((("2023-24, six series", found["bars"]), ("Gate, 2025-26", found["gate"]))):
        body += panel(title, part, number * (PANEL + 70) + 40)
    keys = [text(60 + 230 * at, 22, case, f'fill="{color}" font-weight="bold"')
            for at, (case, color) in enumerate(COLORS.items())]
    return svg(2 * (PANEL + 70) + 20, [*keys, *body])


def panel(title: str, part: dict[str, Any], top: int) -> list[str]:
    """One set's curves, percent of the capital over months."""
    drawn = [one for one in part["judged"] if one["case"] in COLORS]
    begin, end = part["begin_s"], part["end_s"]
    low = min(value for one in drawn for _, value in one["curve"])
    high = max(value for one in drawn for _, value in one["curve"])

    def x(at_s: float) -> float:
        return 60 + (WIDTH - 80) * (at_s - begin) / (end - begin)

    def y(value: float) -> float:
        return top + PANEL - (PANEL - 20) * (value - low) / (high - low)

    lines = [text(60, top + 8, f"{title}: gained, % of the capital", 'font-weight="bold"')]
    for tick in ticks(low, high):
        lines += [f'<line x1="60" x2="{WIDTH - 20}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#dddddd"/>',
                  text(54, y(tick) + 4, f"{tick:g}", 'text-anchor="end"')]
    for at_s in range(begin, end, (end - begin) // 8):
        lines.append(text(x(at_s), top + PANEL + 18, f"{datetime.fromtimestamp(at_s, tz=UTC):%Y-%m}"))
    for one in drawn:
        points = " ".join(f"{x(at_s):.1f},{y(value):.1f}" for at_s, value in one["curve"])
        lines.append(f'<polyline points="{points}" fill="none" stroke="{COLORS[one["case"]]}" stroke-width="1.3"/>')
    return lines


def ticks(low: float, high: float) -> list[float]:
    """Round values between."""
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10) if (high - low) / step <= 6)
    first = -(-low // step)
    return [round(step * (first + number), 6) for number in range(int((high - first * step) // step) + 1)]


def ranges(found: dict[str, Any]) -> str:
    """From the least to the most of every case, with the median; both sets."""
    names = [name for group in found["groups"].values() for name in group]
    most = max(one["profit_most"] for part in ("bars", "gate") for one in found[part]["summed"])
    least = min(0.0, *(one["profit_least"] for part in ("bars", "gate") for one in found[part]["summed"]))

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - 30) * (value - least) / (most - least)

    height = 60 + ROW * len(names)
    body = [text(LEFT, 18, "Profit, % of the capital a year: from the least to the most series, and the median",
                 'font-weight="bold"'),
            text(20, 18, "2023-24", f'fill="{OTHERS[0]}"'), text(100, 18, "Gate 2025-26", f'fill="{OTHERS[1]}"')]
    for tick in ticks(least, most):
        body += [f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="26" y2="{height - 24}" stroke="#dddddd"/>',
                 text(x(tick), height - 8, f"{tick:g}", 'text-anchor="middle"')]
    for number, name in enumerate(names):
        at = 40 + ROW * number
        body.append(text(LEFT - 10, at + 4, name, 'text-anchor="end"'))
        for part, color, shift in (("bars", OTHERS[0], -4), ("gate", OTHERS[1], 4)):
            one = sums(found[part], name)
            a, b, mid = (x(one[key]) for key in ("profit_least", "profit_most", "profit_median"))
            body += [f'<line x1="{a:.1f}" x2="{b:.1f}" y1="{at + shift}" y2="{at + shift}" stroke="{color}" '
                     'stroke-width="2"/>', f'<circle cx="{mid:.1f}" cy="{at + shift}" r="3.5" fill="{color}"/>']
    return svg(height, body)


def years(found: dict[str, Any]) -> str:
    """What a short received per calendar year."""
    rows = [(one["name"], year, value) for one in histories(found) for year, value in one["by_year"].items()]
    rows.sort(key=lambda row: (row[1], row[0]))
    most, least = max(row[2] for row in rows), min(0.0, *(row[2] for row in rows))

    def x(value: float) -> float:
        return 200 + (WIDTH - 280) * (value - least) / (most - least)

    body = [text(200, 18, "What a short received of its value, % a year", 'font-weight="bold"')]
    for number, (name, year, value) in enumerate(rows):
        at, left, right = 30 + ROW * number, min(x(0), x(value)), max(x(0), x(value))
        color = OTHERS[int(year) % len(OTHERS)]
        body += [text(190, at + 12, f"{year} {name}", 'text-anchor="end"'),
                 f'<rect x="{left:.1f}" y="{at + 2}" width="{max(right - left, 1):.1f}" height="{ROW - 5}" '
                 f'fill="{color}"/>', text(right + 6, at + 12, f"{value:+.1f}")]
    return svg(40 + ROW * len(rows), body)


if __name__ == "__main__":
    main()
