"""The board: states, suppression, series that come and go, and what is told of it."""

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.alarms.alarm import Alarm, EventSource, MetricSource, Missing, Suppressor
from tallystick.watch.alarms.band import Bands
from tallystick.watch.alarms.board import TRACES_KEPT, UNSTORED_MAX, Board
from tallystick.watch.alarms.check import check_alarms
from tallystick.watch.alarms.evaluate import Reading
from tallystick.watch.alarms.series import SERIES_PER_ALARM_MAX, Series, series_of
from tallystick.watch.alarms.sources import About, Told
from tallystick.watch.notify.alert import Alert

S = NS_PER_SECOND
MINUTE = 60 * S
START = 1_700_000_040 * S
ONLY: Series = ()


def alarm(
    name: str = "high",
    *,
    by: tuple[str, ...] = (),
    missing: Missing = "missing",
    suppressor: Suppressor | None = None,
    enabled: bool = True,
    periods: int = 1,
    threshold: float = 5.0,
) -> Alarm:
    """An alarm over a metric."""
    return Alarm(
        name, "Too high.", source=MetricSource("m", by=by), comparison=">", threshold=threshold,
        missing=missing, suppressor=suppressor, enabled=enabled, periods=periods,
        datapoints=periods,
    )  # fmt: skip


def board_of(*alarms: Alarm) -> Board:
    """A board with these alarms."""
    board = Board(lambda _alarm, _series: About(7, "O-7"), Bands())
    board.define(check_alarms(alarms), START)
    return board


def feed(board: Board, name: str, minute: int, value: float | None, series: Series = ONLY) -> None:
    """The alarm's next period has ended."""
    end_ns = START + minute * MINUTE
    board.take(board.alarms[name], [(end_ns, Told({series: value}))], end_ns)
    board.settle(end_ns)


def alerts(board: Board) -> list[Alert]:
    """What is to be told since the last time."""
    return [*board.work().alerts]


def test_a_change_is_told_once_and_its_end_once() -> None:
    """An alarm that stays in ALARM is not told again: repeating is the notifier's."""
    board = board_of(alarm())
    for minute, value in enumerate([1, 9, 9, 1, 1, 9], 1):
        feed(board, "high", minute, value)
    first, end, second = alerts(board)
    assert (first.ends_at, end.ends_at is None, second.ends_at) == (None, False, None)
    assert first.fingerprint == end.fingerprint == second.fingerprint
    assert len({first.id, end.id, second.id}) == 3
    assert first.labels == {"alarm": "high"}
    assert first.details["value"] == 9
    assert first.details["threshold"] == 5.0
    assert (first.position, first.order_id) == (7, "O-7")
    assert "Too high" in first.summary
    assert "ALARM" in first.summary


def test_unknown_is_no_end() -> None:
    """Without data nobody can say that it is over: it is told when it is."""
    board = board_of(alarm())
    feed(board, "high", 1, 9)
    for minute in range(2, 8):
        feed(board, "high", minute, None)
    assert board.level("high").state == "INSUFFICIENT_DATA"
    assert [each.ends_at for each in alerts(board)] == [None]
    feed(board, "high", 8, 9)
    assert alerts(board) == []
    feed(board, "high", 9, 1)
    assert [each.ends_at is None for each in alerts(board)] == [False]


def test_each_series_has_its_own_state() -> None:
    """The alarm as a whole is as bad as the worst; alerts carry the series' labels."""
    board = board_of(alarm(by=("pair",)))
    eur, gbp = series_of({"pair": "EURUSD"}), series_of({"pair": "GBPUSD"})
    board.take(board.alarms["high"], [(START, Told({eur: 9.0, gbp: 1.0}))], START)
    board.settle(START)
    (told,) = alerts(board)
    assert told.labels == {"alarm": "high", "pair": "EURUSD"}
    assert board.level("high").state == "ALARM"
    assert {s: each.state for s, each in board.standing("high").items()} == {
        eur: "ALARM", gbp: "OK",
    }  # fmt: skip


def test_a_series_that_is_gone_is_ok_and_forgotten() -> None:
    """Once nothing of it is left in what is looked at; its alert ends."""
    board = board_of(alarm(by=("pair",)))
    eur, gbp = series_of({"pair": "EURUSD"}), series_of({"pair": "GBPUSD"})
    feed(board, "high", 1, 9, eur)
    for minute in range(2, 6):
        feed(board, "high", minute, 1, gbp)
    assert set(board.standing("high")) == {gbp}
    fires, over = alerts(board)
    assert (fires.ends_at, over.ends_at is None) == (None, False)
    assert "no data came for this series any more" in over.summary
    assert board.level("high").state == "OK"


def test_a_silence_that_breaches_is_not_forgotten() -> None:
    """What should fire when nothing comes stays, with `breaching`."""
    board = board_of(alarm(by=("pair",), missing="breaching"))
    eur, gbp = series_of({"pair": "EURUSD"}), series_of({"pair": "GBPUSD"})
    feed(board, "high", 1, 1, eur)
    for minute in range(2, 9):
        feed(board, "high", minute, 1, gbp)
    assert board.standing("high")[eur].state == "ALARM"


def test_series_are_bounded() -> None:
    """Further ones are not watched, and counted."""
    board = board_of(alarm(by=("n",)))
    many = {series_of({"n": str(n)}): 1.0 for n in range(SERIES_PER_ALARM_MAX + 10)}
    board.take(board.alarms["high"], [(START, Told(dict(many)))], START)
    assert len(board.standing("high")) == SERIES_PER_ALARM_MAX
    assert board.dropped >= 1


def test_an_alarm_that_is_switched_off_is_evaluated_and_tells_nobody() -> None:
    """Switched off while it fires: that ends. Switched on while it fires: it is told."""
    board = board_of(alarm(enabled=False))
    feed(board, "high", 1, 9)
    assert board.level("high").state == "ALARM"
    assert alerts(board) == []
    board.define([alarm()], START + 2 * MINUTE)
    board.settle(START + 2 * MINUTE)
    assert [each.ends_at for each in alerts(board)] == [None]
    board.define([alarm(enabled=False)], START + 3 * MINUTE)
    board.settle(START + 3 * MINUTE)
    (over,) = alerts(board)
    assert over.summary == "The alarm was switched off."


def test_a_deleted_or_changed_alarm_ends_what_it_told() -> None:
    """A new threshold is no change of what is measured; another metric is."""
    board = board_of(alarm(), alarm("other"))
    feed(board, "high", 1, 9)
    feed(board, "other", 1, 9)
    assert len(alerts(board)) == 2
    board.define(check_alarms([alarm(threshold=6.0), alarm("other")]), START + 2 * MINUTE)
    board.settle(START + 2 * MINUTE)
    assert alerts(board) == []
    assert board.standing("high")[ONLY].state == "ALARM"
    board.define([alarm(by=("pair",))], START + 3 * MINUTE)
    board.settle(START + 3 * MINUTE)
    assert [each.summary for each in alerts(board)] == [
        "The alarm was deleted.", "The alarm was changed and is evaluated anew.",
    ]  # fmt: skip
    assert not board.standing("high")
    assert not board.standing("other")


def test_composites_follow_their_children_at_once() -> None:
    """Also composites of composites."""
    one = Alarm("both", "Odd.", rule='ALARM("high") AND ALARM("other")')
    two = Alarm("all", "Odd.", rule='ALARM("both") OR INSUFFICIENT_DATA("both")')
    board = board_of(two, one, alarm(), alarm("other"))
    feed(board, "high", 1, 9)
    assert board.level("all").state == "OK"
    feed(board, "other", 1, 9)
    assert board.level("both").state == board.level("all").state == "ALARM"
    assert [each.labels["alarm"] for each in alerts(board)] == ["high", "other", "both", "all"]
    feed(board, "high", 2, 1)
    assert board.level("all").state == "OK"
    assert [each.labels["alarm"] for each in alerts(board)] == ["high", "both", "all"]


def test_a_suppressor_keeps_an_alarm_quiet() -> None:
    """While it fires, and for the extension after; what still fires then is told then."""
    quiet = alarm(suppressor=Suppressor("cause", wait_seconds=0, extension_seconds=120))
    board = board_of(quiet, alarm("cause"))
    feed(board, "cause", 1, 9)
    feed(board, "high", 1, 9)
    assert [each.labels["alarm"] for each in alerts(board)] == ["cause"]
    last = board.last("high", ONLY)
    assert last is not None
    assert last.suppressed_by == "Alarm"
    feed(board, "cause", 2, 1)
    feed(board, "high", 2, 9)
    assert [each.ends_at is None for each in alerts(board)] == [False]
    assert board.held_until_ns == START + 2 * MINUTE + 120 * S
    board.settle(START + 4 * MINUTE)
    assert [each.labels["alarm"] for each in alerts(board)] == ["high"]


def test_what_ended_while_it_was_kept_quiet_is_never_told() -> None:
    """Neither that it fired nor that it is over; a trace says what held it."""
    quiet = alarm(suppressor=Suppressor("cause", wait_seconds=120, extension_seconds=0))
    board = board_of(quiet, alarm("cause"))
    feed(board, "high", 1, 9)
    assert board.held_until_ns == START + 3 * MINUTE
    feed(board, "high", 2, 1)
    assert alerts(board) == []
    said = [each.trace.suppressed_by for each in board.recent("high")]
    assert "WaitPeriod" in said
    board.settle(START + 9 * MINUTE)
    assert alerts(board) == []


def test_a_failed_evaluation_is_unknown_whatever_missing_data_counts_as() -> None:
    """It is a trace, and the end of nothing."""
    board = board_of(alarm(missing="notBreaching"))
    feed(board, "high", 1, 9)
    alerts(board)
    board.fail(board.alarms["high"], "The query took longer than 10 s.", START + 2 * MINUTE)
    board.settle(START + 2 * MINUTE)
    assert board.level("high").state == "INSUFFICIENT_DATA"
    last = board.last("high", ONLY)
    assert last is not None
    assert "could not be evaluated. The query took longer than 10 s." in last.sentence
    assert alerts(board) == []
    assert board.failures == 1


def test_the_first_failure_of_all_is_a_trace_too() -> None:
    """Also before any series is known."""
    board = board_of(alarm(by=("pair",)))
    board.fail(board.alarms["high"], "No.", START)
    (noted,) = board.recent("high")
    assert noted.trace.state == "INSUFFICIENT_DATA"
    assert board.level("high").state == "INSUFFICIENT_DATA"


def test_a_new_alarm_looks_at_the_past_and_then_at_what_is_new() -> None:
    """As many periods as count; after a pause those that it missed, but no more than count."""
    board = board_of(alarm(periods=3))
    high = board.alarms["high"]
    assert board.ends(high, START) == [START - k * MINUTE for k in (4, 3, 2, 1, 0)]
    board.take(high, [(end, Told({ONLY: 9.0})) for end in board.ends(high, START)], START)
    assert board.ends(high, START) == []
    assert board.ends(high, START + 2 * MINUTE) == [START + MINUTE, START + 2 * MINUTE]
    assert len(board.ends(high, START + 500 * MINUTE)) == 5
    assert board.level("high").state == "ALARM"


def test_events_raise_at_once_and_only_a_period_lets_go() -> None:
    """A period that runs can be met before its end; M of N counts the ones before it."""
    source = EventSource('{"source": ["x"]}')
    often = Alarm("often", "Odd.", source=source, statistic="count", comparison=">=", threshold=2.0,
                  periods=2, datapoints=2)  # fmt: skip
    board = board_of(often)
    before, running = Reading(START, 2.0), Reading(START + MINUTE, 1.0)
    quiet = START - MINUTE
    told = [(quiet, Told({ONLY: 0.0}, 0.0)), (START, Told({ONLY: 2.0}, 0.0))]
    board.take(often, told, START)
    board.settle(START)
    assert board.level("often").state == "OK"
    board.at_once(often, ONLY, running, lambda: [before, running], START + 5 * S)
    assert board.level("often").state == "OK"
    running = Reading(START + MINUTE, 2.0)
    board.at_once(often, ONLY, running, lambda: [before, running], START + 6 * S)
    assert board.unsettled
    board.settle(START + 6 * S)
    assert [each.labels["alarm"] for each in alerts(board)] == ["often"]
    board.take(often, [(START + MINUTE, Told({ONLY: 2.0}, 0.0))], START + MINUTE)
    assert board.level("often").state == "ALARM"
    board.take(often, [(START + 2 * MINUTE, Told({ONLY: 0.0}, 0.0))], START + 2 * MINUTE)
    assert board.level("often").state == "OK"


def test_silence_is_not_seen_before_its_time() -> None:
    """`<` is met by every period that has just begun: it waits for the end."""
    source = EventSource('{"source": ["x"]}')
    few = Alarm("few", "Odd.", source=source, statistic="count", comparison="<", threshold=5.0)
    board = board_of(few)
    running = Reading(START + MINUTE, 1.0)
    board.at_once(few, ONLY, running, lambda: [running], START + S)
    assert board.level("few").state == "INSUFFICIENT_DATA"


def test_an_event_that_comes_late_corrects_its_period() -> None:
    """The next evaluation counts it."""
    source = EventSource('{"source": ["x"]}')
    often = Alarm("often", "Odd.", source=source, statistic="count", comparison=">=", threshold=2.0,
                  periods=2, datapoints=2)  # fmt: skip
    board = board_of(often)
    board.take(often, [(START, Told({ONLY: 1.0}, 0.0))], START)
    late = Reading(START, 2.0)
    board.at_once(often, ONLY, late, lambda: [late], START + S)
    assert board.standing("often")[ONLY].readings == (late,)


def test_what_cannot_be_stored_comes_again() -> None:
    """In its order, with what has changed since; and it is bounded."""
    board = board_of(alarm())
    feed(board, "high", 1, 9)
    work = board.work()
    feed(board, "high", 2, 1)
    board.put_back(work)
    again = board.work()
    assert [each.ends_at is None for each in again.alerts] == [True, False]
    assert [each.trace.state for each in again.traces] == ["ALARM", "OK"]
    (row,) = again.rows
    assert row.standing is not None
    assert row.standing.state == "OK"
    for minute in range(3, 3 + 2 * TRACES_KEPT):
        feed(board, "high", minute, minute % 2 * 9)
    assert len(board.recent("high")) == TRACES_KEPT
    board.put_back(again._replace(alerts=again.alerts * UNSTORED_MAX))
    before = len(board.work().alerts)
    assert before >= UNSTORED_MAX


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_no_number_is_no_data(value: float | None) -> None:
    """Nothing breaks, nothing fires."""
    board = board_of(alarm())
    feed(board, "high", 1, value)
    assert board.level("high").state == "INSUFFICIENT_DATA"
