"""Where the verifier finds a published ledger: a folder or a URL in C2SP tlog-tiles layout."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from tallystick.ledger.checkpoint import SIGNATURE_MARK
from tallystick.ledger.tiles import BUNDLE_BYTES_MAX, CHECKPOINT_PATH, TILE_WIDTH
from tallystick.ledger.verify.report import CannotTell

if TYPE_CHECKING:
    import httpx

FETCH_SECONDS_MAX = 10.0
"""Longest wait for one answer of a server."""
_SUBFOLDER = "ledger"


class Source(Protocol):
    """A published ledger, read by path below its prefix (`checkpoint`, `tile/0/000`)."""

    def fetch(self, path: str) -> bytes | None:
        """The bytes at `path`, or None where nothing is there.

        Raises:
            CannotTell: it cannot be said which.
        """
        ...

    def versions(self, path: str) -> Sequence[int]:
        """The widths, 1 to 256, of the versions that can be seen of the full tile at `path`."""
        ...

    def files(self) -> Iterator[str]:
        """The path of every file that can be seen, in no order; nothing where none can."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class FolderSource:
    """A folder that a publisher wrote, or a copy of it; `ledger/` inside it is found too."""

    def __init__(self, folder: Path) -> None:
        inside = folder / _SUBFOLDER
        here = (folder / CHECKPOINT_PATH).is_file() or not (inside / CHECKPOINT_PATH).is_file()
        self._folder = folder if here else inside

    def __str__(self) -> str:
        return str(self._folder)

    def fetch(self, path: str) -> bytes | None:
        """The file's bytes; a file longer than any bundle is cut after its first byte too many.

        Raises:
            CannotTell: the file is there and cannot be read.
        """
        try:
            with (self._folder / path).open("rb") as file:
                return file.read(BUNDLE_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise CannotTell(f"{self._folder / path} cannot be read: {error}.") from error

    def versions(self, path: str) -> Sequence[int]:
        """The widths of `path` itself and of the files in `<path>.p/`."""
        folder = self._folder / f"{path}.p"
        try:
            names = {entry.name for entry in folder.iterdir()}
        except (FileNotFoundError, NotADirectoryError):
            names = set()
        except OSError as error:
            raise CannotTell(f"{folder} cannot be read: {error}.") from error
        widths = [width for width in range(1, TILE_WIDTH) if str(width) in names]
        return [*widths, TILE_WIDTH] if (self._folder / path).is_file() else widths

    def files(self) -> Iterator[str]:
        """Every file below the folder; links to folders are not followed."""
        for folder, _, names in os.walk(self._folder, onerror=_raise_unreadable):
            for name in names:
                yield (Path(folder) / name).relative_to(self._folder).as_posix()

    def close(self) -> None:
        """Nothing is held open."""


class UrlSource:
    """A ledger served over HTTP; `<url>/ledger/` is tried where `<url>/` has no checkpoint.

    Once the checkpoint was fetched, several threads may fetch at once.
    """

    def __init__(
        self, url: str, *, token: str | None = None, timeout_seconds: float = FETCH_SECONDS_MAX
    ) -> None:
        self._base = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout_seconds = timeout_seconds
        self._client: httpx.Client | None = None

    def __str__(self) -> str:
        return self._base

    def fetch(self, path: str) -> bytes | None:
        """The body of the answer 200; None for 404 and 410.

        Raises:
            CannotTell: the server does not answer, or with another status.
        """
        data = self._get(f"{self._base}/{quote(path)}")
        if path == CHECKPOINT_PATH and (data is None or SIGNATURE_MARK not in data):
            inside = f"{self._base}/{_SUBFOLDER}"
            found = self._get(f"{inside}/{path}")
            if found is not None and SIGNATURE_MARK in found:
                self._base = inside
                return found
        return data

    def versions(self, path: str) -> Sequence[int]:  # noqa: ARG002  a server lists nothing
        """A server does not list what it has."""
        return ()

    def files(self) -> Iterator[str]:
        """A server does not list what it has."""
        return iter(())

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _get(self, url: str) -> bytes | None:
        import httpx  # noqa: PLC0415  verifying a folder or a receipt needs no HTTP

        if self._client is None:
            self._client = httpx.Client(headers=self._headers, timeout=self._timeout_seconds)
        try:
            with self._client.stream("GET", url) as answer:
                if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
                    return None
                if answer.status_code != httpx.codes.OK:
                    raise CannotTell(f"{url} answers {answer.status_code}.")
                return _at_most(answer.iter_bytes(), BUNDLE_BYTES_MAX + 1)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CannotTell(f"{url} cannot be read: {error}.") from error


def open_source(where: str, *, token: str | None = None) -> FolderSource | UrlSource:
    """The source that a person means: a URL (http or https) or else a folder."""
    if where.startswith(("http://", "https://")):
        return UrlSource(where, token=token)
    return FolderSource(Path(where))


def _at_most(chunks: Iterator[bytes], size: int) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) >= size:
            break
    return bytes(data[:size])


def _raise_unreadable(error: OSError) -> None:
    raise CannotTell(f"{error.filename} cannot be read: {error}.") from error
