"""A bounded memory of entities: the least recently used goes first."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Entities(Generic[T]):
    """What is known of each entity, by its name; a stranger is made by `new`."""

    __slots__ = ("_known", "_limit", "_new")

    def __init__(self, new: Callable[[], T], limit: int) -> None:
        self._new = new
        self._limit = limit
        self._known: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[tuple[str, T]]:
        """Names and what is known, the least recently used first."""
        return iter(self._known.items())

    def of(self, name: str) -> T:
        """What is known of `name`, which is now the most recently used."""
        known = self._known
        found = known.get(name)
        if found is None:
            if len(known) >= self._limit:
                known.popitem(last=False)
            found = known[name] = self._new()
            return found
        known.move_to_end(name)
        return found

    def replace(self, items: Iterable[tuple[str, T]]) -> None:
        """Forget everything and know these, given in the order in which they were iterated."""
        self._known = OrderedDict(items)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
