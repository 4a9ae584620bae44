"""The past of a ledger and its log lines, from every place where it may lie."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallystick.clock import SystemClock
from tallystick.errors import Corrupt, Misconfigured
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Publisher, Sealable
from tallystick.ledger.export import Plan, line_of, write_export
from tallystick.ledger.ranges import RangeProof
from tallystick.stream.message import Message
from tallystick.watch.collect.store import LogStore
from tallystick.watch.detect.observation import CallSeen, LogSeen, TimeSeen
from tallystick.wiring.past import (
    exported,
    heard,
    lines_in,
    published,
    stored_lines,
    together,
)

BODIES = [
    f'{{"at":"2026-03-02T14:00:{number // 10:02}.000000Z","kind":"test","n":{number}}}'.encode()
    for number in range(300)
]


def line(second: int, **members: object) -> bytes:
    """A log line of an API call."""
    plain = {
        "timestamp": f"2026-03-02T14:00:{second:02}.500000Z", "event_name": "api.request_answered",
        "http.request.method": "GET", "http.route": "/v1/prices", "service.name": "tallystick",
        "http.response.status_code": 200, "duration_us": 900,
    }  # fmt: skip
    return msgspec.json.encode(plain | members)


@pytest.fixture
def ledger_folder(tmp_path: Path) -> Path:
    """A data folder with a published ledger of 300 entries."""

    async def write() -> None:
        signer = FileKeyring.open(tmp_path / "ledger.key", default_name="tallystick.test/past")
        ledger = Ledger(MemoryStore(), signer)
        await ledger.append(0, [Sealable(body) for body in BODIES])
        place = tmp_path / "data/ledger"
        place.mkdir(parents=True)
        publisher = Publisher(ledger._store, place)
        publisher.publish()
        publisher.close()
        ledger.close()

    asyncio.run(write())
    return tmp_path / "data"


def test_published_entries_are_read_beside_a_server(ledger_folder: Path) -> None:
    """From the data folder or the ledger's own; from a later position the bundle before is left."""
    for folder in (ledger_folder, ledger_folder / "ledger"):
        found = published(folder)
        assert found.end == 300
        assert list(found.messages) == [Message(n, body) for n, body in enumerate(BODIES)]
    later = list(published(ledger_folder, 260).messages)
    assert later[0].position == 256
    assert later[-1] == Message(299, BODIES[-1])


def test_missing_files_are_told(ledger_folder: Path, tmp_path: Path) -> None:
    """No checkpoint: no ledger; no bundle: not all of it."""
    with pytest.raises(Misconfigured, match="No ledger is published"):
        published(tmp_path)
    for path in (ledger_folder / "ledger/tile/entries").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(Corrupt, match="are missing"):
        list(published(ledger_folder).messages)


class Exporting:
    """What an export comes from, without a server."""

    def __init__(self, **filters: str) -> None:
        self._filter = filters

    def plan(self, asked: dict[str, str]) -> Plan:
        """All of it."""
        return Plan(asked, "o", [], "", 300, 0, 300, self._filter)

    def lines(self, plan: Plan, start: int) -> Any:
        """One page."""
        bodies = [*BODIES[:299], b"\xff raw"]
        yield plan.to, [line_of(n, bodies[n]) for n in range(start, plan.to)]

    def proof(self, plan: Plan) -> RangeProof:  # noqa: ARG002  nobody asks for it here
        """None is looked at."""
        return RangeProof([], [])


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_an_export_is_the_past_too(tmp_path: Path, form: Any) -> None:
    """Raw bytes come back as they were."""
    write_export(tmp_path / "out", form, {}, Exporting(), progress=lambda _d, _t: None)
    found = exported(tmp_path / "out")
    messages = list(found.messages)
    assert found.end == len(messages) == 300
    assert messages[7] == Message(7, BODIES[7])
    assert messages[299].body == b"\xff raw"


def test_what_was_filtered_is_no_past(tmp_path: Path) -> None:
    """Detection would learn from what is left."""
    write_export(
        tmp_path / "out", "jsonl", {}, Exporting(account="a"), progress=lambda _d, _t: None
    )
    with pytest.raises(Misconfigured, match="leaves entries out"):
        exported(tmp_path / "out")
    with pytest.raises(Misconfigured, match="is no export"):
        exported(tmp_path)


def test_lines_become_calls_and_counts() -> None:
    """Each call; each second who said how many lines; lines of no time are nobody's."""
    lines = [line(1), line(1), line(2), b"{", b'{"timestamp":"x"}', line(2, event_name="x")]
    lines += [line(3, duration_us="?"), line(3, **{"log.index": "app", "service.name": "other"})]
    found = list(heard(lines))
    calls = [each for each in found if isinstance(each, CallSeen)]
    counts = [(each.index, each.service, each.lines) for each in found if isinstance(each, LogSeen)]
    assert [each.route for each in calls] == ["GET /v1/prices"] * 4
    assert sum(lines for _, _, lines in counts) == 6
    assert len(counts) == 4
    assert list(heard([])) == []


def test_the_two_come_together_in_order_of_time() -> None:
    """Entries and lines, and each second that passes; long silences are skipped."""
    entries = [Message(n, body) for n, body in enumerate(BODIES[:25])]
    entries.insert(12, Message(99, b"raw"))
    late = Message(100, BODIES[0].replace(b"2026-03-02T14", b"2026-03-09T14"))
    found = list(together([*entries, late], heard([line(1), line(2)])))

    order = [each for each in found if isinstance(each, Message)]
    assert order == [*entries, late]
    seconds = [each.at_seconds for each in found if isinstance(each, TimeSeen)]
    assert seconds == sorted(seconds)
    assert len(seconds) == 4 + 3_600 + 1
    places = {type(each): number for number, each in enumerate(found)}
    first_call = next(n for n, each in enumerate(found) if isinstance(each, CallSeen))
    assert found.index(entries[19]) < first_call < found.index(entries[21])
    assert places[Message] == len(found) - 1


def test_a_stopped_servers_lines_are_read(tmp_path: Path) -> None:
    """In order of arrival, from the store itself; a file of lines is as good."""
    lines = [line(number % 60, n=number) for number in range(5_000)]
    store = LogStore(tmp_path / "logs", SystemClock())
    store.append(lines)
    with pytest.raises(Misconfigured):
        list(stored_lines(tmp_path / "logs", SystemClock()))
    store.close()
    read = stored_lines(tmp_path / "logs", SystemClock())
    assert [msgspec.json.decode(each)["n"] for each in read] == list(range(5_000))
    (tmp_path / "lines.jsonl").write_bytes(b"\n".join(lines))
    assert len(list(heard(lines_in(tmp_path / "lines.jsonl")))) >= 5_000


def test_a_torn_line_of_an_export_is_told(tmp_path: Path) -> None:
    """Half a line is no entry."""
    write_export(tmp_path / "out", "jsonl", {}, Exporting(), progress=lambda _d, _t: None)
    path = tmp_path / "out/entries.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Corrupt, match="none of an export"):
        list(exported(tmp_path / "out").messages)
