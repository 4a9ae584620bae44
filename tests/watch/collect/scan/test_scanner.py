"""The scanner: over a real log store, sealed and hot, and over any files."""

import gzip
from collections.abc import Callable
from pathlib import Path

import duckdb
import msgspec
import pytest

from tallystick.clock import parse_rfc3339
from tallystick.watch.collect.redact import RedactionPolicy, Redactor
from tallystick.watch.collect.scan import (
    Bounds,
    Memory,
    Report,
    Scanner,
    Source,
    files_below,
    store_sources,
)
from tallystick.watch.collect.store import LogStore

OpenStore = Callable[..., LogStore]
CARD = "4111 1111 1111 1111"


def line(day: int, body: str, **more: object) -> bytes:
    """A log line of a day in November."""
    stamp = f"2026-11-{day:02}T10:00:00.000000Z"
    return msgspec.json.encode({"timestamp": stamp, "body": body, **more})


def scan(folder: Path, bounds: Bounds | None = None, memory: Memory | None = None) -> Report:
    """Scan a log store."""
    return Scanner(Redactor(), bounds, memory).scan(lambda: store_sources(folder))


def places(report: Report) -> set[tuple[str, str, str, int, int]]:
    """What a report says, without the names of files."""
    return {(f.kind, f.index, f.field, f.count, f.sample) for f in report.findings}


@pytest.fixture
def logs(open_store: OpenStore, tmp_path: Path) -> Path:
    """A store with sealed lines of two indexes and days, and hot ones; it stays open."""
    store = open_store()
    store.append(
        [
            line(20, f"paid with {CARD}"),
            line(20, "fine", **{"http.response.status_code": 200}),
            line(20, f"paid with {CARD}", user={"mails": ["a@b.example", "c@d.example"]}),
            line(21, "fine", card=4111111111111111, **{"com.splunk.index": "main"}),
            line(21, "x", token="swordfish", **{"com.splunk.index": "main"}),
        ]
    )
    store.seal()
    store.append([line(22, "me@home.example"), line(22, "fine")])
    return tmp_path / "logs"


def test_a_store_beside_its_server(logs: Path) -> None:
    """Every kind in sealed and hot lines, with index, field and number; never a value."""
    report = scan(logs)

    assert places(report) == {
        ("PAN", "tallystick", "/body", 2, 1),
        ("EMAIL", "tallystick", "/user/mails/*", 2, 3),
        ("PAN", "main", "/card", 1, 4),
        ("SECRET", "main", "/token", 1, 5),
        ("EMAIL", "tallystick", "/body", 1, 6),
    }
    assert (report.lines, report.count, report.unreadable) == (7, 7, [])
    assert [f.severity for f in report.findings] == sorted(
        (f.severity for f in report.findings), key=("critical", "medium").index
    )
    assert list(report.by_kind()) == [
        ("PAN", "critical", 3), ("SECRET", "critical", 1), ("EMAIL", "medium", 3),
    ]  # fmt: skip
    said = msgspec.json.encode(report.findings)
    for value in (b"4111", b"swordfish", b"@"):
        assert value not in said


def test_what_was_redacted_has_nothing(open_store: OpenStore, tmp_path: Path) -> None:
    """The same engine before the store: a scan finds nothing, sealed or hot."""
    store = open_store()
    lines = Redactor().redact([line(20, f"{CARD} a@b.example"), line(21, "x", secret=1)])
    store.append(lines)
    store.seal()
    store.append(lines)

    report = scan(tmp_path / "logs")

    assert (report.lines, report.findings) == (4, [])


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (Bounds(frozenset({"main"})), {"/card", "/token"}),
        (Bounds(frozenset({"tallystick"})), {"/body", "/user/mails/*"}),
        (Bounds(earliest_ns=parse_rfc3339("2026-11-21T00:00:00Z")), {"/card", "/token", "/body"}),
        (
            Bounds(None, *map(parse_rfc3339, ("2026-11-21T10:00:00Z", "2026-11-21T10:00:01Z"))),
            {"/card", "/token"},
        ),
        (Bounds(latest_ns=parse_rfc3339("2026-11-20T10:00:00Z")), set()),
    ],
)
def test_bounds(logs: Path, bounds: Bounds, expected: set[str]) -> None:
    """By index and by time, the end not included."""
    assert {finding.field for finding in scan(logs, bounds).findings} == expected


def test_parts_are_scanned_once(logs: Path, tmp_path: Path) -> None:
    """A second scan remembers sealed parts and what was in them; another policy does not."""
    file = tmp_path / "scanned.jsonl"
    first = scan(logs, memory=Memory(file, RedactionPolicy()))
    again = scan(logs, memory=Memory(file, RedactionPolicy()))
    other = scan(logs, memory=Memory(file, RedactionPolicy(off=("EMAIL",))))

    assert (first.remembered, again.remembered, other.remembered) == (0, 2, 0)
    assert again.findings == first.findings
    assert again.lines == first.lines
    assert file.stat().st_mode & 0o077 == 0
    assert b"4111" not in file.read_bytes()


def test_a_scan_that_was_stopped_goes_on(logs: Path, tmp_path: Path) -> None:
    """What was done before the stop is remembered, also after a torn write."""
    file = tmp_path / "scanned.jsonl"
    asked: list[int] = []

    def stop(_done: int, _all: int) -> None:
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Scanner(Redactor(), None, Memory(file, RedactionPolicy())).scan(
            lambda: store_sources(logs), stop
        )
    with file.open("ab") as torn:
        torn.write(b'{"sha256":"ab')

    report = scan(logs, memory=Memory(file, RedactionPolicy()))

    assert report.remembered == 1
    assert places(report) == places(scan(logs))


def test_a_part_that_was_merged_meanwhile(logs: Path, tmp_path: Path) -> None:
    """A source that is gone when its turn comes: the next look finds what took its place."""
    gone = Source("gone", tmp_path / "gone", lambda: iter([]), sealed=True)
    given = [[gone], store_sources(logs)]

    report = Scanner(Redactor(), None, Memory(tmp_path / "m", RedactionPolicy())).scan(
        lambda: given.pop(0)
    )

    assert places(report) == places(scan(logs))


def test_files_of_all_kinds(tmp_path: Path) -> None:
    """Text, JSON lines, gzip and Parquet below a folder; binary files and links are left out."""
    folder = tmp_path / "files"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.log").write_text(f"one\ncard {CARD}\npassword=hunter2\n")
    (folder / "deep" / "b.jsonl").write_bytes(line(1, "x", mail="a@b.example") + b"\r\n{}")
    (folder / "c.gz").write_bytes(gzip.compress(b"AKIAIOSFODNN7EXAMPLE"))
    (folder / "d.bin").write_bytes(b"\0" + CARD.encode())
    (folder / "link").symlink_to(folder / "a.log")
    (folder / "bad.gz").write_bytes(gzip.compress(b"x" * 99)[:-9])
    (folder / "bad.parquet").write_bytes(b"no parquet")
    rows = "SELECT 'a@b.example' AS \"the 'name\", 1 AS n"
    duckdb.sql(f"COPY ({rows}) TO '{folder}/e.parquet' (FORMAT parquet)")

    report = Scanner(Redactor()).scan(lambda: files_below([folder]))

    assert {(f.kind, f.source, f.field, f.sample) for f in report.findings} == {
        ("PAN", "a.log", "", 2),
        ("PASSWORD", "a.log", "", 3),
        ("EMAIL", "deep/b.jsonl", "/mail", 1),
        ("AWS_KEY_ID", "c.gz", "", 1),
        ("EMAIL", "e.parquet", "/the 'name", 1),
    }
    assert sorted(said.partition(":")[0] for said in report.unreadable) == ["bad.gz", "bad.parquet"]


def test_a_line_without_end(tmp_path: Path) -> None:
    """A file of one long line is read in pieces, and a finding in it is counted."""
    file = tmp_path / "long.txt"
    file.write_text("x " * 200_000 + CARD)

    [finding] = Scanner(Redactor()).scan(lambda: files_below([file])).findings

    assert (finding.kind, finding.sample) == ("PAN", 1)


def test_progress(logs: Path) -> None:
    """Never back, never too far, and at the end all is done."""
    told: list[tuple[int, int]] = []
    Scanner(Redactor()).scan(lambda: store_sources(logs), lambda *now: told.append(now))

    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > 0


def test_a_report_is_bounded() -> None:
    """Ten thousand places; what is found beyond them is counted without its place."""
    report = Report()
    redactor = Redactor()
    for number in range(10_050):
        [found] = redactor.find(b'{"f%d":"a@b.example"}' % number)
        report.add(found, "s", "i", number)

    assert len(report.findings) == 10_001
    assert report.count == 10_050
