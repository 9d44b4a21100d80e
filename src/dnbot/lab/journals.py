"""Journals of simulated runs: a folder per seed, in which each life of its bot is a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import attrs

from dnbot import __version__
from dnbot.fakes.world import SIMULATION_EPOCH_NS
from dnbot.lab.campaign import CampaignOptions, Game
from dnbot.lab.simulation import Run, simulate
from dnbot.lab.source import machine_source
from dnbot.record.step_words import Head
from dnbot.record.step_writing import InlineJournal, StepFolder, StepPages
from dnbot.strategy.parameters import StrategyParameters

BY = f"dnbot {__version__}, simulated"


@attrs.define
class LifeJournals:
    """Opens a journal per life, one after the other, in one folder."""

    folder: Path
    params: StrategyParameters
    lives: int = 0

    def __call__(self) -> InlineJournal:
        """The next life's. Raises ConfigError for a folder that holds something else."""
        self.lives += 1
        began_ns = SIMULATION_EPOCH_NS + self.lives  # a life has no other name; two heads of a folder differ
        head = Head(
            version=__version__, source=machine_source(), mode="simulated", symbol=str(self.params.symbol),
            settings="{}", began_ns=began_ns,
        )
        return InlineJournal(StepFolder(self.folder, by=BY, at_ns=began_ns), StepPages(head))


def journalled(game: Game, folder: Path) -> Game:
    """The same game, whose runs leave journals in `folder/seed-N`."""
    return attrs.evolve(game, play=partial(_play, folder))


def _play(folder: Path, schedule: Any, options: CampaignOptions) -> Run:
    assert options.params is not None
    journals = LifeJournals(folder / f"seed-{schedule.seed}", options.params)
    return simulate(schedule, options.params, options.run_s, journal=journals)
