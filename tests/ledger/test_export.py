"""Exports of a ledger at hand: any bytes, whole or sampled, in either form; every byte counts."""

import asyncio
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import Corrupt, Refused
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.ledger.export import Form, Line, Plan, line_of, write_export
from tallystick.ledger.ranges import RangeProof, range_proof
from tallystick.ledger.verify.export import verify_export

FORMS: tuple[Form, ...] = ("jsonl", "parquet")


class Local:
    """A source that is the ledger itself; `every` n-th entry only, each with its proof."""

    def __init__(self, ledger: Ledger, start: int, stop: int, every: int = 1) -> None:
        self.ledger = ledger
        self.range = start, stop
        self.every = every
        self.omit: int | None = None
        """A position that the source leaves out, as it should not."""

    def plan(self, asked: dict[str, str]) -> Plan:
        """The range it was made with."""
        ledger, (start, stop) = self.ledger, self.range
        kept = {} if self.every == 1 else {"kind": "k"}
        return Plan(asked, ledger.origin, [str(ledger.vkey)], ledger.note, ledger.size, start, stop,
                    kept)  # fmt: skip

    def lines(self, plan: Plan, start: int) -> Iterator[tuple[int, Sequence[Line]]]:
        """One entry a page."""
        for position in range(start, plan.to):
            entry = self.ledger.rows(position, 1)[0].entry
            proof = () if plan.complete else self.ledger.inclusion_proof(position, plan.size)
            found = position % self.every == 0 and position != self.omit
            yield position + 1, [line_of(position, entry, proof)] if found else []

    def proof(self, plan: Plan) -> RangeProof:
        """From the ledger's own hashes."""
        return range_proof(self.ledger, plan.from_, plan.to, plan.size)


def ledger_of(entries: Sequence[bytes]) -> Ledger:
    """A ledger of these entries."""
    ledger = Ledger(MemoryStore(), FileKeyring("tallystick.test/export", bytes(32)))
    asyncio.run(ledger.append(0, [Sealable(entry) for entry in entries]))
    return ledger


def write(folder: Path, source: Local, form: Form = "jsonl", **asked: str) -> list[tuple[int, int]]:
    """Write an export; what was said of its progress."""
    said: list[tuple[int, int]] = []
    write_export(
        folder, form, asked, source, progress=lambda done, total: said.append((done, total))
    )
    return said


@settings(max_examples=20, deadline=None)
@given(
    entries=st.lists(st.binary(max_size=40) | st.text(max_size=40).map(str.encode), max_size=30),
    ends=st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted),
    form=st.sampled_from(FORMS),
)
def test_any_bytes_survive(
    tmp_path_factory: pytest.TempPathFactory, entries: list[bytes], ends: list[int], form: Form
) -> None:
    """Text of any script, broken text, empty entries: each hashes to its leaf after the export."""
    ledger = ledger_of(entries)
    start, stop = (min(end, len(entries)) for end in ends)
    folder = tmp_path_factory.mktemp("export") / "it"
    write(folder, Local(ledger, start, stop), form)
    report = verify_export(folder, ledger.vkey)
    assert (report.verdict, report.entries) == ("clean", stop - start), report.reason


@pytest.mark.parametrize("form", FORMS)
def test_a_sample_proves_each_entry(tmp_path: Path, form: Form) -> None:
    """Entries with their own proofs, in either form."""
    ledger = ledger_of([b'{"kind":"k","n":%d}' % n for n in range(50)])
    write(tmp_path / "it", Local(ledger, 7, 43, every=5), form)
    report = verify_export(tmp_path / "it", ledger.vkey)
    assert (report.verdict, report.entries) == ("clean", 7), report.reason


def test_every_byte_counts(tmp_path: Path) -> None:
    """One bit of any byte of lines or manifest changed: never clean, but in what only informs."""
    ledger = ledger_of([b'{"kind":"k","n":%d}' % n for n in range(12)])
    folder = tmp_path / "it"
    write(folder, Local(ledger, 3, 9))
    for name in ("entries.jsonl", "manifest.json"):
        path = folder / name
        data = path.read_bytes()
        start = data.find(b'"vkeys":')
        for position in range(len(data)):
            if name == "manifest.json" and position >= start:
                break  # the server's own word for its keys: nobody is asked to trust it
            path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
            report = verify_export(folder, ledger.vkey)
            assert report.verdict != "clean", (name, position)
        path.write_bytes(data)
    assert verify_export(folder, ledger.vkey).verdict == "clean"


def test_an_entry_that_the_source_leaves_out(tmp_path: Path) -> None:
    """A range that should be whole is never finished without it, nor forgotten."""
    ledger = ledger_of([b"%d" % n for n in range(20)])
    source = Local(ledger, 0, 20)
    for source.omit in (0, 7, 19):
        with pytest.raises(Corrupt, match=f"Entry {source.omit} was left out"):
            write(tmp_path / "it", source)
    assert not (tmp_path / "it").exists()
    source.omit = None
    write(tmp_path / "it", source)
    assert verify_export(tmp_path / "it", ledger.vkey).verdict == "clean"


def test_progress_and_manifest(tmp_path: Path) -> None:
    """Positions done of all; the manifest is canonical JSON and names the file's hash."""
    ledger = ledger_of([b"%d" % n for n in range(9)])
    assert write(tmp_path / "it", Local(ledger, 2, 6)) == [(n, 4) for n in range(1, 5)]
    data = (tmp_path / "it" / "manifest.json").read_bytes()
    manifest = json.loads(data)
    assert (
        json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        + b"\n"
        == data
    )
    assert (manifest["kind"], manifest["v"], manifest["count"]) == ("tallystick-export", 1, 4)
    assert manifest["files"][0]["bytes"] == (tmp_path / "it" / "entries.jsonl").stat().st_size


def test_a_folder_that_is_there(tmp_path: Path) -> None:
    """Is never touched."""
    ledger = ledger_of([b"1"])
    write(tmp_path / "it", Local(ledger, 0, 1))
    before = (tmp_path / "it" / "manifest.json").read_bytes()
    with pytest.raises(Refused) as caught:
        write(tmp_path / "it", Local(ledger, 0, 0))
    assert caught.value.code == "EXPORT_EXISTS"
    assert (tmp_path / "it" / "manifest.json").read_bytes() == before
    shutil.rmtree(tmp_path / "it")
