"""The place of what is sealed: a folder, or a bucket, by one setting."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tallystick.errors import Misconfigured
from tallystick.watch.collect.store.local import LocalJournal, LocalShelf
from tallystick.watch.collect.store.manifest import Journal
from tallystick.watch.collect.store.objects import ObjectJournal, ObjectShelf, open_bucket


class Shelf(Protocol):
    """Where sealed parts lie, by their paths. A part is never changed."""

    def put(self, path: str, file: Path) -> None:
        """Keep a finished file under this path, durable when it returns; it may be moved away.

        Raises:
            TemporaryError: try again; what was not committed may be put again.
        """
        ...

    def local(self, path: str) -> Path | None:
        """The file itself when it lies on this machine."""
        ...

    def fetch(self, path: str, target: Path) -> None:
        """Copy the part to `target`.

        Raises:
            TemporaryError: it cannot be reached, or is not there.
        """
        ...

    def delete(self, path: str) -> None:
        """Remove a part, there or not."""
        ...

    def paths(self) -> Iterator[str]:
        """Every part that is here, committed or not."""
        ...


@dataclass(frozen=True)
class Place:
    """A journal and a shelf that belong together."""

    journal: Journal
    shelf: Shelf


def open_place(address: str, folder: Path) -> Place:
    """The place that the setting names: `s3://...` is a bucket, anything else is `folder`.

    Raises:
        Misconfigured: there is no such kind of place, or its extra is not installed.
    """
    if address.startswith("s3://"):
        store = open_bucket(address)
        return Place(ObjectJournal(store), ObjectShelf(store))
    if "://" in address:
        raise Misconfigured(f"{address!r} is no place for logs: name a folder or s3://...")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    shelf = LocalShelf(folder)
    shelf.tidy()
    return Place(LocalJournal(folder), shelf)
