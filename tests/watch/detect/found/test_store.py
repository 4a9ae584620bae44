"""What was found is kept once, whole, in pages, with what was said of it."""

import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt, Refused
from tallystick.stream.message import Message
from tallystick.watch.detect.found import Found, Wanted
from tallystick.watch.detect.found import store as store_module
from tallystick.watch.detect.score import Anomaly, Contribution

Make = Callable[..., Anomaly]
Judge = Callable[..., bytes]


def ids(found: Found, limit: int = 100, **wanted: object) -> list[str]:
    """The numbers of what a page has."""
    page = found.page(Wanted(**wanted), limit)  # type: ignore[arg-type]
    return [each.anomaly.id.rpartition("-")[2] for each in page.items]


def test_an_anomaly_is_kept_once_and_whole(found: Found, make_anomaly: Make) -> None:
    """Told again, also beside a new one, it is not new; every member comes back."""
    one, two = make_anomaly(1), make_anomaly(2, held="Held back.", route=None, model="abc")
    assert found.add([one]) == [one]
    assert found.add([one, two, two]) == [two]
    assert found.add([]) == []
    known = found.get("order_size-2")
    assert known is not None
    assert known.anomaly == two
    assert known.verdict is None
    assert known.found_at == "2026-09-21T14:13:20.000000Z"
    assert found.get("order_size-3") is None
    assert found.recent(10) == [two, one]
    assert found.recent(0) == []
    assert found.counts() == store_module.Counts(2, 1, 0, 0)


def test_it_survives_a_restart(tmp_path: Path, clock: ManualClock, make_anomaly: Make,
                               make_verdict: Judge) -> None:  # fmt: skip
    """Another process opens the file and has everything, also the place in the ledger."""
    odd = make_anomaly(1)
    first = Found(tmp_path / "a.db", clock)
    first.add([odd])
    assert first.take([Message(7, make_verdict(odd))]) == 1
    first.close()
    second = Found(tmp_path / "a.db", clock)
    known = second.get(odd.id)
    assert known is not None
    assert known.verdict is not None
    assert known.verdict.verdict == "dismissed"
    assert second.position == 8
    assert second.add([odd]) == []
    second.close()
    second.close()


def test_pages_are_newest_first_and_meet(found: Found, make_anomaly: Make) -> None:
    """Pages of three hold each anomaly once, by its own time and not by when it was found."""
    made = [make_anomaly(n, at=make_anomaly(n % 4).at) for n in range(10)]
    found.add(made)
    seen: list[tuple[str, str]] = []
    cursor = None
    while True:
        page = found.page(Wanted(), 3, cursor)
        seen += [(each.anomaly.at, each.anomaly.id) for each in page.items]
        cursor = page.next
        if cursor is None:
            break
        assert len(page.items) == 3
    assert len(set(seen)) == 10
    assert [at for at, _id in seen] == sorted((at for at, _id in seen), reverse=True)


def test_an_anomaly_that_comes_meanwhile_moves_no_page(found: Found, make_anomaly: Make) -> None:
    """A cursor stays where it was when newer ones come."""
    found.add([make_anomaly(n) for n in range(4)])
    page = found.page(Wanted(), 2)
    found.add([make_anomaly(9)])
    rest = found.page(Wanted(), 10, page.next)
    assert [each.anomaly.id for each in rest.items] == ["order_size-1", "order_size-0"]
    assert rest.next is None


@pytest.mark.parametrize("cursor", ["", "x", "!!", "MTI", "MS4y4", "LTEuMg", "ä", "1" * 400])
def test_a_cursor_of_nobody_is_refused(found: Found, cursor: str) -> None:
    """Only what a page named is a cursor."""
    with pytest.raises(Refused) as refusal:
        found.page(Wanted(), 2, cursor)
    assert refusal.value.code == "BAD_CURSOR"


def test_pages_by_every_filter(found: Found, make_anomaly: Make, make_verdict: Judge) -> None:
    """Each filter alone, and some together; the time is from `since` to before `until`."""
    start_ns = 1_790_000_000 * 10**9
    made = [
        make_anomaly(0),
        make_anomaly(1, account="beta", pair="USD/JPY", p_value=1e-12),
        make_anomaly(2, detector="layering", family="market_abuse", held="Held back."),
        make_anomaly(3, detector="log_silence", family="operations", account=None, pair=None),
    ]
    found.add(made)
    found.take([Message(4, make_verdict(made[0], "confirmed")), Message(5, make_verdict(made[1]))])

    assert ids(found) == ["3", "2", "1", "0"]
    assert ids(found, detector="layering") == ["2"]
    assert ids(found, family="operations") == ["3"]
    assert ids(found, account="acme") == ["2", "0"]
    assert ids(found, pair="USD/JPY") == ["1"]
    assert ids(found, verdict="confirmed") == ["0"]
    assert ids(found, verdict="none") == ["3", "2"]
    assert ids(found, held=True) == ["2"]
    assert ids(found, held=False) == ["3", "1", "0"]
    assert ids(found, surprise_min=11.9) == ["1"]
    assert ids(found, since_ns=start_ns + 10**9, until_ns=start_ns + 3 * 10**9) == ["2", "1"]
    assert ids(found, account="acme", family="fraud", verdict="confirmed") == ["0"]
    assert ids(found, since_ns=-5, account="nobody") == []


def test_the_newest_verdict_holds(found: Found, make_anomaly: Make, make_verdict: Judge) -> None:
    """Verdicts may be changed; all stay, in their order, and come once."""
    odd = make_anomaly(1)
    found.add([odd])
    entries = [
        Message(4, make_verdict(odd)),
        Message(5, b'{"kind":"order_decided","v":1}'),
        Message(6, make_verdict(odd, "confirmed", reason="it was fraud", scope="entity")),
    ]
    assert found.take(entries) == 2
    assert found.take(entries) == 0
    found.note(6, entries[2].body)
    known = found.get(odd.id)
    assert known is not None
    assert known.verdict == found.verdicts(odd.id)[-1]
    assert [(each.position, each.verdict) for each in found.verdicts(odd.id)] == [
        (4, "dismissed"),
        (6, "confirmed"),
    ]
    assert known.verdict.reason == "it was fraud"
    assert known.verdict.scope == "entity"
    assert found.counts() == store_module.Counts(1, 0, 1, 0)


def test_a_verdict_may_come_before_its_anomaly(
    found: Found, make_anomaly: Make, make_verdict: Judge
) -> None:
    """The file is new and the ledger has the verdicts: what is found again is judged already."""
    odd = make_anomaly(1)
    found.take([Message(4, make_verdict(odd))])
    found.add([odd])
    assert ids(found, verdict="dismissed") == ["1"]


def test_a_verdict_that_was_noted_is_taken_again_in_order(
    found: Found, make_anomaly: Make, make_verdict: Judge
) -> None:
    """What the door notes at once does not move the place in the ledger."""
    one, two = make_anomaly(1), make_anomaly(2)
    found.add([one, two])
    found.note(9, make_verdict(two))
    assert found.position == 0
    assert found.take([Message(3, make_verdict(one)), Message(9, make_verdict(two))]) == 1
    assert found.position == 10


@pytest.mark.parametrize(
    "body",
    [
        b"raw bytes",
        b"",
        b'{"kind":"anomaly_judged"}',
        b'{"kind":"anomaly_judged","v":2,"verdict":7}',
        b'{"reason":"\\"kind\\":\\"anomaly_judged\\"","kind":"other"}',
    ],
)
def test_entries_that_are_no_verdicts(found: Found, body: bytes) -> None:
    """Others, and what a newer version wrote, are read past."""
    assert found.take([Message(0, body)]) == 0
    assert found.position == 1


def test_the_place_is_written_now_and_then(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without verdicts it is written after many entries, so a start reads few of them again."""
    monkeypatch.setattr(store_module, "PLACE_EVERY", 100)
    found = Found(tmp_path / "a.db", clock)
    found.take([Message(n, b"x") for n in range(99)])
    other = Found(tmp_path / "a.db", clock)
    assert other.position == 0
    other.close()
    found.take([Message(99, b"x")])
    other = Found(tmp_path / "a.db", clock)
    assert (other.position, found.position) == (100, 100)
    other.close()
    found.close()


def test_what_nobody_judged_goes_when_there_is_too_much(
    tmp_path: Path, clock: ManualClock, make_anomaly: Make, make_verdict: Judge
) -> None:
    """The oldest found go first; the judged stay."""
    found = Found(tmp_path / "a.db", clock, kept_max=5)
    first = make_anomaly(0)
    found.add([first])
    found.take([Message(0, make_verdict(first))])
    for number in range(1, 20):
        found.add([make_anomaly(number)])
    assert ids(found) == ["19", "18", "17", "16", "15", "0"]
    found.close()


def test_what_nobody_judged_goes_when_it_is_old(
    found: Found, clock: ManualClock, make_anomaly: Make, make_verdict: Judge
) -> None:
    """A year and a month after it was found, whatever its own stamp is."""
    old, judged = make_anomaly(1), make_anomaly(2)
    found.add([old, judged])
    found.take([Message(0, make_verdict(judged))])
    clock.advance(store_module.FOUND_KEPT_SECONDS + 1)
    found.add([make_anomaly(3)])
    assert ids(found) == ["3", "2"]


def test_similar_ones(found: Found, make_anomaly: Make, make_verdict: Judge) -> None:
    """Earlier ones of the stream first; then judged ones of the detector; never itself."""
    made = [make_anomaly(n) for n in range(3)]
    others = [make_anomaly(n, entity="beta USD/JPY") for n in range(3, 6)]
    elsewhere = make_anomaly(6, detector="layering")
    odd = make_anomaly(7)
    found.add([*made, *others, elsewhere, odd, make_anomaly(8)])
    found.take([Message(0, make_verdict(others[1]))])
    said = [each.anomaly.id for each in found.similar(odd, 5)]
    assert said == ["order_size-2", "order_size-1", "order_size-0", "order_size-4"]
    assert [each.anomaly.id for each in found.similar(odd, 2)] == said[:2]


def test_labelled_ones(found: Found, make_anomaly: Make, make_verdict: Judge) -> None:
    """Each judged anomaly once, by its newest verdict, in the order of the verdicts."""
    made = [make_anomaly(n) for n in range(3)]
    found.add(made)
    found.take(
        [
            Message(4, make_verdict(made[0])),
            Message(5, make_verdict(made[1], "confirmed")),
            Message(6, make_verdict(made[0], "confirmed")),
            Message(7, make_verdict(make_anomaly(99))),
        ]
    )
    said = list(found.labelled())
    assert [(each.anomaly.id, each.verdict) for each in said] == [
        ("order_size-1", "confirmed"),
        ("order_size-0", "confirmed"),
    ]
    assert said[0].anomaly == made[1]


def test_many_labelled_ones(found: Found, make_anomaly: Make, make_verdict: Judge) -> None:
    """More than a page of them, without a gap."""
    made = [make_anomaly(n) for n in range(1_203)]
    found.add(made)
    found.take([Message(each.position or 0, make_verdict(each)) for each in made])
    assert [each.anomaly.id for each in found.labelled()] == [each.id for each in made]


def test_many_threads(found: Found, make_anomaly: Make) -> None:
    """Reading and writing at once, nothing is lost."""

    def add(first: int) -> None:
        for number in range(first, first + 20):
            found.add([make_anomaly(number)])
            found.page(Wanted(), 10)

    threads = [threading.Thread(target=add, args=(first,)) for first in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.counts().kept == 60


def test_odd_numbers_are_kept(found: Found, make_anomaly: Make) -> None:
    """A p-value that is none, what is infinite, and a stamp long ago break nothing."""
    infinite = Contribution("order_rate", "", float("inf"), float("nan"), float("-inf"), 3.0)
    found.add(
        [
            make_anomaly(1, p_value=float("nan")),
            make_anomaly(2, p_value=0.0, at="1970-01-01T00:00:00.000000Z"),
            make_anomaly(3, p_value=7.0, contributions=(infinite,)),
        ]
    )
    assert ids(found) == ["3", "1", "2"]
    assert ids(found, surprise_min=12) == ["1", "2"]
    known = found.get("order_size-3")
    assert known is not None
    assert known.anomaly.contributions == (Contribution("order_rate", "", 1e300, 0.0, -1e300, 3.0),)


def test_a_damaged_file_says_so(tmp_path: Path, clock: ManualClock) -> None:
    """In words, not as a driver's error."""
    (tmp_path / "a.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(Corrupt, match="The file of anomalies is damaged"):
        Found(tmp_path / "a.db", clock)


def test_pages_are_read_by_an_index(tmp_path: Path, found: Found) -> None:
    """No page scans or sorts the table."""
    connection = apsw.Connection(str(tmp_path / "anomalies.db"))
    query = store_module._QUERIES["page"]
    names = {
        "before_ns": 1, "before_seq": 1, "since_ns": 0, "until_ns": 9, "detector": None,
        "family": None, "account": "a", "pair": None, "verdict": None, "held": None,
        "surprise_min": None, "limit": 3,
    }  # fmt: skip
    plan = " ".join(str(row) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", names))
    assert "anomalies_newest" in plan
    assert "SCAN anomalies" not in plan
    connection.close()
    assert found.counts().kept == 0
