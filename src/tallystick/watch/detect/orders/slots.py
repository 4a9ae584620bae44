"""Which row of the arrays belongs to which entity: bounded, and the least recently used goes."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K", bound=Hashable)
FORGET_SHARE = 16
"""When all slots are taken, the least recently used one in so many is given up at once."""


class Slots(Generic[K]):
    """Slots 0 .. `limit` - 1 for entities by name; a stranger gets a free one.

    Who goes depends on the order of use alone (`touch`), so cutting a stream into other batches
    changes nothing.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.names: dict[K, int] = {}
        self._used = np.zeros(limit, np.int64)
        self._free: list[int] = []  # bounded by: limit
        self._high = 0

    def __len__(self) -> int:
        return len(self.names)

    @property
    def high(self) -> int:
        """Slots from here on were never used."""
        return self._high

    @property
    def room(self) -> int:
        """Strangers that find a slot before somebody is forgotten."""
        return self.limit - len(self.names)

    def knows(self, name: K) -> bool:
        """Whether `of` would find a slot without forgetting anybody."""
        return name in self.names or len(self.names) < self.limit

    def of(self, name: K) -> int:
        """The slot of `name`.

        Raises:
            IndexError: a stranger, and no slot is free.
        """
        slot = self.names.get(name)
        if slot is None:
            if self._free:
                slot = self._free.pop()
            elif self._high < self.limit:
                slot = self._high
                self._high += 1
            else:
                raise IndexError("no slot is free")
            self.names[name] = slot
        return slot

    def release(self, name: K) -> int:
        """Forget `name`; the slot that it had, -1 for a stranger."""
        slot = self.names.pop(name, -1)
        if slot >= 0:
            self._free.append(slot)
        return slot

    def touch(self, slots: NDArray[np.int64], moments: NDArray[np.int64]) -> None:
        """These slots were used at these moments (rows of the stream), in order."""
        self._used[slots] = moments

    def forget(self) -> NDArray[np.int64]:
        """Give up the least recently used entities; their slots, to be cleared."""
        number = max(1, self.limit // FORGET_SHARE)
        taken = np.fromiter(self.names.values(), np.int64, len(self.names))
        oldest = np.argsort(self._used[taken], kind="stable")[:number]
        gone = set(taken[oldest].tolist())
        self.names = {name: slot for name, slot in self.names.items() if slot not in gone}
        slots = np.sort(taken[oldest])
        self._free = slots[::-1].tolist()
        return slots

    def saved(self) -> tuple[list[K], list[int], list[int]]:
        """Names, slots and moments of use, and the order of the free slots, for `restore`."""
        taken = list(self.names.values())
        return list(self.names), taken, self._used[taken].tolist()

    @property
    def free(self) -> list[int]:
        """Slots that were given up and not yet given away, the next one last."""
        return self._free

    def restore(
        self, names: Iterable[K], slots: Sequence[int], used: Sequence[int], free: Sequence[int]
    ) -> None:
        """Know these again.

        Raises:
            ValueError: slots that overlap or are beyond the limit.
        """
        known = dict(zip(names, slots, strict=True))
        every = [*slots, *free]
        high = len(every)
        if len(known) != len(slots) or sorted(every) != list(range(high)) or high > self.limit:
            raise ValueError("these slots do not belong together")
        self.names = known
        self._used[:] = 0
        self._used[list(slots)] = list(used)
        self._free = list(free)
        self._high = high
