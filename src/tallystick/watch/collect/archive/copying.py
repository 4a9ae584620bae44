"""Copies a file beside its place, durable and checked against the hash it must have."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import mkstemp

from tallystick.errors import Corrupt

CHUNK_BYTES = 1_048_576
"""How much of an object is in memory at once."""


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """An empty file in the folder of `target`, for its place; gone at the end if still there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(descriptor)
    aside = Path(name)
    try:
        yield aside
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def copy_checked(source: Path, target: Path, digest: str, name: str) -> Iterator[tuple[Path, int]]:
    """A flushed copy of `source` beside `target`, to be renamed, and its size in bytes.

    Raises:
        Corrupt: the copy does not have the SHA-256 `digest`; `name` is said.
    """
    with beside(target) as aside:
        hashed, size = sha256(), 0
        with source.open("rb") as file, aside.open("wb") as copy:
            while chunk := file.read(CHUNK_BYTES):
                hashed.update(chunk)
                size += copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        require_hash(hashed.hexdigest(), digest, name)
        yield aside, size


def hash_of(file: Path) -> str:
    """The SHA-256 of a file in lower-case hex."""
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def require_hash(found: str, wanted: str, name: str) -> None:
    """Go on only with the bytes that were meant.

    Raises:
        Corrupt: they are others.
    """
    if found != wanted:
        raise Corrupt(f"{name} has the SHA-256 {found}, and should have {wanted}.")
