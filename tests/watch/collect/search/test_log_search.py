"""The one door to the log store: what was left out is named, ranges and indexes hold."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.clock import SystemClock
from tallystick.errors import Refused
from tallystick.watch.collect.search import (
    LogSearch,
    Question,
    SavedSearches,
    around,
    diff,
    facets,
    histogram,
    patterns,
)
from tallystick.watch.collect.store import LogStore


def line(hour: int, **members: object) -> bytes:
    """A line at the beginning of this hour."""
    return json.dumps({"timestamp": f"2026-11-22T{hour:02}:00:00Z"} | members).encode()


@pytest.fixture
def search(tmp_path: Path) -> Iterator[LogSearch]:
    """Three hours in parts of their own, the first of them archived and cold; one line is hot."""
    clock = SystemClock()
    store = LogStore(tmp_path / "logs", clock)
    store.append([line(hour, n=hour, body=f"hour {hour}") for hour in (1, 2, 3)])
    store.seal()
    store.append([line(4, n=4, body="hour 4")])
    oldest = min(store.parts(), key=lambda part: part.min_time)
    store.relocate(oldest, "vault", state="cold")
    saved = SavedSearches(tmp_path / "searches.json", clock)
    made = LogSearch(store, clock, saved, scratch=tmp_path / "search")
    yield made
    made.close()
    store.close()


def test_cold_parts_are_named(search: LogSearch) -> None:
    """In pages, tables and views: which, from when to when, and how many lines."""
    page = search.page(Question())
    assert [json.loads(bytes(each))["n"] for each in page.logs] == [4, 3, 2]
    (skipped,) = page.skipped
    assert (skipped.index, skipped.state, skipped.events) == ("tallystick", "cold", 1)
    assert skipped.earliest == skipped.latest == "2026-11-22T01:00:00.000000Z"
    question = Question("* | stats count")
    assert search.page(question).skipped == page.skipped
    assert search.page(question).rows == ((3,),)
    found = search.find(Question())
    assert "1 archived parts with 1 events were left out" in found.warnings[0]
    found.close()
    for view in (histogram(search, Question()), facets(search, Question())):
        assert view.skipped == page.skipped
    assert patterns(search, Question(), 10).skipped == page.skipped


def test_cold_parts_outside_the_range_are_not(search: LogSearch) -> None:
    """What could not have fitted is no loss."""
    late = Question(earliest="2026-11-22T02:00:00Z")
    assert search.page(late).skipped == ()
    other = Question(indexes=frozenset({"pay"}))
    assert search.page(other).skipped == ()
    assert search.page(other).logs == ()


def test_the_range_beside_the_query_yields_to_the_one_within(search: LogSearch) -> None:
    """As with Splunk: `earliest=` in the query wins."""
    outside = "2026-11-22T04:00:00Z"
    assert len(search.page(Question("*", earliest=outside)).logs) == 1
    within = Question("* earliest=2026-11-22T02:00:00Z", earliest=outside)
    assert len(search.page(within).logs) == 3


@pytest.mark.parametrize("limit", [0, 1_001])
def test_a_page_has_so_many_lines(search: LogSearch, limit: int) -> None:
    """From 1 to 1,000."""
    with pytest.raises(Refused) as refusal:
        search.page(Question(), limit)
    assert refusal.value.code == "BAD_LIMIT"


@pytest.mark.parametrize("before", ["x", "1", "1-2-3", ""])
def test_a_cursor_that_is_none(search: LogSearch, before: str) -> None:
    """Only what a page named is taken, and only where there are pages."""
    with pytest.raises(Refused) as refusal:
        search.page(Question(), 10, before)
    assert refusal.value.code == "BAD_CURSOR"
    with pytest.raises(Refused, match="further pages"):
        search.page(Question("* | stats count"), 10, "1-2")


@pytest.mark.parametrize(
    ("earliest", "latest", "count"),
    [
        ("0001-01-01T00:00:00Z", None, 3),
        (None, "9999-12-31T00:00:00Z", 3),
        ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", 3),
        ("9999-01-01T00:00:00Z", None, 0),
        ("2026-11-22T05:00:00Z", "2026-11-22T04:00:00Z", 0),
    ],
)
def test_ranges_beyond_reason(
    search: LogSearch, earliest: str | None, latest: str | None, count: int
) -> None:
    """Every view answers, however far away the ends are."""
    question = Question(earliest=earliest, latest=latest)
    assert len(search.page(question).logs) == count
    assert histogram(search, question).total == count
    assert patterns(search, question, 10).total == count
    found = search.find(question)
    assert sum(map(len, found)) == count
    found.close()
    if earliest is not None:
        assert diff(search, question, 10).total == count


def test_lines_with_odd_times_are_found_and_have_neighbours(search: LogSearch) -> None:
    """Far from today, before 1970, no time at all: each can be asked for."""
    odd = ['"0001-01-01T00:00:00Z"', '"9999-01-01T00:00:00Z"', '"1960-01-01T00:00:00Z"', "5", "{}"]
    first = search.store.append([f'{{"timestamp":{stamp},"odd":1}}'.encode() for stamp in odd])
    for seq in range(first, first + len(odd)):
        found = around(search, seq, Question(), before=2, after=2)
        assert json.loads(bytes(found.logs[found.at]))["log.seq"] == seq
    assert histogram(search, Question("odd=1")).total == len(odd)
