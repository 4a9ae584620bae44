"""Reading payments from a file, and refusing what is none."""

from pathlib import Path

import numpy as np
import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.detect.supervised.payments import read_payments

GOOD = {
    "t": np.array([30, 10, 20], np.int32),
    "customer": np.array([7, 5, 7], np.uint16),
    "terminal": np.array([900, 900, 2], np.uint16),
    "amount": np.array([3.0, 1.0, 2.0], np.float32),
    "fraud": np.array([1, 0, 0], np.uint8),
}


def written(path: Path, **changed: object) -> Path:
    """An archive of GOOD with these arrays instead; None leaves one out."""
    arrays = {name: value for name, value in (GOOD | changed).items() if value is not None}
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_payments_come_in_the_order_of_time(tmp_path: Path) -> None:
    """Rows are sorted, cards and terminals are numbered without gaps, other arrays are ignored."""
    read = read_payments(written(tmp_path / "p.npz", scenario=np.array([9, 9, 9])))
    assert read.at.tolist() == [10, 20, 30]
    assert read.card.tolist() == [0, 1, 1]
    assert read.terminal.tolist() == [1, 0, 1]
    assert read.amount.tolist() == [1.0, 2.0, 3.0]
    assert read.fraud.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"fraud": None}, "has no array 'fraud'"),
        ({"t": np.array([1, 2])}, "not equally long"),
        ({"amount": np.array([1.0, np.nan, 2.0])}, "no amount"),
        ({"amount": np.array([1.0, -1.0, 2.0])}, "no amount"),
        ({"t": np.array([1.0, np.inf, 2.0])}, "no number of seconds"),
        ({"fraud": np.array([0, 1, 2])}, "neither 0 nor 1"),
        ({"customer": np.array(["a", "b", "c"])}, "no numbers"),
        ({"t": np.array([[1, 2, 3]])}, "not equally long"),
    ],
    ids=["missing", "short", "nan", "negative", "endless", "label", "text", "matrix"],
)
def test_what_is_no_payment_is_said(
    tmp_path: Path, changed: dict[str, object], sentence: str
) -> None:
    """Each kind of bad array has its sentence."""
    with pytest.raises(Misconfigured, match=sentence):
        read_payments(written(tmp_path / "p.npz", **changed))


@pytest.mark.parametrize(
    "data", [b"", b"no archive", b"PK\x03\x04 cut off"], ids=["empty", "text", "cut"]
)
def test_a_foreign_file_is_said(tmp_path: Path, data: bytes) -> None:
    """A file that is no archive, or a broken one, is told with its name."""
    path = tmp_path / "p.npz"
    path.write_bytes(data)
    with pytest.raises(Misconfigured, match="no NumPy archive"):
        read_payments(path)


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    """A file of one array, which NumPy reads too, is told as what it is not."""
    np.save(tmp_path / "p.npy", np.arange(3))
    with pytest.raises(Misconfigured, match="no NumPy archive"):
        read_payments(tmp_path / "p.npy")


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    """An archive that would run code when read is refused."""
    path = written(tmp_path / "p.npz", t=np.array([{}, {}, {}], dtype=object))
    with pytest.raises(Misconfigured):
        read_payments(path)
