"""Make the tables of docs/scaling.md from what the scale study measured.

    python benchmarks/scaling.py --json docs/evidence/scaling.json
    python docs/evidence/make_scaling.py

The first command takes about ten minutes of a machine on which nothing else runs.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT = HERE / "scaling.json"
PAGE = HERE.parent / "scaling.md"
DAY_S = 86_400
FULL = 0.9
"""Of a core, or of all: above it work waits for the processor and not for the market."""
TARGET = 0.6
"""Of a core, for a worker that is planned: bursts and restarts need the rest."""
PAPER = (500, 1_000, 2_000, 5_000)
MARKETS_PER_CONNECTION = {"Gate spot": 50, "Gate futures": 50, "MEXC": 7}
GATE_CONNECTIONS_MAX = 300
"""WebSockets of one address (Gate API v4 docs, rate limits)."""
GATE_PRIVATE = 2
"""Of a task: its spot and its futures account."""


def main() -> None:
    """Renew the page."""
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), kept()), encoding="utf-8")


def kept() -> dict[str, Any] | None:
    """The evidence; None until a study is kept."""
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else None


def with_tables(text: str, evidence: dict[str, Any] | None) -> str:
    """The page with every block between `<!-- evidence: NAME -->` and `<!-- end -->` renewed."""
    made = {
        "machine": machine, "sizes": sizes, "database": database, "bottlenecks": bottlenecks, "paper": paper,
        "apart": apart,
    }

    def block(found: re.Match[str]) -> str:
        lines = ["No run is kept yet."] if evidence is None else made[found[1]](evidence)
        return "\n".join([f"<!-- evidence: {found[1]} -->", *lines, "<!-- end -->"])

    return re.sub(r"<!-- evidence: (\w+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def machine(evidence: dict[str, Any]) -> list[str]:
    """Where it was measured, and how."""
    told = evidence["machine"]
    return [
        f"On {told['processor']}, {told['system']}, {told['python']} ({told['build']}), load before {told['load']}:",
        "", f"    {evidence['command']}",
    ]


def _ordered(evidence: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(evidence["cases"], key=lambda case: (case["processes"], case["symbols"]))


def _is_measured(case: dict[str, Any]) -> bool:
    return "problem" not in case


def _measured(evidence: dict[str, Any]) -> list[dict[str, Any]]:
    return list(filter(_is_measured, _ordered(evidence)))


def sizes(evidence: dict[str, Any]) -> list[str]:
    """A row per case."""
    rows = [
        ("| workers x symbols | core of a worker | waits for a core | memory of a worker | frames a second "
         "| from bytes to decision, p50 / p99 | from bytes to both orders, p50 / p99 | loop late, p99 "
         "| quietest market waits | all running after | fakes and database |"),
        f"|{' --- |' * 11}",
    ]
    for case in _ordered(evidence):
        name = f"{case['processes']} x {case['symbols']}"
        if "problem" in case:
            rows.append(f"| {name} | {_cell(case['problem'])} |{' |' * 9}")
            continue
        turn, lag = case["turn_s"], case["loop_lag_s"]
        cells = (
            name, _percent(max(case["worker_cpu"])), _percent(max(case["worker_waited"])),
            f"{max(case['worker_rss_mb'])} MB", f"{case['frames_per_s']:,}",
            f"{_ms(turn['p50'])} / {_ms(turn['p99'])}", _orders(case), _ms(lag["p99"]), _ms(case["quietest_wait_s"]),
            _started(case), f"{_percent(case['fakes_cpu'])}, {_percent(case['database_cpu'])}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _orders(case: dict[str, Any]) -> str:
    """How long an arbitrage takes until both of its orders are sent, where there were any."""
    sent = case["tick_to_order_s"]
    return f"{_ms(sent['p50'])} / {_ms(sent['p99'])} of {sent['count']:.0f}" if sent["count"] else "none"


def database(evidence: dict[str, Any]) -> list[str]:
    """What the same cases wrote."""
    rows = [
        ("| workers x symbols | orders a second | rows a second | million rows a day | GB a day | WAL, GB a day "
         "| most rows in |"), f"|{' --- |' * 7}",
    ]
    for case in _measured(evidence):
        most = ", ".join(f"`{name}` {_percent(_share(count, case))}" for name, count in _top(case))
        cells = (
            f"{case['processes']} x {case['symbols']}", f"{case['orders_per_s']:g}", f"{case['rows_per_s']:g}",
            f"{case['rows_per_s'] * DAY_S / 1e6:.2f}", f"{case['bytes_per_s'] * DAY_S / 1e9:.2f}",
            f"{case['wal_bytes_per_s'] * DAY_S / 1e9:.2f}", most,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _top(case: dict[str, Any]) -> list[tuple[str, int]]:
    return [(name, count) for name, count in list(case["rows_by_table"].items())[:3] if count]


def _share(count: int, case: dict[str, Any]) -> float:
    return count / max(1.0, case["rows_per_s"] * case["seconds"])


def bottleneck(case: dict[str, Any], cores: int) -> str:
    """What keeps this case from more, by its own figures."""
    if "problem" in case:
        return "a worker ended"
    whole = sum(case["worker_cpu"]) + case["fakes_cpu"] + case["database_cpu"]
    used, waited = max(case["worker_cpu"]), max(case["worker_waited"])
    if used >= FULL:
        return f"the core of the worker: one thread uses {_percent(used)} of it"
    if whole >= FULL * cores or used + waited >= FULL:
        others = f"fakes {_percent(case['fakes_cpu'])}, database {_percent(case['database_cpu'])}"
        busy = f"{_percent(whole)} of {cores} cores are used"
        return f"the machine: {busy} ({others}), and a worker waits {_percent(waited)}"
    if case["fakes_cpu"] >= FULL:
        return f"the fakes, which are no part of the bot: {_percent(case['fakes_cpu'])} of a core"
    if case["database_cpu"] >= FULL:
        return f"the database: {_percent(case['database_cpu'])} of a core"
    if case["running"] < case["processes"] * case["symbols"]:
        return f"only {case['running']} tasks run"
    return f"none is reached: a worker uses {_percent(used)} of a core"


def bottlenecks(evidence: dict[str, Any]) -> list[str]:
    """One line per case."""
    return [
        f"- {case['processes']} x {case['symbols']}: {bottleneck(case, evidence['cores'])}"
        for case in _ordered(evidence)
    ]


def per_symbol(evidence: dict[str, Any]) -> dict[str, float]:
    """What one more symbol costs a worker: the slope between the smallest and the largest unsaturated case of one.

    Raises ValueError with fewer than two of them.
    """
    cores = evidence["cores"]
    alone = sorted((case for case in _measured(evidence) if case["processes"] == 1), key=lambda case: case["symbols"])
    free = [case for case in alone if bottleneck(case, cores).startswith("none")]
    if len(free) < 2:
        raise ValueError("two cases of one worker that are not saturated are needed")
    few, many = free[0], free[-1]
    more = many["symbols"] - few["symbols"]

    def slope(read: Any) -> float:
        return float((read(many) - read(few)) / more)

    return {
        "core": slope(lambda case: case["worker_cpu"][0]), "mb": slope(lambda case: case["worker_rss_mb"][0]),
        "mb_first": few["worker_rss_mb"][0], "core_first": few["worker_cpu"][0],
        "rows": many["rows_per_s"] / many["symbols"], "bytes": many["bytes_per_s"] / many["symbols"],
        "few": few["symbols"], "many": many["symbols"],
    }


def paper(evidence: dict[str, Any]) -> list[str]:
    """More symbols than were measured, by proportion; a step is named that the proportion does not take."""
    try:
        one = per_symbol(evidence)
    except ValueError as error:
        return [f"Not computed: {error}."]
    fit = max(1, math.floor((TARGET - one["core_first"]) / one["core"] + 1e-9) + one["few"]) if one["core"] > 0 else 0
    lines = [
        (f"One more symbol costs {one['core'] * 100:.2f} % of a core and {one['mb']:.1f} MB (from {one['few']:.0f} to "
         f"{one['many']:.0f} symbols in one worker), {one['rows']:.2f} rows and {one['bytes']:,.0f} bytes a second. "
         f"A worker that is to use {_percent(TARGET)} of a core carries **{fit} symbols**."), "",
        ("| symbols | workers | memory of all | million rows a day | GB a day | Gate WebSockets | addresses for them "
         "| MEXC public connections |"), f"|{' --- |' * 8}",
    ]
    for count in PAPER:
        workers = math.ceil(count / fit)
        memory_gb = (workers * one["mb_first"] + count * one["mb"]) / 1000
        gate = GATE_PRIVATE * count + workers * sum(
            math.ceil(count / workers / MARKETS_PER_CONNECTION[name]) for name in ("Gate spot", "Gate futures")
        )
        mexc = workers * math.ceil(count / workers / MARKETS_PER_CONNECTION["MEXC"])
        cells = (
            f"{count:,}", f"{workers}", f"{memory_gb:.1f} GB", f"{count * one['rows'] * DAY_S / 1e6:.1f}",
            f"{count * one['bytes'] * DAY_S / 1e9:.1f}", f"{gate:,}", f"{math.ceil(gate / GATE_CONNECTIONS_MAX)}",
            f"{mexc}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def apart(evidence: dict[str, Any]) -> list[str]:
    """What a frame costs in the worker now, and what a book from another process would."""
    told = evidence["apart"]
    now = told["attribute_us"] + told["decode_us"] + told["fold_us"]
    busiest = max(_measured(evidence), key=lambda case: case["symbols"] / case["processes"], default=None)
    lines = [
        "| step | us a frame |", "| --- | --- |",
        f"| find whose frame it is | {told['attribute_us']:.2f} |", f"| decode it | {told['decode_us']:.2f} |",
        f"| fold it into the book, best prices | {told['fold_us']:.2f} |",
        f"| together, in the worker, today | {now:.2f} |",
        (f"| another process: encode {told['levels']} levels a side ({told['view_bytes']:,} bytes) "
         f"| {told['encode_view_us']:.2f} |"),
        f"| the worker: decode them | {told['decode_view_us']:.2f} |",
    ]
    if busiest is not None:
        frames = busiest["frames_per_s"] / busiest["processes"]
        used = max(busiest["worker_cpu"])
        lines += [
            "", (f"At {frames:,.0f} frames a second ({busiest['symbols']} symbols in a worker) today's steps are "
             f"{_percent(frames * now / 1e6)} of a core, of the {_percent(used)} that the worker uses; taking books "
             f"from another process would be {_percent(frames * told['decode_view_us'] / 1e6)}, without its socket."),
        ]
    return lines


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _ms(seconds: float) -> str:
    """Milliseconds; a quantile in the open bucket has no bound."""
    return "more than 10 s" if seconds < 0 else f"{seconds * 1000:.3g} ms"


def _started(case: dict[str, Any]) -> str:
    if case["start_s"] is not None:
        return f"{case['start_s']:.0f} s"
    return f"not in time: {case['running']} of {case['processes'] * case['symbols']}"


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")[:120]


if __name__ == "__main__":
    main()
