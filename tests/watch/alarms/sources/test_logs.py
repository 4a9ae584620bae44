"""Log queries as an alarm's numbers, with the real engine over a real store."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock, rfc3339
from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import Alarm, LogSource, Statistic
from tallystick.watch.alarms.series import series_of
from tallystick.watch.alarms.sources import LogValues, Told, rows_of
from tallystick.watch.alarms.sources.logs import query_of
from tallystick.watch.collect.search import LogSearch, SavedSearches
from tallystick.watch.collect.store import LogStore

S = 1_000_000_000
START = 1_700_000_040 * S


@pytest.fixture
def search(tmp_path: Path) -> Iterator[LogSearch]:
    """The engine over six calls of one minute and one of the next."""
    clock = ManualClock(START + 200 * S)
    store = LogStore(tmp_path / "logs", clock)
    calls = [(1, "a", 200, 10), (2, "a", 500, 20), (3, "b", 500, 30), (4, "b", 500, 40),
             (59, "a", 200, 50), (60, "a", 503, 60)]  # fmt: skip
    store.append(
        [
            msgspec.json.encode(
                {
                    "timestamp": rfc3339(START + at * S),
                    "http.route": route,
                    "http.response.status_code": status,
                    "duration_us": took,
                }
            )
            for at, route, status, took in calls
        ]
    )
    found = LogSearch(
        store, clock, SavedSearches(tmp_path / "s.json", clock), scratch=tmp_path / "x"
    )
    yield found
    found.close()
    store.close()


def alarm(
    query: str, field: str = "", *by: str, statistic: Statistic = "average", seconds: int = 60
) -> Alarm:
    """An alarm over log lines."""
    source = LogSource(query, field, by)
    return Alarm(
        "l",
        "Something is odd.",
        source=source,
        statistic=statistic,
        threshold=1.0,
        period_seconds=seconds,
    )


def told(search: LogSearch, of: Alarm, start_s: int = 0, end_s: int = 60) -> Told:
    """What a period between two seconds after START came to."""
    return asyncio.run(LogValues(rows_of(search)).told(of, START + start_s * S, START + end_s * S))


def test_rows_are_counted_by_the_engine(search: LogSearch) -> None:
    """A line at the very end belongs to the next period; none is a count of zero."""
    assert told(search, alarm("status>=500")) == Told({(): 3.0}, 0.0)
    assert told(search, alarm("status>=500"), 60, 120) == Told({(): 1.0}, 0.0)
    assert told(search, alarm("status>=500"), 120, 180) == Told({(): 0.0}, 0.0)
    assert told(search, alarm("status>=500", statistic="rate")).values == {(): 3 / 60}


def test_columns_name_series(search: LogSearch) -> None:
    """One that is not among the rows has counted nothing."""
    came = told(search, alarm("status>=500", "", "http.route"))
    a, b = series_of({"http.route": "a"}), series_of({"http.route": "b"})
    assert came == Told({a: 1.0, b: 2.0}, 0.0)


def test_a_query_may_end_in_its_own_numbers(search: LogSearch) -> None:
    """The column's number of each row; several rows of one series by the alarm's statistic."""
    query = "* | stats p99(duration_us) AS slow BY route"
    a, b = series_of({"route": "a"}), series_of({"route": "b"})
    came = told(search, alarm(query, "slow", "route"))
    assert came.absent is None
    assert set(came.values) == {a, b}
    assert told(search, alarm(query, "slow", statistic="maximum")).values[()] == pytest.approx(
        max(v for v in came.values.values() if v is not None)
    )
    nothing = alarm("status=404 | stats avg(duration_us) AS slow", "slow")
    assert told(search, nothing).values == {(): None}


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("status>=500 | nonsense", "", "BAD_QUERY"),
        ("status>=500", "duration_us", "ALARM_QUERY"),
        ("* | stats count BY route", "slow", "ALARM_QUERY"),
        ("* | stats count AS n BY route", "route", "ALARM_QUERY"),
    ],
)
def test_what_gives_no_number_is_refused(
    search: LogSearch, query: str, field: str, code: str
) -> None:
    """With a sentence, which becomes the alarm's trace."""
    with pytest.raises(Refused) as refusal:
        told(search, alarm(query, field))
    assert refusal.value.code == code


def test_the_count_is_part_of_the_question() -> None:
    """So that a million lines need not be brought here."""
    assert query_of(LogSource("a b", by=("x", "y"))) == "a b | stats count AS alarm_count BY x, y"
    assert query_of(LogSource("a | stats count", "count")) == "a | stats count"
