"""Exports prove themselves: a whole range at once, or each entry of a filtered one."""

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.clock import ManualClock
from tallystick.ledger.merkle import inclusion_proof, leaf_hash, tree_root
from tallystick.ledger.verify import Report, is_export, verify_export

MEMBERS = ("position", "at", "kind", "account", "pair", "entry", "entry_base64", "inclusion")
RAW = b"\xff\x00raw"
Change = Callable[[dict[str, Any]], Any]


def canonical(value: Any) -> bytes:
    """Sorted keys, no white space, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def subtrees(entries: Sequence[bytes], start: int, stop: int) -> list[str]:
    """The largest aligned perfect subtrees that tile [start, stop), in base64."""
    found = []
    while start < stop:
        width = 1
        while start % (2 * width) == 0 and start + 2 * width <= stop:
            width *= 2
        root = tree_root([leaf_hash(entry) for entry in entries[start : start + width]])
        found.append(b64encode(root).decode())
        start += width
    return found


def row(entries: Sequence[bytes], position: int, proved: bool) -> dict[str, Any]:
    """A line of an export."""
    entry = entries[position]
    facts = json.loads(entry) if entry.startswith(b"{") else {}
    order = facts.get("order") or {}
    proof = inclusion_proof([leaf_hash(each) for each in entries], position) if proved else []
    text = entry != RAW
    return {
        "position": position,
        "at": facts.get("at"),
        "kind": facts.get("kind"),
        "account": order.get("account", facts.get("account")),
        "pair": order.get("pair"),
        "entry": entry.decode() if text else None,
        "entry_base64": None if text else b64encode(entry).decode(),
        "inclusion": [b64encode(node).decode() for node in proof],
    }


class Maker:
    """Writes exports as their format says, and others as it does not."""

    def __init__(self, log: Any, entries: list[bytes], folder: Path) -> None:
        self.log, self.entries, self.folder = log, entries, folder

    def manifest(self, start: int, stop: int, wanted: dict[str, str]) -> dict[str, Any]:
        """The manifest of a range, without its files."""
        whole = not wanted
        return {
            "kind": "tallystick-export",
            "v": 1,
            "origin": self.log.key.name,
            "vkeys": [str(self.log.key)],
            "checkpoint": self.log.note(self.entries),
            "size": len(self.entries),
            "from": start,
            "to": stop,
            "filter": wanted,
            "complete": whole,
            "left": subtrees(self.entries, 0, start) if whole else [],
            "right": subtrees(self.entries, stop, len(self.entries)) if whole else [],
            "count": 0,
        }

    def rows(self, start: int, stop: int, wanted: dict[str, str]) -> list[dict[str, Any]]:
        """The rows of a range that pass a filter of columns."""
        rows = [row(self.entries, position, bool(wanted)) for position in range(start, stop)]
        return [each for each in rows if all(each[name] == wanted[name] for name in wanted)]

    def write(
        self,
        start: int,
        stop: int,
        wanted: dict[str, str] | None = None,
        *,
        parquet: bool = False,
        change: Change = lambda _: None,
        rows: list[dict[str, Any]] | None = None,
    ) -> Path:
        """An export folder; `change` gets the manifest before it is written."""
        wanted = wanted or {}
        rows = self.rows(start, stop, wanted) if rows is None else rows
        file = self.folder / ("entries.parquet" if parquet else "entries.jsonl")
        if parquet:
            self._write_parquet(file, rows)
        else:
            file.write_bytes(b"".join(canonical(each) + b"\n" for each in rows))
        data = file.read_bytes()
        manifest = self.manifest(start, stop, wanted) | {"count": len(rows)}
        digest = sha256(data).hexdigest()
        manifest["files"] = [{"name": file.name, "bytes": len(data), "sha256": digest}]
        change(manifest)
        (self.folder / "manifest.json").write_bytes(canonical(manifest) + b"\n")
        return self.folder

    def _write_parquet(self, file: Path, rows: list[dict[str, Any]]) -> None:
        with duckdb.connect() as database:
            database.execute(
                'CREATE TABLE t (position BIGINT, "at" VARCHAR, kind VARCHAR, account VARCHAR,'
                " pair VARCHAR, entry VARCHAR, entry_base64 VARCHAR, inclusion VARCHAR[])"
            )
            for each in rows:
                values = [each[name] for name in MEMBERS]
                database.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            database.execute(f"COPY t TO '{file}' (FORMAT parquet)")


@pytest.fixture
def maker(log: Any, trades: list[bytes], tmp_path: Path) -> Maker:
    """Of a ledger with seven orders, an account, and raw bytes that are no text."""
    opened = canonical({"account": "Zürich", "at": "2026-11-22T04:30:01.000000Z", "kind": "x"})
    return Maker(log, [*trades, opened, RAW, b"raw text", trades[6]][:10], tmp_path)


def judged(maker: Maker, folder: Path, **options: Any) -> Report:
    """The verdict under the log's key."""
    options = {"clock": ManualClock(), "canonical_json": True, **options}
    return verify_export(folder, maker.log.key, **options)


@pytest.mark.parametrize("parquet", [False, True], ids=["jsonl", "parquet"])
@pytest.mark.parametrize("start", [0, 1, 4, 7, 10])
@pytest.mark.parametrize("stop", [0, 4, 7, 10])
def test_a_whole_range_is_clean(maker: Maker, start: int, stop: int, parquet: bool) -> None:
    """Any range, empty or all, in either form: every entry is hashed again."""
    if start > stop:
        pytest.skip("no such range")
    told: list[tuple[int, int]] = []
    folder = maker.write(start, stop, parquet=parquet)
    report = judged(maker, folder, progress=lambda *both: told.append(both))
    assert (report.exit_code, report.entries, report.size) == (0, stop - start, 10), report.reason
    assert report.bytes_hashed == sum(map(len, maker.entries[start:stop]))
    assert f"from {start} to before {stop}" in report.reason
    assert told == [(stop - start, stop - start)]
    assert is_export(folder)


@pytest.mark.parametrize("parquet", [False, True], ids=["jsonl", "parquet"])
@pytest.mark.parametrize(
    ("wanted", "count"),
    [({"pair": "EUR/USD"}, 7), ({"account": "Zürich"}, 8), ({"kind": "x"}, 1), ({"kind": "y"}, 0)],
)
def test_a_filtered_range_is_clean(
    maker: Maker, wanted: dict[str, str], count: int, parquet: bool
) -> None:
    """Each entry has its own proof; that none is missing is said to be unproved."""
    report = judged(maker, maker.write(0, 10, wanted, parquet=parquet))
    assert (report.exit_code, report.entries) == (0, count), report.reason
    assert "cannot be proved" in report.reason


def test_times_of_a_filter(maker: Maker) -> None:
    """No entry is as young as `until`; older than `since` one may be, by the ledger's time."""
    rows = [row(maker.entries, position, proved=True) for position in range(9)]
    at = rows[0]["at"]
    for wanted, code in (
        ({"since": at}, 0),
        ({"since": at[:-1] + "9Z", "until": "2027"}, 0),
        ({"until": at}, 1),
        ({"until": at[:-1] + "9Z"}, 1),
        ({"colour": "red"}, 2),
    ):
        report = judged(maker, maker.write(0, 10, wanted, rows=rows))
        assert report.exit_code == code, (wanted, report.reason)


def test_without_a_key_and_under_another(maker: Maker, impostor: Any) -> None:
    """The keys in the manifest are never trusted."""
    folder = maker.write(0, 10)
    assert verify_export(folder, None).exit_code == 2
    assert verify_export(folder, impostor.key).exit_code == 1
    other = maker.write(0, 10, change=lambda m: m.update(vkeys=[str(impostor.key)]))
    report = judged(maker, other)
    assert report.exit_code == 0
    assert "other keys" in report.notes[0]


def test_an_entry_that_is_not_canonical(log: Any, tmp_path: Path) -> None:
    """Where canonical JSON is demanded, the first entry in another spelling is named."""
    folder = Maker(log, [b'{"a":1}', b'{"a": 1}'], tmp_path).write(0, 2)
    assert verify_export(folder, log.key).exit_code == 0
    report = verify_export(folder, log.key, canonical_json=True)
    assert (report.verdict, report.position) == ("tampered", 1)


def test_files_beside_are_noted(maker: Maker) -> None:
    """What the manifest does not name is not looked at, and that is said."""
    folder = maker.write(0, 10)
    (folder / "README").write_text("hello")
    assert "README" in judged(maker, folder).notes[0]


@pytest.mark.parametrize("parquet", [False, True], ids=["jsonl", "parquet"])
def test_a_flipped_byte_is_found(maker: Maker, parquet: bool) -> None:
    """Every byte of both files, one bit each: none passes."""
    folder = maker.write(2, 9, parquet=parquet)
    for file in folder.iterdir():
        data = file.read_bytes()
        for at in range(len(data)):
            file.write_bytes(data[:at] + bytes([data[at] ^ (1 << (at % 8))]) + data[at + 1 :])
            assert judged(maker, folder).exit_code != 0, (file.name, at)
        file.write_bytes(data)
    assert judged(maker, folder).exit_code == 0


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize(
    ("change", "position"),
    [
        (lambda rows: rows.pop(), None),
        (lambda rows: rows.pop(2), None),
        (lambda rows: rows.reverse(), 2),
        (lambda rows: rows.insert(3, rows[2]), None),
        (lambda rows: rows[1].update(position=9), 9),
        (lambda rows: rows[1].update(entry=rows[1]["entry"].replace("1.08251", "1.08252")), None),
        (lambda rows: rows[1].update(entry=rows[2]["entry"]), 3),
        (lambda rows: rows[1].update(account="other"), 3),
        (lambda rows: rows[1].update(at=None), 3),
        (lambda rows: rows[1].update(pair="EUR/CHF"), 3),
        (lambda rows: rows[1].update(entry_base64=rows[1]["entry"]), 3),
        (lambda rows: rows[1].update(entry=None), 3),
        (lambda rows: rows[1].update(entry=rows[1]["entry"] + "\x00"), 3),
        (lambda rows: rows[1].update(entry=None, entry_base64="?"), 3),
        (
            lambda rows: rows[1].update(
                entry=None, entry_base64=b64encode(rows[1]["entry"].encode()).decode()
            ),
            3,
        ),
        (lambda rows: rows[1].update(inclusion=["AAAA"]), 3),
        (lambda rows: rows[1].update(inclusion=["?"]), 3),
    ],
)  # fmt: skip
def test_rows_that_lie_are_found(
    maker: Maker,
    change: Callable[[list[dict[str, Any]]], Any],
    position: int | None,
    filtered: bool,
) -> None:
    """With digest and count made to fit: what is missing, added, moved or changed is tampering."""
    wanted = {"pair": "EUR/USD"} if filtered else {}
    rows = maker.rows(2, 7, wanted)
    change(rows)
    report = judged(maker, maker.write(2, 7, wanted, rows=rows))
    if filtered and len(rows) == 4:
        assert report.exit_code == 0, "that one is left out of a filter cannot be seen"
        return
    assert report.verdict == "tampered", report.reason
    if position is not None and not filtered:
        assert report.position == position


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(origin="other"),
        lambda m: m.update(size=11),
        lambda m: m.update(to=8),
        lambda m: m.update({"from": 1}),
        lambda m: m.update(count=4),
        lambda m: m.update(to=8, count=6),
        lambda m: m.update(to=8, count=5),
        lambda m: m.update({"from": 3, "count": 4}),
        lambda m: m.update(complete=False),
        lambda m: m.update(filter={"pair": "EUR/USD"}),
        lambda m: m.update(filter={"pair": "EUR/USD"}, complete=False),
        lambda m: m["left"].append(m["left"][0]),
        lambda m: m["left"].clear(),
        lambda m: m["right"].append(m["right"][0]),
        lambda m: m["right"].clear(),
        lambda m: m["right"].__setitem__(0, m["left"][0]),
        lambda m: m["left"].__setitem__(0, "AAAA"),
        lambda m: m["files"].append(m["files"][0]),
        lambda m: m["files"][0].update(bytes=1),
        lambda m: m["files"][0].update(sha256="0" * 64),
        lambda m: m.update(vkeys=["none"]),
        lambda m: m.update(checkpoint=m["checkpoint"].replace("\n10\n", "\n11\n")),
        lambda m: m.update({"from": 11}),
    ],
)
def test_manifests_that_lie_are_found(maker: Maker, change: Change) -> None:
    """Each member is held against the checkpoint or the rows."""
    report = judged(maker, maker.write(2, 7, change=change))
    assert report.verdict == "tampered", report.reason


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(kind="other"),
        lambda m: m.update(v=2),
        lambda m: m.update(extra=1),
        lambda m: m.pop("left"),
        lambda m: m.update(size=-1),
        lambda m: m["files"][0].update(name="../secret"),
        lambda m: m["files"][0].update(name="entries.csv"),
        lambda m: m["files"][0].update(name="entries.parquet"),
    ],
)
def test_what_is_not_known_cannot_be_judged(maker: Maker, change: Change) -> None:
    """Another version, members or files of which this verifier knows nothing."""
    assert judged(maker, maker.write(2, 7, change=change)).exit_code == 2


def test_what_cannot_be_read(maker: Maker, tmp_path: Path) -> None:
    """No manifest, no entries, not JSON, not Parquet, another spelling."""
    assert judged(maker, tmp_path / "nowhere").exit_code == 2
    folder = maker.write(2, 7)
    manifest = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_bytes(manifest + b"\n")
    assert judged(maker, folder).exit_code == 1
    (folder / "manifest.json").write_bytes(b"\xff")
    assert judged(maker, folder).exit_code == 2
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "entries.jsonl").unlink()
    assert judged(maker, folder).exit_code == 2
    (folder / "entries.parquet").write_bytes(b"PAR1")
    facts = {"name": "entries.parquet", "bytes": 4, "sha256": sha256(b"PAR1").hexdigest()}
    value = json.loads(manifest) | {"files": [facts]}
    (folder / "manifest.json").write_bytes(canonical(value) + b"\n")
    report = judged(maker, folder)
    assert (report.exit_code, "entries.parquet" in report.reason) == (2, True)


def test_an_older_checkpoint_is_compared_inside(maker: Maker) -> None:
    """Where its tree ends in the range, or is the newest: the same root, or tampering."""
    folder = maker.write(2, 7)
    for size, code in ((2, 0), (5, 0), (7, 0), (10, 0), (1, 2), (8, 2)):
        older = maker.log.note(maker.entries[:size])
        assert judged(maker, folder, since=older).exit_code == code, size
        if code == 0:
            lie = maker.log.note(maker.entries[:size], root=bytes(32))
            assert judged(maker, folder, since=lie).exit_code == 1
    other = maker.log.note(maker.entries[:5], origin="other")
    assert verify_export(folder, None, since=other).exit_code == 2
    filtered = maker.write(2, 7, {"pair": "EUR/USD"})
    assert judged(maker, filtered, since=maker.log.note(maker.entries)).exit_code == 0
    assert judged(maker, filtered, since=maker.log.note(maker.entries[:5])).exit_code == 2


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 70), data=st.data())
def test_any_range_of_any_ledger(log: Any, tmp_path: Path, size: int, data: Any) -> None:
    """It is clean; with two neighbours exchanged it is not."""
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    maker = Maker(log, [b'{"v":%d}' % number for number in range(size)], tmp_path)
    rows = maker.rows(start, stop, {})
    assert judged(maker, maker.write(start, stop, rows=rows)).exit_code == 0
    if len(rows) > 1:
        at = data.draw(st.integers(0, len(rows) - 2))
        rows[at]["entry"], rows[at + 1]["entry"] = rows[at + 1]["entry"], rows[at]["entry"]
        assert judged(maker, maker.write(start, stop, rows=rows)).exit_code == 1
