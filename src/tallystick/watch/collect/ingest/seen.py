"""What was seen of late: a bounded memory of keys, in two generations."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from tallystick.clock import NS_PER_SECOND, Clock

Key = TypeVar("Key", bound=Hashable)


class Seen(Generic[Key]):
    """Knows the newest keys: all of the last `keys_max / 2`, none before the last `keys_max`.

    With `seconds` it also forgets by time: after that long at the earliest, twice that at the
    latest. Not for several threads at once.
    """

    def __init__(self, clock: Clock, keys_max: int, seconds: float | None = None) -> None:
        self._clock = clock
        self._half = max(keys_max // 2, 1)
        self._ns = None if seconds is None else round(seconds * NS_PER_SECOND)
        self._new: set[Key] = set()
        self._old: set[Key] = set()
        self._since_ns = clock.monotonic_ns()

    def __contains__(self, key: Key) -> bool:
        return key in self._new or key in self._old

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def add(self, key: Key) -> None:
        """Remember it; whatever is too old is forgotten."""
        if len(self._new) >= self._half:
            self._turn()
        self._new.add(key)

    def forget_old(self) -> None:
        """Let go of what is past its time."""
        if self._ns is None:
            return
        age_ns = self._clock.monotonic_ns() - self._since_ns
        if age_ns >= self._ns:
            self._turn()
        if age_ns >= 2 * self._ns:
            self._turn()

    def _turn(self) -> None:
        self._old, self._new = self._new, set()
        self._since_ns = self._clock.monotonic_ns()
