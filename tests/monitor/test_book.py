"""What people are told: each alert once, in groups, not too often, and its end."""

from __future__ import annotations

from dnbot.domain.records import Alert
from dnbot.monitor.book import LINES_MAX, UNTOLD_S, AlertBook, AlertRules, Notice
from dnbot.monitor.evaluate import Resolved


def book(**rules: float | str) -> AlertBook:
    """A book with some rules."""
    return AlertBook(AlertRules(**rules), "dnbot BTC/USDT sim")  # type: ignore[arg-type]


def alert(key: str, level: str = "critical", text: str = "words", at_ns: int = 0) -> Alert:
    """An alert."""
    return Alert(level=level, key=key, text=text, at_ns=at_ns)


def end(key: str, level: str = "critical") -> Resolved:
    """The end of one."""
    return Resolved(level=level, key=key, text="words", lasted_s=12.0, at_ns=0)


def told(found: AlertBook, *moments: float) -> list[Notice]:
    """The notices that are due at these moments."""
    return [notice for at_s in moments if (notice := found.due(at_s, 0)) is not None]


def test_what_begins_together_is_told_together() -> None:
    """Within the group time alerts become one notice, the worst first and in its title; then nothing is due."""
    here = book()
    here.raise_(alert("slow", "warning"), 0.0, watched=True)
    assert told(here, 0.0, 1.0) == []
    here.raise_(alert("naked"), 1.0, watched=True)
    (notice,) = told(here, 2.0, 3.0, 500.0)
    assert notice.title == "dnbot BTC/USDT sim: CRITICAL naked and 1 more"
    assert notice.lines == ("critical naked: words", "warning slow: words")
    assert notice.level == "critical"


def test_a_repeated_alert_is_told_once_and_its_end_once() -> None:
    """A key that is open is not told again; its end is told, and then it may be told anew."""
    here = book()
    assert here.raise_(alert("k"), 0.0, watched=True)
    assert not here.raise_(alert("k"), 1.0, watched=False)
    assert len(told(here, 0.0, 2.0)) == 1
    assert not here.raise_(alert("k"), 3.0, watched=False)
    assert here.open["k"].times == 3
    assert told(here, 4.0, 8.0) == []
    here.resolve(end("k"))
    here.resolve(end("k"))
    (notice,) = told(here, 10.0, 12.0, 20.0)
    assert (notice.level, notice.title) == ("info", "dnbot BTC/USDT sim: resolved k")
    assert notice.lines == ("resolved k after 12 s: words",)
    assert here.raise_(alert("k"), 30.0, watched=True)
    assert len(told(here, 30.0, 32.0)) == 1


def test_an_alert_that_rises_is_told_again() -> None:
    """From warning to critical: with the new words; not the other way."""
    here = book()
    here.raise_(alert("drawdown", "warning"), 0.0, watched=True)
    assert len(told(here, 0.0, 2.0)) == 1
    assert here.raise_(alert("drawdown", "critical", "worse"), 3.0, watched=True)
    (notice,) = told(here, 3.0, 5.0)
    assert notice.lines == ("critical drawdown: worse (raised 2 times)",)
    assert not here.raise_(alert("drawdown", "warning"), 6.0, watched=True)
    assert here.open["drawdown"].level == "critical"
    assert told(here, 6.0, 9.0) == []


def test_what_nobody_wants_to_hear_is_kept_and_not_told() -> None:
    """Alerts below the least level, and single failures of children, are open and untold; their end too."""
    here = book(level_min="warning")
    here.raise_(alert("inventory_skew", "info"), 0.0, watched=True)
    here.raise_(alert("fault:feed:MEXC_SPOT", "warning"), 0.0, watched=False)
    here.raise_(alert("recovery", "warning"), 0.0, watched=False)
    assert told(here, 0.0, 2.0, 4.0) == []
    assert set(here.open) == {"inventory_skew", "fault:feed:MEXC_SPOT", "recovery"}
    here.resolve(end("recovery"))
    assert told(here, 5.0, 8.0) == []
    assert here.limited == 0


def test_the_strategys_alerts_end_when_they_are_not_repeated() -> None:
    """Raised again each minute it stays; silent for `quiet_s` it is over, unless a monitor watches it."""
    here = book()
    here.raise_(alert("hedge_budget"), 0.0, watched=False)
    here.raise_(alert("hard_limit"), 0.0, watched=False)
    here.raise_(alert("hard_limit"), 1.0, watched=True)
    assert len(told(here, 0.0, 2.0)) == 1
    here.raise_(alert("hedge_budget", at_ns=60_000_000_000), 60.0, watched=False)
    assert here.expire(60.0 + AlertRules().quiet_s - 1, 0) == []
    (over,) = here.expire(60.0 + AlertRules().quiet_s, 0)
    assert (over.key, over.lasted_s) == ("hedge_budget", 60.0 + AlertRules().quiet_s)
    assert over.text == "not raised again for 150 s; it said: words"
    assert set(here.open) == {"hard_limit"}
    assert len(told(here, 300.0, 303.0)) == 1


def test_the_strategys_alert_ends_when_its_monitor_is_clear() -> None:
    """A monitor that judges the same and never raised it, because it was over too soon, still tells the end."""
    here = book()
    here.raise_(alert("hard_limit"), 10.0, watched=False)
    assert here.expire(13.0, 0, {"store": 0.0}, 5.0) == []  # its figure is bad, or between its two thresholds
    assert here.expire(14.9, 0, {"hard_limit": 0.0}, 5.0) == []  # it was bad between two looks
    assert here.expire(16.9, 0, {"hard_limit": 12.0}, 5.0) == []
    (over,) = here.expire(17.0, 0, {"hard_limit": 12.0}, 5.0)
    assert (over.key, over.lasted_s, over.text) == ("hard_limit", 7.0, "words")
    assert here.open == {}


def test_an_hour_has_its_limit_and_critical_ones_some_more() -> None:
    """Above the limit warnings wait, critical ones have as many again; what waited is told with the next, grouped."""
    here = book(per_hour_max=2, group_s=0.0)
    notices = []
    for number in range(8):
        here.raise_(alert(f"w{number}", "warning"), float(number), watched=True)
        notices += told(here, float(number))
    assert len(notices) == 2
    here.raise_(alert("naked"), 10.0, watched=True)
    (urgent,) = told(here, 10.0)
    assert urgent.lines[0].startswith("critical naked")
    assert len(urgent.lines) == 7
    here.raise_(alert("w9", "warning"), 11.0, watched=True)
    here.resolve(end("w9", "warning"))
    assert told(here, 12.0) == []
    here.raise_(alert("w10", "warning"), 13.0, watched=True)
    assert told(here, 14.0, 3600.0) == []
    (later,) = told(here, 3601.0)
    untold = "1 alerts came and went before they could be told"
    assert [line.split(":")[0] for line in later.lines] == ["warning w10", untold]


def test_a_critical_alert_that_was_over_at_once_is_told_with_its_end() -> None:
    """A leg that was naked for a second is news; a warning that short is counted, and told with what comes next."""
    here = book()
    here.raise_(alert("slow", "warning"), 0.0, watched=True)
    here.raise_(alert("naked"), 0.0, watched=True)
    here.resolve(end("slow", "warning"))
    here.resolve(end("naked"))
    (notice,) = told(here, 1.0, 2.9, 3.0, 5.0, 500.0)
    assert (notice.level, notice.title) == ("critical", "dnbot BTC/USDT sim: CRITICAL naked and 1 more")
    assert notice.lines == (
        "critical naked: words", "resolved naked after 12 s: words", "1 alerts came and went before they could be told",
    )
    assert here.open == {}


def test_critical_alerts_that_come_and_go_do_not_pile_up() -> None:
    """More of them than a notice has lines are counted."""
    here = book(per_hour_max=1)
    for number in range(3 * LINES_MAX):
        here.raise_(alert(f"c{number}"), float(number), watched=True)
        here.resolve(end(f"c{number}"))
    assert here.limited == 2 * LINES_MAX
    (notice,) = told(here, 100.0, 102.0, 300.0)
    assert len(notice.lines) == LINES_MAX


def test_critical_ones_have_a_limit_too() -> None:
    """As many again as the others have; the rest waits for its hour."""
    here, notices = book(per_hour_max=2, group_s=0.0, repeat_s=9e9), []
    for number in range(10):
        here.raise_(alert(f"c{number}"), float(number), watched=True)
        notices += told(here, float(number))
    assert len(notices) == 4
    (rest,) = told(here, 3599.0, 3600.0)
    assert len(rest.lines) == 6


def test_a_critical_alert_that_lasts_is_told_again() -> None:
    """After the time for that, and a warning is not."""
    here = book(repeat_s=600.0)
    here.raise_(alert("naked"), 0.0, watched=True)
    here.raise_(alert("slow", "warning"), 0.0, watched=True)
    assert len(told(here, 0.0, 2.0, 300.0)) == 1
    (again,) = told(here, 603.0, 605.0, 700.0)
    assert again.lines == ("critical naked: words (raised 1 times)",)


def test_a_notice_is_not_endless() -> None:
    """More lines than LINES_MAX are counted, not told."""
    here = book(group_s=0.0)
    for number in range(50):
        here.raise_(alert(f"k{number:02}"), 0.0, watched=True)
    (notice,) = told(here, 0.0)
    assert len(notice.lines) == LINES_MAX
    assert notice.lines[-1] == "and 31 more: dnbot alerts"


def test_what_nobody_took_is_told_again_while_it_lasts() -> None:
    """Also a warning, which is told once alone; after a pause, and as often as it takes."""
    here = book()
    here.raise_(alert("naked"), 0.0, watched=True)
    here.raise_(alert("reject_rate", "warning"), 0.0, watched=True)
    (notice,) = told(here, 0.0, 2.0)
    for lost_s in (14.0, 60.0):
        here.untold(notice, lost_s)
        assert [one.told for one in here.open.values()] == ["", ""]
        assert told(here, lost_s, lost_s + UNTOLD_S - 0.1) == []
        (notice,) = told(here, lost_s + UNTOLD_S, lost_s + UNTOLD_S + 2.0)
        assert notice.lines == ("critical naked: words", "warning reject_rate: words")
    assert [one.told for one in here.open.values()] == ["critical", "warning"]
    assert told(here, 200.0, 300.0) == []


def test_news_do_not_wait_for_what_nobody_took() -> None:
    """A new alert, or an end, goes at once, and takes along what was not told."""
    here = book()
    here.raise_(alert("slow", "warning"), 0.0, watched=True)
    (notice,) = told(here, 0.0, 2.0)
    here.untold(notice, 14.0)
    here.raise_(alert("naked"), 15.0, watched=True)
    (both,) = told(here, 15.0, 17.0, 50.0, 60.0)
    assert both.lines == ("critical naked: words", "warning slow: words")


def test_an_end_that_nobody_took_is_told_again() -> None:
    """With the critical alert that was over before it could be told; not while the same is open anew."""
    here = book()
    here.raise_(alert("slow", "warning"), 0.0, watched=True)
    assert len(told(here, 0.0, 2.0)) == 1
    here.raise_(alert("naked"), 10.0, watched=True)
    for key, level in (("naked", "critical"), ("slow", "warning")):
        here.resolve(end(key, level))
    (notice,) = told(here, 10.0, 12.0)
    here.untold(notice, 24.0)
    here.raise_(alert("slow", "warning"), 54.0, watched=True)
    (again,) = told(here, 54.0, 56.0, 100.0, 200.0)
    assert again.lines == ("critical naked: words", "warning slow: words", "resolved naked after 12 s: words")


def test_what_was_over_before_anybody_took_it_is_not_lost() -> None:
    """A critical alert is told with its end, a warning is counted."""
    here = book()
    here.raise_(alert("naked"), 0.0, watched=True)
    here.raise_(alert("slow", "warning"), 0.0, watched=True)
    (notice,) = told(here, 0.0, 2.0)
    here.untold(notice, 14.0)
    here.resolve(end("naked"))
    here.resolve(end("slow", "warning"))
    (later,) = told(here, 20.0, 22.0, 60.0, 70.0)
    assert later.lines == (
        "critical naked: words", "resolved naked after 12 s: words", "1 alerts came and went before they could be told",
    )


def test_what_a_later_notice_told_is_not_told_again() -> None:
    """An alert that rose while its first notice was tried: people know it by the second."""
    here = book()
    here.raise_(alert("drawdown", "warning"), 0.0, watched=True)
    (first,) = told(here, 0.0, 2.0)
    here.raise_(alert("drawdown"), 5.0, watched=True)
    assert len(told(here, 5.0, 7.0)) == 1
    here.untold(first, 14.0)
    assert here.open["drawdown"].told == "critical"
    assert told(here, 50.0, 60.0) == []


def test_hours_without_a_service_use_up_nothing() -> None:
    """The limit of an hour is for what people get, and what waits for them does not grow."""
    here = book(per_hour_max=2, group_s=0.0)
    here.raise_(alert("naked"), 0.0, watched=True)
    for number in range(200):
        at_s = number * UNTOLD_S
        here.raise_(alert(f"c{number}"), at_s, watched=True)
        (notice,) = told(here, at_s)
        here.untold(notice, at_s)
        here.resolve(end(f"c{number}"))
    (last,) = told(here, 200 * UNTOLD_S)
    assert len(last.lines) == LINES_MAX
    assert last.lines[0].startswith("critical c")
    assert len(last.contents.brief) == len(last.contents.over) == LINES_MAX
