"""Studies of settings without any merit: what is told of them is what luck alone comes to."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from statistics import fmean

import pytest
from trial_kit import BEGIN_NS, ENTRY, HOUR_NS, RATIO, SETTINGS, cells, figures, splits, trials

from dnbot.fakes.config import FakesConfig
from dnbot.research.fees import fees_of
from dnbot.research.latency import MODELS
from dnbot.research.market_options import MarketOptions
from dnbot.research.parameter_study import Study, StudyOptions, studied
from dnbot.research.space import Cell
from dnbot.research.trial import Figures
from dnbot.research.trial_file import Identity
from dnbot.research.windows import Window

GRID = cells(**{ENTRY: "3,4,5,6,7", RATIO: "0.3,0.4,0.5,0.6,0.7"})
WINDOWS = splits(3)
PIECE_NS = 6 * HOUR_NS
"""As long as a test window; a train window is two of them."""
TRADES = 40
STUDIES = 100


def study_of_noise(seed: int) -> Study:
    """Each cell's trades in each piece of the recording are chance, and those of a window are those of its pieces."""
    rng = random.Random(seed)
    nets = {(cell.digest, piece): rng.gauss(0, TRADES**0.5) for cell in GRID.cells for piece in range(5)}

    def score(cell: Cell, window: Window) -> Figures:
        pieces = range((window.begin_ns - BEGIN_NS) // PIECE_NS, (window.end_ns - BEGIN_NS) // PIECE_NS)
        net = Decimal(repr(sum(nets[cell.digest, piece] for piece in pieces)))
        count = TRADES * len(pieces)
        return figures(net, traded=net, traded_squares=Decimal(count), trades=count)

    market = MarketOptions(data="x", symbol="BTC/USDT", latency=MODELS["far"])
    identity = Identity(
        version="1", python="3", source="abc", symbol="BTC/USDT", data=(), funding_sha256="", latency=market.latency,
        shown={}, fees=fees_of(FakesConfig()), seed=1, order_path="rest", speed=1.0, settings={},
    )
    options = StudyOptions(market=market, settings=SETTINGS, cells=GRID, evidence=Path("x"))
    return studied(options, WINDOWS, identity, trials(GRID, WINDOWS, score), interrupted=False)


@pytest.fixture(scope="module")
def studies() -> tuple[Study, ...]:
    """So many that chance is even."""
    return tuple(map(study_of_noise, range(STUDIES)))


def test_ranks_in_train_and_test_have_nothing_in_common(studies: tuple[Study, ...]) -> None:
    """The mean rank correlation is nothing, and nearly every study warns of it."""
    found = [study.rank_correlation for study in studies if study.rank_correlation is not None]
    assert len(found) == STUDIES
    assert abs(fmean(found)) < 0.06
    warned = sum(any("has little in common" in doubt for doubt in study.doubts) for study in studies)
    assert warned >= 0.9 * STUDIES


def test_the_best_cell_earns_nothing_in_test_windows(studies: tuple[Study, ...]) -> None:
    """It was chosen by nothing of what it is judged by; before, test windows had a part in choosing it."""
    assert all(study.best is not None and study.best.test is not None for study in studies)
    totals = [float(study.best.test.traded) for study in studies if study.best and study.best.test]
    luck = (3 * TRADES) ** 0.5 / STUDIES**0.5
    assert abs(fmean(totals)) < 3 * luck


def test_so_many_cells_explain_the_best_of_them(studies: tuple[Study, ...]) -> None:
    """Its t passes what is needed about once in twenty studies; no trade is counted twice."""
    assert all(study.best is not None and study.best.train is not None for study in studies)
    trades = {study.best.train.trades + study.best.test.trades for study in studies
              if study.best and study.best.train and study.best.test}
    assert trades == {5 * TRADES}
    passed = sum(study.t_value is not None and study.t_value >= study.t_needed for study in studies)
    assert passed <= 0.1 * STUDIES
