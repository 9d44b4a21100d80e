"""A program that hands errands to a scheduler of other people: `ENGINE AT_ONCE WITHIN_S [ADDRESS]`.

It reads an errand a line on standard input until that ends, and writes a line of JSON for each that is done, in any
order: its number, and its trial or what went wrong. It stands apart because Dask runs asyncio in threads, which the
bot's bridge to asyncio would take over; `engines.py` starts it, and no module imports it.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from dnbot.research.apart import run_apart

LOOPBACK = "127.0.0.1"
Answer = tuple[int, bytes | Exception]
"""The number of an errand, and its trial or why there is none."""


def dask_answers(errands: Sequence[bytes], at_once: int, within_s: float, address: str) -> Iterator[Answer]:
    """By a Dask cluster at an address, or one of this machine, on loopback and without its page, while this lasts."""
    distributed = importlib.import_module("distributed")
    place = nullcontext(address) if address else distributed.LocalCluster(
        n_workers=at_once, threads_per_worker=1, host=LOOPBACK, dashboard_address=None
    )
    with place as scheduler, distributed.Client(scheduler) as client:
        waiting = {
            client.submit(run_apart, errand, within_s, pure=False): number for number, errand in enumerate(errands)
        }
        for future in distributed.as_completed(waiting):
            error = future.exception()
            yield waiting[future], future.result() if error is None else error


def ray_answers(errands: Sequence[bytes], at_once: int, within_s: float, address: str) -> Iterator[Answer]:
    """By a Ray cluster at an address, or one of this machine, on loopback and without its page, while this lasts."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it tells its makers of each start unless it is told not to
    ray = importlib.import_module("ray")
    here: dict[str, Any] = {"num_cpus": at_once, "include_dashboard": False, "_node_ip_address": LOOPBACK}
    ray.init(address=address or "local", log_to_driver=False, **({} if address else here))
    try:
        apart = ray.remote(run_apart)
        waiting = {apart.remote(errand, within_s): number for number, errand in enumerate(errands)}
        while waiting:
            (ended, *_), _ = ray.wait(list(waiting), num_returns=1)
            number = waiting.pop(ended)
            try:
                yield number, ray.get(ended)
            except (ray.exceptions.RayError, RuntimeError) as error:
                yield number, error
    finally:
        ray.shutdown()


ENGINES = {"dask": dask_answers, "ray": ray_answers}


def line_of(number: int, answer: bytes | Exception) -> bytes:
    """How an answer is told."""
    if isinstance(answer, Exception):
        return json.dumps({"number": number, "failure": f"{answer}"}).encode() + b"\n"
    return json.dumps({"number": number, "trial": json.loads(answer)}).encode() + b"\n"


def main(arguments: Sequence[str]) -> None:
    """Until all errands are done, or it is asked to end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what it started is ended with it
    engine, at_once, within_s, *address = arguments
    errands = sys.stdin.buffer.read().splitlines()
    try:
        for number, answer in ENGINES[engine](errands, int(at_once), float(within_s), "".join(address)):
            sys.stdout.buffer.write(line_of(number, answer))
            sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
