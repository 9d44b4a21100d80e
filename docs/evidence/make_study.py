"""Make docs/evidence/study.json and the tables of docs/study.md from what `dnbot study` said.

    ./dnbot study --data DATA --json FILE
    python docs/evidence/make_study.py FILE
    python docs/evidence/make_study_pictures.py

Without FILE, the page is renewed from what is kept. DATA is described in docs/study.md.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT = HERE / "study.json"
PAGE = HERE.parent / "study.md"
CASES = TAKERS, RESTING, HEDGED = "takers", "maker first", "hedged, no trades"


def main() -> None:
    """Take figures in, or (without a file) renew the page from what is kept."""
    if len(sys.argv) > 1:
        KEPT.write_text(Path(sys.argv[1]).read_text(encoding="utf-8"), encoding="utf-8")
    found = json.loads(KEPT.read_text(encoding="utf-8"))
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


def with_tables(text: str, found: dict[str, Any]) -> str:
    """The page with every block between `<!-- evidence: NAME -->` and `<!-- end -->` renewed."""
    blocks: dict[str, Callable[[dict[str, Any]], list[str]]] = {
        "conclusion": conclusion, "clocks": clocks, "agreement": agreement,
        "bars": lambda all_: main_table(all_["bars"]), "gate": lambda all_: main_table(all_["gate"]),
        "compared": compared, "parts": parts, "cases": cases, "sighted": sighted, "climbs": climbs, "funding": funding,
        "calendar": calendar, "pays": pays, "books": books, "files": files,
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
        if one["case"] not in CASES:
            continue
        low, high = one["interval"]["low"], one["interval"]["high"]
        rows.append((
            one["series"], one["case"], f"{one['profit_pct_year']:+.2f}", f"{low:+.2f} to {high:+.2f}",
            f"{one['drawdown_pct']:.2f}", f"{one['opened']} / {one['closed']} / {one['shifted']}",
            f"{100 * one['used_share']:.0f} %", f"{one['profit_pct_year'] / one['used_share']:+.1f}",
            share(one["funding_pct_year"], one), share(-one["fees_pct_year"], one),
        ))
    heads = ("series", "case", "% a year", "90 % of resamples", "worst fall, %", "carries opened / closed / shifts",
             "capital in use", "% a year of that", "funding of profit", "fees of profit")
    return grid(heads, rows)


def share(figure: float, one: dict[str, Any]) -> str:
    """Of the profit."""
    return f"{100 * figure / one['profit_pct_year']:+.0f} %" if one["profit_pct_year"] > 0 else "-"


def compared(found: dict[str, Any]) -> list[str]:
    """What deciding was worth."""
    rows = [
        (one["series"], one["case"], f"{one['base_pct_year']:+.2f}", f"{one['trades_pct_year']:+.2f}",
         known(one["trades_own_pct_year"]), f"{one['hedged_pct_year']:+.2f}", f"{one['more_pct_year']:+.2f}",
         f"{one['interval']['low']:+.2f} to {one['interval']['high']:+.2f}", known(one["idle_pct_year"]))
        for part in ("bars", "gate") for one in found[part]["compared"]
    ]
    heads = ("series", "case", "base position alone", "its decisions add", "of what they used",
             "all hedged from the start", "the case less that", "90 % of resamples", "idle money would have to earn")
    return grid(heads, rows)


def known(figure: float | None) -> str:
    """A percentage, or that there is none."""
    return "-" if figure is None else f"{figure:+.1f}"


def parts(found: dict[str, Any]) -> list[str]:
    """What profit consists of."""
    rows = []
    for name, part in (("2023-24", found["bars"]), ("Gate 2025-26", found["gate"])):
        for case in CASES:
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
        (f"Taken by their labels, Binance and OKX would have earned {one['mispaired_pct_year']:+.1f} % a year for the "
         "case `takers` of BTC. That is the worth of the error, and of nothing else."),
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


def calendar(found: dict[str, Any]) -> list[str]:
    """What shorts received, by year."""
    named = sorted({year for one in histories(found) for year in one["by_year"]})
    rows = [
        (f"{one['name']}, from {one['first'][:4]}",
         *(f"{one['by_year'][year]:+.1f}" if year in one["by_year"] else "" for year in named))
        for one in histories(found)
    ]
    return grid(("% a year of the position", *named), rows)


def pays(found: dict[str, Any]) -> list[str]:
    """How often funding paid for a round trip."""
    costs = list(found["funding"][0]["pays"])
    days = list(found["funding"][0]["pays"][costs[0]])
    rows = [
        (f"{one['name']}, from {one['first'][:4]}",
         *(f"{100 * one['pays'][cost][day]:.0f} %" for cost in costs for day in days)) for one in histories(found)
    ]
    return grid(("contract", *(f"{cost} bps in {day} d" for cost in costs for day in days)), rows)


def books(found: dict[str, Any]) -> list[str]:
    """Raw books."""
    rows = []
    for one in found["books"]:
        rest = one["resting"]
        rows.append((
            one["base"], one["seconds"], f"{one['spot_spread_bps'][2]:.3f} / {one['perp_spread_bps'][2]:.3f}",
            spanned(one["open_gross_bps"]), f"{one['open_sd_bps']:.2f}",
            "none" if one["half_life_s"] is None else f"{one['half_life_s']:.1f}", spanned(one["close_gross_bps"]),
            f"{100 * rest['fill_share']:.0f} % of {rest['attempts']}", f"{rest['wait_s_median']:.1f}",
            f"{rest['loss_bps_mean']:+.2f} ({rest['loss_bps_p95']:+.2f})",
        ))
    heads = ("coin", "looks", "spread spot / perpetual, bps", "carry to open, gross bps", "its deviation, bps",
             "its half-life, s", "carry to close, gross bps", "resting legs filled", "after, s",
             "loss of the filled, bps (95 % within)")
    return grid(heads, rows)


def spanned(quantiles: list[float]) -> str:
    """The middle one, and the ends."""
    return f"{quantiles[2]:+.2f} ({quantiles[0]:+.2f} to {quantiles[-1]:+.2f})"


def files(found: dict[str, Any]) -> list[str]:
    """What was read."""
    rows = [(f"`{one['name']}`", f"{one['bytes']:,}", f"`{one['sha256'][:16]}`") for one in found["files"]]
    return grid(("file", "bytes", "SHA-256 begins"), rows)


def conclusion(found: dict[str, Any]) -> list[str]:
    """The answer, in figures."""
    bars, gate = found["bars"], found["gate"]
    weeks = max(one["week_pct"] for part in (bars, gate) for one in part["climbs"])
    fallen = max(one["drawdown_most"] for part in (bars, gate) for one in part["summed"])
    best = max(one["largest_bps"] for one in bars["sighted"])
    said = [
        f"""**Between the two spot venues: nothing.** A new account needs {found["break_even_bps"]["GATE_TO_MEXC"]:.0f}
        bps; the most that was ever seen at a bar's end was {best:.1f}.""",
        *earned(bars, gate), *decided(found),
        f"""**The risk is not in these percentages.** The equity never fell by more than {fallen:.1f} % of the capital;
        but prices rose by up to {weeks:.0f} % within a week, which at leverage 2 takes nearly all of the margin unless
        money is moved; and no bar knows of a venue that stops paying out.""",
    ]
    return ["- " + " ".join(sentence.split()) for sentence in said]


def earned(bars: dict[str, Any], gate: dict[str, Any]) -> tuple[str, ...]:
    """What was earned, by what, and what else would have."""
    (taken, rested, held), (later, later_rested, later_held) = (
        [sums(part, case) for case in CASES] for part in (bars, gate)
    )
    beaten = [one for part in (bars, gate) for one in part["compared"]]
    behind = sum(one["interval"]["high"] < 0 for one in beaten)
    opened = sum(one["opened"] for one in of(gate, TAKERS)) or "not one"
    return (
        f"""**Everything that was earned is funding.** With default settings and a new account's fees:
        {taken["profit_median"]:+.1f} % of the capital a year in 2023-24 (from {taken["profit_least"]:+.1f} to
        {taken["profit_most"]:+.1f} over {len(bars["series"])} series), {later["profit_median"]:+.1f} % in 2025-26
        ({later["profit_least"]:+.1f} to {later["profit_most"]:+.1f} over {len(gate["series"])}); carries opened in the
        latter: {opened}.""",
        f"""**A hedged position that is left alone earned more:** {held["profit_median"]:+.1f} % and
        {later_held["profit_median"]:+.1f} % of the same capital. In {behind} of {len(beaten)} comparisons the bot is
        behind by more than resampled weeks explain.""",
        f"""**Maker-first saves fees and does not change the answer:** {rested["profit_median"]:+.1f} % instead of
        {taken["profit_median"]:+.1f} % in 2023-24, {later_rested["profit_median"]:+.1f} % and
        {later["profit_median"]:+.1f} % in 2025-26, where nothing is traded either way.""",
    )


def decided(found: dict[str, Any]) -> tuple[str, ...]:
    """When the bot was there, and on what ground."""
    bars, gate = found["bars"], found["gate"]
    traded = [one for one in bars["compared"] if one["case"] == TAKERS]
    own = [one["trades_own_pct_year"] for one in traded if one["trades_own_pct_year"] is not None]
    idle = [one["idle_pct_year"] for one in traded]
    seconds = [one["half_life_s"] for one in found["books"]]
    by_year: dict[str, float] = {}
    for history in (*found["funding"], *gate["funding"]):
        by_year |= history["by_year"] if history["name"] == "BTC gate" else {}
    unknown = [str(year) for year in range(int(min(by_year)), int(max(by_year))) if str(year) not in by_year]
    return (
        f"""**The bot is right about when, and too seldom there.** In {len(own)} of {len(traded)} series it opened
        carries; they brought {min(own):.0f} to {max(own):.0f} % a year of the capital that they used, because they were
        opened when funding was high. Meanwhile most of the capital lay idle: had it earned {min(idle):.1f} to
        {max(idle):.1f} % elsewhere, and been there in time, bot and plain position would have been level.""",
        f"""**A running bot is likely to be there less often still.** On raw books, sampled every second, its own test
        finds a half-life of {max(seconds):.1f} s at most (a second is the least that it can tell). A carry is expected
        to last no longer, so funding counts for nothing, and {sums(bars, "1 s")["profit_median"]:+.1f} % is left in
        2023-24: the base position's.""",
        f"""**Funding is not what it was:** a short of BTC on Gate received, in percent of its value,
        {", ".join(f"{value:.1f} in {year}" for year, value in by_year.items())}; of {", ".join(unknown)} Gate's is not
        known here.""",
    )


if __name__ == "__main__":
    main()
