"""What keeps lines from elsewhere: durable before it answers, once, and within its memory."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import msgspec
import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt, Crowded, Refused, ShuttingDown, TemporaryError
from tallystick.limits import LOG_LINE_BYTES_MAX
from tallystick.watch.collect.ingest import Batch, Ingest, IngestSettings, Kept, event_key
from tallystick.watch.collect.lines import check_lines
from tallystick.watch.collect.query import Plan


class Shelf:
    """A store that remembers, and does with a write what a test tells it to."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.writes: list[int] = []
        self.fullness = 0.0
        self.before: Callable[[], None] = lambda: None

    @property
    def end(self) -> int:
        """The number of the next line."""
        return len(self.lines) + 1

    def append(self, lines: Sequence[bytes]) -> int:
        """As the real one, but for the disk."""
        self.before()
        try:
            check_lines(lines)
        except ValueError as error:
            raise Refused("BAD_LINE", str(error)) from error
        first = self.end
        self.lines += lines
        self.writes.append(len(lines))
        return first

    def rows(
        self, _plan: Plan, *, seconds_max: float
    ) -> AbstractContextManager[list[list[tuple[object, ...]]]]:
        """Index and event id of all lines: the one question that is asked."""
        assert seconds_max > 0
        found = [msgspec.json.decode(line) for line in self.lines]
        named = [(each.get("com.splunk.index"), each.get("log.record.uid")) for each in found]
        return nullcontext([[pair for pair in named if pair[1] is not None]])

    def pressure(self) -> float:
        """As told."""
        return self.fullness


@pytest.fixture
def shelf() -> Shelf:
    """An empty one."""
    return Shelf()


@pytest.fixture
def ingest(shelf: Shelf) -> Iterator[Ingest]:
    """Closed at the end."""
    ingest = Ingest(shelf, ManualClock())
    yield ingest
    ingest.close()


def line(event_id: object = None, **members: object) -> bytes:
    """A line as it is stored."""
    named = {} if event_id is None else {"log.record.uid": event_id}
    return msgspec.json.encode({"com.splunk.index": "main", **named, **members})


def batch(*ids: str | None, request: bytes | None = None) -> Batch:
    """A line for each id."""
    keys = [None if each is None else event_key("main", each) for each in ids]
    return Batch([line(each) for each in ids], keys, request)


def test_an_event_that_comes_again_is_stored_once(shelf: Shelf, ingest: Ingest) -> None:
    """In its own request, in a later one; one without an id always."""
    assert ingest.take(batch("a", "b", "a", None)) == Kept(3, 1)
    assert ingest.take(batch("b", "c", None)) == Kept(2, 1)
    assert ingest.take(Batch([line(), line()])) == Kept(2)
    assert ingest.take(Batch()) == Kept()
    assert len(shelf.lines) == 7
    assert (ingest.lines, ingest.duplicates) == (7, 2)


def test_a_request_that_comes_again_is_stored_once(shelf: Shelf, ingest: Ingest) -> None:
    """Whole, whether its events have ids or not."""
    assert ingest.take(batch(None, None, request=b"r")) == Kept(2)
    assert ingest.take(batch(None, None, request=b"r")) == Kept(0, 2)
    assert ingest.take(batch(None, request=b"s")) == Kept(1)
    assert len(shelf.lines) == 3


def test_what_a_crash_left_is_recalled(shelf: Shelf) -> None:
    """Stored and never answered: sent again to the next process, it is stored once."""
    shelf.lines = [line("a"), line(5), line(), b'{"log.record.uid":"x"}']
    ingest = Ingest(shelf, ManualClock())
    assert ingest.recall() == 3
    assert ingest.take(batch("a", "5", "b", "x")) == Kept(2, 2)  # x stands in another index
    ingest.close()


def test_what_was_not_stored_is_not_remembered(shelf: Shelf, ingest: Ingest) -> None:
    """The disk refuses: nothing is answered as kept, and the retry is stored."""

    def refuse() -> None:
        raise TemporaryError("The log store cannot write: disk full.")

    shelf.before = refuse
    with pytest.raises(TemporaryError, match="disk full"):
        ingest.take(batch("a", request=b"r"))
    shelf.before = lambda: None
    assert ingest.take(batch("a", request=b"r")) == Kept(1)


def test_what_nobody_expects_reaches_who_waits(shelf: Shelf, ingest: Ingest) -> None:
    """Whatever the store raises; the next batch is taken again."""

    def fail() -> None:
        raise Corrupt("no such part")

    shelf.before = fail
    with pytest.raises(Corrupt, match="no such part"):
        ingest.take(batch("a"))
    shelf.before = lambda: None
    assert ingest.take(batch("a")) == Kept(1)


def test_the_retry_that_overtakes_its_first_try_waits_for_it(shelf: Shelf, ingest: Ingest) -> None:
    """A second request with the same event is not answered before the event is durable."""
    writing, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        writing.set()
        assert go_on.wait(10)

    shelf.before = wait
    with ThreadPoolExecutor(2) as senders:
        first = senders.submit(ingest.take, batch("a"))
        assert writing.wait(10)
        second = senders.submit(ingest.take, batch("a"))
        assert not second.done()
        go_on.set()
        assert (first.result(10), second.result(10)) == (Kept(1), Kept(0, 1))
    assert len(shelf.lines) == 1


def test_what_waits_is_written_together(shelf: Shelf, ingest: Ingest) -> None:
    """Many small senders share a write; each is told of its own lines."""
    writing, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        writing.set()
        assert go_on.wait(10)

    shelf.before = wait
    first = ingest._submit(batch("a"))
    assert writing.wait(10)
    others = [ingest._submit(batch(f"b{n}", "a")) for n in range(20)]
    go_on.set()
    assert first.result(10) == Kept(1)
    assert [each.result(10) for each in others] == [Kept(1, 1)] * 20
    assert shelf.writes == [1, 20]


def test_much_is_written_in_several_writes(shelf: Shelf, ingest: Ingest) -> None:
    """One write of everything would hold up whoever else wants the interpreter."""
    writing, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        writing.set()
        assert go_on.wait(10)

    shelf.before = wait
    waiting = [ingest._submit(batch("first"))]
    assert writing.wait(10)
    waiting += [ingest._submit(Batch([line(x="x" * 60_000)] * 20)) for _ in range(6)]
    waiting[3].cancel()
    go_on.set()
    done = [each.result(10).lines for each in waiting if not each.cancelled()]
    assert done == [1, 20, 20, 20, 20, 20]
    assert shelf.writes == [1, 40, 40, 20]
    assert ingest._waiting_bytes == 0


def test_a_line_that_redaction_made_too_long_keeps_no_other_out(shelf: Shelf) -> None:
    """It is counted, and a line says so."""

    def redact(lines: list[bytes]) -> list[bytes]:
        return [b'{"x":"' + b"*" * LOG_LINE_BYTES_MAX + b'"}' if b"!" in each else each
                for each in lines]  # fmt: skip

    ingest = Ingest(shelf, ManualClock(), redact)
    assert ingest.take(Batch([line(), line(x="!"), line()])) == Kept(2, 0, 1)
    assert (len(shelf.lines), ingest.refused) == (3, 1)
    assert b"ingest.lines_unstorable" in shelf.lines[-1]
    ingest.close()


def test_lines_are_redacted_before_they_are_stored(shelf: Shelf) -> None:
    """By whatever engine is given."""
    ingest = Ingest(shelf, ManualClock(), lambda lines: [each.upper() for each in lines])
    ingest.take(Batch([b'{"a":1}']))
    assert shelf.lines == [b'{"A":1}']
    ingest.close()


def test_senders_wait_without_a_thread_each(shelf: Shelf, ingest: Ingest) -> None:
    """`keep` for the event loop: hundreds at once."""

    async def send() -> list[Kept]:
        return await asyncio.gather(*(ingest.keep(batch(str(n))) for n in range(300)))

    assert asyncio.run(send()) == [Kept(1)] * 300
    assert len(shelf.lines) == 300


def test_a_full_store_admits_nobody(shelf: Shelf, ingest: Ingest) -> None:
    """Before a byte of the body is read."""
    ingest.admit()
    shelf.fullness = 1.0
    with pytest.raises(Crowded, match="full"):
        ingest.admit()
    assert (ingest.fullness, ingest.flight.refused) == (1.0, 1)


def test_room_for_lines_is_bounded(
    shelf: Shelf, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk is slow, the next batch waits before it stands beside the others."""
    monkeypatch.setattr("tallystick.watch.collect.ingest.ingest.INGEST_LINES_BYTES_MAX", 100)
    writing, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        writing.set()
        assert go_on.wait(10)

    shelf.before = wait
    with ThreadPoolExecutor(3) as senders:
        first = senders.submit(ingest.take, Batch([line(x="x" * 60)]))
        assert writing.wait(10)
        more = [senders.submit(ingest.take, Batch([line(x="y" * 60)])) for _ in range(2)]
        assert ingest._waiting_bytes <= 100
        go_on.set()
        assert [each.result(10) for each in (first, *more)] == [Kept(1)] * 3
    assert ingest._waiting_bytes == 0


def test_closing_stores_what_waits_and_takes_no_more(shelf: Shelf) -> None:
    """Whoever comes later is told to come back."""
    ingest = Ingest(shelf, ManualClock(), settings=IngestSettings(bytes_in_flight_max=7))
    assert ingest.flight.bytes_max == 7
    waiting = ingest._submit(batch("a"))
    ingest.close()
    assert (waiting.result(0), ingest.closed) == (Kept(1), True)
    with pytest.raises(ShuttingDown):
        ingest.take(batch("b"))
    with pytest.raises(ShuttingDown):
        asyncio.run(ingest.keep(batch("b")))
    with pytest.raises(ShuttingDown):
        ingest.admit()
