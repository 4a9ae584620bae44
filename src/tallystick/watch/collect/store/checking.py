"""Checking what is sealed against the manifest: for `tallystick check`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tallystick.errors import Corrupt
from tallystick.watch.collect.store.local import LocalShelf, StoredJournal
from tallystick.watch.collect.store.manifest import Manifest
from tallystick.watch.collect.store.parts import Part, file_hash
from tallystick.watch.collect.store.place import Shelf

MANIFEST = "manifest"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written: which part (or `manifest`), and what."""

    part: str
    problem: str


def findings(manifest: Manifest, shelf: Shelf) -> Iterator[Finding]:
    """Everything that is wrong; parts in archives are for their archives to check."""
    broken = manifest.broken()
    if broken is not None:
        yield Finding(MANIFEST, broken)
    own = [part for part in manifest.state.parts if not part.place]
    present = set(shelf.paths())
    for part in own:
        if part.path not in present:
            yield Finding(part.path, "The part is missing.")
        elif problem := _changed(part, shelf):
            yield Finding(part.path, problem)


def check_folder(folder: Path) -> tuple[Finding, ...]:
    """Everything that is wrong with a store's folder, also while another process writes it.

    Nothing is changed. What is only in the first of two looks was merged or removed in between.
    """
    if not folder.is_dir():
        return ()
    first = _look(folder)
    return tuple(finding for finding in first if finding in _look(folder)) if first else ()


def _look(folder: Path) -> list[Finding]:
    try:
        manifest = Manifest(StoredJournal(folder))
    except Corrupt as error:
        return [Finding(MANIFEST, str(error))]
    return list(findings(manifest, LocalShelf(folder)))


def _changed(part: Part, shelf: Shelf) -> str | None:
    """What a local file says of itself; one in a bucket is checked whenever it is fetched."""
    path = shelf.local(part.path)
    if path is None:
        return None
    try:
        size = path.stat().st_size
        if size != part.size:
            return f"It has {size} bytes, not {part.size}."
        same = file_hash(path) == part.sha256
    except FileNotFoundError:
        return "The part is missing."
    return None if same else "Its hash is not the one that was sealed."
