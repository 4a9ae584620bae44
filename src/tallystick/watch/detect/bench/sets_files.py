"""Labelled sets of rows: SKAB's sensors in order of time, ADBench's rows in no order."""

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Misconfigured
from tallystick.watch.detect.bench.nab_score import Floats

LABELS = ("anomaly", "changepoint")
"""Columns of SKAB that say what a row is; whoever judges is not shown them."""

Flags = NDArray[np.bool_]


class SensorFile(msgspec.Struct, frozen=True):
    """One run of a machine: rows in order of time, and which are anomalous.

    `group` is its folder (`valve1`); a file without labels is all ordinary.
    """

    group: str
    name: str
    rows: Floats
    odd: Flags


class RowSet(msgspec.Struct, frozen=True):
    """Rows that stand for themselves, and which are anomalous."""

    name: str
    rows: Floats
    odd: Flags


class Sets(msgspec.Struct, frozen=True):
    """What was found below a folder; `left_out` says of the rest why."""

    sensors: list[SensorFile]
    row_sets: list[RowSet]
    left_out: dict[str, str]


def read_sets(folder: Path) -> Sets:
    """All labelled sets below the folder, in the order of their names.

    Raises:
        Misconfigured: there is none, or a file cannot be read.
    """
    sensors, row_sets, left_out = [], [], {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.name.endswith(".jsonl.gz"):
            left_out[name] = "sequences of events; these detectors judge rows of numbers"
        elif path.suffix == ".csv" and (sensor := _read_sensors(path)) is not None:
            sensors.append(sensor)
        elif path.suffix == ".npz":
            found = _read_rows(path)
            if found is None:
                left_out[name] = "has no X and y"
            else:
                row_sets.append(found)
    if not sensors and not row_sets:
        raise Misconfigured(f"There is no labelled set below {folder}.")
    return Sets(sensors, row_sets, left_out)


def _read_sensors(path: Path) -> SensorFile | None:
    """A file with semicolons and a column `datetime`; None for any other."""
    try:
        with path.open(newline="") as file:
            lines = csv.reader(file, delimiter=";")
            heads = next(lines, [])
            if not heads or heads[0] != "datetime":
                return None
            table = np.array([[float(cell) for cell in line[1:]] for line in lines if line])
    except (OSError, ValueError, csv.Error) as error:
        raise Misconfigured(f"{path} cannot be read: {error}.") from error
    return _sensor_file(path, heads[1:], table.reshape(-1, len(heads) - 1))


def _sensor_file(path: Path, heads: Sequence[str], table: Floats) -> SensorFile:
    shown = [at for at, head in enumerate(heads) if head not in LABELS]
    odd = np.zeros(len(table), dtype=bool)
    if LABELS[0] in heads:
        odd = table[:, heads.index(LABELS[0])] > 0
    return SensorFile(path.parent.name, path.name, table[:, shown], odd)


def _read_rows(path: Path) -> RowSet | None:
    try:
        with np.load(path) as arrays:
            if not {"X", "y"} <= set(arrays.files):
                return None
            rows, odd = arrays["X"].astype(np.float64), arrays["y"] > 0
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise Misconfigured(f"{path} cannot be read: {error}.") from error
    if rows.ndim != 2 or odd.shape != rows.shape[:1]:
        raise Misconfigured(f"{path} has not one label a row.")
    return RowSet(path.stem, rows, odd)
