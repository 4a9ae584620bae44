"""Vectors of many entities, judged online: one object, whose slots belong to the caller."""

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tallystick.watch.detect.vector import kernels
from tallystick.watch.detect.vector.config import EVENTS, VectorConfig
from tallystick.watch.detect.vector.state import (
    F8,
    I8,
    Shared,
    Slots,
    VectorScores,
    empty_row,
    empty_shared,
    empty_slots,
    numbers,
    unsaid,
)

FORM = 1
"""Of a snapshot."""


class _Head(msgspec.Struct, frozen=True):
    form: int
    features: int
    used: int
    config: VectorConfig


class VectorStreams:
    """Judges rows of `features` numbers, each by the past of its slot (0 .. slots - 1).

    Strictly causal and deterministic: a row is scored, then learnt, and however rows are cut into
    calls the numbers are the same. Memory a slot and time a row are constant. Values that are not
    finite are left out of the row they come in. What a slot has not learnt yet, it takes from all
    slots; whose slot it is, and when it goes to somebody else (`forget`), is the caller's business.
    """

    def __init__(self, features: int, slots: int = 1, config: VectorConfig = EVENTS) -> None:
        self.features = features
        self.slots = slots
        self.config = config
        self._numbers = numbers(config)
        self._slots = empty_slots(slots, features)
        self._shared = empty_shared(features, config)
        self._row = empty_row(features, config)
        self._used = 0

    def observe(
        self, slots: ArrayLike, rows: ArrayLike, tags: ArrayLike | None = None
    ) -> VectorScores:
        """Score, then learn, each row by its slot.

        `tags` name the rows to their owner (ledger positions), and come back as `nearest_tag`.

        Returns:
            Arrays with a row for each row: `p_values`, the estimated share of ordinary rows of this
            slot that are at least as odd (NaN during warm-up). For rows with p <= explain_p also
            `surprise`, each coordinate's part of -log10 p (they add up to it); its usual range
            `low` .. `high` and the value that the other coordinates let expect, `expected`; and the
            `nearest` of the slot's last ordinary rows with its tag. Elsewhere NaN, and tag -1.

        Raises:
            ValueError: shapes do not fit, or there is no such slot.
        """
        which: I8 = np.ascontiguousarray(slots, dtype=np.int64)
        matrix: F8 = np.ascontiguousarray(rows, dtype=np.float64)
        if matrix.shape != (len(which), self.features):
            raise ValueError(f"rows are {matrix.shape}, not {(len(which), self.features)}")
        named = np.full(len(which), -1) if tags is None else tags
        tagged: I8 = np.ascontiguousarray(named, dtype=np.int64)
        if len(tagged) != len(which):
            raise ValueError("every row needs a tag, or none has one")
        said = unsaid(len(which), self.features)
        if len(which) == 0:
            return said
        if which.min() < 0 or which.max() >= self.slots:
            raise ValueError(f"slots are 0 to {self.slots - 1}")
        self._used = max(self._used, int(which.max()) + 1)
        kernels.observe(
            self._slots, self._shared, self._numbers, self._row, which, matrix, tagged, said
        )
        return said

    def forget(self, slot: int) -> None:
        """The slot is somebody else's from now on."""
        for array in _arrays(self._slots):
            array[slot] = 0

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        head = msgspec.json.encode(_Head(FORM, self.features, self._used, self.config))
        arrays = _learnt(self._slots, self._shared, self._used)
        return b"\n".join([head, b"".join(array.tobytes() for array in arrays)])

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of streams of the same configuration.

        Raises:
            ValueError: the bytes are no such snapshot; nothing is changed.
        """
        line, _, body = data.partition(b"\n")
        try:
            head = msgspec.json.decode(line, type=_Head)
        except msgspec.DecodeError as error:
            raise ValueError(f"no snapshot of vector streams: {error}") from error
        if head != _Head(FORM, self.features, head.used, self.config):
            raise ValueError("a snapshot of vector streams that are configured otherwise")
        if not 0 <= head.used <= self.slots:
            raise ValueError(f"a snapshot of {head.used} slots, and there are {self.slots}")
        slots = empty_slots(self.slots, self.features)
        shared = empty_shared(self.features, self.config)
        learnt = _learnt(slots, shared, head.used)
        if len(body) != sum(array.nbytes for array in learnt):
            raise ValueError("a snapshot of vector streams that was cut or changed")
        at = 0
        for array in learnt:
            part = np.frombuffer(body, array.dtype, array.size, at)
            array[...] = part.reshape(array.shape)
            at += array.nbytes
        self._slots, self._shared, self._used = slots, shared, head.used


def _arrays(learnt: Slots | Shared) -> list[NDArray[np.generic]]:
    return list(learnt)


def _learnt(slots: Slots, shared: Shared, used: int) -> list[NDArray[np.generic]]:
    """Views of all arrays, of the slots only those that were used."""
    return [array[:used] for array in _arrays(slots)] + _arrays(shared)
