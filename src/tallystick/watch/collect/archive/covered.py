"""Which parts somebody means: an index, and the time from here to there."""

from collections.abc import Iterable
from hashlib import sha256

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect.archive.parts import Part


class Covered(msgspec.Struct, frozen=True):
    """The parts of an index (None: of all) that overlap [earliest, latest); None is open."""

    index: str | None = None
    earliest_ns: int | None = None
    latest_ns: int | None = None

    def has(self, part: Part) -> bool:
        """Whether a part is meant; a part is never split."""
        return (
            (self.index is None or part.index == self.index)
            and (self.earliest_ns is None or part.max_time >= self.earliest_ns)
            and (self.latest_ns is None or part.min_time < self.latest_ns)
        )

    @property
    def earliest(self) -> str | None:
        """RFC 3339."""
        return None if self.earliest_ns is None else rfc3339(self.earliest_ns)

    @property
    def latest(self) -> str | None:
        """RFC 3339."""
        return None if self.latest_ns is None else rfc3339(self.latest_ns)

    def require_order(self) -> None:
        """Go on only where the end is after the beginning.

        Raises:
            Refused: `BAD_TIME`.
        """
        earliest, latest = self.earliest_ns, self.latest_ns
        if earliest is not None and latest is not None and earliest >= latest:
            raise Refused("BAD_TIME", f"{self.earliest} is not before {self.latest}.")


def hash_of(parts: Iterable[Part]) -> str:
    """One hash for a set of parts: SHA-256 of a line `<sha256>  <path>` each, sorted by path.

    So anybody can say later which parts an entry covered: it is what sha256sum prints of them.
    """
    lines = sorted((part.path, part.sha256) for part in parts)
    text = "".join(f"{digest}  {path}\n" for path, digest in lines)
    return sha256(text.encode()).hexdigest()
