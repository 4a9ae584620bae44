"""A folder in the form of the Numenta Anomaly Benchmark: series, labels and, if there, profiles.

    DIR/data/**/*.csv                    columns `timestamp` and `value`
    DIR/labels/combined_windows.json     {"folder/file.csv": [["first stamp", "last stamp"], ...]}
    DIR/labels/combined_labels.json      instead: {"folder/file.csv": ["stamp", ...]}
    DIR/config/profiles.json             what hits, misses and false alarms are worth

Nothing of it is kept: the product ships without anybody's data.
"""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Misconfigured
from tallystick.watch.detect.bench.nab_score import PROFILES, Floats, Labelled, Profile

WINDOW_SHARE = 0.1
"""A file's windows together take this share of its rows where only labels are given (NAB's)."""
US_PER_SECOND = 1_000_000
NAMES = {"reward_low_FP_rate": "low_fp", "reward_low_FN_rate": "low_fn"}
"""What a folder's profiles are called here; others keep their names."""

Micros = NDArray[np.int64]
Label = tuple[str, str] | str
"""A window's first and last stamp, or the stamp that a window is to be put around."""
T = TypeVar("T")


class Series(msgspec.Struct, frozen=True):
    """One file: its labels, and what a detector is shown, row by row. A value may be NaN."""

    labelled: Labelled
    at_seconds: Floats
    values: Floats


class NabFolder(msgspec.Struct, frozen=True):
    """What is in a folder; `labels` says which of the two label files it was scored by.

    `profiles` are NAB's three, with the folder's own numbers where it has any, and its others.
    """

    series: tuple[Series, ...]
    profiles: tuple[Profile, ...]
    labels: str


class _Costs(msgspec.Struct):
    hit: float = msgspec.field(name="tpWeight", default=1.0)
    miss: float = msgspec.field(name="fnWeight", default=1.0)
    false_alarm: float = msgspec.field(name="fpWeight", default=0.11)


class _Profile(msgspec.Struct):
    costs: _Costs = msgspec.field(name="CostMatrix")


def read_folder(folder: Path) -> NabFolder:
    """Read all series of a folder in the order of their names, with their windows.

    A file that the labels do not name has no window: all its alerts are false.

    Raises:
        Misconfigured: no series or no labels are there, or a file cannot be read; says which.
    """
    root = folder / "data" if (folder / "data").is_dir() else folder
    paths = sorted(root.rglob("*.csv"))
    if not paths:
        raise Misconfigured(f"There is no CSV file under {root}.")
    source = _labels_file(folder)
    labels = _decoded(source, dict[str, list[Label]])
    series = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        stamps, values = _read_series(path)
        try:
            rows = _windows(labels.get(name, labels.get(path.name, [])), stamps)
        except ValueError as error:
            raise Misconfigured(f"{source}, {name}: {error}.") from error
        series.append(Series(Labelled(name, len(stamps), rows), stamps / US_PER_SECOND, values))
    return NabFolder(tuple(series), _read_profiles(folder), source.name)


def read_scores(file: Path, series: Sequence[Series]) -> list[Floats]:
    """Somebody's per-record scores of these series, from an npz with `|` for `/` in its names.

    Raises:
        Misconfigured: it is no such file, or lacks a series or a row.
    """
    scores = []
    try:
        with np.load(file) as arrays:
            for each in series:
                said = arrays[each.labelled.name.replace("/", "|")].astype(np.float64)
                if said.shape != each.values.shape:
                    raise Misconfigured(f"{file} has not one score a row of {each.labelled.name}.")
                scores.append(said)
    except KeyError as error:
        raise Misconfigured(f"{file} has no scores of a series: {error}.") from error
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file} cannot be read: {error}.") from error
    return scores


def _labels_file(folder: Path) -> Path:
    for place in (folder / "labels", folder):
        for name in ("combined_windows.json", "combined_labels.json"):
            if (place / name).is_file():
                return place / name
    raise Misconfigured(
        f"There is neither combined_windows.json nor combined_labels.json in {folder / 'labels'}."
    )


def _decoded(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}.") from error


def _read_profiles(folder: Path) -> tuple[Profile, ...]:
    path = folder / "config" / "profiles.json"
    if not path.is_file():
        return PROFILES
    profiles = {profile.name: profile for profile in PROFILES}
    for name, said in _decoded(path, dict[str, _Profile]).items():
        known = NAMES.get(name, name)
        costs = said.costs
        profiles[known] = Profile(known, costs.hit, costs.miss, costs.false_alarm)
    return tuple(profiles.values())


def _read_series(path: Path) -> tuple[Micros, Floats]:
    """Stamps in microseconds since the epoch, and values; what is no number is NaN."""
    try:
        with path.open(newline="") as file:
            lines = csv.reader(file)
            heads = [head.strip().lower() for head in next(lines, [])]
            if not {"timestamp", "value"} <= set(heads):
                raise Misconfigured(f"{path} has no columns `timestamp` and `value`.")
            at, of = heads.index("timestamp"), heads.index("value")
            rows = [line for line in lines if line]
            stamps = instants([row[at] for row in rows])
            return stamps, np.array([_number(row[of]) for row in rows], dtype=np.float64)
    except (OSError, UnicodeError, ValueError, IndexError, csv.Error) as error:
        raise Misconfigured(f"{path} cannot be read: {error}.") from error


def instants(texts: Sequence[str]) -> Micros:
    """Microseconds since the epoch, of `2014-04-10 07:15:00` or RFC 3339 in UTC.

    Raises:
        ValueError: a text is no such stamp.
    """
    plain = [text.strip().removesuffix("Z").removesuffix("+00:00") for text in texts]
    return np.array(plain, dtype="datetime64[us]").astype(np.int64)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _windows(labels: Sequence[Label], stamps: Micros) -> tuple[tuple[int, int], ...]:
    """First and last row of every window, in order; what overlaps is one window.

    A label is the middle of a window; all windows of a file together are WINDOW_SHARE of it. Of
    rows with the same stamp the first is meant, as NAB does.

    Raises:
        ValueError: a stamp is none, or a window has no row.
    """
    half = int(WINDOW_SHARE * len(stamps) / max(len(labels), 1)) // 2
    rows = []
    for label in labels:
        if isinstance(label, str):
            middle = _row(stamps, label)
            rows.append((max(middle - half, 0), min(middle + half, len(stamps) - 1)))
        else:
            rows.append((_row(stamps, label[0]), _row(stamps, label[1])))
        if rows[-1][1] < rows[-1][0]:
            raise ValueError(f"the window {label} ends before it begins")
    apart: list[tuple[int, int]] = []
    for left, right in sorted(rows):
        if apart and left <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(right, apart[-1][1]))
        else:
            apart.append((left, right))
    return tuple(apart)


def _row(stamps: Micros, text: str) -> int:
    """The row with this stamp, or the one that is nearest to it."""
    if len(stamps) == 0:
        raise ValueError("the file has no rows")
    return int(np.argmin(np.abs(stamps - instants([text])[0])))
