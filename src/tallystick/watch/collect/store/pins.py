"""Pins: what a search may still be reading is let go only when that search is over."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count


class Pins:
    """Knows who reads; runs what was handed to `retire` once nobody reads from before then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count()
        self._readers: set[int] = set()
        self._retired: list[tuple[set[int], Callable[[], None]]] = []  # bounded by: removals

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Nothing that is there at the beginning of the block goes away within it."""
        number = self.enter()
        try:
            yield
        finally:
            self.leave(number)

    def enter(self) -> int:
        """Begin to read; `leave` with the number that this gives."""
        with self._lock:
            number = next(self._numbers)
            self._readers.add(number)
            return number

    def leave(self, number: int) -> None:
        """The reading is over; may be said twice."""
        with self._lock:
            self._readers.discard(number)
            for readers, _ in self._retired:
                readers.discard(number)
            free = [act for readers, act in self._retired if not readers]
            self._retired = [entry for entry in self._retired if entry[0]]
        for act in free:
            act()

    def retire(self, act: Callable[[], None]) -> None:
        """Run `act` as soon as nobody reads who reads now; in this thread if nobody does."""
        with self._lock:
            waiting = set(self._readers)
            if waiting:
                self._retired.append((waiting, act))
        if not waiting:
            act()
