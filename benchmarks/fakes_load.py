"""Whether `dnbot fakes` keeps up: signed order creates and book frames at once, for as long as asked, with flat memory.

    python benchmarks/fakes_load.py [--seconds 60] [--json evidence.json] [--symbols A/USDT,B/USDT] [--state DIR]

Starts `dnbot fakes` and, in a process of its own, the load generator (`fakes_load_clients.py`), both bounded by the
seconds asked, on loopback. Each second is written down: creates and their latencies (from when each was due), frames
and their age when they were read, CPU and memory of both processes, and what the fakes say of themselves: the deepest
queue, clients given up, how late their event loop was woken, how far their market fell behind.

`--json` appends this run as a segment and writes every few seconds, so a run that is interrupted loses nothing and one
that is started again goes on. Exit code 0 when every line of the verdict holds, 1 when one does not.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = Path(__file__).with_name("fakes_load_clients.py")
SYMBOLS = "BTC/USDT,ETH/USDT,SOL/USDT,XRP/USDT,DOGE/USDT"
CREATES_PER_S_MIN = 150.0
FRAMES_PER_S_MIN = 3000.0
GROWTH_MAX = 0.02  # of the resident memory, over the last half of a segment
LAG_MS_MAX = 1000.0  # of the 99 % quantile of a second, in the median second: who falls behind goes on doing so
SAVE_EVERY_S = 5
WARM_UP_S = 5  # connecting and subscribing
START_S_MAX = 30.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Process:
    """A child that this run started, and what the kernel says of it."""

    def __init__(self, arguments: list[str]) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        self.child = subprocess.Popen(  # noqa: S603 (this repository's own commands)
            [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def read_line(self) -> dict[str, Any] | None:
        """The next JSON line it prints; None when it has ended."""
        assert self.child.stdout is not None
        text = self.child.stdout.readline()
        return json.loads(text) if text else None

    def write_line(self, value: dict[str, Any]) -> None:
        """Tell it something."""
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps(value).encode() + b"\n")
        self.child.stdin.flush()

    def cpu_s(self) -> float:
        """CPU time so far."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def rss_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self) -> None:
        """End it: politely, then not."""
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(START_S_MAX)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def ask_load(line: dict[str, Any]) -> dict[str, Any]:
    """What the fakes say of their own load since the last question."""
    base = str(line["mexc_rest"])
    request = urllib.request.Request(base + "/__dnbot__/load", method="POST")  # noqa: S310 (our own child's address)
    with urllib.request.urlopen(request, timeout=START_S_MAX) as reply:  # noqa: S310 (as above)
        found: dict[str, Any] = json.load(reply)
        return found


def measure(options: argparse.Namespace, segment: dict[str, Any], save: Any) -> None:
    """One segment: fill its `seconds` until the time is over or somebody interrupts."""
    arguments = ["-m", "dnbot", "fakes", "--until-stdin-eof", "--symbols", options.symbols]
    arguments += ["--state", str(options.state)] if options.state else []
    arguments += ["--history", str(options.history)] if options.history is not None else []
    server = Process(arguments)
    clients = None
    try:
        line = server.read_line()
        if line is None:
            raise SystemExit("dnbot fakes did not start")
        clients = Process([str(CLIENTS)])
        settings = {"line": line, "seconds": options.seconds, "readers": options.readers}
        clients.write_line(settings | {"creates_per_s": options.creates})
        cpu = {"server": server.cpu_s(), "clients": clients.cpu_s()}
        at_s = time.monotonic()
        while (figures := clients.read_line()) is not None:
            now_s = time.monotonic()
            for name, process in (("server", server), ("clients", clients)):
                before, cpu[name] = cpu[name], process.cpu_s()
                figures[f"{name}_cpu"] = round((cpu[name] - before) / (now_s - at_s), 3)
            at_s = now_s
            figures |= {"rss_mb": round(server.rss_mb(), 2), "load_1m": os.getloadavg()[0], "fakes": ask_load(line)}
            segment["seconds"].append(figures)
            tell(figures)
            if figures["second"] % SAVE_EVERY_S == 0:
                save()
    finally:
        for process in (clients, server):
            if process is not None:
                process.stop()


def tell(figures: dict[str, Any]) -> None:
    """One line on the terminal."""
    lag, latency, fakes = figures["lag_ms"], figures["latency_ms"], figures["fakes"]
    print(
        f"{figures['second']:4} s  creates {figures['created']:4}  p50 {latency.get('p50', 0):6.1f}  "
        f"p99 {latency.get('p99', 0):6.1f} ms  frames {sum(figures['frames'].values()):5}  "
        f"lag p50 {lag.get('p50', 0):6.1f}  p99 {lag.get('p99', 0):6.1f} ms  rss {figures['rss_mb']:7.1f} MB  "
        f"cpu {figures['server_cpu']:.2f}+{figures['clients_cpu']:.2f}  queue {fakes['frames_waiting_max']:4}  "
        f"loop {fakes['loop_late_ms_max']:5.1f} ms  refused {sum(figures['refused'].values())}",
        flush=True,
    )


def growth(seconds: list[dict[str, Any]]) -> float:
    """How much the resident memory grew over the last half, as a fraction: median of its last tenth over its first."""
    half = [row["rss_mb"] for row in seconds[len(seconds) // 2 :]]
    tenth = max(1, len(half) // 10)
    return statistics.median(half[-tenth:]) / statistics.median(half[:tenth]) - 1


def summary(segment: dict[str, Any]) -> dict[str, Any]:
    """The figures of one segment, without its warm-up."""
    rows = segment["seconds"][WARM_UP_S:]
    if not rows:
        return {}
    refused: dict[str, int] = {}
    for row in rows:
        for why, number in row["refused"].items():
            refused[why] = refused.get(why, 0) + number
    channels = sorted({name for row in rows for name in row["frames"]})
    return {
        "seconds": len(rows),
        "creates_per_s": round(statistics.mean(row["created"] for row in rows), 1),
        "create_p50_ms": statistics.median(row["latency_ms"].get("p50", 0) for row in rows),
        "create_p99_ms_worst_second": max(row["latency_ms"].get("p99", 0) for row in rows),
        "create_p99_ms_median_second": statistics.median(row["latency_ms"].get("p99", 0) for row in rows),
        "frames_per_s": round(statistics.mean(sum(row["frames"].values()) for row in rows), 1),
        "frames_per_s_by_channel": {
            name: round(statistics.mean(row["frames"].get(name, 0) for row in rows), 1) for name in channels
        },
        "frame_mb_per_s": round(statistics.mean(row["frame_bytes"] for row in rows) / 1e6, 2),
        "lag_p50_ms": statistics.median(row["lag_ms"].get("p50", 0) for row in rows),
        "lag_p99_ms_median_second": statistics.median(row["lag_ms"].get("p99", 0) for row in rows),
        "lag_p99_ms_worst_second": max(row["lag_ms"].get("p99", 0) for row in rows),
        "rss_mb_first_last": [rows[0]["rss_mb"], rows[-1]["rss_mb"]],
        "rss_growth_last_half": round(growth(rows), 4),
        "server_cpu": round(statistics.mean(row["server_cpu"] for row in rows), 3),
        "clients_cpu": round(statistics.mean(row["clients_cpu"] for row in rows), 3),
        "load_1m": [rows[0]["load_1m"], rows[-1]["load_1m"]],
        "queue_frames_max": max(row["fakes"]["frames_waiting_max"] for row in rows),
        "queue_bytes_max": max(row["fakes"]["bytes_waiting_max"] for row in rows),
        "clients_given_up": rows[-1]["fakes"]["given_up"],
        "loop_late_ms_max": max(row["fakes"]["loop_late_ms_max"] for row in rows),
        "market_behind_ms_max": max(row["fakes"]["market_behind_ms_max"] for row in rows),
        "refused": refused,
    }


def verdict(segments: list[dict[str, Any]], seconds_wanted: float) -> dict[str, bool]:
    """What was promised, over all segments that lasted."""
    found = [segment["summary"] for segment in segments if segment["summary"]]
    if not found:
        return {"measured": False}
    return {
        f"{seconds_wanted:.0f} s measured": sum(part["seconds"] for part in found) >= seconds_wanted,
        "150 creates/s": all(part["creates_per_s"] >= CREATES_PER_S_MIN for part in found),
        "3000 frames/s": all(part["frames_per_s"] >= FRAMES_PER_S_MIN for part in found),
        "frames are not late": all(part["lag_p99_ms_median_second"] <= LAG_MS_MAX for part in found),
        "creates are not late": all(part["create_p99_ms_median_second"] <= LAG_MS_MAX for part in found),
        "no client given up": all(not part["clients_given_up"] for part in found),
        "memory flat in the longest segment": max(found, key=lambda part: part["seconds"])["rss_growth_last_half"]
        < GROWTH_MAX,
    }


def main() -> int:
    """Run one segment and judge all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of this segment, warm-up included")
    parser.add_argument("--json", type=Path, help="evidence; appended to when it exists")
    parser.add_argument("--creates", type=float, default=160.0, help="asked for, per second")
    parser.add_argument("--readers", type=int, default=6, help="sockets per venue, each on every book channel")
    parser.add_argument("--symbols", default=SYMBOLS)
    parser.add_argument("--state", type=Path, help="have the fakes keep their state there, journal included")
    parser.add_argument("--history", type=int, help="of the fakes: a smaller one is full sooner; default: theirs")
    parser.add_argument("--judge-seconds", type=float, default=0.0, help="the verdict asks for so many seconds in all")
    options = parser.parse_args()
    evidence: dict[str, Any] = {"segments": []}
    if options.json is not None and options.json.exists():
        evidence = json.loads(options.json.read_text())
    segment: dict[str, Any] = {"started_s": time.time(), "options": {k: str(v) for k, v in vars(options).items()}}
    segment |= {"cpus": os.cpu_count(), "python": sys.version.split()[0], "seconds": [], "summary": {}}
    evidence["segments"].append(segment)

    def save() -> None:
        segment["summary"] = summary(segment)
        evidence["verdict"] = verdict(evidence["segments"], options.judge_seconds)
        if options.json is not None:
            temporary = options.json.with_suffix(".tmp")
            temporary.write_text(json.dumps(evidence, indent=1))
            temporary.replace(options.json)

    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore the first of them
        signal.signal(number, signal.default_int_handler)
    try:
        measure(options, segment, save)
    except KeyboardInterrupt:
        print("interrupted; what was measured is kept")
    save()
    print(json.dumps({"summary": segment["summary"], "verdict": evidence["verdict"]}, indent=1))
    return 0 if all(evidence["verdict"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
