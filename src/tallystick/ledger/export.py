"""Writes an export: a folder with a range of the ledger's entries that verifies far from here.

The folder has `manifest.json` and `entries.jsonl` or `entries.parquet`, and nothing else. It is
written aside (`<folder>.partial`) and renamed, so a folder that has its name is whole; a run that
was cut off goes on after its last whole line, with the checkpoint that it began with. An export of
a whole range proves that nothing is missing from it; one that was filtered carries a proof for
each entry instead (docs/guides/history.md). `verify.verify_export` checks either.
"""

import os
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from tallystick.durable import sync_file, sync_folder
from tallystick.errors import Corrupt, Refused
from tallystick.ledger.columns import columns_of, text_of
from tallystick.ledger.ranges import RangeProof

Form = Literal["jsonl", "parquet"]
KIND = "tallystick-export"
MANIFEST = "manifest.json"
PARQUET_MEMORY_MIB_MAX = 512
"""Memory that making a Parquet file may use."""

_PLAN = "plan.json"
_LINES = "entries.jsonl"
_TO_PARQUET = """
COPY (
  SELECT position, "at", kind, account, pair, entry, entry_base64, inclusion
  FROM read_json($lines, format = 'newline_delimited', columns = {
    position: 'BIGINT', "at": 'VARCHAR', kind: 'VARCHAR', account: 'VARCHAR', pair: 'VARCHAR',
    entry: 'VARCHAR', entry_base64: 'VARCHAR', inclusion: 'VARCHAR[]'
  })
) TO '%s' (FORMAT parquet, COMPRESSION zstd)
"""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One entry of an export; exactly one of `entry` and `entry_base64` is there."""

    position: int
    at: str | None
    kind: str | None
    account: str | None
    pair: str | None
    entry: str | None
    entry_base64: str | None
    inclusion: list[str]


def line_of(position: int, entry: bytes, inclusion: Sequence[bytes] = ()) -> Line:
    """The line of an entry; what it says of itself is read from its bytes."""
    said, text = columns_of(entry), text_of(entry)
    return Line(
        position=position,
        at=said.at,
        kind=said.kind,
        account=said.account,
        pair=said.pair,
        entry=text,
        entry_base64=b64encode(entry).decode() if text is None else None,
        inclusion=[b64encode(each).decode() for each in inclusion],
    )


class Plan(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """What is exported, settled before the first line: `asked` is the request, word by word.

    `filter` has only the conditions that were given; without any, the range [from_, to) is exported
    whole. `checkpoint` is the signed note of a tree of `size` >= `to` entries.
    """

    asked: dict[str, str]
    origin: str
    vkeys: list[str]
    checkpoint: str
    size: int
    from_: int
    to: int
    filter: dict[str, str]

    @property
    def complete(self) -> bool:
        """Whether every entry of the range is in the export."""
        return not self.filter


class ExportedFile(msgspec.Struct, frozen=True):
    """A file beside the manifest: its length, and its SHA-256 in hex."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """What an export says of itself; `left` and `right` prove a whole range (`compact.heights`)."""

    origin: str
    vkeys: list[str]
    checkpoint: str
    size: int
    from_: int
    to: int
    filter: dict[str, str]
    complete: bool
    left: list[bytes]
    right: list[bytes]
    count: int
    files: list[ExportedFile]
    kind: str = KIND
    v: int = 1


class Source(Protocol):
    """Where an export comes from."""

    def plan(self, asked: dict[str, str]) -> Plan:
        """Settle what a request means on the ledger as it is now."""
        ...

    def lines(self, plan: Plan, start: int) -> Iterator[tuple[int, Sequence[Line]]]:
        """Pages of lines from position `start` on: (position that is reached, lines)."""
        ...

    def proof(self, plan: Plan) -> RangeProof:
        """The proof of the plan's whole range."""
        ...


_encode = msgspec.json.Encoder(order="sorted").encode
_decode_line = msgspec.json.Decoder(Line).decode


def write_export(
    folder: Path, form: Form, asked: dict[str, str], source: Source, *,
    progress: Callable[[int, int], None],
) -> Manifest:  # fmt: skip
    """Write the export, or go on with one that was cut off; `progress(done, all)` in positions.

    Raises:
        Refused: `EXPORT_EXISTS`, the folder is there already.
        Corrupt: the source left out an entry of a range that should be whole.
    """
    if folder.exists():
        raise Refused("EXPORT_EXISTS", f"{folder} is there already; name another folder.")
    aside = folder.with_name(f"{folder.name}.partial")
    aside.mkdir(parents=True, exist_ok=True)
    plan = _settle(aside, asked, source)
    count = _write_lines(aside / _LINES, plan, source, progress)
    proof = source.proof(plan) if plan.complete else RangeProof([], [])
    path = aside / _LINES
    if form == "parquet":
        path = _to_parquet(path)
    manifest = _manifest(plan, proof, count, path)
    _write_durably(aside / MANIFEST, _encode(manifest) + b"\n")
    for left_over in aside.iterdir():
        if left_over.name not in {MANIFEST, path.name}:
            left_over.unlink()
    sync_folder(aside)
    aside.rename(folder)
    sync_folder(folder.parent)
    return manifest


def _settle(aside: Path, asked: dict[str, str], source: Source) -> Plan:
    """The plan of the run that was cut off here, where it was asked the same; else a new one."""
    path = aside / _PLAN
    if path.exists():
        try:
            plan = msgspec.json.decode(path.read_bytes(), type=Plan)
        except msgspec.DecodeError:
            plan = None
        if plan is not None and plan.asked == asked:
            return plan
    for old in aside.iterdir():
        old.unlink()
    plan = source.plan(asked)
    _write_durably(path, _encode(plan))
    return plan


def _write_lines(
    path: Path, plan: Plan, source: Source, progress: Callable[[int, int], None]
) -> int:
    """Write the lines that are not there yet; how many there are then."""
    count, last = _whole_lines(path)
    start = plan.from_ if last is None else last + 1
    with path.open("ab") as file:
        for reached, lines in source.lines(plan, start):
            for line in lines:
                if plan.complete and line.position != plan.from_ + count:
                    raise _missing(plan.from_ + count)
                file.write(_encode(line) + b"\n")
                count += 1
            progress(reached - plan.from_, plan.to - plan.from_)
        file.flush()
        os.fsync(file.fileno())
    if plan.complete and count != plan.to - plan.from_:
        raise _missing(plan.from_ + count)
    return count


def _whole_lines(path: Path) -> tuple[int, int | None]:
    """(how many whole lines there are, position of the last); a torn one is cut off."""
    if not path.exists():
        return 0, None
    count, end, last = 0, 0, b""
    with path.open("r+b") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            count, end, last = count + 1, end + len(line), line
        file.truncate(end)
    return count, _decode_line(last).position if count else None


def _missing(position: int) -> Corrupt:
    return Corrupt(
        f"Entry {position} was left out. A token that sees one account only can export that"
        " account's entries: name the account."
    )


def _to_parquet(lines: Path) -> Path:
    """The same rows as a Parquet file beside it."""
    import duckdb  # noqa: PLC0415  JSON Lines do without it

    target = lines.with_suffix(".parquet")
    quoted = str(target).replace("'", "''")
    with duckdb.connect(config={"memory_limit": f"{PARQUET_MEMORY_MIB_MAX}MiB"}) as database:
        database.execute("SET preserve_insertion_order = true")
        database.execute(_TO_PARQUET % quoted, {"lines": str(lines)})
    sync_file(target)
    return target


def _manifest(plan: Plan, proof: RangeProof, count: int, path: Path) -> Manifest:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return Manifest(
        origin=plan.origin,
        vkeys=plan.vkeys,
        checkpoint=plan.checkpoint,
        size=plan.size,
        from_=plan.from_,
        to=plan.to,
        filter=plan.filter,
        complete=plan.complete,
        left=proof.left,
        right=proof.right,
        count=count,
        files=[ExportedFile(path.name, path.stat().st_size, digest)],
    )


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
