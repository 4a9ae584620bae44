"""Saved searches: queries that people keep under a name, in one file of the data folder."""

import threading
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from tallystick.clock import Clock, rfc3339
from tallystick.durable import replace_file
from tallystick.errors import Misconfigured, Refused
from tallystick.watch.collect.query.pipeline import PIPELINE_CHARACTERS_MAX

SAVED_SEARCHES_MAX = 1_000
"""Most saved searches of one data folder."""
SAVED_NAME_CHARACTERS_MAX = 100
"""Longest name of a saved search."""
SAVED_DESCRIPTION_CHARACTERS_MAX = 1_000
"""Longest description of a saved search."""
TIME_CHARACTERS_MAX = 64
"""Longest `earliest` or `latest`, such as `-7d@d`."""

Text = Annotated[str, Meta(min_length=1, max_length=PIPELINE_CHARACTERS_MAX)]
Moment = Annotated[str, Meta(min_length=1, max_length=TIME_CHARACTERS_MAX)]
Description = Annotated[str, Meta(max_length=SAVED_DESCRIPTION_CHARACTERS_MAX)]


class SavedSearch(msgspec.Struct, frozen=True):
    """A query under a name; `earliest` and `latest` are the range it is run over by default."""

    name: str
    query: str
    description: str
    earliest: str | None
    latest: str | None
    author: str
    updated_at: str


class SavedSearches:
    """All saved searches, kept in one file that is replaced whole; for any thread."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Read what is there; the folder must exist by the time the first one is saved.

        Raises:
            Misconfigured: the file is there and holds something else.
        """
        self._path = path
        self._clock = clock
        self._changing = threading.Lock()
        self._by_name = {each.name: each for each in _read(path)}

    def all(self) -> tuple[SavedSearch, ...]:
        """Every one, by name."""
        known = self._by_name
        return tuple(known[name] for name in sorted(known))

    def get(self, name: str) -> SavedSearch:
        """The one with this name.

        Raises:
            Refused: `UNKNOWN_SEARCH`.
        """
        found = self._by_name.get(name)
        if found is None:
            raise _unknown(name)
        return found

    def put(
        self,
        name: str,
        query: str,
        author: str,
        *,
        description: str = "",
        earliest: str | None = None,
        latest: str | None = None,
    ) -> SavedSearch:
        """Keep a query under this name, in the place of another; durable on return.

        Whether the query can be understood is the caller's to find out first.

        Raises:
            Refused: `VALUE_NOT_ALLOWED`, the name cannot be; `SEARCHES_TOO_MANY`.
        """
        check_name(name)
        at = rfc3339(self._clock.now_ns())
        saved = SavedSearch(name, query, description, earliest, latest, author, at)
        with self._changing:
            if name not in self._by_name and len(self._by_name) >= SAVED_SEARCHES_MAX:
                raise Refused(
                    "SEARCHES_TOO_MANY", f"There are {SAVED_SEARCHES_MAX:,} saved searches already."
                )
            self._save(self._by_name | {name: saved})
        return saved

    def remove(self, name: str) -> SavedSearch:
        """Forget the one with this name; what it was.

        Raises:
            Refused: `UNKNOWN_SEARCH`.
        """
        with self._changing:
            found = self.get(name)
            self._save({each: kept for each, kept in self._by_name.items() if each != name})
        return found

    def _save(self, kept: dict[str, SavedSearch]) -> None:
        """Write, and only then show: whoever reads sees what is durable."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        data = msgspec.json.format(msgspec.json.encode(list(kept.values())), indent=2)
        replace_file(self._path, data + b"\n")
        self._by_name = kept


def check_name(name: str) -> None:
    """Refuse what cannot be a saved search's name.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`.
    """
    usable = 0 < len(name) <= SAVED_NAME_CHARACTERS_MAX and name.isprintable()
    if not usable or name != name.strip() or "/" in name or name.startswith("_"):
        sentence = (
            f"A saved search's name has 1 to {SAVED_NAME_CHARACTERS_MAX} characters that can be"
            " printed, no slash, no underscore in front and no space at its ends."
        )
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="name")


def _unknown(name: str) -> Refused:
    return Refused("UNKNOWN_SEARCH", f"There is no saved search {name[:100]!r}.")


def _read(path: Path) -> list[SavedSearch]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[SavedSearch])
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Misconfigured(f"{path} does not hold saved searches: {error}.") from error
