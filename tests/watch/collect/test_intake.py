"""The intake: never waits, loses nothing silently, keeps no secrets."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tallystick.clock import ManualClock, rfc3339
from tallystick.errors import TemporaryError
from tallystick.limits import LOG_BATCH_LINES_MAX, LOG_LINES_WAITING_MAX
from tallystick.watch.collect.intake import Intake
from tallystick.watch.collect.redact import Redactor
from tallystick.watch.collect.store import LogStore

OpenStore = Callable[..., LogStore]
ReadAll = Callable[..., list[dict[str, object]]]


@pytest.fixture
def store(open_store: OpenStore) -> LogStore:
    """An empty store."""
    return open_store(lines=5_000)


@pytest.fixture
def intake(store: LogStore, clock: ManualClock) -> Iterator[Intake]:
    """An intake that is not started; closed when the test started it."""
    intake = Intake(store, clock, Redactor().redact)
    yield intake
    if intake._worker.is_alive():
        intake.close()


def test_what_was_offered_before_a_flush_is_stored(
    store: LogStore, intake: Intake, read_all: ReadAll
) -> None:
    """Several batches, in order, durable when flush returns."""
    intake.start()
    count = 2 * LOG_BATCH_LINES_MAX + 7
    for n in range(count):
        intake.offer({"event_name": "test.line", "n": n})
    intake.flush()
    assert [line["n"] for line in read_all(store, limit=1_000)] == list(range(count))


def test_lines_are_stored_without_a_flush(
    store: LogStore, intake: Intake, read_all: ReadAll
) -> None:
    """The worker looks by itself, several times a second."""
    intake.start()
    intake.offer({"n": 1})
    deadline = time.monotonic() + 10
    while not read_all(store):
        assert time.monotonic() < deadline
    assert intake.failure is None


def test_several_threads_may_offer(store: LogStore, intake: Intake, read_all: ReadAll) -> None:
    """No line of any thread is lost, and each thread's order is kept."""
    intake.start()

    def offer(thread: int) -> None:
        for n in range(500):
            intake.offer({"thread": thread, "n": n})

    threads = [threading.Thread(target=offer, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    intake.flush()
    lines = read_all(store, limit=1_000)
    for number in range(4):
        assert [line["n"] for line in lines if line["thread"] == number] == list(range(500))


def test_close_stores_what_waits(store: LogStore, intake: Intake, read_all: ReadAll) -> None:
    """Nothing offered before close is lost."""
    intake.start()
    intake.offer({"n": 1})
    intake.close()
    assert [line["n"] for line in read_all(store)] == [1]


def test_too_many_waiting_lines_are_dropped_counted_and_reported(
    store: LogStore, intake: Intake, clock: ManualClock, read_all: ReadAll
) -> None:
    """Past the limit a line is dropped, and one line says how many were."""
    line: dict[str, object] = {"n": 0}
    for _ in range(LOG_LINES_WAITING_MAX + 3):
        intake.offer(line)
    assert intake.dropped == 3
    intake.start()
    intake.flush(60)
    (said,) = read_all(store, "event_name=collect.lines_dropped")
    assert said.pop("log.seq") == LOG_LINES_WAITING_MAX + 1
    assert said == {
        "timestamp": rfc3339(clock.now_ns()),
        "severity_text": "WARN",
        "event_name": "collect.lines_dropped",
        "body": "Too many lines were waiting.",
        "service.name": "tallystick",
        "log.lines": 3,
    }


def test_a_line_that_cannot_be_written_hurts_no_other(
    store: LogStore, intake: Intake, read_all: ReadAll
) -> None:
    """Objects of ours, lone surrogates and NaN are counted; their neighbours are stored."""
    intake.start()
    for value in (1, object(), "\ud800", 2, float("nan"), {1, 2}, 3):
        intake.offer({"n": value})
    intake.flush()
    *stored, said = read_all(store)
    assert [line["n"] for line in stored] == [1, 2, None, [1, 2], 3]
    assert (said["event_name"], said["log.lines"]) == ("collect.lines_unreadable", 2)
    assert intake.dropped == 2


@dataclass(frozen=True)
class Login:
    """Something of ours that a careless line may carry."""

    user: str
    password: str


@pytest.mark.parametrize(
    "secret",
    [
        {"authorization": "SWORDFISH"},
        {"Authorization": "SWORDFISH"},
        {"token": "SWORDFISH"},
        {"http.request.header.authorization": ["SWORDFISH"]},
        {"hec_token": "SWORDFISH", "X-Secret": "SWORDFISH"},
        {"request": {"headers": [{"password": "SWORDFISH"}]}},
        {"login": Login("u", "SWORDFISH")},
        {"secret": {"value": "SWORDFISH"}, "broken": object()},
    ],
)
def test_secrets_are_never_stored(
    store: LogStore, intake: Intake, read_all: ReadAll, tmp_path: Path, secret: dict[str, object]
) -> None:
    """Members named like secrets are gone, at any depth; the rest of the line is there."""
    intake.start()
    intake.offer({"n": 1, "token.count": 5, "body": 'the "token": is fine', **secret})
    intake.offer({"n": 2})
    intake.flush()
    (hot,) = (tmp_path / "logs").glob("hot-*")
    assert b"SWORDFISH" not in hot.read_bytes()
    lines = read_all(store, "n=*")
    assert lines[-1]["n"] == 2
    if "broken" not in secret:
        assert lines[0]["token.count"] == 5
        assert lines[0]["body"] == 'the "token": is fine'


def test_the_worker_seals_when_due(intake: Intake, tmp_path: Path) -> None:
    """Sealing is the worker's task, not the caller's."""
    intake.start()
    for n in range(5_000):
        intake.offer({"n": n})
    intake.flush()
    deadline = time.monotonic() + 20
    while not list((tmp_path / "logs").rglob("part-*.parquet")):
        assert time.monotonic() < deadline
        intake.flush()


def test_a_store_that_refuses_is_tried_again(
    store: LogStore, intake: Intake, read_all: ReadAll
) -> None:
    """Lines wait while the disk refuses; flush says so in time; afterwards all are there once."""
    hot = store._tail.hot
    good, hot._file = hot._file, -1
    intake.start()
    for n in range(3):
        intake.offer({"n": n})
    with pytest.raises(TemporaryError, match="cannot write"):
        intake.flush(1)
    assert "cannot write" in (intake.failure or "")
    hot._file = good
    intake.flush()
    assert [line["n"] for line in read_all(store, "n=*")] == [0, 1, 2]
    assert len(read_all(store, "event_name=collect.round_failed")) == 1
