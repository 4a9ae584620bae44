"""Card payments with their labels, read from a file: what the public fraud benchmark is made of."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Misconfigured
from tallystick.watch.detect.supervised.kernels import DAY_SECONDS

PAYMENTS_MAX = 50_000_000
"""Most payments that a file may hold: about 10 GB of features."""
AMOUNT_MAX = 1e12
COLUMNS = ("t", "customer", "terminal", "amount", "fraud")


@dataclass(frozen=True)
class Payments:
    """Payments in the order of their time; row i of every array is payment i.

    `at` are whole seconds from a midnight, `card` and `terminal` count from 0 without gaps,
    `fraud` is 0 or 1, which everybody knows only some days later.
    """

    at: NDArray[np.int64]
    card: NDArray[np.int64]
    terminal: NDArray[np.int64]
    amount: NDArray[np.float64]
    fraud: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.at)

    @property
    def day(self) -> NDArray[np.int64]:
        """The day of each payment, counted from the midnight that `at` counts from."""
        return self.at // DAY_SECONDS

    def first(self, count: int) -> "Payments":
        """The first so many payments."""
        return Payments(
            self.at[:count],
            self.card[:count],
            self.terminal[:count],
            self.amount[:count],
            self.fraud[:count],
        )


def read_payments(path: Path) -> Payments:
    """The payments in a NumPy archive with `t`, `customer`, `terminal`, `amount` and `fraud`.

    `t` are seconds from a midnight, in any order; further arrays are not read.

    Raises:
        Misconfigured: the file is no such archive, or says what no payment can be.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            missing = [name for name in COLUMNS if name not in archive.files]
            if missing:
                raise Misconfigured(f"{path} has no array {missing[0]!r}.")
            raw = [np.asarray(archive[name]) for name in COLUMNS]
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise Misconfigured(f"{path} is no NumPy archive (.npz) of payments.") from error
    return _checked(path, *raw)


def _checked(
    path: Path,
    at: NDArray[np.generic],
    card: NDArray[np.generic],
    terminal: NDArray[np.generic],
    amount: NDArray[np.generic],
    fraud: NDArray[np.generic],
) -> Payments:
    columns = (at, card, terminal, amount, fraud)
    if any(column.ndim != 1 or len(column) != len(at) for column in columns):
        raise Misconfigured(f"The arrays of {path} are not equally long columns.")
    if not 0 < len(at) <= PAYMENTS_MAX:
        raise Misconfigured(f"{path} has {len(at)} payments; 1 to {PAYMENTS_MAX} can be read.")
    if any(column.dtype.kind not in "iufb" for column in columns):
        raise Misconfigured(f"An array of {path} holds no numbers.")
    seconds, amounts, frauds = (column.astype(np.float64) for column in (at, amount, fraud))
    if not (np.isfinite(seconds).all() and seconds.min() >= 0):
        raise Misconfigured(f"A time in {path} is no number of seconds.")
    if not (np.isfinite(amounts).all() and amounts.min() >= 0 and amounts.max() <= AMOUNT_MAX):
        raise Misconfigured(f"An amount in {path} is no amount.")
    if not np.isin(frauds, (0, 1)).all():
        raise Misconfigured(f"A label in {path} is neither 0 nor 1.")
    order = np.argsort(seconds, kind="stable")
    return Payments(
        seconds[order].astype(np.int64),
        np.unique(card, return_inverse=True)[1][order].astype(np.int64),
        np.unique(terminal, return_inverse=True)[1][order].astype(np.int64),
        amounts[order],
        frauds[order].astype(np.uint8),
    )
