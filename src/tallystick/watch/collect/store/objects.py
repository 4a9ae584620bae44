"""An S3 bucket (or whatever obstore speaks to) as the place of sealed parts and of the journal.

Records and parts are created, never replaced: whoever finds one there that he did not write is not
the only writer, and stops.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tallystick.errors import Forked, Misconfigured, TemporaryError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_RECORDS = "manifest/"
_SNAPSHOTS = "snapshots/"
_PARTS = "parts/"
_OPTIONS = {"endpoint", "region"}
_MISSING = "Log parts on S3 need obstore: install tallystick[aws]."


def open_bucket(url: str) -> "ObjectStore":
    """The store behind `s3://bucket/prefix?endpoint=...&region=...`.

    The keys come from where AWS's tools look for them (environment, instance, web identity).

    Raises:
        Misconfigured: the address cannot be read, or the extra is not installed.
    """
    try:
        from obstore.store import S3Store  # noqa: PLC0415  an extra
    except ImportError as error:
        raise Misconfigured(_MISSING) from error
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme != "s3" or not parts.netloc or set(options) - _OPTIONS:
        raise Misconfigured(
            f"{url!r} is no place for logs; write s3://bucket/prefix?endpoint=...&region=..."
        )
    endpoint = options.get("endpoint")
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        region=options.get("region"),
        endpoint=endpoint,
        client_options={"allow_http": endpoint is not None and endpoint.startswith("http://")},
    )


class ObjectJournal:
    """One object a record; `append` creates it or finds that somebody else did."""

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store

    def records(self, after: int) -> Iterator[bytes]:
        """Each record, in order of their numbers."""
        for path in _listed(self._store, _RECORDS, f"{_RECORDS}{after:015}.json"):
            yield _got(self._store, path)

    def append(self, n: int, record: bytes) -> None:
        """Create the object; finding our own bytes there means that an earlier try arrived."""
        path = f"{_RECORDS}{n:015}.json"
        if not _created(self._store, path, record) and _got(self._store, path) != record:
            raise Forked(f"Another writer added record {n} to the log manifest.")

    def snapshot(self) -> bytes | None:
        """The object with the highest number."""
        paths = list(_listed(self._store, _SNAPSHOTS, None))
        return _got(self._store, paths[-1]) if paths else None

    def put_snapshot(self, n: int, snapshot: bytes) -> None:
        """Create it; it is there already when an earlier process made it."""
        _created(self._store, f"{_SNAPSHOTS}{n:015}.json", snapshot)

    def close(self) -> None:
        """Nothing to let go of."""


class ObjectShelf:
    """Parts as objects; a local cache is what they are read from."""

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store

    def put(self, path: str, file: Path) -> None:
        """Upload a part; it is there when this returns, and so is the file."""
        if not _created(self._store, _PARTS + path, file):
            _delete(self._store, _PARTS + path)  # of a seal that was never committed
            if not _created(self._store, _PARTS + path, file):
                raise Forked(f"Another writer puts {path} at the same time.")

    def local(self, path: str) -> None:
        """Nothing lies on this machine."""
        del path

    def fetch(self, path: str, target: Path) -> None:
        """Download a part."""
        import obstore  # noqa: PLC0415  an extra

        try:
            with target.open("wb") as file:
                for chunk in obstore.get(self._store, _PARTS + path).stream():
                    file.write(chunk)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise _refused(path, error) from error

    def delete(self, path: str) -> None:
        """Remove a part; it may be gone already."""
        _delete(self._store, _PARTS + path)

    def paths(self) -> Iterator[str]:
        """Every part there is."""
        for path in _listed(self._store, _PARTS, None):
            yield path.removeprefix(_PARTS)

    def close(self) -> None:
        """Nothing to let go of."""


def _created(store: "ObjectStore", path: str, data: bytes | Path) -> bool:
    """Whether the object is new; false: there was one already."""
    import obstore  # noqa: PLC0415  an extra

    try:
        obstore.put(store, path, data, mode="create", use_multipart=False)
    except obstore.exceptions.AlreadyExistsError:
        return False
    except (obstore.exceptions.BaseError, OSError) as error:
        raise _refused(path, error) from error
    return True


def _got(store: "ObjectStore", path: str) -> bytes:
    import obstore  # noqa: PLC0415  an extra

    try:
        return bytes(obstore.get(store, path).bytes())
    except (obstore.exceptions.BaseError, OSError) as error:
        raise _refused(path, error) from error


def _delete(store: "ObjectStore", path: str) -> None:
    import obstore  # noqa: PLC0415  an extra

    try:
        obstore.delete(store, path)
    except (FileNotFoundError, obstore.exceptions.NotFoundError):
        return
    except (obstore.exceptions.BaseError, OSError) as error:
        raise _refused(path, error) from error


def _listed(store: "ObjectStore", prefix: str, after: str | None) -> Iterator[str]:
    import obstore  # noqa: PLC0415  an extra

    try:
        pages = list(obstore.list(store, prefix, offset=after))
    except (obstore.exceptions.BaseError, OSError) as error:
        raise _refused(prefix, error) from error
    yield from sorted(str(meta["path"]) for page in pages for meta in page)


def _refused(path: str, error: Exception) -> TemporaryError:
    if "NoSuchBucket" in str(error):
        return TemporaryError("The bucket of the logs does not exist; make it first.")
    reason = str(error).partition("\n")[0].partition("<?xml")[0].strip()
    return TemporaryError(f"The place of the logs does not answer for {path}: {reason}")
