"""Accounts by slot: names on one side, rows of arrays on the other, the least recent goes first."""

from collections import OrderedDict
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.drift.kernels import (
    ASPECTS,
    COMMON_FIELDS,
    DAY_FIELDS,
    PAIRS_HELD,
    PROFILE_FIELDS,
    TRAIL_DAYS,
    State,
)

SLOTS_FIRST = 1_024
"""Slots that there is room for at first; room doubles."""


FIELDS: dict[str, tuple[tuple[int, ...], str]] = {
    "profile": ((ASPECTS, PROFILE_FIELDS), "f8"),
    "day": ((DAY_FIELDS,), "f8"),
    "positions": ((PAIRS_HELD,), "f8"),
    "pairs": ((PAIRS_HELD,), "i8"),
    "trail": ((TRAIL_DAYS,), "i8"),
}
"""The arrays by slot: what a slot has in each, and the type of its numbers."""


class _Saved(msgspec.Struct):
    v: Literal[1]
    names: list[str]
    arrays: dict[str, bytes]
    common: bytes
    clock: float


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class Slots:
    """The state of the drift guard, with the names of its slots."""

    def __init__(self, entities_max: int) -> None:
        self._entities_max = entities_max
        self._slots: OrderedDict[str, int] = OrderedDict()
        common = np.zeros((ASPECTS, COMMON_FIELDS))
        self.state = State(
            **_room(min(SLOTS_FIRST, entities_max)), common=common, clock=np.zeros(1)
        )

    def __len__(self) -> int:
        """Accounts that are known."""
        return len(self._slots)

    @property
    def is_full(self) -> bool:
        """Whether the next new account takes another one's slot."""
        return len(self._slots) >= self._entities_max

    def known(self, name: str) -> int:
        """The slot of an account, which is now the most recent; -1 where it is not known."""
        slot = self._slots.get(name, -1)
        if slot >= 0:
            self._slots.move_to_end(name)
        return slot

    def new(self, name: str) -> int:
        """A slot for a new account, of which nothing is known."""
        if self.is_full:
            _gone, slot = self._slots.popitem(last=False)
            for field in FIELDS:
                getattr(self.state, field)[slot] = 0
        else:
            slot = len(self._slots)
            if slot == len(self.state.day):
                self._grow()
        self.state.pairs[slot] = -1
        self._slots[name] = slot
        return slot

    def snapshot(self) -> bytes:
        """Everything, for `restore`: the names from the least recent on, their rows alike."""
        order = list(self._slots.values())
        state = self.state
        arrays = {field: getattr(state, field)[order].tobytes() for field in FIELDS}
        names, clock = list(self._slots), float(state.clock[0])
        return _ENCODER.encode(_Saved(1, names, arrays, state.common.tobytes(), clock))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: the bytes are none; nothing has changed.
        """
        saved = _DECODER.decode(data)
        count = len(saved.names)
        if count > self._entities_max:
            raise ValueError("a snapshot of more accounts than there is room for")
        room = _room(max(count, min(SLOTS_FIRST, self._entities_max)))
        for field, (shape, kind) in FIELDS.items():
            rows = np.frombuffer(saved.arrays.get(field, b""), kind)
            room[field][:count] = rows.reshape((count, *shape))
        common = np.frombuffer(saved.common).reshape((ASPECTS, COMMON_FIELDS)).copy()
        self.state = State(**room, common=common, clock=np.array([saved.clock]))
        self._slots = OrderedDict((name, slot) for slot, name in enumerate(saved.names))

    def _grow(self) -> None:
        room = _room(min(self._entities_max, 2 * len(self.state.day)))
        for field in FIELDS:
            known = getattr(self.state, field)
            room[field][: len(known)] = known
        self.state = self.state._replace(**room)


def _room(slots: int) -> dict[str, NDArray[Any]]:
    return {field: np.zeros((slots, *shape), kind) for field, (shape, kind) in FIELDS.items()}
