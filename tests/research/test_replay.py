"""Replays: the same steps give the same answers; whatever is not the same is told at its first event."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from machine_kit import Bench, adventure
from recorded_live import LivedWithJournal, live_and_record
from step_journals import Steps, steps_of, written

from dnbot.cli import commands
from dnbot.config import load_settings
from dnbot.domain.errors import ConfigError, InvariantBroken
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import ExecutePair, Fault, InboxEvent, Signal
from dnbot.domain.units import Price
from dnbot.fakes.config import FakesConfig
from dnbot.lab.journals import LifeJournals
from dnbot.lab.simulation import simulate
from dnbot.lab.swarm import draw
from dnbot.operate.masking import Mask
from dnbot.ports.credentials import Secret, SecretRegistry
from dnbot.record.step_reading import runs_of
from dnbot.record.step_words import StepRead
from dnbot.record.step_writing import InlineJournal
from dnbot.research.replay_books import BooksSeen, compared_books
from dnbot.research.replay_difference import Difference, differences
from dnbot.research.replay_run import ReplayOptions, ReplayResult, replay
from dnbot.resources import config_dir
from dnbot.strategy import deciding
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.machine import Step, step
from dnbot.strategy.states import StrategyState

PARAMS = load_settings(config_dir() / "demo.toml").strategy
RUN_S = 20.0
KEY = "canary-key-31d7"


@pytest.fixture(scope="module")
def bench() -> Bench:
    """One machine's life."""
    return adventure(quiet_s=62)


@pytest.fixture(scope="module")
def steps(bench: Bench) -> Steps:
    """Its steps."""
    return steps_of(bench.start, bench.events)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory, steps: Steps) -> Path:
    """Its journal."""
    return written(tmp_path_factory.mktemp("steps") / "journal", steps)


def of(folder: Path, **wanted: Any) -> ReplayResult:
    """A replay of it."""
    return replay(ReplayOptions(folder, **wanted))


def dnbot(*words: object) -> tuple[int, str]:
    """The command: exit code and output."""
    done = CliRunner().invoke(commands, ["replay", *map(str, words)])
    return done.exit_code, done.output


# --- the same ---------------------------------------------------------------------------------------------------------
def test_a_journal_replays_to_the_same(journal: Path, bench: Bench) -> None:
    """Every state, command, record and written context; and nothing was left out."""
    result = of(journal)
    assert result.identical
    assert (result.events, result.commands) == (len(bench.events), len(bench.commands))
    assert result.contexts == 1
    assert (result.skipped, result.lost, result.torn, result.damage) == (0, 0, "", "")
    assert result.last_state == "SHUTDOWN"


def test_a_masked_secret_is_no_divergence(tmp_path: Path) -> None:
    """The event, its records and the contexts after it all hold the mask."""
    registry = SecretRegistry()
    registry.add(Secret(KEY))
    bench = Bench().boot()
    bench.give(bench_fault(KEY))
    bench.wait(70, answer=True)
    folder = written(tmp_path / "j", steps_of(bench.start, bench.events), masked=Mask(registry))
    result = of(folder)
    assert result.identical
    assert result.contexts == 1
    assert result.events == len(bench.events)


def bench_fault(text: str) -> InboxEvent:
    """A fault whose words are a venue's."""
    return Fault("session:MEXC_SPOT", f"403 for {text}", "VenueError")


def test_a_step_that_failed_fails_again(tmp_path: Path, steps: Steps) -> None:
    """The journal ends with the bug that ended the run, and its replay with the same one."""
    before, event, _ = steps[40]
    bug = InvariantBroken("a planted one")
    folder = written(tmp_path / "j", [*steps[:40], (before, event, bug)])

    def rule(context: StrategyContext, one: InboxEvent) -> Step:
        if context.events == 40:
            raise InvariantBroken("a planted one")
        return step(context, one)

    assert of(folder, rule=rule).identical
    found = of(folder).divergence
    assert found is not None
    assert (found.number, found.differs) == (41, ("failure",))
    assert found.recorded is not None
    assert found.recorded.failure == "InvariantBroken: a planted one"


# --- not the same -----------------------------------------------------------------------------------------------------
def first_entry(steps: Steps) -> int:
    """The number of the first step that decides a pair."""
    return next(
        number for number, (_, _, done) in enumerate(steps, 1)
        if isinstance(done, Step) and any(isinstance(one, ExecutePair) for one in done.commands)
    )


def test_a_changed_command_is_told_at_its_event(journal: Path, steps: Steps) -> None:
    """One more digit in one price, which equals the old one: found there, and nowhere else."""
    number = first_entry(steps)

    def rule(context: StrategyContext, event: InboxEvent) -> Step:
        result = step(context, event)
        if result.context.events != number:
            return result
        pair = next(one for one in result.commands if isinstance(one, ExecutePair))
        first, *others = pair.intents
        priced = msgspec.structs.replace(first, price=Price(first.price + Decimal("0E-20")))
        other = msgspec.structs.replace(pair, intents=(priced, *others))
        told = tuple(other if one is pair else one for one in result.commands)
        return msgspec.structs.replace(result, commands=told)

    found = of(journal, rule=rule)
    assert not found.identical
    assert found.divergence is not None
    assert (found.divergence.number, found.divergence.differs) == (number, ("commands",))
    assert found.divergence.recorded is not None
    assert found.divergence.replayed is not None
    assert found.divergence.recorded.commands == found.divergence.replayed.commands  # equal, and not the same digits
    assert found.events == number


def test_a_changed_rule_is_told_at_its_first_event(
    journal: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The strategy itself, changed so that it looks for nothing: told where it first would have found something."""
    monkeypatch.setitem(deciding.HANDLERS, StrategyState.MONITORING_SPREADS, lambda turn: None)
    first = next(
        number for number, (before, event, done) in enumerate(steps, 1)
        if isinstance(done, Step) and answer_of(step(before, event)) != answer_of(done)
    )
    found = of(journal).divergence
    assert found is not None
    assert found.number == first < first_entry(steps) + 1
    assert found.recorded is not None
    assert found.replayed is not None
    assert "state" in found.differs or "records" in found.differs


def answer_of(done: Step) -> tuple[object, ...]:
    """What of a step is compared."""
    return done.context.current_state, done.context.mode, done.commands, done.records


def test_what_no_answer_shows_is_found_at_the_next_context(journal: Path) -> None:
    """A rule that only forgets how often it declined: no command differs, and the written context does."""

    def rule(context: StrategyContext, event: InboxEvent) -> Step:
        result = step(context, event)
        counters = msgspec.structs.replace(result.context.counters, opportunities_seen=0)
        return msgspec.structs.replace(result, context=msgspec.structs.replace(result.context, counters=counters))

    found = of(journal, rule=rule).divergence
    assert found is not None
    assert (found.event, found.differs) == ("context", ("context",))
    (one,) = found.changed
    assert one.path == "counters.opportunities_seen"
    assert (int(one.before) > 0, one.after) == (True, "0")


@pytest.mark.parametrize("missing", [3, 60, 200])
def test_a_missing_event_is_found(tmp_path: Path, steps: Steps, missing: int) -> None:
    """A journal that was put together again without one: told as such, at that place or soon after."""
    left = [*steps[:missing], *steps[missing + 1 :]]
    folder = tmp_path / "j"
    stitched: list[tuple[StrategyContext, InboxEvent, Step | Exception]] = []
    for at, (before, event, outcome) in enumerate(left):
        assert isinstance(outcome, Step)
        begins = stitched[-1][2].context if at >= missing and isinstance(stitched[-1][2], Step) else before
        stitched.append((begins, event, outcome))
    result = of(written(folder, stitched))
    assert not result.identical
    assert result.divergence is not None or "none is told as lost" in result.damage
    assert missing - 1 <= result.events < missing + 60


def test_damage_is_told_with_what_came_before(tmp_path: Path, steps: Steps) -> None:
    """The replay reaches it, names file and offset, and exits with 75."""
    folder = written(tmp_path / "j", steps)
    path = folder / "00000001.mcap"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)
    code, output = dnbot(folder)
    assert code == 75
    assert "00000001.mcap: at byte" in output
    assert "NOT identical" in output


# --- where it stops ---------------------------------------------------------------------------------------------------
def test_it_stops_at_a_chosen_event(journal: Path, steps: Steps) -> None:
    """By number, by kind of event or command, by state: with the contexts before and after, and what changed."""
    number = first_entry(steps)
    by_command = of(journal, at="ExecutePair").stopped
    assert by_command is not None
    assert by_command.number == number
    assert of(journal, at=str(number)).stopped == by_command
    assert by_command.before["events"] + 1 == by_command.after["events"] == number
    assert {"current_state", "execution_sequence", "order_sequence"} <= {one.path for one in by_command.changed}
    fault = of(journal, at="Fault").stopped
    assert fault is not None
    assert (fault.event, fault.fields["child"]) == ("Fault", "feed:MEXC_SPOT")
    state = of(journal, at="ERROR_RECOVERY").stopped
    assert state is not None
    assert state.number == fault.number
    with pytest.raises(ConfigError, match="--at"):
        of(journal, at="99999")


def test_it_stops_after_a_number_or_a_moment(journal: Path, steps: Steps) -> None:
    """And shows the last event that was not past it."""
    result = of(journal, until_number=100)
    assert result.events == 100
    assert result.stopped is not None
    assert result.stopped.number == 100
    done = steps[99][2]
    assert isinstance(done, Step)
    moment = of(journal, until_ns=done.context.now_ns)
    assert moment.stopped is not None
    assert moment.stopped.at_ns <= done.context.now_ns
    assert moment.events >= 100


# --- on the command line ----------------------------------------------------------------------------------------------
def test_the_command_tells_what_it_found(journal: Path, bench: Bench) -> None:
    """A verdict, an exit code; a trace has a line per event, and --json everything."""
    code, output = dnbot(journal, "--trace")
    assert code == 0
    assert output.rstrip().endswith("identical")
    lines = output.splitlines()
    assert sum(line.lstrip()[:1].isdigit() and "Z  " in line for line in lines) == len(bench.events)
    assert any("=> ExecutePair(" in line for line in lines)
    assert "what decides has changed since: source abc" in output
    code, output = dnbot(journal, "--at", "ExecutePair", "--json")
    found = json.loads(output)
    assert code == 0
    assert found["identical"] is True
    assert found["stopped"]["after"]["execution"]["order_ids"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--run", "2"], "--run"), (["--at", "Nonsense"], "allowed: the number of an event"),
        (["--until", "soon"], "soon"),
    ],
)
def test_what_cannot_be_is_refused(journal: Path, words: list[str], told: str) -> None:
    """With what was found and what is allowed; exit code 2."""
    code, output = dnbot(journal, *words)
    assert code == 2
    assert told in output


def test_a_folder_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    """An empty one, too."""
    code, output = dnbot(tmp_path)
    assert code == 75
    assert "not a recording" in output


def test_differences_are_exact() -> None:
    """1.0 is not 1; a tuple tells what is left between a common beginning and end; keys in another order are told."""
    assert [one.path for one in differences({"a": Decimal("1.0")}, {"a": Decimal(1)})] == ["[a]"]
    assert list(differences((1, 2, 3), (1, 2, 9, 3))) == [Difference("[2:]", "-", "1: 9")]
    assert list(differences(float("nan"), float("nan"))) == []
    assert [one.path for one in differences({"a": 1, "b": 2}, {"b": 2, "a": 1})] == [""]
    assert list(differences(frozenset({1}), frozenset({1, 2}))) == [Difference("", "-", "1: 2")]


# --- whole runs -------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_simulated_lives_replay_to_the_same(tmp_path: Path) -> None:
    """With crashes in the middle of anything: each life is a run of the journal; and the journal changes no trace."""
    schedule = draw(5, "crash,reply_lost,private_lost", 40.0)
    run = simulate(schedule, PARAMS, 40.0, config=FakesConfig(), journal=LifeJournals(tmp_path / "j", PARAMS))
    assert run.trace_hash == simulate(schedule, PARAMS, 40.0, config=FakesConfig()).trace_hash
    runs = runs_of(tmp_path / "j")
    assert len(runs) == run.lives > 1
    for number in range(1, len(runs) + 1):
        result = of(tmp_path / "j", run=number)
        assert result.identical, result.divergence
        assert result.events > 50
        assert bool(result.torn) is (number < len(runs))


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> LivedWithJournal:
    """A live run in virtual time that was recorded, and whose machine wrote a journal."""
    folder = tmp_path_factory.mktemp("lived-journal")
    return LivedWithJournal(
        live_and_record(folder / "recording", PARAMS, RUN_S, journal=folder / "journal"), folder / "journal"
    )


@pytest.mark.slow
def test_a_live_run_replays_to_the_same_beside_its_recording(lived: LivedWithJournal) -> None:
    """Identical commands; and the books that the machine saw are those that the recorded frames make."""
    result = of(lived.journal, recording=lived.lived.folder)
    assert result.identical
    assert result.books is not None
    for venue in Venue:
        books = result.books[venue.value]
        assert books.compared > 0.9 * books.seen > 50
    decided = sum(1 for one in runs_of(lived.journal)[0].read() if isinstance(one, StepRead)
                  for command in one.kept.commands if isinstance(command, ExecutePair))
    assert decided >= len(lived.lived.witness.executions) > 3


@pytest.mark.slow
def test_a_book_that_was_another_is_found(lived: LivedWithJournal) -> None:
    """One quantity of one level of one book, changed in what the machine saw: that book is named, with both."""
    books, changed = BooksSeen(), 0
    for read in runs_of(lived.journal)[0].read():
        if isinstance(read, StepRead) and isinstance(read.event, Signal) and read.number > 200 and not changed:
            book = read.event.market.books[Venue.GATE_SPOT]
            (price, quantity), *others = book.bids
            other = msgspec.structs.replace(book, bids=((price, quantity + 1), *others))
            market = msgspec.structs.replace(
                read.event.market, books={**read.event.market.books, Venue.GATE_SPOT: other}
            )
            changed = other.update_id
            books.seen.pop((Venue.GATE_SPOT, changed), None)
            read = msgspec.structs.replace(read, event=msgspec.structs.replace(read.event, market=market))
        books.take(read)
    found = compared_books(books, lived.lived.folder, Symbol("BTC", "USDT"))
    assert {venue: of.unlike for venue, of in found.items()} == {
        Venue.GATE_SPOT: 1, Venue.GATE_FUTURES: 0, Venue.MEXC_SPOT: 0
    }
    first = found[Venue.GATE_SPOT].first
    assert first is not None
    assert first.update_id == changed


@pytest.mark.slow
def test_a_recording_of_another_time_is_refused(journal: Path, lived: LivedWithJournal) -> None:
    """There is nothing to compare, which must not look like success."""
    with pytest.raises(ConfigError, match="none of the journal's books"):
        of(journal, recording=lived.lived.folder)


def test_an_abandoned_journal_says_that_it_has_no_end(tmp_path: Path, steps: Steps) -> None:
    """And is identical as far as it goes."""
    folder = written(tmp_path / "j", steps[:150], end=InlineJournal.abandon)
    code, output = dnbot(folder)
    assert code == 0
    assert "the journal has no end" in output
