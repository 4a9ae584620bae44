"""What every look at orders has: state by slot in arrays, and what it says of each row.

A look is one detector, or several that share what they know. `judge` walks over a micro-batch in
compiled code and leaves, for each of its names, a p-value a row in `out`; of the few rows that are
odd it also leaves what a person must be told, as it was known at that row. `finding` then says it
in words.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.orders.columns import Columns
from tallystick.watch.detect.orders.saving import Array
from tallystick.watch.detect.score import Finding

ROWS_MAX = 512
"""Most rows that are judged at once."""
CASE_MAX = 32
"""Most ledger positions that make one case."""
EXTRAS = 6
"""Further numbers that a sentence may need."""

Arrays = tuple["Array | Arrays", ...]
"""A NamedTuple of arrays (or of such tuples) that a kernel works on."""


class Out(NamedTuple):
    """What is said of each row; all but `p` only where `p` is at most the alarm's threshold.

    `came` against the usual `low` .. `high`; `extra` is what else the sentence needs. `example_*`
    is the nearest ordinary observation (position -1: none is kept); `case` holds the ledger
    positions, oldest first, -1 behind the last.
    """

    p: NDArray[np.float64]
    came: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    extra: NDArray[np.float64]
    example_at: NDArray[np.float64]
    example_position: NDArray[np.int64]
    example_value: NDArray[np.float64]
    case: NDArray[np.int64]


def floats(*shape: int) -> NDArray[np.float64]:
    """Numbers, all 0."""
    return np.zeros(shape)


def wholes(*shape: int) -> NDArray[np.int64]:
    """Whole numbers, all 0."""
    return np.zeros(shape, np.int64)


def new_out() -> Out:
    """Room for ROWS_MAX rows."""
    return Out(
        p=floats(ROWS_MAX),
        came=floats(ROWS_MAX),
        low=floats(ROWS_MAX),
        high=floats(ROWS_MAX),
        extra=floats(ROWS_MAX, EXTRAS),
        example_at=floats(ROWS_MAX),
        example_position=wholes(ROWS_MAX),
        example_value=floats(ROWS_MAX),
        case=np.full((ROWS_MAX, CASE_MAX), -1, np.int64),
    )


class Look(Protocol):
    """The inner port: what `OrderWatch` asks of each look."""

    out: Mapping[str, Out]
    """What it said of the batch, by the names of its detectors."""
    state: Mapping[str, Arrays]
    """All that it learns, by the table whose slots are the first dimension (`account`, `book`,
    `pair`, `order`), or `shared`. A slot of zeros is a stranger."""

    def judge(self, columns: Columns, alarm_p: float) -> None:
        """Score the rows one after the other, and learn each after it was scored."""
        ...

    def forget(self, accounts: NDArray[np.int64]) -> None:
        """These slots of accounts go to others: drop what points to them from elsewhere."""
        ...

    def finding(self, name: str, row: int, seen: Observation) -> Finding:
        """What to say of this row of the batch judged last."""
        ...


def flat(arrays: Arrays) -> Iterator[Array]:
    """Every array of a tuple of tuples of arrays, in order."""
    for part in arrays:
        if isinstance(part, tuple):
            yield from flat(part)
        else:
            yield part
