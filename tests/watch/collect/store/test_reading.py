"""Reading: pages and queries over hot lines and parts give what a plain loop over all would."""

import itertools
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock, parse_rfc3339, rfc3339
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query import Search, compile_query, parse
from tallystick.watch.collect.store import LogPage, LogStore, SegmentLimits
from tallystick.watch.collect.store import slices as slices_module

OpenStore = Callable[..., LogStore]
START_NS = parse_rfc3339("2026-11-20T00:00:00Z")
NOW_NS = START_NS + 4 * 86_400 * NS_PER_SECOND
Members = dict[str, object]


def some_lines(count: int) -> list[Members]:
    """Lines of three indexes over three days, in no order, some at the same time; three odd."""
    chance = random.Random(7)  # noqa: S311  a seed, no secret
    lines: list[Members] = []
    for number in range(count):
        at_ns = START_NS + chance.randrange(3 * 86_400) * NS_PER_SECOND
        line: Members = {
            "timestamp": rfc3339(at_ns),
            "n": number,
            "status": chance.choice([200] * 8 + [503]),
        }
        if index := chance.choice(["", "main", "other"]):
            line["com.splunk.index"] = index
        if number % 5 == 0:
            line["note"] = f"word{number % 7} and {number}"
        if number % 37 == 0:
            line["status"] = "unknown"
        lines.append(line)
    return lines


LINES = some_lines(300)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogStore]:
    """These lines, in parts, merged parts and hot segments, searched in small slices."""
    folder = tmp_path_factory.mktemp("reading") / "logs"
    store = LogStore(folder, ManualClock(NOW_NS), SegmentLimits(small_files=3))
    encoded = [msgspec.json.encode(line) for line in LINES]
    for start in range(0, 240, 80):
        store.append(encoded[start : start + 80])
        store.seal()
    store.append(encoded[240:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices_module, "FIRST_LINES", 30)
        yield store
    store.close()


def walk(store: LogStore, search: Search, limit: int) -> Iterable[LogPage]:
    """Page after page."""
    before = None
    for _ in itertools.count():
        page = store.page(search, limit, before)
        yield page
        before = page.next_before
        if before is None:
            return


def key(number: int) -> tuple[str, int]:
    """Where a line stands: its time, then its number."""
    return str(LINES[number]["timestamp"]), number


def expected(fits: Callable[[Members], bool]) -> list[int]:
    """The numbers of those that fit, newest first."""
    found = [number for number, line in enumerate(LINES) if fits(line)]
    return sorted(found, key=key, reverse=True)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("", lambda _: True),
        ("status=503", lambda line: line["status"] == 503),
        ("status=unknown", lambda line: line["status"] == "unknown"),
        ("NOT status=200", lambda line: line["status"] != 200),
        ("index=main", lambda line: line.get("com.splunk.index") == "main"),
        ("index=tallystick word3", lambda line: "com.splunk.index" not in line
            and "word3" in str(line.get("note"))),
        ("word3", lambda line: "word3" in str(line.get("note"))),
        ("earliest=2026-11-21T06:00:00Z latest=2026-11-21T18:00:00Z", lambda line:
            "2026-11-21T06" <= str(line["timestamp"]) < "2026-11-21T18"),
        ("n>=290", lambda line: int(str(line["n"])) >= 290),
        ("nothing=there", lambda _: False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_pages_give_each_line_once_newest_first(
    store: LogStore, query: str, fits: Callable[[Members], bool]
) -> None:
    """For any page size, over parts of several shapes and indexes, and what is not sealed."""
    search = parse(query, NOW_NS).search
    for limit in (97, 1_000):
        pages = list(walk(store, search, limit))
        found = [msgspec.json.decode(line) for page in pages for line in page.logs]
        assert [line["n"] for line in found] == expected(fits)
        assert all(len(page.logs) == limit for page in pages[:-1])
        assert all(line["log.seq"] == line["n"] + 1 for line in found)
        assert all({**LINES[line["n"]], "log.seq": line["n"] + 1} == line for line in found)


def test_only_what_is_newer_than_a_cursor(store: LogStore) -> None:
    """For who follows: between two cursors, exclusive."""
    page = store.page(Search(), 100)
    numbers = [msgspec.json.decode(line)["n"] for line in page.logs]
    at = [f"{parse_rfc3339(key(number)[0])}-{number + 1}" for number in numbers]
    between = store.page(Search(), 100, at[10], after=at[20])
    assert [msgspec.json.decode(line)["n"] for line in between.logs] == numbers[11:20]


def test_a_query_reads_everything_once(store: LogStore) -> None:
    """Counts, sums and groups over hot and sealed lines, whatever their columns."""
    plan = compile_query(parse("status=503 | stats count, sum(n) by index | sort index", NOW_NS))
    with store.rows(plan) as rows:
        assert plan.fields == ("index", "count", "sum(n)")
        assert len(rows.fields) == 3
        found = {row[0]: tuple(row[1:]) for batch in rows for row in batch}
    wanted: dict[object, tuple[int, int]] = {}
    for line in LINES:
        if line["status"] == 503:
            index = line.get("com.splunk.index", "tallystick")
            count, total = wanted.get(index, (0, 0))
            wanted[index] = (count + 1, total + int(str(line["n"])))
    assert found == wanted


def test_rows_are_streamed(open_store: OpenStore) -> None:
    """Who stops early lets go of everything, and the store can be closed."""
    store = open_store()
    store.append([msgspec.json.encode(line) for line in LINES])
    with store.rows(compile_query(parse("* | table n", NOW_NS))) as rows:
        first = next(iter(rows))
        assert 0 < len(first) <= 300
    rows.close()
    store.seal()
    store.close()


def test_a_query_can_be_stopped_while_it_runs(store: LogStore) -> None:
    """From another thread, also before there are any rows; afterwards it is no harm."""
    sql = "SELECT count(*) FROM range(100000000000) t(i) WHERE hash(i) % 7 = 9"
    plan = replace(compile_query(parse("* | stats count", NOW_NS)), sql=Sql(sql))
    stops: list[Callable[[], None]] = []

    def begun(stop: Callable[[], None]) -> None:
        stops.append(stop)
        threading.Timer(0.05, stop).start()

    with pytest.raises(Refused, match="longer than"):
        store.rows(plan, begun=begun)
    for stop in stops:
        stop()


def test_an_empty_store_answers(open_store: OpenStore) -> None:
    """Nothing, and zero."""
    store = open_store()
    assert store.page(Search(), 9) == LogPage((), None)
    with store.rows(compile_query(parse("* | stats count, max(n)", NOW_NS))) as rows:
        assert [row[0] for batch in rows for row in batch] == [0]
    assert store.read(1, 9) == []


@pytest.mark.parametrize("limit", [0, -1, PAGE_ITEMS_MAX + 1])
def test_a_page_size_out_of_range_is_refused(store: LogStore, limit: int) -> None:
    """A page has a limit."""
    with pytest.raises(Refused) as refused:
        store.page(Search(), limit)
    assert refused.value.code == "BAD_LIMIT"


@pytest.mark.parametrize("cursor", ["", "7", "x-1", "1-", "9" * 30 + "-1", "9223372036854775807-1"])
def test_a_cursor_that_is_none_is_refused(store: LogStore, cursor: str) -> None:
    """It is opaque, and comes from a page."""
    with pytest.raises(Refused) as refused:
        store.page(Search(), 1, cursor)
    assert refused.value.code == "BAD_CURSOR"


def test_old_lines_go_with_their_retention(tmp_path: Path) -> None:
    """In the index that says so, whole parts at a time; also from what followers read."""
    clock = ManualClock(NOW_NS)
    store = LogStore(tmp_path / "logs", clock, retention_days={"main": 2})
    store.append([msgspec.json.encode(line) for line in LINES])
    store.seal()
    left = [msgspec.json.decode(line) for page in walk(store, Search(), 500) for line in page.logs]
    assert len(left) < len(LINES)
    gone = {line["n"] for line in LINES} - {line["n"] for line in left}
    assert all(LINES[int(str(n))].get("com.splunk.index") == "main" for n in gone)
    bound = rfc3339(NOW_NS - 2 * 86_400 * NS_PER_SECOND)
    assert all(str(LINES[int(str(n))]["timestamp"]) < bound for n in gone)
    read = [seq - 1 for seq, _ in store.read(1, 1_000)]
    assert read == sorted(line["n"] for line in left)
    store.close()
