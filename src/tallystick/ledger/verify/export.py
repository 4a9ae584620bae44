"""Verifies an export: a folder with a range of the ledger's entries, and the proof of the range.

An unfiltered export proves the whole range at once: every entry, in order, none missing or added.
A filtered one has a proof for each entry; that none is missing cannot be proved then.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Refused
from tallystick.ledger.checkpoint import (
    Checkpoint,
    NoteError,
    VerifierKey,
    decode_base64,
    decode_hash,
)
from tallystick.ledger.columns import Columns, columns_of, text_of
from tallystick.ledger.compact import heights
from tallystick.ledger.merkle import (
    CompactRange,
    ProofError,
    leaf_hash,
    verify_inclusion,
)
from tallystick.ledger.verify.export_rows import Row, open_rows
from tallystick.ledger.verify.inclusion import read_entry
from tallystick.ledger.verify.report import CannotTell, Findings, Report, Tampered, judge
from tallystick.ledger.verify.trust import Pinned, Trust, trusting

MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 4 * 1024 * 1024
"""A manifest is a few KiB; whatever is larger is none."""
PROGRESS_ROWS = 1_024
"""Entries between two tellings of progress."""

Progress = Callable[[int, int], None]
Position = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_KIND = "tallystick-export"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    bytes: Position
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """What an export says about itself; only what the checkpoint's signature reaches is proved.

    The entries are those of positions [from_, to) in the tree of the first `size`, or those of them
    that pass the filter.
    """

    kind: str
    v: int
    origin: str
    vkeys: list[str]
    checkpoint: str
    size: Position
    from_: Position
    to: Position
    filter: dict[str, str]
    complete: bool
    left: list[str]
    right: list[str]
    count: Position
    files: list[_File]


def is_export(folder: Path) -> bool:
    """Whether this folder means to be an export."""
    return (folder / MANIFEST).is_file()


def verify_export(
    folder: Path,
    key: Pinned,
    progress: Progress | None = None,
    since: str | bytes | None = None,
    *,
    canonical_json: bool = False,
    clock: Clock | None = None,
) -> Report:
    """Check an export in one pass and bounded memory: every entry is hashed again.

    Nothing but the pinned key is trusted: the keys in the manifest are only looked at.
    `canonical_json` also demands that form of every entry, as Tallystick writes them.
    """
    trust = trusting(key)

    def check(findings: Findings) -> str:
        older = findings.open_older(since, trust)
        manifest = _read_manifest(folder / MANIFEST)
        checkpoint = _open_checkpoint(manifest, trust, findings)
        _note_strangers(folder, manifest, findings)
        proof = _WholeRange if manifest.complete else _EachEntry
        proving = proof(manifest, checkpoint, older)
        reading = _Pass(folder, manifest, proving, findings, canonical_json=canonical_json)
        return reading.run(progress)

    return judge(check, trust, clock)


class _Pass:
    """One reading of the rows."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        proof: "_WholeRange | _EachEntry",
        findings: Findings,
        *,
        canonical_json: bool,
    ) -> None:
        self._manifest = manifest
        self._file = manifest.files[0]
        self._path = folder / self._file.name
        self._proof = proof
        self._findings = findings
        self._canonical_json = canonical_json

    def run(self, progress: Progress | None) -> str:
        """Read every row, then compare what only shows at the end; says what was proved."""
        count = 0
        for row in open_rows(self._path, self._file.bytes, self._file.sha256):
            entry = _entry(row)
            self._check_row(row, entry)
            self._proof.take(row, entry)
            self._findings.add_entries((entry,))
            count += 1
            if progress and count % PROGRESS_ROWS == 0:
                progress(count, self._manifest.count)
        if count != self._manifest.count:
            raise Tampered(f"The export has {count} entries, its manifest {self._manifest.count}.")
        if progress:
            progress(count, count)
        return self._proof.finish()

    def _check_row(self, row: Row, entry: bytes) -> None:
        """The columns beside an entry are what the entry says, and what was asked for."""
        if self._canonical_json:
            read_entry(entry, row.position)
        said = columns_of(entry)
        if said != Columns(row.at, row.kind, row.account, row.pair):
            raise Tampered(
                f"The columns of entry {row.position} are not what the entry says.", row.position
            )
        if not _passes(said, self._manifest.filter):
            raise Tampered(f"Entry {row.position} does not pass the filter.", row.position)


class _WholeRange:
    """Every entry of [from, to), proved by the subtrees to the left and to the right of them."""

    def __init__(
        self, manifest: Manifest, checkpoint: Checkpoint, older: Checkpoint | None
    ) -> None:
        if manifest.count != manifest.to - manifest.from_:
            raise Tampered("The manifest's count is not that of its range.")
        left = [_hash(text) for text in manifest.left]
        if len(left) != manifest.from_.bit_count():
            raise Tampered("The manifest's left hashes are not those of its range.")
        self._right = [_hash(text) for text in manifest.right]
        self._manifest = manifest
        self._checkpoint = checkpoint
        self._older = _comparable(older, checkpoint, manifest)
        self._tree = CompactRange(manifest.from_, left)
        self._compare_older()

    def take(self, row: Row, entry: bytes) -> None:
        """The next entry of the range."""
        if row.position != self._tree.size or row.inclusion:
            raise Tampered(
                f"Entry {self._tree.size} is not where it belongs in the export.", self._tree.size
            )
        self._tree.append(leaf_hash(entry))
        self._compare_older()

    def finish(self) -> str:
        """With what stands to the right the range gives the signed root."""
        to, size = self._manifest.to, self._manifest.size
        steps = list(heights(to, size))
        if self._tree.size != to or len(steps) != len(self._right):
            raise Tampered("The manifest's right hashes are not those of its range.")
        for height, node in zip(steps, self._right, strict=True):
            self._tree.append_subtree(node, height)
        if self._tree.root() != self._checkpoint.root:
            raise Tampered("The entries and the range proof do not lead to the checkpoint's root.")
        self._compare_older()
        older = "" if self._older is None else ", and the older checkpoint fits them"
        return (
            f"All entries from {self._manifest.from_} to before {to} are here, in order, as the"
            f" pinned key signed them{older}."
        )

    def _compare_older(self) -> None:
        if self._older is None or self._tree.size != self._older.size:
            return
        if self._tree.root() != self._older.root:
            raise Tampered(f"The first {self._older.size} entries are not what they were.")


class _EachEntry:
    """Some entries of [from, to), each with its own inclusion proof."""

    def __init__(
        self, manifest: Manifest, checkpoint: Checkpoint, older: Checkpoint | None
    ) -> None:
        if manifest.left or manifest.right:
            raise Tampered("A filtered export has no range proof, and this one shows hashes of it.")
        if older is not None and older != checkpoint:
            raise CannotTell("A filtered export cannot be compared with an older checkpoint.")
        self._manifest = manifest
        self._checkpoint = checkpoint
        self._next = manifest.from_

    def take(self, row: Row, entry: bytes) -> None:
        """The next entry; it may be further on."""
        if not self._next <= row.position < self._manifest.to:
            raise Tampered(f"Entry {row.position} is not where it belongs.", row.position)
        self._next = row.position + 1
        path = [_hash(text) for text in row.inclusion]
        try:
            verify_inclusion(
                index=row.position,
                size=self._checkpoint.size,
                leaf=leaf_hash(entry),
                proof=path,
                root=self._checkpoint.root,
            )
        except ProofError as error:
            sentence = f"Entry {row.position} is not in the checkpoint's tree. {error}"
            raise Tampered(sentence, row.position) from error

    def finish(self) -> str:
        """What was proved, and what cannot be."""
        return (
            f"Each of the {self._manifest.count} entries is in the ledger whose checkpoint the"
            " pinned key signed; that a filter left none out cannot be proved."
        )


def _read_manifest(path: Path) -> Manifest:
    try:
        with path.open("rb") as file:
            data = file.read(MANIFEST_BYTES_MAX + 1)
    except OSError as error:
        raise CannotTell(f"{path} cannot be read: {error}.") from error
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CannotTell(f"{path} is not a manifest: {error}.") from error
    if (manifest.kind, manifest.v) != (_KIND, 1):
        raise CannotTell(f"{path} is of another kind: {manifest.kind} of version {manifest.v}.")
    if msgspec.json.encode(manifest, order="sorted") + b"\n" != data:
        raise Tampered("The manifest is not in its canonical form.")
    if manifest.complete != (not manifest.filter):
        raise Tampered("The manifest calls a filtered range complete, or a whole one not.")
    if not manifest.from_ <= manifest.to <= manifest.size or len(manifest.files) != 1:
        raise Tampered("The manifest's range or its files cannot be.")
    return manifest


def _open_checkpoint(manifest: Manifest, trust: Trust, findings: Findings) -> Checkpoint:
    try:
        checkpoint = findings.open_checkpoint(manifest.checkpoint, trust)
    except NoteError as error:
        raise Tampered(f"The export's checkpoint fails. {error}") from error
    if (checkpoint.origin, checkpoint.size) != (manifest.origin, manifest.size):
        raise Tampered("The checkpoint is of another log or size than the manifest says.")
    try:
        keys = [VerifierKey.parse(line) for line in manifest.vkeys]
    except Refused as error:
        raise Tampered(f"A key in the manifest is none. {error}") from error
    if any(key not in keys for key in trust.keys):
        findings.notes.append("The manifest names other keys than the pinned ones.")
    return checkpoint


def _note_strangers(folder: Path, manifest: Manifest, findings: Findings) -> None:
    known = {MANIFEST, *(file.name for file in manifest.files)}
    strange = sorted(path.name for path in folder.iterdir() if path.name not in known)
    if strange:
        findings.notes.append(f"Not part of the export, not looked at: {', '.join(strange[:3])}.")


def _comparable(
    older: Checkpoint | None, newest: Checkpoint, manifest: Manifest
) -> Checkpoint | None:
    """The older checkpoint, where its tree ends within the range or is the newest one's."""
    if older is None:
        return None
    if older.origin != newest.origin:
        raise CannotTell(f"The older checkpoint is of another log, {older.origin}.")
    if older.size != newest.size and not manifest.from_ <= older.size <= manifest.to:
        raise CannotTell(
            f"The older checkpoint's tree of {older.size} entries does not end in this export."
        )
    return older


def _passes(said: Columns, wanted: dict[str, str]) -> bool:
    """Whether an entry's columns are those that were asked for.

    The ledger's time never goes back, an entry's may: so one may be older than `since`, but none
    is as young as `until`.
    """
    equal = {"account": said.account, "kind": said.kind, "pair": said.pair}
    for name, value in wanted.items():
        if name in equal:
            passes = equal[name] == value
        elif name == "until":
            passes = said.at is None or said.at < value
        elif name == "since":
            continue
        else:
            raise CannotTell(f"This filter is not known: {name}.")
        if not passes:
            return False
    return True


def _entry(row: Row) -> bytes:
    """The exact bytes of a row's entry, in their one spelling."""
    if (row.entry is None) == (row.entry_base64 is None):
        raise Tampered(f"Row {row.position} has not one entry.", row.position)
    if row.entry is not None:
        if "\x00" in row.entry:
            raise Tampered(f"Entry {row.position} is in another spelling.", row.position)
        return row.entry.encode()
    try:
        entry = decode_base64(row.entry_base64 or "")
    except ValueError as error:
        raise Tampered(f"Entry {row.position} is {error}.", row.position) from error
    if text_of(entry) is not None:
        raise Tampered(f"Entry {row.position} is in another spelling.", row.position)
    return entry


def _hash(text: str) -> bytes:
    try:
        return decode_hash(text)
    except ValueError as error:
        raise Tampered(f"A hash of the export is {error}.") from error
