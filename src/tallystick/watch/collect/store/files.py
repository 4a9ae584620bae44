"""Files of parts, wherever they lie: on the store's shelf, in an archive, or in the cache."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from tallystick.errors import Corrupt, Misconfigured
from tallystick.watch.collect.store.cache import PartCache
from tallystick.watch.collect.store.parts import Part, PartSource, UnreadablePartError
from tallystick.watch.collect.store.place import Shelf

_COLD = ("cold", "restoring")
_log = structlog.get_logger("collect")


class PartFiles:
    """Gives a part as a local file; archives are known by the name that parts carry."""

    def __init__(self, shelf: Shelf, cache: PartCache, folders: Sequence[Path]) -> None:
        """`folders` are those that the engine may read."""
        self._shelf = shelf
        self._cache = cache
        self._folders = folders
        self._sources: dict[str, PartSource] = {}

    def attach(self, place: str, source: PartSource) -> None:
        """Parts with this place are with this source."""
        self._sources[place] = source

    def put(self, part: Part, file: Path) -> None:
        """Put a finished file on the shelf; durable when this returns.

        Raises:
            TemporaryError: try again.
        """
        self._shelf.put(part.path, file)
        if file.exists():
            self._cache.take(part, file)

    def delete(self, path: str) -> None:
        """Remove a part from the shelf, there or not."""
        self._shelf.delete(path)

    def paths(self) -> Iterator[str]:
        """Every part on the shelf."""
        return self._shelf.paths()

    @contextmanager
    def using(self, parts: Iterable[Part]) -> Iterator[dict[str, Path]]:
        """The files of these parts by their paths; they stay within the block.

        Raises:
            ColdPartError: one must be restored first.
            Refused: `QUERY_TOO_LARGE`, they do not fit into the cache together.
            TemporaryError: one cannot be reached.
            Corrupt: one is not what was sealed.
        """
        wanted = {part.path: (part, self._local(part)) for part in parts}
        self._cache.needs([part for part, path in wanted.values() if path is None])
        with ExitStack() as stack:
            yield {
                name: path or stack.enter_context(self._cached(part))
                for name, (part, path) in wanted.items()
            }

    @contextmanager
    def _cached(self, part: Part) -> Iterator[Path]:
        def fetch(target: Path) -> None:
            if part.place:
                self._source(part).fetch(part, target)
            else:
                self._shelf.fetch(part.path, target)

        with ExitStack() as stack:
            try:
                path = stack.enter_context(self._cache.using(part, fetch))
            except Corrupt as error:
                if not part.place:
                    raise
                # One archived part that is gone must not keep all others from being searched.
                _log.error("collect.part_unreadable", body=str(error), **{"log.part": part.path})
                raise UnreadablePartError(part.path) from error
            yield path

    def _local(self, part: Part) -> Path | None:
        if not part.place:
            return self._shelf.local(part.path)
        path = self._source(part).local(part)
        readable = path is not None and any(map(path.is_relative_to, self._folders))
        return path if readable else None

    def _source(self, part: Part) -> PartSource:
        source = self._sources.get(part.place)
        if source is None:
            raise Misconfigured(f"{part.path} is in the archive {part.place!r}: it is not set up.")
        return source


def is_cold(part: Part) -> bool:
    """Whether the part must be restored before anybody can read it."""
    return part.state in _COLD
