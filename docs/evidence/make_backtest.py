"""Make the table of docs/backtest.md, "Speed": how fast raw books are played, and in which rooms the time goes.

    python docs/evidence/make_backtest.py FOLDER      # play FOLDER's raw books four times, about a minute
    python docs/evidence/make_backtest.py             # the table alone, from the evidence that is there

Three plays in processes of their own tell the speed and whether their hashes are equal: one that reads the recording,
and two that find what it does kept by the first. A fourth one is interrupted after every two milliseconds of its CPU
time: each such moment counts for the room that it was in, with all that it called.
"""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from dnbot.operate.config_option import settings_of
from dnbot.research.backtest import BacktestOptions, backtest
from dnbot.research.latency import MODELS
from dnbot.research.market_options import MarketOptions

HERE = Path(__file__).resolve().parent
KEPT = HERE / "backtest_speed.json"
PAGE = HERE.parent / "backtest.md"
EVERY_S = 0.002
TARGET = 50
EXCHANGES = "the exchanges"
BOT = "the bot"
# The first that fits a frame, from the outermost one inwards, names the room of a moment.
ROOMS = (
    ("research/kept_tapes.py:KeptTapes.turn", EXCHANGES, "what the recorded books do, from where it was kept"),
    ("fakes/running.py:World.step_market", EXCHANGES, "the rest of the market's steps: matching, cancelling, trades"),
    ("_run_beat", EXCHANGES, "what the public streams publish"),
    ("fakes/", EXCHANGES, "the rest of the fakes: answers, private streams"),
    ("trio_websocket/_impl.py:WebSocketConnection._reader_task", BOT, "its WebSockets, and decisions of that turn"),
    ("tasks/strategist.py", BOT, "its machine's own turns"),
    ("dnbot/", BOT, "the rest of it: requests, analytics, samples, journal"),
)
LOOP = "Trio's loop, the clock, the collector"
PASSED_BY = ("research/backtest", "research/market_options", "cli.py", "lab/still_clock", "evidence/")
"""Frames around the run, which are no room."""


def main() -> None:
    """Measure what was asked for, and renew the page."""
    if len(sys.argv) > 1:
        KEPT.write_text(json.dumps(measured(sys.argv[1]), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), kept()), encoding="utf-8")


def kept() -> dict[str, Any]:
    """The evidence."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def measured(folder: str) -> dict[str, Any]:
    """Four plays, with a place of their own for what is kept."""
    with tempfile.TemporaryDirectory(prefix="dnbot-evidence-") as caches:
        os.environ["XDG_CACHE_HOME"] = caches
        plays = [play(folder) for _ in range(3)]
        moments = sampled(folder)
    if [one["from_disk"] for one in plays] != [False, True, True]:
        raise SystemExit("the first play did not read the recording, or a later one did")
    return {
        "command": "dnbot backtest --data FOLDER --json FILE",
        "machine": f"{platform.python_implementation()} {platform.python_version()}, {platform.system()}",
        "source": plays[0]["source"],
        "lines": sum(file["lines"] for file in plays[0]["data"]),
        "virtual_s": plays[0]["virtual_s"],
        "cpu_s": [one["cpu_s"] for one in plays],
        "speed": [one["speed"] for one in plays],
        "same_hash": len({one["trace_hash"] for one in plays}) == 1,
        "moments": moments,
    }


def play(folder: str) -> dict[str, Any]:
    """What one backtest in a process of its own tells."""
    with tempfile.TemporaryDirectory(prefix="dnbot-evidence-") as place:
        words = [sys.executable, "-m", "dnbot", "backtest", "--data", folder, "--json", f"{place}/r.json"]
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)  # noqa: S603
        found: dict[str, Any] = json.loads(Path(place, "r.json").read_text(encoding="utf-8"))
    return found


def sampled(folder: str) -> dict[str, int]:
    """How many moments of one run, without looking at the files beforehand, were in which room."""
    params = settings_of(None).strategy
    options = MarketOptions(data=folder, symbol=str(params.symbol), latency=MODELS["regional"])
    wanted = BacktestOptions(options.source(), params, options.latency, options.world())
    moments: Counter[str] = Counter()
    before = signal.signal(signal.SIGPROF, lambda _number, frame: moments.update([room(frame)]))
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    try:
        backtest(wanted)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return dict(moments)


def room(frame: FrameType | None) -> str:
    """Where a moment was, by its stack."""
    names = []
    while frame is not None:
        code = frame.f_code
        names.append(f"{code.co_filename}:{code.co_qualname}")
        frame = frame.f_back
    inner = [name for name in names if not any(word in name for word in PASSED_BY)]
    for word, _, told in ROOMS:
        if any(word in name for name in inner):
            return told
    return LOOP


def with_table(text: str, evidence: dict[str, Any]) -> str:
    """The page with the block between `<!-- evidence: speed -->` and `<!-- end -->` renewed."""
    block = "\n".join(["<!-- evidence: speed -->", *table(evidence), "<!-- end -->"])
    return re.sub(r"<!-- evidence: speed -->\n.*?<!-- end -->", lambda _: block, text, flags=re.DOTALL)


def table(evidence: dict[str, Any]) -> list[str]:
    """Speed, rooms, and what would be left of the time if the exchanges took none."""
    moments, cpu_s = evidence["moments"], min(evidence["cpu_s"][1:])
    whole = sum(moments.values())
    sides = {told: side for _, side, told in ROOMS} | {LOOP: BOT}
    bot_s = cpu_s * sum(count for told, count in moments.items() if sides[told] == BOT) / whole
    first, *speeds = (f"{speed:.1f}" for speed in evidence["speed"])
    told_of = "share of the CPU time of a play that was kept"
    rows = [
        f"| {sides[told] if told != LOOP else 'both'} | {told} | {moments[told] / whole:.0%} |"
        for told in sides if told in moments
    ]  # fmt: skip
    hashes = "equal" if evidence["same_hash"] else "NOT EQUAL"
    told = (
        f"{evidence['virtual_s']} s of raw books ({evidence['lines']:,} lines of files) on one core: {first} times "
        f"real time in the first play, which reads the recording, {' and '.join(speeds)} times in the next two "
        f"({TARGET} were asked for), with {hashes} hashes. {evidence['machine']}; source `{evidence['source']}`."
    )
    left = (
        f"Of {cpu_s:.1f} s, {bot_s:.1f} s are the bot and the loop that both run in: exchanges that took no time at "
        f"all would make it {evidence['virtual_s'] / bot_s:.0f} times real time."
    )
    return [told, "", f"| of | room | {told_of} |", "| --- | --- | --- |", *rows, "", left]


if __name__ == "__main__":
    main()
