"""What the archive needs of the log store: its parts, and to be told where they lie."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tallystick.watch.collect.store import ColdPartError, Lock, Part, PartSource, State

__all__ = ["PLACE", "ColdPartError", "Lock", "Part", "PartSource", "Parts", "State"]

PLACE = "archive"
"""The place of a part that lies in the vault; one that the store keeps itself has none."""


class Parts(Protocol):
    """The log store, as far as the archive goes. Every change is durable at return.

    A change of a part that was merged or removed meanwhile is `Refused` with `NO_SUCH_PART`.
    """

    def parts(self) -> tuple[Part, ...]:
        """All parts, as the manifest has them now."""
        ...

    def compact(self) -> bool:
        """Merge small parts once; whether anything was merged."""
        ...

    def file(self, part: Part) -> AbstractContextManager[Path]:
        """The part's bytes as a local file, kept while inside."""
        ...

    def relocate(
        self, part: Part, place: str, *, state: State = "archived", lock: Lock | None = None
    ) -> Part:
        """The part lies elsewhere from now on; the store's own copy goes afterwards."""
        ...

    def mark(self, part: Part, state: State) -> Part:
        """What can be done with the part now."""
        ...

    def lock(self, part: Part, lock: Lock) -> Part:
        """What keeps the part from being removed or merged."""
        ...

    def remove(self, parts: Sequence[Part]) -> None:
        """Forget the parts."""
        ...
