"""Schedulers of other people: what they are handed, what comes back, what is refused; and Dask, if it is here."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from trial_kit import ENTRY, cells, figures, splits

from dnbot.domain.errors import ConfigError
from dnbot.research import apart
from dnbot.research.apart import run_apart
from dnbot.research.engines import PROGRAM, SchedulerEnded, SchedulerEngine
from dnbot.research.latency import MODELS
from dnbot.research.market_options import MarketOptions
from dnbot.research.parameter_study import jobs_of
from dnbot.research.trial import Job
from dnbot.research.trial_run import Errand, run_errand, source_now

JOBS = jobs_of(cells(**{ENTRY: "3,8"}).cells, splits(1))
MARKET = MarketOptions(data="nowhere", symbol="BTC/USDT", latency=MODELS["loopback"])
APART = """
from dnbot.research import apart
def answered(errand, within_s):
    import json
    told = json.loads(errand)
    if told["job"]["digest"] == "{bad}":
        raise RuntimeError("it hung and was ended")
    return json.dumps({{"kind": "trial", "digest": told["job"]["digest"], "values": told["job"]["values"],
                       "window": told["job"]["window"], "figures": {figures}}}).encode()
apart.run_apart = answered
"""
DASK = """
class Future:
    def __init__(self, call): self.call = call
    def exception(self):
        try: self.value = self.call()
        except Exception as error: return error
    def result(self): return self.value
class LocalCluster:
    def __init__(self, **wanted): assert wanted["host"] == "127.0.0.1" and wanted["dashboard_address"] is None
    def __enter__(self): return "here"
    def __exit__(self, *_): pass
class Client:
    def __init__(self, place):
        if place == "tcp://nobody:1": raise OSError("Timed out trying to connect to tcp://nobody:1")
        assert place in ("here", "tcp://there:1")
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def submit(self, do, *arguments, pure): return Future(lambda: do(*arguments))
def as_completed(futures): return reversed(list(futures))
"""
RAY = """
class exceptions:
    class RayError(Exception): pass
class Remote:
    def __init__(self, do): self.do = do
    def remote(self, *arguments): return (self.do, arguments)
def init(address, **wanted):
    import os
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert address == "there" or wanted["_node_ip_address"] == "127.0.0.1"
def remote(do): return Remote(do)
def wait(waiting, num_returns): return waiting[-1:], waiting[:-1]
def get(ended):
    do, arguments = ended
    return do(*arguments)
def shutdown(): pass
"""


def errand(job: Job) -> Errand:
    """For data that are nowhere."""
    return Errand(market=MARKET, source=source_now(), data=(), funding_sha256="", job=job)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for Dask and Ray with the few calls that are made of them, and for the process of a trial."""
    told = msgspec.json.encode(figures("2.5")).decode().replace("false", "False").replace("null", "None")
    (tmp_path / "distributed.py").write_text(DASK)
    (tmp_path / "ray.py").write_text(RAY)
    (tmp_path / "sitecustomize.py").write_text(APART.format(bad=JOBS[-1].digest, figures=told))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "address"), [("dask", ""), ("dask", "tcp://there:1"), ("ray", ""), ("ray", "there")])
def test_every_job_comes_back_as_its_trial(packages: None, name: str, address: str) -> None:
    """In whatever order; one that failed with what it said."""
    made = {trial.key: trial for trial in SchedulerEngine(name, errand, 1, address).trials(JOBS)}
    assert made.keys() == {job.key for job in JOBS}
    for job in JOBS:
        if job.digest == JOBS[-1].digest:
            assert (made[job.key].figures, made[job.key].failure) == (None, "it hung and was ended")
        else:
            assert made[job.key] == job.done(figures("2.5"), 0.0)
    assert list(SchedulerEngine(name, errand, 1, address).trials([])) == []


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_told(packages: None) -> None:
    """With the last words of the program that asked for it."""
    with pytest.raises(SchedulerEnded, match=r"dask ended before 4 trials were made: (?s:.*)Timed out"):
        list(SchedulerEngine("dask", errand, 1, "tcp://nobody:1").trials(JOBS))


@pytest.mark.slow
def test_an_errand_is_refused_where_code_or_data_are_others() -> None:
    """Its figures would be of something else."""
    job = JOBS[0]
    other = msgspec.structs.replace(errand(job), source="another")
    assert f"is {source_now()}, that of the study another" in run_errand(other).failure
    assert "no such file or folder" in run_errand(errand(job)).failure


@pytest.mark.slow
def test_an_errand_is_refused_for_other_data(recording: Path) -> None:
    """The checksums are those of the machine that sent it."""
    market = msgspec.structs.replace(MARKET, data=str(recording))
    there = msgspec.structs.replace(errand(JOBS[0]), market=market)
    assert "are not those here" in run_errand(there).failure


@pytest.mark.slow
def test_an_errand_is_refused_for_other_funding_rates(recording: Path, tmp_path: Path) -> None:
    """They decide figures as the data do; a file that is not there is told."""
    rates = tmp_path / "rates.csv"
    rates.write_text("Symbol,Date,Funding Rate\nBTCUSDT,2024-03-01 00:00:00,0.0001\n")
    market = msgspec.structs.replace(MARKET, data=str(recording), funding=str(rates))
    data = tuple(market.source().files)
    sent = Errand(market=market, source=source_now(), data=data, funding_sha256=market.funding_sha256(), job=JOBS[0])
    said = f"the funding rates at {rates} on the machine that was asked are not those here"
    assert run_errand(sent).failure != said
    rates.write_text("Symbol,Date,Funding Rate\nBTCUSDT,2024-03-01 00:00:00,0.0002\n")
    assert run_errand(sent).failure == said
    rates.unlink()
    assert str(rates) in run_errand(sent).failure


def test_a_file_of_funding_rates_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Of bars it is read late: its checksum says it in time."""
    missing = tmp_path / "none.csv"
    with pytest.raises(ConfigError, match=r"none\.csv.*a file that can be read"):
        msgspec.structs.replace(MARKET, funding=str(missing)).funding_sha256()


@pytest.mark.slow
def test_a_trial_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is a trial; one that dies or hangs is told by its last words."""
    found = json.loads(run_apart(msgspec.json.encode(errand(JOBS[0])), 120.0))
    assert found["digest"] == JOBS[0].digest
    assert "no such file or folder" in found["failure"]
    with pytest.raises(RuntimeError, match=r"its process ended with 1: (?s:.*)DecodeError"):
        run_apart(b"{", 120.0)
    with pytest.raises(RuntimeError, match="it hung and was ended"):
        run_apart(b"{", 0.0)
    assert apart.MODULE == "dnbot.research.trial_process"


@pytest.mark.slow
def test_the_program_of_schedulers_has_no_bridge_to_asyncio() -> None:
    """It would take over the loops of Dask's threads, which then never answer."""
    program = f"import sys, importlib; importlib.import_module({PROGRAM!r}); print('trio_asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"




@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="no dask: its engine is also tested with a stand-in"
)
def test_dask_itself_makes_trials() -> None:
    """A cluster of this machine, on loopback: what comes back is what the process of a trial says."""
    (trial,) = SchedulerEngine("dask", errand, 1, "").trials(JOBS[:1])
    assert trial.key == JOBS[0].key
    assert "no such file or folder" in trial.failure
