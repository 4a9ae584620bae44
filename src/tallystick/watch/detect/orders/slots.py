"""Which row of the arrays belongs to which entity: bounded, and the least recently used goes."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

K = TypeVar("K", str, tuple[str, str])
FORGET_SHARE = 16
"""When all slots are taken, the least recently used one in so many is given up at once."""


MOMENTS_MAX = 2**62
"""No stream has so many rows."""


class SlotsSaved(msgspec.Struct):
    """Names, their slots, when each was last used, and the free slots, the next one last."""

    names: list[str | tuple[str, str]]
    slots: list[int]
    used: list[int]
    free: list[int]


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

    def name(self, slot: int) -> K:
        """Who has this slot (a slow search, for the few that are told of).

        Raises:
            KeyError: nobody has it.
        """
        for name, taken in self.names.items():
            if taken == slot:
                return name
        raise KeyError(slot)

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

    def saved(self) -> SlotsSaved:
        """Everything, for `restore`."""
        taken = list(self.names.values())
        names: list[str | tuple[str, str]] = list(self.names)
        return SlotsSaved(names, taken, self._used[taken].tolist(), list(self._free))

    def restore(self, names: Sequence[K], saved: SlotsSaved) -> None:
        """Know these names again.

        Raises:
            ValueError: slots that overlap or are beyond the limit.
        """
        known = dict(zip(names, saved.slots, strict=True))
        every = [*saved.slots, *saved.free]
        high = len(every)
        if len(known) != len(names) or sorted(every) != list(range(high)) or high > self.limit:
            raise ValueError("these slots do not belong together")
        if len(saved.used) != len(names) or not all(0 <= used < MOMENTS_MAX for used in saved.used):
            raise ValueError("these slots were used at no moments")
        self.names = known
        self._used[:] = 0
        self._used[saved.slots] = saved.used
        self._free = list(saved.free)
        self._high = high
